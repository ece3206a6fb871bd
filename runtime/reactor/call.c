/* SPDX-License-Identifier: MIT */
/* Operations as plain system calls.
 *
 * Not sleeping is asked of each call (MSG_DONTWAIT, RWF_NOWAIT, RESOLVE_CACHED) rather than of the
 * descriptor: O_NONBLOCK belongs to the open file, so setting it on an inherited pipe or terminal
 * changes it for every process that has it. Kernels before 6.4 know no RWF_NOWAIT for pipes; then
 * we wait for readiness and use the plain call, which doesn't sleep as long as we are the only
 * reader, and write no more than the PIPE_BUF bytes that POLLOUT promises room for. */
#include "reactor/call.h"

#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/doze.h"
#include "reactor/gate.h"
#include "task/self.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* How long a plain thread that has no descriptor left to be woken by stays in poll(2) before it
 * looks whether it was cancelled. */
#define LOOK_NS (20 * LEAT_MSEC)

/* Set when openat2 turns out not to know RESOLVE_CACHED (Linux 5.12). */
static LEAT_ATOMIC(bool) no_cached_open;

/* A system call's own result as ours, on the line of the call. */
static inline int outcome(ssize_t result)
{
    return result < 0 ? -errno : (int)result;
}

static bool is_write(const struct leat__op *op)
{
    return op->code == LEAT__OP_WRITE || op->code == LEAT__OP_WRITE_AT ||
           op->code == LEAT__OP_SEND;
}

/* ---- that don't sleep ---- */

/* By vector calls, the only ones with RWF_NOWAIT. Offset -1 is the file's own position. */
static int move_now(const struct leat__op *op, off_t offset)
{
    struct iovec piece = { .iov_base = op->data, .iov_len = op->bytes };
    int result;

    do
        result = outcome(is_write(op) ? pwritev2(op->fd, &piece, 1, offset, RWF_NOWAIT)
                                      : preadv2(op->fd, &piece, 1, offset, RWF_NOWAIT));
    while (result == -EINTR);
    return result == -EOPNOTSUPP || result == -ENOSYS ? -EAGAIN : result;
}

static int stream_now(const struct leat__op *op, bool ready)
{
    int result = move_now(op, -1);
    size_t room = op->bytes < PIPE_BUF ? op->bytes : PIPE_BUF;

    if (result != -EAGAIN || !ready)
        return result;
    /* Either RWF_NOWAIT isn't known here, or somebody else took what made us ready. */
    if (poll(&(struct pollfd){ .fd = op->fd, .events = (short)leat__op_events(op) }, 1, 0) <= 0)
        return -EAGAIN;
    do
        result = outcome(is_write(op) ? write(op->fd, op->source, room)
                                      : read(op->fd, op->data, op->bytes));
    while (result == -EINTR);
    return result;
}

static int transfer_now(const struct leat__op *op)
{
    int flags = op->flags | MSG_DONTWAIT;
    int result;

    do
        result = outcome(is_write(op) ? send(op->fd, op->source, op->bytes, flags | MSG_NOSIGNAL)
                                      : recv(op->fd, op->data, op->bytes, flags));
    while (result == -EINTR);
    return result;
}

static int accept_now(const struct leat__op *op)
{
    int result;

    do
        result = outcome(accept4(op->fd, NULL, NULL, op->flags | SOCK_CLOEXEC));
    while (result == -EINTR);
    return result;
}

/* Begins the connection, and when called again tells how it goes: connect(2) says so itself, while
 * a look at SO_ERROR can't tell "not yet" from "yes". `begun`: this is not the first call. */
static int connect_now(const struct leat__op *op, bool begun)
{
    int result = outcome(connect(op->fd, op->address, op->address_bytes));

    switch (result) {
    case -EISCONN:
        return begun ? 0 : -EISCONN;
    case -EINPROGRESS:
    case -EALREADY:
    case -EINTR:
        return -EAGAIN;
    case -EAGAIN: /* a local socket's queue is full; nothing says when it no longer is */
        return -ENOBUFS;
    default:
        return result;
    }
}

static int poll_now(const struct leat__op *op)
{
    struct pollfd entry = { .fd = op->fd, .events = (short)op->flags };
    int result = outcome(poll(&entry, 1, 0));

    if (result > 0)
        return entry.revents & POLLNVAL ? -EBADF : (int)(unsigned short)entry.revents;
    return result == 0 || result == -EINTR ? -EAGAIN : result;
}

/* From the directory cache or not at all. O_NONBLOCK so that opening a FIFO doesn't sleep; it is
 * taken back, as the caller hasn't asked for it. */
static int open_cached(int dir_fd, const char *path, int flags, unsigned mode)
{
    struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NONBLOCK),
                            .mode = mode,
                            .resolve = RESOLVE_CACHED };
    bool added = !(flags & (O_NONBLOCK | O_PATH));
    int fd;

    /* relaxed: a hint, only ever set */
    if (load_relaxed(&no_cached_open) || flags & (O_CREAT | O_TRUNC))
        return -EAGAIN;
    if (flags & O_PATH)
        how.flags &= ~(uint64_t)O_NONBLOCK;
    fd = outcome(syscall(SYS_openat2, dir_fd, path, &how, sizeof how));
    switch (fd) {
    case -ENOSYS:
    case -EPERM: /* a seccomp filter of older make */
        store_relaxed(&no_cached_open, true); /* relaxed: see the load */
        return -EAGAIN;
    case -EINVAL: /* no RESOLVE_CACHED, or bad flags: the plain call knows */
    case -ENXIO:  /* what O_NONBLOCK makes of a FIFO without readers */
    case -EINTR:
        return -EAGAIN;
    default:
        break;
    }
    if (fd >= 0 && added) {
        /* F_SETFL takes the status flags out of those of an open, and ignores the others. */
        (void)fcntl(fd, F_SETFL, flags);
    }
    return fd;
}

/* An open file's inode is in memory, a path's may not be: then find it in the cache first. */
static int stat_now(const struct leat__op *op)
{
    int fd, result;

    if (op->path[0] == '\0' && op->flags & AT_EMPTY_PATH)
        return outcome(statx(op->fd, "", op->flags, op->mode, op->statx));
    fd = open_cached(op->fd, op->path,
                     O_PATH | (op->flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0), 0);
    if (fd < 0)
        return fd;
    result = outcome(statx(fd, "", (op->flags & ~AT_SYMLINK_NOFOLLOW) | AT_EMPTY_PATH, op->mode,
                           op->statx));
    close(fd);
    return result;
}

int leat__op_attempt(struct leat__op *op, bool ready)
{
    int result;

    switch (op->code) {
    case LEAT__OP_READ:
    case LEAT__OP_WRITE:
        return stream_now(op, ready);
    case LEAT__OP_READ_AT:
    case LEAT__OP_WRITE_AT:
        return move_now(op, (off_t)op->offset);
    case LEAT__OP_RECV:
    case LEAT__OP_SEND:
        result = transfer_now(op);
        op->more = result > 0 && (size_t)result == op->bytes;
        return result;
    case LEAT__OP_ACCEPT:
        return accept_now(op);
    case LEAT__OP_CONNECT:
        return connect_now(op, ready);
    case LEAT__OP_POLL:
        return poll_now(op);
    case LEAT__OP_OPEN_AT:
        return open_cached(op->fd, op->path, op->flags, op->mode);
    case LEAT__OP_STAT_AT:
        return stat_now(op);
    case LEAT__OP_CLOSE:
        return outcome(close(op->fd));
    case LEAT__OP_SYNC:
        return -EAGAIN;
    }
    return -EINVAL;
}

/* ---- that may ---- */

static int perform_once(struct leat__op *op)
{
    struct pollfd entry = { .fd = op->fd, .events = (short)op->flags };
    int result;

    switch (op->code) {
    case LEAT__OP_READ:
        return outcome(read(op->fd, op->data, op->bytes));
    case LEAT__OP_WRITE:
        return outcome(write(op->fd, op->source, op->bytes));
    case LEAT__OP_READ_AT:
        return outcome(pread(op->fd, op->data, op->bytes, (off_t)op->offset));
    case LEAT__OP_WRITE_AT:
        return outcome(pwrite(op->fd, op->source, op->bytes, (off_t)op->offset));
    case LEAT__OP_OPEN_AT:
        return outcome(openat(op->fd, op->path, op->flags | O_CLOEXEC, (mode_t)op->mode));
    case LEAT__OP_STAT_AT:
        return outcome(statx(op->fd, op->path, op->flags, op->mode, op->statx));
    case LEAT__OP_SYNC:
        return outcome(op->flags ? fdatasync(op->fd) : fsync(op->fd));
    case LEAT__OP_POLL:
        result = outcome(poll(&entry, 1, -1));
        return result > 0 ? (int)(unsigned short)entry.revents : result;
    default:
        return leat__op_attempt(op, true);
    }
}

int leat__op_perform(void *arg)
{
    struct leat__op *op = arg;
    int result;

    do
        result = perform_once(op);
    while (result == -EINTR && op->code != LEAT__OP_CLOSE); /* it is closed: never again */
    return result;
}

unsigned leat__op_events(const struct leat__op *op)
{
    if (op->code == LEAT__OP_POLL)
        return (unsigned)op->flags;
    return is_write(op) || op->code == LEAT__OP_CONNECT ? POLLOUT : POLLIN;
}

/* ---- threads that are no worker's ---- */

/* Regular files and block devices are always ready, so polling for them would be a busy loop. */
static bool can_be_polled(int fd)
{
    struct stat status;

    return fstat(fd, &status) < 0 || !(S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

/* A look at what cannot wake us: nobody can cancel, or there is no descriptor to be woken by. */
static int wait_and_look(const struct leat__op *op, const struct leat__wait *wait,
                         leat_time longest)
{
    struct pollfd entry = { .fd = op->fd, .events = (short)leat__op_events(op) };
    leat_time left = leat__time_max(leat__time_sub(wait->deadline, leat__clock_now()), 0);
    struct timespec limit = leat__clock_timespec(leat__time_min(left, longest));
    bool for_ever = wait->deadline == LEAT_NEVER && longest == LEAT_NEVER;
    int err;

    if (ppoll(&entry, 1, for_ever ? NULL : &limit, NULL) >= 0)
        return 0;
    err = -errno;
    return err == -EINTR ? 0 : err;
}

/* Sleeps until the descriptor is ready, a scope's end or the gate's shut wakes us, or for no
 * reason. */
static int wait_alone(struct leat__op *op)
{
    struct leat__wait wait;
    enum leat__cause cause;
    bool own, wakeable;
    int doze, err = leat__wait_begin(&wait, LEAT__WAIT_CANCELLABLE, LEAT_NEVER);

    if (err)
        return err;
    wakeable = wait.self->scope || op->gate;
    doze = wakeable ? leat__doze_open() : -1;
    if (doze < 0) {
        (void)leat__wait_abandon(&wait); /* a cause that came will be seen by the next begin */
        return wait_and_look(op, &wait, wakeable ? LOOK_NS : LEAT_NEVER);
    }
    op->ticket[0] = wait.ticket;
    if (op->gate && leat__gate_admit(op->gate, op) != 0) {
        (void)leat__wait_abandon(&wait);
        err = -ECANCELED;
    } else {
        struct pollfd fds[] = { { .fd = op->fd, .events = (short)leat__op_events(op) },
                                { .fd = doze, .events = POLLIN } };

        cause = leat__wait_doze(&wait, fds, 2);
        if (op->gate)
            leat__gate_dismiss(op->gate, op);
        err = leat__wait_error(&wait, cause, &own);
    }
    leat__doze_close(doze);
    return err;
}

int leat__op_run_alone(struct leat__op *op)
{
    bool ready = false;

    if (leat__op_is_on_file(op))
        return leat__op_perform(op);
    if (op->code <= LEAT__OP_WRITE && (op->stubborn || !can_be_polled(op->fd)))
        return leat__op_perform(op);
    for (;; ready = true) {
        int err, result = leat__op_attempt(op, ready);

        if (result != -EAGAIN)
            return result;
        if (op->gate && leat__gate_is_shut(op->gate))
            return -ECANCELED;
        err = wait_alone(op);
        if (err)
            return err;
    }
}

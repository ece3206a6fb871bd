/* SPDX-License-Identifier: MIT */
/* What the process pool asks of the kernel beside processes: memory files, messages with
 * descriptors, and waiting for them, under the names of process_names.h; of the simulated world
 * while a simulation runs. */
#include "sim/process_calls.h"

#include "base/clamp.h"
#include "sim/sim.h"
#include "sim/world.h"

#include <leat/time.h>

#include <errno.h>
#include <string.h>

static int outcome(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

/* The machine of leat__cpus_probe. */
int leat__sim_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *ret)
{
    if (!leat__sim_on)
        return sched_getaffinity(pid, bytes, ret);
    CPU_ZERO_S(bytes, ret);
    for (size_t i = 0; i < 4; i++)
        CPU_SET_S(i, bytes, ret);
    return 0;
}

/* ---- memory files ---- */

static struct leat__world_memory *memory_at(int fd)
{
    struct leat__world_open *open = leat__world_open_at(fd);

    return open && open->kind == LEAT__WORLD_OPEN_MEMORY ? open->memory : NULL;
}

int leat__sim_memfd_create(const char *name, unsigned flags)
{
    int err;

    if (!leat__sim_on)
        return memfd_create(name, flags);
    err = leat__world_wrong(LEAT__SIM_DESCRIPTOR, 0, leat__sim_config()->io_error, "memfd_create");
    return outcome(err ? err : leat__world_memory_new());
}

int leat__sim_ftruncate(int fd, off_t bytes)
{
    struct leat__world_memory *memory;
    int err;

    if (!leat__sim_on)
        return ftruncate(fd, bytes);
    memory = memory_at(fd);
    if (!memory)
        return outcome(-EINVAL);
    err = leat__world_wrong(LEAT__SIM_MAPPING, 0, leat__sim_config()->no_memory, "ftruncate");
    return outcome(err ? err : leat__world_memory_resize(memory, (size_t)bytes));
}

void *leat__sim_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    struct leat__world_memory *memory;
    int err = -ENODEV;

    if (!leat__sim_on)
        return mmap(at, bytes, protection, flags, fd, offset);
    memory = memory_at(fd);
    if (memory)
        err = leat__world_wrong(LEAT__SIM_MAPPING, 0, leat__sim_config()->no_memory, "mmap");
    if (memory && !err)
        err = leat__world_map(&at, memory, bytes, protection, flags);
    return outcome(err) == 0 ? at : MAP_FAILED;
}

void *leat__sim_mremap(void *old, size_t old_bytes, size_t bytes, int flags)
{
    void *at;

    if (!leat__sim_on)
        return mremap(old, old_bytes, bytes, flags);
    return outcome(leat__world_remap(&at, old, bytes)) == 0 ? at : MAP_FAILED;
}

int leat__sim_munmap(void *at, size_t bytes)
{
    return leat__sim_on ? outcome(leat__world_unmap(at)) : munmap(at, bytes);
}

/* ---- bytes and messages ---- */

static struct leat__world_socket *socket_at(int fd)
{
    struct leat__world_open *open = leat__world_open_at(fd);

    return open && open->kind == LEAT__WORLD_OPEN_SOCKET ? open->socket : NULL;
}

/* Of what is there: its callers have polled. */
ssize_t leat__sim_read(int fd, void *data, size_t bytes)
{
    struct leat__world_open *open;

    if (!leat__sim_on || (fd >= 0 && fd < LEAT__WORLD_FD))
        return read(fd, data, bytes);
    open = leat__world_open_at(fd);
    if (!open || (open->kind != LEAT__WORLD_OPEN_READER && open->kind != LEAT__WORLD_OPEN_SOCKET))
        return outcome(-EBADF);
    return outcome(open->kind == LEAT__WORLD_OPEN_READER
                       ? leat__world_pipe_read(open, data, bytes)
                       : leat__world_recv(open->socket, data, bytes, 0));
}

ssize_t leat__sim_sendmsg(int fd, const struct msghdr *message, int flags)
{
    const struct cmsghdr *header;
    struct leat__world_socket *socket;
    int fds[LEAT__WORLD_PASSED_MAX], err;
    size_t count = 0;

    if (!leat__sim_on)
        return sendmsg(fd, message, flags);
    leat__sim_point();
    socket = socket_at(fd);
    if (!socket)
        return outcome(-ENOTSOCK);
    err = leat__world_wrong(LEAT__SIM_MESSAGE, 0, leat__sim_config()->io_error, "sendmsg");
    if (err)
        return outcome(err);
    header = message->msg_controllen > 0 ? CMSG_FIRSTHDR(message) : NULL;
    if (header) {
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof fds[0];
        memcpy(fds, CMSG_DATA(header), count * sizeof fds[0]);
    }
    return outcome(leat__world_pass(socket, message->msg_iov->iov_base, message->msg_iov->iov_len,
                                    fds, count));
}

ssize_t leat__sim_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct cmsghdr *header = message->msg_control;
    struct leat__world_socket *socket;
    int fds[LEAT__WORLD_PASSED_MAX], got;
    size_t count;

    if (!leat__sim_on)
        return recvmsg(fd, message, flags);
    leat__sim_point();
    for (;;) {
        socket = socket_at(fd);
        if (!socket)
            return outcome(-ENOTSOCK);
        count = (message->msg_controllen - CMSG_LEN(0)) / sizeof fds[0];
        count = count < LEAT__WORLD_PASSED_MAX ? count : LEAT__WORLD_PASSED_MAX;
        got = leat__world_receive(socket, message->msg_iov->iov_base, message->msg_iov->iov_len,
                                  fds, &count);
        if (got != -EAGAIN || flags & MSG_DONTWAIT)
            break;
        (void)leat__sim_block(&leat__world, LEAT_NEVER, "waits for a message", false);
    }
    message->msg_controllen = count > 0 ? CMSG_SPACE(count * sizeof fds[0]) : 0;
    if (count > 0) {
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof fds[0]);
        memcpy(CMSG_DATA(header), fds, count * sizeof fds[0]);
    }
    return outcome(got);
}

/* ---- waiting ---- */

static int polled_now(struct pollfd *polled, nfds_t count)
{
    int found = 0;

    for (nfds_t i = 0; i < count; i++) {
        struct leat__world_open *open = leat__world_open_at(polled[i].fd);
        unsigned events = open ? leat__world_events(open) : POLLNVAL;

        polled[i].revents = (short)(events & ((unsigned)polled[i].events | POLLERR | POLLHUP |
                                              POLLNVAL));
        found += polled[i].revents != 0;
    }
    return found;
}

int leat__sim_poll(struct pollfd *polled, nfds_t count, int milliseconds)
{
    leat_time until = LEAT_NEVER;
    int found;

    if (!leat__sim_on)
        return poll(polled, count, milliseconds);
    leat__sim_point();
    if (milliseconds >= 0)
        until = leat__time_add(leat__sim_now(), milliseconds * LEAT_MSEC);
    while ((found = polled_now(polled, count)) == 0 && leat__sim_now() < until)
        (void)leat__sim_block(&leat__world, until, "polls", true);
    return found;
}

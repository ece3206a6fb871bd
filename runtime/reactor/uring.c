/* SPDX-License-Identifier: MIT */
/* The reactor on io_uring.
 *
 * One ring per worker, single issuer, with deferred task work: the kernel completes nothing behind
 * the worker's back, it does so when the worker enters. Entries are gathered and go to the kernel
 * when the worker sleeps, when the second look in a row finds them still there (so a worker that
 * is about to sleep pays one system call for submitting and sleeping), or when there are many.
 * Wake-ups come through an eventfd with a multishot poll, which is never read: each write is a
 * completion, and the sleeper needs no system call for it. MSG_RING instead would need a ring and a
 * system call on the waker's side too, and plain threads have none.
 *
 * Behind a worker that computes, nothing would complete: deferred task work waits for its thread to
 * enter, and nobody else may (EEXIST). So that thread is sent a signal, whose handler (nudge)
 * submits what was gathered and enters for completions; a helper then reaps them (relieve).
 *
 * The ring is made disabled on whatever thread makes the runtime, and enabled by the worker's first
 * call, for that makes the worker its single issuer.
 *
 * INVARIANTS
 *   I1  An op is in exactly one place: `backlog` (no room in the ring yet), or with the kernel.
 *       With the kernel its node is free, and stands in `recalls` while a cancel finds no room.
 *   I2  A completion's user_data is an op's address, WAKE or NOTHING. Ops are 8-byte aligned.
 *   I3  Only the worker's thread enters. A helper fills entries at most. */
#ifdef LEAT_HAVE_URING

#include "base/check.h"
#include "base/clamp.h"
#include "base/container.h"
#include "platform/clock.h"
#include "reactor/own.h"
#include "reactor/reactor.h"
#include "sched/sched.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ENTRIES            256u
#define COMPLETION_ENTRIES 1024u
#define GATHER_MAX         32u /* so many are submitted at the first look */

#define WAKE    UINT64_C(1)
#define NOTHING UINT64_C(2)

struct uring {
    struct leat__reactor reactor;
    struct io_uring      ring;
    bool                 poll_first; /* the kernel knows IORING_RECVSEND_POLL_FIRST */
    bool                 wake_armed;
    bool                 looked; /* the last look left entries in the queue */
    bool                 helped; /* by another thread, which has the token: I3 */
    LEAT_ATOMIC(bool)    gathered; /* there are entries that the kernel does not have */
    struct leat__list    backlog;
    struct leat__list    recalls;
};

static struct uring *uring_of(struct leat__reactor *reactor)
{
    return leat__container_of(reactor, struct uring, reactor);
}

/* ---- submitting ---- */

/* Room for one entry, NULL when the kernel takes no more now. */
static struct io_uring_sqe *room(struct uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

    store_relaxed(&uring->gathered, true); /* relaxed: a hint for helpers */
    if (__builtin_expect(sqe != NULL, 1))
        return sqe;
    if (uring->helped)
        return NULL;
    leat__probe_count(&uring->reactor.probe->ring_enters);
    (void)io_uring_submit(&uring->ring); /* what it can't take stays; the next line tells */
    return io_uring_get_sqe(&uring->ring);
}

static void fill(const struct uring *uring, struct io_uring_sqe *sqe, struct leat__op *op)
{
    unsigned bytes = (unsigned)op->bytes; /* at most LEAT__OP_BYTES_MAX; no length for some */

    switch (op->code) {
    case LEAT__OP_READ:
        io_uring_prep_read(sqe, op->fd, op->data, bytes, (uint64_t)-1);
        break;
    case LEAT__OP_WRITE:
        io_uring_prep_write(sqe, op->fd, op->source, bytes, (uint64_t)-1);
        break;
    case LEAT__OP_READ_AT:
        io_uring_prep_read(sqe, op->fd, op->data, bytes, op->offset);
        break;
    case LEAT__OP_WRITE_AT:
        io_uring_prep_write(sqe, op->fd, op->source, bytes, op->offset);
        break;
    case LEAT__OP_OPEN_AT:
        io_uring_prep_openat(sqe, op->fd, op->path, op->flags | O_CLOEXEC, op->mode);
        break;
    case LEAT__OP_CLOSE:
        io_uring_prep_close(sqe, op->fd);
        break;
    case LEAT__OP_STAT_AT:
        io_uring_prep_statx(sqe, op->fd, op->path, op->flags, op->mode, op->statx);
        break;
    case LEAT__OP_SYNC:
        io_uring_prep_fsync(sqe, op->fd, op->flags ? IORING_FSYNC_DATASYNC : 0);
        break;
    case LEAT__OP_RECV:
        io_uring_prep_recv(sqe, op->fd, op->data, bytes, op->flags);
        break;
    case LEAT__OP_SEND:
        io_uring_prep_send(sqe, op->fd, op->source, bytes, op->flags | MSG_NOSIGNAL);
        break;
    case LEAT__OP_ACCEPT:
        io_uring_prep_accept(sqe, op->fd, NULL, NULL, op->flags | SOCK_CLOEXEC);
        break;
    case LEAT__OP_CONNECT:
        io_uring_prep_connect(sqe, op->fd, op->address, op->address_bytes);
        break;
    case LEAT__OP_POLL:
        if (op->nested)
            io_uring_prep_poll_add(sqe, op->nested - 1, POLLIN);
        else
            io_uring_prep_poll_add(sqe, op->fd, (unsigned)op->flags);
        break;
    }
    /* It was tried a moment ago: don't try again before the socket is ready. */
    if (op->direct && uring->poll_first &&
        (op->code == LEAT__OP_RECV || op->code == LEAT__OP_SEND))
        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    io_uring_sqe_set_data(sqe, op);
}

static int uring_submit(struct leat__reactor *reactor, struct leat__op *op)
{
    struct uring *uring = uring_of(reactor);
    struct io_uring_sqe *sqe;

    leat__list_init(&op->node);
    /* In order: an op must not overtake the backlog, or it could starve it. */
    sqe = leat__list_empty(&uring->backlog) && !op->crowded ? room(uring) : NULL;
    if (sqe)
        fill(uring, sqe, op);
    else
        leat__list_push_back(&uring->backlog, &op->node);
    return 0;
}

static bool ask_to_cancel(struct uring *uring, struct leat__op *op)
{
    struct io_uring_sqe *sqe = op->crowded ? NULL : room(uring);

    op->crowded = false;
    if (!sqe)
        return false;
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data64(sqe, NOTHING);
    return true;
}

/* Let go of the epoll instance that a poll is behind, if it is. */
static void unnest(struct leat__op *op)
{
    if (op->nested)
        close(op->nested - 1);
    op->nested = 0;
}

static void uring_cancel(struct leat__reactor *reactor, struct leat__op *op)
{
    struct uring *uring = uring_of(reactor);

    if (leat__list_linked(&op->node)) { /* I1: the kernel doesn't have it */
        leat__list_remove(&op->node);
        unnest(op);
        (void)leat__op_complete(op, -ECANCELED);
    } else if (!ask_to_cancel(uring, op)) {
        leat__list_push_back(&uring->recalls, &op->node);
    }
}

/* What found no room before. */
static void catch_up(struct uring *uring)
{
    struct leat__list *node;

    if (__builtin_expect(!uring->wake_armed, 0)) {
        struct io_uring_sqe *sqe = room(uring);

        if (sqe) {
            io_uring_prep_poll_multishot(sqe, uring->reactor.wake_fd, POLLIN);
            io_uring_sqe_set_data64(sqe, WAKE);
            uring->wake_armed = true;
        }
    }
    while ((node = leat__list_first(&uring->recalls)) != NULL) {
        if (!ask_to_cancel(uring, leat__list_entry(node, struct leat__op, node)))
            return;
        leat__list_remove(node);
    }
    while ((node = leat__list_first(&uring->backlog)) != NULL) {
        struct io_uring_sqe *sqe = room(uring);

        if (!sqe)
            return;
        leat__list_remove(node);
        fill(uring, sqe, leat__list_entry(node, struct leat__op, node));
    }
}

/* ---- completing ---- */

/* The kernel polls for POLLRDHUP unasked (IO_POLL_UNMASK). Where that alone came, a poll begun anew
 * would end at once: it goes on behind an epoll instance, which knows what is asked. Without one
 * it ends, and its caller sees what came. */
static bool nest(struct uring *uring, struct leat__op *op)
{
    struct epoll_event event = { .events = (uint32_t)op->flags };
    struct io_uring_sqe *sqe;

    if (!op->nested) {
        int fd = epoll_create1(EPOLL_CLOEXEC);

        if (fd < 0)
            return false;
        if (epoll_ctl(fd, EPOLL_CTL_ADD, op->fd, &event) < 0) {
            close(fd);
            return false;
        }
        op->nested = fd + 1;
    }
    sqe = leat__list_empty(&uring->backlog) ? room(uring) : NULL;
    if (sqe)
        fill(uring, sqe, op);
    else
        leat__list_push_back(&uring->backlog, &op->node);
    return true;
}

/* What a poll gives back. Returns false when it goes on. */
static bool poll_ends(struct uring *uring, struct leat__op *op, int *result)
{
    int asked = op->flags | POLLERR | POLLHUP | POLLNVAL;

    if (op->nested && *result > 0) {
        struct pollfd entry = { .fd = op->fd, .events = (short)op->flags };

        *result = poll(&entry, 1, 0) > 0 ? (unsigned short)entry.revents : POLLRDHUP;
    }
    if (*result > 0 && !(*result & asked) && nest(uring, op))
        return false;
    if (*result > 0 && *result & asked)
        *result &= asked;
    unnest(op);
    return true;
}

static unsigned reap(struct uring *uring)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0, readied = 0;
    int result;

    io_uring_for_each_cqe(&uring->ring, head, cqe) {
        seen++;
        if (__builtin_expect(cqe->user_data <= NOTHING, 0)) {
            if (cqe->user_data == WAKE && !(cqe->flags & IORING_CQE_F_MORE))
                uring->wake_armed = false;
        } else {
            struct leat__op *op = io_uring_cqe_get_data(cqe);

            leat__list_remove(&op->node); /* from recalls, or from nowhere (I1) */
            op->more = (cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
            result = cqe->res;
            if (op->code != LEAT__OP_POLL || poll_ends(uring, op, &result))
                readied += leat__op_complete(op, result);
        }
    }
    io_uring_cq_advance(&uring->ring, seen);
    return readied;
}

/* ---- the worker's calls ---- */

static __attribute__((noinline, cold)) void attach(struct uring *uring)
{
    struct leat__worker *worker = leat__worker_current();
    int err;

    leat__check(worker != NULL, "a reactor is used by its worker only");
    /* io_uring_enable_rings by hand: liburing 2.3 left it out of its shared library. */
    err = io_uring_register((unsigned)uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    leat__check(err == 0, "the kernel must let the worker enable the ring it has made");
    (void)io_uring_register_ring_fd(&uring->ring); /* a cheaper enter; no harm if refused */
    uring->reactor.probe = leat__worker_probe(worker);
}

static inline struct uring *uring_here(struct leat__poller *poller)
{
    struct uring *uring = leat__container_of(poller, struct uring, reactor.poller);

    if (__builtin_expect(uring->reactor.probe == NULL, 0))
        attach(uring);
    return uring;
}

static void enter(struct uring *uring)
{
    uring->looked = false;
    store_relaxed(&uring->gathered, false); /* relaxed: a hint for helpers */
    leat__probe_count(&uring->reactor.probe->ring_enters);
    (void)io_uring_submit_and_get_events(&uring->ring); /* what failed is still there next time */
}

static unsigned uring_poll(struct leat__poller *poller)
{
    struct uring *uring = uring_here(poller);
    unsigned readied, queued, flags;

    leat__token_enter(&uring->reactor.token);
    readied = leat__reactor_turn(&uring->reactor);
    catch_up(uring);
    queued = io_uring_sq_ready(&uring->ring);
    flags = IO_URING_READ_ONCE(*uring->ring.sq.kflags);
    if (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW) || queued >= GATHER_MAX ||
        (queued > 0 && uring->looked))
        enter(uring);
    else
        uring->looked = queued > 0;
    readied += reap(uring);
    leat__token_leave(&uring->reactor.token);
    return readied;
}

static void uring_sleep(struct leat__poller *poller, leat_time deadline)
{
    struct uring *uring = uring_here(poller);
    leat_time left = LEAT_NEVER;
    unsigned readied;

    leat__token_enter(&uring->reactor.token);
    readied = leat__reactor_turn(&uring->reactor);
    catch_up(uring);
    if (deadline != LEAT_NEVER)
        left = leat__time_sub(deadline, leat__clock_now());
    if (readied > 0 || left <= 0 || io_uring_cq_ready(&uring->ring) > 0 ||
        !leat__reactor_doze(&uring->reactor)) {
        enter(uring);
    } else {
        struct __kernel_timespec limit = { .tv_sec = left / LEAT_SEC, .tv_nsec = left % LEAT_SEC };
        struct io_uring_cqe *first;

        uring->looked = false;
        store_relaxed(&uring->gathered, false); /* relaxed: a hint for helpers */
        leat__probe_count(&uring->reactor.probe->ring_enters);
        /* Early returns (a signal, -EBUSY) are the worker's to repeat. */
        (void)io_uring_submit_and_wait_timeout(&uring->ring, &first, 1,
                                               left == LEAT_NEVER ? NULL : &limit, NULL);
        leat__reactor_rouse(&uring->reactor);
    }
    (void)reap(uring);
    leat__token_leave(&uring->reactor.token);
}

/* ---- for a worker that computes ---- */

static bool uring_relieve(struct leat__poller *poller)
{
    struct uring *uring = leat__container_of(poller, struct uring, reactor.poller);

    if (!leat__token_take(&uring->reactor.token))
        return false;
    uring->helped = true;
    (void)leat__reactor_turn(&uring->reactor);
    (void)reap(uring);
    uring->helped = false;
    leat__token_give(&uring->reactor.token);
    return true;
}

static bool uring_wants_nudge(struct leat__poller *poller)
{
    struct uring *uring = leat__container_of(poller, struct uring, reactor.poller);

    return load_relaxed(&uring->gathered) || /* relaxed: a hint */
           (IO_URING_READ_ONCE(*uring->ring.sq.kflags) & IORING_SQ_TASKRUN);
}

/* Submits and enters: with the token, since an entry may be half filled where we were interrupted,
 * or by a helper now. Neither liburing's submit nor the entering touches errno or waits. */
static void uring_nudge(struct leat__poller *poller)
{
    struct uring *uring = leat__container_of(poller, struct uring, reactor.poller);

    if (!leat__token_try_enter(&uring->reactor.token))
        return; /* about to enter by itself; or at the next signal */
    store_relaxed(&uring->gathered, false); /* relaxed: a hint for helpers */
    (void)io_uring_submit_and_get_events(&uring->ring);
    leat__token_leave(&uring->reactor.token);
}

/* Its completions, those that wait for the owner to enter too, are told by the eventfd that ends
 * its sleeps otherwise; that one's own poll is left out, or each completion would make another. */
static int uring_watch(struct leat__reactor *reactor, int epoll_fd, uint64_t tag)
{
    struct uring *uring = uring_of(reactor);
    int err = io_uring_register_eventfd(&uring->ring, reactor->wake_fd);

    uring->wake_armed = err == 0;
    return err ? err : leat__reactor_add(epoll_fd, reactor->wake_fd, tag);
}

static bool uring_doze(struct leat__poller *poller)
{
    struct uring *uring = uring_here(poller);
    unsigned readied;

    leat__token_enter(&uring->reactor.token);
    readied = leat__reactor_turn(&uring->reactor);
    catch_up(uring);
    if (io_uring_sq_ready(&uring->ring) > 0 ||
        IO_URING_READ_ONCE(*uring->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
        enter(uring);
    readied += reap(uring);
    if (readied == 0 && io_uring_sq_ready(&uring->ring) == 0 &&
        leat__list_empty(&uring->backlog) && leat__reactor_doze(&uring->reactor))
        return true; /* with the token, until it is roused: it needs no help */
    leat__token_leave(&uring->reactor.token);
    return false;
}

/* ---- making ---- */

static void uring_destroy(struct leat__reactor *reactor)
{
    struct uring *uring = uring_of(reactor);

    leat__disown(uring->ring.ring_fd);
    io_uring_queue_exit(&uring->ring);
    leat__reactor_fini(reactor);
    free(uring);
}

static const struct leat__reactor_kind kind = {
    .name = "io_uring",
    .blocking_ops = true,
    .submit = uring_submit,
    .cancel = uring_cancel,
    .destroy = uring_destroy,
    .watch = uring_watch,
};

/* The best set of flags this kernel takes. */
static int make_ring(struct io_uring *ring)
{
    static const unsigned wishes[] = {
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,                                                    /* 6.1 */
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, /* 5.19 */
        0,
    };
    int err = -EINVAL;

    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0] && err == -EINVAL; i++) {
        struct io_uring_params params = {
            .flags = wishes[i] | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
            .cq_entries = COMPLETION_ENTRIES,
        };

        err = io_uring_queue_init_params(ENTRIES, ring, &params);
    }
    return err;
}

/* What we rely on without asking again. Returns NULL, or what is missing. */
static const char *lacking(struct io_uring *ring)
{
    static const uint8_t needed[] = { IORING_OP_READ,    IORING_OP_WRITE,        IORING_OP_OPENAT,
                                      IORING_OP_CLOSE,   IORING_OP_STATX,        IORING_OP_FSYNC,
                                      IORING_OP_RECV,    IORING_OP_SEND,         IORING_OP_ACCEPT,
                                      IORING_OP_CONNECT, IORING_OP_ASYNC_CANCEL,
                                      IORING_OP_POLL_ADD };
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool all = probe != NULL;

    if (!probe)
        return "io_uring can be made, but not asked what it can do";
    for (size_t i = 0; i < sizeof needed; i++)
        all = all && io_uring_opcode_supported(probe, needed[i]);
    io_uring_free_probe(probe);
    if (!all || !(ring->features & IORING_FEAT_EXT_ARG) ||
        !(ring->features & IORING_FEAT_NODROP) || !(ring->features & IORING_FEAT_FAST_POLL))
        return "this kernel's io_uring is too old (5.11 or newer is needed)";
    /* A disabled ring answers EBADFD, a filter that has forgotten this call something else. */
    if (io_uring_enter((unsigned)ring->ring_fd, 0, 0, 0, NULL) != -EBADFD)
        return "io_uring can be made, but not entered";
    return NULL;
}

static const char *refusal(int err)
{
    switch (err) {
    case -ENOSYS:
        return "this kernel has no io_uring, or a filter hides it (ENOSYS)";
    case -EPERM:
        return "io_uring is forbidden here (EPERM)";
    case -EACCES:
        return "io_uring is forbidden here (EACCES)";
    case -EOPNOTSUPP:
        return "io_uring is not supported here (EOPNOTSUPP)";
    case -ENOMEM:
        return "no memory for an io_uring, or the locked memory limit is too low (ENOMEM)";
    case -EMFILE:
        return "an io_uring needs more files: raise their limit (ulimit -n) (EMFILE)";
    default:
        return "io_uring could not be set up";
    }
}

int leat__uring_create(struct leat__reactor **ret, const char **why)
{
    struct uring *uring = aligned_alloc(_Alignof(struct uring), sizeof *uring);
    int err;

    if (!uring)
        return -ENOMEM;
    *uring = (struct uring){ 0 };
    uring->reactor.poller.poll = uring_poll;
    uring->reactor.poller.sleep = uring_sleep;
    uring->reactor.poller.doze = uring_doze;
    uring->reactor.poller.relieve = uring_relieve;
    uring->reactor.poller.wants_nudge = uring_wants_nudge;
    uring->reactor.poller.nudge = uring_nudge;
    leat__list_init(&uring->backlog);
    leat__list_init(&uring->recalls);
    err = make_ring(&uring->ring);
    if (err) {
        *why = refusal(err);
        goto no_ring;
    }
    *why = lacking(&uring->ring);
    if (*why) {
        err = -EOPNOTSUPP;
        goto no_wake;
    }
    uring->poll_first = (uring->ring.flags & IORING_SETUP_SINGLE_ISSUER) != 0; /* 6.0 */
    err = leat__reactor_init(&uring->reactor, &kind);
    if (err)
        goto no_wake;
    /* A forked child has neither the descriptor nor the memory, which would keep the ring. */
    leat__own(uring->ring.ring_fd);
    (void)io_uring_ring_dontfork(&uring->ring);
    *ret = &uring->reactor;
    return 0;

no_wake:
    io_uring_queue_exit(&uring->ring);
no_ring:
    free(uring);
    return err;
}

#endif

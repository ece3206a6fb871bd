/* SPDX-License-Identifier: MIT */
/* The reactor on epoll, for kernels that refuse io_uring.
 *
 * An op that has to wait stands in its descriptor's slot, the descriptor is armed once
 * (EPOLLONESHOT) for what its ops need, and when it fires the worker makes the calls itself. One
 * epoll_ctl a wait; edge-triggered registration for good would save it, but tasks move, so each
 * worker's epoll would have to learn of every close. With one shot a descriptor nobody waits for
 * is not armed, and closing it needs no word to anybody.
 *
 * Operations on files are not for epoll: leat__op_run hands them to the blocking pool, as it does
 * with descriptors for which the kernel says EPERM here.
 *
 * INVARIANTS
 *   I1  slot->armed is what the kernel has armed for the fd, and is 0 when no op waits in the slot.
 *       So when an fd is closed, its slot says nothing of it, and fits its next file.
 *   I2  Slots don't move: their list heads are pointed to. */
#include "base/check.h"
#include "base/clamp.h"
#include "base/container.h"
#include "platform/clock.h"
#include "platform/kernel_abi.h"
#include "reactor/call.h"
#include "reactor/own.h"
#include "reactor/reactor.h"
#include "sched/sched.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_MAX  128
#define CHUNK_SLOTS 256u

/* Above every fd. */
#define WAKE  UINT64_MAX
#define TIMER (UINT64_MAX - 1)

struct slot {
    struct leat__list ops; /* a zero head is an empty one */
    uint32_t          armed;
    bool              known; /* a hint: the kernel has an entry to modify */
};

struct epoll {
    struct leat__reactor reactor;
    int                  fd;
    int                  timer_fd; /* -1: epoll_pwait2 takes nanoseconds */
    leat_time            timer;    /* what timer_fd is set to */
    size_t               waiting;  /* ops in slots */
    struct slot        **chunks;
    size_t               chunk_count;
};

static struct epoll *epoll_of(struct leat__reactor *reactor)
{
    return leat__container_of(reactor, struct epoll, reactor);
}

/* ---- slots ---- */

/* The slot of a descriptor, NULL without memory. */
static struct slot *slot_at(struct epoll *epoll, int fd)
{
    size_t chunk = (unsigned)fd / CHUNK_SLOTS;
    struct slot *slot;

    if (chunk >= epoll->chunk_count) {
        size_t count = chunk + 1 + epoll->chunk_count / 2;
        struct slot **chunks = realloc(epoll->chunks, count * sizeof *chunks);

        if (!chunks)
            return NULL;
        memset(chunks + epoll->chunk_count, 0, (count - epoll->chunk_count) * sizeof *chunks);
        epoll->chunks = chunks;
        epoll->chunk_count = count;
    }
    if (!epoll->chunks[chunk]) {
        epoll->chunks[chunk] = calloc(CHUNK_SLOTS, sizeof(struct slot));
        if (!epoll->chunks[chunk])
            return NULL;
    }
    slot = &epoll->chunks[chunk][(unsigned)fd % CHUNK_SLOTS];
    if (!slot->ops.next)
        leat__list_init(&slot->ops);
    return slot;
}

/* Arm the fd for `events`. The entry may be there though we think not (a duplicate keeps a closed
 * file alive), or not though we think so (the fd is another file's now). */
static int arm(struct epoll *epoll, struct slot *slot, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events | EPOLLONESHOT, .data.u64 = (unsigned)fd };
    int operation = slot->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    leat__probe_count(&epoll->reactor.probe->ring_enters);
    for (int tries = 0; epoll_ctl(epoll->fd, operation, fd, &event) < 0; tries++) {
        int err = errno;

        if (tries == 0 && operation == EPOLL_CTL_MOD && err == ENOENT)
            operation = EPOLL_CTL_ADD;
        else if (tries == 0 && operation == EPOLL_CTL_ADD && err == EEXIST)
            operation = EPOLL_CTL_MOD;
        else
            return -err;
    }
    slot->known = true;
    slot->armed = events;
    return 0;
}

static uint32_t wanted(const struct slot *slot)
{
    uint32_t events = 0;

    leat__list_each(node, &slot->ops) {
        events |= leat__op_events(leat__list_entry(node, struct leat__op, node));
    }
    return events;
}

static unsigned take_out(struct epoll *epoll, struct leat__op *op, int result)
{
    leat__list_remove(&op->node);
    epoll->waiting--;
    return leat__op_complete(op, result);
}

/* The descriptor fired: make the calls. */
static unsigned serve(struct epoll *epoll, int fd, uint32_t events)
{
    struct slot *slot = slot_at(epoll, fd);
    unsigned readied = 0;
    int err = 0;

    if (!slot)
        return 0;
    slot->armed = 0; /* one shot */
    if (events & (EPOLLERR | EPOLLHUP))
        events = ~0u; /* concerns whoever waits */
    leat__list_each_removable(node, &slot->ops) {
        struct leat__op *op = leat__list_entry(node, struct leat__op, node);
        int result = leat__op_events(op) & events ? leat__op_attempt(op, true) : -EAGAIN;

        if (result != -EAGAIN)
            readied += take_out(epoll, op, result);
    }
    if (!leat__list_empty(&slot->ops))
        err = arm(epoll, slot, fd, wanted(slot));
    if (err) {
        leat__list_each_removable(node, &slot->ops) {
            readied += take_out(epoll, leat__list_entry(node, struct leat__op, node), err);
        }
    }
    return readied;
}

static __attribute__((noinline, cold)) void attach(struct epoll *epoll)
{
    struct leat__worker *worker = leat__worker_current();

    leat__check(worker != NULL, "a reactor is used by its worker only");
    epoll->reactor.probe = leat__worker_probe(worker);
}

static int epoll_submit(struct leat__reactor *reactor, struct leat__op *op)
{
    struct epoll *epoll = epoll_of(reactor);
    struct slot *slot;
    uint32_t events;
    int err = 0;

    if (__builtin_expect(reactor->probe == NULL, 0))
        attach(epoll);
    if (op->fd < 0)
        return -EBADF;
    slot = slot_at(epoll, op->fd);
    if (!slot)
        return -ENOMEM;
    leat__list_push_back(&slot->ops, &op->node);
    events = slot->armed | leat__op_events(op);
    if (events != slot->armed || events == 0)
        err = arm(epoll, slot, op->fd, events);
    if (err)
        leat__list_remove(&op->node);
    else
        epoll->waiting++;
    return err;
}

static void epoll_cancel(struct leat__reactor *reactor, struct leat__op *op)
{
    struct epoll *epoll = epoll_of(reactor);
    struct slot *slot = slot_at(epoll, op->fd);

    leat__list_remove(&op->node);
    epoll->waiting--;
    /* I1, and before the op is given away: its caller may close the fd the moment it is back. */
    if (slot && leat__list_empty(&slot->ops) && slot->armed) {
        (void)epoll_ctl(epoll->fd, EPOLL_CTL_DEL, op->fd, NULL);
        slot->armed = 0;
        slot->known = false;
    }
    (void)leat__op_complete(op, -ECANCELED);
}

/* ---- the worker's calls ---- */

/* epoll_pwait2, or with the timer armed by the caller. `limit` NULL: for ever. */
static int wait_for(struct epoll *epoll, struct epoll_event *events, const struct timespec *limit)
{
    leat__probe_count(&epoll->reactor.probe->ring_enters);
    if (epoll->timer_fd < 0)
        return (int)syscall(LEAT__SYS_epoll_pwait2, epoll->fd, events, EVENTS_MAX, limit, NULL,
                            _NSIG / 8);
    return epoll_wait(epoll->fd, events, EVENTS_MAX,
                      limit && limit->tv_sec == 0 && limit->tv_nsec == 0 ? 0 : -1);
}

/* Milliseconds are too coarse to sleep by, so without epoll_pwait2 a timer descriptor ends it. */
static void set_timer(struct epoll *epoll, leat_time deadline)
{
    struct itimerspec setting = { 0 };

    if (epoll->timer == deadline)
        return;
    epoll->timer = deadline;
    if (deadline != LEAT_NEVER) {
        setting.it_value = leat__clock_timespec(deadline);
        if (setting.it_value.tv_sec == 0 && setting.it_value.tv_nsec == 0)
            setting.it_value.tv_nsec = 1; /* all zero would disarm it */
    }
    (void)timerfd_settime(epoll->timer_fd, TFD_TIMER_ABSTIME, &setting, NULL);
}

static unsigned collect(struct epoll *epoll, const struct timespec *limit)
{
    struct epoll_event events[EVENTS_MAX];
    unsigned readied = 0;
    int count;

    do {
        count = wait_for(epoll, events, limit); /* a signal's -1 is no event */
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == TIMER)
                epoll->timer = LEAT_NEVER; /* fired: not armed any more */
            else if (events[i].data.u64 != WAKE)
                readied += serve(epoll, (int)events[i].data.u64, events[i].events);
        }
        limit = &(const struct timespec){ 0 };
    } while (count == EVENTS_MAX && readied == 0); /* more may be there, and nobody would look */
    return readied;
}

static inline struct epoll *epoll_here(struct leat__poller *poller)
{
    struct epoll *epoll = leat__container_of(poller, struct epoll, reactor.poller);

    if (__builtin_expect(epoll->reactor.probe == NULL, 0))
        attach(epoll);
    return epoll;
}

static unsigned epoll_poll(struct leat__poller *poller)
{
    struct epoll *epoll = epoll_here(poller);
    unsigned readied;

    leat__token_enter(&epoll->reactor.token);
    readied = leat__reactor_turn(&epoll->reactor);
    if (epoll->waiting > 0)
        readied += collect(epoll, &(struct timespec){ 0 });
    leat__token_leave(&epoll->reactor.token);
    return readied;
}

static void epoll_sleep(struct leat__poller *poller, leat_time deadline)
{
    struct epoll *epoll = epoll_here(poller);
    leat_time left = LEAT_NEVER;
    unsigned readied;

    leat__token_enter(&epoll->reactor.token);
    readied = leat__reactor_turn(&epoll->reactor);
    if (deadline != LEAT_NEVER)
        left = leat__time_sub(deadline, leat__clock_now());
    if (readied > 0 || left <= 0 || !leat__reactor_doze(&epoll->reactor)) {
        if (epoll->waiting > 0)
            (void)collect(epoll, &(struct timespec){ 0 });
    } else {
        struct timespec limit = leat__clock_timespec(left);

        if (epoll->timer_fd >= 0)
            set_timer(epoll, deadline);
        (void)collect(epoll, left == LEAT_NEVER ? NULL : &limit);
        leat__reactor_rouse(&epoll->reactor);
    }
    leat__token_leave(&epoll->reactor.token);
}

/* For a worker that computes: nothing here is bound to a thread, so a helper does all that the
 * worker would, and no signal is needed. */
static bool epoll_relieve(struct leat__poller *poller)
{
    struct epoll *epoll = leat__container_of(poller, struct epoll, reactor.poller);

    if (!leat__token_take(&epoll->reactor.token))
        return false;
    (void)leat__reactor_turn(&epoll->reactor);
    if (epoll->waiting > 0)
        (void)collect(epoll, &(struct timespec){ 0 });
    leat__token_give(&epoll->reactor.token);
    return true;
}

static bool epoll_wants_nudge(struct leat__poller *poller)
{
    (void)poller;
    return false;
}

static void epoll_nudge(struct leat__poller *poller)
{
    (void)poller;
}

/* Nested in the other instance, which sees what wakes this one. */
static int epoll_watch(struct leat__reactor *reactor, int epoll_fd, uint64_t tag)
{
    return leat__reactor_add(epoll_fd, epoll_of(reactor)->fd, tag);
}

static bool epoll_doze(struct leat__poller *poller)
{
    struct leat__reactor *reactor = &epoll_here(poller)->reactor;

    if (epoll_poll(poller) > 0)
        return false;
    leat__token_enter(&reactor->token); /* kept until it is roused: it needs no help */
    if (leat__reactor_doze(reactor))
        return true;
    leat__token_leave(&reactor->token);
    return false;
}

/* ---- making ---- */

static void epoll_destroy(struct leat__reactor *reactor)
{
    struct epoll *epoll = epoll_of(reactor);

    for (size_t i = 0; i < epoll->chunk_count; i++)
        free(epoll->chunks[i]);
    free(epoll->chunks);
    leat__disown(epoll->timer_fd);
    if (epoll->timer_fd >= 0)
        close(epoll->timer_fd);
    leat__disown(epoll->fd);
    close(epoll->fd);
    leat__reactor_fini(reactor);
    free(epoll);
}

static const struct leat__reactor_kind kind = {
    .name = "epoll",
    .blocking_ops = false,
    .submit = epoll_submit,
    .cancel = epoll_cancel,
    .destroy = epoll_destroy,
    .watch = epoll_watch,
};

static int make_clock(struct epoll *epoll)
{
    struct epoll_event event;

    epoll->timer = LEAT_NEVER;
    epoll->timer_fd = -1;
    if (syscall(LEAT__SYS_epoll_pwait2, epoll->fd, &event, 1, &(struct timespec){ 0 }, NULL,
                _NSIG / 8) >= 0)
        return 0;
    epoll->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (epoll->timer_fd < 0)
        return -errno;
    leat__own(epoll->timer_fd);
    return leat__reactor_add(epoll->fd, epoll->timer_fd, TIMER);
}

int leat__epoll_create(struct leat__reactor **ret)
{
    struct epoll *epoll = aligned_alloc(_Alignof(struct epoll), sizeof *epoll);
    int err;

    if (!epoll)
        return -ENOMEM;
    *epoll = (struct epoll){ .timer_fd = -1 };
    epoll->reactor.poller.poll = epoll_poll;
    epoll->reactor.poller.sleep = epoll_sleep;
    epoll->reactor.poller.doze = epoll_doze;
    epoll->reactor.poller.relieve = epoll_relieve;
    epoll->reactor.poller.wants_nudge = epoll_wants_nudge;
    epoll->reactor.poller.nudge = epoll_nudge;
    epoll->fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->fd < 0) {
        err = -errno;
        free(epoll);
        return err;
    }
    err = leat__reactor_init(&epoll->reactor, &kind);
    if (err) {
        close(epoll->fd);
        free(epoll);
        return err;
    }
    leat__own(epoll->fd);
    /* A fd of our own, for good: it fires anew at each write, and is never read. */
    err = leat__reactor_add(epoll->fd, epoll->reactor.wake_fd, WAKE);
    if (err == 0)
        err = make_clock(epoll);
    if (err) {
        epoll_destroy(&epoll->reactor);
        return err;
    }
    *ret = &epoll->reactor;
    return 0;
}

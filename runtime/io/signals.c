/* SPDX-License-Identifier: MIT */
/* Signals as a wait: a handler that notes the signal and writes an eventfd, which a task reads
 * through the reactor.
 *
 * signalfd was rejected: it takes only signals that every thread of the process blocks, and threads
 * that the program has started before, or that libraries start, do not.
 *
 * The handler may run at any time on any thread, also while a close is under way on another, and
 * the eventfd's number may be another file's the moment it is closed. So a close waits until no
 * handler is inside; the table is static, because a handler has nothing else to hold on to.
 *
 *     handler                               close
 *       inside += 1                           opener = NULL
 *       fence_seq_cst()    <- pairs, O1 ->    fence_seq_cst()
 *       read opener; note and write           wait while inside > 0
 *       inside -= 1                           close the eventfd, free
 *
 * INVARIANTS
 *   I1  slots[n].opener is not NULL from before our handler is installed for n until after it was
 *       replaced; whoever sets it from NULL owns the number.
 *   I2  A number in `pending` is followed by a write to the eventfd. A waiter reads that empty
 *       first, then looks into pending: so no number is left behind with nobody told of it.
 *
 * ORDERING
 *   O1  Without the fences the handler could read the opener before its count is seen: the close
 *       would go on under it. acq_rel fails since it lets a later load pass an earlier store.
 *   O2  `pending` needs no order: it carries nothing but itself, and the eventfd wakes. */
#include <leat/process.h>

#include "lockfree/atomic.h"
#include "reactor/op.h"
#include "sched/sched.h"
#include "task/self.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NUMBER_MAX 31
#define COUNT_MAX  8

struct leat_signals {
    LEAT_ATOMIC(uint32_t) pending; /* bit n: signal n has come */
    int              event_fd;
    int              last;  /* the number returned last: the next wait begins to look after it */
    size_t           count; /* installed */
    int              numbers[COUNT_MAX];
    struct sigaction before[COUNT_MAX];
};

static struct {
    LEAT_ATOMIC(struct leat_signals *) opener;
    LEAT_ATOMIC(uint32_t) inside; /* handlers */
} slots[NUMBER_MAX + 1];

/* Async-signal-safe. */
static void note_signal(int number)
{
    int saved = errno;
    struct leat_signals *signals;

    fetch_add_relaxed(&slots[number].inside, 1); /* relaxed: ordered by the fence */
    fence_seq_cst();                             /* O1: pairs with the fence in uninstall */
    signals = load_acquire(&slots[number].opener); /* pairs with the compare-and-swap in install */
    if (signals) {
        ssize_t written;

        fetch_or_relaxed(&signals->pending, UINT32_C(1) << number); /* relaxed: O2 */
        /* A full counter (EAGAIN) is one that is not zero: the waiter is told already. */
        written = write(signals->event_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
        (void)written;
    }
    fetch_sub_release(&slots[number].inside, 1); /* pairs with the acquire in uninstall */
    errno = saved;
}

static bool is_catchable(int number)
{
    static const int refused[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,  SIGFPE,
                                   SIGILL,  SIGTRAP, SIGSYS,  SIGABRT, LEAT__WATCH_SIGNAL };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (number == refused[i])
            return false;
    return number >= 1 && number <= NUMBER_MAX;
}

static int install(struct leat_signals *signals, int number)
{
    struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
    struct leat_signals *none = NULL;
    int err;

    if (!cas_acq_rel(&slots[number].opener, &none, signals)) /* I1; to the handler's acquire */
        return -EBUSY;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, &signals->before[signals->count]) < 0) {
        err = -errno;
        store_release(&slots[number].opener, NULL); /* to the next opener's compare-and-swap */
        return err;
    }
    signals->numbers[signals->count++] = number;
    return 0;
}

static void uninstall(struct leat_signals *signals)
{
    int number = signals->numbers[--signals->count];

    sigaction(number, &signals->before[signals->count], NULL);
    store_release(&slots[number].opener, NULL); /* to the next opener's compare-and-swap */
    fence_seq_cst();                            /* O1: pairs with the fence in note_signal */
    while (load_acquire(&slots[number].inside) > 0) /* pairs with the release in note_signal */
        sched_yield(); /* a handler is a few instructions: it is there only if it was preempted */
}

int leat_signals_open(struct leat_signals **ret, const int *numbers, size_t count)
{
    struct leat_signals *signals;
    int err = 0;

    if (count < 1 || count > COUNT_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        if (!is_catchable(numbers[i]))
            return -EINVAL;
    signals = calloc(1, sizeof *signals);
    if (!signals)
        return -ENOMEM;
    signals->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (signals->event_fd < 0) {
        err = -errno;
        free(signals);
        return err;
    }
    for (size_t i = 0; i < count && !err; i++)
        err = install(signals, numbers[i]);
    if (err) {
        leat_signals_close(signals);
        return err;
    }
    *ret = signals;
    return 0;
}

/* A number that has come, 0: none. In turns, so that a storm of one starves no other. */
static int take(struct leat_signals *signals)
{
    uint32_t pending = load_relaxed(&signals->pending); /* relaxed: O2 */
    uint32_t after = pending & ~((UINT32_C(2) << signals->last) - 1);

    if (!pending)
        return 0;
    signals->last = __builtin_ctz(after ? after : pending);
    fetch_and_relaxed(&signals->pending, ~(UINT32_C(1) << signals->last)); /* relaxed: O2 */
    return signals->last;
}

int leat_signals_wait(struct leat_signals *signals)
{
    int err = leat__checkpoint(leat__self());
    int number;

    if (err)
        return err;
    while ((number = take(signals)) == 0) {
        struct leat__op op = { .code = LEAT__OP_POLL, .fd = signals->event_fd, .flags = POLLIN };
        int events = leat__op_run(&op);
        uint64_t count;
        ssize_t got;

        if (events < 0)
            return events;
        got = read(signals->event_fd, &count, sizeof count); /* I2: before the look; never sleeps */
        (void)got;
    }
    return number;
}

void leat_signals_close(struct leat_signals *signals)
{
    if (!signals)
        return;
    while (signals->count > 0)
        uninstall(signals);
    close(signals->event_fd);
    free(signals);
}

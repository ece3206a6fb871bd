/* SPDX-License-Identifier: MIT */
/* Waiting: how channels, locks, operations and sleeps suspend a task or a plain thread.
 *
 *     struct leat__wait wait;
 *     int err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);
 *     if (err)
 *         return err;                              // cancelled, or too late, already
 *     node.ticket = wait.ticket;                   // publish the ticket where wakers look,
 *     list_append(&chan->receivers, &node);        // under the lock that guards the list
 *     switch (leat__wait_park(&wait, &chan->lock)) // releases the lock once we are saved
 *     ...
 *
 *     // the waker, under the same lock
 *     if (leat__claim(node->ticket, LEAT__CAUSE_EVENT)) {
 *         list_remove(node); copy the element;     // the waiter cannot resume before
 *         leat__wake(node->ticket.waiter);         // this
 *     }
 *
 * Two kinds. ABANDONABLE: event, timeout and cancel race, one wins, and the waiter withdraws its
 * nodes where an event did not. OWED (an operation in the kernel, a call on the caller's memory):
 * timeout and cancel only end this generation; the caller then asks for an early end and waits
 * again, SHIELDED, for the completion, which alone ends the operation. */
#ifndef LEAT_TASK_WAIT_H
#define LEAT_TASK_WAIT_H

#include "lockfree/lock.h"
#include "sched/fiber.h"
#include "task/wait_word.h"

#include <leat/time.h>

#include <stddef.h>

struct leat__self;
struct pollfd;

/* What a wait is for, as reports say it (leat__self_reason): `what` continues "waits to ", and
 * `about` is what the value given with it is, which is printed behind. */
struct leat__reason {
    const char *what;
    enum {
        LEAT__ABOUT_NOTHING,
        LEAT__ABOUT_NAME,     /* a string of the user's, or NULL */
        LEAT__ABOUT_NUMBER,
        LEAT__ABOUT_FUNCTION,
    } about;
    enum {
        LEAT__OUTER,
        LEAT__INNER,      /* only another task or thread of the program ends it, or a deadline */
        LEAT__INNER_OWED, /* a task alone does: no deadlock, for it has the caller's memory */
    } inner;
};

/* Who waits: the word. In a task's block, whose fiber is to be woken or that of the task on whose
 * stack it runs (leat__waiter_fiber of task.h); or in a plain thread's local, which sleeps on the
 * word's low half. */
struct leat__waiter {
    LEAT_ATOMIC(uint64_t) word;
};

/* A plain thread's. Its word's kind is LEAT__WORD_THREAD. */
struct leat__sleeper {
    struct leat__waiter waiter;
    int                 doze; /* 1 more than the descriptor it dozes with, 0: it does not. Its own,
                                 and of who has claimed its wait, until he ends it */
};

/* Names one wait of one waiter. */
struct leat__ticket {
    struct leat__waiter *waiter;
    uint64_t             generation;
};

static inline bool leat__ticket_of_thread(struct leat__ticket ticket)
{
    return (ticket.generation & LEAT__WORD_THREAD) != 0;
}

enum leat__wait_kind {
    LEAT__WAIT_CANCELLABLE, /* abandonable, and the first generation of an owed wait */
    LEAT__WAIT_SHIELDED,    /* no cancel and no deadline of the scopes ends it */
};
#define LEAT__WAIT_ABANDONABLE LEAT__WAIT_CANCELLABLE

struct leat__wait {
    struct leat__ticket ticket;
    struct leat__self  *self;
    leat_time           deadline; /* armed, LEAT_NEVER when none is */
    struct leat__grace *guard;    /* whose grace shields it; NULL: none does */
};

/* Open a wait of the calling task or thread, which ends at `deadline` (absolute, or LEAT_NEVER) or
 * at its scopes' nearest deadline, whichever is sooner. Returns 0, or -ECANCELED or -ETIMEDOUT when
 * the caller's scopes have ended (never for SHIELDED); then nothing is open. Never blocks. */
int leat__wait_begin(struct leat__wait *wait, enum leat__wait_kind kind, leat_time deadline);

/* Suspend until the wait is claimed. `held`, when not NULL, is a lock the caller holds: it is
 * released once the waiter can be woken. Returns why the wait ended. */
enum leat__cause leat__wait_park(struct leat__wait *wait, struct leat__lock *held);

/* The same of a plain thread, which descriptors end too: when one of them has what poll(2) is to
 * ask for, the wait has ended by an event. fds[count - 1] is from leat__doze_open. */
enum leat__cause leat__wait_doze(struct leat__wait *wait, struct pollfd *fds, size_t count);

/* Close an open wait without suspending; the caller withdrew every ticket or published none.
 * Returns EVENT when nothing had ended it, else the cause that did. */
enum leat__cause leat__wait_abandon(struct leat__wait *wait);

/* The error a cause stands for: EVENT 0, CANCEL -ECANCELED, TIMEOUT -ETIMEDOUT or, where an outer
 * scope's deadline was the nearest, -ECANCELED. A deadline of the caller's own (leat__wait_begin's
 * argument) that came before every scope's gives 0 with *own set. */
int leat__wait_error(const struct leat__wait *wait, enum leat__cause cause, bool *own);

/* Try to end the wait that the ticket names. True: the caller has won, and must call leat__wake on
 * the waiter exactly once, after it delivered. Any thread. */
static inline bool leat__claim(struct leat__ticket ticket, enum leat__cause cause)
{
    return leat__word_claim(&ticket.waiter->word, ticket.generation, cause);
}

void leat__wake(struct leat__waiter *waiter);

/* What the timers of all wheels do: the arguments name the wait, whatever has become of the timer
 * (timer/wheel.h I4). */
void leat__wait_fire(void *waiter, uint64_t value);

/* What the caller waits for is held up by a thread that was preempted between two instructions: let
 * others run, tasks and threads. */
void leat__stand_back(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Late waits: a wait that costs its waiter no locked instruction, for what is listed in one place
 * which the waiter holds shut until its fiber is saved.
 *
 *     if (leat__wait_may_be_late(self)) {
 *         leat__late_begin(&late, self, worker);    // nothing is open yet
 *         node->ticket = leat__late_ticket(&late);  // list it: nobody comes by, we hold the list
 *         leat__park(commit, &late);                // commit: leat__late_commit, then let go
 *         cause = leat__late_end(self);
 *
 * leat__wait_begin and commit each move the word by a compare-and-swap, since tickets, timers and
 * cancels may claim it from the moment it is open. Here the generation is opened and published by
 * one plain store in the next context. Events cannot come before that, for the list is shut, and
 * there is no deadline, so no timer. A cancel may: what its compare-and-swap leaves on the word is
 * overwritten, so who commits looks for the cancel's mark on the scope, after its store.
 *
 * ORDERING
 *   O1  The commit against a cancel. One of them sees the other's store: the cancel finds the wait
 *       and claims it, or the waiter finds that its scope has ended and claims its own wait. Both
 *       may; then the word decides.
 *
 *         commit                                  leat__bound_end
 *           word = WAITING                          ended = true, in every scope below
 *           leat__fence_light()    <- pairs ->      leat__fence_heavy()
 *           read the scope's ended                  claim what waits in them
 *
 *   O2  The store of WAITING releases the saved context, as leat__word_commit does. */
#ifndef LEAT_TASK_LATE_H
#define LEAT_TASK_LATE_H

#include "platform/membarrier.h"
#include "task/held.h"
#include "task/self.h"
#include "task/task.h"

struct leat__late {
    struct leat__waiter *waiter;
    struct leat__scope  *scope;
    uint64_t             generation;
};

/* Is the calling task's next wait one that only an event or a cancel can end? (And a deadlock that
 * is found: then nobody runs.) To be asked only where light fences are usable. Watched locks want
 * to see each wait's commit. */
static inline bool leat__wait_may_be_late(const struct leat__self *self)
{
    return self->task && self->scope && self->scope->deadline == LEAT_NEVER && self->shield == 0 &&
           !self->guard && !leat__held_watched();
}

static inline void leat__late_begin(struct leat__late *late, struct leat__self *self,
                                    const struct leat__worker *worker)
{
    if (__builtin_expect(self->joined != self->scope, 0))
        leat__bound_join(self);
    self->since = leat__worker_looked(worker);
    late->waiter = self->waiter;
    late->scope = self->scope;
    /* relaxed: only the owner moves the generation */
    late->generation = (load_relaxed(&self->waiter->word) & LEAT__WORD_GENERATION) +
                       LEAT__WORD_STEP;
}

static inline struct leat__ticket leat__late_ticket(const struct leat__late *late)
{
    return (struct leat__ticket){ late->waiter, late->generation };
}

/* In the next context, `late` copied from the waiter's frame, the list still shut: what it returns
 * is what commit is to return after it let go of the list. (From here on a cancel may resume the
 * waiter. It comes no further than to the list that it has to be taken off.) */
static inline bool leat__late_commit(const struct leat__late *late)
{
    LEAT_ATOMIC(uint64_t) *word = &late->waiter->word;

    store_release(word, late->generation | LEAT__WORD_WAITING); /* O2 */
    leat__fence_light(); /* O1 */
    if (__builtin_expect(!load_relaxed(&late->scope->ended), 1)) /* relaxed: O1 */
        return true;
    return !leat__word_claim(word, late->generation, LEAT__CAUSE_CANCEL);
}

/* Resumed. CANCEL or DEADLOCK: the caller takes its node off the list. */
static inline enum leat__cause leat__late_end(struct leat__self *self)
{
    self->reason = NULL;
    return leat__word_cause(load_relaxed(&self->waiter->word)); /* relaxed: wake has ordered it */
}

/* The error of a cause that is no event. */
static inline int leat__late_error(enum leat__cause cause)
{
    return cause == LEAT__CAUSE_DEADLOCK ? -EDEADLK : -ECANCELED;
}

#endif

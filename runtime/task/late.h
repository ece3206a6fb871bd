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
 *     leat__late_claim(node)                        // the event: who holds the list shut
 *
 * leat__wait_begin and commit each move the word by a compare-and-swap, since tickets, timers and
 * cancels may claim it from the moment it is open. Here the generation is opened and published by
 * one plain store in the next context. Events cannot come before that, for the list is shut, and
 * there is no deadline, so no timer. A cancel may: what its compare-and-swap leaves on the word is
 * overwritten, so who commits looks for the cancel's mark on the scope, after its store.
 *
 * The event claims it by a plain store too, beside the word, which says `taken`; with the list shut
 * there is one event at a time. It then looks for the cancel's mark. Where there is one, cancels
 * may be on their way, and the word decides as ever: the event claims it by compare-and-swap. A
 * cancel leaves a wait alone that is marked as taken; either it was, or the event goes on to the
 * word. (A compare-and-swap costs 20 to 30 cycles and waits for all stores before it: of two tasks
 * that hand a value to and fro an eighth of the time.)
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
 *   O2  The store of LATE releases the saved context, as leat__word_commit does; the claim's load
 *       acquires it.
 *   O3  The event against a cancel. If the event does not see the mark, the cancel sees `taken`, or
 *       that the word has gone on to a later wait.
 *
 *         event                                   leat__bound_end
 *           taken = true                            ended = true
 *           leat__fence_light()    <- pairs ->      leat__fence_heavy()
 *           read the scope's ended                  read the word, then taken, of each
 *
 *       The commit clears `taken` before it stores LATE, and the cancel reads them in the other
 *       order: so it does not take the mark of the wait before for this one's. And who claimed the
 *       wait before stored DONE before `taken` is cleared: so the cancel does not take the cleared
 *       mark for that one's, for its compare-and-swap then fails.
 *   O4  Who ends a deadlock is one more who may claim, and puts no mark on scopes: it sets
 *       leat__late_doubt, for good, where a cancel sets `ended`. */
#ifndef LEAT_TASK_LATE_H
#define LEAT_TASK_LATE_H

#include "platform/membarrier.h"
#include "task/held.h"
#include "task/self.h"
#include "task/task.h"
#include "task/waitlist.h"

#include <errno.h>

/* Beside cancels, somebody may claim late waits (O4). */
extern LEAT_ATOMIC(bool) leat__late_doubt LEAT__HELD_NEAR;

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

    store_release(&leat__waiter_host(late->waiter, late->generation)->taken, false); /* O3 */
    store_release(word, late->generation | LEAT__WORD_LATE); /* O2 */
    leat__fence_light(); /* O1 */
    if (__builtin_expect(!load_relaxed(&late->scope->ended), 1)) /* relaxed: O1 */
        return true;
    return !leat__word_claim(word, late->generation, LEAT__CAUSE_CANCEL);
}

/* Resumed. CANCEL or DEADLOCK: the caller takes its node off the list. */
static inline enum leat__cause leat__late_end(struct leat__self *self)
{
    uint64_t word = load_relaxed(&self->waiter->word); /* relaxed: wake has ordered it */

    self->reason = NULL;
    /* relaxed: the next commit's stores release it (O3). A cancel's mark that is overwritten here
     * tells nobody anything: who comes to wait asks the scope. */
    store_relaxed(&self->waiter->word, word & LEAT__WORD_GENERATION);
    return leat__word_cause(word);
}

/* Claim the wait of a node, the list being shut, if that takes no locked instruction: it was opened
 * late, and no cancel is about. Then the waiter is parked, and to be readied by the caller after it
 * delivered. False tells nothing: leat__late_claim. */
static inline bool leat__late_take(struct leat__waitnode *node)
{
    struct leat__waiter *waiter = node->ticket.waiter;
    const struct leat__self *self;
    struct leat__fiber *fiber;

    /* acquire: O2 */
    if (load_acquire(&waiter->word) != (node->ticket.generation | LEAT__WORD_LATE))
        return false;
    fiber = leat__waiter_host(waiter, node->ticket.generation);
    store_relaxed(&fiber->taken, true); /* relaxed: O3 */
    leat__fence_light();
    self = fiber->self; /* parked in this wait: it takes its node off the list first */
    return __builtin_expect(!load_relaxed(&self->scope->ended) && /* relaxed, both: O3, O4 */
                            !load_relaxed(&leat__late_doubt), 1);
}

/* leat__waitnode_claim for who holds the list shut. */
static inline bool leat__late_claim(struct leat__waitnode *node)
{
    if (!leat__late_take(node))
        return leat__waitnode_claim(node);
    node->won = true;
    return true;
}

/* For a cancel, and who ends a deadlock, behind their heavy fences: an event has this wait, or
 * claims it by the word. */
static inline bool leat__late_is_taken(struct leat__waiter *waiter)
{
    uint64_t word = load_acquire(&waiter->word); /* O3: pairs with the release of LATE */

    return leat__word_state(word) == LEAT__WORD_LATE &&
           /* O3: pairs with the release of its clearing */
           load_acquire(&leat__waiter_host(waiter, word)->taken);
}

/* The error of a cause that is no event. */
static inline int leat__late_error(enum leat__cause cause)
{
    return cause == LEAT__CAUSE_DEADLOCK ? -EDEADLK : -ECANCELED;
}

#endif

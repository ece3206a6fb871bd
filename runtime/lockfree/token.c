/* SPDX-License-Identifier: MIT */
/* token.c: the slow sides of token.h. */
#include "lockfree/token.h"
#include "platform/barrier.h"

#include <sched.h>

/* The owner found a helper. */
void leat__token_wait(struct leat__token *token)
{
    store_release(&token->held, false); /* O2: as in leave, for whoever takes it meanwhile */
    leat__lock(&token->lock);
    /* relaxed: under the lock nobody wants it (I2), and the next who takes the lock sees this */
    store_relaxed(&token->held, true);
    leat__unlock(&token->lock);
}

bool leat__token_take(struct leat__token *token)
{
    /* relaxed: a hint, which saves the barrier. (An owner asleep in its reactor holds it.) */
    if (load_relaxed(&token->held) || !leat__trylock(&token->lock))
        return false;
    store_relaxed(&token->wanted, true); /* relaxed: ordered by the barrier */
    leat__barrier_all(); /* O1: pairs with the fence in leat__token_enter */
    if (!load_acquire(&token->held)) /* O2: pairs with the release in leat__token_leave */
        return true;
    leat__token_give(token);
    return false;
}

void leat__token_claim(struct leat__token *token)
{
    leat__lock(&token->lock);
    store_relaxed(&token->wanted, true); /* relaxed: ordered by the barrier */
    leat__barrier_all(); /* O1: as in leat__token_take */
    for (unsigned i = 1; load_acquire(&token->held); i++) { /* O2: as in leat__token_take */
        cpu_relax();
        if (i % 128 == 0)
            sched_yield(); /* the owner was preempted inside */
    }
}

void leat__token_give(struct leat__token *token)
{
    store_release(&token->wanted, false); /* O2: pairs with the acquire in leat__token_enter */
    leat__unlock(&token->lock);
}

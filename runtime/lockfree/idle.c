/* SPDX-License-Identifier: MIT */
/* idle.c: those parts of idle.h that change the list of sleepers: all under its lock (I2). */
#include "lockfree/idle.h"

static uint64_t bit(uint32_t worker)
{
    return (uint64_t)1 << (worker % 64);
}

int leat__idle_pick(struct leat__idle *idle)
{
    uint32_t word, i;
    int worker;

    /* relaxed: a hint, so that the losers of a race for the last sleeper don't take the lock */
    word = load_relaxed(&idle->word);
    if (leat__idle_searching(word) > 0 || leat__idle_awake(word) == idle->workers)
        return -1;

    leat__lock(&idle->lock);
    /* relaxed: awake changes under the lock only; if a search starts or ends now, that is the
     * same as if it did before or after us: one searcher too many, or one more O2. */
    word = load_relaxed(&idle->word);
    if (leat__idle_searching(word) > 0 || leat__idle_awake(word) == idle->workers) {
        leat__unlock(&idle->lock);
        return -1;
    }
    /* The lowest first: the same few workers stay warm and the others sleep for long. */
    for (i = 0; idle->sleeping[i] == 0; i++)
        ;
    worker = (int)(i * 64) + __builtin_ctzll(idle->sleeping[i]);
    idle->sleeping[i] &= idle->sleeping[i] - 1;
    /* relaxed: the item was pushed before; the sleeper gets to know of it by its wake */
    (void)fetch_add_relaxed(&idle->word, LEAT__IDLE_SEARCHING + LEAT__IDLE_AWAKE);
    leat__unlock(&idle->lock);
    return worker;
}

bool leat__idle_sleep(struct leat__idle *idle, uint32_t worker, bool searching)
{
    uint32_t less = LEAT__IDLE_AWAKE + (searching ? LEAT__IDLE_SEARCHING : 0);
    uint32_t before;

    leat__lock(&idle->lock);
    idle->sleeping[worker / 64] |= bit(worker);
    /* One operation for both counts: between two, a submitter would see neither a searcher nor a
     * sleeper. relaxed: ordered by the fence. */
    before = fetch_sub_relaxed(&idle->word, less);
    leat__unlock(&idle->lock);
    fence_seq_cst(); /* O1: pairs with the fence in leat__idle_should_wake */
    return leat__idle_searching(before - less) == 0;
}

bool leat__idle_leave(struct leat__idle *idle, uint32_t worker)
{
    bool listed;

    leat__lock(&idle->lock);
    listed = (idle->sleeping[worker / 64] & bit(worker)) != 0;
    if (listed) {
        idle->sleeping[worker / 64] &= ~bit(worker);
        (void)fetch_add_relaxed(&idle->word, LEAT__IDLE_AWAKE); /* relaxed: under the lock */
    }
    leat__unlock(&idle->lock);
    return listed;
}

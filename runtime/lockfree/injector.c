/* SPDX-License-Identifier: MIT */
/* injector.c: see injector.h. */
#include "lockfree/injector.h"

void leat__injector_push(struct leat__injector *q, struct leat__link *item)
{
    struct leat__batch batch = { .first = item, .last = item, .count = 1 };

    item->next = NULL;
    leat__injector_push_batch(q, &batch);
}

void leat__injector_push_batch(struct leat__injector *q, struct leat__batch *batch)
{
    if (batch->count == 0)
        return;
    leat__lock(&q->lock);
    if (q->last)
        q->last->next = batch->first;
    else
        q->first = batch->first;
    q->last = batch->last;
    /* relaxed: writers are under the lock, readers fence (O1) */
    store_relaxed(&q->len, load_relaxed(&q->len) + batch->count);
    leat__unlock(&q->lock);
    *batch = (struct leat__batch){ 0 };
}

uint32_t leat__injector_pop_batch(struct leat__injector *q, uint32_t max,
                                  struct leat__batch *batch)
{
    uint32_t n = 0;

    if (leat__injector_len(q) == 0)
        return 0;
    leat__lock(&q->lock);
    while (n < max && q->first) {
        struct leat__link *item = q->first;

        q->first = item->next;
        leat__batch_push(batch, item);
        n++;
    }
    if (!q->first)
        q->last = NULL;
    store_relaxed(&q->len, load_relaxed(&q->len) - n); /* relaxed: as in push_batch */
    leat__unlock(&q->lock);
    return n;
}

/* SPDX-License-Identifier: MIT */
/* The places of sched.h's leat__inside: kept for good, and handed from worker to worker. */
#include "lockfree/lock.h"
#include "sched/sched.h"

#include <stdlib.h>
#include <string.h>

static struct leat__lock    lock;
static struct leat__inside *unused;

struct leat__inside *leat__inside_get(void)
{
    struct leat__inside *inside;

    leat__lock(&lock);
    inside = unused;
    if (inside)
        unused = inside->next;
    leat__unlock(&lock);
    if (inside)
        return inside;
    inside = aligned_alloc(alignof(struct leat__inside), sizeof *inside);
    if (inside)
        memset(inside, 0, sizeof *inside);
    return inside;
}

void leat__inside_put(struct leat__inside *inside)
{
    if (!inside)
        return;
    leat__lock(&lock);
    inside->next = unused;
    unused = inside;
    leat__unlock(&lock);
}

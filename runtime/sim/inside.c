/* SPDX-License-Identifier: MIT */
/* In the place of sched/inside.c: what one simulation allocated and kept, the next one would not
 * allocate again, and the draw of whether that fails would be missing from its trace (I2 of sim.h).
 * So these are there from the beginning. Which one a worker gets is decided by no address. */
#include "lockfree/lock.h"
#include "sched/sched.h"

enum { PLACES = 1024 };

static struct leat__lock   lock;
static struct leat__inside places[PLACES];
static bool                used[PLACES];

struct leat__inside *leat__inside_get(void)
{
    struct leat__inside *inside = NULL;

    leat__lock(&lock);
    for (int i = 0; i < PLACES && !inside; i++)
        if (!used[i]) {
            used[i] = true;
            inside = &places[i];
        }
    leat__unlock(&lock);
    return inside;
}

void leat__inside_put(struct leat__inside *inside)
{
    if (!inside)
        return;
    leat__lock(&lock);
    used[inside - places] = false;
    leat__unlock(&lock);
}

/* SPDX-License-Identifier: MIT */
/* Counting semaphore: permits (permits.h) that anybody gives and takes. */
#include "base/check.h"
#include "sync/permits.h"
#include "task/self.h"
#include "task/waitable.h"

#include <leat/sync.h>

struct semaphore {
    struct leat__permits permits;
} __attribute__((may_alias)); /* lies in a struct leat_semaphore of the caller's */

_Static_assert(sizeof(struct semaphore) <= sizeof(struct leat_semaphore), "it has room");

static struct leat__permits *inside(struct leat_semaphore *semaphore)
{
    return &((struct semaphore *)(void *)semaphore)->permits;
}

void leat_semaphore_init(struct leat_semaphore *semaphore, uint32_t permits)
{
    *semaphore = (struct leat_semaphore)LEAT_SEMAPHORE_INIT(permits);
}

int leat_semaphore_acquire(struct leat_semaphore *semaphore, uint32_t permits)
{
    static const struct leat__reason reason = { "acquire permits of a semaphore:",
                                                LEAT__ABOUT_NUMBER, LEAT__INNER };
    int err = leat__checkpoint(leat__self());

    if (err || leat__permits_try(inside(semaphore), 0, permits))
        return err;
    return leat__permits_wait(inside(semaphore), 0, permits, &reason);
}

int leat_semaphore_try_acquire(struct leat_semaphore *semaphore, uint32_t permits)
{
    return leat__permits_try(inside(semaphore), 0, permits) ? 0 : -EAGAIN;
}

void leat_semaphore_release(struct leat_semaphore *semaphore, uint32_t permits)
{
    /* relaxed: an estimate, for a check that finds what keeps on growing */
    uint64_t free = leat__permits_free(load_relaxed(&inside(semaphore)->word), 0);

    leat__check(free + permits <= UINT32_MAX, "a semaphore counts to 4,294,967,295: "
                                              "release what was acquired");
    leat__permits_give(inside(semaphore), 0, permits);
}

uint32_t leat_semaphore_available(const struct leat_semaphore *semaphore)
{
    const struct semaphore *inner = (const struct semaphore *)(const void *)semaphore;

    /* relaxed: an estimate */
    return (uint32_t)leat__permits_free(load_relaxed(&inner->permits.word), 0);
}

/* ---- LEAT_ACQUIRE ---- */

static int attempt_acquire(struct leat_case *c)
{
    return leat_semaphore_try_acquire(c->object, (uint32_t)c->number);
}

static bool arm_acquire(struct leat_case *c, struct leat__waitnode *node)
{
    node->count = c->number;
    return leat__permits_arm(inside(c->object), 0, node);
}

static void disarm_acquire(struct leat_case *c, struct leat__waitnode *node)
{
    leat__permits_disarm(inside(c->object), 0, node);
}

const struct leat_waitable leat_waitable_acquire = {
    .what = "acquire permits",
    .inner = true,
    .attempt = attempt_acquire,
    .arm = arm_acquire,
    .disarm = disarm_acquire,
};

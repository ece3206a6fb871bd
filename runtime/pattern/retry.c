/* SPDX-License-Identifier: MIT */
/* Again after a failure, with a budget. */
#include "lockfree/lock.h"
#include "pattern/outcome.h"

#include <leat/pattern.h>
#include <leat/runtime.h>

#include <errno.h>

#define TRIES   3
#define DELAY   (100 * LEAT_MSEC)
#define CAP     (10 * LEAT_SEC)
#define PERCENT 20
#define BURST   10

/* In hundredths of a retry. `spent` counts down from the full burst, so that all-zero is full. */
struct budget {
    struct leat__lock lock;
    uint32_t          percent;
    uint64_t          burst;
    uint64_t          spent;
    bool              set;
} __attribute__((may_alias)); /* lies in a struct leat_retry_budget of the caller's */

_Static_assert(sizeof(struct budget) <= sizeof(struct leat_retry_budget), "it has room");

static struct budget *inside(struct leat_retry_budget *budget)
{
    return (struct budget *)(void *)budget;
}

void leat_retry_budget_init(struct leat_retry_budget *public, unsigned percent, unsigned burst)
{
    struct budget *budget = inside(public);

    *public = (struct leat_retry_budget){ { 0 } };
    budget->percent = percent;
    budget->burst = (uint64_t)burst * 100;
    budget->set = true;
}

static void budget_earn(struct budget *budget)
{
    uint64_t earned;

    leat__lock(&budget->lock);
    earned = budget->set ? budget->percent : PERCENT;
    budget->spent -= budget->spent < earned ? budget->spent : earned;
    leat__unlock(&budget->lock);
}

static bool budget_spend(struct budget *budget)
{
    bool fine;

    leat__lock(&budget->lock);
    fine = budget->spent + 100 <= (budget->set ? budget->burst : BURST * 100);
    if (fine)
        budget->spent += 100;
    leat__unlock(&budget->lock);
    return fine;
}

/* The bound of the wait before try number `next` (2, 3, ...). */
static leat_time bound(const struct leat_retry_options *options, unsigned next)
{
    leat_time delay = options->delay ? options->delay : DELAY;
    leat_time cap = options->cap ? options->cap : CAP;

    for (unsigned i = 2; i < next && delay < cap; i++)
        delay = delay > cap / 2 ? cap : delay * 2;
    return delay < cap ? delay : cap;
}

/* Each moment from 0 to the bound is equally likely, but for a rounding nobody can see: 2^64 is
 * 584 years of nanoseconds. */
static leat_time jittered(const struct leat_retry_options *options, leat_time delay)
{
    return options->no_jitter ? delay : (leat_time)(leat_random() % ((uint64_t)delay + 1));
}

static int try_once(leat_task_fn *fn, void *arg, leat_time limit)
{
    if (limit) {
        LEAT_LIMIT(limit);
        return fn(arg);
    }
    return fn(arg);
}

/* May it be tried again? If so the wait for it is over. Returns 0, or what to give up with. */
static int wait_for_next(const struct leat_retry_options *options, unsigned next, int error)
{
    unsigned  tries = options->tries ? options->tries : TRIES;
    leat_time delay;
    int       err = leat_cancelled();

    if (err == -ECANCELED)
        return err;
    if (err || next > tries ||
        (options->retry_on ? !options->retry_on(options->retry_arg, error) : error == -ECANCELED))
        return error;
    delay = jittered(options, bound(options, next));
    if (delay >= leat_deadline() - leat_now())
        return error;
    if (options->budget && !budget_spend(inside(options->budget)))
        return error;
    err = leat_sleep(delay);
    return err == -ETIMEDOUT ? error : err;
}

int leat_retry_call(leat_task_fn *fn, void *arg, const struct leat_retry_options *options)
{
    static const struct leat_retry_options defaults = { .size = sizeof defaults };
    unsigned                               tries = 0;
    int                                    result, err;

    if (!options)
        options = &defaults;
    if (options->size != sizeof *options || options->delay < 0 || options->cap < 0 ||
        options->limit < 0)
        return -EINVAL;
    if (options->budget)
        budget_earn(inside(options->budget));
    do {
        result = try_once(fn, arg, options->limit);
        tries++;
        err = result < 0 ? wait_for_next(options, tries + 1, result) : result;
    } while (result < 0 && err == 0);
    if (options->tries_made)
        *options->tries_made = tries;
    return leat__outcome(err);
}

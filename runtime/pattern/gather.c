/* SPDX-License-Identifier: MIT */
/* All of an array: gather, map and batches are one loop, which differs in what a call is.
 *
 * Each item is a task, so that its locals, its scopes and its end are its own; a window is the
 * scope's limit. As many tasks as the window that take one item after another would save a spawn an
 * item (40 ns), and one item's locals would be seen by the next.
 *
 * INVARIANTS
 *   I1  Each index is settled exactly once: by its task, or by the loop where it has none.
 *   I2  The counters are relaxed: the join orders them before anybody reads them. */
#include "base/check.h"
#include "lockfree/atomic.h"
#include "pattern/outcome.h"

#include <leat/pattern.h>
#include <leat/runtime.h>

#include <errno.h>

#define WINDOW 16

struct each {
    const struct leat_gather_options *options;
    int (*call)(const struct each *each, size_t index);
    union {
        leat_task_fn  *item;
        leat_map_fn   *map;
        leat_batch_fn *batch;
    } fn;
    const char *in;
    char       *out; /* where gather's and batches' items are */
    size_t      in_bytes, out_bytes;
    size_t      items; /* there are count / batch calls, rounded up */
    size_t      batch;
    size_t      count;

    LEAT_ATOMIC(size_t) succeeded, failed, cancelled;
    LEAT_ATOMIC(bool) stop; /* start no more */
    LEAT_ATOMIC(int) error; /* the first */
    struct leat_failure first;
};

static const struct leat_gather_options defaults = { .size = sizeof defaults };

static int call_item(const struct each *each, size_t index)
{
    return each->fn.item(each->out + index * each->out_bytes);
}

static int call_map(const struct each *each, size_t index)
{
    return each->fn.map(each->in + index * each->in_bytes, each->out + index * each->out_bytes,
                        each->options->arg);
}

static int call_batch(const struct each *each, size_t index)
{
    size_t begin = index * each->batch;
    size_t rest = each->items - begin;

    return each->fn.batch(each->out + begin * each->out_bytes,
                          rest < each->batch ? rest : each->batch, each->options->arg);
}

/* I2 */
static void note_failure(struct each *each, size_t index, int error)
{
    const struct leat_gather_options *options = each->options;
    size_t                            place = fetch_add_relaxed(&each->failed, 1);
    struct leat_failure               failure = { index, error };

    if (place == 0)
        each->first = failure;
    if (options->failures && place < options->failures_max)
        options->failures[place] = failure;
}

/* I1, I2 */
static void settle(struct each *each, size_t index, int result)
{
    int none = 0;

    if (each->options->status)
        each->options->status[index] = result;
    if (result >= 0) {
        (void)fetch_add_relaxed(&each->succeeded, 1);
        return;
    }
    (void)cas_relaxed(&each->error, &none, result);
    if (result == -ECANCELED)
        (void)fetch_add_relaxed(&each->cancelled, 1);
    else
        note_failure(each, index, result);
    if (each->options->on_error == LEAT_CANCEL)
        store_relaxed(&each->stop, true); /* relaxed: a hint; the scope ends what has started */
}

struct ticket {
    struct each *each;
    size_t       index;
};

static int run_one(void *arg)
{
    const struct ticket *ticket = arg;
    int                  result = ticket->each->call(ticket->each, ticket->index);

    settle(ticket->each, ticket->index, result);
    return result;
}

/* Returns how many were started. */
static size_t start_all(struct each *each, struct leat_scope *scope)
{
    size_t i;

    for (i = 0; i < each->count; i++) {
        struct ticket ticket = { each, i };
        int           err;

        /* relaxed: see settle */
        if (load_relaxed(&each->stop) || (i % 64 == 0 && leat_cancelled()))
            break;
        err = leat_spawn_with(scope, run_one, &ticket, sizeof ticket);
        if (err)
            settle(each, i, err);
        if (err && (err != -ENOMEM || each->options->on_error == LEAT_CANCEL))
            return i + 1;
    }
    return i;
}

/* Without a runtime: here, one after another. */
static size_t call_all(struct each *each)
{
    size_t i;

    for (i = 0; i < each->count && !load_relaxed(&each->stop); i++) { /* relaxed: see settle */
        if (leat_cancelled())
            break;
        settle(each, i, each->call(each, i));
    }
    return i;
}

static void report(const struct each *each, leat_time began)
{
    struct leat_report *ret = each->options->report;
    double              seconds;

    if (!ret)
        return;
    /* I2 */
    *ret = (struct leat_report){
        .total = each->count,
        .succeeded = load_relaxed(&each->succeeded),
        .failed = load_relaxed(&each->failed),
        .cancelled = load_relaxed(&each->cancelled),
        .first_failed = each->count,
        .elapsed = leat_now() - began,
        .success_rate = 1,
    };
    if (ret->failed > 0) {
        ret->first_failed = each->first.index;
        ret->first_error = each->first.error;
    }
    if (each->options->failures)
        ret->failures =
            ret->failed < each->options->failures_max ? ret->failed : each->options->failures_max;
    if (ret->total > 0)
        ret->success_rate = (double)ret->succeeded / (double)ret->total;
    seconds = (double)ret->elapsed / (double)LEAT_SEC;
    if (ret->elapsed > 0)
        ret->per_second = (double)(ret->succeeded + ret->failed) / seconds;
}

static int run(struct each *each)
{
    const struct leat_gather_options *options = each->options;
    leat_time                         began = leat_now();
    size_t                            started;
    int                               err = 0, joined;

    LEAT_SCOPE(scope, .on_error = options->on_error, .deadline = options->deadline,
               .limit = options->window < each->count ? options->window : 0, .name = options->name);
    started = leat_worker() >= 0 ? start_all(each, &scope) : call_all(each);
    /* relaxed: a failure here is no reason to ask what ended us */
    if (started < each->count && load_relaxed(&each->error) == 0)
        err = leat_cancelled();
    joined = leat_scope_join(&scope);
    if (!err)
        err = load_relaxed(&each->error); /* I2 */
    while (started < each->count)
        settle(each, started++, -ECANCELED);
    report(each, began);
    return leat__outcome(joined ? joined : err);
}

static bool bad(const struct leat_gather_options *options)
{
    return options->size != sizeof *options || options->deadline < 0 ||
           (unsigned)options->on_error > LEAT_COLLECT;
}

int leat_gather_items(leat_task_fn *fn, void *items, size_t item_bytes, size_t count,
                      const struct leat_gather_options *options)
{
    struct each each = { .options = options ? options : &defaults, .call = call_item };

    leat__check(count == 0 || fn != NULL,
                "items need a function: NULL was given in the place of one");
    if (bad(each.options))
        return -EINVAL;
    each.fn.item = fn;
    each.out = items;
    each.out_bytes = item_bytes;
    each.count = count;
    return run(&each);
}

int leat_map_items(leat_map_fn *fn, const void *in, size_t in_bytes, void *out, size_t out_bytes,
                   size_t count, const struct leat_gather_options *options)
{
    struct leat_gather_options used = options ? *options : defaults;
    struct each                each = { .options = &used, .call = call_map };

    leat__check(count == 0 || fn != NULL,
                "items need a function: NULL was given in the place of one");
    if (bad(&used))
        return -EINVAL;
    if (used.window == 0)
        used.window = WINDOW;
    each.fn.map = fn;
    each.in = in;
    each.in_bytes = in_bytes;
    each.out = out;
    each.out_bytes = out_bytes;
    each.count = count;
    return run(&each);
}

int leat_batch_items(leat_batch_fn *fn, void *items, size_t item_bytes, size_t count, size_t batch,
                     const struct leat_gather_options *options)
{
    struct leat_gather_options used = options ? *options : defaults;
    struct each                each = { .options = &used, .call = call_batch };

    leat__check(count == 0 || fn != NULL,
                "items need a function: NULL was given in the place of one");
    if (bad(&used) || batch == 0)
        return -EINVAL;
    if (used.window == 0)
        used.window = WINDOW;
    each.fn.batch = fn;
    each.out = items;
    each.out_bytes = item_bytes;
    each.items = count;
    each.batch = batch;
    each.count = count / batch + (count % batch != 0);
    return run(&each);
}

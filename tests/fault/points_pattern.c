/* SPDX-License-Identifier: MIT */
/* R9: a cancel, and a deadline, at every suspension of patterns in use: they report what they did,
 * and call each function as often as they say. */
#include "fault/suspend.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <stdatomic.h>
#include <string.h>

struct work {
    atomic_int made, first, second, third, calls, succeeded;
    int        status[6];
    bool       wrong;
};

static int make_number(void *out, void *arg)
{
    struct work *work = arg;
    int next = atomic_load(&work->made);

    if (next == 10)
        return -ENODATA;
    *(int *)out = next;
    atomic_fetch_add(&work->made, 1);
    return 0;
}

static int add_first(const void *in, void *out, void *arg)
{
    struct work *work = arg;
    int err = leat_sleep(LEAT_USEC);

    *(int *)out = *(const int *)in + 1;
    if (!err)
        atomic_fetch_add(&work->first, 1);
    return err;
}

static int take_last(const void *in, void *out, void *arg)
{
    struct work *work = arg;

    (void)out;
    if (*(const int *)in != atomic_load(&work->third) + 1)
        work->wrong = true; /* in order */
    atomic_fetch_add(&work->third, 1);
    return 0;
}

static int stages(void *arg)
{
    struct work *work = arg;
    struct leat_source numbers = { make_number, work, sizeof(int) };
    struct leat_stage steps[] = {
        { .fn = add_first, .arg = work, .out_bytes = sizeof(int), .width = 2, .ordered = true,
          .capacity = 2 },
        { .fn = take_last, .arg = work, .capacity = 2 },
    };
    int err;

    memset(work, 0, sizeof *work);
    err = leat_pipeline(&numbers, steps, 2);
    if (!err && atomic_load(&work->third) != 10)
        work->wrong = true;
    if (steps[1].taken != (size_t)atomic_load(&work->third))
        work->wrong = true;
    return err;
}

static void check_work(void *arg)
{
    struct work *work = arg;

    expect(!work->wrong);
    expect_le(atomic_load(&work->third), atomic_load(&work->first));
    expect_le(atomic_load(&work->first), atomic_load(&work->made));
}

LEAT_TEST(R9, a_pipeline_keeps_its_order_and_its_counts)
{
    struct work work;

    suspend_sweep("pipeline", stages, &work, check_work, true);
}

static int number_after_number(struct leat_gen *gen, void *arg)
{
    struct work *work = arg;
    int err = 0;

    atomic_fetch_add(&work->first, 1);
    for (int i = 0; i < 10 && !err; i++) {
        err = leat_sleep(LEAT_USEC);
        if (!err)
            err = leat_yield_value(gen, &i);
    }
    atomic_fetch_add(&work->second, 1);
    return err;
}

static int generate(void *arg)
{
    struct work *work = arg;
    int number, expected = 0;
    LEAT_GEN(numbers, int, number_after_number, work);

    memset(work, 0, sizeof *work);
    while (leat_next(&numbers, &number) == 0 && expected < 8)
        if (number != expected++)
            work->wrong = true;
    (void)leat_gen_close(&numbers);
    if (atomic_load(&work->first) != 1 || atomic_load(&work->second) != 1)
        work->wrong = true;
    return 0;
}

static void check_right(void *arg)
{
    expect(!((struct work *)arg)->wrong);
}

LEAT_TEST(R9, a_generator_runs_once_and_returns)
{
    struct work work;

    suspend_sweep("generator", generate, &work, check_right, true);
}

/* Fails at first, so that it is tried again. */
static int try_it(void *arg)
{
    struct work *work = arg;
    int call = atomic_fetch_add(&work->calls, 1), err = leat_sleep(LEAT_USEC);

    if (err)
        return err;
    if (call % 2 == 0)
        return -EIO;
    atomic_fetch_add(&work->succeeded, 1);
    return 0;
}

static struct work *shared_work;

static int retry_it(void *arg)
{
    (void)arg;
    return leat_retry(try_it, shared_work, .tries = 4, .delay = LEAT_USEC);
}

static int gather_all(void *arg)
{
    struct work *work = arg;
    struct leat_report report;
    int items[6] = { 0 }, good = 0;

    memset(work, 0, sizeof *work);
    shared_work = work;
    (void)leat_gather(retry_it, items, 6, .window = 2, .status = work->status, .report = &report,
                      .on_error = LEAT_COLLECT);
    for (int i = 0; i < 6; i++)
        good += work->status[i] >= 0;
    if (report.total != 6 || report.succeeded != (size_t)good ||
        report.succeeded + report.failed + report.cancelled != 6 ||
        good != atomic_load(&work->succeeded))
        work->wrong = true;
    return 0;
}

LEAT_TEST(R9, gather_and_retry_count_what_they_did)
{
    struct work work;

    suspend_sweep("gather", gather_all, &work, check_right, false);
}

static int race_one(void *arg)
{
    struct work *work = arg;
    int err = leat_sleep(LEAT_USEC);

    atomic_fetch_add(&work->calls, 1);
    return err;
}

static int race_all(void *arg)
{
    struct work *work = arg;
    const struct leat_racer racers[3] = { { race_one, work }, { race_one, work },
                                          { race_one, work } };
    size_t winner = 3;
    int err;

    memset(work, 0, sizeof *work);
    err = leat_race(racers, 3, .success = true, .winner = &winner);
    /* With a winner no more are started. */
    if (atomic_load(&work->calls) > 3 || (err && atomic_load(&work->calls) < 3) ||
        (err == 0) != (winner < 3))
        work->wrong = true;
    return 0;
}

LEAT_TEST(R9, a_race_calls_each_once_until_one_has_won)
{
    struct work work;

    suspend_sweep("race", race_all, &work, check_right, false);
}

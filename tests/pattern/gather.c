/* SPDX-License-Identifier: MIT */
/* Gather, map and batches call each item exactly once, or say that they did not. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct item {
    int        answer; /* in: what to return */
    leat_time  nap;    /* in: after this long */
    int        calls;  /* out */
    atomic_int *under_way, *most; /* NULL, or how many run at once */
};

static int run_item(void *arg)
{
    struct item *item = arg;
    int err = 0;

    item->calls++;
    if (item->under_way) {
        int now = atomic_fetch_add(item->under_way, 1) + 1, most = atomic_load(item->most);

        while (now > most && !atomic_compare_exchange_weak(item->most, &most, now))
            ;
    }
    if (item->nap)
        err = leat_sleep(item->nap);
    if (item->under_way)
        atomic_fetch_sub(item->under_way, 1);
    return err ? err : item->answer;
}

/* ---- gather ---- */

LEAT_TEST_TASK(gather, calls_each_item_once_and_reports)
{
    enum { COUNT = 1000 };
    static struct item items[COUNT];
    struct leat_report report;
    int status[COUNT];

    memset(items, 0, sizeof items);
    for (int i = 0; i < COUNT; i++)
        items[i].answer = i;
    expect_ok(leat_gather(run_item, items, COUNT, .status = status, .report = &report));
    for (int i = 0; i < COUNT; i++) {
        expect_eq(items[i].calls, 1);
        expect_eq(status[i], i);
    }
    expect_eq(report.total, COUNT);
    expect_eq(report.succeeded, COUNT);
    expect_eq(report.failed + report.cancelled, 0);
    expect_eq(report.first_failed, COUNT);
    expect_eq(report.first_error, 0);
    expect_eq(report.success_rate, 1.0);
    expect_gt(report.per_second, 0.0);
}

LEAT_TEST_TASK(gather, of_nothing_succeeds)
{
    struct item *none = NULL;
    struct leat_report report = { .total = 99 };

    expect_ok(leat_gather(run_item, none, 0, .report = &report));
    expect_eq(report.total, 0);
    expect_eq(report.success_rate, 1.0);
    expect_eq(report.per_second, 0.0);
    expect_ok(leat_gather_items(run_item, NULL, sizeof *none, 0, NULL));
}

LEAT_TEST_TASK(gather, collects_every_failure_with_its_index)
{
    struct item items[100] = { 0 };
    struct leat_failure failures[40] = { 0 };
    struct leat_report report;
    int status[100], seen = 0;

    for (int i = 0; i < 100; i += 3)
        items[i].answer = i % 2 ? -EIO : -ENOENT;
    expect(leat_gather(run_item, items, 100, .on_error = LEAT_COLLECT, .window = 7,
                       .status = status, .failures = failures, .failures_max = 40,
                       .report = &report) < 0);
    expect_eq(report.succeeded, 66);
    expect_eq(report.failed, 34);
    expect_eq(report.failures, 34);
    expect_eq(report.cancelled, 0);
    expect_eq(report.first_failed, failures[0].index);
    expect_err(report.first_error, failures[0].error);
    for (size_t i = 0; i < report.failures; i++) {
        expect_eq(failures[i].index % 3, 0);
        expect_err(failures[i].error, items[failures[i].index].answer);
        seen += status[failures[i].index] == failures[i].error;
    }
    expect_eq(seen, 34);
    for (int i = 0; i < 100; i++)
        expect_eq(items[i].calls, 1);
}

LEAT_TEST_TASK(gather, writes_no_more_failures_than_there_is_room_for)
{
    struct item items[10] = { 0 };
    struct leat_failure failures[3] = { [2] = { 77, 77 } };
    struct leat_report report;

    for (int i = 0; i < 10; i++)
        items[i].answer = -EIO;
    expect_err(leat_gather(run_item, items, 10, .on_error = LEAT_COLLECT, .failures = failures,
                           .failures_max = 2, .report = &report), -EIO);
    expect_eq(report.failed, 10);
    expect_eq(report.failures, 2);
    expect_eq(failures[2].error, 77);
    expect_eq(report.success_rate, 0.0);
}

LEAT_TEST_TASK(gather, the_first_failure_ends_the_rest)
{
    struct item items[50] = { 0 };
    struct leat_report report;
    int status[50], called = 0;

    for (int i = 0; i < 50; i++)
        items[i].nap = LEAT_HOUR;
    items[20].nap = LEAT_MSEC;
    items[20].answer = -EIO;
    expect_err(leat_gather(run_item, items, 50, .window = 30, .status = status,
                           .report = &report), -EIO);
    expect_eq(report.failed, 1);
    expect_eq(report.first_failed, 20);
    expect_err(report.first_error, -EIO);
    expect_eq(report.cancelled, 49);
    for (int i = 0; i < 50; i++) {
        expect_err(status[i], i == 20 ? -EIO : -ECANCELED);
        called += items[i].calls;
    }
    expect_ge(called, 30);
    expect_le(called, 32); /* those whose turn came while the failure was on its way */
    expect_ok(leat_cancelled());
}

LEAT_TEST_TASK(gather, a_window_bounds_how_many_run_at_once)
{
    struct item items[60] = { 0 };
    atomic_int under_way = 0, most = 0;

    for (int i = 0; i < 60; i++)
        items[i] = (struct item){ .nap = LEAT_USEC * 100, .under_way = &under_way, .most = &most };
    expect_ok(leat_gather(run_item, items, 60, .window = 4));
    expect_eq(atomic_load(&most), 4);
    expect_eq(atomic_load(&under_way), 0);
}

LEAT_TEST_TASK(gather, a_window_has_no_barrier)
{
    struct item items[11] = { 0 };
    leat_time began = leat_now();

    items[0].nap = 20 * LEAT_MSEC; /* the others go on beside it, one after another */
    for (int i = 1; i < 11; i++)
        items[i].nap = 2 * LEAT_MSEC;
    expect_ok(leat_gather(run_item, items, 11, .window = 2));
    expect_lt(leat_now() - began, 400 * LEAT_MSEC * TEST_SLOWDOWN);
}

LEAT_TEST_TASK(gather, its_deadline_ends_all)
{
    struct item items[20] = { 0 };
    struct leat_report report;
    leat_time began = leat_now();

    for (int i = 0; i < 20; i++)
        items[i].nap = i < 3 ? 0 : LEAT_HOUR;
    expect_err(leat_gather(run_item, items, 20, .window = 10, .on_error = LEAT_COLLECT,
                           .deadline = leat_after(5 * LEAT_MSEC), .report = &report), -ETIMEDOUT);
    expect_ge(leat_now() - began, 5 * LEAT_MSEC);
    expect_eq(report.succeeded, 3);
    expect_eq(report.succeeded + report.failed + report.cancelled, 20);
    expect_ok(leat_cancelled());
}

LEAT_TEST_TASK(gather, a_cancel_from_outside_ends_all)
{
    struct item items[20] = { 0 };
    struct leat_report report;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 20; i++)
        items[i].nap = LEAT_HOUR;
    leat_scope_cancel(&scope);
    expect_err(leat_gather(run_item, items, 20, .window = 3, .report = &report), -ECANCELED);
    expect_eq(report.cancelled, 20);
    expect_ok(leat_scope_join(&scope));
}

static int gather_long(void *arg)
{
    struct leat_report *report = arg;
    struct item items[30] = { 0 };

    for (int i = 0; i < 30; i++)
        items[i].nap = i % 2 ? LEAT_HOUR : LEAT_MSEC;
    return leat_gather(run_item, items, 30, .window = 8, .report = report);
}

LEAT_TEST_TASK(gather, cancelled_at_any_moment_accounts_for_each_item)
{
    for (int moment = 0; moment < 30; moment++) {
        struct leat_report report = { 0 };
        LEAT_SCOPE(scope);

        leat_spawn(&scope, gather_long, &report);
        (void)leat_sleep(moment * 200 * LEAT_USEC);
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
        expect_eq(report.total, 30);
        expect_eq(report.succeeded + report.failed + report.cancelled, 30);
        expect_ge(report.cancelled, 15);
    }
}

LEAT_TEST_TASK(gather, bad_options_are_refused)
{
    struct item item = { 0 };

    expect_err(leat_gather(run_item, &item, 1, .deadline = -1), -EINVAL);
    expect_err(leat_gather_items(run_item, &item, sizeof item, 1,
                                 &(struct leat_gather_options){ .size = 1 }), -EINVAL);
    expect_eq(item.calls, 0);
}

/* ---- map ---- */

static int square(const void *in, void *out, void *arg)
{
    int n = *(const int *)in;

    (void)arg;
    leat_yield();
    if (n < 0)
        return -EDOM;
    *(long *)out = (long)n * n;
    return 0;
}

LEAT_TEST_TASK(map, fills_each_output_from_its_input)
{
    int in[500];
    long out[500];

    for (int i = 0; i < 500; i++)
        in[i] = i;
    expect_ok(leat_map(square, in, out, 500));
    for (long i = 0; i < 500; i++)
        expect_eq(out[i], i * i);
    expect_ok(leat_map(square, in, out, 0));
}

LEAT_TEST_TASK(map, names_the_input_that_failed)
{
    int in[] = { 1, 2, -3, 4 };
    long out[4];
    struct leat_report report;

    expect_err(leat_map(square, in, out, 4, .on_error = LEAT_COLLECT, .report = &report), -EDOM);
    expect_eq(report.first_failed, 2);
    expect_eq(out[3], 16);
}

/* ---- batches ---- */

struct sizes {
    atomic_int calls, items, most;
};

static int add_up(void *items, size_t count, void *arg)
{
    struct sizes *sizes = arg;
    int *numbers = items;
    int most = atomic_load(&sizes->most);

    while ((int)count > most && !atomic_compare_exchange_weak(&sizes->most, &most, (int)count))
        ;
    atomic_fetch_add(&sizes->calls, 1);
    atomic_fetch_add(&sizes->items, (int)count);
    for (size_t i = 0; i < count; i++)
        numbers[i]++;
    return 0;
}

LEAT_TEST_TASK(batches, cover_every_item_once)
{
    for (size_t count = 0; count < 40; count++) {
        int numbers[40] = { 0 };
        struct sizes sizes = { 0 };

        expect_ok(leat_batches(add_up, numbers, count, 7, .window = 2, .arg = &sizes));
        expect_eq(atomic_load(&sizes.items), count);
        expect_eq(atomic_load(&sizes.calls), (count + 6) / 7);
        expect_le(atomic_load(&sizes.most), 7);
        for (size_t i = 0; i < 40; i++)
            expect_eq(numbers[i], i < count ? 1 : 0);
    }
}

LEAT_TEST_TASK(batches, of_no_size_are_refused)
{
    int number = 0;

    expect_err(leat_batches(add_up, &number, 1, 0), -EINVAL);
}

/* ---- plain threads ---- */

static void *gather_on_thread(void *arg)
{
    struct item items[10] = { 0 };
    struct leat_report report;
    int in[] = { 1, 2, 3 };
    long out[3];

    (void)arg;
    items[6].answer = -EIO;
    expect_err(leat_gather(run_item, items, 10, .report = &report), -EIO);
    expect_eq(report.succeeded, 6);
    expect_eq(report.cancelled, 3);
    expect_eq(items[7].calls, 0);
    expect_err(leat_gather(run_item, items, 10, .on_error = LEAT_COLLECT, .report = &report),
               -EIO);
    expect_eq(report.succeeded, 9);
    items[2].nap = LEAT_HOUR;
    expect_err(leat_gather(run_item, items, 10, .deadline = leat_after(3 * LEAT_MSEC)),
               -ETIMEDOUT);
    expect_ok(leat_map(square, in, out, 3));
    expect_eq(out[2], 9);
    return NULL;
}

LEAT_TEST(gather, works_on_a_plain_thread)
{
    gather_on_thread(NULL);
}

LEAT_TEST_TASK(gather, works_on_a_plain_thread_beside_a_runtime)
{
    pthread_t thread;

    assert_ok(pthread_create(&thread, NULL, gather_on_thread, NULL));
    pthread_join(thread, NULL);
}

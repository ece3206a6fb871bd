/* SPDX-License-Identifier: MIT */
/* Many items with bounded concurrency: map keeps a window of eight under way, and starts the next
 * when any has ended; batches hands out 100 at a time, for what is cheaper in bulk. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdio.h>

enum { COUNT = 1050 };

static int square(const void *in, void *out, void *arg)
{
    int n = *(const int *)in;
    int err = leat_sleep(n % 10 == 0 ? LEAT_MSEC : 0);
    (void)arg;

    *(long *)out = (long)n * n;
    return err;
}

static int insert(void *rows, size_t count, void *arg)
{
    atomic_long *sum = arg;
    int err = leat_sleep(LEAT_MSEC); /* one statement for all of them */

    for (size_t i = 0; i < count; i++)
        atomic_fetch_add(sum, ((long *)rows)[i]);
    return err;
}

static int app(void *arg)
{
    static int numbers[COUNT];
    static long squares[COUNT];
    struct leat_report report;
    atomic_long sum = 0;
    int err;
    (void)arg;

    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    if ((err = leat_map(square, numbers, squares, COUNT, .window = 8, .report = &report)) < 0)
        return err;
    printf("%zu squares\n", report.succeeded);
    err = leat_batches(insert, squares, COUNT, 100, .window = 2, .arg = &sum, .report = &report);
    printf("%zu batches, sum %ld\n", report.succeeded, atomic_load(&sum));
    return err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

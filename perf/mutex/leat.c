/* SPDX-License-Identifier: MIT */
/* Tasks that count under one mutex. */
#include <leat/leat.h>

#include "helper.h"

enum { TASKS = 100, ROUNDS = 20000 };

static struct leat_mutex mutex;
static uint64_t          count;

static int count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        int err = leat_mutex_lock(&mutex);

        if (err)
            return err;
        count++;
        leat_mutex_unlock(&mutex);
    }
    return 0;
}

static void all_count(void *data)
{
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    (void)data;
    for (int i = 0; i < TASKS; i++)
        leat_spawn(&scope, count_up, NULL);
    if (leat_scope_join(&scope))
        perf_die("a task failed", 0);
}

static int measure(void *arg)
{
    perf_repeat_ns(arg, (double)TASKS * ROUNDS, all_count, NULL);
    perf_check_value(count);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(measure, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

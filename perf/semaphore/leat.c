/* SPDX-License-Identifier: MIT */
/* Tasks that pass a semaphore. */
#include <leat/leat.h>

#include "helper.h"

enum { TASKS = 100000, PERMITS = 100 };

static struct leat_semaphore semaphore = LEAT_SEMAPHORE_INIT(PERMITS);

static int pass(void *arg)
{
    int err = leat_semaphore_acquire(&semaphore, 1);

    (void)arg;
    if (err)
        return err;
    leat_yield();
    leat_semaphore_release(&semaphore, 1);
    return 0;
}

static void all_pass(void *data)
{
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    (void)data;
    for (int i = 0; i < TASKS; i++)
        leat_spawn(&scope, pass, NULL);
    if (leat_scope_join(&scope))
        perf_die("a task failed", 0);
}

static int measure(void *arg)
{
    perf_repeat_ns(arg, TASKS, all_pass, NULL);
    perf_check_value(leat_semaphore_available(&semaphore));
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(measure, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

/* SPDX-License-Identifier: MIT */
#include <leat/leat.h>

#include <string.h>

#include "helper.h"

enum { CALLS = 20000, QUEUED = 100000 };

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void call_in_turn(void *data)
{
    (void)data;
    for (int i = 0; i < CALLS; i++)
        if (leat_blocking(nothing, NULL) != 0)
            perf_die("a call failed", 0);
}

static int caller(void *arg)
{
    return leat_blocking(nothing, arg);
}

static void call_at_once(void *data)
{
    LEAT_SCOPE(scope);

    (void)data;
    for (int i = 0; i < QUEUED; i++)
        leat_spawn(&scope, caller, NULL);
    if (leat_scope_join(&scope) != 0)
        perf_die("a call failed", 0);
}

static int app(void *arg)
{
    const struct perf_args *args = arg;

    if (strcmp(args->question, "blocking_queued") == 0)
        perf_repeat_ns(args, QUEUED * 1000.0, call_at_once, NULL);
    else
        perf_repeat_ns(args, CALLS * 1000.0, call_in_turn, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(app, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

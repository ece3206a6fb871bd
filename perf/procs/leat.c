/* SPDX-License-Identifier: MIT */
/*
 * The process pool with its defaults: one worker process for each CPU, and a runtime with as many
 * workers as the question says.
 */
#include <leat/leat.h>
#include <leat/procs.h>

#include <string.h>

#include "helper.h"

enum { CALLS = 20000, CALLERS = 32 };

LEAT_REMOTE(echo)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return leat_reply_write(reply, in, in_bytes);
}

struct bench {
    const struct perf_args *args;
    struct leat_procs      *procs;
};

static void call_times(struct leat_procs *procs, int calls)
{
    struct leat_reply reply = { 0 };

    for (uint64_t i = 0; i < (uint64_t)calls; i++)
        if (leat_procs_call(procs, echo, &i, sizeof i, &reply) != 0 ||
            reply.bytes != sizeof i || memcmp(reply.data, &i, sizeof i) != 0)
            perf_die("a call failed", 0);
    leat_reply_fini(&reply);
}

static void call_in_turn(void *data)
{
    call_times(((struct bench *)data)->procs, CALLS);
}

static int caller(void *arg)
{
    call_times(arg, CALLS / CALLERS);
    return 0;
}

static void call_at_once(void *data)
{
    struct bench *bench = data;
    LEAT_SCOPE(scope);

    for (int i = 0; i < CALLERS; i++)
        leat_spawn(&scope, caller, bench->procs);
    if (leat_scope_join(&scope) != 0)
        perf_die("a caller failed", 0);
}

static int app(void *arg)
{
    struct bench *bench = arg;
    int           pipelined = strcmp(bench->args->question, "procs_pipelined") == 0;
    int           err = leat_procs_open(&bench->procs, NULL);

    if (err)
        return err;
    perf_repeat_ns(bench->args, CALLS * 1000.0, pipelined ? call_at_once : call_in_turn, bench);
    leat_procs_close(bench->procs);
    return 0;
}

int main(int argc, char **argv)
{
    leat_procs_main(argc, argv);

    struct perf_args args = perf_args_parse(argc, argv);
    struct bench     bench = { .args = &args };

    return leat_main(app, &bench, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

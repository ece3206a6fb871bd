/* SPDX-License-Identifier: MIT */
/* A task for each item, which computes on its worker. */
#include <leat/leat.h>
#include <leat/remote.h>

#include <string.h>

#include "helper.h"
#include "work.h"

LEAT_REMOTE(digest)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    uint64_t value;

    memcpy(&value, in, in_bytes);
    value = work_digest(value);
    return leat_reply_write(reply, &value, sizeof value);
}

struct bench {
    const struct perf_args *args;
    struct leat_executor   *executor;
    uint64_t                digests[ITEMS];
};

struct item {
    struct bench *bench;
    uint64_t      number;
};

static int wait_and_compute(void *arg)
{
    const struct item *item = arg;
    struct leat_reply  reply = { 0 };
    int                err = leat_sleep(ANSWER_NS);

    if (!err)
        err = leat_remote_call(item->bench->executor, digest, &item->number,
                               sizeof item->number, &reply);
    if (!err)
        memcpy(&item->bench->digests[item->number], reply.data, sizeof(uint64_t));
    leat_reply_fini(&reply);
    return err;
}

static void run(void *data)
{
    struct item items[ITEMS];
    LEAT_SCOPE(scope);

    for (uint64_t i = 0; i < ITEMS; i++) {
        items[i] = (struct item){ data, i };
        leat_spawn(&scope, wait_and_compute, &items[i]);
    }
    if (leat_scope_join(&scope) != 0)
        perf_die("a task failed", 0);
}

static int app(void *arg)
{
    struct bench *bench = arg;

    bench->executor = leat_executor_inline();
    perf_repeat_ns(bench->args, 1e6, run, bench);
    perf_check_value(work_sum(bench->digests));
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    struct bench     bench = { .args = &args };

    return leat_main(app, &bench, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

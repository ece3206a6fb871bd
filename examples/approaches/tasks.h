/* SPDX-License-Identifier: MIT */
/* The work as a task for each item. What computes is one registered function; where it runs, on
 * the worker, on the computing pool or in a process, is one argument. */
#ifndef APPROACHES_TASKS_H
#define APPROACHES_TASKS_H

#include "work.h"

#include <leat/leat.h>
#include <leat/remote.h>

#include <errno.h>
#include <string.h>

LEAT_REMOTE(digest, .idempotent = true)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    uint64_t state;

    if (in_bytes != sizeof state)
        return -EINVAL;
    memcpy(&state, in, sizeof state);
    state = work_digest(state);
    return leat_reply_write(reply, &state, sizeof state);
}

struct item {
    uint64_t              number; /* in */
    struct leat_executor *executor;
    uint64_t              digest; /* out */
};

static inline int compute(struct item *item)
{
    struct leat_reply reply = { 0 };
    int err = leat_remote_call(item->executor, digest, &item->number, sizeof item->number, &reply);

    if (!err)
        memcpy(&item->digest, reply.data, sizeof item->digest);
    leat_reply_fini(&reply);
    return err;
}

static inline int wait_and_compute(void *arg)
{
    int err = leat_sleep(ANSWER_NS);

    return err ? err : compute(arg);
}

/* fn for each item, all at once. */
static inline int at_once(struct item *items, size_t count, leat_task_fn *fn)
{
    LEAT_SCOPE(scope);

    for (size_t i = 0; i < count; i++)
        leat_spawn(&scope, fn, &items[i]);
    return leat_scope_join(&scope);
}

#endif

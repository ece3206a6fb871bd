/* SPDX-License-Identifier: MIT */
/* Registered functions and the two executors that need no other process.
 *
 * A list that constructors build, not a section of the linker's: a section's begin and end are
 * those of one object, so functions in a shared library would be missed. It costs a program that
 * registers none nothing, and else a few stores each before main. */
#include "procs/remote.h"

#include "base/check.h"
#include "procs/reply.h"
#include "procs/wire.h"

#include <leat/compute.h>
#include <leat/task.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static struct leat_remote *registered; /* complete before there are threads */

void leat_remote_register(struct leat_remote *remote)
{
    leat__check(remote->size == sizeof *remote && remote->name && remote->fn,
                "a registered function has a size, a name and a function");
    for (const struct leat_remote *other = registered; other; other = other->leat__next)
        leat__check(other != remote && strcmp(other->name, remote->name) != 0,
                    "register each function once, under a name of its own");
    remote->leat__hash = leat__procs_hash(LEAT__HASH_BEGIN, remote->name, strlen(remote->name));
    remote->leat__next = registered;
    registered = remote;
}

const struct leat_remote *leat__remote_find(uint64_t hash)
{
    for (const struct leat_remote *remote = registered; remote; remote = remote->leat__next)
        if (remote->leat__hash == hash)
            return remote;
    return NULL;
}

int leat_remote_call(struct leat_executor *executor, const struct leat_remote *remote,
                     const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return executor->call(executor, remote, in, in_bytes, reply);
}

/* ---- in this process ---- */

struct local_call {
    const struct leat_remote *remote;
    const void               *in;
    size_t                    in_bytes;
    struct leat_reply        *reply;
};

static int run_local(void *arg)
{
    struct local_call *call = arg;

    call->reply->end = LEAT_REMOTE_RETURNED;
    call->reply->attempts = 1;
    return call->remote->fn(call->in, call->in_bytes, call->reply);
}

static int call_inline(struct leat_executor *executor, const struct leat_remote *remote,
                       const void *in, size_t in_bytes, struct leat_reply *reply)
{
    struct local_call call = { remote, in, in_bytes, reply };
    struct leat_reply before;
    int err = leat_cancelled();

    (void)executor;
    leat__reply_renew(reply, &before, remote->name);
    if (!err)
        err = run_local(&call);
    leat_reply_fini(&before);
    return err;
}

static int call_compute(struct leat_executor *executor, const struct leat_remote *remote,
                        const void *in, size_t in_bytes, struct leat_reply *reply)
{
    struct local_call call = { remote, in, in_bytes, reply };
    struct leat_reply before;
    int err = leat_cancelled(); /* as the others do: leat_compute may overlook a passed deadline */

    (void)executor;
    leat__reply_renew(reply, &before, remote->name);
    if (!err)
        err = leat_compute(run_local, &call);
    leat_reply_fini(&before);
    return err;
}

struct leat_executor *leat_executor_inline(void)
{
    static struct leat_executor executor = { .name = "inline", .call = call_inline };

    return &executor;
}

struct leat_executor *leat_executor_compute(void)
{
    static struct leat_executor executor = { .name = "compute", .call = call_compute };

    return &executor;
}

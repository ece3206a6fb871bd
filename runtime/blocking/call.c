/* SPDX-License-Identifier: MIT */
/* The calls that the blocking pool is for: each goes to the pool of the runtime that its caller is
 * a task of, as one of its kind. Who is no task blocks nobody but itself, and needs no pool. */
#include "base/check.h"
#include "blocking/owned.h"
#include "blocking/pool.h"
#include "sched/sched.h"
#include "task/offload.h"
#include "task/runtime.h"

#include <leat/pool.h>

int leat__blocking_call(struct leat__blocking *pool, int (*fn)(void *arg), void *arg)
{
    return leat__offload_call(leat__blocking_port(pool, LEAT__BLOCKING_USER), fn, arg);
}

/* The caller's pool, and one call more; NULL: it is no task, and blocks nobody but itself. */
static struct leat__blocking *pool_of_caller(void)
{
    struct leat__worker *worker = leat__worker_current();

    if (!worker)
        return NULL;
    leat__probe_count(&leat__worker_probe(worker)->blocking_calls);
    return leat__runtime_current()->blocking;
}

static int call(enum leat__blocking_kind kind, int (*fn)(void *arg), void *arg)
{
    struct leat__blocking *pool = pool_of_caller();

    return pool ? leat__offload_call(leat__blocking_port(pool, kind), fn, arg)
                : leat__offload_here(fn, arg);
}

int leat_blocking(int (*fn)(void *arg), void *arg)
{
    leat__check(fn != NULL, "leat_blocking needs a function: NULL was given in the place of one");
    return call(LEAT__BLOCKING_USER, fn, arg);
}

int leat__blocking_files(int (*fn)(void *arg), void *arg)
{
    return call(LEAT__BLOCKING_FILES, fn, arg);
}

static int owned_call(enum leat__blocking_kind kind, int (*fn)(void *value), void *value,
                      size_t bytes, void (*drop)(void *value))
{
    struct leat__blocking *pool = pool_of_caller();

    return pool ? leat__owned_call(leat__blocking_port(pool, kind), fn, value, bytes, drop)
                : leat__offload_here(fn, value);
}

int leat_blocking_owned(int (*fn)(void *value), void *value, size_t bytes,
                        void (*drop)(void *value))
{
    leat__check(fn != NULL,
                "leat_blocking_owned needs a function: NULL was given in the place of one");
    return owned_call(LEAT__BLOCKING_USER, fn, value, bytes, drop);
}

int leat__blocking_names(int (*fn)(void *value), void *value, size_t bytes,
                         void (*drop)(void *value))
{
    return owned_call(LEAT__BLOCKING_NAMES, fn, value, bytes, drop);
}

/* SPDX-License-Identifier: MIT */
/* What the tests of debug reports share: locks, tasks that nest them, and what was told last. */
#ifndef LEAT_TESTS_SYNC_HELD_H
#define LEAT_TESTS_SYNC_HELD_H

#include "harness/test.h"
#include "lockfree/lock.h"
#include "task/held.h"

#include <leat/leat.h>

#include <string.h>

static struct {
    struct leat__lock        lock;
    size_t                   count;
    struct leat__held_report last;
} heard;

static inline void hear(const struct leat__held_report *report)
{
    leat__lock(&heard.lock);
    heard.count++;
    heard.last = *report;
    leat__unlock(&heard.lock);
}

static inline void begin(void)
{
    memset(&heard, 0, sizeof heard);
    leat__held_watch(false); /* a debug build has it on */
    leat__held_watch(true);
    leat__held_print_by(hear);
}

static inline size_t end(void)
{
    leat__held_watch(false);
    return heard.count;
}

static struct leat_mutex a, b, c, gate;
static struct leat_rwlock ra, rb;

static inline void forget(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    memset(&c, 0, sizeof c);
    memset(&gate, 0, sizeof gate);
    memset(&ra, 0, sizeof ra);
    memset(&rb, 0, sizeof rb);
    begin();
}

__attribute__((noinline, unused)) static int nest(struct leat_mutex *outer,
                                                  struct leat_mutex *inner)
{
    int err = leat_mutex_lock(outer);

    if (err)
        return err;
    err = leat_mutex_lock(inner);
    if (!err)
        leat_mutex_unlock(inner);
    leat_mutex_unlock(outer);
    return err;
}

static inline int a_then_b(void *arg)
{
    (void)arg;
    return nest(&a, &b);
}

static inline int b_then_a(void *arg)
{
    (void)arg;
    return nest(&b, &a);
}

static inline int b_then_c(void *arg)
{
    (void)arg;
    return nest(&b, &c);
}

static inline int c_then_a(void *arg)
{
    (void)arg;
    return nest(&c, &a);
}

/* One after the other, each as a task of its own. */
static inline void run_each(leat_task_fn *const *fns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        LEAT_SCOPE(scope);

        leat_spawn_opt(&scope, fns[i], NULL,
                       LEAT_TASK_OPTIONS(.name = i == 0 ? "first" : "later"));
        expect_ok(leat_scope_join(&scope));
    }
}

#define RUN_EACH(...)                                                                              \
    run_each((leat_task_fn *[]){ __VA_ARGS__ }, sizeof(leat_task_fn *[]){ __VA_ARGS__ } /          \
                                                    sizeof(leat_task_fn *))

#endif

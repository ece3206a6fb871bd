/* SPDX-License-Identifier: MIT */
/* Tasks and scopes. A scope owns tasks: children never outlive it, so arguments and results live
 * in the parent's frame; the first failure cancels the siblings; the deadline sits on the scope.
 *
 *     LEAT_SCOPE(scope, .deadline = leat_after(2 * LEAT_SEC));
 *     for (int i = 0; i < 3; i++)
 *         leat_spawn(&scope, fetch, &job[i]);
 *     return leat_scope_join(&scope);          // 0, the first error, or -ETIMEDOUT
 *
 * A scope is lexical: until it is joined it also bounds the owner's own blocking calls, by its
 * deadline and by a child's failure. After its own deadline they return -ETIMEDOUT; when an outer
 * scope ended or somebody cancelled, -ECANCELED, which wins. Both stick until the scope is joined.
 */
#ifndef LEAT_TASK_H
#define LEAT_TASK_H

#include <leat/api.h>
#include <leat/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

/* A task's body. Returns 0 or a negative errno; what it returns goes to its scope. */
typedef int leat_task_fn(void *arg);

enum leat_on_error {
    LEAT_CANCEL,  /* the first failure cancels the siblings */
    LEAT_COLLECT, /* siblings finish; the first error is still what join returns */
};

struct leat_scope_options {
    size_t             size;     /* sizeof(struct leat_scope_options); LEAT_SCOPE sets it */
    leat_time          deadline; /* absolute, on leat_now()'s clock; 0: none of its own */
    enum leat_on_error on_error;
    unsigned           limit; /* children running at once; spawn waits at the limit. 0: none */
    const char        *name;  /* borrowed for the life of the scope */
    uint64_t           reserved[4];
};

/* Caller's memory, never copied or moved. Every field is private. */
struct leat_scope {
    uint64_t leat__private[24];
};

/* Declare a scope in this block and enter it. A return before the join cancels and joins first. */
#define LEAT_SCOPE(...) LEAT__SCOPE(__VA_ARGS__, .size = sizeof(struct leat_scope_options))
#define LEAT__SCOPE(scope, ...)                                                                    \
    struct leat_scope scope __attribute__((cleanup(leat_scope_cleanup)));                          \
    leat_scope_enter(&scope, &(const struct leat_scope_options){ __VA_ARGS__ })

/* Limit the blocking calls of the rest of this block to `delay` nanoseconds from here. */
#define LEAT_LIMIT(delay)                                                                          \
    LEAT__SCOPE(LEAT__UNIQUE(leat__limit_), .size = sizeof(struct leat_scope_options),             \
                .deadline = leat_after(delay))

/* Enter a scope by hand (C++, bindings). Every enter is paired with a join or a cleanup, in the
 * same task and in reverse order. Bad options (a size that is not this header's, a negative
 * deadline) are remembered: spawn and join return -EINVAL. Never blocks. */
LEAT_API void leat_scope_enter(struct leat_scope *scope, const struct leat_scope_options *options);

/* Wait for every child and leave the scope. Not a cancellation point: children never outlive it.
 * Returns the first error of a child or of a failed spawn, else 0; again, the same.
 * A child that nobody has started yet may run on the caller's stack. */
LEAT_API int leat_scope_join(struct leat_scope *scope);

/* Ask every task inside the scope, at any depth, and the owner's calls in it, to end: their
 * blocking calls return -ECANCELED. Returns at once.
 * Threads: any task or thread, while the scope is alive. */
LEAT_API void leat_scope_cancel(struct leat_scope *scope);

/* Cancel and join, unless it is joined already. What LEAT_SCOPE runs at the end of the block. */
LEAT_API void leat_scope_cleanup(struct leat_scope *scope);

/* Start fn(arg) as a child of the scope.
 * Returns 0: fn is called exactly once, cancelled or not. Otherwise it is not called: -ENOMEM,
 * -EINVAL (bad options of the scope), -ECANCELED or -ETIMEDOUT while waiting at .limit; the scope
 * remembers that and join returns it, so the result may be ignored.
 * Blocks only at the scope's .limit.
 * Threads: the owner, and tasks inside the scope; a plain thread's scope has no runtime: -EPERM. */
LEAT_API int leat_spawn(struct leat_scope *scope, leat_task_fn *fn, void *arg);

/* leat_spawn with a copy of `bytes` bytes at `value`, which the task owns while it runs.
 * Returns also -E2BIG over 64 KiB. */
LEAT_API int leat_spawn_with(struct leat_scope *scope, leat_task_fn *fn, const void *value,
                             size_t bytes);

struct leat_task_options {
    size_t      size;   /* sizeof(struct leat_task_options); LEAT_TASK_OPTIONS sets it */
    const char *name;   /* borrowed until the task ends; shown in reports */
    bool        pinned; /* started tasks never leave their worker: for code that holds thread-locals
                           over a suspension, and where foreign code calls back into leat */
    uint64_t    reserved[4];
};

#define LEAT_TASK_OPTIONS(...)                                                                     \
    (&(const struct leat_task_options){ LEAT__TASK_OPTIONS(                                        \
        __VA_ARGS__, .size = sizeof(struct leat_task_options)) })
#define LEAT__TASK_OPTIONS(...) __VA_ARGS__

/* leat_spawn with options. NULL means none. */
LEAT_API int leat_spawn_opt(struct leat_scope *scope, leat_task_fn *fn, void *arg,
                            const struct leat_task_options *options);

/* Suspend for `delay` nanoseconds, never shorter. Zero or less yields.
 * Returns 0, -ECANCELED or -ETIMEDOUT (the scope's deadline came first). */
LEAT_API int leat_sleep(leat_time delay);

/* Suspend until leat_now() reaches `when`. Returns as leat_sleep. */
LEAT_API int leat_sleep_until(leat_time when);

/* Let other runnable tasks go first. Not a cancellation point. On a plain thread: sched_yield. */
LEAT_API void leat_yield(void);

/* 0, or what the caller's next blocking call would return: -ECANCELED or -ETIMEDOUT. For loops that
 * compute. Never blocks. */
LEAT_API int leat_cancelled(void);

/* The name given at spawn, "root" for leat_run's function, NULL without one or on a plain thread. */
LEAT_API const char *leat_task_name(void);

/* Run fn(ptr) when the block ends, however it ends. It runs shielded: its blocking calls see no
 * cancel and no deadline. */
#define LEAT_DEFER(fn, ptr)                                                                        \
    struct leat__defer LEAT__UNIQUE(leat__defer_)                                                  \
        __attribute__((unused, cleanup(leat__defer_run))) = {                                      \
            (void (*)(void *))(void (*)(void))(fn), (void *)(ptr), sizeof((fn)(ptr), 0)            \
        }
struct leat__defer {
    void (*fn)(void *ptr);
    void  *ptr;
    size_t checked; /* the call's types were checked by sizeof, which evaluates nothing */
};
LEAT_API void leat__defer_run(struct leat__defer *defer);

/* Between shield and unshield the caller's blocking calls see no cancel and no deadline. Nests. */
LEAT_API void leat_shield(void);
LEAT_API void leat_unshield(void);

#define LEAT__UNIQUE(prefix)      LEAT__PASTE(prefix, __LINE__)
#define LEAT__PASTE(prefix, line) LEAT__PASTE_(prefix, line)
#define LEAT__PASTE_(prefix, line) prefix##line

LEAT_END

#endif

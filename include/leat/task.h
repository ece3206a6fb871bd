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
 * scope ended or somebody cancelled, -ECANCELED, which wins. Both stick until the scope is joined,
 * also for calls that could be done at once; only those whose documentation says so (a lock that is
 * free, an event that is set, a result that is there) still succeed then.
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

enum leat_race {
    LEAT_RACE_NONE,
    LEAT_RACE_FINISHED, /* the first child to finish wins, whatever it returns */
    LEAT_RACE_SUCCESS,  /* the first that returns 0 or more; failures end nobody */
};

struct leat_scope_options {
    size_t             size;     /* sizeof(struct leat_scope_options); LEAT_SCOPE sets it */
    leat_time          deadline; /* absolute, on leat_now()'s clock; 0: none of its own */
    enum leat_on_error on_error;
    unsigned           limit; /* children running at once; spawn waits at the limit. 0: none */
    const char        *name;  /* borrowed for the life of the scope */
    enum leat_race     race;  /* the winner cancels the others; on_error is not looked at */
    bool               keep;  /* results are kept for leat_scope_next */
    uint64_t           reserved[3];
};

/* Caller's memory, never copied or moved. Every field is private. */
struct leat_scope {
    uint64_t leat__private[28];
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

/* Cancel and join, unless it is joined already, and drop results that nobody asked for. What
 * LEAT_SCOPE runs at the end of the block. */
LEAT_API void leat_scope_cleanup(struct leat_scope *scope);

/* Join a scope that was entered with .race. The winner has cancelled the others.
 * Returns what the winner returned; under LEAT_RACE_SUCCESS, where all failed, the first error; 0
 * where there were no children. leat_scope_join of such a scope returns the same. */
LEAT_API int leat_scope_race(struct leat_scope *scope);

/* A task that has ended, of a scope with .keep. */
struct leat_ended {
    leat_task_fn *fn;
    void         *arg;  /* NULL after leat_spawn_with: the copy is gone */
    const char   *name; /* borrowed at spawn */
    int           result;
    uint64_t      id; /* leat_task_id, unique in a runtime */
};

/* Take the next child of a scope with .keep, in the order in which they finish.
 * Returns -ENODATA when every child has been handed out.
 * Blocks while children run and none has finished.
 * Cancel: results that are there come first. A child's failure, or a cancel of this scope alone, is
 * no end: its children are about to finish, and are handed out too. The end of an outer scope gives
 * -ECANCELED, the scope's own deadline -ETIMEDOUT; after the join (or a second call) what is left
 * is handed out as before, without waiting.
 * Threads: the owner; of an open scope (leat_scope_open) any number of tasks. */
LEAT_API LEAT_MUST_CHECK int leat_scope_next(struct leat_scope *scope, struct leat_ended *ret);

/* Open a scope that lives in an object: it owns tasks and does not bound the opener's calls, and no
 * scope around the opener bounds it. Only leat_scope_cancel, a failure, its deadline and the
 * runtime's shutdown end its tasks. Options as for LEAT_SCOPE; NULL means none.
 *
 *     leat_scope_open(&server->connections, LEAT_SCOPE_OPTIONS(.on_error = LEAT_COLLECT));
 *     ...
 *     leat_scope_cancel(&server->connections);
 *     leat_scope_close(&server->connections);
 *
 * Returns -EINVAL (bad options) or -EPERM (no runtime); close is called all the same.
 * Threads: any task of a runtime may open and spawn into it. */
LEAT_API int leat_scope_open(struct leat_scope *scope, const struct leat_scope_options *options);

/* Wait for every child and end an open scope; results that are still kept are dropped.
 * Returns as leat_scope_join. Not a cancellation point: cancel the scope first to end its tasks.
 * Threads: one task, which need not be the one that opened it. A scope that is still open when
 * leat_run's function and all detached tasks have ended is a checked bug. */
LEAT_API int leat_scope_close(struct leat_scope *scope);

#define LEAT_SCOPE_OPTIONS(...)                                                                    \
    (&(const struct leat_scope_options){ LEAT__TASK_OPTIONS(                                       \
        __VA_ARGS__, .size = sizeof(struct leat_scope_options)) })

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

/* Of those that could run, which comes first. No class waits for ever: while tasks of higher ones
 * are there all the time, a worker's turns still go to others, the oldest first: one of eight to
 * normal tasks, and to low ones at least one of 256. Ready tasks of the classes HIGH and LOW wait
 * in a queue of all workers, which takes a lock at each hand-over. Programs that use neither pay
 * nothing. */
enum leat_priority {
    LEAT_PRIORITY_NORMAL,
    LEAT_PRIORITY_HIGH,
    LEAT_PRIORITY_LOW,
};

struct leat_task_options {
    size_t      size;   /* sizeof(struct leat_task_options); LEAT_TASK_OPTIONS sets it */
    const char *name;   /* borrowed until the task ends; shown in reports */
    bool        pinned; /* started tasks never leave their worker: for code that holds thread-locals
                           over a suspension, and where foreign code calls back into leat */
    /* Called once when fn has returned, with its result, by the task itself: on the worker where it
     * finished, before any join returns. Runs shielded, as functions of LEAT_DEFER do. */
    void      (*on_done)(void *arg, int result);
    void       *on_done_arg;
    enum leat_priority priority; /* not inherited; of no effect on pinned tasks */
    uint32_t    reserved[3];
};

#define LEAT_TASK_OPTIONS(...)                                                                     \
    (&(const struct leat_task_options){ LEAT__TASK_OPTIONS(                                        \
        __VA_ARGS__, .size = sizeof(struct leat_task_options)) })
#define LEAT__TASK_OPTIONS(...) __VA_ARGS__

/* leat_spawn with options. NULL means none. */
LEAT_API int leat_spawn_opt(struct leat_scope *scope, leat_task_fn *fn, void *arg,
                            const struct leat_task_options *options);

/* Names one task. A value: copy it, compare its words. All-zero names none.
 * A handle is good until its scope is joined, or leat_task_forget; then every call with it returns
 * -ESRCH, for as long as the runtime lives, and after that it is not used. Until then it gives the
 * result, however often and late it is asked. So a scope that lives for days forgets the handles it
 * is done with (128 bytes each). */
struct leat_task {
    void    *leat__record;
    uint64_t leat__id;
};

enum leat_task_status {
    LEAT_TASK_QUEUED,  /* not started */
    LEAT_TASK_STARTED, /* runs or waits */
    LEAT_TASK_ENDED,
};

/* leat_spawn_opt that gives a handle, before the task starts. *ret is untouched on failure. */
LEAT_API int leat_spawn_handle(struct leat_scope *scope, struct leat_task *ret, leat_task_fn *fn,
                               void *arg, const struct leat_task_options *options);

/* Wait until the task has ended. *ret (may be NULL) is what it returned.
 * Returns -ESRCH, -EDEADLK (a task that joins itself), -ECANCELED or -ETIMEDOUT.
 * Cancel: the task goes on; a result that is there is returned.
 * Threads: any task or thread, several at a time, while the runtime lives. The task is not run on
 * the caller's stack, and its scope is still to be joined. */
LEAT_API LEAT_MUST_CHECK int leat_task_join(struct leat_task task, int *ret);

/* Ask that task to end, with the scopes it has entered: its blocking calls return -ECANCELED. Its
 * siblings are left alone, unless it returns an error to a scope that cancels them for it.
 * Returns 0, also when it has ended, or -ESRCH. Never blocks. Threads: as leat_task_join. */
LEAT_API int leat_task_cancel(struct leat_task task);

/* Returns one of enum leat_task_status, or -ESRCH. Never blocks. Threads: as leat_task_join. */
LEAT_API int leat_task_status(struct leat_task task);

/* Done with this handle: its memory is given back when the task has ended. Never blocks. */
LEAT_API void leat_task_forget(struct leat_task task);

/* The task's number: never 0, never used twice in a runtime. 0 for the handle that names none. */
LEAT_API uint64_t leat_task_id(struct leat_task task);

/* Start fn(arg) as a task that belongs to the runtime: it outlives the caller, and its result is
 * dropped (on_done sees it). When leat_run's function has returned, detached tasks have
 * leat_options.drain_ns to end by themselves, are cancelled, and are waited for.
 * Returns 0 (fn is called exactly once), -ENOMEM, -EINVAL, or -EPERM on a thread of no runtime. */
LEAT_API LEAT_MUST_CHECK int leat_detach(leat_task_fn *fn, void *arg,
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

/* The nearest deadline that bounds the caller's blocking calls, which they will meet unless they
 * are cancelled before; LEAT_NEVER where there is none. Never blocks. */
LEAT_API leat_time leat_deadline(void);

/* The name given at spawn, "root" for leat_run's function; NULL without one, or on a plain
 * thread. */
LEAT_API const char *leat_task_name(void);

/* Shield the block that follows: for up to `grace` nanoseconds from here its blocking calls see no
 * cancel and no deadline; after that they see them as everywhere else. LEAT_NEVER: no end of it.
 * That goes for scopes and limits entered inside as well, so `grace` is the one limit that holds,
 * and for the caller alone: tasks spawned inside are cancelled with the scopes around them.
 *
 *     LEAT_SHIELD (2 * LEAT_SEC) {
 *         leat_write_all(conn, goodbye, sizeof goodbye);
 *     }
 *
 * It may be left by return, break and goto; break leaves the block, continue too. Nested, the later
 * end holds. */
#define LEAT_SHIELD(grace) LEAT__SHIELD(LEAT__UNIQUE(leat__guard_), grace)
#define LEAT__SHIELD(guard, grace)                                                                 \
    for (struct leat_guard guard __attribute__((cleanup(leat_guard_leave))) = { { 0 } };           \
         leat_guard_pass(&guard, grace);)

/* What LEAT_SHIELD is made of, for bindings. Lives in the caller's frame; entered and left in
 * reverse order by the same task. Leaving twice is fine, and so is leaving one that was never
 * entered (all-zero). */
struct leat_guard {
    uint64_t leat__private[12];
};
LEAT_API void leat_guard_enter(struct leat_guard *guard, leat_time grace);
LEAT_API void leat_guard_leave(struct leat_guard *guard);
LEAT_API bool leat_guard_pass(struct leat_guard *guard, leat_time grace); /* enters; then leaves */

/* Between shield and unshield the caller's blocking calls see no cancel and no deadline. Nests. */
LEAT_API void leat_shield(void);
LEAT_API void leat_unshield(void);

/* Run fn(ptr) when the block ends, however it ends. It runs shielded, with this grace. (Of this, of
 * LEAT_LIMIT and of LEAT_SHIELD there is one in a line: what they declare is named after it.) */
#define LEAT_DEFER_GRACE (10 * LEAT_SEC)
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

/* A value that belongs to a task and is seen by its children. The key is an object of static life;
 * its address is what counts.
 *
 *     static const struct leat_local request_key = { .drop = free };
 *     leat_local_set(&request_key, request);
 *     struct request *request = leat_local_get(&request_key);
 */
struct leat_local {
    void (*drop)(void *value); /* NULL: nothing; must not block. Not called for NULL values */
    const char *name;
    uint64_t    reserved[2];
};

/* Set the caller's value. Tasks that are spawned from now on into scopes it has entered inherit it
 * (whoever spawns them); those that run already, detached tasks and tasks of open scopes do not.
 * The task drops its value when it ends. A value that is replaced is dropped at once where the task
 * has no scope open, else at its end: children may hold it.
 * Returns -ENOMEM (the value is still the caller's) or -EPERM outside of a task. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_local_set(const struct leat_local *key, void *value);

/* The caller's value, or the nearest one inherited, or NULL. Inside of a call on the blocking or
 * compute pool: the caller's of that. Never blocks. */
LEAT_API void *leat_local_get(const struct leat_local *key);

#define LEAT__UNIQUE(prefix)      LEAT__PASTE(prefix, __LINE__)
#define LEAT__PASTE(prefix, line) LEAT__PASTE_(prefix, line)
#define LEAT__PASTE_(prefix, line) prefix##line

LEAT_END

#endif

/* SPDX-License-Identifier: MIT */
/* Running a program: start the workers, run one function as the root task, drain, stop.
 *
 *     static int app(void *arg) { ... return 0; }
 *
 *     int main(void)
 *     {
 *         return leat_main(app, NULL, NULL);
 *     }
 *
 * Several runtimes may live in one process, one after another or side by side. */
#ifndef LEAT_RUNTIME_H
#define LEAT_RUNTIME_H

#include <leat/api.h>
#include <leat/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

enum leat_reactor {
    LEAT_REACTOR_AUTO,     /* io_uring where the kernel allows it, else epoll */
    LEAT_REACTOR_IO_URING, /* or leat_run fails with the kernel's reason */
    LEAT_REACTOR_EPOLL,
};

enum leat_log_level {
    LEAT_LOG_DEFAULT, /* LEAT_LOG from the environment, else LEAT_LOG_WARN */
    LEAT_LOG_ERROR,
    LEAT_LOG_WARN,
    LEAT_LOG_INFO, /* at start, some lines say what was found and chosen, and why */
    LEAT_LOG_DEBUG,
};

/* Receives one line without a newline. Called from any thread, possibly several at once. */
typedef void leat_log_fn(void *arg, enum leat_log_level level, const char *line);

/* Zero means the default everywhere. The environment (LEAT_WORKERS, LEAT_REACTOR, LEAT_SEED,
 * LEAT_LOG, LEAT_STALL_MS where 0 is never, LEAT_SIGNALS, LEAT_STACK_REPORT) fills what the program
 * left at zero; an unknown value there is an error, not ignored. LEAT_WATCH=0 turns off what
 * leat/observe.h says of deadlocks and of tasks that hold their worker. LEAT_DEBUG=1 watches locks
 * (leat/sync.h).
 * LEAT_DUMP_SIGNAL, a signal's name or number, makes that signal write a dump of every task to
 * standard error (leat/observe.h); some thread outside of the runtime must take it, as the one in
 * leat_run does. */
struct leat_options {
    size_t              size;    /* sizeof(struct leat_options); LEAT_OPTIONS sets it */
    unsigned            workers; /* scheduler threads; default: CPUs this process may use */
    enum leat_reactor   reactor;
    size_t              stack_bytes;  /* promised to each task; default 64 KiB, at least 16 KiB */
    unsigned            blocking_max; /* threads of the blocking pool at most; default 256 */
    unsigned            compute_threads; /* default: CPUs this process may use */
    uint64_t            seed;            /* of every random choice; default: from the kernel */
    enum leat_log_level log_level;
    leat_log_fn        *log; /* default: a line on standard error, "leat: ..." */
    void               *log_arg;
    bool                pinned;     /* started tasks never move between workers */
    bool                no_signals; /* workers get none: see leat/observe.h; or LEAT_SIGNALS=0 */
    leat_time           drain_ns;   /* for detached tasks to end by themselves after fn has, before
                                   they are cancelled; default: none. LEAT_NEVER: they end alone */
    leat_time           stall_ns;   /* a task that holds its worker for longer is named in the log;
                                   default LEAT_STALL_MS, else 100 ms; LEAT_NEVER: none is */
    bool                stack_report; /* measure how deep tasks go, and log it at the end
                                       (leat_stack_report); LEAT_STACK_REPORT=1 asks for it too */
    leat_time           stop_ns; /* at the end, for calls that were abandoned (leat_blocking_owned);
                                  then their threads are left behind; default 10 s */
    uint64_t            reserved[4];
};

/* A pointer to options with the named fields set: leat_run(fn, arg, LEAT_OPTIONS(.workers = 1)). */
#define LEAT_OPTIONS(...)                                                                          \
    (&(const struct leat_options){                                                                 \
        LEAT__OPTIONS(__VA_ARGS__, .size = sizeof(struct leat_options)) })
#define LEAT__OPTIONS(...) __VA_ARGS__

/* Run fn(arg) as the root task and return what it returned.
 *
 * Shutdown: when fn returns, its scopes are joined already (they are lexical); detached tasks get
 * drain_ns, are then cancelled and waited for, however long they take (a line in the log tells of
 * those that need more than ten seconds); then pools and workers are stopped and joined.
 * Returns fn's result (int), -EINVAL for bad options, -ENOMEM, -EAGAIN (no threads), -EMFILE, or
 * the reactor's refusal when one was forced; -EDEADLK after a deadlock (leat/observe.h).
 * Threads: any thread that is not a task of a runtime; a call from a task returns -EDEADLK. */
LEAT_API LEAT_MUST_CHECK int leat_run(int (*fn)(void *arg), void *arg,
                                      const struct leat_options *options);

/* leat_run for main(): a negative result is printed by name on standard error.
 * Returns the exit status: 0 when fn returned 0, the result itself when it is 1 to 125, else 1. */
LEAT_API int leat_main(int (*fn)(void *arg), void *arg, const struct leat_options *options);

/* A runtime as others see it. */
struct leat_runtime;

/* The runtime that the caller is a task of, or a pool's thread for a task; NULL on other threads.
 * Valid until its leat_run returns, and longer for who holds it. Never blocks. */
LEAT_API struct leat_runtime *leat_runtime_current(void);

/* Keep the handle valid until the matching release, also after leat_run has returned; the runtime
 * itself is not kept running. NULL is fine for release. Never blocks. */
LEAT_API void leat_runtime_hold(struct leat_runtime *runtime);
LEAT_API void leat_runtime_release(struct leat_runtime *runtime);

/* Run fn(arg) as a task of that runtime, and wait for it.
 *
 *     leat_runtime_hold(runtime = leat_runtime_current());   // in a task
 *     ...
 *     int result = leat_call(runtime, lookup, &request);     // in any thread or other runtime
 *     leat_runtime_release(runtime);
 *
 * fn runs in the name of the caller: inside the caller's scopes, so that their deadline and their
 * cancel end its blocking calls.
 * Returns fn's result; -ESHUTDOWN once the runtime's leat_run function has returned (calls under
 * way are waited for before leat_run returns), -ENOMEM, -ECANCELED or -ETIMEDOUT, -EDEADLK (the
 * thread of an embedded runtime, between steps): fn was not called.
 * Cancel: the call returns when fn does. */
LEAT_API LEAT_MUST_CHECK int leat_call(struct leat_runtime *runtime, int (*fn)(void *arg),
                                       void                *arg);

/* Write one line, without a newline at its end, to the log of the caller's runtime, when it wants
 * lines of that level; up to 511 bytes. On a thread of no runtime: errors and warnings, to standard
 * error. Never fails. */
LEAT_API void leat_log(enum leat_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A random number from the generator of the worker that runs the caller, so that leat_options.seed
 * repeats it; on other threads from one that is the process's. Not for secrets. Never blocks. */
LEAT_API uint64_t leat_random(void);

/* Write the start report of the caller's runtime, as LEAT_LOG=info does: the CPUs allowed and why
 * (affinity, cgroup, quota), whether workers are bound, the reactor and why, how stacks are guarded
 * and why, and the limits that will be met (nofile, nproc, memlock, max_map_count).
 * Returns -EPERM when the caller is not in a runtime, or the error of the write. */
LEAT_API int leat_start_report(int fd);

/* Counters of the caller's runtime since its start, summed over its workers. */
struct leat_stats {
    const char *reactor; /* "io_uring" or "epoll" */
    unsigned    workers;
    uint64_t    spawns;
    uint64_t    switches;   /* from one fiber to another */
    uint64_t    parks;      /* times a worker went to sleep */
    uint64_t    steals;     /* successful raids on another worker's queue */
    uint64_t    stolen;     /* tasks moved by them */
    uint64_t    wakes;      /* sleeping workers woken for work */
    uint64_t    inline_ops; /* I/O operations that finished at once, without the reactor */
    uint64_t    reactor_ops;
    uint64_t    blocking_calls;
    uint64_t    compute_calls;
    uint64_t    unguarded; /* times a stack was used that the kernel gave no guard */
    uint64_t    starved;   /* new tasks that had to wait for others to end, for want of a stack */
    uint64_t    reserved[6];
};

/* Returns -EPERM when the caller is not in a runtime. Never blocks; the sum is not a snapshot. */
LEAT_API int leat_stats_read(struct leat_stats *ret);

/* Index of the worker that runs the caller, 0 to workers - 1; -1 on a plain thread.
 * It may change at every suspension unless the task is pinned. */
LEAT_API int leat_worker(void);

LEAT_END

#endif

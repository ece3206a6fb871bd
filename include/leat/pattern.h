/* SPDX-License-Identifier: MIT */
/* What programs do with many tasks: all of an array, the first of several, again after a failure,
 * one value at a time, in stages. Written on the public API; copy and change what does not fit.
 *
 *     struct page pages[100];
 *     struct leat_report report;
 *     int err = leat_gather(fetch, pages, 100, .window = 8, .on_error = LEAT_COLLECT,
 *                           .report = &report);
 *     printf("%zu of %zu\n", report.succeeded, report.total);
 *
 * Functions given here are tasks' functions: 0 or more is success, a negative errno is failure.
 * Each option struct begins with its size, which the macros set; zero means the default. The
 * functions beneath the macros are for C++ and bindings: they take the options' address, or NULL.
 * When the caller's own deadline comes they return -ETIMEDOUT, as its other calls do; the functions
 * given here, which run in scopes further in, meet it as -ECANCELED.
 * On a thread that is no task, which has nobody to share its work with, calls run one after
 * another on that thread; what needs a runtime says so. */
#ifndef LEAT_PATTERN_H
#define LEAT_PATTERN_H

#include <leat/api.h>
#include <leat/task.h>
#include <leat/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

/* ---- all of an array ---- */

struct leat_failure {
    size_t index;
    int    error;
};

/* How it went. Batches are counted as one item each. */
struct leat_report {
    size_t    total;
    size_t    succeeded;
    size_t    failed;
    size_t    cancelled;    /* returned -ECANCELED, or were never called: all had ended before */
    size_t    first_failed; /* index of the one that failed first; total where none did */
    int       first_error;  /* its error; 0 */
    size_t    failures;     /* written to .failures */
    leat_time elapsed;
    double    success_rate; /* succeeded / total; 1 of none */
    double    per_second;   /* items that ended by themselves, in a second */
};

struct leat_gather_options {
    size_t               size;
    enum leat_on_error   on_error; /* LEAT_CANCEL: the first failure ends the rest */
    unsigned             window;   /* under way at once; gather's default: all, the others': 16 */
    leat_time            deadline; /* absolute; 0: none of its own */
    const char          *name;     /* of the scope they run in; borrowed */
    void                *arg;      /* for the functions of map and batches */
    int                 *status;   /* out, one for each item: what it returned, or -ECANCELED */
    struct leat_failure *failures; /* out, in the order in which they came: up to failures_max */
    size_t               failures_max;
    struct leat_report  *report; /* out */
    uint64_t             reserved[4];
};

/* Call fn(&items[i]) for each item, each as a task of its own. With a window the next one starts
 * when any has ended: there is no barrier.
 * Returns 0, the first error, or -ECANCELED or -ETIMEDOUT. Outputs are written in any case. */
LEAT_API int leat_gather_items(leat_task_fn *fn, void *items, size_t item_bytes, size_t count,
                               const struct leat_gather_options *options);

/* Turns one input into one output. */
typedef int leat_map_fn(const void *in, void *out, void *arg);

/* Call fn(&in[i], &out[i], arg) for each item, a window of them at once. Otherwise as gather. */
LEAT_API int leat_map_items(leat_map_fn *fn, const void *in, size_t in_bytes, void *out,
                            size_t out_bytes, size_t count,
                            const struct leat_gather_options *options);

/* Handles `count` items that lie side by side. */
typedef int leat_batch_fn(void *items, size_t count, void *arg);

/* Call fn for each `batch` items in a row (the last call gets the rest), a window of batches at
 * once. Otherwise as gather; -EINVAL for a batch of 0. */
LEAT_API int leat_batch_items(leat_batch_fn *fn, void *items, size_t item_bytes, size_t count,
                              size_t batch, const struct leat_gather_options *options);

/* ---- the first of several ---- */

struct leat_racer {
    leat_task_fn *fn;
    void         *arg;
};

struct leat_race_options {
    size_t    size;
    bool      success;  /* the first that succeeds wins; else the first that returns at all */
    leat_time deadline; /* absolute; 0: none of its own */
    size_t   *winner;   /* out: its index; untouched where none won */
    uint64_t  reserved[4];
};

/* Run all at once; the first that ends cancels the others, which are waited for.
 * Returns what the winner returned; where none succeeded and success was asked for, the first
 * error; -ENODATA for no racers at all. */
LEAT_API int leat_race_between(const struct leat_racer *racers, size_t count,
                               const struct leat_race_options *options);

/* ---- one value at a time ---- */

/* A function that hands out values while it runs. The next step goes on where the last one stopped:
 * nothing runs in between, and nothing runs ahead.
 *
 *     static int pages(struct leat_gen *gen, void *arg)
 *     {
 *         struct page page;
 *         int err = 0;
 *         for (int i = 0; !err && (err = fetch(arg, i, &page)) == 0; i++)
 *             err = leat_yield_value(gen, &page);
 *         return err;
 *     }
 *
 *     LEAT_GEN(list, struct page, pages, "example.org");
 *     while ((err = leat_next(&list, &page)) == 0)
 *         ...
 *     // -ENODATA: that was all. break or return closes it.
 *
 * A step is a call: the function's blocking calls are bounded by the scopes of whoever asks for the
 * next value. For the same reason it may not yield inside a scope, a limit or a shield that it has
 * entered itself (a checked bug). Caller's memory, never copied or moved. Any task may take the
 * next step, one at a time, of the runtime it was opened in; a plain thread's is stepped by plain
 * threads. */
struct leat_gen {
    uint64_t leat__private[48];
};

typedef int leat_gen_fn(struct leat_gen *gen, void *arg);

/* Start with values of `bytes` bytes; fn is called at the first step, or by close: exactly once.
 * Returns -ENOMEM or -EINVAL, which next returns as well: the result may be ignored. */
LEAT_API int leat_gen_open(struct leat_gen *gen, leat_gen_fn *fn, void *arg, size_t bytes);

/* The next value. `bytes` is checked against that of the start.
 * Returns -ENODATA when fn has returned 0 or more, or was ended by close; fn's error when it
 * failed; again, the same.
 * Cancel: -ECANCELED or -ETIMEDOUT before fn goes on leaves it where it is; else it is fn that
 * meets them. */
LEAT_API LEAT_MUST_CHECK int leat_gen_take(struct leat_gen *gen, void *ret, size_t bytes);

/* From fn alone: hand out a value, and stop here until the next one is asked for. The value is
 * copied before this returns. Returns -ECANCELED when the generator is being closed. */
LEAT_API LEAT_MUST_CHECK int leat_gen_give(struct leat_gen *gen, const void *value, size_t bytes);

/* End it early: its yield and its blocking calls return -ECANCELED until it has returned.
 * Returns its error, if that is another one; 0 after a normal end; again, the same. */
LEAT_API int leat_gen_close(struct leat_gen *gen);

LEAT_API void leat_gen_cleanup(struct leat_gen *gen); /* what LEAT_GEN's block ends with */

/* ---- again after a failure ---- */

/* Keeps retries to a share of the calls: when everything fails, calling everything again and again
 * is what keeps it failing. Shared by any number of tasks and threads; all-zero is valid: a fifth
 * of the calls, and ten to begin with. */
struct leat_retry_budget {
    uint64_t leat__private[4];
};

/* Each call earns `percent` hundredths of a retry, saved up to `burst` of them, which it has now.
 * A percentage of 0 earns nothing. */
LEAT_API void leat_retry_budget_init(struct leat_retry_budget *budget, unsigned percent,
                                     unsigned burst);

struct leat_retry_options {
    size_t    size;
    unsigned  tries;     /* calls at most; default 3 */
    leat_time delay;     /* before the second try, at most; doubles with each; default 100 ms */
    leat_time cap;       /* of the delay; default 10 s */
    bool      no_jitter; /* wait for the whole delay, not for a random part of it */
    leat_time limit;     /* of each single try; it fails with -ETIMEDOUT; default: none */
    bool (*retry_on)(void *arg, int error); /* default: any error but -ECANCELED */
    void                     *retry_arg;
    struct leat_retry_budget *budget;
    unsigned                 *tries_made; /* out */
    uint64_t                  reserved[4];
};

/* Call fn(arg) until it succeeds, waiting between tries: a random time up to a bound that doubles
 * ("full jitter": Brooker, "Exponential Backoff And Jitter", 2015).
 * Returns its result, or the last error: when it was not to be tried again, the tries or the budget
 * were used up, or the caller's deadline comes before the next try. -ECANCELED when cancelled. */
LEAT_API int leat_retry_call(leat_task_fn *fn, void *arg, const struct leat_retry_options *options);

/* ---- not while it is down ---- */

enum leat_breaker_state {
    LEAT_BREAKER_CLOSED,    /* calls pass */
    LEAT_BREAKER_OPEN,      /* too many failed: calls are refused */
    LEAT_BREAKER_HALF_OPEN, /* a few probes pass, and decide */
};

struct leat_breaker_options {
    size_t    size;
    leat_time window;    /* failures are counted over this time; default 10 s */
    unsigned  calls_min; /* in the window, before it may open; default 10 */
    unsigned  percent;   /* of failures that opens it; default 50 */
    leat_time open_for;  /* then probes are let through; default 5 s */
    unsigned  probes;    /* at once, and successes that close it; default 1 */
    bool (*is_failure)(void *arg, int result); /* default: a negative one. Not asked about
                                                     -ECANCELED, which says nothing */
    void *arg;
    void (*on_change)(void *arg, enum leat_breaker_state state); /* must not block */
    uint64_t reserved[4];
};

/* Caller's memory; any number of tasks and threads. All-zero is valid: the defaults. */
struct leat_breaker {
    uint64_t leat__private[40];
};

/* Returns -EINVAL for bad options. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_breaker_init(struct leat_breaker               *breaker,
                                               const struct leat_breaker_options *options);

/* Call fn(arg) if it is let through. Returns its result, or -EHOSTDOWN: it was not called. */
LEAT_API int leat_breaker_call(struct leat_breaker *breaker, leat_task_fn *fn, void *arg);

/* The two halves of that, for what is no function: each enter that returned 0 is followed by one
 * leave, with its ticket and the result. Never block. */
LEAT_API LEAT_MUST_CHECK int leat_breaker_enter(struct leat_breaker *breaker, uint64_t *ticket);
LEAT_API void leat_breaker_leave(struct leat_breaker *breaker, uint64_t ticket, int result);

/* An estimate by the time the caller reads it; open turns to half-open at the next call. */
LEAT_API enum leat_breaker_state leat_breaker_state(struct leat_breaker *breaker);

/* ---- how long it took, and how it ended ---- */

/* Writes one line to the program's log when it ends: name, duration and outcome.
 *
 *     LEAT_SPAN(span, "load the index", .slow = LEAT_SEC);
 *     ...
 *     return leat_span_end(&span, err);   // "load the index: ENOENT (...) after 12.4 ms"
 *
 * A failure or a slow one is a warning, else it is a debug line. A span whose block is left without
 * an end says so. */
struct leat_span_options {
    size_t    size;
    leat_time slow;  /* longer is worth a warning; default: never */
    bool      quiet; /* failures are debug lines too */
    uint64_t  reserved[4];
};

struct leat_span {
    const char *name; /* borrowed until its end */
    leat_time   began;
    leat_time   slow;
    bool        quiet, ended;
    uint64_t    reserved[2];
};

LEAT_API void leat_span_begin(struct leat_span *span, const char *name,
                              const struct leat_span_options *options);
LEAT_API int  leat_span_end(struct leat_span *span, int result); /* returns result; once */
LEAT_API void leat_span_cleanup(struct leat_span *span); /* what LEAT_SPAN's block ends with */

/* ---- in stages ---- */

/* Makes the next element. Returns 0 or more, -ENODATA at the end, or an error that ends all. */
struct leat_source {
    int (*fn)(void *out, void *arg);
    void  *arg;
    size_t bytes; /* of an element */
};

/* What a stage's function returns to pass nothing on. */
#define LEAT_DROP 1

/* One step on each element's way. */
struct leat_stage {
    int (*fn)(const void *in, void *out, void *arg); /* 0, LEAT_DROP, or an error */
    void       *arg;                                 /* shared by all of its tasks */
    size_t      out_bytes; /* of what it makes; unused in the last stage, whose out is scratch */
    unsigned    width;     /* elements at once; default 1 */
    bool        ordered;   /* they leave in the order in which they came, also with a width */
    size_t      capacity;  /* of elements that wait in front of it; default 64 */
    const char *name;      /* borrowed; of its tasks and its channel */
    size_t      taken;     /* out: elements its function was called for */
    size_t      passed;    /* out: those it did not drop */
};

struct leat_pipeline_options {
    size_t    size;
    leat_time deadline; /* absolute; 0: none of its own */
    uint64_t  reserved[4];
};

/* Send all that the source makes through the stages, which work at the same time; a slow stage
 * holds up those before it. Elements are copied from stage to stage.
 * Returns 0, the first error (which ends all), -ECANCELED or -ETIMEDOUT; -EINVAL without stages or
 * with elements of no size, -ENOMEM. */
LEAT_API int leat_pipeline_run(const struct leat_source *source, struct leat_stage *stages,
                               size_t count, const struct leat_pipeline_options *options);

/* ---- in the background ---- */

/* Something with a start, a stop, and tasks of its own in between.
 *
 *     static int refresh(void *arg)
 *     {
 *         struct cache *cache = arg;
 *         while (leat_service_pause(&cache->service, LEAT_MINUTE) == 0)
 *             reload(cache);
 *         return 0;
 *     }
 *
 *     err = leat_service_start(&cache->service, NULL);
 *     if (!err)
 *         err = leat_service_spawn(&cache->service, "refresh", refresh, cache);
 *     ...
 *     leat_service_stop(&cache->service, 5 * LEAT_SEC);
 *
 * Caller's memory, not moved while it runs. Its tasks are bounded by no scope of whoever starts it;
 * one that fails is named in the log and ends no other. It is stopped before the runtime ends. */
struct leat_service {
    uint64_t leat__private[64];
};

struct leat_service_options {
    size_t      size;
    const char *name;           /* borrowed */
    int (*on_start)(void *arg); /* before any task; a failure is start's */
    void (*on_stop)(void *arg); /* after all tasks; shielded, with a grace of ten seconds */
    void    *arg;
    uint64_t reserved[4];
};

/* Returns what on_start does, -EINVAL, or -EPERM on a thread of no runtime. */
LEAT_API LEAT_MUST_CHECK int leat_service_start(struct leat_service               *service,
                                                const struct leat_service_options *options);

/* Start a task of it. Returns 0: fn is called exactly once; -ESHUTDOWN once it is being stopped, or
 * -ENOMEM. Never blocks. Threads: tasks. */
LEAT_API LEAT_MUST_CHECK int leat_service_spawn(struct leat_service *service, const char *name,
                                                leat_task_fn *fn, void *arg);

/* For its tasks: sleep, but no longer than it runs. Returns 0, or -ESHUTDOWN: stop was called. */
LEAT_API LEAT_MUST_CHECK int leat_service_pause(struct leat_service *service, leat_time delay);
LEAT_API bool                leat_service_stopping(struct leat_service *service); /* never blocks */

/* Ask its tasks to end, cancel those that have not after `grace` nanoseconds, and wait for all.
 * Returns the first error of a task; again, the same. Not a cancellation point, but a caller that
 * is cancelled gives no grace. Threads: one task. */
LEAT_API int leat_service_stop(struct leat_service *service, leat_time grace);

LEAT_API void leat_service_cleanup(struct leat_service *service); /* stop without a grace */

#ifndef __cplusplus

/* leat_gather(fetch, pages, 100, .window = 8). The items' size is taken from their type. */
#define leat_gather(fn, items, ...)                                                                \
    LEAT__GATHER(fn, items, __VA_ARGS__, .size = sizeof(struct leat_gather_options))
#define LEAT__GATHER(fn, items, count, ...)                                                        \
    leat_gather_items(fn, items, sizeof *(items), count,                                           \
                      &(const struct leat_gather_options){ __VA_ARGS__ })

/* leat_map(parse, lines, records, count, .window = 8) */
#define leat_map(fn, in, out, ...)                                                                 \
    LEAT__MAP(fn, in, out, __VA_ARGS__, .size = sizeof(struct leat_gather_options))
#define LEAT__MAP(fn, in, out, count, ...)                                                         \
    leat_map_items(fn, in, sizeof *(in), out, sizeof *(out), count,                                \
                   &(const struct leat_gather_options){ __VA_ARGS__ })

/* leat_batches(insert_rows, rows, count, 100, .window = 2) */
#define leat_batches(fn, items, count, ...)                                                        \
    LEAT__BATCHES(fn, items, count, __VA_ARGS__, .size = sizeof(struct leat_gather_options))
#define LEAT__BATCHES(fn, items, count, batch, ...)                                                \
    leat_batch_items(fn, items, sizeof *(items), count, batch,                                     \
                     &(const struct leat_gather_options){ __VA_ARGS__ })

/* leat_race(mirrors, 3, .success = true, .winner = &fastest) */
#define leat_race(racers, ...)                                                                     \
    LEAT__RACE(racers, __VA_ARGS__, .size = sizeof(struct leat_race_options))
#define LEAT__RACE(racers, count, ...)                                                             \
    leat_race_between(racers, count, &(const struct leat_race_options){ __VA_ARGS__ })

/* The two sides of a step; the value's size is taken from its type. The value is variadic so that
 * commas in compound literals work. */
#define leat_next(gen, ret)        leat_gen_take(gen, ret, sizeof *(ret))
#define leat_yield_value(gen, ...) leat_gen_give(gen, (__VA_ARGS__), sizeof *(__VA_ARGS__))

/* Declare a generator of values of type T in this block, and open it. It is closed when the block
 * ends. */
#define LEAT_GEN(gen, T, fn, arg)                                                                  \
    struct leat_gen gen __attribute__((cleanup(leat_gen_cleanup)));                                \
    (void)leat_gen_open(&gen, fn, arg, sizeof(T))

/* leat_retry(fetch, &page, .tries = 5) */
#define leat_retry(fn, ...) LEAT__RETRY(fn, __VA_ARGS__, .size = sizeof(struct leat_retry_options))
#define LEAT__RETRY(fn, arg, ...)                                                                  \
    leat_retry_call(fn, arg, &(const struct leat_retry_options){ __VA_ARGS__ })

#define LEAT_BREAKER_OPTIONS(...)                                                                  \
    (&(const struct leat_breaker_options){                                                         \
        LEAT__TASK_OPTIONS(__VA_ARGS__, .size = sizeof(struct leat_breaker_options)) })

/* leat_pipeline(&lines, stages, 3, .deadline = leat_after(LEAT_MINUTE)) */
#define leat_pipeline(source, stages, ...)                                                         \
    LEAT__PIPELINE(source, stages, __VA_ARGS__, .size = sizeof(struct leat_pipeline_options))
#define LEAT__PIPELINE(source, stages, count, ...)                                                 \
    leat_pipeline_run(source, stages, count, &(const struct leat_pipeline_options){ __VA_ARGS__ })

#define LEAT_SERVICE_OPTIONS(...)                                                                  \
    (&(const struct leat_service_options){                                                         \
        LEAT__TASK_OPTIONS(__VA_ARGS__, .size = sizeof(struct leat_service_options)) })

#define LEAT_SPAN(span, ...) LEAT__SPAN(span, __VA_ARGS__, .size = sizeof(struct leat_span_options))
#define LEAT__SPAN(span, name, ...)                                                                \
    struct leat_span span __attribute__((cleanup(leat_span_cleanup)));                             \
    leat_span_begin(&span, name, &(const struct leat_span_options){ __VA_ARGS__ })

#endif

LEAT_END

#endif

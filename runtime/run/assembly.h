/* SPDX-License-Identifier: MIT */
/* A runtime with all its parts, and the two ways to run one: leat_run, where the caller's thread
 * only waits, and an embedding, where it is the first worker.
 *
 *     err = leat__assembly_create(&assembly, options, false);
 *     if (!err) {
 *         err = leat__assembly_start(assembly, fn, arg);
 *         if (!err) {
 *             ... until runtime.done ...
 *             err = leat__assembly_stop(assembly);
 *         }
 *         leat__assembly_destroy(assembly, err);
 *     }
 */
#ifndef LEAT_RUN_ASSEMBLY_H
#define LEAT_RUN_ASSEMBLY_H

#include "platform/cpu.h"
#include "run/fork.h"
#include "run/options.h"
#include "sched/poller.h"
#include "task/runtime.h"

#include <leat/runtime.h>

struct leat__reactor;

struct leat__assembly {
    struct leat__runtime    runtime; /* first: report.c comes from it */
    struct leat__alive      alive;
    struct leat_options     options;
    bool                    driven; /* the first worker is whoever steps it */
    struct leat__surroundings surroundings;
    struct leat__cpus       cpus;
    struct leat__reactor  **reactors;
    struct leat__poller   **pollers;
    struct leat__ticker   **tickers;
    const char             *fallback; /* why not io_uring; NULL: it is, or epoll was asked for */
    char                    complaint[256];
    int                   (*fn)(void *arg);
    void                   *arg;
};

/* Resolve the options and build every part; no thread runs yet. Tells standard error what is wrong
 * with them. Returns what leat_run does. */
int leat__assembly_create(struct leat__assembly **ret, const struct leat_options *options,
                          bool driven);

/* Start the workers, with fn(arg) and the drain after it as the root task. At its end
 * runtime.done is set, and its futex woken. Returns 0, -ENOMEM or -EAGAIN. */
int leat__assembly_start(struct leat__assembly *assembly, int (*fn)(void *arg), void *arg);

/* The root task has ended: stop pools and workers. Returns its result, or -EDEADLK. */
int leat__assembly_stop(struct leat__assembly *assembly);

/* With fewer workers than CPUs none is bound, so that two programs don't meet on the first CPUs of
 * the machine; nor when a foreign loop has a say. */
static inline bool leat__assembly_binds(const struct leat__assembly *assembly)
{
    return assembly->options.workers == assembly->cpus.allowed && !assembly->driven;
}

/* Tell the log what was found and chosen, when it wants to know (report.c). */
void leat__assembly_report(struct leat__assembly *assembly);

/* Not started, or stopped. `err` is said along with the complaint, if there is one. */
void leat__assembly_destroy(struct leat__assembly *assembly, int err);

#endif

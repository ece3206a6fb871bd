/* SPDX-License-Identifier: MIT */
/* See assembly.h. Each part is built from the bottom up and torn down in reverse by its own create
 * and destroy; a part that was not built is NULL, which every destroy takes. */
#include "run/assembly.h"
#include "base/check.h"
#include "blocking/pool.h"
#include "compute/pool.h"
#include "observe/advisor.h"
#include "observe/held.h"
#include "observe/overflow.h"
#include "observe/registry.h"
#include "platform/barrier.h"
#include "platform/support.h"
#include "reactor/reactor.h"
#include "sched/sched.h"
#include "task/call.h"
#include "task/drain.h"
#include "task/measure.h"
#include "task/self.h"
#include "task/task.h"

#include <leat/error.h>
#include <leat/pool.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int build_reactors(struct leat__assembly *assembly)
{
    unsigned workers = assembly->options.workers;
    enum leat_reactor kind = assembly->options.reactor;
    bool shared = !leat__barrier_prepare();

    assembly->reactors = calloc(workers, sizeof *assembly->reactors);
    assembly->pollers = calloc(workers, sizeof *assembly->pollers);
    assembly->tickers = calloc(workers, sizeof *assembly->tickers);
    assembly->runtime.wheels = calloc(workers, sizeof *assembly->runtime.wheels);
    if (!assembly->reactors || !assembly->pollers || !assembly->tickers ||
        !assembly->runtime.wheels)
        return -ENOMEM;
    for (unsigned i = 0; i < workers; i++) {
        const char *why = NULL;
        int err = leat__reactor_create(&assembly->reactors[i], kind, &why);

        if (err) {
            snprintf(assembly->complaint, sizeof assembly->complaint, "the reactor %s%s",
                     why             ? "was refused: "
                     : err == -EMFILE ? "needs more files: raise their limit (ulimit -n)"
                                      : "could not be created",
                     why ? why : "");
            return err;
        }
        if (why)
            assembly->fallback = why;
        /* All workers get what the first one got. */
        assembly->runtime.reactor = leat__reactor_name(assembly->reactors[i]);
        kind = strcmp(assembly->runtime.reactor, "epoll") == 0 ? LEAT_REACTOR_EPOLL
                                                               : LEAT_REACTOR_IO_URING;
        assembly->reactors[i]->offload = leat__blocking_files;
        assembly->pollers[i] = &assembly->reactors[i]->poller;
        leat__wheel_init(&assembly->runtime.wheels[i], leat__clock_now(), leat__wait_fire);
        if (shared)
            leat__wheel_share(&assembly->runtime.wheels[i]);
        assembly->tickers[i] = &assembly->runtime.wheels[i].ticker;
    }
    return 0;
}

static int build_sched(struct leat__assembly *assembly)
{
    const struct leat_options *options = &assembly->options;
    struct leat__sched_options wanted = {
        .workers = options->workers,
        .bind = leat__assembly_binds(assembly),
        .signals = !options->no_signals,
        .stack_bytes = 2 * options->stack_bytes,
        .seed = options->seed,
        .runtime = &assembly->runtime,
        .body = assembly->runtime.measure ? leat__task_body_measured : leat__task_body,
        .pollers = assembly->pollers,
        .tickers = assembly->tickers,
        .driven = assembly->driven,
    };
    int err = leat__sched_create(&assembly->runtime.sched, &wanted);

    for (unsigned i = 0; !err && i < options->workers; i++)
        err = leat__slab_attach(leat__sched_worker(assembly->runtime.sched, i));
    return err;
}

static int build(struct leat__assembly *assembly)
{
    struct leat__runtime *runtime = &assembly->runtime;
    const struct leat_options *options = &assembly->options;
    int err;

    leat__slabs_init(&runtime->slabs);
    leat__records_init(&runtime->records);
    leat__drain_init(runtime);
    runtime->stack_bytes = options->stack_bytes;
    runtime->pinned = options->pinned;
    runtime->log = options->log;
    runtime->log_arg = options->log_arg;
    runtime->log_level = options->log_level;
    err = leat__calls_open(runtime);
    if (!err && options->stack_report) {
        runtime->measure = calloc(1, sizeof *runtime->measure);
        err = runtime->measure ? 0 : -ENOMEM;
    }
    if (!err)
        err = build_reactors(assembly);
    if (!err)
        err = leat__blocking_create(&runtime->blocking, runtime, options->blocking_max,
                                    &assembly->cpus);
    if (!err)
        err = leat__compute_create(&runtime->compute, runtime, options->compute_threads,
                                   &assembly->cpus);
    if (!err)
        err = build_sched(assembly);
    return err;
}

static void take_apart(struct leat__assembly *assembly)
{
    struct leat__runtime *runtime = &assembly->runtime;
    unsigned workers = assembly->options.workers;

    leat__calls_fini(runtime);
    if (runtime->sched)
        for (unsigned i = 0; i < workers; i++)
            leat__slab_detach(leat__sched_worker(runtime->sched, i));
    leat__sched_destroy(runtime->sched);
    leat__compute_destroy(runtime->compute);
    leat__blocking_destroy(runtime->blocking);
    for (unsigned i = 0; assembly->reactors && i < workers; i++)
        leat__reactor_destroy(assembly->reactors[i]);
    leat__records_fini(&runtime->records);
    leat__slabs_fini(&runtime->slabs);
    free(runtime->measure);
    free(runtime->wheels);
    free(assembly->reactors);
    free(assembly->pollers);
    free(assembly->tickers);
}

/* Without it the program runs all the same, only unseen. */
static void observe(struct leat__assembly *assembly)
{
    leat_time stall = assembly->options.stall_ns;
    const struct leat__observe_options options = {
        .watch = assembly->surroundings.watch,
        .stall = stall == LEAT_NEVER ? 0 : stall,
        .dump_signal = assembly->surroundings.dump_signal,
    };
    int err;

    if (!options.watch && options.dump_signal == 0)
        return;
    err = leat__observe_start(&assembly->runtime, &options);
    if (err)
        leat__log(&assembly->runtime, LEAT_LOG_WARN,
                  "nobody watches for deadlocks and long turns, or dumps on a signal (%s)",
                  leat_error_name(err));
}

static int root_task(void *arg)
{
    struct leat__assembly *assembly = arg;
    int result;

    leat__self()->fn = assembly->fn; /* for reports: the program's own */
    result = assembly->fn(assembly->arg);
    leat__calls_close(&assembly->runtime); /* before the drain: calls may detach tasks */
    leat__drain(&assembly->runtime, assembly->options.drain_ns);
    return result;
}

int leat__assembly_create(struct leat__assembly **ret, const struct leat_options *options,
                          bool driven)
{
    struct leat__assembly *assembly;
    const char *sentence;
    int err;

    if (leat__worker_current())
        return -EDEADLK; /* it would hold this worker for as long as the other runtime runs */
    err = leat__platform_check(&sentence);
    if (err) {
        fprintf(stderr, "leat: %s\n", sentence);
        return err;
    }
    assembly = calloc(1, sizeof *assembly);
    if (!assembly)
        return -ENOMEM;
    assembly->alive.runtime = &assembly->runtime;
    err = leat__fork_enter(&assembly->alive);
    if (err) {
        free(assembly);
        return err;
    }
    assembly->driven = driven;
    leat__overflow_install();
    leat__held_report_install();
    err = leat__cpus_probe(&assembly->cpus, NULL);
    if (!err)
        err = leat__options_resolve(&assembly->options, &assembly->surroundings, options,
                                    &assembly->cpus, driven ? 1 : assembly->cpus.count,
                                    assembly->complaint, sizeof assembly->complaint);
    if (!err)
        err = build(assembly);
    if (!err) {
        *ret = assembly;
        return 0;
    }
    leat__assembly_destroy(assembly, err);
    return err;
}

int leat__assembly_start(struct leat__assembly *assembly, int (*fn)(void *arg), void *arg)
{
    int err;

    leat__check(fn != NULL, "leat_run needs a function: NULL was given in the place of one");
    assembly->fn = fn;
    assembly->arg = arg;
    leat__assembly_report(assembly); /* before any task has something to say */
    /* The root task last: workers that are started would run it, and one that can't be started
     * ends the others. */
    err = leat__sched_start(assembly->runtime.sched);
    if (err) {
        snprintf(assembly->complaint, sizeof assembly->complaint,
                 "the worker threads could not be started%s",
                 err == -EAGAIN ? ": raise the limit of processes (ulimit -u)" : "");
        return err;
    }
    err = leat__task_start_root(&assembly->runtime, root_task, assembly);
    if (err) {
        leat__sched_stop(assembly->runtime.sched);
        return err;
    }
    observe(assembly);
    return 0;
}

/* Asked for by name, so whatever the level. */
static void say(void *arg, const char *line)
{
    const struct leat__runtime *runtime = arg;

    runtime->log(runtime->log_arg, LEAT_LOG_INFO, line);
}

int leat__assembly_stop(struct leat__assembly *assembly)
{
    struct leat__runtime *runtime = &assembly->runtime;

    leat__observe_stop(runtime);
    /* Phase two: every task has ended with the root's scopes; only pools and workers are left. */
    leat__compute_stop(runtime->compute);
    leat__blocking_stop(runtime->blocking, assembly->options.stop_ns);
    leat__sched_stop(runtime->sched);
    if (runtime->measure)
        (void)leat__advise(runtime, say, runtime);
    /* relaxed: whoever wrote it was joined */
    return load_relaxed(&runtime->deadlocked) ? -EDEADLK : runtime->result;
}

void leat__assembly_destroy(struct leat__assembly *assembly, int err)
{
    take_apart(assembly);
    leat__overflow_remove();
    if (assembly->complaint[0]) {
        const char *name = leat_error_name(err);

        if (strstr(assembly->complaint, name)) /* the kernel's reason names it */
            fprintf(stderr, "leat: %s\n", assembly->complaint);
        else
            fprintf(stderr, "leat: %s (%s)\n", assembly->complaint, name);
    }
    leat__cpus_fini(&assembly->cpus);
    leat__fork_leave(&assembly->alive);
    free(assembly);
}

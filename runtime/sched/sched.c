/* SPDX-License-Identifier: MIT */
/* Starting and stopping the workers of a runtime, and asking about them. */
#include "sched/sched.h"
#include "base/check.h"
#include "platform/barrier.h"
#include "platform/clock.h"
#include "sched/worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void fini_workers(struct leat__sched *sched)
{
    for (unsigned i = 0; i < sched->count; i++) {
        leat__inside_put(sched->workers[i].face.inside);
        leat__deque_fini(&sched->workers[i].fresh);
        leat__runq_fini(&sched->workers[i].runq);
    }
}

int leat__sched_create(struct leat__sched **ret, const struct leat__sched_options *options)
{
    struct leat__sched *sched = aligned_alloc(alignof(struct leat__sched), sizeof *sched);
    uint64_t seed = options->seed;
    int err;

    if (!sched)
        return -ENOMEM;
    memset(sched, 0, sizeof *sched);
    sched->workers = aligned_alloc(alignof(struct leat__worker),
                                   options->workers * sizeof *sched->workers);
    if (!sched->workers) {
        free(sched);
        return -ENOMEM;
    }
    memset(sched->workers, 0, options->workers * sizeof *sched->workers);
    sched->count = options->workers;
    sched->alone = sched->count == 1;
    sched->bind = options->bind;
    sched->signals = options->signals;
    sched->relief = !sched->alone && leat__barrier_prepare();
    sched->runtime = options->runtime;
    sched->body = options->body;
    leat__idle_init(&sched->idle, sched->count);
    err = leat__cpus_probe(&sched->cpus, NULL);
    if (err)
        goto fail_cpus;
    err = leat__stacks_init(&sched->stacks, options->stack_bytes);
    if (err)
        goto fail_stacks;
    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__worker *worker = &sched->workers[i];

        worker->sched = sched;
        worker->alone = sched->alone;
        err = leat__deque_init(&worker->fresh);
        if (!err)
            err = leat__runq_init(&worker->runq);
        worker->face.inside = leat__inside_get();
        if (err || !worker->face.inside) {
            err = err ? err : -ENOMEM;
            goto fail_workers;
        }
        worker->fresh.alone = worker->runq.alone = sched->alone;
        if (!sched->alone && !sched->relief) {
            leat__runq_fence(&worker->runq);
            leat__deque_fence(&worker->fresh);
        }
        worker->face.index = i;
        worker->face.runtime = options->runtime;
        worker->turns = 4;
        worker->due = LEAT_NEVER;
        worker->trim_at = LEAT_NEVER;
        /* The first ones are taken for long. relaxed: no thread yet */
        store_relaxed(&worker->turn_ns, LEAT__WAKE_NS + 1);
        worker->poller = options->pollers[i];
        worker->ticker = options->tickers[i];
        worker->driven = options->driven && i == 0;
        leat__random_init(&worker->random, leat__random_mix(&seed));
    }
    *ret = sched;
    return 0;

fail_workers:
    fini_workers(sched);
    leat__stacks_fini(&sched->stacks);
fail_stacks:
    leat__cpus_fini(&sched->cpus);
fail_cpus:
    free(sched->workers);
    free(sched);
    return err;
}

static void stop(struct leat__sched *sched, unsigned started)
{
    /* release: a worker that is woken sees it; pairs with the wake's system call */
    store_release(&sched->stopping, true);
    for (unsigned i = 0; i < started; i++)
        sched->workers[i].poller->wake(sched->workers[i].poller);
    for (unsigned i = 0; i < started; i++)
        if (!sched->workers[i].driven)
            leat__thread_join(&sched->workers[i].thread);
    if (sched->signals)
        leat__signals_remove();
}

int leat__sched_start(struct leat__sched *sched)
{
    if (sched->signals)
        leat__signals_install();
    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__thread_options options = {
            .name = "leat/worker",
            .bind_cpu = sched->bind ? leat__cpus_nth(&sched->cpus, i) : -1,
            .cpus = &sched->cpus,
            .block_signals = true,
            .open_signal = sched->signals ? LEAT__WATCH_SIGNAL : 0,
            .signal_stack = true,
        };
        int err = 0;

        if (sched->workers[i].driven)
            sched->workers[i].thread.handle = pthread_self();
        else
            err = leat__thread_start(&sched->workers[i].thread, &options, leat__worker_main,
                                     &sched->workers[i]);
        if (err) {
            stop(sched, i);
            return err;
        }
    }
    store_release(&sched->running, true); /* pairs with the acquire in leat__sched_signal */
    return 0;
}

bool leat__sched_step(struct leat__sched *sched, const struct leat__sched_step *step,
                      leat_time *ret_due)
{
    return leat__worker_step(&sched->workers[0], step, ret_due);
}

void leat__sched_stop(struct leat__sched *sched)
{
    stop(sched, sched->count);
    /* acquire: pairs with the release in hand_in; a visitor is about to leave, or was preempted */
    while (load_acquire(&sched->visitors) > 0)
        sched_yield();
    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__worker *worker = &sched->workers[i];

        leat__check(!leat__slot_peek(&worker->lifo) && !worker->next && !worker->pinned.first &&
                        !leat__classes_wait(sched) &&
                        leat__runq_len(&worker->runq) == 0 && leat__deque_len(&worker->fresh) == 0,
                    "the scheduler was stopped while tasks were runnable");
        leat__stacks_put(&sched->stacks, worker->hot);
        worker->hot = NULL;
    }
}

void leat__sched_destroy(struct leat__sched *sched)
{
    if (!sched)
        return;
    fini_workers(sched);
    leat__stacks_fini(&sched->stacks);
    leat__cpus_fini(&sched->cpus);
    free(sched->workers);
    free(sched);
}

void leat__sched_probe(const struct leat__sched *sched, struct leat__probe *ret)
{
    memset(ret, 0, sizeof *ret);
    for (unsigned i = 0; i < sched->count; i++)
        leat__probe_sum(ret, &sched->workers[i].face.probe);
    ret->yields += ret->rotations;
    ret->switches += ret->rotations;
}

unsigned leat__sched_awake(struct leat__sched *sched)
{
    return leat__idle_count_awake(&sched->idle);
}

/* Under the lock that going to sleep takes (so it releases to us what was written before), and that
 * a worker takes which awakes: it then makes a turn before it sleeps again, which is counted. */
bool leat__sched_is_still(struct leat__sched *sched, uint64_t *movement)
{
    struct leat__probe sum;
    bool still;

    leat__lock(&sched->idle.lock);
    still = leat__sched_awake(sched) == 0;
    leat__unlock(&sched->idle.lock);
    leat__sched_probe(sched, &sum);
    *movement = sum.turns + sum.switches;
    return still;
}

bool leat__sched_ring_me(struct leat__sched *sched, void *bell)
{
    store_release(&sched->bell, bell); /* pairs with the acquire in idle.c */
    fence_seq_cst(); /* pairs with the fence in leat__idle: it counts itself awake, then looks */
    if (leat__sched_awake(sched) == 0)
        return true;
    store_relaxed(&sched->bell, NULL); /* relaxed: an exchange decides who rings, if anybody */
    return false;
}

bool leat__sched_is_quiet(struct leat__sched *sched)
{
    return load_relaxed(&sched->bell) != NULL; /* relaxed: the bell itself orders */
}

const char *leat__sched_guard(const struct leat__sched *sched)
{
    return leat__stacks_guard_name(&sched->stacks);
}

uint64_t leat__sched_unguarded(struct leat__sched *sched)
{
    struct leat__stack_counts counts;

    leat__stacks_count(&sched->stacks, &counts);
    return counts.unguarded;
}

struct leat__sched *leat__worker_sched(const struct leat__worker *worker)
{
    return worker->sched;
}

struct leat__poller *leat__worker_poller(const struct leat__worker *worker)
{
    return worker->poller;
}

struct leat__ticker *leat__worker_ticker(const struct leat__worker *worker)
{
    return worker->ticker;
}

struct leat__random *leat__worker_random(struct leat__worker *worker)
{
    return &worker->random;
}

void *leat__sched_runtime(const struct leat__sched *sched)
{
    return sched->runtime;
}

unsigned leat__sched_workers(const struct leat__sched *sched)
{
    return sched->count;
}

struct leat__worker *leat__sched_worker(const struct leat__sched *sched, unsigned index)
{
    return &sched->workers[index];
}

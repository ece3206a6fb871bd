/* SPDX-License-Identifier: MIT */
/* What the runtime takes from platform and what sched keeps in thread-locals: of the simulation
 * while one runs, else the real ones. */
#include "sim/kernel.h"
#include "sim/sim.h"

#include "base/clamp.h"
#include "platform/barrier.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "platform/membarrier.h"
#include "platform/seed.h"
#include "sched/current.h"
#include "sched/sched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- time ---- */

leat_time leat__clock_now(void)
{
    return leat__sim_on ? leat__sim_tick() : leat__kernel_clock_now();
}

/* Nobody is off its CPU, so these only serve to measure lengths. */
leat_time leat__clock_thread_cpu(void)
{
    return leat__sim_on ? leat__sim_tick() : leat__kernel_clock_thread_cpu();
}

leat_time leat__clock_process_cpu(void)
{
    return leat__sim_on ? leat__sim_tick() : leat__kernel_clock_process_cpu();
}

leat_time leat_now(void)
{
    return leat__clock_now();
}

leat_time leat_after(leat_time delay)
{
    return leat__time_after(leat__clock_now(), delay);
}

/* ---- sleeping on a word ---- */

int leat__futex_wait(const void *word, uint32_t expected, leat_time deadline)
{
    if (!leat__sim_on)
        return leat__kernel_futex_wait(word, expected, deadline);
    leat__sim_point();
    if (*(const volatile uint32_t *)word != expected)
        return -EAGAIN;
    return leat__sim_block(word, deadline, "waits for a futex", true);
}

void leat__futex_wake(const void *word, int count)
{
    if (!leat__sim_on) {
        leat__kernel_futex_wake(word, count);
        return;
    }
    leat__sim_point();
    leat__sim_wake(word, count);
}

/* ---- threads ---- */

/* The handle of a virtual thread stands in its pthread_t. */
static struct leat__vthread *virtual_of(const struct leat__thread *thread)
{
    return (struct leat__vthread *)(uintptr_t)thread->handle;
}

int leat__thread_start(struct leat__thread *thread, const struct leat__thread_options *options,
                       void (*fn)(void *arg), void *arg)
{
    struct leat__vthread *vthread;
    int err;

    if (!leat__sim_on)
        return leat__kernel_thread_start(thread, options, fn, arg);
    err = leat__sim_thread_start(&vthread, options->name, fn, arg);
    if (err)
        return err;
    thread->handle = (pthread_t)(uintptr_t)vthread;
    leat__sim_point();
    return 0;
}

void leat__thread_join(struct leat__thread *thread)
{
    if (leat__sim_on)
        leat__sim_thread_join(virtual_of(thread));
    else
        leat__kernel_thread_join(thread);
}

void leat__thread_detach(struct leat__thread *thread)
{
    if (leat__sim_on)
        leat__sim_thread_detach(virtual_of(thread));
    else
        leat__kernel_thread_detach(thread);
}

int leat__thread_bind(int cpu)
{
    return leat__sim_on ? 0 : leat__kernel_thread_bind(cpu);
}

int leat__thread_unbind(const struct leat__cpus *cpus)
{
    return leat__sim_on ? 0 : leat__kernel_thread_unbind(cpus);
}

/* ---- thread-locals ---- */

/* As in sched/current.c: who calls this before and after a switch must not keep the result. */
#ifdef __clang__
__attribute__((noinline))
#else
__attribute__((noipa))
#endif
struct leat__worker *leat__worker_current(void)
{
    __asm__ volatile("" ::: "memory");
    return leat__sim_on ? *leat__sim_worker_slot() : leat__kernel_worker_current();
}

void leat__worker_become(struct leat__worker *worker)
{
    if (leat__sim_on)
        *leat__sim_worker_slot() = worker;
    else
        leat__kernel_worker_become(worker);
}

void *leat__thread_memory(void)
{
    return leat__sim_on ? leat__sim_thread_memory() : leat__kernel_thread_memory();
}

/* ---- fences on other threads: one thread runs at a time, so each is just another point ---- */

bool leat__fence_usable(void)
{
    return leat__sim_on ? leat__sim_config()->barrier : leat__kernel_fence_usable();
}

void leat__fence_heavy(void)
{
    if (leat__sim_on)
        leat__sim_point();
    else
        leat__kernel_fence_heavy();
}

bool leat__barrier_prepare(void)
{
    return leat__sim_on ? leat__sim_config()->barrier : leat__kernel_barrier_prepare();
}

void leat__barrier_all(void)
{
    if (leat__sim_on)
        leat__sim_point();
    else
        leat__kernel_barrier_all();
}

/* ---- the machine ---- */

uint64_t leat__seed(void)
{
    return leat__sim_on ? 1 + leat__sim_choose(UINT32_MAX) : leat__kernel_seed();
}

/* Always the same machine, with the four CPUs that the mask's first byte has room for. */
int leat__cpus_probe(struct leat__cpus *ret, const char *root)
{
    if (!leat__sim_on)
        return leat__kernel_cpus_probe(ret, root);
    *ret = (struct leat__cpus){ .count = 4, .allowed = 4, .total = 4 };
    snprintf(ret->reason, sizeof ret->reason, "a simulated machine");
    ret->mask_bytes = CPU_ALLOC_SIZE(4);
    ret->mask = CPU_ALLOC(4);
    if (!ret->mask)
        return -ENOMEM;
    CPU_ZERO_S(ret->mask_bytes, ret->mask);
    for (int i = 0; i < 4; i++)
        CPU_SET_S((size_t)i, ret->mask_bytes, ret->mask);
    return 0;
}

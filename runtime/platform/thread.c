/* SPDX-License-Identifier: MIT */
/* Threads. pthreads underneath: the C library and the sanitizers must know of every thread.
 *
 * Signals are blocked in the starter around pthread_create, not in the new thread: a mask is
 * inherited, and otherwise a signal could arrive before the thread has set its own. */
#include "platform/thread.h"
#include "base/check.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL_STACK_BYTES ((size_t)64 * 1024)

struct start {
    void (*fn)(void *arg);
    void *arg;
    char name[16];
    int bind_cpu;
    bool batch;
    bool signal_stack;
    size_t mask_bytes; /* of mask; 0: keep what was inherited */
    cpu_set_t mask[];
};

/* Fibers overflow their stacks on this thread, and the handler that says so needs another. Costs
 * the pages that are touched. `ret` is what was there before; ASan has one of its own. */
static char *give_signal_stack(stack_t *ret)
{
    long least = sysconf(_SC_MINSIGSTKSZ); /* what the kernel saves, which grows with the machine */
    size_t bytes = SIGNAL_STACK_BYTES + (least > 0 ? (size_t)least : 0);
    char *low = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    stack_t stack = { .ss_sp = low, .ss_size = bytes };

    if (low == MAP_FAILED)
        return NULL;
    if (sigaltstack(&stack, ret) == 0)
        return low;
    munmap(low, bytes);
    return NULL;
}

static void take_signal_stack(char *low, const stack_t *before)
{
    stack_t stack;

    if (low && sigaltstack(before, &stack) == 0 && stack.ss_sp == low)
        munmap(low, stack.ss_size);
}

/* pthread_exit in a task finds the end of its stack and goes on on the thread's: here. The worker
 * would be gone, and its runtime wait for ever. */
static void end_of_thread(void *unused)
{
    (void)unused;
    leat__check_failed("a function that leat has called ended its thread (pthread_exit or "
                       "pthread_cancel): return from it instead",
                       LEAT__FILE, __LINE__);
}

static void *run_thread(void *arg)
{
    struct start *start = arg;
    void (*fn)(void *fn_arg) = start->fn;
    void *fn_arg = start->arg;
    stack_t stack_before = { .ss_flags = SS_DISABLE };
    char *signal_stack = start->signal_stack ? give_signal_stack(&stack_before) : NULL;

    if (start->name[0])
        prctl(PR_SET_NAME, start->name, 0, 0, 0);
    if (start->mask_bytes)
        sched_setaffinity(0, start->mask_bytes, start->mask);
    if (start->bind_cpu >= 0)
        leat__thread_bind(start->bind_cpu);
    if (start->batch)
        sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ .sched_priority = 0 });
    free(start);
    errno = 0;
    pthread_cleanup_push(end_of_thread, NULL);
    fn(fn_arg);
    pthread_cleanup_pop(0);
    take_signal_stack(signal_stack, &stack_before);
    return NULL;
}

static void fill_blockable(sigset_t *set)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };

    sigfillset(set);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(set, faults[i]);
}

static int create(struct leat__thread *thread, const struct leat__thread_options *options,
                  struct start *start)
{
    pthread_attr_t attr;
    sigset_t blocked, before;
    size_t stack_bytes = options->stack_bytes;
    int err = pthread_attr_init(&attr);

    if (err)
        return -err;
    if (stack_bytes) {
        long least = sysconf(_SC_THREAD_STACK_MIN);

        if (least > 0 && stack_bytes < (size_t)least)
            stack_bytes = (size_t)least;
        err = pthread_attr_setstacksize(&attr, stack_bytes);
    }
    if (!err) {
        if (options->block_signals) {
            fill_blockable(&blocked);
            if (options->open_signal)
                sigdelset(&blocked, options->open_signal);
            pthread_sigmask(SIG_BLOCK, &blocked, &before);
        }
        err = pthread_create(&thread->handle, &attr, run_thread, start);
        if (options->block_signals)
            pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    return -err;
}

int leat__thread_start(struct leat__thread *thread, const struct leat__thread_options *options,
                       void (*fn)(void *arg), void *arg)
{
    const struct leat__cpus *cpus = options->bind_cpu < 0 ? options->cpus : NULL;
    size_t mask_bytes = cpus ? cpus->mask_bytes : 0;
    struct start *start = malloc(sizeof *start + mask_bytes);
    int err;

    if (!start)
        return -ENOMEM;
    *start = (struct start){ .fn = fn,
                             .arg = arg,
                             .bind_cpu = options->bind_cpu,
                             .batch = options->batch,
                             .signal_stack = options->signal_stack,
                             .mask_bytes = mask_bytes };
    if (options->name)
        strncpy(start->name, options->name, sizeof start->name - 1);
    if (mask_bytes)
        memcpy(start->mask, cpus->mask, mask_bytes);
    err = create(thread, options, start);
    if (err)
        free(start);
    return err;
}

void leat__thread_join(struct leat__thread *thread)
{
    leat__check(pthread_join(thread->handle, NULL) == 0,
                "join a thread once, and not from itself");
}

void leat__thread_detach(struct leat__thread *thread)
{
    leat__check(pthread_detach(thread->handle) == 0, "join or detach a thread, once");
}

int leat__thread_bind(int cpu)
{
    size_t number = (size_t)cpu;
    size_t bytes = CPU_ALLOC_SIZE(number + 1);
    cpu_set_t *mask;
    int err;

    if (cpu < 0)
        return -EINVAL;
    mask = CPU_ALLOC(number + 1);
    if (!mask)
        return -ENOMEM;
    CPU_ZERO_S(bytes, mask);
    CPU_SET_S(number, bytes, mask);
    err = sched_setaffinity(0, bytes, mask) == 0 ? 0 : -errno;
    CPU_FREE(mask);
    return err;
}

int leat__thread_unbind(const struct leat__cpus *cpus)
{
    return sched_setaffinity(0, cpus->mask_bytes, cpus->mask) == 0 ? 0 : -errno;
}

void leat__thread_block_signals(void)
{
    sigset_t blocked;

    fill_blockable(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

void leat__thread_signals_open(struct leat__thread_signals *signals, int open_signal)
{
    stack_t now;
    sigset_t open;

    sigemptyset(&open);
    sigaddset(&open, open_signal);
    pthread_sigmask(SIG_UNBLOCK, &open, &signals->mask_before);
    signals->stack = NULL;
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE))
        signals->stack = give_signal_stack(&signals->stack_before);
}

void leat__thread_signals_close(struct leat__thread_signals *signals)
{
    take_signal_stack(signals->stack, &signals->stack_before);
    pthread_sigmask(SIG_SETMASK, &signals->mask_before, NULL);
}

int leat__thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

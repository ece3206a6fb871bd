/* SPDX-License-Identifier: MIT */
/* A stack that overflows runs into its guard, and the kernel sends SIGSEGV (SIGBUS on some
 * machines) with the address. The handler runs on the worker's alternate stack (platform/thread.h),
 * compares the address with the guard of the stack that this worker runs on, and says whose it is.
 * Every fault, ours too, then goes on to the action that was there before: crash reporters keep
 * working, and without one the process dies of the signal at the very instruction.
 *
 * Nothing is unwound here: the frames above the guard are a recursion, and its name is enough.
 *
 * INVARIANTS
 *   I1  `before` is written only while our handler is not installed.
 *   I2  The handler takes no lock and allocates nothing. */
#include "observe/overflow.h"
#include "platform/symbol.h"
#include "platform/stack.h"
#include "sched/sched.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/walk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const int numbers[] = { SIGSEGV, SIGBUS };

static struct {
    pthread_mutex_t  lock;
    unsigned         users;
    bool             installed;
    struct sigaction before[2];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void say(const struct leat__runtime *runtime, const struct leat__self *self)
{
    struct leat__text text = { .fd = STDERR_FILENO };
    struct leat__symbols symbols;

    leat__symbols_init(&symbols, true);
    leat__text_put(&text, "leat: task ");
    if (self->name) {
        leat__text_name(&text, self->name);
        leat__text_put(&text, " ");
    }
    leat__text_put(&text, "(id ");
    leat__text_number(&text, leat__task_id(runtime, self->task));
    leat__text_put(&text, ", fn ");
    leat__symbol_put(&symbols, &text, (void *)(uintptr_t)self->fn, false);
    leat__text_put(&text, ") overflowed its stack of ");
    leat__text_number(&text, runtime->stack_bytes / 1024);
    leat__text_put(&text, " KiB; raise options.stack_bytes\n");
    leat__text_flush(&text);
    leat__symbols_fini(&symbols);
}

static void explain(const void *address)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__fiber *fiber = leat__fiber_current();
    const struct leat__self *self;

    /* relaxed: this thread's own */
    if (!fiber || load_relaxed(&fiber->state) != LEAT__FIBER_RUNNING)
        return;
    self = fiber->self;
    if (self->task && leat__stack_overflowed(self->stack, address))
        say(leat__worker_runtime(worker), self);
}

/* Let the signal do what it did before us. */
static void pass_on(const struct sigaction *before, int number, siginfo_t *info, void *context)
{
    bool asynchronous = info->si_code <= 0; /* sent, not a fault: it will not come again */

    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(number, info, context);
    } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        before->sa_handler(number);
    } else if (!asynchronous || before->sa_handler == SIG_DFL) {
        signal(number, SIG_DFL);
        if (asynchronous)
            raise(number); /* blocked while we are here, so it strikes when we return */
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int saved = errno;

    if (info->si_code > 0)
        explain(info->si_addr);
    errno = saved;
    pass_on(&state.before[number == SIGSEGV ? 0 : 1], number, info, context);
}

void leat__overflow_install(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&state.lock);
    if (state.users++ == 0 && !state.installed) {
        for (size_t i = 0; i < 2; i++) {
            sigaction(numbers[i], NULL, &state.before[i]); /* I1 */
            sigaction(numbers[i], &action, NULL);
        }
        state.installed = true;
    }
    pthread_mutex_unlock(&state.lock);
}

/* Whoever has installed a handler after us may call ours from it: then ours stays for good. */
static bool in_front(int number)
{
    struct sigaction now;

    sigaction(number, NULL, &now);
    return (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault;
}

void leat__overflow_remove(void)
{
    pthread_mutex_lock(&state.lock);
    if (--state.users == 0 && in_front(SIGSEGV) && in_front(SIGBUS)) {
        for (size_t i = 0; i < 2; i++)
            sigaction(numbers[i], &state.before[i], NULL);
        state.installed = false;
    }
    pthread_mutex_unlock(&state.lock);
}

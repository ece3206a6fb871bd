/* SPDX-License-Identifier: MIT */
/*
 * threads.c: the model's threads: fibers on one OS thread, and all the ways they wait.
 *
 * A fiber is made once by makecontext and stays for all executions; switches are _setjmp and
 * _longjmp, some ten nanoseconds where swapcontext makes two system calls. So drivers run at
 * about a million steps a second or more.
 *
 * Besides the driver's threads there are committers: a thread that parks stops at once, and what
 * it passed to model_park runs as a thread of its own, since whoever it lets go may resume the
 * parked one while the rest of commit still runs.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "internal.h"
#include "platform/futex.h"

enum {
    STACK_BYTES = 64 * 1024,
    STEPS_MAX = 20000, /* in an execution: beyond it, it makes no progress */
    ARENA_BYTES = 64 * 1024
};

enum state { IDLE, RUNNABLE, PARKED, SLEEPING, SLEEPING_TIMED, FUTEX, FUTEX_TIMED };

struct thread {
    enum state state;
    jmp_buf where;
    void (*fn)(void *);
    void *arg;
    bool (*commit)(void *); /* of a committer: what it runs, for thread `parker` */
    int parker;
    const void *futex;
    bool token; /* a wake that came before the sleep */
    bool timed_out;
};

static _Alignas(64) char stacks[THREADS_MAX][STACK_BYTES];
static struct thread threads[THREADS_MAX];
static int current;      /* 0: the body */
static unsigned yielded; /* threads in a spin loop: they wait until somebody else makes a step */
static int steps;
static jmp_buf body_resume;
static ucontext_t boot;

static _Alignas(64) char arena[ARENA_BYTES];
static size_t arena_used;

void threads_reset(void)
{
    current = 0;
    yielded = 0;
    steps = 0;
    arena_used = 0;
    for (int t = 1; t < THREADS_MAX; t++)
        threads[t].state = IDLE;
}

void threads_print(void)
{
    static const char *const names[] = { "", "can run", "parked", "asleep in the reactor",
                                         "asleep in the reactor, with a deadline",
                                         "waits on a futex", "waits on a futex, with a deadline" };

    for (int t = 1; t < THREADS_MAX; t++)
        if (threads[t].state != IDLE)
            printf("     T%d %s\n", t, names[threads[t].state]);
}

static bool enabled(int t)
{
    return threads[t].state == RUNNABLE;
}

/* May time wake it? */
static bool timed(int t)
{
    return threads[t].state == FUTEX_TIMED || threads[t].state == SLEEPING_TIMED;
}

/* Who runs next; -1 when all are done. */
static int pick(void)
{
    bool may_preempt = search_preempt(0);
    int options[THREADS_MAX], n = 0, ready = 0;
    bool go_on = current != 0 && enabled(current) && !(yielded & 1u << current);
    int chosen;

    if (go_on)
        options[n++] = current;
    if (!go_on || may_preempt) {
        for (int t = 1; t < THREADS_MAX; t++)
            if (t != current && enabled(t) && !(yielded & 1u << t))
                options[n++] = t;
        ready = n;
        /* A timeout while others can run counts as a preemption. */
        if (n > 0 && may_preempt)
            for (int t = 1; t < THREADS_MAX; t++)
                if (timed(t))
                    options[n++] = t;
    }
    for (int t = 1; n == 0 && t < THREADS_MAX; t++) /* all who can run spin: let one go on */
        if (enabled(t))
            options[n++] = t;
    for (int t = 1; n == 0 && t < THREADS_MAX; t++) /* nobody can: time passes */
        if (timed(t))
            options[n++] = t;
    if (n == 0) {
        for (int t = 1; t < THREADS_MAX; t++)
            if (threads[t].state != IDLE)
                model_fail(__FILE__, __LINE__, "deadlock: all wait, a wake was lost");
        return -1;
    }
    chosen = options[search_choose(n)];
    if (timed(chosen)) {
        threads[chosen].timed_out = true;
        threads[chosen].state = RUNNABLE;
        (void)search_preempt(ready > 0);
    } else if (go_on && chosen != current) {
        (void)search_preempt(1);
    }
    return chosen;
}

/* Saves the caller's place and goes on with `next`, or with the body if all are done. */
static __attribute__((noinline)) void go_to(struct thread *self, int next)
{
    current = next < 0 ? 0 : next;
    if (_setjmp(self->where) == 0)
        _longjmp(next < 0 ? body_resume : threads[next].where, 1);
}

/* Gives the processor to whoever is next; returns when the caller is. */
static void dispatch(void)
{
    int next = pick();

    if (next != current)
        go_to(&threads[current], next);
}

void threads_point(void)
{
    search_tick();
    if (current == 0)
        return; /* the body is alone */
    if (++steps > STEPS_MAX)
        model_fail(__FILE__, __LINE__, "no progress: the threads spin");
    dispatch();
    yielded &= 1u << current;
}

void model_relax(const struct model_site *site)
{
    search_trace(site->file, site->line, site->text, "%s", "");
    if (current != 0)
        yielded |= 1u << current;
    threads_point();
}

/* The life of a fiber: it stays for all executions and runs a thread in each. */
static void fiber_main(int number)
{
    struct thread *self = &threads[number];

    if (_setjmp(self->where) == 0)
        setcontext(&boot);
    for (;;) {
        if (self->commit) {
            if (!self->commit(self->arg))
                model_ready(self->parker);
        } else {
            self->fn(self->arg);
        }
        search_trace(NULL, 0, "ends", "%s", "");
        self->state = IDLE;
        go_to(self, pick());
    }
}

void threads_make(void)
{
    for (int i = 1; i < THREADS_MAX; i++) {
        ucontext_t fiber;

        getcontext(&fiber);
        fiber.uc_stack.ss_sp = stacks[i];
        fiber.uc_stack.ss_size = STACK_BYTES;
        makecontext(&fiber, (void (*)(void))fiber_main, 1, i);
        swapcontext(&boot, &fiber); /* until its first setjmp */
    }
}

int model_spawn(void (*fn)(void *), void *arg)
{
    int t = 1;

    while (t <= WORKERS_MAX && threads[t].state != IDLE)
        t++;
    if (t > WORKERS_MAX || current != 0)
        search_broken("model_spawn: at most 4 threads, from the body only");
    threads[t].fn = fn;
    threads[t].arg = arg;
    threads[t].commit = NULL;
    threads[t].token = false;
    threads[t].state = RUNNABLE;
    memory_fork(0, t);
    return t;
}

static __attribute__((noinline)) void run_threads(void)
{
    int next = pick();

    if (next < 0)
        return;
    current = next;
    if (_setjmp(body_resume) == 0)
        _longjmp(threads[next].where, 1);
}

void model_run(void)
{
    run_threads();
    for (int t = 1; t < THREADS_MAX; t++)
        memory_join(0, t);
}

int threads_current(void)
{
    return current;
}

int model_self(void)
{
    int t = current;

    return t <= WORKERS_MAX ? t : threads[t].parker; /* a committer acts for its parker */
}

/* ---- waiting ---- */

void model_park(bool (*commit)(void *), void *arg)
{
    int t = current;

    if (t == 0 || t > WORKERS_MAX)
        model_fail(__FILE__, __LINE__, "model_park: only threads park");
    threads[t].state = PARKED;
    search_trace(NULL, 0, "parks", "%s", "");
    if (commit) {
        int c = WORKERS_MAX + 1;

        while (c < THREADS_MAX && threads[c].state != IDLE)
            c++;
        if (c == THREADS_MAX)
            search_broken("too many committers at a time");
        threads[c].commit = commit;
        threads[c].arg = arg;
        threads[c].parker = t;
        threads[c].state = RUNNABLE;
        memory_fork(t, c);
    }
    dispatch();
    memory_collect(t);
    search_trace(NULL, 0, "resumes", "%s", "");
}

void model_ready(int thread)
{
    search_trace(NULL, 0, "readies", "T%d", thread);
    if (thread < 1 || thread > WORKERS_MAX || threads[thread].state != PARKED)
        model_fail(__FILE__, __LINE__, "readied a thread that is not parked");
    threads[thread].state = RUNNABLE;
    memory_post(thread, current); /* run queues release and acquire */
}

static bool sleep_as(enum state state)
{
    struct thread *self = &threads[current];

    self->timed_out = false;
    if (!self->token) {
        search_trace(NULL, 0, "sleeps", "%s", "");
        self->state = state;
        dispatch();
    }
    self->token = false;
    memory_collect(current);
    search_trace(NULL, 0, self->timed_out ? "wakes in time" : "is awake", "%s", "");
    return !self->timed_out;
}

void model_sleep(void)
{
    (void)sleep_as(SLEEPING);
}

bool model_sleep_timed(void)
{
    return sleep_as(SLEEPING_TIMED);
}

void model_wake(int thread)
{
    search_trace(NULL, 0, "wakes", "T%d", thread);
    if (thread < 1 || thread > WORKERS_MAX)
        model_fail(__FILE__, __LINE__, "woke a thread that does not exist");
    threads[thread].token = true;
    if (threads[thread].state == SLEEPING || threads[thread].state == SLEEPING_TIMED)
        threads[thread].state = RUNNABLE;
    memory_post(thread, current); /* the kernel orders the wake after what the waker did */
}

int model_futex_wait(const void *word, uint32_t expected, bool timed)
{
    static const struct model_site site = { __FILE__, __LINE__, "futex_wait" };
    struct thread *self;

    threads_point();
    if (memory_latest(word, sizeof expected) != expected) {
        search_trace(site.file, site.line, site.text, "-EAGAIN");
        return -EAGAIN;
    }
    search_trace(site.file, site.line, site.text, "sleeps on %u", expected);
    self = &threads[current];
    self->futex = word;
    self->timed_out = false;
    self->state = timed ? FUTEX_TIMED : FUTEX;
    dispatch();
    return self->timed_out ? -ETIMEDOUT : 0;
}

void model_futex_wake(const void *word, int count)
{
    threads_point();
    for (; count > 0; count--) {
        int waiters[THREADS_MAX], n = 0, chosen;

        for (int t = 1; t < THREADS_MAX; t++)
            if ((threads[t].state == FUTEX || threads[t].state == FUTEX_TIMED) &&
                threads[t].futex == word)
                waiters[n++] = t;
        if (n == 0)
            break;
        chosen = waiters[search_choose(n)];
        search_trace(__FILE__, __LINE__, "futex_wake", "T%d", chosen);
        threads[chosen].state = RUNNABLE;
    }
}

void *model_alloc(size_t bytes)
{
    char *p = arena + arena_used;

    arena_used += (bytes + 63) & ~(size_t)63;
    if (arena_used > sizeof arena)
        search_broken("arena is full");
    memset(p, 0, bytes);
    return p;
}

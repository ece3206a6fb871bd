/* SPDX-License-Identifier: MIT */
/* Virtual threads: who runs, who is blocked, and how time moves. See sim.h.
 *
 * The one that stops picks the next and switches straight to it, as workers do with tasks: there is
 * no context of a scheduler, and a decision that lets the same one go on costs no switch. */
#include "sim/core.h"

#include "base/check.h"
#include "base/clamp.h"
#include "platform/stack.h"
#include "sim/faults.h"
#include "sim/process.h"
#include "sim/reactor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool leat__sim_on;
uint32_t leat__sim_budget;
bool leat__sim_fine;
struct leat__sim leat__sim;

static struct leat__stacks stacks; /* of virtual threads; kept from one simulation to the next */
static bool stacks_made;

#define S leat__sim

/* ---- numbers ---- */

const struct leat__sim_config *leat__sim_config(void)
{
    return &S.config;
}

uint32_t leat__sim_choose(uint32_t n)
{
    uint32_t chosen;

    if (n < 2 || !leat__sim_on)
        return 0;
    chosen = leat__random_below(&S.random, n);
    S.hash = (S.hash ^ chosen) * UINT64_C(0x100000001b3);
    return chosen;
}

bool leat__sim_fault(uint32_t rate)
{
    return leat__sim_on && rate > 0 && S.now < S.config.faults_end && leat__sim_choose(1000) < rate;
}

leat_time leat__sim_now(void)
{
    return S.now;
}

void leat__sim_pass(leat_time length)
{
    S.now = leat__time_add(S.now, length);
    leat__sim_point();
}

leat_time leat__sim_tick(void)
{
    leat__sim_point();
    S.now += S.config.tick;
    return S.now;
}

/* ---- events: a binary heap by time, then by order ---- */

static bool sooner(const struct leat__sim_event *a, const struct leat__sim_event *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

void leat__sim_at(leat_time when, void (*fn)(void *arg), void *arg)
{
    size_t at = S.event_count;

    if (at == S.event_room) {
        S.event_room = at ? 2 * at : 64;
        S.events = reallocarray(S.events, S.event_room, sizeof *S.events);
        leat__check(S.events != NULL, "the simulation needs more memory");
    }
    S.event_count++;
    S.events[at] = (struct leat__sim_event){ when, S.event_order++, fn, arg };
    for (; at > 0 && sooner(&S.events[at], &S.events[(at - 1) / 2]); at = (at - 1) / 2) {
        struct leat__sim_event swap = S.events[at];

        S.events[at] = S.events[(at - 1) / 2];
        S.events[(at - 1) / 2] = swap;
    }
    S.due = leat__time_min(S.due, when);
}

static struct leat__sim_event first_event(void)
{
    struct leat__sim_event first = S.events[0], last = S.events[--S.event_count];
    size_t at = 0;

    for (size_t child; (child = 2 * at + 1) < S.event_count; at = child) {
        if (child + 1 < S.event_count && sooner(&S.events[child + 1], &S.events[child]))
            child++;
        if (!sooner(&S.events[child], &last))
            break;
        S.events[at] = S.events[child];
    }
    S.events[at] = last;
    return first;
}

/* ---- blocking and waking ---- */

static void make_ready(struct leat__vthread *vthread, bool timed_out)
{
    vthread->state = LEAT__VTHREAD_READY;
    vthread->timed_out = timed_out;
    vthread->on = NULL;
    vthread->waits_since = S.points;
    if (leat__sim_strategy_preempts(vthread) && leat__sim_budget > 1) {
        S.budget_given -= leat__sim_budget - 1;
        leat__sim_budget = 1;
    }
}

void leat__sim_wake(const void *on, int count)
{
    while (count-- > 0) {
        struct leat__vthread *found = NULL;
        uint32_t seen = 0;

        for (unsigned i = 0; i < S.thread_count; i++) {
            struct leat__vthread *at = S.threads[i];

            if (at && at->state == LEAT__VTHREAD_BLOCKED && at->on == on &&
                leat__random_below(&S.random, ++seen) == 0)
                found = at;
        }
        if (!found)
            return;
        make_ready(found, false);
        leat__sim_trace("wakes", found->id);
    }
}

/* What is due happens: events, and the ends of waits whose deadline has passed. */
static void let_happen(void)
{
    struct leat__vthread *me = S.me;

    S.me = NULL;
    while (S.event_count > 0 && S.events[0].when <= S.now) {
        struct leat__sim_event event = first_event();

        leat__sim_trace("event", event.order);
        event.fn(event.arg);
    }
    S.me = me;
    S.due = S.event_count > 0 ? S.events[0].when : LEAT_NEVER;
    for (unsigned i = 0; i < S.thread_count; i++) {
        struct leat__vthread *at = S.threads[i];

        if (!at || at->state != LEAT__VTHREAD_BLOCKED)
            continue;
        if (at->deadline <= S.now) {
            leat__sim_trace("time is up for", at->id);
            make_ready(at, true);
        } else {
            S.due = leat__time_min(S.due, at->deadline);
        }
    }
}

static unsigned gather(struct leat__vthread **ready)
{
    unsigned count = 0;

    for (unsigned i = 0; i < S.thread_count; i++)
        if (S.threads[i] && S.threads[i]->state == LEAT__VTHREAD_READY)
            ready[count++] = S.threads[i];
    return count;
}

/* ---- switching ---- */

/* On the stack of who goes on: what the one before left behind. */
static void arrive(void)
{
    struct leat__vthread *ended = S.ended;

    if (!ended)
        return;
    S.ended = NULL;
    ended->stack->next = NULL;
    (void)leat__stacks_put(&stacks, ended->stack);
    ended->stack = NULL;
    if (ended->detached) {
        S.threads[ended->id] = NULL;
        free(ended);
    }
}

static void switch_to(struct leat__vthread *next)
{
    struct leat__vthread *before = S.running;
    struct leat__exceptions *exceptions = leat__exceptions_of_thread();

    before->saved_errno = errno;
    before->waits_since = S.points;
    if (exceptions)
        before->exceptions = leat__exceptions_take(exceptions);
    S.running = S.me = next;
    leat__context_switch(&before->context, &next->context);
    arrive();
    if (exceptions)
        *exceptions = before->exceptions;
    errno = before->saved_errno;
}

/* Signals meet a virtual process where it goes on. */
static void go_on_with(struct leat__vthread *next)
{
    struct leat__vthread *me = S.running;

    if (next != me)
        switch_to(next);
    if (me->stopped && !me->killed)
        (void)leat__sim_block(&me->stopped, LEAT_NEVER, "is stopped by a signal", false);
    if (me->killed)
        leat__sim_thread_end();
}

/* The next one to run; moves time when there is none. */
static struct leat__vthread *pick(enum leat__sim_why why)
{
    struct leat__vthread *ready[LEAT__SIM_THREADS_MAX], *next;
    unsigned count;

    S.points += S.budget_given - leat__sim_budget;
    leat__sim_budget = S.budget_given = UINT32_MAX; /* none while we are at it */
    if (S.points - S.moved_at > S.config.steps_max)
        leat__sim_fail("livelock: %llu decision points and still somebody runs",
                       (unsigned long long)(S.points - S.moved_at));
    if (S.points > S.config.points_max)
        leat__sim_fail("no end: %llu decision points and it goes on",
                       (unsigned long long)S.points);
    if (S.now - S.bound_from > S.config.time_max)
        leat__sim_fail("no end: it goes on %.0f hours after the last fault there may be",
                       (double)(S.now - S.bound_from) / (double)LEAT_HOUR);
    for (;;) {
        if (S.due <= S.now)
            let_happen();
        count = gather(ready);
        if (count > 0)
            break;
        if (S.due == LEAT_NEVER)
            leat__sim_deadlocked();
        leat__sim_look_at_rest(S.due);
        S.now = leat__time_max(S.now, S.due);
        S.moved_at = S.points;
    }
    if (why == LEAT__SIM_YIELD && count == 1)
        S.now += S.config.tick; /* it spins for another, which nobody lets run: that takes time */
    next = count == 1 ? ready[0] : leat__sim_strategy_next(ready, count, why);
    S.decisions++;
    if (next != S.running)
        leat__sim_trace("runs", next->id);
    leat__sim_budget = S.budget_given = leat__sim_strategy_budget();
    return next;
}

/* As a machine does with a thread when others want its core. */
#define STALL_NS_MAX (20 * LEAT_MSEC)

const char leat__sim_stalled[] = "is not run for a while";

void leat__sim_decide(void)
{
    if (!S.me) { /* an event */
        leat__sim_budget = S.budget_given = UINT32_MAX;
        return;
    }
    if (leat__sim_fault(S.config.stall)) {
        leat__sim_wrong(LEAT__SIM_THREAD, LEAT__WAY_STALL, S.me->id);
        leat_time until = S.now + (leat_time)leat__sim_choose(STALL_NS_MAX);

        (void)leat__sim_block(&S.config.stall, until, leat__sim_stalled, false);
        return;
    }
    go_on_with(pick(LEAT__SIM_POINT));
}

/* It takes a tick: who waits for one that is not run for a while would spin for ever. */
void leat__sim_yield(void)
{
    if (!leat__sim_on || !S.me)
        return;
    S.now += S.config.tick;
    go_on_with(pick(LEAT__SIM_YIELD));
}

int leat__sim_block(const void *on, leat_time deadline, const char *what, bool spurious)
{
    struct leat__vthread *me = S.me;

    leat__check(me != NULL, "an event of the simulation must not block");
    if (spurious && leat__sim_fault(S.config.spurious)) {
        leat__sim_wrong(LEAT__SIM_THREAD, LEAT__WAY_SPURIOUS, me->id);
        leat__sim_yield();
        return 0;
    }
    me->state = LEAT__VTHREAD_BLOCKED;
    me->on = on;
    me->what = what;
    me->deadline = deadline;
    S.due = leat__time_min(S.due, deadline);
    go_on_with(pick(LEAT__SIM_BLOCK));
    me->what = NULL;
    return me->timed_out ? -ETIMEDOUT : 0;
}

/* ---- threads ---- */

void leat__sim_thread_end(void)
{
    struct leat__vthread *me = S.me;

    me->killed = me->stopped = false; /* it is past that */
    if (me->process)
        leat__sim_process_over(me->process);
    me->state = LEAT__VTHREAD_ENDED;
    S.alive--;
    leat__sim_wake(me, INT32_MAX);
    leat__sim_trace("ends", me->id);
    S.ended = me;
    if (S.alive == 0)
        leat__context_exit_to(&S.base);
    S.running = S.me = pick(LEAT__SIM_END);
    leat__context_exit_to(&S.running->context);
}

static void vthread_main(void *arg)
{
    struct leat__vthread *me = arg;

    arrive();
    errno = 0;
    if (!me->killed)
        me->fn(me->arg);
    leat__sim_thread_end();
}

void leat__sim_thread_kill(struct leat__vthread *vthread)
{
    vthread->killed = true;
    if (vthread->state == LEAT__VTHREAD_BLOCKED)
        make_ready(vthread, false);
}

int leat__sim_thread_start(struct leat__vthread **ret, const char *name, void (*fn)(void *arg),
                           void *arg)
{
    struct leat__vthread *vthread;
    unsigned id = 0;

    while (id < S.thread_count && S.threads[id])
        id++;
    if (id == LEAT__SIM_THREADS_MAX || leat__sim_fault(S.config.no_thread)) {
        leat__sim_wrong(LEAT__SIM_THREAD, EAGAIN, id);
        return -EAGAIN;
    }
    vthread = aligned_alloc(alignof(struct leat__vthread), sizeof *vthread);
    if (!vthread)
        return -ENOMEM;
    memset(vthread, 0, sizeof *vthread);
    if (leat__stacks_get(&stacks, &vthread->stack, 1) < 0) {
        free(vthread);
        return -ENOMEM;
    }
    vthread->id = id;
    strncpy(vthread->name, name ? name : "thread", sizeof vthread->name - 1);
    vthread->fn = fn;
    vthread->arg = arg;
    vthread->deadline = LEAT_NEVER;
    vthread->waits_since = S.points;
    leat__context_make(&vthread->context, vthread->stack, vthread_main, vthread);
    S.threads[id] = vthread;
    if (id == S.thread_count)
        S.thread_count++;
    S.alive++;
    leat__sim_strategy_add(vthread);
    leat__sim_trace("starts", id);
    *ret = vthread;
    return 0;
}

void leat__sim_thread_join(struct leat__vthread *vthread)
{
    leat__check(vthread != S.me && !vthread->joined && !vthread->detached,
                "join a thread once, and not from itself");
    vthread->joined = true;
    while (vthread->state != LEAT__VTHREAD_ENDED)
        (void)leat__sim_block(vthread, LEAT_NEVER, "joins a thread", false);
    S.threads[vthread->id] = NULL;
    free(vthread);
}

void leat__sim_thread_detach(struct leat__vthread *vthread)
{
    leat__check(!vthread->joined && !vthread->detached, "join or detach a thread, once");
    vthread->detached = true;
    if (vthread->state != LEAT__VTHREAD_ENDED)
        return;
    S.threads[vthread->id] = NULL;
    free(vthread);
}

struct leat__worker **leat__sim_worker_slot(void)
{
    static struct leat__worker *nobody;

    nobody = NULL;
    return S.me ? &S.me->worker : &nobody;
}

void *leat__sim_thread_memory(void)
{
    static unsigned char nobodys[LEAT__THREAD_BYTES] __attribute__((aligned(16)));

    return S.me ? S.me->memory : nobodys;
}

/* ---- one simulation ---- */

struct first {
    int (*fn)(void *arg);
    void *arg;
    int   result;
};

static void first_main(void *arg)
{
    struct first *first = arg;

    first->result = first->fn(first->arg);
    leat__sim_processes_check();
    leat__sim_free_all();
    leat__sim_world_check();
}

_Noreturn void leat__sim_end_failed(void)
{
    leat__sim_on = false;
    S.outcome->failed = true;
    S.outcome->result = -ENOTRECOVERABLE;
    leat__context_exit_to(&S.base);
}

void leat__sim_once(int (*fn)(void *arg), void *arg, const struct leat__sim_config *config,
                    struct leat__sim_outcome *outcome)
{
    struct first first = { fn, arg, 0 };
    struct leat__vthread *main_thread;

    leat__check(!leat__sim_on, "one simulation at a time");
    if (!stacks_made)
        leat__check(leat__stacks_init(&stacks, LEAT__SIM_STACK_BYTES) == 0,
                    "the simulation needs stacks for its threads");
    stacks_made = true;
    free(S.events);
    memset(&S, 0, sizeof S);
    memset(outcome, 0, sizeof *outcome);
    S.config = *config;
    S.outcome = outcome;
    S.now = LEAT_SEC; /* a machine that has just started */
    S.bound_from = leat__time_max(S.now, config->faults_end);
    S.due = LEAT_NEVER;
    leat__random_init(&S.random, config->seed);
    leat__sim_trace_begin();
    leat__sim_strategy_begin();
    leat__check(leat__sim_thread_start(&main_thread, "main", first_main, &first) == 0,
                "the simulation needs memory for its first thread");
    S.running = S.me = main_thread;
    leat__sim_budget = S.budget_given = leat__sim_strategy_budget();
    leat__sim_world_begin();
    leat__sim_on = true;
    leat__sim_fine = config->fine;
    leat__context_switch(&S.base, &main_thread->context);
    leat__sim_on = leat__sim_fine = false;
    outcome->hash = S.hash;
    outcome->points = S.points;
    outcome->decisions = S.decisions;
    outcome->time = S.now;
    if (outcome->failed)
        return;
    outcome->result = first.result;
    arrive();
    leat__sim_world_end();
    for (unsigned i = 0; i < S.thread_count; i++)
        free(S.threads[i]);
    S.thread_count = 0; /* what is told of this run from now on is its trace */
}

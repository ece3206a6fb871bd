/* SPDX-License-Identifier: MIT */
/* See held.h: who holds what. */
#include "task/held.h"
#include "lockfree/lock.h"
#include "platform/peek.h"
#include "platform/unwind.h"
#include "task/order.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/walk.h"

#include <stdlib.h>
#include <string.h>

#define HOLDS_MAX 16 /* more are held, but not known */
#define BUCKETS   256
#define TOLD_MAX  64
#define NEVER     UINT32_C(0xffffffff) /* no mutex's word */

#ifdef LEAT__DEBUG_PTHREAD
#define HAS_PTHREADS true
#else
#define HAS_PTHREADS (leat__pthreads_watch != NULL) /* weak */
#endif

struct hold {
    uint64_t             id;
    enum leat__held_kind kind;
    const void          *address, *from;
};

struct holder {
    struct holder            *next;
    const struct leat__self  *self;
    leat_time                 began; /* tells it from one that had its memory before */
    uint64_t                  number;
    struct leat__held_who     who;
    size_t                    count;
    struct hold               holds[HOLDS_MAX];
};

struct leat__held_switch leat__held = { false, 0, 1 };

static struct {
    struct leat__lock    lock; /* guards all below, and the graph */
    struct holder       *buckets[BUCKETS];
    uint64_t             ids, numbers;
    leat__held_print_fn *print;
    leat__commit_fn     *wait, *join; /* where the pointers led before */
    struct {
        const void *from;
        int         what;
    } told[TOLD_MAX];
    size_t tells;
} held;

/* ---- reports ---- */

void leat__held_print_by(leat__held_print_fn *print)
{
    leat__lock(&held.lock);
    held.print = print;
    leat__unlock(&held.lock);
}

/* With the lock held. What a loop does is told once, by where it took the lock. (Orders say so
 * themselves.) */
static bool was_told(const struct leat__held_report *report)
{
    const void *from = report->steps[report->count - 1].from;

    if (report->what == LEAT__HELD_ORDER)
        return false;
    for (size_t i = 0; i < TOLD_MAX; i++)
        if (held.told[i].from == from && held.told[i].what == (int)report->what)
            return true;
    held.told[held.tells % TOLD_MAX].from = from;
    held.told[held.tells++ % TOLD_MAX].what = (int)report->what;
    return false;
}

/* Without the lock: it may take long. */
static void tell(const struct leat__held_report *report)
{
    leat__held_print_fn *print;
    bool again;

    leat__lock(&held.lock);
    print = held.print;
    again = was_told(report);
    leat__unlock(&held.lock);
    if (again)
        return;
    if (print)
        print(report);
    else
        leat_log(LEAT_LOG_ERROR, "locks: a report (%d) before a runtime could print it; locked at "
                                 "%p",
                 (int)report->what, report->steps[0].from);
}

static void name_who(struct leat__held_who *who, const struct leat__self *self)
{
    const struct leat__task *task = self->task;

    memset(who, 0, sizeof *who);
    if (!task)
        return;
    who->id = leat__task_id(leat__sched_runtime(task->fiber.sched), task);
    who->fn = self->fn;
    if (self->name)
        strncpy(who->name, self->name, sizeof who->name - 1);
}

static void set_held(struct leat__held_step *step, const struct hold *hold)
{
    step->kind = hold->kind;
    step->held = hold->address;
    step->from = hold->from;
}

static void set_wanted(struct leat__held_step *step, const struct leat__held_lock *lock)
{
    step->wanted_kind = lock->kind;
    step->wanted = lock->name;
    step->at = lock->from;
}

static bool read_any(void *arg, uintptr_t at, void *to, size_t bytes)
{
    (void)arg;
    return leat__peek((const void *)at, to, bytes);
}

/* ---- holders ---- */

static struct holder **bucket_of(const struct leat__self *self)
{
    return &held.buckets[((uintptr_t)self >> 4) % BUCKETS];
}

/* A plain thread's self is where that of a thread before may have been. */
static leat_time beginning(struct leat__self *self)
{
    if (!self->task && self->began == 0)
        self->began = leat__clock_now();
    return self->began;
}

static struct holder *find(struct leat__self *self)
{
    struct holder *holder = *bucket_of(self);

    while (holder && holder->self != self)
        holder = holder->next;
    if (holder && holder->began != beginning(self)) {
        holder->began = self->began;
        holder->number = ++held.numbers;
        holder->count = 0;
    }
    return holder;
}

static void drop(struct holder *holder)
{
    struct holder **link = bucket_of(holder->self);

    while (*link != holder)
        link = &(*link)->next;
    *link = holder->next;
    free(holder);
}

/* A new one, in its bucket; NULL without memory. Without the lock: the task-local allocates. */
static struct holder *make(struct leat__self *self)
{
    struct holder *holder = calloc(1, sizeof *holder);

    if (!holder)
        return NULL;
    if (self->task && leat_local_set(&leat__held_at_end, self) != 0) {
        free(holder);
        return NULL;
    }
    holder->self = self;
    holder->began = beginning(self);
    name_who(&holder->who, self);
    leat__lock(&held.lock);
    holder->number = ++held.numbers;
    holder->next = *bucket_of(self);
    *bucket_of(self) = holder;
    leat__unlock(&held.lock);
    return holder;
}

static struct hold *hold_of(struct holder *holder, uint64_t id)
{
    for (size_t i = holder ? holder->count : 0; i-- > 0;)
        if (holder->holds[i].id == id)
            return &holder->holds[i];
    return NULL;
}

static void remove_hold(struct holder *holder, struct hold *hold)
{
    size_t behind = (size_t)(holder->holds + holder->count - hold) - 1;

    memmove(hold, hold + 1, behind * sizeof *hold);
    holder->count--;
}

/* With the lock held. */
static uint64_t id_of(struct leat__held_name *name)
{
    if (name->id == 0 || name->address != name) {
        name->id = ++held.ids;
        name->address = name;
    }
    return name->id;
}

/* ---- what locks tell ---- */

static void make_edge(struct leat__order_edge *edge, const struct holder *holder,
                      const struct hold *hold, uint64_t to, const struct leat__held_lock *lock)
{
    int guards = 0;

    memset(edge, 0, sizeof *edge);
    edge->from = hold->id;
    edge->to = to;
    edge->holder = holder->number;
    edge->alone_from = hold->kind != LEAT__HELD_READ;
    edge->alone_to = lock->kind != LEAT__HELD_READ;
    for (size_t i = 0; i < holder->count && guards < LEAT__ORDER_GUARDS; i++)
        if (&holder->holds[i] != hold && holder->holds[i].kind != LEAT__HELD_READ)
            edge->guards[guards++] = holder->holds[i].id;
    edge->step.who = holder->who;
    set_held(&edge->step, hold);
    set_wanted(&edge->step, lock);
}

/* With the lock held. Returns whether *report is to be told; *unknown: there are edges that are not
 * in the graph, which are added if `frames` is given. */
static bool look_at_order(struct holder *holder, const struct leat__held_lock *lock, uint64_t id,
                          const struct leat__held_step *frames, bool *unknown,
                          struct leat__held_report *report)
{
    *unknown = false;
    for (size_t i = 0; i < holder->count; i++) {
        struct leat__order_edge edge;
        bool changed;

        make_edge(&edge, holder, &holder->holds[i], id, lock);
        if (!leat__order_again(&edge, &changed)) {
            if (!frames) {
                *unknown = true;
                continue;
            }
            memcpy(edge.step.frames, frames->frames, sizeof frames->frames);
            edge.step.count = frames->count;
            changed = leat__order_add(&edge);
        }
        if (changed && leat__order_closes(edge.from, edge.to, report))
            return true;
    }
    return false;
}

void leat__held_before(const struct leat__held_lock *lock)
{
    struct leat__held_report report;
    struct leat__held_step frames;
    struct leat__self *self = leat__self();
    struct holder *holder;
    struct hold *hold;
    bool unknown = false, found = false;
    uint64_t id;

    leat__lock(&held.lock);
    holder = find(self);
    id = id_of(lock->name);
    hold = hold_of(holder, id);
    if (hold) {
        report.what = LEAT__HELD_AGAIN;
        report.count = 1;
        report.steps[0].who = holder->who;
        set_held(&report.steps[0], hold);
        set_wanted(&report.steps[0], lock);
        unknown = found = true;
    } else if (holder) {
        found = look_at_order(holder, lock, id, NULL, &unknown, &report);
    }
    leat__unlock(&held.lock);
    if (unknown)
        frames.count = leat__unwind_here(frames.frames, LEAT__HELD_FRAMES);
    if (hold) {
        memcpy(report.steps[0].frames, frames.frames, sizeof frames.frames);
        report.steps[0].count = frames.count;
    } else if (unknown && !found) {
        leat__lock(&held.lock);
        found = look_at_order(holder, lock, id, &frames, &unknown, &report);
        leat__unlock(&held.lock);
    }
    if (found)
        tell(&report);
}

void leat__held_taken(const struct leat__held_lock *lock)
{
    struct leat__self *self = leat__self();
    struct holder *holder;

    leat__lock(&held.lock);
    holder = find(self);
    leat__unlock(&held.lock);
    if (!holder)
        holder = make(self);
    if (!holder)
        return;
    leat__lock(&held.lock);
    if (holder->count < HOLDS_MAX)
        holder->holds[holder->count++] =
            (struct hold){ id_of(lock->name), lock->kind, lock->name, lock->from };
    leat__unlock(&held.lock);
}

/* With the lock held: who has it, that is not `self`. */
static struct holder *find_other(uint64_t id)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct holder *holder = held.buckets[i]; holder; holder = holder->next)
            if (hold_of(holder, id))
                return holder;
    return NULL;
}

void leat__held_given(const struct leat__held_lock *lock)
{
    struct leat__self *self = leat__self();
    struct leat__held_report report = { .what = LEAT__HELD_FOREIGN, .count = 2 };
    struct holder *holder, *other = NULL;
    struct hold *hold;
    uint64_t id;

    leat__lock(&held.lock);
    holder = find(self);
    id = id_of(lock->name);
    hold = hold_of(holder, id);
    if (!hold && (other = find_other(id))) {
        holder = other;
        hold = hold_of(other, id);
        name_who(&report.steps[0].who, self);
        set_wanted(&report.steps[0], lock);
        report.steps[1].who = other->who;
        set_held(&report.steps[1], hold);
    }
    if (hold)
        remove_hold(holder, hold);
    if (holder && holder->count == 0 && !holder->self->task)
        drop(holder); /* a thread's: nobody tells when it ends */
    leat__unlock(&held.lock);
    if (other) {
        report.steps[0].count = leat__unwind_here(report.steps[0].frames, LEAT__HELD_FRAMES);
        tell(&report);
    }
}

/* ---- ends ---- */

static void at_end(void *value)
{
    struct leat__held_report report = { .what = LEAT__HELD_ENDED, .count = 0 };
    struct holder *holder;

    leat__lock(&held.lock);
    holder = find(value);
    if (holder) {
        for (size_t i = 0; i < holder->count && i < LEAT__HELD_STEPS; i++) {
            report.steps[i].who = holder->who;
            set_held(&report.steps[i], &holder->holds[i]);
            report.count++;
        }
        drop(holder);
    }
    leat__unlock(&held.lock);
    if (report.count > 0)
        tell(&report);
}

const struct leat_local leat__held_at_end = { .drop = at_end };

/* ---- pthread mutexes ---- */

static void tell_pthread(const struct leat__held_pthread *hold, const struct leat__self *self,
                         const struct leat__registers *registers)
{
    struct leat__held_report report = { .what = LEAT__HELD_SUSPENDED, .count = 1 };
    struct leat__held_step *step = &report.steps[0];

    name_who(&step->who, self);
    step->kind = LEAT__HELD_PTHREAD;
    step->held = hold->mutex;
    step->from = hold->from;
    step->count = registers ? leat__unwind(registers, read_any, NULL, step->frames,
                                           LEAT__HELD_FRAMES)
                            : leat__unwind_here(step->frames, LEAT__HELD_FRAMES);
    tell(&report);
}

static bool is_among(const void *who, const struct leat__self *self)
{
    while (self && self != who)
        self = self->outer; /* a parent whose stack it is on stands still with it */
    return self != NULL;
}

/* The fiber stops, or is about to (no registers): what does its thread hold in its name? */
static void suspends(const struct leat__self *self, const struct leat__registers *registers)
{
    struct leat__held_pthread holds[HOLDS_MAX];
    size_t count = HAS_PTHREADS ? leat__pthreads_held(holds, HOLDS_MAX) : 0;

    for (size_t i = 0; i < count; i++)
        if (is_among(holds[i].who, self))
            tell_pthread(&holds[i], holds[i].who, registers);
}

static bool commit_wait(struct leat__fiber *fiber, void *arg)
{
    struct leat__registers registers = leat__context_registers(&fiber->context);

    suspends(fiber->self, &registers);
    return held.wait(fiber, arg);
}

static bool commit_join(struct leat__fiber *fiber, void *arg)
{
    struct leat__registers registers = leat__context_registers(&fiber->context);

    suspends(fiber->self, &registers);
    return held.join(fiber, arg);
}

void leat__held_yields(void)
{
    struct leat__fiber *fiber = leat__fiber_current();

    if (fiber)
        suspends(fiber->self, NULL);
}

static const void *who(void)
{
    struct leat__fiber *fiber = leat__fiber_current();

    return fiber ? fiber->self : NULL;
}

/* Another task locks on the thread on which this is held: so its task was suspended. */
static void foreign(const struct leat__held_pthread *hold)
{
    tell_pthread(hold, hold->who, NULL);
}

/* ---- on and off ---- */

void leat__held_watch(bool on)
{
    if (on == leat__held.on)
        return;
    if (on) {
        held.wait = leat__wait_commit;
        held.join = leat__join_commit;
        leat__wait_commit = commit_wait;
        leat__join_commit = commit_join;
        leat__held = (struct leat__held_switch){ true, NEVER, NEVER };
    } else {
        leat__wait_commit = held.wait;
        leat__join_commit = held.join;
        leat__held = (struct leat__held_switch){ false, 0, 1 };
        for (size_t i = 0; i < BUCKETS; i++)
            while (held.buckets[i])
                drop(held.buckets[i]);
        memset(held.told, 0, sizeof held.told);
        leat__order_forget();
    }
    if (HAS_PTHREADS)
        leat__pthreads_watch(on ? who : NULL, foreign);
}

/* Before main, so that no lock is held yet. Nonsense is refused by leat_run. */
__attribute__((constructor)) static void watch_by_environment(void)
{
    const char *value = getenv("LEAT_DEBUG");
#ifdef LEAT__DEBUG
    bool on = !value || strcmp(value, "0") != 0;
#else
    bool on = value && strcmp(value, "1") == 0;
#endif

    leat__held_watch(on);
}

/* SPDX-License-Identifier: MIT */
/* See walk.h. */
#include "task/walk.h"
#include "base/container.h"
#include "platform/peek.h"
#include "task/late.h"
#include "task/record.h"

#include <string.h>

#define TRIES     3
#define DEPTH_MAX 1024 /* children in place on one stack that are followed */

struct look {
    unsigned char block[sizeof(struct leat__task)];
    unsigned char host[sizeof(struct leat__task)];
    unsigned char self[sizeof(struct leat__self)];
};

/* relaxed, in this file: copies of our own */
static enum leat__fiber_state state_of(const unsigned char *block)
{
    const struct leat__task *task = (const struct leat__task *)(const void *)block;

    return (enum leat__fiber_state)load_relaxed(&task->fiber.state);
}

static const struct leat__task *as_task(const unsigned char *block)
{
    return (const struct leat__task *)(const void *)block;
}

static const struct leat__brief *brief_of(const struct leat__task *copy)
{
    return (const struct leat__brief *)(const void *)copy->fiber.brief;
}

static bool is_in_place(const struct leat__task *copy)
{
    return load_relaxed(&copy->fiber.state) != LEAT__FIBER_QUEUED_NEW &&
           (load_relaxed(&copy->waiter.word) & LEAT__WORD_HOSTED);
}

/* A task that runs in place has no stack of its own: it is on that of the fiber it waits with. */
static const struct leat__task *host_of(const struct leat__task *task,
                                        const struct leat__task *copy)
{
    return is_in_place(copy) ? leat__container_of(brief_of(copy)->host, struct leat__task, fiber)
                             : task;
}

/* Nobody has started it: all there is of it is its brief. */
static bool interpret_new(struct leat__sight *ret, const struct leat__task *copy)
{
    const struct leat__brief *brief = brief_of(copy);
    struct leat__record record;

    ret->state = LEAT__SIGHT_NEW;
    ret->scope = copy->fiber.group; /* which counts it: it is alive as long as the task */
    ret->fn = brief->fn;
    if (copy->fiber.kind & LEAT__BRIEF_BYTES)
        return true;
    if (!(copy->fiber.kind & LEAT__BRIEF_RECORD))
        ret->name = brief->name;
    else if (leat__peek(brief->record, &record, sizeof record))
        ret->name = record.name;
    return true;
}

/* The self of `task` among those on the host's stack, innermost first. */
static bool find_self(const struct leat__task *task, const struct leat__task *host,
                      struct leat__self *ret, bool *innermost)
{
    const struct leat__self *at = host->fiber.self;

    for (int depth = 0; at && depth < DEPTH_MAX; depth++) {
        if (!leat__peek(at, ret, sizeof *ret))
            return false;
        if (ret->task == task) {
            *innermost = depth == 0;
            return true;
        }
        at = ret->outer;
    }
    return false;
}

static struct leat__self *self_of(struct look *look)
{
    return (struct leat__self *)(void *)look->self;
}

/* Returns false when what was read does not make sense, as in the middle of a change. */
static bool interpret(struct leat__sight *ret, const struct leat__task *task, struct look *look)
{
    const struct leat__task *block = as_task(look->block), *host = as_task(look->host);
    struct leat__self *self = self_of(look);
    enum leat__fiber_state state = state_of(look->host);
    uint64_t word = load_relaxed(&block->waiter.word);
    struct leat__seat seat;
    bool innermost;

    memset(look->self, 0, sizeof look->self);
    *ret = (struct leat__sight){ .origin = block->fiber.origin };
    if (state_of(look->block) == LEAT__FIBER_QUEUED_NEW)
        return interpret_new(ret, block);
    ret->host = &host_of(task, block)->fiber;
    if (!find_self(task, host, self, &innermost))
        return false;
    ret->name = self->name;
    ret->fn = self->fn;
    ret->began = self->began;
    ret->scope = self->scope;
    if (!innermost) {
        ret->state = LEAT__SIGHT_INPLACE;
        return true;
    }
    ret->state = state == LEAT__FIBER_QUEUED    ? LEAT__SIGHT_READY
                 : state == LEAT__FIBER_RUNNING ? LEAT__SIGHT_RUNNING
                                                : LEAT__SIGHT_WAITING;
    if (state != LEAT__FIBER_PARKED)
        return state == LEAT__FIBER_QUEUED || state == LEAT__FIBER_RUNNING;
    if (leat__word_is_parked(leat__word_state(word)) &&
        !(leat__word_state(word) == LEAT__WORD_LATE && load_relaxed(&host->fiber.taken))) {
        ret->ticket = word & LEAT__WORD_GENERATION;
    } else if (leat__word_state(word) != LEAT__WORD_DONE) {
        ret->state = LEAT__SIGHT_READY; /* its wait has ended, its wake is on its way */
        return true;
    }
    ret->reason = self->reason;
    ret->about = self->about;
    ret->since = self->since;
    ret->timed = leat__peek(self->seat, &seat, sizeof seat) &&
                 load_relaxed(&seat.timer.wheel) != NULL;
    return true;
}

/* Where the host's live stack lies, as its innermost self has it. */
static bool find_stack(struct leat__sight *ret, const struct leat__task *host,
                       const struct leat__stack *at)
{
    struct leat__stack stack;
    uintptr_t sp;

    if (!at || !leat__peek(at, &stack, sizeof stack))
        return false;
    sp = (uintptr_t)host->fiber.context.sp;
    if (sp < (uintptr_t)stack.low || sp >= (uintptr_t)at)
        return false; /* ucontext keeps the registers there */
    ret->registers = leat__context_registers(&host->fiber.context);
    sp = (uintptr_t)ret->registers.sp;
    ret->stack_low = (uintptr_t)stack.low;
    ret->stack_top = (uintptr_t)at;
    return ret->stack_low != 0 && ret->stack_top - ret->stack_low == stack.bytes &&
           sp >= ret->stack_low && sp < ret->stack_top;
}

static bool copy_stack(struct leat__sight *ret, void *memory, size_t bytes)
{
    size_t live = ret->stack_top - (uintptr_t)ret->registers.sp;

    ret->copy = memory;
    ret->copied = live < bytes / 2 ? live : bytes / 2;
    return leat__peek(ret->registers.sp, ret->copy, ret->copied);
}

static bool stack_stood_still(const struct leat__sight *sight)
{
    unsigned char *again = sight->copy + sight->copied;

    return leat__peek(sight->registers.sp, again, sight->copied) &&
           memcmp(again, sight->copy, sight->copied) == 0;
}

static bool still_the_same(const struct leat__task *task, const struct look *look)
{
    const struct leat__task *host = host_of(task, as_task(look->block));
    unsigned char again[sizeof(struct leat__task)];

    return leat__peek(task, again, sizeof again) && memcmp(again, look->block, sizeof again) == 0 &&
           leat__peek(host, again, sizeof again) && memcmp(again, look->host, sizeof again) == 0;
}

struct leat__walk leat__walk_begin(struct leat__runtime *runtime)
{
    return (struct leat__walk){ .slabs = &runtime->slabs,
                                .chunk = leat__slab_next(&runtime->slabs, NULL) };
}

struct leat__task *leat__walk_next(struct leat__walk *walk)
{
    while (walk->chunk) {
        struct leat__task *task = leat__slab_block(walk->chunk, walk->index++);

        if (task)
            return task;
        walk->chunk = leat__slab_next(walk->slabs, walk->chunk);
        walk->index = 0;
    }
    return NULL;
}

uint64_t leat__task_id(const struct leat__runtime *runtime, const struct leat__task *task)
{
    return leat__slab_number(&runtime->slabs, task);
}

bool leat__sight_take(struct leat__sight *ret, const struct leat__task *task, void *memory,
                      size_t bytes)
{
    for (int i = 0; i < TRIES; i++) {
        struct look look;
        enum leat__fiber_state state;
        bool parked, fine;

        if (!leat__peek(task, look.block, sizeof look.block))
            return false;
        state = state_of(look.block);
        if (state == LEAT__FIBER_NONE || state == LEAT__FIBER_ENDED)
            return false;
        if (!leat__peek(host_of(task, as_task(look.block)), look.host, sizeof look.host) ||
            !interpret(ret, task, &look))
            continue;
        parked = ret->state == LEAT__SIGHT_WAITING || ret->state == LEAT__SIGHT_READY;
        fine = true;
        if (parked && memory)
            fine = find_stack(ret, as_task(look.host), self_of(&look)->stack) &&
                   copy_stack(ret, memory, bytes) && stack_stood_still(ret);
        if (fine && still_the_same(task, &look))
            return true;
    }
    return false;
}

bool leat__self_look(struct leat__self *ret, const struct leat__fiber *fiber)
{
    struct leat__fiber copy;

    return leat__peek(fiber, &copy, sizeof copy) &&
           load_relaxed(&copy.state) == LEAT__FIBER_RUNNING && copy.self &&
           leat__peek(copy.self, ret, sizeof *ret);
}

bool leat__sight_running(struct leat__sight *ret, const struct leat__fiber *fiber,
                         const struct leat__task **task)
{
    struct leat__self self;

    if (!leat__self_look(&self, fiber) || !self.task)
        return false;
    *task = self.task;
    return leat__sight_take(ret, self.task, NULL, 0);
}

bool leat__task_is_live(const struct leat__task *task)
{
    enum leat__fiber_state state =
        (enum leat__fiber_state)load_relaxed(&task->fiber.state); /* relaxed: see fiber.h */

    return state != LEAT__FIBER_NONE && state != LEAT__FIBER_ENDED;
}

void leat__sights_end(void)
{
    store_relaxed(&leat__late_doubt, true); /* relaxed: the fence (O4 of late.h) */
    if (leat__fence_usable())
        leat__fence_heavy();
}

void leat__sight_end(const struct leat__sight *sight, struct leat__task *task)
{
    struct leat__ticket ticket = { .waiter = &task->waiter, .generation = sight->ticket };

    if (sight->ticket != 0 && !leat__late_is_taken(ticket.waiter) &&
        leat__claim(ticket, LEAT__CAUSE_DEADLOCK))
        leat__wake(ticket.waiter);
}

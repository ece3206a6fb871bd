/* SPDX-License-Identifier: MIT */
/* The life of a task's record, from spawn to the last hold: see record.h.
 *
 * A task with a handle runs inside a scope of its own, the cell, which lies on its stack between
 * the scope that counts it and those it enters: so cancelling one task is cancelling a scope, and
 * all that bound.c knows of waking and of scopes at any depth holds for it. A mark on the task that
 * each wait would look at was rejected: tasks without handles would pay for it. */
#include "task/record.h"
#include "base/check.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/waitable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_RECORDS 256

struct leat__record_chunk {
    struct leat__record_chunk *next;
    struct leat__record        records[CHUNK_RECORDS];
};

void leat__records_init(struct leat__records *records)
{
    memset(records, 0, sizeof *records);
}

void leat__records_fini(struct leat__records *records)
{
    struct leat__record_chunk *next;

    for (struct leat__record_chunk *chunk = records->chunks; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    records->chunks = NULL;
    records->free = NULL;
}

/* With the lock held. */
static bool grow(struct leat__records *records)
{
    struct leat__record_chunk *chunk = calloc(1, sizeof *chunk);

    if (!chunk)
        return false;
    chunk->next = records->chunks;
    records->chunks = chunk;
    records->made += CHUNK_RECORDS;
    for (size_t i = CHUNK_RECORDS; i-- > 0;) { /* rising addresses come out first */
        chunk->records[i].next = records->free;
        records->free = &chunk->records[i];
    }
    return true;
}

static struct leat__record *get(struct leat__records *records, uint64_t *ret_id)
{
    struct leat__record *record = NULL;

    leat__lock(&records->lock);
    if (records->free || grow(records)) {
        record = records->free;
        records->free = record->next;
        records->used++;
        *ret_id = ++records->last_id;
    }
    leat__unlock(&records->lock);
    return record;
}

static void put(struct leat__records *records, struct leat__record *record)
{
    leat__lock(&records->lock);
    record->next = records->free;
    records->free = record;
    records->used--;
    leat__unlock(&records->lock);
}

static void link_handle(struct leat__scope *scope, struct leat__record *record)
{
    leat__lock(&scope->lock);
    scope->handled = true;
    record->handle_next = scope->handles;
    record->handle_prev = &scope->handles;
    if (scope->handles)
        scope->handles->handle_prev = &record->handle_next;
    scope->handles = record;
    leat__unlock(&scope->lock);
}

/* With the scope's lock held. */
static void unlink_handle(struct leat__record *record)
{
    if (!record->handle_prev)
        return;
    *record->handle_prev = record->handle_next;
    if (record->handle_next)
        record->handle_next->handle_prev = record->handle_prev;
    record->handle_prev = NULL;
}

struct leat__record *leat__record_attach(struct leat__scope *scope, struct leat__task *task,
                                         const struct leat_task_options *options, bool handle)
{
    uint64_t id;
    struct leat__record *record = get(&scope->runtime->records, &id);
    struct leat__brief *brief = leat__task_brief(task);

    if (!record)
        return NULL;
    leat__lock(&record->lock); /* somebody may try an old handle on it */
    record->holds = (uint8_t)(LEAT__HOLD_TASK | (handle ? LEAT__HOLD_HANDLE : 0) |
                              (scope->keep ? LEAT__HOLD_KEPT : 0));
    record->status = LEAT_TASK_QUEUED;
    record->cancelled = false;
    record->id = id;
    record->scope = scope;
    record->cell = NULL;
    record->fn = brief->fn;
    record->arg = task->fiber.kind == LEAT__BRIEF_COPY ? NULL : brief->arg;
    record->name = options ? options->name : NULL;
    record->on_done = options ? options->on_done : NULL;
    record->on_done_arg = options ? options->on_done_arg : NULL;
    record->next = NULL;
    record->handle_prev = NULL;
    record->result = 0;
    leat__unlock(&record->lock);
    if (handle)
        link_handle(scope, record);
    if (scope->keep)
        leat__ended_expect(scope);
    brief->record = record;
    task->fiber.kind |= LEAT__BRIEF_RECORD;
    return record;
}

/* A scope around the task alone, which has no deadline and counts no children. */
static void enter_cell(struct leat__scope *cell, struct leat__self *self)
{
    struct leat__scope *group = self->scope;

    leat__scope_init(cell, self, group, group->runtime);
    cell->cell = true;
    cell->deadline = group->deadline;
    store_relaxed(&cell->bounds, cell->deadline != LEAT_NEVER); /* relaxed: as in init */
    self->scope = cell;
}

int leat__record_run(struct leat__record *record, struct leat__self *self, void *arg)
{
    struct leat__scope *group = self->scope;
    struct leat__scope *base = group;
    struct leat__scope cell;
    int result;

    leat__lock(&record->lock);
    record->status = LEAT_TASK_STARTED;
    /* also for one that was cancelled by a handle that is forgotten by now */
    if ((record->holds & LEAT__HOLD_HANDLE) || record->cancelled) {
        enter_cell(&cell, self);
        /* relaxed: nobody else sees it before the lock is free */
        store_relaxed(&cell.ended, record->cancelled);
        if (record->cancelled)
            store_relaxed(&cell.bounds, true);
        record->cell = base = &cell;
    }
    leat__unlock(&record->lock);

    result = self->fn(arg);

    leat__check(self->scope == base, "a task returned inside a scope it had entered by hand: "
                                     "join it or clean it up first");
    if (base == &cell) {
        leat__lock(&record->lock); /* a cancel that is inside comes to its end first (I3) */
        record->cell = NULL;
        leat__unlock(&record->lock);
        leat__bound_detach(&cell);
        self->scope = group;
    }
    if (record->on_done) {
        struct leat_guard guard;

        leat_guard_enter(&guard, LEAT_DEFER_GRACE);
        record->on_done(record->on_done_arg, result);
        leat_guard_leave(&guard);
    }
    return result;
}

/* With the record's lock held, which is free afterwards. */
static void let_go_locked(struct leat__records *records, struct leat__record *record, uint8_t hold)
{
    bool last;

    record->holds = (uint8_t)(record->holds & ~hold);
    last = record->holds == 0;
    if (last)
        record->id = 0;
    leat__unlock(&record->lock);
    if (last)
        put(records, record);
}

void leat__record_let_go(struct leat__record *record, uint8_t hold)
{
    struct leat__records *records = &record->scope->runtime->records;

    leat__lock(&record->lock);
    let_go_locked(records, record, hold);
}

void leat__record_end(struct leat__record *record, int result)
{
    struct leat__scope *scope = record->scope;
    struct leat__waitnode *node;

    leat__lock(&record->lock);
    record->result = result;
    record->status = LEAT_TASK_ENDED;
    while ((node = leat__waitlist_claim(&record->joiners))) {
        node->count = (uint64_t)(int64_t)result;
        leat__wake(node->ticket.waiter);
    }
    /* Where results are kept, who takes this one is to be the last to hold it: KEPT, which is let
     * go after the put only, keeps it from here on. */
    if (scope->keep)
        record->holds = (uint8_t)(record->holds & ~LEAT__HOLD_TASK);
    leat__unlock(&record->lock);
    if (scope->keep || scope->race)
        leat__ended_put(scope, record, result);
    if (!scope->keep)
        leat__record_let_go(record, LEAT__HOLD_TASK);
}

/* The scope is over for its handles. One that is forgotten at the same time by another thread is
 * let go there or here: who comes second to the lock sees that the hold, or the task, is gone. */
void leat__record_drop_handles(struct leat__scope *scope)
{
    struct leat__records *records = &scope->runtime->records;

    for (;;) {
        struct leat__record *record;
        uint64_t id = 0;

        leat__lock(&scope->lock);
        record = scope->handles;
        if (record) {
            unlink_handle(record);
            id = record->id; /* constant while it is linked */
        }
        leat__unlock(&scope->lock);
        if (!record)
            return;
        leat__lock(&record->lock);
        if (record->id == id && (record->holds & LEAT__HOLD_HANDLE))
            let_go_locked(records, record, LEAT__HOLD_HANDLE);
        else
            leat__unlock(&record->lock);
    }
}

/* With its lock held, which stays so; or NULL: the handle is stale. */
static struct leat__record *find(struct leat_task task)
{
    struct leat__record *record = task.leat__record;

    if (!record)
        return NULL;
    leat__lock(&record->lock);
    if (record->id == task.leat__id && (record->holds & LEAT__HOLD_HANDLE))
        return record;
    leat__unlock(&record->lock);
    return NULL;
}

int leat_task_join(struct leat_task task, int *ret)
{
    static const struct leat__reason joining = { "join the task", LEAT__ABOUT_NAME, LEAT__INNER };
    struct leat__self *self = leat__self();
    struct leat__waitnode node = { 0 };
    struct leat__record *record;
    int err, result;

    if (self->record && self->record == task.leat__record)
        return -EDEADLK;
    leat__spend(self);
    record = find(task);
    if (!record)
        return -ESRCH;
    if (record->status == LEAT_TASK_ENDED) {
        result = record->result;
        leat__unlock(&record->lock);
    } else {
        leat__self_reason(self, &joining, record->name);
        err = leat__waitlist_wait(&record->joiners, &node, &record->lock);
        if (err)
            return err;
        result = (int)(int64_t)node.count;
    }
    if (ret)
        *ret = result;
    return 0;
}

/* ---- LEAT_DONE: a case's object and number are the handle ---- */

static struct leat_task handle_of(const struct leat_case *c)
{
    return (struct leat_task){ c->object, c->number };
}

static int attempt_done(struct leat_case *c)
{
    struct leat__record *record = find(handle_of(c));
    int result = 0;

    if (!record)
        return -ESRCH;
    if (record->status != LEAT_TASK_ENDED)
        result = -EAGAIN;
    else if (c->data)
        *(int *)c->data = record->result;
    leat__unlock(&record->lock);
    return result;
}

static bool arm_done(struct leat_case *c, struct leat__waitnode *node)
{
    struct leat__record *record = find(handle_of(c));
    bool ended;

    if (!record)
        return true;
    ended = record->status == LEAT_TASK_ENDED;
    if (!ended)
        leat__waitlist_push(&record->joiners, node);
    leat__unlock(&record->lock);
    return ended;
}

static void disarm_done(struct leat_case *c, struct leat__waitnode *node)
{
    struct leat__record *record = c->object; /* records stay records (I1) */

    if (record) {
        leat__lock(&record->lock);
        leat__waitlist_remove(&record->joiners, node); /* off it already, if the task has ended */
        leat__unlock(&record->lock);
    }
    if (node->won && c->data)
        *(int *)c->data = (int)(int64_t)node->count;
}

const struct leat_waitable leat_waitable_done = {
    .what = "join a task",
    .inner = true,
    .attempt = attempt_done,
    .arm = arm_done,
    .disarm = disarm_done,
};

int leat_task_cancel(struct leat_task task)
{
    struct leat__record *record = find(task);

    if (!record)
        return -ESRCH;
    record->cancelled = true;
    if (record->cell)
        leat__bound_end(record->cell);
    leat__unlock(&record->lock);
    return 0;
}

int leat_task_status(struct leat_task task)
{
    struct leat__record *record = find(task);
    int status;

    if (!record)
        return -ESRCH;
    status = record->status;
    leat__unlock(&record->lock);
    return status;
}

void leat_task_forget(struct leat_task task)
{
    struct leat__record *record = find(task);
    struct leat__records *records;
    struct leat__scope *scope;

    if (!record)
        return;
    scope = record->scope; /* not over: its join comes to us before it ends (I4) */
    records = &scope->runtime->records;
    leat__lock(&scope->lock);
    unlink_handle(record);
    leat__unlock(&scope->lock);
    let_go_locked(records, record, LEAT__HOLD_HANDLE);
}

uint64_t leat_task_id(struct leat_task task)
{
    return task.leat__id;
}

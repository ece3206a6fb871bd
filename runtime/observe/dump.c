/* SPDX-License-Identifier: MIT */
/* Printing of tasks, as task/walk.h sees them. Streams to the descriptor, so that a million tasks
 * need no more memory than one; holds no lock while it writes. */
#include "observe/dump.h"
#include "base/clamp.h"
#include "observe/registry.h"
#include "observe/sample.h"
#include "platform/clock.h"
#include "platform/fork.h"
#include "platform/peek.h"
#include "platform/unwind.h"
#include "sched/sched.h"

#include <leat/observe.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SCOPES_MAX  8
#define STACK_BYTES ((size_t)256 * 1024) /* two copies of it: enough for the default */
#define PAGES_MAX   4096                 /* looked at in one stack */

struct dump {
    struct leat__runtime *runtime;
    struct leat__symbols  symbols;
    struct leat__text     text;
    leat_time             now;
    const void           *from; /* the call of leat_dump; NULL: it is not a task that looks */
    size_t                page;
    unsigned char         memory[STACK_BYTES];
    unsigned char         resident[PAGES_MAX];
};

/* ---- parts of a paragraph ---- */

static void put_who(struct leat__text *text, struct leat__symbols *symbols, uint64_t id,
                    const struct leat__sight *sight)
{
    leat__text_number(text, id);
    if (sight->name) {
        leat__text_put(text, " ");
        leat__text_name(text, sight->name);
    }
    leat__text_put(text, " (fn ");
    leat__symbol_put(symbols, text, (void *)(uintptr_t)sight->fn, false);
    leat__text_put(text, ")");
}

void leat__dump_who(struct leat__text *text, struct leat__symbols *symbols,
                    const struct leat__runtime *runtime, const struct leat__task *task,
                    const struct leat__sight *sight)
{
    put_who(text, symbols, leat__task_id(runtime, task), sight);
}

static void put_reason(struct dump *dump, const struct leat__sight *sight)
{
    struct leat__reason reason;

    if (!sight->reason || !leat__peek(sight->reason, &reason, sizeof reason)) {
        leat__text_put(&dump->text, " waits");
        return;
    }
    leat__text_put(&dump->text, " waits to ");
    leat__text_put(&dump->text, reason.what); /* static */
    switch (reason.about) {
    case LEAT__ABOUT_NOTHING:
        break;
    case LEAT__ABOUT_NAME:
        if (sight->about) {
            leat__text_put(&dump->text, " ");
            leat__text_name(&dump->text, sight->about);
        }
        break;
    case LEAT__ABOUT_NUMBER:
        leat__text_put(&dump->text, " ");
        leat__text_number(&dump->text, (uintptr_t)sight->about);
        break;
    case LEAT__ABOUT_FUNCTION:
        leat__text_put(&dump->text, " ");
        leat__symbol_put(&dump->symbols, &dump->text, sight->about, false);
        break;
    }
}

static int worker_of(struct dump *dump, const struct leat__fiber *fiber)
{
    for (unsigned i = 0; i < leat__sched_workers(dump->runtime->sched); i++) {
        struct leat__worker_face *face =
            leat__worker_face(leat__sched_worker(dump->runtime->sched, i));
        struct leat__fiber *running;

        if (leat__peek(&face->running, &running, sizeof(running)) && running == fiber)
            return (int)i;
    }
    return -1;
}

static void put_state(struct dump *dump, const struct leat__sight *sight)
{
    int worker;

    switch (sight->state) {
    case LEAT__SIGHT_NEW:
        leat__text_put(&dump->text, " has not been started yet");
        break;
    case LEAT__SIGHT_READY:
        leat__text_put(&dump->text, " is ready to run");
        break;
    case LEAT__SIGHT_RUNNING:
        leat__text_put(&dump->text, " runs");
        worker = worker_of(dump, sight->host);
        if (worker >= 0) {
            leat__text_put(&dump->text, " on worker ");
            leat__text_number(&dump->text, (uint64_t)worker);
        }
        break;
    case LEAT__SIGHT_INPLACE:
        leat__text_put(&dump->text, " joins a scope, and runs a child of it on its own stack");
        break;
    case LEAT__SIGHT_WAITING:
        put_reason(dump, sight);
        if (sight->timed)
            leat__text_put(&dump->text, ", with a deadline,");
        leat__text_put(&dump->text, " for ");
        leat__text_seconds(&dump->text, dump->now - sight->since);
        break;
    }
    leat__text_put(&dump->text, "\n");
}

/* How much of the stack has pages: from the lowest one up. */
static size_t touched(struct dump *dump, const struct leat__sight *sight)
{
    uintptr_t low = sight->stack_low & ~(dump->page - 1);
    size_t pages = (sight->stack_top - low + dump->page - 1) / dump->page;

    if (pages > PAGES_MAX || mincore((void *)low, pages * dump->page, dump->resident) != 0)
        return 0;
    for (size_t i = 0; i < pages; i++)
        if (dump->resident[i] & 1)
            return sight->stack_top - (low + i * dump->page);
    return 0;
}

static void put_facts(struct dump *dump, const struct leat__sight *sight)
{
    leat__text_put(&dump->text, "    age ");
    leat__text_seconds(&dump->text, dump->now - sight->began);
    if (sight->stack_top) {
        leat__text_put(&dump->text, ", stack ");
        leat__text_number(&dump->text, sight->stack_top - (uintptr_t)sight->registers.sp);
        leat__text_put(&dump->text, " bytes in use, ");
        leat__text_number(&dump->text, touched(dump, sight));
        leat__text_put(&dump->text, " of ");
        leat__text_number(&dump->text, sight->stack_top - sight->stack_low);
        leat__text_put(&dump->text, " touched");
    }
    leat__text_put(&dump->text, "\n");
}

static void put_origin(struct dump *dump, const struct leat__sight *sight)
{
    const void *origin = leat__symbols_whole(&dump->symbols, sight->origin);

    if (!origin)
        return;
    leat__text_put(&dump->text, "    spawned by ");
    leat__symbol_put(&dump->symbols, &dump->text, origin, true);
    leat__text_put(&dump->text, "\n");
}

/* From the innermost out. Each may be gone by now: what cannot be read, or has no owner with a
 * task, ends the path. */
static void put_scopes(struct dump *dump, const struct leat__sight *sight)
{
    const struct leat__scope *at = sight->scope;
    struct leat__scope scope;
    struct leat__self owner;
    uint64_t id;

    for (int i = 0; at && i < SCOPES_MAX; i++, at = scope.parent) {
        if (!leat__peek(at, &scope, sizeof scope))
            break;
        id = 0;
        if (scope.owner && leat__peek(scope.owner, &owner, sizeof owner))
            id = leat__task_id(dump->runtime, owner.task);
        if (id == 0 && !scope.name)
            continue;
        leat__text_put(&dump->text, "    in scope ");
        if (scope.name) {
            leat__text_name(&dump->text, scope.name);
            leat__text_put(&dump->text, " ");
        }
        if (id != 0) {
            leat__text_put(&dump->text, "of task ");
            leat__text_number(&dump->text, id);
        }
        leat__text_put(&dump->text, "\n");
    }
}

bool leat__stack_piece_read(void *arg, uintptr_t at, void *to, size_t bytes)
{
    const struct leat__stack_piece *piece = arg;

    if (at < piece->begin || bytes > piece->bytes || at - piece->begin > piece->bytes - bytes)
        return false;
    memcpy(to, piece->copy + (at - piece->begin), bytes);
    return true;
}

static void put_frames(struct dump *dump, void *const *frames, size_t count, bool returns)
{
    for (size_t i = 0; i < count; i++) {
        leat__text_put(&dump->text, "        ");
        leat__symbol_put(&dump->symbols, &dump->text, frames[i], returns || i > 0);
        leat__text_put(&dump->text, "\n");
    }
    if (count == LEAT__FRAMES_MAX)
        leat__text_put(&dump->text, "        ...\n");
}

static void put_trace(struct dump *dump, const struct leat__sight *sight)
{
    struct leat__stack_piece piece = { .copy = sight->copy,
                                       .begin = (uintptr_t)sight->registers.sp,
                                       .bytes = sight->copied };
    void *frames[LEAT__FRAMES_MAX];
    size_t count = leat__unwind(&sight->registers, leat__stack_piece_read, &piece, frames,
                                LEAT__FRAMES_MAX);

    put_frames(dump, frames, count, false);
}

/* Of who is looking: what leat itself called on the way is left out. */
static void put_own_trace(struct dump *dump)
{
    void *frames[LEAT__FRAMES_MAX];
    size_t count = leat__unwind_here(frames, LEAT__FRAMES_MAX), first = 0;

    for (size_t i = 0; i < count && dump->from; i++)
        if (frames[i] == dump->from)
            first = i;
    put_frames(dump, frames + first, count - first, true);
}

/* Of a task that runs on a worker: asked of its thread, which may have gone on to another. */
static void put_running_trace(struct dump *dump, const struct leat__task *task,
                              const struct leat__sight *sight)
{
    int worker = worker_of(dump, sight->host);
    struct leat__sample sample;

    if (sight->host == leat__fiber_current())
        put_own_trace(dump);
    else if (worker >= 0 &&
             !leat__sample_take(&sample, dump->runtime->sched, (unsigned)worker))
        leat__text_put(&dump->text, "        (no stack: its thread does not answer a signal)\n");
    else if (worker < 0 || sample.task != task)
        leat__text_put(&dump->text, "        (no stack: it has stopped running meanwhile)\n");
    else
        put_frames(dump, sample.frames, sample.count, false);
}

/* ---- dumps ---- */

static void put_task(struct dump *dump, const struct leat__task *task,
                     const struct leat__sight *sight)
{
    leat__text_put(&dump->text, "task ");
    put_who(&dump->text, &dump->symbols, leat__task_id(dump->runtime, task), sight);
    put_state(dump, sight);
    put_origin(dump, sight);
    if (sight->state != LEAT__SIGHT_NEW)
        put_facts(dump, sight);
    put_scopes(dump, sight);
    if (sight->state == LEAT__SIGHT_RUNNING)
        put_running_trace(dump, task, sight);
    else if (sight->copied > 0)
        put_trace(dump, sight);
}

static int dump_runtime(struct leat__runtime *runtime, int fd, const void *from)
{
    struct dump *dump = malloc(sizeof *dump);
    struct leat__walk walk = leat__walk_begin(runtime);
    struct leat__task *task;
    struct leat__sight sight;
    uint64_t count = 0;
    int err;

    if (!dump)
        return -ENOMEM;
    dump->runtime = runtime;
    dump->from = from;
    dump->text = (struct leat__text){ .fd = fd };
    dump->page = (size_t)sysconf(_SC_PAGESIZE);
    leat__symbols_init(&dump->symbols, false);
    while (!dump->text.err && (task = leat__walk_next(&walk))) {
        dump->now = leat__clock_now();
        if (!leat__sight_take(&sight, task, dump->memory, sizeof dump->memory))
            continue;
        count++;
        put_task(dump, task, &sight);
    }
    leat__text_number(&dump->text, count);
    leat__text_put(&dump->text, count == 1 ? " task on " : " tasks on ");
    leat__text_number(&dump->text, leat__sched_workers(runtime->sched));
    leat__text_put(&dump->text, " workers\n");
    leat__text_flush(&dump->text);
    err = dump->text.err;
    leat__symbols_fini(&dump->symbols);
    free(dump);
    return err;
}

int leat__dump_runtime(struct leat__runtime *runtime, int fd)
{
    return dump_runtime(runtime, fd, NULL);
}

static int dump_one(struct leat__runtime *runtime, void *arg)
{
    return leat__dump_runtime(runtime, *(int *)arg);
}

int leat_dump(int fd)
{
    struct leat__runtime *runtime = leat__runtime_current();

    if (fd < 0)
        return -EBADF; /* to a text it means that it is only kept */
    if (leat__fork_refuses())
        return -EPERM; /* the list's lock may have been another thread's when we were forked */
    return runtime ? dump_runtime(runtime, fd, __builtin_return_address(0))
                   : leat__registry_each(dump_one, &fd);
}

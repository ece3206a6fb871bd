/* SPDX-License-Identifier: MIT */
/* The watchdog: names a task that holds its worker for long, with its stack.
 *
 * A worker goes on when any of its counters does. One that stands still while a task runs on it is
 * asked, by a signal to its thread, where it is: the handler copies registers and stack, and the
 * watching thread unwinds the copy. The signal is sent only after the limit has passed, so a
 * program without hogs never sees one (sched/relief.c has the handler, and says more of it).
 *
 * INVARIANTS
 *   I1  `sample` belongs to the watching thread in FREE and TAKEN, to the handler in COPYING. In
 *       ASKED whoever swaps it away first has it.
 * ORDERING
 *   O1  The handler's TAKEN releases the copy to the watching thread's acquire. */
#include "base/clamp.h"
#include "observe/dump.h"
#include "observe/registry.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "platform/peek.h"
#include "platform/unwind.h"
#include "sched/sched.h"

#include <errno.h>
#include <stdlib.h>

#define COPY_BYTES  ((size_t)64 * 1024)
#define ANSWER_NS   (50 * LEAT_MSEC)
#define FRAMES_TOLD 24

enum { FREE, ASKED, COPYING, TAKEN };

static struct {
    LEAT_ATOMIC(uint32_t)  state;
    struct leat__worker   *worker; /* asked */
    struct leat__registers registers;
    size_t                 copied;
    unsigned char          copy[COPY_BYTES];
} sample;

/* In the handler of the workers' signal. */
static void take_copy(struct leat__worker *worker, void *context)
{
    uint32_t asked = ASKED;
    struct leat__fiber *fiber = leat__fiber_current();
    const struct leat__stack *stack = fiber ? fiber->stack : NULL;
    size_t live;

    /* acquire: pairs with the release of ASKED, for `worker` */
    if (load_acquire(&sample.state) != ASKED || sample.worker != worker ||
        !cas_acquire(&sample.state, &asked, COPYING))
        return;
    sample.registers = leat__interrupted_registers(context);
    sample.copied = 0;
    if (stack && leat__stack_contains(stack, sample.registers.sp)) {
        live = (uintptr_t)stack - (uintptr_t)sample.registers.sp;
        live = live < COPY_BYTES ? live : COPY_BYTES;
        if (leat__peek(sample.registers.sp, sample.copy, live))
            sample.copied = live;
    }
    store_release(&sample.state, TAKEN); /* O1: pairs with the acquire in take_sample */
    leat__futex_wake((const void *)&sample.state, 1);
}

void leat__watch_install(void)
{
    leat__sched_sample_by(take_copy);
}

/* Where the worker is. False when it does not answer: it may be asleep in the kernel for good, or
 * keep the signal blocked. */
static bool take_sample(struct leat__sched *sched, unsigned index)
{
    leat_time deadline = leat__time_add(leat__clock_now(), ANSWER_NS);
    uint32_t state;

    sample.worker = leat__sched_worker(sched, index);
    store_release(&sample.state, ASKED); /* pairs with the acquire in on_signal */
    if (!leat__sched_signal(sched, index)) {
        store_relaxed(&sample.state, FREE); /* relaxed: nobody was asked */
        return false;
    }
    while ((state = load_acquire(&sample.state)) != TAKEN) { /* O1 */
        uint32_t asked = ASKED;

        if (leat__futex_wait((const void *)&sample.state, state, deadline) == -ETIMEDOUT &&
            cas_relaxed(&sample.state, &asked, FREE)) /* relaxed: it never was the handler's */
            return false;
    }
    store_relaxed(&sample.state, FREE); /* relaxed: ours */
    return true;
}

static void tell_trace(struct leat__runtime *runtime, struct leat__symbols *symbols)
{
    struct leat__stack_piece piece = { .copy = sample.copy,
                                       .begin = (uintptr_t)sample.registers.sp,
                                       .bytes = sample.copied };
    void *frames[FRAMES_TOLD];
    size_t count = leat__unwind(&sample.registers, leat__stack_piece_read, &piece, frames,
                                FRAMES_TOLD);

    for (size_t i = 0; i < count; i++) {
        struct leat__text text = { .fd = -1 };

        leat__text_put(&text, "    ");
        leat__symbol_put(symbols, &text, frames[i], i > 0);
        leat__log(runtime, LEAT_LOG_WARN, "%s", leat__text_string(&text));
    }
}

static void tell(struct leat__observed *observed, unsigned index, const struct leat__task *task,
                 const struct leat__sight *sight, leat_time held)
{
    struct leat__runtime *runtime = observed->runtime;
    struct leat__symbols *symbols = malloc(sizeof *symbols);
    struct leat__text text = { .fd = -1 };

    if (!symbols)
        return;
    leat__symbols_init(symbols, false);
    leat__text_put(&text, "task ");
    leat__dump_who(&text, symbols, runtime, task, sight);
    leat__text_put(&text, " has held worker ");
    leat__text_number(&text, index);
    leat__text_put(&text, " for ");
    leat__text_seconds(&text, held);
    leat__log(runtime, LEAT_LOG_WARN, "%s", leat__text_string(&text));
    if (take_sample(runtime->sched, index))
        tell_trace(runtime, symbols);
    leat__symbols_fini(symbols);
    free(symbols);
}

static void watch_worker(struct leat__observed *observed, unsigned index, leat_time now, bool late)
{
    struct leat__worker *worker = leat__sched_worker(observed->runtime->sched, index);
    struct leat__watched *watched = &observed->workers[index];
    uint64_t turns = leat__worker_turns(worker);
    leat_time held = now - watched->since;
    const struct leat__task *task;
    struct leat__fiber *fiber;
    struct leat__sight sight;

    if (turns != watched->turns || late || watched->since == 0) {
        *watched = (struct leat__watched){ .turns = turns, .since = now };
        return;
    }
    if (held < observed->stall || held < 10 * watched->told)
        return;
    if (!leat__peek(&leat__worker_face(worker)->running, &fiber, sizeof(fiber)) || !fiber ||
        !leat__sight_running(&sight, fiber, &task) || sight.state != LEAT__SIGHT_RUNNING)
        return;
    watched->told = held;
    tell(observed, index, task, &sight, held);
}

void leat__watch(struct leat__observed *observed, leat_time now, bool late)
{
    (void)leat__sched_notice(observed->runtime->sched, now);
    if (observed->stall == 0)
        return;
    for (unsigned i = 0; i < leat__sched_workers(observed->runtime->sched); i++)
        watch_worker(observed, i, now, late);
}

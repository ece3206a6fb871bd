/* SPDX-License-Identifier: MIT */
/* The watchdog: names a task that holds its worker for long, with its stack.
 *
 * A worker goes on when any of its counters does. One that stands still while a task runs on it is
 * asked, by a signal to its thread, where it is (sample.h). The signal is sent only after the limit
 * has passed, so a program without hogs never sees one (sched/relief.c has the handler, and says
 * more of it). And a line says, once, that tasks wait for stacks. */
#include "base/clamp.h"
#include "observe/dump.h"
#include "observe/registry.h"
#include "observe/sample.h"
#include "platform/peek.h"
#include "sched/sched.h"

#include <stdlib.h>

#define FRAMES_TOLD 24

static void tell_trace(struct leat__runtime *runtime, struct leat__symbols *symbols,
                       const struct leat__sample *sample)
{
    for (size_t i = 0; i < sample->count && i < FRAMES_TOLD; i++) {
        struct leat__text text = { .fd = -1 };

        leat__text_put(&text, "    ");
        leat__symbol_put(symbols, &text, sample->frames[i], i > 0);
        leat__log(runtime, LEAT_LOG_WARN, "%s", leat__text_string(&text));
    }
}

static void tell(struct leat__observed *observed, unsigned index, const struct leat__task *task,
                 const struct leat__sight *sight, leat_time held)
{
    struct leat__runtime *runtime = observed->runtime;
    struct leat__symbols *symbols = malloc(sizeof *symbols);
    struct leat__text text = { .fd = -1 };
    struct leat__sample sample;

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
    if (leat__sample_take(&sample, runtime->sched, index))
        tell_trace(runtime, symbols, &sample);
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

/* Else a program whose tasks wait for one that gets no stack would stand still in silence. */
static void watch_stacks(struct leat__observed *observed)
{
    struct leat__probe probe;

    leat__sched_probe(observed->runtime->sched, &probe);
    if (probe.starved == 0 || observed->starved)
        return;
    observed->starved = true;
    leat__log(observed->runtime, LEAT_LOG_WARN,
              "new tasks wait for others to end, since there is no memory for more stacks: raise "
              "its limits (ulimit -v, vm.overcommit_memory) or lower options.stack_bytes");
}

void leat__watch(struct leat__observed *observed, leat_time now, bool late)
{
    watch_stacks(observed);
    (void)leat__sched_notice(observed->runtime->sched, now);
    if (observed->stall == 0)
        return;
    for (unsigned i = 0; i < leat__sched_workers(observed->runtime->sched); i++)
        watch_worker(observed, i, now, late);
}

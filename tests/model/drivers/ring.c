/* SPDX-License-Identifier: MIT */
/* model: sources
 *
 * The process pool's ring: the program posts jobs, takes one back at any moment, listens, sleeps;
 * the worker takes slots in turn, and sleeps. Each job is run once or taken back, its input is
 * there, its answer arrives, a slot is used again only when the worker has left it; and no side
 * sleeps while the other waits for it. */
#include <string.h>

#include "model.h"
#include "platform/futex.h"
#include "procs/ring.h"

enum { SLOTS = 2, ROUNDS = 3 };

static struct leat__ring memory, *ring;
static uint32_t bell; /* stands for the pipe */
static int input[SLOTS], output[SLOTS];
static int runs;      /* by the worker */
static int left;      /* slots that the worker shall take */

static struct leat__slot *slot_at(int i)
{
    return &ring->slots[i % SLOTS];
}

static LEAT_ATOMIC(uint32_t) *bell_word(void)
{
    return (LEAT_ATOMIC(uint32_t) *)&bell;
}

static void serve(void *arg)
{
    (void)arg;
    for (int i = 0; i < left; i++) {
        struct leat__slot *slot = slot_at(i);

        while (!leat__ring_is_for_worker(slot) && leat__ring_doze(ring, slot))
            leat__futex_wait(&ring->asleep, 1, LEAT_NEVER);
        store_relaxed(&ring->asleep, 0);
        if (leat__ring_begin(slot)) {
            model_plain_read(&input[i % SLOTS]);
            model_check(input[i % SLOTS] == 100 + i);
            model_plain_write(&output[i % SLOTS]);
            output[i % SLOTS] = 200 + i;
            runs++;
            if (!leat__ring_finish(ring, slot, LEAT__SLOT_DONE))
                continue;
        } else if (!leat__ring_finish(ring, slot, LEAT__SLOT_EMPTY)) {
            continue;
        }
        store_release(bell_word(), 1);
        leat__futex_wake(&bell, 1);
    }
}

static void post(int i)
{
    model_plain_write(&input[i % SLOTS]);
    input[i % SLOTS] = 100 + i;
    if (leat__ring_post(ring, slot_at(i)))
        leat__futex_wake(&ring->asleep, 1);
}

/* As collect.c: look, listen, look again, sleep. */
static void await(int i, uint32_t state)
{
    while (leat__ring_state(slot_at(i)) != state) {
        leat__ring_listen(ring);
        leat__rings_listened();
        if (leat__ring_state(slot_at(i)) == state)
            break;
        while (exchange_acquire(bell_word(), 0) == 0)
            leat__futex_wait(&bell, 0, LEAT_NEVER);
    }
}

/* Returns whether the job was run. */
static bool finish(int i, bool withdrawn)
{
    await(i, withdrawn ? LEAT__SLOT_EMPTY : LEAT__SLOT_DONE);
    if (withdrawn)
        return false;
    model_plain_read(&output[i % SLOTS]);
    model_check(output[i % SLOTS] == 200 + i);
    store_relaxed(&slot_at(i)->state, LEAT__SLOT_EMPTY);
    return true;
}

static void reset(int slots)
{
    ring = &memory; /* too large for the model's own */
    memset(&memory, 0, offsetof(struct leat__ring, in));
    bell = 0;
    runs = 0;
    left = slots;
    for (int i = 0; i < SLOTS; i++)
        input[i] = output[i] = 0;
}

/* Three jobs over two slots: one slot is used again. */
static void call_in_turn(void *arg)
{
    (void)arg;
    post(0);
    post(1);
    finish(0, false);
    post(2);
    finish(1, false);
    finish(2, false);
}

MODEL_DRIVER(ring_carries_jobs_and_answers, .preemptions = 3, .weak_preemptions = 2)
{
    reset(ROUNDS);
    model_run_all(call_in_turn, serve);
    model_check(runs == ROUNDS);
}

static void call_and_take_back(void *arg)
{
    int wanted = 0;
    bool withdrawn;

    (void)arg;
    post(0);
    post(1);
    withdrawn = leat__ring_take_back(slot_at(1));
    wanted += finish(0, false);
    wanted += finish(1, withdrawn);
    post(2); /* into the first slot again */
    wanted += finish(2, false);
    model_check(runs == wanted);
}

MODEL_DRIVER(ring_job_is_run_or_taken_back, .preemptions = 3, .weak_preemptions = 2)
{
    reset(ROUNDS);
    model_run_all(call_and_take_back, serve);
}

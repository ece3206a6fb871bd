/* SPDX-License-Identifier: MIT */
/* The checker itself: the well-known small programs, each with just enough order that the strange
 * outcome is forbidden. mutants/litmus.txt takes the order away: then it must be found. */
#include "lockfree/atomic.h"
#include "model.h"
#include "platform/barrier.h"

static LEAT_ATOMIC(int) x, y;
static int data, seen[4];

static void reset(void)
{
    x = y = data = 0;
    for (int i = 0; i < 4; i++)
        seen[i] = 0;
}

/* Message passing. */
static void mp_send(void *arg)
{
    (void)arg;
    model_plain_write(&data);
    data = 1;
    store_release(&x, 1);
}

static void mp_receive(void *arg)
{
    (void)arg;
    if (load_acquire(&x) == 1) {
        model_plain_read(&data);
        model_check(data == 1);
    }
}

MODEL_DRIVER(litmus_message_passing)
{
    reset();
    model_run_all(mp_send, mp_receive);
}

/* The same between relaxed operations, by fences. */
static void mp_send_fenced(void *arg)
{
    (void)arg;
    store_relaxed(&y, 1);
    fence_release();
    store_relaxed(&x, 1);
}

static void mp_receive_fenced(void *arg)
{
    (void)arg;
    if (load_relaxed(&x) == 1) {
        fence_acquire();
        model_check(load_relaxed(&y) == 1);
    }
}

MODEL_DRIVER(litmus_message_passing_by_fences)
{
    reset();
    model_run_all(mp_send_fenced, mp_receive_fenced);
}

/* Store buffering: each stores, then looks at the other's. */
static void sb_left(void *arg)
{
    (void)arg;
    store_relaxed(&x, 1);
    fence_seq_cst(); /* left */
    seen[0] = load_relaxed(&y);
}

static void sb_right(void *arg)
{
    (void)arg;
    store_relaxed(&y, 1);
    fence_seq_cst(); /* right */
    seen[1] = load_relaxed(&x);
}

MODEL_DRIVER(litmus_store_buffering)
{
    reset();
    model_run_all(sb_left, sb_right);
    model_check(seen[0] == 1 || seen[1] == 1);
}

/* The same by seq_cst accesses. */
static void sb_left_accesses(void *arg)
{
    (void)arg;
    store_seq_cst(&x, 1);
    seen[0] = load_seq_cst(&y);
}

static void sb_right_accesses(void *arg)
{
    (void)arg;
    store_seq_cst(&y, 1);
    seen[1] = load_seq_cst(&x);
}

MODEL_DRIVER(litmus_store_buffering_by_accesses)
{
    reset();
    model_run_all(sb_left_accesses, sb_right_accesses);
    model_check(seen[0] == 1 || seen[1] == 1);
}

/* The same by a pair of a light fence and a barrier on all threads. */
static void sb_left_light(void *arg)
{
    (void)arg;
    store_relaxed(&x, 1);
    fence_light();
    seen[0] = load_relaxed(&y);
}

static void sb_right_heavy(void *arg)
{
    (void)arg;
    store_relaxed(&y, 1);
    leat__barrier_all();
    seen[1] = load_relaxed(&x);
}

MODEL_DRIVER(litmus_store_buffering_by_light_and_heavy)
{
    reset();
    model_run_all(sb_left_light, sb_right_heavy);
    model_check(seen[0] == 1 || seen[1] == 1);
}

/* Two writers, two readers, who must not see the writes in different orders. */
static void write_x(void *arg)
{
    (void)arg;
    store_release(&x, 1);
}

static void write_y(void *arg)
{
    (void)arg;
    store_release(&y, 1);
}

static void read_xy(void *arg)
{
    (void)arg;
    seen[0] = load_acquire(&x);
    fence_seq_cst(); /* between x and y */
    seen[1] = load_acquire(&y);
}

static void read_yx(void *arg)
{
    (void)arg;
    seen[2] = load_acquire(&y);
    fence_seq_cst(); /* between y and x */
    seen[3] = load_acquire(&x);
}

MODEL_DRIVER(litmus_independent_reads)
{
    reset();
    model_run_all(write_x, write_y, read_xy, read_yx);
    model_check(!(seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0));
}

/* A release sequence: a relaxed read-modify-write in between hands on the release. */
static void bump(void *arg)
{
    int sent = 1;

    (void)arg;
    (void)cas_relaxed(&x, &sent, 2);
}

static void receive_bumped(void *arg)
{
    (void)arg;
    if (load_acquire(&x) == 2) {
        model_plain_read(&data);
        model_check(data == 1);
    }
}

MODEL_DRIVER(litmus_release_sequence)
{
    reset();
    model_run_all(mp_send, bump, receive_bumped);
}

/* Coherence: what a thread has read, it does not unread. */
static void write_twice(void *arg)
{
    (void)arg;
    store_relaxed(&x, 1);
    store_relaxed(&x, 2);
}

static void read_twice(void *arg)
{
    int first, second;

    (void)arg;
    first = load_relaxed(&x);
    second = load_relaxed(&x);
    model_check(first <= second);
}

MODEL_DRIVER(litmus_coherence)
{
    reset();
    model_run_all(write_twice, read_twice, read_twice);
}

/* Read-modify-writes never miss each other. */
static void add_twice(void *arg)
{
    int old;

    (void)arg;
    (void)fetch_add_relaxed(&x, 1);
    old = load_relaxed(&x);
    while (!cas_weak_relaxed(&x, &old, old + 1))
        ;
}

MODEL_DRIVER(litmus_counter)
{
    reset();
    model_run_all(add_twice, add_twice);
    model_check(load_relaxed(&x) == 4);
}

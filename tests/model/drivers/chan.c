/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c chan/chan.c chan/pass.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RING_SPINS=0 -DLEAT__CHAN_PATIENCE=1
 * model: flags -DLEAT__CHAN_PATIENCE_MAX=1 -DLEAT__CHAN_OPS=1 -DLEAT__RING_STRETCH=1
 *
 * Channels for all: each element that was sent is received once, in order, whatever closes or
 * cancels. */
#include "chans.h"

MODEL_DRIVER(chan_rendezvous_passes_two, .weak_preemptions = 1)
{
    reset(0, NULL);
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(chan_of_one_passes_two, .weak_preemptions = 1)
{
    reset(1, NULL);
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(chan_between_a_task_and_a_plain_thread, .weak_preemptions = 1)
{
    reset(1, NULL);
    tasks_make_plain(2);
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(chan_two_senders_one_receiver, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    run({ send_one, 0 }, { send_one, 4 }, { receive_two });
}

MODEL_DRIVER(chan_one_sender_two_receivers, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    run({ send_two, 0 }, { receive_one }, { receive_one });
}

MODEL_DRIVER(chan_closed_is_drained_and_then_at_its_end, .weak_preemptions = 1)
{
    reset(1, NULL);
    run({ send_two_and_close, 0 }, { receive_to_the_end });
}

MODEL_DRIVER(chan_close_wakes_receivers, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    run({ receive_one }, { receive_one }, { close_it });
}

MODEL_DRIVER(chan_close_wakes_senders, .preemptions = 1, .stale = 1)
{
    reset(0, NULL);
    run({ send_one, 0 }, { send_one, 4 }, { close_it });
}

/* A cancel wakes both, or finds them done. */
MODEL_DRIVER(chan_cancel_loses_no_element, .preemptions = 1, .stale = 1)
{
    reset(1, &scope);
    run({ send_one, 0 }, { receive_one }, { cancel });
}

MODEL_DRIVER(chan_cancel_against_a_rendezvous, .preemptions = 1, .stale = 1)
{
    reset(0, &scope);
    run({ send_one, 0 }, { receive_one }, { cancel });
}

/* ---- without the lock ---- */

MODEL_DRIVER(chan_shared_of_one_passes_two, .weak_preemptions = 1)
{
    reset(1, NULL);
    share();
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(chan_shared_room_goes_to_who_waits_for_it, .weak_preemptions = 1)
{
    reset(1, NULL);
    share();
    run({ send_two, 0 }, { receive_one });
}

/* The sender goes to wait while one receiver makes room and another finds nothing yet. */
MODEL_DRIVER(chan_shared_sender_waits_beside_two_receivers, .preemptions = 2, .weak_preemptions = 1,
             .stale = 1)
{
    reset(1, NULL);
    share();
    sent[1] = 1;
    model_check(leat_chan_try_send(chan, &(struct word){ 1, 1 }) == 0);
    run({ send_one, 2 }, { receive_one }, { receive_one });
}

MODEL_DRIVER(chan_shared_two_senders_two_places, .preemptions = 1, .stale = 1)
{
    reset(2, NULL);
    share();
    run({ send_one, 0 }, { send_one, 4 }, { receive_two });
}

MODEL_DRIVER(chan_shared_two_receivers_take_each_another, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    sent[1] = sent[2] = 1;
    model_check(leat_chan_try_send(chan, &(struct word){ 1, 1 }) == 0);
    model_check(leat_chan_try_send(chan, &(struct word){ 2, 2 }) == 0);
    share();
    run({ receive_one }, { receive_one });
}

/* They look on before they go to wait, and what one saw the other takes. */
static void watch(uint32_t capacity)
{
    reset(capacity, NULL);
    share();
    tasks_watch = true;
}

MODEL_DRIVER(chan_watched_of_one_passes_two, .weak_preemptions = 1)
{
    watch(1);
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(chan_watched_by_two_of_whom_one_is_late, .preemptions = 1, .stale = -1)
{
    watch(1);
    run({ send_two, 0 }, { receive_one }, { receive_one });
}

MODEL_DRIVER(chan_shared_close_against_send_and_receive, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    share();
    run({ send_one, 0 }, { receive_one }, { close_it });
}

MODEL_DRIVER(chan_shared_cancel_loses_no_element, .preemptions = 1, .stale = 1)
{
    reset(1, &scope);
    share();
    run({ send_two_or_fewer, 0 }, { receive_one }, { cancel });
}

/* ---- batches ---- */

/* As many as go, of three in a row. */
static void send_three(void *arg)
{
    int i = (int)(intptr_t)arg;
    struct word elements[] = { { i, i }, { i + 1, i + 1 }, { i + 2, i + 2 } };
    ssize_t n;

    for (int k = 0; k < 3; k++)
        model_plain_write(&payload[i + k]);
    n = leat_chan_send_many(chan, elements, 3);
    model_check((n > 0 && n <= 3) || n == -EPIPE || n == -ECANCELED);
    for (int k = 0; k < n; k++)
        sent[i + k]++;
}

static ssize_t receive_some(void)
{
    struct word elements[] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    ssize_t n = leat_chan_recv_many(chan, elements, 3);

    model_check((n > 0 && n <= 3) || n == -EPIPE || n == -ECANCELED);
    for (int k = 0; k < 3; k++)
        model_check((elements[k].number >= 0) == (k < n));
    for (int k = 0; k < n; k++) {
        int number = elements[k].number;

        if (k > 0 && number / 4 == elements[k - 1].number / 4) /* of one sender */
            model_check(number > elements[k - 1].number);
        note_received(&(struct element){ number, { elements[k].again } });
    }
    return n;
}

static void receive_batch(void *arg)
{
    (void)arg;
    (void)receive_some();
}

static void receive_three(void *arg)
{
    ssize_t n = 0;

    (void)arg;
    while (n < 3)
        n += receive_some();
    model_check(n == 3);
}

/* Shared, or its receiver's own. */
static void reset_batches(size_t capacity, struct leat__scope *in)
{
    reset(capacity, in);
    if (model_choose(2))
        share();
    else
        give_to(2);
}

MODEL_DRIVER(chan_batches_pass_through_fewer_places, .preemptions = 1, .stale = 1)
{
    reset_batches((size_t)model_choose(3), NULL);
    run({ send_three, 0 }, { receive_three });
}

MODEL_DRIVER(chan_batches_of_two_senders, .preemptions = 1, .stale = 1)
{
    reset_batches(4, NULL);
    run({ send_two, 0 }, { receive_batch }, { send_three, 4 });
}

MODEL_DRIVER(chan_batch_against_a_close, .preemptions = 1, .stale = -1)
{
    reset_batches(1, NULL);
    run({ send_three, 0 }, { receive_batch }, { close_it });
}

MODEL_DRIVER(chan_batch_against_a_cancel, .preemptions = 1, .stale = 1)
{
    reset_batches(1, &scope);
    run({ send_three, 0 }, { receive_batch }, { cancel });
}

/* ---- the last one frees ---- */

MODEL_DRIVER(chan_is_not_touched_after_its_element_was_received, .weak_preemptions = 1)
{
    reset(1, NULL);
    share();
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_and_reuse_the_memory, NULL);
    model_run();
    for (size_t i = 0; i < sizeof *chan; i++)
        model_check(((const unsigned char *)chan)[i] == POISON);
}

/* ---- done and join, oneshot ---- */

static void receive_and_be_done(void *arg)
{
    (void)arg;
    model_check(receive() >= 0);
    leat_chan_done(chan);
}

static void send_and_join(void *arg)
{
    model_check(send((int)(intptr_t)arg) == 0);
    model_check(leat_chan_join(chan) == 0);
    model_check(received[0] == 1);
}

MODEL_DRIVER(chan_join_waits_for_what_was_sent, .weak_preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    run({ send_and_join, 0 }, { receive_and_be_done });
}

MODEL_DRIVER(chan_oneshot_takes_one_of_two, .preemptions = 1, .stale = 1)
{
    struct leat_chan_options options = { .size = sizeof options, .oneshot = true };

    reset(1, NULL);
    model_check(leat_chan_create(&chan, sizeof(struct word), &options) == 0);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_spawn(receive_to_the_end, NULL);
    model_run();
    model_check(sent[0] + sent[4] == 1);
    check_conserved();
}

/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c chan/chan.c chan/pass.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RING_SPINS=0 -DLEAT__CHAN_PATIENCE=1
 * model: flags -DLEAT__CHAN_PATIENCE_MAX=1 -DLEAT__CHAN_OPS=1
 *
 * Channels: each element that was sent is received once, in order, whatever closes or cancels.
 * (long because all kinds of channels are driven by the same few threads) */
#include <errno.h>
#include <leat/chan.h>

#include "chan/chan.h"
#include "tasks.h"

static struct leat_chan *chan;
static struct leat__scope scope;
static int sent[8], received[8];

static void reset_with(const struct leat_chan_options *options, struct leat__scope *in)
{
    tasks_reset(in);
    memset(sent, 0, sizeof sent);
    memset(received, 0, sizeof received);
    model_check(leat_chan_create(&chan, sizeof(int), options) == 0);
}

static void reset(size_t capacity, struct leat__scope *in)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity };

    reset_with(&options, in);
}

/* As after another thread has come: nobody is alone any more. */
static void share(void)
{
    chan->bias.owner = LEAT__BIAS_SHARED;
}

/* As if the thread had been the only one until now. */
static void give_to(int i)
{
    chan->bias.owner = (uintptr_t)&insides[i];
}

/* What an element stands for: written before it is sent, read when it was received. */
static int payload[8];

static int send(int i)
{
    int element, err;

    model_plain_write(&payload[i]);
    model_plain_write(&element);
    element = i;
    err = leat_chan_send(chan, &element);
    model_plain_write(&element);
    sent[i] += err == 0;
    return err;
}

/* Returns the element, or an error. */
static int receive(void)
{
    int element = -1, err;

    model_plain_write(&element);
    err = leat_chan_recv(chan, &element);
    model_plain_read(&element);
    model_check((element == -1) == (err != 0));
    if (err)
        return err;
    model_check(element >= 0 && element < 8);
    model_plain_read(&payload[element]);
    received[element]++;
    return element;
}

/* At the end: what was sent was received, or is still inside. */
static void check_conserved(void)
{
    int element;

    while (leat_chan_try_recv(chan, &element) == 0)
        received[element]++;
    for (int i = 0; i < 8; i++)
        model_check(sent[i] == received[i] && sent[i] <= 1);
    leat_chan_free(chan);
}

static void send_two(void *arg)
{
    int i = (int)(intptr_t)arg;

    model_check(send(i) == 0);
    model_check(send(i + 1) == 0);
}

static void send_one(void *arg)
{
    int err = send((int)(intptr_t)arg);

    model_check(err == 0 || err == -EPIPE || err == -ECANCELED);
}

static void send_two_or_fewer(void *arg)
{
    int i = (int)(intptr_t)arg, err = send(i);

    if (err == 0)
        err = send(i + 1);
    model_check(err == 0 || err == -ECANCELED);
}

static void receive_two(void *arg)
{
    int first = receive(), second = receive();

    (void)arg;
    model_check(first >= 0 && second >= 0);
    if (first / 4 == second / 4) /* of one sender */
        model_check(first < second);
}

static void receive_one(void *arg)
{
    int err = receive();

    (void)arg;
    model_check(err >= 0 || err == -EPIPE || err == -ECANCELED);
}

static void receive_to_the_end(void *arg)
{
    int err;

    (void)arg;
    while ((err = receive()) >= 0)
        ;
    model_check(err == -EPIPE);
}

static void close_it(void *arg)
{
    (void)arg;
    leat_chan_close(chan);
}

static void send_two_and_close(void *arg)
{
    send_two(arg);
    leat_chan_close(chan);
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

MODEL_DRIVER(chan_rendezvous_passes_two, .weak_preemptions = 1)
{
    reset(0, NULL);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_of_one_passes_two, .weak_preemptions = 1)
{
    reset(1, NULL);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_between_a_task_and_a_plain_thread, .weak_preemptions = 1)
{
    reset(1, NULL);
    tasks_make_plain(2);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_two_senders_one_receiver, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_one_sender_two_receivers, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_closed_is_drained_and_then_at_its_end, .weak_preemptions = 1)
{
    reset(1, NULL);
    model_spawn(send_two_and_close, (void *)(intptr_t)0);
    model_spawn(receive_to_the_end, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_close_wakes_receivers, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    model_spawn(receive_one, NULL);
    model_spawn(receive_one, NULL);
    model_spawn(close_it, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_close_wakes_senders, .preemptions = 1, .stale = 1)
{
    reset(0, NULL);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_spawn(close_it, NULL);
    model_run();
    check_conserved();
}

/* A cancel wakes both, or finds them done. */
MODEL_DRIVER(chan_cancel_loses_no_element, .preemptions = 1, .stale = 1)
{
    reset(1, &scope);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_cancel_against_a_rendezvous, .preemptions = 1, .stale = 1)
{
    reset(0, &scope);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
}

/* ---- late waits: listed before they are open ---- */

static void reset_late(size_t capacity, int owner)
{
    reset(capacity, &scope);
    if (owner)
        give_to(owner);
    else
        share();
}

MODEL_DRIVER(chan_late_receiver_is_found, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(1, 2);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_late_sender_is_found, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(0, 1);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_late_waiters_of_a_shared_one, .weak_preemptions = 1)
{
    reset_late(1, 0);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_late_waiter_is_cancelled_under_a_taker, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(1, 2);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
}

static void receive_twice(void *arg)
{
    int first = receive(), second = receive();

    (void)arg;
    model_check(first >= 0 || first == -ECANCELED);
    model_check(second >= 0 || second == -ECANCELED);
}

/* The second wait's mark is not the first's, nor the first's the second's. */
MODEL_DRIVER(chan_late_waiter_is_taken_or_cancelled, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(0, 0);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_twice, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
}

/* ---- regained: a worker that alone uses a shared one gets it for itself ---- */

static void talk_to_itself(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        model_check(send(i) == 0);
        model_check(receive() >= 0);
    }
}

static void talk_to_the_end(void *arg)
{
    int err = 0;

    (void)arg;
    for (int i = 0; i < 3 && err == 0; i++) {
        err = send(i);
        if (err == 0)
            model_check(receive() == i);
    }
    model_check(err == 0 || err == -EPIPE);
}

static void send_two_receive_one(void *arg)
{
    (void)arg;
    model_check(send(0) == 0);
    model_check(send(1) == 0);
    model_check(receive() >= 0);
}

static void look_and_receive(void *arg)
{
    int element = -1, err = 0;

    (void)arg;
    for (int i = 0; i < 3 && (err = leat_chan_try_recv(chan, &element)) == -EAGAIN; i++)
        ;
    if (err == 0) {
        model_plain_read(&payload[element]);
        received[element]++;
    } else {
        model_check(receive() >= 0);
    }
}

MODEL_DRIVER(chan_regained_beside_a_sender, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    share();
    model_spawn(talk_to_itself, NULL);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_regained_beside_a_receiver, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    share();
    model_spawn(send_two_receive_one, NULL);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_regained_by_turns_is_taken_again, .preemptions = 2, .weak_preemptions = 1)
{
    reset(1, &scope);
    share();
    model_spawn(look_and_receive, NULL);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_regained_is_closed_by_another, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    share();
    model_spawn(talk_to_the_end, NULL);
    model_spawn(close_it, NULL);
    model_run();
    check_conserved();
}

/* ---- without the lock ---- */

MODEL_DRIVER(chan_shared_of_one_passes_two, .weak_preemptions = 1)
{
    reset(1, NULL);
    share();
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_shared_room_goes_to_who_waits_for_it, .weak_preemptions = 1)
{
    reset(1, NULL);
    share();
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

/* The sender goes to wait while one receiver makes room and another finds nothing yet. */
MODEL_DRIVER(chan_shared_sender_waits_beside_two_receivers, .preemptions = 1, .stale = 2)
{
    reset(1, NULL);
    share();
    sent[1] = 1;
    model_check(leat_chan_try_send(chan, &(int){ 1 }) == 0);
    model_spawn(send_one, (void *)(intptr_t)2);
    model_spawn(receive_one, NULL);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_shared_two_senders_two_places, .preemptions = 1, .stale = 1)
{
    reset(2, NULL);
    share();
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_shared_two_receivers_take_each_another, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    sent[1] = sent[2] = 1;
    model_check(leat_chan_try_send(chan, &(int){ 1 }) == 0);
    model_check(leat_chan_try_send(chan, &(int){ 2 }) == 0);
    share();
    model_spawn(receive_one, NULL);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_shared_close_against_send_and_receive, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    share();
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(close_it, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_shared_cancel_loses_no_element, .preemptions = 1, .stale = 1)
{
    reset(1, &scope);
    share();
    model_spawn(send_two_or_fewer, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
}

/* ---- who was alone, and who comes ---- */

MODEL_DRIVER(chan_is_taken_from_a_sender_who_was_alone, .preemptions = 3, .weak_preemptions = 2,
             .stale = 1)
{
    reset(2, NULL);
    give_to(1);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_is_taken_by_two_at_once, .preemptions = 2, .weak_preemptions = 1, .stale = 1)
{
    reset(4, NULL);
    give_to(1);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)2);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_run();
    check_conserved();
}

/* ---- the last one frees ---- */

enum { POISON = 0xa5 };

/* What leat_chan_free does, and whoever gets the memory next. */
static void receive_and_reuse_the_memory(void *arg)
{
    struct leat__chan_turn turn;

    (void)arg;
    model_check(receive() == 0);
    leat__chan_enter(chan, &turn);
    leat__chan_leave(chan, &turn);
    memset(chan, POISON, sizeof *chan);
}

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

/* ---- one at each end ---- */

/* Shared already. */
static void reset_single(size_t capacity, struct leat__scope *in)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity,
                                         .spsc = true };

    reset_with(&options, in);
    model_check(chan->single);
    share();
}

MODEL_DRIVER(single_passes_two_through_one_place, .weak_preemptions = 1)
{
    reset_single(1, NULL);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(single_room_goes_to_who_waits_for_it, .weak_preemptions = 1)
{
    reset_single(1, NULL);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

/* Nobody waits: both are at work on the ring at once. */
MODEL_DRIVER(single_sides_meet_only_in_a_slot, .weak_preemptions = 2)
{
    reset_single(2, NULL);
    sent[7] = 1;
    model_check(leat_chan_try_send(chan, &(int){ 7 }) == 0);
    share();
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(single_is_closed_under_its_sender, .preemptions = 1, .stale = 1)
{
    reset_single(1, NULL);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_to_the_end, NULL);
    model_spawn(close_it, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(single_cancel_loses_no_element, .preemptions = 1, .stale = 1)
{
    reset_single(1, &scope);
    model_spawn(send_two_or_fewer, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
}

/* One slow turn of thread 1 gives it the channel, which the other takes. */
MODEL_DRIVER(single_is_regained_and_taken_again, .weak_preemptions = 1)
{
    reset_single(2, NULL);
    chan->sides.last = &faces[1];
    chan->sides.streak = LEAT__SINGLE_REGAIN - 1;
    model_spawn(send_two_and_close, (void *)(intptr_t)0);
    model_spawn(receive_to_the_end, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(single_is_not_touched_after_its_element_was_received, .weak_preemptions = 1)
{
    reset_single(1, NULL);
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
    model_spawn(send_and_join, (void *)(intptr_t)0);
    model_spawn(receive_and_be_done, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_oneshot_takes_one_of_two, .preemptions = 1, .stale = 1)
{
    struct leat_chan_options options = { .size = sizeof options, .oneshot = true };

    reset(1, NULL);
    model_check(leat_chan_create(&chan, sizeof(int), &options) == 0);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)4);
    model_spawn(receive_to_the_end, NULL);
    model_run();
    model_check(sent[0] + sent[4] == 1);
    check_conserved();
}

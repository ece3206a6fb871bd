/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c chan/chan.c chan/pass.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RING_SPINS=0 -DLEAT__CHAN_PATIENCE=1
 * model: flags -DLEAT__CHAN_PATIENCE_MAX=1 -DLEAT__CHAN_OPS=1 -DLEAT__RING_STRETCH=1
 *
 * Channels that one worker alone uses: how it gets one, how another worker takes it away, and waits
 * that are opened late. */
#include "chans.h"

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
    run({ send_one, 0 }, { receive_one });
}

MODEL_DRIVER(chan_late_sender_is_found, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(0, 1);
    run({ send_one, 0 }, { receive_one });
}

MODEL_DRIVER(chan_late_waiters_of_a_shared_one, .weak_preemptions = 1)
{
    reset_late(1, 0);
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(chan_late_waiter_is_cancelled_under_a_taker, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(1, 2);
    run({ send_one, 0 }, { receive_one }, { cancel });
}

static void receive_twice(void *arg)
{
    int first = receive(), second = receive();

    (void)arg;
    model_check(first >= 0 || first == -ECANCELED);
    model_check(second >= 0 || second == -ECANCELED);
}

/* The second wait's mark is not the first's, nor the first's the second's. */
MODEL_DRIVER(chan_late_waiter_is_taken_or_cancelled, .preemptions = 2, .weak_preemptions = 1,
             .long_run = true)
{
    reset_late(0, 0);
    run({ send_one, 0 }, { receive_twice }, { cancel });
}

/* After many elements who finds nothing lets others run once, and looks again, before it waits. */
MODEL_DRIVER(chan_gives_way_before_it_waits, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(1, 2);
    selves[1].scope = NULL;
    selves[2].budget = LEAT__BUDGET - LEAT__CHAN_MANY;
    run({ send_one, 0 }, { receive_one }, { cancel });
}

/* ---- two tasks of the worker whose it is, and another thread ----
 *
 * Threads 1 and 2 are tasks of worker 2, which alone uses the channel. Thread 2 runs when thread 1
 * has parked or ended; and thread 1, readied, is stolen: it goes on as a task of worker 1. */

static void let_the_next_run(void)
{
    if (model_self() == 1) {
        model_wake(1);
        model_wake(2);
    }
}

static void go_on_elsewhere(void)
{
    if (model_self() == 1) {
        model_sleep(); /* until the commit, which acts for thread 1 as well, is over */
        faces[1].inside = &insides[1];
    }
}

static void reset_two(size_t capacity)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity };

    reset_sized(model_choose(2) ? sizeof(struct element) : sizeof(struct word), &options, &scope);
    tasks_parked = let_the_next_run;
    tasks_resumes = go_on_elsewhere;
}

#define run_two(...) run_two_parts((const struct part[]){ __VA_ARGS__, { NULL, 0 } })

static void run_two_parts(const struct part *parts)
{
    give_to(2);
    faces[1].inside = &insides[2];
    run_parts(parts);
    tasks_parked = tasks_resumes = NULL;
}

static void receive_and_end(void *arg)
{
    receive_one(arg);
    model_wake(2);
}

static void send_and_end(void *arg)
{
    send_one(arg);
    model_wake(2);
}

static void then_receive(void *arg)
{
    model_sleep();
    receive_one(arg);
}

static void then_send(void *arg)
{
    model_sleep();
    send_one(arg);
}

/* In the body: the ring of one is full. */
static void fill_one(void)
{
    struct element element = { 7, { 7, 7, 7 } };

    model_check(leat_chan_try_send(chan, &element) == 0);
    sent[7]++;
}

MODEL_DRIVER(alone_hand_over_against_a_cancel, .weak_preemptions = 1)
{
    reset_two(1);
    selves[2].scope = NULL;
    run_two({ receive_and_end }, { then_send, 0 }, { cancel });
}

MODEL_DRIVER(alone_refill_against_a_cancel, .weak_preemptions = 1)
{
    reset_two(1);
    fill_one();
    run_two({ send_and_end, 0 }, { then_receive }, { cancel });
}

MODEL_DRIVER(alone_fetch_against_a_cancel, .weak_preemptions = 1)
{
    reset_two(0);
    run_two({ send_and_end, 0 }, { then_receive }, { cancel });
}

MODEL_DRIVER(alone_hand_over_beside_another_sender, .preemptions = 1, .stale = 1)
{
    reset_two(1);
    run_two({ receive_and_end }, { then_send, 0 }, { send_one, 4 });
}

MODEL_DRIVER(alone_refill_beside_another_receiver, .preemptions = 1, .stale = 1)
{
    reset_two(1);
    fill_one();
    run_two({ send_and_end, 0 }, { then_receive }, { receive_one });
}

MODEL_DRIVER(alone_fetch_against_a_close, .weak_preemptions = 1, .stale = 1)
{
    reset_two(0);
    run_two({ send_and_end, 0 }, { then_receive }, { close_it });
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
    struct element element;
    int err = 0;

    (void)arg;
    for (int i = 0; i < 3 && (err = leat_chan_try_recv(chan, &element)) == -EAGAIN; i++)
        ;
    if (err == 0)
        note_received(&element);
    else
        model_check(receive() >= 0);
}

MODEL_DRIVER(chan_regained_beside_a_sender, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    share();
    run({ talk_to_itself }, { send_one, 4 });
}

MODEL_DRIVER(chan_regained_beside_a_receiver, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    share();
    run({ send_two_receive_one }, { receive_one });
}

MODEL_DRIVER(chan_regained_by_turns_is_taken_again, .preemptions = 2, .weak_preemptions = 1)
{
    reset(1, &scope);
    share();
    run({ look_and_receive }, { send_one, 4 });
}

MODEL_DRIVER(chan_regained_is_closed_by_another, .preemptions = 2, .weak_preemptions = 1)
{
    reset(2, NULL);
    share();
    run({ talk_to_the_end }, { close_it });
}

/* ---- stretches: positions of which who is alone need not ask (ring.h) ---- */

static void reset_words(size_t capacity, int owner)
{
    reset(capacity, &scope);
    give_to(owner);
}

static void pass_two_and_receive(void *arg)
{
    send_two(arg); /* the second by a stretch, */
    receive_two(arg); /* and by another */
    model_check(receive() == 4);
    model_wake(2);
}

/* What is open is shut by who is listed. */
MODEL_DRIVER(alone_stretch_is_shut_by_a_receiver)
{
    reset_words(4, 2);
    tasks_parked = let_the_next_run;
    tasks_resumes = go_on_elsewhere;
    run_two({ pass_two_and_receive, 0 }, { then_send, 4 });
}

static void fill_and_send(void *arg)
{
    send_two(arg);
    model_check(receive() == 0); /* the next by a stretch */
    for (int i = 2; i < 5; i++)
        model_check(send(i) == 0);
    model_wake(2);
}

MODEL_DRIVER(alone_stretch_is_shut_by_a_sender)
{
    reset_words(3, 2);
    tasks_parked = let_the_next_run;
    tasks_resumes = go_on_elsewhere;
    run_two({ fill_and_send, 0 }, { then_receive });
}

/* Two turns, the first of which finds that another worker was there. */
static void regain(void)
{
    for (int i = 0; i < 2; i++) {
        struct leat__chan_turn turn;

        leat__chan_enter(chan, &turn);
        leat__chan_leave(chan, &turn);
    }
}

static void pass_two_and_one(void *arg)
{
    send_two(arg);
    receive_one(arg);
}

MODEL_DRIVER(alone_stretch_is_taken_away, .preemptions = 2, .weak_preemptions = 1)
{
    reset_words(4, 1);
    run({ pass_two_and_one, 0 }, { receive_one });
}

static void regain_and_send(void *arg)
{
    receive_one(arg);
    regain();
    send_two(arg);
}

static void regain_and_receive(void *arg)
{
    (void)arg;
    regain();
    receive_one(arg);
    receive_one(arg);
}

static void send_two_regain_and_send(void *arg)
{
    send_two(arg);
    regain();
    model_check(send(2) == 0); /* by the stretch from before, were it not shut */
}

static void receive_three(void *arg)
{
    receive_two(arg);
    model_check(receive() == 2);
}

MODEL_DRIVER(alone_stretch_is_shut_by_another_worker, .preemptions = 1, .weak_preemptions = 1)
{
    reset_words(4, 1);
    run({ send_two_regain_and_send, 0 }, { receive_three });
}

static void send_close_and_receive(void *arg)
{
    send_two_and_close(arg);
    model_check(send(2) == -EPIPE);
    receive_to_the_end(arg);
}

MODEL_DRIVER(alone_stretch_ends_with_the_elements)
{
    reset_words(5, 1);
    run({ send_close_and_receive, 0 });
}

/* The other may hold a slot from before, behind one that is free again. */
MODEL_DRIVER(chan_regained_stretch_beside_a_receiver, .weak_preemptions = 1)
{
    reset(3, NULL);
    for (int i = 5; i < 8; i++) {
        sent[i] = 1;
        model_check(leat_chan_try_send(chan, &(struct word){ i, i }) == 0);
    }
    share();
    run({ regain_and_send, 0 }, { receive_two });
}

MODEL_DRIVER(chan_regained_stretch_beside_a_sender, .weak_preemptions = 1)
{
    reset(3, NULL);
    share();
    run({ regain_and_receive }, { send_two, 4 });
}

/* ---- who was alone, and who comes ---- */

MODEL_DRIVER(chan_is_taken_from_a_sender_who_was_alone, .preemptions = 3, .weak_preemptions = 2,
             .stale = 1)
{
    reset(2, NULL);
    give_to(1);
    run({ send_one, 0 }, { send_one, 4 });
}

MODEL_DRIVER(chan_is_taken_by_two_at_once, .preemptions = 2, .weak_preemptions = 1, .stale = 1)
{
    reset(4, NULL);
    give_to(1);
    run({ send_one, 0 }, { send_one, 2 }, { send_one, 4 });
}

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

/* After many elements who finds nothing lets others run once, and looks again, before it waits. */
MODEL_DRIVER(chan_gives_way_before_it_waits, .preemptions = 2, .weak_preemptions = 1)
{
    reset_late(1, 2);
    selves[1].scope = NULL;
    selves[2].budget = LEAT__BUDGET - LEAT__CHAN_MANY;
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
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

static void run_two(void)
{
    give_to(2);
    faces[1].inside = &insides[2];
    model_run();
    tasks_parked = tasks_resumes = NULL;
    check_conserved();
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
    model_spawn(receive_and_end, NULL);
    model_spawn(then_send, (void *)(intptr_t)0);
    model_spawn(cancel, NULL);
    run_two();
}

MODEL_DRIVER(alone_refill_against_a_cancel, .weak_preemptions = 1)
{
    reset_two(1);
    fill_one();
    model_spawn(send_and_end, (void *)(intptr_t)0);
    model_spawn(then_receive, NULL);
    model_spawn(cancel, NULL);
    run_two();
}

MODEL_DRIVER(alone_fetch_against_a_cancel, .weak_preemptions = 1)
{
    reset_two(0);
    model_spawn(send_and_end, (void *)(intptr_t)0);
    model_spawn(then_receive, NULL);
    model_spawn(cancel, NULL);
    run_two();
}

MODEL_DRIVER(alone_hand_over_beside_another_sender, .preemptions = 1, .stale = 1)
{
    reset_two(1);
    model_spawn(receive_and_end, NULL);
    model_spawn(then_send, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)4);
    run_two();
}

MODEL_DRIVER(alone_refill_beside_another_receiver, .preemptions = 1, .stale = 1)
{
    reset_two(1);
    fill_one();
    model_spawn(send_and_end, (void *)(intptr_t)0);
    model_spawn(then_receive, NULL);
    model_spawn(receive_one, NULL);
    run_two();
}

MODEL_DRIVER(alone_fetch_against_a_close, .weak_preemptions = 1, .stale = 1)
{
    reset_two(0);
    model_spawn(send_and_end, (void *)(intptr_t)0);
    model_spawn(then_receive, NULL);
    model_spawn(close_it, NULL);
    run_two();
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
    model_spawn(pass_two_and_receive, (void *)(intptr_t)0);
    model_spawn(then_send, (void *)(intptr_t)4);
    run_two();
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
    model_spawn(fill_and_send, (void *)(intptr_t)0);
    model_spawn(then_receive, NULL);
    run_two();
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
    model_spawn(pass_two_and_one, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
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
    model_spawn(send_two_regain_and_send, (void *)(intptr_t)0);
    model_spawn(receive_three, NULL);
    model_run();
    check_conserved();
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
    model_spawn(send_close_and_receive, (void *)(intptr_t)0);
    model_run();
    check_conserved();
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
    model_spawn(regain_and_send, (void *)(intptr_t)0);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(chan_regained_stretch_beside_a_sender, .weak_preemptions = 1)
{
    reset(3, NULL);
    share();
    model_spawn(regain_and_receive, NULL);
    model_spawn(send_two, (void *)(intptr_t)4);
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

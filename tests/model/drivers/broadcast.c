/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources chan/broadcast.c chan/watch.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Broadcasts: every subscriber receives each element whole and in order, or learns that it missed
 * it; senders that wait go on when there is room. Watches: the latest value shows, and the end. */
#include <errno.h>
#include <leat/broadcast.h>

#include "tasks.h"

enum { SENDS = 3 };

/* Two words, so that half of it can be of another. */
struct element {
    uint64_t number, same;
};

static struct leat_broadcast *news;
static struct leat_subscriber readers[2];
static struct leat_watch *watch;
static struct leat__scope scope;
static int payload[SENDS]; /* what an element stands for */
static int sent, seen[2];

static void reset(size_t capacity, enum leat_slow slow, int subscribers, struct leat__scope *in)
{
    tasks_reset(in);
    memset(readers, 0, sizeof readers);
    sent = seen[0] = seen[1] = 0;
    model_check(leat_broadcast_create(&news, sizeof(struct element), capacity, slow) == 0);
    for (int i = 0; i < subscribers; i++)
        leat_subscribe(&readers[i], news);
}

static void end(int subscribers)
{
    for (int i = 0; i < subscribers; i++)
        leat_unsubscribe(&readers[i]);
    leat_broadcast_destroy(news);
}

static int send(int i)
{
    struct element element = { (uint64_t)i, (uint64_t)i };
    int err;

    model_plain_write(&payload[i]);
    err = leat_broadcast_send(news, &element);
    sent += err == 0;
    return err;
}

/* The next that reader k sees is the one after those that it saw or was told of. */
static int receive(int k)
{
    struct element element = { 99, 98 };
    uint64_t missed = 99;
    int err = leat_broadcast_recv(&readers[k], &element, &missed);

    if (err) {
        model_check(missed == 99);
        return err;
    }
    seen[k] += (int)missed;
    model_check(element.number == element.same && element.number == (uint64_t)seen[k]);
    model_plain_read(&payload[element.number]);
    seen[k]++;
    return 0;
}

static void send_some(void *arg)
{
    for (int i = 0; i < (int)(intptr_t)arg; i++)
        model_check(send(i) == 0);
}

static void send_three_and_close(void *arg)
{
    (void)arg;
    for (int i = 0; i < SENDS; i++)
        model_check(send(i) == 0);
    leat_broadcast_close(news);
}

static void receive_two(void *arg)
{
    model_check(receive((int)(intptr_t)arg) == 0);
    model_check(receive((int)(intptr_t)arg) == 0);
}

static void receive_to_the_end(void *arg)
{
    int err;

    while ((err = receive((int)(intptr_t)arg)) == 0)
        ;
    model_check(err == -EPIPE);
}

MODEL_DRIVER(broadcast_a_send_waits_for_the_slow, .stale = 1)
{
    reset(1, LEAT_SLOW_WAITS, 1, NULL);
    model_spawn(send_some, (void *)(intptr_t)2);
    model_spawn(receive_two, (void *)(intptr_t)0);
    model_run();
    model_check(sent == 2 && seen[0] == 2);
    end(1);
}

static void send_second(void *arg)
{
    (void)arg;
    model_check(send(1) == 0);
}

static void receive_first(void *arg)
{
    model_check(receive((int)(intptr_t)arg) == 0);
}

MODEL_DRIVER(broadcast_a_send_waits_for_two, .preemptions = 1, .stale = 1)
{
    reset(1, LEAT_SLOW_WAITS, 2, NULL);
    model_check(send(0) == 0);
    model_spawn(send_second, NULL);
    model_spawn(receive_first, (void *)(intptr_t)0);
    model_spawn(receive_first, (void *)(intptr_t)1);
    model_run();
    model_check(sent == 2 && seen[0] == 1 && seen[1] == 1);
    end(2);
}

MODEL_DRIVER(broadcast_the_slow_learn_what_they_missed)
{
    reset(2, LEAT_SLOW_MISSES, 1, NULL);
    model_spawn(send_three_and_close, NULL);
    model_spawn(receive_to_the_end, (void *)(intptr_t)0);
    model_run();
    model_check(seen[0] == SENDS);
    end(1);
}

/* Two senders of one element each: which number it has is the order of their turns. */
static void send_one(void *arg)
{
    struct element element = { 0, 0 };
    int err = leat_broadcast_send(news, &element);

    (void)arg;
    model_check(err == 0 || err == -EPIPE || err == -ECANCELED);
    sent += err == 0;
}

static void receive_any_two(void *arg)
{
    struct element element;

    (void)arg;
    for (; seen[0] < 2; seen[0]++)
        model_check(leat_broadcast_recv(&readers[0], &element, NULL) == 0);
}

MODEL_DRIVER(broadcast_two_senders_wait_for_one, .preemptions = 1, .stale = -1)
{
    reset(1, LEAT_SLOW_WAITS, 1, NULL);
    model_check(send(0) == 0);
    model_run_all(send_one, send_one, receive_any_two);
    model_check(sent == 3 && seen[0] == 2);
    end(1);
}

static void receive_one_and_leave(void *arg)
{
    (void)arg;
    model_check(receive(0) == 0);
    leat_unsubscribe(&readers[0]);
}

MODEL_DRIVER(broadcast_nobody_waits_for_one_that_left)
{
    reset(1, LEAT_SLOW_WAITS, 1, NULL);
    model_spawn(send_some, (void *)(intptr_t)3);
    model_spawn(receive_one_and_leave, NULL);
    model_run();
    model_check(sent == 3 && seen[0] == 1);
    end(0);
}

static void close_it(void *arg)
{
    (void)arg;
    leat_broadcast_close(news);
}

MODEL_DRIVER(broadcast_close_against_a_send_and_a_receive, .preemptions = 1, .stale = 1)
{
    reset(1, LEAT_SLOW_WAITS, 1, NULL);
    model_check(send(0) == 0);
    model_run_all(send_one, close_it);
    for (struct element element; leat_broadcast_recv(&readers[0], &element, NULL) == 0;)
        seen[0]++;
    model_check(seen[0] == sent);
    end(1);
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

/* As many as were sent, in the body: it is no task of the scope. */
MODEL_DRIVER(broadcast_cancel_against_a_send_that_waits, .preemptions = 1, .stale = 1)
{
    reset(1, LEAT_SLOW_WAITS, 1, &scope);
    model_check(send(0) == 0);
    model_run_all(send_one, cancel);
    selves[0].scope = NULL;
    leat_broadcast_close(news);
    for (struct element element; leat_broadcast_recv(&readers[0], &element, NULL) == 0;)
        seen[0]++;
    model_check(seen[0] == sent && sent == 1);
    end(1);
}

static void receive_or_be_cancelled(void *arg)
{
    struct element element;
    int err = leat_broadcast_recv(&readers[0], &element, NULL);

    (void)arg;
    model_check(err == 0 || err == -ECANCELED);
    seen[0] += err == 0;
}

MODEL_DRIVER(broadcast_cancel_against_a_receive, .preemptions = 1, .stale = 1)
{
    reset(1, LEAT_SLOW_WAITS, 1, &scope);
    selves[2].scope = NULL;
    model_run_all(receive_or_be_cancelled, send_one, cancel);
    selves[0].scope = NULL;
    leat_broadcast_close(news);
    for (struct element element; leat_broadcast_recv(&readers[0], &element, NULL) == 0;)
        seen[0]++;
    model_check(seen[0] == 1 && sent == 1);
    end(1);
}

/* ---- watches ---- */

static void reset_watch(struct leat__scope *in)
{
    uint64_t value = 0;

    tasks_reset(in);
    model_check(leat_watch_create(&watch, sizeof value, &value) == 0);
}

static void set_two_and_close(void *arg)
{
    (void)arg;
    for (uint64_t value = 1; value <= 2; value++)
        model_check(leat_watch_set(watch, &value) == 0);
    leat_watch_close(watch);
}

static void see_the_last(void *arg)
{
    uint64_t version = 1, value = 99;
    int err;

    (void)arg;
    while ((err = leat_watch_next(watch, &version, &value)) == 0)
        model_check(value + 1 == version);
    model_check(err == -EPIPE && value == 2);
}

MODEL_DRIVER(watch_shows_the_last_value_and_the_end)
{
    reset_watch(NULL);
    model_run_all(set_two_and_close, see_the_last);
    leat_watch_destroy(watch);
}

static void set_one(void *arg)
{
    uint64_t value = 1;

    (void)arg;
    model_check(leat_watch_set(watch, &value) == 0);
}

static void see_one(void *arg)
{
    uint64_t version = 1, value = 99;

    (void)arg;
    model_check(leat_watch_next(watch, &version, &value) == 0 && value == 1 && version == 2);
}

MODEL_DRIVER(watch_wakes_all_who_wait_for_a_value, .preemptions = 1, .stale = 1)
{
    reset_watch(NULL);
    model_run_all(set_one, see_one, see_one);
    leat_watch_destroy(watch);
}

static void see_one_or_be_cancelled(void *arg)
{
    uint64_t version = 1, value = 99;
    int err = leat_watch_next(watch, &version, &value);

    (void)arg;
    model_check(err ? err == -ECANCELED && version == 1 && value == 99
                    : version == 2 && value == 1);
}

MODEL_DRIVER(watch_cancel_against_a_set, .preemptions = 1, .stale = 1)
{
    uint64_t value;

    reset_watch(&scope);
    selves[2].scope = NULL;
    model_run_all(see_one_or_be_cancelled, set_one, cancel);
    model_check(leat_watch_get(watch, &value) == 2 && value == 1);
    leat_watch_destroy(watch);
}

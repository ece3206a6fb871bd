/* SPDX-License-Identifier: MIT */
/* A select allocates nothing: not when it takes what is there, not when it waits for what comes,
 * not on a plain thread, and not for any kind of case. The runtime allocates beside it, each thing
 * once: a thread that begins its signal stack, epoll's reactor its table for descriptors when the
 * first of them is waited for, the first task that ends on a worker the place where its block is
 * kept. So there are several rounds, of which one must allocate nothing: what a select did would be
 * done in each. */
#include "fault/failing.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

typedef leat_chan(int) int_chan;

enum { RECV, SEND, ACQUIRE, DONE, READABLE, WRITABLE, AFTER, KINDS };
enum { ROUNDS = 6, PIPE_BYTES = 65536 };

/* One of each kind, none of which can happen before the helper makes it. */
struct place {
    int_chan              empty, full, wishes;
    struct leat_semaphore permits;
    struct leat_event     end[ROUNDS];
    struct leat_task      task[ROUNDS];
    struct leat_event     left; /* who selected is done */
    int                   readable[2], writable[2];
    ssize_t               filled; /* bytes that make the second pipe full */
    int                   round;
    bool                  allocated; /* in each round */
};

static int end_at_last(void *arg)
{
    return leat_event_wait(arg);
}

/* Makes the case happen that is wished for, when who wishes has most likely begun to wait. */
static int help(void *arg)
{
    struct place *place = arg;
    static char bytes[PIPE_BYTES];
    int wish, value, err;

    while ((err = leat_recv(&place->wishes, &wish)) == 0) {
        if ((err = leat_sleep(500 * LEAT_USEC)) < 0)
            return err;
        switch (wish) {
        case RECV:     err = leat_send(&place->empty, &(int){ RECV }); break;
        case SEND:     err = leat_recv(&place->full, &value); break;
        case ACQUIRE:  leat_semaphore_release(&place->permits, 1); break;
        case DONE:     leat_event_set(&place->end[place->round]); break;
        case READABLE: expect_eq(write(place->readable[1], "x", 1), 1); break;
        case WRITABLE:
            expect_eq(read(place->writable[0], bytes, sizeof bytes), place->filled);
            break;
        }
        if (err < 0)
            return err;
    }
    return err == -EPIPE ? 0 : err;
}

static void fill(struct place *place)
{
    static const char bytes[PIPE_BYTES];

    place->filled = write(place->writable[1], bytes, sizeof bytes);
    expect_gt(place->filled, 0);
}

static int select_one(struct place *place, leat_time time)
{
    struct leat_task *task = &place->task[place->round];
    int value;

    return leat_select(LEAT_RECV(&place->empty, &value), LEAT_SEND(&place->full, &(int){ 1 }),
                       LEAT_ACQUIRE(&place->permits, 1), LEAT_DONE(task, NULL),
                       LEAT_READABLE(place->readable[0]), LEAT_WRITABLE(place->writable[1]),
                       LEAT_AFTER(time));
}

/* Waits for each kind in turn, and takes it a second time where it is there at once. */
static void select_each(struct place *place)
{
    char byte;

    for (int kind = 0; kind < KINDS; kind++) {
        if (kind == DONE)
            continue; /* comes last: it stays as it is */
        if (kind != AFTER)
            expect_ok(leat_send(&place->wishes, &kind));
        expect_eq(select_one(place, kind == AFTER ? LEAT_MSEC : LEAT_MINUTE), kind);
        if (kind == READABLE)
            expect_eq(read(place->readable[0], &byte, 1), 1);
        if (kind == WRITABLE)
            fill(place);
    }
    expect_ok(leat_send(&place->wishes, &(int){ DONE }));
    expect_eq(select_one(place, LEAT_MINUTE), DONE);
    expect_eq(select_one(place, LEAT_MINUTE), DONE); /* at once */
}

static int select_counted(void *arg)
{
    struct place *place = arg;

    for (place->allocated = true; place->allocated && place->round < ROUNDS; place->round++) {
        failing_begin(LONG_MAX, 1);
        select_each(place);
        (void)failing_end();
        place->allocated = failing_asked() > 0;
    }
    leat_event_set(&place->left);
    return 0;
}

static void *select_on_a_thread(void *arg)
{
    (void)select_counted(arg);
    return NULL;
}

static void open_place(struct place *place)
{
    memset(place, 0, sizeof *place);
    assert_ok(leat_chan_open(&place->empty, .capacity = 0));
    assert_ok(leat_chan_open(&place->full, .capacity = 1));
    assert_ok(leat_chan_open(&place->wishes, .capacity = 0));
    assert_ok(leat_send(&place->full, &(int){ 0 }));
    assert_ok(pipe2(place->readable, O_NONBLOCK));
    assert_ok(pipe2(place->writable, O_NONBLOCK));
    fill(place);
}

static void close_place(struct place *place)
{
    leat_chan_destroy(&place->empty);
    leat_chan_destroy(&place->full);
    leat_chan_destroy(&place->wishes);
    for (int i = 0; i < 2; i++) {
        expect_ok(close(place->readable[i]));
        expect_ok(close(place->writable[i]));
    }
}

/* Pinned: who moves comes to another reactor, with another table. */
static void try_all(bool on_a_thread)
{
    struct leat_task_options options = { .size = sizeof options, .pinned = true };
    struct place place;
    pthread_t thread;

    if (!failing_possible())
        test_skip("a sanitizer has a malloc of its own");
    open_place(&place);
    {
        LEAT_SCOPE(scope);
        leat_spawn_opt(&scope, help, &place, &options);
        for (int i = 0; i < ROUNDS; i++)
            assert_ok(leat_spawn_handle(&scope, &place.task[i], end_at_last, &place.end[i],
                                        &options));
        assert_ok(leat_sleep(LEAT_MSEC)); /* all have their stacks */
        if (on_a_thread)
            assert_eq(pthread_create(&thread, NULL, select_on_a_thread, &place), 0);
        else
            leat_spawn_opt(&scope, select_counted, &place, &options);
        expect_ok(leat_event_wait(&place.left));
        if (on_a_thread)
            expect_eq(pthread_join(thread, NULL), 0);
        for (int i = place.round; i < ROUNDS; i++)
            leat_event_set(&place.end[i]);
        leat_close(&place.wishes);
        expect_ok(leat_scope_join(&scope));
    }
    expect(!place.allocated);
    close_place(&place);
}

LEAT_TEST_TASK(select_memory, a_task_that_selects_allocates_nothing)
{
    try_all(false);
}

LEAT_TEST_TASK(select_memory, a_thread_that_selects_allocates_nothing)
{
    try_all(true);
}

/* SPDX-License-Identifier: MIT */
/* A runtime inside of somebody else's event loop: poll, epoll, nested, libuv; alone and with more
 * workers beside; on both reactors. No test here judges how long anything takes: a loop that was
 * not told of something to do would wait for ever, and the harness ends it. The file is
 * long because the loops and tasks at its beginning serve all that follows. */
#include "harness/test.h"

#include <leat/leat.h>

#include <fcntl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef TEST_HAVE_UV
#include <uv.h>
#endif

struct loop {
    struct leat_embed *embed;
    unsigned           workers;
    enum leat_reactor  reactor;
    pthread_t          thread;
    int                epoll;    /* -1: the loop is one of poll */
    atomic_int         finished; /* tasks; */
    int                told;     /* readable when one has, perhaps on another worker */
    int                value;    /* of the test */
    int                steps;
};

static void open_loop(struct loop *loop, int kind)
{
    static const enum leat_reactor reactors[] = { LEAT_REACTOR_AUTO, LEAT_REACTOR_EPOLL };

    memset(loop, 0, sizeof *loop);
    loop->workers = 1 + (unsigned)(kind & 1) * 2;
    loop->reactor = reactors[kind >> 1 & 1];
    loop->thread = pthread_self();
    loop->epoll = -1;
    loop->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    expect_ge(loop->told, 0);
    assert_ok(leat_embed_open(&loop->embed, LEAT_OPTIONS(.workers = loop->workers,
                                                         .reactor = loop->reactor)));
    if (kind & 4) {
        struct epoll_event event = { .events = EPOLLIN | (kind & 8 ? EPOLLET : 0) };

        loop->epoll = epoll_create1(EPOLL_CLOEXEC);
        expect_ge(loop->epoll, 0);
        expect_ok(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, leat_embed_fd(loop->embed), &event));
        event.events = EPOLLIN;
        expect_ok(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->told, &event));
    }
}

#define KINDS 16 /* one or three workers, two reactors, poll or epoll, level- or edge-triggered */

static void close_loop(struct loop *loop)
{
    leat_embed_close(loop->embed);
    if (loop->epoll >= 0)
        close(loop->epoll);
    close(loop->told);
}

/* Waits by the descriptor alone, without a time-out, and steps. */
static void turn(struct loop *loop)
{
    struct pollfd entries[] = { { .fd = leat_embed_fd(loop->embed), .events = POLLIN },
                                { .fd = loop->told, .events = POLLIN } };
    struct epoll_event events[2];
    uint64_t told;
    int count;

    do
        count = loop->epoll >= 0 ? epoll_wait(loop->epoll, events, 2, -1) : poll(entries, 2, -1);
    while (count < 0 && errno == EINTR); /* the kernel interrupts who has closed a ring */
    expect_ge(count, 1);
    (void)!read(loop->told, &told, sizeof told);
    expect_ge(leat_embed_step(loop->embed, LEAT_MSEC), 0);
    loop->steps++;
}

static void turn_until(struct loop *loop, int finished)
{
    while (atomic_load(&loop->finished) < finished)
        turn(loop);
}

/* ---- what tasks do ---- */

static int finish(void *arg)
{
    struct loop *loop = arg;

    atomic_fetch_add(&loop->finished, 1);
    (void)!write(loop->told, &(uint64_t){ 1 }, sizeof(uint64_t));
    return 0;
}

static int sleep_and_finish(void *arg)
{
    leat_time begin = leat_now();

    for (int i = 0; i < 10; i++)
        expect_ok(leat_sleep(2 * LEAT_MSEC));
    expect_ge(leat_now() - begin, 20 * LEAT_MSEC);
    return finish(arg);
}

static int child(void *arg)
{
    leat_yield();
    atomic_fetch_add((atomic_int *)arg, 1);
    return leat_sleep(10 * LEAT_USEC);
}

static int spawn_and_finish(void *arg)
{
    atomic_int ran = 0;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 200; i++)
        leat_spawn(&scope, child, &ran);
    expect_ok(leat_scope_join(&scope));
    expect_eq(atomic_load(&ran), 200);
    return finish(arg);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int use_pools_and_finish(void *arg)
{
    for (int i = 0; i < 20; i++) {
        expect_ok(leat_blocking(nothing, NULL));
        expect_ok(leat_compute(nothing, NULL));
    }
    return finish(arg);
}

/* Both ends of a pair, a byte at a time to and fro. */
struct end {
    struct loop        *loop;
    struct leat_stream *stream;
    bool                first;
};

static int talk(void *arg)
{
    struct end *end = arg;
    char byte = 'x';

    for (int i = 0; i < 200; i++) {
        if (end->first)
            expect_eq(leat_write(end->stream, &byte, 1), 1);
        expect_eq(leat_read(end->stream, &byte, 1), 1);
        if (!end->first)
            expect_eq(leat_write(end->stream, &byte, 1), 1);
    }
    leat_close_stream(end->stream);
    return finish(end->loop);
}

static int talk_and_finish(void *arg)
{
    struct end ends[2] = { { .loop = arg, .first = true }, { .loop = arg } };
    int fds[2];
    LEAT_SCOPE(scope);

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return -EIO;
    for (int i = 0; i < 2; i++) {
        expect_ok(leat_stream_open_fd(&ends[i].stream, fds[i]));
        leat_spawn(&scope, talk, &ends[i]);
    }
    return leat_scope_join(&scope);
}

LEAT_TEST(embed, tasks_run_by_steps_that_the_descriptor_asks_for)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct loop loop;

        open_loop(&loop, kind);
        expect_ok(leat_embed_spawn(loop.embed, sleep_and_finish, &loop, NULL));
        expect_ok(leat_embed_spawn(loop.embed, spawn_and_finish, &loop, NULL));
        expect_ok(leat_embed_spawn(loop.embed, use_pools_and_finish, &loop, NULL));
        expect_ok(leat_embed_spawn(loop.embed, talk_and_finish, &loop, NULL));
        turn_until(&loop, 5);
        close_loop(&loop);
    }
}

/* A loop that is told to step although there is nothing to do burns a core. */
LEAT_TEST(embed, the_descriptor_is_quiet_while_there_is_nothing_to_do)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct pollfd entry;
        struct loop loop;
        int before;

        open_loop(&loop, kind);
        expect_ok(leat_embed_spawn(loop.embed, talk_and_finish, &loop, NULL));
        turn_until(&loop, 2);
        entry = (struct pollfd){ .fd = leat_embed_fd(loop.embed), .events = POLLIN };
        before = loop.steps;
        while (poll(&entry, 1, 50) == 1 && loop.steps < before + 1000) {
            expect_ge(leat_embed_step(loop.embed, LEAT_NEVER), 0);
            loop.steps++;
        }
        expect_lt(loop.steps - before, 100);
        /* Workers beside it may take a moment to lie down; until then one looks after others. */
        for (int i = 0; i < 400 && leat_embed_step(loop.embed, LEAT_NEVER) != LEAT_NEVER; i++)
            poll(NULL, 0, 5);
        expect_eq(leat_embed_step(loop.embed, LEAT_NEVER), LEAT_NEVER);
        close_loop(&loop);
    }
}

static int yield_for_long(void *arg)
{
    struct loop *loop = arg;

    while (loop->value == 0)
        leat_yield();
    return finish(loop);
}

LEAT_TEST(embed, a_step_ends_with_its_budget_and_the_descriptor_stays_readable)
{
    for (int kind = 0; kind < 4; kind += 2) {
        struct loop loop;

        open_loop(&loop, kind);
        expect_ok(leat_embed_spawn(loop.embed, yield_for_long, &loop, NULL));
        for (int i = 0; i < 20; i++) {
            struct pollfd entry = { .fd = leat_embed_fd(loop.embed), .events = POLLIN };

            expect_eq(poll(&entry, 1, -1), 1);
            expect_eq(leat_embed_step(loop.embed, i % 2 ? 100 * LEAT_USEC : 0), 0);
        }
        loop.value = 1;
        turn_until(&loop, 1);
        close_loop(&loop);
    }
}

LEAT_TEST(embed, a_step_says_when_the_next_is_due)
{
    struct loop loop;
    leat_time due;

    open_loop(&loop, 0);
    expect_ok(leat_embed_spawn(loop.embed, sleep_and_finish, &loop, NULL));
    due = leat_embed_step(loop.embed, LEAT_NEVER);
    expect_gt(due, 0);
    expect_lt(due, leat_now() + LEAT_SEC);
    turn_until(&loop, 1);
    expect_eq(leat_embed_step(loop.embed, LEAT_NEVER), LEAT_NEVER);
    close_loop(&loop);
}

/* ---- other threads ---- */

typedef leat_chan(int) int_chan;

struct feed {
    struct loop loop;
    int_chan    chan;
    int         rounds;
};

static int take_all(void *arg)
{
    struct feed *feed = arg;
    int value, want = 0;

    while (leat_recv(&feed->chan, &value) == 0)
        expect_eq(value, want++);
    expect_eq(want, feed->rounds);
    return finish(&feed->loop);
}

static void *send_all(void *arg)
{
    struct feed *feed = arg;

    for (int i = 0; i < feed->rounds; i++) {
        expect_ok(leat_send(&feed->chan, &i));
        if (i % 64 == 0) /* let the loop fall asleep now and then */
            expect_ok(leat_sleep(100 * LEAT_USEC));
    }
    leat_close(&feed->chan);
    return NULL;
}

LEAT_TEST(embed, another_thread_wakes_the_loop)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct feed feed = { .rounds = 2000 / TEST_SLOWDOWN };
        pthread_t thread;

        open_loop(&feed.loop, kind);
        assert_ok(leat_chan_open(&feed.chan, .capacity = 4));
        expect_ok(leat_embed_spawn(feed.loop.embed, take_all, &feed, NULL));
        assert_ok(pthread_create(&thread, NULL, send_all, &feed));
        turn_until(&feed.loop, 1);
        assert_ok(pthread_join(thread, NULL));
        leat_chan_destroy(&feed.chan);
        close_loop(&feed.loop);
    }
}

static int on_which_thread(void *arg)
{
    struct loop *loop = arg;

    loop->value = pthread_equal(pthread_self(), loop->thread) ? 1 : 2;
    leat_yield();
    expect_ok(leat_sleep(10 * LEAT_USEC));
    expect_eq(pthread_equal(pthread_self(), loop->thread) != 0, loop->value == 1);
    return finish(loop);
}

LEAT_TEST(embed, a_pinned_task_runs_on_the_loops_thread)
{
    for (int kind = 0; kind < 4; kind++) {
        struct loop loop;

        open_loop(&loop, kind);
        for (int i = 0; i < 50; i++) {
            loop.value = 0;
            expect_ok(leat_embed_spawn(loop.embed, on_which_thread, &loop,
                                       LEAT_TASK_OPTIONS(.pinned = true)));
            turn_until(&loop, i + 1);
            expect_eq(loop.value, 1);
        }
        close_loop(&loop);
    }
}

static int answer(void *arg)
{
    *(int *)arg += 1;
    return leat_sleep(10 * LEAT_USEC);
}

static void *call_into(void *arg)
{
    struct loop *loop = arg;
    int value = 0;

    for (int i = 0; i < 50; i++)
        expect_ok(leat_call(leat_embed_runtime(loop->embed), answer, &value));
    expect_eq(value, 50);
    expect_ok(leat_embed_spawn(loop->embed, finish, loop, NULL));
    return NULL;
}

LEAT_TEST(embed, other_threads_call_into_it_and_its_own_is_refused)
{
    for (int kind = 0; kind < 4; kind++) {
        struct loop loop;
        pthread_t thread;

        open_loop(&loop, kind);
        expect_err(leat_call(leat_embed_runtime(loop.embed), nothing, NULL), -EDEADLK);
        assert_ok(pthread_create(&thread, NULL, call_into, &loop));
        turn_until(&loop, 1);
        assert_ok(pthread_join(thread, NULL));
        close_loop(&loop);
    }
}

/* ---- its life ---- */

static int sleep_until_cancelled(void *arg)
{
    expect_err(leat_sleep(LEAT_NEVER), -ECANCELED);
    LEAT_SHIELD (LEAT_SEC) {
        expect_ok(leat_sleep(LEAT_MSEC));
    }
    return finish(arg);
}

LEAT_TEST(embed, close_cancels_what_runs_and_waits_for_it)
{
    for (int kind = 0; kind < 4; kind++) {
        struct loop loop;

        open_loop(&loop, kind);
        for (int i = 0; i < 20; i++)
            expect_ok(leat_embed_spawn(loop.embed, sleep_until_cancelled, &loop, NULL));
        if (kind & 1)
            turn(&loop);
        close_loop(&loop);
        expect_eq(atomic_load(&loop.finished), 20);
    }
}

LEAT_TEST(embed, opened_and_closed_it_leaves_nothing_behind)
{
    int fds = test_count_fds();

    leat_embed_close(NULL);
    for (int i = 0; i < 100 / TEST_SLOWDOWN; i++) {
        struct loop loop;

        open_loop(&loop, i % KINDS);
        close_loop(&loop);
    }
    expect_eq(test_count_fds(), fds);
}

LEAT_TEST(embed, bad_options_are_refused)
{
    struct leat_embed *embed = NULL;

    expect_err(leat_embed_open(&embed, LEAT_OPTIONS(.workers = 5000)), -EINVAL);
    expect_null(embed);
}

static int open_inside(void *arg)
{
    struct leat_embed *embed;

    (void)arg;
    expect_err(leat_embed_open(&embed, NULL), -EDEADLK);
    return 0;
}

LEAT_TEST(embed, a_task_cannot_open_one)
{
    expect_ok(leat_run(open_inside, NULL, NULL));
}

static void *step_it(void *arg)
{
    (void)leat_embed_step(((struct loop *)arg)->embed, 0);
    return NULL;
}

static void step_on_another_thread(void)
{
    struct loop loop;
    pthread_t thread;

    open_loop(&loop, 0);
    (void)!pthread_create(&thread, NULL, step_it, &loop);
    pthread_join(thread, NULL);
}

static int step_in_a_task(void *arg)
{
    (void)leat_embed_step(((struct loop *)arg)->embed, 0);
    return 0;
}

static void step_inside_of_a_task(void)
{
    struct loop loop;

    open_loop(&loop, 0);
    (void)!leat_embed_spawn(loop.embed, step_in_a_task, &loop, NULL);
    turn_until(&loop, 1);
}

LEAT_TEST(embed, steps_on_other_threads_and_in_tasks_are_checked_bugs)
{
    expect_dies(step_on_another_thread, SIGABRT, "on the thread that opened it");
    expect_dies(step_inside_of_a_task, SIGABRT, "by its thread's event loop, not by a task");
}

/* ---- several ---- */

LEAT_TEST(embed, one_loop_drives_several_runtimes_that_talk)
{
    struct pollfd entries[3];
    struct loop loops[3];
    struct feed feed = { .rounds = 1000 / TEST_SLOWDOWN, .loop.told = -1 };
    pthread_t thread;

    for (int i = 0; i < 3; i++) {
        open_loop(&loops[i], i);
        entries[i] = (struct pollfd){ .fd = leat_embed_fd(loops[i].embed), .events = POLLIN };
        expect_ok(leat_embed_spawn(loops[i].embed, sleep_and_finish, &loops[i], NULL));
    }
    assert_ok(leat_chan_open(&feed.chan, .capacity = 1));
    expect_ok(leat_embed_spawn(loops[0].embed, take_all, &feed, NULL));
    assert_ok(pthread_create(&thread, NULL, send_all, &feed));
    while (atomic_load(&feed.loop.finished) + atomic_load(&loops[0].finished) +
               atomic_load(&loops[1].finished) + atomic_load(&loops[2].finished) < 4) {
        expect_ge(poll(entries, 3, 100), 0); /* the second one's may finish on another worker */
        for (int i = 0; i < 3; i++)
            if (entries[i].revents)
                expect_ge(leat_embed_step(loops[i].embed, LEAT_MSEC), 0);
    }
    assert_ok(pthread_join(thread, NULL));
    leat_chan_destroy(&feed.chan);
    for (int i = 0; i < 3; i++)
        close_loop(&loops[i]);
}

static void *run_a_loop(void *arg)
{
    struct loop loop;

    open_loop(&loop, (int)(intptr_t)arg);
    expect_ok(leat_embed_spawn(loop.embed, spawn_and_finish, &loop, NULL));
    expect_ok(leat_embed_spawn(loop.embed, talk_and_finish, &loop, NULL));
    turn_until(&loop, 3);
    close_loop(&loop);
    return NULL;
}

LEAT_TEST(embed, several_threads_have_a_loop_each)
{
    pthread_t threads[4];

    for (intptr_t i = 0; i < 4; i++)
        assert_ok(pthread_create(&threads[i], NULL, run_a_loop, (void *)(i * 5)));
    for (int i = 0; i < 4; i++)
        assert_ok(pthread_join(threads[i], NULL));
}

/* ---- after a fork ---- */

static struct loop *forked;

static void use_in_child(void)
{
    if (leat_embed_step(forked->embed, 0) != -EPERM ||
        leat_embed_spawn(forked->embed, finish, forked, NULL) != -EPERM)
        _exit(3);
    leat_embed_close(forked->embed);
    _exit(0);
}

LEAT_TEST(embed, a_forked_child_can_neither_step_nor_spawn)
{
    struct loop loop;

    open_loop(&loop, 0);
    forked = &loop;
    expect_exits(use_in_child, 0, "forked from one with a running runtime");
    expect_ok(leat_embed_spawn(loop.embed, talk_and_finish, &loop, NULL));
    turn_until(&loop, 2);
    close_loop(&loop);
}

/* ---- libuv ---- */

#ifdef TEST_HAVE_UV
struct uv_program {
    struct loop loop;
    uv_loop_t   uv;
    uv_poll_t   poll;
    uv_timer_t  timer;
    int         ticks;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct uv_program *program = poll->data;

    (void)events;
    expect_ok(status);
    expect_ge(leat_embed_step(program->loop.embed, LEAT_MSEC), 0);
    if (atomic_load(&program->loop.finished) == 3 && program->ticks >= 5)
        uv_stop(&program->uv);
}

static void on_tick(uv_timer_t *timer)
{
    struct uv_program *program = timer->data;

    if (++program->ticks >= 5 && atomic_load(&program->loop.finished) == 3)
        uv_stop(&program->uv);
}

LEAT_TEST(embed, libuv_drives_it)
{
    for (int kind = 0; kind < 4; kind++) {
        struct uv_program program = { .ticks = 0 };

        open_loop(&program.loop, kind);
        assert_ok(uv_loop_init(&program.uv));
        assert_ok(uv_poll_init(&program.uv, &program.poll, leat_embed_fd(program.loop.embed)));
        assert_ok(uv_timer_init(&program.uv, &program.timer));
        program.poll.data = program.timer.data = &program;
        assert_ok(uv_poll_start(&program.poll, UV_READABLE, on_readable));
        assert_ok(uv_timer_start(&program.timer, on_tick, 1, 1));
        expect_ok(leat_embed_spawn(program.loop.embed, talk_and_finish, &program.loop, NULL));
        expect_ok(leat_embed_spawn(program.loop.embed, sleep_and_finish, &program.loop, NULL));
        (void)uv_run(&program.uv, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&program.poll, NULL);
        uv_close((uv_handle_t *)&program.timer, NULL);
        (void)uv_run(&program.uv, UV_RUN_DEFAULT);
        expect_ok(uv_loop_close(&program.uv));
        close_loop(&program.loop);
    }
    uv_library_shutdown(); /* it keeps a pipe otherwise */
}
#endif

/* SPDX-License-Identifier: MIT */
/* A task that computes on its worker stalls nobody else. The hogs here compute until what stands
 * behind them has happened, so the tests hold on a machine of any speed; they fail by patience. */
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "platform/clock.h"
#include "reactor/op.h"
#include "sched/worker.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE (20 * LEAT_SEC)

struct stage {
    struct leat_scope    *scope;
    LEAT_ATOMIC(bool)     computing, happened;
    bool                  too_late; /* it had not happened when the hog's patience ended */
    int                   fds[2];
    struct leat_semaphore semaphore;
    bool                  in_slot;
};

/* Pinned: it stays on the worker of whoever spawned it. */
static int hog(void *arg)
{
    struct stage *stage = arg;
    leat_time end = leat__clock_now() + PATIENCE;

    store_release(&stage->computing, true);
    while (!load_acquire(&stage->happened) && leat__clock_now() < end)
        continue;
    stage->too_late = !load_acquire(&stage->happened);
    return 0;
}

/* The caller is about to wait on its worker: the hog runs there as soon as it does. */
static void bring_hog(struct stage *stage)
{
    leat_spawn_opt(stage->scope, hog, stage, LEAT_TASK_OPTIONS(.pinned = true, .name = "hog"));
}

static int receive(int fd, char *byte)
{
    struct leat__op op = { .code = LEAT__OP_RECV, .fd = fd, .data = byte, .bytes = 1 };

    return leat__op_run(&op);
}

static int sleep_behind(void *arg)
{
    struct stage *stage = arg;
    int err;

    bring_hog(stage);
    err = leat_sleep(20 * LEAT_MSEC);
    store_release(&stage->happened, true);
    return err;
}

static int read_behind(void *arg)
{
    struct stage *stage = arg;
    char byte = 0;
    int n;

    bring_hog(stage);
    n = receive(stage->fds[0], &byte);
    store_release(&stage->happened, true);
    return n == 1 && byte == 'x' ? 0 : -EIO;
}

static int read_until_a_limit_behind(void *arg)
{
    struct stage *stage = arg;
    char byte;
    int n;

    {
        LEAT_LIMIT(20 * LEAT_MSEC);

        bring_hog(stage);
        n = receive(stage->fds[0], &byte);
    }
    store_release(&stage->happened, true);
    return n == -ETIMEDOUT ? 0 : -EIO;
}

/* A plain thread, to which no hog is in the way. */
static void *write_once_it_computes(void *arg)
{
    struct stage *stage = arg;

    while (!load_acquire(&stage->computing))
        usleep(1000);
    usleep(10000);
    expect_eq(write(stage->fds[1], "x", 1), 1);
    return NULL;
}

static int play(leat_task_fn *part)
{
    struct stage stage = { .scope = NULL };
    pthread_t thread;
    int err;
    LEAT_SCOPE(scope);

    stage.scope = &scope;
    expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, stage.fds));
    if (part == read_behind)
        expect_ok(pthread_create(&thread, NULL, write_once_it_computes, &stage));
    leat_spawn(&scope, part, &stage);
    err = leat_scope_join(&scope);
    if (part == read_behind)
        expect_ok(pthread_join(thread, NULL));
    expect(!stage.too_late);
    close(stage.fds[0]);
    close(stage.fds[1]);
    return err;
}

static int perform(void *part)
{
    for (int i = 0; i < 5; i++) {
        int err = play(*(leat_task_fn **)part);

        if (err)
            return err;
    }
    return 0;
}

/* On two workers, so that there is one that can help. */
static void run_with(enum leat_reactor reactor, bool no_signals, leat_task_fn *part)
{
    int err = leat_run(perform, &part, LEAT_OPTIONS(.workers = 2, .reactor = reactor,
                                                    .stall_ns = LEAT_NEVER,
                                                    .no_signals = no_signals));

    if (reactor == LEAT_REACTOR_IO_URING && (err == -ENOSYS || err == -EPERM))
        return; /* not to be had here; the reactor's own tests tell */
    expect_ok(err);
}

LEAT_TEST(hogs, a_timer_behind_one_fires)
{
    run_with(LEAT_REACTOR_IO_URING, false, sleep_behind);
    run_with(LEAT_REACTOR_EPOLL, false, sleep_behind);
    run_with(LEAT_REACTOR_AUTO, true, sleep_behind);
}

LEAT_TEST(hogs, an_operation_behind_one_completes)
{
    run_with(LEAT_REACTOR_IO_URING, false, read_behind);
    run_with(LEAT_REACTOR_EPOLL, false, read_behind);
    run_with(LEAT_REACTOR_EPOLL, true, read_behind);
}

LEAT_TEST(hogs, an_operation_behind_one_is_cancelled)
{
    run_with(LEAT_REACTOR_IO_URING, false, read_until_a_limit_behind);
    run_with(LEAT_REACTOR_EPOLL, false, read_until_a_limit_behind);
    run_with(LEAT_REACTOR_EPOLL, true, read_until_a_limit_behind);
}

/* ---- tasks that a hog has readied ---- */

struct couple {
    struct leat_semaphore semaphore;
    LEAT_ATOMIC(bool)     ran;
    size_t                helped; /* rounds in which it ran while the other computed */
};

static int be_readied(void *arg)
{
    struct couple *couple = arg;
    int err = leat_semaphore_acquire(&couple->semaphore, 1);

    store_release(&couple->ran, true);
    return err;
}

static int ready_and_compute(void *arg)
{
    struct couple *couple = arg;
    leat_time end;

    leat_sleep(2 * LEAT_MSEC);
    leat_semaphore_release(&couple->semaphore, 1);
    end = leat__clock_now() + 30 * LEAT_MSEC;
    while (!load_acquire(&couple->ran) && leat__clock_now() < end)
        continue;
    couple->helped += load_acquire(&couple->ran);
    while (leat__clock_now() < end)
        continue; /* a long turn in any case: that is what the scheduler goes by */
    return 0;
}

static int ready_again_and_again(void *arg)
{
    struct couple couple = { .helped = 0 };

    (void)arg;
    for (int i = 0; i < 100 && couple.helped < 3; i++) {
        LEAT_SCOPE(scope);

        leat_semaphore_init(&couple.semaphore, 0);
        store_relaxed(&couple.ran, false);
        leat_spawn(&scope, be_readied, &couple);
        leat_spawn(&scope, ready_and_compute, &couple);
        expect_ok(leat_scope_join(&scope));
    }
    expect_ge(couple.helped, 3);
    return 0;
}

LEAT_TEST(hogs, a_task_readied_by_one_runs_elsewhere)
{
    expect_ok(leat_run(ready_again_and_again, NULL,
                       LEAT_OPTIONS(.workers = 2, .stall_ns = LEAT_NEVER)));
}

/* ---- and that sit in its LIFO slot, since long turns were not to be expected ---- */

static int be_readied_and_tell(void *arg)
{
    struct stage *stage = arg;
    int err = leat_semaphore_acquire(&stage->semaphore, 1);

    store_release(&stage->happened, true);
    return err;
}

/* After short turns, as far as the worker knows. */
static int ready_into_the_slot_and_compute(void *arg)
{
    struct stage *stage = arg;
    struct leat__worker *worker;

    leat_sleep(2 * LEAT_MSEC);
    worker = leat__worker_current();
    store_relaxed(&worker->turn_ns, 100); /* relaxed: an estimate */
    leat_semaphore_release(&stage->semaphore, 1);
    stage->in_slot = leat__slot_peek(&worker->lifo) != NULL; /* not if the other was late itself */
    return hog(stage);
}

static int ready_into_slots(void *arg)
{
    int in_slot = 0;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        struct stage stage = { .scope = NULL };
        LEAT_SCOPE(scope);

        leat_semaphore_init(&stage.semaphore, 0);
        leat_spawn(&scope, be_readied_and_tell, &stage);
        leat_spawn(&scope, ready_into_the_slot_and_compute, &stage);
        expect_ok(leat_scope_join(&scope));
        expect(!stage.too_late);
        in_slot += stage.in_slot;
    }
    expect_gt(in_slot, 0);
    return 0;
}

LEAT_TEST(hogs, a_task_in_the_slot_of_one_runs_elsewhere)
{
    expect_ok(leat_run(ready_into_slots, NULL,
                       LEAT_OPTIONS(.workers = 2, .stall_ns = LEAT_NEVER)));
    expect_ok(leat_run(ready_into_slots, NULL,
                       LEAT_OPTIONS(.workers = 3, .stall_ns = LEAT_NEVER, .no_signals = true)));
}

/* ---- storms ---- */

struct storm {
    struct leat__sched *sched;
    LEAT_ATOMIC(bool)   over;
    LEAT_ATOMIC(size_t) sent;
    int                 pipe[2];
};

/* Signals to both workers as fast as they go, as if each held something back all the time. */
static void *rage(void *arg)
{
    struct storm *storm = arg;

    while (!load_acquire(&storm->over)) {
        for (unsigned i = 0; i < 2; i++) {
            store_relaxed(&storm->sched->workers[i].nudged, true);
            if (leat__sched_signal(storm->sched, i))
                fetch_add_relaxed(&storm->sent, 1);
        }
        usleep(50);
    }
    return NULL;
}

static int echo(void *arg)
{
    int fd = *(int *)arg;
    char byte;
    int n;

    while ((n = receive(fd, &byte)) == 1) {
        struct leat__op op = { .code = LEAT__OP_SEND, .fd = fd, .source = &byte, .bytes = 1 };

        n = leat__op_run(&op);
        if (n != 1)
            return -EIO;
    }
    return n;
}

static int ask(void *arg)
{
    int fd = *(int *)arg;

    for (int i = 0; i < 300; i++) {
        char byte = (char)i, back = (char)~i;
        struct leat__op op = { .code = LEAT__OP_SEND, .fd = fd, .source = &byte, .bytes = 1 };

        if (leat__op_run(&op) != 1 || receive(fd, &back) != 1 || back != byte)
            return -EIO;
        errno = i;
        if (i % 16 == 0 && leat_sleep(100 * LEAT_USEC) != 0)
            return -EIO;
        if (errno != i)
            return -EBADE;
    }
    return shutdown(fd, SHUT_RDWR) == 0 ? 0 : -EIO;
}

/* A system call of the program's own, which the signals interrupt. */
static int read_plainly(void *arg)
{
    struct storm *storm = arg;
    char byte = 0;

    return read(storm->pipe[0], &byte, 1) == 1 && byte == 'p' ? 0 : -errno;
}

static void *write_late(void *arg)
{
    usleep(30000);
    expect_eq(write(((struct storm *)arg)->pipe[1], "p", 1), 1);
    return NULL;
}

static int tree(void *arg)
{
    size_t depth = *(size_t *)arg;
    size_t below = depth - 1;
    LEAT_SCOPE(scope);

    if (depth == 0)
        return 0;
    leat_spawn(&scope, tree, &below);
    leat_spawn(&scope, tree, &below);
    return leat_scope_join(&scope);
}

static int weather(void *arg)
{
    struct storm storm = { .sched = leat__worker_sched(leat__worker_current()) };
    size_t depth = 9;
    pthread_t raging, writing;
    int pairs[4][2], err;

    (void)arg;
    expect_ok(pipe(storm.pipe));
    expect_ok(pthread_create(&raging, NULL, rage, &storm));
    expect_ok(pthread_create(&writing, NULL, write_late, &storm));
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 4; i++) {
            expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]));
            leat_spawn(&scope, echo, &pairs[i][0]);
            leat_spawn(&scope, ask, &pairs[i][1]);
        }
        leat_spawn(&scope, tree, &depth);
        leat_spawn(&scope, read_plainly, &storm);
        err = leat_scope_join(&scope);
    }
    store_release(&storm.over, true);
    expect_ok(pthread_join(raging, NULL));
    expect_ok(pthread_join(writing, NULL));
    expect_gt(load_relaxed(&storm.sent), 20);
    for (int i = 0; i < 4; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    close(storm.pipe[0]);
    close(storm.pipe[1]);
    return err;
}

LEAT_TEST(hogs, a_storm_of_signals_changes_nothing)
{
    const enum leat_reactor reactors[] = { LEAT_REACTOR_IO_URING, LEAT_REACTOR_EPOLL };

    for (int i = 0; i < 2; i++) {
        int err = leat_run(weather, NULL, LEAT_OPTIONS(.workers = 2, .reactor = reactors[i],
                                                       .stall_ns = LEAT_NEVER));

        if (err != -ENOSYS && err != -EPERM)
            expect_ok(err);
    }
}

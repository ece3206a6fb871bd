/* SPDX-License-Identifier: MIT */
/* Storms of signals, and fork in use (RELIABILITY R21): SIGUSR1, SIGCHLD and SIGPIPE at 10 kHz each
 * at the process and at its threads, while tasks and threads exchange, sleep, read and write, and
 * children are forked. No call fails for it, nothing is lost, and each child is refused clearly. */
#include "harness/test.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef leat_chan(int) int_chan;

#define THREADS 2

struct storm {
    struct leat_runtime *runtime;
    int_chan             chan;
    leat_time            end;
    pthread_t            threads[THREADS];
    atomic_bool          over; /* for the one who sends the signals */
    _Atomic uint64_t     signals, sent, received, bytes, calls, forks;
};

static _Atomic uint64_t handled;

static void handle(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void *send_signals(void *arg)
{
    static const int numbers[] = { SIGUSR1, SIGCHLD, SIGPIPE };
    struct storm *storm = arg;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (uint64_t i = 0; !atomic_load(&storm->over); i++) {
        for (int k = 0; k < 3; k++) {
            kill(getpid(), numbers[k]);
            pthread_kill(storm->threads[i % THREADS], numbers[k]);
        }
        atomic_fetch_add(&storm->signals, 6);
        nanosleep(&(struct timespec){ .tv_nsec = 40000 }, NULL);
    }
    return NULL;
}

static int produce(void *arg)
{
    struct storm *storm = arg;

    for (int i = 0; leat_now() < storm->end; i++) {
        int err = leat_send(&storm->chan, &i);

        if (err)
            return err;
        atomic_fetch_add(&storm->sent, 1);
        if (i % 64 == 0 && (err = leat_sleep(50 * LEAT_USEC)) != 0)
            return err;
    }
    return 0;
}

static int consume(void *arg)
{
    struct storm *storm = arg;
    int value, err;

    while ((err = leat_recv(&storm->chan, &value)) == 0)
        atomic_fetch_add(&storm->received, 1);
    return err == -EPIPE ? 0 : err;
}

static int echo(void *arg)
{
    struct leat_stream *stream = arg;
    char data[256];
    ssize_t n;

    while ((n = leat_read(stream, data, sizeof data)) > 0)
        if ((n = leat_write_all(stream, data, (size_t)n)) < 0)
            break;
    leat_close_stream(stream);
    return (int)n;
}

static int converse(void *arg)
{
    struct storm *storm = arg;
    struct leat_stream *ours, *theirs;
    char sent[256], got[256];
    int fds[2];
    LEAT_SCOPE(scope);

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    expect_ok(leat_stream_open_fd(&ours, fds[0]));
    expect_ok(leat_stream_open_fd(&theirs, fds[1]));
    leat_spawn(&scope, echo, theirs);
    for (unsigned char i = 0; leat_now() < storm->end; i++) {
        memset(sent, i, sizeof sent);
        expect_eq(leat_write_all(ours, sent, sizeof sent), (ssize_t)sizeof sent);
        expect_eq(leat_read_full(ours, got, sizeof got), (ssize_t)sizeof got);
        expect_mem_eq(got, sent, sizeof sent);
        atomic_fetch_add(&storm->bytes, sizeof sent);
    }
    leat_close_stream(ours);
    return leat_scope_join(&scope);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int compute(void *arg)
{
    struct storm *storm = arg;

    while (leat_now() < storm->end) {
        expect_ok(leat_compute(nothing, NULL));
        expect_ok(leat_blocking(nothing, NULL));
        expect_ok(leat_sleep(200 * LEAT_USEC));
    }
    return 0;
}

static int wait_for_child(void *arg)
{
    int status;
    pid_t child = *(pid_t *)arg;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

static int fork_often(void *arg)
{
    struct storm *storm = arg;

    while (leat_now() < storm->end) {
        pid_t child = fork();

        if (child < 0)
            return -errno;
        if (child == 0) {
            close(STDERR_FILENO); /* the refusal's line has tests of its own */
            _exit(leat_sleep(LEAT_MSEC) == -EPERM &&
                          leat_call(storm->runtime, nothing, NULL) == -EPERM
                      ? 0
                      : 1);
        }
        expect_ok(leat_blocking(wait_for_child, &child));
        atomic_fetch_add(&storm->forks, 1);
        expect_ok(leat_sleep(5 * LEAT_MSEC));
    }
    return 0;
}

/* The threads take the signals: workers and pools block them. */
static void *call_in(void *arg)
{
    struct storm *storm = arg;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL); /* a worker started us, and blocks them */
    while (leat_now() < storm->end) {
        int value = 1;

        expect_ok(leat_call(storm->runtime, nothing, NULL));
        expect_ok(leat_send(&storm->chan, &value));
        atomic_fetch_add(&storm->sent, 1);
        expect_ok(leat_sleep(100 * LEAT_USEC));
        atomic_fetch_add(&storm->calls, 1);
    }
    return NULL;
}

static int join_thread(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

static int live_through(void *arg)
{
    struct storm *storm = arg;
    pthread_t sender;
    LEAT_SCOPE(consumers);

    storm->runtime = leat_runtime_current();
    for (int i = 0; i < THREADS; i++)
        expect_ok(pthread_create(&storm->threads[i], NULL, call_in, storm));
    expect_ok(pthread_create(&sender, NULL, send_signals, storm));
    for (int i = 0; i < 2; i++)
        leat_spawn(&consumers, consume, storm);
    {
        LEAT_SCOPE(workload);
        for (int i = 0; i < 4; i++)
            leat_spawn(&workload, produce, storm);
        leat_spawn(&workload, converse, storm);
        leat_spawn(&workload, compute, storm);
        leat_spawn(&workload, fork_often, storm);
        expect_ok(leat_scope_join(&workload));
    }
    atomic_store(&storm->over, true); /* before the threads that it signals are joined */
    expect_ok(leat_blocking(join_thread, &sender));
    for (int i = 0; i < THREADS; i++)
        expect_ok(leat_blocking(join_thread, &storm->threads[i]));
    leat_close(&storm->chan);
    return leat_scope_join(&consumers);
}

static void weather(enum leat_reactor reactor, const char *name)
{
    static const int numbers[] = { SIGUSR1, SIGCHLD, SIGPIPE };
    struct sigaction action = { .sa_handler = handle }, before[3]; /* no SA_RESTART */
    double seconds = getenv("LEAT_TEST_CAMPAIGN") ? 30 : TEST_SLOWDOWN > 1 ? 7.5 : 2;
    struct storm storm = { 0 };
    leat_time began = leat_now();
    int err;

    /* Seen with clang 14: a pending signal is taken inside an atomic of the handler, in TSan's own
     * functions, which then wait for a lock that the interrupted one holds. */
    if (LEAT__TSAN)
        test_skip("ThreadSanitizer deadlocks on handlers that use atomics; ASan has this row");
    for (int i = 0; i < 3; i++)
        sigaction(numbers[i], &action, &before[i]);
    atomic_store(&handled, 0);
    assert_ok(leat_chan_open(&storm.chan, .capacity = 16));
    storm.end = leat_after((leat_time)(seconds * 1e9));
    err = leat_run(live_through, &storm, LEAT_OPTIONS(.workers = 2, .reactor = reactor));
    leat_chan_destroy(&storm.chan);
    for (int i = 0; i < 3; i++)
        sigaction(numbers[i], &before[i], NULL);
    if (reactor == LEAT_REACTOR_IO_URING && (err == -ENOSYS || err == -EPERM || err == -EOPNOTSUPP))
        test_skip("io_uring is not available");
    expect_ok(err);
    expect_eq(atomic_load(&storm.received), atomic_load(&storm.sent));
    expect_gt(atomic_load(&storm.sent), 0);
    expect_gt(atomic_load(&storm.bytes), 0);
    expect_gt(atomic_load(&storm.calls), 0);
    expect_gt(atomic_load(&storm.forks), 0);
    expect_gt(atomic_load(&handled), 0);
    printf("R21 %s signals=%llu handled=%llu forks=%llu calls=%llu elements=%llu fail=%d "
           "seconds=%.1f\n",
           name, (unsigned long long)storm.signals, (unsigned long long)atomic_load(&handled),
           (unsigned long long)storm.forks, (unsigned long long)storm.calls,
           (unsigned long long)storm.received, test_failed(),
           (double)(leat_now() - began) / (double)LEAT_SEC);
}

LEAT_TEST(R21, a_storm_of_signals_loses_nothing_timing_epoll)
{
    weather(LEAT_REACTOR_EPOLL, "epoll");
}

LEAT_TEST(R21, a_storm_of_signals_loses_nothing_timing_io_uring)
{
    weather(LEAT_REACTOR_IO_URING, "io_uring");
}

/* SPDX-License-Identifier: MIT */
/* leat_dump and LEAT_DUMP_SIGNAL: what is shown of each kind of wait, and that looking harms
 * nothing. */
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "observe/dumped.h"
#include "platform/clock.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS(...)                                                                               \
    (&(const struct leat_chan_options){ .size = sizeof(struct leat_chan_options), __VA_ARGS__ })

struct stage {
    struct leat_chan     *empty, *full;
    struct leat_semaphore semaphore;
    struct leat_waitgroup group;
    int                   pipe[2];
    LEAT_ATOMIC(int)      dozing;
    LEAT_ATOMIC(bool)     let_go;
};

/* Before any worker's first look at the clock, from which a dump's times count. */
static leat_time loaded;

static __attribute__((constructor)) void note_loaded(void)
{
    loaded = leat_now();
}

static int receive(void *arg)
{
    int element;

    return leat_chan_recv(((struct stage *)arg)->empty, &element) == 0 ? -EBADMSG : 0;
}

static int send_one(void *arg)
{
    (void)!leat_chan_send(((struct stage *)arg)->full, &(int){ 2 });
    return 0;
}

static int acquire(void *arg)
{
    return leat_semaphore_acquire(&((struct stage *)arg)->semaphore, 3) == 0 ? -EBADMSG : 0;
}

static int wait_for_group(void *arg)
{
    return leat_waitgroup_wait(&((struct stage *)arg)->group) == 0 ? -EBADMSG : 0;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return leat_sleep(1000 * LEAT_SEC) == 0 ? -EBADMSG : 0;
}

static int doze(void *arg)
{
    struct stage *stage = arg;

    fetch_add_relaxed(&stage->dozing, 1); /* relaxed: tells when to look, no more */
    while (!load_acquire(&stage->let_go))
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    return 0;
}

static int call_doze(void *arg)
{
    return leat_blocking(doze, arg);
}

static int call_compute(void *arg)
{
    return leat_compute(doze, arg);
}

static int join_inner(void *arg)
{
    LEAT_SCOPE(inner, .name = "inner");

    leat_spawn(&inner, sleep_long, arg);
    leat_yield();
    return leat_scope_join(&inner);
}

static __attribute__((noinline)) void show_all(struct stage *stage, struct leat_scope *scope)
{
    static const struct {
        leat_task_fn *fn;
        const char   *name;
    } players[] = {
        { receive, "receiver" },   { send_one, "sender" },   { acquire, "acquirer" },
        { wait_for_group, "last" }, { sleep_long, "sleeper" }, { call_doze, "blocker" },
        { call_compute, "computer" }, { join_inner, "joiner" },
    };

    for (size_t i = 0; i < sizeof players / sizeof players[0]; i++)
        leat_spawn_opt(scope, players[i].fn, stage, LEAT_TASK_OPTIONS(.name = players[i].name));
}

LEAT_TEST_TASK(dump, each_task_is_shown_with_what_it_waits_for)
{
    struct stage stage = { .let_go = false };
    char *text, *waited;
    double seconds = 0;
    LEAT_SCOPE(scope, .name = "everybody");

    assert_ok(leat_chan_create(&stage.empty, sizeof(int),
                               OPTIONS(.capacity = 1, .name = "nothing comes")));
    assert_ok(leat_chan_create(&stage.full, sizeof(int),
                               OPTIONS(.capacity = 1, .name = "no room")));
    expect_ok(leat_chan_send(stage.full, &(int){ 1 }));
    leat_semaphore_init(&stage.semaphore, 1);
    leat_waitgroup_add(&stage.group, 1);
    show_all(&stage, &scope);
    do /* until all wait, and no call waits for a thread */
        leat_sleep((TEST_EMULATED ? 500 : 30) * LEAT_MSEC);
    while (load_relaxed(&stage.dozing) < 2); /* relaxed: as there */
    text = dump();
    waited = strstr(text, "\"receiver\" (fn receive) waits to receive from a channel "
                          "\"nothing comes\" for ");
    expect_eq(waited ? sscanf(strstr(waited, " for "), " for %lf s", &seconds) : 0, 1);
    expect_gt(seconds, 0);
    expect_le(seconds, (double)(leat_now() - loaded) / LEAT_SEC);
    expect_contains(text, "\"sender\" (fn send_one) waits to send to a channel \"no room\" for");
    expect_contains(text,
                    "\"acquirer\" (fn acquire) waits to acquire permits of a semaphore: 3 for");
    expect_contains(text, "\"last\" (fn wait_for_group) waits to see the end of a wait group for");
    expect_contains(text, "\"sleeper\" (fn sleep_long) waits to have slept, with a deadline, for");
    expect_contains(text, "\"blocker\" (fn call_doze) waits to have made a blocking call of doze");
    expect_contains(text, "\"computer\" (fn call_compute) waits to have computed doze for");
    expect_contains(text, "\"joiner\" (fn join_inner) waits to join the scope \"inner\" for");
    expect_contains(text, "\"root\"");
    expect_contains(text, " runs on worker ");
    expect_contains(text, "    spawned by show_all+");
    expect_contains(text, "    spawned by join_inner+");
    expect_contains(text, "    in scope \"inner\" of task ");
    expect_contains(text, "    in scope \"everybody\" of task ");
    expect_contains(text, "        leat_chan_recv+");
    expect_contains(text, "        receive+");
    expect_contains(text, "        join_inner+");
    expect_contains(text, "10 tasks on ");
    if (test_failed())
        fputs(text, stderr);
    free(text);
    store_release(&stage.let_go, true);
    leat_scope_cancel(&scope);
    expect_ok(leat_scope_join(&scope));
    leat_chan_free(stage.empty);
    leat_chan_free(stage.full);
}

static int read_pipe(void *arg)
{
    struct leat_stream *stream;
    char byte;
    int err = leat_stream_open_fd(&stream, dup(((struct stage *)arg)->pipe[0]));

    if (err)
        return err;
    (void)!leat_read(stream, &byte, 1);
    leat_close_stream(stream);
    return 0;
}

LEAT_TEST_TASK(dump, an_operation_is_shown_with_its_descriptor)
{
    struct stage stage = { .let_go = false };
    char *text;
    LEAT_SCOPE(scope);

    assert_ok(pipe2(stage.pipe, O_CLOEXEC));
    leat_spawn(&scope, read_pipe, &stage);
    leat_sleep(30 * LEAT_MSEC);
    text = dump();
    expect_contains(text, "(fn read_pipe) waits to ");
    expect_contains(text, " descriptor ");
    if (test_failed())
        fputs(text, stderr);
    free(text);
    leat_scope_cancel(&scope);
    expect_ok(leat_scope_join(&scope));
    close(stage.pipe[0]);
    close(stage.pipe[1]);
}

static int dump_before_the_start(void *arg)
{
    LEAT_SCOPE(scope, .name = "begun");

    leat_spawn_opt(&scope, sleep_long, NULL, LEAT_TASK_OPTIONS(.name = "waiting"));
    *(char **)arg = dump();
    leat_scope_cancel(&scope);
    (void)!leat_scope_join(&scope);
    return 0;
}

LEAT_TEST(dump, a_task_that_has_not_begun_is_shown_with_its_scopes)
{
    char *text = NULL;

    expect_ok(leat_run(dump_before_the_start, &text, LEAT_OPTIONS(.workers = 1)));
    expect_contains(text, "\"waiting\" (fn sleep_long) has not been started yet\n"
                          "    spawned by dump_before_the_start+");
    expect_contains(text, "\n    in scope \"begun\" of task ");
    free(text);
}

static int dump_in_place(void *arg)
{
    *(char **)arg = dump();
    return 0;
}

static int join_in_place(void *arg)
{
    LEAT_SCOPE(scope);

    leat_spawn_opt(&scope, dump_in_place, arg, LEAT_TASK_OPTIONS(.name = "child"));
    return leat_scope_join(&scope);
}

LEAT_TEST(dump, a_parent_whose_child_runs_in_place_is_said_to_join)
{
    char *text = NULL;

    expect_ok(leat_run(join_in_place, &text, LEAT_OPTIONS(.workers = 1)));
    expect_contains(text, "\"root\"");
    expect_contains(text, ") joins a scope, and runs a child of it on its own stack");
    expect_contains(text, "\"child\" (fn dump_in_place) runs on worker 0");
    free(text);
}

/* ---- while everything moves ---- */

struct churn {
    struct leat_chan *there, *back;
    LEAT_ATOMIC(bool) stop;
};

static int echo(void *arg)
{
    struct churn *churn = arg;
    int element;

    while (leat_chan_recv(churn->there, &element) == 0)
        if (leat_chan_send(churn->back, &element) != 0)
            break;
    return 0;
}

static int add_one(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int shout(void *arg)
{
    struct churn *churn = arg;
    int element = 0, expected = 0;

    while (!load_acquire(&churn->stop)) {
        LEAT_SCOPE(scope);

        expect_ok(leat_chan_send(churn->there, &element));
        expect_ok(leat_chan_recv(churn->back, &element));
        expect_eq(element, expected);
        leat_spawn(&scope, add_one, &element);
        expect_ok(leat_scope_join(&scope));
        expected++;
        if (expected % 64 == 0)
            leat_sleep(20 * LEAT_USEC);
    }
    leat_chan_close(churn->there);
    leat_chan_close(churn->back);
    return 0;
}

static void *dump_from_outside(void *arg)
{
    struct churn *churn = arg;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int count = (int)test_rounds(200, 2000);

    for (int i = 0; i < count; i++)
        expect_ok(leat_dump(fd));
    close(fd);
    store_release(&churn->stop, true);
    return NULL;
}

LEAT_TEST_TASK(dump, dumps_of_moving_tasks_change_nothing)
{
    struct churn churns[4] = { { .stop = false } };
    pthread_t thread;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 4; i++) {
        assert_ok(leat_chan_create(&churns[i].there, sizeof(int),
                                   OPTIONS(.capacity = (size_t)i)));
        assert_ok(leat_chan_create(&churns[i].back, sizeof(int),
                                   OPTIONS(.capacity = (size_t)i)));
        leat_spawn(&scope, echo, &churns[i]);
        leat_spawn(&scope, shout, &churns[i]);
    }
    assert_ok(pthread_create(&thread, NULL, dump_from_outside, &churns[0]));
    while (!load_acquire(&churns[0].stop))
        leat_sleep(LEAT_MSEC);
    for (int i = 1; i < 4; i++)
        store_release(&churns[i].stop, true);
    expect_ok(leat_scope_join(&scope));
    assert_ok(pthread_join(thread, NULL));
    for (int i = 0; i < 4; i++) {
        leat_chan_free(churns[i].there);
        leat_chan_free(churns[i].back);
    }
}

/* ---- the signal ---- */

static int signal_later(void *arg)
{
    int err = leat_sleep(100 * LEAT_MSEC * TEST_SLOWDOWN);

    (void)arg;
    kill(getpid(), SIGUSR1);
    return err;
}

static int signal_ourselves(void *arg)
{
    LEAT_SCOPE(scope);

    leat_spawn(&scope, signal_later, arg);
    (void)leat_sleep(500 * LEAT_MSEC * TEST_SLOWDOWN);
    return leat_scope_join(&scope);
}

static void run_with_signal(void)
{
    setenv("LEAT_DUMP_SIGNAL", "usr1", 1);
    expect_ok(leat_run(signal_ourselves, NULL, LEAT_OPTIONS(.workers = 1)));
}

LEAT_TEST(dump, a_signal_dumps_to_standard_error)
{
    if (LEAT__TSAN)
        test_skip("ThreadSanitizer puts handlers off until the next call it intercepts");
    expect_exits(run_with_signal, 0, "waits to have slept, with a deadline");
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

LEAT_TEST(dump, a_signal_that_does_not_exist_is_refused)
{
    setenv("LEAT_DUMP_SIGNAL", "SIGFOO", 1);
    expect_err(leat_run(nothing, NULL, NULL), -EINVAL);
    setenv("LEAT_DUMP_SIGNAL", "SIGKILL", 1);
    expect_err(leat_run(nothing, NULL, NULL), -EINVAL);
    setenv("LEAT_DUMP_SIGNAL", "10", 1);
    expect_ok(leat_run(nothing, NULL, NULL));
    unsetenv("LEAT_DUMP_SIGNAL");
}

LEAT_TEST(dump, outside_of_any_runtime_there_is_nothing_to_show)
{
    char *text = dump();

    expect_str_eq(text, "");
    free(text);
}

LEAT_TEST(dump, nothing_is_written_to_no_descriptor)
{
    expect_err(leat_dump(-1), -EBADF);
}

LEAT_TEST_TASK(dump, no_descriptor_is_refused_in_a_task_too)
{
    expect_err(leat_dump(-1), -EBADF);
    expect_err(leat_start_report(-1), -EBADF);
}

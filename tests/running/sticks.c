/* SPDX-License-Identifier: MIT */
/* The end of a scope sticks: after its deadline, or a cancel, calls fail that could be done at
 * once, and what they would have taken is still there. */
#include "harness/test.h"

#include <leat/leat.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Set up so that no call has to wait. */
struct stage {
    struct leat_chan     *chan; /* half full */
    struct leat_semaphore semaphore;
    struct leat_bucket    bucket;
    struct leat_stream   *pair[2], *pipe[2]; /* there is a byte to read in each */
    int                   calls;
};

static int send_one(struct stage *stage)
{
    return leat_chan_send(stage->chan, &(int){ 1 });
}

static int receive_one(struct stage *stage)
{
    return leat_chan_recv(stage->chan, &(int){ 0 });
}

static int send_some(struct stage *stage)
{
    ssize_t n = leat_chan_send_many(stage->chan, (int[2]){ 1, 2 }, 2);

    return n > 0 ? 0 : (int)n;
}

static int receive_some(struct stage *stage)
{
    ssize_t n = leat_chan_recv_many(stage->chan, (int[2]){ 0 }, 2);

    return n > 0 ? 0 : (int)n;
}

static int choose(struct stage *stage)
{
    int number = 1;
    struct leat_case cases[] = { leat_case_recv(stage->chan, &number) };

    return leat_select_cases(cases, 1);
}

static int acquire(struct stage *stage)
{
    return leat_semaphore_acquire(&stage->semaphore, 1);
}

static int take_token(struct stage *stage)
{
    return leat_bucket_acquire(&stage->bucket, 1);
}

static int read_byte(struct leat_stream *stream)
{
    char byte;
    ssize_t n = leat_read(stream, &byte, 1);

    return n == 1 ? 0 : (int)n;
}

static int write_byte(struct leat_stream *stream)
{
    ssize_t n = leat_write(stream, "x", 1);

    return n == 1 ? 0 : (int)n;
}

static int read_socket(struct stage *stage)
{
    return read_byte(stage->pair[0]);
}

static int write_socket(struct stage *stage)
{
    return write_byte(stage->pair[0]);
}

static int read_pipe(struct stage *stage)
{
    return read_byte(stage->pipe[0]);
}

static int write_pipe(struct stage *stage)
{
    return write_byte(stage->pipe[1]);
}

static int stat_root(struct stage *stage)
{
    struct stat status;

    (void)stage;
    return leat_file_stat_path("/", true, &status);
}

static int call(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int call_blocking(struct stage *stage)
{
    return leat_blocking(call, &stage->calls);
}

static int call_compute(struct stage *stage)
{
    return leat_compute(call, &stage->calls);
}

static int call_here(struct stage *stage)
{
    return leat_call(leat_runtime_current(), call, &stage->calls);
}

static int sleep_not(struct stage *stage)
{
    (void)stage;
    return leat_sleep(0);
}

static const struct kind {
    const char *name;
    int       (*call)(struct stage *stage);
} kinds[] = {
    { "send", send_one },
    { "recv", receive_one },
    { "send_many", send_some },
    { "recv_many", receive_some },
    { "select", choose },
    { "semaphore", acquire },
    { "bucket", take_token },
    { "read of a socket", read_socket },
    { "write to a socket", write_socket },
    { "read of a pipe", read_pipe },
    { "write to a pipe", write_pipe },
    { "stat", stat_root },
    { "blocking", call_blocking },
    { "compute", call_compute },
    { "call", call_here },
    { "sleep", sleep_not },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static void set_up(struct stage *stage)
{
    int fds[2];

    *stage = (struct stage){ .chan = NULL };
    leat_semaphore_init(&stage->semaphore, 4);
    leat_bucket_init(&stage->bucket, 1, LEAT_HOUR, 4);
    assert_ok(leat_chan_create(&stage->chan, sizeof(int),
                               &(const struct leat_chan_options){
                                   .size = sizeof(struct leat_chan_options), .capacity = 8 }));
    assert_ok(send_some(stage));
    assert_ok(send_some(stage));
    assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    for (int i = 0; i < 2; i++)
        assert_ok(leat_stream_open_fd(&stage->pair[i], fds[i]));
    assert_ok(pipe2(fds, O_CLOEXEC));
    for (int i = 0; i < 2; i++)
        assert_ok(leat_stream_open_fd(&stage->pipe[i], fds[i]));
    assert_ok(write_byte(stage->pair[1]));
    assert_ok(write_byte(stage->pipe[1]));
}

static void take_down(struct stage *stage)
{
    for (int i = 0; i < 2; i++) {
        leat_close_stream(stage->pair[i]);
        leat_close_stream(stage->pipe[i]);
    }
    leat_chan_free(stage->chan);
}

static void expect_all(struct stage *stage, int err)
{
    for (size_t i = 0; i < KINDS; i++) {
        int got = kinds[i].call(stage);

        if (got != err)
            test_fail("%s: %s instead of %s", kinds[i].name, leat_error_name(got),
                      leat_error_name(err));
    }
}

/* What is there is what set_up made. */
static void expect_untouched(struct stage *stage)
{
    char byte;

    expect_eq(leat_chan_length(stage->chan), 4u);
    expect_ok(leat_semaphore_try_acquire(&stage->semaphore, 4));
    expect_ok(leat_bucket_try_acquire(&stage->bucket, 4));
    for (int i = 0; i < 2; i++)
        expect_eq(leat_read(i ? stage->pipe[0] : stage->pair[0], &byte, 1), 1);
    expect_lt(recv(leat_stream_fd(stage->pair[1]), &byte, 1, MSG_DONTWAIT), 0);
    expect_eq(stage->calls, 0);
}

static void compute_until(leat_time when)
{
    while (leat_now() < when)
        ;
}

LEAT_TEST_TASK(sticks, each_call_could_be_done_at_once)
{
    struct stage stage;

    set_up(&stage);
    expect_all(&stage, 0);
    take_down(&stage);
}

LEAT_TEST_TASK(sticks, after_its_deadline_each_call_times_out_and_takes_nothing)
{
    struct stage stage;

    set_up(&stage);
    {
        LEAT_SCOPE(scope, .deadline = leat_after(LEAT_MSEC));

        compute_until(leat_deadline()); /* no call that waits has told of it */
        expect_all(&stage, -ETIMEDOUT);
        expect_all(&stage, -ETIMEDOUT);
        expect_ok(leat_scope_join(&scope));
    }
    expect_untouched(&stage);
    take_down(&stage);
}

LEAT_TEST_TASK(sticks, after_an_outer_deadline_each_call_is_cancelled)
{
    struct stage stage;

    set_up(&stage);
    {
        LEAT_LIMIT(LEAT_MSEC);
        LEAT_SCOPE(scope, .deadline = leat_after(LEAT_HOUR));

        expect_err(leat_sleep(LEAT_HOUR), -ECANCELED);
        expect_all(&stage, -ECANCELED);
        expect_ok(leat_scope_join(&scope));
    }
    expect_untouched(&stage);
    take_down(&stage);
}

LEAT_TEST_TASK(sticks, after_a_cancel_each_call_is_cancelled)
{
    struct stage stage;

    set_up(&stage);
    {
        LEAT_SCOPE(scope);

        leat_scope_cancel(&scope);
        expect_all(&stage, -ECANCELED);
        expect_ok(leat_scope_join(&scope));
    }
    expect_untouched(&stage);
    take_down(&stage);
}

static int late(void *arg)
{
    struct stage *stage = arg;

    compute_until(leat_deadline());
    expect_all(stage, -ETIMEDOUT);
    return 0;
}

static int spawn_late(struct leat_scope *scope, struct stage *stage, bool handle)
{
    struct leat_task task;

    return handle ? leat_spawn_handle(scope, &task, late, stage, NULL)
                  : leat_spawn(scope, late, stage);
}

LEAT_TEST_TASK(sticks, tasks_meet_the_deadline_of_their_scope_with_a_handle_and_without)
{
    struct stage stage;

    set_up(&stage);
    for (int i = 0; i < 2; i++) {
        LEAT_SCOPE(scope, .deadline = leat_after(LEAT_MSEC));

        expect_ok(spawn_late(&scope, &stage, i == 1));
        expect_ok(leat_scope_join(&scope));
    }
    expect_untouched(&stage);
    take_down(&stage);
}

LEAT_TEST_TASK(sticks, in_a_shield_each_call_is_made)
{
    struct stage stage;

    set_up(&stage);
    {
        LEAT_LIMIT(LEAT_MSEC);

        compute_until(leat_deadline());
        LEAT_SHIELD (LEAT_HOUR) {
            expect_all(&stage, 0);
        }
    }
    take_down(&stage);
}

static int run_through(void *arg)
{
    struct stage stage;
    int n = 0;

    (void)arg;
    set_up(&stage);
    {
        LEAT_LIMIT((TEST_EMULATED ? 100 : 5) * LEAT_MSEC);

        /* always something to do at once: without an end of its own */
        while (send_one(&stage) == 0 && receive_one(&stage) == 0)
            n++;
    }
    expect_gt(n, 0);
    take_down(&stage);
    return 0;
}

LEAT_TEST(sticks, a_plain_thread_that_never_waits_meets_its_deadline)
{
    expect_ok(run_through(NULL));
}

LEAT_TEST_TASK(sticks, a_task_that_never_waits_meets_its_deadline)
{
    expect_ok(run_through(NULL));
}

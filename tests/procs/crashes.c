/* SPDX-License-Identifier: MIT */
/* Jobs that do harm: each fails alone, with the reason, and the pool is whole again. */
#include "harness/test.h"
#include "procs/jobs.h"

#include <leat/leat.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The pool works: a good job gets its answer. */
static void expect_whole(struct leat_procs *procs)
{
    struct leat_reply reply = { 0 };
    struct leat_procs_stats stats;

    expect_ok(leat_procs_call(procs, echo, "fine", 4, &reply));
    expect_eq(reply.bytes, 4u);
    leat_procs_stats_read(procs, &stats);
    expect_ge(stats.workers, 1u);
    leat_reply_fini(&reply);
}

static void expect_end(struct leat_procs *procs, enum misdeed misdeed, int result,
                       enum leat_remote_end end, int status)
{
    struct leat_reply reply = { 0 };

    expect_err(misdeed_call(procs, misdeed, &reply), result);
    expect_eq((int)reply.end, (int)end);
    expect_eq(reply.status, status);
    expect_eq(reply.attempts, 1u);
    expect_str_eq(reply.function, "misbehave");
    leat_reply_fini(&reply);
    expect_whole(procs);
}

LEAT_TEST_TASK(procs_crashes, death_by_signal_fails_that_job_with_the_signal)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));

    expect_end(procs, MISDEED_SEGV, -ECHILD, LEAT_REMOTE_SIGNALED, SIGSEGV);
    expect_end(procs, MISDEED_ABORT, -ECHILD, LEAT_REMOTE_SIGNALED, SIGABRT);
    expect_end(procs, MISDEED_KILL, -ECHILD, LEAT_REMOTE_SIGNALED, SIGKILL);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, exit_fails_that_job_with_the_status)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));

    expect_end(procs, MISDEED_EXIT, -ECHILD, LEAT_REMOTE_EXITED, 7);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, stopped_worker_is_killed_and_said_to_be_stopped)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));

    expect_end(procs, MISDEED_STOP, -ECHILD, LEAT_REMOTE_STOPPED, SIGSTOP);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, answer_that_lies_about_its_length_is_refused)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));

    expect_end(procs, MISDEED_LIE, -EBADMSG, LEAT_REMOTE_LIED, 0);
    expect_end(procs, MISDEED_LIE_A_BIT, -EBADMSG, LEAT_REMOTE_LIED, 0);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, spinning_job_is_ended_at_its_limit)
{
    struct leat_procs *procs =
        open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .job_ns = 50 * LEAT_MSEC,
                                     .grace_ns = 20 * LEAT_MSEC));

    expect_end(procs, MISDEED_SPIN, -ETIMEDOUT, LEAT_REMOTE_TIMED_OUT, 0);
    expect_end(procs, MISDEED_SPIN_DEAF, -ETIMEDOUT, LEAT_REMOTE_TIMED_OUT, 0);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, cpu_time_limit_ends_a_job)
{
    struct leat_procs *procs =
        open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .cpu_ns = 50 * LEAT_MSEC));
    const leat_time length = 100 * LEAT_MSEC; /* asleep: that is no CPU time */
    struct leat_reply reply = { 0 };

    expect_end(procs, MISDEED_SPIN, -ECHILD, LEAT_REMOTE_CPU, SIGXCPU);
    expect_ok(leat_procs_call(procs, doze, &length, sizeof length, &reply));
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, job_that_eats_memory_meets_its_limit)
{
    struct leat_procs *procs;

    if (TEST_SLOWDOWN > 1) {
        test_skip("a sanitizer's shadow is larger than any limit");
        return;
    }
    procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .memory_bytes = 256 << 20));
    expect_end(procs, MISDEED_EAT, -ECHILD, LEAT_REMOTE_SIGNALED, SIGABRT);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, job_that_closes_low_descriptors_still_answers)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };

    expect_ok(misdeed_call(procs, MISDEED_CLOSE, &reply));
    leat_reply_fini(&reply);
    expect_whole(procs);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, job_that_closes_every_descriptor_loses_no_answer)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };
    const int misdeed = MISDEED_CLOSE_ALL;

    expect_ok(leat_procs_call(procs, misbehave, &misdeed, sizeof misdeed, &reply));
    expect_eq((int)reply.end, (int)LEAT_REMOTE_RETURNED);
    leat_reply_fini(&reply);
    expect_whole(procs);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, forking_job_answers_once)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_procs_stats stats;

    for (int i = 0; i < 10; i++) {
        struct leat_reply reply = { 0 };

        expect_ok(misdeed_call(procs, MISDEED_FORK, &reply));
        leat_reply_fini(&reply);
        expect_whole(procs);
    }
    leat_procs_stats_read(procs, &stats);
    expect_eq(stats.returned, 20u);
    leat_procs_close(procs);
}

/* The signal's number, or 0 when there is no such process any more. */
static void await_gone(int pid)
{
    for (int i = 0; i < 1000 * TEST_SLOWDOWN; i++) {
        if (kill(pid, 0) < 0 && errno == ESRCH)
            return;
        expect_ok(leat_sleep(5 * LEAT_MSEC));
    }
    test_fail("process %d is still there", pid);
}

LEAT_TEST_TASK(procs_crashes, what_a_job_leaves_running_ends_with_its_worker)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };
    int child;

    expect_ok(misdeed_call(procs, MISDEED_FORK_HOLD, &reply));
    assert_eq(reply.bytes, sizeof child);
    memcpy(&child, reply.data, sizeof child);
    expect_eq(kill(child, 0), 0);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
    await_gone(child);
}

LEAT_TEST_TASK(procs_crashes, input_cannot_be_written_to_when_it_is_shared)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };
    struct leat_shared shared;
    const int misdeed = MISDEED_WRITE_INPUT;

    assert_ok(leat_shared_create(&shared, 4096));
    memcpy(shared.data, &misdeed, sizeof misdeed);
    expect_err(leat_procs_call_shared(procs, misbehave, &shared, sizeof misdeed, &reply),
               -ECHILD);
    expect_eq(reply.status, SIGSEGV);
    expect_mem_eq(shared.data, &misdeed, sizeof misdeed);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
    leat_shared_destroy(&shared);
}

LEAT_TEST_TASK(procs_crashes, input_of_a_slot_cannot_be_written_to)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));

    expect_end(procs, MISDEED_WRITE_INPUT, -ECHILD, LEAT_REMOTE_SIGNALED, SIGSEGV);
    leat_procs_close(procs);
}

static int call_echo_often(void *arg)
{
    struct leat_procs *procs = arg;
    unsigned char sent[1000], wrong = 0;

    memset(sent, 0x11, sizeof sent);
    for (int i = 0; i < 50 && !wrong; i++) {
        struct leat_reply reply = { 0 };
        int err = leat_procs_call(procs, echo, sent, sizeof sent, &reply);

        wrong = err || reply.bytes != sizeof sent || memcmp(reply.data, sent, sizeof sent) != 0;
        leat_reply_fini(&reply);
    }
    return wrong ? -EBADMSG : 0;
}

static int call_write_on(void *arg)
{
    int err = 0;

    for (int i = 0; i < 2; i++) { /* the third time it would be quarantined */
        struct leat_reply reply = { 0 };

        if (misdeed_call(arg, MISDEED_WRITE_ON, &reply) != -ECHILD ||
            reply.end != LEAT_REMOTE_SIGNALED || reply.status != SIGSEGV)
            err = -EBADMSG;
        leat_reply_fini(&reply);
    }
    return err;
}

/* One worker, whose slots are all in use: those of the others are beside the writer's. */
LEAT_TEST_TASK(procs_crashes, job_that_writes_past_its_reply_dies_and_spoils_no_other_answer)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    LEAT_SCOPE(scope);

    for (int i = 0; i < 7; i++)
        leat_spawn(&scope, call_echo_often, procs);
    leat_spawn(&scope, call_write_on, procs);
    expect_ok(leat_scope_join(&scope));
    expect_whole(procs);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, files_limit_holds_in_the_worker)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .files_max = 24));
    struct leat_reply reply = { 0 };
    int opened = -1;

    expect_ok(misdeed_call(procs, MISDEED_OPEN, &reply));
    assert_eq(reply.bytes, sizeof opened);
    memcpy(&opened, reply.data, sizeof opened);
    expect_gt(opened, 0);
    expect_lt(opened, 24); /* what the worker itself has open counts, too */
    leat_reply_fini(&reply);
    expect_whole(procs);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, idempotent_job_is_tried_three_times_and_then_quarantined)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    const int misdeed = MISDEED_KILL, other = MISDEED_ABORT;
    struct leat_procs_stats before, after;
    struct leat_reply reply = { 0 };
    char text[200];

    expect_err(leat_procs_call(procs, misbehave_idempotent, &misdeed, sizeof misdeed, &reply),
               -ECHILD);
    expect_eq((int)reply.end, (int)LEAT_REMOTE_QUARANTINED);
    expect_eq(reply.attempts, 3u);
    expect_gt(leat_reply_explain(&reply, text, sizeof text), 0);
    expect_contains(text, "misbehave_idempotent: this input has killed its process three times");
    leat_procs_stats_read(procs, &before);
    expect_eq(before.deaths, 3u);
    expect_eq(before.retries, 2u);
    /* It is not run again; other jobs of the same function are. */
    expect_err(leat_procs_call(procs, misbehave_idempotent, &misdeed, sizeof misdeed, &reply),
               -ECHILD);
    expect_eq((int)reply.end, (int)LEAT_REMOTE_QUARANTINED);
    leat_procs_stats_read(procs, &after);
    expect_eq(after.deaths, before.deaths);
    expect_err(leat_procs_call(procs, misbehave_idempotent, &other, sizeof other, &reply),
               -ECHILD);
    leat_procs_stats_read(procs, &after);
    expect_eq(after.deaths, before.deaths + 3);
    expect_ge(after.replaced, after.deaths - 1); /* who died had been born */
    expect_gt(after.replace_ns_max, 0u);
    leat_reply_fini(&reply);
    expect_whole(procs);
    leat_procs_close(procs);
}

struct bystander {
    struct leat_procs *procs;
    int                done;
};

static int stand_by(void *arg)
{
    struct bystander *bystander = arg;
    struct leat_reply reply = { 0 };

    for (int i = 0; i < 100 / TEST_SLOWDOWN; i++) {
        int err = leat_procs_call(bystander->procs, worker_id, NULL, 0, &reply);

        if (err) {
            leat_reply_fini(&reply);
            return err;
        }
        bystander->done++;
    }
    leat_reply_fini(&reply);
    return 0;
}

static int keep_crashing(void *arg)
{
    static const enum misdeed deeds[] = { MISDEED_SEGV, MISDEED_EXIT, MISDEED_LIE, MISDEED_KILL };
    struct bystander *crasher = arg;

    for (int i = 0; i < 12; i++) {
        struct leat_reply reply = { 0 };
        int err = misdeed_call(crasher->procs, deeds[i % 4], &reply);

        leat_reply_fini(&reply);
        if (err != -ECHILD && err != -EBADMSG)
            return -EINVAL;
        crasher->done++;
    }
    return 0;
}

LEAT_TEST_TASK(procs_crashes, jobs_queued_behind_a_crash_go_on)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));
    struct bystander bystander[10], crasher = { procs, 0 };
    LEAT_SCOPE(scope);

    leat_spawn(&scope, keep_crashing, &crasher);
    for (int i = 0; i < 10; i++) {
        bystander[i] = (struct bystander){ procs, 0 };
        leat_spawn(&scope, stand_by, &bystander[i]);
    }
    /* worker_id is not idempotent: no bystander's job may have been started and lost. */
    expect_ok(leat_scope_join(&scope));
    expect_eq(crasher.done, 12);
    for (int i = 0; i < 10; i++)
        expect_eq(bystander[i].done, 100 / TEST_SLOWDOWN);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_crashes, killed_idle_worker_is_replaced)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };
    leat_time begin, slowest = 0;
    int pid = 0;

    for (int i = 0; i < 5; i++) {
        expect_ok(leat_procs_call(procs, worker_id, NULL, 0, &reply));
        assert_eq(reply.bytes, sizeof pid);
        memcpy(&pid, reply.data, sizeof pid);
        expect_eq(kill(pid, SIGKILL), 0);
        begin = leat_now();
        /* It may still be posted to the one that is dying; then it is posted again. */
        expect_ok(leat_procs_call(procs, echo, "x", 1, &reply));
        if (leat_now() - begin > slowest)
            slowest = leat_now() - begin;
    }
    expect_lt(slowest, 10 * LEAT_SEC);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

/* A large input goes through the worker's socket, which is closed before its end is reported. */
LEAT_TEST_TASK(procs_crashes, large_input_to_a_worker_that_has_just_died_goes_to_the_next)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    static unsigned char large[100000];
    struct leat_reply reply = { 0 };
    int pid = 0;

    for (int i = 0; i < 20; i++) {
        expect_ok(leat_procs_call(procs, worker_id, NULL, 0, &reply));
        assert_eq(reply.bytes, sizeof pid);
        memcpy(&pid, reply.data, sizeof pid);
        expect_eq(kill(pid, SIGKILL), 0);
        expect_ok(leat_procs_call(procs, echo, large, sizeof large, &reply));
        expect_eq(reply.bytes, sizeof large);
    }
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

/* A job that closes everything takes the worker's socket with it. */
LEAT_TEST_TASK(procs_crashes, large_input_to_a_worker_without_descriptors_goes_to_the_next)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    static unsigned char large[100000];
    struct leat_reply reply = { 0 };

    for (int i = 0; i < 3; i++) {
        (void)misdeed_call(procs, MISDEED_CLOSE_ALL, &reply);
        expect_ok(leat_procs_call(procs, echo, large, sizeof large, &reply));
        expect_eq(reply.bytes, sizeof large);
    }
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

/* ---- scopes ---- */

LEAT_TEST_TASK(procs_crashes, deadline_of_the_scope_leaves_a_running_job_behind)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };

    /* On a loaded machine the limit may pass before the job has begun. */
    for (leat_time limit = 30 * LEAT_MSEC;
         reply.end != LEAT_REMOTE_ABANDONED && limit < 10 * LEAT_SEC; limit *= 2) {
        LEAT_LIMIT(limit);
        expect_err(misdeed_call(procs, MISDEED_SPIN_DEAF, &reply), -ETIMEDOUT);
    }
    expect_eq((int)reply.end, (int)LEAT_REMOTE_ABANDONED);
    expect_whole(procs); /* the job is killed after its grace */
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

static int call_doze(void *arg)
{
    struct leat_procs *procs = arg;
    const leat_time length = 10 * LEAT_MSEC;
    struct leat_reply reply = { 0 };
    int err = leat_procs_call(procs, doze, &length, sizeof length, &reply);

    leat_reply_fini(&reply);
    return err;
}

LEAT_TEST_TASK(procs_crashes, cancels_at_any_moment_leave_the_pool_whole)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));

    for (int i = 0; i < 30 / TEST_SLOWDOWN; i++) {
        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
        for (int j = 0; j < 6; j++)
            leat_spawn(&scope, call_doze, procs);
        expect_ok(leat_sleep(i * LEAT_MSEC));
        leat_scope_cancel(&scope);
        (void)leat_scope_join(&scope);
    }
    expect_whole(procs);
    leat_procs_close(procs);
}

/* ---- output ---- */

LEAT_REMOTE(say)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    (void)reply;
    printf("to stdout: %.*s\nand", (int)in_bytes, (const char *)in);
    fflush(stdout);
    fprintf(stderr, "to stderr\n");
    printf(" more\n");
    return 0;
}

struct lines {
    _Atomic int out, err;
    char        text[4][200];
};

static void note_line(void *arg, enum leat_log_level level, const char *line)
{
    struct lines *lines = arg;
    int n;

    if (level == LEAT_LOG_INFO) {
        n = lines->out;
        snprintf(lines->text[n % 3], 200, "%s", line);
        lines->out = n + 1;
    } else {
        snprintf(lines->text[3], 200, "%s", line);
        lines->err = lines->err + 1;
    }
}

LEAT_TEST_TASK(procs_crashes, output_of_workers_is_logged_line_by_line)
{
    struct lines lines = { 0 };
    struct leat_procs *procs = open_pool(
        LEAT_PROCS_OPTIONS(.workers = 1, .log = note_line, .log_arg = &lines));
    struct leat_reply reply = { 0 };

    expect_ok(leat_procs_call(procs, say, "hello", 5, &reply));
    leat_reply_fini(&reply);
    while (lines.out < 2 || lines.err < 1)
        expect_ok(leat_sleep(LEAT_MSEC));
    leat_procs_close(procs);
    expect_contains(lines.text[0], "worker 1: to stdout: hello");
    expect_contains(lines.text[1], "worker 1: and more");
    expect_contains(lines.text[3], "worker 1: to stderr");
    expect_eq(lines.out, 2);
}

/* SPDX-License-Identifier: MIT */
/* Calls that may be abandoned, quotas by kind, and what never reaches the pool. */
#include "blocking/pool.h"
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/leat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gate {
    LEAT_ATOMIC(int) entered, open, dropped;
};

struct question {
    struct gate *gate;
    char        *memory; /* owned */
    int          answer;
};

static int ask(void *value)
{
    struct question *question = value;

    fetch_add_acq_rel(&question->gate->entered, 1);
    while (!load_acquire(&question->gate->open))
        test_doze(LEAT_MSEC / 4);
    question->answer = question->memory[0] + 1;
    return 7;
}

static void drop(void *value)
{
    struct question *question = value;
    struct gate *gate = question->gate;

    free(question->memory);
    fetch_add_acq_rel(&gate->dropped, 1);
}

static struct question make_question(struct gate *gate)
{
    struct question question = { .gate = gate, .memory = calloc(1, 100) };

    return question;
}

static void await(LEAT_ATOMIC(int) *word, int value)
{
    while (load_acquire(word) < value)
        expect_ok(leat_sleep(LEAT_MSEC));
}

LEAT_TEST_TASK(blocking_owned, result_and_value_come_back)
{
    struct gate gate = { .open = 1 };
    struct question question = make_question(&gate);

    question.memory[0] = 41;
    expect_eq(leat_blocking_owned(ask, &question, sizeof question, drop), 7);
    expect_eq(question.answer, 42);
    expect_eq(load_acquire(&gate.dropped), 0);
    drop(&question);
}

/* A question that meets its deadline while it is answered: on a busy machine it may have to be
 * asked again, as one that was not begun by then is dropped unasked. Returns how often. */
static int ask_until_abandoned(struct gate *gate)
{
    int asked = 0;

    for (leat_time limit = 5 * LEAT_MSEC; load_acquire(&gate->entered) == 0; limit *= 2, asked++) {
        struct question question = make_question(gate);
        LEAT_LIMIT(limit);

        expect_err(leat_blocking_owned(ask, &question, sizeof question, drop), -ETIMEDOUT);
        expect_null(question.memory); /* it is the call's now */
    }
    expect_lt(load_acquire(&gate->dropped), asked);
    return asked;
}

LEAT_TEST_TASK(blocking_owned, deadline_abandons_a_running_call_which_frees_what_it_owns)
{
    struct gate gate = { 0 };
    int asked = ask_until_abandoned(&gate);

    store_release(&gate.open, 1);
    await(&gate.dropped, asked);
}

LEAT_TEST_TASK(blocking_owned, call_in_an_ended_scope_is_dropped_unmade)
{
    struct gate gate = { .open = 1 };
    struct question question = make_question(&gate);

    LEAT_SCOPE(scope);
    leat_scope_cancel(&scope);
    expect_err(leat_blocking_owned(ask, &question, sizeof question, drop), -ECANCELED);
    expect_eq(load_acquire(&gate.entered), 0);
    expect_eq(load_acquire(&gate.dropped), 1);
    expect_null(question.memory);
}

/* Without a suspension in between, in which the runtime would look at the clock. */
static void outlive_the_limit(void)
{
    leat_time end = leat_now() + 3 * LEAT_MSEC;

    while (leat_now() < end)
        cpu_relax();
}

LEAT_TEST_TASK(blocking_owned, call_after_the_deadline_is_dropped_unmade)
{
    struct gate gate = { .open = 1 };
    struct question question = make_question(&gate);
    LEAT_LIMIT(LEAT_MSEC);

    outlive_the_limit();
    expect_err(leat_blocking_owned(ask, &question, sizeof question, drop), -ETIMEDOUT);
    expect_eq(load_acquire(&gate.entered), 0);
    expect_eq(load_acquire(&gate.dropped), 1);
}

LEAT_TEST_TASK(blocking_owned, too_large_a_value_is_dropped)
{
    static unsigned char large[(64 << 10) + 1] = { 1 };

    expect_err(leat_blocking_owned(ask, large, sizeof large, NULL), -E2BIG);
    expect_eq(large[0], 0);
}

LEAT_TEST(blocking_owned, plain_thread_calls_directly_on_its_own_value)
{
    struct gate gate = { .open = 1 };
    struct question question = make_question(&gate);

    expect_eq(leat_blocking_owned(ask, &question, sizeof question, drop), 7);
    expect_eq(question.answer, 1);
    drop(&question);
}

static int ask_briefly(void *arg)
{
    struct gate *gate = arg;
    struct question question = make_question(gate);
    int err = leat_blocking_owned(ask, &question, sizeof question, drop);

    if (err == 7)
        drop(&question);
    return 0;
}

LEAT_TEST_TASK(blocking_owned, cancels_at_any_moment_drop_each_value_once)
{
    int rounds = 200 / TEST_SLOWDOWN;
    struct gate gate = { .open = 1 };

    for (int i = 0; i < rounds; i++) {
        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
        for (int j = 0; j < 8; j++)
            expect_ok(leat_spawn(&scope, ask_briefly, &gate));
        expect_ok(leat_sleep(i % 10 * 10 * LEAT_USEC));
        leat_scope_cancel(&scope);
        (void)leat_scope_join(&scope);
    }
    await(&gate.dropped, rounds * 8);
    test_doze(2 * LEAT_MSEC);
    expect_eq(load_acquire(&gate.dropped), rounds * 8);
}

/* ---- the end of a runtime ---- */

static int leave_one_behind(void *arg)
{
    return ask_until_abandoned(arg);
}

LEAT_TEST(blocking_owned, end_of_the_runtime_waits_for_abandoned_calls_up_to_its_limit)
{
    static struct gate gate;
    leat_time begin = leat_now();
    int asked = leat_run(leave_one_behind, &gate,
                         LEAT_OPTIONS(.workers = 1, .stop_ns = 50 * LEAT_MSEC,
                                      .log_level = LEAT_LOG_ERROR));

    expect_ge(leat_now() - begin, 50 * LEAT_MSEC);
    store_release(&gate.open, 1); /* the thread ends when it likes, and frees all */
    while (load_acquire(&gate.dropped) < asked)
        test_doze(LEAT_MSEC);
    test_doze(50 * LEAT_MSEC * TEST_SLOWDOWN); /* so that it is gone before leaks are looked for */
}

/* ---- quotas ---- */

static int pass_gate(void *arg)
{
    struct gate *gate = arg;

    fetch_add_acq_rel(&gate->entered, 1);
    while (!load_acquire(&gate->open))
        test_doze(LEAT_MSEC / 4);
    return 0;
}

static int call_name(void *arg)
{
    struct gate *gate = arg;

    struct question question = { gate, calloc(1, 1), 0 };
    int answer = leat__blocking_names(ask, &question, sizeof question, drop);

    if (answer != 7)
        return -EBADMSG;
    free(question.memory); /* the answer came: it is ours again */
    return 0;
}

static int call_user(void *arg)
{
    return leat_blocking(pass_gate, arg);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

struct starved {
    struct gate names, user;
    int         names_most, user_most;
};

/* Names and the program's calls hang, as many as there may be; files go on beside them. */
static int starve(void *arg)
{
    struct starved *starved = arg;

    LEAT_SCOPE(scope);
    for (int i = 0; i < 30; i++) {
        leat_spawn(&scope, call_name, &starved->names);
        leat_spawn(&scope, call_user, &starved->user);
    }
    await(&starved->names.entered, starved->names_most);
    await(&starved->user.entered, starved->user_most);
    for (int i = 0; i < 10; i++)
        expect_ok(leat__blocking_files(nothing, NULL));
    expect_eq(load_acquire(&starved->names.entered), starved->names_most);
    expect_eq(load_acquire(&starved->user.entered), starved->user_most);
    store_release(&starved->user.open, 1);
    store_release(&starved->names.open, 1);
    expect_ok(leat_scope_join(&scope));
    return 0;
}

LEAT_TEST(blocking_owned, files_have_a_thread_while_names_and_user_calls_hang)
{
    static const unsigned threads[] = { 3, 4, 5, 8, 16 }, names[] = { 1, 1, 1, 2, 4 },
                          user[] = { 1, 2, 3, 5, 10 };

    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        struct starved starved = { .names_most = (int)names[i], .user_most = (int)user[i] };

        expect_lt(names[i] + user[i], threads[i]);
        expect_ok(leat_run(starve, &starved,
                           LEAT_OPTIONS(.workers = 1, .blocking_max = threads[i])));
    }
}

static int call_each_kind(void *arg)
{
    struct gate gate = { .open = 1 };

    (void)arg;
    expect_ok(call_name(&gate));
    expect_ok(call_user(&gate));
    expect_ok(leat__blocking_files(nothing, NULL));
    return 0;
}

LEAT_TEST(blocking_owned, a_pool_of_one_thread_runs_every_kind)
{
    expect_ok(leat_run(call_each_kind, NULL, LEAT_OPTIONS(.workers = 1, .blocking_max = 1)));
}

/* ---- what cannot block does not come here ---- */

static uint64_t calls_so_far(void)
{
    struct leat_stats stats;

    expect_ok(leat_stats_read(&stats));
    return stats.blocking_calls;
}

LEAT_TEST_TASK(blocking_owned, calls_that_cannot_block_are_not_posted)
{
    char path[300], text[100] = "content";
    struct leat_listener *listener;
    struct leat_stream *stream;
    struct leat_file file;
    struct stat status;
    uint64_t before;

    if (TEST_EMULATED) {
        test_skip("the emulator has no reads that refuse to wait");
        return;
    }
    snprintf(path, sizeof path, "%s/file", test_tempdir());
    test_write_file(path, text, sizeof text);
    before = calls_so_far();
    for (int i = 0; i < 10; i++) {
        expect_ok(leat_file_open(&file, path, O_RDONLY, 0));
        expect_eq(leat_file_read(&file, text, sizeof text, 0), (ssize_t)sizeof text);
        expect_ok(leat_file_close(&file));
        assert_ok(leat_tcp_listen(&listener, "127.0.0.1", 0));
        expect_ok(leat_tcp_connect(&stream, "127.0.0.1", leat_listener_port(listener)));
        leat_close_stream(stream);
        leat_close_listener(listener);
    }
    expect_eq(calls_so_far(), before);
    expect_ok(leat_file_stat_path(path, true, &status));
}

/* SPDX-License-Identifier: MIT */
/* The process pool while all goes well. */
#include "harness/test.h"
#include "procs/jobs.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

LEAT_TEST_TASK(procs, call_returns_the_answer)
{
    struct leat_procs *procs = open_pool(NULL);
    struct leat_reply reply = { 0 };

    expect_ok(leat_procs_call(procs, echo, "hello", 5, &reply));
    expect_eq(reply.bytes, 5u);
    expect_mem_eq(reply.data, "hello", 5);
    expect_eq((int)reply.end, (int)LEAT_REMOTE_RETURNED);
    expect_eq(reply.attempts, 1u);
    expect_str_eq(reply.function, "echo");
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs, result_of_the_function_is_the_result_of_the_call)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };
    const int results[] = { -EBADF, 0, 42 };

    for (int i = 0; i < 3; i++) {
        expect_eq(leat_procs_call(procs, fail_with, &results[i], sizeof(int), &reply),
                  results[i]);
        expect_eq((int)reply.end, (int)LEAT_REMOTE_RETURNED);
    }
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs, jobs_run_in_another_process)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };
    int first;

    expect_ok(leat_procs_call(procs, worker_id, NULL, 0, &reply));
    assert_eq(reply.bytes, sizeof(int));
    memcpy(&first, reply.data, sizeof first);
    expect_ne(first, getpid());
    expect_ok(leat_procs_call(procs, worker_id, NULL, 0, &reply));
    expect_mem_eq(reply.data, &first, sizeof first);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

static void check_filled(const struct leat_reply *reply, uint64_t bytes)
{
    const unsigned char *data = reply->data;

    assert_eq(reply->bytes, bytes);
    for (uint64_t i = 0; i < bytes; i++)
        if (data[i] != i % 251) {
            test_fail("byte %llu is %u", (unsigned long long)i, data[i]);
            return;
        }
}

LEAT_TEST_TASK(procs, input_and_answer_may_have_any_size)
{
    static const uint64_t sizes[] = { 1, 100, 32767, 32768, 32769, 100000, 5000000 };
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 }, again = { 0 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        expect_ok(leat_procs_call(procs, fill, &sizes[i], sizeof sizes[i], &reply));
        check_filled(&reply, sizes[i]);
        expect_ok(leat_procs_call(procs, echo, reply.data, reply.bytes, &again));
        check_filled(&again, sizes[i]);
    }
    leat_reply_fini(&reply);
    leat_reply_fini(&again);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs, an_answer_may_be_the_input_of_the_next_call)
{
    static const uint64_t sizes[] = { 3, 5000, 3 << 20 };
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));
    struct leat_executor *executors[] = { leat_executor_inline(), leat_executor_compute(),
                                          leat_procs_executor(procs) };
    struct leat_reply reply = { 0 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < 3; k++) {
            expect_ok(leat_remote_call(executors[k], fill, &sizes[i], sizeof sizes[i], &reply));
            for (size_t j = 0; j < 3; j++)
                expect_ok(leat_remote_call(executors[j], echo, reply.data, reply.bytes, &reply));
            check_filled(&reply, sizes[i]);
        }
    }
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs, shared_memory_is_seen_as_it_is_when_the_job_runs)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_reply reply = { 0 };
    struct leat_shared shared;

    expect_err(leat_shared_create(&shared, 0), -EINVAL);
    assert_ok(leat_shared_create(&shared, 1 << 20));
    for (int round = 0; round < 3; round++) {
        memset(shared.data, 'a' + round, shared.bytes);
        expect_ok(leat_procs_call_shared(procs, echo, &shared, shared.bytes, &reply));
        assert_eq(reply.bytes, shared.bytes);
        expect_mem_eq(reply.data, shared.data, shared.bytes);
    }
    expect_ok(leat_procs_call_shared(procs, echo, &shared, 3, &reply));
    expect_eq(reply.bytes, 3u);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
    leat_shared_destroy(&shared);
    leat_shared_destroy(&shared);
}

struct client {
    struct leat_procs *procs;
    int                number, rounds;
};

static int call_and_compare(void *arg)
{
    const struct client *client = arg;
    struct leat_reply reply = { 0 };
    int err = 0;

    for (int i = 0; i < client->rounds && !err; i++) {
        int value = client->number * 100000 + i;

        err = leat_procs_call(client->procs, echo, &value, sizeof value, &reply);
        if (!err && (reply.bytes != sizeof value || memcmp(reply.data, &value, sizeof value)))
            err = -EBADMSG;
    }
    leat_reply_fini(&reply);
    return err;
}

LEAT_TEST_TASK(procs, many_tasks_each_get_their_own_answers)
{
    struct leat_procs *procs = open_pool(NULL);
    struct client client[40];
    LEAT_SCOPE(scope);

    for (int i = 0; i < 40; i++) {
        client[i] = (struct client){ procs, i, 200 / TEST_SLOWDOWN };
        leat_spawn(&scope, call_and_compare, &client[i]);
    }
    expect_ok(leat_scope_join(&scope));
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs, job_behind_a_long_one_moves_to_an_idle_worker)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));
    struct client client = { procs, 1, 50 };
    const leat_time length = 300 * LEAT_MSEC;
    struct leat_reply reply = { 0 };
    leat_time begin = leat_now();
    LEAT_SCOPE(scope);

    /* One worker dozes; everything else goes past it. */
    leat_spawn(&scope, call_and_compare, &client);
    expect_ok(leat_procs_call(procs, doze, &length, sizeof length, &reply));
    expect_ok(leat_scope_join(&scope));
    expect_lt(leat_now() - begin, 20 * length);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs, workers_are_replaced_after_so_many_jobs)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .jobs_max = 3));
    struct leat_reply reply = { 0 };
    int pids[9], changes = 0;

    for (int i = 0; i < 9; i++) {
        expect_ok(leat_procs_call(procs, worker_id, NULL, 0, &reply));
        assert_eq(reply.bytes, sizeof(int));
        memcpy(&pids[i], reply.data, sizeof(int));
        changes += i > 0 && pids[i] != pids[i - 1];
    }
    expect_eq(changes, 2);
    expect_eq(pids[0], pids[2]);
    expect_eq(pids[3], pids[5]);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

static int doze_for_an_id(struct leat_procs *procs, leat_time length, int *ret_pid)
{
    struct leat_reply reply = { 0 };
    int err = leat_procs_call(procs, doze, &length, sizeof length, &reply);

    if (!err)
        memcpy(ret_pid, reply.data, sizeof *ret_pid);
    leat_reply_fini(&reply);
    return err;
}

static struct dozer {
    struct leat_procs *procs;
    int                pid;
} dozer;

static int doze_long(void *arg)
{
    struct dozer *it = arg;

    return doze_for_an_id(it->procs, 500 * LEAT_MSEC, &it->pid);
}

/* Found by a seed: workers that were given only what was taken back retired again and again. */
LEAT_TEST_TASK(procs, job_that_was_taken_back_does_not_count_towards_a_replacement)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .jobs_max = 3));
    struct leat_reply reply = { 0 };
    struct leat_procs_stats stats;
    int pid = 0, before = 0;
    LEAT_SCOPE(scope);

    expect_ok(doze_for_an_id(procs, 0, &before));
    dozer.procs = procs;
    leat_spawn(&scope, doze_long, &dozer);
    do {
        expect_ok(leat_sleep(LEAT_MSEC));
        leat_procs_stats_read(procs, &stats);
    } while (stats.calls < 2); /* it is the worker's first by then */
    for (int i = 0; i < 2; i++) {
        LEAT_LIMIT(5 * LEAT_MSEC);

        expect_eq(leat_procs_call(procs, worker_id, NULL, 0, &reply), -ETIMEDOUT);
        expect_eq(reply.end, LEAT_REMOTE_NOT_RUN);
    }
    expect_ok(leat_scope_join(&scope));
    expect_ok(doze_for_an_id(procs, 0, &pid));
    expect_eq(dozer.pid, before);
    expect_eq(pid, before);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

static struct leat_procs *shared_pool;

static void *call_from_thread(void *arg)
{
    struct client client = { shared_pool, 7, 100 };

    *(int *)arg = call_and_compare(&client);
    return NULL;
}

static int join_thread(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

LEAT_TEST_TASK(procs, plain_threads_may_call)
{
    pthread_t thread;
    int result = 1;

    shared_pool = open_pool(NULL);
    assert_eq(pthread_create(&thread, NULL, call_from_thread, &result), 0);
    expect_ok(leat_blocking(join_thread, &thread));
    expect_ok(result);
    leat_procs_close(shared_pool);
}

LEAT_TEST_TASK(procs, stats_add_up)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));
    struct client client = { procs, 7, 100 };
    struct leat_procs_stats stats;

    expect_ok(call_and_compare(&client));
    leat_procs_stats_read(procs, &stats);
    expect_eq(stats.workers, 2u);
    expect_eq(stats.calls, 100u);
    expect_eq(stats.returned, 100u);
    expect_eq(stats.failed, 0u);
    expect_eq(stats.queued, 0u);
    expect_eq(stats.deaths, 0u);
    leat_procs_close(procs);
}

/* ---- three executors, one shape ---- */

LEAT_TEST_TASK(procs, same_function_runs_inline_computing_and_in_a_process)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_executor *executors[] = { leat_executor_inline(), leat_executor_compute(),
                                          leat_procs_executor(procs) };
    const uint64_t bytes = 100000;
    const int error = -ENOTTY;
    struct leat_reply reply = { 0 };

    for (int i = 0; i < 3; i++) {
        expect_ok(leat_remote_call(executors[i], fill, &bytes, sizeof bytes, &reply));
        check_filled(&reply, bytes);
        expect_err(leat_remote_call(executors[i], fail_with, &error, sizeof error, &reply),
                   -ENOTTY);
        expect_eq((int)reply.end, (int)LEAT_REMOTE_RETURNED);
        expect_str_eq(reply.function, "fail_with");
    }
    expect_ok(leat_remote_call(executors[0], worker_id, NULL, 0, &reply));
    expect_mem_eq(reply.data, &(int){ getpid() }, sizeof(int));
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs, ended_scope_makes_no_call_on_any_executor)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    struct leat_executor *executors[] = { leat_executor_inline(), leat_executor_compute(),
                                          leat_procs_executor(procs) };
    struct leat_reply reply = { 0 };

    {
        LEAT_LIMIT(-1);
        for (int i = 0; i < 3; i++) {
            expect_err(leat_remote_call(executors[i], echo, "x", 1, &reply), -ETIMEDOUT);
            expect_eq((int)reply.end, (int)LEAT_REMOTE_NOT_RUN);
        }
    }
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

/* ---- opening and closing ---- */

LEAT_TEST(procs, a_program_that_opens_no_pool_has_no_process_and_no_descriptor_for_it)
{
    static char name[] = "program";
    char *arguments[] = { name, NULL };
    int lowest = dup(STDIN_FILENO), then;

    close(lowest);
    leat_procs_main(1, arguments);
    then = dup(STDIN_FILENO);
    close(then);
    expect_eq(then, lowest);
    expect_eq(waitpid(-1, NULL, WNOHANG), -1);
    expect_eq(errno, ECHILD);
}

LEAT_TEST(procs, pool_needs_a_runtime)
{
    struct leat_procs *procs;

    expect_err(leat_procs_open(&procs, NULL), -EPERM);
}

LEAT_TEST_TASK(procs, bad_options_are_refused)
{
    struct leat_procs *procs;

    expect_err(leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.workers = 100000)), -EINVAL);
    expect_err(leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.job_ns = -1)), -EINVAL);
    expect_err(leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.files_max = 3)), -EINVAL);
    expect_err(leat_procs_open(&procs, &(struct leat_procs_options){ .size = 1 }), -EINVAL);
}

LEAT_TEST_TASK(procs, closed_at_once_leaves_nothing)
{
    leat_procs_close(NULL);
    for (int i = 0; i < 5; i++)
        leat_procs_close(open_pool(NULL)); /* descriptors are counted by the harness */
}

static int call_until_closed(void *arg)
{
    struct leat_procs *procs = arg;
    struct leat_reply reply = { 0 };
    const leat_time length = 20 * LEAT_MSEC;
    int err;

    err = leat_procs_call(procs, doze, &length, sizeof length, &reply);
    leat_reply_fini(&reply);
    return err;
}

LEAT_TEST_TASK(procs, close_waits_for_calls_under_way)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));
    LEAT_SCOPE(scope);

    for (int i = 0; i < 8; i++)
        leat_spawn(&scope, call_until_closed, procs);
    expect_ok(leat_sleep(10 * LEAT_MSEC));
    leat_procs_close(procs);
    expect_ok(leat_scope_join(&scope));
}

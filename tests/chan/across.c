/* SPDX-License-Identifier: MIT */
/* Channels join everything: tasks of several runtimes, plain threads, jobs of the compute pool and
 * calls of the blocking pool, each of which may be at either end. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdatomic.h>

typedef leat_chan(long) number_chan;

enum { NUMBERS = 20000 / TEST_SLOWDOWN };

struct line {
    number_chan chan;
    long        sum, count;
    atomic_long next;
};

static int send_all(void *arg)
{
    struct line *line = arg;
    long number;
    int err = 0;

    while (!err && (number = atomic_fetch_add(&line->next, 1)) < NUMBERS)
        err = leat_send(&line->chan, &number);
    return err;
}

static int recv_all(void *arg)
{
    struct line *line = arg;
    long number;
    int err;

    while ((err = leat_recv(&line->chan, &number)) == 0) {
        line->sum += number;
        line->count++;
    }
    return err == -EPIPE ? 0 : err;
}

static int send_then_close(void *arg)
{
    struct line *line = arg;
    int err = send_all(line);

    leat_close(&line->chan);
    return err;
}

static void check_line(struct line *line)
{
    expect_eq(line->count, NUMBERS);
    expect_eq(line->sum, (long)NUMBERS * (NUMBERS - 1) / 2);
    leat_chan_destroy(&line->chan);
}

/* ---- several runtimes ---- */

struct runtime {
    int      (*fn)(void *arg);
    void      *arg;
    unsigned   workers;
    pthread_t  thread;
};

static void *run_it(void *arg)
{
    struct runtime *runtime = arg;

    expect_ok(leat_run(runtime->fn, runtime->arg, LEAT_OPTIONS(.workers = runtime->workers)));
    return NULL;
}

static void run_both(struct runtime *runtimes)
{
    for (int i = 0; i < 2; i++)
        assert_ok(pthread_create(&runtimes[i].thread, NULL, run_it, &runtimes[i]));
    for (int i = 0; i < 2; i++)
        pthread_join(runtimes[i].thread, NULL);
}

LEAT_TEST(across, two_runtimes_pass_all_in_each_kind_of_channel)
{
    static const struct leat_chan_options kinds[] = {
        { .size = sizeof kinds[0], .capacity = 8 },
        { .size = sizeof kinds[0], .capacity = 8, .spsc = true },
        { .size = sizeof kinds[0], .budget_bytes = 4096 },
        { .size = sizeof kinds[0] },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct line line = { .sum = 0 };
        struct runtime runtimes[2] = { { .fn = send_then_close, .arg = &line, .workers = 1 },
                                       { .fn = recv_all, .arg = &line, .workers = 2 } };

        assert_ok(leat_chan_create(&line.chan.chan, sizeof(long), &kinds[i]));
        run_both(runtimes);
        check_line(&line);
    }
}

/* Each waits for the other's answer: both channels are met from both runtimes. */
struct talk {
    number_chan there, back;
    int         rounds;
};

static int ask(void *arg)
{
    struct talk *talk = arg;
    long answer;
    int err = 0;

    for (long i = 0; i < talk->rounds && !err; i++) {
        err = leat_send(&talk->there, &i);
        if (!err)
            err = leat_recv(&talk->back, &answer);
        if (!err)
            expect_eq(answer, i + 1);
    }
    leat_close(&talk->there);
    return err;
}

static int answer(void *arg)
{
    struct talk *talk = arg;
    long number;
    int err;

    while ((err = leat_select(LEAT_RECV(&talk->there, &number), LEAT_AFTER(LEAT_MINUTE))) == 0) {
        number++;
        err = leat_send(&talk->back, &number);
        if (err)
            return err;
    }
    return err == -EPIPE ? 0 : err;
}

LEAT_TEST(across, two_runtimes_talk)
{
    struct talk talk = { .rounds = 1000 / TEST_SLOWDOWN };
    struct runtime runtimes[2] = { { .fn = ask, .arg = &talk, .workers = 1 },
                                   { .fn = answer, .arg = &talk, .workers = 1 } };

    assert_ok(leat_chan_open(&talk.there, .capacity = 1));
    assert_ok(leat_chan_open(&talk.back, .capacity = 0));
    run_both(runtimes);
    leat_chan_destroy(&talk.there);
    leat_chan_destroy(&talk.back);
}

/* ---- pools ---- */

static int compute_and_send(void *arg)
{
    return leat_compute(send_all, arg); /* the job itself sends */
}

static int block_and_send(void *arg)
{
    return leat_blocking(send_all, arg);
}

/* Of each pool two calls and two tasks beside them. */
static void fill_from_pools(struct line *line, int capacity)
{
    LEAT_SCOPE(receivers);

    assert_ok(leat_chan_open(&line->chan, .capacity = (size_t)capacity));
    leat_spawn(&receivers, recv_all, line);
    {
        LEAT_SCOPE(senders);

        for (int i = 0; i < 2; i++) {
            leat_spawn(&senders, compute_and_send, line);
            leat_spawn(&senders, block_and_send, line);
            leat_spawn(&senders, send_all, line);
        }
        expect_ok(leat_scope_join(&senders));
    }
    leat_close(&line->chan);
    expect_ok(leat_scope_join(&receivers));
    check_line(line);
}

LEAT_TEST_TASK(across, jobs_calls_and_tasks_send_to_one_receiver)
{
    for (int capacity = 0; capacity < 8; capacity += 4) {
        struct line line = { .sum = 0 };

        fill_from_pools(&line, capacity);
    }
}

static int compute_from(void *arg)
{
    return leat_compute(recv_all, arg);
}

LEAT_TEST_TASK(across, a_job_receives_what_a_task_sends)
{
    struct line line = { .sum = 0 };
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(&line.chan, .capacity = 16));
    leat_spawn(&scope, compute_from, &line);
    leat_spawn(&scope, send_then_close, &line);
    expect_ok(leat_scope_join(&scope));
    check_line(&line);
}

/* Results of a loop's parts, as they come. */
static int send_part(void *data, size_t begin, size_t end)
{
    struct line *line = data;
    int err = 0;

    for (size_t i = begin; i < end && !err; i++) {
        long number = (long)i;

        err = leat_send(&line->chan, &number);
    }
    return err;
}

static int loop_and_close(void *arg)
{
    struct line *line = arg;

    int err = leat_parallel_for(0, NUMBERS, send_part, line);

    leat_close(&line->chan);
    return err;
}

LEAT_TEST_TASK(across, a_parallel_loop_sends_its_results)
{
    struct line line = { .sum = 0 };
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(&line.chan, .capacity = 64));
    leat_spawn(&scope, recv_all, &line);
    leat_spawn(&scope, loop_and_close, &line);
    expect_ok(leat_scope_join(&scope));
    check_line(&line);
}

/* ---- batches ---- */

static int send_batches(void *arg)
{
    struct line *line = arg;
    long numbers[7], first;

    while ((first = atomic_fetch_add(&line->next, 7)) < NUMBERS) {
        size_t count = first + 7 <= NUMBERS ? 7 : (size_t)(NUMBERS - first);
        ssize_t sent;

        for (size_t i = 0; i < count; i++)
            numbers[i] = first + (long)i;
        sent = leat_send_many(&line->chan, numbers, count);
        if (sent < 0)
            return (int)sent;
        expect_eq(sent, (ssize_t)count);
    }
    return 0;
}

struct counted {
    struct line *line;
    long         sum, count;
};

static int recv_batches(void *arg)
{
    struct counted *counted = arg;
    long numbers[5];
    ssize_t got;

    while ((got = leat_recv_many(&counted->line->chan, numbers, 5)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            counted->sum += numbers[i];
        counted->count += got;
    }
    return got == -EPIPE ? 0 : (int)got;
}

static void *send_batches_on_a_thread(void *arg)
{
    expect_ok(send_batches(arg));
    return NULL;
}

static int wait_for_thread(void *arg)
{
    return pthread_join(*(pthread_t *)arg, NULL);
}

LEAT_TEST_TASK(across, batches_of_tasks_and_threads_come_as_they_were_sent)
{
    static const size_t capacities[] = { 0, 1, 3, 100 };

    for (size_t c = 0; c < 4; c++) {
        struct line line = { .sum = 0 };
        struct counted counted[3] = { { .line = &line }, { .line = &line }, { .line = &line } };
        pthread_t thread;
        LEAT_SCOPE(receivers);

        assert_ok(leat_chan_open(&line.chan, .capacity = capacities[c]));
        for (int i = 0; i < 3; i++)
            leat_spawn(&receivers, recv_batches, &counted[i]);
        assert_ok(pthread_create(&thread, NULL, send_batches_on_a_thread, &line));
        {
            LEAT_SCOPE(senders);

            leat_spawn(&senders, send_batches, &line);
            leat_spawn(&senders, send_batches, &line);
            expect_ok(leat_scope_join(&senders));
        }
        expect_ok(leat_blocking(wait_for_thread, &thread));
        leat_close(&line.chan);
        expect_ok(leat_scope_join(&receivers));
        for (int i = 0; i < 3; i++) {
            line.sum += counted[i].sum;
            line.count += counted[i].count;
        }
        check_line(&line);
    }
}

/* ---- broadcasts and watches ---- */

enum { LISTENERS = 4, NEWS = 2000 };

struct news {
    struct leat_broadcast *broadcast;
    struct leat_watch     *watch;
    struct leat_subscriber subscribers[LISTENERS];
    long                   sums[LISTENERS];
    atomic_int             listeners; /* that have begun */
};

static void hear(void *arg)
{
    struct news *news = arg;
    int i = atomic_fetch_add(&news->listeners, 1);
    long number;

    while (leat_broadcast_recv(&news->subscribers[i], &number, NULL) == 0)
        news->sums[i] += number;
    leat_unsubscribe(&news->subscribers[i]);
}

static int hear_in_a_task(void *arg)
{
    hear(arg);
    return 0;
}

static void *hear_on_a_thread(void *arg)
{
    hear(arg);
    return NULL;
}

static int hear_in_a_job(void *arg)
{
    return leat_compute(hear_in_a_task, arg);
}

/* As a task, as a job of the compute pool, and as a call that may block. */
static int hear_in_three_places(void *arg)
{
    LEAT_SCOPE(scope);
    int err;

    leat_spawn(&scope, hear_in_a_task, arg);
    leat_spawn(&scope, hear_in_a_job, arg);
    err = leat_blocking(hear_in_a_task, arg);
    return err ? err : leat_scope_join(&scope);
}

static int tell(void *arg)
{
    struct news *news = arg;
    int err = 0;

    for (long i = 1; i <= NEWS && !err; i++) {
        err = leat_broadcast_send(news->broadcast, &i);
        if (!err)
            err = leat_watch_set(news->watch, &i);
    }
    leat_broadcast_close(news->broadcast);
    leat_watch_close(news->watch);
    return err;
}

LEAT_TEST(across, a_broadcast_reaches_tasks_jobs_calls_and_threads_of_another_runtime)
{
    struct news news = { .listeners = 0 };
    struct runtime runtimes[2] = { { .fn = tell, .arg = &news, .workers = 1 },
                                   { .fn = hear_in_three_places, .arg = &news, .workers = 2 } };
    pthread_t thread;
    uint64_t version = 0;
    long value = 0, last = -1;

    assert_ok(leat_broadcast_create(&news.broadcast, sizeof(long), 16, LEAT_SLOW_WAITS));
    assert_ok(leat_watch_create(&news.watch, sizeof(long), &value));
    for (int i = 0; i < LISTENERS; i++)
        leat_subscribe(&news.subscribers[i], news.broadcast);
    assert_ok(pthread_create(&thread, NULL, hear_on_a_thread, &news));
    run_both(runtimes);
    assert_ok(pthread_join(thread, NULL));
    for (int i = 0; i < LISTENERS; i++)
        expect_eq(news.sums[i], (long)NEWS * (NEWS + 1) / 2);
    while (leat_watch_next(news.watch, &version, &value) == 0) {
        expect_gt(value, last);
        last = value;
    }
    expect_eq(last, NEWS);
    leat_broadcast_destroy(news.broadcast);
    leat_watch_destroy(news.watch);
}

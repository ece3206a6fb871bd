/* SPDX-License-Identifier: MIT */
/* The process pool: jobs that crash, exit, stop, lie, never end, in processes that by the seed do
 * so by themselves. Each call ends once, with its answer or a clear error; a job that is not
 * idempotent starts once at most, and none starts when its call is over; the pool closes while
 * calls are under way, and leaves no process, descriptor or mapping. */
#include "sim/scenarios/scenario.h"

#include <leat/procs.h>

#include <signal.h>

enum { CALLS_MAX = 100, DEATHS_MAX = 3, LARGE = 40000 };

enum harm { HARM_NONE, HARM_EXIT, HARM_CRASH, HARM_STOP, HARM_LIE, HARM_ENDLESS, HARMS };

struct order {
    uint32_t  id, harm, bytes; /* bytes: of the answer, beside its begin */
    leat_time length;
};

struct answer {
    uint32_t id, check;
};

/* Of each call, in memory that virtual processes share. */
static struct {
    uint32_t starts;
    bool     over;
} ledger[CALLS_MAX];

static uint32_t calls, ended;

static void harm_itself(enum harm harm, struct leat_reply *reply)
{
    switch (harm) {
    case HARM_EXIT:
        leat_sim_exit(3);
    case HARM_CRASH:
        leat_sim_raise(SIGSEGV);
        break;
    case HARM_STOP:
        leat_sim_raise(SIGSTOP);
        break;
    case HARM_LIE:
        reply->bytes = SIZE_MAX / 2;
        break;
    case HARM_ENDLESS:
        (void)leat_sleep(LONG);
        break;
    case HARM_NONE:
    case HARMS:
        break;
    }
}

static int serve(const void *in, size_t in_bytes, struct leat_reply *reply, uint32_t starts_max)
{
    struct order order;
    struct answer answer;
    unsigned char *rest;

    leat_sim_expect(in_bytes == sizeof order || in_bytes == LARGE);
    memcpy(&order, in, sizeof order);
    leat_sim_expect(!ledger[order.id].over);
    leat_sim_expect(++ledger[order.id].starts <= starts_max);
    leat_sim_point();
    if (order.length > 0)
        (void)leat_sleep(order.length);
    answer = (struct answer){ order.id, order.id * 31 + 7 };
    if (leat_reply_write(reply, &answer, sizeof answer) != 0)
        return -ENOMEM;
    rest = leat_reply_reserve(reply, sizeof answer + order.bytes);
    if (!rest)
        return -ENOMEM;
    memset(rest + sizeof answer, (int)(order.id & 0xff), order.bytes);
    if (order.harm != HARM_LIE || order.bytes < LARGE) /* a file is cut to what is said of it */
        harm_itself((enum harm)order.harm, reply);
    return 0;
}

LEAT_REMOTE(sim_serve_once)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return serve(in, in_bytes, reply, 1);
}

LEAT_REMOTE(sim_serve_again, .idempotent = true)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return serve(in, in_bytes, reply, DEATHS_MAX);
}

/* ---- the callers ---- */

static struct leat_procs *procs;
static bool may_end, may_limit; /* harms, and limits of jobs */
static bool among_liars; /* half of the jobs lie, the others are good, and all are waited for */

static bool is_whole(const struct leat_reply *reply, const struct order *order)
{
    const unsigned char *rest = reply->data;
    struct answer answer;

    if (reply->bytes != sizeof answer + order->bytes)
        return false;
    memcpy(&answer, rest, sizeof answer);
    for (size_t i = sizeof answer; i < reply->bytes; i++)
        if (rest[i] != (order->id & 0xff))
            return false;
    return answer.id == order->id && answer.check == order->id * 31 + 7;
}

/* Does the way in which it ended fit its result, and what may happen? */
static bool is_clear(int err, const struct leat_reply *reply)
{
    bool faults = leat_sim_has_faults();

    switch (reply->end) {
    case LEAT_REMOTE_NOT_RUN:
        return err == -ETIMEDOUT || err == -ECANCELED || (faults && (err == -ENOMEM ||
               err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -EAGAIN));
    case LEAT_REMOTE_RETURNED:
        return err == 0 || (faults && err == -ENOMEM);
    case LEAT_REMOTE_ABANDONED:
        return err == -ETIMEDOUT || err == -ECANCELED;
    case LEAT_REMOTE_SIGNALED:
    case LEAT_REMOTE_EXITED:
    case LEAT_REMOTE_STOPPED:
        return err == -ECHILD && (faults || may_end);
    case LEAT_REMOTE_QUARANTINED:
        return err == -ECHILD && (faults || may_end);
    case LEAT_REMOTE_LOST:
        return err == -ECHILD && faults;
    case LEAT_REMOTE_LIED:
        return err == -EBADMSG && (faults || may_end);
    case LEAT_REMOTE_TIMED_OUT:
        return err == -ETIMEDOUT && may_limit;
    case LEAT_REMOTE_CPU:
        return err == -ECHILD && reply->status == SIGXCPU && may_limit;
    }
    return false;
}

static void call_once(uint32_t id)
{
    bool once = leat_sim_choose(2), large = leat_sim_choose(8) == 0;
    static unsigned char inputs[CALLS_MAX][LARGE];
    struct leat_reply reply = { 0 };
    struct order order = { .id = id };
    int err;
    LEAT_LIMIT(among_liars ? LONG : draw_limit());

    order.bytes = leat_sim_choose(8) ? leat_sim_choose(100) : LARGE;
    order.length = leat_sim_choose(2) * (leat_time)leat_sim_choose(300) * LEAT_USEC;
    if (may_end && leat_sim_choose(3) == 0)
        order.harm = leat_sim_choose(may_limit ? HARMS : HARM_ENDLESS);
    if (among_liars) {
        large = false;
        order.bytes = 0;
        order.harm = leat_sim_choose(2) ? HARM_LIE : HARM_NONE;
        order.length = (leat_time)leat_sim_choose(20) * LEAT_MSEC;
    }
    memcpy(inputs[id], &order, sizeof order);
    err = leat_procs_call(procs, once ? sim_serve_once : sim_serve_again, inputs[id],
                          large ? LARGE : sizeof order, &reply);
    leat_sim_expect(!ledger[id].over && is_clear(err, &reply));
    leat_sim_expect(reply.end == LEAT_REMOTE_ABANDONED || ledger[id].starts <= reply.attempts);
    if (reply.end != LEAT_REMOTE_ABANDONED)
        ledger[id].over = true;
    if (among_liars)
        leat_sim_expect(err == 0 || order.harm != HARM_NONE);
    if (err == 0)
        leat_sim_expect(ledger[id].starts > 0 && is_whole(&reply, &order));
    leat_reply_fini(&reply);
    ended++;
}

static int calls_some(void *arg)
{
    uint32_t first = (uint32_t)(uintptr_t)arg, count = leat_sim_size() / 8 + 1;

    for (uint32_t i = 0; i < count && first + i < calls; i++) {
        dwell();
        call_once(first + i);
    }
    return 0;
}

/* ---- the pool ---- */

static const struct leat_procs_options *draw_options(struct leat_procs_options *options)
{
    *options = (struct leat_procs_options){ .size = sizeof *options };
    options->workers = 1 + leat_sim_choose(3);
    options->jobs_max = leat_sim_choose(2) * leat_sim_choose(4);
    may_limit = leat_sim_choose(3) == 0;
    if (may_limit)
        options->job_ns = (1 + (leat_time)leat_sim_choose(20)) * LEAT_MSEC;
    if (may_limit && leat_sim_choose(2))
        options->cpu_ns = (1 + (leat_time)leat_sim_choose(20)) * LEAT_MSEC;
    options->grace_ns = (1 + (leat_time)leat_sim_choose(20)) * LEAT_MSEC;
    return options;
}

/* Until each call there will be is in the pool, or over. */
static void wait_until_all_are_in(void)
{
    struct leat_procs_stats stats;
    leat_time end = leat_after(LEAT_HOUR), pause = 50 * LEAT_USEC;

    do {
        leat_sim_expect(leat_now() < end);
        (void)leat_sleep(pause);
        pause += pause / 8; /* what the seed has come late may take seconds */
        leat_procs_stats_read(procs, &stats);
    } while (ended + stats.calls - stats.returned - stats.failed < calls);
}

static void use_pool(uint32_t end)
{
    struct leat_procs_stats stats;
    uint32_t each = leat_sim_size() / 8 + 1;
    bool spawned = true;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    for (uint32_t i = 0; i < calls && spawned; i += each)
        spawned = leat_spawn(&scope, calls_some, (void *)(uintptr_t)i) == 0;
    if (end == 0 && spawned) {
        wait_until_all_are_in();
        leat_procs_close(procs);
        procs = NULL;
    } else if (end == 1) {
        (void)leat_sleep((leat_time)leat_sim_choose(3000) * LEAT_USEC);
        leat_scope_cancel(&scope);
    }
    (void)leat_scope_join(&scope);
    if (!procs)
        return;
    leat_procs_stats_read(procs, &stats);
    leat_sim_expect(stats.returned + stats.failed == stats.calls && stats.queued == 0);
    leat_procs_close(procs);
}

static void draw_and_use_pool(void)
{
    struct leat_procs_options options;
    int err;

    memset(ledger, 0, sizeof ledger);
    ended = 0;
    calls = 1 + leat_sim_size() * (CALLS_MAX - 1) / 100;
    may_end = leat_sim_choose(2);
    among_liars = false;
    err = leat_procs_open(&procs, draw_options(&options));
    if (err)
        leat_sim_expect(leat_sim_has_faults()); /* any call on its way may have failed */
    else
        use_pool(leat_sim_choose(3));
}

SCENARIO_WITH_FAULTS(processes)
{
    draw_and_use_pool();
}

/* In each seed, and often. */
SCENARIO_OF(processes_that_die, .seeds = 200, .faults = true,
            .with = "death=100,io_error=30,no_memory=5,faults_end=2000000000")
{
    draw_and_use_pool();
}

/* A job that began before its worker was found a liar ends as it would have. */
SCENARIO(jobs_among_liars)
{
    struct leat_procs_options options = { .size = sizeof options, .workers = 1,
                                          .job_ns = LEAT_SEC, .grace_ns = LEAT_MSEC };

    memset(ledger, 0, sizeof ledger);
    ended = 0;
    calls = 2 + leat_sim_choose(8);
    may_end = may_limit = among_liars = true;
    leat_sim_expect(leat_procs_open(&procs, &options) == 0);
    use_pool(2);
    leat_sim_expect(ended == calls);
}

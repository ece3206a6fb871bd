/* SPDX-License-Identifier: MIT */
/* R9 under simulation: programs that use the runtime in a dozen ways are cancelled at each of their
 * suspensions, then ended there by a deadline, on schedules by seed. Whatever happened, permits,
 * elements, memory and tasks are all there when they have ended. */
#include "harness/test.h"

#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Each begins with these at 0. */
static struct {
    int               made, gone;     /* elements */
    int               started, ended; /* tasks, calls */
    int               inside;
    struct leat_chan *chan, *other;
    struct leat_mutex     mutex;
    struct leat_condition condition;
    struct leat_semaphore semaphore;
    struct leat_rwlock    rwlock;
} s;

#define PERMITS 2

static bool begin(void)
{
    const struct leat_chan_options options = { .size = sizeof options, .capacity = 2 };
    const struct leat_chan_options by_hand = { .size = sizeof by_hand };

    memset(&s, 0, sizeof s);
    leat_semaphore_init(&s.semaphore, PERMITS);
    return leat_chan_create(&s.chan, sizeof(int), &options) == 0 &&
           leat_chan_create(&s.other, sizeof(int), &by_hand) == 0;
}

/* The root task's, when all of it is over. */
static int is_whole(void *arg)
{
    int element;

    (void)arg;
    while (leat_chan_try_recv(s.chan, &element) == 0)
        s.gone++;
    leat_sim_expect(s.made == s.gone && s.started == s.ended && s.inside == 0);
    leat_sim_expect(leat_semaphore_available(&s.semaphore) == PERMITS);
    leat_sim_expect(leat_mutex_try_lock(&s.mutex) == 0);
    leat_mutex_unlock(&s.mutex);
    leat_sim_expect(leat_rwlock_try_lock_write(&s.rwlock) == 0);
    leat_rwlock_unlock_write(&s.rwlock);
    leat_chan_free(s.chan);
    leat_chan_free(s.other);
    return 0;
}

/* fn as a few tasks in a scope; those that were started end. */
static int crowd(int (*fn)(void *arg), int count)
{
    LEAT_SCOPE(scope);
    for (intptr_t i = 0; i < count; i++)
        s.started += leat_spawn(&scope, fn, (void *)i) == 0;
    return leat_scope_join(&scope);
}

static int end(int err)
{
    s.ended++;
    return err;
}

/* ---- permits and locks ---- */

static int takes_permits(void *arg)
{
    int err = leat_semaphore_acquire(&s.semaphore, 1 + (arg == NULL));

    if (!err) {
        err = leat_sleep(LEAT_MSEC);
        leat_semaphore_release(&s.semaphore, 1 + (arg == NULL));
    }
    return end(err);
}

static int semaphores(void *arg)
{
    (void)arg;
    return begin() ? crowd(takes_permits, 3) : -ENOMEM;
}

static int locks(void *arg)
{
    int err = leat_mutex_lock(&s.mutex);

    (void)arg;
    if (!err) {
        leat_sim_expect(s.inside++ == 0);
        err = leat_sleep(LEAT_MSEC);
        s.inside--;
        leat_mutex_unlock(&s.mutex);
    }
    return end(err);
}

static int mutexes(void *arg)
{
    (void)arg;
    return begin() ? crowd(locks, 3) : -ENOMEM;
}

static int waits_or_signals(void *arg)
{
    int err = leat_mutex_lock(&s.mutex);

    if (err)
        return end(err);
    if (arg) {
        while (!err && s.made == s.gone)
            err = leat_condition_wait(&s.condition, &s.mutex);
        if (!err)
            s.gone++;
    } else {
        err = leat_sleep(LEAT_MSEC); /* with the mutex */
        s.made += 2;
        leat_condition_signal(&s.condition);
        leat_condition_signal(&s.condition);
    }
    leat_mutex_unlock(&s.mutex);
    return end(err);
}

/* Two wait, one signals both; what nobody took is taken at the end. */
static int conditions(void *arg)
{
    int err;

    (void)arg;
    if (!begin())
        return -ENOMEM;
    err = crowd(waits_or_signals, 3);
    s.gone = s.made;
    return err;
}

static int reads_or_writes(void *arg)
{
    int err = arg ? leat_rwlock_lock_read(&s.rwlock) : leat_rwlock_lock_write(&s.rwlock);

    if (!err) {
        err = leat_sleep(LEAT_MSEC);
        if (arg)
            leat_rwlock_unlock_read(&s.rwlock);
        else
            leat_rwlock_unlock_write(&s.rwlock);
    }
    return end(err);
}

static int rwlocks(void *arg)
{
    (void)arg;
    return begin() ? crowd(reads_or_writes, 4) : -ENOMEM;
}

/* ---- elements ---- */

static int sends_or_receives(void *arg)
{
    bool receives = (intptr_t)arg % 2;
    int err = 0, element = 0;

    for (int i = 0; i < 5 && !err; i++) {
        if (leat_sim_choose(2))
            err = leat_sleep(LEAT_MSEC);
        if (!err)
            err = receives ? leat_chan_recv(s.chan, &element) : leat_chan_send(s.chan, &element);
        s.made += !err && !receives;
        s.gone += !err && receives;
    }
    return end(err);
}

static int channels(void *arg)
{
    (void)arg;
    return begin() ? crowd(sends_or_receives, 4) : -ENOMEM;
}

static int chooses(void *arg)
{
    bool receives = (intptr_t)arg % 2;
    int err = 0, in = 0, out = 0;

    for (int i = 0; i < 4 && !err; i++) {
        int index = leat_select(receives ? leat_case_recv(s.other, &in)
                                         : leat_case_send(s.other, &out),
                                receives ? leat_case_send(s.chan, &out)
                                         : leat_case_recv(s.chan, &in),
                                LEAT_ACQUIRE(&s.semaphore, PERMITS), LEAT_AFTER(LEAT_MSEC));

        err = index < 0 ? index : 0;
        s.made += index == receives;
        s.gone += index == !receives;
        if (index == 2) {
            err = leat_sleep(LEAT_MSEC);
            leat_semaphore_release(&s.semaphore, PERMITS);
        }
    }
    return end(err);
}

static int selects(void *arg)
{
    (void)arg;
    return begin() ? crowd(chooses, 4) : -ENOMEM;
}

/* ---- tasks ---- */

static int grows(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    int err = leat_sleep(LEAT_USEC);

    if (!err && depth > 0) {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 2; i++)
            s.started += leat_spawn(&scope, grows, (void *)(depth - 1)) == 0;
        err = leat_scope_join(&scope);
    }
    return end(err);
}

static int scopes(void *arg)
{
    (void)arg;
    return begin() ? crowd(grows, 3) : -ENOMEM;
}

/* Its results are handed out while there is time; each of its tasks has ended in any case. */
static int results(void *arg)
{
    struct leat_ended ended;
    int err = 0;

    (void)arg;
    if (!begin())
        return -ENOMEM;
    LEAT_SCOPE(scope, .keep = true, .on_error = LEAT_COLLECT);
    for (int i = 0; i < 3; i++)
        s.started += leat_spawn(&scope, grows, NULL) == 0;
    while ((err = leat_scope_next(&scope, &ended)) == 0)
        s.inside++;
    leat_sim_expect(err == -ENODATA ? s.inside == s.started
                                    : err == -ECANCELED || err == -ETIMEDOUT);
    s.inside = 0;
    return leat_scope_join(&scope);
}

static int takes_long(void *arg)
{
    bool *under_way = arg;

    *under_way = true;
    s.inside++;
    (void)leat_sleep(LEAT_MSEC);
    s.inside--;
    *under_way = false;
    return 0;
}

/* Calls on the caller's memory are waited for, or were never made. */
static int calls(void *arg)
{
    bool under_way = false;
    int err = arg ? leat_blocking(takes_long, &under_way) : leat_compute(takes_long, &under_way);

    leat_sim_expect(!under_way);
    return end(err);
}

static int pools(void *arg)
{
    (void)arg;
    return begin() ? crowd(calls, 4) : -ENOMEM;
}

/* ---- patterns ---- */

static int makes(void *out, void *arg)
{
    (void)arg;
    if (s.made == 4)
        return -ENODATA;
    *(int *)out = s.made++;
    return 0;
}

static int passes(const void *in, void *out, void *arg)
{
    (void)arg;
    memcpy(out, in, sizeof(int));
    return leat_sleep(LEAT_USEC);
}

static int pipelines(void *arg)
{
    const struct leat_source source = { makes, NULL, sizeof(int) };
    struct leat_stage stages[] = {
        { .fn = passes, .out_bytes = sizeof(int), .width = 2, .ordered = true, .capacity = 1 },
        { .fn = passes, .out_bytes = sizeof(int), .capacity = 1 },
    };
    int err;

    (void)arg;
    if (!begin())
        return -ENOMEM;
    err = leat_pipeline(&source, stages, 2);
    leat_sim_expect(err || (stages[1].passed == 4 && s.made == 4));
    leat_sim_expect(stages[1].taken <= stages[0].passed && stages[0].taken <= 4);
    s.gone = s.made;
    return err;
}

static int generates(struct leat_gen *gen, void *arg)
{
    int err = 0;

    (void)arg;
    s.started++;
    for (int i = 0; i < 3 && !err; i++) {
        err = leat_sleep(LEAT_MSEC);
        if (!err)
            err = leat_yield_value(gen, &i);
    }
    return end(err);
}

static int generators(void *arg)
{
    int err, number;

    (void)arg;
    if (!begin())
        return -ENOMEM;
    {
        LEAT_GEN(gen, int, generates, NULL);
        while ((err = leat_next(&gen, &number)) == 0)
            s.inside++;
        leat_sim_expect(err != -ENODATA || s.inside == 3);
    }
    leat_sim_expect(s.started == 1);
    s.inside = 0;
    return err == -ENODATA ? 0 : err;
}

static int fails_twice(void *arg)
{
    int err = leat_sleep(LEAT_SEC);

    (void)arg;
    return err ? err : ++s.inside <= 2 ? -EIO : 0;
}

static int retries(void *arg)
{
    int err;

    (void)arg;
    if (!begin())
        return -ENOMEM;
    err = leat_retry(fails_twice, NULL, .delay = LEAT_HOUR);
    leat_sim_expect(err || s.inside == 3);
    s.inside = 0;
    return err;
}

static const struct {
    const char *name;
    int (*fn)(void *arg);
} scenarios[] = {
    { "semaphores", semaphores }, { "mutexes", mutexes },       { "conditions", conditions },
    { "rwlocks", rwlocks },       { "channels", channels },     { "selects", selects },
    { "scopes", scopes },         { "results", results },       { "pools", pools },
    { "pipelines", pipelines },   { "generators", generators }, { "retries", retries },
};

#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])

LEAT_TEST(sim_everywhere, nothing_is_lost_to_a_cancel_or_a_deadline_at_any_suspension)
{
    static struct leat_sim_report report;
    uint64_t points = 0, fail = 0;

    for (size_t i = 0; i < SCENARIOS; i++) {
        int err = leat_sim_cancel_everywhere(scenarios[i].fn, NULL,
                                             LEAT_SIM_OPTIONS(.seeds = test_rounds(50, 2000),
                                                              .name = scenarios[i].name,
                                                              .check = is_whole,
                                                              .report = &report));

        expect_ok(err);
        expect_gt(report.suspensions, 20);
        fail += err != 0;
        points += report.suspensions;
        printf("R9 scenario=%s points=%llu runs=%llu\n", scenarios[i].name,
               (unsigned long long)report.suspensions, (unsigned long long)report.seeds);
    }
    printf("R9 scenarios=%zu points=%llu fail=%llu\n", SCENARIOS, (unsigned long long)points,
           (unsigned long long)fail);
}

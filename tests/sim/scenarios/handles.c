/* SPDX-License-Identifier: MIT */
/* Tasks by handle, results one by one, races, limits: a result is handed out once to each who asks
 * for it and to nobody else, and who is cancelled ends, started or not. */
#include "sim/scenarios/scenario.h"

#define TASKS_MAX 100

static struct {
    struct leat_task task[TASKS_MAX];
    bool             cancelled[TASKS_MAX], told[TASKS_MAX]; /* before the call, and after it */
    bool             forgotten[TASKS_MAX], ended[TASKS_MAX];
    uint32_t         count, done;
} s;

static void begin(uint32_t count)
{
    memset(&s, 0, sizeof s);
    s.count = count;
}

/* Its result says which it was, or -ECANCELED. */
static int works(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    bool long_one = leat_sim_choose(4) == 0;
    int err = 0;

    if (s.told[me])
        leat_sim_expect(leat_cancelled() == -ECANCELED);
    if (leat_sim_choose(2) || long_one)
        err = leat_sleep(long_one ? 10 * LEAT_SEC : (leat_time)leat_sim_choose(1000) * LEAT_USEC);
    leat_sim_expect(err == 0 || (err == -ECANCELED && s.cancelled[me]));
    s.ended[me] = true;
    return err ? err : (int)me;
}

static void is_done(void *arg, int result)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;

    leat_sim_expect(s.ended[me] && (result == (int)me || result == -ECANCELED));
    s.done++;
}

static void join_one(uint32_t i)
{
    int result = -1, err;
    LEAT_LIMIT(draw_limit());

    err = leat_task_join(s.task[i], &result);
    if (err == -ESRCH) {
        leat_sim_expect(s.forgotten[i]);
    } else if (err == 0) {
        leat_sim_expect(s.ended[i]);
        leat_sim_expect(result == (int)i || (result == -ECANCELED && s.cancelled[i]));
    } else {
        leat_sim_expect(err == -ETIMEDOUT);
    }
}

/* Asks for tasks in any order, by call and by select; cancels and forgets some. */
static int observes(void *arg)
{
    (void)arg;
    for (uint32_t round = 0; round < s.count; round++) {
        uint32_t i = leat_sim_choose(s.count);
        int status, result = -1;

        switch (leat_sim_choose(8)) {
        case 0:
            s.cancelled[i] = true;
            status = leat_task_cancel(s.task[i]);
            leat_sim_expect(status == 0 || (status == -ESRCH && s.forgotten[i]));
            s.told[i] = s.told[i] || status == 0;
            break;
        case 1:
            s.forgotten[i] = true;
            leat_task_forget(s.task[i]);
            leat_sim_expect(leat_task_status(s.task[i]) == -ESRCH);
            break;
        case 2:
            status = leat_task_status(s.task[i]);
            leat_sim_expect((status == -ESRCH && s.forgotten[i]) || status >= 0);
            if (status == LEAT_TASK_ENDED)
                leat_sim_expect(s.ended[i]);
            break;
        case 3: {
            LEAT_LIMIT(draw_limit());
            status = leat_select(LEAT_DONE(&s.task[i], &result),
                                 LEAT_AFTER((leat_time)leat_sim_choose(100) * LEAT_USEC));
            if (status == 0)
                leat_sim_expect(s.ended[i] && (result == (int)i || result == -ECANCELED));
            else
                leat_sim_expect(status == 1 || status == -ETIMEDOUT || status == -ESRCH);
            break;
        }
        default: join_one(i); break;
        }
    }
    return 0;
}

SCENARIO(handles)
{
    begin(leat_sim_size());
    {
        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
        LEAT_SCOPE(observers);

        for (uintptr_t i = 0; i < s.count; i++)
            leat_sim_expect(leat_spawn_handle(&scope, &s.task[i], works, (void *)i,
                                              LEAT_TASK_OPTIONS(.on_done = is_done,
                                                                .on_done_arg = (void *)i)) == 0);
        for (uint32_t i = 0; i < 1 + leat_sim_choose(4); i++)
            leat_sim_expect(leat_spawn(&observers, observes, NULL) == 0);
        leat_sim_expect(leat_scope_join(&observers) == 0);
        (void)leat_scope_join(&scope);
        leat_sim_expect(s.done == s.count);
        for (uint32_t i = 0; i < s.count; i++)
            leat_sim_expect(leat_task_status(s.task[i]) == -ESRCH);
    }
}

/* ---- handles that are forgotten while their scope ends ---- */

static uint32_t open_scopes;

static int naps_briefly(void *arg)
{
    dwell();
    (void)arg;
    return 0;
}

static int forgets(void *arg)
{
    (void)arg;
    while (open_scopes > 0) {
        leat_task_forget(s.task[leat_sim_choose(s.count)]);
        if (leat_sim_choose(4) == 0)
            (void)leat_sleep(LEAT_USEC);
    }
    return 0;
}

static int opens_scopes(void *arg)
{
    uint32_t first = (uint32_t)(uintptr_t)arg * s.count / 4;

    for (uint32_t round = 0; round < 4; round++) {
        LEAT_SCOPE(scope);

        for (uint32_t i = first; i < first + s.count / 4; i++)
            leat_sim_expect(leat_spawn_handle(&scope, &s.task[i], naps_briefly, NULL, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    open_scopes--;
    return 0;
}

SCENARIO(handles_that_go)
{
    begin(4 * (1 + leat_sim_choose(6)));
    open_scopes = 1 + leat_sim_choose(4);
    LEAT_SCOPE(scope);
    for (uintptr_t i = open_scopes; i > 0; i--)
        leat_sim_expect(leat_spawn(&scope, opens_scopes, (void *)(i - 1)) == 0);
    for (uint32_t i = 0; i < 1 + leat_sim_choose(2); i++)
        leat_sim_expect(leat_spawn(&scope, forgets, NULL) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
}

/* ---- each result once, to one of those who ask for the next ---- */

static struct leat_scope open_scope;
static uint32_t handed_out[TASKS_MAX], spawned;

static int answers(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;

    dwell();
    s.ended[me] = true;
    return (int)me;
}

static int asks_for_the_next(void *arg)
{
    int err = 0;

    (void)arg;
    while (err != -ENODATA) {
        struct leat_ended ended;
        LEAT_LIMIT(draw_limit());

        err = leat_scope_next(&open_scope, &ended);
        leat_sim_expect(err == 0 || err == -ENODATA || err == -ETIMEDOUT);
        if (err)
            continue;
        leat_sim_expect(ended.result == (int)(uintptr_t)ended.arg && s.ended[ended.result]);
        leat_sim_expect(handed_out[ended.result]++ == 0);
        if (spawned < s.count && leat_sim_choose(2)) {
            uintptr_t next = spawned++;

            leat_sim_expect(leat_spawn(&open_scope, answers, (void *)next) == 0);
        }
    }
    return 0;
}

SCENARIO(results_one_by_one)
{
    begin(leat_sim_size());
    memset(handed_out, 0, sizeof handed_out);
    spawned = 0;
    leat_sim_expect(leat_scope_open(&open_scope, LEAT_SCOPE_OPTIONS(.keep = true)) == 0);
    {
        LEAT_SCOPE(askers);

        for (uintptr_t i = 0; i < 1 + s.count / 2; i++) {
            spawned++;
            leat_sim_expect(leat_spawn(&open_scope, answers, (void *)i) == 0);
        }
        for (uint32_t i = 0; i < 1 + leat_sim_choose(3); i++)
            leat_sim_expect(leat_spawn(&askers, asks_for_the_next, NULL) == 0);
        leat_sim_expect(leat_scope_join(&askers) == 0);
    }
    leat_sim_expect(leat_scope_close(&open_scope) == 0);
    for (uint32_t i = 0; i < spawned; i++)
        leat_sim_expect(handed_out[i] == 1);
}

/* ---- a scope that is cancelled hands out all its results too ---- */

static int fails_at;

static int naps(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    int err = leat_sleep((leat_time)leat_sim_choose(300) * LEAT_USEC);

    s.ended[me] = true;
    return !err && (int)me == fails_at ? -EPROTO : err;
}

SCENARIO(results_of_a_cancelled_scope)
{
    struct leat_ended ended;
    uint32_t got = 0;
    bool ends = leat_sim_choose(2);
    int err;

    begin(leat_sim_size());
    fails_at = (int)leat_sim_choose(2 * s.count);
    LEAT_SCOPE(scope, .keep = true);
    for (uintptr_t i = 0; i < s.count; i++)
        leat_sim_expect(leat_spawn(&scope, naps, (void *)i) == 0);
    if (ends && leat_sleep((leat_time)leat_sim_choose(300) * LEAT_USEC) == 0)
        leat_scope_cancel(&scope);
    while ((err = leat_scope_next(&scope, &ended)) == 0) {
        leat_sim_expect(s.ended[(uintptr_t)ended.arg]);
        leat_sim_expect(ended.result == 0 || ended.result == -EPROTO || ended.result == -ECANCELED);
        got++;
    }
    leat_sim_expect(err == -ENODATA && got == s.count);
    (void)leat_scope_join(&scope);
}

/* ---- races: who ended first has won, and ends those who would go on for an hour ---- */

static leat_time ended_at[TASKS_MAX];
static int ended_with[TASKS_MAX];
static enum leat_race kind;

static int races(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg, way = leat_sim_choose(8);
    int result = leat_sim_choose(3) ? 1 + (int)me : -EPROTO, err = 0;

    if (way == 0)
        err = leat_sleep(LEAT_HOUR);
    else if (way == 1)
        LEAT_SHIELD (LEAT_NEVER)
            err = leat_sleep(LEAT_MINUTE);
    else if (way < 6)
        err = leat_sleep((leat_time)leat_sim_choose(200) * LEAT_USEC);
    leat_sim_expect(err == 0 || err == -ECANCELED);
    ended_at[me] = leat_now();
    ended_with[me] = err ? err : result;
    s.done++;
    return ended_with[me];
}

/* The earliest end of those who count, or of those of them that ended with `result`. */
static leat_time earliest(const int *result)
{
    leat_time found = LEAT_NEVER;

    for (uint32_t i = 0; i < s.count; i++)
        if ((kind == LEAT_RACE_FINISHED || ended_with[i] >= 0) &&
            (!result || ended_with[i] == *result) && ended_at[i] < found)
            found = ended_at[i];
    return found;
}

SCENARIO(races)
{
    leat_time began = leat_now(), first;
    int result;

    begin(1 + leat_sim_choose(8));
    kind = leat_sim_choose(2) ? LEAT_RACE_FINISHED : LEAT_RACE_SUCCESS;
    LEAT_SCOPE(scope, .race = kind);
    for (uintptr_t i = 0; i < s.count; i++)
        leat_sim_expect(leat_spawn(&scope, races, (void *)i) == 0);
    result = leat_scope_race(&scope);
    leat_sim_expect(s.done == s.count);
    leat_sim_expect(leat_scope_join(&scope) == result);
    first = earliest(NULL);
    if (first == LEAT_NEVER) {
        leat_sim_expect(result == -EPROTO);
        return;
    }
    leat_sim_expect(earliest(&result) < first + LEAT_MINUTE / 2);
    leat_sim_expect(leat_now() < first + 2 * LEAT_MINUTE);
    leat_sim_expect(began <= first);
}

/* ---- so many at once ---- */

static uint32_t running, most;

static int runs(void *arg)
{
    (void)arg;
    running++;
    leat_sim_expect(running <= most);
    dwell();
    running--;
    s.done++;
    return 0;
}

static int spawns_within_a_limit(void *arg)
{
    for (uint32_t i = 0; i < s.count; i++) {
        int err;
        LEAT_LIMIT(draw_limit());

        err = leat_spawn(arg, runs, NULL);
        leat_sim_expect(err == 0 || err == -ETIMEDOUT);
        spawned += err == 0;
    }
    return 0;
}

SCENARIO(limited_scopes)
{
    begin(leat_sim_size() / 4 + 1);
    running = spawned = 0;
    most = leat_sim_capacity() / 8 + 1;
    leat_sim_expect(leat_scope_open(&open_scope, LEAT_SCOPE_OPTIONS(.limit = most,
                                                                    .on_error = LEAT_COLLECT)) ==
                    0);
    {
        LEAT_SCOPE(spawners);

        for (uint32_t i = 0; i < 1 + leat_sim_choose(3); i++)
            leat_sim_expect(leat_spawn(&spawners, spawns_within_a_limit, &open_scope) == 0);
        leat_sim_expect(leat_scope_join(&spawners) == 0);
    }
    (void)leat_scope_close(&open_scope);
    leat_sim_expect(s.done == spawned && running == 0);
}

/* SPDX-License-Identifier: MIT */
/* The two tasks that keep the pool whole. The keeper reads what the zygote reports and puts a new
 * worker where one died; when the zygote itself is gone it starts another, and all workers anew.
 * The timekeeper ends jobs that run for too long, makes the starts that were put off, and looks
 * whether the zygote was stopped; it sleeps without a timer while no job is under way. */
#include "procs/pool.h"

#include <leat/error.h>
#include <leat/pool.h>
#include <leat/time.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define TICK      (100 * LEAT_MSEC)
#define TICK_MIN  LEAT_MSEC
#define DELAY_MAX (500 * LEAT_MSEC) /* a worker is replaced in under a second, whatever happened */

/* Lives in a row, of every worker, that ended before any job: then nothing will ever come of it. */
#define FRUITLESS_MAX 6u

/* ---- starting again ---- */

/* With the lock. */
static void plan_start(struct leat__proc *worker, leat_time delay)
{
    struct leat_procs *procs = worker->procs;

    worker->start_at = leat_after(delay);
    if (!procs->timing) {
        procs->timing = true;
        leat_semaphore_release(&procs->kick, 1);
    }
}

static leat_time delay_of(const struct leat__proc *worker)
{
    leat_time delay;

    if (worker->fruitless < 2)
        return 0; /* it may have been killed by somebody */
    delay = 10 * LEAT_MSEC << (worker->fruitless < 8 ? worker->fruitless : 8);
    return delay < DELAY_MAX ? delay : DELAY_MAX;
}

/* With the lock. Where nobody can, the keeper starts them all when it has another zygote. */
static bool can_start(const struct leat_procs *procs)
{
    return procs->socket >= 0 && !(procs->closing && procs->calls == 0);
}

/* Start it if it is due, unless somebody else does. */
static void start_due(struct leat__proc *worker)
{
    struct leat_procs *procs = worker->procs;
    bool due, closed;
    int err;

    pthread_mutex_lock(&procs->lock);
    due = worker->state == LEAT__PROC_GONE && worker->start_at <= leat_now() && can_start(procs);
    if (due)
        worker->start_at = LEAT_NEVER;
    pthread_mutex_unlock(&procs->lock);
    if (!due)
        return;
    err = leat__proc_start(worker);
    if (!err)
        return;
    pthread_mutex_lock(&procs->lock);
    worker->fruitless++;
    plan_start(worker, DELAY_MAX / 4);
    closed = procs->closing && procs->calls == 0; /* then it was to be expected */
    pthread_mutex_unlock(&procs->lock);
    if (!closed)
        leat__procs_log(procs, LEAT_LOG_WARN, "a worker process could not be started: %s",
                        leat_error_text(err));
}

/* With the lock: when no worker lives, nor ever seems to, what is queued fails. */
static void give_up_hope(struct leat_procs *procs)
{
    for (unsigned i = 0; i < procs->options.workers; i++)
        if (procs->workers[i].fruitless < FRUITLESS_MAX)
            return;
    while (procs->queued > 0) {
        struct leat__list *node = leat__list_pop_front(&procs->queue);

        procs->queued--;
        leat__job_end(procs, leat__list_entry(node, struct leat__job, node), LEAT_REMOTE_LOST, 0,
                      -ECHILD);
    }
}

/* ---- reports ---- */

/* With the lock; NULL: another life has begun there. */
static struct leat__proc *find(struct leat_procs *procs, uint32_t id)
{
    for (unsigned i = 0; i < procs->options.workers; i++)
        if (procs->workers[i].id == id && procs->workers[i].state != LEAT__PROC_GONE)
            return &procs->workers[i];
    return NULL;
}

/* With the lock. */
static void bury(struct leat__proc *worker, int status, bool lost)
{
    leat__flight_settle(worker, status, lost);
    leat__proc_clear(worker);
    if (worker->gone_at == 0) /* else it was never born: the place is empty since the last death */
        worker->gone_at = leat_now();
    plan_start(worker, delay_of(worker));
    give_up_hope(worker->procs);
}

static void died(struct leat_procs *procs, const struct leat__report *report)
{
    bool refused = report->kind == LEAT__REPORT_REFUSED;
    int status = refused ? 0 : report->value;
    struct leat__wakes wakes = { .count = 0 };
    struct leat__proc *worker;
    bool fruitless = false; /* else it was a job that exited so */

    pthread_mutex_lock(&procs->lock);
    worker = find(procs, report->id);
    if (worker) {
        bury(worker, status, refused);
        fruitless = worker->fruitless > 0;
        leat__procs_dispatch(procs, &wakes);
    }
    pthread_mutex_unlock(&procs->lock);
    leat__wakes_run(&wakes);
    if (refused)
        leat__procs_log(procs, LEAT_LOG_WARN, "a worker process could not be forked: %s",
                        leat_error_text(report->value));
    else if (fruitless && WIFEXITED(status) &&
             WEXITSTATUS(status) == LEAT__WORKER_SETUP_FAILED)
        leat__procs_log(procs, LEAT_LOG_WARN,
                        "a worker process could not set its limits or its jail");
    if (worker)
        start_due(worker);
}

/* With the lock. */
static void born(struct leat__proc *worker, pid_t pid)
{
    struct leat_procs_stats *stats = &worker->procs->stats;
    leat_time length = leat_now() - worker->gone_at;

    worker->pid = pid;
    if (worker->gone_at == 0)
        return;
    worker->gone_at = 0;
    stats->replaced++;
    if (length > (leat_time)stats->replace_ns_max)
        stats->replace_ns_max = (uint64_t)length;
}

static void take_report(struct leat_procs *procs, const struct leat__report *report)
{
    struct leat__proc *worker;

    switch (report->kind) {
    case LEAT__REPORT_DIED:
    case LEAT__REPORT_REFUSED:
        died(procs, report);
        return;
    case LEAT__REPORT_BORN:
    case LEAT__REPORT_STOPPED:
        pthread_mutex_lock(&procs->lock);
        worker = find(procs, report->id);
        if (worker && report->kind == LEAT__REPORT_BORN)
            born(worker, report->value);
        else if (worker && worker->why == LEAT__WHY_NOT)
            worker->stopped_by = report->value;
        pthread_mutex_unlock(&procs->lock);
        return;
    case LEAT__REPORT_READY:
        return;
    }
}

/* ---- the zygote's end ---- */

/* It is gone, and with it, by the kernel's doing, every worker. */
static void bury_all(struct leat_procs *procs)
{
    leat__zygote_reap(procs); /* only when it has been reaped are they surely dead */
    pthread_mutex_lock(&procs->lock);
    for (unsigned i = 0; i < procs->options.workers; i++)
        if (procs->workers[i].state != LEAT__PROC_GONE)
            bury(&procs->workers[i], 0, true);
    pthread_mutex_unlock(&procs->lock);
}

/* Returns an error only when the pool is to end. */
static int begin_again(struct leat_procs *procs)
{
    leat_time delay = 0;
    int err;

    for (;;) {
        err = leat_sleep(delay);
        if (err)
            return err;
        err = leat__zygote_start(procs);
        if (!err)
            break;
        if (leat_cancelled())
            return err;
        leat__procs_log(procs, LEAT_LOG_ERROR, "the program could not be started again: %s",
                        leat_error_text(err));
        pthread_mutex_lock(&procs->lock);
        for (unsigned i = 0; i < procs->options.workers; i++)
            procs->workers[i].fruitless = FRUITLESS_MAX;
        give_up_hope(procs);
        pthread_mutex_unlock(&procs->lock);
        delay = delay * 2 + 10 * LEAT_MSEC < DELAY_MAX ? delay * 2 + 10 * LEAT_MSEC : DELAY_MAX;
    }
    for (unsigned i = 0; i < procs->options.workers; i++)
        start_due(&procs->workers[i]);
    return 0;
}

static bool is_closing(struct leat_procs *procs)
{
    bool closing;

    pthread_mutex_lock(&procs->lock);
    closing = procs->closing && procs->calls == 0;
    pthread_mutex_unlock(&procs->lock);
    return closing;
}

int leat__procs_keep(void *arg)
{
    struct leat_procs *procs = arg;
    struct leat__report report;

    for (;;) {
        if (leat_read(procs->reports, &report, sizeof report) == sizeof report) {
            take_report(procs, &report);
            continue;
        }
        if (is_closing(procs)) {
            leat__zygote_shut(procs); /* it may have been started since close did that */
        } else {
            leat__procs_log(procs, LEAT_LOG_WARN, "the process that starts workers has died");
            kill(procs->zygote, SIGKILL); /* it may have closed its socket only; it is our child */
        }
        bury_all(procs);
        if (is_closing(procs) || begin_again(procs) != 0)
            return 0;
    }
}

/* ---- time ---- */

/* With the lock: end what is late; the next thing to happen, at `now` plus a tick at the most. */
static leat_time keep_limits(struct leat_procs *procs, leat_time now)
{
    leat_time limit = procs->options.job_ns, tick = limit / 4, next;

    tick = limit == 0 || tick > TICK ? TICK : tick < TICK_MIN ? TICK_MIN : tick;
    next = now + tick;
    for (unsigned i = 0; i < procs->options.workers; i++) {
        struct leat__proc *worker = &procs->workers[i];
        const struct leat__flight *first = &worker->flight[worker->head];

        if (worker->state == LEAT__PROC_ENDING && leat__proc_is_told(worker))
            leat__proc_send_end(worker); /* again: the last may not have got through */
        if (worker->state == LEAT__PROC_GONE && worker->start_at < next && can_start(procs))
            next = worker->start_at;
        if (limit == 0 || leat__proc_is_told(worker) || worker->count == 0 || !first->job)
            continue;
        if (now - first->since >= limit)
            leat__job_stop(first->job, LEAT__WHY_TIME);
        else if (first->since + limit < next)
            next = first->since + limit;
    }
    return next;
}

/* A zygote that is stopped reports nothing and starts nobody. */
static void look_after_zygote(pid_t pid)
{
    siginfo_t info = { .si_pid = 0 };

    if (pid > 0 && waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == pid)
        kill(pid, SIGKILL);
}

/* With the lock: is there anything to wait for? */
static bool is_busy(const struct leat_procs *procs)
{
    if (procs->flights > 0 || procs->queued > 0 || procs->closing)
        return true;
    for (unsigned i = 0; i < procs->options.workers; i++)
        if (procs->workers[i].state != LEAT__PROC_ALIVE)
            return true;
    return false;
}

/* Or until somebody kicks, or the pool is closed: either way there is something to look at. */
static int sleep_until(struct leat_procs *procs, leat_time when)
{
    LEAT_SCOPE(limit, .deadline = when);

    return leat_semaphore_acquire(&procs->kick, 1);
}

int leat__procs_keep_time(void *arg)
{
    struct leat_procs *procs = arg;
    leat_time next;
    pid_t zygote;

    while (leat_cancelled() == 0) {
        pthread_mutex_lock(&procs->lock);
        next = keep_limits(procs, leat_now());
        procs->timing = is_busy(procs);
        if (!procs->timing)
            next = LEAT_NEVER;
        zygote = procs->zygote;
        pthread_mutex_unlock(&procs->lock);
        for (unsigned i = 0; i < procs->options.workers; i++)
            start_due(&procs->workers[i]);
        look_after_zygote(zygote);
        (void)sleep_until(procs, next);
    }
    return 0;
}

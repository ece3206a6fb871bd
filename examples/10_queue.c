/* SPDX-License-Identifier: MIT */
/* A bounded queue with several consumers: join waits until every job is done, closing ends the
 * consumers. No sentinels, nobody to cancel. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdio.h>

typedef leat_chan(int) job_chan;

static job_chan   jobs;
static atomic_int sum;

static int consume(void *arg)
{
    int job, err;
    (void)arg;

    while ((err = leat_recv(&jobs, &job)) == 0) {
        if ((err = leat_sleep(job % 3 * LEAT_MSEC)) < 0)
            return err;
        atomic_fetch_add(&sum, job);
        leat_chan_done(jobs.chan);
    }
    return err == -EPIPE ? 0 : err; /* closed and drained */
}

static int app(void *arg)
{
    int err = leat_chan_open(&jobs, .capacity = 4, .name = "jobs");
    (void)arg;

    if (err < 0)
        return err;
    LEAT_DEFER(leat_chan_free, jobs.chan);
    LEAT_SCOPE(scope);
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, consume, NULL);
    for (int job = 1; job <= 20 && err == 0; job++)
        err = leat_send(&jobs, &job); /* waits while four are there */
    if (err < 0 || (err = leat_chan_join(jobs.chan)) < 0)
        return err;
    printf("all jobs are done: %d\n", atomic_load(&sum));
    leat_close(&jobs);
    return leat_scope_join(&scope);
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

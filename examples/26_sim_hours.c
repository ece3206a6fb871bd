/* SPDX-License-Identifier: MIT */
/* Testing hours in a millisecond: in a simulation time passes when nobody can run, and then at
 * once. Linked with leat::sim in the place of leat::leat. */
#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>
#include <stdio.h>

static unsigned calls;

/* The other side is down for half a day. */
static int upload(void *arg)
{
    const leat_time *up_again = arg;

    calls++;
    return leat_now() < *up_again ? -EHOSTDOWN : 0;
}

static int test(void *arg)
{
    leat_time begin = leat_now(), up_again = begin + 12 * LEAT_HOUR;
    int err;
    (void)arg;

    calls = 0;
    err = leat_retry(upload, &up_again, .tries = 100, .delay = LEAT_SEC, .cap = 3 * LEAT_HOUR);
    leat_sim_expect(err == 0);
    leat_sim_expect(leat_now() - begin >= 12 * LEAT_HOUR); /* not before it was up, */
    leat_sim_expect(leat_now() - begin < 15 * LEAT_HOUR);  /* and soon after, */
    leat_sim_expect(calls < 60);                           /* without asking all the time */
    return 0;
}

int main(void)
{
    /* A hundred seeds: other delays, workers and schedules each time. */
    int err = leat_sim_run(test, NULL, LEAT_SIM_OPTIONS(.seeds = 100));

    printf("a hundred retries of half a day: %s\n", leat_error_name(err));
    return err != 0;
}

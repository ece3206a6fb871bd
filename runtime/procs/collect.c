/* SPDX-License-Identifier: MIT */
/* The task that takes answers out of the rings and wakes their callers. While answers keep coming
 * it goes round without asking the kernel, letting other tasks run in between; then it tells the
 * workers to ring, looks once more (wire.h, O3), and sleeps in the reactor until one does. */
#include "procs/pool.h"
#include "procs/ring.h"

#include <leat/time.h>

#include <errno.h>

/* About what a sleep and its end cost: looking for longer can save nothing. */
#define LOOK (15 * LEAT_USEC)

/* With the lock. Returns how many answers there were. */
static unsigned collect_all(struct leat_procs *procs)
{
    unsigned count = 0;

    for (unsigned i = 0; i < procs->options.workers; i++)
        if (procs->workers[i].count > 0)
            count += leat__flight_collect(&procs->workers[i]);
    return count;
}

/* Take what is there. With `listen` the workers will ring for what comes later. Returns how many
 * there were; *busy: some are still to come. */
static unsigned look(struct leat_procs *procs, bool listen, bool *busy)
{
    struct leat__wakes wakes = { .count = 0 };
    unsigned count;

    pthread_mutex_lock(&procs->lock);
    if (listen) {
        for (unsigned i = 0; i < procs->options.workers; i++)
            if (procs->workers[i].ring)
                leat__ring_listen(procs->workers[i].ring);
        leat__rings_listened();
    }
    count = collect_all(procs);
    if (count > 0)
        leat__procs_dispatch(procs, &wakes);
    *busy = procs->flights > 0;
    pthread_mutex_unlock(&procs->lock);
    leat__wakes_run(&wakes);
    return count;
}

int leat__procs_collect(void *arg)
{
    struct leat_procs *procs = arg;
    bool hopeful = false; /* looking before sleeping found something lately */
    char rings[64];
    ssize_t got;
    bool busy;

    for (;;) {
        bool found = look(procs, false, &busy) > 0;
        leat_time end = leat_now() + LOOK;

        while (!found && busy && hopeful && leat_now() < end) {
            leat_yield();
            found = look(procs, false, &busy) > 0;
        }
        if (found) {
            hopeful = true;
            leat_yield(); /* those we woke have the next jobs */
            continue;
        }
        if (look(procs, true, &busy) > 0)
            continue;
        hopeful = false;
        got = leat_read(procs->bell, rings, sizeof rings);
        if (got == 0 || got == -ECANCELED || leat_cancelled() != 0)
            return 0;
        /* The kernel was out of memory, perhaps; without us no call would end again. */
        if (got < 0 && leat_sleep(LEAT_MSEC) != 0)
            return 0;
    }
}

/* SPDX-License-Identifier: MIT */
/* What a worker polls and sleeps in. The rooms above implement these two interfaces (reactor: the
 * poller; timer: the ticker), so that sched includes neither. One of each per worker. */
#ifndef LEAT_SCHED_POLLER_H
#define LEAT_SCHED_POLLER_H

#include <leat/time.h>

#include <stdbool.h>

struct leat__poller {
    /* Hand gathered submissions to the kernel and ready whatever completed, without waiting.
     * Owner only. Returns how many fibers were readied. */
    unsigned (*poll)(struct leat__poller *poller);

    /* As poll, but first sleep until something completes, wake() is called or `deadline` (absolute)
     * passes. A wake() between the worker's last look at its queues and the sleep must end the
     * sleep at once: wakes are remembered, never lost. Owner only. */
    void (*sleep)(struct leat__poller *poller, leat_time deadline);

    /* End the owner's sleep, or its next one. Any thread; cheap when called twice. */
    void (*wake)(struct leat__poller *poller);

    /* The two halves of a sleep, for an owner that waits somewhere else meanwhile. doze: as poll,
     * then, unless something completed or wake() was called, say so to wakers and return true.
     * rouse: take it back. Owner only. */
    bool (*doze)(struct leat__poller *poller);
    void (*rouse)(struct leat__poller *poller);

    /* For a worker whose owner computes. Another worker: ready whatever completed, as poll does, as
     * far as that can be had from here. Returns false when the owner is at it itself, or asleep. */
    bool (*relieve)(struct leat__poller *poller);

    /* Does the owner's thread hold something back that only it can hand over? Any thread. */
    bool (*wants_nudge)(struct leat__poller *poller);

    /* Hand it over, for the next relieve to find. On the owner's thread, in a signal handler. */
    void (*nudge)(struct leat__poller *poller);
};

struct leat__ticker {
    /* Fire every timer due at `now`. Owner only. Returns when the next one is due, LEAT_NEVER if
     * none is; a return too early is allowed (the worker then asks again), too late is not. */
    leat_time (*fire)(struct leat__ticker *ticker, leat_time now);

    /* For a worker whose owner computes. Another worker: fire what is due, up to some limit, unless
     * the owner is at it itself. */
    void (*relieve)(struct leat__ticker *ticker, leat_time now);
};

#endif

/* SPDX-License-Identifier: MIT */
/* The pool as its files see it. All of it is guarded by one lock, which nobody holds over a
 * suspension or a system call that can wait.
 *
 * INVARIANTS
 *   I1  A job is in the queue (QUEUED), in exactly one flight of one worker (POSTED), or ENDED. It
 *       belongs to its caller, who frees it when it has ENDED; an abandoned one belongs to its
 *       flight.
 *   I2  A worker's flights are its slots from `head` on, in the order in which it takes them. What
 *       is in them is known from the program's own memory; the ring only says how far it came.
 *   I3  A job that a worker has not started is withdrawn, or given to another, by one compare-and-
 *       swap against the worker's own; so each start of a job is known, and a job whose worker died
 *       before it began has lost nothing.
 *   I4  Answers that came before a death count: the ring is collected before a death is settled. */
#ifndef LEAT_PROCS_POOL_H
#define LEAT_PROCS_POOL_H

#include "base/list.h"
#include "procs/suspects.h"
#include "procs/wire.h"

#include <leat/io.h>
#include <leat/procs.h>
#include <leat/sync.h>
#include <leat/task.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A job that has killed so many workers is not run again. */
#define LEAT__DEATHS_MAX 3u

struct leat__job {
    struct leat__list         node; /* in the queue */
    const struct leat_remote *remote;
    const void               *in;
    size_t                    in_bytes;
    int                       file; /* memory file of the input; -1: none */
    bool                      own_file;
    struct leat_reply        *reply;
    struct leat_semaphore     done;
    int                       result;
    unsigned                  attempts;
    enum { LEAT__JOB_QUEUED, LEAT__JOB_POSTED, LEAT__JOB_ENDED } state;
    bool                      abandoned;
    struct leat__proc        *worker; /* POSTED */
};

struct leat__flight {
    struct leat__job *job; /* NULL: withdrawn */
    uint32_t          number;
    leat_time         since; /* it is the worker's first since then */
};

/* Why the pool ended a worker. */
enum leat__proc_why {
    LEAT__WHY_NOT, /* it did not */
    LEAT__WHY_TIME,
    LEAT__WHY_LIE,
    LEAT__WHY_CANCEL,
    LEAT__WHY_RETIRE,
};

struct leat__capture;

/* A worker, and its successors: the place stays. */
struct leat__proc {
    struct leat_procs *procs;
    enum { LEAT__PROC_GONE, LEAT__PROC_ALIVE, LEAT__PROC_ENDING } state;
    uint32_t           id;
    pid_t              pid; /* 0: not reported yet */
    int                socket;
    struct leat__ring *ring;
    struct leat__flight flight[LEAT__PROCS_SLOTS];
    unsigned           head, count; /* flights */
    unsigned           live;        /* of them, with a job */
    unsigned           jobs, ended; /* in its life: posted for good; answered, or died of */
    enum leat__proc_why why;
    int                stopped_by;
    unsigned           fruitless; /* lives in a row that finished no job */
    leat_time          start_at;  /* GONE: when the next life begins; LEAT_NEVER: under way */
    leat_time          gone_at;   /* when the last one was found dead; 0: this one is born, or the
                                     first */
    struct leat__capture *capture[2];
};

struct leat_procs {
    struct leat_executor      executor;
    struct leat_procs_options options;
    pthread_mutex_t           lock;
    struct leat_scope         scope; /* the pool's own tasks */
    struct leat__list         queue; /* of jobs, oldest first */
    unsigned                  queued;
    struct leat__proc        *workers;
    uint32_t                  next_id, next_number;
    struct leat__suspects     suspects;

    int                 socket; /* the zygote's; -1: none */
    pid_t               zygote;
    struct leat_stream *reports; /* over the socket */
    int                 bell_in; /* where workers write */
    struct leat_stream *bell;

    struct leat_semaphore kick; /* the timekeeper sleeps on it when there is nothing to time */
    bool                  timing;
    unsigned              flights; /* jobs that are POSTED */
    bool                  closing;
    unsigned              calls; /* under way */
    struct leat_semaphore all_returned;
    struct leat_procs_stats stats;
};

/* Words to wake when the lock has been given up. */
struct leat__wakes {
    const void *word[16];
    unsigned    count;
};
void leat__wakes_run(struct leat__wakes *wakes);

/* ---- jobs (call.c); all with the lock ---- */

/* The job has an answer, or none. */
void leat__job_end(struct leat_procs *procs, struct leat__job *job, enum leat_remote_end how,
                   int status, int result);
void leat__job_free(struct leat__job *job);

/* Give queued jobs to workers that have room. */
void leat__procs_dispatch(struct leat_procs *procs, struct leat__wakes *wakes);

/* ---- flights (flight.c); all with the lock ---- */

/* Put a job into the worker's next slot, or back to the front of the queue when that turns out to
 * have died. Returns 0, or why its memory file could not be sent. */
int leat__flight_post(struct leat__proc *worker, struct leat__job *job,
                      struct leat__wakes *wakes);

/* Take a job back. False: the worker has begun it. */
bool leat__flight_withdraw(struct leat__proc *worker, struct leat__job *job);

/* Take the answers that are there. Returns how many slots came free. */
unsigned leat__flight_collect(struct leat__proc *worker);

/* The worker is dead (status as waitpid's, 0 when nobody knows it): decide about what it had. */
void leat__flight_settle(struct leat__proc *worker, int status, bool lost);

/* End the worker as soon as it has finished what it has begun; the rest goes back to the queue. */
void leat__proc_retire(struct leat__proc *worker, enum leat__proc_why why);

/* End a job that a worker has begun, by ending the worker; unless it has just finished it. */
void leat__job_stop(struct leat__job *job, enum leat__proc_why why);

/* Has it been told to end, or is it gone? One that lied or retires first finishes what it has
 * begun, and until then that job may be stopped as any other. */
bool leat__proc_is_told(const struct leat__proc *worker);

/* Tell the zygote to end a worker that is ENDING. */
void leat__proc_send_end(struct leat__proc *worker);

/* ---- the pool's tasks ---- */

int leat__procs_collect(void *procs);   /* collect.c: answers the bell */
int leat__procs_keep(void *procs);      /* keep.c: reads the zygote's reports, starts workers */
int leat__procs_keep_time(void *procs); /* time.c: limits, starts that were put off */

/* pool.c: tell the zygote that nothing more comes: it ends, and its workers. */
void leat__zygote_shut(struct leat_procs *procs);

/* start.c */
int leat__zygote_start(struct leat_procs *procs);
void leat__zygote_reap(struct leat_procs *procs);
int leat__proc_start(struct leat__proc *worker);
void leat__proc_clear(struct leat__proc *worker); /* with the lock */

/* capture.c: a task for each of a worker's two pipes. Takes the descriptor in any case. */
int leat__capture_start(struct leat__proc *worker, unsigned which, int fd);
void leat__capture_stop(struct leat__proc *worker); /* with the lock: it has died */
void leat__procs_log(struct leat_procs *procs, enum leat_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

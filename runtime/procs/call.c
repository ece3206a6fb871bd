/* SPDX-License-Identifier: MIT */
/* A call, from its caller's side: queue the job, wait, take the result; or leave it behind.
 *
 * The job is an object of its own, not in the caller's frame: a worker has copies of what it needs,
 * so a caller whose scope has ended need not wait until its process is dead. */
#include "base/check.h"
#include "platform/futex_shared.h"
#include "procs/pool.h"
#include "procs/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void leat__wakes_run(struct leat__wakes *wakes)
{
    for (unsigned i = 0; i < wakes->count; i++)
        leat__futex_shared_wake(wakes->word[i], 1); /* unmapped by now: harmless */
    wakes->count = 0;
}

/* ---- the end of a job ---- */

void leat__job_free(struct leat__job *job)
{
    if (job->own_file)
        close(job->file);
    free(job);
}

void leat__job_end(struct leat_procs *procs, struct leat__job *job, enum leat_remote_end how,
                   int status, int result)
{
    bool returned = how == LEAT_REMOTE_RETURNED;

    procs->stats.returned += returned && !job->abandoned;
    procs->stats.failed += !returned && !job->abandoned;
    if (job->abandoned) {
        leat__job_free(job);
        return;
    }
    job->reply->end = how;
    job->reply->status = status;
    job->reply->attempts = job->attempts;
    job->result = result;
    job->state = LEAT__JOB_ENDED;
    leat_semaphore_release(&job->done, 1);
}

/* ---- handing out ---- */

/* The worker with the least to do that can take one more; NULL: none. */
static struct leat__proc *pick(struct leat_procs *procs)
{
    unsigned jobs_max = procs->options.jobs_max;
    struct leat__proc *best = NULL;

    for (unsigned i = 0; i < procs->options.workers; i++) {
        struct leat__proc *worker = &procs->workers[i];

        if (worker->state != LEAT__PROC_ALIVE || worker->count == LEAT__PROCS_SLOTS ||
            (jobs_max > 0 && worker->jobs >= jobs_max))
            continue;
        if (!best || worker->live < best->live)
            best = worker;
    }
    return best;
}

static struct leat__job *pop(struct leat_procs *procs)
{
    struct leat__job *job =
        leat__list_entry(leat__list_pop_front(&procs->queue), struct leat__job, node);

    procs->queued--;
    return job;
}

/* Nothing is queued: a worker with nothing to do takes over what waits behind another's job. */
static void level(struct leat_procs *procs, struct leat__wakes *wakes)
{
    struct leat__proc *idle = pick(procs), *busy = NULL;
    int err;

    if (!idle || idle->live > 0)
        return;
    for (unsigned i = 0; i < procs->options.workers; i++) {
        struct leat__proc *worker = &procs->workers[i];

        if (worker->live > 1 && (!busy || worker->live > busy->live))
            busy = worker;
    }
    for (unsigned i = busy ? busy->count : 0; i > 1; i--) {
        struct leat__job *job =
            busy->flight[(busy->head + i - 1) % LEAT__PROCS_SLOTS].job;

        if (!job || job->abandoned || !leat__flight_withdraw(busy, job))
            continue;
        err = leat__flight_post(idle, job, wakes);
        if (err)
            leat__job_end(procs, job, LEAT_REMOTE_NOT_RUN, 0, err);
        return;
    }
}

void leat__procs_dispatch(struct leat_procs *procs, struct leat__wakes *wakes)
{
    struct leat__proc *worker;

    while (procs->queued > 0 && (worker = pick(procs)) != NULL) {
        struct leat__job *job = pop(procs);
        int err = leat__flight_post(worker, job, wakes);

        if (err)
            leat__job_end(procs, job, LEAT_REMOTE_NOT_RUN, 0, err);
    }
    if (procs->queued == 0)
        level(procs, wakes);
    if (procs->flights > 0 && !procs->timing) {
        procs->timing = true;
        leat_semaphore_release(&procs->kick, 1);
    }
}

/* ---- the caller ---- */

/* A copy that outlives the call, for input that is too large for a slot. */
static int copy_to_file(const void *in, size_t in_bytes)
{
    int fd = memfd_create("leat job", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const char *at = in;

    if (fd < 0)
        return -errno;
    while (in_bytes > 0) {
        ssize_t written = write(fd, at, in_bytes);

        if (written < 0) {
            int err = -errno;

            close(fd);
            return err;
        }
        at += written;
        in_bytes -= (size_t)written;
    }
    /* Not the worker's to change: the job may have to be started again. */
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return fd;
}

/* Queue the job. */
static int submit(struct leat_procs *procs, struct leat__job *job)
{
    struct leat__wakes wakes = { .count = 0 };
    int err = 0;

    pthread_mutex_lock(&procs->lock);
    if (procs->closing) {
        err = -EPIPE;
    } else if (leat__suspects_deaths(&procs->suspects, job->remote, job->in, job->in_bytes,
                                     procs->suspects.count ? leat_now() : 0) >=
               LEAT__DEATHS_MAX) {
        job->reply->end = LEAT_REMOTE_QUARANTINED;
        err = -ECHILD;
    } else {
        procs->stats.calls++;
        procs->calls++;
        procs->queued++;
        leat__list_push_back(&procs->queue, &job->node);
        leat__procs_dispatch(procs, &wakes);
    }
    pthread_mutex_unlock(&procs->lock);
    leat__wakes_run(&wakes);
    return err;
}

/* The caller's scopes have ended. Returns false when the job has ended, too, and its result is to
 * be taken; else the caller is rid of it. */
static bool give_up(struct leat_procs *procs, struct leat__job *job)
{
    struct leat__wakes wakes = { .count = 0 };
    bool ours = true; /* to free */
    bool gone = false;

    pthread_mutex_lock(&procs->lock);
    switch (job->state) {
    case LEAT__JOB_ENDED:
        break;
    case LEAT__JOB_QUEUED:
        leat__list_remove(&job->node);
        procs->queued--;
        gone = true;
        break;
    case LEAT__JOB_POSTED:
        gone = true;
        if (leat__flight_withdraw(job->worker, job))
            break;
        job->reply->end = LEAT_REMOTE_ABANDONED;
        job->reply->attempts = job->attempts + 1;
        job->abandoned = true;
        ours = false;
        leat__job_stop(job, LEAT__WHY_CANCEL);
        break;
    }
    procs->stats.failed += gone;
    if (gone && ours) { /* it may have been started before, in a worker that died */
        job->reply->attempts = job->attempts;
        job->reply->end = job->attempts > 0 ? LEAT_REMOTE_ABANDONED : LEAT_REMOTE_NOT_RUN;
    }
    leat__procs_dispatch(procs, &wakes);
    pthread_mutex_unlock(&procs->lock);
    leat__wakes_run(&wakes);
    if (gone && ours)
        leat__job_free(job);
    return gone;
}

static void count_out(struct leat_procs *procs)
{
    pthread_mutex_lock(&procs->lock);
    if (--procs->calls == 0 && procs->closing)
        leat_semaphore_release(&procs->all_returned, 1);
    pthread_mutex_unlock(&procs->lock);
}

static int call(struct leat_procs *procs, struct leat__job *job)
{
    int err = submit(procs, job);

    if (err) {
        leat__job_free(job);
        return err;
    }
    err = leat_semaphore_acquire(&job->done, 1);
    if (err == 0 || !give_up(procs, job)) {
        err = job->result;
        leat__job_free(job);
    }
    count_out(procs);
    return err;
}

static struct leat__job *make_job(const struct leat_remote *remote, const void *in,
                                  size_t in_bytes, struct leat_reply *reply)
{
    struct leat__job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    leat__list_init(&job->node);
    job->remote = remote;
    job->in = in;
    job->in_bytes = in_bytes;
    job->reply = reply;
    job->file = -1;
    return job;
}

static int call_with(struct leat_procs *procs, const struct leat_remote *remote, const void *in,
                     size_t in_bytes, struct leat_reply *reply)
{
    struct leat__job *job;
    int err = leat_cancelled();

    if (err)
        return err;
    job = make_job(remote, in, in_bytes, reply);
    if (!job)
        return -ENOMEM;
    if (in_bytes > LEAT__PROCS_SLOT_BYTES) {
        job->file = copy_to_file(in, in_bytes);
        if (job->file < 0) {
            err = job->file;
            free(job);
            return err;
        }
        job->own_file = true;
    }
    return call(procs, job);
}

int leat_procs_call(struct leat_procs *procs, const struct leat_remote *remote, const void *in,
                    size_t in_bytes, struct leat_reply *reply)
{
    struct leat_reply before;
    int err;

    leat__reply_renew(reply, &before, remote->name);
    err = call_with(procs, remote, in, in_bytes, reply);
    leat_reply_fini(&before);
    return err;
}

int leat_procs_call_shared(struct leat_procs *procs, const struct leat_remote *remote,
                           const struct leat_shared *in, size_t bytes, struct leat_reply *reply)
{
    struct leat__job *job;
    int err = leat_cancelled();

    leat__check(bytes > 0 && bytes <= in->bytes,
                "call with at least one byte, and no more than the shared memory has");
    leat_reply_fini(reply);
    reply->function = remote->name;
    if (err)
        return err;
    job = make_job(remote, in->data, bytes, reply);
    if (!job)
        return -ENOMEM;
    job->file = in->leat__fd;
    return call(procs, job);
}

/* ---- shared memory ---- */

int leat_shared_create(struct leat_shared *ret, size_t bytes)
{
    int fd, err = 0;
    void *data = MAP_FAILED;

    if (bytes == 0)
        return -EINVAL;
    fd = memfd_create("leat shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)bytes) == 0)
        data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        err = -ENOMEM;
    /* Our mapping stays writable; nobody gets another one that is. */
    else if (fcntl(fd, F_ADD_SEALS,
                   F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        err = -ENOSYS;
    if (err) {
        if (data != MAP_FAILED)
            munmap(data, bytes);
        close(fd);
        return err;
    }
    *ret = (struct leat_shared){ .data = data, .bytes = bytes, .leat__fd = fd };
    return 0;
}

void leat_shared_destroy(struct leat_shared *shared)
{
    if (!shared->data)
        return;
    munmap(shared->data, shared->bytes);
    close(shared->leat__fd);
    *shared = (struct leat_shared){ .data = NULL };
}

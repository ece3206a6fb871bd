/* SPDX-License-Identifier: MIT */
/* What a worker has been given, and what became of it. Everything a worker wrote is read once into
 * a local and checked; see wire.h for the ring and pool.h for the invariants. */
#include "procs/pool.h"
#include "procs/reply.h"
#include "procs/ring.h"

#include <leat/time.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct leat__flight *flight_at(struct leat__proc *worker, unsigned i)
{
    return &worker->flight[(worker->head + i) % LEAT__PROCS_SLOTS];
}

static struct leat__slot *slot_of(struct leat__proc *worker, const struct leat__flight *flight)
{
    return &worker->ring->slots[flight - worker->flight];
}

/* ---- there ---- */

static void requeue(struct leat_procs *procs, struct leat__job *job)
{
    job->state = LEAT__JOB_QUEUED;
    leat__list_push_front(&procs->queue, &job->node);
    procs->queued++;
}

int leat__flight_post(struct leat__proc *worker, struct leat__job *job,
                      struct leat__wakes *wakes)
{
    struct leat_procs *procs = worker->procs;
    struct leat__flight *flight = flight_at(worker, worker->count);
    struct leat__slot *slot = slot_of(worker, flight);
    uint32_t number = procs->next_number++;

    if (job->file >= 0) {
        int sent = leat__wire_send(worker->socket, &number, sizeof number, &job->file, 1);

        if (sent == -EPIPE || sent == -ECONNRESET) {
            /* It has died and nobody has told us yet, or a job of its closed the socket. */
            leat__proc_retire(worker, LEAT__WHY_RETIRE);
            requeue(procs, job);
            return 0;
        }
        if (sent < 0)
            return sent;
    } else if (job->in_bytes > 0) {
        memcpy(worker->ring->in[flight - worker->flight], job->in, job->in_bytes);
    }
    *flight = (struct leat__flight){ .job = job, .number = number, .since = leat_now() };
    slot->number = number;
    slot->function = job->remote->leat__hash;
    slot->in_bytes = job->in_bytes;
    slot->in_file = job->file >= 0;
    job->state = LEAT__JOB_POSTED;
    job->worker = worker;
    worker->count++;
    worker->live++;
    worker->jobs++;
    procs->flights++;
    if (leat__ring_post(worker->ring, slot)) {
        if (wakes->count == sizeof wakes->word / sizeof wakes->word[0])
            leat__wakes_run(wakes);
        wakes->word[wakes->count++] = &worker->ring->asleep;
    }
    return 0;
}

/* The flight has its job no more. */
static struct leat__job *take_job(struct leat__proc *worker, struct leat__flight *flight)
{
    struct leat__job *job = flight->job;

    flight->job = NULL;
    worker->live--;
    worker->procs->flights--;
    return job;
}

static bool take_back(struct leat__proc *worker, struct leat__flight *flight)
{
    if (!leat__ring_take_back(slot_of(worker, flight)))
        return false;
    take_job(worker, flight);
    worker->jobs--; /* it was none of its: replaced for such it might never come to one */
    return true;
}

bool leat__flight_withdraw(struct leat__proc *worker, struct leat__job *job)
{
    for (unsigned i = 0; i < worker->count; i++)
        if (flight_at(worker, i)->job == job)
            return take_back(worker, flight_at(worker, i));
    return false;
}

/* Take back what the worker has not begun, so that it begins nothing more. */
static void take_back_all(struct leat__proc *worker)
{
    for (unsigned i = worker->count; i > 0; i--) { /* the last one first: the first is in front */
        struct leat__flight *flight = flight_at(worker, i - 1);
        struct leat__job *job = flight->job;

        if (job && !job->abandoned && take_back(worker, flight))
            requeue(worker->procs, job);
    }
}

void leat__proc_send_end(struct leat__proc *worker)
{
    const struct leat_procs *procs = worker->procs;
    bool gently = worker->why != LEAT__WHY_LIE;
    const struct leat__order order = { .kind = LEAT__ORDER_END, .id = worker->id,
                                       .grace_ns = gently ? procs->options.grace_ns : 0 };

    /* A socket that takes no order is a zygote that is stuck: the timekeeper tries again. */
    (void)leat__wire_send(procs->socket, &order, sizeof order, NULL, 0);
}

bool leat__proc_is_told(const struct leat__proc *worker)
{
    return worker->state != LEAT__PROC_ALIVE &&
           (worker->live == 0 || worker->why == LEAT__WHY_TIME || worker->why == LEAT__WHY_CANCEL);
}

void leat__proc_retire(struct leat__proc *worker, enum leat__proc_why why)
{
    if (worker->state != LEAT__PROC_ALIVE)
        return;
    worker->state = LEAT__PROC_ENDING;
    worker->why = why;
    take_back_all(worker);
    if (worker->live == 0)
        leat__proc_send_end(worker);
}

void leat__job_stop(struct leat__job *job, enum leat__proc_why why)
{
    struct leat__proc *worker = job->worker;

    take_back_all(worker);
    if (leat__proc_is_told(worker))
        return;
    for (unsigned i = 0; i < worker->count; i++) {
        struct leat__flight *flight = flight_at(worker, i);

        /* relaxed: only compared; the answer is read by collect */
        if (flight->job != job ||
            load_relaxed(&slot_of(worker, flight)->state) == LEAT__SLOT_DONE)
            continue;
        worker->state = LEAT__PROC_ENDING;
        worker->why = why;
        leat__proc_send_end(worker);
    }
}

/* ---- and back ---- */

/* The memory file that belongs to this answer; those of others are a lie. */
static int receive_file(struct leat__proc *worker, uint32_t number)
{
    int fds[LEAT__PROCS_FDS];
    uint32_t got = 0;
    size_t count;
    int bytes = leat__wire_recv(worker->socket, &got, sizeof got, fds, &count, MSG_DONTWAIT);

    if (bytes == sizeof got && got == number && count == 1)
        return fds[0];
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    return -EBADMSG;
}

/* Move the answer into the caller's reply. Returns 0, -ENOMEM, or -EBADMSG: it cannot be. */
static int take_answer(struct leat__proc *worker, const struct leat__flight *flight,
                       struct leat_reply *reply)
{
    const struct leat__slot *slot = slot_of(worker, flight);
    uint64_t bytes = *(volatile const uint64_t *)&slot->out_bytes;
    uint32_t in_file = *(volatile const uint32_t *)&slot->out_file;

    if (in_file) {
        int fd = receive_file(worker, flight->number);

        if (fd < 0)
            return fd;
        if (reply)
            return leat__reply_map(reply, fd, bytes);
        close(fd);
        return 0;
    }
    if (bytes > LEAT__PROCS_SLOT_BYTES)
        return -EBADMSG;
    return reply ? leat_reply_write(reply, worker->ring->out[flight - worker->flight].data,
                                    (size_t)bytes)
                 : 0;
}

static void land(struct leat__proc *worker, struct leat__flight *flight)
{
    struct leat_procs *procs = worker->procs;
    const struct leat__slot *slot = slot_of(worker, flight);
    int32_t result = *(volatile const int32_t *)&slot->result;
    struct leat__job *job = take_job(worker, flight);
    bool ran = !*(volatile const uint32_t *)&slot->not_run || result >= 0;
    int err = take_answer(worker, flight, job->abandoned ? NULL : job->reply);

    job->attempts += ran;
    worker->ended++;
    if (err == -EBADMSG) {
        leat__job_end(procs, job, LEAT_REMOTE_LIED, 0, err);
        leat__proc_retire(worker, LEAT__WHY_LIE);
    } else {
        leat__job_end(procs, job, ran ? LEAT_REMOTE_RETURNED : LEAT_REMOTE_NOT_RUN, 0,
                      err ? err : result);
    }
}

unsigned leat__flight_collect(struct leat__proc *worker)
{
    unsigned came_free = 0;

    while (worker->count > 0) {
        struct leat__flight *flight = flight_at(worker, 0);
        uint32_t state = leat__ring_state(slot_of(worker, flight));

        if (flight->job ? state != LEAT__SLOT_DONE : state != LEAT__SLOT_EMPTY)
            break;
        if (flight->job)
            land(worker, flight);
        store_relaxed(&slot_of(worker, flight)->state, LEAT__SLOT_EMPTY); /* relaxed: ours now */
        worker->head = (worker->head + 1) % LEAT__PROCS_SLOTS;
        worker->count--;
        came_free++;
        if (worker->count > 0)
            flight_at(worker, 0)->since = leat_now();
    }
    if (came_free == 0 || worker->live > 0)
        return came_free;
    if (worker->state == LEAT__PROC_ENDING)
        leat__proc_send_end(worker); /* what it had begun is done */
    if (worker->procs->options.jobs_max > 0 && worker->jobs >= worker->procs->options.jobs_max)
        leat__proc_retire(worker, LEAT__WHY_RETIRE);
    return came_free;
}

/* ---- deaths ---- */

struct verdict {
    enum leat_remote_end how;
    int                  status, result;
    bool                 retry; /* it may have been an accident */
};

static struct verdict judge(const struct leat__proc *worker, int status, bool lost)
{
    if (worker->why == LEAT__WHY_TIME)
        return (struct verdict){ LEAT_REMOTE_TIMED_OUT, 0, -ETIMEDOUT, false };
    if (lost)
        return (struct verdict){ LEAT_REMOTE_LOST, 0, -ECHILD, true };
    if (worker->stopped_by)
        return (struct verdict){ LEAT_REMOTE_STOPPED, worker->stopped_by, -ECHILD, true };
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU && worker->procs->options.cpu_ns > 0)
        return (struct verdict){ LEAT_REMOTE_CPU, SIGXCPU, -ECHILD, false };
    if (WIFSIGNALED(status))
        return (struct verdict){ LEAT_REMOTE_SIGNALED, WTERMSIG(status), -ECHILD, true };
    return (struct verdict){ LEAT_REMOTE_EXITED, WEXITSTATUS(status), -ECHILD, true };
}

/* The worker died in the middle of this job. */
static void blame(struct leat_procs *procs, struct leat__job *job, struct verdict verdict)
{
    unsigned deaths;

    job->attempts++;
    if (job->abandoned || !verdict.retry) {
        leat__job_end(procs, job, verdict.how, verdict.status, verdict.result);
        return;
    }
    deaths = verdict.how == LEAT_REMOTE_LOST
                 ? 0 /* that was none of its doing */
                 : leat__suspects_note(&procs->suspects, job->remote, job->in, job->in_bytes,
                                       leat_now());
    if (deaths >= LEAT__DEATHS_MAX || job->attempts >= LEAT__DEATHS_MAX) {
        leat__job_end(procs, job, LEAT_REMOTE_QUARANTINED, verdict.status, -ECHILD);
    } else if (job->remote->idempotent) {
        procs->stats.retries++;
        requeue(procs, job);
    } else {
        leat__job_end(procs, job, verdict.how, verdict.status, verdict.result);
    }
}

void leat__flight_settle(struct leat__proc *worker, int status, bool lost)
{
    struct verdict verdict = judge(worker, status, lost);

    leat__flight_collect(worker); /* I4 */
    for (unsigned i = worker->count; i > 0; i--) {
        struct leat__flight *flight = flight_at(worker, i - 1);
        /* relaxed: its writer is dead */
        uint32_t state = load_relaxed(&slot_of(worker, flight)->state);
        struct leat__job *job = flight->job;

        if (!job)
            continue;
        take_job(worker, flight);
        if (state == LEAT__SLOT_POSTED && !job->abandoned) {
            requeue(worker->procs, job);
        } else {
            worker->ended++;
            blame(worker->procs, job, verdict);
        }
    }
    worker->count = 0;
    worker->fruitless = worker->ended > 0 ? 0 : worker->fruitless + 1;
    worker->procs->stats.deaths++;
}

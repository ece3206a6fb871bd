/* SPDX-License-Identifier: MIT */
/* A worker: one thread that runs the jobs of its ring in turn. It waits by spinning for about as
 * long as a wake would take, and then sleeps. A copy of it that returns from a job, for the job
 * forked, ends there. */
#include "procs/birth.h"

#include "platform/futex_shared.h"
#include "procs/remote.h"
#include "procs/reply.h"
#include "procs/ring.h"

#include <leat/time.h>

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

/* About a wake: spinning longer costs more than it can save. */
#define SPIN (20 * LEAT_USEC)

/* ---- telling and waiting ---- */

/* The slot is the program's; it may be asleep. */
static void give_back(struct leat__proc_self *worker, struct leat__slot *slot,
                      enum leat__slot_state state)
{
    if (!leat__ring_finish(worker->ring, slot, state))
        return;
    /* A full pipe rings all the same. Without it nobody would hear of us again. */
    if (write(worker->bell, "", 1) < 0 && errno != EAGAIN && errno != EINTR)
        _exit(LEAT__WORKER_CUT_OFF);
}

static void await_slot(struct leat__proc_self *worker, struct leat__slot *slot)
{
    struct leat__ring *ring = worker->ring;
    leat_time end;

    if (leat__ring_is_for_worker(slot))
        return;
    end = leat_now() + (worker->spin ? SPIN : SPIN / 10);
    do {
        for (int i = 0; i < 32; i++) {
            cpu_relax();
            if (leat__ring_is_for_worker(slot)) {
                worker->spin = true;
                return;
            }
        }
    } while (leat_now() < end);
    worker->spin = false;
    while (leat__ring_doze(ring, slot)) {
        leat__futex_shared_wait(&ring->asleep, 1);
        if (leat__ring_is_for_worker(slot))
            break;
    }
    store_relaxed(&ring->asleep, 0); /* relaxed: a wake too many is harmless */
}

/* ---- one job ---- */

/* The file that was sent with a job; those of jobs that were taken back come before it. */
static int receive_file(struct leat__proc_self *worker, uint32_t number)
{
    int fds[LEAT__PROCS_FDS];
    uint32_t got;
    size_t count;

    for (;;) {
        if (leat__wire_recv(worker->socket, &got, sizeof got, fds, &count, 0) != sizeof got ||
            count != 1)
            _exit(LEAT__WORKER_CUT_OFF);
        if (got == number)
            return fds[0];
        close(fds[0]);
    }
}

static void answer(struct leat__proc_self *worker, struct leat__slot *slot,
                   struct leat_reply *reply)
{
    int file;

    if (reply->bytes > leat__reply_store(reply)->given) {
        /* What is behind it is of an earlier answer, or nothing: it is said to be a lie. */
        slot->out_bytes = UINT64_MAX;
        slot->out_file = 0;
        return;
    }
    file = leat__reply_seal(reply);
    slot->out_bytes = reply->bytes;
    slot->out_file = file >= 0;
    if (file < -1)
        slot->result = file;
    if (file < 0)
        return;
    if (leat__wire_send(worker->socket, &slot->number, sizeof slot->number, &file, 1) < 0)
        _exit(LEAT__WORKER_CUT_OFF);
    close(file);
}

static void run(struct leat__proc_self *worker, unsigned index)
{
    struct leat__ring *ring = worker->ring;
    struct leat__slot *slot = &ring->slots[index];
    const struct leat_remote *remote = leat__remote_find(slot->function);
    size_t in_bytes = (size_t)slot->in_bytes;
    bool file = slot->in_file != 0;
    const void *in = ring->in[index];
    struct leat_reply reply;

    if (file) {
        int fd = receive_file(worker, slot->number);

        in = mmap(NULL, in_bytes, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
    }
    leat__reply_begin(&reply, remote ? remote->name : NULL, ring->out[index].data,
                      LEAT__PROCS_SLOT_BYTES);
    slot->not_run = !remote || in == MAP_FAILED;
    if (slot->not_run) {
        slot->result = remote ? -ENOMEM : -ENOSYS;
    } else {
        leat__worker_job_begins(worker);
        slot->result = remote->fn(in, in_bytes, &reply);
        if (getpid() != worker->pid)
            _exit(LEAT__WORKER_CUT_OFF); /* the job forked, and this is the child */
        leat__worker_job_ends(worker);
    }
    answer(worker, slot, &reply);
    if (file && in != MAP_FAILED)
        munmap((void *)(uintptr_t)in, in_bytes);
}

static _Noreturn void serve(struct leat__proc_self *worker)
{
    for (unsigned index = 0;; index = (index + 1) % LEAT__PROCS_SLOTS) {
        struct leat__slot *slot = &worker->ring->slots[index];

        await_slot(worker, slot);
        if (leat__ring_begin(slot)) {
            run(worker, index);
            give_back(worker, slot, LEAT__SLOT_DONE);
            leat__worker_job_answered(worker); /* so that nobody waits for it */
            if (worker->cut_off)
                _exit(LEAT__WORKER_CUT_OFF);
        } else {
            if (slot->in_file)
                close(receive_file(worker, slot->number));
            give_back(worker, slot, LEAT__SLOT_EMPTY);
        }
    }
}

_Noreturn void leat__worker_live(const struct leat__limits *limits,
                                 const int fds[LEAT__PROCS_FDS], int zygote)
{
    struct leat__proc_self self = { .pid = getpid() };

    leat__worker_confine(&self, limits, fds, zygote);
    serve(&self);
}

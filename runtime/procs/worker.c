/* SPDX-License-Identifier: MIT */
/* A worker: one thread that runs the jobs of its ring in turn. It waits by spinning for about as
 * long as a wake would take, and then sleeps.
 *
 * It defends itself against its jobs only as far as that keeps a job's harm to the job: its
 * descriptors have high numbers, a job that closes low ones does not meet them; the ring is not
 * inherited by what a job forks, and a copy of the worker that returns from a job ends there. */
#include "procs/worker.h"

#include "platform/futex_shared.h"
#include "procs/jail.h"
#include "procs/remote.h"
#include "procs/reply.h"
#include "procs/ring.h"

#include <leat/time.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* About a wake: spinning longer costs more than it can save. */
#define SPIN (20 * LEAT_USEC)

/* Our descriptors are above this, where a job's own do not come. */
#define HIGH 500

struct worker {
    struct leat__ring *ring;
    int                socket, bell, pid;
    bool               spin; /* the last spins found work */
    int64_t            cpu_ns;
    int                cpu_timer;
};

/* ---- telling and waiting ---- */

/* The slot is the program's; it may be asleep. */
static void give_back(struct worker *worker, struct leat__slot *slot, enum leat__slot_state state)
{
    if (!leat__ring_finish(worker->ring, slot, state))
        return;
    /* A full pipe rings all the same. Without it nobody would hear of us again. */
    if (write(worker->bell, "", 1) < 0 && errno != EAGAIN && errno != EINTR)
        _exit(LEAT__WORKER_CUT_OFF);
}

static void await_slot(struct worker *worker, struct leat__slot *slot)
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
static int receive_file(struct worker *worker, uint32_t number)
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

static void limit_cpu(struct worker *worker, int64_t length)
{
    const struct itimerspec timer = { .it_value = { .tv_sec = length / LEAT_SEC,
                                                    .tv_nsec = length % LEAT_SEC } };

    if (worker->cpu_ns > 0)
        syscall(SYS_timer_settime, worker->cpu_timer, 0, &timer, NULL);
}

static void answer(struct worker *worker, struct leat__slot *slot, struct leat_reply *reply)
{
    int file = leat__reply_seal(reply);

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

static void run(struct worker *worker, unsigned index)
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
    if (!remote || in == MAP_FAILED) {
        slot->result = remote ? -ENOMEM : -ENOSYS;
    } else {
        limit_cpu(worker, worker->cpu_ns);
        slot->result = remote->fn(in, in_bytes, &reply);
        if (getpid() != worker->pid)
            _exit(LEAT__WORKER_CUT_OFF); /* the job forked, and this is the child */
        limit_cpu(worker, 0);
    }
    answer(worker, slot, &reply);
    if (file && in != MAP_FAILED)
        munmap((void *)(uintptr_t)in, in_bytes);
}

static _Noreturn void serve(struct worker *worker)
{
    for (unsigned index = 0;; index = (index + 1) % LEAT__PROCS_SLOTS) {
        struct leat__slot *slot = &worker->ring->slots[index];

        await_slot(worker, slot);
        if (leat__ring_begin(slot)) {
            run(worker, index);
            give_back(worker, slot, LEAT__SLOT_DONE);
        } else {
            if (slot->in_file)
                close(receive_file(worker, slot->number));
            give_back(worker, slot, LEAT__SLOT_EMPTY);
        }
    }
}

/* ---- setting up ---- */

static void check(bool held)
{
    if (!held)
        _exit(LEAT__WORKER_SETUP_FAILED);
}

static int move_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);

    if (high < 0) /* a low limit on descriptors: as high as it allows */
        return fd;
    close(fd);
    return high;
}

static void limit(enum __rlimit_resource resource, uint64_t most)
{
    const struct rlimit wanted = { (rlim_t)most, (rlim_t)most };

    check(setrlimit(resource, &wanted) == 0);
}

/* What no job has a reason to write to. */
static void protect(struct leat__ring *ring)
{
    check(mprotect(ring->in, sizeof ring->in, PROT_READ) == 0);
    check(mprotect(ring->guard, sizeof ring->guard, PROT_NONE) == 0);
    for (unsigned i = 0; i < LEAT__PROCS_SLOTS; i++)
        check(mprotect(ring->out[i].guard, sizeof ring->out[i].guard, PROT_NONE) == 0);
}

/* The kernel's killer for want of memory shall take a worker before the program; a wish. */
static void volunteer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "500", 3) < 0)
        errno = 0; /* a sandbox that does not allow it */
    close(fd);
}

static void set_limits(struct worker *worker, const struct leat__limits *limits)
{
    limit(RLIMIT_CORE, 0);
    if (limits->memory_bytes > 0)
        limit(RLIMIT_AS, limits->memory_bytes);
    worker->cpu_ns = limits->cpu_ns;
    if (limits->cpu_ns > 0) {
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU };

        check(syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &event,
                      &worker->cpu_timer) == 0);
    }
}

_Noreturn void leat__worker_live(const struct leat__limits *limits,
                                 const int fds[LEAT__PROCS_FDS], int zygote)
{
    struct worker worker = { .pid = getpid(), .spin = false };
    sigset_t none;

    check(setpgid(0, 0) == 0);
    check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    check(getppid() == zygote); /* else it died before that took effect */
    prctl(PR_SET_NAME, "leat/worker");
    volunteer();
    check(dup2(fds[LEAT__PROCS_STDOUT], STDOUT_FILENO) >= 0);
    check(dup2(fds[LEAT__PROCS_STDERR], STDERR_FILENO) >= 0);
    close(fds[LEAT__PROCS_STDOUT]);
    close(fds[LEAT__PROCS_STDERR]);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    worker.socket = move_high(fds[LEAT__PROCS_SOCKET]);
    worker.bell = move_high(fds[LEAT__PROCS_BELL]);
    if (limits->files_max > 0)
        limit(RLIMIT_NOFILE, limits->files_max);
    worker.ring = mmap(NULL, sizeof *worker.ring, PROT_READ | PROT_WRITE, MAP_SHARED,
                       fds[LEAT__PROCS_RING], 0);
    check(worker.ring != MAP_FAILED);
    close(fds[LEAT__PROCS_RING]);
    check(madvise(worker.ring, sizeof *worker.ring, MADV_DONTFORK) == 0);
    protect(worker.ring);
    set_limits(&worker, limits);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (limits->jail)
        check(leat__jail_enter(worker.socket, worker.bell) == 0);
    serve(&worker);
}

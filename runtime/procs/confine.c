/* SPDX-License-Identifier: MIT */
/* What stands around a worker: see birth.h. It is defended against its jobs only as far as that
 * keeps a job's harm to the job: its descriptors have high numbers, a job that closes low ones does
 * not meet them; the ring is not inherited by what a job forks. */
#include "procs/birth.h"
#include "procs/jail.h"

#include <leat/time.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Our descriptors are above this, where a job's own do not come. */
#define HIGH 500

/* Of CPU time, between SIGXCPU and SIGKILL for a job that does not listen. */
#define CPU_GRACE (100 * LEAT_MSEC)

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

static int copy_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);

    return high >= 0 ? high : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
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

static int create_cpu_timer(int number)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number };
    int timer;

    check(syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &event, &timer) == 0);
    return timer;
}

static void set_limits(struct leat__proc_self *self, const struct leat__limits *limits)
{
    limit(RLIMIT_CORE, 0);
    if (limits->memory_bytes > 0)
        limit(RLIMIT_AS, limits->memory_bytes);
    self->cpu_ns = limits->cpu_ns;
    if (limits->cpu_ns > 0) {
        self->cpu_timer = create_cpu_timer(SIGXCPU);
        self->kill_timer = create_cpu_timer(SIGKILL);
    }
}

void leat__worker_confine(struct leat__proc_self *self, const struct leat__limits *limits,
                          const int fds[LEAT__PROCS_FDS], int zygote)
{
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
    self->socket = move_high(fds[LEAT__PROCS_SOCKET]);
    self->bell = move_high(fds[LEAT__PROCS_BELL]);
    for (int i = 0; i < 2; i++)
        self->output[i] = copy_high(STDOUT_FILENO + i);
    if (limits->files_max > 0)
        limit(RLIMIT_NOFILE, limits->files_max);
    self->ring = mmap(NULL, sizeof *self->ring, PROT_READ | PROT_WRITE, MAP_SHARED,
                      fds[LEAT__PROCS_RING], 0);
    check(self->ring != MAP_FAILED);
    close(fds[LEAT__PROCS_RING]);
    check(madvise(self->ring, sizeof *self->ring, MADV_DONTFORK) == 0);
    protect(self->ring);
    set_limits(self, limits);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    self->jailed = limits->jail;
    if (limits->jail)
        check(leat__jail_enter(self->socket, self->bell) == 0);
}

/* ---- around a job ---- */

static void set_timer(int timer, int64_t length)
{
    const struct itimerspec wanted = { .it_value = { .tv_sec = length / LEAT_SEC,
                                                     .tv_nsec = length % LEAT_SEC } };

    syscall(SYS_timer_settime, timer, 0, &wanted, NULL);
}

void leat__worker_job_begins(struct leat__proc_self *self)
{
    if (self->cpu_ns == 0)
        return;
    set_timer(self->cpu_timer, self->cpu_ns);
    set_timer(self->kill_timer, self->cpu_ns + CPU_GRACE);
}

/* A job that closed these, or put others in their places, would have the next one print into a file
 * of its own. To look costs as much as to set them again. In a jail they cannot be moved. */
static void mend_output(struct leat__proc_self *self)
{
    for (int i = 0; i < 2 && !self->jailed; i++)
        if (dup2(self->output[i], STDOUT_FILENO + i) < 0)
            self->cut_off = true;
}

void leat__worker_job_ends(struct leat__proc_self *self)
{
    if (self->cpu_ns > 0) {
        set_timer(self->cpu_timer, 0);
        set_timer(self->kill_timer, 0);
    }
    /* A line without an end, too: this process is killed, it does not exit. */
    if (__fpending(stdout) > 0 && fflush(stdout) != 0) {
        mend_output(self);
        clearerr(stdout);
        fflush(stdout);
    }
}

void leat__worker_job_answered(struct leat__proc_self *self)
{
    mend_output(self);
}

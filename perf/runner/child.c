/* SPDX-License-Identifier: MIT */
/* child.c: see child.h. */
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"

static volatile sig_atomic_t running_group; /* 0: none */

static void interrupted(int signal_number)
{
    if (running_group > 0)
        kill(-(pid_t)running_group, SIGKILL);
    _exit(128 + signal_number);
}

void child_handle_signals(void)
{
    struct sigaction action = { .sa_handler = interrupted };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void read_line(struct child_output *ret, const char *line)
{
    double             value;
    unsigned long long check;

    if (sscanf(line, "sample %lf", &value) == 1) {
        if (ret->sample_count < SAMPLES_MAX)
            ret->samples[ret->sample_count++] = value;
    } else if (sscanf(line, "check %llx", &check) == 1) {
        ret->check = check;
        ret->has_check = true;
    } else if (strncmp(line, "skip ", 5) == 0) {
        snprintf(ret->reason, sizeof ret->reason, "%s", line + 5);
    }
}

/* Returns 0 at the end of the output, -ETIMEDOUT or the read's error. */
static int read_output(int fd, int64_t deadline, struct child_output *ret)
{
    char   text[4096];
    size_t used = 0;

    for (;;) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        int64_t       left = deadline - perf_now_ns();
        ssize_t       got;
        char         *start = text, *end;

        if (left <= 0 || poll(&ready, 1, (int)(left / 1000000) + 1) == 0)
            return -ETIMEDOUT;
        got = read(fd, text + used, sizeof text - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? 0 : -errno;
        used += (size_t)got;
        text[used] = '\0';
        for (; (end = strchr(start, '\n')); start = end + 1) {
            *end = '\0';
            read_line(ret, start);
        }
        used -= (size_t)(start - text);
        memmove(text, start, used);
        if (used == sizeof text - 1)
            used = 0; /* no line of ours is that long */
    }
}

static enum child_end judge(int err, int status, struct child_output *ret)
{
    if (err == -ETIMEDOUT)
        snprintf(ret->reason, sizeof ret->reason, "did not end in time");
    else if (err)
        snprintf(ret->reason, sizeof ret->reason, "its output: %s", strerror(-err));
    else if (WIFSIGNALED(status))
        snprintf(ret->reason, sizeof ret->reason, "killed by %s", strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == PERF_SKIP)
        return CHILD_SKIPPED;
    else if (WEXITSTATUS(status) != 0)
        snprintf(ret->reason, sizeof ret->reason, "exit status %d", WEXITSTATUS(status));
    else if (ret->sample_count == 0)
        snprintf(ret->reason, sizeof ret->reason, "printed no sample");
    else
        return CHILD_OK;
    return CHILD_FAILED;
}

/* Wait until the process has ended, without reaping it. It may close its output and live on. */
static int wait_for(pid_t pid, int64_t deadline)
{
    for (;;) {
        siginfo_t info = { 0 };

        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
            return 0;
        if (perf_now_ns() > deadline)
            return -ETIMEDOUT;
        usleep(1000);
    }
}

enum child_end child_run(const char *const *argv, int timeout_s, struct child_output *ret)
{
    int64_t       deadline = perf_now_ns() + (int64_t)timeout_s * 1000000000;
    struct rusage usage;
    int           ends[2], err, end, status;
    pid_t         pid;

    memset(ret, 0, sizeof *ret);
    if (pipe2(ends, O_CLOEXEC))
        perf_die("pipe", errno);
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        perf_die("fork", errno);
    if (pid == 0) {
        setpgid(0, 0);
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        dup2(ends[1], STDOUT_FILENO);
        execv(argv[0], (char *const *)argv);
        perf_die(argv[0], errno);
    }
    setpgid(pid, pid);
    running_group = pid;
    close(ends[1]);
    err = read_output(ends[0], deadline, ret);
    close(ends[0]);
    if (err)
        kill(-pid, SIGKILL);
    end = wait_for(pid, deadline);
    kill(-pid, SIGKILL); /* what it left behind, while the number is still its own */
    running_group = 0;
    if (wait4(pid, &status, 0, &usage) < 0)
        perf_die("wait4", errno);
    if (!err)
        err = end;
    ret->peak_mb = (double)usage.ru_maxrss * 1024 / 1e6;
    return judge(err, status, ret);
}

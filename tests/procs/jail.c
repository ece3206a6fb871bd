/* SPDX-License-Identifier: MIT */
/* The jail: what a job in it can do, and each way out that is shut. */
#include "harness/test.h"
#include "procs/jobs.h"

#include <leat/leat.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Each gives 0 when the kernel let it pass, else the errno. */
static int attempt(long result)
{
    return result >= 0 ? 0 : errno;
}

static int try_open(void)
{
    return attempt(open("/etc/passwd", O_RDONLY));
}

static int try_create(void)
{
    return attempt(open("/tmp/leat-jail", O_WRONLY | O_CREAT, 0600));
}

static int try_stat(void)
{
    return attempt(access("/etc/passwd", F_OK));
}

static int try_unlink(void)
{
    return attempt(unlink("/tmp/leat-jail"));
}

static int try_socket(void)
{
    return attempt(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_unix_socket(void)
{
    return attempt(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_pipe(void)
{
    int pair[2];

    return attempt(pipe(pair));
}

static int try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return attempt(pid);
}

static int try_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return errno;
}

static int try_kill_parent(void)
{
    return attempt(kill(getppid(), 0));
}

static int try_ptrace(void)
{
    return attempt(syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, getppid(), 0, 0));
}

static int try_read_memory(void)
{
    return attempt(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static int try_uring(void)
{
    return attempt(syscall(425 /* io_uring_setup */, 8, NULL));
}

static int try_exec_memory(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);

    return page == MAP_FAILED ? errno : 0;
}

static int try_dup(void)
{
    return attempt(dup2(STDERR_FILENO, STDOUT_FILENO));
}

static int try_read(void)
{
    char byte;

    return attempt(read(STDIN_FILENO, &byte, 1));
}

static int try_prctl(void)
{
    return attempt(prctl(PR_SET_DUMPABLE, 1));
}

static int try_limit(void)
{
    const struct rlimit limit = { 1, 1 };

    return attempt(setrlimit(RLIMIT_CORE, &limit));
}

static int try_pidfd(void)
{
    return attempt(syscall(434 /* pidfd_open */, getppid(), 0));
}

static int try_close_bell(void)
{
    return attempt(close(STDERR_FILENO));
}

static const struct {
    const char *name;
    int       (*fn)(void);
} ways_out[] = {
    { "open a file", try_open },       { "create a file", try_create },
    { "ask for a file", try_stat },    { "remove a file", try_unlink },
    { "make a socket", try_socket },   { "make a local socket", try_unix_socket },
    { "make a pipe", try_pipe },       { "fork", try_fork },
    { "exec", try_exec },              { "signal the parent", try_kill_parent },
    { "trace the parent", try_ptrace }, { "read the parent's memory", try_read_memory },
    { "make an io_uring", try_uring }, { "make executable memory", try_exec_memory },
    { "duplicate a descriptor", try_dup }, { "read", try_read },
    { "become dumpable", try_prctl },  { "change a limit", try_limit },
    { "open a process", try_pidfd },   { "close the error output", try_close_bell },
};

#define WAYS (sizeof ways_out / sizeof ways_out[0])

LEAT_REMOTE(try_to_leave)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    int errors[WAYS];

    (void)in;
    (void)in_bytes;
    for (size_t i = 0; i < WAYS; i++)
        errors[i] = ways_out[i].fn();
    return leat_reply_write(reply, errors, sizeof errors);
}

LEAT_REMOTE(compute_in_jail)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    char *memory = malloc(10 << 20);
    char text[100];
    struct timespec now;

    (void)in;
    (void)in_bytes;
    if (!memory)
        return -ENOMEM;
    memset(memory, 1, 10 << 20);
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof text, "%ld %d %f", (long)now.tv_sec, memory[77], 1.5);
    free(memory);
    printf("a line from the jail\n");
    return leat_reply_write(reply, text, strlen(text));
}

static struct leat_procs *open_jail(void)
{
    if (TEST_SLOWDOWN > 1) {
        test_skip_at(__FILE__, __LINE__, "a sanitizer's run time makes calls of its own");
        return NULL;
    }
    return open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .jail = true));
}

LEAT_TEST_TASK(procs_jail, every_way_out_is_refused)
{
    struct leat_procs *procs = open_jail();
    struct leat_reply reply = { 0 };
    int errors[WAYS];

    if (!procs)
        return;
    expect_ok(leat_procs_call(procs, try_to_leave, NULL, 0, &reply));
    if (reply.bytes == sizeof errors) {
        memcpy(errors, reply.data, sizeof errors);
        for (size_t i = 0; i < WAYS; i++)
            if (errors[i] != EPERM)
                test_fail("in jail one could %s: %s", ways_out[i].name,
                          errors[i] ? leat_error_name(errors[i]) : "it worked");
    }
    expect_eq(reply.bytes, sizeof errors);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_jail, jobs_compute_and_exchange_large_data)
{
    struct leat_procs *procs = open_jail();
    const uint64_t bytes = 1000000;
    struct leat_reply reply = { 0 }, again = { 0 };

    if (!procs)
        return;
    for (int i = 0; i < 3; i++) {
        expect_ok(leat_procs_call(procs, compute_in_jail, NULL, 0, &reply));
        expect_gt(reply.bytes, 10u);
        expect_ok(leat_procs_call(procs, fill, &bytes, sizeof bytes, &reply));
        expect_ok(leat_procs_call(procs, echo, reply.data, reply.bytes, &again));
        expect_eq(again.bytes, bytes);
    }
    leat_reply_fini(&reply);
    leat_reply_fini(&again);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_jail, crash_in_jail_is_reported_as_anywhere)
{
    struct leat_procs *procs = open_jail();
    struct leat_reply reply = { 0 };

    if (!procs)
        return;
    expect_err(misdeed_call(procs, MISDEED_ABORT, &reply), -ECHILD);
    expect_eq(reply.status, SIGABRT);
    expect_ok(leat_procs_call(procs, echo, "x", 1, &reply));
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

/* SPDX-License-Identifier: MIT */
#include "procs/jobs.h"
#include "harness/test.h"

#include <leat/time.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

LEAT_REMOTE(echo, .idempotent = true)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return leat_reply_write(reply, in, in_bytes);
}

LEAT_REMOTE(worker_id)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    int pid = getpid();

    (void)in;
    (void)in_bytes;
    return leat_reply_write(reply, &pid, sizeof pid);
}

LEAT_REMOTE(fill)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    uint64_t bytes;
    unsigned char *out;

    if (in_bytes != sizeof bytes)
        return -EINVAL;
    memcpy(&bytes, in, sizeof bytes);
    out = leat_reply_reserve(reply, bytes);
    if (!out)
        return -ENOMEM;
    for (uint64_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(i % 251);
    return 0;
}

LEAT_REMOTE(fail_with)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    int result;

    (void)reply;
    memcpy(&result, in, in_bytes);
    return result;
}

LEAT_REMOTE(doze, .idempotent = true)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    leat_time length, end;
    int pid = getpid();

    memcpy(&length, in, in_bytes);
    end = leat_now() + length;
    while (leat_now() < end)
        usleep(500);
    return leat_reply_write(reply, &pid, sizeof pid);
}

static void close_from(int first, int last)
{
    for (int fd = first; fd <= last; fd++)
        close(fd);
}

static void spin(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

static void eat(void)
{
    for (;;) {
        char *more = malloc(1 << 20);

        if (!more)
            abort();
        memset(more, 1, 1 << 20);
        __asm__ volatile("" : : "r"(more) : "memory"); /* or clang leaves it all out */
    }
}

static int hold(struct leat_reply *reply)
{
    int pid = fork();

    if (pid == 0) {
        sleep(1000);
        _exit(0);
    }
    return leat_reply_write(reply, &pid, sizeof pid);
}

/* Over the end of the place where answers are written, into what would be another's. */
static int write_on(struct leat_reply *reply)
{
    volatile unsigned char *data = leat_reply_reserve(reply, 16);

    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    for (size_t i = 0; data && i < 40000; i++)
        data[i] = 0xee;
    return 0;
}

static int open_all(struct leat_reply *reply)
{
    int opened = 0, fds[4096];

    while (opened < 4096 && (fds[opened] = dup(STDOUT_FILENO)) >= 0)
        opened++;
    for (int i = 0; i < opened; i++)
        close(fds[i]);
    return leat_reply_write(reply, &opened, sizeof opened);
}

static int do_wrong(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    int code;

    memcpy(&code, in, in_bytes);
    switch ((enum misdeed)code) {
    case MISDEED_SEGV:
        /* not by a wild pointer, which a sanitizer would turn into an exit */
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case MISDEED_ABORT:
        signal(SIGABRT, SIG_DFL);
        raise(SIGABRT);
        break;
    case MISDEED_KILL:
        kill(getpid(), SIGKILL);
        break;
    case MISDEED_STOP:
        kill(getpid(), SIGSTOP);
        break;
    case MISDEED_EXIT:
        _exit(7);
    case MISDEED_CLOSE:
        close_from(0, 100);
        break;
    case MISDEED_CLOSE_ALL:
        close_from(0, 2000);
        break;
    case MISDEED_FORK:
        if (fork() < 0)
            return -errno;
        break;
    case MISDEED_FORK_HOLD:
        return hold(reply);
    case MISDEED_SPIN:
        spin();
        break;
    case MISDEED_SPIN_DEAF:
        signal(SIGTERM, SIG_IGN);
        spin();
        break;
    case MISDEED_EAT:
        eat();
        break;
    case MISDEED_LIE:
        reply->bytes = SIZE_MAX / 2;
        break;
    case MISDEED_LIE_A_BIT:
        reply->bytes = 32769;
        break;
    case MISDEED_WRITE_ON:
        return write_on(reply);
    case MISDEED_OPEN:
        return open_all(reply);
    case MISDEED_WRITE_INPUT:
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        *(volatile char *)(uintptr_t)in = 1;
        break;
    }
    return 0;
}

LEAT_REMOTE(misbehave)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return do_wrong(in, in_bytes, reply);
}

LEAT_REMOTE(misbehave_idempotent, .idempotent = true)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return do_wrong(in, in_bytes, reply);
}

struct leat_procs *open_pool(const struct leat_procs_options *options)
{
    struct leat_procs *procs = NULL;

    expect_ok(leat_procs_open(&procs, options));
    return procs;
}

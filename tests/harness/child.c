/* SPDX-License-Identifier: MIT */
/* Processes around a test: the watchdog above it, the children it forks.
 *
 * The watchdog is a parent process and not a thread or a timer: it works when every thread of the
 * test spins or has its signals blocked, and it adds no thread that a fork in a test would lose
 * (which ThreadSanitizer refuses). */
#include "harness/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/internal.h"

/* Shared between the watchdog and the watched. */
struct watch {
    int64_t began; /* second of CLOCK_MONOTONIC, 0 while no test runs; written last */
    char    name[256];
};

static struct watch *watch;

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void test_watchdog_begin(const char *suite, const char *name)
{
    if (watch == NULL)
        return;
    __atomic_store_n(&watch->began, 0, __ATOMIC_SEQ_CST);
    if (name == NULL)
        return;
    snprintf(watch->name, sizeof watch->name, "%s.%s", suite, name);
    __atomic_store_n(&watch->began, now_ns() / 1000000000, __ATOMIC_SEQ_CST);
}

static int exit_as(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "harness: %s died of signal %d (%s)\n",
            watch->began != 0 ? watch->name : "the test program", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    return 128 + WTERMSIG(status);
}

void test_watchdog_start(void)
{
    const char *given = getenv("LEAT_TEST_WATCHDOG");
    long        limit = given != NULL ? strtol(given, NULL, 10) : 60L * TEST_SLOWDOWN;
    sigset_t    chld, old;
    pid_t       child, parent = getpid();
    int         status;

    if (limit <= 0)
        return;
    watch = mmap(NULL, sizeof *watch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (watch == MAP_FAILED) {
        watch = NULL;
        return;
    }
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, &old);
    fflush(NULL);
    child = fork();
    if (child < 0) {
        perror("harness: fork");
        exit(1);
    }
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        return;
    }
    for (;;) {
        int64_t began;

        if (waitpid(child, &status, WNOHANG) == child)
            _exit(exit_as(status));
        began = __atomic_load_n(&watch->began, __ATOMIC_SEQ_CST);
        if (began != 0 && now_ns() / 1000000000 - began > limit) {
            fprintf(stderr, "harness: %s has run for more than %ld s: aborted\n", watch->name,
                    limit);
            kill(child, SIGABRT);
            sigtimedwait(&chld, NULL, &(struct timespec){ .tv_sec = 5 });
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            _exit(128 + SIGABRT);
        }
        sigtimedwait(&chld, NULL, &(struct timespec){ .tv_sec = 1 });
    }
}

/* ---- children of a test ---- */

/* Runs fn in a child; returns its wait status and what it wrote to stderr. */
static int run_child(void (*fn)(void), int signal_expected, char *text, size_t bytes)
{
    int     fds[2], status = -1;
    size_t  length = 0;
    char    drop[512];
    pid_t   child;
    ssize_t n;

    if (pipe(fds) != 0)
        abort();
    fflush(NULL);
    child = fork();
    if (child < 0)
        abort();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        /* A sanitizer's handler would turn the signal into an exit. */
        if (signal_expected != 0 && signal_expected != SIGKILL && signal_expected != SIGSTOP)
            signal(signal_expected, SIG_DFL);
        close(fds[0]);
        if (dup2(fds[1], STDERR_FILENO) < 0)
            _exit(125);
        close(fds[1]);
        fn();
        fflush(NULL);
        _exit(test_failed() ? 1 : 0);
    }
    close(fds[1]);
    for (;;) {
        bool full = length + 1 >= bytes;

        n = full ? read(fds[0], drop, sizeof drop)
                 : read(fds[0], text + length, bytes - 1 - length);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0 && !full)
            length += (size_t)n;
    }
    text[length] = '\0';
    close(fds[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static bool check_text(const char *file, int line, const char *text, const char *want)
{
    if (want == NULL || strstr(text, want) != NULL)
        return true;
    test_fail_at(file, line, "expected on stderr: %s\n               got: %s", want, text);
    return false;
}

static void describe(int status, char *buf, size_t bytes)
{
    if (WIFSIGNALED(status))
        snprintf(buf, bytes, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(buf, bytes, "exited with status %d", WEXITSTATUS(status));
}

bool test_child_dies(const char *file, int line, void (*fn)(void), int signal, const char *text)
{
    char stderr_text[8192], how[128];
    int  status = run_child(fn, signal, stderr_text, sizeof stderr_text);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal) {
        describe(status, how, sizeof how);
        test_fail_at(file, line, "expected the child to die of signal %d (%s); it %s\nstderr: %s",
                     signal, strsignal(signal), how, stderr_text);
        return false;
    }
    return check_text(file, line, stderr_text, text);
}

bool test_child_exits(const char *file, int line, void (*fn)(void), int status, const char *text)
{
    char stderr_text[8192], how[128];
    int  got = run_child(fn, 0, stderr_text, sizeof stderr_text);

    if (!WIFEXITED(got) || WEXITSTATUS(got) != status) {
        describe(got, how, sizeof how);
        test_fail_at(file, line, "expected the child to exit with status %d; it %s\nstderr: %s",
                     status, how, stderr_text);
        return false;
    }
    return check_text(file, line, stderr_text, text);
}

/* SPDX-License-Identifier: MIT */
/*
 * search.c: runs a driver once for each way its threads can interleave.
 *
 * Before each atomic operation the running thread asks who
 * goes next; that, the value a load returns in weak mode, and model_choose are the choices of an
 * execution. The search is stateless and depth first: run with the choices of the path so far,
 * take alternative 0 beyond it, then move the last choice that has an alternative left.
 *
 * Taking the processor from a thread that could go on is a preemption; an execution has a bounded
 * number of them (Musuvathi and Qadeer, CHESS, 2007: nearly all bugs need two at most). Bounding
 * is stated, not truncation: within the bound everything is run. Rejected: dynamic partial-order
 * reduction, which prunes more but does not combine soundly with a preemption bound without
 * conservative extra branches; drivers are small enough.
 *
 * INVARIANTS
 *   I1 The same choices give the same execution: else exit status 2, "not deterministic".
 *   I2 The search ends when the path is used up, or at the first failure, or (--max) early, and
 *      then it says truncated=1 and exits with 2.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "internal.h"

enum { PATH_MAX_CHOICES = 8192 };

static jmp_buf run_failed;

static unsigned char path[PATH_MAX_CHOICES], width[PATH_MAX_CHOICES];
static int path_len, path_pos;

static struct model_driver *drivers;
static const struct model_driver *driver;
static bool weak, replaying;
static int preemptions_max, preemptions, stale_max, stale;
static volatile long steps; /* of all executions: for the watchdog */
static long executions;

/* ---- choices ---- */

void search_broken(const char *what)
{
    printf("BROKEN driver=%s: %s\n", driver ? driver->name : "-", what);
    exit(2);
}

int search_choose(int n)
{
    if (n <= 1)
        return 0;
    if (path_pos == path_len) {
        if (path_len == PATH_MAX_CHOICES)
            search_broken("more choices in an execution than PATH_MAX_CHOICES");
        if (n > 36)
            search_broken("more than 36 alternatives");
        path[path_len] = 0;
        width[path_len++] = (unsigned char)n;
    } else if (!replaying && width[path_pos] != n) {
        search_broken("not deterministic: same choices, another execution");
    }
    if (path[path_pos] >= n)
        search_broken("the replay string is of another driver or build");
    return path[path_pos++];
}

/* Moves on to the next path. Returns false when all are done. */
static bool next_path(void)
{
    while (path_len > 0 && path[path_len - 1] + 1 == width[path_len - 1])
        path_len--;
    if (path_len == 0)
        return false;
    path[path_len - 1]++;
    return true;
}

int model_choose(int n)
{
    int chosen = search_choose(n);

    search_trace(NULL, 0, "choose", "%d of %d", chosen, n);
    return chosen;
}

bool search_weak(void)
{
    return weak;
}

void search_tick(void)
{
    steps++;
}

bool search_preempt(int n)
{
    preemptions += n;
    return preemptions < preemptions_max;
}

bool search_stale(int n)
{
    stale += n;
    return stale < stale_max;
}

/* ---- reporting ---- */

void search_trace(const char *file, int line, const char *text, const char *format, ...)
{
    const char *base = file ? strrchr(file, '/') : NULL;
    va_list args;
    char where[64];

    if (!replaying)
        return;
    snprintf(where, sizeof where, "%s:%d", base ? base + 1 : file ? file : "model", line);
    printf("  T%d  %-22s %-44s ", threads_current(), where, text);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void model_fail(const char *file, int line, const char *what)
{
    const char *base = strrchr(file, '/');

    printf("FAIL driver=%s mode=%s thread=%d: %s (%s:%d)\n", driver->name, weak ? "weak" : "sc",
           threads_current(), what, base ? base + 1 : file, line);
    printf("     replay: %s --replay %s,%d,%d,", driver->name, weak ? "weak" : "sc",
           preemptions_max, stale_max);
    for (int i = 0; i < path_pos; i++)
        putchar("0123456789abcdefghijklmnopqrstuvwxyz"[path[i]]);
    printf("\n");
    threads_print();
    _longjmp(run_failed, 1);
}

static void on_signal(int sig)
{
    static long steps_seen = -1;

    if (sig == SIGPROF) { /* every second of CPU time */
        if (steps != steps_seen) {
            steps_seen = steps;
            return;
        }
        model_fail(__FILE__, __LINE__, "hangs: a second without an atomic operation");
    }
    model_fail(__FILE__, __LINE__, sig == SIGSEGV ? "crashed: SIGSEGV" : "crashed");
}

static void catch_signals(void)
{
    static char stack[64 * 1024];
    stack_t alt = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };
    struct itimerval second = { { 1, 0 }, { 1, 0 } };
    const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF };

    sigaltstack(&alt, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    setitimer(ITIMER_PROF, &second, NULL);
}

/* ---- running ---- */

void model_register(struct model_driver *d)
{
    struct model_driver **end = &drivers;

    while (*end)
        end = &(*end)->next;
    *end = d;
}

/* Returns whether the execution passed. */
static __attribute__((noinline)) bool execute(void)
{
    path_pos = 0;
    preemptions = stale = 0;
    threads_reset();
    memory_reset();
    if (_setjmp(run_failed) != 0)
        return false;
    driver->body();
    return true;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Returns 0, 1 on a failed execution, 2 when truncated. */
static int search(bool in_weak_mode, int preemption_bound, int stale_bound, long max)
{
    double start = seconds();
    bool passed, more;

    weak = in_weak_mode;
    preemptions_max = preemption_bound;
    stale_max = weak ? stale_bound : 0;
    path_len = 0;
    executions = 0;
    do {
        passed = execute();
        executions++;
        more = next_path();
    } while (passed && more && executions != max);
    printf("driver=%s mode=%s preemptions=%d stale=%d executions=%ld truncated=%d fail=%d "
           "seconds=%.2f\n",
           driver->name, weak ? "weak" : "sc", preemptions_max, stale_max, executions,
           passed && more, !passed, seconds() - start);
    fflush(stdout);
    return !passed ? 1 : more ? 2 : 0;
}

static int replay(char *text)
{
    char *choices = strrchr(text, ',');
    int s = 0;

    weak = strncmp(text, "weak", 4) == 0;
    if (!choices || !strchr(text, ',') ||
        sscanf(strchr(text, ','), ",%d,%d,", &preemptions_max, &s) != 2)
        search_broken("a replay string looks like sc,2,0,0102");
    stale_max = s;
    for (choices++; *choices && path_len < PATH_MAX_CHOICES; choices++) {
        path[path_len] =
            (unsigned char)(*choices <= '9' ? *choices - '0' : *choices - 'a' + 10);
        width[path_len++] = 36;
    }
    replaying = true;
    return execute() ? 0 : 1;
}

static int usage(const char *program)
{
    printf("usage: %s [--mode sc|weak] [--preemptions N] [--stale N] [--max N] [--list] [DRIVER]\n"
           "       %s DRIVER --replay STRING\n",
           program, program);
    return 2;
}

int main(int argc, char **argv)
{
    const char *mode = NULL, *only = NULL;
    char *replay_string = NULL;
    int preemption_bound = 0, stale_bound = 0, worst = 0, ran = 0;
    long max = -1;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            only = argv[i];
        } else if (strcmp(argv[i], "--list") == 0) {
            for (driver = drivers; driver; driver = driver->next)
                printf("%s\n", driver->name);
            return 0;
        } else if (i + 1 == argc) {
            return usage(argv[0]);
        } else if (strcmp(argv[i], "--mode") == 0) {
            mode = argv[++i];
        } else if (strcmp(argv[i], "--preemptions") == 0) {
            preemption_bound = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--stale") == 0) {
            stale_bound = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--max") == 0) {
            max = atol(argv[++i]);
        } else if (strcmp(argv[i], "--replay") == 0) {
            replay_string = argv[++i];
        } else {
            return usage(argv[0]);
        }
    }
    threads_make();
    catch_signals();
    for (driver = drivers; driver; driver = driver->next) {
        if (only && strcmp(only, driver->name) != 0)
            continue;
        ran++;
        if (driver->long_run && !only && !getenv("LEAT_TEST_CAMPAIGN"))
            continue;
        if (replay_string)
            return replay(replay_string);
        for (int w = 0; w <= 1; w++) {
            int bound = w && driver->weak_preemptions ? driver->weak_preemptions
                                                      : driver->preemptions;
            int result;

            if (mode && strcmp(mode, w ? "weak" : "sc") != 0)
                continue;
            if (w && !mode && driver->stale < 0)
                continue; /* no load may be old: it would be the same search again */
            result = search(w, preemption_bound ? preemption_bound : bound ? bound : 2,
                            stale_bound ? stale_bound : driver->stale ? driver->stale : 2, max);
            worst = result > worst ? result : worst;
            if (result == 1)
                return 1; /* a failed execution leaves threads in the middle of nowhere */
        }
    }
    return ran ? worst : usage(argv[0]);
}

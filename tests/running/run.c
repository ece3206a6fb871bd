/* SPDX-License-Identifier: MIT */
/* leat_run: what it returns, what it refuses, what it leaves behind (nothing). The room is `run`;
 * the folder cannot be, since tests/run is the script that runs all tests. */
#include "harness/test.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int give(void *arg)
{
    return *(int *)arg;
}

LEAT_TEST(run, returns_what_the_function_returned)
{
    int zero = 0, positive = 42, negative = -ENOENT;

    expect_eq(leat_run(give, &zero, NULL), 0);
    expect_eq(leat_run(give, &positive, NULL), 42);
    expect_err(leat_run(give, &negative, NULL), -ENOENT);
}

LEAT_TEST(run, main_turns_results_into_exit_statuses)
{
    int zero = 0, positive = 7, large = 4000, negative = -EIO;

    expect_eq(leat_main(give, &zero, NULL), 0);
    expect_eq(leat_main(give, &positive, NULL), 7);
    expect_eq(leat_main(give, &large, NULL), 1);
    expect_eq(leat_main(give, &negative, NULL), 1);
}

LEAT_TEST(run, bad_options_are_refused)
{
    int zero = 0;
    struct leat_options short_one = { .size = 8 };

    expect_err(leat_run(give, &zero, &short_one), -EINVAL);
    expect_err(leat_run(give, &zero, LEAT_OPTIONS(.workers = 5000)), -EINVAL);
    expect_err(leat_run(give, &zero, LEAT_OPTIONS(.stack_bytes = 1000)), -EINVAL);
    expect_err(leat_run(give, &zero, LEAT_OPTIONS(.reactor = (enum leat_reactor)9)), -EINVAL);
}

static void with_environment(const char *name, const char *value, int want)
{
    int zero = 0;

    setenv(name, value, 1);
    expect_err(leat_run(give, &zero, NULL), want);
    unsetenv(name);
}

LEAT_TEST(run, the_environment_is_read_and_nonsense_in_it_is_an_error)
{
    with_environment("LEAT_WORKERS", "3", 0);
    with_environment("LEAT_WORKERS", "", 0);
    with_environment("LEAT_WORKERS", "0", -EINVAL);
    with_environment("LEAT_WORKERS", "-1", -EINVAL);
    with_environment("LEAT_WORKERS", "two", -EINVAL);
    with_environment("LEAT_WORKERS", "99999999999999999999999", -EINVAL);
    with_environment("LEAT_REACTOR", "epoll", 0);
    with_environment("LEAT_REACTOR", "kqueue", -EINVAL);
    with_environment("LEAT_SEED", "12", 0);
    with_environment("LEAT_SEED", "x", -EINVAL);
    with_environment("LEAT_LOG", "debug", 0);
    with_environment("LEAT_LOG", "loud", -EINVAL);
}

static int workers_seen(void *arg)
{
    struct leat_stats stats;

    expect_ok(leat_stats_read(&stats));
    *(unsigned *)arg = stats.workers;
    return 0;
}

LEAT_TEST(run, the_programs_options_win_over_the_environment)
{
    unsigned workers = 0;

    setenv("LEAT_WORKERS", "3", 1);
    expect_ok(leat_run(workers_seen, &workers, LEAT_OPTIONS(.workers = 2)));
    expect_eq(workers, 2u);
    expect_ok(leat_run(workers_seen, &workers, NULL));
    expect_eq(workers, 3u);
    unsetenv("LEAT_WORKERS");
}

static int run_inside(void *arg)
{
    return leat_run(give, arg, NULL);
}

LEAT_TEST(run, a_runtime_inside_a_task_is_refused)
{
    int zero = 0;

    expect_err(leat_run(run_inside, &zero, NULL), -EDEADLK);
}

struct lines {
    int  count;
    char last[512];
    char all[4096];
};

static void keep_line(void *arg, enum leat_log_level level, const char *line)
{
    struct lines *lines = arg;

    (void)level;
    lines->count++;
    snprintf(lines->last, sizeof lines->last, "%s", line);
    snprintf(lines->all + strlen(lines->all), sizeof lines->all - strlen(lines->all), "%s\n", line);
}

LEAT_TEST(run, the_start_report_comes_only_when_asked_for)
{
    struct lines lines = { 0 };
    int zero = 0;

    expect_ok(leat_run(give, &zero, LEAT_OPTIONS(.log = keep_line, .log_arg = &lines)));
    expect_eq(lines.count, 0);
    expect_ok(leat_run(give, &zero, LEAT_OPTIONS(.log = keep_line, .log_arg = &lines, .workers = 2,
                                                 .log_level = LEAT_LOG_INFO,
                                                 .reactor = LEAT_REACTOR_EPOLL)));
    expect_contains(lines.all, "2 workers");
    expect_contains(lines.all, "reactor: epoll, asked for");
    expect_contains(lines.all, "CPUs: ");
    expect_contains(lines.all, "stacks: 64 KiB promised, guarded by ");
    expect_contains(lines.all, "limit nofile: ");
    expect_contains(lines.all, "limit max_map_count: ");
}

static int compute_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int use_everything(void *arg)
{
    int err = leat_blocking(compute_nothing, arg);

    if (!err)
        err = leat_compute(compute_nothing, arg);
    if (!err)
        err = leat_sleep(100 * LEAT_USEC);
    return err;
}

LEAT_TEST(run, a_hundred_runs_leave_no_thread_and_no_descriptor)
{
    int threads = test_count_threads(), fds = test_count_fds();

    for (int i = 0; i < 100 / TEST_SLOWDOWN; i++)
        expect_ok(leat_run(use_everything, NULL, LEAT_OPTIONS(.workers = 1 + (unsigned)i % 3)));
    expect_eq(test_count_fds(), fds);
    if (TEST_SLOWDOWN == 1) /* TSan keeps one of its own */
        expect_eq(test_count_threads(), threads);
}

static void *run_one(void *arg)
{
    *(int *)arg = leat_run(use_everything, NULL, LEAT_OPTIONS(.workers = 2));
    return NULL;
}

LEAT_TEST(run, several_runtimes_live_side_by_side)
{
    pthread_t threads[4];
    int results[4];

    for (int i = 0; i < 4; i++)
        assert_ok(pthread_create(&threads[i], NULL, run_one, &results[i]));
    for (int i = 0; i < 4; i++) {
        assert_ok(pthread_join(threads[i], NULL));
        expect_ok(results[i]);
    }
}

struct idle {
    leat_time cpu, wall;
    long      switches;
};

static leat_time cpu_of_process(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * LEAT_SEC + now.tv_nsec;
}

static long voluntary_switches(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

static int be_idle(void *arg)
{
    struct idle *idle = arg;
    int err = leat_sleep(500 * LEAT_MSEC); /* let the start settle, on a busy machine too */

    idle->cpu = cpu_of_process();
    idle->switches = voluntary_switches();
    if (!err)
        err = leat_sleep(idle->wall);
    idle->cpu = cpu_of_process() - idle->cpu;
    idle->switches = voluntary_switches() - idle->switches;
    return err;
}

/* An idle runtime sleeps: at most 1 ms of CPU and 2 voluntary switches a thread in 10 s. */
static void stay_idle(enum leat_reactor reactor)
{
    int err;
    struct idle idle = { .wall = (leat_time)test_rounds(2, 10) * LEAT_SEC };

    if (TEST_SLOWDOWN > 1)
        test_skip("sanitizers have threads of their own");
    err = leat_run(be_idle, &idle, LEAT_OPTIONS(.workers = 2, .reactor = reactor));
    if (err == -ENOSYS || err == -EPERM)
        test_skip("io_uring is not available");
    expect_ok(err);
    expect_le(idle.cpu, LEAT_MSEC);
    expect_le(idle.switches, 2 * 4); /* the caller's, two workers', the watching thread */
}

LEAT_TEST(run, an_idle_runtime_uses_no_cpu_timing_epoll)
{
    stay_idle(LEAT_REACTOR_EPOLL);
}

LEAT_TEST(run, an_idle_runtime_uses_no_cpu_timing_io_uring)
{
    stay_idle(LEAT_REACTOR_IO_URING);
}

static void run_without_files(void)
{
    const enum leat_reactor kinds[] = { LEAT_REACTOR_AUTO, LEAT_REACTOR_EPOLL };
    int zero = 0, fd = dup(STDERR_FILENO); /* the lowest that is free */

    close(fd);
    assert_ok(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ (rlim_t)fd + 1, (rlim_t)fd + 1 }));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        expect_err(leat_run(give, &zero, LEAT_OPTIONS(.reactor = kinds[i], .workers = 2)), -EMFILE);
}

LEAT_TEST(run, a_limit_of_files_that_is_too_low_is_named)
{
    expect_exits(run_without_files, 0, "more files: raise their limit (ulimit -n)");
}

static int wait_for_event(void *event)
{
    return leat_event_wait(event);
}

/* More tasks at once than there is room for. */
static int crowd(void *arg)
{
    struct leat_event event = { 0 };
    struct leat_stats stats = { 0 };
    LEAT_LIMIT(60 * LEAT_SEC); /* if there is room after all */
    LEAT_SCOPE(scope);

    (void)arg;
    for (int i = 0; i < 12000; i++)
        expect_ok(leat_spawn(&scope, wait_for_event, &event));
    while (stats.starved == 0 && leat_sleep(LEAT_MSEC) == 0)
        expect_ok(leat_stats_read(&stats));
    expect_ok(leat_sleep(500 * LEAT_MSEC)); /* for the one who watches */
    leat_event_set(&event);
    return leat_scope_join(&scope);
}

static void run_without_memory(void)
{
    struct rlimit limit = { 0 };
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_not_null(file);
    assert_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (512u << 20);
    assert_ok(setrlimit(RLIMIT_AS, &limit));
    expect_ok(leat_run(crowd, NULL, LEAT_OPTIONS(.workers = 2)));
}

LEAT_TEST(run, tasks_for_which_there_is_no_stack_wait_and_that_is_said)
{
    if (LEAT__TSAN || LEAT__ASAN)
        test_skip("a sanitizer's own memory is above any limit");
    if (TEST_EMULATED)
        test_skip("the emulator does not limit its guest's addresses");
    expect_exits(run_without_memory, 0, "no memory for more stacks");
}

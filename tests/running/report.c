/* SPDX-License-Identifier: MIT */
/* The start report: every choice with its reason, from made-up machines and from this one. */
#include "harness/test.h"
#include "platform/limits.h"
#include "run/report.h"

#include <leat/leat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char text[8192];

static void keep(void *arg, const char *line)
{
    size_t length = strlen(text);

    (void)arg;
    snprintf(text + length, sizeof text - length, "%s\n", line);
}

static const char *tell(const struct leat__report *report)
{
    text[0] = '\0';
    leat__report_put(report, keep, NULL);
    return text;
}

/* A machine of eight CPUs of which this process has 0, 1 and 4. */
static struct leat__cpus cpus_of(cpu_set_t *mask)
{
    struct leat__cpus cpus = { .count = 2, .allowed = 3, .total = 8, .quota = 1.5,
                               .reason = "2 of 8 CPUs by cgroup v2 quota 1.5 at /app",
                               .cgroup = "v2 /app/web", .mask = mask, .mask_bytes = sizeof *mask };

    CPU_ZERO(mask);
    CPU_SET(0, mask);
    CPU_SET(1, mask);
    CPU_SET(4, mask);
    return cpus;
}

LEAT_TEST(report, names_the_cpus_and_what_took_the_others)
{
    cpu_set_t mask;
    const struct leat__cpus cpus = cpus_of(&mask);
    const struct leat_options options = { .workers = 2, .stack_bytes = 65536, .blocking_max = 256,
                                          .compute_threads = 2 };
    const struct leat__report report = { .cpus = &cpus, .options = &options, .reactor = "io_uring",
                                         .guard = "madvise", .context = "assembly" };

    expect_contains(tell(&report), "affinity allows 3 of 8 (0-1,4)");
    expect_contains(text, "cgroup v2 /app/web with a quota of 1.5");
    expect_contains(text, "workers: 2, not bound, since");
    expect_contains(text, "reactor: io_uring, the kernel allows it");
    expect_contains(text, "up to 258 threads");
}

LEAT_TEST(report, says_why_the_second_best_was_taken)
{
    cpu_set_t mask;
    const struct leat__cpus cpus = cpus_of(&mask);
    const struct leat_options options = { .workers = 3, .stack_bytes = 65536 };
    struct leat__report report = {
        .cpus = &cpus, .options = &options, .reactor = "epoll", .context = "assembly",
        .guard = "mprotect", .fallback = "io_uring is forbidden here (EPERM)", .bound = true,
        .limits = { .nofile = 1024, .nofile_max = 20000, .memlock = 65536,
                    .threads = LEAT__LIMIT_NONE, .mappings = 65530 },
    };

    expect_contains(tell(&report), "reactor: epoll, io_uring is forbidden here (EPERM)");
    expect_contains(text, "workers: 3, each bound");
    expect_contains(text, "guarded by mprotect: by a mapping each");
    expect_contains(text, "limit max_map_count: 65530, so stacks beyond 24573 have no guard");
    expect_contains(text, "limit nofile: 1024 (may be raised to 20000)");
    expect_contains(text, "limit nproc: none");
    expect_contains(text, "limit memlock: 65536 bytes");
    report.guard = "none";
    report.driven = true;
    report.bound = false;
    expect_contains(tell(&report), "guarded by none: overflows go unnoticed");
    expect_contains(text, "the first is the thread of an event loop");
}

/* Fixture trees: what is there, what is not, and nonsense. */
LEAT_TEST(report, limits_are_read_below_a_root_and_may_be_missing)
{
    const char *root = test_tempdir();
    struct leat__limits limits;
    struct rlimit nofile;

    leat__limits_read(&limits, root); /* no /proc at all */
    expect_eq(limits.mappings, 0u);
    assert_ok(getrlimit(RLIMIT_NOFILE, &nofile));
    expect_eq(limits.nofile, (uint64_t)nofile.rlim_cur);
    test_write_under(root, "/proc/sys/vm/max_map_count", "262144\n");
    leat__limits_read(&limits, root);
    expect_eq(limits.mappings, 262144u);
    test_write_under(root, "/proc/sys/vm/max_map_count", "many\n");
    leat__limits_read(&limits, root);
    expect_eq(limits.mappings, 0u);
}

LEAT_TEST(report, the_cgroup_is_that_of_the_process)
{
    const char *root = test_tempdir();
    struct leat__cpus cpus;

    assert_ok(leat__cpus_probe(&cpus, root)); /* without /proc and /sys */
    expect_str_eq(cpus.cgroup, "");
    expect_ge(cpus.count, 1u);
    leat__cpus_fini(&cpus);
    test_write_under(root, "/proc/self/mountinfo", "");
    test_write_under(root, "/proc/self/cgroup", "0::/app/web\n");
    assert_ok(leat__cpus_probe(&cpus, root));
    expect_str_eq(cpus.cgroup, "v2 /app/web");
    leat__cpus_fini(&cpus);
    test_write_under(root, "/proc/self/cgroup", "4:cpu:/old\n0::/app\n");
    assert_ok(leat__cpus_probe(&cpus, root));
    expect_str_eq(cpus.cgroup, "v1 /old");
    leat__cpus_fini(&cpus);
}

static int write_report(void *arg)
{
    return leat_start_report(*(int *)arg);
}

LEAT_TEST(report, a_call_writes_it)
{
    int fds[2];

    expect_err(leat_start_report(1), -EPERM);
    assert_ok(pipe2(fds, O_CLOEXEC));
    expect_ok(leat_run(write_report, &fds[1], LEAT_OPTIONS(.workers = 1)));
    close(fds[1]);
    memset(text, 0, sizeof text);
    expect_gt(read(fds[0], text, sizeof text - 1), 0);
    close(fds[0]);
    expect_contains(text, "1 worker (");
    expect_contains(text, "limit memlock: ");
}

/* SPDX-License-Identifier: MIT */
/* CPU count from fixture trees of /proc and cgroup files, and from this machine. */
#include "platform/cpu.h"
#include "base/bits.h"
#include "harness/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOUNT_V2 "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
#define MOUNT_V1                                                                                   \
    "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"                            \
    "32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup "                \
    "rw,cpu,cpuacct\n"

static const char *tree(const char *cgroup, const char *mountinfo)
{
    const char *root = test_tempdir();

    test_write_under(root, "/proc/self/cgroup", cgroup);
    test_write_under(root, "/proc/self/mountinfo", mountinfo);
    return root;
}

/* The quota found is `want`, and the count is what follows from it. */
static void expect_quota(const char *root, double want)
{
    struct leat__cpus cpus = { .count = 0 };
    unsigned up = (unsigned)want + ((unsigned)want < want);

    assert_ok(leat__cpus_probe(&cpus, root));
    expect_eq(cpus.quota, want);
    expect_eq(cpus.count, want > 0 && up < cpus.allowed ? up : cpus.allowed);
    expect_ge(cpus.count, 1u);
    leat__cpus_fini(&cpus);
}

LEAT_TEST(cpu, v2_quota_of_the_own_group_holds)
{
    const char *root = tree("0::/a/b\n", MOUNT_V2);

    test_write_under(root, "/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
    expect_quota(root, 0.5);
    test_write_under(root, "/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    expect_quota(root, 1.5);
    test_write_under(root, "/sys/fs/cgroup/a/b/cpu.max", "250000\n"); /* the period left out */
    expect_quota(root, 2.5);
}

LEAT_TEST(cpu, tightest_quota_along_the_path_holds)
{
    const char *root = tree("0::/a/b/c\n", MOUNT_V2);

    test_write_under(root, "/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    test_write_under(root, "/sys/fs/cgroup/a/b/cpu.max", "75000 100000\n");
    test_write_under(root, "/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
    expect_quota(root, 0.75);
    test_write_under(root, "/sys/fs/cgroup/cpu.max", "10000 100000\n");
    expect_quota(root, 0.1);
}

LEAT_TEST(cpu, group_without_files_leaves_its_parents_quota_in_force)
{
    const char *root = tree("0::/a/gone\n", MOUNT_V2);

    test_write_under(root, "/sys/fs/cgroup/a/cpu.max", "20000 100000\n");
    expect_quota(root, 0.2);
}

LEAT_TEST(cpu, max_is_no_quota)
{
    const char *root = tree("0::/a\n", MOUNT_V2);

    test_write_under(root, "/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    expect_quota(root, 0);
}

LEAT_TEST(cpu, v1_quota_is_found_in_the_hierarchy_with_the_cpu_controller)
{
    const char *root = tree("9:cpuset:/x\n4:cpu,cpuacct:/a/b\n3:memory:/m\n0::/u\n", MOUNT_V1);

    test_write_under(root, "/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    test_write_under(root, "/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    expect_quota(root, 0);
    test_write_under(root, "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "30000\n");
    test_write_under(root, "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
    expect_quota(root, 0.6);
}

LEAT_TEST(cpu, tighter_of_both_versions_holds_where_both_are_mounted)
{
    const char *root = tree("4:cpu,cpuacct:/a\n0::/u\n", MOUNT_V1 MOUNT_V2);

    test_write_under(root, "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "90000\n");
    test_write_under(root, "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    test_write_under(root, "/sys/fs/cgroup/u/cpu.max", "80000 100000\n");
    expect_quota(root, 0.8);
}

LEAT_TEST(cpu, mount_of_a_subtree_is_seen_from_its_root)
{
    /* as in a container: /docker/xyz of the host is mounted as the root; a space in the name */
    const char *root = tree("0::/docker/xyz/app\n",
                            "30 24 0:26 /docker/xyz /sys/fs/my\\040groups ro - cgroup2 none rw\n");

    test_write_under(root, "/sys/fs/my groups/app/cpu.max", "60000 100000\n");
    expect_quota(root, 0.6);
    test_write_under(root, "/sys/fs/my groups/cpu.max", "40000 100000\n");
    expect_quota(root, 0.4);
}

LEAT_TEST(cpu, group_outside_of_what_is_mounted_falls_back_to_the_mount_point)
{
    const char *elsewhere =
        tree("0::/other\n", "30 24 0:26 /docker/xyz /cg rw shared:1 - cgroup2 none rw\n");
    const char *above = tree("0::/../other\n", MOUNT_V2);

    test_write_under(elsewhere, "/cg/cpu.max", "70000 100000\n");
    expect_quota(elsewhere, 0.7);
    test_write_under(above, "/sys/fs/cgroup/cpu.max", "30000 100000\n");
    expect_quota(above, 0.3);
}

LEAT_TEST(cpu, nothing_to_read_means_no_quota)
{
    const char *root = test_tempdir();

    expect_quota(root, 0);
    test_write_under(root, "/proc/self/cgroup", "0::/a\n");
    expect_quota(root, 0);
    test_write_under(root, "/proc/self/mountinfo", "");
    expect_quota(root, 0);
}

LEAT_TEST(cpu, nonsense_is_no_quota_and_no_crash)
{
    static const char *const quotas[] = { "",      "\n",        "abc 100000\n", "100000 0\n",
                                          "-5 10", "50000 abc", "50000x 100000", "0 100000\n",
                                          "99999999999999999999 100000\n", "50000 -100000\n" };
    static const char *const cgroups[] = { "", ":", "::", "0:", "0::", "0::relative\n", "\n\n",
                                           "0:cpu:/a\n", "x" };
    static const char *const mounts[] = { "", " ", "30", "30 24 0:26 / /sys/fs/cgroup rw\n",
                                          "30 24 0:26 / /sys/fs/cgroup rw - cgroup2\n", "- - - -",
                                          "30 24 0:26 / /sys/fs/cgroup rw -\n", "a b c d e f - " };
    const char *root = tree("0::/a\n", MOUNT_V2);

    for (size_t i = 0; i < LEAT__COUNT(quotas); i++) {
        test_write_under(root, "/sys/fs/cgroup/a/cpu.max", quotas[i]);
        expect_quota(root, 0);
    }
    test_write_under(root, "/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
    expect_quota(root, 0.5);
    for (size_t i = 0; i < LEAT__COUNT(mounts); i++) {
        test_write_under(root, "/proc/self/mountinfo", mounts[i]);
        expect_quota(root, 0);
    }
    test_write_under(root, "/proc/self/mountinfo", MOUNT_V2);
    for (size_t i = 0; i < LEAT__COUNT(cgroups); i++) {
        test_write_under(root, "/proc/self/cgroup", cgroups[i]);
        expect_quota(root, 0);
    }
}

LEAT_TEST(cpu, long_group_path_is_walked_and_named_by_its_end)
{
    char group[1200] = "", file[1400], line[1300], want[64];
    struct leat__cpus cpus = { .count = 0 };
    const char *root;

    for (int i = 0; i < 100; i++)
        strcat(group, "/abcdefghi");
    snprintf(line, sizeof line, "0::%s\n", group);
    snprintf(file, sizeof file, "/sys/fs/cgroup%s/cpu.max", group);
    root = tree(line, MOUNT_V2);
    test_write_under(root, file, "50000 100000\n");
    assert_ok(leat__cpus_probe(&cpus, root));
    expect_eq(cpus.count, 1u);
    if (cpus.allowed > 1) {
        snprintf(want, sizeof want, "1 of %u CPUs by cgroup v2 quota 0.5 at ", cpus.total);
        expect_contains(cpus.reason, want);
        expect_contains(cpus.reason, "/abcdefghi/abcdefghi");
    }
    leat__cpus_fini(&cpus);
}

LEAT_TEST(cpu, this_machine_s_mask_is_counted_and_kept)
{
    struct leat__cpus cpus = { .count = 0 };
    int before = -1;

    assert_ok(leat__cpus_probe(&cpus, NULL));
    expect_ge(cpus.count, 1u);
    expect_le(cpus.count, cpus.allowed);
    expect_le(cpus.allowed, cpus.total);
    expect_eq((unsigned)CPU_COUNT_S(cpus.mask_bytes, cpus.mask), cpus.allowed);
    expect_ne(cpus.reason[0], '\0');
    for (unsigned i = 0; i < cpus.allowed; i++) {
        int cpu = leat__cpus_nth(&cpus, i);

        expect_gt(cpu, before);
        expect(CPU_ISSET_S((size_t)cpu, cpus.mask_bytes, cpus.mask));
        expect_eq(leat__cpus_nth(&cpus, i + cpus.allowed), cpu);
        before = cpu;
    }
    leat__cpus_fini(&cpus);
    leat__cpus_fini(&cpus);
    leat__cpus_fini(NULL);
}

static void probe_when_bound(void)
{
    struct leat__cpus all = { .count = 0 }, one = { .count = 0 };
    cpu_set_t mask;
    char want[64];

    assert_ok(leat__cpus_probe(&all, NULL));
    CPU_ZERO(&mask);
    CPU_SET((size_t)leat__cpus_nth(&all, all.allowed - 1), &mask);
    assert_eq(sched_setaffinity(0, sizeof mask, &mask), 0);
    assert_ok(leat__cpus_probe(&one, "/nonexistent"));
    expect_eq(one.count, 1u);
    expect_eq(one.allowed, 1u);
    snprintf(want, sizeof want, "1 of %u CPUs by affinity", one.total);
    expect_str_eq(one.reason, one.total > 1 ? want : "1 CPU");
    expect_eq(leat__cpus_nth(&one, 0), leat__cpus_nth(&all, all.allowed - 1));
    leat__cpus_fini(&all);
    leat__cpus_fini(&one);
}

LEAT_TEST(cpu, affinity_limits_the_count)
{
    expect_child_ok(probe_when_bound);
}

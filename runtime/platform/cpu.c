/* SPDX-License-Identifier: MIT */
/* CPUs by affinity and by cgroup quota. Runs once at start; nothing here is hot.
 *
 * A quota may stand at any level between the process's group and the root of the hierarchy, and the
 * tightest holds. /proc/self/cgroup says which group, /proc/self/mountinfo where its hierarchy is
 * mounted, and which part of it: in a container the mount often shows a subtree only, and the
 * group's path may then lie outside of it, in which case the mount point itself is the best there
 * is. Reading /sys/fs/cgroup without looking there fails on every second container host. */
#include "platform/cpu.h"
#include "base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum version { CGROUP_V1, CGROUP_V2 };

struct quota {
    double cpus; /* 0: none */
    enum version version;
    char where[64]; /* path of the group in its hierarchy; cut at the front when long */
    char group[80]; /* of this process: "v2 /a/b", likewise; "": not to be told */
};

/* ---- small files ---- */

static bool read_text(const char *path, char *text, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, text, bytes - 1);
    close(fd);
    if (n < 0)
        return false;
    text[n] = '\0';
    return true;
}

/* The number a text begins with, "max" and everything else that is none being false. */
static bool parse_number(const char *text, const char **ret_end, long long *ret)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (end == text || errno != 0 || (*end != '\0' && *end != ' ' && *end != '\n'))
        return false;
    *ret_end = end;
    *ret = n;
    return true;
}

/* ---- quotas ---- */

/* CPUs a quota allows; 0 for none or nonsense. */
static double ratio(long long quota_us, long long period_us)
{
    return quota_us > 0 && period_us > 0 ? (double)quota_us / (double)period_us : 0;
}

static double read_quota_v1(const char *group)
{
    char path[PATH_MAX], quota[64], period[64];
    const char *end;
    long long quota_us, period_us;

    if (snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", group) >= (int)sizeof path ||
        !read_text(path, quota, sizeof quota) || !parse_number(quota, &end, &quota_us))
        return 0;
    if (snprintf(path, sizeof path, "%s/cpu.cfs_period_us", group) >= (int)sizeof path ||
        !read_text(path, period, sizeof period) || !parse_number(period, &end, &period_us))
        return 0;
    return ratio(quota_us, period_us);
}

static double read_quota_v2(const char *group)
{
    char path[PATH_MAX], text[128];
    const char *end;
    long long quota_us, period_us;

    if (snprintf(path, sizeof path, "%s/cpu.max", group) >= (int)sizeof path ||
        !read_text(path, text, sizeof text) || !parse_number(text, &end, &quota_us))
        return 0;
    /* the kernel always writes both; a period left out is the default of 100 ms */
    if (*end != ' ')
        return ratio(quota_us, 100000);
    return parse_number(end + 1, &end, &period_us) ? ratio(quota_us, period_us) : 0;
}

static void take_tighter(struct quota *quota, double cpus, enum version version, const char *where)
{
    size_t bytes = strlen(where);
    size_t room = sizeof quota->where - 1;

    if (cpus <= 0 || (quota->cpus > 0 && quota->cpus <= cpus))
        return;
    quota->cpus = cpus;
    quota->version = version;
    if (bytes == 0)
        where = "/";
    else if (bytes > room)
        where += bytes - room;
    strcpy(quota->where, where);
}

/* Look at the group `at` below the mount point, then at each level above it. `at` is "" or begins
 * with a slash, and is cut shorter on the way. */
static void walk_up(struct quota *quota, enum version version, const char *mount, char *at)
{
    for (;;) {
        char group[PATH_MAX];
        char *slash;

        if (snprintf(group, sizeof group, "%s%s", mount, at) < (int)sizeof group)
            take_tighter(quota,
                         version == CGROUP_V1 ? read_quota_v1(group) : read_quota_v2(group),
                         version, at);
        slash = strrchr(at, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

/* ---- which group, mounted where ---- */

/* Is `word` one of a list separated by commas? */
static bool list_has(const char *list, const char *word)
{
    size_t bytes = strlen(word);

    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, word, bytes) == 0 &&
            (at[bytes] == ',' || at[bytes] == '\0' || at[bytes] == '\n'))
            return true;
    return false;
}

/* Path of our group in the hierarchy, from lines `12:cpu,cpuacct:/a/b` (v1) or `0::/a/b` (v2). */
static bool find_group(FILE *file, enum version version, char *ret, size_t bytes)
{
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    rewind(file);
    while (!found && getline(&line, &room, file) > 0) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;

        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        path[strcspn(path, "\n")] = '\0';
        if (version == CGROUP_V1 ? !list_has(controllers, "cpu")
                                 : *controllers != '\0' || strncmp(line, "0:", 2) != 0)
            continue;
        found = path[0] == '/' && strlen(path) < bytes;
        if (found)
            strcpy(ret, path);
    }
    free(line);
    return found;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
    char *to = text;

    for (char *at = text; *at; to++) {
        if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
            at[3] >= '0' && at[3] <= '7') {
            *to = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

/* `36 35 98:0 /root /mount/point rw,noatime shared:1 - cgroup source rw,cpu,cpuacct`: cut into the
 * fields we need. */
static bool parse_mount(char *line, enum version version, char **ret_root, char **ret_point)
{
    char *field[6], *rest = line, *tail, *type, *options;

    for (int i = 0; i < 6; i++) {
        field[i] = strsep(&rest, " ");
        if (!rest)
            return false;
    }
    if (strncmp(rest, "- ", 2) == 0)
        tail = rest + 2; /* no optional fields */
    else if ((tail = strstr(rest, " - ")) != NULL)
        tail += 3;
    else
        return false;
    type = strsep(&tail, " ");
    if (!tail || !strsep(&tail, " ") || !tail)
        return false;
    options = tail;
    options[strcspn(options, "\n")] = '\0';
    if (version == CGROUP_V1 ? strcmp(type, "cgroup") != 0 || !list_has(options, "cpu")
                             : strcmp(type, "cgroup2") != 0)
        return false;
    unescape(field[3]);
    unescape(field[4]);
    *ret_root = field[3];
    *ret_point = field[4];
    return true;
}

/* The part of `group` below `root`; "" when it is root itself, or lies elsewhere. */
static char *below(char *group, const char *root)
{
    size_t bytes = strlen(root);

    if (strcmp(root, "/") == 0)
        return strcmp(group, "/") == 0 || strstr(group, "/..") ? group + strlen(group) : group;
    if (strncmp(group, root, bytes) == 0 && (group[bytes] == '/' || group[bytes] == '\0'))
        return group + bytes;
    return group + strlen(group);
}

static void read_hierarchy(struct quota *quota, enum version version, const char *prefix,
                           FILE *groups, FILE *mounts)
{
    char group[PATH_MAX], *line = NULL, *root, *point;
    size_t room = 0;

    if (!find_group(groups, version, group, sizeof group))
        return;
    if (quota->group[0] == '\0') {
        size_t bytes = strlen(group), most = sizeof quota->group - sizeof "v1 ...";

        snprintf(quota->group, sizeof quota->group, "v%d %s%.*s", version == CGROUP_V1 ? 1 : 2,
                 bytes > most ? "..." : "", (int)most,
                 bytes > most ? group + bytes - most : group);
    }
    rewind(mounts);
    while (getline(&line, &room, mounts) > 0) {
        char mount[PATH_MAX];

        if (!parse_mount(line, version, &root, &point))
            continue;
        if (snprintf(mount, sizeof mount, "%s%s", prefix, point) < (int)sizeof mount)
            walk_up(quota, version, mount, below(group, root));
        break;
    }
    free(line);
}

static struct quota read_quota(const char *prefix)
{
    struct quota quota = { .cpus = 0 };
    char path[PATH_MAX];
    FILE *groups = NULL, *mounts = NULL;

    if (snprintf(path, sizeof path, "%s/proc/self/cgroup", prefix) < (int)sizeof path)
        groups = fopen(path, "re");
    if (snprintf(path, sizeof path, "%s/proc/self/mountinfo", prefix) < (int)sizeof path)
        mounts = fopen(path, "re");
    if (groups && mounts) { /* v1 first: where it has the cpu controller, v2 has not */
        read_hierarchy(&quota, CGROUP_V1, prefix, groups, mounts);
        read_hierarchy(&quota, CGROUP_V2, prefix, groups, mounts);
    }
    if (groups)
        fclose(groups);
    if (mounts)
        fclose(mounts);
    return quota;
}

/* ---- affinity ---- */

/* The kernel refuses a mask smaller than its own, so grow until it fits. */
static int read_affinity(struct leat__cpus *cpus)
{
    for (size_t cpu_max = CPU_SETSIZE; cpu_max <= 1u << 20; cpu_max *= 2) {
        size_t bytes = CPU_ALLOC_SIZE(cpu_max);
        cpu_set_t *mask = CPU_ALLOC(cpu_max);
        int err;

        if (!mask)
            return -ENOMEM;
        CPU_ZERO_S(bytes, mask);
        if (sched_getaffinity(0, bytes, mask) == 0) {
            cpus->mask = mask;
            cpus->mask_bytes = bytes;
            cpus->allowed = (unsigned)CPU_COUNT_S(bytes, mask);
            return 0;
        }
        err = -errno;
        CPU_FREE(mask);
        if (err != -EINVAL)
            return err;
    }
    return -EINVAL;
}

/* ---- both together ---- */

static void tell_reason(struct leat__cpus *cpus, const struct quota *quota)
{
    if (cpus->count < cpus->allowed)
        snprintf(cpus->reason, sizeof cpus->reason, "%u of %u CPUs by cgroup v%d quota %.3g at %s",
                 cpus->count, cpus->total, quota->version == CGROUP_V1 ? 1 : 2, quota->cpus,
                 quota->where);
    else if (cpus->allowed < cpus->total)
        snprintf(cpus->reason, sizeof cpus->reason, "%u of %u CPUs by affinity", cpus->count,
                 cpus->total);
    else
        snprintf(cpus->reason, sizeof cpus->reason, "%u CPU%s", cpus->count,
                 cpus->count == 1 ? "" : "s");
}

int leat__cpus_probe(struct leat__cpus *ret, const char *root)
{
    struct leat__cpus cpus = { .count = 0 };
    struct quota quota = read_quota(root ? root : "");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int err = read_affinity(&cpus);

    if (err)
        return err;
    cpus.total = online > (long)cpus.allowed ? (unsigned)online : cpus.allowed;
    cpus.quota = quota.cpus;
    cpus.count = cpus.allowed;
    /* round up: half a CPU's quota still wants one worker, one and a half two */
    if (quota.cpus > 0 && quota.cpus < cpus.allowed) {
        cpus.count = (unsigned)quota.cpus;
        cpus.count += cpus.count < quota.cpus;
    }
    tell_reason(&cpus, &quota);
    memcpy(cpus.cgroup, quota.group, sizeof cpus.cgroup);
    *ret = cpus;
    return 0;
}

void leat__cpus_fini(struct leat__cpus *cpus)
{
    if (!cpus)
        return;
    CPU_FREE(cpus->mask);
    *cpus = (struct leat__cpus){ .count = 0 };
}

int leat__cpus_nth(const struct leat__cpus *cpus, unsigned i)
{
    leat__check(cpus->allowed > 0, "probe the CPUs before asking for one of them");
    i %= cpus->allowed;
    for (unsigned cpu = 0; cpu < cpus->mask_bytes * CHAR_BIT; cpu++)
        if (CPU_ISSET_S(cpu, cpus->mask_bytes, cpus->mask) && i-- == 0)
            return (int)cpu;
    return -1;
}

char *leat__cpus_list(const struct leat__cpus *cpus, char *text, size_t bytes)
{
    unsigned end = (unsigned)cpus->mask_bytes * CHAR_BIT;
    size_t length = 0;

    text[0] = '\0';
    for (unsigned cpu = 0; cpu < end; cpu++) {
        unsigned first = cpu;
        int n;

        while (cpu < end && CPU_ISSET_S(cpu, cpus->mask_bytes, cpus->mask))
            cpu++;
        if (cpu == first)
            continue;
        n = snprintf(text + length, bytes - length, cpu - 1 > first ? "%s%u-%u" : "%s%u",
                     length ? "," : "", first, cpu - 1);
        if (n < 0 || (size_t)n >= bytes - length)
            break;
        length += (size_t)n;
    }
    return text;
}

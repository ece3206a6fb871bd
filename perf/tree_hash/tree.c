/* SPDX-License-Identifier: MIT */
/* tree.c: see tree.h. */
#define _GNU_SOURCE
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void tree_sum_add(struct tree_sum *sum, const uint8_t digest[DIGEST_BYTES])
{
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        sum->digest[i] ^= digest[i];
    sum->files++;
}

void tree_sum_merge(struct tree_sum *sum, const struct tree_sum *other)
{
    tree_sum_add(sum, other->digest);
    sum->files += other->files - 1;
}

void tree_sum_report(const struct tree_sum *sum)
{
    uint64_t value;

    memcpy(&value, sum->digest, sizeof value);
    perf_check_value(value + sum->files);
}

const char *tree_root(void)
{
    const char *root = getenv("PERF_TREE");

    return root && *root ? root : "/usr/include";
}

int64_t tree_clock_ns(const struct perf_args *args)
{
    return strcmp(args->question, "tree_hash_cpu") == 0 ? perf_cpu_ns() : perf_now_ns();
}

void tree_bind(int workers)
{
    cpu_set_t all, some;
    int       taken = 0;

    CPU_ZERO(&some);
    if (sched_getaffinity(0, sizeof all, &all))
        return;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && taken < workers; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &some);
            taken++;
        }
    }
    (void)sched_setaffinity(0, sizeof some, &some);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void sum_line(struct tree_sum *sum, const char *line)
{
    uint8_t digest[DIGEST_BYTES];

    line += *line == '\\'; /* the name is escaped; the digest is as ever */
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = hex_digit(line[2 * i]), low = high < 0 ? -1 : hex_digit(line[2 * i + 1]);

        if (low < 0)
            perf_die("a line does not begin with a digest", 0);
        digest[i] = (uint8_t)(high * 16 + low);
    }
    tree_sum_add(sum, digest);
}

static void sum_lines(int fd)
{
    struct tree_sum sum = { 0 };
    char           *line = NULL;
    size_t          bytes = 0;
    FILE           *lines = fdopen(fd, "r");

    if (!lines || fseek(lines, 0, SEEK_SET))
        perf_die("reading the digests", errno);
    while (getline(&line, &bytes, lines) > 0)
        sum_line(&sum, line);
    free(line);
    fclose(lines);
    tree_sum_report(&sum);
}

void tree_command(const struct perf_args *args, const char *const *argv)
{
    int     fd = memfd_create("digests", MFD_CLOEXEC), status;
    int64_t start;
    pid_t   pid;

    /* Appending, because writers share the file's position and a memfd does not lock it. */
    if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND))
        perf_die("memfd_create", errno);
    tree_bind(args->workers);
    start = tree_clock_ns(args);
    pid = fork();
    if (pid < 0)
        perf_die("fork", errno);
    if (pid == 0) {
        dup2(fd, STDOUT_FILENO);
        execvp(argv[0], (char *const *)argv);
        perf_die(argv[0], errno);
    }
    if (waitpid(pid, &status, 0) < 0)
        perf_die("waitpid", errno);
    perf_sample((double)(tree_clock_ns(args) - start) / 1e6);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        perf_die("the command failed", 0);
    sum_lines(fd);
}

/* SPDX-License-Identifier: MIT */
/* What a test leaves behind: descriptors (reported) and temporary folders (removed). */
#include "harness/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/internal.h"

/* ---- descriptors ---- */

void test_fds_note(struct test_fds *fds)
{
    DIR           *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    memset(fds, 0, sizeof *fds);
    if (dir == NULL) {
        fds->count = -1;
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        char         *end;
        unsigned long fd = strtoul(entry->d_name, &end, 10);

        if (end == entry->d_name || *end != '\0' || fd == (unsigned long)dirfd(dir))
            continue;
        fds->count++;
        if (fd / 8 < sizeof fds->open)
            fds->open[fd / 8] |= (unsigned char)(1U << (fd % 8));
    }
    closedir(dir);
}

int test_count_fds(void)
{
    struct test_fds fds;

    test_fds_note(&fds);
    return fds.count;
}

void test_fds_compare(const struct test_fds *before, const char *file, int line)
{
    struct test_fds after;

    test_fds_note(&after);
    if (before->count < 0 || after.count < 0)
        return;
    for (unsigned fd = 0; fd < sizeof after.open * 8; fd++) {
        unsigned mask = 1U << (fd % 8);
        bool     was = (before->open[fd / 8] & mask) != 0, is = (after.open[fd / 8] & mask) != 0;
        char     link[64], target[PATH_MAX];
        ssize_t  length;

        if (was == is)
            continue;
        if (was) {
            test_fail_at(file, line, "the test closed descriptor %u, which it did not open", fd);
            continue;
        }
        snprintf(link, sizeof link, "/proc/self/fd/%u", fd);
        length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        test_fail_at(file, line, "the test left descriptor %u open: %s", fd, target);
    }
}

/* ---- temporary folders ---- */

struct tempdir {
    struct tempdir *next;
    char            path[PATH_MAX];
};

static struct tempdir *tempdirs;
static pthread_mutex_t tempdirs_lock = PTHREAD_MUTEX_INITIALIZER;

const char *test_tempdir(void)
{
    const char     *root = getenv("TMPDIR");
    struct tempdir *dir = calloc(1, sizeof *dir);

    if (dir == NULL)
        abort();
    snprintf(dir->path, sizeof dir->path, "%s/leat-XXXXXX",
             root != NULL && *root != '\0' ? root : "/tmp");
    if (mkdtemp(dir->path) == NULL) {
        fprintf(stderr, "harness: cannot create %s: %m\n", dir->path);
        abort();
    }
    pthread_mutex_lock(&tempdirs_lock);
    dir->next = tempdirs;
    tempdirs = dir;
    pthread_mutex_unlock(&tempdirs_lock);
    return dir->path;
}

static int make_accessible(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    /* A test may have made a folder unreadable; not being able to mend that shows in remove. */
    if (type == FTW_D || type == FTW_DNR)
        (void)!chmod(path, 0700);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    if (remove(path) != 0)
        fprintf(stderr, "harness: cannot remove %s: %m\n", path);
    return 0;
}

void test_tempdirs_remove(void)
{
    while (tempdirs != NULL) {
        struct tempdir *dir = tempdirs;

        tempdirs = dir->next;
        nftw(dir->path, make_accessible, 16, FTW_PHYS);
        nftw(dir->path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
        free(dir);
    }
}

void test_write_file(const char *path, const void *content, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0) {
        test_fail_at(__FILE__, __LINE__, "cannot create %s: %s", path, strerror(errno));
        return;
    }
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(fd, (const char *)content + done, bytes - done);

        if (n < 0) {
            test_fail_at(__FILE__, __LINE__, "cannot write %s: %s", path, strerror(errno));
            break;
        }
        done += (size_t)n;
    }
    close(fd);
}

void test_write_under(const char *root, const char *path, const char *text)
{
    char full[PATH_MAX];

    assert_lt(snprintf(full, sizeof full, "%s%s", root, path), (int)sizeof full);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (mkdir(full, 0777) != 0)
            assert_eq(errno, EEXIST);
        *slash = '/';
    }
    test_write_file(full, text, strlen(text));
}

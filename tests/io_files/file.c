/* SPDX-License-Identifier: MIT */
/* Files by position. */
#include "harness/test.h"

#include <leat/file.h>
#include <leat/task.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path_of(const char *dir, const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

LEAT_TEST_TASK(file, what_is_written_is_read_back)
{
    const char *path = path_of(test_tempdir(), "f");
    struct leat_file file;
    char data[16];

    assert_ok(leat_file_open(&file, path, O_RDWR | O_CREAT, 0600));
    expect_eq(leat_file_write(&file, "hello world", 11, 0), 11);
    expect_eq(leat_file_write(&file, "W", 1, 6), 1);
    expect_eq(leat_file_read(&file, data, sizeof data, 0), 11);
    expect_mem_eq(data, "hello World", 11);
    expect_eq(leat_file_read(&file, data, sizeof data, 6), 5);
    expect_mem_eq(data, "World", 5);
    expect_eq(leat_file_read(&file, data, sizeof data, 11), 0);
    expect_eq(leat_file_read(&file, data, sizeof data, UINT64_C(1) << 40), 0);
    expect_ok(leat_file_sync(&file));
    expect_ok(leat_file_close(&file));
    expect_eq(file.fd, -1);
    expect_ok(leat_file_close(&file)); /* again */
}

LEAT_TEST_TASK(file, opened_files_are_closed_on_exec)
{
    const char *path = path_of(test_tempdir(), "f");
    struct leat_file file;

    test_write_file(path, "x", 1);
    assert_ok(leat_file_open(&file, path, O_RDONLY, 0));
    expect_eq(fcntl(file.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    expect_ok(leat_file_close(&file));
}

LEAT_TEST_TASK(file, open_errors_are_those_of_open)
{
    const char *dir = test_tempdir();
    struct leat_file file = { .fd = 12345 };

    expect_err(leat_file_open(&file, path_of(dir, "gone"), O_RDONLY, 0), -ENOENT);
    expect_err(leat_file_open(&file, dir, O_WRONLY, 0), -EISDIR);
    expect_err(leat_file_open(&file, path_of(dir, "gone/f"), O_RDONLY, 0), -ENOENT);
    expect_eq(file.fd, 12345); /* untouched on failure */
    test_write_file(path_of(dir, "f"), "", 0);
    expect_err(leat_file_open(&file, path_of(dir, "f"), O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
    expect_err(leat_file_open(&file, path_of(dir, "f/g"), O_RDONLY, 0), -ENOTDIR);
}

LEAT_TEST_TASK(file, open_at_begins_at_the_directory)
{
    const char *dir = test_tempdir();
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    struct leat_file file;
    char data[4];

    test_write_file(path_of(dir, "f"), "abc", 3);
    assert_ok(leat_file_open_at(&file, dir_fd, "f", O_RDONLY, 0));
    expect_eq(leat_file_read(&file, data, sizeof data, 1), 2);
    expect_mem_eq(data, "bc", 2);
    expect_ok(leat_file_close(&file));
    close(dir_fd);
}

static void expect_same_stat(const struct stat *got, const struct stat *want)
{
    expect_eq(got->st_dev, want->st_dev);
    expect_eq(got->st_ino, want->st_ino);
    expect_eq(got->st_mode, want->st_mode);
    expect_eq(got->st_nlink, want->st_nlink);
    expect_eq(got->st_uid, want->st_uid);
    expect_eq(got->st_gid, want->st_gid);
    expect_eq(got->st_rdev, want->st_rdev);
    expect_eq(got->st_size, want->st_size);
    expect_eq(got->st_blksize, want->st_blksize);
    expect_eq(got->st_blocks, want->st_blocks);
    expect_eq(got->st_mtim.tv_sec, want->st_mtim.tv_sec);
    expect_eq(got->st_mtim.tv_nsec, want->st_mtim.tv_nsec);
    expect_eq(got->st_ctim.tv_nsec, want->st_ctim.tv_nsec);
}

LEAT_TEST_TASK(file, stat_is_that_of_the_kernel)
{
    const char *dir = test_tempdir(), *path = path_of(dir, "f");
    struct stat got, want;
    struct leat_file file;
    char link[4096];

    test_write_file(path, "12345", 5);
    snprintf(link, sizeof link, "%s/link", dir);
    expect_eq(symlink("f", link), 0);

    expect_eq(stat(path, &want), 0);
    expect_ok(leat_file_stat_path(path, true, &got));
    expect_same_stat(&got, &want);
    expect_ok(leat_file_stat_path(link, true, &got));
    expect_same_stat(&got, &want);
    assert_ok(leat_file_open(&file, path, O_RDONLY, 0));
    expect_ok(leat_file_stat(&file, &got));
    expect_same_stat(&got, &want);
    expect_ok(leat_file_close(&file));

    expect_eq(lstat(link, &want), 0);
    expect_ok(leat_file_stat_path(link, false, &got));
    expect_same_stat(&got, &want);

    expect_eq(stat("/dev/null", &want), 0);
    expect_ok(leat_file_stat_path("/dev/null", true, &got));
    expect_same_stat(&got, &want);
    expect_err(leat_file_stat_path(path_of(dir, "gone"), true, &got), -ENOENT);
}

LEAT_TEST_TASK(file, errors_of_reading_and_writing_are_returned)
{
    const char *dir = test_tempdir();
    struct leat_file file;
    char data[4];

    assert_ok(leat_file_open(&file, dir, O_RDONLY, 0));
    expect_err(leat_file_read(&file, data, sizeof data, 0), -EISDIR);
    expect_ok(leat_file_close(&file));
    assert_ok(leat_file_open(&file, path_of(dir, "f"), O_WRONLY | O_CREAT, 0600));
    expect_err(leat_file_read(&file, data, sizeof data, 0), -EBADF);
    expect_ok(leat_file_close(&file));
    assert_ok(leat_file_open(&file, "/dev/full", O_WRONLY, 0));
    expect_err(leat_file_write(&file, "x", 1, 0), -ENOSPC);
    expect_ok(leat_file_close(&file));
}

LEAT_TEST_TASK(file, an_offset_that_no_file_has_is_refused)
{
    static const uint64_t offsets[] = { (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX };
    struct leat_file file;
    char data[4];

    assert_ok(leat_file_open(&file, path_of(test_tempdir(), "f"), O_RDWR | O_CREAT, 0600));
    expect_eq(leat_file_write(&file, "abc", 3, 0), 3);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        expect_err(leat_file_read(&file, data, sizeof data, offsets[i]), -EINVAL);
        expect_err(leat_file_write(&file, "x", 1, offsets[i]), -EINVAL);
    }
    expect_eq(leat_file_read(&file, data, sizeof data, 0), 3);
    expect_mem_eq(data, "abc", 3);
    expect_eq(leat_file_read(&file, data, sizeof data, INT64_MAX - 4), 0);
    expect_ok(leat_file_close(&file));
}

LEAT_TEST_TASK(file, close_is_no_cancellation_point)
{
    const char *dir = test_tempdir();
    struct leat_file reader, writer;

    test_write_file(path_of(dir, "f"), "x", 1);
    assert_ok(leat_file_open(&reader, path_of(dir, "f"), O_RDONLY, 0));
    assert_ok(leat_file_open(&writer, path_of(dir, "f"), O_WRONLY, 0));
    LEAT_SCOPE(scope);
    leat_scope_cancel(&scope);
    expect_ok(leat_file_close(&reader));
    expect_ok(leat_file_close(&writer)); /* the harness looks whether it is closed indeed */
}

struct part {
    struct leat_file *file;
    unsigned          index;
};

static int write_part(void *arg)
{
    const struct part *part = arg;
    unsigned char data[1000];
    ssize_t n;

    memset(data, (int)part->index, sizeof data);
    n = leat_file_write(part->file, data, sizeof data, part->index * sizeof data);
    return n == (ssize_t)sizeof data ? 0 : -EIO;
}

static int read_part(void *arg)
{
    const struct part *part = arg;
    unsigned char data[1000];

    if (leat_file_read(part->file, data, sizeof data, part->index * sizeof data) != 1000)
        return -EIO;
    return data[0] == part->index && data[999] == part->index ? 0 : -EBADMSG;
}

LEAT_TEST_TASK(file, many_tasks_share_one_file)
{
    const char *path = path_of(test_tempdir(), "f");
    struct leat_file file;
    struct part part[100];

    assert_ok(leat_file_open(&file, path, O_RDWR | O_CREAT, 0600));
    for (unsigned i = 0; i < 100; i++)
        part[i] = (struct part){ &file, i };
    {
        LEAT_SCOPE(scope);
        for (int i = 0; i < 100; i++)
            expect_ok(leat_spawn(&scope, write_part, &part[i]));
        expect_ok(leat_scope_join(&scope));
    }
    {
        LEAT_SCOPE(scope);
        for (int i = 0; i < 100; i++)
            expect_ok(leat_spawn(&scope, read_part, &part[i]));
        expect_ok(leat_scope_join(&scope));
    }
    expect_ok(leat_file_close(&file));
}

LEAT_TEST(file, plain_thread_opens_reads_and_closes)
{
    const char *path = path_of(test_tempdir(), "f");
    struct leat_file file;
    char data[4];

    test_write_file(path, "abc", 3);
    assert_ok(leat_file_open(&file, path, O_RDONLY, 0));
    expect_eq(leat_file_read(&file, data, sizeof data, 0), 3);
    expect_ok(leat_file_close(&file));
}

static void read_closed(void)
{
    struct leat_file file = { .fd = -1 };
    char data[4];
    ssize_t n = leat_file_read(&file, data, sizeof data, 0);

    (void)n;
}

LEAT_TEST(file, use_after_close_stops_the_program)
{
    expect_dies(read_closed, SIGABRT, "use a leat_file between its open and its close only");
}

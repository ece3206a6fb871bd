/* SPDX-License-Identifier: MIT */
/* Operations without a stream around them. */
#include "harness/test.h"
#include "reactor/op.h"

#include <leat/runtime.h>
#include <leat/task.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

static int run_poll(int fd, int events)
{
    struct leat__op op = { .code = LEAT__OP_POLL, .fd = fd, .flags = events };

    return leat__op_run(&op);
}

LEAT_TEST_TASK(op, a_poll_returns_the_events_that_came)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    uint64_t one = 1;

    assert_ge(fd, 0);
    expect_eq(run_poll(fd, POLLOUT), POLLOUT);
    {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(run_poll(fd, POLLIN), -ETIMEDOUT);
    }
    expect_eq(write(fd, &one, sizeof one), (ssize_t)sizeof one);
    expect_eq(run_poll(fd, POLLIN), POLLIN);
    close(fd);
}

LEAT_TEST_TASK(op, an_eventfd_is_read)
{
    int fd = eventfd(7, EFD_CLOEXEC);
    uint64_t value = 0;
    struct leat__op op = { .code = LEAT__OP_READ, .fd = fd, .data = &value, .bytes = 8 };

    expect_err(leat__op_run(&op), 8);
    expect_eq(value, (uint64_t)7);
    {
        struct leat__op again = { .code = LEAT__OP_READ, .fd = fd, .data = &value, .bytes = 8 };
        LEAT_LIMIT(LEAT_MSEC);

        expect_err(leat__op_run(&again), -ETIMEDOUT);
    }
    close(fd);
}

LEAT_TEST_TASK(op, a_bad_descriptor_is_an_error)
{
    char data[1];

    for (int direct = 0; direct < 2; direct++) {
        struct leat__op op = { .code = LEAT__OP_READ, .fd = -1, .data = data, .bytes = 1,
                               .direct = direct };

        expect_err(leat__op_run(&op), -EBADF);
    }
    expect_err(run_poll(9999, POLLIN), -EBADF);
}

static void check_files(bool direct)
{
    char path[512], data[16] = "";
    struct statx status;
    struct leat__op open = { .code = LEAT__OP_OPEN_AT, .fd = AT_FDCWD, .path = path,
                             .flags = O_RDWR | O_CREAT, .mode = 0600, .direct = direct };
    int fd;

    snprintf(path, sizeof path, "%s/file%d", test_tempdir(), direct);
    fd = leat__op_run(&open);
    assert_ge(fd, 0);
    expect_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    struct leat__op put = { .code = LEAT__OP_WRITE_AT, .fd = fd, .source = "content", .bytes = 7,
                            .offset = 3, .direct = direct };
    expect_err(leat__op_run(&put), 7);
    struct leat__op sync = { .code = LEAT__OP_SYNC, .fd = fd, .flags = direct };
    expect_ok(leat__op_run(&sync));
    struct leat__op get = { .code = LEAT__OP_READ_AT, .fd = fd, .data = data, .bytes = 16,
                            .offset = 3, .direct = direct };
    expect_err(leat__op_run(&get), 7);
    expect_mem_eq(data, "content", 7);
    struct leat__op stat = { .code = LEAT__OP_STAT_AT, .fd = AT_FDCWD, .path = path,
                             .mode = STATX_BASIC_STATS, .statx = &status, .direct = direct };
    expect_ok(leat__op_run(&stat));
    expect_eq(status.stx_size, (uint64_t)10);
    struct leat__op close = { .code = LEAT__OP_CLOSE, .fd = fd };
    expect_ok(leat__op_run(&close));
    expect_eq(fcntl(fd, F_GETFD), -1);
    struct leat__op again = { .code = LEAT__OP_OPEN_AT, .fd = AT_FDCWD, .path = path,
                              .flags = O_RDONLY, .direct = direct };
    fd = leat__op_run(&again);
    assert_ge(fd, 0);
    expect_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close = (struct leat__op){ .code = LEAT__OP_CLOSE, .fd = fd };
    expect_ok(leat__op_run(&close));
    unlink(path);
    again = (struct leat__op){ .code = LEAT__OP_OPEN_AT, .fd = AT_FDCWD, .path = path,
                               .flags = O_RDONLY, .direct = direct };
    expect_err(leat__op_run(&again), -ENOENT);
}

LEAT_TEST_TASK(op, files_are_opened_written_read_and_closed)
{
    check_files(false);
    check_files(true);
}

LEAT_TEST(op, plain_threads_do_the_same)
{
    check_files(false);
    check_files(true);
    expect_err(run_poll(9999, POLLIN), -EBADF);
}

/* ---- cancels from another worker than the op's ---- */

struct shared {
    int fd;
    int result;
};

static int wait_for_bytes(void *arg)
{
    struct shared *shared = arg;
    char data;
    struct leat__op op = { .code = LEAT__OP_RECV, .fd = shared->fd, .data = &data, .bytes = 1 };

    shared->result = leat__op_run(&op);
    return 0;
}

static int spin(void *arg)
{
    leat_time end = leat_after(*(leat_time *)arg);

    while (leat_now() < end)
        leat_yield();
    return 0;
}

/* The canceller claims the wait wherever it runs, so the waiter often resumes on another worker
 * than the one whose reactor has its op, and must send a message. */
LEAT_TEST_TASK(op, an_op_is_recalled_from_any_worker)
{
    enum { OPS = 16 };
    struct shared shared[OPS];
    int fds[OPS][2];
    leat_time busy = LEAT_MSEC / 2;

    for (int i = 0; i < OPS; i++) {
        assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[i]));
        shared[i] = (struct shared){ fds[i][0], 0 };
    }
    for (int round = 0; round < 100; round++) {
        LEAT_SCOPE(scope);

        for (int i = 0; i < OPS; i++)
            leat_spawn(&scope, wait_for_bytes, &shared[i]);
        for (int i = 0; i < 4; i++)
            leat_spawn(&scope, spin, &busy);
        leat_sleep((round % 8) * 50 * LEAT_USEC);
        if (round % 3 == 0) { /* some completions race with the cancels */
            for (int i = 0; i < OPS; i += 3)
                expect_eq(send(fds[i][1], "x", 1, 0), (ssize_t)1);
        }
        leat_scope_cancel(&scope);
        expect_ok(leat_scope_join(&scope));
        for (int i = 0; i < OPS; i++) {
            char left[2];

            expect(shared[i].result == 1 || shared[i].result == -ECANCELED);
            if (round % 3 == 0 && i % 3 == 0) { /* read, or still there; never lost */
                ssize_t n = recv(fds[i][0], left, sizeof left, MSG_DONTWAIT);

                expect_eq(n, shared[i].result == 1 ? (ssize_t)-1 : (ssize_t)1);
            } else {
                expect_err(shared[i].result, -ECANCELED);
            }
        }
    }
    for (int i = 0; i < OPS; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

/* ---- what the kernel can't be asked not to sleep for ---- */

/* inotify knows no RWF_NOWAIT, as pipes did not before Linux 6.4. */
static void check_inotify(void)
{
    const char *folder = test_tempdir();
    int fd = inotify_init1(IN_CLOEXEC);
    char path[512], data[512];
    struct leat__op op = { .code = LEAT__OP_READ, .fd = fd, .data = data, .bytes = sizeof data };

    assert_ge(fd, 0);
    assert_ge(inotify_add_watch(fd, folder, IN_CREATE), 0);
    {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(leat__op_run(&op), -ETIMEDOUT);
    }
    snprintf(path, sizeof path, "%s/new", folder);
    test_write_file(path, NULL, 0);
    op = (struct leat__op){ .code = LEAT__OP_READ, .fd = fd, .data = data, .bytes = sizeof data };
    expect_ge(leat__op_run(&op), (int)sizeof(struct inotify_event));
    close(fd);
}

LEAT_TEST_TASK(op, a_descriptor_without_nowait_is_read_when_it_is_ready)
{
    check_inotify();
}

LEAT_TEST(op, a_plain_thread_reads_a_descriptor_without_nowait)
{
    check_inotify();
}

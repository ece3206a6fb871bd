/* SPDX-License-Identifier: MIT */
/* Which back end is chosen, and how a runtime's reactors sleep and wake. */
#include "harness/test.h"
#include "reactor/reactor.h"

#include <leat/io.h>
#include <leat/runtime.h>
#include <leat/task.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From here on this process gets `err` from one system call. */
static void refuse(long number, int err)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

    assert_ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    assert_ok(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void expect_fallback(void)
{
    struct leat__reactor *reactor = NULL;
    const char *why = NULL;

    assert_ok(leat__reactor_create(&reactor, LEAT_REACTOR_AUTO, &why));
    expect_str_eq(leat__reactor_name(reactor), "epoll");
    expect_not_null(why);
    leat__reactor_destroy(reactor);
    reactor = NULL;
    expect_lt(leat__reactor_create(&reactor, LEAT_REACTOR_IO_URING, &why), 0);
    expect_not_null(why);
    expect_null(reactor);
    assert_ok(leat__reactor_create(&reactor, LEAT_REACTOR_EPOLL, &why));
    expect_null(why);
    leat__reactor_destroy(reactor);
}

static void without_setup_enosys(void)
{
    refuse(SYS_io_uring_setup, ENOSYS);
    expect_fallback();
}

static void without_setup_eperm(void)
{
    refuse(SYS_io_uring_setup, EPERM);
    expect_fallback();
}

static void without_setup_eopnotsupp(void)
{
    refuse(SYS_io_uring_setup, EOPNOTSUPP);
    expect_fallback();
}

static void without_setup_enomem(void)
{
    refuse(SYS_io_uring_setup, ENOMEM);
    expect_fallback();
}

static void without_enter(void)
{
    refuse(SYS_io_uring_enter, EPERM);
    expect_fallback();
}

static void without_register(void)
{
    refuse(SYS_io_uring_register, EPERM);
    expect_fallback();
}

LEAT_TEST(reactor, epoll_stands_in_when_io_uring_is_refused)
{
    if (TEST_EMULATED)
        test_skip("the emulator has no seccomp, nor io_uring");
    expect_child_ok(without_setup_enosys);
    expect_child_ok(without_setup_eperm);
    expect_child_ok(without_setup_eopnotsupp);
    expect_child_ok(without_setup_enomem);
    expect_child_ok(without_enter);
    expect_child_ok(without_register);
}

static int sleep_five_times(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        leat_time begin = leat_now();

        if (leat_sleep(2 * LEAT_MSEC) != 0 || leat_now() - begin < 2 * LEAT_MSEC)
            return -EIO;
    }
    return 0;
}

/* Kernels before 5.11: a timer descriptor ends the sleep. */
static void without_pwait2(void)
{
    refuse(SYS_epoll_pwait2, ENOSYS);
    expect_ok(leat_run(sleep_five_times, NULL,
                       LEAT_OPTIONS(.workers = 2, .reactor = LEAT_REACTOR_EPOLL)));
}

LEAT_TEST(reactor, epoll_sleeps_to_the_nanosecond_without_epoll_pwait2)
{
    if (TEST_EMULATED)
        test_skip("the emulator has no seccomp, nor epoll_pwait2");
    expect_child_ok(without_pwait2);
}

static void without_descriptors(void)
{
    struct leat__reactor *reactor = NULL;
    const char *why;
    int free_one = dup(0);

    close(free_one);
    for (int more = 0; more < 3; more++) {
        struct rlimit limit = { (rlim_t)(free_one + more), 4096 };
        int err;

        assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
        err = leat__reactor_create(&reactor, LEAT_REACTOR_AUTO, &why);
        if (err == 0)
            leat__reactor_destroy(reactor);
        else
            expect_err(err, -EMFILE);
        if (more == 0)
            expect_err(err, -EMFILE);
        err = dup(0); /* nothing was left open: the same number is free */
        expect_eq(err, more == 0 ? -1 : free_one);
        close(err);
    }
}

LEAT_TEST(reactor, no_descriptor_left_is_an_error_and_leaks_none)
{
    expect_child_ok(without_descriptors);
}

/* ---- sleeping and waking ---- */

static int reader(void *arg)
{
    char data;

    for (int i = 0; i < 200; i++)
        if (leat_read(arg, &data, 1) != 1)
            return -EIO;
    return 0;
}

static void *outside(void *arg)
{
    struct leat_stream *stream = arg;

    for (int i = 0; i < 200; i++) {
        if (i % 7 == 0)
            leat_sleep(LEAT_MSEC / 4);
        if (leat_write_all(stream, "x", 1) != 1)
            break;
    }
    return NULL;
}

LEAT_TEST_TASK(reactor, bytes_from_outside_wake_a_sleeping_worker)
{
    struct leat_stream *ends[2];
    pthread_t thread;
    int fds[2];
    LEAT_SCOPE(scope);

    assert_ok(pipe(fds));
    assert_ok(leat_stream_open_fd(&ends[0], fds[0]));
    assert_ok(leat_stream_open_fd(&ends[1], fds[1]));
    leat_spawn(&scope, reader, ends[0]);
    assert_ok(pthread_create(&thread, NULL, outside, ends[1]));
    expect_ok(leat_scope_join(&scope));
    pthread_join(thread, NULL);
    leat_close_stream(ends[0]);
    leat_close_stream(ends[1]);
}

static leat_time process_cpu(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * LEAT_SEC +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * LEAT_USEC;
}

LEAT_TEST_TASK(reactor, a_sleeping_runtime_uses_no_cpu_timing)
{
    leat_time begin, used;
    struct rusage before, after;

    expect_ok(leat_sleep(20 * LEAT_MSEC));
    getrusage(RUSAGE_SELF, &before);
    begin = process_cpu();
    expect_ok(leat_sleep(300 * LEAT_MSEC));
    used = process_cpu() - begin;
    getrusage(RUSAGE_SELF, &after);
    expect_lt(used, 3 * LEAT_MSEC * TEST_SLOWDOWN);
    /* sanitizers have threads of their own */
    expect_lt(after.ru_nvcsw - before.ru_nvcsw, TEST_SLOWDOWN > 1 ? 24l : 12l);
}

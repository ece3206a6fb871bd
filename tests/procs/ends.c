/* SPDX-License-Identifier: MIT */
/* The pool when what it stands on goes away: the zygote, descriptors, its callers. */
#include "harness/test.h"
#include "procs/jobs.h"

#include <leat/leat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

LEAT_REMOTE(zygote_id)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    int pid = getppid();

    (void)in;
    (void)in_bytes;
    return leat_reply_write(reply, &pid, sizeof pid);
}

static int zygote_of(struct leat_procs *procs)
{
    struct leat_reply reply = { 0 };
    int pid = -1;

    expect_ok(leat_procs_call(procs, zygote_id, NULL, 0, &reply));
    if (reply.bytes == sizeof pid)
        memcpy(&pid, reply.data, sizeof pid);
    leat_reply_fini(&reply);
    return pid;
}

static int doze_once(void *arg)
{
    const leat_time length = 50 * LEAT_MSEC;
    struct leat_reply reply = { 0 };
    int err = leat_procs_call(arg, doze, &length, sizeof length, &reply);

    leat_reply_fini(&reply);
    return err;
}

static void signal_zygote_and_go_on(int number)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));
    int before = zygote_of(procs), after;
    LEAT_SCOPE(scope);

    assert_gt(before, 1);
    for (int i = 0; i < 6; i++)
        leat_spawn(&scope, doze_once, procs); /* idempotent: tried again */
    expect_ok(leat_sleep(10 * LEAT_MSEC));
    expect_eq(kill(before, number), 0);
    expect_ok(leat_scope_join(&scope));
    after = zygote_of(procs);
    if (number == SIGKILL)
        expect_ne(after, before);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_ends, killed_zygote_is_started_again_and_jobs_go_on)
{
    signal_zygote_and_go_on(SIGKILL);
}

LEAT_TEST_TASK(procs_ends, stopped_zygote_holds_no_job_up)
{
    signal_zygote_and_go_on(SIGSTOP);
}

LEAT_TEST_TASK(procs_ends, pool_with_a_stopped_zygote_can_be_closed)
{
    struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    int zygote = zygote_of(procs);

    assert_gt(zygote, 1);
    expect_eq(kill(zygote, SIGSTOP), 0);
    leat_procs_close(procs);
    expect_eq(kill(zygote, 0), -1); /* reaped */
}

LEAT_TEST_TASK(procs_ends, opening_without_descriptors_fails_and_leaves_nothing)
{
    struct leat_procs *procs;
    struct rlimit before, none;
    int highest = fcntl(0, F_DUPFD_CLOEXEC, 0), opened = 0;

    expect_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    close(highest);
    for (int room = 0; room < 20; room++) {
        int err;

        none = before;
        none.rlim_cur = (rlim_t)(highest + room);
        expect_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        err = leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.workers = 2));
        expect_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (err == 0) {
            opened++;
            leat_procs_close(procs);
        }
    }
    expect_lt(opened, 20);
    procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 1));
    leat_procs_close(procs);
}

static int call_for_a_while(void *arg)
{
    struct leat_reply reply = { 0 };
    int err;

    while ((err = leat_procs_call(arg, echo, "x", 1, &reply)) == 0)
        ;
    leat_reply_fini(&reply);
    return err == -EPIPE || err == -ECANCELED ? 0 : err;
}

LEAT_TEST_TASK(procs_ends, callers_cancelled_at_any_moment_leave_nothing)
{
    for (int i = 0; i < 20 / TEST_SLOWDOWN; i++) {
        struct leat_procs *procs = open_pool(LEAT_PROCS_OPTIONS(.workers = 2));
        LEAT_SCOPE(scope);

        for (int j = 0; j < 4; j++)
            leat_spawn(&scope, call_for_a_while, procs);
        expect_ok(leat_sleep(i * 100 * LEAT_USEC));
        leat_scope_cancel(&scope);
        (void)leat_scope_join(&scope);
        leat_procs_close(procs);
    }
}

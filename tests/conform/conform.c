/* SPDX-License-Identifier: MIT */
/* Every script, on each back end. */
#include "conform/transcript.h"
#include "harness/test.h"

#include <leat/runtime.h>

#include <stdlib.h>

static enum leat_reactor reactor;

static void run(struct script *script)
{
    struct leat_options options = { .size = sizeof options, .workers = 1, .reactor = reactor };
    int err;

    script->folder = test_tempdir();
    err = leat_run(transcript_run, script, &options);
    if (err)
        test_fail("script %s: leat_run returned %d", script->name, err);
}

static void check(enum leat_reactor of, const char *where)
{
    char *got;

    reactor = of;
    got = transcript_of_all(run);
    (void)transcript_check(got, where);
    free(got);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

LEAT_TEST(conform, epoll_does_what_was_recorded)
{
    check(LEAT_REACTOR_EPOLL, "epoll");
}

LEAT_TEST(conform, io_uring_does_what_was_recorded)
{
    struct leat_options options = { .size = sizeof options, .workers = 1,
                                    .reactor = LEAT_REACTOR_IO_URING };
    int err = leat_run(nothing, NULL, &options);

    if (err)
        test_skip("io_uring is not available: %d", err);
    check(LEAT_REACTOR_IO_URING, "io_uring");
}

/* SPDX-License-Identifier: MIT */
/* Runs a test's body as the root task of a runtime. In a file of its own, so that the linker
 * leaves it and the library's upper rooms out of programs without task tests. */
#include "harness/test.h"

#include <errno.h>
#include <leat/runtime.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct root {
    const struct test_case *test;
    bool                    entered;
};

static int run_body(void *arg)
{
    struct root *root = arg;

    root->entered = true;
    root->test->body();
    return 0;
}

/* Why this process cannot have io_uring, or NULL: asks the kernel itself, since a runtime that
 * wrongly refuses io_uring must fail the test and not skip it. */
static const char *uring_missing(void)
{
#ifdef LEAT_HAVE_URING
    /* No parameters: EFAULT from a kernel that would do it. */
    if (syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno != EFAULT && errno != EINVAL)
        return strerror(errno);
    return NULL;
#else
    return "built without liburing";
#endif
}

void test_run_task(const struct test_case *test, bool uring, unsigned workers)
{
    struct root         root = { .test = test };
    struct leat_options options = { .size = sizeof options };
    int                 err;

    options.workers = workers;
    options.reactor = uring ? LEAT_REACTOR_IO_URING : LEAT_REACTOR_EPOLL;
    if (uring && uring_missing() != NULL)
        test_skip("io_uring is not available: %s", uring_missing());
    err = leat_run(run_body, &root, &options);
    if (err != 0 || !root.entered)
        test_fail_at(test->file, test->line, "leat_run returned %d (%s), body %s", err,
                     strerror(-err), root.entered ? "entered" : "not entered");
}

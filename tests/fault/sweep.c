/* SPDX-License-Identifier: MIT */
/* R5's loop over allocations: see failing.h. */
#include "fault/failing.h"
#include "harness/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_exhaustion(int err)
{
    return err == -ENOMEM || err == -EAGAIN;
}

static long sweep(failing_scenario_fn *scenario, long in_a_row)
{
    long n = 1;

    for (;; n++) {
        int err;
        bool struck;

        failing_begin(n, in_a_row);
        err = scenario();
        struck = failing_end();
        if (err && !is_exhaustion(err))
            test_fail("with allocation %ld gone: error %d (%s)", n, err, strerror(-err));
        if (!struck) {
            expect_ok(err);
            return n - 1;
        }
        if (test_failed()) {
            printf("at allocation %ld\n", n);
            return n;
        }
    }
}

void failing_sweep(const char *name, failing_scenario_fn *scenario, size_t ci, size_t release)
{
    size_t sweeps = test_rounds(ci, release);
    int fds = test_count_fds();
    long blocks = 0, maps = 0, allocations = 0;

    if (!failing_possible())
        test_skip("a sanitizer has a malloc of its own");
    for (size_t i = 0; i <= sweeps && !test_failed(); i++) {
        allocations = sweep(scenario, i % 2 ? 1 : 10);
        if (i == 0) { /* what is kept for good is kept now */
            blocks = failing_blocks();
            maps = failing_maps();
        }
    }
    expect_gt(allocations, 0);
    expect_lt(failing_blocks() - blocks, (long)sweeps / 2);
    expect_lt(failing_maps() - maps, (long)sweeps / 2);
    expect_eq(test_count_fds(), fds);
    printf("R5 scenario=%s allocations=%ld sweeps=%zu fail=%d\n", name, allocations, sweeps + 1,
           test_failed());
}

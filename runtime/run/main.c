/* SPDX-License-Identifier: MIT */
/* leat_main, apart from leat_run, which the simulation has its own version of. */
#include <leat/error.h>
#include <leat/runtime.h>

#include <errno.h>
#include <stdio.h>

int leat_main(int (*fn)(void *arg), void *arg, const struct leat_options *options)
{
    int result = leat_run(fn, arg, options);

    if (result < 0) {
        fprintf(stderr, "%s: %s (%s)\n", program_invocation_short_name, leat_error_name(result),
                leat_error_text(result));
        return 1;
    }
    return result <= 125 ? result : 1;
}

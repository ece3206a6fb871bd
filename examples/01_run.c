/* SPDX-License-Identifier: MIT */
/* Run a program: leat_run starts the workers, runs one function as the root task and gives back
 * what it returned. leat_main does that for main(), and prints an error by its name. */
#include <leat/leat.h>

#include <stdio.h>

static int app(void *arg)
{
    struct leat_stats stats;
    int err = leat_stats_read(&stats);

    if (err < 0)
        return err;
    printf("hello, %s: %u workers\n", (const char *)arg, stats.workers);
    return 0;
}

int main(void)
{
    return leat_main(app, "asyncio.run", LEAT_OPTIONS(.workers = 2));
}

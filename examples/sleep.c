/* SPDX-License-Identifier: MIT */
/* A thousand tasks sleep for 50 ms, all at once, on as many threads as there are cores. Then a
 * deadline wakes one that wanted to sleep for an hour. */
#include <leat/leat.h>

#include <stdio.h>

static int nap(void *arg)
{
    (void)arg;
    return leat_sleep(50 * LEAT_MSEC);
}

static int sleep_together(void)
{
    leat_time start = leat_now();
    int       err;

    LEAT_SCOPE(scope);
    for (int i = 0; i < 1000; i++)
        leat_spawn(&scope, nap, NULL);
    err = leat_scope_join(&scope);

    printf("1000 naps of 50 ms took %s\n",
           leat_now() - start < 5 * LEAT_SEC ? "well under 50 s" : "too long");
    return err;
}

static int sleep_for_an_hour(void)
{
    LEAT_LIMIT(50 * LEAT_MSEC);
    return leat_sleep(LEAT_HOUR);
}

static int app(void *arg)
{
    int err = sleep_together();
    (void)arg;

    if (err == 0)
        printf("an hour of sleep ended with %s\n", leat_error_name(sleep_for_an_hour()));
    return err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Time limits: on one call, and on a group. What was in time is kept, the rest is cancelled. */
#include <leat/leat.h>

#include <stdio.h>

struct errand {
    leat_time takes;
    bool      done; /* out */
};

static int run_errand(void *arg)
{
    struct errand *errand = arg;
    int err = leat_sleep(errand->takes);

    errand->done = err == 0;
    return err;
}

static int wait_for(struct errand *errand, leat_time limit)
{
    LEAT_LIMIT(limit); /* on the rest of this block */
    return run_errand(errand);
}

static int app(void *arg)
{
    struct errand slow = { .takes = LEAT_HOUR };
    struct errand errands[] = { { .takes = 0 }, { .takes = LEAT_MSEC }, { .takes = LEAT_HOUR } };
    int err, done = 0;
    (void)arg;

    printf("one call: %s\n", leat_error_name(wait_for(&slow, 5 * LEAT_MSEC)));

    LEAT_SCOPE(group, .deadline = leat_after(500 * LEAT_MSEC));
    for (int i = 0; i < 3; i++)
        leat_spawn(&group, run_errand, &errands[i]);
    err = leat_scope_join(&group);
    for (int i = 0; i < 3; i++)
        done += errands[i].done;
    printf("a group: %s, %d of 3 in time\n", leat_error_name(err), done);
    return err == -ETIMEDOUT ? 0 : err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

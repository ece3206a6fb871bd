/* SPDX-License-Identifier: MIT */
/* The first of several, and each as it completes. */
#include <leat/leat.h>

#include <stdio.h>

struct mirror {
    const char *name;
    leat_time   distance;
};

static int ask(void *arg)
{
    const struct mirror *mirror = arg;

    return leat_sleep(mirror->distance);
}

static int app(void *arg)
{
    struct mirror mirrors[] = { { "moon", 300 * LEAT_MSEC }, { "here", LEAT_MSEC },
                                { "town", 100 * LEAT_MSEC } };
    struct leat_racer racers[3];
    struct leat_ended ended;
    size_t winner;
    int err;
    (void)arg;

    for (int i = 0; i < 3; i++)
        racers[i] = (struct leat_racer){ ask, &mirrors[i] };
    if ((err = leat_race(racers, 3, .success = true, .winner = &winner)) < 0)
        return err;
    printf("first: %s; the others were cancelled\n", mirrors[winner].name);

    LEAT_SCOPE(scope, .keep = true);
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, ask, &mirrors[i]);
    while ((err = leat_scope_next(&scope, &ended)) == 0)
        printf("as completed: %s\n", ((struct mirror *)ended.arg)->name);
    return err == -ENODATA ? leat_scope_join(&scope) : err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

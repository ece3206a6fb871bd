/* SPDX-License-Identifier: MIT */
/* Tasks with a name, a handle and a function that is called when they are done. */
#include <leat/leat.h>

#include <stdio.h>

static int brew(void *arg)
{
    int minutes = *(int *)arg;
    int err = leat_sleep(minutes * LEAT_MSEC);

    return err < 0 ? err : minutes > 4 ? -EOVERFLOW : minutes;
}

static void ring(void *arg, int result)
{
    printf("%s rings: %s\n", (const char *)arg, result < 0 ? leat_error_name(result) : "fine");
}

static int app(void *arg)
{
    struct leat_task tea, coffee;
    int three = 3, nine = 9, result, err;
    (void)arg;

    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
    if ((err = leat_spawn_handle(&scope, &tea, brew, &three,
                                 LEAT_TASK_OPTIONS(.name = "tea", .on_done = ring,
                                                   .on_done_arg = "the tea clock"))) < 0 ||
        (err = leat_spawn_handle(&scope, &coffee, brew, &nine,
                                 LEAT_TASK_OPTIONS(.name = "coffee"))) < 0)
        return err; /* the scope cancels and joins what has started */

    if ((err = leat_task_join(tea, &result)) == 0)
        printf("tea: %d minutes\n", result);
    if (err == 0 && (err = leat_task_join(coffee, &result)) == 0)
        printf("coffee: %s\n", leat_error_text(result));
    return err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Cancelling: blocking calls return -ECANCELED, the task cleans up by ordinary control flow and
 * passes the error on. A shield gives the last words their time. */
#include <leat/leat.h>

#include <stdio.h>

static int serve(void *arg)
{
    int *sent = arg, err;

    while ((err = leat_sleep(LEAT_MSEC)) == 0)
        ++*sent;
    LEAT_SHIELD (2 * LEAT_SEC) {
        if (leat_sleep(LEAT_MSEC) == 0) /* a goodbye to the other side, say */
            puts("said goodbye");
    }
    return err;
}

static int app(void *arg)
{
    struct leat_task server;
    int sent = 0, result = 0, err;
    (void)arg;

    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
    if ((err = leat_spawn_handle(&scope, &server, serve, &sent, NULL)) < 0 ||
        (err = leat_sleep(20 * LEAT_MSEC)) < 0 || (err = leat_task_cancel(server)) < 0 ||
        (err = leat_task_join(server, &result)) < 0)
        return err;
    printf("%s, it ended with %s\n", sent > 0 ? "it served" : "it did nothing",
           leat_error_name(result));
    return 0;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Testing code that waits: a limit turns a hang into a failure, and a cancel at each moment shows
 * that nothing is lost on the way. */
#include <leat/leat.h>

#include <stdio.h>

static struct leat_semaphore seats;

static int sit(void *arg)
{
    int err = leat_semaphore_acquire(&seats, 1);
    (void)arg;

    if (err < 0)
        return err;
    err = leat_sleep(100 * LEAT_USEC);
    leat_semaphore_release(&seats, 1);
    return err;
}

static int cancel_after(leat_time moment)
{
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
    for (int i = 0; i < 4; i++)
        leat_spawn(&scope, sit, NULL);
    (void)leat_sleep(moment);
    leat_scope_cancel(&scope);
    return leat_scope_join(&scope);
}

static int test(void)
{
    LEAT_LIMIT(20 * LEAT_SEC); /* whatever hangs in here fails */

    for (int i = 0; i < 20; i++) {
        int err = cancel_after(i * 20 * LEAT_USEC);

        if (err < 0 && err != -ECANCELED)
            return err;
        if (leat_semaphore_available(&seats) != 2)
            return -EPROTO;
    }
    return leat_cancelled();
}

static int app(void *arg)
{
    (void)arg;
    leat_semaphore_init(&seats, 2);
    printf("no seat is lost: %s\n", leat_error_name(test()));
    return 0;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

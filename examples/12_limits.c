/* SPDX-License-Identifier: MIT */
/* Two kinds of limit: a semaphore bounds how many run at once, a token bucket how many start in a
 * second. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdio.h>

static struct leat_semaphore slots;
static struct leat_bucket    rate = LEAT_BUCKET_INIT(1000, LEAT_SEC, 5);
static atomic_int            under_way, most;

static int call_service(void *arg)
{
    int err, now, seen = atomic_load(&most);
    (void)arg;

    if ((err = leat_bucket_acquire(&rate, 1)) < 0 ||
        (err = leat_semaphore_acquire(&slots, 1)) < 0)
        return err;
    now = atomic_fetch_add(&under_way, 1) + 1;
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
    err = leat_sleep(2 * LEAT_MSEC);
    atomic_fetch_sub(&under_way, 1);
    leat_semaphore_release(&slots, 1);
    return err;
}

static int app(void *arg)
{
    leat_time began = leat_now();
    int err;
    (void)arg;

    leat_semaphore_init(&slots, 3);
    LEAT_SCOPE(scope);
    for (int i = 0; i < 45; i++)
        leat_spawn(&scope, call_service, NULL);
    err = leat_scope_join(&scope);
    printf("45 calls, at most %d at once, %s\n", atomic_load(&most),
           leat_now() - began >= 40 * LEAT_MSEC ? "no faster than the rate" : "too fast");
    return err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

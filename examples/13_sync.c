/* SPDX-License-Identifier: MIT */
/* Taking turns: a mutex around a balance, a condition for "enough money", an event that starts
 * everybody, once for what is set up by the first. */
#include <leat/leat.h>

#include <stdio.h>

static struct {
    struct leat_event     open;
    struct leat_once      ready;
    struct leat_mutex     lock;
    struct leat_condition more;
    int                   balance;
} bank;

static int set_up(void *arg)
{
    (void)arg;
    puts("the first one switches on the light");
    return 0;
}

static int deposit(void *arg)
{
    int err;

    if ((err = leat_event_wait(&bank.open)) < 0 ||
        (err = leat_once_run(&bank.ready, set_up, NULL)) < 0 ||
        (err = leat_mutex_lock(&bank.lock)) < 0)
        return err;
    bank.balance += *(int *)arg;
    leat_condition_broadcast(&bank.more);
    leat_mutex_unlock(&bank.lock);
    return 0;
}

static int app(void *arg)
{
    int amount = 10, err;
    (void)arg;

    LEAT_SCOPE(scope, .deadline = leat_after(10 * LEAT_SEC));
    for (int i = 0; i < 100; i++)
        leat_spawn(&scope, deposit, &amount);
    leat_event_set(&bank.open);
    if ((err = leat_mutex_lock(&bank.lock)) < 0)
        return err;
    while (err == 0 && bank.balance < 1000)
        err = leat_condition_wait(&bank.more, &bank.lock); /* holds the lock again, in any case */
    printf("balance %d\n", bank.balance);
    leat_mutex_unlock(&bank.lock);
    return err < 0 ? err : leat_scope_join(&scope);
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Finding a race: a program that is right nearly always fails in a simulation for some seed, which
 * from then on fails every time. */
#include <leat/leat.h>
#include <leat/testing.h>

#include <stdio.h>
#include <string.h>

static struct leat_mutex mutex;
static int balance;

static int balance_after(int change)
{
    int err = leat_mutex_lock(&mutex);

    if (err < 0)
        return err;
    balance += change;
    err = balance;
    leat_mutex_unlock(&mutex);
    return err;
}

static int withdraw(void *arg)
{
    (void)arg;
    /* The bug: between the two, somebody else may have looked as well. */
    if (balance_after(0) >= 80)
        (void)balance_after(-80);
    return 0;
}

static int test(void *arg)
{
    LEAT_SCOPE(scope);
    (void)arg;

    balance = 100;
    for (int i = 0; i < 2; i++)
        leat_spawn(&scope, withdraw, NULL);
    (void)leat_scope_join(&scope);
    return balance < 0 ? -ERANGE : 0;
}

int main(void)
{
    static struct leat_sim_report first, again;
    const char *with;

    /* Where what it finds is told, with the last decisions and the line that repeats it. */
    (void)!freopen("/dev/null", "w", stderr);
    (void)!leat_sim_run(test, NULL, LEAT_SIM_OPTIONS(.seeds = 10000, .report = &first));
    printf("overdrawn: %s\n", leat_error_name(first.result));
    with = strchr(first.again, ':'); /* "LEAT_SIM=17:workers=2": tried with less, it still fails */
    (void)!leat_sim_run(test, NULL, LEAT_SIM_OPTIONS(.seed = first.seed, .report = &again,
                                                     .with = with ? with + 1 : NULL));
    printf("and by that seed again: %s\n", leat_error_name(again.result));
    return first.result != -ERANGE || again.result != -ERANGE;
}

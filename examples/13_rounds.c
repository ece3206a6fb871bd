/* SPDX-License-Identifier: MIT */
/* In step: a barrier ends each round for all, a table that many read and one writes between rounds,
 * and a wait group for work that was started elsewhere. */
#include <leat/leat.h>

#include <stdio.h>

enum { WORKERS = 4, ROUNDS = 3 };

static struct {
    struct leat_barrier   end_of_round;
    struct leat_rwlock    lock;
    struct leat_waitgroup finished;
    int                   price;
} market = { .end_of_round = LEAT_BARRIER_INIT(WORKERS), .price = 100 };

static int trade(void *arg)
{
    int err = 0, paid = 0;
    (void)arg;

    for (int round = 0; round < ROUNDS && err >= 0; round++) {
        if ((err = leat_rwlock_lock_read(&market.lock)) < 0)
            break;
        paid += market.price; /* others read it at the same time */
        leat_rwlock_unlock_read(&market.lock);
        err = leat_barrier_wait(&market.end_of_round);
        if (err != 1) /* 1 for one of them: who came last sets the next price */
            continue;
        if ((err = leat_rwlock_lock_write(&market.lock)) < 0)
            break;
        printf("round %d is over\n", round + 1);
        market.price += 10;
        leat_rwlock_unlock_write(&market.lock);
    }
    leat_waitgroup_done(&market.finished);
    return err < 0 ? err : paid;
}

static int app(void *arg)
{
    int err;
    (void)arg;

    LEAT_SCOPE(scope, .deadline = leat_after(10 * LEAT_SEC));
    leat_waitgroup_add(&market.finished, WORKERS);
    for (int i = 0; i < WORKERS; i++)
        leat_spawn(&scope, trade, NULL);
    if ((err = leat_waitgroup_wait(&market.finished)) < 0)
        return err;
    printf("closed at %d\n", market.price);
    return leat_scope_join(&scope);
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

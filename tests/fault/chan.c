/* SPDX-License-Identifier: MIT */
/* Channels under tasks and plain threads that send, receive, select, are cancelled, run into
 * deadlines and find the channel closed, at random: each element is accounted for. */
#include "base/random.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdatomic.h>

typedef leat_chan(uint64_t) number_chan;

struct books {
    number_chan      chans[2];
    _Atomic uint64_t next, sent, received; /* the last two are sums of numbers */
};

struct party {
    struct books       *books;
    struct leat__random random;
    bool                sends;
};

/* Ends by a cancel, a deadline or the close. */
static int play(void *arg)
{
    struct party *party = arg;
    struct books *books = party->books;
    int err = 0;

    while (err == 0 || err == -ETIMEDOUT) {
        number_chan *chan = &books->chans[leat__random_below(&party->random, 2)];
        number_chan *other = chan == books->chans ? chan + 1 : books->chans;
        leat_time limit = leat__random_below(&party->random, 4) ? LEAT_MINUTE : LEAT_USEC * 20;
        bool choose = leat__random_below(&party->random, 2);
        uint64_t number = party->sends ? atomic_fetch_add(&books->next, 1) : 0;
        LEAT_LIMIT(limit);

        if (party->sends) {
            err = choose ? leat_select(LEAT_SEND(chan, &number), LEAT_SEND(other, &number))
                         : leat_send(chan, &number);
            if (err >= 0)
                atomic_fetch_add(&books->sent, number);
        } else {
            err = choose ? leat_select(LEAT_RECV(chan, &number), LEAT_RECV(other, &number))
                         : leat_recv(chan, &number);
            if (err >= 0)
                atomic_fetch_add(&books->received, number);
        }
        if (err > 0)
            err = 0;
    }
    return 0;
}

static void *play_on_thread(void *arg)
{
    return play(arg) == 0 ? arg : NULL;
}

static int wait_for_thread(void *arg)
{
    return pthread_join(*(pthread_t *)arg, NULL);
}

LEAT_TEST_TASK(R9, random_cancels_and_closes_account_for_each_element)
{
    enum { PARTIES = 6, THREADS = 2 };
    uint64_t seed = test_seed();

    for (size_t round = 0; round < test_rounds(60, 6000); round++) {
        struct books books = { .next = 1 };
        struct party parties[PARTIES + THREADS];
        pthread_t threads[THREADS];
        uint64_t left = 0, number;
        LEAT_SCOPE(scope);

        for (int i = 0; i < 2; i++)
            assert_ok(leat_chan_open(&books.chans[i], .capacity = leat__random_mix(&seed) % 4));
        for (int i = 0; i < PARTIES + THREADS; i++) {
            parties[i] = (struct party){ .books = &books, .sends = i % 2 == 0 };
            leat__random_init(&parties[i].random, leat__random_mix(&seed));
        }
        for (int i = 0; i < PARTIES; i++)
            leat_spawn(&scope, play, &parties[i]);
        for (int i = 0; i < THREADS; i++)
            assert_ok(pthread_create(&threads[i], NULL, play_on_thread, &parties[PARTIES + i]));
        (void)leat_sleep((leat_time)(leat__random_mix(&seed) % 2000) * LEAT_USEC);
        if (leat__random_mix(&seed) % 2)
            leat_scope_cancel(&scope);
        for (int i = 0; i < 2; i++)
            leat_close(&books.chans[i]);
        expect_ok(leat_scope_join(&scope));
        for (int i = 0; i < THREADS; i++)
            expect_ok(leat_blocking(wait_for_thread, &threads[i]));
        for (int i = 0; i < 2; i++) {
            while (leat_try_recv(&books.chans[i], &number) == 0)
                left += number;
            leat_chan_destroy(&books.chans[i]);
        }
        expect_eq(atomic_load(&books.sent), atomic_load(&books.received) + left);
    }
}

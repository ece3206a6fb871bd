/* SPDX-License-Identifier: MIT */
/* Stress: tasks of two runtimes and plain threads meet at channels of every kind and at locks, are
 * cancelled, run into deadlines and find channels closed, at random, for as long as the row says (a
 * minute in tests/release, 15 seconds under a sanitizer, one second else). Each element has a
 * number: in the end it was received once, or is still in the channel, or its sender was told that
 * it was not sent; never two of these and never none. Permits come back, and locks are free. */
#include "base/random.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMENTS = 8192, PARTIES = 12, CHANS = 2, BATCH = 4, SUBSCRIBERS = 3 };
enum kind { MANY, SPSC, RENDEZVOUS, BUDGET, ONESHOT, KINDS };
enum place { TASK, THREAD, ELSEWHERE, PLACES }; /* ELSEWHERE: a task of another runtime */

typedef leat_chan(uint32_t) number_chan;

struct round;

struct party {
    struct round       *round;
    struct leat__random random;
    void (*play)(struct party *party);
    int                 me;
    bool                sends, chooses, batches;
    bool                stayed; /* of a watch: to its end */
    uint64_t            seen;
};

struct round {
    number_chan            chans[CHANS];
    int                    count; /* of them */
    atomic_uint            next;
    struct leat_broadcast *broadcast;
    struct leat_subscriber subscribers[SUBSCRIBERS];
    uint64_t               told, heard[SUBSCRIBERS], last[SUBSCRIBERS];
    struct leat_watch     *watch;
    struct leat_mutex      mutex;
    struct leat_condition  changed;
    struct leat_rwlock     rwlock;
    struct leat_semaphore  permits;
    int                    items;
    long                   guarded;
    atomic_long            turns, readers, writers;
    atomic_bool            over, wrong;
    struct party           parties[PARTIES];
};

static struct {
    atomic_uchar sent[ELEMENTS], got[ELEMENTS];
    uint64_t     elements, received, left, returned, cancels, closes, rounds, turns;
    uint64_t     random;
} all;

static uint32_t pick(struct party *party, uint32_t below)
{
    return leat__random_below(&party->random, below);
}

/* Mostly long, sometimes so short that it passes. */
static leat_time patience(struct party *party)
{
    return pick(party, 4) ? LEAT_MINUTE : (leat_time)pick(party, 50) * LEAT_USEC;
}

/* ---- channels ---- */

static uint32_t new_number(struct round *round, uint32_t count)
{
    return atomic_fetch_add(&round->next, count);
}

static void note_sent(uint32_t number)
{
    atomic_fetch_add(&all.sent[number], 1);
}

static int send_some(struct party *party, number_chan *chan, number_chan *other)
{
    uint32_t count = party->batches ? 1 + pick(party, BATCH) : 1, numbers[BATCH];
    uint32_t first = new_number(party->round, count);
    ssize_t sent;

    if (first + count > ELEMENTS)
        return -EPIPE; /* enough for this round */
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = first + i;
    if (party->batches)
        sent = leat_send_many(chan, numbers, count);
    else if (party->chooses)
        sent = leat_select(LEAT_SEND(chan, numbers), LEAT_SEND(other, numbers));
    else
        sent = leat_send(chan, numbers);
    if (sent < 0)
        return (int)sent;
    if (!party->batches)
        sent = 1;
    for (ssize_t i = 0; i < sent; i++)
        note_sent(numbers[i]);
    return 0;
}

static int recv_some(struct party *party, number_chan *chan, number_chan *other)
{
    uint32_t numbers[BATCH];
    ssize_t got;

    if (party->batches)
        got = leat_recv_many(chan, numbers, 1 + pick(party, BATCH));
    else if (party->chooses)
        got = leat_select(LEAT_RECV(chan, numbers), LEAT_RECV(other, numbers));
    else
        got = leat_recv(chan, numbers);
    if (got < 0)
        return (int)got;
    if (!party->batches)
        got = 1;
    for (ssize_t i = 0; i < got; i++)
        atomic_fetch_add(&all.got[numbers[i]], 1);
    return 0;
}

/* Ends by a cancel or the close. */
static void pass(struct party *party)
{
    struct round *round = party->round;
    int err = 0;

    while (err == 0 || err == -ETIMEDOUT) {
        int which = (int)pick(party, (uint32_t)round->count);
        number_chan *chan = &round->chans[which];
        number_chan *other = &round->chans[round->count - 1 - which];
        LEAT_LIMIT(patience(party));

        err = party->sends ? send_some(party, chan, other) : recv_some(party, chan, other);
        if (pick(party, 64) == 0)
            leat_yield();
    }
}

static void open_chans(struct round *round, enum kind kind)
{
    struct leat_chan_options options = { .size = sizeof options };

    options.capacity = kind == MANY || kind == SPSC ? 1 + leat__random_mix(&all.random) % 6 : 0;
    options.budget_bytes = kind == BUDGET ? 16 * sizeof(uint32_t) : 0;
    options.spsc = kind == SPSC;
    options.oneshot = kind == ONESHOT;
    round->count = kind == SPSC ? 1 : CHANS;
    for (int i = 0; i < round->count; i++)
        assert_ok(leat_chan_create(&round->chans[i].chan, sizeof(uint32_t), &options));
}

static int set_up_chans(struct round *round)
{
    enum kind kind = leat__random_mix(&all.random) % KINDS;
    int parties = kind == SPSC ? 2 : PARTIES;

    open_chans(round, kind);
    for (int i = 0; i < parties; i++) {
        round->parties[i].play = pass;
        round->parties[i].sends = i % 2 == 0;
        round->parties[i].chooses = leat__random_mix(&all.random) % 2;
        round->parties[i].batches = kind != ONESHOT && leat__random_mix(&all.random) % 4 == 0;
    }
    return parties;
}

static void settle_chans(struct round *round)
{
    uint32_t made = atomic_load(&round->next), number;

    for (int i = 0; i < round->count; i++) {
        while (leat_try_recv(&round->chans[i], &number) == 0) {
            atomic_fetch_add(&all.got[number], 1);
            all.left++;
        }
        leat_chan_destroy(&round->chans[i]);
    }
    for (uint32_t i = 0; i < made && i < ELEMENTS; i++) {
        expect_eq(atomic_load(&all.got[i]), atomic_load(&all.sent[i]));
        expect_le(atomic_load(&all.sent[i]), 1);
        all.received += atomic_load(&all.got[i]);
        all.returned += !atomic_load(&all.sent[i]);
        all.elements++;
        atomic_store(&all.got[i], 0);
        atomic_store(&all.sent[i], 0);
    }
}

/* ---- to all ---- */

static void speak(struct party *party)
{
    struct round *round = party->round;
    int err = 0;

    while ((err == 0 || err == -ETIMEDOUT) && round->told < ELEMENTS) {
        uint64_t value = round->told + 1;
        LEAT_LIMIT(patience(party));

        err = leat_broadcast_send(round->broadcast, &value);
        if (!err)
            round->told = value;
    }
}

static void listen_in(struct party *party)
{
    struct round *round = party->round;
    int err = 0;

    while (err == 0 || err == -ETIMEDOUT) {
        uint64_t value, missed = 0;
        LEAT_LIMIT(patience(party));

        err = leat_broadcast_recv(&round->subscribers[party->me], &value, &missed);
        if (!err) {
            if (value != round->last[party->me] + missed + 1)
                atomic_store(&round->wrong, true);
            round->last[party->me] = value;
            round->heard[party->me]++;
        }
    }
}

static int set_up_broadcast(struct round *round)
{
    enum leat_slow slow = leat__random_mix(&all.random) % 2 ? LEAT_SLOW_WAITS : LEAT_SLOW_MISSES;

    if (leat_broadcast_create(&round->broadcast, sizeof(uint64_t),
                              1 + leat__random_mix(&all.random) % 4, slow))
        abort();
    for (int i = 0; i < SUBSCRIBERS; i++) {
        leat_subscribe(&round->subscribers[i], round->broadcast);
        round->parties[i].play = listen_in;
    }
    round->parties[SUBSCRIBERS].play = speak;
    return SUBSCRIBERS + 1;
}

static void settle_broadcast(struct round *round)
{
    for (int i = 0; i < SUBSCRIBERS; i++) {
        uint64_t value, missed;

        while (leat_broadcast_recv(&round->subscribers[i], &value, &missed) == 0) {
            expect_eq(value, round->last[i] + missed + 1);
            round->last[i] = value;
            round->heard[i]++;
        }
        expect_eq(round->last[i], round->told);
        all.received += round->heard[i];
        leat_unsubscribe(&round->subscribers[i]);
    }
    all.elements += round->told;
    leat_broadcast_destroy(round->broadcast);
}

static void set_it(struct party *party)
{
    struct round *round = party->round;

    while (round->told < ELEMENTS && !leat_cancelled()) {
        uint64_t value = round->told + 1;

        if (leat_watch_set(round->watch, &value))
            return;
        round->told = value;
        if (pick(party, 8) == 0)
            leat_yield();
    }
}

static void see_it(struct party *party)
{
    struct round *round = party->round;
    uint64_t version = 0, before = 0, value = 0;
    int err = 0;

    while (err == 0 || err == -ETIMEDOUT) {
        LEAT_LIMIT(patience(party));

        err = leat_watch_next(round->watch, &version, &value);
        if (!err && (value + 1 != version || version <= before)) /* 0 is version 1 */
            atomic_store(&round->wrong, true);
        before = version;
    }
    party->stayed = err == -EPIPE;
    party->seen = value;
}

static int set_up_watch(struct round *round)
{
    if (leat_watch_create(&round->watch, sizeof(uint64_t), &(uint64_t){ 0 }))
        abort();
    round->parties[0].play = set_it;
    for (int i = 1; i < PARTIES; i++)
        round->parties[i].play = see_it;
    return PARTIES;
}

static void settle_watch(struct round *round)
{
    uint64_t value;

    (void)leat_watch_get(round->watch, &value);
    expect_eq(value, round->told);
    for (int i = 1; i < PARTIES; i++)
        if (round->parties[i].stayed)
            expect_eq(round->parties[i].seen, round->told); /* nobody misses the last one */
    all.elements += round->told;
    leat_watch_destroy(round->watch);
}

/* ---- turns ---- */

static int with_mutex(struct party *party)
{
    struct round *round = party->round;
    int err = leat_mutex_lock(&round->mutex);

    if (err)
        return err;
    round->guarded++;
    if (party->sends) {
        round->items++;
        leat_condition_signal(&round->changed);
    } else {
        while (!err && round->items == 0)
            err = leat_condition_wait(&round->changed, &round->mutex);
        if (!err)
            round->items--;
    }
    leat_mutex_unlock(&round->mutex);
    return err;
}

static int with_rwlock(struct party *party)
{
    struct round *round = party->round;
    bool writes = pick(party, 4) == 0;
    int err = writes ? leat_rwlock_lock_write(&round->rwlock)
                     : leat_rwlock_lock_read(&round->rwlock);

    if (err)
        return err;
    atomic_fetch_add(writes ? &round->writers : &round->readers, 1);
    if (atomic_load(&round->writers) > 1 ||
        (atomic_load(&round->writers) && atomic_load(&round->readers)))
        atomic_store(&round->wrong, true);
    if (pick(party, 16) == 0)
        leat_yield();
    atomic_fetch_sub(writes ? &round->writers : &round->readers, 1);
    if (writes)
        leat_rwlock_unlock_write(&round->rwlock);
    else
        leat_rwlock_unlock_read(&round->rwlock);
    return 0;
}

static int with_permits(struct party *party)
{
    struct round *round = party->round;
    uint32_t count = 1 + pick(party, 3);
    int err = pick(party, 2) ? leat_semaphore_acquire(&round->permits, count)
                             : leat_select(LEAT_ACQUIRE(&round->permits, count));

    if (err < 0)
        return err;
    if (pick(party, 8) == 0)
        leat_yield();
    leat_semaphore_release(&round->permits, count);
    return 0;
}

static void take_turns(struct party *party)
{
    struct round *round = party->round;
    int err = 0;

    while ((err == 0 || err == -ETIMEDOUT) && !atomic_load(&round->over)) {
        LEAT_LIMIT(pick(party, 4) ? LEAT_MSEC : (leat_time)pick(party, 50) * LEAT_USEC);

        switch (pick(party, 3)) {
        case 0: err = with_mutex(party); break;
        case 1: err = with_rwlock(party); break;
        default: err = with_permits(party); break;
        }
        if (!err)
            atomic_fetch_add(&round->turns, 1);
    }
}

static int set_up_turns(struct round *round)
{
    leat_semaphore_init(&round->permits, 4);
    for (int i = 0; i < PARTIES; i++) {
        round->parties[i].play = take_turns;
        round->parties[i].sends = i % 2 == 0;
    }
    return PARTIES;
}

static void settle_turns(struct round *round)
{
    expect_eq(leat_semaphore_available(&round->permits), 4u);
    expect_ok(leat_mutex_try_lock(&round->mutex));
    leat_mutex_unlock(&round->mutex);
    expect_ok(leat_rwlock_try_lock_write(&round->rwlock));
    leat_rwlock_unlock_write(&round->rwlock);
    all.turns += (uint64_t)atomic_load(&round->turns);
}

/* ---- a round ---- */

static int play_as_task(void *arg)
{
    struct party *party = arg;

    party->play(party);
    return 0;
}

static void *play_as_thread(void *arg)
{
    struct party *party = arg;

    party->play(party);
    return NULL;
}

struct elsewhere {
    struct party *parties[PARTIES];
    int           count;
};

static int play_all(void *arg)
{
    struct elsewhere *elsewhere = arg;
    LEAT_SCOPE(scope);

    for (int i = 0; i < elsewhere->count; i++)
        leat_spawn(&scope, play_as_task, elsewhere->parties[i]);
    return leat_scope_join(&scope);
}

static void *play_elsewhere(void *arg)
{
    expect_ok(leat_run(play_all, arg, LEAT_OPTIONS(.workers = 1)));
    return NULL;
}

static int wait_for_thread(void *arg)
{
    return pthread_join(*(pthread_t *)arg, NULL);
}

static void end_for_all(struct round *round)
{
    atomic_store(&round->over, true);
    for (int i = 0; i < round->count; i++)
        leat_close(&round->chans[i]);
    if (round->broadcast)
        leat_broadcast_close(round->broadcast);
    if (round->watch)
        leat_watch_close(round->watch);
    all.closes++;
}

static void play_round(struct round *round, int parties)
{
    struct elsewhere elsewhere = { .count = 0 };
    pthread_t threads[PARTIES + 1];
    int started = 0;
    LEAT_SCOPE(scope);

    for (int i = 0; i < parties; i++) {
        struct party *party = &round->parties[i];

        party->round = round;
        party->me = i;
        leat__random_init(&party->random, leat__random_mix(&all.random));
        switch ((enum place)(leat__random_mix(&all.random) % PLACES)) {
        case THREAD:
            assert_ok(pthread_create(&threads[started++], NULL, play_as_thread, party));
            break;
        case ELSEWHERE:
            elsewhere.parties[elsewhere.count++] = party;
            break;
        default:
            leat_spawn(&scope, play_as_task, party);
        }
    }
    if (elsewhere.count > 0)
        assert_ok(pthread_create(&threads[started++], NULL, play_elsewhere, &elsewhere));
    (void)leat_sleep((leat_time)(leat__random_mix(&all.random) % 4000) * LEAT_USEC);
    if (leat__random_mix(&all.random) % 2) {
        leat_scope_cancel(&scope);
        all.cancels++;
    }
    end_for_all(round);
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < started; i++)
        expect_ok(leat_blocking(wait_for_thread, &threads[i]));
}

static int play_for(void *arg)
{
    static int (*const set_up[])(struct round *round) = { set_up_chans, set_up_chans,
                                                          set_up_broadcast, set_up_watch,
                                                          set_up_turns };
    static void (*const settle[])(struct round *round) = { settle_chans, settle_chans,
                                                           settle_broadcast, settle_watch,
                                                           settle_turns };
    static struct round round;
    leat_time end = leat_after(*(leat_time *)arg);

    for (; leat_now() < end && !test_failed(); all.rounds++) {
        size_t what = leat__random_mix(&all.random) % (sizeof set_up / sizeof set_up[0]);

        memset(&round, 0, sizeof round);
        play_round(&round, set_up[what](&round));
        settle[what](&round);
        expect(!atomic_load(&round.wrong));
    }
    return 0;
}

LEAT_TEST(stress, tasks_and_threads_lose_no_element_and_no_permit)
{
    leat_time length = getenv("LEAT_TEST_CAMPAIGN") ? LEAT_MINUTE
                       : TEST_SLOWDOWN > 1 && !TEST_EMULATED ? 15 * LEAT_SEC
                                                             : LEAT_SEC;

    memset(&all, 0, sizeof all);
    all.random = test_seed();
    expect_ok(leat_run(play_for, &length, LEAT_OPTIONS(.workers = 2)));
    expect_gt(all.elements, 0u);
    expect_gt(all.turns, 0u);
    printf("stress length=%.0f rounds=%llu elements=%llu received=%llu drained=%llu "
           "returned=%llu turns=%llu cancels=%llu closes=%llu failed=%d\n",
           (double)length / (double)LEAT_SEC, (unsigned long long)all.rounds,
           (unsigned long long)all.elements, (unsigned long long)all.received,
           (unsigned long long)all.left, (unsigned long long)all.returned,
           (unsigned long long)all.turns, (unsigned long long)all.cancels,
           (unsigned long long)all.closes, test_failed());
}

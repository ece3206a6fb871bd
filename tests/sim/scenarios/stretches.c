/* SPDX-License-Identifier: MIT */
/* Words through channels, by stretches (runtime/chan/stretch.h): one ends with a close, one is shut
 * by who waits, and none covers what another worker or thread still has in its hands. */
#include "sim/scenarios/scenario.h"

#define WORDS_MAX 64

static struct {
    struct leat_chan *chan;
    struct leat_event sent;
    uint64_t          count;
} s;

static void make(uint32_t capacity)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity };

    s.sent = (struct leat_event){ 0 };
    leat_sim_expect(leat_chan_create(&s.chan, sizeof(uint64_t), &options) == 0);
}

static void receive(uint64_t from, uint64_t to)
{
    for (uint64_t got; from < to; from++)
        leat_sim_expect(leat_chan_recv(s.chan, &got) == 0 && got == from);
}

/* ---- nothing goes in behind a close ---- */

SCENARIO(a_close_among_words)
{
    uint32_t capacity = 8 + leat_sim_choose(WORDS_MAX - 7);
    uint64_t count = leat_sim_choose(capacity), word;

    make(capacity);
    for (word = 0; word < count; word++)
        leat_sim_expect(leat_chan_send(s.chan, &word) == 0);
    leat_chan_close(s.chan);
    leat_sim_expect(leat_chan_send(s.chan, &word) == -EPIPE);
    receive(0, count);
    leat_sim_expect(leat_chan_recv(s.chan, &word) == -EPIPE);
    leat_chan_free(s.chan);
}

/* ---- who waits for room has it when the next word is taken ---- */

static int sends_and_says_so(void *arg)
{
    (void)arg;
    for (uint64_t word = 0; word < s.count; word++)
        leat_sim_expect(leat_chan_send(s.chan, &word) == 0);
    leat_event_set(&s.sent);
    return 0;
}

SCENARIO(a_full_channel_of_words)
{
    uint32_t capacity = 8 + leat_sim_choose(WORDS_MAX - 7);
    uint32_t before = 1 + leat_sim_choose(3);
    LEAT_SCOPE(scope);

    make(capacity);
    s.count = capacity + before + 1; /* one more than there is room for, with what is taken first */
    leat_sim_expect(leat_spawn(&scope, sends_and_says_so, NULL) == 0);
    hesitate();
    receive(0, before);
    hesitate();
    receive(before, before + 1);
    leat_sim_expect(leat_event_wait(&s.sent) == 0);
    receive(before + 1, s.count);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_chan_free(s.chan);
}

/* ---- who gets the channel for itself lets those finish who are late ---- */

static int sends_late(void *arg)
{
    (void)arg;
    for (uint64_t word = 0; word < s.count; word++)
        leat_sim_expect(leat_chan_send(s.chan, &word) == 0);
    return 0;
}

static int receives_late(void *arg)
{
    (void)arg;
    receive(0, s.count);
    return 0;
}

static int on_a_thread(void *arg)
{
    return leat_blocking(arg ? receives_late : sends_late, NULL);
}

/* Try for some time, as often as it takes to be the only one, and then wait. */
static void poll_for(uint64_t word, bool send)
{
    uint64_t got = word;
    int err = -EAGAIN;

    for (uint32_t tries = leat_sim_choose(24); tries > 0 && err == -EAGAIN; tries--)
        err = send ? leat_chan_try_send(s.chan, &word) : leat_chan_try_recv(s.chan, &got);
    if (err)
        err = send ? leat_chan_send(s.chan, &word) : leat_chan_recv(s.chan, &got);
    leat_sim_expect(err == 0 && got == word);
}

static void pass_beside_a_thread(bool send)
{
    uint32_t capacity = 8 + leat_sim_choose(8);

    for (uint32_t i = rounds_of_this_seed(); i > 0; i--) {
        LEAT_SCOPE(scope);

        make(capacity);
        s.count = WORDS_MAX;
        leat_sim_expect(leat_spawn(&scope, on_a_thread, send ? &s : NULL) == 0);
        for (uint64_t word = 0; word < s.count; word++)
            poll_for(word, send);
        leat_sim_expect(leat_scope_join(&scope) == 0);
        leat_chan_free(s.chan);
    }
}

SCENARIO(words_from_a_late_sender)
{
    pass_beside_a_thread(false);
}

SCENARIO(words_for_a_late_receiver)
{
    pass_beside_a_thread(true);
}

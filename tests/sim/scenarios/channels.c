/* SPDX-License-Identifier: MIT */
/* Channels and select: each element that was sent is received once, in the order of its sender, and
 * a close is seen by everybody after the last one. */
#include "sim/scenarios/scenario.h"

#include <string.h>

#define SENDERS_MAX 8
#define EACH_MAX    100

struct element {
    uint32_t sender, number;
};

static struct {
    struct leat_chan *chan, *other;
    uint32_t          each;
    uint32_t          last[SENDERS_MAX][SENDERS_MAX]; /* by receiver: the highest number seen */
    uint32_t          sent[SENDERS_MAX], received[SENDERS_MAX];
    bool              seen[SENDERS_MAX][EACH_MAX + 1];
} s;

static bool make(struct leat_chan **ret, uint32_t capacity)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity };

    return leat_chan_create(ret, sizeof(struct element), &options) == 0;
}

static void begin(void)
{
    memset(&s, 0, sizeof s);
    s.each = leat_sim_size();
}

static void take(uint32_t receiver, struct element element)
{
    leat_sim_expect(element.sender < SENDERS_MAX && element.number <= s.each);
    leat_sim_expect(!s.seen[element.sender][element.number]);
    s.seen[element.sender][element.number] = true;
    leat_sim_expect(element.number > s.last[receiver][element.sender]);
    s.last[receiver][element.sender] = element.number;
    s.received[element.sender]++;
}

static void expect_all(uint32_t senders)
{
    for (uint32_t i = 0; i < senders; i++)
        leat_sim_expect(s.received[i] == s.sent[i]);
}

static int sends(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 1; i <= s.each; i++) {
        struct element element = { me, i };
        int err = leat_chan_send(s.chan, &element);

        if (err)
            return err;
        s.sent[me]++;
        if (leat_sim_choose(8) == 0)
            leat_yield();
    }
    return 0;
}

static int receives(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    struct element element;
    int err;

    while ((err = leat_chan_recv(s.chan, &element)) == 0)
        take(me, element);
    return err == -EPIPE ? 0 : err;
}

SCENARIO(channel)
{
    uint32_t senders = 1 + leat_sim_choose(4), receivers = 1 + leat_sim_choose(4);

    begin();
    leat_sim_expect(make(&s.chan, leat_sim_choose(2) ? leat_sim_capacity() : 0));
    LEAT_SCOPE(in);
    LEAT_SCOPE(out);
    for (uintptr_t i = 0; i < receivers; i++)
        leat_sim_expect(leat_spawn(&in, receives, (void *)i) == 0);
    for (uintptr_t i = 0; i < senders; i++)
        leat_sim_expect(leat_spawn(&out, sends, (void *)i) == 0);
    leat_sim_expect(leat_scope_join(&out) == 0);
    leat_chan_close(s.chan);
    leat_sim_expect(leat_scope_join(&in) == 0);
    leat_chan_free(s.chan);
    expect_all(senders);
}

/* ---- cancelled while they send and receive: what a send returned 0 for is not lost ---- */

SCENARIO(channel_cancelled)
{
    uint32_t senders = 1 + leat_sim_choose(4), receivers = 1 + leat_sim_choose(4);
    struct element element;

    begin();
    leat_sim_expect(make(&s.chan, leat_sim_choose(2) ? leat_sim_capacity() : 0));
    {
        LEAT_SCOPE(both, .on_error = LEAT_COLLECT);

        for (uintptr_t i = 0; i < receivers; i++)
            leat_sim_expect(leat_spawn(&both, receives, (void *)i) == 0);
        for (uintptr_t i = 0; i < senders; i++)
            leat_sim_expect(leat_spawn(&both, sends, (void *)i) == 0);
        leat_sim_expect(leat_sleep((leat_time)leat_sim_choose(50) * LEAT_USEC) == 0);
        leat_scope_cancel(&both);
        leat_sim_expect(leat_scope_join(&both) == -ECANCELED);
    }
    while (leat_chan_try_recv(s.chan, &element) == 0)
        take(receivers, element);
    leat_chan_free(s.chan);
    expect_all(senders);
}

/* ---- select ---- */

static uint32_t choosers, still_send;

/* Sends its numbers to one channel and receives from both, until the last sender closes them. */
static int chooses(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    bool open[2] = { true, true };

    while (open[0] || open[1]) {
        struct element in[2], out = { me, s.sent[me] + 1 };
        bool sends_on = out.number <= s.each;
        struct leat_case cases[4] = {
            open[0] ? leat_case_recv(s.chan, &in[0]) : (struct leat_case){ 0 },
            open[1] ? leat_case_recv(s.other, &in[1]) : (struct leat_case){ 0 },
            sends_on ? leat_case_send(me % 2 ? s.chan : s.other, &out) : (struct leat_case){ 0 },
            leat_case_at(leat_after(5 * LEAT_MSEC)),
        };
        int index = leat_select_cases(cases, 4);

        leat_sim_expect(index >= 0);
        if (index < 2 && cases[index].result == 0) {
            take(me, in[index]);
        } else if (index < 2) {
            leat_sim_expect(cases[index].result == -EPIPE);
            open[index] = false;
        } else if (index == 2) {
            leat_sim_expect(cases[2].result == 0);
            if (++s.sent[me] == s.each && --still_send == 0) {
                leat_chan_close(s.chan);
                leat_chan_close(s.other);
            }
        }
    }
    return 0;
}

SCENARIO(selects)
{
    begin();
    choosers = still_send = 2 + leat_sim_choose(4);
    leat_sim_expect(make(&s.chan, leat_sim_choose(2) ? leat_sim_capacity() : 0));
    leat_sim_expect(make(&s.other, leat_sim_choose(2) ? leat_sim_capacity() : 0));
    LEAT_SCOPE(scope);
    for (uintptr_t i = 0; i < choosers; i++)
        leat_sim_expect(leat_spawn(&scope, chooses, (void *)i) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_chan_free(s.chan);
    leat_chan_free(s.other);
    expect_all(choosers);
}

/* ---- questions and answers, as many as there are, so that none can wait for a close ---- */

static int asks_or_answers(void *arg)
{
    struct leat_chan *from = arg ? s.chan : s.other, *to = arg ? s.other : s.chan;

    for (uint32_t i = 0; i < s.each; i++) {
        struct element element = { 0, i };
        uint32_t kind = leat_sim_choose(3);
        LEAT_LIMIT(kind == 0 ? LONG : LEAT_NEVER);

        if (!arg)
            leat_sim_expect(leat_chan_send(to, &element) == 0);
        if (kind == 2)
            leat_sim_expect(leat_select(leat_case_recv(from, &element), LEAT_AFTER(LONG)) == 0);
        else
            leat_sim_expect(leat_chan_recv(from, &element) == 0);
        s.received[arg != NULL]++;
        if (arg && kind == 2)
            leat_sim_expect(leat_select(leat_case_send(to, &element), LEAT_AFTER(LONG)) == 0);
        else if (arg)
            leat_sim_expect(leat_chan_send(to, &element) == 0);
    }
    return 0;
}

SCENARIO(questions_and_answers)
{
    uint32_t pairs = 1 + leat_sim_choose(4);

    begin();
    leat_sim_expect(make(&s.chan, leat_sim_choose(2) ? leat_sim_capacity() : 0));
    leat_sim_expect(make(&s.other, leat_sim_choose(2) ? leat_sim_capacity() : 0));
    LEAT_SCOPE(scope);
    for (uint32_t i = 0; i < pairs; i++) {
        leat_sim_expect(leat_spawn(&scope, asks_or_answers, NULL) == 0);
        leat_sim_expect(leat_spawn(&scope, asks_or_answers, &s) == 0);
    }
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(s.received[0] == pairs * s.each && s.received[1] == pairs * s.each);
    leat_chan_free(s.chan);
    leat_chan_free(s.other);
}

/* SPDX-License-Identifier: MIT */
/* Tasks in a ring that pass tokens on: nobody sends but for what was received, so an element that
 * is there and a receiver that sleeps stay as they are for good. With a deadline of an hour, which
 * nothing here takes, waits go the way of those that a timer can end. */
#include "sim/scenarios/scenario.h"

#define STATIONS_MAX 6

struct token {
    uint32_t id, hops;
};

static struct {
    struct leat_chan *in[STATIONS_MAX];
    uint32_t          stations, tokens, home;
    bool              selects;
} ring;

static int receive(uint32_t at, struct token *token)
{
    struct leat_case cases[2] = { leat_case_recv(ring.in[at], token),
                                  leat_case_at(leat_after(2 * LEAT_HOUR)) };
    int found;

    if (!ring.selects)
        return leat_chan_recv(ring.in[at], token);
    found = leat_select_cases(cases, 2);
    leat_sim_expect(found != 1);
    return found == 0 ? cases[0].result : found;
}

static int send(uint32_t to, struct token *token)
{
    struct leat_case cases[2] = { leat_case_send(ring.in[to], token),
                                  leat_case_at(leat_after(2 * LEAT_HOUR)) };
    int found;

    if (!ring.selects)
        return leat_chan_send(ring.in[to], token);
    found = leat_select_cases(cases, 2);
    leat_sim_expect(found != 1);
    return found == 0 ? cases[0].result : found;
}

/* A ring of stations that all send before they receive would stand still when it is full of tokens:
 * there are fewer of them than stations. */
static int station(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    struct token token;

    while (ring.home > 0) {
        int err = receive(me, &token);

        if (err == -EPIPE)
            return 0;
        leat_sim_expect(err == 0);
        if (--token.hops > 0) {
            leat_sim_expect(send((me + 1) % ring.stations, &token) == 0);
        } else if (--ring.home == 0) {
            for (uint32_t i = 0; i < ring.stations; i++)
                leat_chan_close(ring.in[i]);
        }
    }
    return 0;
}

SCENARIO(relay)
{
    leat_time deadline = leat_sim_choose(2) ? leat_after(LEAT_HOUR) : 0;

    ring.stations = 2 + leat_sim_choose(STATIONS_MAX - 1);
    ring.tokens = ring.home = 1 + leat_sim_choose(ring.stations - 1);
    ring.selects = leat_sim_choose(3) == 0;
    for (uint32_t i = 0; i < ring.stations; i++) {
        const struct leat_chan_options options = {
            .size = sizeof options, .capacity = leat_sim_choose(2) ? leat_sim_choose(3) : 64
        };

        leat_sim_expect(leat_chan_create(&ring.in[i], sizeof(struct token), &options) == 0);
    }
    {
        LEAT_SCOPE(scope, .deadline = deadline);

        for (uintptr_t i = 0; i < ring.stations; i++)
            leat_sim_expect(leat_spawn(&scope, station, (void *)i) == 0);
        for (uint32_t i = 0; i < ring.tokens; i++) {
            struct token token = { i, 1 + 2 * leat_sim_size() };

            leat_sim_expect(leat_chan_send(ring.in[i], &token) == 0);
        }
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(ring.home == 0);
    for (uint32_t i = 0; i < ring.stations; i++)
        leat_chan_free(ring.in[i]);
}

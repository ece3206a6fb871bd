/* SPDX-License-Identifier: MIT */
/*
 * Two tasks and two channels. Across workers each is pinned to the worker of the task that spawned
 * it, and those two were computing at the same time, so they were not on one worker.
 */
#include <leat/leat.h>

#include <stdatomic.h>
#include <string.h>

#include "helper.h"

enum { ROUNDS_SAME = 1000000, ROUNDS_ACROSS = 10000 };

typedef leat_chan(int64_t) number_chan;

struct game {
    const struct perf_args *args;
    number_chan             requests, replies;
    int                     rounds;
    int                     echo_worker; /* set before the first reply */
    atomic_int              seated;      /* tasks that hold a worker */
};

struct seat {
    struct game  *game;
    leat_task_fn *player;
};

static int echo(void *arg)
{
    struct game *game = arg;
    int64_t      number;
    int          err;

    game->echo_worker = leat_worker();
    while ((err = leat_recv(&game->requests, &number)) == 0)
        if ((err = leat_send(&game->replies, &number)) != 0)
            break;
    return err == -EPIPE ? 0 : err;
}

static void play(void *data)
{
    struct game *game = data;
    int64_t      reply;

    for (int64_t i = 0; i < game->rounds; i++)
        if (leat_send(&game->requests, &i) || leat_recv(&game->replies, &reply) || reply != i)
            perf_die("a round trip failed", 0);
}

static int serve(void *arg)
{
    struct game *game = arg;

    perf_repeat_ns(game->args, game->rounds, play, game);
    if (game->rounds == ROUNDS_ACROSS && game->echo_worker == leat_worker())
        perf_die("both tasks are on one worker", 0);
    leat_close(&game->requests);
    return 0;
}

/* Hold this worker until the other one is held as well, then leave it to a pinned player. */
static int take_seat(void *arg)
{
    struct seat *seat = arg;
    int64_t      give_up = perf_now_ns() + 1000000000;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    atomic_fetch_add(&seat->game->seated, 1);
    while (atomic_load(&seat->game->seated) < 2)
        if (perf_now_ns() > give_up)
            perf_die("no other worker took the second task within a second", 0);
    leat_spawn_opt(&scope, seat->player, seat->game, LEAT_TASK_OPTIONS(.pinned = true));
    return leat_scope_join(&scope);
}

static int play_across(struct game *game)
{
    struct seat seats[] = { { game, serve }, { game, echo } };
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    leat_spawn(&scope, take_seat, &seats[0]);
    leat_spawn(&scope, take_seat, &seats[1]);
    return leat_scope_join(&scope);
}

static int play_on_one(struct game *game)
{
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    leat_spawn(&scope, serve, game);
    leat_spawn(&scope, echo, game);
    return leat_scope_join(&scope);
}

static int app(void *arg)
{
    struct game *game = arg;
    const char  *question = game->args->question;
    size_t       capacity = strcmp(question, "pingpong_unbuffered") == 0 ? 0 : 1;
    int          err = leat_chan_open(&game->requests, .capacity = capacity);
    bool         across;

    if (err)
        return err;
    LEAT_DEFER(leat_chan_free, game->requests.chan);
    err = leat_chan_open(&game->replies, .capacity = capacity);
    if (err)
        return err;
    LEAT_DEFER(leat_chan_free, game->replies.chan);
    if (leat_chan_capacity(game->requests.chan) != capacity)
        perf_skip("this leat has no channels of capacity 0");

    across = strcmp(question, "pingpong_across") == 0;
    game->rounds = across ? ROUNDS_ACROSS : ROUNDS_SAME;
    return across ? play_across(game) : play_on_one(game);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    struct game      game = { .args = &args };

    return leat_main(app, &game, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

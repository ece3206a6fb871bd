/* SPDX-License-Identifier: MIT */
/*
 * Two tasks and two channels. Across workers both tasks are pinned: while the first computes, the
 * second is taken by the other worker, which is idle; nothing else holds them apart.
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
    bool                    across;
    atomic_int              echo_worker; /* -1 until the echoing task has started */
};

static int echo(void *arg)
{
    struct game *game = arg;
    int64_t      number;
    int          err;

    atomic_store(&game->echo_worker, leat_worker());
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
    int64_t      give_up = perf_now_ns() + 1000000000;

    if (game->across) {
        while (atomic_load(&game->echo_worker) < 0)
            if (perf_now_ns() > give_up)
                perf_die("no other worker took the second task within a second", 0);
        if (atomic_load(&game->echo_worker) == leat_worker())
            perf_die("both tasks are on one worker", 0);
    }
    perf_repeat_ns(game->args, game->rounds, play, game);
    leat_close(&game->requests);
    return 0;
}

static int app(void *arg)
{
    struct game             *game = arg;
    const char              *question = game->args->question;
    size_t                   capacity = strcmp(question, "pingpong_unbuffered") == 0 ? 0 : 1;
    struct leat_task_options pinned = { .size = sizeof pinned };
    int                      err = leat_chan_open(&game->requests, .capacity = capacity);

    if (err)
        return err;
    LEAT_DEFER(leat_chan_free, game->requests.chan);
    err = leat_chan_open(&game->replies, .capacity = capacity);
    if (err)
        return err;
    LEAT_DEFER(leat_chan_free, game->replies.chan);
    if (leat_chan_capacity(game->requests.chan) != capacity)
        perf_skip("this leat has no channels of capacity 0");

    game->across = strcmp(question, "pingpong_across") == 0;
    game->rounds = game->across ? ROUNDS_ACROSS : ROUNDS_SAME;
    pinned.pinned = game->across;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);
    leat_spawn_opt(&scope, serve, game, &pinned);
    leat_spawn_opt(&scope, echo, game, &pinned);
    return leat_scope_join(&scope);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    struct game      game = { .args = &args, .echo_worker = -1 };

    return leat_main(app, &game, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

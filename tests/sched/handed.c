/* SPDX-License-Identifier: MIT */
/* Tasks that are pinned to two workers and hand a value to and fro, so that each worker watches its
 * inbox for what the other hands it: nothing is lost, and nothing else waits for the game's end. */
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/leat.h>

#include <unistd.h>

typedef leat_chan(int) int_chan;

struct game {
    int_chan              there, back;
    LEAT_ATOMIC(unsigned) seated, over; /* over: of those beside the game */
    unsigned              beside;
    int                   rounds; /* at least */
    int                   pipe[2];
};

struct seat {
    struct game  *game;
    leat_task_fn *player, *other;
};

static int answer(void *arg)
{
    struct game *game = arg;
    int ball, err;

    while ((err = leat_recv(&game->there, &ball)) == 0) {
        ball++;
        if ((err = leat_send(&game->back, &ball)) != 0)
            break;
    }
    return err == -EPIPE ? 0 : err;
}

static int ask(void *arg)
{
    struct game *game = arg;
    int ball = 0, answered, err = 0;

    /* relaxed: sooner or later */
    while (!err && (load_relaxed(&game->over) < game->beside || ball < game->rounds)) {
        err = leat_send(&game->there, &ball);
        if (!err)
            err = leat_recv(&game->back, &answered);
        expect_eq(answered, ball + 1);
        ball = answered;
    }
    leat_close(&game->there);
    return err;
}

static int sleeper(void *arg)
{
    struct game *game = arg;
    int err = leat_sleep(2 * LEAT_MSEC);

    expect_eq(write(game->pipe[1], "x", 1), 1);
    fetch_add_relaxed(&game->over, 1); /* relaxed: a count */
    return err;
}

static int reader(void *arg)
{
    struct game *game = arg;
    struct leat_stream *stream;
    char byte;

    expect_ok(leat_stream_open_fd(&stream, game->pipe[0]));
    expect_eq(leat_read(stream, &byte, 1), 1);
    leat_close_stream(stream);
    fetch_add_relaxed(&game->over, 1);
    return 0;
}

/* Hold this worker until the other one is held as well, then leave it to a pinned player. */
static int take_seat(void *arg)
{
    struct seat *seat = arg;
    struct leat_task_options pinned = { .size = sizeof pinned, .pinned = true };
    LEAT_SCOPE(scope);

    fetch_add_relaxed(&seat->game->seated, 1);
    while (load_relaxed(&seat->game->seated) < 2)
        cpu_relax();
    leat_spawn_opt(&scope, seat->player, seat->game, &pinned);
    if (seat->other)
        leat_spawn_opt(&scope, seat->other, seat->game, &pinned);
    return leat_scope_join(&scope);
}

static int play(void *arg)
{
    struct seat *seats = arg;
    LEAT_SCOPE(scope);

    leat_spawn(&scope, take_seat, &seats[0]);
    leat_spawn(&scope, take_seat, &seats[1]);
    return leat_scope_join(&scope);
}

static void run_game(struct game *game, leat_task_fn *other_here, leat_task_fn *other_there)
{
    struct seat seats[] = { { game, ask, other_here }, { game, answer, other_there } };

    game->beside = (other_here ? 1u : 0u) + (other_there ? 1u : 0u);
    assert_eq(pipe(game->pipe), 0);
    assert_ok(leat_chan_open(&game->there, .capacity = 1));
    assert_ok(leat_chan_open(&game->back, .capacity = 1));
    expect_ok(leat_run(play, seats, LEAT_OPTIONS(.workers = 2)));
    leat_chan_destroy(&game->there);
    leat_chan_destroy(&game->back);
    close(game->pipe[1]);
    if (game->beside == 0)
        close(game->pipe[0]); /* else its reader did */
}

LEAT_TEST(handed, a_value_that_two_workers_hand_to_and_fro_is_never_lost)
{
    run_game(&(struct game){ .rounds = 20000 }, NULL, NULL);
}

/* These games end when the other two have. */
LEAT_TEST(handed, timers_and_descriptors_are_seen_to_by_workers_that_hand_a_value_to_and_fro)
{
    run_game(&(struct game){ .rounds = 1 }, sleeper, reader);
    run_game(&(struct game){ .rounds = 1 }, reader, sleeper);
}

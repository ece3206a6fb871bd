/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c chan/chan.c chan/pass.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RING_SPINS=0 -DLEAT__CHAN_PATIENCE=1
 * model: flags -DLEAT__CHAN_PATIENCE_MAX=1 -DLEAT__CHAN_OPS=1 -DLEAT__RING_STRETCH=1
 *
 * Channels with one at each end. */
#include "chans.h"

/* Shared already. */
static void reset_single(size_t capacity, struct leat__scope *in)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity,
                                         .spsc = true };

    reset_with(&options, in);
    model_check(chan->single);
    share();
}

MODEL_DRIVER(single_passes_two_through_one_place, .weak_preemptions = 1)
{
    reset_single(1, NULL);
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(single_watched_passes_two_through_one_place, .weak_preemptions = 1)
{
    reset_single(1, NULL);
    tasks_watch = true;
    run({ send_two, 0 }, { receive_two });
}

MODEL_DRIVER(single_room_goes_to_who_waits_for_it, .weak_preemptions = 1)
{
    reset_single(1, NULL);
    run({ send_two, 0 }, { receive_one });
}

/* Nobody waits: both are at work on the ring at once. */
MODEL_DRIVER(single_sides_meet_only_in_a_slot, .weak_preemptions = 2)
{
    reset_single(2, NULL);
    sent[7] = 1;
    model_check(leat_chan_try_send(chan, &(struct word){ 7, 7 }) == 0);
    share();
    run({ send_one, 0 }, { receive_one });
}

MODEL_DRIVER(single_is_closed_under_its_sender, .preemptions = 1, .stale = 1)
{
    reset_single(1, NULL);
    run({ send_one, 0 }, { receive_to_the_end }, { close_it });
}

MODEL_DRIVER(single_cancel_loses_no_element, .preemptions = 1, .stale = 1)
{
    reset_single(1, &scope);
    run({ send_two_or_fewer, 0 }, { receive_one }, { cancel });
}

/* One slow turn of thread 1 gives it the channel, which the other takes. */
MODEL_DRIVER(single_is_regained_and_taken_again, .weak_preemptions = 1)
{
    reset_single(2, NULL);
    chan->sides.last = &faces[1];
    chan->sides.streak = LEAT__SINGLE_REGAIN - 1;
    run({ send_two_and_close, 0 }, { receive_to_the_end });
}

MODEL_DRIVER(single_is_not_touched_after_its_element_was_received, .weak_preemptions = 1)
{
    reset_single(1, NULL);
    model_spawn(send_one, (void *)(intptr_t)0);
    model_spawn(receive_and_reuse_the_memory, NULL);
    model_run();
    for (size_t i = 0; i < sizeof *chan; i++)
        model_check(((const unsigned char *)chan)[i] == POISON);
}

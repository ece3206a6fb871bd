/* SPDX-License-Identifier: MIT */
/* libuv's timers, which are a heap: start and stop. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "helper.h"

enum { TIMERS = 1000000 };

static uv_timer_t *timers;

static void expire(uv_timer_t *timer)
{
    (void)timer;
    perf_die("a timer expired that was stopped", 0);
}

static void hot(void *data)
{
    (void)data;
    for (int i = 0; i < TIMERS; i++) {
        uv_timer_start(&timers[i & 7], expire, 10000 + ((uint64_t)i & 8191), 0);
        uv_timer_stop(&timers[i & 7]);
    }
}

static void million(void *data)
{
    uint64_t *state = data;

    for (int i = 0; i < TIMERS; i++)
        uv_timer_start(&timers[i], expire, 10000 + perf_random(state) % 10000, 0);
    for (int i = 0; i < TIMERS; i++)
        uv_timer_stop(&timers[i]);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    uint64_t         state = 88172645463325252;
    uv_loop_t       *loop = uv_default_loop();

    timers = calloc(TIMERS, sizeof *timers);
    if (!timers)
        perf_die("no memory for timers", 0);
    for (int i = 0; i < TIMERS; i++)
        uv_timer_init(loop, &timers[i]);
    perf_repeat_ns(&args, TIMERS, strcmp(args.question, "timer_hot") == 0 ? hot : million, &state);
    return 0;
}

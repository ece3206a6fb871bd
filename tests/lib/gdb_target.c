/* SPDX-License-Identifier: MIT */
/* A program for tests/tools/gdb.sh to look into: a task in each state, at a breakpoint, or in the
 * core file that it leaves when it is given an argument. */
#include <leat/leat.h>

#include <stdbool.h>

typedef leat_chan(int) int_chan;

void gdb_stop_here(void);

static bool wants_core;

/* Inlined: the newest frame is then none that a frame of its own stands for. */
__attribute__((always_inline)) static inline void die(void)
{
    __builtin_trap();
}

__attribute__((noinline)) void gdb_stop_here(void)
{
    if (wants_core)
        die();
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static int nap_inner(void)
{
    int err = leat_sleep(60 * LEAT_SEC);

    __asm__ volatile("" ::: "memory"); /* no tail call: its frame is to be seen */
    return err;
}

__attribute__((noinline)) static int nap(void *arg)
{
    int err;

    (void)arg;
    err = nap_inner();
    __asm__ volatile("" ::: "memory");
    return err;
}

static int take(void *arg)
{
    int value, err = leat_recv((int_chan *)arg, &value);

    __asm__ volatile("" ::: "memory");
    return err;
}

/* Runs in place, on the stack of the task that joins it. */
static int stop_in_place(void *arg)
{
    (void)arg;
    gdb_stop_here();
    return 0;
}

static int host(void *arg)
{
    LEAT_SCOPE(scope, .name = "hosting");

    leat_spawn_opt(&scope, stop_in_place, arg, LEAT_TASK_OPTIONS(.name = "guest"));
    return leat_scope_join(&scope);
}

static int app(void *arg)
{
    int_chan chan;
    LEAT_SCOPE(scope);

    (void)arg;
    if (leat_chan_open(&chan, .capacity = 1, .name = "orders") != 0)
        return -ENOMEM;
    leat_spawn_opt(&scope, nap, NULL, LEAT_TASK_OPTIONS(.name = "napper"));
    leat_spawn_opt(&scope, take, &chan, LEAT_TASK_OPTIONS(.name = "taker"));
    (void)leat_sleep(20 * LEAT_MSEC); /* both wait now */
    leat_spawn_opt(&scope, nap, NULL, LEAT_TASK_OPTIONS(.name = "newcomer"));
    (void)host(NULL);
    leat_scope_cancel(&scope);
    (void)leat_scope_join(&scope);
    leat_chan_destroy(&chan);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argv;
    wants_core = argc > 1;
    return leat_main(app, NULL, LEAT_OPTIONS(.workers = 1));
}

/* SPDX-License-Identifier: MIT */
/* The least it takes to compute on two CPUs at once: a thread wakes another, both compute, and the
 * one who began waits for the other, asleep on a word each. */
#include "compute.h"
#include "helper.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 9

struct line {
    _Alignas(128) _Atomic uint32_t value;
};

static struct line begun, done;

static void wait_until(_Atomic uint32_t *word, uint32_t value)
{
    uint32_t seen;

    while ((seen = atomic_load(word)) != value)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void set(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *other(void *rounds)
{
    perf_bind(1);
    for (uint32_t i = 1; i <= *(uint32_t *)rounds; i++) {
        wait_until(&begun.value, i);
        compute_ms(1);
        set(&done.value, i);
    }
    return NULL;
}

static double spread(uint32_t round)
{
    int64_t begin = perf_now_ns();

    set(&begun.value, round);
    compute_ms(1);
    wait_until(&done.value, round);
    return (double)(perf_now_ns() - begin) / 1e6;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    uint32_t rounds = 1 + (uint32_t)args.samples * ROUNDS, round = 0;
    double values[ROUNDS];
    pthread_t thread;
    int err;

    perf_bind(0);
    calibrate();
    err = pthread_create(&thread, NULL, other, &rounds);
    if (err)
        perf_die("thread", err);
    (void)spread(++round);
    for (int i = 0; i < args.samples; i++) {
        for (int j = 0; j < ROUNDS; j++)
            values[j] = spread(++round);
        perf_sample(perf_median(values, ROUNDS));
    }
    pthread_join(thread, NULL);
    return 0;
}

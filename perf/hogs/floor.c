/* SPDX-License-Identifier: MIT */
/* The least it takes to compute on two CPUs at once: a thread wakes another, both compute, and the
 * one who began waits for the other, asleep on a word each. */
#include "compute.h"
#include "helper.h"
#include "word.h"

#include <pthread.h>

#define ROUNDS 9

static struct perf_word begun, done;

static void *other(void *rounds)
{
    perf_bind(1);
    for (uint32_t i = 1; i <= *(uint32_t *)rounds; i++) {
        perf_word_wait(&begun, i);
        compute_ms(1);
        perf_word_set(&done, i);
    }
    return NULL;
}

static double spread(uint32_t round)
{
    int64_t begin = perf_now_ns();

    perf_word_set(&begun, round);
    compute_ms(1);
    perf_word_wait(&done, round);
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

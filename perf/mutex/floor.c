/* SPDX-License-Identifier: MIT */
/*
 * The least that taking turns costs: a spin lock (one locked instruction, and a plain store to let
 * go), by as many threads as there are workers, each bound to a CPU, which share the rounds.
 */
#include <pthread.h>

#include "helper.h"

enum { ROUNDS = 100 * 20000, WORKERS_MAX = 64 };

static pthread_spinlock_t lock;
static uint64_t           count;

struct part {
    pthread_t thread;
    int       cpu, rounds;
};

static void *count_up(void *arg)
{
    const struct part *part = arg;

    perf_bind(part->cpu);
    for (int i = 0; i < part->rounds; i++) {
        pthread_spin_lock(&lock);
        count++;
        pthread_spin_unlock(&lock);
    }
    return NULL;
}

static void all_count(void *data)
{
    int         workers = *(const int *)data;
    struct part parts[WORKERS_MAX];

    for (int i = 0; i < workers; i++) {
        parts[i].cpu = i;
        parts[i].rounds = ROUNDS / workers;
        if (pthread_create(&parts[i].thread, NULL, count_up, &parts[i]))
            perf_die("no thread", 0);
    }
    for (int i = 0; i < workers; i++)
        pthread_join(parts[i].thread, NULL);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    if (args.workers > WORKERS_MAX || ROUNDS % args.workers || args.workers > perf_cpu_count())
        perf_skip("a spin lock needs a CPU for each of its threads, and equal shares");
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    perf_repeat_ns(&args, ROUNDS, all_count, &args.workers);
    perf_check_value(count);
    return 0;
}

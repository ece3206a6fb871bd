/* SPDX-License-Identifier: MIT */
/* A thread for each item, in plain C. */
#include <pthread.h>

#include "plain.h"

struct item {
    uint64_t  number, digest;
    pthread_t thread;
};

static void *wait_and_compute(void *arg)
{
    struct item *item = arg;

    work_wait();
    item->digest = work_digest(item->number);
    return NULL;
}

static void run(void *data)
{
    uint64_t   *digests = data;
    struct item items[ITEMS];

    for (uint64_t i = 0; i < ITEMS; i++) {
        int err;

        items[i].number = i;
        err = pthread_create(&items[i].thread, NULL, wait_and_compute, &items[i]);
        if (err)
            perf_die("thread", err);
    }
    for (int i = 0; i < ITEMS; i++) {
        pthread_join(items[i].thread, NULL);
        digests[i] = items[i].digest;
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    uint64_t         digests[ITEMS];

    perf_repeat_ns(&args, 1e6, run, digests);
    check_digests(digests);
    return 0;
}

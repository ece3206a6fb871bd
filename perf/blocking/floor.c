/* SPDX-License-Identifier: MIT */
/* The least a hand-over costs: two threads that sleep on a word each. */
#include <pthread.h>

#include "helper.h"
#include "word.h"

enum { CALLS = 20000 };

static struct perf_word request, reply;

static void *serve(void *calls)
{
    for (uint32_t i = 1; i <= *(uint32_t *)calls; i++) {
        perf_word_wait(&request, i);
        perf_word_set(&reply, i);
    }
    return NULL;
}

static void call(void *data)
{
    uint32_t *next = data;

    for (int i = 0; i < CALLS; i++) {
        perf_word_set(&request, ++*next);
        perf_word_wait(&reply, *next);
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    uint32_t         calls = CALLS * ((uint32_t)args.samples + 1), next = 0;
    pthread_t        thread;
    int              err = pthread_create(&thread, NULL, serve, &calls);

    if (err)
        perf_die("thread", err);
    perf_repeat_ns(&args, CALLS * 1000.0, call, &next);
    pthread_join(thread, NULL);
    return 0;
}

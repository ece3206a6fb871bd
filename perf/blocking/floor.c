/* SPDX-License-Identifier: MIT */
/* The least a hand-over costs: two threads that sleep on a word each. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper.h"

enum { CALLS = 20000 };

struct line {
    _Alignas(128) _Atomic uint32_t value;
};

static struct line request, reply;

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

static void *serve(void *calls)
{
    for (uint32_t i = 1; i <= *(uint32_t *)calls; i++) {
        wait_until(&request.value, i);
        set(&reply.value, i);
    }
    return NULL;
}

static void call(void *data)
{
    uint32_t *next = data;

    for (int i = 0; i < CALLS; i++) {
        set(&request.value, ++*next);
        wait_until(&reply.value, *next);
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

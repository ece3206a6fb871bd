/* SPDX-License-Identifier: MIT */
/* A plain thread, which knows nothing of tasks, sends to a channel that a task receives from, and
 * has a task of the runtime answer a question. */
#include <leat/leat.h>

#include <pthread.h>
#include <stdio.h>

struct shared {
    struct leat_runtime *runtime;
    leat_chan(int) numbers;
};

static int look_up(void *arg)
{
    int err = leat_sleep(LEAT_MSEC);

    return err < 0 ? err : *(int *)arg * 2;
}

static void *thread(void *arg)
{
    struct shared *shared = arg;
    int answer = leat_call(shared->runtime, look_up, &(int){ 21 });

    for (int i = 1; i <= 3; i++)
        if (leat_send(&shared->numbers, &(int){ answer + i }) < 0)
            break;
    leat_close(&shared->numbers);
    return NULL;
}

static int join(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

static int app(void *arg)
{
    struct shared shared = { .runtime = leat_runtime_current() };
    pthread_t id;
    int number, err = leat_chan_open(&shared.numbers, .capacity = 2);
    (void)arg;

    if (err < 0)
        return err;
    LEAT_DEFER(leat_chan_free, shared.numbers.chan);
    if ((err = -pthread_create(&id, NULL, thread, &shared)) < 0)
        return err;
    while ((err = leat_recv(&shared.numbers, &number)) == 0)
        printf("from the thread: %d\n", number);
    leat_close(&shared.numbers); /* so that it ends, whatever ended us */
    number = leat_blocking(join, &id);
    return err == -EPIPE ? number : err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* leat's broadcast, whose sender waits for the slowest receiver. */
#include <leat/broadcast.h>
#include <leat/leat.h>

#include "helper.h"

enum { ELEMENTS = 20000, RECEIVERS = 100, CAPACITY = 128 };

struct receiver {
    struct leat_subscriber subscriber;
    uint64_t               sum;
};

static void must(int err, const char *what)
{
    if (err)
        perf_die(what, -err);
}

static int receive(void *arg)
{
    struct receiver *receiver = arg;
    uint64_t         number, sum = 0;
    int              err;

    while ((err = leat_broadcast_recv(&receiver->subscriber, &number, NULL)) == 0)
        sum += number;
    leat_unsubscribe(&receiver->subscriber);
    receiver->sum = sum;
    return err == -EPIPE ? 0 : err;
}

static void run(void *data)
{
    static struct receiver receivers[RECEIVERS];
    struct leat_broadcast *broadcast;
    uint64_t              *total = data;
    LEAT_SCOPE(scope);

    must(leat_broadcast_create(&broadcast, sizeof(uint64_t), CAPACITY, LEAT_SLOW_WAITS), "create");
    for (int i = 0; i < RECEIVERS; i++) {
        leat_subscribe(&receivers[i].subscriber, broadcast);
        leat_spawn(&scope, receive, &receivers[i]);
    }
    for (uint64_t i = 1; i <= ELEMENTS; i++)
        must(leat_broadcast_send(broadcast, &i), "send");
    leat_broadcast_close(broadcast);
    must(leat_scope_join(&scope), "receive");
    leat_broadcast_destroy(broadcast);
    *total = 0;
    for (int i = 0; i < RECEIVERS; i++)
        *total += receivers[i].sum;
}

static int app(void *arg)
{
    uint64_t total;

    perf_repeat_ns(arg, (double)ELEMENTS * RECEIVERS, run, &total);
    perf_check_value(total);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(app, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

/* SPDX-License-Identifier: MIT */
/* A service: something with a start, a stop, and tasks in the background in between, which belong
 * to no scope of who started it. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdio.h>

struct cache {
    struct leat_service service;
    atomic_int          reloads;
};

static int open_cache(void *arg)
{
    (void)arg;
    puts("opened");
    return 0; /* an error would be that of start */
}

static void close_cache(void *arg)
{
    (void)arg;
    puts("closed"); /* all its tasks have ended */
}

static int refresh(void *arg)
{
    struct cache *cache = arg;

    while (leat_service_pause(&cache->service, LEAT_MSEC) == 0)
        atomic_fetch_add(&cache->reloads, 1);
    return 0; /* stop was called */
}

static int app(void *arg)
{
    struct cache *cache = arg;
    int err = leat_service_start(&cache->service,
                                 LEAT_SERVICE_OPTIONS(.name = "cache", .on_start = open_cache,
                                                      .on_stop = close_cache));

    if (err < 0)
        return err;
    LEAT_DEFER(leat_service_cleanup, &cache->service);
    if ((err = leat_service_spawn(&cache->service, "refresh", refresh, cache)) < 0 ||
        (err = leat_sleep(50 * LEAT_MSEC)) < 0)
        return err;
    err = leat_service_stop(&cache->service, 5 * LEAT_SEC); /* it hears, so it takes no time */
    printf("it was %s meanwhile\n", atomic_load(&cache->reloads) > 0 ? "refreshed" : "idle");
    return err;
}

int main(void)
{
    static struct cache cache;

    return leat_main(app, &cache, NULL);
}

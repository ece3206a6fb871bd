/* SPDX-License-Identifier: MIT */
/* A service that fails now and then: retried with growing, random delays; not called at all while
 * it is down; and each try in the log with its duration. */
#include <leat/leat.h>

#include <stdio.h>

struct service {
    struct leat_breaker breaker;
    int                 failures; /* this many calls fail first */
    int                 calls;
};

static int request(void *arg)
{
    struct service *service = arg;
    LEAT_SPAN(span, "request", .slow = LEAT_SEC, .quiet = true);
    int err = leat_sleep(100 * LEAT_USEC);

    if (err == 0 && service->calls++ < service->failures)
        err = -ECONNRESET;
    return leat_span_end(&span, err);
}

static int guarded(void *arg)
{
    struct service *service = arg;

    return leat_breaker_call(&service->breaker, request, service);
}

static bool worth_it(void *arg, int error)
{
    (void)arg;
    return error == -ECONNRESET || error == -ETIMEDOUT;
}

static int app(void *arg)
{
    struct service flaky = { .failures = 2 }, down = { .failures = 1000 };
    int err = leat_breaker_init(&down.breaker, LEAT_BREAKER_OPTIONS(.calls_min = 4));
    (void)arg;

    if (err < 0)
        return err;
    err = leat_retry(guarded, &flaky, .tries = 5, .delay = LEAT_MSEC, .limit = LEAT_SEC,
                     .retry_on = worth_it);
    printf("flaky: %s after %d calls\n", leat_error_name(err), flaky.calls);
    err = leat_retry(guarded, &down, .tries = 100, .delay = LEAT_MSEC, .cap = 2 * LEAT_MSEC,
                     .retry_on = worth_it);
    printf("down: %s after %d calls\n", leat_error_name(err), down.calls);
    return 0;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

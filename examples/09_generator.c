/* SPDX-License-Identifier: MIT */
/* Generators: a range, and the items of an API that answers in pages. The next page is fetched when
 * the first item of it is asked for; who has seen enough leaves, and the generator cleans up. */
#include <leat/leat.h>

#include <stdio.h>

static int count(struct leat_gen *gen, void *arg)
{
    const int *range = arg; /* begin, end, step */
    int err = 0;

    for (int i = range[0]; i < range[1] && err == 0; i += range[2])
        err = leat_yield_value(gen, &i);
    return err;
}

static void log_out(const char *session)
{
    printf("%s closed\n", session);
}

static int list_users(struct leat_gen *gen, void *arg)
{
    int err = 0;
    LEAT_DEFER(log_out, arg);

    for (int page = 1; page <= 100 && err == 0; page++) {
        if ((err = leat_sleep(LEAT_MSEC)) < 0) /* the request */
            return err;
        printf("page %d\n", page);
        for (int i = 0; i < 3 && err == 0; i++)
            err = leat_yield_value(gen, &(int){ page * 10 + i });
    }
    return err;
}

static int app(void *arg)
{
    int n, err, sum = 0;
    (void)arg;

    LEAT_GEN(odd, int, count, ((int[]){ 1, 10, 2 }));
    while ((err = leat_next(&odd, &n)) == 0)
        sum += n;
    printf("the odd numbers below 10 add up to %d\n", sum);

    LEAT_GEN(users, int, list_users, "session");
    while ((err = leat_next(&users, &n)) == 0 && n <= 20)
        ;
    printf("found %d\n", n);
    return err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

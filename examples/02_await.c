/* SPDX-License-Identifier: MIT */
/* A coroutine is a plain C function, and a call is the await: it returns when the result is there.
 * Other tasks run meanwhile. */
#include <leat/leat.h>

#include <stdio.h>

static int fetch_price(const char *what, int *ret)
{
    int err = leat_sleep(10 * LEAT_MSEC); /* a request, say */

    if (err < 0)
        return err;
    *ret = what[0] == 'a' ? 3 : 5;
    return 0;
}

static int app(void *arg)
{
    int apple, pear, err;
    (void)arg;

    if ((err = fetch_price("apple", &apple)) < 0 || (err = fetch_price("pear", &pear)) < 0)
        return err;
    printf("an apple and a pear cost %d\n", apple + pear);
    return 0;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

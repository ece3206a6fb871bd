/* SPDX-License-Identifier: MIT */
/* Context managers: LEAT_DEFER runs a function when the block ends, however it ends: a return, a
 * break, an error, a cancel. Last deferred, first run; shielded from the cancel. */
#include <leat/leat.h>

#include <stdio.h>

struct connection {
    const char *to;
};

static int connect_to(struct connection *connection, const char *to)
{
    int err = leat_sleep(LEAT_MSEC);

    connection->to = to;
    if (err == 0)
        printf("connected to %s\n", to);
    return err;
}

static void disconnect(struct connection *connection)
{
    if (leat_sleep(LEAT_MSEC) == 0) /* also after a cancel */
        printf("left %s\n", connection->to);
}

static int copy(void)
{
    struct connection from, to;
    int err = connect_to(&from, "source");

    if (err < 0)
        return err;
    LEAT_DEFER(disconnect, &from);
    if ((err = connect_to(&to, "target")) < 0)
        return err;
    LEAT_DEFER(disconnect, &to);
    return -EIO; /* half way */
}

static int app(void *arg)
{
    (void)arg;
    printf("copy: %s\n", leat_error_name(copy()));
    return 0;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

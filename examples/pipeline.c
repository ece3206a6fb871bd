/* SPDX-License-Identifier: MIT */
/* Three stages joined by bounded channels: count, square, add up. Closing a channel ends the stage
 * behind it; a stage that fails ends all, since the scope cancels the others. */
#include <leat/leat.h>

#include <inttypes.h>
#include <stdio.h>

struct stages {
    leat_chan(uint64_t) numbers, squares;
};

static int count(void *arg)
{
    struct stages *stages = arg;
    int            err = 0;

    for (uint64_t n = 1; n <= 100000 && err == 0; n++)
        err = leat_send(&stages->numbers, &n);
    leat_close(&stages->numbers);
    return err;
}

static int square(void *arg)
{
    struct stages *stages = arg;
    uint64_t       n;
    int            err;

    while ((err = leat_recv(&stages->numbers, &n)) == 0)
        if ((err = leat_send(&stages->squares, &(uint64_t){ n * n })) < 0)
            return err;
    leat_close(&stages->squares);
    return err == -EPIPE ? 0 : err; /* closed and drained */
}

static int app(void *arg)
{
    struct stages *stages = arg;
    uint64_t       n, sum = 0;
    int            err = leat_chan_open(&stages->numbers, .capacity = 64);

    if (err < 0 || (err = leat_chan_open(&stages->squares, .capacity = 64)) < 0)
        return err;
    LEAT_DEFER(leat_chan_free, stages->numbers.chan);
    LEAT_DEFER(leat_chan_free, stages->squares.chan);
    LEAT_SCOPE(scope);
    leat_spawn(&scope, count, stages);
    leat_spawn(&scope, square, stages);
    while (leat_recv(&stages->squares, &n) == 0)
        sum += n;
    printf("the squares of 1 to 100000 add up to %" PRIu64 "\n", sum);
    return leat_scope_join(&scope);
}

int main(void)
{
    return leat_main(app, &(struct stages){ 0 }, NULL);
}

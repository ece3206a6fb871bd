/* SPDX-License-Identifier: MIT */
/* Generators: a function that hands out values one at a time, on a stack of its own (task/coro.h).
 *
 * A task behind a channel was rejected: it costs a spawn, two waits and two wakes a step, runs one
 * value ahead, and needs an owner that cancels it. Where running ahead is what is wanted, that is
 * the thing to use. */
#include "base/check.h"
#include "platform/jump_return.h"
#include "task/coro.h"

#include <leat/pattern.h>

#include <errno.h>
#include <string.h>

struct generator {
    struct leat__coro coro;
    leat_gen_fn      *fn;
    void             *arg;
    const void       *value; /* the body's, of this step */
    size_t            bytes;
    int               result; /* of the body; or why it never began */
    bool              open;
    bool              closing;
} __attribute__((may_alias)); /* lies in a struct leat_gen of the caller's */

_Static_assert(sizeof(struct generator) <= sizeof(struct leat_gen), "it has room");

static struct generator *inside(struct leat_gen *gen)
{
    return (struct generator *)(void *)gen;
}

static void run(void *arg)
{
    struct generator *generator = arg;

    generator->result = generator->fn((struct leat_gen *)arg, generator->arg);
}

int leat_gen_open(struct leat_gen *public, leat_gen_fn *fn, void *arg, size_t bytes)
{
    struct generator *generator = inside(public);

    leat__check(fn != NULL, "a generator needs a function: NULL was given in the place of one");
    generator->fn = fn;
    generator->arg = arg;
    generator->bytes = bytes;
    generator->value = NULL;
    generator->closing = false;
    generator->result = bytes == 0 ? -EINVAL : leat__coro_open(&generator->coro, run, generator);
    generator->open = generator->result == 0;
    return generator->result;
}

static void finish(struct generator *generator)
{
    generator->open = false;
    leat__coro_close(&generator->coro);
}

/* Most values are a word; for others the size is not known here. */
static void copy(void *to, const void *from, size_t bytes)
{
    if (bytes == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, bytes);
}

LEAT__JUMP_RETURN int leat_gen_take(struct leat_gen *public, void *ret, size_t bytes)
{
    struct generator *generator = inside(public);
    int               err;

    if (!generator->open)
        return generator->result < 0 ? generator->result : -ENODATA;
    leat__check(bytes == generator->bytes, "a generator's values have the size given at its start");
    err = leat__coro_enter(&generator->coro);
    if (err)
        return err;
    if (!generator->coro.ended) {
        copy(ret, generator->value, bytes);
        return 0;
    }
    finish(generator);
    return generator->result < 0 ? generator->result : -ENODATA;
}

LEAT__JUMP_RETURN int leat_gen_give(struct leat_gen *public, const void *value, size_t bytes)
{
    struct generator *generator = inside(public);

    leat__check(bytes == generator->bytes, "a generator's values have the size given at its start");
    if (generator->closing)
        return -ECANCELED;
    generator->value = value;
    leat__coro_pause(&generator->coro);
    return generator->closing ? -ECANCELED : 0;
}

int leat_gen_close(struct leat_gen *public)
{
    struct generator *generator = inside(public);

    if (!generator->open)
        return generator->result < 0 ? generator->result : 0;
    generator->closing = true;
    leat__coro_enter_cancelled(&generator->coro);
    finish(generator);
    if (generator->result == -ECANCELED)
        generator->result = 0; /* as it was asked */
    return generator->result < 0 ? generator->result : 0;
}

void leat_gen_cleanup(struct leat_gen *gen)
{
    (void)leat_gen_close(gen);
}

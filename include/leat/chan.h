/* SPDX-License-Identifier: MIT */
/* Channels pass values between tasks and threads: bounded, many to many, first in first out.
 *
 *     typedef leat_chan(struct order) order_chan;
 *     order_chan orders;
 *     int err = leat_chan_open(&orders, .capacity = 128);
 *     ...
 *     err = leat_send(&orders, &(struct order){ .id = 7 });
 *     ...
 *     while ((err = leat_recv(&orders, &order)) == 0)
 *         handle(&order);                       // -EPIPE: closed and drained
 *     leat_chan_destroy(&orders);
 *
 * An operation that returned an error did not happen. Close is an end marker: sends fail at once,
 * receives drain what was sent, then fail. */
#ifndef LEAT_CHAN_H
#define LEAT_CHAN_H

#include <leat/api.h>

#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

struct leat_chan; /* the untyped core, for bindings and C++ */

struct leat_chan_options {
    size_t      size;     /* sizeof(struct leat_chan_options) */
    size_t      capacity; /* elements it holds; 0, the default: send waits for its receiver */
    const char *name;     /* borrowed for the life of the channel */
    uint64_t    reserved[4];
};

/* Create a channel for elements of `bytes` bytes each (1 to 65,536).
 * Returns -EINVAL for bad options, -ENOMEM. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_chan_create(struct leat_chan **ret, size_t bytes,
                                              const struct leat_chan_options *options);

/* Free it. NULL is fine. The caller makes sure nobody uses it any more; elements still in it are
 * dropped. Never blocks. */
LEAT_API void leat_chan_free(struct leat_chan *chan);

/* Send one element, waiting while the channel is full.
 * Returns -EPIPE if the channel is closed, -ECANCELED or -ETIMEDOUT.
 * Cancel: on any error the element was not sent.
 * Threads: any number of senders and receivers. */
LEAT_API LEAT_MUST_CHECK int leat_chan_send(struct leat_chan *chan, const void *element);

/* Receive one element, waiting while the channel is empty.
 * Returns -EPIPE once it is closed and drained, -ECANCELED or -ETIMEDOUT.
 * Cancel: on any error nothing was taken. */
LEAT_API LEAT_MUST_CHECK int leat_chan_recv(struct leat_chan *chan, void *element);

/* As send and recv, but -EAGAIN instead of waiting. Never blocks; not a cancellation point. */
LEAT_API LEAT_MUST_CHECK int leat_chan_try_send(struct leat_chan *chan, const void *element);
LEAT_API LEAT_MUST_CHECK int leat_chan_try_recv(struct leat_chan *chan, void *element);

/* End of the stream. Wakes every waiting sender (-EPIPE) and, once drained, every receiver.
 * Idempotent; never blocks. */
LEAT_API void leat_chan_close(struct leat_chan *chan);

/* Elements in it now; an estimate by the time the caller reads it. */
LEAT_API size_t leat_chan_length(const struct leat_chan *chan);
LEAT_API size_t leat_chan_capacity(const struct leat_chan *chan);

#ifndef __cplusplus

/* The type of a channel of T: one pointer, passed around by address. Sending or receiving another
 * type does not compile. */
#define leat_chan(T)                                                                               \
    union {                                                                                        \
        struct leat_chan *chan;                                                                    \
        T                *type;                                                                    \
    }

/* leat_chan_open(&orders, .capacity = 128). Returns as leat_chan_create. */
#define leat_chan_open(...) LEAT__CHAN_OPEN(__VA_ARGS__, .size = sizeof(struct leat_chan_options))
#define LEAT__CHAN_OPEN(typed, ...)                                                                \
    leat_chan_create(&(typed)->chan, sizeof *(typed)->type,                                        \
                     &(const struct leat_chan_options){ __VA_ARGS__ })

/* Element arguments are variadic so that commas in compound literals work. */
#define leat_send(typed, ...)     leat_chan_send((typed)->chan, LEAT__SOURCE(typed, (__VA_ARGS__)))
#define leat_recv(typed, ...)     leat_chan_recv((typed)->chan, LEAT__TARGET(typed, (__VA_ARGS__)))
#define leat_try_send(typed, ...)                                                                  \
    leat_chan_try_send((typed)->chan, LEAT__SOURCE(typed, (__VA_ARGS__)))
#define leat_try_recv(typed, ...)                                                                  \
    leat_chan_try_recv((typed)->chan, LEAT__TARGET(typed, (__VA_ARGS__)))
#define leat_close(typed)         leat_chan_close((typed)->chan)
#define leat_chan_destroy(typed)  leat_chan_free((typed)->chan)

#define LEAT__SOURCE(typed, element)                                                               \
    _Generic(element, __typeof__((typed)->type): (element),                                        \
             const __typeof__(*(typed)->type) *: (element))
#define LEAT__TARGET(typed, element) _Generic(element, __typeof__((typed)->type): (element))

#endif

LEAT_END

#endif

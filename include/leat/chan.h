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
 * receives drain what was sent, then fail.
 * A variable that one thread receives into and another thread's channel handle in one cache line
 * (64 bytes, as in one struct) cost both of them two thirds of their speed: keep them apart. */
#ifndef LEAT_CHAN_H
#define LEAT_CHAN_H

#include <leat/api.h>
#include <leat/select.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

LEAT_BEGIN

struct leat_chan; /* the untyped core, for bindings and C++ */

struct leat_chan_options {
    size_t      size;     /* sizeof(struct leat_chan_options) */
    size_t      capacity; /* elements it holds; 0, the default: send waits for its receiver */
    const char *name;     /* borrowed for the life of the channel */
    size_t      budget_bytes; /* instead of a capacity: as many elements as fit, for channels that
                                 shall hardly ever be full; memory is taken as it is first used */
    bool        spsc;     /* one sends and one receives at a time: checked */
    bool        oneshot;  /* one element; its send closes the channel. The capacity is 1 */
    uint64_t    reserved[2];
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
 * Threads: any number of senders and receivers; with .spsc one of each at a time, and a second one
 * that is noticed stops the program. */
LEAT_API LEAT_MUST_CHECK int leat_chan_send(struct leat_chan *chan, const void *element);

/* Receive one element, waiting while the channel is empty.
 * Returns -EPIPE once it is closed and drained, -ECANCELED or -ETIMEDOUT.
 * Cancel: on any error nothing was taken. */
LEAT_API LEAT_MUST_CHECK int leat_chan_recv(struct leat_chan *chan, void *element);

/* As send and recv, but -EAGAIN instead of waiting. Never blocks; not a cancellation point. */
LEAT_API LEAT_MUST_CHECK int leat_chan_try_send(struct leat_chan *chan, const void *element);
LEAT_API LEAT_MUST_CHECK int leat_chan_try_recv(struct leat_chan *chan, void *element);

/* Send `count` elements that lie one after the other, in one turn where there is room.
 * Returns how many were sent, less than `count` when an error came after that; or the error. */
LEAT_API LEAT_MUST_CHECK ssize_t leat_chan_send_many(struct leat_chan *chan, const void *elements,
                                                     size_t count);

/* Receive up to `count` elements: those that are there, waiting only for the first.
 * Returns how many, at least 1; 0 for a count of 0; or an error, and nothing was taken. */
LEAT_API LEAT_MUST_CHECK ssize_t leat_chan_recv_many(struct leat_chan *chan, void *elements,
                                                     size_t count);

/* End of the stream. Wakes every waiting sender (-EPIPE) and, once drained, every receiver.
 * Idempotent; never blocks. */
LEAT_API void leat_chan_close(struct leat_chan *chan);

/* An element that was received is dealt with: for programs that use leat_chan_join. Does not
 * block. */
LEAT_API void leat_chan_done(struct leat_chan *chan);

/* Wait until leat_chan_done was called for every element that was sent.
 * Returns -ECANCELED or -ETIMEDOUT. */
LEAT_API LEAT_MUST_CHECK int leat_chan_join(struct leat_chan *chan);

/* Elements in it now; an estimate by the time the caller reads it. */
LEAT_API size_t leat_chan_length(const struct leat_chan *chan);
LEAT_API size_t leat_chan_capacity(const struct leat_chan *chan);

/* Cases of a select (select.h). A channel of NULL: the case never happens. */
LEAT_API extern const struct leat_waitable leat_waitable_send;
LEAT_API extern const struct leat_waitable leat_waitable_recv;

static inline struct leat_case leat_case_send(struct leat_chan *chan, const void *element)
{
    struct leat_case c = { chan ? &leat_waitable_send : NULL, chan, { NULL }, 0, 0 };

    c.source = element;
    return c;
}

static inline struct leat_case leat_case_recv(struct leat_chan *chan, void *element)
{
    struct leat_case c = { chan ? &leat_waitable_recv : NULL, chan, { NULL }, 0, 0 };

    c.data = element;
    return c;
}

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
#define leat_send_many(typed, elements, count)                                                     \
    leat_chan_send_many((typed)->chan, LEAT__SOURCE(typed, (elements)), count)
#define leat_recv_many(typed, elements, count)                                                     \
    leat_chan_recv_many((typed)->chan, LEAT__TARGET(typed, (elements)), count)
#define LEAT_SEND(typed, ...)     leat_case_send((typed)->chan, LEAT__SOURCE(typed, (__VA_ARGS__)))
#define LEAT_RECV(typed, ...)     leat_case_recv((typed)->chan, LEAT__TARGET(typed, (__VA_ARGS__)))
#define leat_close(typed)         leat_chan_close((typed)->chan)
#define leat_chan_destroy(typed)  leat_chan_free((typed)->chan)

#define LEAT__SOURCE(typed, element)                                                               \
    _Generic(element, __typeof__((typed)->type): (element),                                        \
             const __typeof__(*(typed)->type) *: (element))
#define LEAT__TARGET(typed, element) _Generic(element, __typeof__((typed)->type): (element))

#endif

LEAT_END

#endif

/* SPDX-License-Identifier: MIT */
/* Select: wait for the first of several things.
 *
 *     switch (leat_select(LEAT_RECV(&orders, &order), LEAT_SEND(&done, &id),
 *                         LEAT_AFTER(50 * LEAT_MSEC))) {
 *     case 0:      handle(&order); break;      // an order was received
 *     case 1:      break;                      // the id was sent
 *     case 2:      break;                      // neither, for 50 ms
 *     case -EPIPE: break;                      // one of the channels is closed
 *     default:     return -ECANCELED;
 *     }
 *
 * Exactly one case happens, or none and the result is an error of the caller's scopes. Cases are
 * made by LEAT_RECV, LEAT_SEND (chan.h), LEAT_ACQUIRE (sync.h), LEAT_READABLE, LEAT_WRITABLE,
 * LEAT_DONE, LEAT_AFTER, LEAT_AT and LEAT_DEFAULT. When several can happen, one of them is taken at
 * random. No memory is allocated. (With epoll, a worker's table of descriptors grows when a higher
 * one than ever before is waited for.) */
#ifndef LEAT_SELECT_H
#define LEAT_SELECT_H

#include <leat/api.h>
#include <leat/task.h>
#include <leat/time.h>

#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

struct leat_waitable; /* how a kind of case is tried, waited for and withdrawn */

/* One case. All-zero: one that never happens. Borrowed until the select returns. */
struct leat_case {
    const struct leat_waitable *how;
    void                       *object;
    union {
        void       *data; /* what comes goes here */
        const void *source;
    };
    uint64_t                    number;
    int                         result; /* of the case that happened: 0, or -EPIPE, -ESRCH .. */
};

#define LEAT_SELECT_MAX 64 /* cases */

/* Wait until one of the cases happens.
 * Returns its index; cases[index].result says how it ended: 0, or -EPIPE where a channel is closed
 * (and drained, for a receive), -ESRCH for a task handle that is over. To go on without that case,
 * make it all-zero. Or -EINVAL (more than LEAT_SELECT_MAX cases), -ECANCELED or -ETIMEDOUT.
 * Blocks unless one can happen at once or LEAT_DEFAULT is among them; on plain threads too.
 * Cancel: on any error no case has happened. */
LEAT_API LEAT_MUST_CHECK int leat_select_cases(struct leat_case *cases, size_t count);

/* As leat_select_cases, but a case that ended with an error gives the error, not its index. */
LEAT_API LEAT_MUST_CHECK int leat_select_any(struct leat_case *cases, size_t count);

LEAT_API extern const struct leat_waitable leat_waitable_time;
LEAT_API extern const struct leat_waitable leat_waitable_default;
LEAT_API extern const struct leat_waitable leat_waitable_done;
LEAT_API extern const struct leat_waitable leat_waitable_readable;
LEAT_API extern const struct leat_waitable leat_waitable_writable;

/* leat_now() has reached `when`, and no other case has happened. */
static inline struct leat_case leat_case_at(leat_time when)
{
    struct leat_case c = { &leat_waitable_time, NULL, { NULL }, (uint64_t)when, 0 };

    return c;
}

/* No other case can happen now: makes the select one that does not block. */
static inline struct leat_case leat_case_default(void)
{
    struct leat_case c = { &leat_waitable_default, NULL, { NULL }, 0, 0 };

    return c;
}

/* The task has ended; *ret, which may be NULL, is what it returned. The handle must be good until
 * the select returns. */
static inline struct leat_case leat_case_done(const struct leat_task *task, int *ret)
{
    struct leat_case c = { &leat_waitable_done, task->leat__record, { NULL }, task->leat__id, 0 };

    c.data = ret;
    return c;
}

/* A read (or accept) of the descriptor would not wait now: there is something, its end, or an
 * error. The result is 0, or -EBADF. The descriptor stays the caller's, and open until the select
 * returns. */
static inline struct leat_case leat_case_readable(int fd)
{
    struct leat_case c = { &leat_waitable_readable, NULL, { NULL }, (uint32_t)fd, 0 };

    return c;
}

/* The same of a write (or connect). */
static inline struct leat_case leat_case_writable(int fd)
{
    struct leat_case c = { &leat_waitable_writable, NULL, { NULL }, (uint32_t)fd, 0 };

    return c;
}

#define LEAT_READABLE(fd)    leat_case_readable(fd)
#define LEAT_WRITABLE(fd)    leat_case_writable(fd)
#define LEAT_AT(when)        leat_case_at(when)
#define LEAT_AFTER(delay)    leat_case_at(leat_after(delay))
#define LEAT_DEFAULT         leat_case_default()
#define LEAT_DONE(task, ret) leat_case_done(task, ret)

#ifndef __cplusplus

/* leat_select(LEAT_RECV(&orders, &order), LEAT_AFTER(LEAT_SEC)): as leat_select_any. */
#define leat_select(...)                                                                           \
    leat_select_any((struct leat_case[]){ __VA_ARGS__ },                                           \
                    sizeof((struct leat_case[]){ __VA_ARGS__ }) / sizeof(struct leat_case))

#endif

LEAT_END

#endif

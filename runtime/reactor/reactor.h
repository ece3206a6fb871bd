/* SPDX-License-Identifier: MIT */
/* What a worker sleeps in, and what takes its operations to the kernel and back.
 *
 *     struct leat__reactor *reactor;
 *     const char *why;
 *     int err = leat__reactor_create(&reactor, LEAT_REACTOR_AUTO, &why);
 *     reactor->offload = leat_blocking;
 *     ... pollers[i] = &reactor->poller ...
 *     leat__reactor_destroy(reactor);               // when the worker's thread has ended
 *
 * Two back ends with one contract: uring.c and epoll.c. One reactor per worker. Only its worker
 * polls, sleeps and submits; what another thread wants of it (to cancel an op) it sends to the
 * inbox, and wakes it. The first poll, sleep or submit ties the reactor to its worker's thread.
 *
 * While that worker computes for long, another stands in for it (poller->relieve). So everything
 * here is touched only by who has the token: the owner, who takes it for each call (and keeps it
 * asleep, when it needs no help), or a helper. "Owner" below is whoever has it.
 *
 * Waking. `signal` is AWAKE, SLEEPING or NOTIFIED, and every wake exchanges it for NOTIFIED, so the
 * system call is paid only when the owner really sleeps, once for any number of wakes.
 *
 *     owner                                     waker
 *       look in every queue                       push
 *       AWAKE -> SLEEPING, or if NOTIFIED:        old = exchange NOTIFIED
 *         don't sleep                             if old is SLEEPING: write to wake_fd
 *       sleep
 *       exchange AWAKE
 *
 * INVARIANTS
 *   I1  A NOTIFIED word keeps the owner from its next sleep; only a sleep takes it back to AWAKE.
 *
 * ORDERING
 *   O1  Both sides change one word by read-modify-writes, which have one order: either the owner's
 *       comes second and finds NOTIFIED, or the waker's does and finds SLEEPING. No fence is needed
 *       as neither side decides by a plain load. The waker's exchange releases what it pushed, the
 *       owner's acquires it. */
#ifndef LEAT_REACTOR_REACTOR_H
#define LEAT_REACTOR_REACTOR_H

#include "base/list.h"
#include "base/probe.h"
#include "lockfree/atomic.h"
#include "lockfree/inbox.h"
#include "lockfree/token.h"
#include "reactor/op.h"
#include "sched/poller.h"

#include <leat/runtime.h>

/* Runs fn(arg) where it may sleep, and suspends the calling task until it has (leat_blocking). */
typedef int leat__offload_fn(int (*fn)(void *arg), void *arg);

enum leat__reactor_signal {
    LEAT__REACTOR_AWAKE,
    LEAT__REACTOR_SLEEPING,
    LEAT__REACTOR_NOTIFIED,
};

/* What differs between the back ends. All but destroy: with the token; submit: its worker. */
struct leat__reactor_kind {
    const char *name;
    bool        blocking_ops; /* takes operations on files too, which can't be polled for */

    /* Take the op. Returns 0, and the op completes later, never before this returned; or -errno,
     * and it has not been taken. -EPERM: this fd can't be polled. */
    int (*submit)(struct leat__reactor *reactor, struct leat__op *op);

    /* Ask for an early end of an op that was taken and hasn't completed. It then completes. */
    void (*cancel)(struct leat__reactor *reactor, struct leat__op *op);

    void (*destroy)(struct leat__reactor *reactor);

    /* Of a reactor that is not in use yet: put it into an epoll instance, edge-triggered, with
     * `tag`, which from then on says when a dozing owner has a reason to look. Its owner never
     * sleeps in it. Returns 0 or -errno. */
    int (*watch)(struct leat__reactor *reactor, int epoll_fd, uint64_t tag);
};

struct leat__reactor {
    struct leat__poller              poller;
    const struct leat__reactor_kind *kind;
    leat__offload_fn                *offload; /* set by the run room before any op */
    struct leat__probe              *probe;   /* the worker's; NULL before the first call */
    int                              wake_fd;
    struct leat__token               token;
    struct leat__list                late; /* ops whose completion a fault holds back */
    LEAT_ATOMIC(uint32_t) signal __attribute__((aligned(64))); /* others write from here on */
    struct leat__inbox inbox; /* ops to cancel */
};

/* `kind` as leat_run got it. AUTO takes io_uring where the kernel allows it, else epoll, and then
 * *why is one constant line that says what refused io_uring; otherwise *why is NULL.
 * Returns -EMFILE, -ENFILE, -ENOMEM and, when io_uring was asked for, the kernel's refusal, also
 * with *why set. Any thread. */
int leat__reactor_create(struct leat__reactor **ret, enum leat_reactor kind, const char **why);

/* No op is in flight and the worker's thread has ended, or never began. NULL is fine. */
void leat__reactor_destroy(struct leat__reactor *reactor);

/* "io_uring" or "epoll". */
static inline const char *leat__reactor_name(const struct leat__reactor *reactor)
{
    return reactor->kind->name;
}

/* ---- for the back ends ---- */

int leat__uring_create(struct leat__reactor **ret, const char **why);
int leat__epoll_create(struct leat__reactor **ret);

/* Fill the common part. Returns -errno when there is no descriptor for wake_fd. */
int  leat__reactor_init(struct leat__reactor *reactor, const struct leat__reactor_kind *kind);
void leat__reactor_fini(struct leat__reactor *reactor);

/* The poller's wake and rouse, the same for both. */
void leat__reactor_wake(struct leat__poller *poller);
void leat__reactor_get_up(struct leat__poller *poller);

/* Add a descriptor of the reactor's to an epoll instance, edge-triggered. Returns 0 or -errno. */
int leat__reactor_add(int epoll_fd, int fd, uint64_t tag);

/* Before a sleep: false when there is a reason not to. After it: true when somebody woke us. */
bool leat__reactor_doze(struct leat__reactor *reactor);
void leat__reactor_rouse(struct leat__reactor *reactor);

/* Once a turn, before anything goes to the kernel: read the inbox, deliver what a fault held back.
 * Returns how many fibers were readied. */
unsigned leat__reactor_turn(struct leat__reactor *reactor);

/* The op has ended with `result`. Returns how many fibers were readied. The op is gone. */
unsigned leat__op_complete(struct leat__op *op, int result);

#endif

/* SPDX-License-Identifier: MIT */
/* An I/O operation, in the frame of the call that wants it.
 *
 *     struct leat__op op = { .code = LEAT__OP_READ_AT, .fd = fd, .data = data, .bytes = bytes,
 *                            .offset = offset, .direct = true };
 *     return leat__op_run(&op);                     // the count, or -errno
 *
 * All I/O of the library goes through leat__op_run: what the kernel can do at once (`direct`), what
 * the worker's reactor completes later, and what a plain thread does by itself. So there is one
 * place for cancelling, for counting, and for the faults of tests (fault.h).
 *
 * The wait is an owed one (task/wait.h): the kernel may hold `data` until the operation completes,
 * so a cancel is a request to the kernel and the completion alone lets the caller go on. An
 * operation that was done before the cancel reached it returns what it did; nothing is lost.
 *
 *                 submit                                  completion
 *     (caller's) --------> FIRST ----------------------------------------------> DONE
 *                            |                                                    ^
 *                            | cancel or timeout, the caller asks                 |
 *                            |                                                    |
 *                            +--> SECOND   (on the reactor's own worker) ---------+
 *                            |      ^                                             |
 *                            |      | the message was read: kernel asked          |
 *                            +--> SENT     (from another worker, by message) -----+
 *                                            the message was read after the completion
 *
 * FIRST and SECOND name the ticket that the completion claims. The waiter publishes each ticket
 * once and in a place of its own, so the completer can copy it before it gives the op away.
 *
 * INVARIANTS
 *   I1  From submit until DONE the op and its buffer belong to the reactor, and the caller stays.
 *       Whoever stores DONE touches neither afterwards: it has copied the ticket before.
 *   I2  Only the reactor's owner stores DONE, reads the inbox, and speaks to the kernel: who has
 *       its token, that is its worker or, where that computes for long, a helper.
 *   I3  While SENT, the op's message is in the inbox or on its way there: a completion only notes
 *       its result, and the reading of the message stores DONE.
 *   I4  A cancel names the op by its address. It stands in the ring's queue before anything that
 *       could use the address again, and the kernel takes entries in their order, so it can't hit
 *       a later op.
 *
 * ORDERING
 *   O1  The compare-and-swap to DONE releases `result` (and the buffer) to the waiter, which
 *       acquires it by its load of the state, or through claim and wake.
 *   O2  The waiter's compare-and-swap to SECOND or SENT releases ticket[1] to the completer, whose
 *       load of the state acquires it. */
#ifndef LEAT_REACTOR_OP_H
#define LEAT_REACTOR_OP_H

#include "base/list.h"
#include "lockfree/atomic.h"
#include "lockfree/link.h"
#include "task/wait.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct leat__gate;
struct leat__reactor;

/* Fields each of them reads, besides fd. Results are those of the system call, or -errno. */
enum leat__op_code {
    LEAT__OP_READ,     /* data, bytes: at the file's own position; pipes and terminals too */
    LEAT__OP_WRITE,    /* source, bytes */
    LEAT__OP_READ_AT,  /* data, bytes, offset */
    LEAT__OP_WRITE_AT, /* source, bytes, offset */
    LEAT__OP_OPEN_AT,  /* fd: directory or AT_FDCWD; path, flags (O_CLOEXEC is added), mode */
    LEAT__OP_CLOSE,    /* the fd is gone whatever the result; run it under leat_shield() */
    LEAT__OP_STAT_AT,  /* fd: directory or AT_FDCWD; path, flags (AT_*), mode (STATX_*), statx */
    LEAT__OP_SYNC,     /* flags: 0, or 1 for the data only */
    LEAT__OP_RECV,     /* data, bytes, flags (MSG_*) */
    LEAT__OP_SEND,     /* source, bytes, flags; MSG_NOSIGNAL is added */
    LEAT__OP_ACCEPT,   /* flags (SOCK_*; SOCK_CLOEXEC is added) */
    LEAT__OP_CONNECT,  /* address, address_bytes; the socket must be non-blocking */
    LEAT__OP_POLL,     /* flags (POLLIN ..); returns the events that came */
};

enum leat__op_state { LEAT__OP_FIRST, LEAT__OP_SENT, LEAT__OP_SECOND, LEAT__OP_DONE };

/* No system call moves more than this at once. */
#define LEAT__OP_BYTES_MAX ((size_t)0x7ffff000)

struct leat__op {
    /* what to do; the caller's to fill */
    enum leat__op_code code;
    int                fd;
    union {
        void                  *data;
        const void            *source;
        const char            *path;
        const struct sockaddr *address;
    };
    union {
        size_t    bytes; /* clamped to LEAT__OP_BYTES_MAX */
        socklen_t address_bytes;
    };
    union {
        uint64_t      offset;
        struct statx *statx;
    };
    int                flags;
    unsigned           mode;
    struct leat__gate *gate;     /* the handle's gate (gate.h), or NULL */
    bool               direct;   /* try at once, without the reactor */
    bool               stubborn; /* may sleep even when ready (a terminal): never on a worker */

    /* what came of it */
    bool waited; /* it was not done directly */
    bool more;   /* RECV: the kernel says that there is more to read now */

    /* the reactor's */
    bool                  finished; /* completed while SENT */
    bool                  held;     /* by a fault: in no queue until it is cancelled */
    bool                  deaf;     /* by a fault: cancels are not passed on */
    bool                  crowded;  /* by a fault: there is no room in the ring at first */
    bool                  not_yet;  /* by a fault: the reactor gives it back with -EAGAIN once */
    uint8_t               late;     /* by a fault: looks at the reactor until it is delivered */
    int                   result;
    LEAT_ATOMIC(uint32_t) state;
    struct leat__reactor *reactor;   /* that has it, from submit on */
    struct leat__ticket   ticket[2]; /* of the first wait and of the second */
    int                   nested;    /* 0, or 1 + a descriptor of io_uring's (uring.c) */
    struct leat__list     node;      /* in the reactor's queues; its owner's */
    struct leat__list     at_gate;   /* among the gate's waiters; under the gate's lock */
    struct leat__link     message;   /* in the reactor's inbox: please cancel */
};

/* Do the operation and wait for its end. Returns its result, -ECANCELED or -ETIMEDOUT when the
 * caller's scopes ended first (then it was not done, in no part), -ECANCELED when the gate is shut.
 * Blocks; cancellation point; from tasks and plain threads. */
int leat__op_run(struct leat__op *op);

/* The two halves of it for a select, on a worker. arm: give the op, whose completion is to claim
 * the ticket, to the worker's reactor. Returns 0, or -errno and it was not taken. disarm, once the
 * wait has ended: get it back. Returns its result, -ECANCELED when it had to be recalled. */
int leat__op_arm(struct leat__op *op, struct leat__ticket ticket);
int leat__op_disarm(struct leat__op *op);

#endif

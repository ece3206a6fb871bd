/* SPDX-License-Identifier: MIT */
/* The life of an operation: direct try, submit, wait, recall. See op.h for states and invariants.
 *
 * The caller's wait is begun before the op is submitted, so a completion always finds a ticket and
 * an op that completes at once needs no case of its own. */
#include "reactor/op.h"

#include "base/check.h"
#include "base/container.h"
#include "base/probe.h"
#include "reactor/call.h"
#include "reactor/fault.h"
#include "reactor/gate.h"
#include "reactor/reactor.h"
#include "sched/sched.h"
#include "task/self.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

LEAT_ATOMIC(leat__fault_fn *) leat__fault_hook;

/* ---- the owner's side: completions ---- */

/* The op's result is there: hand it over, unless its message is still on the way (I3). */
static unsigned settle(struct leat__op *op)
{
    uint32_t seen = load_acquire(&op->state); /* O2: the ticket of that state */
    struct leat__ticket ticket;

    do {
        if (seen == LEAT__OP_SENT)
            return 0;
        ticket = op->ticket[seen == LEAT__OP_SECOND];
    } while (!cas_acq_rel(&op->state, &seen, LEAT__OP_DONE)); /* O1, O2 */
    if (!leat__claim(ticket, LEAT__CAUSE_EVENT))
        return 0;
    leat__wake(ticket.waiter);
    return 1;
}

unsigned leat__op_complete(struct leat__op *op, int result)
{
    op->result = result;
    op->finished = true;
    if (__builtin_expect(op->late > 0, 0)) {
        leat__list_push_back(&op->reactor->late, &op->node);
        return 0;
    }
    return settle(op);
}

static unsigned cancel(struct leat__op *op)
{
    if (op->finished || op->deaf)
        return 0;
    if (op->held)
        return leat__op_complete(op, -ECANCELED);
    op->reactor->kind->cancel(op->reactor, op);
    return 0;
}

unsigned leat__reactor_turn(struct leat__reactor *reactor)
{
    struct leat__batch batch = { 0 };
    struct leat__link *link;
    unsigned readied = 0;

    if (__builtin_expect(!leat__list_empty(&reactor->late), 0)) {
        leat__list_each_removable(node, &reactor->late) {
            struct leat__op *op = leat__list_entry(node, struct leat__op, node);

            if (--op->late > 0)
                continue;
            leat__list_remove(node);
            readied += settle(op);
        }
    }
    if (__builtin_expect(leat__inbox_take(&reactor->inbox, &batch) == 0, 1))
        return readied;
    while ((link = leat__batch_pop(&batch)) != NULL) {
        struct leat__op *op = leat__container_of(link, struct leat__op, message);

        /* relaxed: only the caller's word to us was SENT, and it came through the inbox; settle
         * and cancel, which give the op away, come after in program order */
        store_relaxed(&op->state, LEAT__OP_SECOND);
        readied += op->finished && op->late == 0 ? settle(op) : cancel(op);
    }
    return readied;
}

/* ---- the caller's side ---- */

static struct leat__reactor *reactor_here(struct leat__worker *worker)
{
    return leat__container_of(leat__worker_poller(worker), struct leat__reactor, poller);
}

/* For reports. */
static const struct leat__reason reasons[] = {
    [LEAT__OP_READ] = { "read from descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_WRITE] = { "write to descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_READ_AT] = { "read from the file of descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_WRITE_AT] = { "write to the file of descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_OPEN_AT] = { "open a file", LEAT__ABOUT_NOTHING, LEAT__OUTER },
    [LEAT__OP_CLOSE] = { "close descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_STAT_AT] = { "stat a file", LEAT__ABOUT_NOTHING, LEAT__OUTER },
    [LEAT__OP_SYNC] = { "sync descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_RECV] = { "receive from descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_SEND] = { "send to descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_ACCEPT] = { "accept from descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_CONNECT] = { "connect descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
    [LEAT__OP_POLL] = { "see a change of descriptor", LEAT__ABOUT_NUMBER, LEAT__OUTER },
};
static const struct leat__reason recalled = { "get an operation back, which was cancelled, on "
                                              "descriptor",
                                              LEAT__ABOUT_NUMBER, LEAT__OUTER };

/* The first wait ended without the op: ask for its end and wait for that. */
static void recall(struct leat__op *op)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__reactor *reactor = op->reactor;
    bool here = worker != NULL && reactor_here(worker) == reactor;
    uint32_t seen = LEAT__OP_FIRST;
    struct leat__wait wait;

    if (leat__wait_begin(&wait, LEAT__WAIT_SHIELDED, LEAT_NEVER) != 0)
        leat__check(false, "a shielded wait must begin");
    leat__self_reason(wait.self, &recalled, (void *)(intptr_t)op->fd);
    op->ticket[1] = wait.ticket;
    /* O2: release of the ticket; acquire of the result when it was DONE meanwhile */
    if (!cas_acq_rel(&op->state, &seen, here ? LEAT__OP_SECOND : LEAT__OP_SENT)) {
        (void)leat__wait_abandon(&wait);
        return;
    }
    if (worker)
        leat__probe_count(&leat__worker_probe(worker)->cancels);
    if (here) {
        leat__token_enter(&reactor->token);
        (void)cancel(op); /* if no helper has completed it by now */
        leat__token_leave(&reactor->token);
    } else if (leat__inbox_push(&reactor->inbox, &op->message)) {
        reactor->poller.wake(&reactor->poller);
    }
    (void)leat__wait_park(&wait, NULL);
}

/* Give the op to this worker's reactor and wait until it comes back. Returns 0 with *ret set, or
 * what the reactor refused it with. */
static int submit_and_wait(struct leat__reactor *reactor, struct leat__op *op, int *ret)
{
    struct leat__gate *gate = op->gate;
    struct leat__wait wait;
    enum leat__cause cause;
    int err = leat__wait_begin(&wait, LEAT__WAIT_CANCELLABLE, LEAT_NEVER);

    if (err) {
        *ret = err;
        return 0;
    }
    leat__self_reason(wait.self, &reasons[op->code], (void *)(intptr_t)op->fd);
    op->reactor = reactor;
    op->ticket[0] = wait.ticket;
    op->finished = false;
    store_relaxed(&op->state, LEAT__OP_FIRST); /* relaxed: nobody has the op yet */
    if (gate && leat__gate_admit(gate, op) != 0) {
        (void)leat__wait_abandon(&wait);
        *ret = -ECANCELED;
        return 0;
    }
    if (!op->held) {
        leat__token_enter(&reactor->token);
        err = reactor->kind->submit(reactor, op);
        leat__token_leave(&reactor->token);
    }
    if (err) {
        if (gate)
            leat__gate_dismiss(gate, op);
        (void)leat__wait_abandon(&wait);
        return err;
    }
    cause = leat__wait_park(&wait, NULL);
    if (cause != LEAT__CAUSE_EVENT)
        recall(op);
    if (gate)
        leat__gate_dismiss(gate, op);
    *ret = op->result;
    if (cause != LEAT__CAUSE_EVENT &&
        (op->result == -ECANCELED || op->result == -EINTR || op->result == -EAGAIN)) {
        bool own;

        *ret = leat__wait_error(&wait, cause, &own);
    }
    return 0;
}

/* ---- faults ---- */

/* Does the seam have a hook? Asked at each op, so it is one load and a branch in its way. */
static bool has_fault_hook(void)
{
    /* relaxed: fault() reads it once more */
    return __builtin_expect(load_relaxed(&leat__fault_hook) != NULL, 0);
}

/* Returns true when the op is over with *ret. */
static __attribute__((noinline, cold)) bool fault(struct leat__op *op, int *ret)
{
    leat__fault_fn *hook = load_acquire(&leat__fault_hook); /* pairs with leat__fault_set */
    struct leat__fault fault = { 0 };

    if (!hook)
        return false; /* it was taken away meanwhile */
    hook(op, &fault);
    if (fault.result < 0) {
        if (op->code == LEAT__OP_CLOSE)
            close(op->fd); /* as the kernel does: an error, and closed all the same */
        *ret = fault.result;
        return true;
    }
    if (fault.bytes_max > 0 && leat__op_has_bytes(op) && op->bytes > fault.bytes_max)
        op->bytes = fault.bytes_max;
    op->late = fault.late;
    /* Nobody can cancel a shielded op, so holding it would be for ever. */
    op->held = fault.cancel == LEAT__FAULT_CANCEL_WINS && leat__self()->shield == 0;
    op->deaf = fault.cancel == LEAT__FAULT_CANCEL_LOSES;
    op->crowded = fault.crowded;
    op->not_yet = fault.not_yet;
    if (fault.ring || fault.crowded || fault.not_yet || fault.late > 0 ||
        fault.cancel != LEAT__FAULT_CANCEL_RACES)
        op->direct = false;
    return false;
}

/* ---- for select ---- */

int leat__op_arm(struct leat__op *op, struct leat__ticket ticket)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__reactor *reactor = reactor_here(worker);
    int err = 0;

    if (has_fault_hook() && fault(op, &err))
        return err;
    leat__probe_count(&leat__worker_probe(worker)->ring_ops);
    op->reactor = reactor;
    op->ticket[0] = ticket;
    op->finished = false;
    store_relaxed(&op->state, LEAT__OP_FIRST); /* relaxed: nobody has the op yet */
    if (!op->held) {
        leat__token_enter(&reactor->token);
        err = reactor->kind->submit(reactor, op);
        leat__token_leave(&reactor->token);
    }
    return err;
}

int leat__op_disarm(struct leat__op *op)
{
    if (load_acquire(&op->state) != LEAT__OP_DONE) /* O1 */
        recall(op);
    return op->result;
}

/* ---- on a worker ---- */

struct performed {
    struct leat__op *op;
    bool             made;
};

static int perform(void *arg)
{
    struct performed *performed = arg;

    performed->made = true;
    return leat__op_perform(performed->op);
}

/* Where no thread can be had for it, the call is refused; but a descriptor must go, so the worker
 * closes it itself, however long that takes. */
static int offload(struct leat__reactor *reactor, struct leat__op *op)
{
    struct performed performed = { .op = op };
    int result;

    leat__check(reactor->offload != NULL, "give the reactor an offload function before any op");
    result = reactor->offload(perform, &performed);
    return op->code == LEAT__OP_CLOSE && !performed.made ? leat__op_perform(op) : result;
}

/* Suspend until the op's fd is ready. Returns 0 or -errno. */
static int wait_ready(struct leat__op *op)
{
    struct leat__op poll = { .code = LEAT__OP_POLL, .fd = op->fd, .gate = op->gate,
                             .flags = (int)leat__op_events(op) };
    int result = 0;
    int err = submit_and_wait(reactor_here(leat__worker_current()), &poll, &result);

    return err ? err : result < 0 ? result : 0;
}

/* A result that only says "not now": of a descriptor set non-blocking (older kernels give it back
 * at once), or of a call that a signal ended. */
static bool is_for_later(const struct leat__op *op, int result)
{
    if (result == -EINTR)
        return op->code != LEAT__OP_CLOSE;
    if (result != -EAGAIN)
        return false;
    switch (op->code) {
    case LEAT__OP_READ:
    case LEAT__OP_WRITE:
    case LEAT__OP_ACCEPT:
        return true;
    case LEAT__OP_RECV:
    case LEAT__OP_SEND:
        return !(op->flags & MSG_DONTWAIT);
    default:
        return false;
    }
}

static __attribute__((noinline)) int run_on_worker(struct leat__op *op)
{
    for (;;) {
        /* Anew each time: the task may have moved while it waited. */
        struct leat__worker *worker = leat__worker_current();
        struct leat__reactor *reactor = reactor_here(worker);
        int err, result = 0;

        if (!reactor->kind->blocking_ops) {
            if (leat__op_is_on_file(op))
                return offload(reactor, op);
            if (op->stubborn) {
                err = wait_ready(op);
                return err && err != -EPERM ? err : offload(reactor, op);
            }
            if (op->code == LEAT__OP_CONNECT) { /* nothing to wait for before it is begun */
                result = leat__op_attempt(op, false);
                if (result != -EAGAIN)
                    return result;
            }
        }
        leat__probe_count(&leat__worker_probe(worker)->ring_ops);
        if (__builtin_expect(op->not_yet, 0)) {
            op->not_yet = false;
            err = 0;
            result = -EAGAIN;
        } else {
            err = submit_and_wait(reactor, op, &result);
        }
        if (err == -EPERM && !reactor->kind->blocking_ops)
            return offload(reactor, op); /* a file or device that can't be polled */
        if (err)
            return err;
        if (op->code == LEAT__OP_CONNECT && result == -EAGAIN)
            return -ENOBUFS; /* a local socket's queue is full: see connect_now */
        if (!is_for_later(op, result))
            return result;
        if (result == -EAGAIN) {
            err = wait_ready(op);
            if (err)
                return err;
        }
    }
}

/* It is done at once or not at all, on either back end. */
static bool may_not_wait(const struct leat__op *op)
{
    return (op->code == LEAT__OP_RECV || op->code == LEAT__OP_SEND) && op->flags & MSG_DONTWAIT;
}

int leat__op_run(struct leat__op *op)
{
    int result = leat__checkpoint(leat__self());

    if (__builtin_expect(result != 0, 0))
        return result;
    if (leat__op_has_bytes(op) && op->bytes > LEAT__OP_BYTES_MAX)
        op->bytes = LEAT__OP_BYTES_MAX;
    if (has_fault_hook() && fault(op, &result))
        return result;
    if ((op->direct || may_not_wait(op)) && !op->stubborn) {
        result = leat__op_attempt(op, false);
        if (result != -EAGAIN || may_not_wait(op)) {
            struct leat__worker *worker = leat__worker_current();

            if (worker)
                leat__probe_count(&leat__worker_probe(worker)->inline_ops);
            return result;
        }
    }
    op->waited = true;
    return leat__worker_current() ? run_on_worker(op) : leat__op_run_alone(op);
}

/* SPDX-License-Identifier: MIT */
/* Operations in the simulated world, and their faults. See world.h, and reactor.h for the contract.
 *
 * An operation that was taken is tried at an instant of its own, soon after it was taken and soon
 * after each change of the world; so completions of different descriptors come in any order. The
 * completing personality then makes it and gives it back with its result. The one that is ready
 * gives it back unmade, once its descriptor polls as wanted.
 *
 * An instant may be seconds away, by the rate in the seed's configuration, be it of a completion or
 * of a cancel's end. Of a cancel the seed says besides who wins where both could. */
#include "sim/world.h"

#include "base/check.h"
#include "base/clamp.h"
#include "base/container.h"
#include "reactor/call.h"
#include "reactor/gate.h"
#include "sim/campaign.h"
#include "sim/process.h"
#include "sim/reactor.h"
#include "sim/sim.h"
#include "task/self.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)64 << 10)
#define SOON_NS      (50 * LEAT_USEC)
#define LATE_NS      (5 * LEAT_SEC)
#define LOOK_NS      (20 * LEAT_MSEC) /* a plain thread looks so often whether to give up */
#define POISON       0xdb
#define BOTH_LATE    500 /* of 1000 cancels, where anything is late */
#define WATCHED_MAX  ((size_t)64 << 10) /* bytes of a buffer that are poisoned or summed up */

struct held {
    struct leat__list        node;
    struct leat__op         *op;
    struct leat__world_open *open; /* NULL: of a path, or of no open file */
    leat_time                due;  /* LEAT_NEVER: when something changes */
    bool                     cancelled, target_wins;
    struct leat__op          copy; /* as it was taken */
    unsigned char           *saved; /* what the poison covers; NULL: the buffer is summed up */
    void                    *watched;
    size_t                   watched_bytes;
    uint64_t                 sum;
};

struct leat__world leat__world;

void *leat__world_alloc(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes > 0 ? bytes : 1);

    leat__check(memory != NULL, "the simulated world needs more memory");
    return memory;
}

static const struct leat__sim_config *config(void)
{
    return leat__sim_config();
}

/* ---- begin and end ---- */

void leat__sim_world_begin(void)
{
    leat__world = (struct leat__world){ .buffer_bytes = BUFFER_BYTES };
    /* Small buffers for scenarios: what has a capacity has the seed's. */
    if (config()->capacity > 0)
        leat__world.buffer_bytes = (size_t)config()->capacity * 16;
    leat__sim_faults = (struct leat__sim_faults){ 0 };
    leat__list_init(&leat__world.held);
    leat__sim_processes_begin();
    leat__world_tree_begin();
}

void leat__sim_world_check(void)
{
    const struct leat__world *world = &leat__world;
    const struct held *first = leat__container_of(world->held.next, struct held, node);

    if (world->held_count > 0)
        leat__sim_fail("%u operations are in flight at the end; the first is of kind %d on "
                       "descriptor %d",
                       world->held_count, (int)first->copy.code, first->copy.fd);
    for (int i = 0; i < LEAT__WORLD_FDS_MAX; i++)
        if (world->fds[i])
            leat__sim_fail("descriptor %d was left open (%u in all)", LEAT__WORLD_FD + i,
                           world->open_count);
    if (leat__world_is_mapped(0))
        leat__sim_fail("a mapping of a memory file was left");
    if (world->sent != world->received + world->lost)
        leat__sim_fail("of %llu bytes sent, %llu were received and %llu lost",
                       (unsigned long long)world->sent, (unsigned long long)world->received,
                       (unsigned long long)world->lost);
}

void leat__sim_world_end(void)
{
    leat__list_each_removable(node, &leat__world.held) {
        struct held *held = leat__container_of(node, struct held, node);

        free(held->saved);
        free(held);
    }
    for (int i = 0; i < LEAT__WORLD_FDS_MAX; i++)
        if (leat__world.fds[i])
            (void)leat__world_close(LEAT__WORLD_FD + i);
    leat__world_memory_end();
    leat__sim_processes_end();
    leat__world_tree_end();
}

/* ---- memory that is the world's while an operation is in flight ---- */

static uint64_t sum_of(const unsigned char *data, size_t bytes)
{
    uint64_t sum = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < bytes; i++)
        sum = (sum ^ data[i]) * UINT64_C(1099511628211);
    return sum;
}

static bool is_filled(const struct leat__op *op)
{
    return op->code == LEAT__OP_READ || op->code == LEAT__OP_READ_AT ||
           op->code == LEAT__OP_RECV || op->code == LEAT__OP_STAT_AT;
}

static void watch(struct held *held)
{
    struct leat__op *op = held->op;

    held->watched = op->data;
    if (leat__op_has_bytes(op))
        held->watched_bytes = op->bytes;
    else if (op->code == LEAT__OP_STAT_AT)
        held->watched_bytes = sizeof *op->statx;
    else if (op->code == LEAT__OP_OPEN_AT)
        held->watched_bytes = strlen(op->path);
    else if (op->code == LEAT__OP_CONNECT)
        held->watched_bytes = op->address_bytes;
    if (op->code == LEAT__OP_STAT_AT)
        held->watched = op->statx;
    if (held->watched_bytes > WATCHED_MAX)
        held->watched_bytes = WATCHED_MAX;
    if (is_filled(op))
        held->saved = leat__world_alloc(NULL, held->watched_bytes);
}

static void poison(struct held *held)
{
    if (!held->saved) {
        held->sum = sum_of(held->watched, held->watched_bytes);
        return;
    }
    memcpy(held->saved, held->watched, held->watched_bytes);
    memset(held->watched, POISON, held->watched_bytes);
}

/* Take the poison out, and see that nobody was there meanwhile. */
static void unpoison(struct held *held)
{
    const struct leat__op *op = held->op, *was = &held->copy;
    const unsigned char *data = held->watched;

    if (op->code != was->code || op->fd != was->fd || op->data != was->data ||
        op->flags != was->flags || (leat__op_has_bytes(op) && op->bytes != was->bytes))
        leat__sim_fail("an operation on descriptor %d was changed while it was in flight", was->fd);
    if (!held->saved) {
        if (sum_of(data, held->watched_bytes) != held->sum)
            leat__sim_fail("what an operation on descriptor %d was to write was changed while it "
                           "was in flight",
                           was->fd);
        return;
    }
    for (size_t i = 0; i < held->watched_bytes; i++)
        if (data[i] != POISON)
            leat__sim_fail("the buffer of an operation on descriptor %d was written to, at byte "
                           "%zu, while it was in flight",
                           was->fd, i);
    memcpy(held->watched, held->saved, held->watched_bytes);
}

/* ---- operations in flight ---- */

static void serve(void *arg);

static leat_time latency(const struct leat__op *op, uint32_t rate, enum leat__sim_way late)
{
    leat_time delay = (leat_time)leat__sim_choose((uint32_t)SOON_NS);

    if (leat__sim_fault(rate)) {
        delay = (leat_time)leat__sim_choose((uint32_t)(LATE_NS / LEAT_USEC)) * LEAT_USEC;
        leat__sim_wrong((enum leat__sim_call)op->code, (int)late, (uint64_t)delay);
    }
    return delay;
}

static void try_soon(struct held *held)
{
    uint32_t rate = config()->io_late;

    /* After a cancel both are late: what was cancelled, and the word that it was. */
    if (held->cancelled && rate > 0)
        held->due = leat__sim_now() + latency(&held->copy, BOTH_LATE, LEAT__WAY_BOTH_LATE);
    else
        held->due = leat__sim_now() + latency(&held->copy, rate, LEAT__WAY_LATE);
    leat__sim_at(held->due, serve, NULL);
}

void leat__world_changed(void)
{
    if (!leat__sim_on)
        return; /* begin or end */
    leat__list_each(node, &leat__world.held) {
        struct held *held = leat__container_of(node, struct held, node);

        if (held->due == LEAT_NEVER)
            try_soon(held);
    }
    leat__sim_wake(&leat__world, INT_MAX);
}

/* Take it out, unpoisoned: it is nobody's for a moment. */
static void forget(struct held *held)
{
    leat__list_remove(&held->node);
    leat__world.held_count--;
    if (held->open)
        leat__world_open_drop(held->open);
    free(held->saved);
    free(held);
}

/* Whether a reactor that waits for readiness would be told now. */
static bool is_ready(const struct held *held)
{
    unsigned events = held->open ? leat__world_events(held->open) : POLLERR;

    return (events & (leat__op_events(held->op) | POLLERR | POLLHUP)) != 0;
}

/* Its instant has come. */
static void step(struct held *held)
{
    struct leat__op *op = held->op;
    int result = -EAGAIN;

    held->due = LEAT_NEVER;
    unpoison(held);
    if (config()->personality == LEAT__SIM_IS_READY && !held->cancelled) {
        if (is_ready(held)) {
            forget(held);
            leat__sim_op_ready(op);
            return;
        }
    } else if (!held->cancelled || held->target_wins) {
        result = leat__world_try(held->open, op);
    }
    if (result == -EAGAIN && held->cancelled)
        result = -ECANCELED;
    if (result == -EAGAIN) {
        poison(held);
        return;
    }
    forget(held);
    leat__sim_op_done(op, result);
}

/* One after another, from the first each time: a step may change who is due. */
static void serve(void *arg)
{
    bool again = true;

    (void)arg;
    while (again) {
        again = false;
        leat__list_each(node, &leat__world.held) {
            struct held *held = leat__container_of(node, struct held, node);

            if (held->due <= leat__sim_now()) {
                step(held);
                again = true;
                break;
            }
        }
    }
}

static struct held *held_of(const struct leat__op *op)
{
    leat__list_each(node, &leat__world.held) {
        struct held *held = leat__container_of(node, struct held, node);

        if (held->op == op)
            return held;
    }
    return NULL;
}

/* ---- what the reactor calls ---- */

int leat__sim_world_attempt(struct leat__op *op)
{
    if (leat__world_is_real(op))
        return leat__world_make_real(op);
    /* A file's data may be on the disk, a descriptor may be ready a moment later. */
    if (op->code != LEAT__OP_CLOSE && !(op->flags & MSG_DONTWAIT) &&
        leat__sim_fault(config()->io_late))
        return -EAGAIN;
    if (op->code == LEAT__OP_SYNC)
        return -EAGAIN;
    return leat__world_try(leat__world_open_at(op->fd), op);
}

int leat__sim_world_take(struct leat__op *op)
{
    bool is_file_op = leat__op_is_on_file(op);
    struct leat__world_open *open = leat__world_open_at(op->fd);
    struct held *held;
    int err;

    if (config()->personality == LEAT__SIM_IS_READY) {
        if (op->fd < 0 || (!open && !leat__world_is_real(op)))
            return -EBADF;
        if (leat__world_is_real(op) || open->kind == LEAT__WORLD_OPEN_NODE)
            return -EPERM;
        err = leat__world_wrong(LEAT__SIM_WATCH, 0, config()->io_error / 2, "epoll_ctl");
        if (err)
            return err;
    }
    leat__check(!held_of(op), "an operation is taken once");
    held = leat__world_alloc(NULL, sizeof *held);
    *held = (struct held){ .op = op, .open = is_file_op && !open ? NULL : open, .copy = *op };
    if (op->code == LEAT__OP_CLOSE)
        held->open = NULL; /* its own reference would keep it open */
    if (held->open)
        held->open->refs++;
    watch(held);
    poison(held);
    leat__list_push_back(&leat__world.held, &held->node);
    leat__world.held_count++;
    try_soon(held);
    return 0;
}

void leat__sim_world_cancel(struct leat__op *op)
{
    struct held *held = held_of(op);

    if (!held)
        leat__sim_fail("a cancel came for an operation that is not in flight");
    held->cancelled = true;
    if (config()->personality == LEAT__SIM_IS_READY) {
        unpoison(held);
        forget(held);
        leat__sim_op_done(op, -ECANCELED);
        return;
    }
    held->target_wins = leat__sim_choose(2) > 0;
    leat__sim_wrong((enum leat__sim_call)op->code,
                    held->target_wins ? LEAT__WAY_TARGET_WINS : LEAT__WAY_CANCEL_WINS,
                    (uint64_t)op->fd);
    try_soon(held);
}

int leat__sim_world_perform(struct leat__op *op)
{
    if (leat__world_is_real(op))
        return leat__world_make_real(op);
    for (;;) {
        leat_time until = leat__sim_now() + latency(op, config()->io_late, LEAT__WAY_LATE);
        int result;

        while (leat__sim_now() < until)
            (void)leat__sim_block(op, until, "is busy with an operation", false);
        result = leat__world_try(leat__world_open_at(op->fd), op);
        if (result == -EINTR && op->code != LEAT__OP_CLOSE)
            continue;
        if (result != -EAGAIN)
            return result;
        (void)leat__sim_block(&leat__world, LEAT_NEVER, "waits for a descriptor", false);
    }
}

/* As wait_alone of reactor/call.c. */
static int wait_alone(struct leat__self *self, const struct leat__op *op)
{
    struct leat__wait wait;
    leat_time until;
    int err = leat__wait_begin(&wait, LEAT__WAIT_CANCELLABLE, LEAT_NEVER);

    if (err)
        return err;
    (void)leat__wait_abandon(&wait);
    until = wait.deadline;
    if (self->scope || op->gate)
        until = leat__time_min(until, leat__sim_now() + LOOK_NS);
    (void)leat__sim_block(&leat__world, until, "waits for a descriptor", false);
    return 0;
}

int leat__sim_world_alone(struct leat__op *op)
{
    struct leat__self *self = leat__self();

    if (leat__world_is_real(op) || leat__op_is_on_file(op))
        return leat__sim_world_perform(op);
    for (;;) {
        int result = leat__sim_world_attempt(op);

        if (result != -EAGAIN && result != -EINTR)
            return result;
        if (op->gate && leat__gate_is_shut(op->gate))
            return -ECANCELED;
        result = wait_alone(self, op);
        if (result)
            return result;
    }
}

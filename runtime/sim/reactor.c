/* SPDX-License-Identifier: MIT */
/* See reactor.h. */
#include "sim/reactor.h"

#include "base/check.h"
#include "base/clamp.h"
#include "base/container.h"
#include "reactor/call.h"
#include "sched/sched.h"
#include "sim/core.h"
#include "sim/faults.h"
#include "sim/kernel.h"
#include "sim/sim.h"

#include <errno.h>
#include <stdlib.h>

struct sim_reactor {
    struct leat__reactor reactor;
    struct leat__list    done;  /* ops with their result, to be delivered */
    struct leat__list    ready; /* ops that can be made */
};

static struct sim_reactor *here(struct leat__poller *poller)
{
    struct sim_reactor *sim = leat__container_of(poller, struct sim_reactor, reactor.poller);

    if (!sim->reactor.probe)
        sim->reactor.probe = leat__worker_probe(leat__worker_current());
    return sim;
}

static struct sim_reactor *sim_of(struct leat__reactor *reactor)
{
    return leat__container_of(reactor, struct sim_reactor, reactor);
}

static bool has_news(const struct sim_reactor *sim)
{
    return !leat__list_empty(&sim->done) || !leat__list_empty(&sim->ready);
}

/* ---- from the world ---- */

static void tell(struct leat__op *op, struct leat__list *list)
{
    leat__list_push_back(list, &op->node);
    leat__sim_note(list == &sim_of(op->reactor)->done ? "done" : "ready", (uint64_t)op->fd);
    leat__sim_wake(&op->reactor->signal, 1);
}

void leat__sim_op_done(struct leat__op *op, int result)
{
    op->result = result;
    tell(op, &sim_of(op->reactor)->done);
}

void leat__sim_op_ready(struct leat__op *op)
{
    tell(op, &sim_of(op->reactor)->ready);
}

/* ---- to the op's caller ---- */

/* The oldest, or by the seed any of those that came together. */
static struct leat__list *take_one(struct leat__list *list)
{
    struct leat__list *node = list->next;
    uint32_t count = 0;

    leat__list_each(at, list) {
        count++;
    }
    if (count > 1 && leat__sim_fault(leat__sim_config()->reorder)) {
        for (uint32_t skip = leat__sim_choose(count); skip > 0; skip--)
            node = node->next;
        if (node != list->next) {
            struct leat__op *op = leat__list_entry(node, struct leat__op, node);

            leat__sim_wrong((enum leat__sim_call)op->code, LEAT__WAY_REORDER, count);
        }
    }
    leat__list_remove(node);
    return node;
}

static unsigned deliver(struct sim_reactor *sim)
{
    unsigned readied = 0;

    while (!leat__list_empty(&sim->ready)) {
        struct leat__op *op = leat__list_entry(take_one(&sim->ready), struct leat__op, node);
        int result = leat__sim_world_attempt(op);
        int err = result == -EAGAIN ? leat__sim_world_take(op) : 0;

        if (result != -EAGAIN)
            readied += leat__op_complete(op, result);
        else if (err)
            readied += leat__op_complete(op, err);
    }
    while (!leat__list_empty(&sim->done)) {
        struct leat__op *op = leat__list_entry(take_one(&sim->done), struct leat__op, node);

        readied += leat__op_complete(op, op->result);
    }
    return readied;
}

/* ---- the kind ---- */

static int sim_submit(struct leat__reactor *reactor, struct leat__op *op)
{
    (void)reactor;
    return leat__sim_world_take(op);
}

static void sim_cancel(struct leat__reactor *reactor, struct leat__op *op)
{
    struct sim_reactor *sim = sim_of(reactor);

    leat__list_each(node, &sim->done) {
        if (node == &op->node)
            return; /* it is on its way, with what it did */
    }
    leat__list_each_removable(node, &sim->ready) {
        if (node == &op->node) {
            leat__list_remove(node);
            leat__sim_op_done(op, -ECANCELED);
            return;
        }
    }
    leat__sim_world_cancel(op);
}

static void sim_destroy(struct leat__reactor *reactor)
{
    leat__check(!has_news(sim_of(reactor)), "a reactor was destroyed with operations in it");
    free(sim_of(reactor));
}

static int sim_watch(struct leat__reactor *reactor, int epoll_fd, uint64_t tag)
{
    (void)reactor, (void)epoll_fd, (void)tag;
    return -ENOTSUP; /* a foreign loop sleeps in the kernel */
}

static const struct leat__reactor_kind kinds[] = {
    [LEAT__SIM_COMPLETES] = { "sim", true, sim_submit, sim_cancel, sim_destroy, sim_watch },
    [LEAT__SIM_IS_READY] = { "sim", false, sim_submit, sim_cancel, sim_destroy, sim_watch },
};

/* ---- the poller ---- */

const char leat__sim_in_reactor[] = "sleeps in its reactor";

static unsigned sim_poll(struct leat__poller *poller)
{
    struct sim_reactor *sim = here(poller);
    unsigned readied;

    leat__token_enter(&sim->reactor.token);
    readied = leat__reactor_turn(&sim->reactor);
    readied += deliver(sim);
    leat__token_leave(&sim->reactor.token);
    return readied;
}

static void sim_sleep(struct leat__poller *poller, leat_time deadline)
{
    struct sim_reactor *sim = here(poller);
    unsigned readied;

    leat__token_enter(&sim->reactor.token);
    readied = leat__reactor_turn(&sim->reactor);
    if (readied == 0 && !has_news(sim) && leat__reactor_doze(&sim->reactor)) {
        /* from here to the block nothing happens: a wake that came in doze left NOTIFIED */
        if (!has_news(sim) && load_relaxed(&sim->reactor.signal) == LEAT__REACTOR_SLEEPING)
            (void)leat__sim_block(&sim->reactor.signal, deadline, leat__sim_in_reactor, true);
        leat__reactor_rouse(&sim->reactor);
    }
    (void)deliver(sim);
    leat__token_leave(&sim->reactor.token);
}

static void sim_wake(struct leat__poller *poller)
{
    struct leat__reactor *reactor = leat__container_of(poller, struct leat__reactor, poller);

    leat__sim_point();
    if (exchange_acq_rel(&reactor->signal, LEAT__REACTOR_NOTIFIED) == LEAT__REACTOR_SLEEPING)
        leat__sim_wake(&reactor->signal, 1);
}

static bool sim_doze(struct leat__poller *poller)
{
    struct sim_reactor *sim = here(poller);

    if (sim_poll(poller) > 0)
        return false;
    leat__token_enter(&sim->reactor.token);
    if (!has_news(sim) && leat__reactor_doze(&sim->reactor))
        return true;
    leat__token_leave(&sim->reactor.token);
    return false;
}

static bool sim_relieve(struct leat__poller *poller)
{
    struct sim_reactor *sim = leat__container_of(poller, struct sim_reactor, reactor.poller);

    if (!leat__token_take(&sim->reactor.token))
        return false;
    (void)leat__reactor_turn(&sim->reactor);
    (void)deliver(sim);
    leat__token_give(&sim->reactor.token);
    return true;
}

static bool sim_wants_nudge(struct leat__poller *poller)
{
    (void)poller;
    return false;
}

static void sim_nudge(struct leat__poller *poller)
{
    (void)poller;
}

int leat__sim_reactor_create(struct leat__reactor **ret)
{
    struct sim_reactor *sim = aligned_alloc(_Alignof(struct sim_reactor), sizeof *sim);

    if (!sim)
        return -ENOMEM;
    *sim = (struct sim_reactor){ .reactor = { .kind = &kinds[leat__sim_config()->personality],
                                              .wake_fd = -1 } };
    sim->reactor.poller = (struct leat__poller){ .poll = sim_poll,
                                                 .sleep = sim_sleep,
                                                 .wake = sim_wake,
                                                 .doze = sim_doze,
                                                 .rouse = leat__reactor_get_up,
                                                 .relieve = sim_relieve,
                                                 .wants_nudge = sim_wants_nudge,
                                                 .nudge = sim_nudge };
    leat__list_init(&sim->reactor.late);
    leat__list_init(&sim->done);
    leat__list_init(&sim->ready);
    *ret = &sim->reactor;
    return 0;
}

/* ---- what the runtime asks of reactors ---- */

int leat__reactor_create(struct leat__reactor **ret, enum leat_reactor kind, const char **why)
{
    if (!leat__sim_on)
        return leat__kernel_reactor_create(ret, kind, why);
    *why = NULL;
    return leat__sim_reactor_create(ret);
}

int leat__op_attempt(struct leat__op *op, bool ready)
{
    return leat__sim_on ? leat__sim_world_attempt(op) : leat__kernel_op_attempt(op, ready);
}

int leat__op_perform(void *arg)
{
    return leat__sim_on ? leat__sim_world_perform(arg) : leat__kernel_op_perform(arg);
}

int leat__op_run_alone(struct leat__op *op)
{
    return leat__sim_on ? leat__sim_world_alone(op) : leat__kernel_op_run_alone(op);
}

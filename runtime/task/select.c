/* SPDX-License-Identifier: MIT */
/* Select: one wait that is published at several waitables.
 *
 * First every case is attempted, from a random one on. If none can happen, the wait is opened,
 * armed at each case, and parked. Arming looks again after it published, and if something seems
 * possible everything is withdrawn and attempted anew: so the thing itself is only ever done by an
 * attempt, which needs to win nobody but its partner, or by a partner, who wins us by one claim.
 * Doing it while armed was rejected: two selects that meet would each have to win both words at
 * once.
 *
 * Progress: an attempt fails after a look said yes only when somebody else was faster, or when the
 * partner whose node was seen is withdrawing too and will attempt by itself.
 *
 * INVARIANTS
 *   I1  At most one case happens: an attempt is made while no wait is open, and of an open wait one
 *       claim succeeds (wait_word.h, I1), which marks its node.
 *   I2  When the wait has ended every armed case is disarmed before its node's memory goes.
 *   I3  No wake is lost: each arm publishes, then looks, as the waitable's partner does or changes
 *       what is looked at, then looks for who waits. */
#include "base/clamp.h"
#include "base/random.h"
#include "platform/clock.h"
#include "platform/doze.h"
#include "sched/sched.h"
#include "task/self.h"
#include "task/waitable.h"

#include <leat/select.h>

#include <errno.h>

/* How long a plain thread waits before it looks at its descriptors again, where the process has
 * none left for it to be woken by. */
#define LOOK_NS (2 * LEAT_MSEC)

/* Looked at by the loops below instead of being attempted and armed. */
const struct leat_waitable leat_waitable_time = { .what = "see a time" };
const struct leat_waitable leat_waitable_default = { .what = "do nothing" };

struct pass {
    struct leat_case *cases;
    size_t            count;
    size_t            start; /* the case to begin with */
    leat_time         until; /* the earliest of LEAT_AT, LEAT_NEVER when there is none */
    size_t            at;    /* the case it is of */
    int               otherwise; /* the LEAT_DEFAULT, -1 when there is none */
    bool              inner;     /* every case is: waitable.h */
    bool              polls;     /* a plain thread's, and a case is a descriptor's */
};

static bool is_plain(const struct leat_case *c)
{
    return c->how && c->how->attempt;
}

static size_t any_below(size_t count)
{
    struct leat__worker *worker = leat__worker_current();
    uint64_t seed;

    if (count < 2)
        return 0;
    if (worker)
        return leat__random_below(leat__worker_random(worker), (uint32_t)count);
    seed = (uint64_t)leat__clock_now();
    return leat__random_mix(&seed) % count;
}

static void look(struct pass *pass)
{
    pass->start = any_below(pass->count);
    pass->until = LEAT_NEVER;
    pass->at = 0;
    pass->otherwise = -1;
    pass->inner = true;
    pass->polls = false;
}

/* Returns the case that happened, or -1. */
static int attempt_all(struct pass *pass)
{
    struct leat_case *cases = pass->cases;

    for (size_t i = 0, k = pass->start; i < pass->count; i++, k++) {
        if (k == pass->count)
            k = 0;
        if (is_plain(&cases[k])) {
            int result = cases[k].how->attempt(&cases[k]);

            if (result != -EAGAIN) {
                cases[k].result = result;
                return (int)k;
            }
            pass->inner &= cases[k].how->inner;
            pass->polls |= cases[k].how->events != 0;
        } else if (cases[k].how == &leat_waitable_default) {
            pass->otherwise = (int)k;
        } else if (cases[k].how == &leat_waitable_time) {
            if ((leat_time)cases[k].number < pass->until) {
                pass->until = (leat_time)cases[k].number;
                pass->at = k;
            }
        }
    }
    return -1;
}

/* The case that the claim was made through, or -1. A descriptor's operation claims the ticket, and
 * not through the node, so its disarm marks the node by the result: one of a list comes first. */
static int winner(const struct pass *pass, struct leat__waitnode *const *nodes, size_t armed)
{
    int found = -1;

    for (size_t i = 0, k = pass->start; i < armed; i++, k++) {
        if (k == pass->count)
            k = 0;
        if (nodes[i] && nodes[i]->won && nodes[i]->result != -EAGAIN &&
            (found < 0 || pass->cases[k].how->bytes == 0)) {
            pass->cases[k].result = nodes[i]->result;
            found = (int)k;
        }
    }
    return found;
}

static size_t node_bytes(const struct leat_case *c)
{
    size_t bytes = c->how->bytes ? c->how->bytes : sizeof(struct leat__waitnode);

    return (bytes + 15) & ~(size_t)15;
}

/* Publish the wait from the start on, until one looks possible, which *again says. Returns how many
 * cases have been gone through. */
static size_t arm_all(const struct pass *pass, struct leat__ticket ticket,
                      struct leat__waitnode **nodes, char *memory, bool *again)
{
    size_t armed = 0;

    for (size_t k = pass->start; armed < pass->count && !*again; k++) {
        struct leat_case *c;

        if (k == pass->count)
            k = 0;
        c = &pass->cases[k];
        nodes[armed] = NULL;
        if (is_plain(c)) {
            struct leat__waitnode *node = (void *)memory;

            memory += node_bytes(c);
            *node = (struct leat__waitnode){ .ticket = ticket };
            nodes[armed] = node;
            *again = c->how->arm(c, node);
        }
        armed++;
    }
    return armed;
}

static void disarm_all(const struct pass *pass, struct leat__waitnode *const *nodes, size_t armed)
{
    for (size_t i = 0, k = pass->start; i < armed; i++, k++) {
        if (k == pass->count)
            k = 0;
        if (nodes[i])
            pass->cases[k].how->disarm(&pass->cases[k], nodes[i]);
    }
}

/* A plain thread's wait: for wakes by `doze`, and for what its cases' descriptors are to have. An
 * event that no node won is one of those: who attempts all anew finds it. */
static __attribute__((noinline)) enum leat__cause doze_for_any(const struct pass *pass,
                                                               struct leat__wait *wait, int doze)
{
    struct pollfd fds[LEAT_SELECT_MAX + 1];
    size_t count = 0;

    for (size_t k = 0; k < pass->count; k++) {
        const struct leat_case *c = &pass->cases[k];

        if (is_plain(c) && c->how->events)
            fds[count++] = (struct pollfd){ .fd = (int)(uint32_t)c->number,
                                            .events = c->how->events };
    }
    fds[count++] = (struct pollfd){ .fd = doze, .events = POLLIN };
    return leat__wait_doze(wait, fds, count);
}

/* Returns the case that happened, or the error of the scopes; to attempt all again: -EBUSY where
 * one looked possible when it was armed, else -EAGAIN. */
static int wait_for_any(const struct pass *pass, int doze)
{
    static const struct leat__reason inner = { "select among", LEAT__ABOUT_NUMBER, LEAT__INNER };
    static const struct leat__reason outer = { "select among", LEAT__ABOUT_NUMBER, LEAT__OUTER };
    struct leat__waitnode *nodes[LEAT_SELECT_MAX];
    struct leat__wait wait;
    enum leat__cause cause;
    size_t armed, bytes = 0;
    bool again = false, own;
    char *memory;
    leat_time until = pass->polls && doze < 0 ? leat__time_min(pass->until, leat_after(LOOK_NS))
                                              : pass->until;
    int found, err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, until);

    if (err)
        return err;
    for (size_t k = 0; k < pass->count; k++)
        if (is_plain(&pass->cases[k]))
            bytes += node_bytes(&pass->cases[k]);
    memory = __builtin_alloca_with_align(bytes + 16, 128); /* 64 channels: 5 KiB */
    armed = arm_all(pass, wait.ticket, nodes, memory, &again);
    leat__self_reason(wait.self, pass->inner ? &inner : &outer, (void *)(uintptr_t)pass->count);
    cause = again       ? leat__wait_abandon(&wait)
            : doze >= 0 ? doze_for_any(pass, &wait, doze)
                        : leat__wait_park(&wait, NULL);
    wait.self->reason = NULL;
    disarm_all(pass, nodes, armed);
    if (cause == LEAT__CAUSE_EVENT) {
        found = winner(pass, nodes, armed);
        return found >= 0 ? found : again ? -EBUSY : -EAGAIN;
    }
    err = leat__wait_error(&wait, cause, &own);
    if (!own)
        return err;
    if (until < pass->until)
        return -EAGAIN; /* look again */
    pass->cases[pass->at].result = 0;
    return (int)pass->at;
}

/* As wait_for_any, with a descriptor to be woken by. */
static int poll_for_any(const struct pass *pass)
{
    int doze = leat__doze_open();
    int found = wait_for_any(pass, doze < 0 ? -1 : doze);

    if (doze >= 0)
        leat__doze_close(doze);
    return found;
}

int leat_select_cases(struct leat_case *cases, size_t count)
{
    struct pass pass = { .cases = cases, .count = count };
    int found, err = leat__checkpoint(leat__self());
    unsigned busy = 0;

    if (err)
        return err;
    if (count > LEAT_SELECT_MAX)
        return -EINVAL;
    do {
        /* What looked possible twice and was not is in the hands of somebody who may need the locks
         * that arming takes. */
        if (busy > 1)
            leat__stand_back();
        look(&pass);
        found = attempt_all(&pass);
        if (found >= 0)
            return found;
        pass.polls &= !leat__worker_current();
        if (pass.until != LEAT_NEVER && pass.until <= leat__clock_now())
            found = (int)pass.at;
        else if (pass.otherwise >= 0)
            found = pass.otherwise;
        else
            found = pass.polls ? poll_for_any(&pass) : wait_for_any(&pass, -1);
        busy = found == -EBUSY ? busy + 1 : 0;
    } while (found == -EAGAIN || found == -EBUSY);
    return found;
}

int leat_select_any(struct leat_case *cases, size_t count)
{
    int found = leat_select_cases(cases, count);

    return found >= 0 && cases[found].result < 0 ? cases[found].result : found;
}

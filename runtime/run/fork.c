/* SPDX-License-Identifier: MIT */
/* A fork while a runtime lives makes a child without it: no workers, rings and epoll instances that
 * are still the parent's, locks that nobody will release. The child's handler closes its copies of
 * those rings and instances, and makes the one thread there is a plain one, which costs the
 * parent's tasks nothing: no worker, no task, and plain threads are asked whether they were cut
 * off.
 *
 * A child of a process that has no runtime at that moment is as good as any other process. */
#include "run/fork.h"
#include "lockfree/lock.h"
#include "platform/fork.h"
#include "reactor/own.h"
#include "sched/current.h"
#include "task/runtime.h"

#include <errno.h>
#include <stdbool.h>

struct leat__alive *leat__alive_first; /* guarded, as all below, by: */
static struct leat__lock lock;
static bool watching;

static void in_child(void)
{
    if (!leat__alive_first) /* unguarded: there is no other thread */
        return;
    leat__fork_cut_off();
    leat__own_close_all();
    leat__worker_become(NULL);
    leat__runtime_adopt(NULL);
}

int leat__fork_enter(struct leat__alive *alive)
{
    int err = 0;

    if (leat__fork_refuses())
        return -EPERM;
    leat__lock(&lock);
    if (!watching)
        err = leat__fork_watch(in_child);
    watching = !err;
    if (!err) {
        alive->next = leat__alive_first;
        leat__alive_first = alive;
    }
    leat__unlock(&lock);
    return err;
}

void leat__fork_leave(struct leat__alive *alive)
{
    struct leat__alive **at = &leat__alive_first;

    leat__lock(&lock);
    while (*at != alive)
        at = &(*at)->next;
    *at = alive->next;
    leat__unlock(&lock);
}

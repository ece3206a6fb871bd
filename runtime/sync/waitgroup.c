/* SPDX-License-Identifier: MIT */
/* Wait group: a count, and those who wait for it to be zero. */
#include "base/check.h"
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/sync.h>

struct waitgroup {
    struct leat__lock     lock;
    uint32_t              count;
    struct leat__waitlist waiters;
} __attribute__((may_alias)); /* lies in a struct leat_waitgroup of the caller's */

_Static_assert(sizeof(struct waitgroup) <= sizeof(struct leat_waitgroup), "it has room");

static struct waitgroup *inside(struct leat_waitgroup *group)
{
    return (struct waitgroup *)(void *)group;
}

void leat_waitgroup_add(struct leat_waitgroup *public, uint32_t count)
{
    struct waitgroup *group = inside(public);

    leat__lock(&group->lock);
    leat__check(count <= UINT32_MAX - group->count, "a wait group counts to 4,294,967,295");
    group->count += count;
    leat__unlock(&group->lock);
}

void leat_waitgroup_done(struct leat_waitgroup *public)
{
    struct waitgroup *group = inside(public);
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;

    leat__lock(&group->lock);
    leat__check(group->count > 0, "leat_waitgroup_done was called more often than was added");
    if (--group->count == 0)
        while ((node = leat__waitlist_claim(&group->waiters)))
            leat__waitlist_push(&won, node);
    leat__unlock(&group->lock);
    leat__waitlist_wake(&won); /* last: the group may be gone when one of them goes on */
}

int leat_waitgroup_wait(struct leat_waitgroup *public)
{
    struct waitgroup *group = inside(public);
    static const struct leat__reason reason = { "see the end of a wait group",
                                                LEAT__ABOUT_NOTHING, LEAT__INNER };
    struct leat__waitnode node = { 0 };
    struct leat__self *self = leat__self();
    int err = leat__checkpoint(self);

    if (err)
        return err;
    leat__lock(&group->lock);
    if (group->count == 0) {
        leat__unlock(&group->lock);
        return 0;
    }
    leat__self_reason(self, &reason, NULL);
    return leat__waitlist_wait(&group->waiters, &node, &group->lock);
}

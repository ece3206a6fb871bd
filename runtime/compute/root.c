/* SPDX-License-Identifier: MIT */
/* In whose name a thread computes: lane.h. */
#include "base/check.h"
#include "compute/lane.h"
#include "task/self.h"
#include "task/task.h"

static void note(struct leat__root *root, const struct leat__self *self)
{
    root->scope = self->scope;
    root->shield = self->shield;
    root->guard = self->guard;
    root->locals = load_relaxed(&self->locals); /* relaxed: the thread's own */
}

static void adopt(struct leat__self *self, const struct leat__root *root)
{
    self->scope = root->scope; /* it outlives the job: its owner waits for us */
    self->shield = root->shield;
    self->guard = root->guard;
    store_relaxed(&self->locals, root->locals); /* relaxed: the thread's own */
}

void leat__root_borrow(struct leat__borrowed *borrowed, struct leat__lane *lane,
                       const struct leat__root *root)
{
    struct leat__self *self = leat__self();

    note(&borrowed->was, self);
    borrowed->root = *root;
    borrowed->root.base = lane->split.ctx.leat__head;
    borrowed->root.outer = lane->root;
    lane->root = &borrowed->root;
    adopt(self, root);
}

void leat__root_return(struct leat__borrowed *borrowed, struct leat__lane *lane)
{
    struct leat__self *self = leat__self();

    leat__check(self->scope == borrowed->root.scope, "join every scope that a job enters");
    leat__bound_leave(self); /* a look at leat_cancelled() made us a member of the scope */
    lane->root = borrowed->root.outer;
    adopt(self, &borrowed->was);
}

void leat__root_enter(struct leat__root *root, struct leat__lane *lane)
{
    note(root, leat__self());
    root->base = lane->split.ctx.leat__head;
    root->outer = lane->root;
    lane->root = root;
}

void leat__root_leave(struct leat__root *root, struct leat__lane *lane)
{
    lane->root = root->outer;
}

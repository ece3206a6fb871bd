/* SPDX-License-Identifier: MIT */
/* Task-locals: a chain of immutable nodes, newest first. A child begins with its scope's owner's
 * chain and puts its own nodes in front, so inheriting is the copy of a pointer; and since a
 * scope's owner outlives its children, nobody counts references.
 *
 *     child's own -> child's own -> owner's -> owner's -> (owner's owner's) ... -> NULL
 *
 * INVARIANTS
 *   I1  A node is changed and freed by the task that made it only: at its end, or before, when no
 *       scope that it entered is open, for only tasks in those can see it. */
#ifndef LEAT_TASK_LOCAL_H
#define LEAT_TASK_LOCAL_H

#include <leat/task.h>

struct leat__self;

struct leat__local_node {
    const struct leat_local *key;
    void                    *value;
    struct leat__self       *self; /* of the task that made it */
    struct leat__local_node *next;
};

/* A task ends: drop what is its own. */
void leat__locals_drop(struct leat__self *self);

#endif

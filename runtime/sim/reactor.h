/* SPDX-License-Identifier: MIT */
/* The reactor of a simulation, and the world behind it: the third back end, with the life cycle of
 * reactor/op.h. The reactor gives each op that has to wait to the world, and delivers what comes
 * back from there, in an order that the seed may change.
 *
 * The world (world.c) is what descriptors mean: sockets, pipes, files, and their faults. It calls
 * leat__sim_op_done, from an event or from wherever it is, once for each op that it has taken. */
#ifndef LEAT_SIM_REACTOR_H
#define LEAT_SIM_REACTOR_H

#include "reactor/reactor.h"

/* Returns 0 or -ENOMEM. */
int leat__sim_reactor_create(struct leat__reactor **ret);

/* ---- what the reactor gives to the world ---- */

/* The op has ended with `result`, a count or -errno: its owner hears of it at its next look, and is
 * woken for that. The world forgets it. */
void leat__sim_op_done(struct leat__op *op, int result);

/* For the personality that is ready: the op can be made now; its owner attempts it at its next
 * look, and takes it to the world anew if that was too late. The world forgets it. */
void leat__sim_op_ready(struct leat__op *op);

/* ---- what the world gives to the reactor ---- */

/* Start afresh, at the begin of each simulation; and let go of all at its end. */
void leat__sim_world_begin(void);
void leat__sim_world_end(void);

/* At the end of a program: no operation is in flight, no descriptor open, no byte unaccounted for;
 * or the simulation has failed. */
void leat__sim_world_check(void);

/* Do the op if that takes no wait; of the calling virtual thread, worker or not.
 * Returns its result, or -EAGAIN when it would have to wait. */
int leat__sim_world_attempt(struct leat__op *op);

/* Take an op that has to wait. Until it is done it is the world's, with its buffer.
 * Returns 0, or -errno and it was not taken (-EPERM: that descriptor can't be polled). */
int leat__sim_world_take(struct leat__op *op);

/* An end is asked for of an op that was taken: it is done soon, with -ECANCELED or what it did. */
void leat__sim_world_cancel(struct leat__op *op);

/* Do it, and block the calling virtual thread for it where needed (a blocking pool's thread, or a
 * plain one). Returns its result. */
int leat__sim_world_perform(struct leat__op *op);

/* The same for a plain thread, which its scope or the op's gate may end: leat__op_run_alone. */
int leat__sim_world_alone(struct leat__op *op);

#endif

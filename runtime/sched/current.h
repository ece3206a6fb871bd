/* SPDX-License-Identifier: MIT */
/* Setting the current worker, at the start of its thread only. Reading: leat__worker_current. */
#ifndef LEAT_SCHED_CURRENT_H
#define LEAT_SCHED_CURRENT_H

struct leat__worker;

void leat__worker_become(struct leat__worker *worker);

#endif

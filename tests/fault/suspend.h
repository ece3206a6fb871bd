/* SPDX-License-Identifier: MIT */
/* Ends that come at a suspension: a scenario is run over and over, and its scope is cancelled at
 * the first suspension of one of its tasks, in the next run at the second, until a run has none
 * left; and once more with a deadline that passes there.
 *
 *     suspend_sweep("semaphore", semaphore_body, &state, semaphore_check);
 *
 * Waits and joins are seen where they park, by the pointers of task/held.h. Suspensions of plain
 * threads and yields are not counted. */
#ifndef LEAT_TESTS_FAULT_SUSPEND_H
#define LEAT_TESTS_FAULT_SUSPEND_H

#include <leat/task.h>

/* body(arg), a task in an open scope, ends by itself when nothing ends it, and leaves nothing
 * behind whatever does. check(arg) is called after each run, on no task. `early`: a cancel may also
 * come before the park is complete, which it may not where a scope's own lock is held there (a
 * limit, .keep). With one worker and with two. */
void suspend_sweep(const char *name, leat_task_fn *body, void *arg, void (*check)(void *arg),
                   bool early);

#endif

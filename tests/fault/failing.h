/* SPDX-License-Identifier: MIT */
/* Memory that runs out when a test says so: malloc and its like, mmap, and the starts of threads
 * (whose stacks are mapped inside of the C library), of all threads of this process.
 *
 *     failing_begin(n, 1);              // the n-th from here on fails
 *     ... what is tested ...
 *     struck = failing_end();           // whether there were that many
 *
 * Not under a sanitizer, which has a malloc of its own: failing_possible() says so. */
#ifndef LEAT_TESTS_FAULT_FAILING_H
#define LEAT_TESTS_FAULT_FAILING_H

#include <stdbool.h>
#include <stddef.h>

bool failing_possible(void);

/* So many in a row. (Not all that follow: a task waits for a stack as long as there is none.) */
void failing_begin(long nth, long in_a_row);
bool failing_end(void);

/* How many there were since begin. With an n of LONG_MAX none of them fails. */
long failing_asked(void);

/* Allocated and not freed, mapped and not unmapped, since the process began. */
long failing_blocks(void);
long failing_maps(void);

/* Run the scenario with each allocation failing in turn, and with ten in a row from each on, again
 * and again. It returns 0 or the error that it met, and checks itself what must hold in any case;
 * what it leaks at one n grows by a block a sweep. Skips the test where it is not possible. */
typedef int failing_scenario_fn(void);
void failing_sweep(const char *name, failing_scenario_fn *scenario, size_t ci, size_t release);

#endif

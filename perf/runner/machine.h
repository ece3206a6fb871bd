/* SPDX-License-Identifier: MIT */
/* machine.h: what the figures were made on. */
#ifndef LEAT_PERF_RUNNER_MACHINE_H
#define LEAT_PERF_RUNNER_MACHINE_H

#include <stdio.h>

/* One line for people, or one JSON object {"machine":{...}} and a newline. */
void machine_print(FILE *out);
void machine_print_json(FILE *out);

#endif

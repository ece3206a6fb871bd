/* SPDX-License-Identifier: MIT */
/* What a shutdown must not leave. */
#ifndef LEAT_TESTS_FAULT_LEFT_H
#define LEAT_TESTS_FAULT_LEFT_H

/* Threads of this process, or -1 without /proc. */
int left_threads(void);

#endif

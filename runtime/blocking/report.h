/* SPDX-License-Identifier: MIT */
/* Naming a function that has no name at run time: the object it is in and its offset there, which
 * `addr2line -f -e OBJECT OFFSET` turns into a name, however the object was mapped. */
#ifndef LEAT_BLOCKING_REPORT_H
#define LEAT_BLOCKING_REPORT_H

#include <stddef.h>

/* "app+0x1234" */
void leat__blocking_locate(char *text, size_t bytes, int (*fn)(void *arg));

#endif

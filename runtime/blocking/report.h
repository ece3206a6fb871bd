/* SPDX-License-Identifier: MIT */
/* Naming a call that runs. */
#ifndef LEAT_BLOCKING_REPORT_H
#define LEAT_BLOCKING_REPORT_H

#include <stddef.h>

/* "look_up", static functions too; where the file has no symbols, "app+0x1234", which `addr2line -f
 * -e OBJECT OFFSET` turns into a name, however the object was mapped. */
void leat__blocking_name(char *name, size_t bytes, int (*fn)(void *arg));

#endif

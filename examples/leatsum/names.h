/* SPDX-License-Identifier: MIT */
/* File names as sha256sum writes them: escaped in lists, quoted in messages. */
#ifndef LEATSUM_NAMES_H
#define LEATSUM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Would this name break a list's lines: does it hold a newline, carriage return or backslash? */
bool name_needs_escape(const char *name);

/* Write the name with those three as \n, \r and \\. `to` has room for twice its length.
 * Returns the end of what was written; there is no terminating zero. */
char *name_escape(char *to, const char *name);

/* Undo name_escape in place. Returns false when the text was never escaped by it. */
bool name_unescape(char *name, size_t bytes);

/* The name for a message: as it is when that is unmistakable, else quoted such that a shell would
 * understand it. Returns memory to free, or NULL when there is none. */
char *name_quote(const char *name);

#endif

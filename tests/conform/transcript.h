/* SPDX-License-Identifier: MIT */
/* Transcripts of all scripts: made, read and compared. */
#ifndef LEAT_TESTS_CONFORM_TRANSCRIPT_H
#define LEAT_TESTS_CONFORM_TRANSCRIPT_H

#include "conform/script.h"

/* Run every script by `run`, in a folder of its own name: what they noted, one after another. The
 * caller frees it. */
char *transcript_of_all(void (*run)(struct script *script));

/* The root task of a script. arg: it. */
int transcript_run(void *arg);

/* It must be as it was recorded: else fails with the first line that differs, and returns false.
 * `where` is what the report calls it. */
bool transcript_check(const char *got, const char *where);

/* The two must be the same; as transcript_check. */
bool transcript_same(const char *got, const char *want, const char *where);

#endif

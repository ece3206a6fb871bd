/* SPDX-License-Identifier: MIT */
/* Dumps of tasks: see leat/observe.h. */
#ifndef LEAT_OBSERVE_DUMP_H
#define LEAT_OBSERVE_DUMP_H

#include "platform/symbol.h"
#include "task/runtime.h"
#include "task/walk.h"

#define LEAT__FRAMES_MAX 48

/* Returns as leat_dump. The runtime stays alive meanwhile by its caller's hand. */
int leat__dump_runtime(struct leat__runtime *runtime, int fd);

/* `"name" (id 3, fn work)`, in a report of one line. */
void leat__dump_who(struct leat__text *text, struct leat__symbols *symbols,
                    const struct leat__runtime *runtime, const struct leat__task *task,
                    const struct leat__sight *sight);

/* What a copied stack holds at `at`; for leat__unwind. `arg` is the piece. */
struct leat__stack_piece {
    const unsigned char *copy;
    uintptr_t            begin, bytes; /* of what was copied */
};
bool leat__stack_piece_read(void *arg, uintptr_t at, void *to, size_t bytes);

#endif

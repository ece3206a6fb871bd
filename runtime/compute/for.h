/* SPDX-License-Identifier: MIT */
/* What the loops of leat/parallel.h share. */
#ifndef LEAT_COMPUTE_FOR_H
#define LEAT_COMPUTE_FOR_H

#include "base/check.h"
#include "compute/enter.h"

#include <leat/parallel.h>
#include <leat/time.h>

/* The error that ends a loop: the first that anybody met. */
struct leat__loop_error {
    LEAT_ATOMIC(int) err;
};

static inline void leat__loop_fail(struct leat__loop_error *error, int err)
{
    int none = 0;

    leat__check(err < 0, "a function that a loop calls returns 0, or a negative error number "
                         "to end it");
    (void)cas_relaxed(&error->err, &none, err); /* relaxed: a number, read again after the joins */
}

/* Between two pieces: 0, or why the loop ends, which is noted. */
int leat__loop_look(struct leat__loop_error *error);

/* Does another thread want half of what is left? */
static inline bool leat__loop_asked(struct leat__lane *lane)
{
    return lane->pool && leat__split_asked(&lane->split);
}

/* A loop on this lane, which the caller has: body on pieces of the range. */
int leat__for_on(struct leat__lane *lane, size_t begin, size_t end, size_t grain,
                 leat_range_fn *body, void *data);

/* The same over 0 to count - 1, each a piece; whatever is cancelled, and body does not fail. */
void leat__for_shielded(struct leat__lane *lane, size_t count, leat_range_fn *body, void *data);

/* How many threads may work on it. */
unsigned leat__lane_width(const struct leat__lane *lane);

/* How many items the next piece should have, when the last, of `piece`, took this long. */
size_t leat__loop_next_piece(size_t piece, leat_time took);

/* NULL becomes the defaults. Returns 0 or -EINVAL. */
int leat__loop_options(const struct leat_parallel_options **options);

#endif

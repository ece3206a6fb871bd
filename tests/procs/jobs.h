/* SPDX-License-Identifier: MIT */
/* Jobs that the tests of the process pool share: good ones, and one for each way to go wrong. */
#ifndef LEAT_TESTS_PROCS_JOBS_H
#define LEAT_TESTS_PROCS_JOBS_H

#include <leat/procs.h>

#include <stdint.h>

LEAT_REMOTE_DECLARE(echo);      /* answers with its input */
LEAT_REMOTE_DECLARE(worker_id); /* its process's pid, an int */
LEAT_REMOTE_DECLARE(fill);      /* in: a uint64_t n; answers with n bytes, byte i is i % 251 */
LEAT_REMOTE_DECLARE(fail_with); /* in: an int, which it returns */
LEAT_REMOTE_DECLARE(doze);      /* in: leat_time; sleeps so long, answers with the pid */

/* In: enum misdeed, an int. */
LEAT_REMOTE_DECLARE(misbehave);
LEAT_REMOTE_DECLARE(misbehave_idempotent);

enum misdeed {
    MISDEED_SEGV,        /* writes past everything */
    MISDEED_ABORT,
    MISDEED_KILL,
    MISDEED_STOP,
    MISDEED_EXIT,        /* exit(7) */
    MISDEED_CLOSE,       /* closes descriptors 0 to 100, and answers */
    MISDEED_CLOSE_ALL,   /* closes all there are, and answers */
    MISDEED_FORK,        /* both copies go on and answer */
    MISDEED_FORK_HOLD,   /* leaves a child that sleeps for long, and answers with its pid */
    MISDEED_SPIN,        /* computes for ever */
    MISDEED_SPIN_DEAF,   /* with SIGTERM ignored */
    MISDEED_EAT,         /* allocates and touches for ever */
    MISDEED_LIE,         /* says that its answer is longer than memory */
    MISDEED_LIE_A_BIT,   /* says that its answer is a byte longer than the slot */
    MISDEED_WRITE_INPUT, /* writes to its input */
    MISDEED_WRITE_ON,    /* writes 40,000 bytes where its answer of 16 is */
    MISDEED_OPEN,        /* opens files until it gets no more; answers with how many, an int */
};

/* A pool; NULL and a failed test without. */
struct leat_procs *open_pool(const struct leat_procs_options *options);

static inline int misdeed_call(struct leat_procs *procs, enum misdeed misdeed,
                               struct leat_reply *reply)
{
    int code = (int)misdeed;

    return leat_procs_call(procs, misbehave, &code, sizeof code, reply);
}

#endif

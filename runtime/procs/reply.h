/* SPDX-License-Identifier: MIT */
/* Where the bytes of a reply live: on the heap (in the caller's process), in the slot of a ring or
 * in a memory file (in a worker), mapped from a memory file (in the caller's process again). */
#ifndef LEAT_PROCS_REPLY_H
#define LEAT_PROCS_REPLY_H

#include <leat/remote.h>

#include <stddef.h>
#include <stdint.h>

enum leat__store_kind {
    LEAT__STORE_HEAP, /* all-zero is an empty one */
    LEAT__STORE_SLOT, /* goes on in a file when it is outgrown */
    LEAT__STORE_FILE,
    LEAT__STORE_MAPPED, /* read-only */
};

struct leat__store {
    unsigned char        *base;
    size_t                capacity;
    size_t                given; /* bytes that the function has asked for */
    enum leat__store_kind kind;
    int                   fd; /* of a FILE */
};

struct leat__store *leat__reply_store(struct leat_reply *reply);

/* Make it empty, with the name and nothing else told. What it held goes to *before, to be freed by
 * leat_reply_fini when the call is over: the call's input may lie in it. */
void leat__reply_renew(struct leat_reply *reply, struct leat_reply *before, const char *function);

/* In a worker: an empty reply whose first `capacity` bytes go to `base`. */
void leat__reply_begin(struct leat_reply *reply, const char *function, void *base,
                       size_t capacity);

/* In a worker, when the function has returned: a FILE is cut to its length and sealed against any
 * change. Returns its descriptor, -1 for a reply in the slot, or -errno below -1. */
int leat__reply_seal(struct leat_reply *reply);

/* In the program: take the file that a worker sent for its answer. It must be sealed, and hold at
 * least that many bytes. Takes the descriptor in any case. Returns -EBADMSG, -ENOMEM. */
int leat__reply_map(struct leat_reply *reply, int fd, uint64_t bytes);

#endif

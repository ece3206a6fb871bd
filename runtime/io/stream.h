/* SPDX-License-Identifier: MIT */
/* A stream from the inside, for those who make one: files, listeners, connectors. */
#ifndef LEAT_IO_STREAM_H
#define LEAT_IO_STREAM_H

#include "reactor/gate.h"

#include <leat/io.h>

#include <stdbool.h>

enum leat__stream_kind {
    LEAT__STREAM_SOCKET, /* recv, send, shutdown */
    LEAT__STREAM_PIPE,   /* read, write; can be polled and asked not to sleep */
    LEAT__STREAM_FILE,   /* regular files and block devices: the page cache, or the disk */
    LEAT__STREAM_DEVICE, /* terminals and others: may sleep in a write even when they seem ready */
};

struct leat_stream {
    struct leat__gate      gate;
    int                    fd;
    enum leat__stream_kind kind;
    bool                   more; /* the reader's: the last read left something */
    bool                   deaf; /* for writing alone: poll never calls it readable */
    bool                   flush; /* closing may have to write what was written */
};

/* A stream of a socket that is ours already. Returns NULL without memory. The fd may be -1 and
 * filled in later, so that memory runs out before a connection is taken and not after. */
struct leat_stream *leat__stream_of_socket(int fd);

/* Free a stream that was handed to nobody, without closing its fd. */
void leat__stream_discard(struct leat_stream *stream);

#endif

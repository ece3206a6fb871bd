/* SPDX-License-Identifier: MIT */
/* What the program, the zygote and the workers say to each other.
 *
 *     program ---- orders, reports (a socket) ---- zygote
 *        |  \                                        | fork
 *        |   +---- memory files (a socket) ------- worker
 *        +-------- ring (shared memory) ----------/  /
 *        +-------- bell, stdout, stderr (pipes) ----+
 *
 * A ring has a few slots, used in turn by both sides:
 *
 *            program                 worker                 program
 *     EMPTY ---------> POSTED -----------------> RUNNING ---> DONE ---------> EMPTY
 *                        |  program: taken back           (worker)
 *                        +-----------> WITHDRAWN ---(worker)--> EMPTY
 *
 * The program trusts nothing that a worker can write: what it posted it remembers in its own
 * memory, a state is only compared, a length is checked before it is used.
 *
 * ORDERING
 *   O1  POSTED releases the request to the worker's compare-and-swap to RUNNING.
 *   O2  DONE releases the answer to the program's load.
 *   O3  Going to sleep against a word of the other side, in both directions:
 *
 *         sleeper                               other
 *           asleep = 1                            state = POSTED (DONE)
 *           fence_seq_cst()     <- pairs ->       fence_seq_cst()
 *           look at the states again              asleep? set it to 0, wake (ring the bell) */
#ifndef LEAT_PROCS_WIRE_H
#define LEAT_PROCS_WIRE_H

#include "lockfree/atomic.h"

#include <stddef.h>
#include <stdint.h>

#define LEAT__PROCS_SLOTS      8u
#define LEAT__PROCS_SLOT_BYTES 32768u /* of input, and of answer; more travels as a memory file */
#define LEAT__PROCS_GUARD      65536u /* a large page of Arm's, so that it can be protected */

enum leat__slot_state {
    LEAT__SLOT_EMPTY,
    LEAT__SLOT_POSTED,
    LEAT__SLOT_RUNNING,
    LEAT__SLOT_DONE,
    LEAT__SLOT_WITHDRAWN,
};

struct leat__slot {
    _Alignas(128) LEAT_ATOMIC(uint32_t) state;
    uint32_t number; /* of the job, for its memory files */
    uint64_t function; /* hash of its name */
    uint64_t in_bytes, out_bytes;
    uint32_t in_file, out_file; /* 1: in a memory file, which the socket carries */
    int32_t  result;
    uint32_t not_run; /* 1: the function was not called; the result says why */
};

struct leat__ring {
    _Alignas(128) LEAT_ATOMIC(uint32_t) asleep; /* the worker sleeps on it */
    _Alignas(128) LEAT_ATOMIC(uint32_t) listening; /* 1: ring the bell at what you finish */
    struct leat__slot slots[LEAT__PROCS_SLOTS];
    /* From here on at multiples of any page, counted from the begin: a mapping has no greater
     * alignment than a page. A worker cannot write to what comes in, nor into the guards: a job
     * that runs over the end of its answer meets one before another job's. */
    unsigned char to_page[LEAT__PROCS_GUARD - (2 + LEAT__PROCS_SLOTS) * 128];
    unsigned char in[LEAT__PROCS_SLOTS][LEAT__PROCS_SLOT_BYTES];
    unsigned char guard[LEAT__PROCS_GUARD];
    struct leat__answer {
        unsigned char room[LEAT__PROCS_GUARD - LEAT__PROCS_SLOT_BYTES];
        unsigned char data[LEAT__PROCS_SLOT_BYTES];
        unsigned char guard[LEAT__PROCS_GUARD];
    } out[LEAT__PROCS_SLOTS];
};

_Static_assert(offsetof(struct leat__ring, in) % LEAT__PROCS_GUARD == 0 &&
                   offsetof(struct leat__ring, guard) % LEAT__PROCS_GUARD == 0 &&
                   offsetof(struct leat__ring, out) % LEAT__PROCS_GUARD == 0 &&
                   sizeof(struct leat__answer) % LEAT__PROCS_GUARD == 0,
               "what is protected is whole pages");

/* Which descriptors come with an order to start a worker, in this order. */
enum leat__procs_fd {
    LEAT__PROCS_RING,
    LEAT__PROCS_SOCKET,
    LEAT__PROCS_BELL,
    LEAT__PROCS_STDOUT,
    LEAT__PROCS_STDERR,
    LEAT__PROCS_FDS,
};

struct leat__limits {
    int64_t  cpu_ns;
    uint64_t memory_bytes;
    uint32_t files_max;
    uint32_t jail;
};

/* From the program to the zygote. `id` names one worker, and is never used again. */
struct leat__order {
    enum leat__order_kind {
        LEAT__ORDER_START = 0x6c656174, /* "leat": nobody else's message */
        LEAT__ORDER_END,                /* SIGTERM now, SIGKILL after grace_ns; no grace: SIGKILL */
    } kind;
    uint32_t            id;
    int64_t             grace_ns;
    struct leat__limits limits;
};

/* From the zygote to the program. */
struct leat__report {
    enum leat__report_kind {
        LEAT__REPORT_READY = 0x74616570, /* the zygote is there */
        LEAT__REPORT_BORN,               /* value: its pid */
        LEAT__REPORT_REFUSED,            /* it could not be started; value: errno */
        LEAT__REPORT_STOPPED,            /* by the signal `value`, and is killed for it */
        LEAT__REPORT_DIED,               /* value: as waitpid gives it */
    } kind;
    uint32_t id;
    int32_t  value;
    int32_t  reserved;
};

/* Exit statuses of a worker for what is not the job's doing. */
enum {
    LEAT__WORKER_SETUP_FAILED = 124, /* limits or jail could not be set */
    LEAT__WORKER_CUT_OFF = 125,      /* its descriptors are gone, or it is a copy of a worker */
};

/* What marks the zygote's command line; its socket is descriptor 3. */
#define LEAT__ZYGOTE_MARK   "--leat-procs-zygote"
#define LEAT__ZYGOTE_SOCKET 3

/* Send one message with up to LEAT__PROCS_FDS descriptors, or receive one. They give the count of
 * bytes, 0 at the end, -errno. Descriptors received are close-on-exec; *count says how many.
 * Receive waits when `flags` (of recvmsg) do not say otherwise. */
int leat__wire_send(int socket, const void *data, size_t bytes, const int *fds, size_t count);
int leat__wire_recv(int socket, void *data, size_t bytes, int *fds, size_t *count, int flags);

/* FNV-1a. */
uint64_t leat__procs_hash(uint64_t hash, const void *data, size_t bytes);
#define LEAT__HASH_BEGIN UINT64_C(0xcbf29ce484222325)

#endif

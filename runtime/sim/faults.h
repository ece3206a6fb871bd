/* SPDX-License-Identifier: MIT */
/* What goes wrong in a simulation: one table of each call's errnos, and of the other ways in which
 * it may not do what it was asked, from which faults are drawn, and in which they are counted.
 *
 * The errnos are those of the manual pages of Linux (section 2; ip(7) and tcp(7) for what a
 * connection tells), without what only a caller's mistake gives (EBADF, EFAULT, EINVAL, ENOTSOCK)
 * and what the runtime never hands to the kernel. ETIMEDOUT of accept is gone from Linux.
 * A campaign is to come by each pair of the table: tests/sim/run says which it has not. */
#ifndef LEAT_SIM_FAULTS_H
#define LEAT_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* Operations come first, by their codes (reactor/op.h). */
enum leat__sim_call {
    LEAT__SIM_OPS = 13,
    LEAT__SIM_WATCH = LEAT__SIM_OPS, /* a descriptor that one waits for: epoll_ctl */
    LEAT__SIM_DESCRIPTOR,            /* socket, open of a folder, memfd_create */
    LEAT__SIM_NAME,                  /* getaddrinfo */
    LEAT__SIM_FOLDER,                /* getdents64 */
    LEAT__SIM_MAPPING,               /* of a memory file: ftruncate, mmap */
    LEAT__SIM_MESSAGE,               /* to a process: sendmsg */
    LEAT__SIM_MEMORY,                /* the runtime's own */
    LEAT__SIM_THREAD,                /* its start, and how it is run */
    LEAT__SIM_PROCESS,               /* of the process pool */
    LEAT__SIM_CALLS,
};

/* Beside errnos, and behind them. */
enum leat__sim_way {
    LEAT__WAY_SHORT = 1000, /* less than asked */
    LEAT__WAY_LATE,
    LEAT__WAY_REORDER,      /* delivered before an older one */
    LEAT__WAY_CANCEL_WINS,
    LEAT__WAY_TARGET_WINS,
    LEAT__WAY_BOTH_LATE,    /* the cancel, and what it was for */
    LEAT__WAY_HALF_OPEN,    /* the peer is never heard of again */
    LEAT__WAY_AGAIN,        /* EAI_*, of getaddrinfo */
    LEAT__WAY_FAIL,
    LEAT__WAY_STALL,        /* a thread that is not run for a while */
    LEAT__WAY_SPURIOUS,     /* a futex wait that ends for no reason */
    LEAT__WAY_KILLED,       /* a process's fates */
    LEAT__WAY_CRASHES,
    LEAT__WAY_EXITS,
    LEAT__WAY_STOPS,
    LEAT__WAY_LIES,
    LEAT__WAY_DEAF,         /* to all but a kill */
    LEAT__WAY_UNFIT,        /* it could not be set up */
    LEAT__WAYS_END,
};

/* Whom an errno is of, as bits; those of a call that have none are of all. */
enum leat__sim_object {
    LEAT__OF_DISK = 1,     /* a file or folder, no pipe and no socket */
    LEAT__OF_NEW_FILE = 2, /* an open that may make it */
    LEAT__OF_WRITING = 4,  /* an open to write */
    LEAT__OF_SOCKET = 8,
    LEAT__OF_STATE = 16,   /* told by the world as it is, never drawn */
};

/* "read", and the like. */
const char *leat__sim_call_name(enum leat__sim_call call);

/* "EIO", "short". */
const char *leat__sim_how_name(int how);

/* Errors that the call may give for such an object; and one of them: -errno, or a way that stands
 * for an error which is none (EAI_*). */
uint32_t leat__sim_error_count(enum leat__sim_call call, unsigned of);
int      leat__sim_error(enum leat__sim_call call, unsigned of, uint32_t which);

/* It went wrong so: an errno of the call (either sign) or a way. Into the trace, and counted. */
void leat__sim_wrong(enum leat__sim_call call, int how, uint64_t number);

/* The call gave this errno, drawn or not: counted, if the table has it. */
void leat__sim_gave(enum leat__sim_call call, int err);

/* Count from now on, in this process and its children. */
void leat__sim_faults_count(void);

/* `fault read EIO=12 short=3`, a line for each call; `all`: with those that never were. */
void leat__sim_faults_print(bool all);

#endif

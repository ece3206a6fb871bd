/* SPDX-License-Identifier: MIT */
/* See faults.h. */
#include "sim/faults.h"

#include "base/check.h"
#include "reactor/op.h"
#include "sim/sim.h"

#include <leat/error.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HOWS_MAX 28

static_assert((int)LEAT__SIM_OPS == (int)LEAT__OP_POLL + 1, "operations come first");

struct how {
    short how; /* an errno, a way, 0 at the end */
    short of;
};

#define DISK  LEAT__OF_DISK
#define STATE LEAT__OF_STATE

/* What befalls an operation in flight. */
#define IN_FLIGHT                                                                                  \
    { LEAT__WAY_LATE, 0 }, { LEAT__WAY_REORDER, 0 }, { LEAT__WAY_CANCEL_WINS, 0 },                 \
    { LEAT__WAY_TARGET_WINS, 0 }, { LEAT__WAY_BOTH_LATE, 0 }
#define SHORT { LEAT__WAY_SHORT, 0 }

static const struct row {
    const char *call;
    struct how  hows[HOWS_MAX];
} rows[LEAT__SIM_CALLS] = {
    [LEAT__OP_READ] = { "read", { { EIO, 0 }, { ENOMEM, 0 }, { EINTR, 0 }, { ESTALE, DISK },
                                  SHORT, IN_FLIGHT } },
    [LEAT__OP_WRITE] = { "write", { { EIO, 0 }, { ENOSPC, DISK }, { EDQUOT, DISK },
                                    { EFBIG, DISK }, { ESTALE, DISK }, { ENOMEM, 0 },
                                    { EINTR, 0 }, { EPIPE, STATE }, SHORT, IN_FLIGHT } },
    [LEAT__OP_READ_AT] = { "pread", { { EIO, 0 }, { ENOMEM, 0 }, { EINTR, 0 }, { ESTALE, 0 },
                                      { EISDIR, STATE }, SHORT, IN_FLIGHT } },
    [LEAT__OP_WRITE_AT] = { "pwrite", { { EIO, 0 }, { ENOSPC, 0 }, { EDQUOT, 0 }, { EFBIG, 0 },
                                        { ENOMEM, 0 }, { EINTR, 0 }, { ESTALE, 0 }, SHORT,
                                        IN_FLIGHT } },
    [LEAT__OP_OPEN_AT] = { "openat", { { EMFILE, 0 }, { ENFILE, 0 }, { EACCES, 0 }, { EPERM, 0 },
                                       { EIO, 0 }, { ENOMEM, 0 }, { ENOENT, 0 }, { EINTR, 0 },
                                       { ENXIO, 0 }, { ENODEV, 0 }, { ELOOP, 0 }, { ESTALE, 0 },
                                       { EROFS, LEAT__OF_WRITING }, { ETXTBSY, LEAT__OF_WRITING },
                                       { ENOSPC, LEAT__OF_NEW_FILE },
                                       { EDQUOT, LEAT__OF_NEW_FILE }, { EEXIST, STATE },
                                       { EISDIR, STATE }, { ENOTDIR, STATE }, IN_FLIGHT } },
    [LEAT__OP_CLOSE] = { "close", { { EIO, DISK }, { ENOSPC, DISK }, { EDQUOT, DISK },
                                    { EINTR, 0 }, { LEAT__WAY_LATE, 0 },
                                    { LEAT__WAY_REORDER, 0 } } },
    [LEAT__OP_STAT_AT] = { "statx", { { EACCES, 0 }, { EIO, 0 }, { ENOMEM, 0 }, { ENOENT, 0 },
                                      { EINTR, 0 }, { ELOOP, 0 }, { ESTALE, 0 },
                                      { ENOTDIR, STATE }, IN_FLIGHT } },
    [LEAT__OP_SYNC] = { "fsync", { { EIO, 0 }, { ENOSPC, 0 }, { EDQUOT, 0 }, { EINTR, 0 },
                                   IN_FLIGHT } },
    [LEAT__OP_RECV] = { "recv", { { ECONNRESET, 0 }, { ETIMEDOUT, 0 }, { EHOSTUNREACH, 0 },
                                  { ENETUNREACH, 0 }, { ECONNABORTED, 0 }, { ENOMEM, 0 },
                                  { ENOBUFS, 0 }, { EINTR, 0 }, SHORT,
                                  { LEAT__WAY_HALF_OPEN, 0 }, IN_FLIGHT } },
    [LEAT__OP_SEND] = { "send", { { ECONNRESET, 0 }, { EPIPE, 0 }, { ETIMEDOUT, 0 },
                                  { EHOSTUNREACH, 0 }, { ENETUNREACH, 0 }, { ECONNABORTED, 0 },
                                  { ENOMEM, 0 }, { ENOBUFS, 0 }, { EINTR, 0 }, SHORT,
                                  { LEAT__WAY_HALF_OPEN, 0 }, IN_FLIGHT } },
    [LEAT__OP_ACCEPT] = { "accept", { { EMFILE, 0 }, { ENFILE, 0 }, { ENOMEM, 0 }, { ENOBUFS, 0 },
                                      { EPERM, 0 }, { EINTR, 0 }, { ECONNABORTED, 0 },
                                      { EPROTO, 0 }, { ENETDOWN, 0 }, { ENETUNREACH, 0 },
                                      { EHOSTDOWN, 0 }, { EHOSTUNREACH, 0 }, { ENONET, 0 },
                                      { ENOPROTOOPT, 0 }, { EOPNOTSUPP, 0 }, IN_FLIGHT } },
    [LEAT__OP_CONNECT] = { "connect", { { ECONNREFUSED, 0 }, { ECONNRESET, 0 }, { ETIMEDOUT, 0 },
                                        { ENETUNREACH, 0 }, { ENETDOWN, 0 }, { EHOSTUNREACH, 0 },
                                        { EADDRNOTAVAIL, 0 }, { EADDRINUSE, 0 }, { EACCES, 0 },
                                        { EPERM, 0 }, { ENOBUFS, 0 }, { ENOMEM, 0 },
                                        IN_FLIGHT } },
    [LEAT__OP_POLL] = { "poll", { { ENOMEM, 0 }, IN_FLIGHT } },
    [LEAT__SIM_WATCH] = { "epoll_ctl", { { ENOMEM, 0 }, { ENOSPC, 0 } } },
    [LEAT__SIM_DESCRIPTOR] = { "descriptor", { { EMFILE, 0 }, { ENFILE, 0 }, { ENOMEM, 0 },
                                               { ENOBUFS, LEAT__OF_SOCKET } } },
    [LEAT__SIM_NAME] = { "getaddrinfo", { { LEAT__WAY_AGAIN, 0 }, { LEAT__WAY_FAIL, 0 } } },
    [LEAT__SIM_FOLDER] = { "getdents", { { EIO, 0 }, { ENOMEM, 0 }, { ENOENT, 0 },
                                         { ESTALE, 0 } } },
    [LEAT__SIM_MAPPING] = { "mapping", { { ENOMEM, 0 } } },
    [LEAT__SIM_MESSAGE] = { "sendmsg", { { ENOBUFS, 0 }, { EAGAIN, 0 } } },
    [LEAT__SIM_MEMORY] = { "memory", { { ENOMEM, 0 } } },
    [LEAT__SIM_THREAD] = { "thread", { { EAGAIN, 0 }, { LEAT__WAY_STALL, 0 },
                                       { LEAT__WAY_SPURIOUS, 0 } } },
    [LEAT__SIM_PROCESS] = { "process", { { LEAT__WAY_KILLED, 0 }, { LEAT__WAY_CRASHES, 0 },
                                         { LEAT__WAY_EXITS, 0 }, { LEAT__WAY_STOPS, 0 },
                                         { LEAT__WAY_LIES, 0 }, { LEAT__WAY_DEAF, 0 },
                                         { LEAT__WAY_UNFIT, 0 } } },
};

/* As the trace has them; the table and its lines without "fault: ". */
static const char *const ways[] = {
    [LEAT__WAY_SHORT - 1000] = "fault: short",
    [LEAT__WAY_LATE - 1000] = "fault: late",
    [LEAT__WAY_REORDER - 1000] = "fault: reorder",
    [LEAT__WAY_CANCEL_WINS - 1000] = "fault: cancel-wins",
    [LEAT__WAY_TARGET_WINS - 1000] = "fault: target-wins",
    [LEAT__WAY_BOTH_LATE - 1000] = "fault: both-late",
    [LEAT__WAY_HALF_OPEN - 1000] = "fault: half-open",
    [LEAT__WAY_AGAIN - 1000] = "fault: EAI_AGAIN",
    [LEAT__WAY_FAIL - 1000] = "fault: EAI_FAIL",
    [LEAT__WAY_STALL - 1000] = "fault: stall",
    [LEAT__WAY_SPURIOUS - 1000] = "fault: spurious-wake",
    [LEAT__WAY_KILLED - 1000] = "fault: killed",
    [LEAT__WAY_CRASHES - 1000] = "fault: crashes",
    [LEAT__WAY_EXITS - 1000] = "fault: exits",
    [LEAT__WAY_STOPS - 1000] = "fault: stops",
    [LEAT__WAY_LIES - 1000] = "fault: lies",
    [LEAT__WAY_DEAF - 1000] = "fault: deaf",
    [LEAT__WAY_UNFIT - 1000] = "fault: unfit",
};

static_assert(sizeof ways / sizeof ways[0] == LEAT__WAYS_END - LEAT__WAY_SHORT, "each has a name");

/* Beside rows; shared memory. */
static uint64_t (*counts)[HOWS_MAX];

static bool is_way(int how)
{
    return how >= LEAT__WAY_SHORT;
}

const char *leat__sim_call_name(enum leat__sim_call call)
{
    return rows[call].call;
}

/* ---- drawing ---- */

static bool is_drawn(const struct how *how, unsigned of)
{
    bool answer = !is_way(how->how) || how->how == LEAT__WAY_AGAIN || how->how == LEAT__WAY_FAIL;

    return answer && (how->of == 0 || ((unsigned)how->of & of));
}

uint32_t leat__sim_error_count(enum leat__sim_call call, unsigned of)
{
    uint32_t count = 0;

    for (const struct how *how = rows[call].hows; how->how; how++)
        count += is_drawn(how, of);
    return count;
}

int leat__sim_error(enum leat__sim_call call, unsigned of, uint32_t which)
{
    const struct how *how = rows[call].hows;

    for (; !is_drawn(how, of) || which-- > 0; how++)
        leat__check(how->how != 0, "a call has as many errors as it was said to have");
    return is_way(how->how) ? how->how : -how->how;
}

/* ---- counting ---- */

static bool count(enum leat__sim_call call, int how)
{
    for (int i = 0; rows[call].hows[i].how; i++)
        if (rows[call].hows[i].how == how) {
            if (counts)
                counts[call][i]++;
            return true;
        }
    return false;
}

void leat__sim_wrong(enum leat__sim_call call, int how, uint64_t number)
{
    if (!leat__sim_on)
        return;
    how = abs(how);
    if (is_way(how))
        leat__sim_note(ways[how - LEAT__WAY_SHORT], number);
    else
        leat__sim_note("fault: error", (uint64_t)how);
    leat__check(count(call, how), "what goes wrong stands in the table");
}

void leat__sim_gave(enum leat__sim_call call, int err)
{
    (void)count(call, abs(err));
}

void leat__sim_faults_count(void)
{
    void *table = counts ? NULL
                         : mmap(NULL, sizeof *counts * LEAT__SIM_CALLS, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (table && table != MAP_FAILED)
        counts = table;
}

const char *leat__sim_how_name(int how)
{
    how = abs(how);
    return is_way(how) ? ways[how - LEAT__WAY_SHORT] + sizeof "fault: " - 1 : leat_error_name(how);
}

void leat__sim_faults_print(bool all)
{
    for (int call = 0; counts && call < LEAT__SIM_CALLS; call++) {
        bool begun = false;

        for (int i = 0; rows[call].hows[i].how; i++) {
            if (counts[call][i] == 0 && !all)
                continue;
            if (!begun)
                printf("fault %s", rows[call].call);
            begun = true;
            printf(" %s=%" PRIu64, leat__sim_how_name(rows[call].hows[i].how), counts[call][i]);
        }
        if (begun)
            putchar('\n');
    }
}

/* SPDX-License-Identifier: MIT */
/* Making an operation at once, if it can be made, and what goes wrong with it. See world.h.
 *
 * Errors are drawn by the rate in the seed's configuration, of those that the operation may give at
 * any time; with a reset or a time-out goes the connection, of which the other end hears too, or
 * never again. */
#include "sim/world.h"

#include "reactor/call.h"
#include "sim/campaign.h"
#include "sim/kernel.h"
#include "sim/sim.h"

#include <leat/error.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SHORT_MAX ((size_t)64 << 10)

/* ---- making an operation, without faults ---- */

static int read_at_position(struct leat__world_open *open, const struct leat__op *op)
{
    int result = leat__world_file_read(open, op->data, op->bytes, open->position);

    if (result > 0)
        open->position += (uint64_t)result;
    return result;
}

static int write_at_position(struct leat__world_open *open, const struct leat__op *op)
{
    int result = leat__world_file_write(open, op->source, op->bytes, open->position);

    if (result > 0)
        open->position = open->flags & O_APPEND ? open->node->bytes
                                                : open->position + (uint64_t)result;
    return result;
}

static int make_stream(struct leat__world_open *open, const struct leat__op *op)
{
    bool reads = op->code == LEAT__OP_READ;

    switch (open->kind) {
    case LEAT__WORLD_OPEN_NODE:
        return reads ? read_at_position(open, op) : write_at_position(open, op);
    case LEAT__WORLD_OPEN_READER:
    case LEAT__WORLD_OPEN_WRITER:
        return reads ? leat__world_pipe_read(open, op->data, op->bytes)
                     : leat__world_pipe_write(open, op->source, op->bytes);
    case LEAT__WORLD_OPEN_SOCKET:
        if (op->bytes == 0)
            return 0; /* a socket is not asked for that, other than by a send */
        return reads ? leat__world_recv(open->socket, op->data, op->bytes, 0)
                     : leat__world_send(open->socket, op->source, op->bytes);
    case LEAT__WORLD_OPEN_MEMORY:
    case LEAT__WORLD_OPEN_BELL:
        break; /* nobody opens a stream of one */
    }
    return -EINVAL;
}

static int make_on_socket(struct leat__world_socket *socket, struct leat__op *op)
{
    int result;

    switch (op->code) {
    case LEAT__OP_RECV:
        result = leat__world_recv(socket, op->data, op->bytes, op->flags);
        op->more = result > 0 && (socket->in.count > 0 || socket->ended);
        return result;
    case LEAT__OP_SEND:
        return leat__world_send(socket, op->source, op->bytes);
    case LEAT__OP_ACCEPT:
        return leat__world_accept(socket, op->flags);
    default:
        return leat__world_connect(socket, op->address, op->address_bytes);
    }
}

static int make_poll(const struct leat__world_open *open, const struct leat__op *op)
{
    unsigned asked = (unsigned)op->flags | POLLERR | POLLHUP;
    int events = (int)(leat__world_events(open) & asked);

    return events ? events : -EAGAIN;
}

/* Returns its result, or -EAGAIN: not now. */
static int make(struct leat__world_open *open, struct leat__op *op)
{
    switch (op->code) {
    case LEAT__OP_OPEN_AT:
        return leat__world_openat(op->fd, op->path, op->flags, op->mode);
    case LEAT__OP_STAT_AT:
        return leat__world_statx(op->fd, op->path, op->flags, op->statx);
    case LEAT__OP_CLOSE:
        return leat__world_close(op->fd);
    default:
        break;
    }
    if (!open)
        return -EBADF;
    switch (op->code) {
    case LEAT__OP_READ:
    case LEAT__OP_WRITE:
        return make_stream(open, op);
    case LEAT__OP_READ_AT:
        return leat__world_file_read(open, op->data, op->bytes, op->offset);
    case LEAT__OP_WRITE_AT:
        return leat__world_file_write(open, op->source, op->bytes, op->offset);
    case LEAT__OP_SYNC:
        return open->kind == LEAT__WORLD_OPEN_NODE ? 0 : -EINVAL;
    case LEAT__OP_POLL:
        return make_poll(open, op);
    default:
        return open->kind == LEAT__WORLD_OPEN_SOCKET ? make_on_socket(open->socket, op) : -ENOTSOCK;
    }
}

/* ---- faults ---- */

/* Its descriptor's object, and what it is to do with it: leat__sim_object. */
static unsigned object_of(const struct leat__world_open *open, const struct leat__op *op)
{
    unsigned of = 0;

    if (op->code == LEAT__OP_OPEN_AT)
        return (op->flags & O_CREAT ? LEAT__OF_NEW_FILE : 0u) |
               ((op->flags & O_ACCMODE) != O_RDONLY ? LEAT__OF_WRITING : 0u);
    if (open && (open->kind == LEAT__WORLD_OPEN_NODE || open->kind == LEAT__WORLD_OPEN_MEMORY))
        of = LEAT__OF_DISK;
    return open && open->kind == LEAT__WORLD_OPEN_SOCKET ? LEAT__OF_SOCKET : of;
}

/* What the error means to the connection: its other end hears of it. */
static void break_connection(struct leat__world_socket *socket, int err)
{
    switch (err) {
    case -ECONNRESET:
    case -ECONNABORTED:
    case -EPIPE:
        leat__world_reset(socket);
        socket->error = 0; /* told by this operation */
        break;
    case -ETIMEDOUT:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
        leat__world_half_open(socket);
        break;
    default:
        break;
    }
}

static uint32_t error_count(const struct leat__world_open *open, const struct leat__op *op)
{
    return leat__sim_error_count((enum leat__sim_call)op->code, object_of(open, op));
}

static int fail(struct leat__world_open *open, struct leat__op *op, uint32_t which)
{
    enum leat__sim_call call = (enum leat__sim_call)op->code;
    unsigned of = object_of(open, op);
    int err = leat__sim_error(call, of, which);

    leat__sim_wrong(call, err, 0);
    if (op->code == LEAT__OP_CLOSE)
        (void)leat__world_close(op->fd); /* as the kernel does: an error, and closed all the same */
    else if (of == LEAT__OF_SOCKET && (op->code == LEAT__OP_RECV || op->code == LEAT__OP_SEND))
        break_connection(open->socket, err);
    leat__world_changed();
    return err;
}

/* Packets and small writes to pipes are whole or not at all. */
static bool may_be_short(const struct leat__world_open *open, const struct leat__op *op)
{
    if (!leat__op_has_bytes(op) || op->bytes < 2 || !open)
        return false;
    if (open->kind == LEAT__WORLD_OPEN_SOCKET)
        return open->socket->type == SOCK_STREAM;
    return open->kind != LEAT__WORLD_OPEN_WRITER || op->bytes > PIPE_BUF;
}

int leat__world_make_real(struct leat__op *op)
{
    struct stat st;

    if (op->fd < 0 || fstat(op->fd, &st) < 0)
        return -EBADF;
    if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        leat__sim_fail("descriptor %d is a real pipe or socket, which knows no virtual time: make "
                       "it by the simulation's calls",
                       op->fd);
    return leat__kernel_op_perform(op);
}

bool leat__world_is_real(const struct leat__op *op)
{
    bool by_path = op->code == LEAT__OP_OPEN_AT ||
                   (op->code == LEAT__OP_STAT_AT && op->path[0] != '\0');

    return !by_path && op->fd >= 0 && op->fd < LEAT__WORLD_FD;
}

static void half_open(struct leat__world_open *open, const struct leat__op *op)
{
    leat__sim_wrong((enum leat__sim_call)op->code, LEAT__WAY_HALF_OPEN, (uint64_t)op->fd);
    leat__world_half_open(open->socket);
}

static bool may_be_half_open(const struct leat__world_open *open, const struct leat__op *op)
{
    return open && open->kind == LEAT__WORLD_OPEN_SOCKET &&
           (op->code == LEAT__OP_RECV || op->code == LEAT__OP_SEND);
}

/* Made of one to `bytes` bytes. */
static int make_some(struct leat__world_open *open, struct leat__op *op, size_t some)
{
    size_t bytes = op->bytes;
    int result;

    leat__sim_wrong((enum leat__sim_call)op->code, LEAT__WAY_SHORT, some);
    op->bytes = some;
    result = make(open, op);
    op->bytes = bytes;
    return result;
}

/* ---- the one call that is to fail: leat_sim_fault_everywhere ---- */

struct leat__sim_faults leat__sim_faults;

/* Is it this one's turn, and does it have so many ways? */
static bool is_chosen(uint32_t ways, const char *what)
{
    const struct leat__sim_config *config = leat__sim_config();

    if (++leat__sim_faults.calls != config->fault_at || config->fault_kind >= ways)
        return false;
    leat__sim_faults.hit = true;
    snprintf(leat__sim_faults.what, sizeof leat__sim_faults.what, "%s", what);
    return true;
}

/* How it failed, behind what it is. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    size_t used = strlen(leat__sim_faults.what);
    va_list args;

    va_start(args, format);
    vsnprintf(leat__sim_faults.what + used, sizeof leat__sim_faults.what - used, format, args);
    va_end(args);
}

/* Its ways: each error, then one byte of all, then the peer falling silent, as far as it has them.
 * Returns true with *ret when it failed so. */
static bool chosen_fault(struct leat__world_open *open, struct leat__op *op, int *ret)
{
    uint32_t kind = leat__sim_config()->fault_kind, errors_of = error_count(open, op);
    bool may_short = may_be_short(open, op), may_half = may_be_half_open(open, op);

    if (!is_chosen(errors_of + may_short + may_half,
                   leat__sim_call_name((enum leat__sim_call)op->code)))
        return false;
    if (kind < errors_of) {
        *ret = fail(open, op, kind);
        say(" gave %s", leat__sim_how_name(*ret));
    } else if (kind == errors_of && may_short) {
        *ret = make_some(open, op, 1);
        say(" of %zu bytes was made of one", op->bytes);
    } else {
        half_open(open, op);
        say(" on a connection whose peer is never heard of again");
        *ret = make(open, op);
    }
    return true;
}

int leat__world_wrong(enum leat__sim_call call, unsigned of, uint32_t rate, const char *what)
{
    uint32_t hows = leat__sim_error_count(call, of);
    int how = 0;

    if (is_chosen(hows, what)) {
        how = leat__sim_error(call, of, leat__sim_config()->fault_kind);
        say(" gave %s", leat__sim_how_name(how));
    } else if (leat__sim_fault(rate)) {
        how = leat__sim_error(call, of, leat__sim_choose(hows));
    }
    if (how)
        leat__sim_wrong(call, how, 0);
    return how;
}

/* ---- both ---- */

int leat__world_try(struct leat__world_open *open, struct leat__op *op)
{
    const struct leat__sim_config *config = leat__sim_config();
    bool by_path = op->code == LEAT__OP_OPEN_AT || op->code == LEAT__OP_STAT_AT;
    int result;

    if (leat__world_is_real(op))
        return leat__world_make_real(op);
    if ((open || by_path) && chosen_fault(open, op, &result))
        return result;
    if (may_be_half_open(open, op) && leat__sim_fault(config->io_error / 8))
        half_open(open, op);
    if ((open || by_path) && leat__sim_fault(config->io_error))
        return fail(open, op, leat__sim_choose(error_count(open, op)));
    if (may_be_short(open, op) && leat__sim_fault(config->io_short)) {
        size_t most = op->bytes < SHORT_MAX ? op->bytes : SHORT_MAX;

        return make_some(open, op, 1 + leat__sim_choose((uint32_t)most - 1));
    }
    result = make(open, op);
    if (result < 0)
        leat__sim_gave((enum leat__sim_call)op->code, result);
    return result;
}

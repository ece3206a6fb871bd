/* SPDX-License-Identifier: MIT */
/* Starting processes: the zygote from a thread that may block and has the whole machine's CPUs; a
 * worker by an order to the zygote, with what the two share. */
#include "procs/birth.h"
#include "procs/pool.h"

#include <leat/pool.h>
#include <leat/time.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the zygote ---- */

struct spawn {
    int   socket; /* the zygote's end */
    pid_t pid;
};

static int spawn_zygote(void *arg)
{
    struct spawn *spawn = arg;

    return leat__zygote_spawn(&spawn->pid, spawn->socket);
}

static int wait_for_zygote(void *arg)
{
    const pid_t *pid = arg;
    int status;

    for (;;) {
        pid_t got = waitpid(*pid, &status, WUNTRACED);

        if (got == *pid && WIFSTOPPED(status))
            kill(*pid, SIGKILL); /* it would never end */
        else if (got == *pid || errno != EINTR)
            return 0;
    }
}

void leat__zygote_reap(struct leat_procs *procs)
{
    pid_t pid = procs->zygote;

    if (pid > 0) {
        leat_shield();
        /* Without a thread to wait on it is waited for here. */
        if (leat_blocking(wait_for_zygote, &pid) != 0)
            wait_for_zygote(&pid);
        leat_unshield();
    }
    pthread_mutex_lock(&procs->lock);
    procs->zygote = 0;
    procs->socket = -1;
    pthread_mutex_unlock(&procs->lock);
    leat_close_stream(procs->reports);
    procs->reports = NULL;
}

static int await_ready(struct leat_procs *procs)
{
    struct leat__report report;
    ssize_t got;
    LEAT_LIMIT(30 * LEAT_SEC);

    got = leat_read(procs->reports, &report, sizeof report);
    if (got < 0)
        return (int)got;
    return got == sizeof report && report.kind == LEAT__REPORT_READY ? 0 : -ECHILD;
}

int leat__zygote_start(struct leat_procs *procs)
{
    struct spawn spawn;
    struct leat_stream *reports;
    int pair[2], err;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    err = leat_stream_open_fd(&reports, pair[0]);
    if (err) {
        close(pair[0]);
        close(pair[1]);
        return err;
    }
    spawn.socket = pair[1];
    err = leat_blocking(spawn_zygote, &spawn);
    close(pair[1]);
    if (err) {
        leat_close_stream(reports);
        return err;
    }
    procs->reports = reports;
    pthread_mutex_lock(&procs->lock);
    procs->zygote = spawn.pid;
    pthread_mutex_unlock(&procs->lock);
    err = await_ready(procs);
    if (err) {
        kill(spawn.pid, SIGKILL);
        leat__zygote_reap(procs);
        return err;
    }
    /* Not before: a worker ordered from one that is not ready would be missed by its burial. */
    pthread_mutex_lock(&procs->lock);
    procs->socket = pair[0];
    pthread_mutex_unlock(&procs->lock);
    return 0;
}

/* ---- a worker ---- */

struct parts {
    struct leat__ring *ring;
    int                theirs[LEAT__PROCS_FDS]; /* -1: not made, or not ours to close */
    int                socket, out, err;        /* our ends */
};

static int make_ring(struct parts *parts)
{
    int fd = memfd_create("leat ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -errno;
    parts->theirs[LEAT__PROCS_RING] = fd;
    if (ftruncate(fd, sizeof(struct leat__ring)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -ENOMEM;
    parts->ring = mmap(NULL, sizeof *parts->ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (parts->ring == MAP_FAILED) {
        parts->ring = NULL;
        return -ENOMEM;
    }
    /* relaxed: nobody else has it yet */
    store_relaxed(&parts->ring->listening, 1);
    return 0;
}

static int make_parts(struct parts *parts)
{
    int pair[2], err = make_ring(parts);

    if (err)
        return err;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    parts->socket = pair[0];
    parts->theirs[LEAT__PROCS_SOCKET] = pair[1];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    parts->out = pair[0];
    parts->theirs[LEAT__PROCS_STDOUT] = pair[1];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    parts->err = pair[0];
    parts->theirs[LEAT__PROCS_STDERR] = pair[1];
    return 0;
}

static void close_parts(struct parts *parts)
{
    if (parts->ring)
        munmap(parts->ring, sizeof *parts->ring);
    if (parts->socket >= 0)
        close(parts->socket);
}

/* Before the worker: its words are read from the first, and it does not block on them. */
static int start_captures(struct leat__proc *worker, struct parts *parts)
{
    int err = leat__capture_start(worker, 0, parts->out);

    if (!err)
        return leat__capture_start(worker, 1, parts->err);
    close(parts->err);
    return err;
}

/* With the lock: the worker lives from here on, as far as jobs are concerned. */
static int send_order(struct leat__proc *worker, struct parts *parts)
{
    struct leat_procs *procs = worker->procs;
    const struct leat_procs_options *options = &procs->options;
    const struct leat__order order = {
        .kind = LEAT__ORDER_START,
        .id = procs->next_id++,
        .limits = { .cpu_ns = options->cpu_ns,
                    .memory_bytes = options->memory_bytes,
                    .files_max = options->files_max,
                    .jail = options->jail },
    };
    int sent = leat__wire_send(procs->socket, &order, sizeof order, parts->theirs,
                               LEAT__PROCS_FDS);

    if (sent < 0)
        return sent;
    worker->state = LEAT__PROC_ALIVE;
    worker->id = order.id;
    worker->pid = 0;
    worker->socket = parts->socket;
    worker->ring = parts->ring;
    worker->head = worker->count = worker->live = worker->jobs = worker->ended = 0;
    worker->why = LEAT__WHY_NOT;
    worker->stopped_by = 0;
    worker->start_at = LEAT_NEVER;
    return 0;
}

int leat__proc_start(struct leat__proc *worker)
{
    struct leat_procs *procs = worker->procs;
    struct parts parts = { .theirs = { -1, -1, -1, -1, -1 }, .socket = -1, .out = -1, .err = -1 };
    struct leat__wakes wakes = { .count = 0 };
    int err = make_parts(&parts);

    if (!err) {
        err = start_captures(worker, &parts);
    } else {
        if (parts.out >= 0)
            close(parts.out);
        if (parts.err >= 0)
            close(parts.err);
    }
    parts.theirs[LEAT__PROCS_BELL] = procs->bell_in;
    if (!err) {
        pthread_mutex_lock(&procs->lock);
        err = send_order(worker, &parts);
        if (!err)
            leat__procs_dispatch(procs, &wakes);
        pthread_mutex_unlock(&procs->lock);
        leat__wakes_run(&wakes);
    }
    parts.theirs[LEAT__PROCS_BELL] = -1;
    for (unsigned i = 0; i < LEAT__PROCS_FDS; i++)
        if (parts.theirs[i] >= 0)
            close(parts.theirs[i]);
    if (err)
        close_parts(&parts); /* the captures see the end of their pipes */
    return err;
}

void leat__proc_clear(struct leat__proc *worker)
{
    leat__capture_stop(worker);
    munmap(worker->ring, sizeof *worker->ring);
    close(worker->socket);
    worker->ring = NULL;
    worker->socket = -1;
    worker->state = LEAT__PROC_GONE;
}

/* SPDX-License-Identifier: MIT */
/* The zygote: the program started again, which stays at the top of main with one thread, forks
 * workers when told to, and reports how they ended. It alone reaps them, so a pid it signals is
 * the worker's own. When its socket ends, the program has, and everybody here ends too.
 *
 *     posix_spawn ---> READY ---> poll: orders, SIGCHLD, workers whose grace is over
 *
 * It stands in a session of its own (the terminal's signals are the program's), and what workers
 * fork and leave behind is handed to it and reaped; it is in the worker's process group, which is
 * killed with the worker. */
#include "procs/birth.h"
#include "procs/wire.h"
#include "procs/zygote.h"

#include <leat/procs.h>
#include <leat/time.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    uint32_t  id;
    pid_t     pid;
    leat_time kill_at; /* SIGKILL then; LEAT_NEVER: it was not asked to end */
};

struct zygote {
    int           socket, signals;
    pid_t         pid;
    struct child *children;
    size_t        count, room;
};

static bool entered; /* main has called leat_procs_main */

bool leat__zygote_ready(void)
{
    return entered;
}

static void tell(const struct zygote *zygote, enum leat__report_kind kind, uint32_t id,
                 int32_t value)
{
    const struct leat__report report = { .kind = kind, .id = id, .value = value };
    struct pollfd writable = { .fd = zygote->socket, .events = POLLOUT };
    int err;

    /* The program reads all the time, so a full socket is waited for; and so is a kernel that is
     * out of memory, for a death that is not reported is a job that never ends. */
    while ((err = leat__wire_send(zygote->socket, &report, sizeof report, NULL, 0)) == -EAGAIN ||
           err == -ENOBUFS || err == -ENOMEM)
        poll(&writable, err == -EAGAIN, err == -EAGAIN ? -1 : 1);
}

static struct child *find_id(struct zygote *zygote, uint32_t id)
{
    for (size_t i = 0; i < zygote->count; i++)
        if (zygote->children[i].id == id)
            return &zygote->children[i];
    return NULL;
}

static struct child *find_pid(struct zygote *zygote, pid_t pid)
{
    for (size_t i = 0; i < zygote->count; i++)
        if (zygote->children[i].pid == pid)
            return &zygote->children[i];
    return NULL;
}

static void kill_group(pid_t pid, int signal)
{
    kill(-pid, signal); /* it may have no group yet, or have left it */
    kill(pid, signal);
}

/* ---- orders ---- */

static int start(struct zygote *zygote, const struct leat__order *order, const int *fds)
{
    pid_t pid;

    if (zygote->count == zygote->room) {
        size_t room = zygote->room * 2 + 8;
        struct child *children = realloc(zygote->children, room * sizeof *children);

        if (!children)
            return -ENOMEM;
        zygote->children = children;
        zygote->room = room;
    }
    pid = leat__worker_fork(&order->limits, fds, zygote->socket, zygote->signals);
    if (pid < 0)
        return pid;
    zygote->children[zygote->count++] =
        (struct child){ .id = order->id, .pid = pid, .kill_at = LEAT_NEVER };
    tell(zygote, LEAT__REPORT_BORN, order->id, (int32_t)pid);
    return 0;
}

static void end(struct zygote *zygote, const struct leat__order *order)
{
    struct child *child = find_id(zygote, order->id);

    if (!child)
        return; /* it has died, and its report is on its way */
    if (order->grace_ns <= 0) {
        kill_group(child->pid, SIGKILL);
    } else if (child->kill_at == LEAT_NEVER) {
        kill(child->pid, SIGTERM);
        child->kill_at = leat_after(order->grace_ns);
    }
}

/* False: the program is gone. */
static bool take_order(struct zygote *zygote)
{
    struct leat__order order;
    int fds[LEAT__PROCS_FDS];
    size_t count;
    int err, got = leat__wire_recv(zygote->socket, &order, sizeof order, fds, &count, 0);

    if (got != sizeof order)
        return false;
    if (order.kind == LEAT__ORDER_START && count == LEAT__PROCS_FDS) {
        err = start(zygote, &order, fds);
        if (err)
            tell(zygote, LEAT__REPORT_REFUSED, order.id, -err);
    } else if (order.kind == LEAT__ORDER_END) {
        end(zygote, &order);
    }
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    return true;
}

/* ---- ends ---- */

/* Looked at before it is reaped: until then its number, and its group's, are nobody else's. */
static void take_end(struct zygote *zygote, pid_t pid, bool stopped)
{
    struct child *child = find_pid(zygote, pid);
    int status = 0;

    if (child && !stopped)
        kill(-pid, SIGKILL); /* what it forked */
    if (waitpid(pid, &status, stopped ? WUNTRACED | WNOHANG : 0) <= 0)
        return; /* it goes on, and is met again */
    if (!child)
        return; /* left behind by a worker */
    if (WIFSTOPPED(status)) {
        tell(zygote, LEAT__REPORT_STOPPED, child->id, WSTOPSIG(status));
        kill_group(pid, SIGKILL);
        return;
    }
    if (stopped)
        kill(-pid, SIGKILL);
    tell(zygote, LEAT__REPORT_DIED, child->id, status);
    *child = zygote->children[--zygote->count];
}

static void reap(struct zygote *zygote)
{
    for (;;) {
        siginfo_t info = { .si_pid = 0 };

        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0 ||
            info.si_pid == 0)
            return;
        take_end(zygote, info.si_pid,
                 info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED);
    }
}

static int milliseconds_to_kill(const struct zygote *zygote)
{
    leat_time first = LEAT_NEVER, left;

    for (size_t i = 0; i < zygote->count; i++)
        if (zygote->children[i].kill_at < first)
            first = zygote->children[i].kill_at;
    if (first == LEAT_NEVER)
        return -1;
    left = first - leat_now();
    return left <= 0 ? 0 : (int)((left + LEAT_MSEC - 1) / LEAT_MSEC % 1000000);
}

static void kill_late(struct zygote *zygote)
{
    leat_time now = leat_now();

    for (size_t i = 0; i < zygote->count; i++)
        if (zygote->children[i].kill_at <= now) {
            kill_group(zygote->children[i].pid, SIGKILL);
            zygote->children[i].kill_at = now + LEAT_SEC;
        }
}

static _Noreturn void finish(struct zygote *zygote)
{
    for (size_t i = 0; i < zygote->count; i++)
        kill_group(zygote->children[i].pid, SIGKILL);
    for (size_t i = 0; i < zygote->count; i++)
        while (waitpid(zygote->children[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
    /* A job may have left something behind in a session of its own; it has come to us. */
    while (leat__zygote_kill_children() && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
        ;
    _exit(0);
}

static _Noreturn void live(struct zygote *zygote)
{
    for (;;) {
        struct pollfd polled[] = { { .fd = zygote->socket, .events = POLLIN },
                                   { .fd = zygote->signals, .events = POLLIN } };
        struct signalfd_siginfo info;

        if (poll(polled, 2, milliseconds_to_kill(zygote)) < 0 && errno != EINTR)
            finish(zygote);
        if (polled[1].revents && read(zygote->signals, &info, sizeof info) > 0)
            reap(zygote);
        kill_late(zygote);
        if (polled[0].revents && !take_order(zygote))
            finish(zygote);
    }
}

/* ---- the top of main ---- */

void leat__zygote_live(int socket)
{
    struct zygote zygote = { .socket = socket };

    zygote.signals = leat__zygote_set_up(socket);
    zygote.pid = getpid();
    tell(&zygote, LEAT__REPORT_READY, 0, (int32_t)zygote.pid);
    live(&zygote);
}

void leat_procs_main(int argc, char **argv)
{
    entered = true;
    if (argc == 2 && strcmp(argv[1], LEAT__ZYGOTE_MARK) == 0)
        leat__zygote_live(LEAT__ZYGOTE_SOCKET);
}

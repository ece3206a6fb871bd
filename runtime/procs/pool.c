/* SPDX-License-Identifier: MIT */
/* Opening and closing the pool. It is a scope of a few tasks: the keeper and the timekeeper
 * (keep.c), the collector (collect.c), and two for each worker's output (capture.c). */
#include "procs/pool.h"

#include "base/check.h"
#include "procs/jail.h"
#include "procs/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS_MAX 256u
#define FILES_MIN   16u
#define GRACE       (100 * LEAT_MSEC)

static unsigned cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(getpid(), sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static int resolve(struct leat_procs_options *to, const struct leat_procs_options *from)
{
    if (from) {
        if (from->size != sizeof *from)
            return -EINVAL;
        *to = *from;
    }
    if (to->workers > WORKERS_MAX || to->job_ns < 0 || to->grace_ns < 0 || to->cpu_ns < 0 ||
        (to->files_max > 0 && to->files_max < FILES_MIN))
        return -EINVAL;
    if (to->jail && !leat__jail_possible())
        return -ENOSYS;
    if (to->workers == 0)
        to->workers = cpus();
    if (to->grace_ns == 0)
        to->grace_ns = GRACE;
    return 0;
}

static int open_bell(struct leat_procs *procs)
{
    int pair[2], err;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    /* A worker never waits for us; our own end stays as pipes are. */
    err = fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (!err)
        err = leat_stream_open_fd(&procs->bell, pair[0]);
    if (err) {
        close(pair[0]);
        close(pair[1]);
        return err;
    }
    procs->bell_in = pair[1];
    return 0;
}

static int call_here(struct leat_executor *executor, const struct leat_remote *remote,
                     const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return leat_procs_call((struct leat_procs *)(void *)executor, remote, in, in_bytes, reply);
}

static void free_pool(struct leat_procs *procs)
{
    if (procs->bell_in >= 0)
        close(procs->bell_in);
    leat_close_stream(procs->bell);
    pthread_mutex_destroy(&procs->lock);
    free(procs->workers);
    free(procs);
}

static int build(struct leat_procs *procs)
{
    int err;

    procs->executor = (struct leat_executor){ .name = "process", .call = call_here };
    procs->bell_in = -1;
    procs->socket = -1;
    procs->next_id = 1;
    leat__list_init(&procs->queue);
    procs->workers = calloc(procs->options.workers, sizeof *procs->workers);
    if (!procs->workers)
        return -ENOMEM;
    for (unsigned i = 0; i < procs->options.workers; i++) {
        procs->workers[i].procs = procs;
        procs->workers[i].socket = -1;
    }
    err = open_bell(procs);
    return err ? err : leat__zygote_start(procs);
}

/* End the zygote, and so the workers; the keeper then sees to what is left of them. */
void leat__zygote_shut(struct leat_procs *procs)
{
    pthread_mutex_lock(&procs->lock);
    if (procs->socket >= 0)
        shutdown(procs->socket, SHUT_WR);
    pthread_mutex_unlock(&procs->lock);
}

static int start(struct leat_procs *procs)
{
    int err = leat_spawn(&procs->scope, leat__procs_collect, procs);

    for (unsigned i = 0; !err && i < procs->options.workers; i++) {
        procs->workers[i].start_at = LEAT_NEVER;
        err = leat__proc_start(&procs->workers[i]);
    }
    if (!err)
        err = leat_spawn(&procs->scope, leat__procs_keep_time, procs);
    /* Last: when it is there, close can end everything through it. */
    if (!err)
        err = leat_spawn(&procs->scope, leat__procs_keep, procs);
    return err;
}

/* Before there was a keeper. */
static void undo(struct leat_procs *procs)
{
    leat__zygote_shut(procs);
    leat__zygote_reap(procs);
    pthread_mutex_lock(&procs->lock);
    for (unsigned i = 0; i < procs->options.workers; i++)
        if (procs->workers[i].ring)
            leat__proc_clear(&procs->workers[i]);
    pthread_mutex_unlock(&procs->lock);
    leat_scope_cancel(&procs->scope);
    (void)leat_scope_close(&procs->scope);
}

int leat_procs_open(struct leat_procs **ret, const struct leat_procs_options *options)
{
    struct leat_procs *procs;
    int err;

    leat__check(leat__zygote_ready(), "call leat_procs_main at the top of main: the pool starts "
                                      "the program again, which must not run it again");
    if (!leat_runtime_current())
        return -EPERM;
    procs = calloc(1, sizeof *procs);
    if (!procs)
        return -ENOMEM;
    err = resolve(&procs->options, options);
    if (err) {
        free(procs);
        return err;
    }
    pthread_mutex_init(&procs->lock, NULL);
    err = build(procs);
    if (!err) {
        err = leat_scope_open(&procs->scope, LEAT_SCOPE_OPTIONS(.on_error = LEAT_COLLECT,
                                                                .name = "process pool"));
        if (!err)
            err = start(procs);
        if (err)
            undo(procs);
    }
    if (err) {
        free_pool(procs);
        return err;
    }
    *ret = procs;
    return 0;
}

void leat_procs_close(struct leat_procs *procs)
{
    bool wait;

    if (!procs)
        return;
    leat_shield();
    pthread_mutex_lock(&procs->lock);
    procs->closing = true;
    wait = procs->calls > 0;
    pthread_mutex_unlock(&procs->lock);
    if (wait && leat_semaphore_acquire(&procs->all_returned, 1) != 0)
        leat__check(false, "a shielded wait ends by itself: tell the authors of leat");
    leat__zygote_shut(procs);
    leat_shutdown(procs->bell);
    leat_semaphore_release(&procs->kick, 1);
    leat_scope_cancel(&procs->scope);
    (void)leat_scope_close(&procs->scope);
    leat_unshield();
    free_pool(procs);
}

struct leat_executor *leat_procs_executor(struct leat_procs *procs)
{
    return &procs->executor;
}

void leat_procs_stats_read(struct leat_procs *procs, struct leat_procs_stats *ret)
{
    struct leat_procs_stats stats;

    pthread_mutex_lock(&procs->lock);
    stats = procs->stats;
    stats.queued = procs->queued;
    stats.workers = 0;
    for (unsigned i = 0; i < procs->options.workers; i++)
        stats.workers += procs->workers[i].state != LEAT__PROC_GONE;
    pthread_mutex_unlock(&procs->lock);
    *ret = stats;
}

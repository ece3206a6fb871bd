/* SPDX-License-Identifier: MIT */
/* A service: background tasks that live as long as it does, and a stop that ends them in order.
 *
 * Stopping is asked first (leat_service_pause and leat_service_stopping say so), forced after the
 * grace by a cancel, and waited for in any case.
 *
 * INVARIANTS
 *   I1  A task is counted in the wait group under the lock, while the service is not stopping; so
 *       when stop has seen the group empty, no task is there and none will be. */
#include "lockfree/lock.h"

#include <leat/error.h>
#include <leat/pattern.h>
#include <leat/runtime.h>
#include <leat/sync.h>

#include <errno.h>

struct service {
    struct leat_scope     scope;
    struct leat_waitgroup tasks;
    struct leat_event     stopping;
    struct leat__lock     lock;
    bool                  closed; /* no new tasks; guarded by the lock */
    bool                  ended;  /* stop is through */
    int                   error;  /* the first task's; guarded by the lock */
    const char           *name;
    void (*on_stop)(void *arg);
    void *arg;
} __attribute__((may_alias)); /* lies in a struct leat_service of the caller's */

_Static_assert(sizeof(struct service) <= sizeof(struct leat_service), "it has room");

static struct service *inside(struct leat_service *service)
{
    return (struct service *)(void *)service;
}

int leat_service_start(struct leat_service *public, const struct leat_service_options *options)
{
    struct service *service = inside(public);
    int             err;

    *public = (struct leat_service){ { 0 } };
    service->closed = service->ended = true;
    if (options && options->size != sizeof *options)
        return -EINVAL;
    err = leat_scope_open(&service->scope, LEAT_SCOPE_OPTIONS(.on_error = LEAT_COLLECT));
    if (!err && options && options->on_start)
        err = options->on_start(options->arg);
    if (err < 0) {
        (void)leat_scope_close(&service->scope);
        return err;
    }
    if (options) {
        service->name = options->name;
        service->on_stop = options->on_stop;
        service->arg = options->arg;
    }
    service->closed = service->ended = false;
    return 0;
}

struct background {
    struct service *service;
    leat_task_fn   *fn;
    void           *arg;
    const char     *name;
};

static int run_background(void *arg)
{
    const struct background *task = arg;
    struct service          *service = task->service;
    int                      result = task->fn(task->arg);

    if (result < 0 && result != -ECANCELED && result != -ESHUTDOWN) {
        leat_log(LEAT_LOG_WARN, "%s: %s ended with %s (%s)",
                 service->name ? service->name : "service", task->name ? task->name : "a task",
                 leat_error_name(result), leat_error_text(result));
        leat__lock(&service->lock);
        if (!service->error)
            service->error = result;
        leat__unlock(&service->lock);
    }
    leat_waitgroup_done(&service->tasks);
    return 0;
}

int leat_service_spawn(struct leat_service *public, const char *name, leat_task_fn *fn, void *arg)
{
    struct service   *service = inside(public);
    struct background task = { service, fn, arg, name };
    bool              closed;
    int               err;

    leat__lock(&service->lock);
    closed = service->closed;
    if (!closed)
        leat_waitgroup_add(&service->tasks, 1); /* I1 */
    leat__unlock(&service->lock);
    if (closed)
        return -ESHUTDOWN;
    err = leat_spawn_with(&service->scope, run_background, &task, sizeof task);
    if (err)
        leat_waitgroup_done(&service->tasks);
    return err;
}

bool leat_service_stopping(struct leat_service *service)
{
    return leat_event_is_set(&inside(service)->stopping);
}

int leat_service_pause(struct leat_service *service, leat_time delay)
{
    leat_time until = leat_after(delay);
    LEAT_SCOPE(limit, .deadline = until > 0 ? until : 1);
    int err = leat_event_wait(&inside(service)->stopping);

    if (!err)
        return -ESHUTDOWN;
    return err == -ETIMEDOUT ? 0 : err;
}

static int wait_for_tasks(struct service *service, leat_time grace)
{
    LEAT_LIMIT(grace > 0 ? grace : 0);
    return leat_waitgroup_wait(&service->tasks);
}

int leat_service_stop(struct leat_service *public, leat_time grace)
{
    struct service *service = inside(public);

    if (service->ended)
        return service->error;
    leat__lock(&service->lock);
    service->closed = true; /* I1 */
    leat__unlock(&service->lock);
    leat_event_set(&service->stopping);
    if (wait_for_tasks(service, grace)) {
        if (grace > 0)
            leat_log(LEAT_LOG_WARN, "%s: stopped by force",
                     service->name ? service->name : "service");
        leat_scope_cancel(&service->scope);
    }
    (void)leat_scope_close(&service->scope);
    if (service->on_stop)
        LEAT_SHIELD(LEAT_DEFER_GRACE)
        {
            service->on_stop(service->arg);
        }
    service->ended = true;
    return service->error;
}

void leat_service_cleanup(struct leat_service *service)
{
    (void)leat_service_stop(service, 0);
}

/* SPDX-License-Identifier: MIT */
/* See measure.h. */
#include "task/measure.h"
#include "base/container.h"
#include "platform/depth.h"
#include "task/runtime.h"
#include "task/task.h"

/* With the lock. */
static struct leat__site *site_of(struct leat__measure *measure, uint32_t origin, leat_task_fn *fn)
{
    uint64_t hash = (origin ^ (uintptr_t)fn) * UINT64_C(0x9e3779b97f4a7c15);
    size_t first = (size_t)(hash >> 32) % LEAT__SITES_MAX;

    for (size_t i = 0; i < LEAT__SITES_MAX; i++) {
        struct leat__site *site = &measure->sites[(first + i) % LEAT__SITES_MAX];

        if (site->tasks == 0) {
            site->origin = origin;
            site->fn = fn;
        }
        if (site->origin == origin && site->fn == fn)
            return site;
    }
    return &measure->sites[LEAT__SITES_MAX];
}

/* Counts the task. Returns its site when it is to be measured. */
static struct leat__site *begin(struct leat__measure *measure, uint32_t origin, leat_task_fn *fn)
{
    struct leat__site *site;
    bool wanted;

    leat__lock(&measure->lock);
    site = site_of(measure, origin, fn);
    wanted = site->tasks < LEAT__MEASURE_FIRST || site->tasks % LEAT__MEASURE_EVERY == 0;
    site->tasks++;
    leat__unlock(&measure->lock);
    return wanted ? site : NULL;
}

static void end(struct leat__measure *measure, struct leat__site *site, size_t bytes)
{
    leat__lock(&measure->lock);
    site->measured++;
    if (bytes > site->bytes_max)
        site->bytes_max = bytes;
    leat__unlock(&measure->lock);
}

void leat__task_body_measured(struct leat__fiber *fiber, struct leat__stack *stack)
{
    struct leat__task *task = leat__container_of(fiber, struct leat__task, fiber);
    struct leat__runtime *runtime = leat__worker_runtime(leat__worker_current());
    struct leat__site *site =
        begin(runtime->measure, fiber->origin, leat__task_brief(task)->fn);

    if (site)
        leat__depth_begin(stack);
    leat__task_body(fiber, stack);
    if (site)
        end(runtime->measure, site, leat__depth_end(stack));
}

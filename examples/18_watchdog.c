/* SPDX-License-Identifier: MIT */
/* "Don't block the loop": a task that computes for too long is named in the log. The others go on:
 * they run on another worker. What computes for long belongs on the compute pool. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_bool named;

static void watch(void *arg, enum leat_log_level level, const char *line)
{
    (void)arg;
    if (level == LEAT_LOG_WARN && strstr(line, "\"the hog\""))
        atomic_store(&named, true);
}

static int compute(void *arg)
{
    leat_time until = leat_after(LEAT_SEC);
    (void)arg;

    while (leat_now() < until && !atomic_load(&named))
        ; /* no call that could suspend */
    return 0;
}

static int app(void *arg)
{
    int err;
    (void)arg;

    LEAT_SCOPE(scope);
    leat_spawn_opt(&scope, compute, NULL, LEAT_TASK_OPTIONS(.name = "the hog"));
    err = leat_scope_join(&scope);
    printf("the hog was %s\n", atomic_load(&named) ? "named in the log" : "not seen");
    return err < 0 ? err : leat_compute(compute, NULL); /* where it disturbs nobody */
}

int main(void)
{
    return leat_main(app, NULL, LEAT_OPTIONS(.stall_ns = 20 * LEAT_MSEC, .log = watch));
}

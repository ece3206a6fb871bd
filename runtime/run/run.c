/* SPDX-License-Identifier: MIT */
/* leat_run: assemble a runtime, run the root task, drain, stop, take apart. The calling thread only
 * waits: it keeps the program's signals and its own affinity, and workers come and go with the
 * runtime. */
#include "platform/futex.h"
#include "run/assembly.h"

#include <leat/runtime.h>

static void wait_for_root(struct leat__runtime *runtime)
{
    /* acquire: pairs with the release at the root task's end, for its result */
    while (load_acquire(&runtime->done) == 0)
        (void)leat__futex_wait((uint32_t *)(void *)&runtime->done, 0, LEAT_NEVER);
}

int leat_run(int (*fn)(void *arg), void *arg, const struct leat_options *options)
{
    struct leat__assembly *assembly;
    int err = leat__assembly_create(&assembly, options, false);

    if (err)
        return err;
    err = leat__assembly_start(assembly, fn, arg);
    if (!err) {
        wait_for_root(&assembly->runtime);
        err = leat__assembly_stop(assembly);
    }
    leat__assembly_destroy(assembly, err);
    return err;
}

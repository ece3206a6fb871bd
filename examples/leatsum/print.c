/* SPDX-License-Identifier: MIT */
/* The last stage: batches arrive as they are finished and leave as they are numbered. */
#include "pipeline.h"

#include <stdlib.h>

/* The batch and its place in the window are the source's again. */
static void end_batch(struct pipeline *pipeline, struct batch *batch)
{
    pipeline->slot[batch->sequence % WINDOW] = NULL;
    free(batch);
    leat_semaphore_release(&pipeline->window, 1);
}

int print_batches(struct pipeline *pipeline, const struct job *job)
{
    struct batch *waiting[WINDOW] = { NULL }; /* arrived before their turn */
    struct batch *batch;
    uint64_t      turn = 0;
    int           err;

    while ((err = leat_recv(&pipeline->done, &batch)) == 0) {
        waiting[batch->sequence % WINDOW] = batch;
        while ((batch = waiting[turn % WINDOW]) != NULL) {
            bool last = batch->count == 0;

            for (unsigned i = 0; i < batch->count && err == 0; i++)
                err = job->print(pipeline, job->arg, batch, &batch->items[i]);
            if (err < 0)
                return err;
            waiting[turn++ % WINDOW] = NULL;
            end_batch(pipeline, batch);
            if (last)
                return 0;
        }
        /* On a terminal somebody is watching. */
        if (pipeline->console->mixed && (err = console_flush(pipeline->console)) < 0)
            break;
    }
    return err;
}

/* SPDX-License-Identifier: MIT */
/* What the runtime calls of the C library, under the names of runtime_names.h: giving way, locks
 * (whose holder may be a virtual thread that does not run now), and memory, which runs out by the
 * seed. */
#include "sim/sim.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

int   leat__sim_sched_yield(void);
int   leat__sim_mutex_lock(pthread_mutex_t *mutex);
int   leat__sim_mutex_unlock(pthread_mutex_t *mutex);
void *leat__sim_malloc(size_t bytes);
void *leat__sim_calloc(size_t count, size_t bytes);
void *leat__sim_realloc(void *old, size_t bytes);
void *leat__sim_reallocarray(void *old, size_t count, size_t bytes);
void *leat__sim_aligned_alloc(size_t alignment, size_t bytes);

int leat__sim_sched_yield(void)
{
    if (!leat__sim_on)
        return sched_yield();
    leat__sim_yield();
    return 0;
}

int leat__sim_mutex_lock(pthread_mutex_t *mutex)
{
    if (!leat__sim_on)
        return pthread_mutex_lock(mutex);
    while (pthread_mutex_trylock(mutex) != 0)
        (void)leat__sim_block(mutex, LEAT_NEVER, "waits for a mutex", false);
    return 0;
}

int leat__sim_mutex_unlock(pthread_mutex_t *mutex)
{
    int err = pthread_mutex_unlock(mutex);

    if (leat__sim_on)
        leat__sim_wake(mutex, 1);
    return err;
}

/* With errno set, as the C library does. */
static bool runs_out(void)
{
    if (!leat__sim_on || !leat__sim_fault(leat__sim_config()->no_memory))
        return false;
    leat__sim_note("no memory", 0);
    errno = ENOMEM;
    return true;
}

void *leat__sim_malloc(size_t bytes)
{
    return runs_out() ? NULL : malloc(bytes);
}

void *leat__sim_calloc(size_t count, size_t bytes)
{
    return runs_out() ? NULL : calloc(count, bytes);
}

void *leat__sim_realloc(void *old, size_t bytes)
{
    return runs_out() ? NULL : realloc(old, bytes);
}

void *leat__sim_reallocarray(void *old, size_t count, size_t bytes)
{
    return runs_out() ? NULL : reallocarray(old, count, bytes);
}

void *leat__sim_aligned_alloc(size_t alignment, size_t bytes)
{
    return runs_out() ? NULL : aligned_alloc(alignment, bytes);
}

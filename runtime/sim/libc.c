/* SPDX-License-Identifier: MIT */
/* What the runtime calls of the C library, under the names of runtime_names.h: giving way, locks
 * (whose holder may be a virtual thread that does not run now), and memory, which runs out by the
 * seed. */
#include "sim/faults.h"
#include "sim/process.h"
#include "sim/process_calls.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

int   leat__sim_sched_yield(void);
int   leat__sim_mutex_lock(pthread_mutex_t *mutex);
int   leat__sim_mutex_unlock(pthread_mutex_t *mutex);
void *leat__sim_malloc(size_t bytes);
void *leat__sim_calloc(size_t count, size_t bytes);
void *leat__sim_realloc(void *old, size_t bytes);
void *leat__sim_reallocarray(void *old, size_t count, size_t bytes);
void *leat__sim_aligned_alloc(size_t alignment, size_t bytes);
void  leat__sim_free(void *memory);

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
    leat__sim_wrong(LEAT__SIM_MEMORY, ENOMEM, 0);
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
    if (leat__sim_process_id() != 0)
        return runs_out() ? NULL : leat__sim_process_realloc(old, bytes);
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

/* ---- what was freed stays as it was filled for a while: who writes to it is found ---- */

#define GRAVES      256
#define GRAVE_BYTES 4096 /* of a larger one, the first */
#define FILLING     0xa5

static void *graves[GRAVES];
static unsigned grave_next;

static size_t grave_bytes(void *memory)
{
    size_t bytes = malloc_usable_size(memory);

    return bytes < GRAVE_BYTES ? bytes : GRAVE_BYTES;
}

static void let_go(void **grave)
{
    unsigned char *memory = *grave;
    size_t bytes = memory ? grave_bytes(memory) : 0, at = 0;

    *grave = NULL;
    /* bytes of one value: each is the one before it */
    if (bytes > 0 && (memory[0] != FILLING || memcmp(memory, memory + 1, bytes - 1) != 0)) {
        while (memory[at] == FILLING)
            at++;
        leat__sim_fail("memory that was freed was written to, at byte %zu of %zu", at, bytes);
    }
    free(memory);
}

void leat__sim_free(void *memory)
{
    if (!leat__sim_on || !memory) {
        free(memory);
        return;
    }
    memset(memory, FILLING, grave_bytes(memory));
    let_go(&graves[grave_next]);
    graves[grave_next] = memory;
    grave_next = (grave_next + 1) % GRAVES;
}

void leat__sim_free_all(void)
{
    for (unsigned i = 0; i < GRAVES; i++)
        let_go(&graves[i]);
    grave_next = 0;
}

/* SPDX-License-Identifier: MIT */
/* Stands in for pthread_mutex_lock and its like, to know which of them a thread holds: a task that
 * suspends with one leaves its worker to tasks that may wait for it, and may itself go on on a
 * thread that cannot unlock it. What is done with that knowledge is in task/held.c.
 *
 * In a debug build part of the library; otherwise libleat_debug, linked or preloaded. Each call
 * goes on to the C library's, found behind us by name. Recursive locks count each time. C11's
 * mtx_lock is the C library's own matter and not seen, nor are locks taken inside of it.
 *
 * A thread's list is its own: no lock, no atomic. It is read at its thread's suspensions. */
#include "task/held.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX 16 /* more are held, but not known */

static __thread struct {
    size_t                    count;
    struct leat__held_pthread holds[MAX];
} mine;

/* Set before main, or while no other thread runs tasks (I1 of held.h). */
static const void *(*whose)(void);
static void (*tell_foreign)(const struct leat__held_pthread *hold);

size_t leat__pthreads_held(struct leat__held_pthread *holds, size_t max)
{
    size_t count = mine.count < max ? mine.count : max;

    for (size_t i = 0; i < count; i++)
        holds[i] = mine.holds[i];
    return count;
}

void leat__pthreads_watch(const void *(*who)(void),
                          void (*foreign)(const struct leat__held_pthread *hold))
{
    whose = who;
    tell_foreign = foreign;
}

/* ---- the list ---- */

static void took(const void *mutex, const void *from)
{
    if (whose && mine.count < MAX)
        mine.holds[mine.count++] = (struct leat__held_pthread){ mutex, from, whose() };
}

static void gave(const void *mutex)
{
    for (size_t i = mine.count; i-- > 0;) {
        if (mine.holds[i].mutex != mutex)
            continue;
        for (size_t j = i + 1; j < mine.count; j++)
            mine.holds[j - 1] = mine.holds[j];
        mine.count--;
        return;
    }
}

/* About to wait for one: another task of this thread that holds it will not run meanwhile. */
static void wants(const void *mutex)
{
    const void *who = whose ? whose() : NULL;

    for (size_t i = 0; who && i < mine.count; i++)
        if (mine.holds[i].mutex == mutex && mine.holds[i].who && mine.holds[i].who != who)
            tell_foreign(&mine.holds[i]);
}

/* ---- what the C library has ---- */

typedef int mutex_fn(pthread_mutex_t *mutex);
typedef int timed_fn(pthread_mutex_t *mutex, const struct timespec *until);
typedef int clock_fn(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until);

/* A program that is linked statically has no second one of that name. */
static _Noreturn __attribute__((cold, noinline)) void refuse(void)
{
    static const char sentence[] = "leat: a debug build watches pthread mutexes and cannot be "
                                   "linked with -static: use another build, or leave -static out\n";

    (void)!write(STDERR_FILENO, sentence, sizeof sentence - 1);
    abort();
}

/* Whoever comes first, and several may, finds the same. */
static void *find(LEAT_ATOMIC(void *) *known, const char *name)
{
    void *fn = load_relaxed(known); /* relaxed, both: a function, which was always there */

    if (!fn) {
        fn = dlsym(RTLD_NEXT, name);
        if (!fn)
            refuse();
        store_relaxed(known, fn);
    }
    return fn;
}

LEAT_API int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static LEAT_ATOMIC(void *) next;
    int err;

    wants(mutex);
    err = ((mutex_fn *)find(&next, "pthread_mutex_lock"))(mutex);
    if (!err)
        took(mutex, __builtin_return_address(0));
    return err;
}

LEAT_API int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    static LEAT_ATOMIC(void *) next;
    int err = ((mutex_fn *)find(&next, "pthread_mutex_trylock"))(mutex);

    if (!err)
        took(mutex, __builtin_return_address(0));
    return err;
}

LEAT_API int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
    static LEAT_ATOMIC(void *) next;
    int err;

    wants(mutex);
    err = ((timed_fn *)find(&next, "pthread_mutex_timedlock"))(mutex, until);

    if (!err)
        took(mutex, __builtin_return_address(0));
    return err;
}

LEAT_API int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                     const struct timespec *until)
{
    static LEAT_ATOMIC(void *) next;
    int err;

    wants(mutex);
    err = ((clock_fn *)find(&next, "pthread_mutex_clocklock"))(mutex, clock, until);

    if (!err)
        took(mutex, __builtin_return_address(0));
    return err;
}

LEAT_API int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    static LEAT_ATOMIC(void *) next;

    gave(mutex);
    return ((mutex_fn *)find(&next, "pthread_mutex_unlock"))(mutex);
}

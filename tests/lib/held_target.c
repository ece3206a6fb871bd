/* SPDX-License-Identifier: MIT */
/* What tests/tools/held.sh runs with libleat_debug preloaded: pthread mutexes around tasks'
 * suspensions, one way for each argument. */
#include <leat/leat.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static int sleeps(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    (void)leat_sleep(LEAT_USEC);
    pthread_mutex_unlock(&lock);
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    return leat_sleep(10 * LEAT_MSEC);
}

static int joins(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    leat_spawn(&scope, sleep_a_little, NULL);
    leat_yield(); /* so that it is not run in place */
    pthread_mutex_lock(&lock);
    (void)leat_scope_join(&scope);
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Its parent holds it, and it runs on its parent's stack. */
static int locks_too(void *arg)
{
    struct timespec until;

    (void)arg;
    clock_gettime(CLOCK_REALTIME, &until);
    (void)(pthread_mutex_timedlock(&lock, &until) == 0 && pthread_mutex_unlock(&lock));
    return leat_sleep(LEAT_USEC);
}

static int joins_in_place(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    pthread_mutex_lock(&lock);
    leat_spawn(&scope, locks_too, NULL);
    (void)leat_scope_join(&scope);
    pthread_mutex_unlock(&lock);
    return 0;
}

static int spends(void *arg)
{
    struct leat_semaphore permits = LEAT_SEMAPHORE_INIT(0);

    (void)arg;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 1000; i++) { /* each succeeds at once: the budget ends before that */
        leat_semaphore_release(&permits, 1);
        if (leat_semaphore_acquire(&permits, 1) != 0)
            break;
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Correct in every way. */
static int correct(void *arg)
{
    pthread_mutex_t recursive;
    pthread_mutexattr_t kind;
    struct timespec until;

    (void)arg;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    if (leat_sleep(LEAT_USEC))
        return -1;
    if (pthread_mutex_trylock(&lock) == 0)
        pthread_mutex_unlock(&lock);
    leat_yield();
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&recursive, &kind);
    pthread_mutex_lock(&recursive);
    pthread_mutex_lock(&recursive);
    pthread_mutex_unlock(&recursive);
    pthread_mutex_unlock(&recursive);
    pthread_mutex_destroy(&recursive);
    if (leat_sleep(LEAT_USEC))
        return -1;
    pthread_mutex_lock(&lock);
    clock_gettime(CLOCK_REALTIME, &until);
    (void)pthread_cond_timedwait(&changed, &lock, &until);
    pthread_mutex_unlock(&lock);
    return leat_sleep(LEAT_USEC);
}

static int all_correct(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    for (int i = 0; i < 20; i++)
        leat_spawn(&scope, correct, NULL);
    return leat_scope_join(&scope);
}

int main(int argc, char **argv)
{
    static const struct {
        const char   *name;
        leat_task_fn *fn;
        bool          outside; /* the thread that runs it all holds the mutex, and no task does */
    } ways[] = {
        { "sleeps", sleeps, false },  { "joins", joins, false },
        { "spends", spends, false },  { "joins_in_place", joins_in_place, false },
        { "correct", all_correct, false }, { "outside", sleep_a_little, true },
        { "nothing", nothing, false },
    };
    int err = -1;

    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(argv[1], ways[i].name) != 0)
            continue;
        if (ways[i].outside)
            pthread_mutex_lock(&lock);
        err = leat_run(ways[i].fn, NULL, LEAT_OPTIONS(.workers = 1));
        if (ways[i].outside)
            pthread_mutex_unlock(&lock);
    }
    return err ? 1 : 0;
}

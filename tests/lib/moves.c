/* SPDX-License-Identifier: MIT */
/* R11: the right worker and the right errno after every suspension, for tests/tools/moves.sh, which
 * compiles it by each compiler and at each level, alone and together with the library.
 *
 *     moves COUNT          prints `moves=N fail=N`; exit status 1 when one failed or was not made
 *
 * Each suspension ends on another worker, and not by chance: a pinned task on every worker takes
 * requests, and whom it wakes runs next on its own worker. errno is set before and read after the
 * suspension in one function, where a compiler that kept its address would use it. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORKERS 3
#define MOVERS  24

static struct server {
    atomic_bool             taken;
    long                    thread; /* the kernel's number of this worker's */
    union { struct leat_chan *chan; struct request *type; } requests;
} servers[WORKERS];

struct request {
    struct leat_semaphore *wake;
};

static atomic_long  moves, failures, strays;
static long         moves_each;
static _Thread_local int own_number; /* differs from thread to thread, as errno's address does */

static int serve(void *arg)
{
    struct server *server = arg;
    struct request request;
    int err;

    server->thread = syscall(SYS_gettid);
    own_number = (int)(server - servers) + 1;
    while ((err = leat_recv(&server->requests, &request)) == 0)
        leat_semaphore_release(request.wake, 1);
    return err == -EPIPE ? 0 : err;
}

/* Whichever worker this runs on gets its server, if it has none. */
static int place(void *arg)
{
    struct leat_scope *scope = arg;
    leat_time until = leat_now() + 200 * LEAT_USEC;
    int here;

    while (leat_now() < until)
        ;
    here = leat_worker();
    if (!atomic_exchange(&servers[here].taken, true))
        return leat_spawn_opt(scope, serve, &servers[here], LEAT_TASK_OPTIONS(.pinned = true));
    return 0;
}

static int place_all(struct leat_scope *scope)
{
    int placed = 0;

    for (int tries = 0; placed < WORKERS && tries < 10000; tries++) {
        LEAT_SCOPE(placing);

        for (int i = 0; i < 4 * WORKERS; i++)
            leat_spawn(&placing, place, scope);
        if (leat_sleep(LEAT_MSEC) || leat_scope_join(&placing))
            return -ECANCELED;
        placed = 0;
        for (int i = 0; i < WORKERS; i++)
            placed += atomic_load(&servers[i].taken);
    }
    return placed == WORKERS ? 0 : -EAGAIN;
}

/* One suspension: begins on one worker, ends on `target`. */
static int move(struct leat_semaphore *wake, int target, int value)
{
    struct request request = { wake };
    int err;

    errno = value;
    err = leat_send(&servers[target].requests, &request);
    if (err)
        return err;
    if (errno != value)
        atomic_fetch_add(&failures, 1);
    err = leat_semaphore_acquire(wake, 1);
    if (errno != value)
        atomic_fetch_add(&failures, 1);
    return err;
}

static int roam(void *arg)
{
    struct leat_semaphore wake = { { 0 } };
    int number = *(int *)arg;

    for (long i = 0; i < moves_each; i++) {
        int before = leat_worker();
        int target = (before + 1 + (int)(i + number) % (WORKERS - 1)) % WORKERS;
        int err = move(&wake, target, 1000 + number), here = leat_worker();

        if (err)
            return err;
        atomic_fetch_add(here == before ? &strays : &moves, 1);
        /* the accessor, the kernel and the thread-local agree on where this is */
        if (here < 0 || here >= WORKERS || syscall(SYS_gettid) != servers[here].thread ||
            own_number != here + 1)
            atomic_fetch_add(&failures, 1);
    }
    return 0;
}

static int app(void *arg)
{
    int numbers[MOVERS], err;
    LEAT_SCOPE(serving);
    LEAT_SCOPE(moving);

    (void)arg;
    for (int i = 0; i < WORKERS; i++)
        if ((err = leat_chan_open(&servers[i].requests, .capacity = MOVERS)) != 0)
            return err;
    err = place_all(&serving);
    for (int i = 0; i < MOVERS && !err; i++) {
        numbers[i] = i;
        err = leat_spawn(&moving, roam, &numbers[i]);
    }
    if (leat_scope_join(&moving) < 0 || err)
        return -EIO;
    for (int i = 0; i < WORKERS; i++)
        leat_close(&servers[i].requests);
    err = leat_scope_join(&serving);
    for (int i = 0; i < WORKERS; i++)
        leat_chan_destroy(&servers[i].requests);
    return err;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 10000;
    int err;

    moves_each = count / MOVERS + 1;
    err = leat_run(app, NULL, LEAT_OPTIONS(.workers = WORKERS));
    printf("moves=%ld stayed=%ld fail=%ld\n", atomic_load(&moves), atomic_load(&strays),
           atomic_load(&failures));
    if (err)
        fprintf(stderr, "moves: %s\n", leat_error_name(err));
    return err || atomic_load(&failures) > 0 || atomic_load(&moves) < count / 2;
}

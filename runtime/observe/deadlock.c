/* SPDX-License-Identifier: MIT */
/* Deadlock: every task waits for another one, and nothing else is there that could wake any.
 *
 * A claim about a whole process, so each part of it is looked at, the cheap ones first: nobody
 * holds (leat_hold); in each runtime no timer is set, and every live task is in a wait that only
 * another task can end (leat__reason.inner, or a join); every thread of the process is a worker, a
 * pool's, the watching one, a leat_run's caller, or one of the kernel's for io_uring. Any other
 * thread could send to a channel in a moment, and nobody can know that it will not. All this
 * between two looks at the counters that show all workers asleep, and the same; and once more at
 * the next look, some milliseconds later, before anybody is told.
 *
 * Then the waits of one runtime end, and of the others only if they are stuck still: what unwinds
 * may wake them. A wait for what another task does on the caller's memory (LEAT__INNER_OWED)
 * counts, and is left to that.
 *
 * Where a thread of the program is all that speaks against it, nobody tells when that has ended: so
 * threads are counted again now and then, and tasks only when there are none but ours.
 *
 * A live task that waits for something outside is a witness against; the last one is asked first,
 * so that a server without requests, with a million tasks behind locks, costs one look.
 *
 * INVARIANTS
 *   I1  Only waits whose generation was seen in the deadlock are ended: whoever was woken by then,
 *       and waits anew, is left alone.
 *   I2  A verdict is passed on tasks that did not move while they were looked at: all workers, of
 *       every runtime, slept before and after, and made no turn in between (leat__sched_is_still).
 * ORDERING
 *   O1  The blocks are read while nobody writes them: what the workers wrote before they slept is
 *       visible since leat__sched_is_still took the lock under which they went to sleep. */
#include "base/check.h"
#include "blocking/pool.h"
#include "compute/pool.h"
#include "observe/dump.h"
#include "observe/registry.h"
#include "platform/peek.h"
#include "sched/sched.h"

#include <leat/observe.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static LEAT_ATOMIC(int) holds;

void leat_hold(void)
{
    fetch_add_seq_cst(&holds, 1); /* seq_cst: no proof is needed for what is called so rarely */
}

void leat_release(void)
{
    leat__check(fetch_sub_seq_cst(&holds, 1) > 0, "leat_release without a leat_hold before it");
    leat__observe_ring();
}

/* ---- threads ---- */

static bool is_kernels(const char *id)
{
    char path[64], name[8] = "";
    int fd;

    if (strlen(id) > 20)
        return false;
    strcpy(path, "/proc/self/task/");
    strcat(path, id);
    strcat(path, "/comm");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (read(fd, name, sizeof name - 1) < 0)
        name[0] = '\0';
    close(fd);
    return strncmp(name, "iou-", 4) == 0;
}

/* Returns how many threads the process has, or a great many when that cannot be told. */
static unsigned count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned count = 0;

    if (!folder)
        return 1u << 30;
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.' && !is_kernels(entry->d_name))
            count++;
    closedir(folder);
    return count;
}

/* Adds those of a runtime, and the one in its leat_run. Returns false when that cannot be told: one
 * that starts is counted before it is there, and would hide another thread. (The first worker of an
 * embedded runtime is its caller: not told either.) */
static bool add_threads(struct leat__runtime *runtime, unsigned *count)
{
    unsigned blocking, idle;

    leat__blocking_count(runtime->blocking, &blocking, &idle);
    *count += leat__sched_workers(runtime->sched) + blocking +
              leat__compute_count(runtime->compute) + 1;
    return idle == blocking && !runtime->driver;
}

bool leat__deadlock_alone(void)
{
    unsigned ours = 1; /* the one that watches */

    for (struct leat__observed *at = leat__registry_first(); at; at = at->next)
        if (!add_threads(at->runtime, &ours))
            return false;
    return count_threads() <= ours;
}

/* ---- tasks ---- */

static bool waits_inside(const struct leat__sight *sight, bool *owed)
{
    struct leat__reason reason;

    *owed = true;
    if (sight->state == LEAT__SIGHT_INPLACE)
        return true;
    if (sight->state != LEAT__SIGHT_WAITING || sight->timed || !sight->reason ||
        !leat__peek(sight->reason, &reason, sizeof reason))
        return false;
    *owed = reason.inner == LEAT__INNER_OWED;
    return reason.inner != LEAT__OUTER;
}

struct stuck {
    struct leat__task *task;
    struct leat__sight sight;
};

struct all_stuck {
    struct stuck *tasks;
    size_t        count, room;
};

static void note(struct all_stuck *all, struct leat__task *task, const struct leat__sight *sight)
{
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 64;
        struct stuck *more = reallocarray(all->tasks, room, sizeof *more);

        if (!more)
            return; /* ended in the next round: this one ends others first */
        all->tasks = more;
        all->room = room;
    }
    all->tasks[all->count++] = (struct stuck){ task, *sight };
}

/* Do they all wait inside? Notes those whose wait can be ended. */
static bool all_wait_inside(struct leat__observed *observed, struct all_stuck *all)
{
    struct leat__walk walk = leat__walk_begin(observed->runtime);
    struct leat__task *task;
    struct leat__sight sight;
    size_t live = 0;
    bool owed;

    while ((task = leat__walk_next(&walk))) {
        if (!leat__sight_take(&sight, task, NULL, 0)) {
            if (leat__task_is_live(task))
                return false; /* it changed too fast: so it is not stuck */
            continue;
        }
        if (!waits_inside(&sight, &owed)) {
            observed->witness = task;
            return false;
        }
        live++;
        if (sight.ticket && !owed)
            note(all, task, &sight);
    }
    return live > 0;
}

static bool timers_are_set(struct leat__runtime *runtime)
{
    bool set = false;

    for (unsigned i = 0; i < leat__sched_workers(runtime->sched); i++)
        set |= leat__wheel_armed(&runtime->wheels[i]) > 0;
    return set;
}

static bool witness_speaks(const struct leat__observed *observed)
{
    struct leat__sight sight;
    bool owed;

    return observed->witness && leat__sight_take(&sight, observed->witness, NULL, 0) &&
           !waits_inside(&sight, &owed);
}

static bool is_stuck(struct leat__observed *observed, struct all_stuck *all)
{
    return !timers_are_set(observed->runtime) && !witness_speaks(observed) &&
           all_wait_inside(observed, all);
}

/* ---- the verdict ---- */

/* All workers of all runtimes sleep; `moved` tells whether any has been awake in between. */
static bool all_are_still(uint64_t *moved)
{
    bool still = true;

    *moved = 0;
    for (struct leat__observed *at = leat__registry_first(); at && still; at = at->next) {
        uint64_t own;

        still = leat__sched_is_still(at->runtime->sched, &own);
        *moved += own;
    }
    return still;
}

/* Are all runtimes stuck, the one that is looked at first? Returns whose waits are to be ended, the
 * first that has any, with them; NULL: nobody's. */
static struct leat__observed *find_victim(struct leat__observed *observed, struct all_stuck *all)
{
    struct leat__observed *victim = observed;

    if (!is_stuck(observed, all))
        return NULL;
    for (struct leat__observed *at = leat__registry_first(); at; at = at->next) {
        struct all_stuck theirs = { 0 };
        bool stuck = at == observed || is_stuck(at, &theirs);

        if (stuck && all->count == 0 && theirs.count > 0) {
            struct all_stuck none = *all;

            *all = theirs;
            theirs = none;
            victim = at;
        }
        free(theirs.tasks);
        if (!stuck)
            return NULL;
    }
    return all->count > 0 ? victim : NULL;
}

static void end_it(struct leat__runtime *runtime, const struct all_stuck *all)
{
    /* relaxed: one thread writes it, and the end of the last task orders it for leat_run */
    if (!load_relaxed(&runtime->deadlocked)) {
        leat__log(runtime, LEAT_LOG_ERROR,
                  "deadlock: every task waits for another one; their waits end with EDEADLK");
        if (runtime->log_level >= LEAT_LOG_ERROR)
            for (struct leat__observed *at = leat__registry_first(); at; at = at->next)
                (void)leat__dump_runtime(at->runtime, STDERR_FILENO);
    }
    store_relaxed(&runtime->deadlocked, true);
    leat__sights_end();
    for (size_t i = 0; i < all->count; i++)
        leat__sight_end(&all->tasks[i].sight, all->tasks[i].task);
}

bool leat__deadlock_look(struct leat__observed *observed)
{
    struct leat__observed *victim;
    struct all_stuck all = { 0 };
    uint64_t before, after;
    bool again = false;

    observed->foreign = false;
    if (!leat__sched_is_still(observed->runtime->sched, &before))
        return true;
    if (load_seq_cst(&holds) > 0 || !all_are_still(&before)) /* I2, O1 */
        return false;
    victim = find_victim(observed, &all);
    if (!victim) {
        /* a task has been found that waits for something outside, or changes */
    } else if (!leat__deadlock_alone()) {
        observed->foreign = true;
    } else if (!all_are_still(&after) || after != before || observed->suspected != before) {
        observed->suspected = before; /* nothing moved since: then the next look tells */
        again = true;
    } else {
        end_it(victim->runtime, &all);
        again = true;
    }
    free(all.tasks);
    return again;
}

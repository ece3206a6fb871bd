/* SPDX-License-Identifier: MIT */
/* Tests under simulation: a program's tasks on one thread, in virtual time, with every decision of
 * the scheduler taken by a seed. Link with leat::sim (libleat_sim) instead of leat::leat
 * (and of leat::procs, which is part of it: its processes are then virtual threads).
 *
 *     LEAT_TEST_SIM(orders, a_retry_gives_up_after_a_day, .seeds = 1000)
 *     {
 *         leat_sim_expect(place_order() == -ETIMEDOUT);     // runs as the root task of a runtime
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         return leat_sim_main(argc, argv);
 *     }
 *
 * Each seed is one run: it draws how many workers there are, which of them goes on at each
 * operation that another thread could see, and, where .faults is set, which allocations, threads
 * and operations fail. Time passes when nobody can run, and then at once. What a run finds (a
 * failed expectation, a lost wake-up, a deadlock, a crash) is reported with the last decisions and
 * with the command that does it again: LEAT_SIM=seed in the environment repeats that seed alone, in
 * this process, so that a debugger can be used. Behind the seed stands what is fixed instead of
 * drawn, as in LEAT_SIM=17:workers=2,size=4. Of most use:
 *     workers      1 to 8                       size, capacity  leat_sim_size, leat_sim_capacity
 *     strategy     who goes on: 0 anybody; 1 who has the highest priority, which changes at two
 *                  points (PCT of depth 3); 2 anybody but one, who starves; 3 each in turn
 *     personality  of descriptors: 0 the kernel completes operations; 1 it says what is ready
 *     watch        0: no watching thread        fine            1: a decision at relaxed operations
 *     no_memory, no_thread, io_error, io_short, io_late, reorder, stall, spurious, death
 *                  how many in a thousand fail so; death: of processes
 *
 * A program that is linked with leat::sim runs as usual while LEAT_SIM is not set; with it, each of
 * its leat_run calls is simulated. Only the threads of the runtime are: a program's own threads,
 * clocks and descriptors that leat knows nothing of stay real. To a program that is linked with
 * leat::leat LEAT_SIM means nothing.
 */
#ifndef LEAT_TESTING_H
#define LEAT_TESTING_H

#include <leat/api.h>
#include <leat/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

#define LEAT_SIM_TEXT_BYTES 16384

struct leat_sim_report {
    uint64_t  seeds;       /* that were run */
    uint64_t  seed;        /* the last one: the one that failed, if one did */
    int       result;      /* of that */
    uint64_t  hash;        /* of its trace: the same seed gives the same in every process */
    uint64_t  decisions;   /* all of its seeds': when another thread went on */
    uint64_t  points;      /* all of its seeds': where one could have */
    uint64_t  suspensions; /* leat_sim_cancel_everywhere: at which it cancelled */
    leat_time time;        /* virtual, that the last one took */
    char      again[512];  /* what to set to repeat it: "LEAT_SIM=17:workers=2" */
    char      text[LEAT_SIM_TEXT_BYTES]; /* what was found; empty: nothing */
};

/* Zero means the default everywhere. */
struct leat_sim_options {
    size_t      size;   /* sizeof(struct leat_sim_options); LEAT_SIM_OPTIONS sets it */
    uint64_t    seed;   /* the first; default 1 */
    uint64_t    seeds;  /* one after the other; default 1 */
    bool        faults; /* a quarter of the seeds have some */
    bool        here;   /* in this process, which a failure then ends; else in a child, so that
                           what fn writes to memory is lost with it */
    bool        brief;  /* of a failure only the report is made: nothing is printed or tried anew */
    const char *with;   /* fixed instead of drawn: "workers=2,strategy=1", see above */
    const char *name;   /* "suite.name", for reports and for the file that LEAT_SIM_SEEDS names */
    int       (*check)(void *arg); /* a root task after fn's; not 0: the seed failed */
    bool      (*failed)(void);     /* asked after each seed: of another test framework */
    struct leat_sim_report *report; /* filled, if not NULL */
    uint64_t    reserved[6];
};

#define LEAT_SIM_OPTIONS(...)                                                                      \
    (&(const struct leat_sim_options){                                                             \
        LEAT__SIM_OPTIONS(__VA_ARGS__, .size = sizeof(struct leat_sim_options)) })
#define LEAT__SIM_OPTIONS(...) __VA_ARGS__

/* Run fn(arg) as the root task of a simulated runtime, once for each seed, until one fails: fn
 * returned something else than 0, or the simulation found something. What fails is reported on
 * standard error, and tried anew with fewer workers, less to do and fewer faults, so that the
 * report may show a smaller one. Seeds that the file LEAT_SIM_SEEDS names for this test come first.
 * Returns 0; what fn returned; -ENOTRECOVERABLE when something was found; -EINVAL, -ENOMEM, -EAGAIN
 * (no child).
 * Threads: a plain thread, the only one of its process; no task. */
LEAT_API LEAT_MUST_CHECK int leat_sim_run(int (*fn)(void *arg), void *arg,
                                          const struct leat_sim_options *options);

/* Run fn(arg) as a task in a scope of its own; once without a cancel, to count how often the tasks
 * in that scope suspend, then once for each of these points with the scope cancelled there, and
 * once for each with its deadline there. All of that for each seed. fn may return what it likes;
 * .check, which runs in the same runtime when fn has ended, says whether nothing was lost.
 * Returns, and is called, as leat_sim_run. */
LEAT_API LEAT_MUST_CHECK int leat_sim_cancel_everywhere(int (*fn)(void *arg), void *arg,
                                                        const struct leat_sim_options *options);

/* Run fn(arg) as the root task; once as it is, to count its I/O calls, then once for each of them
 * and each way in which it may go wrong (every errno it can give, fewer bytes than asked, a peer
 * that is never heard of again), with that one call failing so. All of that for each seed. fn
 * returns 0 where it lived through that, as it should. The report's .suspensions counts faults.
 * Returns, and is called, as leat_sim_run. */
LEAT_API LEAT_MUST_CHECK int leat_sim_fault_everywhere(int (*fn)(void *arg), void *arg,
                                                       const struct leat_sim_options *options);

/* ---- the simulated world ----
 *
 * Sockets of leat/net.h meet each other inside it, over a loopback of its own, on which "localhost"
 * is the one name; paths lead into a tree of files of its own, which has an empty /tmp at first.
 * What a test wants to be there besides, it makes by these; elsewhere they make real ones. */

/* A pipe, or two local sockets that are connected: for leat_stream_open_fd. Return 0 or -errno. */
LEAT_API LEAT_MUST_CHECK int leat_sim_pipe(int fds[2]);
LEAT_API LEAT_MUST_CHECK int leat_sim_pair(int fds[2]);

/* close(2) of one that no stream has taken. Returns 0 or -errno. */
LEAT_API int leat_sim_close(int fd);

/* A file of these bytes at an absolute path, and the directories that lead to it. Returns 0, or
 * -EPERM outside of a simulation. */
LEAT_API LEAT_MUST_CHECK int leat_sim_file(const char *path, const void *data, size_t bytes);

/* In a simulation: it failed, with this sentence. Elsewhere: prints it, and aborts. */
LEAT_API void leat_sim_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#define leat_sim_expect(cond)                                                                      \
    ((cond) ? (void)0 : leat_sim_fail("expected: %s (%s:%d)", #cond, __FILE__, __LINE__))

/* In a registered function (leat/remote.h): its process ends with that status, or dies of that
 * signal (SIGSTOP stops it), be the process real or one of a simulation, which is a thread of the
 * program's: what that had allocated by itself is then lost. */
LEAT_API void leat_sim_exit(int status) __attribute__((noreturn));
LEAT_API void leat_sim_raise(int signal);

/* A number below n by the seed; 0 outside of a simulation. */
LEAT_API uint32_t leat_sim_choose(uint32_t n);

/* How much the seed wants done, 1 to 100, and how much what has a capacity should hold, 1 to 64:
 * what is found is tried anew with less. Outside of a simulation 1. */
LEAT_API uint32_t leat_sim_size(void);
LEAT_API uint32_t leat_sim_capacity(void);

/* Whether anything can fail in this run that would not fail by itself. */
LEAT_API bool leat_sim_has_faults(void);

/* Another thread may go on here: between two steps of the program's own that could race. */
LEAT_API void leat_sim_point(void);

/* Compute for so long: time passes, other threads run, and the caller's worker is held. */
LEAT_API void leat_sim_compute(leat_time length);

/* ---- tests that register themselves ---- */

struct leat_sim_test {
    const char             *suite;
    const char             *name;
    const char             *file;
    int                     line;
    void                  (*body)(void);
    struct leat_sim_options options;
    struct leat_sim_test   *next;
};

/* Define a test, whose body is the root task of a runtime. Options are those of leat_sim_run. */
#define LEAT_TEST_SIM(suite_, name_, ...)                                                          \
    static void leat__sim_##suite_##_##name_(void);                                                \
    __attribute__((constructor)) static void leat__sim_##suite_##_##name_##_register(void)         \
    {                                                                                              \
        static struct leat_sim_test leat__test = {                                                 \
            #suite_, #name_, __FILE__, __LINE__, leat__sim_##suite_##_##name_,                     \
            { .size = sizeof(struct leat_sim_options), __VA_ARGS__ }, NULL                         \
        };                                                                                         \
        leat_sim_register(&leat__test);                                                            \
    }                                                                                              \
    static void leat__sim_##suite_##_##name_(void)

LEAT_API void leat_sim_register(struct leat_sim_test *test);

/* In the order of their definition: the first, and the one behind `test`. NULL: there is none. */
LEAT_API const struct leat_sim_test *leat_sim_tests(void);
LEAT_API const struct leat_sim_test *leat_sim_test_next(const struct leat_sim_test *test);

/* Run one of them. `failed` as in leat_sim_options, or NULL. Returns as leat_sim_run. */
LEAT_API LEAT_MUST_CHECK int leat_sim_test_run(const struct leat_sim_test *test,
                                               bool (*failed)(void));

/* Run those whose "suite.name" contains each argument that is no option; one with a dot in it is a
 * whole name:
 *   --seeds N   N seeds in all, in equal parts    --seed N  from this one on
 *   --as-found  what fails is not tried anew with less
 *   --faults    list the faults that were never made, too
 *   --hashes    print the trace hash of every hundredth seed
 *   --hunt      a hundred seeds of each in turn, until one fails: which, and after how many
 *   --list      only their names
 * Prints `sim seeds=N fail=N truncated=0 ...`. Returns the exit status: 1 when one failed, 2 for an
 * unknown option, or names that no test has. */
LEAT_API int leat_sim_main(int argc, char **argv);

LEAT_END

#endif

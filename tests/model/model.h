/* SPDX-License-Identifier: MIT */
/*
 * model.h: what a driver of the model checker sees. A driver is a small concurrent program whose
 * every interleaving is run, and in weak mode every value C11 lets its loads return.
 *
 *   static struct leat__lock lock;
 *   static int count;
 *
 *   static void add(void *arg)
 *   {
 *       (void)arg;
 *       leat__lock(&lock);
 *       model_plain_write(&count);       // a race if nothing orders it against the other thread
 *       count++;
 *       leat__unlock(&lock);
 *   }
 *
 *   MODEL_DRIVER(lock_excludes)
 *   {
 *       lock = (struct leat__lock){ 0 }; // the body runs once an execution: start from scratch
 *       count = 0;
 *       model_run_all(add, add);         // two threads, to their end
 *       model_check(count == 2);
 *   }
 *
 * CONTRACT
 *   A body must do the same things each time, given the same choices: no clock, no malloc (use
 *   model_alloc), no address in a comparison. Before and after model_run it is alone.
 *   Only operations of lockfree/atomic.h, model_park, model_sleep, model_choose and the futex are
 *   points where another thread can come between; plain accesses that race must be declared.
 */
#ifndef LEAT_MODEL_MODEL_H
#define LEAT_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_driver {
    const char *name;
    void (*body)(void);
    int preemptions;      /* bound on preemptions in an execution; 0: the default, 2 */
    int weak_preemptions; /* the same in weak mode; 0: as in the other */
    int stale;            /* weak mode: bound on loads that don't return the newest store; 0: 2;
                             -1: none may, so it is not run (sc finds races of plain data too) */
    bool long_run;        /* takes more than 5 s: run when it is named, as mutants do, or when
                             LEAT_TEST_CAMPAIGN is set, as tests/release does */
    struct model_driver *next;
};

void model_register(struct model_driver *driver);

/* MODEL_DRIVER(name) { body }, or with bounds: MODEL_DRIVER(name, .preemptions = 3) { body } */
#define MODEL_DRIVER(id, ...)                                                                      \
    static void id##_body(void);                                                                   \
    __attribute__((constructor)) static void id##_register(void)                                   \
    {                                                                                              \
        static struct model_driver driver = { .name = #id, .body = id##_body, __VA_ARGS__ };       \
        model_register(&driver);                                                                   \
    }                                                                                              \
    static void id##_body(void)

/* Body only. Adds a thread that runs fn(arg); at most 4. Returns its number, 1 and up. */
int model_spawn(void (*fn)(void *), void *arg);

/* Body only. Runs the threads to their end. Fails if all that are left wait: a lost wake-up. */
void model_run(void);

/* Body only. model_run with a thread for each of these functions, whose arguments are NULL. */
#define model_run_all(...)                                                                         \
    do {                                                                                           \
        void (*const model__fns[])(void *) = { __VA_ARGS__ };                                      \
        for (size_t model__i = 0; model__i < sizeof model__fns / sizeof model__fns[0]; model__i++) \
            model_spawn(model__fns[model__i], NULL);                                               \
        model_run();                                                                               \
    } while (0)

/* The number of the calling thread; 0 in the body. */
int model_self(void);

/* Fails the execution with the expression's text. */
#define model_check(cond) ((cond) ? (void)0 : model_fail(__FILE__, __LINE__, #cond))
__attribute__((noreturn)) void model_fail(const char *file, int line, const char *what);

/* Zeroed memory until the end of the execution, at the same address each time. */
void *model_alloc(size_t bytes);

/* Any of 0..n-1: all are tried. */
int model_choose(int n);

/* A plain access to the byte at p (which stands for its whole object): fails if another thread's
 * conflicting access is not ordered before it. */
#define model_plain_read(p) model_plain((p), false, __FILE__, __LINE__)
#define model_plain_write(p) model_plain((p), true, __FILE__, __LINE__)
void model_plain(const void *p, bool write, const char *file, int line);

/* The memory of an atomic object is used for another one from here on (a stack slot, say). */
void model_forget(const void *p, size_t bytes);

/* Parking as tasks do it: the caller stops, and only then commit(arg) runs, beside whoever it lets
 * go. commit publishes the caller to its wakers, or returns false to have it resumed at once.
 * Returns when somebody called model_ready on it, which is legal once a park. NULL: no commit. */
void model_park(bool (*commit)(void *), void *arg);
void model_ready(int thread);

/* Waiting as a worker does it in its reactor: a wake that comes first is kept (once). */
void model_sleep(void);
bool model_sleep_timed(void); /* also ends as time goes by; false: it did */
void model_wake(int thread);

#endif

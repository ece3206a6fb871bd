/* SPDX-License-Identifier: MIT */
/* internal.h: what search.c (the choices of an execution), threads.c (who runs) and memory.c (what
 * a load returns) know of each other. */
#ifndef LEAT_MODEL_INTERNAL_H
#define LEAT_MODEL_INTERNAL_H

#include "lockfree/atomic.h"
#include "model.h"

enum {
    WORKERS_MAX = 4,                 /* threads of a driver */
    THREADS_MAX = 1 + 2 * WORKERS_MAX /* the body, them, and a committer for each that parks */
};

/* search.c */
int search_choose(int n);     /* the next of n alternatives */
bool search_weak(void);       /* store-history mode */
bool search_preempt(int n);   /* spend n of the budget for preemptions; is any left? */
bool search_stale(int n);     /* spend n of the budget for old loads; is any left? */
void search_tick(void);       /* something happened: for the watchdog */
void search_trace(const char *file, int line, const char *text, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
__attribute__((noreturn)) void search_broken(const char *what); /* a limit or the driver's fault */

/* threads.c */
void threads_make(void);      /* once */
void threads_reset(void);
void threads_print(void);     /* who is left, and how it waits */
int threads_current(void);    /* the running thread's number, committers' included */
void threads_point(void);     /* another thread may come before what the caller does next */

/* memory.c */
void memory_reset(void);
void memory_fork(int parent, int child);             /* child starts knowing what parent knows */
void memory_join(int into, int from);                /* into learns all that from knows */
void memory_post(int to, int from);                  /* what `from` knows, kept for `to` */
void memory_collect(int thread);                     /* learns what was kept for it */
uint64_t memory_latest(const void *p, size_t bytes); /* as the kernel sees it */

#endif

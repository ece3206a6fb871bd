/* SPDX-License-Identifier: MIT */
/*
 * Stacks at leat's distance, with guards of its kind, of which a sleeping task's live part is
 * copied out and the rest given back to the kernel, and what it costs to bring them back.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "helper.h"

enum { STACKS = 200000, STRIDE = 160 * 1024, GUARD = 32 * 1024, LIVE = 640, BATCH = 64 };

#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL, younger than the C library's headers */

static char *arena, *copies;

static char *live_of(size_t stack)
{
    return arena + (stack + 1) * STRIDE - LIVE;
}

static void park_all(void)
{
    arena = mmap(NULL, (size_t)STACKS * STRIDE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    copies = malloc((size_t)STACKS * LIVE);
    if (arena == MAP_FAILED || !copies)
        perf_die("no memory", 0);
    madvise(arena, (size_t)STACKS * STRIDE, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < STACKS; i++) {
        if (madvise(arena + i * STRIDE, GUARD, GUARD_INSTALL) != 0)
            perf_skip("this kernel has no guards inside of a mapping");
        memset(live_of(i), 1, LIVE);
    }
}

static void copy_out(void)
{
    for (size_t i = 0; i < STACKS; i++)
        memcpy(copies + i * LIVE, live_of(i), LIVE);
    for (size_t i = 0; i < STACKS; i += BATCH)
        madvise(arena + i * STRIDE, (STACKS - i < BATCH ? STACKS - i : BATCH) * STRIDE,
                MADV_DONTNEED);
}

static void copy_back(const unsigned *order)
{
    for (size_t i = 0; i < STACKS; i++)
        memcpy(live_of(order[i]), copies + order[i] * (size_t)LIVE, LIVE);
}

static unsigned *random_order(void)
{
    static uint64_t state = 88172645463325252;
    unsigned *order = malloc(STACKS * sizeof *order);

    if (!order)
        perf_die("no memory", 0);
    for (unsigned i = 0; i < STACKS; i++)
        order[i] = i;
    for (unsigned i = STACKS - 1; i > 0; i--) {
        unsigned other = (unsigned)(perf_random(&state) % (i + 1)), swap = order[i];

        order[i] = order[other];
        order[other] = swap;
    }
    return order;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    unsigned *order = random_order();
    int64_t before = perf_resident_bytes(), start;

    perf_need_memory(2);
    park_all();
    start = perf_now_ns();
    copy_out();
    if (strcmp(args.question, "copied_out") == 0)
        perf_sample((double)(perf_now_ns() - start) / STACKS);
    if (strcmp(args.question, "copied_memory") == 0)
        perf_sample((double)(perf_resident_bytes() - before) / STACKS);
    start = perf_now_ns();
    copy_back(order);
    if (strcmp(args.question, "copied_back") == 0)
        perf_sample((double)(perf_now_ns() - start) / STACKS);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* fib(N) by fork and join on one thread, for fork_count.sh to count its instructions. */
#ifdef FORK_COUNT_FENCED
#define LEAT__JOB_PEEK(p)                                                                          \
    (__atomic_thread_fence(__ATOMIC_SEQ_CST), __atomic_load_n((p), __ATOMIC_RELAXED))
#endif
#include <leat/compute.h>

#include <stdio.h>
#include <stdlib.h>

struct fib {
    struct leat_job job;
    int             n;
    long            value;
};

static void fib(struct leat_ctx *ctx, struct leat_job *job)
{
    struct fib *f = leat_container(job, struct fib, job);

    if (f->n < 2) {
        f->value = f->n;
        return;
    }
    {
        struct fib left, right;

        left.n = f->n - 1;
        right.n = f->n - 2;
        leat_fork(ctx, &left.job, fib);
        fib(ctx, &right.job);
        leat_join(ctx, &left.job, fib);
        f->value = left.value + right.value;
    }
}

static int run(void *arg)
{
    struct fib f = { .n = atoi(arg) };
    int err = leat_compute_job(&f.job, fib);

    printf("%ld\n", f.value);
    return err;
}

int main(int argc, char **argv)
{
    return argc == 2 ? leat_main(run, argv[1], LEAT_OPTIONS(.workers = 1, .compute_threads = 1))
                     : 2;
}

/* SPDX-License-Identifier: MIT */
/* leat's jobs. A task asks the question; those from outside, and of idleness, by a plain thread. */
#include <leat/leat.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "work.h"

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

static uint64_t run_fib(void)
{
    struct fib f = { .n = FIB };

    if (leat_compute_job(&f.job, fib))
        perf_die("no computation", 0);
    return (uint64_t)f.value;
}

struct queens {
    struct leat_job job;
    int             row;
    work_board      board;
    uint64_t        count;
};

static void queens(struct leat_ctx *ctx, struct leat_job *job)
{
    struct queens *q = leat_container(job, struct queens, job), next[QUEENS];
    int children = 0;

    q->count = q->row == QUEENS;
    for (int column = 0; column < QUEENS && q->row < QUEENS; column++) {
        if (!work_safe(&q->board, q->row, column))
            continue;
        next[children].row = q->row + 1;
        next[children].board = q->board;
        next[children].board.at[q->row] = (signed char)column;
        leat_fork(ctx, &next[children++].job, queens);
    }
    while (children-- > 0) {
        leat_join(ctx, &next[children].job, queens);
        q->count += next[children].count;
    }
}

static uint64_t run_queens(void)
{
    struct queens q = { .row = 0 };

    (void)!leat_compute_job(&q.job, queens);
    return q.count;
}

struct search {
    struct leat_job job;
    work_node       node;
    const work_node *parent;
    uint32_t        index;
    uint64_t        count;
};

static void search(struct leat_ctx *ctx, struct leat_job *job)
{
    struct search *s = leat_container(job, struct search, job);
    struct search next[UTS_CHILDREN_MAX];
    int children;

    if (s->parent)
        work_uts_child(s->parent, s->index, &s->node);
    children = work_uts_children(&s->node);
    s->count = 1;
    for (int i = 0; i < children; i++) {
        next[i].parent = &s->node;
        next[i].index = (uint32_t)i;
        leat_fork(ctx, &next[i].job, search);
    }
    for (int i = children; i-- > 0;) {
        leat_join(ctx, &next[i].job, search);
        s->count += next[i].count;
    }
}

static uint64_t run_uts(void)
{
    struct search s = { .parent = NULL };

    work_uts_root(&s.node);
    (void)!leat_compute_job(&s.job, search);
    return s.count;
}

struct product {
    struct leat_job job;
    const double   *a, *b;
    double         *c;
    long            n;
};

static void multiply(struct leat_ctx *ctx, struct leat_job *job)
{
    struct product *p = leat_container(job, struct product, job), part[4];
    long h = p->n / 2;

    if (p->n == MATRIX_LEAF) {
        work_matrix_leaf(p->a, p->b, p->c, MATRIX);
        return;
    }
    for (long k = 0; k < 2; k++) {
        for (long q = 0; q < 4; q++) {
            part[q].a = p->a + (q / 2) * h * MATRIX + k * h;
            part[q].b = p->b + k * h * MATRIX + (q % 2) * h;
            part[q].c = p->c + (q / 2) * h * MATRIX + (q % 2) * h;
            part[q].n = h;
            leat_fork(ctx, &part[q].job, multiply);
        }
        for (int q = 4; q-- > 0;)
            leat_join(ctx, &part[q].job, multiply);
    }
}

static uint64_t run_matrix(void)
{
    struct product p = { .a = work_a, .b = work_b, .c = work_c, .n = MATRIX };

    (void)!leat_compute_job(&p.job, multiply);
    return 0;
}

struct merge {
    struct leat_job job;
    const int      *a, *b;
    int            *out;
    long            a_count, b_count;
};

static void merge(struct leat_ctx *ctx, struct leat_job *job)
{
    struct merge *m = leat_container(job, struct merge, job), first, second;
    const int *a = m->a, *b = m->b;
    long a_count = m->a_count, b_count = m->b_count;

    if (a_count < b_count) {
        a = m->b;
        b = m->a;
        a_count = m->b_count;
        b_count = m->a_count;
    }
    if (a_count + b_count <= INTS_LEAF) {
        work_merge(a, a_count, b, b_count, m->out);
        return;
    }
    first.a = a;
    first.a_count = a_count / 2;
    first.b = b;
    first.b_count = work_rank(b, b_count, a[a_count / 2]);
    first.out = m->out;
    second.a = a + first.a_count;
    second.a_count = a_count - first.a_count;
    second.b = b + first.b_count;
    second.b_count = b_count - first.b_count;
    second.out = m->out + first.a_count + first.b_count;
    leat_fork(ctx, &first.job, merge);
    merge(ctx, &second.job);
    leat_join(ctx, &first.job, merge);
}

struct sort {
    struct leat_job job;
    int            *keys, *buffer;
    long            count;
    bool            into_buffer;
};

static void sort(struct leat_ctx *ctx, struct leat_job *job)
{
    struct sort *s = leat_container(job, struct sort, job), first, second;
    struct merge m;

    if (s->count <= INTS_LEAF) {
        work_sort(s->keys, s->count);
        if (s->into_buffer)
            memcpy(s->buffer, s->keys, (size_t)s->count * sizeof(int));
        return;
    }
    first.keys = s->keys;
    first.buffer = s->buffer;
    first.count = s->count / 2;
    first.into_buffer = second.into_buffer = !s->into_buffer;
    second.keys = s->keys + first.count;
    second.buffer = s->buffer + first.count;
    second.count = s->count - first.count;
    leat_fork(ctx, &first.job, sort);
    sort(ctx, &second.job);
    leat_join(ctx, &first.job, sort);
    m.a = s->into_buffer ? first.keys : first.buffer;
    m.b = s->into_buffer ? second.keys : second.buffer;
    m.a_count = first.count;
    m.b_count = second.count;
    m.out = s->into_buffer ? s->buffer : s->keys;
    merge(ctx, &m.job);
}

static uint64_t run_merge(void)
{
    struct sort s = { .keys = work_keys, .buffer = work_buffer, .count = INTS };

    (void)!leat_compute_job(&s.job, sort);
    return 0;
}

static uint64_t run_sort(void)
{
    if (leat_parallel_sort_int32(work_keys, INTS))
        perf_die("no sort", 0);
    return 0;
}

static int add_hashes(void *data, size_t begin, size_t end, void *sum)
{
    (void)data;
    *(uint64_t *)sum += work_hash_sum(begin, end);
    return 0;
}

static void add_sums(void *data, void *left, const void *right)
{
    (void)data;
    *(uint64_t *)left += *(const uint64_t *)right;
}

static uint64_t run_loop(void)
{
    uint64_t sum = 0;

    (void)!leat_parallel_reduce(0, LOOP, add_hashes, add_sums, NULL, &sum, sizeof sum);
    return sum;
}

static void nothing(struct leat_ctx *ctx, struct leat_job *job)
{
    (void)ctx;
    __asm__ volatile("" : : "r"(job) : "memory");
}

static struct leat_job *many;
static struct leat_posted *posts;

static void fork_all(struct leat_ctx *ctx, struct leat_job *job)
{
    (void)job;
    for (int i = 0; i < MANY; i++)
        leat_fork(ctx, &many[i], nothing);
    for (int i = MANY; i-- > 0;)
        leat_join(ctx, &many[i], nothing);
}

static uint64_t run_flat(void)
{
    struct leat_job all;

    if (!many && !(many = calloc(MANY, sizeof *many)))
        perf_die("no memory for the jobs", 0);
    (void)!leat_compute_job(&all, fork_all);
    return 0;
}

/* ---- from outside ---- */

static struct leat_runtime *runtime;

static void post(struct leat_posted *posted)
{
    if (leat_post(runtime, posted, nothing))
        perf_die("no post", 0);
}

static uint64_t run_outside_many(void)
{
    if (!posts && !(posts = calloc(MANY, sizeof *posts)))
        perf_die("no memory for the jobs", 0);
    for (int i = 0; i < MANY; i++)
        post(&posts[i]);
    for (int i = 0; i < MANY; i++)
        leat_posted_wait(&posts[i]);
    return 0;
}

static uint64_t run_outside_warm(void)
{
    for (int i = 0; i < TRIPS; i++) {
        struct leat_posted one;

        post(&one);
        leat_posted_wait(&one);
    }
    return 0;
}

static void measure_cold(const struct perf_args *args)
{
    for (int i = 0; i < args->samples; i++) {
        double took[COLD_TRIPS];

        for (int j = 0; j < COLD_TRIPS; j++) {
            struct leat_posted one;
            int64_t start;

            usleep(1000);
            start = perf_now_ns();
            post(&one);
            leat_posted_wait(&one);
            took[j] = (double)(perf_now_ns() - start) / 1e3;
        }
        perf_sample(perf_median(took, COLD_TRIPS));
    }
}

static void measure_idle(const struct perf_args *args)
{
    for (int i = 0; i < args->samples; i++) {
        int64_t start;

        run_outside_many();
        usleep(100000);
        start = perf_cpu_ns();
        usleep(1000000);
        perf_sample((double)(perf_cpu_ns() - start) / 1e6);
    }
}

static const struct {
    const char *question;
    uint64_t  (*run)(void);
} all[] = { { "fork_fib", run_fib },         { "fork_queens", run_queens },
            { "fork_uts", run_uts },         { "fork_matrix", run_matrix },
            { "fork_merge", run_merge },     { "sort_ints", run_sort },
            { "loop", run_loop },            { "fork_flat", run_flat },
            { "outside_many", run_outside_many }, { "outside_warm", run_outside_warm } };

static int measure(void *arg)
{
    const struct perf_args *args = arg;

    if (strcmp(args->question, "outside_cold") == 0)
        measure_cold(args);
    else if (strcmp(args->question, "idle") == 0)
        measure_idle(args);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(args->question, all[i].question) == 0)
            work_measure(args, work_per(args->question), all[i].run);
    return 0;
}

static void *measure_outside(void *arg)
{
    measure(arg);
    return NULL;
}

static int join_outside(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

static int ask(void *arg)
{
    const struct perf_args *args = arg;
    pthread_t thread;

    runtime = leat_runtime_current();
    /* A task that sleeps would wake the runtime, whose rest is the question. */
    if (strncmp(args->question, "outside", 7) != 0 && strcmp(args->question, "idle") != 0)
        return measure(arg);
    if (pthread_create(&thread, NULL, measure_outside, arg))
        perf_die("no thread", 0);
    return leat_blocking(join_outside, &thread);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(ask, &args,
                     LEAT_OPTIONS(.workers = 1, .compute_threads = (unsigned)args.workers,
                                  .stall_ns = LEAT_NEVER)); /* it makes ten million keys itself */
}

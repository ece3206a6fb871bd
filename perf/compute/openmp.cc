// SPDX-License-Identifier: MIT
// OpenMP's tasks and loops, as the C++ compiler's library has them.
#include "algorithms.h"

static int threads;

namespace {

struct spread {
    template <class F, class G> static void two(F f, G g)
    {
#pragma omp task shared(f)
        f();
        g();
#pragma omp taskwait
    }
    template <class F> static void many(int n, F f)
    {
        for (int i = 0; i < n - 1; i++) {
#pragma omp task shared(f) firstprivate(i)
            f(i);
        }
        f(n - 1);
#pragma omp taskwait
    }
};

long fib(int n)
{
    long a, b;

    if (n < 2)
        return n;
#pragma omp task shared(a) firstprivate(n)
    a = fib(n - 1);
    b = fib(n - 2);
#pragma omp taskwait
    return a + b;
}

} // namespace

template <class F> static uint64_t inside(F f)
{
    uint64_t result = 0;

#pragma omp parallel num_threads(threads)
#pragma omp single
    result = f();
    return result;
}

static uint64_t run_fib()
{
    return inside([] { return static_cast<uint64_t>(fib(FIB)); });
}

static uint64_t run_queens()
{
    return inside([] { return queens<spread>(0, work_board{}); });
}

static uint64_t run_uts()
{
    return inside([] { return search_all<spread>(); });
}

static uint64_t run_matrix()
{
    return inside([] {
        multiply<spread>(work_a, work_b, work_c, MATRIX);
        return uint64_t{ 0 };
    });
}

static uint64_t run_merge()
{
    return inside([] {
        sort<spread>(work_keys, work_buffer, INTS, false);
        return uint64_t{ 0 };
    });
}

static uint64_t run_loop()
{
    uint64_t sum = 0;

#pragma omp parallel for schedule(dynamic, 1) reduction(+ : sum) num_threads(threads)
    for (long piece = 0; piece < (LOOP + LOOP_PIECE - 1) / LOOP_PIECE; piece++) {
        uint64_t begin = static_cast<uint64_t>(piece) * LOOP_PIECE, end = begin + LOOP_PIECE;

        sum += work_hash_sum(begin, end < uint64_t{ LOOP } ? end : uint64_t{ LOOP });
    }
    return sum;
}

/* A function of its own: as a lambda it breaks the compiler. */
static uint64_t fork_all()
{
    for (int i = 0; i < MANY; i++) {
#pragma omp task
        __asm__ volatile("");
    }
#pragma omp taskwait
    return 0;
}

static uint64_t run_flat()
{
    return inside(fork_all);
}

static const struct question questions[] = {
    { "fork_fib", run_fib },       { "fork_queens", run_queens }, { "fork_uts", run_uts },
    { "fork_matrix", run_matrix }, { "fork_merge", run_merge },   { "loop", run_loop },
    { "fork_flat", run_flat },
};

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    threads = args.workers;
    answer(args, questions, nullptr, run_queens);
}

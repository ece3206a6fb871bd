// SPDX-License-Identifier: MIT
// oneTBB: task groups, and its own loops and sorts. The caller is one of the arena's threads, but
// for the questions from outside.
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_invoke.h>
#include <tbb/parallel_reduce.h>
#include <tbb/parallel_sort.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unistd.h>

#include "work.h"

static std::unique_ptr<tbb::task_arena> arena;

namespace {

struct spread {
    template <class F, class G> static void two(F f, G g) { tbb::parallel_invoke(f, g); }
    template <class F> static void many(int n, F f)
    {
        tbb::task_group group;

        for (int i = 0; i < n - 1; i++)
            group.run([=] { f(i); });
        if (n > 0)
            f(n - 1);
        group.wait();
    }
};

long fib(int n)
{
    long a, b;

    if (n < 2)
        return n;
    tbb::task_group group;
    group.run([&a, n] { a = fib(n - 1); });
    b = fib(n - 2);
    group.wait();
    return a + b;
}

} // namespace

#include "algorithms.h"

template <class F> static uint64_t inside(F f)
{
    return arena->execute(f);
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

static uint64_t run_sort()
{
    return inside([] {
        tbb::parallel_sort(work_keys, work_keys + INTS);
        return uint64_t{ 0 };
    });
}

static uint64_t run_loop()
{
    return inside([] {
        return tbb::parallel_reduce(
            tbb::blocked_range<uint64_t>(0, LOOP), uint64_t{ 0 },
            [](const tbb::blocked_range<uint64_t> &r, uint64_t sum) {
                return sum + work_hash_sum(r.begin(), r.end());
            },
            [](uint64_t a, uint64_t b) { return a + b; });
    });
}

static uint64_t run_flat()
{
    return inside([] {
        tbb::task_group group;

        for (int i = 0; i < MANY; i++)
            group.run([] {});
        group.wait();
        return uint64_t{ 0 };
    });
}

/* A count that a thread outside of the arena waits for: awake for a moment, then asleep. */
static std::atomic<int> left{ 0 };
static std::mutex left_mutex;
static std::condition_variable left_zero;

static void submit()
{
    arena->enqueue([] {
        if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            std::lock_guard<std::mutex> hold(left_mutex);
            left_zero.notify_one();
        }
    });
}

static void await_all()
{
    for (int i = 0; i < 2000; i++)
        if (left.load(std::memory_order_acquire) == 0)
            return;
    std::unique_lock<std::mutex> hold(left_mutex);
    left_zero.wait(hold, [] { return left.load(std::memory_order_acquire) == 0; });
}

static uint64_t run_outside_many()
{
    left = MANY;
    for (int i = 0; i < MANY; i++)
        submit();
    await_all();
    return 0;
}

static void trip()
{
    left = 1;
    submit();
    await_all();
}

static uint64_t run_outside_warm()
{
    for (int i = 0; i < TRIPS; i++)
        trip();
    return 0;
}

static const struct question questions[] = {
    { "fork_fib", run_fib },       { "fork_queens", run_queens }, { "fork_uts", run_uts },
    { "fork_matrix", run_matrix }, { "fork_merge", run_merge },   { "sort_ints", run_sort },
    { "loop", run_loop },          { "fork_flat", run_flat },
    { "outside_many", run_outside_many }, { "outside_warm", run_outside_warm },
};

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    int threads = args.workers + (strncmp(args.question, "outside", 7) == 0);
    tbb::global_control control(tbb::global_control::max_allowed_parallelism,
                                static_cast<size_t>(threads));

    arena.reset(new tbb::task_arena(threads, 1));
    answer(args, questions, trip, run_queens);
}

// SPDX-License-Identifier: MIT
// Boost.Fiber's fibers wait at a barrier until all are there, and then yield.
#include "boost_fiber.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "helper.h"

namespace fibers = boost::fibers;

static double run(int tasks, int all)
{
    int                        each = all / tasks;
    fibers::barrier            gate(static_cast<std::size_t>(tasks) + 1);
    std::vector<fibers::fiber> yielders;

    yielders.reserve(tasks);
    for (int i = 0; i < tasks; i++)
        yielders.push_back(perf_fiber([&gate, each] {
            gate.wait();
            for (int j = 0; j < each; j++)
                boost::this_fiber::yield();
        }));
    gate.wait();
    int64_t start = perf_now_ns();
    for (fibers::fiber &yielder : yielders)
        yielder.join();
    return static_cast<double>(perf_now_ns() - start) / (static_cast<double>(each) * tasks);
}

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);
    int       tasks = std::atoi(args.question + std::strlen("yield_"));
    int       all = tasks > 1000 ? 5000000 : 10000000;

    perf_fibers_start(args.workers);
    run(tasks, all);
    for (int i = 0; i < args.samples; i++)
        perf_sample(run(tasks, all));
    perf_fibers_end();
}

// SPDX-License-Identifier: MIT
// Boost.Fiber: fibers on one thread or, by work stealing, on several. Its stacks are allocated at
// spawn, 16 KiB each, so the flat question is asked of a tenth of the fibers.
#include "boost_fiber.h"

#include <cstring>
#include <vector>

#include "helper.h"

namespace fibers = boost::fibers;

static int tasks;

static void spawn_flat(void *)
{
    std::vector<fibers::fiber> all;

    all.reserve(tasks);
    for (int i = 0; i < tasks; i++)
        all.push_back(perf_fiber([] {}));
    for (fibers::fiber &fiber : all)
        fiber.join();
}

static void spawn_one(void *)
{
    for (int i = 0; i < tasks; i++)
        perf_fiber([] {}).join();
}

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);
    bool      one = std::strcmp(args.question, "spawn_one") == 0;

    tasks = one ? 1000000 : 100000;
    perf_fibers_start(args.workers);
    perf_repeat_ns(&args, tasks, one ? spawn_one : spawn_flat, nullptr);
    perf_fibers_end();
}

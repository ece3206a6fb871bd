// SPDX-License-Identifier: MIT
// Boost's fibers that count under one of its mutexes.
#include "boost_fiber.h"

#include <cstdint>
#include <mutex>
#include <vector>

#include "helper.h"

namespace fibers = boost::fibers;

enum { TASKS = 100, ROUNDS = 20000 };

static fibers::mutex mutex;
static uint64_t      count;

static void all_count(void *)
{
    std::vector<fibers::fiber> all;

    all.reserve(TASKS);
    for (int i = 0; i < TASKS; i++)
        all.push_back(perf_fiber([] {
            for (int j = 0; j < ROUNDS; j++) {
                std::lock_guard<fibers::mutex> guard(mutex);
                count++;
            }
        }));
    for (fibers::fiber &fiber : all)
        fiber.join();
}

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);

    perf_fibers_start(args.workers);
    perf_repeat_ns(&args, (double)TASKS * ROUNDS, all_count, nullptr);
    perf_check_value(count);
    perf_fibers_end();
}

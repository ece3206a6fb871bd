/* SPDX-License-Identifier: MIT */
/*
 * boost.hpp: workers and fibers for the subjects that use Boost.Fiber. With one worker its default
 * scheduler, with more the one that steals, as its documentation recommends.
 */
#ifndef LEAT_PERF_BOOST_HPP
#define LEAT_PERF_BOOST_HPP

#include <unistd.h>

#include <atomic>
#include <boost/fiber/all.hpp>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "helper.h"

namespace perf {

namespace fibers = boost::fibers;

/* Small stacks, so that a million fibers are possible at all. A pool of stacks would be faster, and
 * Boost's may be used by one thread only. */
constexpr std::size_t stack_bytes = 8 * 1024;

template <class Body> fibers::fiber spawn(Body body)
{
    return fibers::fiber(fibers::launch::post, std::allocator_arg,
                         fibers::fixedsize_stack(stack_bytes), std::move(body));
}

/* Run body on this thread, one of the workers. Ends the process: a worker that still looks for work
 * in a scheduler that is gone is a crash that measures nothing. */
template <class Body> [[noreturn]] void run(int workers, Body body)
{
    fibers::mutex                  mutex;
    fibers::condition_variable_any never;
    std::atomic<int>               started{ 1 };
    auto                           count = static_cast<std::uint32_t>(workers);

    if (workers > 1)
        fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(count, true);
    for (int i = 1; i < workers; i++)
        std::thread([&] {
            fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(count, true);
            started++;
            std::unique_lock<fibers::mutex> lock(mutex);
            never.wait(lock, [] { return false; });
        }).detach();
    while (started < workers)
        std::this_thread::yield();
    body();
    std::fflush(stdout);
    _exit(0);
}

} // namespace perf

#endif

/* SPDX-License-Identifier: MIT */
/*
 * boost_fiber.h: what the peers on Boost.Fiber share: fibers that wait their turn in a queue, as
 * tasks do everywhere else (launch::post), and several threads that share them by work stealing.
 */
#ifndef LEAT_PERF_BOOST_FIBER_H
#define LEAT_PERF_BOOST_FIBER_H

#include <boost/fiber/all.hpp>

#include <cstddef>
#include <cstdlib>
#include <thread>
#include <utility>

inline std::size_t perf_fiber_stack = 16384;

template <class Function>
boost::fibers::fiber perf_fiber(Function function)
{
    return boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg,
        boost::fibers::fixedsize_stack(perf_fiber_stack), std::move(function));
}

/* Make the calling thread one of so many that run fibers. */
inline void perf_fibers_start(int workers)
{
    for (int i = 1; i < workers; i++)
        std::thread([workers] {
            boost::fibers::use_scheduling_algorithm<boost::fibers::algo::work_stealing>(
                workers, true);
            boost::fibers::mutex                  mutex;
            boost::fibers::condition_variable_any never;
            mutex.lock();
            for (;;)
                never.wait(mutex);
        }).detach();
    if (workers > 1)
        boost::fibers::use_scheduling_algorithm<boost::fibers::algo::work_stealing>(workers, true);
}

/* End the program: the other threads wait for ever. */
inline void perf_fibers_end()
{
    std::_Exit(0);
}

#endif

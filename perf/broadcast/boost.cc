// SPDX-License-Identifier: MIT
// Boost.Fiber has no broadcast: a channel for each receiver, and who sends goes through them all.
#include "boost_fiber.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "helper.h"

namespace {

typedef boost::fibers::buffered_channel<uint64_t> channel;

const uint64_t ELEMENTS = 20000, RECEIVERS = 100;
const size_t CAPACITY = 128;

void receive(channel &from, uint64_t &sum)
{
    uint64_t number;

    while (from.pop(number) == boost::fibers::channel_op_status::success)
        sum += number;
}

void run(void *data)
{
    std::vector<std::unique_ptr<channel>> channels;
    std::vector<boost::fibers::fiber> fibers;
    std::vector<uint64_t> sums(RECEIVERS);
    uint64_t &total = *static_cast<uint64_t *>(data);

    for (uint64_t i = 0; i < RECEIVERS; i++)
        channels.emplace_back(new channel(CAPACITY));
    for (uint64_t i = 0; i < RECEIVERS; i++)
        fibers.push_back(perf_fiber([&channels, &sums, i] { receive(*channels[i], sums[i]); }));
    for (uint64_t number = 1; number <= ELEMENTS; number++)
        for (auto &to : channels)
            if (to->push(number) != boost::fibers::channel_op_status::success)
                perf_die("push", 0);
    for (auto &to : channels)
        to->close();
    for (auto &fiber : fibers)
        fiber.join();
    total = 0;
    for (uint64_t sum : sums)
        total += sum;
}

} // namespace

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);
    uint64_t total;

    perf_fibers_start(args.workers);
    perf_repeat_ns(&args, static_cast<double>(ELEMENTS * RECEIVERS), run, &total);
    perf_check_value(total);
    perf_fibers_end();
}

// SPDX-License-Identifier: MIT
// A fiber a stage, a buffered channel between each two.
#include "boost_fiber.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "helper.h"

namespace {

typedef boost::fibers::buffered_channel<uint64_t> channel;

const uint64_t NUMBERS = 1000000;
const int STAGES = 4;

void must(boost::fibers::channel_op_status status)
{
    if (status != boost::fibers::channel_op_status::success)
        perf_die("push", 0);
}

void run(void *data)
{
    std::vector<std::unique_ptr<channel>> channels;
    std::vector<boost::fibers::fiber> fibers;
    uint64_t sum = 0;

    for (int i = 0; i < STAGES; i++)
        channels.emplace_back(new channel(64));
    fibers.push_back(perf_fiber([&to = *channels[0]] {
        for (uint64_t number = 0; number < NUMBERS; number++)
            must(to.push(number));
        to.close();
    }));
    for (int i = 0; i + 1 < STAGES; i++)
        fibers.push_back(perf_fiber([&from = *channels[i], &to = *channels[i + 1]] {
            uint64_t number;

            while (from.pop(number) == boost::fibers::channel_op_status::success)
                must(to.push(number + 1));
            to.close();
        }));
    fibers.push_back(perf_fiber([&from = *channels[STAGES - 1], &sum] {
        uint64_t number;

        while (from.pop(number) == boost::fibers::channel_op_status::success)
            sum += number;
    }));
    for (auto &fiber : fibers)
        fiber.join();
    *static_cast<uint64_t *>(data) = sum;
}

} // namespace

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);
    uint64_t sum;

    perf_fibers_start(args.workers);
    perf_repeat_ns(&args, NUMBERS, run, &sum);
    perf_check_value(sum);
    perf_fibers_end();
}

/* SPDX-License-Identifier: MIT */
/* Boost.Fiber's buffered channels between fibers of one thread. */
#include <boost/fiber/all.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "helper.h"

namespace {

typedef boost::fibers::buffered_channel<uint64_t> channel;

const uint64_t ELEMENTS = 2000000, STAGED = 1000000;
const int STAGES = 4, MANY = 4;

void send_all(channel &to, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++)
        if (to.push(i) != boost::fibers::channel_op_status::success)
            perf_die("push", 0);
}

void recv_all(channel &from, uint64_t &sum)
{
    uint64_t number;

    while (from.pop(number) == boost::fibers::channel_op_status::success)
        sum += number;
}

void pass_on(channel &from, channel &to)
{
    uint64_t number;

    while (from.pop(number) == boost::fibers::channel_op_status::success)
        if (to.push(number) != boost::fibers::channel_op_status::success)
            perf_die("push", 0);
    to.close();
}

uint64_t pass(size_t capacity, int each_side)
{
    channel chan(capacity);
    std::vector<boost::fibers::fiber> senders, receivers;
    std::vector<uint64_t> sums(each_side);
    uint64_t sum = 0;

    for (int i = 0; i < each_side; i++)
        receivers.emplace_back(recv_all, std::ref(chan), std::ref(sums[i]));
    for (int i = 0; i < each_side; i++)
        senders.emplace_back(send_all, std::ref(chan), ELEMENTS / each_side);
    for (auto &sender : senders)
        sender.join();
    chan.close();
    for (auto &receiver : receivers)
        receiver.join();
    for (uint64_t one : sums)
        sum += one;
    return sum;
}

uint64_t pipeline()
{
    std::vector<std::unique_ptr<channel>> chans;
    std::vector<boost::fibers::fiber> stages;
    uint64_t sum = 0;

    for (int i = 0; i < STAGES; i++)
        chans.emplace_back(new channel(128));
    for (int i = 0; i + 1 < STAGES; i++)
        stages.emplace_back(pass_on, std::ref(*chans[i]), std::ref(*chans[i + 1]));
    stages.emplace_back(recv_all, std::ref(*chans[STAGES - 1]), std::ref(sum));
    send_all(*chans[0], STAGED);
    chans[0]->close();
    for (auto &stage : stages)
        stage.join();
    return sum;
}

} // namespace

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    bool many = strcmp(args.question, "chan_many") == 0;
    bool staged = strcmp(args.question, "chan_pipeline") == 0;

    for (int i = -1; i < args.samples; i++) { /* the first warms up */
        int64_t start = perf_now_ns();
        uint64_t senders = many ? MANY : 1, elements = staged ? STAGED : ELEMENTS;
        uint64_t each = elements / senders;
        uint64_t sum = staged ? pipeline()
                              : pass(strstr(args.question, "_128") ? 128 : 1024, many ? MANY : 1);

        if (sum != senders * (each * (each + 1) / 2))
            perf_die("not every element was received once", 0);
        if (i >= 0)
            perf_sample((double)elements * 1e3 / (double)(perf_now_ns() - start));
    }
    return 0;
}

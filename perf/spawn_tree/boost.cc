// SPDX-License-Identifier: MIT
// A tree of Boost.Fiber's fibers; skynet's numbers go up through the parents' frames. Their stacks
// are allocated at spawn, so the trees are smaller and the time is scaled: 131,070 fibers and
// 100,000 leaves.
#include "boost_fiber.h"

#include <cstring>
#include <vector>

#include "helper.h"

static const int depth = 16, children = 10;
static const long leaves = 100000;

static void tree(int height)
{
    if (height == 0)
        return;
    boost::fibers::fiber left = perf_fiber([height] { tree(height - 1); });
    boost::fibers::fiber right = perf_fiber([height] { tree(height - 1); });
    left.join();
    right.join();
}

static long skynet(long number, long size)
{
    std::vector<boost::fibers::fiber> fibers;
    long                              part = size / children, sums[children], sum = 0;

    if (size == 1)
        return number;
    fibers.reserve(children);
    for (int i = 0; i < children; i++)
        fibers.push_back(
            perf_fiber([&sums, i, number, part] { sums[i] = skynet(number + i * part, part); }));
    for (boost::fibers::fiber &fiber : fibers)
        fiber.join();
    for (long child : sums)
        sum += child;
    return sum;
}

static void grow(void *)
{
    tree(depth);
}

static void sum(void *)
{
    if (skynet(0, leaves) != leaves * (leaves - 1) / 2)
        perf_die("the sum is wrong", 0);
}

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);

    perf_fibers_start(args.workers);
    if (std::strcmp(args.question, "skynet") == 0) {
        perf_repeat_ns(&args, leaves, sum, nullptr); /* ms for a million of them */
    } else {
        perf_repeat_ns(&args, (2 << depth) - 2, grow, nullptr);
    }
    perf_fibers_end();
}

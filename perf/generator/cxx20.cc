// SPDX-License-Identifier: MIT

// A C++20 coroutine: a frame on the heap, no stack, a jump each way. The handle is kept where the
// optimiser does not see through it, or it would turn the whole generator into a loop of additions.
#include <coroutine>
#include <cstdint>

#include "helper.h"

namespace {

constexpr int STEPS = 10000000;

struct numbers {
    struct promise_type {
        std::uint64_t value = 0;

        numbers get_return_object()
        {
            return { std::coroutine_handle<promise_type>::from_promise(*this) };
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(std::uint64_t v) noexcept
        {
            value = v;
            return {};
        }
        void return_void() {}
        void unhandled_exception() { perf_die("an exception", 0); }
    };
    std::coroutine_handle<promise_type> handle;
};

numbers count()
{
    for (std::uint64_t i = 0;; i++)
        co_yield i;
}

std::coroutine_handle<numbers::promise_type> coroutine;

struct steps {
    std::uint64_t sum;
};

void step_all(void *data)
{
    auto *data_ = static_cast<steps *>(data);

    for (int i = 0; i < STEPS; i++) {
        coroutine.resume();
        data_->sum += coroutine.promise().value;
    }
}

} // namespace

int main(int argc, char **argv)
{
    perf_args args = perf_args_parse(argc, argv);
    auto all = static_cast<std::uint64_t>(STEPS) * (static_cast<std::uint64_t>(args.samples) + 1);
    steps data_{};

    coroutine = count().handle;
    perf_repeat_ns(&args, STEPS, step_all, &data_);
    coroutine.destroy();
    if (data_.sum != all * (all - 1) / 2)
        perf_die("a step was lost", 0);
    return 0;
}

// SPDX-License-Identifier: MIT
// C++ exceptions in tasks: thrown and caught, with suspensions in catch blocks and in destructors
// that an exception runs, while the tasks move between workers. What C++ keeps for a thread has to
// be the task's. The public API only, as a C++ program uses it.
#include <gtest/gtest.h>

#include <leat/leat.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <vector>

namespace {

class Scope {
public:
    Scope()
    {
        leat_scope_options options = {};

        options.size = sizeof options;
        leat_scope_enter(&scope_, &options);
    }
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
    ~Scope() { leat_scope_cleanup(&scope_); }

    int spawn(leat_task_fn *fn, void *arg) { return leat_spawn(&scope_, fn, arg); }
    int join() { return leat_scope_join(&scope_); }

private:
    leat_scope scope_;
};

// What fails is counted: Google Test's own macros would keep thread-locals over a suspension.
std::atomic<long> wrong, moves, thrown;

void check(bool right)
{
    if (!right)
        wrong++;
}

void suspend(int turn)
{
    const int before = leat_worker();

    if (turn % 4 == 0)
        check(leat_sleep(LEAT_USEC) == 0);
    else
        leat_yield();
    moves += leat_worker() != before;
}

bool nothing_under_way()
{
    return std::current_exception() == nullptr && std::uncaught_exceptions() == 0;
}

struct Failure {
    int task, turn;
};

[[noreturn]] void fail(int task, int turn)
{
    thrown++;
    throw Failure{ task, turn };
}

// Suspends while an exception unwinds, and throws one that it catches itself.
class Unwound {
public:
    Unwound(int task, int turn) : task_(task), turn_(turn) {}
    Unwound(const Unwound &) = delete;
    Unwound &operator=(const Unwound &) = delete;
    ~Unwound()
    {
        check(std::uncaught_exceptions() == 1);
        suspend(turn_);
        check(std::uncaught_exceptions() == 1);
        try {
            fail(-task_, turn_);
        } catch (const Failure &failure) {
            suspend(turn_ + 1);
            check(failure.task == -task_ && failure.turn == turn_);
            check(std::uncaught_exceptions() == 1);
        }
        check(std::uncaught_exceptions() == 1);
    }

private:
    int task_, turn_;
};

void one_turn(int task, int turn)
{
    check(nothing_under_way());
    try {
        Unwound unwound(task, turn);

        fail(task, turn);
    } catch (const Failure &failure) {
        const std::exception_ptr first = std::current_exception();

        suspend(turn);
        check(failure.task == task && failure.turn == turn);
        check(std::current_exception() == first && std::uncaught_exceptions() == 0);
        try {
            throw std::runtime_error("inner");
        } catch (const std::runtime_error &) {
            suspend(turn + 1);
            check(std::current_exception() != first);
        }
        check(std::current_exception() == first);
        try {
            throw;
        } catch (const Failure &again) {
            suspend(turn + 2);
            check(&again == &failure);
        }
        suspend(turn + 3);
        check(std::current_exception() == first);
    }
    check(nothing_under_way());
}

int turns_of_a_task(void *arg)
{
    const int task = *static_cast<int *>(arg);

    for (int turn = 0; turn < 400 / TEST_SLOWDOWN; turn++)
        one_turn(task, turn);
    return 0;
}

int many_tasks(void *)
{
    int numbers[64];
    Scope scope;

    for (int i = 0; i < 64; i++) {
        numbers[i] = i + 1;
        scope.spawn(turns_of_a_task, &numbers[i]);
    }
    return scope.join();
}

int see_nothing(void *arg)
{
    check(nothing_under_way());
    return turns_of_a_task(arg);
}

void spawn_and_join()
{
    int numbers[2] = { 1001, 1002 };
    Scope scope;

    for (int &number : numbers)
        scope.spawn(see_nothing, &number);
    check(scope.join() == 0);
}

struct Joiner {
    ~Joiner() { spawn_and_join(); }
};

int parents_that_catch(void *)
{
    try {
        Joiner joiner;

        fail(7, 7);
    } catch (const Failure &failure) {
        spawn_and_join();
        check(failure.task == 7 && std::current_exception() != nullptr);
    }
    check(nothing_under_way());
    spawn_and_join();
    return 0;
}

struct Parcel {
    std::exception_ptr what;
    int number;
};

int throw_and_give(void *arg)
{
    Parcel *parcel = static_cast<Parcel *>(arg);

    try {
        fail(parcel->number, 0);
    } catch (...) {
        suspend(1);
        parcel->what = std::current_exception();
    }
    return 0;
}

int rethrow_what_others_threw(void *)
{
    std::vector<Parcel> parcels(100);
    {
        Scope scope;

        for (int i = 0; i < 100; i++) {
            parcels[static_cast<size_t>(i)].number = i;
            scope.spawn(throw_and_give, &parcels[static_cast<size_t>(i)]);
        }
        check(scope.join() == 0);
    }
    for (const Parcel &parcel : parcels) {
        try {
            std::rethrow_exception(parcel.what);
        } catch (const Failure &failure) {
            suspend(1);
            check(failure.task == parcel.number);
        }
    }
    return 0;
}

// On one worker and several, with both reactors. Returns how often tasks moved.
long run_everywhere(leat_task_fn *fn)
{
    wrong = moves = thrown = 0;
    for (const leat_reactor reactor : { LEAT_REACTOR_AUTO, LEAT_REACTOR_EPOLL }) {
        for (const unsigned workers : { 1U, 2U, 3U }) {
            leat_options options = {};

            options.size = sizeof options;
            options.workers = workers;
            options.reactor = reactor;
            EXPECT_EQ(leat_run(fn, nullptr, &options), 0);
            EXPECT_TRUE(nothing_under_way());
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(thrown, 0);
    std::printf("C++ throws=%ld moves=%ld fail=%ld\n", thrown.load(), moves.load(), wrong.load());
    return moves;
}

TEST(exceptions, travel_with_a_task_that_suspends_while_it_handles_them)
{
    EXPECT_GT(run_everywhere(many_tasks), 0);
}

TEST(exceptions, of_a_parent_are_not_seen_by_its_children)
{
    run_everywhere(parents_that_catch);
}

TEST(exceptions, thrown_by_one_task_are_rethrown_by_another)
{
    run_everywhere(rethrow_what_others_threw);
}

int throw_out_of_the_task(void *)
{
    throw std::runtime_error("nobody catches this");
}

int join_in_a_try_block(void *)
{
    try {
        Scope scope;

        scope.spawn(throw_out_of_the_task, nullptr);
        return scope.join();
    } catch (...) {
        std::fprintf(stderr, "the parent caught it\n");
        std::_Exit(0);
    }
}

void run_on(unsigned workers, leat_task_fn *fn)
{
    leat_options options = {};

    options.size = sizeof options;
    options.workers = workers;
    std::exit(leat_run(fn, nullptr, &options));
}

TEST(exceptions, that_leave_a_task_end_the_program_and_reach_no_parent)
{
    EXPECT_DEATH(run_on(1, join_in_a_try_block), "an exception left a task's function");
    EXPECT_DEATH(run_on(1, throw_out_of_the_task), "nobody catches this");
}

} // namespace

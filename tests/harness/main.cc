// SPDX-License-Identifier: MIT
// The only C++ of the tests: hands each registered C body to Google Test, and each failure found
// in C back to it. Nothing here throws or is thrown through C.
#include <gtest/gtest.h>

#include <pthread.h>

#include <string>
#include <vector>

#include "harness/internal.h"

extern "C" {

// test.h is C (it uses _Generic), so its one structure is repeated here.
struct test_case {
    const char *suite;
    const char *name;
    const char *file;
    int line;
    void (*body)(void);
    void (*run_task)(const struct test_case *test, bool uring, unsigned workers);
    struct test_case *next;
};

void test_register(struct test_case *test);
bool test_failed(void);

static struct test_case *tests, **tests_end = &tests;
static pthread_mutex_t gtest_lock = PTHREAD_MUTEX_INITIALIZER;

// Runs before main, in the order of definition within a file.
void test_register(struct test_case *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

void test_gtest_fail(const char *file, int line, const char *text)
{
    pthread_mutex_lock(&gtest_lock);
    ADD_FAILURE_AT(file, line) << text;
    pthread_mutex_unlock(&gtest_lock);
}

static void skip(const char *reason)
{
    GTEST_SKIP() << reason;
}

void test_gtest_skip(const char *reason)
{
    pthread_mutex_lock(&gtest_lock);
    skip(reason);
    pthread_mutex_unlock(&gtest_lock);
}
}

namespace {

class CTest : public testing::Test {
public:
    CTest(const test_case *test, bool uring, unsigned workers)
        : test_(test), uring_(uring), workers_(workers)
    {
    }

    void TestBody() override
    {
        struct test_fds before;

        test_reset();
        test_watchdog_begin(test_->suite, test_->name);
        test_fds_note(&before);
        if (test_->run_task != nullptr)
            test_->run_task(test_, uring_, workers_);
        else
            test_->body();
        test_fds_compare(&before, test_->file, test_->line);
        test_tempdirs_remove();
        test_watchdog_begin(nullptr, nullptr);
    }

private:
    const test_case *test_;
    bool uring_;
    unsigned workers_;
};

void add(const test_case *test, const std::string &name, bool uring, unsigned workers)
{
    testing::RegisterTest(test->suite, name.c_str(), nullptr, nullptr, test->file, test->line,
                          [=]() -> CTest * { return new CTest(test, uring, workers); });
}

} // namespace

// Tests of leat/testing.h, in programs that are linked with the simulation: of its structure only
// what stands first, and the end of the list.
struct leat_sim_test {
    const char *suite;
    const char *name;
    const char *file;
    int line;
};
extern "C" const leat_sim_test *leat_sim_tests(void) __attribute__((weak));
extern "C" const leat_sim_test *leat_sim_test_next(const leat_sim_test *test)
    __attribute__((weak));
extern "C" int leat_sim_test_run(const leat_sim_test *test, bool (*failed)(void))
    __attribute__((weak));

namespace {

class SimTest : public testing::Test {
public:
    explicit SimTest(const leat_sim_test *test) : test_(test)
    {
    }

    void TestBody() override
    {
        int err;

        test_reset();
        test_watchdog_begin(test_->suite, test_->name);
        err = leat_sim_test_run(test_, test_failed);
        if (err != 0)
            ADD_FAILURE_AT(test_->file, test_->line) << "leat_sim_run returned " << err;
        test_watchdog_begin(nullptr, nullptr);
    }

private:
    const leat_sim_test *test_;
};

void add_sim_tests()
{
    if (leat_sim_tests == nullptr)
        return;
    for (const leat_sim_test *test = leat_sim_tests(); test != nullptr;
         test = leat_sim_test_next(test))
        testing::RegisterTest(test->suite, test->name, nullptr, nullptr, test->file, test->line,
                              [=]() -> SimTest * { return new SimTest(test); });
}

} // namespace

// In programs that are linked with the process pool only.
extern "C" void leat_procs_main(int argc, char **argv) __attribute__((weak));

int main(int argc, char **argv)
{
    if (leat_procs_main != nullptr)
        leat_procs_main(argc, argv);
    testing::InitGoogleTest(&argc, argv);
    for (const test_case *test = tests; test != nullptr; test = test->next) {
        const std::string name = test->name;

        if (test->run_task == nullptr) {
            add(test, name, false, 0);
            continue;
        }
        for (const bool uring : { true, false })
            for (const unsigned workers : { 1U, 2U })
                add(test, name + (uring ? "/uring_" : "/epoll_") + std::to_string(workers) + "w",
                    uring, workers);
    }
    add_sim_tests();
    if (!testing::GTEST_FLAG(list_tests))
        test_watchdog_start();
    return RUN_ALL_TESTS();
}

/* SPDX-License-Identifier: MIT */
/* The scenarios as a program (leat_sim_main), and with --twice a test of its own: each is run in
 * this one process for a few seeds, in turn, and then all of them in the opposite order. What one
 * simulation leaves for the next would make a hash differ. */
#include <leat/procs.h>
#include <leat/testing.h>

#include <stdio.h>
#include <string.h>

enum { TESTS_MAX = 200, SEEDS = 8 };

static int run_body(void *test)
{
    ((const struct leat_sim_test *)test)->body();
    return 0;
}

static bool hash(const struct leat_sim_test *test, uint64_t seed, uint64_t *ret)
{
    static struct leat_sim_report report;
    struct leat_sim_options options = test->options;

    options.here = options.brief = true;
    options.seed = seed;
    options.seeds = 1;
    options.report = &report;
    if (leat_sim_run(run_body, (void *)(uintptr_t)test, &options) != 0) {
        printf("%s seed %llu failed: %s\n", test->name, (unsigned long long)seed, report.text);
        return false;
    }
    *ret = report.hash;
    return true;
}

static int run_twice(void)
{
    static const struct leat_sim_test *tests[TESTS_MAX];
    static uint64_t first[TESTS_MAX][SEEDS];
    size_t count = 0, differ = 0;
    uint64_t again;

    for (const struct leat_sim_test *at = leat_sim_tests(); at && count < TESTS_MAX;
         at = leat_sim_test_next(at))
        tests[count++] = at;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (size_t i = 0; i < count; i++)
            if (!hash(tests[i], seed + 1, &first[i][seed]))
                return 1;
    for (uint64_t seed = SEEDS; seed-- > 0;)
        for (size_t i = count; i-- > 0;) {
            if (!hash(tests[i], seed + 1, &again))
                return 1;
            if (again == first[i][seed])
                continue;
            printf("%s seed %llu: another trace behind others\n", tests[i]->name,
                   (unsigned long long)seed + 1);
            differ++;
        }
    printf("twice scenarios=%zu seeds=%d differ=%zu\n", count, SEEDS, differ);
    return differ > 0 || count == 0;
}

int main(int argc, char **argv)
{
    leat_procs_main(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--twice") == 0)
        return run_twice();
    return leat_sim_main(argc, argv);
}

/* SPDX-License-Identifier: MIT */
/* What a caller can ask of its surroundings: its deadline, a random number, a line in the log. */
#include "harness/test.h"

#include <leat/leat.h>

#include <string.h>

static void ask_deadline(void)
{
    leat_time soon = leat_after(LEAT_MINUTE), later = leat_after(LEAT_HOUR);

    expect_eq(leat_deadline(), LEAT_NEVER);
    {
        LEAT_SCOPE(outer, .deadline = soon);
        LEAT_SCOPE(inner, .deadline = later);
        expect_eq(leat_deadline(), soon);
        LEAT_SHIELD (2 * LEAT_MINUTE) {
            expect_gt(leat_deadline(), soon);
        }
        leat_shield();
        expect_eq(leat_deadline(), LEAT_NEVER);
        leat_unshield();
        expect_ok(leat_scope_join(&inner));
        expect_ok(leat_scope_join(&outer));
    }
    expect_eq(leat_deadline(), LEAT_NEVER);
}

LEAT_TEST_TASK(context, the_nearest_deadline_is_told)
{
    ask_deadline();
}

LEAT_TEST(context, the_nearest_deadline_is_told_on_a_plain_thread)
{
    ask_deadline();
}

static int draw(void *arg)
{
    uint64_t *numbers = arg;

    for (int i = 0; i < 8; i++)
        numbers[i] = leat_random();
    return 0;
}

LEAT_TEST(context, random_numbers_follow_the_runtimes_seed)
{
    uint64_t first[8], again[8], other[8];

    expect_ok(leat_run(draw, first, LEAT_OPTIONS(.workers = 1, .seed = 7)));
    expect_ok(leat_run(draw, again, LEAT_OPTIONS(.workers = 1, .seed = 7)));
    expect_ok(leat_run(draw, other, LEAT_OPTIONS(.workers = 1, .seed = 8)));
    expect_mem_eq(first, again, sizeof first);
    expect(memcmp(first, other, sizeof first) != 0);
}

LEAT_TEST(context, random_numbers_differ_on_a_plain_thread)
{
    uint64_t numbers[8];

    draw(numbers);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++)
            expect_ne(numbers[i], numbers[j]);
}

static void keep_line(void *arg, enum leat_log_level level, const char *line)
{
    if (level == LEAT_LOG_INFO && strncmp(line, "leat ", 5) != 0)
        strncpy(arg, line, 63);
}

static int say(void *arg)
{
    (void)arg;
    leat_log(LEAT_LOG_DEBUG, "not wanted");
    leat_log(LEAT_LOG_INFO, "%d of %s", 3, "four");
    return 0;
}

LEAT_TEST(context, a_line_goes_to_the_programs_log_when_its_level_is_wanted)
{
    char line[64] = "";

    expect_ok(leat_run(say, NULL, LEAT_OPTIONS(.log = keep_line, .log_arg = line,
                                               .log_level = LEAT_LOG_INFO)));
    expect_str_eq(line, "3 of four");
}

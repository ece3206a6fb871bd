/* SPDX-License-Identifier: MIT */
/* bits.h, clamp.h (R17: time saturates, never wraps), random.h, probe.h, container.h. */
#include "base/bits.h"
#include "base/clamp.h"
#include "base/container.h"
#include "base/probe.h"
#include "base/random.h"
#include "harness/test.h"
#include <stdio.h>

LEAT_TEST(container, member_leads_to_the_struct_around_it)
{
    struct outer {
        char pad[3];
        long member;
    } outer;

    expect(leat__container_of(&outer.member, struct outer, member) == &outer);
}

LEAT_TEST(bits, powers_of_two_are_told_and_rounded_to)
{
    expect(!leat__is_pow2(0));
    for (unsigned i = 0; i < 64; i++) {
        uint64_t power = UINT64_C(1) << i;

        expect(leat__is_pow2(power));
        expect_eq(leat__pow2_up(power), power);
        expect_eq(leat__bit_low(power), i);
        expect_eq(leat__bit_high(power), i);
        if (i > 1) {
            expect(!leat__is_pow2(power - 1));
            expect_eq(leat__pow2_up(power - 1), power);
            expect_eq(leat__bit_count(power - 1), i);
        }
    }
    expect_eq(leat__pow2_up(0), 1u);
    expect_eq(leat__pow2_up((UINT64_C(1) << 63) + 1), 0u);
}

LEAT_TEST(bits, rounding_goes_to_the_nearest_multiple_and_keeps_multiples)
{
    expect_eq(leat__round_up(0, 4096), 0u);
    expect_eq(leat__round_up(1, 4096), 4096u);
    expect_eq(leat__round_up(4096, 4096), 4096u);
    expect_eq(leat__round_down(4095, 4096), 0u);
    expect_eq(leat__round_down(8191, 4096), 4096u);
}

LEAT_TEST(clamp, ends_of_the_range_saturate_and_never_absorbs)
{
    expect_eq(leat__time_add(LEAT_NEVER - 1, 1), LEAT_NEVER);
    expect_eq(leat__time_add(LEAT_NEVER - 1, 2), LEAT_NEVER);
    expect_eq(leat__time_add(INT64_MIN, -1), INT64_MIN);
    expect_eq(leat__time_add(LEAT_NEVER, -LEAT_HOUR), LEAT_NEVER);
    expect_eq(leat__time_add(-LEAT_HOUR, LEAT_NEVER), LEAT_NEVER);
    expect_eq(leat__time_sub(LEAT_NEVER, LEAT_HOUR), LEAT_NEVER);
    expect_eq(leat__time_sub(0, INT64_MIN), LEAT_NEVER);
    expect_eq(leat__time_sub(INT64_MIN, 1), INT64_MIN);
    expect_eq(leat__time_sub(-2, LEAT_NEVER), INT64_MIN);
    expect_eq(leat__time_mul(LEAT_HOUR, INT64_MAX), LEAT_NEVER);
    expect_eq(leat__time_mul(LEAT_HOUR, INT64_MIN), INT64_MIN);
    expect_eq(leat__time_mul(-LEAT_HOUR, INT64_MIN), LEAT_NEVER);
    expect_eq(leat__time_mul(LEAT_MSEC, 3), 3 * LEAT_MSEC);
    expect_eq(leat__time_min(-1, 1), -1);
    expect_eq(leat__time_max(-1, 1), 1);
}

/* Numbers near what breaks sums: zero, both ends, each power of two, a century either way. */
static leat_time draw_time(struct leat__random *random)
{
    int64_t near = (int64_t)leat__random_below(random, 7) - 3;
    int64_t power = (int64_t)(UINT64_C(1) << leat__random_below(random, 63));

    switch (leat__random_below(random, 6)) {
    case 0:
        return near;
    case 1:
        return INT64_MAX - (near + 3);
    case 2:
        return INT64_MIN + (near + 3);
    case 3:
        return power + near;
    case 4:
        return 876600 * LEAT_HOUR * (near < 0 ? -1 : 1) + near;
    default:
        return (int64_t)leat__random_next(random);
    }
}

static leat_time saturated(__int128 exact)
{
    return exact > INT64_MAX   ? INT64_MAX
           : exact < INT64_MIN ? INT64_MIN
                               : (leat_time)exact;
}

LEAT_TEST(clamp, a_million_sums_and_differences_saturate_and_never_wrap)
{
    enum { PROPERTIES = 1000000 };
    struct leat__random random;

    leat__random_init(&random, test_seed());
    for (int i = 0; i < PROPERTIES; i++) {
        leat_time a = draw_time(&random), b = draw_time(&random);
        leat_time sum = leat__time_add(a, b), left = leat__time_sub(a, b);
        bool never = a == LEAT_NEVER || b == LEAT_NEVER;

        assert_eq(sum, never ? LEAT_NEVER : saturated((__int128)a + b));
        assert_eq(sum, leat__time_add(b, a));
        assert_eq(left, a == LEAT_NEVER ? LEAT_NEVER : saturated((__int128)a - b));
        assert_eq(leat__time_mul(a, b), saturated((__int128)a * b));
        if (b >= 0)
            assert_ge(sum, a); /* later is never earlier */
        if (b <= 0 && !never)
            assert_le(sum, a);
    }
    printf("R17 properties=%d fail=0 truncated=0\n", PROPERTIES);
}

LEAT_TEST(random, same_seed_gives_the_same_numbers_and_another_seed_others)
{
    struct leat__random a, b, c;
    int same = 0;

    leat__random_init(&a, 7);
    leat__random_init(&b, 7);
    leat__random_init(&c, 8);
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = leat__random_next(&a);

        assert_eq(drawn, leat__random_next(&b));
        same += drawn == leat__random_next(&c);
    }
    expect_eq(same, 0);
}

/* First outputs of the reference implementation of xoshiro256** for the state 1, 2, 3, 4. */
LEAT_TEST(random, generator_gives_its_published_sequence)
{
    static const uint64_t want[] = { 11520u, 0u, 1509978240u, UINT64_C(1215971899390074240) };
    struct leat__random random = { .state = { 1, 2, 3, 4 } };

    for (size_t i = 0; i < LEAT__COUNT(want); i++)
        expect_eq(leat__random_next(&random), want[i]);
}

LEAT_TEST(random, bounded_numbers_stay_below_and_favour_none)
{
    enum { BOUND = 7, DRAWS = 700000 };
    struct leat__random random;
    int seen[BOUND] = { 0 };

    leat__random_init(&random, test_seed());
    expect_eq(leat__random_below(&random, 0), 0u);
    expect_eq(leat__random_below(&random, 1), 0u);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t drawn = leat__random_below(&random, BOUND);

        assert_lt(drawn, (uint32_t)BOUND);
        seen[drawn]++;
    }
    /* 100,000 expected each, deviation 293: eight deviations */
    for (int i = 0; i < BOUND; i++) {
        expect_gt(seen[i], 97600);
        expect_lt(seen[i], 102400);
    }
    /* where a plain remainder favours the small ones most: a third of them would be below 2^30 */
    int low = 0;
    for (int i = 0; i < DRAWS; i++)
        low += leat__random_below(&random, 3u << 30) < 1u << 30;
    expect_gt(low, DRAWS / 3 - 3200);
    expect_lt(low, DRAWS / 3 + 3200);
}

LEAT_TEST(probe, counters_count_and_sum)
{
    struct leat__probe a = { 0 }, sum = { 0 };

    leat__probe_count(&a.spawns);
    leat__probe_count(&a.spawns);
    leat__probe_add(&a.steal_items, 40);
    leat__probe_count(&a.compute_calls);
    leat__probe_sum(&sum, &a);
    leat__probe_sum(&sum, &a);
    expect_eq(leat__probe_read(&a.spawns), 2u);
    expect_eq(sum.spawns, 4u);
    expect_eq(sum.steal_items, 80u);
    expect_eq(sum.compute_calls, 2u);
    expect_eq(sum.parks, 0u);
}

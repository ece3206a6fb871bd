/* SPDX-License-Identifier: MIT */
#include "base/list.h"
#include "base/random.h"
#include "harness/test.h"

struct item {
    int number;
    struct leat__list node;
};

static struct item *item_of(struct leat__list *node)
{
    return leat__list_entry(node, struct item, node);
}

LEAT_TEST(list, order_is_that_of_pushes_at_either_end)
{
    struct leat__list list;
    struct item items[4] = { { .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 } };
    int next = 0;

    leat__list_init(&list);
    expect(leat__list_empty(&list));
    leat__list_push_back(&list, &items[2].node);
    leat__list_push_front(&list, &items[1].node);
    leat__list_push_back(&list, &items[3].node);
    leat__list_push_front(&list, &items[0].node);
    leat__list_each(node, &list)
        expect_eq(item_of(node)->number, next++);
    expect_eq(next, 4);
    expect(leat__list_first(&list) == &items[0].node);
    expect(leat__list_last(&list) == &items[3].node);
    expect(leat__list_pop_back(&list) == &items[3].node);
    expect(leat__list_pop_front(&list) == &items[0].node);
}

LEAT_TEST(list, empty_list_gives_null)
{
    struct leat__list list;

    leat__list_init(&list);
    expect_null(leat__list_first(&list));
    expect_null(leat__list_last(&list));
    expect_null(leat__list_pop_front(&list));
    expect_null(leat__list_pop_back(&list));
}

LEAT_TEST(list, removing_twice_is_harmless)
{
    struct leat__list list, node;

    leat__list_init(&list);
    leat__list_push_back(&list, &node);
    expect(leat__list_linked(&node));
    leat__list_remove(&node);
    expect(!leat__list_linked(&node));
    leat__list_remove(&node);
    expect(leat__list_empty(&list));
}

LEAT_TEST(list, body_of_the_removable_walk_may_remove_each_node)
{
    struct leat__list list, nodes[5];
    int seen = 0;

    leat__list_init(&list);
    for (int i = 0; i < 5; i++)
        leat__list_push_back(&list, &nodes[i]);
    leat__list_each_removable(node, &list) {
        expect(node == &nodes[seen]);
        leat__list_remove(node);
        seen++;
    }
    expect_eq(seen, 5);
    expect(leat__list_empty(&list));
}

LEAT_TEST(list, splice_moves_all_in_order_and_leaves_the_source_empty)
{
    struct leat__list a, b, nodes[4];
    int i = 0;

    leat__list_init(&a);
    leat__list_init(&b);
    leat__list_splice_back(&a, &b);
    expect(leat__list_empty(&a));
    leat__list_push_back(&a, &nodes[0]);
    leat__list_push_back(&a, &nodes[1]);
    leat__list_push_back(&b, &nodes[2]);
    leat__list_push_back(&b, &nodes[3]);
    leat__list_splice_back(&a, &b);
    expect(leat__list_empty(&b));
    leat__list_each(node, &a)
        expect(node == &nodes[i++]);
    expect_eq(i, 4);
    leat__list_splice_back(&b, &a);
    expect(leat__list_empty(&a));
    expect(leat__list_last(&b) == &nodes[3]);
}

/* Against the same operations on an array. */
LEAT_TEST(list, random_operations_agree_with_an_array)
{
    enum { ITEMS = 16 };
    struct leat__list list;
    struct item items[ITEMS];
    int model[ITEMS], count = 0;
    struct leat__random random;

    leat__random_init(&random, test_seed());
    leat__list_init(&list);
    for (int i = 0; i < ITEMS; i++) {
        items[i].number = i;
        leat__list_init(&items[i].node);
    }
    for (int step = 0; step < 20000; step++) {
        int which = (int)leat__random_below(&random, ITEMS), at = 0, i = 0;

        if (leat__list_linked(&items[which].node)) {
            leat__list_remove(&items[which].node);
            while (model[at] != which)
                at++;
            for (count--; at < count; at++)
                model[at] = model[at + 1];
        } else {
            leat__list_push_back(&list, &items[which].node);
            model[count++] = which;
        }
        leat__list_each(node, &list) {
            assert_lt(i, count);
            assert_eq(item_of(node)->number, model[i]);
            i++;
        }
        assert_eq(i, count);
    }
}

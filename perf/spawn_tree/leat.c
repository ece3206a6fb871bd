/* SPDX-License-Identifier: MIT */
/* A tree of tasks: each joins its children. skynet's results go up through the parents' frames, as
 * programs on scopes write it. */
#include <leat/leat.h>

#include <string.h>

#include "helper.h"

enum { DEPTH = 19, TASKS = (1 << (DEPTH + 1)) - 2, LEAVES = 1000000, CHILDREN = 10 };

static int tree(void *arg)
{
    uintptr_t depth = (uintptr_t)arg;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    if (depth == 0)
        return 0;
    leat_spawn(&scope, tree, (void *)(depth - 1));
    leat_spawn(&scope, tree, (void *)(depth - 1));
    return leat_scope_join(&scope);
}

struct node {
    int64_t number, leaves, sum;
};

static int skynet(void *arg)
{
    struct node *node = arg;
    struct node  children[CHILDREN];
    int          err;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    if (node->leaves == 1) {
        node->sum = node->number;
        return 0;
    }
    for (int i = 0; i < CHILDREN; i++) {
        children[i].leaves = node->leaves / CHILDREN;
        children[i].number = node->number + i * children[i].leaves;
        leat_spawn(&scope, skynet, &children[i]);
    }
    err = leat_scope_join(&scope);
    node->sum = 0;
    for (int i = 0; i < CHILDREN; i++)
        node->sum += children[i].sum;
    return err;
}

static void grow(void *data)
{
    (void)data;
    if (tree((void *)(uintptr_t)DEPTH))
        perf_die("a spawn failed", 0);
}

static void sum(void *data)
{
    struct node root = { .leaves = LEAVES };

    (void)data;
    if (skynet(&root) || root.sum != (int64_t)LEAVES * (LEAVES - 1) / 2)
        perf_die("the sum is wrong", 0);
}

static int measure(void *arg)
{
    const struct perf_args *args = arg;

    if (strcmp(args->question, "skynet") == 0)
        perf_repeat_ns(args, 1e6, sum, NULL);
    else
        perf_repeat_ns(args, TASKS, grow, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(measure, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}

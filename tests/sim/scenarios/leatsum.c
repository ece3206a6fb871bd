/* SPDX-License-Identifier: MIT */
/* The pipeline of examples/leatsum, from its own sources, over a tree of files in memory: each file
 * comes out once, in byte order of the names, with the sum of its bytes or, where an operation
 * failed, with an error. */
#include "sim/scenarios/scenario.h"

#include "leatsum/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 60
#define BYTES_MAX (200 << 10)

static struct {
    uint32_t files, printed, failed;
    size_t   bytes[FILES_MAX];
} tree;

static unsigned char content[BYTES_MAX];

/* In byte order, as they are numbered. */
static void name_file(char name[64], uint32_t number)
{
    snprintf(name, 64, "/tree/%c/%02u/file", (int)('a' + number / 20), (unsigned)(number % 20));
}

static void make_tree(void)
{
    char name[64];

    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 31 + i / 251);
    for (uint32_t i = 0; i < tree.files; i++) {
        tree.bytes[i] = leat_sim_choose(8) ? leat_sim_choose(3000) : leat_sim_choose(BYTES_MAX);
        name_file(name, i);
        leat_sim_expect(leat_sim_file(name, content + i, tree.bytes[i] > i ? tree.bytes[i] - i
                                                                         : 0) == 0);
    }
}

static int check_item(struct pipeline *pipeline, void *arg, const struct batch *batch,
                      const struct item *item)
{
    uint32_t number = tree.printed;
    unsigned char digest[HASH_BYTES];
    char name[64];

    (void)pipeline, (void)arg;
    if (item->err) {
        leat_sim_expect(leat_sim_has_faults());
        tree.failed++;
        if (item->kind != ITEM_FILE)
            return 0; /* a folder that could not be listed: what is in it is not known */
    }
    name_file(name, number);
    if (tree.failed == 0)
        leat_sim_expect(strcmp(name, item_name(batch, item)) == 0);
    while (strcmp(name, item_name(batch, item)) != 0) {
        leat_sim_expect(number < tree.files);
        name_file(name, ++number);
    }
    tree.printed = number + 1;
    if (!item->err) {
        struct hash *hash = hash_create();
        size_t bytes = tree.bytes[number] > number ? tree.bytes[number] - number : 0;

        if (!hash)
            return -ENOMEM;
        leat_sim_expect(item->bytes == bytes);
        leat_sim_expect(hash_all(hash, content + number, bytes, digest) == 0);
        leat_sim_expect(memcmp(digest, item->digest, HASH_BYTES) == 0);
        hash_destroy(hash);
    }
    return 0;
}

SCENARIO_WITH_FAULTS(leatsum)
{
    static struct console console;
    char root[] = "/tree";
    char *paths[] = { root };
    struct options options = { .paths = paths, .path_count = 1,
                               .memory = (1 + leat_sim_choose(3)) * OPTIONS_MEMORY_MIN };
    struct counts counts = { 0 };
    struct pipeline pipeline;
    struct tree sums = { 0 };
    const struct job job = { tree_source, check_item, &sums };
    int err;

    tree.files = 1 + leat_sim_size() * (FILES_MAX - 1) / 100;
    tree.printed = tree.failed = 0;
    make_tree();
    leat_sim_expect(hash_start() == 0);
    pipeline_init(&pipeline, &options, &console, &counts);
    err = pipeline_run(&pipeline, &job);
    hash_stop();
    leat_sim_expect(err == 0 || leat_sim_has_faults());
    leat_sim_expect(err != 0 || tree.printed == tree.files || tree.failed > 0);
}

/* SPDX-License-Identifier: MIT */
/* See order.h. A table of edges, hashed by where they begin; a cycle is looked for depth first, and
 * no further than LEAT__HELD_STEPS edges: longer ones are not found. */
#include "task/order.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define EDGES   8192
#define BUCKETS 1024

static struct {
    struct leat__order_edge *edges; /* NULL: none yet */
    uint32_t                 used, oldest;
    uint32_t                 buckets[BUCKETS]; /* index + 1 of an edge */
    uint64_t                 searches;
} graph;

static uint32_t *bucket_of(uint64_t from)
{
    uint64_t seed = from;

    return &graph.buckets[leat__random_mix(&seed) % BUCKETS];
}

static struct leat__order_edge *edge_at(uint32_t number)
{
    return number ? &graph.edges[number - 1] : NULL;
}

static struct leat__order_edge *find(uint64_t from, uint64_t to)
{
    struct leat__order_edge *edge = edge_at(*bucket_of(from));

    while (edge && (edge->from != from || edge->to != to))
        edge = edge_at(edge->next);
    return edge;
}

static bool has(const uint64_t *guards, uint64_t id)
{
    for (int i = 0; i < LEAT__ORDER_GUARDS; i++)
        if (guards[i] == id)
            return true;
    return false;
}

bool leat__order_again(const struct leat__order_edge *edge, bool *changed)
{
    struct leat__order_edge *old = find(edge->from, edge->to);

    *changed = false;
    if (!old)
        return false;
    for (int i = 0; i < LEAT__ORDER_GUARDS; i++) {
        if (old->guards[i] && !has(edge->guards, old->guards[i])) {
            old->guards[i] = 0;
            *changed = true;
        }
    }
    if (old->holder && old->holder != edge->holder) {
        old->holder = 0;
        *changed = true;
    }
    *changed |= (edge->alone_from && !old->alone_from) || (edge->alone_to && !old->alone_to);
    old->alone_from |= edge->alone_from;
    old->alone_to |= edge->alone_to;
    return true;
}

static void unlink_edge(uint32_t number)
{
    uint32_t *link = bucket_of(edge_at(number)->from);

    while (*link != number)
        link = &edge_at(*link)->next;
    *link = edge_at(number)->next;
}

bool leat__order_add(const struct leat__order_edge *edge)
{
    uint32_t number, *bucket = bucket_of(edge->from);

    if (!graph.edges)
        graph.edges = calloc(EDGES, sizeof *graph.edges);
    if (!graph.edges)
        return false;
    if (graph.used < EDGES) {
        number = ++graph.used;
    } else {
        number = ++graph.oldest;
        graph.oldest %= EDGES;
        unlink_edge(number);
    }
    *edge_at(number) = *edge;
    edge_at(number)->next = *bucket;
    edge_at(number)->told = false;
    edge_at(number)->visited = 0;
    *bucket = number;
    return true;
}

/* Can the edges of the cycle wait for each other at the same time? */
static bool is_real(struct leat__order_edge *const *path, size_t count)
{
    uint64_t holder = path[0]->holder;
    bool one = holder != 0;

    for (size_t i = 0; i < count; i++) {
        one &= path[i]->holder == holder;
        /* who waits for the lock, and who holds it: two readers do not wait for each other */
        if (!path[i]->alone_to && !path[(i + 1) % count]->alone_from)
            return false;
    }
    for (int g = 0; g < LEAT__ORDER_GUARDS; g++) {
        size_t guarded = 1;

        if (!path[0]->guards[g])
            continue;
        while (guarded < count && has(path[guarded]->guards, path[0]->guards[g]))
            guarded++;
        if (guarded == count)
            return false;
    }
    return !one;
}

static size_t search(struct leat__order_edge **path, size_t depth)
{
    struct leat__order_edge *last = path[depth - 1], *edge = edge_at(*bucket_of(last->to));

    for (; edge; edge = edge_at(edge->next)) {
        size_t found;

        if (edge->from != last->to || edge->visited == graph.searches)
            continue;
        path[depth] = edge;
        if (edge->to == path[0]->from) {
            if (is_real(path, depth + 1))
                return depth + 1;
            continue;
        }
        if (depth + 1 == LEAT__HELD_STEPS)
            continue;
        edge->visited = graph.searches;
        found = search(path, depth + 1);
        if (found)
            return found;
    }
    return 0;
}

bool leat__order_closes(uint64_t from, uint64_t to, struct leat__held_report *ret)
{
    struct leat__order_edge *path[LEAT__HELD_STEPS] = { find(from, to) };
    size_t count;

    if (!path[0] || path[0]->told)
        return false;
    graph.searches++;
    count = search(path, 1);
    if (count == 0)
        return false;
    ret->what = LEAT__HELD_ORDER;
    ret->count = count;
    for (size_t i = 0; i < count; i++) {
        ret->steps[i] = path[i]->step;
        path[i]->told = true;
    }
    return true;
}

void leat__order_forget(void)
{
    free(graph.edges);
    memset(&graph, 0, sizeof graph);
}

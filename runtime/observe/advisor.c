/* SPDX-License-Identifier: MIT */
/* Deepest first: the size that all tasks get is for the first line to say. */
#include "observe/advisor.h"
#include "platform/symbol.h"
#include "platform/text.h"
#include "task/measure.h"

#include <leat/observe.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The smallest of these that leaves as much again, for what was not seen. */
#define SIZE_MIN ((size_t)16 * 1024)

static int deeper(const void *a, const void *b)
{
    const struct leat__site *left = a, *right = b;

    return (left->bytes_max < right->bytes_max) - (left->bytes_max > right->bytes_max);
}

static void put_site(struct leat__text *text, struct leat__symbols *symbols,
                     const struct leat__site *site)
{
    const void *origin = leat__symbols_whole(symbols, site->origin);

    leat__text_put(text, "    ");
    leat__text_number(text, site->bytes_max);
    leat__text_put(text, " bytes  ");
    if (site->fn)
        leat__symbol_put(symbols, text, (const void *)(uintptr_t)site->fn, false);
    else
        leat__text_put(text, "all others");
    if (origin) {
        leat__text_put(text, ", spawned by ");
        leat__symbol_put(symbols, text, origin, true);
    }
    leat__text_put(text, ": ");
    leat__text_number(text, site->measured);
    leat__text_put(text, " of ");
    leat__text_number(text, site->tasks);
    leat__text_put(text, " measured");
}

static void put_advice(struct leat__text *text, size_t deepest, size_t promised)
{
    size_t size = SIZE_MIN;

    while (size < 2 * deepest)
        size *= 2;
    leat__text_put(text, "stacks: the deepest task used ");
    leat__text_number(text, deepest);
    leat__text_put(text, " of ");
    leat__text_number(text, promised);
    leat__text_put(text, " bytes promised; .stack_bytes = ");
    leat__text_number(text, size);
    leat__text_put(text, " would leave as much again");
}

int leat__advise(struct leat__runtime *runtime, void (*line)(void *arg, const char *text),
                 void *arg)
{
    struct report {
        struct leat__symbols symbols;
        struct leat__site    sites[LEAT__SITES_MAX + 1];
    } *report = malloc(sizeof *report);
    struct leat__text text = { .fd = -1 };

    if (!report)
        return -ENOMEM;
    leat__lock(&runtime->measure->lock);
    memcpy(report->sites, runtime->measure->sites, sizeof report->sites);
    leat__unlock(&runtime->measure->lock);
    qsort(report->sites, LEAT__SITES_MAX + 1, sizeof report->sites[0], deeper);
    leat__symbols_init(&report->symbols, false);
    put_advice(&text, report->sites[0].bytes_max, runtime->stack_bytes);
    line(arg, leat__text_string(&text));
    for (size_t i = 0; i <= LEAT__SITES_MAX && report->sites[i].measured > 0; i++) {
        text = (struct leat__text){ .fd = -1 };
        put_site(&text, &report->symbols, &report->sites[i]);
        line(arg, leat__text_string(&text));
    }
    leat__symbols_fini(&report->symbols);
    free(report);
    return 0;
}

int leat_stack_report(int fd)
{
    struct leat__runtime *runtime = leat__runtime_current();
    struct leat__lines lines = { .fd = fd };
    int err;

    if (!runtime)
        return -EPERM;
    if (!runtime->measure)
        return -ENODATA;
    err = leat__advise(runtime, leat__lines_put, &lines);
    return err ? err : lines.err;
}

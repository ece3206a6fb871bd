/* SPDX-License-Identifier: MIT */
#include "blocking/report.h"
#include "platform/symbol.h"

#include <stdio.h>
#include <stdlib.h>

struct page {
    struct leat__symbols symbols;
    struct leat__text    text;
};

/* Off the stack: whoever calls leat_run may have a small one. */
void leat__blocking_name(char *name, size_t bytes, int (*fn)(void *arg))
{
    const void *address = (const void *)(uintptr_t)fn;
    struct page *page = malloc(sizeof *page);

    if (!page) {
        snprintf(name, bytes, "%p", address);
        return;
    }
    leat__symbols_init(&page->symbols, false);
    page->text = (struct leat__text){ .fd = -1 };
    leat__symbol_put(&page->symbols, &page->text, address, false);
    snprintf(name, bytes, "%s", leat__text_string(&page->text));
    leat__symbols_fini(&page->symbols);
    free(page);
}

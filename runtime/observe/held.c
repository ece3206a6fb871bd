/* SPDX-License-Identifier: MIT */
/* See held.h. Printed at once and not through the program's log function, which could suspend: some
 * reports are made where nothing may, between two tasks. */
#include "observe/held.h"
#include "platform/symbol.h"
#include "task/held.h"

#include <stdlib.h>
#include <unistd.h>

struct page {
    struct leat__text    text;
    struct leat__symbols symbols;
};

static void put_who(struct page *page, const struct leat__held_who *who)
{
    if (who->id == 0) {
        leat__text_put(&page->text, "a plain thread");
        return;
    }
    leat__text_put(&page->text, "task ");
    leat__text_number(&page->text, who->id);
    if (who->name[0]) {
        leat__text_put(&page->text, " ");
        leat__text_name(&page->text, who->name);
    }
    leat__text_put(&page->text, " (fn ");
    leat__symbol_put(&page->symbols, &page->text, (void *)(uintptr_t)who->fn, false);
    leat__text_put(&page->text, ")");
}

static void put_lock(struct page *page, enum leat__held_kind kind, const void *address)
{
    static const char *const kinds[] = { "mutex ", "rwlock (to read) ", "rwlock (to write) ",
                                         "pthread mutex " };

    leat__text_put(&page->text, kinds[kind]);
    leat__text_hex(&page->text, (uintptr_t)address);
}

static void put_held(struct page *page, const struct leat__held_step *step)
{
    put_lock(page, step->kind, step->held);
    leat__text_put(&page->text, " (locked by ");
    leat__symbol_put(&page->symbols, &page->text, step->from, true);
    leat__text_put(&page->text, ")");
}

/* What leat itself called on the way is left out. */
static void put_frames(struct page *page, const struct leat__held_step *step)
{
    size_t first = 0;

    for (size_t i = 0; step->at && i < step->count; i++)
        if (step->frames[i] == step->at)
            first = i;
    for (size_t i = first; i < step->count; i++) {
        leat__text_put(&page->text, "        ");
        leat__symbol_put(&page->symbols, &page->text, step->frames[i], i > 0);
        leat__text_put(&page->text, "\n");
    }
}

static void put_order(struct page *page, const struct leat__held_report *report)
{
    leat__text_put(&page->text, "leat: debug: locks are taken in different orders; these can wait "
                                "for each other for ever:\n");
    for (size_t i = 0; i < report->count; i++) {
        const struct leat__held_step *step = &report->steps[i];

        leat__text_put(&page->text, i == 0 ? "    now " : "    before, ");
        put_who(page, &step->who);
        leat__text_put(&page->text, i == 0 ? " holds " : " held ");
        put_held(page, step);
        leat__text_put(&page->text, i == 0 ? " and locks " : " and locked ");
        put_lock(page, step->wanted_kind, step->wanted);
        leat__text_put(&page->text, "\n");
        put_frames(page, step);
    }
}

static void put_ended(struct page *page, const struct leat__held_report *report)
{
    leat__text_put(&page->text, "leat: debug: ");
    put_who(page, &report->steps[0].who);
    leat__text_put(&page->text, " has ended and holds ");
    for (size_t i = 0; i < report->count; i++) {
        if (i > 0)
            leat__text_put(&page->text, " and ");
        put_held(page, &report->steps[i]);
    }
    leat__text_put(&page->text, "\n");
}

static void put_again(struct page *page, const struct leat__held_step *step)
{
    leat__text_put(&page->text, "leat: debug: ");
    put_who(page, &step->who);
    leat__text_put(&page->text, " waits for itself: it holds ");
    put_held(page, step);
    leat__text_put(&page->text, " and locks it again\n");
    put_frames(page, step);
}

static void put_foreign(struct page *page, const struct leat__held_report *report)
{
    leat__text_put(&page->text, "leat: debug: ");
    put_who(page, &report->steps[0].who);
    leat__text_put(&page->text, " unlocks ");
    put_held(page, &report->steps[1]);
    leat__text_put(&page->text, ", which ");
    put_who(page, &report->steps[1].who);
    leat__text_put(&page->text, " holds\n");
    put_frames(page, &report->steps[0]);
}

static void put_suspended(struct page *page, const struct leat__held_step *step)
{
    leat__text_put(&page->text, "leat: debug: ");
    put_who(page, &step->who);
    leat__text_put(&page->text, " suspends while it holds ");
    put_held(page, step);
    leat__text_put(&page->text, ": its worker, or the next task there, may wait for it for ever; "
                                "unlock it before, or use leat_mutex\n");
    put_frames(page, step);
}

static void print(const struct leat__held_report *report)
{
    struct page *page = calloc(1, sizeof *page); /* not on a task's stack */

    if (!page)
        return;
    page->text.fd = STDERR_FILENO;
    leat__symbols_init(&page->symbols, false);
    switch (report->what) {
    case LEAT__HELD_ORDER:
        put_order(page, report);
        break;
    case LEAT__HELD_AGAIN:
        put_again(page, &report->steps[0]);
        break;
    case LEAT__HELD_ENDED:
        put_ended(page, report);
        break;
    case LEAT__HELD_FOREIGN:
        put_foreign(page, report);
        break;
    case LEAT__HELD_SUSPENDED:
        put_suspended(page, &report->steps[0]);
        break;
    }
    leat__text_flush(&page->text);
    leat__symbols_fini(&page->symbols);
    free(page);
}

void leat__held_report_install(void)
{
    leat__held_print_by(print);
}

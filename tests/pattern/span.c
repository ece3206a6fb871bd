/* SPDX-License-Identifier: MIT */
/* A span says in the log what was done, for how long and how it ended. */
#include "harness/test.h"

#include <leat/leat.h>

#include <stdio.h>

struct book {
    char                text[1024];
    enum leat_log_level level;
};

static void write_down(void *arg, enum leat_log_level level, const char *line)
{
    struct book *book = arg;
    size_t used = 0;

    if (!leat_task_name())
        return; /* the runtime's own lines, from any thread */
    while (book->text[used])
        used++;
    snprintf(book->text + used, sizeof book->text - used, "%s\n", line);
    book->level = level;
}

static int fail(void)
{
    LEAT_SPAN(span, "load the index");
    return leat_span_end(&span, -ENOENT);
}

static int several(void *arg)
{
    struct book *book = arg;

    expect_err(fail(), -ENOENT);
    expect_contains(book->text, "load the index: ENOENT (");
    expect_contains(book->text, ") after ");
    expect_eq(book->level, LEAT_LOG_WARN);
    {
        LEAT_SPAN(span, "nap", .slow = LEAT_MSEC);
        expect_ok(leat_sleep(2 * LEAT_MSEC));
        expect_eq(leat_span_end(&span, 7), 7);
        expect_eq(leat_span_end(&span, -1), -1); /* once */
    }
    expect_contains(book->text, "nap: slow, done in ");
    expect_contains(book->text, "s\n");
    expect_eq(book->level, LEAT_LOG_WARN);
    {
        LEAT_SPAN(span, "quick");
        expect_ok(leat_span_end(&span, 0));
    }
    expect_contains(book->text, "quick: done in ");
    expect_eq(book->level, LEAT_LOG_DEBUG);
    {
        LEAT_SPAN(span, "a try", .quiet = true);
        expect_err(leat_span_end(&span, -EIO), -EIO);
    }
    expect_eq(book->level, LEAT_LOG_DEBUG);
    {
        LEAT_SPAN(span, "half");
    }
    expect_contains(book->text, "half: left without an end after ");
    return 0;
}

LEAT_TEST(span, writes_a_line_when_it_ends)
{
    struct book book = { "", LEAT_LOG_DEFAULT };

    expect_ok(leat_run(several, &book, LEAT_OPTIONS(.log = write_down, .log_arg = &book,
                                                    .log_level = LEAT_LOG_DEBUG)));
}

static int quick(void *arg)
{
    LEAT_SPAN(span, "quick");

    (void)arg;
    return leat_span_end(&span, 0);
}

LEAT_TEST(span, that_went_well_is_silent_by_default)
{
    struct book book = { "", LEAT_LOG_DEFAULT };

    expect_ok(leat_run(quick, NULL, LEAT_OPTIONS(.log = write_down, .log_arg = &book)));
    expect_str_eq(book.text, "");
}

static void span_on_thread(void)
{
    (void)fail();
    quick(NULL);
}

LEAT_TEST(span, on_a_plain_thread_warns_on_standard_error)
{
    expect_exits(span_on_thread, 0, "load the index: ENOENT");
}

/* SPDX-License-Identifier: MIT */
/* Gather with a report: every item is tried, each failure is told with its index, and none of
 * nothing is fine too. */
#include <leat/leat.h>

#include <stdio.h>

struct page {
    const char *url;   /* in */
    int         bytes; /* out: valid when its status is 0 */
};

static int fetch(void *arg)
{
    struct page *page = arg;
    int err = leat_sleep(LEAT_MSEC);

    if (err < 0)
        return err;
    if (page->url[0] != '/')
        return -EDESTADDRREQ;
    page->bytes = 1000;
    return 0;
}

static int app(void *arg)
{
    struct page pages[] = { { .url = "/a" }, { .url = "b" }, { .url = "/c" }, { .url = "/d" } };
    struct leat_failure failures[4];
    struct leat_report report;
    int err;
    (void)arg;

    err = leat_gather(fetch, pages, 4, .on_error = LEAT_COLLECT, .failures = failures,
                      .failures_max = 4, .report = &report);
    printf("%zu of %zu succeeded (%.0f%%), first error %s\n", report.succeeded, report.total,
           report.success_rate * 100, leat_error_name(err));
    for (size_t i = 0; i < report.failures; i++)
        printf("%s: %s\n", pages[failures[i].index].url, leat_error_text(failures[i].error));

    err = leat_gather(fetch, pages, 0, .report = &report);
    printf("nothing: %zu of %zu, %s\n", report.succeeded, report.total, leat_error_name(err));
    return err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

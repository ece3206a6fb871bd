/* SPDX-License-Identifier: MIT */
/* A batch job as people write them with asyncio: many pages, a few at once and so many a second,
 * each tried again when that may help, not at all while its host is down; and a report at the end.
 *
 * The network is played by fetch(): every page takes a moment, one in eleven fails at first, pages
 * whose number ends in 77 do not exist, and one host is down. In a real program it is the only
 * function that would change. */
#include <leat/leat.h>

#include <stdio.h>
#include <stdlib.h>

enum { PAGES = 500, HOSTS = 5, DOWN = 3 };

struct host {
    struct leat_semaphore slots;   /* at most so many requests at once, as is polite */
    struct leat_breaker   breaker; /* no more requests while it is down */
};

struct crawl {
    struct host              hosts[HOSTS];
    struct leat_bucket       rate; /* of all requests */
    struct leat_retry_budget budget;
};

struct page {
    struct crawl *crawl;
    int           number; /* in */
    int           tries;  /* requests that were sent */
    size_t        bytes;  /* out: valid when its status is 0 */
};

static struct host *host_of(const struct page *page)
{
    return &page->crawl->hosts[page->number % HOSTS];
}

/* ---- one request ---- */

static int fetch(void *arg)
{
    struct page *page = arg;
    int err = leat_sleep((leat_time)(leat_random() % 1000) * LEAT_USEC);

    page->tries++;
    if (err < 0)
        return err;
    if (page->number % HOSTS == DOWN)
        return -ECONNREFUSED;
    if (page->number % 100 == 77)
        return -ENOENT;
    if (page->number % 11 == 0 && page->tries == 1)
        return -ECONNRESET;
    page->bytes = 1000 + (size_t)page->number;
    return 0;
}

static int request(void *arg)
{
    struct page *page = arg;
    struct host *host = host_of(page);
    int err;

    if ((err = leat_bucket_acquire(&page->crawl->rate, 1)) < 0 ||
        (err = leat_semaphore_acquire(&host->slots, 1)) < 0)
        return err;
    err = leat_breaker_call(&host->breaker, fetch, page);
    leat_semaphore_release(&host->slots, 1);
    return err;
}

/* ---- one page ---- */

static bool may_help(void *arg, int error)
{
    (void)arg;
    return error == -ECONNRESET || error == -ETIMEDOUT;
}

static int crawl_page(void *arg)
{
    struct page *page = arg;

    return leat_retry(request, page, .tries = 4, .delay = LEAT_MSEC, .limit = 10 * LEAT_SEC,
                      .retry_on = may_help, .budget = &page->crawl->budget);
}

/* ---- all of them ---- */

static int set_up(struct crawl *crawl)
{
    leat_bucket_init(&crawl->rate, 20000, LEAT_SEC, 100);
    leat_retry_budget_init(&crawl->budget, 20, 50);
    for (int i = 0; i < HOSTS; i++) {
        int err = leat_breaker_init(&crawl->hosts[i].breaker,
                                    LEAT_BREAKER_OPTIONS(.open_for = LEAT_MINUTE));

        if (err < 0)
            return err;
        leat_semaphore_init(&crawl->hosts[i].slots, 8);
    }
    return 0;
}

static void print_report(const struct page *pages, const int *status,
                         const struct leat_report *report)
{
    int missing = 0, refused = 0, other = 0, asked_in_vain = 0;
    size_t bytes = 0;

    for (int i = 0; i < PAGES; i++) {
        bytes += status[i] == 0 ? pages[i].bytes : 0;
        missing += status[i] == -ENOENT;
        refused += status[i] == -ECONNREFUSED || status[i] == -EHOSTDOWN;
        asked_in_vain += status[i] == -ECONNREFUSED ? pages[i].tries : 0;
        other += status[i] < 0 && status[i] != -ENOENT && status[i] != -ECONNREFUSED &&
                 status[i] != -EHOSTDOWN;
    }
    printf("%zu of %zu pages, %zu bytes\n", report->succeeded, report->total, bytes);
    printf("%d missing, %d on a host that is down, %d other failures\n", missing, refused, other);
    printf("the host that is down was asked %s\n",
           asked_in_vain <= 20 ? "a few times" : "too often");
}

static int app(void *arg)
{
    struct page *pages = calloc(PAGES, sizeof *pages);
    struct crawl *crawl = calloc(1, sizeof *crawl);
    static int status[PAGES];
    struct leat_report report;
    int err;
    (void)arg;

    LEAT_DEFER(free, pages);
    LEAT_DEFER(free, crawl);
    if (!pages || !crawl)
        return -ENOMEM;
    if ((err = set_up(crawl)) < 0)
        return err;
    for (int i = 0; i < PAGES; i++)
        pages[i] = (struct page){ .crawl = crawl, .number = i };
    leat_gather(crawl_page, pages, PAGES, .window = 50, .on_error = LEAT_COLLECT,
                .deadline = leat_after(30 * LEAT_SEC), .status = status, .report = &report);
    print_report(pages, status, &report);
    return report.cancelled == 0 ? 0 : -ECANCELED;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Runs every script on each back end and compares what they noted with transcript.txt. */
#include "conform/script.h"
#include "harness/test.h"

#include <leat/runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_script(void *arg)
{
    struct script *script = arg;
    LEAT_LIMIT(5 * LEAT_SEC); /* what hangs notes -ETIMEDOUT */

    script->body(script);
    return 0;
}

/* All transcripts, one after another; the caller frees it. */
static char *run_all(enum leat_reactor reactor)
{
    size_t bytes = 0;
    char *all = NULL;
    FILE *out = open_memstream(&all, &bytes);

    for (struct script *script = script_first(); script; script = script->next) {
        struct leat_options options = { .size = sizeof options, .workers = 1, .reactor = reactor };
        int err;

        script->folder = test_tempdir();
        script->bytes = 0;
        err = leat_run(run_script, script, &options);
        if (err)
            test_fail("script %s: leat_run returned %d", script->name, err);
        fprintf(out, "%s\n%.*s", script->name, (int)script->bytes, script->text);
    }
    fclose(out);
    return all;
}

static char *recorded(void)
{
    char *all = calloc(1, 1 << 20);
    FILE *in = fopen(CONFORM_TRANSCRIPT, "r");

    if (!in || fread(all, 1, (1 << 20) - 1, in) == 0)
        test_fail("%s cannot be read", CONFORM_TRANSCRIPT);
    if (in)
        fclose(in);
    return all;
}

/* The first line that differs, with its script's name. */
static void compare(const char *got, const char *want)
{
    const char *script = "";
    int script_bytes = 0;

    while (*got || *want) {
        int got_bytes = (int)strcspn(got, "\n"), want_bytes = (int)strcspn(want, "\n");

        if (got_bytes != want_bytes || memcmp(got, want, (size_t)got_bytes) != 0) {
            test_fail("in script %.*s\n    recorded: %.*s\n    here:     %.*s", script_bytes,
                      script, want_bytes, want, got_bytes, got);
            return;
        }
        if (*got != ' ') {
            script = got;
            script_bytes = got_bytes;
        }
        got += got_bytes + (got[got_bytes] == '\n');
        want += want_bytes + (want[want_bytes] == '\n');
    }
}

static void check(enum leat_reactor reactor)
{
    const char *record = getenv("LEAT_CONFORM_RECORD");
    char *got = run_all(reactor), *want = recorded();

    if (record) {
        FILE *out = fopen(record, "w");

        assert_not_null(out);
        fputs(got, out);
        fclose(out);
    }
    compare(got, want);
    free(got);
    free(want);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

LEAT_TEST(conform, epoll_does_what_was_recorded)
{
    check(LEAT_REACTOR_EPOLL);
}

LEAT_TEST(conform, io_uring_does_what_was_recorded)
{
    struct leat_options options = { .size = sizeof options, .workers = 1,
                                    .reactor = LEAT_REACTOR_IO_URING };
    int err = leat_run(nothing, NULL, &options);

    if (err)
        test_skip("io_uring is not available: %d", err);
    check(LEAT_REACTOR_IO_URING);
}

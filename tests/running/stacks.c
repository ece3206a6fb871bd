/* SPDX-License-Identifier: MIT */
/* The stack advisor: how deep tasks went, by where they were spawned. */
#include "harness/test.h"

#include <leat/leat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lines {
    char text[16384];
};

static void keep(void *arg, enum leat_log_level level, const char *line)
{
    struct lines *lines = arg;
    size_t length = strlen(lines->text);

    (void)level;
    snprintf(lines->text + length, sizeof lines->text - length, "%s\n", line);
}

/* Uses about so many bytes of its stack, across a suspension. */
__attribute__((noinline)) static int use(size_t bytes)
{
    volatile char *frame = __builtin_alloca(bytes);

    for (size_t i = 0; i < bytes; i += 64)
        frame[i] = 1;
    leat_yield();
    return frame[0] - 1;
}

static int shallow(void *arg)
{
    (void)arg;
    return use(64);
}

static int deep(void *arg)
{
    (void)arg;
    return use(40000);
}

static int first_shallow_then_deep_then_shallow(void *arg)
{
    (void)arg;
    for (int round = 0; round < 3; round++) {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 100; i++)
            leat_spawn(&scope, round == 1 ? deep : shallow, NULL);
        /* not in place: so each has a stack of its own */
        expect_ok(leat_sleep(LEAT_MSEC));
        expect_ok(leat_scope_join(&scope));
    }
    return 0;
}

/* The number at the beginning of the line that contains `word`; 0 without one. */
static size_t bytes_of(const char *text, const char *word)
{
    const char *at = strstr(text, word);

    while (at && at > text && at[-1] != '\n')
        at--;
    return at ? strtoul(at, NULL, 10) : 0;
}

LEAT_TEST(stacks, are_reported_by_spawn_site_and_handed_over_ones_do_not_mix)
{
    struct lines lines = { "" };

    setenv("LEAT_STACK_REPORT", "1", 1);
    for (unsigned workers = 1; workers <= 2; workers++) {
        lines.text[0] = '\0';
        expect_ok(leat_run(first_shallow_then_deep_then_shallow, NULL,
                           LEAT_OPTIONS(.workers = workers, .log = keep, .log_arg = &lines)));
        expect_contains(lines.text, "stacks: the deepest task used ");
        expect_contains(lines.text, "spawned by first_shallow_then_deep_then_shallow");
        expect_ge(bytes_of(lines.text, "  deep"), 40000u);
        expect_lt(bytes_of(lines.text, "  deep"), 60000u);
        if (TEST_SLOWDOWN == 1) /* sanitizers' own frames are large */
            expect_lt(bytes_of(lines.text, "  shallow"), 8000u);
        expect_gt(bytes_of(lines.text, "  shallow"), 100u);
        expect_contains(lines.text, "root_task");
    }
    unsetenv("LEAT_STACK_REPORT");
}

static int ask_for_it(void *arg)
{
    int err = first_shallow_then_deep_then_shallow(NULL);
    int written = err ? err : leat_stack_report(*(int *)arg);

    if (!written)
        expect_err(leat_stack_report(-1), -EBADF);
    return written;
}

LEAT_TEST(stacks, are_reported_by_a_call_when_the_runtime_measures)
{
    struct lines lines = { "" };
    char text[4096] = "";
    int fds[2];

    expect_err(leat_stack_report(1), -EPERM);
    assert_ok(pipe2(fds, O_CLOEXEC));
    expect_err(leat_run(ask_for_it, &fds[1], LEAT_OPTIONS(.log = keep, .log_arg = &lines)),
               -ENODATA);
    expect_str_eq(lines.text, "");
    expect_ok(leat_run(ask_for_it, &fds[1], LEAT_OPTIONS(.log = keep, .log_arg = &lines,
                                                         .stack_report = true)));
    close(fds[1]);
    expect_gt(read(fds[0], text, sizeof text - 1), 0);
    close(fds[0]);
    expect_contains(text, "  deep");
    expect_contains(text, ".stack_bytes = 131072");
    expect_contains(lines.text, "  deep");
}

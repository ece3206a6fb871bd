/* SPDX-License-Identifier: MIT */
/* See transcript.h. */
#include "conform/transcript.h"

#include "harness/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDED_BYTES_MAX ((size_t)1 << 20)

int transcript_run(void *arg)
{
    struct script *script = arg;
    LEAT_LIMIT(5 * LEAT_SEC); /* what hangs notes -ETIMEDOUT */

    script->body(script);
    return 0;
}

char *transcript_of_all(void (*run)(struct script *script))
{
    size_t bytes = 0;
    char *all = NULL;
    FILE *out = open_memstream(&all, &bytes);

    for (struct script *script = script_first(); script; script = script->next) {
        script->bytes = 0;
        run(script);
        fprintf(out, "%s\n%.*s", script->name, (int)script->bytes, script->text);
    }
    fclose(out);
    return all;
}

static char *recorded(void)
{
    char *all = calloc(1, RECORDED_BYTES_MAX);
    FILE *in = fopen(CONFORM_TRANSCRIPT, "r");

    if (!in || fread(all, 1, RECORDED_BYTES_MAX - 1, in) == 0)
        test_fail("%s cannot be read", CONFORM_TRANSCRIPT);
    if (in)
        fclose(in);
    return all;
}

bool transcript_same(const char *got, const char *want, const char *where)
{
    const char *script = "";
    int script_bytes = 0;

    while (*got || *want) {
        int got_bytes = (int)strcspn(got, "\n"), want_bytes = (int)strcspn(want, "\n");

        if (*got != ' ') {
            script = got;
            script_bytes = got_bytes;
        }
        if (got_bytes != want_bytes || memcmp(got, want, (size_t)got_bytes) != 0) {
            test_fail("%s, in script %.*s\n    recorded: %.*s\n    here:     %.*s", where,
                      script_bytes, script, want_bytes, want, got_bytes, got);
            return false;
        }
        got += got_bytes + (got[got_bytes] == '\n');
        want += want_bytes + (want[want_bytes] == '\n');
    }
    return true;
}

bool transcript_check(const char *got, const char *where)
{
    const char *record = getenv("LEAT_CONFORM_RECORD");
    char *want = recorded();
    bool held;

    if (record) {
        FILE *out = fopen(record, "w");

        if (!out || fputs(got, out) < 0)
            test_fail("%s cannot be written", record);
        if (out)
            fclose(out);
    }
    held = transcript_same(got, want, where);
    free(want);
    return held;
}

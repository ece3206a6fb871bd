/* SPDX-License-Identifier: MIT */
/* What failed, on standard error, and the command that does it again. */
#include "sim/campaign.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool leat__sim_by_name;

/* As a shell takes it. */
static void put_word(const char *word)
{
    bool plain = word[0] != '\0';

    for (const char *c = word; *c; c++)
        plain = plain && (isalnum((unsigned char)*c) || strchr("_-+=:,./@%", *c));
    if (plain) {
        fputs(word, stderr);
        return;
    }
    fputc('\'', stderr);
    for (const char *c = word; *c; c++) {
        if (*c == '\'')
            fputs("'\\'", stderr);
        fputc(*c, stderr);
    }
    fputc('\'', stderr);
}

/* The command that repeats it: the program with the test's name, or as it was started. */
static void put_command(const char *name, const char *again)
{
    FILE *file = leat__sim_by_name ? NULL : fopen("/proc/self/cmdline", "re");
    char *word = NULL;
    size_t bytes = 0;

    fprintf(stderr, "%s ", again);
    if (file && getdelim(&word, &bytes, '\0', file) > 0) {
        put_word(word);
        while (getdelim(&word, &bytes, '\0', file) > 0) {
            fputc(' ', stderr);
            put_word(word);
        }
    } else {
        put_word(program_invocation_name);
        fprintf(stderr, "%s%s", leat__sim_by_name ? " " : "", leat__sim_by_name ? name : "");
    }
    fputc('\n', stderr);
    free(word);
    if (file)
        fclose(file);
}

void leat__sim_tell(const char *name, const struct leat_sim_report *report)
{
    fprintf(stderr, "leat: %s%sseed %" PRIu64 " failed: %s  again: ", name ? name : "",
            name ? ": " : "", report->seed, report->text);
    put_command(name, report->again);
}

void leat__sim_tell_smaller(const char *name, const struct leat_sim_report *report)
{
    fputs("leat: the smallest that fails likewise: ", stderr);
    put_command(name, report->again);
}

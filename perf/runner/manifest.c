/* SPDX-License-Identifier: MIT */
/*
 * manifest.c: a line is a key and its words. Keys are few and checked when read, because a typo
 * that is passed over in silence becomes a target that nobody judges.
 */
#define _GNU_SOURCE
#include "manifest.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

struct reader {
    struct questions *into;
    const char       *path, *folder;
    int               line;
    char             *text; /* what follows the key */
    char             *words[WORDS_MAX];
    size_t            word_count;
};

static _Noreturn void refuse(const struct reader *reader, const char *why)
{
    fprintf(stderr, "perf: %s:%d: %s\n", reader->path, reader->line, why);
    exit(2);
}

static void *must(void *memory)
{
    if (!memory)
        perf_die("reading the manifests", ENOMEM);
    return memory;
}

static double number(const struct reader *reader, const char *word)
{
    char  *end;
    double value = strtod(word, &end);

    if (*end || end == word || value < 0)
        refuse(reader, "expected a number");
    return value;
}

static int whole(const struct reader *reader, const char *word)
{
    double value = number(reader, word);

    if (value > 1000 || value != (double)(int)value)
        refuse(reader, "expected a small whole number");
    return (int)value;
}

static const char *copied(const char *text)
{
    return must(strdup(text));
}

static struct question *question_new(const struct reader *reader)
{
    struct questions *into = reader->into;
    struct question  *question;

    into->all = must(reallocarray(into->all, into->count + 1, sizeof *into->all));
    question = &into->all[into->count++];
    *question = (struct question){
        .folder = copied(reader->folder), .name = copied(reader->words[0]), .runs = 5, .samples = 1
    };
    question->as = question->name;
    return question;
}

static void read_subject(struct reader *reader, struct question *question)
{
    const char *name = copied(reader->words[0]);

    for (size_t i = 1; i < reader->word_count; i++) {
        if (question->entry_count == ENTRIES_MAX)
            refuse(reader, "too many subjects");
        question->entries[question->entry_count++] =
            (struct entry){ name, whole(reader, reader->words[i]) };
    }
}

static void target_new(const struct reader *reader, struct question *question, const char *against,
                       double printed, double reach)
{
    if (question->target_count == TARGETS_MAX)
        refuse(reader, "too many targets");
    if (printed <= 0)
        refuse(reader, "a printed figure is more than 0");
    question->targets[question->target_count++] =
        (struct target){ whole(reader, reader->words[0]), against ? copied(against) : NULL, printed,
                         reach };
}

static void read_key(struct reader *reader, const char *key, struct question *question)
{
    static const struct {
        const char *key;
        size_t      words_min, words_max;
    } keys[] = { { "sentence", 1, WORDS_MAX }, { "unit", 1, 1 },   { "better", 1, 1 },
                 { "measure", 1, 1 },          { "as", 1, 1 },     { "runs", 1, 1 },
                 { "samples", 1, 1 },          { "warmup", 1, 1 }, { "through", 1, WORDS_MAX },
                 { "subject", 2, WORDS_MAX },  { "target", 4, 4 }, { "limit", 2, 2 } };
    size_t k = 0;

    while (k < sizeof keys / sizeof *keys && strcmp(key, keys[k].key) != 0)
        k++;
    if (k == sizeof keys / sizeof *keys)
        refuse(reader, "no such key");
    if (reader->word_count < keys[k].words_min || reader->word_count > keys[k].words_max)
        refuse(reader, "wrong number of words after the key");

    if (!strcmp(key, "sentence"))
        question->sentence = copied(reader->text);
    else if (!strcmp(key, "unit"))
        question->unit = copied(reader->words[0]);
    else if (!strcmp(key, "better"))
        question->better = copied(reader->words[0]);
    else if (!strcmp(key, "as"))
        question->as = copied(reader->words[0]);
    else if (!strcmp(key, "runs"))
        question->runs = whole(reader, reader->words[0]);
    else if (!strcmp(key, "samples"))
        question->samples = whole(reader, reader->words[0]);
    else if (!strcmp(key, "warmup"))
        question->warmup = whole(reader, reader->words[0]);
    else if (!strcmp(key, "measure") && !strcmp(reader->words[0], "peak_memory"))
        question->measure = MEASURE_PEAK_MEMORY;
    else if (!strcmp(key, "measure") && strcmp(reader->words[0], "samples") != 0)
        refuse(reader, "measure is samples or peak_memory");
    else if (!strcmp(key, "subject"))
        read_subject(reader, question);
    else if (!strcmp(key, "target"))
        target_new(reader, question, reader->words[1], number(reader, reader->words[2]),
                   number(reader, reader->words[3]));
    else if (!strcmp(key, "limit"))
        target_new(reader, question, NULL, 1, number(reader, reader->words[1]));
    else if (!strcmp(key, "through"))
        for (question->through_count = 0; question->through_count < reader->word_count;
             question->through_count++)
            question->through[question->through_count] =
                copied(reader->words[question->through_count]);
}

/* Cut the line into its key, the text after it, and that text's words. Returns the key or NULL. */
static const char *split(struct reader *reader, char *line, char *scratch, size_t scratch_bytes)
{
    char *key, *word, *rest = NULL;

    line[strcspn(line, "\n")] = '\0';
    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#')
        return NULL;
    key = line;
    reader->text = line + strcspn(line, " \t");
    if (*reader->text)
        *reader->text++ = '\0';
    reader->text += strspn(reader->text, " \t");
    snprintf(scratch, scratch_bytes, "%s", reader->text);
    reader->word_count = 0;
    word = strtok_r(scratch, " \t", &rest);
    while (word && reader->word_count < WORDS_MAX) {
        reader->words[reader->word_count++] = word;
        word = strtok_r(NULL, " \t", &rest);
    }
    return key;
}

static void check_whole(const struct reader *reader, const struct question *question)
{
    if (!question->sentence || !question->unit || !question->better || !question->entry_count)
        refuse(reader, "the question before lacks a sentence, unit, better or subject");
    if (strcmp(question->better, "lower") != 0 && strcmp(question->better, "higher") != 0)
        refuse(reader, "better is lower or higher");
    if (question->runs < 1 || question->samples < 1)
        refuse(reader, "runs and samples are at least 1");
}

static void manifest_read(struct questions *into, const char *path, const char *folder)
{
    struct reader    reader = { .into = into, .path = path, .folder = folder };
    struct question *question = NULL;
    char             line[512], scratch[512];
    FILE            *file = fopen(path, "re");

    if (!file)
        perf_die(path, errno);
    while (fgets(line, sizeof line, file)) {
        const char *key;

        reader.line++;
        if (strlen(line) == sizeof line - 1)
            refuse(&reader, "the line is too long");
        key = split(&reader, line, scratch, sizeof scratch);
        if (!key)
            continue;
        if (strcmp(key, "question") == 0) {
            if (question)
                check_whole(&reader, question);
            if (reader.word_count != 1)
                refuse(&reader, "a question has a name of one word");
            question = question_new(&reader);
        } else if (question) {
            read_key(&reader, key, question);
        } else {
            refuse(&reader, "expected a line `question NAME` first");
        }
    }
    fclose(file);
    if (question)
        check_whole(&reader, question);
}

struct questions manifests_read(const char *source)
{
    struct questions questions = { 0 };
    char            *pattern;
    glob_t           found;

    if (asprintf(&pattern, "%s/*/manifest", source) < 0)
        perf_die("reading the manifests", ENOMEM);
    if (glob(pattern, 0, NULL, &found) != 0)
        perf_die("no manifest found", 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i] + strlen(source) + 1;
        char       *folder = must(strndup(path, strcspn(path, "/")));

        manifest_read(&questions, found.gl_pathv[i], folder);
        free(folder);
    }
    globfree(&found);
    free(pattern);
    return questions;
}

bool question_wants_less(const struct question *question)
{
    return strcmp(question->better, "lower") == 0;
}

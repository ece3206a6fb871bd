/* SPDX-License-Identifier: MIT */
/* Checks a list as `sha256sum -c` does: same formats, same words, same verdict. */
#include "list.h"

#include "lines.h"
#include "names.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- a line --------------------------------------------------------------------------------- */

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* After "SHA256 (":  NAME) = DIGEST */
static bool parse_tagged(char *text, size_t bytes, bool escaped, char **ret_name,
                         unsigned char digest[HASH_BYTES])
{
    size_t end = bytes; /* of the name: the last closing parenthesis */

    while (end > 0 && text[end - 1] != ')')
        end--;
    if (end == 0)
        return false;
    end--;
    if (escaped && !name_unescape(text, end))
        return false;
    *ret_name = text;
    text[end++] = '\0';
    while (blank(text[end]))
        end++;
    if (text[end++] != '=')
        return false;
    while (blank(text[end]))
        end++;
    return hash_parse(digest, text + end) == 0 && text[end + 2 * HASH_BYTES] == '\0';
}

bool list_parse_line(char *line, size_t bytes, enum list_style *style, char **ret_name,
                     unsigned char digest[HASH_BYTES])
{
    static const char tag[] = "SHA256";
    size_t            at = 0;
    bool              escaped;

    while (blank(line[at]))
        at++;
    escaped = line[at] == '\\';
    if (escaped)
        at++;

    if (strncmp(line + at, tag, sizeof tag - 1) == 0) {
        at += sizeof tag - 1;
        if (line[at] == ' ')
            at++;
        if (line[at++] != '(')
            return false;
        return parse_tagged(line + at, bytes - at, escaped, ret_name, digest);
    }

    if (bytes - at < 2 * HASH_BYTES + 2) /* a blank and one more */
        return false;
    if (hash_parse(digest, line + at) < 0)
        return false;
    at += 2 * HASH_BYTES;
    if (!blank(line[at++]))
        return false;
    if (bytes - at == 1 || (line[at] != ' ' && line[at] != '*')) {
        if (*style == LIST_USUAL)
            return false;
        *style = LIST_BSD_REVERSED;
    } else if (*style != LIST_BSD_REVERSED) {
        *style = LIST_USUAL;
        at++; /* the type, which makes no difference here */
    }
    *ret_name = line + at;
    return !escaped || name_unescape(line + at, bytes - at);
}

/* ---- source --------------------------------------------------------------------------------- */

static int add_line(struct feed *feed, struct list *list, bool from_stdin, uint64_t number,
                    char *line, size_t bytes)
{
    unsigned char digest[HASH_BYTES];
    struct item  *item;
    char         *name;
    int           err;

    if (bytes > 0 && line[0] == '#')
        return 0;
    if (bytes > 0 && line[bytes - 1] == '\r')
        line[--bytes] = '\0';
    if (bytes == 0)
        return 0;

    if (!list_parse_line(line, bytes, &list->style, &name, digest) ||
        (from_stdin && strcmp(name, "-") == 0)) {
        err = feed_add(feed, ITEM_BADLINE, "", 0, &item);
        if (err == 0)
            item->bytes = number;
        return err;
    }
    if (strcmp(name, "-") == 0)
        err = feed_add_stdin(feed, &item);
    else
        err = feed_add(feed, ITEM_FILE, name, strlen(name), &item);
    if (err == 0) {
        item->follow = true;
        memcpy(item->expected, digest, sizeof digest);
    }
    return err;
}

int list_source(struct pipeline *pipeline, void *arg)
{
    struct list *list = arg;
    struct feed  feed = { .pipeline = pipeline };
    bool         from_stdin = strcmp(list->name, "-") == 0;
    struct lines lines;
    size_t       bytes;
    char        *line;
    int          err = lines_open(&lines, from_stdin ? NULL : list->name);
    bool         opened = err == 0;

    if (from_stdin)
        list->name = "standard input";
    if (opened) {
        for (uint64_t number = 1; (err = lines_next(&lines, &line, &bytes)) == 0; number++) {
            err = add_line(&feed, list, from_stdin, number, line, bytes);
            if (err < 0)
                break;
        }
        lines_close(&lines);
    }
    if (err < 0 && err != -ENODATA) {
        if (err == -ENOMEM || leat_cancelled() < 0)
            return err;
        list->unread = true;
        /* For sha256sum it is only reading that fails on a directory. */
        err = console_say_name(pipeline->console, list->name,
                               opened || err == -EISDIR ? "read error" : leat_error_text(err));
        if (err < 0)
            return err;
    }
    return feed_end(&feed);
}

/* ---- verdicts ------------------------------------------------------------------------------- */

static int print_verdict(struct console *console, const char *name, const char *verdict)
{
    size_t name_bytes = strlen(name);
    char  *line = malloc(2 * name_bytes + strlen(verdict) + 4), *end = line;
    int    err;

    if (line == NULL)
        return -ENOMEM;
    if (strchr(name, '\n') != NULL) { /* nothing else needs it here, coreutils finds */
        *end++ = '\\';
        end = name_escape(end, name);
    } else {
        end = stpcpy(end, name);
    }
    *end++ = ':';
    *end++ = ' ';
    end = stpcpy(end, verdict);
    *end++ = '\n';
    err = console_put(console, line, (size_t)(end - line));
    free(line);
    return err;
}

static int print_bad_line(struct pipeline *pipeline, const struct list *list, uint64_t number)
{
    char *quoted;
    int   err;

    if (!pipeline->options->warn)
        return 0;
    quoted = name_quote(list->name);
    if (quoted == NULL)
        return -ENOMEM;
    err = console_say(pipeline->console, "%s: %llu: improperly formatted SHA256 checksum line",
                      quoted, (unsigned long long)number);
    free(quoted);
    return err;
}

int list_print(struct pipeline *pipeline, void *arg, const struct batch *batch,
               const struct item *item)
{
    const struct options *options = pipeline->options;
    struct console       *console = pipeline->console;
    struct list          *list = arg;
    const char           *name = item_name(batch, item);
    bool                  differs;
    int                   err = 0;

    if (item->kind == ITEM_BADLINE) {
        list->lines_bad++;
        return print_bad_line(pipeline, list, item->bytes);
    }
    list->lines_good++;
    if (item->err == -ENOENT && options->ignore_missing)
        return 0;
    if (item->err != 0) {
        list->unreadable++;
        err = console_say_name(console, name, item_problem(item));
        if (err == 0 && !options->status)
            err = print_verdict(console, name, "FAILED open or read");
        return err;
    }
    differs = memcmp(item->digest, item->expected, HASH_BYTES) != 0;
    if (!options->status && (differs || !options->quiet))
        err = print_verdict(console, name, differs ? "FAILED" : "OK");
    if (err < 0)
        return err;
    list->files++;
    list->bytes += item->bytes;
    list->differing += differs;
    list->matching += !differs;
    return 0;
}

static int warn_of(struct console *console, uint64_t count, const char *one, const char *many)
{
    if (count == 0)
        return 0;
    return console_say(console, "WARNING: %llu %s", (unsigned long long)count,
                       count == 1 ? one : many);
}

int list_conclude(struct pipeline *pipeline, const struct list *list, bool *ret_passed)
{
    const struct options *options = pipeline->options;
    struct console       *console = pipeline->console;
    int                   err = 0;

    *ret_passed = false;
    if (list->unread)
        return 0;
    if (list->lines_good == 0)
        return console_say_name(console, list->name, "no properly formatted checksum lines found");
    if (!options->status) {
        err = warn_of(console, list->lines_bad, "line is improperly formatted",
                      "lines are improperly formatted");
        if (err == 0)
            err = warn_of(console, list->unreadable, "listed file could not be read",
                          "listed files could not be read");
        if (err == 0)
            err = warn_of(console, list->differing, "computed checksum did NOT match",
                          "computed checksums did NOT match");
        if (err == 0 && options->ignore_missing && list->matching == 0)
            err = console_say_name(console, list->name, "no file was verified");
    }
    *ret_passed = list->differing == 0 && list->unreadable == 0 &&
                  (list->matching > 0 || !options->ignore_missing) &&
                  (list->lines_bad == 0 || !options->strict);
    return err;
}

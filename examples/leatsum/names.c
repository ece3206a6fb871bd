/* SPDX-License-Identifier: MIT */
/* Escaping follows coreutils' digest.c. Quoting gives what its "shell-escape" style gives, so that
 * messages can be compared with sha256sum's; they differ only for names that hold an apostrophe
 * and unprintable bytes, some of which gnulib shows as another name. */
#include "names.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

bool name_needs_escape(const char *name)
{
    return strpbrk(name, "\\\n\r") != NULL;
}

char *name_escape(char *to, const char *name)
{
    for (; *name != '\0'; name++) {
        switch (*name) {
        case '\\': *to++ = '\\', *to++ = '\\'; break;
        case '\n': *to++ = '\\', *to++ = 'n'; break;
        case '\r': *to++ = '\\', *to++ = 'r'; break;
        default: *to++ = *name;
        }
    }
    return to;
}

bool name_unescape(char *name, size_t bytes)
{
    char *to = name;

    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];

        if (c == '\0')
            return false;
        if (c == '\\') {
            if (++i == bytes)
                return false;
            switch (name[i]) {
            case '\\': c = '\\'; break;
            case 'n': c = '\n'; break;
            case 'r': c = '\r'; break;
            default: return false;
            }
        }
        *to++ = c;
    }
    if (to < name + bytes)
        *to = '\0';
    return true;
}

/* What a look at the whole name finds out. */
struct quoting {
    bool special; /* something a shell would not take literally */
    bool apostrophe;
    bool active; /* something that "" would not be enough for */
};

/* Bytes of the character at `at`: 0 when it cannot be printed, and must be shown as an escape. */
static size_t printable_bytes(const char *at, size_t left, mbstate_t *state)
{
    wchar_t wide;
    size_t  bytes = mbrtowc(&wide, at, left, state);

    if (bytes == (size_t)-1 || bytes == (size_t)-2 || bytes == 0) {
        memset(state, 0, sizeof *state);
        return 0;
    }
    return iswprint((wint_t)wide) ? bytes : 0;
}

static struct quoting examine(const char *name, size_t bytes)
{
    struct quoting found = { .special = bytes == 0 };
    mbstate_t      state = { 0 };

    for (size_t i = 0, step; i < bytes; i += step) {
        step = printable_bytes(name + i, bytes - i, &state);
        if (step == 0) {
            found.special = found.active = true;
            step = 1;
        } else if (name[i] == '\'') {
            found.special = found.apostrophe = true;
        } else if (name[i] == ' ' || name[i] == ':') {
            found.special = true;
        } else if (strchr("!\"$&()*;<=>?[\\^`|", name[i]) != NULL) {
            found.special = found.active = true;
        } else if (strchr("#~", name[i]) != NULL) { /* special only in front */
            found.special |= i == 0;
            found.active |= i != 0;
        } else if (strchr("{}", name[i]) != NULL) { /* special only alone */
            found.special |= bytes == 1;
            found.active |= bytes != 1;
        }
    }
    return found;
}

/* The byte as it stands between $' and '. */
static char *put_byte(char *to, unsigned char byte)
{
    static const char controls[] = "\a\b\f\n\r\t\v";
    const char       *control = byte != 0 ? strchr(controls, byte) : NULL;

    *to++ = '\\';
    if (control != NULL) {
        *to++ = "abfnrtv"[control - controls];
    } else {
        *to++ = (char)('0' + (byte >> 6));
        *to++ = (char)('0' + (byte >> 3 & 7));
        *to++ = (char)('0' + (byte & 7));
    }
    return to;
}

/* 'it'\''s'$'\n''two lines' */
static char *put_quoted(char *to, const char *name, size_t bytes)
{
    mbstate_t state = { 0 };
    bool      dollar = false; /* within $'..' */

    *to++ = '\'';
    for (size_t i = 0, step; i < bytes; i += step) {
        step = printable_bytes(name + i, bytes - i, &state);
        if (step == 0) {
            if (!dollar)
                to = stpcpy(to, "'$'");
            dollar = true;
            to = put_byte(to, (unsigned char)name[i]);
            step = 1;
            continue;
        }
        if (name[i] == '\'') {
            to = stpcpy(to, "'\\''");
        } else {
            if (dollar)
                to = stpcpy(to, "''");
            to = mempcpy(to, name + i, step);
        }
        dollar = false;
    }
    *to++ = '\'';
    return to;
}

char *name_quote(const char *name)
{
    size_t         bytes = strlen(name);
    struct quoting found = examine(name, bytes);
    char          *text = malloc(8 * bytes + 8); /* '$'\377'' at worst, of each byte */
    char          *to = text;

    if (text == NULL)
        return NULL;
    if (!found.special) {
        to = mempcpy(to, name, bytes);
    } else if (found.apostrophe && !found.active) {
        *to++ = '"';
        to = mempcpy(to, name, bytes);
        *to++ = '"';
    } else {
        to = put_quoted(to, name, bytes);
    }
    *to = '\0';
    return text;
}

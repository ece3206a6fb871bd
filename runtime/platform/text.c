/* SPDX-License-Identifier: MIT */
/* See text.h. */
#include "platform/text.h"
#include "platform/peek.h"

#include <errno.h>
#include <unistd.h>

void leat__text_flush(struct leat__text *text)
{
    size_t done = 0;

    while (text->fd >= 0 && !text->err && done < text->used) {
        ssize_t n = write(text->fd, text->bytes + done, text->used - done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            text->err = n == 0 ? -EIO : -errno;
    }
    text->used = 0;
}

static void put_byte(struct leat__text *text, char byte)
{
    if (text->used == sizeof text->bytes - 1) { /* one is kept for the end of a string */
        if (text->fd < 0)
            return;
        leat__text_flush(text);
    }
    text->bytes[text->used++] = byte;
}

void leat__text_put(struct leat__text *text, const char *string)
{
    while (*string)
        put_byte(text, *string++);
}

static void put_digits(struct leat__text *text, uint64_t number, unsigned base, int width)
{
    char digits[24];
    int n = 0;

    do
        digits[n++] = "0123456789abcdef"[number % base];
    while ((number /= base) != 0 || n < width);
    while (n > 0)
        put_byte(text, digits[--n]);
}

void leat__text_number(struct leat__text *text, uint64_t number)
{
    put_digits(text, number, 10, 1);
}

void leat__text_hex(struct leat__text *text, uint64_t number)
{
    leat__text_put(text, "0x");
    put_digits(text, number, 16, 1);
}

void leat__text_seconds(struct leat__text *text, leat_time length)
{
    uint64_t ms = length > 0 ? (uint64_t)(length / LEAT_MSEC) : 0;

    leat__text_number(text, ms / 1000);
    put_byte(text, '.');
    put_digits(text, ms % 1000, 10, 3);
    leat__text_put(text, " s");
}

void leat__text_name(struct leat__text *text, const char *name)
{
    char copy[65];

    if (!leat__peek_string(name, copy, sizeof copy))
        copy[0] = '?', copy[1] = '\0';
    put_byte(text, '"');
    for (const char *at = copy; *at; at++)
        put_byte(text, *at >= ' ' && *at != 0x7f ? *at : '.');
    put_byte(text, '"');
}

const char *leat__text_string(struct leat__text *text)
{
    text->bytes[text->used] = '\0';
    return text->bytes;
}

void leat__lines_put(void *arg, const char *line)
{
    struct leat__lines *lines = arg;
    struct leat__text text = { .fd = lines->fd };

    if (lines->fd < 0)
        lines->err = -EBADF; /* to a text it means that it is only kept */
    if (lines->err)
        return;
    leat__text_put(&text, line);
    leat__text_put(&text, "\n");
    leat__text_flush(&text);
    lines->err = text.err;
}

/* SPDX-License-Identifier: MIT */
/* A pipeline: read, parse by four tasks at once, write in the order of the input. A slow stage
 * holds up those before it; the first error ends all. */
#include <leat/leat.h>

#include <stdio.h>
#include <stdlib.h>

struct line {
    char text[32];
};

struct record {
    int id, square;
};

static int read_line(void *out, void *arg)
{
    int *next = arg;

    if (*next == 9)
        return -ENODATA; /* that was all */
    snprintf(((struct line *)out)->text, sizeof(struct line), "%d", ++*next);
    return 0;
}

static int parse(const void *in, void *out, void *arg)
{
    int id = atoi(((const struct line *)in)->text);
    int err = leat_sleep((9 - id) * LEAT_MSEC); /* the later, the faster */
    (void)arg;

    *(struct record *)out = (struct record){ id, id * id };
    return err < 0 ? err : id % 2 ? 0 : LEAT_DROP;
}

static int print(const void *in, void *out, void *arg)
{
    const struct record *record = in;
    (void)out, (void)arg;

    printf("%d: %d\n", record->id, record->square);
    return 0;
}

static int app(void *arg)
{
    struct leat_source lines = { read_line, &(int){ 0 }, sizeof(struct line) };
    struct leat_stage stages[] = {
        { .fn = parse, .out_bytes = sizeof(struct record), .width = 4, .ordered = true },
        { .fn = print },
    };
    (void)arg;
    return leat_pipeline(&lines, stages, 2, .deadline = leat_after(10 * LEAT_SEC));
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

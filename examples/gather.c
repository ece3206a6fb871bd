/* SPDX-License-Identifier: MIT */
/* Ask several files for their size at once. With LEAT_COLLECT one that fails does not stop the
 * others; without, the first failure cancels them. Each answer stands beside its question. */
#include <leat/leat.h>

#include <stdio.h>

struct question {
    const char *path; /* in */
    bool        directory; /* out */
    int         err; /* out: 0, or why there is no answer */
};

static int ask(void *arg)
{
    struct question *question = arg;
    struct stat      status;

    question->err = leat_file_stat_path(question->path, true, &status);
    if (question->err == 0)
        question->directory = S_ISDIR(status.st_mode);
    return question->err;
}

static int app(void *arg)
{
    struct question questions[] = {
        { .path = "/" }, { .path = "/no/such/path" }, { .path = "/dev/null" }, { .path = "/dev" }
    };
    int first;
    (void)arg;

    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT, .deadline = leat_after(10 * LEAT_SEC));
    for (int i = 0; i < 4; i++)
        leat_spawn(&scope, ask, &questions[i]);
    first = leat_scope_join(&scope);

    for (int i = 0; i < 4; i++) {
        const struct question *q = &questions[i];

        printf("%s: %s\n", q->path, q->err < 0     ? leat_error_text(q->err)
                                    : q->directory ? "a directory"
                                                   : "no directory");
    }
    printf("first error: %s\n", leat_error_name(first));
    return 0;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

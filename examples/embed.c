/* SPDX-License-Identifier: MIT */
/* leat inside of an event loop that was there before: this program's own poll loop reads paths from
 * standard input, a line each, and has a task say what each is. The tasks are pinned, so they run
 * on the loop's thread, in its steps, and share its variables without locks. */
#include <leat/leat.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    struct leat_embed *embed;
    char               line[4096];
    size_t             length;
    bool               ended; /* standard input has */
    int                asked, answered;
} program;

static int answer(void *arg)
{
    char       *path = arg;
    struct stat status;
    int err = leat_file_stat_path(path, true, &status); /* the loop goes on meanwhile */

    printf("%s: %s\n", path, err < 0                    ? leat_error_text(err)
                             : S_ISDIR(status.st_mode) ? "a directory"
                                                       : "no directory");
    free(path);
    program.answered++;
    return 0;
}

static void ask(const char *path)
{
    char *copy = strdup(path);

    if (copy && leat_embed_spawn(program.embed, answer, copy,
                                 LEAT_TASK_OPTIONS(.name = "answer", .pinned = true)) == 0)
        program.asked++;
    else
        free(copy);
}

static void read_input(void)
{
    ssize_t n = read(STDIN_FILENO, program.line + program.length,
                     sizeof program.line - 1 - program.length);
    char *begin = program.line, *end;

    if (n <= 0) { /* the end, or a line that is too long */
        program.ended = true;
        return;
    }
    program.length += (size_t)n;
    program.line[program.length] = '\0';
    for (; (end = strchr(begin, '\n')); begin = end + 1) {
        *end = '\0';
        ask(begin);
    }
    program.length = strlen(begin);
    memmove(program.line, begin, program.length + 1);
}

int main(void)
{
    int err = leat_embed_open(&program.embed, NULL);

    if (err) {
        fprintf(stderr, "embed: %s\n", leat_error_text(err));
        return 1;
    }
    while (!program.ended || program.answered < program.asked) {
        struct pollfd fds[] = {
            { .fd = leat_embed_fd(program.embed), .events = POLLIN },
            { .fd = program.ended ? -1 : STDIN_FILENO, .events = POLLIN },
        };

        if (poll(fds, 2, -1) < 0)
            continue; /* a signal */
        if (fds[0].revents)
            leat_embed_step(program.embed, 2 * LEAT_MSEC);
        if (fds[1].revents)
            read_input();
    }
    leat_embed_close(program.embed);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* leatsum: sha256sum for trees, on all cores. The showcase of leat; begin with pipeline.h.
 *
 * app() is the root task. Inside one scope it starts two watchers, for signals and for progress,
 * and does the work itself; a signal cancels that scope, and with it whatever is under way. After
 * the join there is nothing left to wait for, and the root task, which nobody cancelled, flushes
 * what is finished and says how far it got. */
#include "list.h"
#include "progress.h"
#include "tree.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a reader of our output that has stopped may hold up the end. */
#define PATIENCE (2 * LEAT_SEC)

struct app {
    struct options       options;
    struct console       console;
    struct counts        counts;
    struct pipeline      pipeline;
    struct progress      progress;
    struct tree          tree;
    struct list          list;
    struct leat_signals *signals;
    struct leat_scope   *scope;
    int                  signal; /* that ended it; 0: none */
    bool                 failed; /* exit status 1 */
    int                  status;
};

/* The first signal asks for an orderly end; a second one has its usual effect. */
static int watch_signals(void *arg)
{
    struct app *app = arg;
    int         number = leat_signals_wait(app->signals);

    leat_signals_close(app->signals);
    if (number > 0) {
        app->signal = number;
        leat_scope_cancel(app->scope);
    }
    return 0;
}

static int sum_trees(struct app *app)
{
    const struct job job = { tree_source, tree_print, &app->tree };
    int              err = pipeline_run(&app->pipeline, &job);

    app->failed |= app->tree.failures > 0;
    return err;
}

static int check_lists(struct app *app)
{
    const struct job job = { list_source, list_print, &app->list };
    int              err = 0;

    for (size_t i = 0; i < app->options.path_count && err == 0; i++) {
        bool passed = false;

        app->list = (struct list){ .name = app->options.paths[i], .style = app->list.style };
        err = pipeline_run(&app->pipeline, &job);
        if (err == 0)
            err = list_conclude(&app->pipeline, &app->list, &passed);
        app->failed |= !passed;
        app->tree.files += app->list.files;
        app->tree.bytes += app->list.bytes;
    }
    return err;
}

static int work(struct app *app)
{
    int err;

    err = leat_signals_open(&app->signals, (const int[]){ SIGINT, SIGTERM }, 2);
    if (err < 0)
        return err;

    LEAT_SCOPE(scope);
    app->scope = &scope;
    leat_spawn(&scope, watch_signals, app);
    if (isatty(STDERR_FILENO) && !app->options.status)
        leat_spawn(&scope, progress_show, &app->progress);
    err = app->options.check ? check_lists(app) : sum_trees(app);
    leat_scope_cancel(&scope);
    leat_scope_join(&scope); /* the watchers' ends are no errors */
    return err;
}

/* Flush, and tell how it ended. */
static void conclude(struct app *app, int err)
{
    struct console *console = &app->console;
    int             flushed;

    LEAT_LIMIT(PATIENCE);
    console_draw(console, NULL);
    flushed = console_flush(console);
    if (console->out_err < 0)
        err = console_say(console, "write error: %s", leat_error_text(console->out_err));
    else if (app->signal != 0)
        err = console_say(console, "%s: %llu files are done",
                          app->signal == SIGINT ? "interrupted" : "terminated",
                          (unsigned long long)app->tree.files);
    else if (err < 0)
        err = console_say(console, "%s", leat_error_text(err));
    if (app->options.verbose && err == 0)
        err = progress_summary(&app->progress, app->tree.files, app->tree.bytes);

    app->status = app->failed || err < 0 || flushed < 0 ? 1 : 0;
    if (app->signal != 0)
        app->status = 128 + app->signal;
}

static int app_main(void *arg)
{
    struct app *app = arg;
    int         err;

    app->progress = (struct progress){ &app->console, &app->counts, leat_now() };
    err = console_open(&app->console);
    if (err < 0)
        return err;
    pipeline_init(&app->pipeline, &app->options, &app->console, &app->counts);
    err = work(app);
    if (err < 0 && app->signal == 0)
        app->failed = true;
    conclude(app, err);
    console_close(&app->console);
    return 0;
}

/* A closed standard descriptor would be reused for a file and then written to. Put something in
 * its place that fails as a closed one does. */
static int fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return -EBADF;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct app app; /* zeroed, and too large for a stack */
    int               flags[3];
    int               err;

    setlocale(LC_CTYPE, ""); /* which bytes of a name can be printed */
    app.status = options_parse(&app.options, argc, argv);
    if (app.status >= 0)
        return app.status;
    err = fill_standard_descriptors();
    if (err == 0)
        err = hash_start();
    if (err == 0) {
        signal(SIGPIPE, SIG_IGN); /* a write error is said, like any other */
        for (int fd = 0; fd < 3; fd++)
            flags[fd] = fcntl(fd, F_GETFL);
        err = leat_run(app_main, &app,
                       LEAT_OPTIONS(.workers = app.options.jobs,
                                    .compute_threads = app.options.jobs));
        for (int fd = 0; fd < 3; fd++)
            fcntl(fd, F_SETFL, flags[fd]); /* O_NONBLOCK is shared with whoever has them, too */
        hash_stop();
    }
    if (err < 0) {
        fprintf(stderr, "leatsum: cannot start: %s\n", leat_error_text(err));
        return 1;
    }
    return app.status;
}

/* SPDX-License-Identifier: MIT */
/* Jobs whose harm is hard to see: lies that would pass, limits slept through, what is left behind
 * in places where nobody looks. */
#include "harness/test.h"
#include "procs/jobs.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum slyness {
    SLY_BEHIND,    /* its answer goes on behind what it wrote, inside the slot */
    SLY_HUGE,      /* the same with a memory file: a terabyte */
    SLY_ELSEWHERE, /* its answer is where nobody reads it */
    SLY_DEAF,      /* spins with every signal blocked */
    SLY_DAEMON,    /* leaves a child in a session of its own, and answers with its pid */
    SLY_EXIT,      /* calls exit, not _exit */
    SLY_EXIT_124,  /* exits as a worker does that could not be set up */
    SLY_HALF_LINE, /* prints without an end of line, and returns */
    SLY_LAST_LINE, /* the same on stderr, and crashes */
    SLY_REDIRECT,  /* leaves a file of its own in the place of its outputs */
    SLY_REOPEN,    /* the same by the C library, with what it printed not yet written */
};

static void spin_deaf(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (volatile unsigned i = 0;; i++)
        ;
}

static int redirect(void)
{
    int file = memfd_create("mine", 0), err = 0;

    for (int fd = 0; fd < 3; fd++)
        if (dup2(file, fd) != fd)
            err = -errno;
    return err;
}

static int leave_daemon(struct leat_reply *reply)
{
    int pid = fork();

    if (pid == 0) {
        setsid();
        sleep(1000);
        _exit(0);
    }
    while (getsid(pid) != pid)
        usleep(1000);
    return leat_reply_write(reply, &pid, sizeof pid);
}

LEAT_REMOTE(be_sly)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    static char elsewhere[4] = "else";
    int code;

    memcpy(&code, in, in_bytes);
    switch ((enum slyness)code) {
    case SLY_BEHIND:
        (void)leat_reply_write(reply, "abc", 3);
        reply->bytes = 30000;
        break;
    case SLY_HUGE:
        (void)leat_reply_reserve(reply, 1 << 20);
        reply->bytes = (size_t)1 << 40;
        break;
    case SLY_ELSEWHERE:
        reply->data = elsewhere;
        reply->bytes = sizeof elsewhere;
        break;
    case SLY_DEAF:
        spin_deaf();
        break;
    case SLY_DAEMON:
        return leave_daemon(reply);
    case SLY_EXIT:
        exit(3);
    case SLY_EXIT_124:
        _exit(124);
    case SLY_HALF_LINE:
        printf("half a line");
        break;
    case SLY_LAST_LINE:
        fprintf(stderr, "whole\nhalf");
        raise(SIGKILL);
        break;
    case SLY_REDIRECT:
        return redirect();
    case SLY_REOPEN:
        return freopen("/dev/null", "w", stdout) && printf("to nobody") == 9 ? 0 : -EIO;
    }
    return 0;
}

/* Opens a file and prints; answers with how much of that came into the file. */
LEAT_REMOTE(open_and_print)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    FILE *files[2] = { tmpfile(), tmpfile() };
    long length = -1;

    (void)in;
    (void)in_bytes;
    printf("said\n");
    fprintf(stderr, "said\n");
    for (int i = 0; i < 2; i++)
        if (files[i]) {
            fseek(files[i], 0, SEEK_END);
            length = ftell(files[i]) > length ? ftell(files[i]) : length;
            fclose(files[i]);
        }
    return leat_reply_write(reply, &length, sizeof length);
}

static int sly_call(struct leat_procs *procs, enum slyness slyness, struct leat_reply *reply)
{
    int code = (int)slyness;

    return leat_procs_call(procs, be_sly, &code, sizeof code, reply);
}

static void expect_end(struct leat_procs *procs, enum slyness slyness, int result,
                       enum leat_remote_end end, int status)
{
    struct leat_reply reply = { 0 };

    expect_err(sly_call(procs, slyness, &reply), result);
    expect_eq((int)reply.end, (int)end);
    expect_eq(reply.status, status);
    expect_str_eq(reply.function, "be_sly");
    expect_ok(leat_procs_call(procs, echo, "fine", 4, &reply));
    expect_eq(reply.bytes, 4u);
    leat_reply_fini(&reply);
}

/* What was logged, one line after the other. */
struct notes {
    pthread_mutex_t lock;
    char            text[1000];
};

static void note_line(void *arg, enum leat_log_level level, const char *line)
{
    struct notes *notes = arg;
    size_t used;

    pthread_mutex_lock(&notes->lock);
    used = strlen(notes->text);
    snprintf(notes->text + used, sizeof notes->text - used, "%s%s|",
             level == LEAT_LOG_INFO ? "out " : "err ", line);
    pthread_mutex_unlock(&notes->lock);
}

static struct leat_procs *open_noted_pool(struct notes *notes)
{
    *notes = (struct notes){ .lock = PTHREAD_MUTEX_INITIALIZER };
    return open_pool(LEAT_PROCS_OPTIONS(.workers = 1, .log = note_line, .log_arg = notes));
}

LEAT_TEST_TASK(procs_sly, answer_longer_than_what_was_written_is_a_lie)
{
    struct leat_procs *procs = NULL;

    assert_ok(leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.workers = 1)));
    expect_end(procs, SLY_BEHIND, -EBADMSG, LEAT_REMOTE_LIED, 0);
    expect_end(procs, SLY_HUGE, -EBADMSG, LEAT_REMOTE_LIED, 0);
    expect_end(procs, SLY_ELSEWHERE, -EBADMSG, LEAT_REMOTE_LIED, 0);
    leat_procs_close(procs);
}

static int answer_nothing(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    (void)in;
    (void)in_bytes;
    (void)reply;
    return 0;
}

LEAT_TEST_TASK(procs_sly, function_that_is_registered_too_late_is_not_run)
{
    static struct leat_remote late = { .size = sizeof late, .name = "late",
                                       .fn = answer_nothing };
    struct leat_procs *procs = NULL;
    struct leat_procs_stats stats;
    struct leat_reply reply = { 0 };
    char text[100];

    assert_ok(leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.workers = 1)));
    if (!late.leat__hash)
        leat_remote_register(&late);
    expect_ok(leat_procs_call(procs, echo, "x", 1, &reply)); /* the processes are there */
    expect_err(leat_procs_call(procs, &late, "x", 1, &reply), -ENOSYS);
    expect_eq((int)reply.end, (int)LEAT_REMOTE_NOT_RUN);
    expect_eq(reply.attempts, 0u);
    expect_gt(leat_reply_explain(&reply, text, sizeof text), 0);
    expect_str_eq(text, "late: not called");
    leat_procs_stats_read(procs, &stats);
    expect_eq(stats.returned, 1u);
    expect_eq(stats.failed, 1u);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
}

LEAT_TEST_TASK(procs_sly, job_that_hears_no_signal_meets_the_limit_on_cpu_time)
{
    struct leat_procs *procs = NULL;

    assert_ok(leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.workers = 1,
                                                         .cpu_ns = 20 * LEAT_MSEC)));
    expect_end(procs, SLY_DEAF, -ECHILD, LEAT_REMOTE_SIGNALED, SIGKILL);
    leat_procs_close(procs);
}

/* Close would have waited for it until it ended by itself. */
LEAT_TEST_TASK(procs_sly, what_leaves_its_session_ends_with_the_pool)
{
    struct leat_procs *procs = NULL;
    struct leat_reply reply = { 0 };
    int pid = 0;

    assert_ok(leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.workers = 1)));
    expect_ok(sly_call(procs, SLY_DAEMON, &reply));
    assert_eq(reply.bytes, sizeof pid);
    memcpy(&pid, reply.data, sizeof pid);
    leat_reply_fini(&reply);
    expect_eq(kill(pid, 0), 0);
    leat_procs_close(procs);
    expect_eq(kill(pid, 0), -1);
    expect_eq(errno, ESRCH);
}

LEAT_TEST_TASK(procs_sly, exit_of_a_job_is_no_failure_of_its_worker)
{
    struct notes notes;
    struct leat_procs *procs = open_noted_pool(&notes);

    expect_end(procs, SLY_EXIT, -ECHILD, LEAT_REMOTE_EXITED, 3);
    expect_end(procs, SLY_EXIT_124, -ECHILD, LEAT_REMOTE_EXITED, 124);
    leat_procs_close(procs);
    expect_str_eq(notes.text, "");
}

/* The next job's output is logged, and in none of its files. */
static void print_after(const struct leat_remote *function, int code)
{
    struct notes notes;
    struct leat_procs *procs = open_noted_pool(&notes);
    struct leat_reply reply = { 0 };
    long length = -1;

    expect_ok(leat_procs_call(procs, function, &code, sizeof code, &reply));
    expect_ok(leat_procs_call(procs, open_and_print, NULL, 0, &reply));
    assert_eq(reply.bytes, sizeof length);
    memcpy(&length, reply.data, sizeof length);
    expect_eq(length, 0);
    leat_reply_fini(&reply);
    leat_procs_close(procs);
    expect_contains(notes.text, "out worker");
    expect_contains(notes.text, "err worker");
    expect(!strstr(notes.text, "to nobody"));
}

LEAT_TEST_TASK(procs_sly, who_comes_after_a_job_that_closed_its_output_has_one)
{
    print_after(misbehave, MISDEED_CLOSE);
    print_after(misbehave, MISDEED_CLOSE_ALL);
}

LEAT_TEST_TASK(procs_sly, who_comes_after_a_job_that_moved_its_output_has_the_workers)
{
    print_after(be_sly, SLY_REDIRECT);
    print_after(be_sly, SLY_REOPEN);
}

LEAT_TEST_TASK(procs_sly, half_a_line_is_logged_too)
{
    struct notes notes;
    struct leat_procs *procs = open_noted_pool(&notes);
    struct leat_reply reply = { 0 };

    expect_ok(sly_call(procs, SLY_HALF_LINE, &reply));
    leat_procs_close(procs);
    expect_str_eq(notes.text, "out worker 1: half a line|");

    procs = open_noted_pool(&notes);
    expect_err(sly_call(procs, SLY_LAST_LINE, &reply), -ECHILD);
    leat_procs_close(procs);
    expect_str_eq(notes.text, "err worker 1: whole|err worker 1: half|");
    leat_reply_fini(&reply);
}

/* SPDX-License-Identifier: MIT */
/* fork without exec: a child of a process with a living runtime is refused clearly, its parent
 * notices nothing, and nothing of the runtime is left open over exec. */
#include "harness/test.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef leat_chan(int) int_chan;

struct family {
    struct leat_runtime *runtime;
    int_chan             chan;
    struct leat_scope   *scope; /* the forking task's, with a child in it */
    void               (*child)(struct family *family); /* runs in the forked child */
    int                  status;
    char                 text[2048]; /* what it wrote on standard error */
};

/* Forks, runs family->child there, and keeps how it ended. */
static void fork_it(struct family *family)
{
    size_t length = 0;
    int fds[2];
    ssize_t n;
    pid_t child;

    assert_ok(pipe2(fds, O_CLOEXEC));
    child = fork();
    assert_ge(child, 0);
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        family->child(family);
        _exit(test_failed() ? 1 : 0);
    }
    close(fds[1]);
    while ((n = read(fds[0], family->text + length, sizeof family->text - 1 - length)) > 0)
        length += (size_t)n;
    family->text[length] = '\0';
    close(fds[0]);
    expect_eq(waitpid(child, &family->status, 0), child);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int sleep_on(void *arg)
{
    (void)arg;
    return leat_sleep(20 * LEAT_SEC);
}

#define must_refuse(call)                                                                          \
    do {                                                                                           \
        if ((call) != -EPERM)                                                                      \
            _exit(10 + __LINE__ % 100);                                                            \
    } while (0)

/* No check of the harness in here: its locks may be held by threads that are not here. */
static void call_everything(struct family *family)
{
    struct leat_semaphore semaphore = { { 0 } };
    struct leat_waitgroup group = { { 0 } };
    struct leat_stream *stream;
    struct leat_signals *signals;
    struct leat_file file;
    struct leat_stats stats;
    struct stat status;
    char byte;
    int fds[2];

    if (leat_worker() != -1 || leat_runtime_current())
        _exit(3);
    must_refuse(leat_sleep(LEAT_MSEC));
    must_refuse(leat_cancelled());
    must_refuse(leat_chan_send(family->chan.chan, &(int){ 1 }));
    must_refuse(leat_chan_recv(family->chan.chan, &(int){ 1 }));
    must_refuse(leat_semaphore_acquire(&semaphore, 1));
    leat_waitgroup_add(&group, 1);
    must_refuse(leat_waitgroup_wait(&group));
    must_refuse(leat_blocking(nothing, NULL));
    must_refuse(leat_compute(nothing, NULL));
    must_refuse(leat_call(family->runtime, nothing, NULL));
    must_refuse(leat_run(nothing, NULL, NULL));
    must_refuse(leat_stats_read(&stats));
    must_refuse(leat_file_open(&file, "/dev/null", O_RDONLY, 0));
    must_refuse(leat_file_stat_path("/", true, &status));
    if (pipe(fds) != 0 || leat_stream_open_fd(&stream, fds[0]) != 0)
        _exit(4);
    must_refuse((int)leat_read(stream, &byte, 1));
    leat_close_stream(stream);
    if (leat_signals_open(&signals, (const int[]){ SIGUSR2 }, 1) != 0)
        _exit(5);
    must_refuse(leat_signals_wait(signals));
    leat_signals_close(signals);
    if (family->scope) {
        must_refuse(leat_spawn(family->scope, nothing, NULL));
        leat_scope_cancel(family->scope);
        must_refuse(leat_scope_join(family->scope));
        leat_scope_cleanup(family->scope);
    }
    leat_yield();
}

static void expect_one_refusal(const struct family *family)
{
    const char *first = strstr(family->text, "forked from one with a running runtime");

    expect(WIFEXITED(family->status));
    expect_eq(WEXITSTATUS(family->status), 0);
    expect_not_null(first);
    if (first)
        expect_null(strstr(first + 1, "forked from one"));
}

LEAT_TEST_TASK(fork, calls_in_a_child_forked_by_a_task_are_refused_with_one_message)
{
    struct family family = { .runtime = leat_runtime_current(), .child = call_everything };
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(&family.chan, .capacity = 4));
    leat_spawn(&scope, sleep_on, NULL);
    expect_ok(leat_sleep(LEAT_MSEC));
    family.scope = &scope;
    fork_it(&family);
    expect_one_refusal(&family);
    /* and the parent goes on as if nothing had been */
    expect_ok(leat_cancelled());
    expect_ok(leat_send(&family.chan, &(int){ 2 }));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    leat_chan_destroy(&family.chan);
}

static void *fork_from_a_thread(void *arg)
{
    fork_it(arg);
    return NULL;
}

static int join_thread(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

LEAT_TEST_TASK(fork, calls_in_a_child_forked_by_a_thread_are_refused_with_one_message)
{
    struct family family = { .runtime = leat_runtime_current(), .child = call_everything };
    pthread_t thread;

    assert_ok(leat_chan_open(&family.chan, .capacity = 4));
    assert_ok(pthread_create(&thread, NULL, fork_from_a_thread, &family));
    expect_ok(leat_blocking(join_thread, &thread));
    expect_one_refusal(&family);
    leat_chan_destroy(&family.chan);
}

static int fork_in_the_pool(void *arg)
{
    fork_it(arg);
    return 0;
}

LEAT_TEST_TASK(fork, calls_in_a_child_forked_by_a_pools_thread_are_refused_with_one_message)
{
    struct family family = { .runtime = leat_runtime_current(), .child = call_everything };

    assert_ok(leat_chan_open(&family.chan, .capacity = 4));
    expect_ok(leat_blocking(fork_in_the_pool, &family));
    expect_one_refusal(&family);
    leat_chan_destroy(&family.chan);
}

static void leave_scopes_early(struct family *family)
{
    (void)family;
    {
        LEAT_LIMIT(LEAT_SEC);
        LEAT_SCOPE(inner);
        leat_spawn(&inner, nothing, NULL);
    }
    leat_scope_cleanup(family->scope);
}

LEAT_TEST_TASK(fork, scopes_that_a_child_leaves_are_neither_cancelled_nor_joined)
{
    struct family family = { .child = leave_scopes_early };
    LEAT_SCOPE(scope);

    leat_spawn(&scope, sleep_on, NULL);
    expect_ok(leat_sleep(LEAT_MSEC));
    family.scope = &scope;
    fork_it(&family);
    expect(WIFEXITED(family.status));
    expect_eq(WEXITSTATUS(family.status), 0);
    expect_ok(leat_cancelled());
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
}

static void shielded(struct family *family)
{
    (void)family;
    leat_unshield();
}

LEAT_TEST_TASK(fork, a_shield_that_was_the_tasks_is_no_bug_of_the_child)
{
    struct family family = { .child = shielded };

    leat_shield();
    fork_it(&family);
    leat_unshield();
    expect(WIFEXITED(family.status));
    expect_eq(WEXITSTATUS(family.status), 0);
}

static int fork_and_return(void *arg)
{
    (void)arg;
    if (fork() == 0) {
        signal(SIGABRT, SIG_DFL);
        return 0;
    }
    return 0;
}

static void run_fork_and_return(void)
{
    int status = 0;

    (void)!leat_run(fork_and_return, NULL, LEAT_OPTIONS(.workers = 1));
    while (wait(&status) < 0)
        ;
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
}

LEAT_TEST(fork, a_child_that_returns_from_its_task_is_stopped_with_a_sentence)
{
    expect_dies(run_fork_and_return, SIGABRT, "a forked child has returned from a task's function");
}

static void run_again(void)
{
    expect_ok(leat_run(nothing, NULL, NULL));
}

LEAT_TEST(fork, a_child_of_a_process_without_a_living_runtime_runs_one_of_its_own)
{
    if (LEAT__TSAN)
        test_skip("ThreadSanitizer allows no threads after a fork");
    expect_ok(leat_run(nothing, NULL, NULL));
    expect_child_ok(run_again);
}

/* Descriptors above the standard ones that exec would hand on. */
static int count_inherited(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    while (dir && (entry = readdir(dir))) {
        int fd = atoi(entry->d_name);

        if (fd > STDERR_FILENO && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
            count++;
    }
    if (dir)
        closedir(dir);
    return count;
}

static int inherited_before;

static int use_and_count(void *arg)
{
    struct leat_stream *stream;
    struct leat_listener *listener;
    struct leat_signals *signals;

    (void)arg;
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_blocking(nothing, NULL));
    expect_ok(leat_tcp_listen(&listener, "127.0.0.1", 0));
    expect_ok(leat_tcp_connect(&stream, "127.0.0.1", leat_listener_port(listener)));
    expect_ok(leat_signals_open(&signals, (const int[]){ SIGUSR2 }, 1));
    expect_eq(count_inherited(), inherited_before);
    leat_signals_close(signals);
    leat_close_stream(stream);
    leat_close_listener(listener);
    return 0;
}

LEAT_TEST(fork, nothing_of_a_runtime_is_inherited_over_exec)
{
    inherited_before = count_inherited();
    expect_ok(leat_run(use_and_count, NULL, LEAT_OPTIONS(.reactor = LEAT_REACTOR_EPOLL)));
    expect_ok(leat_run(use_and_count, NULL, NULL));
}

/* Links of a folder in /proc, or lines of a file there, that name what only a runtime makes. */
static int count_kernel_objects(void)
{
    static const char *const kinds[] = { "anon_inode:[io_uring]", "anon_inode:[eventpoll]",
                                         "anon_inode:[eventfd]", "anon_inode:[timerfd]" };
    char path[64], text[512];
    int count = 0, maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    FILE *file = maps < 0 ? NULL : fdopen(maps, "r");

    for (int fd = 0; fd < 1024; fd++) {
        ssize_t n;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        n = readlink(path, text, sizeof text - 1);
        text[n > 0 ? n : 0] = '\0';
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
            count += strcmp(text, kinds[i]) == 0;
    }
    while (file && fgets(text, sizeof text, file))
        count += strstr(text, kinds[0]) != NULL;
    if (file)
        fclose(file);
    return count;
}

static int objects_before;

static void has_none(struct family *family)
{
    (void)family;
    if (count_kernel_objects() != objects_before)
        _exit(20);
}

static int fork_and_look(void *arg)
{
    struct family family = { .child = has_none };

    (void)arg;
    expect_gt(count_kernel_objects(), objects_before); /* the test looks at the right things */
    fork_it(&family);
    expect(WIFEXITED(family.status));
    expect_eq(WEXITSTATUS(family.status), 0);
    expect_ok(leat_sleep(LEAT_MSEC)); /* and the parent has lost nothing */
    expect_ok(leat_blocking(nothing, NULL));
    return 0;
}

LEAT_TEST(fork, a_child_has_no_ring_and_no_epoll_instance_of_its_parent)
{
    struct leat_embed *embed;

    if (access("/proc/self/fd", R_OK) != 0 || TEST_EMULATED)
        test_skip("there is no /proc");
    objects_before = count_kernel_objects();
    expect_ok(leat_run(fork_and_look, NULL, LEAT_OPTIONS(.reactor = LEAT_REACTOR_EPOLL)));
    expect_ok(leat_run(fork_and_look, NULL, LEAT_OPTIONS(.workers = 3)));
    assert_ok(leat_embed_open(&embed, NULL));
    expect_ok(leat_run(fork_and_look, NULL, NULL));
    leat_embed_close(embed);
}

/* More than fit into the first table of those that a child closes. */
LEAT_TEST(fork, a_child_of_many_runtimes_has_no_descriptor_of_any)
{
    enum { MANY = 60 };
    struct leat_embed *embeds[MANY];

    if (access("/proc/self/fd", R_OK) != 0 || TEST_EMULATED)
        test_skip("there is no /proc");
    objects_before = count_kernel_objects();
    for (int i = 0; i < MANY; i++)
        assert_ok(leat_embed_open(&embeds[i], LEAT_OPTIONS(.reactor = LEAT_REACTOR_EPOLL)));
    expect_ok(leat_run(fork_and_look, NULL, LEAT_OPTIONS(.reactor = LEAT_REACTOR_EPOLL)));
    for (int i = 0; i < MANY; i++)
        leat_embed_close(embeds[i]);
}

static void spawn_into_its_own(struct family *family)
{
    LEAT_SCOPE(scope);

    (void)family;
    must_refuse(leat_spawn(&scope, nothing, NULL));
    must_refuse(leat_scope_join(&scope));
}

LEAT_TEST_TASK(fork, a_refused_spawn_is_told_by_the_join_of_the_childs_own_scope)
{
    struct family family = { .child = spawn_into_its_own };

    fork_it(&family);
    expect_one_refusal(&family);
}

static void exec_true(struct family *family)
{
    (void)family;
    execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
    _exit(126);
}

LEAT_TEST_TASK(fork, a_task_forks_and_executes)
{
    for (int i = 0; i < 10; i++) {
        struct family family = { .child = exec_true };

        fork_it(&family);
        expect(WIFEXITED(family.status));
        expect_eq(WEXITSTATUS(family.status), 7);
        expect_ok(leat_sleep(100 * LEAT_USEC));
    }
}

/* SPDX-License-Identifier: MIT */
/* See birth.h. */
#include "procs/birth.h"

#include "platform/kernel_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

/* ---- the zygote ---- */

static int spawn_with(pid_t *ret, int socket, posix_spawn_file_actions_t *actions,
                      posix_spawnattr_t *attributes)
{
    char *arguments[] = { program_invocation_name, (char[]){ LEAT__ZYGOTE_MARK }, NULL };
    const char *name = (const char *)getauxval(AT_EXECFN);
    sigset_t none, all;
    int err;

    sigemptyset(&none);
    sigfillset(&all);
    err = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!err)
        err = posix_spawn_file_actions_adddup2(actions, socket, LEAT__ZYGOTE_SOCKET);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    if (!err)
        err = posix_spawn(ret, "/proc/self/exe", actions, attributes, arguments, environ);
    if (err == ENOENT && name) /* no /proc */
        err = posix_spawn(ret, name, actions, attributes, arguments, environ);
    return -err;
}

int leat__zygote_spawn(pid_t *ret, int socket)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int err = posix_spawn_file_actions_init(&actions);

    if (err)
        return -err;
    err = posix_spawnattr_init(&attributes);
    if (!err) {
        err = -spawn_with(ret, socket, &actions, &attributes);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -err;
}

int leat__zygote_set_up(int socket)
{
    sigset_t mask;
    int signals;

    setsid();
    prctl(PR_SET_NAME, "leat/zygote");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    /* What the program had open without close-on-exec is none of ours. */
    syscall(LEAT__SYS_close_range, (unsigned)socket + 1, ~0u, 0);
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        _exit(LEAT__WORKER_SETUP_FAILED);
    return signals;
}

bool leat__zygote_kill_children(void)
{
    char text[4096], *at = text, *end;
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    bool any = false;

    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    for (;;) {
        long pid = strtol(at, &end, 10);

        if (pid <= 1 || *end != ' ') /* a number that is cut off is somebody else's */
            return any;
        kill((pid_t)pid, SIGKILL);
        any = true;
        at = end;
    }
}

/* ---- a worker ---- */

pid_t leat__worker_fork(const struct leat__limits *limits, const int fds[LEAT__PROCS_FDS],
                        int socket, int signals)
{
    int zygote = getpid();
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        close(socket);
        close(signals);
        leat__worker_live(limits, fds, zygote);
    }
    return pid;
}

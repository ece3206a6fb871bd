/* SPDX-License-Identifier: MIT */
#include "platform/fork.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

bool leat__fork_is_cut_off;

int leat__fork_watch(void (*in_child)(void))
{
    return -pthread_atfork(NULL, NULL, in_child);
}

void leat__fork_cut_off(void)
{
    leat__fork_is_cut_off = true;
}

bool leat__fork_refuses(void)
{
    static const char text[] =
        "leat: this process was forked from one with a running runtime and did not call exec: "
        "leat's calls fail in it (EPERM)\n";
    static bool told;
    int errno_before = errno;

    if (!leat__fork_forked())
        return false;
    if (!told) {
        ssize_t written = write(STDERR_FILENO, text, sizeof text - 1); /* stdio may be locked */

        (void)written;
        told = true;
    }
    errno = errno_before;
    return true;
}

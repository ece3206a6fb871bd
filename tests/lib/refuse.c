/* SPDX-License-Identifier: MIT */
/* Run a command whose kernel refuses a system call, by seccomp.
 *
 *     refuse [CALL:]ERROR COMMAND [ARGUMENT...]      CALL: io_uring_setup (the default) or a number
 *
 * For example `refuse EPERM leatsum /usr/include`. Exit status: the command's, 77 when this
 * machine has no seccomp, 2 for bad usage. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned    number;
} errors[] = {
    { "ENOSYS", ENOSYS }, { "EPERM", EPERM },   { "EOPNOTSUPP", EOPNOTSUPP },
    { "ENOMEM", ENOMEM }, { "EMFILE", EMFILE }, { "EINVAL", EINVAL },
};

static int refuse(unsigned call, unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof filter / sizeof filter[0], .filter = filter };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
    unsigned    call = SYS_io_uring_setup, error = 0;
    const char *name = argc > 1 ? argv[1] : "";
    const char *colon = strchr(name, ':');

    if (colon != NULL) {
        if (strncmp(name, "io_uring_setup:", sizeof "io_uring_setup:" - 1) != 0)
            call = (unsigned)strtoul(name, NULL, 10);
        name = colon + 1;
    }
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (strcmp(errors[i].name, name) == 0)
            error = errors[i].number;
    }
    if (argc < 3 || error == 0) {
        fprintf(stderr, "usage: refuse [CALL:]ERROR COMMAND [ARGUMENT...]\n");
        return 2;
    }
    if (refuse(call, error) != 0) {
        perror("refuse: seccomp");
        return 77;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}

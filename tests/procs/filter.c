/* SPDX-License-Identifier: MIT */
/* The jail's filter as a program: run here, by an interpreter of our own, for calls of the table of
 * this machine. So it is tried on AArch64, too, where an emulator runs the tests that has no
 * jails. */
#include "harness/test.h"
#include "platform/kernel_abi.h"
#include "procs/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { SOCKET = 1000, BELL = 1001, PID = 4711 };

struct filter {
    struct sock_filter rules[LEAT__JAIL_RULES_MAX];
    unsigned short     count;
};

/* The verdict; UINT32_MAX: the filter ran out of its end, or is not of the kind that we know. */
static uint32_t run(const struct filter *filter, const struct seccomp_data *data)
{
    uint32_t accumulator = 0;

    for (size_t at = 0; at < filter->count; at++) {
        const struct sock_filter *rule = &filter->rules[at];

        switch (rule->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (rule->k % 4 != 0 || rule->k > sizeof *data - sizeof accumulator)
                return UINT32_MAX;
            memcpy(&accumulator, (const char *)data + rule->k, sizeof accumulator);
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += accumulator == rule->k ? rule->jt : rule->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += accumulator & rule->k ? rule->jt : rule->jf;
            break;
        case BPF_RET | BPF_K:
            return rule->k;
        default:
            return UINT32_MAX;
        }
    }
    return UINT32_MAX;
}

static uint32_t verdict(const struct filter *filter, long call, uint64_t a, uint64_t b, uint64_t c)
{
    const struct seccomp_data data = { .nr = (int)call, .arch = LEAT__AUDIT_ARCH,
                                       .args = { a, b, c } };

    return run(filter, &data);
}

#define REFUSED (SECCOMP_RET_ERRNO | EPERM)

#define expect_allowed(call, a, b, c)                                                              \
    expect_eq(verdict(&filter, call, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c)),                 \
              (uint32_t)SECCOMP_RET_ALLOW)
#define expect_refused(call, a, b, c)                                                              \
    expect_eq(verdict(&filter, call, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c)),                 \
              (uint32_t)REFUSED)

static struct filter write_filter(void)
{
    struct filter filter;

    filter.count = leat__jail_rules(filter.rules, SOCKET, BELL, PID);
    expect_gt(filter.count, 0);
    expect_le(filter.count, LEAT__JAIL_RULES_MAX);
    return filter;
}

LEAT_TEST(procs_filter, knows_this_machine_and_kills_calls_of_any_other)
{
    struct filter filter = write_filter();
    static const uint32_t machines[] = { 0xc000003e, 0xc00000b7, 0x40000003, 0x40000028 };

    expect_ne(LEAT__AUDIT_ARCH, 0u);
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const struct seccomp_data data = { .nr = SYS_getpid, .arch = machines[i] };

        expect_eq(run(&filter, &data), machines[i] == LEAT__AUDIT_ARCH
                                           ? (uint32_t)SECCOMP_RET_ALLOW
                                           : (uint32_t)SECCOMP_RET_KILL_PROCESS);
    }
}

LEAT_TEST(procs_filter, every_call_number_gets_a_verdict)
{
    struct filter filter = write_filter();
    int allowed = 0;

    /* x32's numbers, which share x86-64's machine, have the bit 30. */
    for (long call = 0; call < 1000; call++) {
        uint32_t got = verdict(&filter, call, 5000, 5000, ~UINT64_C(0));

        expect(got == SECCOMP_RET_ALLOW || got == REFUSED);
        allowed += got == SECCOMP_RET_ALLOW;
        expect_refused(call | 0x40000000, 0, 0, 0);
    }
    expect_refused(-1, 0, 0, 0);
    expect_lt(allowed, 40);
}

LEAT_TEST(procs_filter, computing_is_allowed)
{
    struct filter filter = write_filter();

    expect_allowed(SYS_brk, 0, 0, 0);
    expect_allowed(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE);
    expect_allowed(SYS_mprotect, 0, 4096, PROT_READ);
    expect_allowed(SYS_munmap, 0, 4096, 0);
    expect_allowed(SYS_clock_gettime, 0, 0, 0);
    expect_allowed(SYS_exit_group, 0, 0, 0);
    expect_allowed(SYS_memfd_create, 0, 0, 0);
    expect_allowed(SYS_futex, 0, 0, 0);
    expect_allowed(SYS_write, BELL, 0, 1);
    expect_allowed(SYS_write, 1, 0, 1);
    expect_allowed(SYS_write, 2, 0, 1);
    expect_allowed(SYS_sendmsg, SOCKET, 0, 0);
    expect_allowed(SYS_recvmsg, SOCKET, 0, 0);
    expect_allowed(SYS_close, 5, 0, 0);
    expect_allowed(SYS_tgkill, PID, PID, 6);
    expect_allowed(SYS_fcntl, 5, F_ADD_SEALS, 0);
}

LEAT_TEST(procs_filter, all_ways_out_are_refused)
{
    struct filter filter = write_filter();
    static const long calls[] = {
        SYS_openat, SYS_socket, SYS_connect, SYS_bind, SYS_execve, SYS_clone, SYS_ptrace,
        SYS_dup, SYS_dup3, SYS_pipe2, SYS_mount, SYS_unlinkat, SYS_renameat2, SYS_linkat,
        SYS_read, SYS_pread64, SYS_process_vm_writev, SYS_prctl, SYS_prlimit64, SYS_seccomp,
        SYS_io_setup, SYS_shmget, SYS_shmat, SYS_kexec_load, SYS_setpgid,
        SYS_setsid, SYS_ioctl, SYS_timer_create, SYS_epoll_create1, SYS_getsockopt,
#ifdef SYS_open /* not on AArch64 */
        SYS_open, SYS_fork, SYS_vfork, SYS_dup2, SYS_unlink, SYS_rename, SYS_creat,
#endif
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        expect_refused(calls[i], 0, 0, 0);
    expect_refused(425, 0, 0, 0); /* io_uring_setup, on all machines */
    expect_refused(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC);
    expect_refused(SYS_mprotect, 0, 4096, PROT_EXEC);
    expect_refused(SYS_write, 5, 0, 1);
    expect_refused(SYS_write, SOCKET, 0, 1);
    expect_refused(SYS_sendmsg, BELL, 0, 0);
    expect_refused(SYS_close, SOCKET, 0, 0);
    expect_refused(SYS_close, BELL, 0, 0);
    expect_refused(SYS_close, 1, 0, 0);
    expect_refused(SYS_kill, PID + 1, 9, 0);
    expect_refused(SYS_kill, 0, 9, 0); /* its group */
    expect_refused(SYS_kill, (uint64_t)-1, 9, 0);
    expect_refused(SYS_fcntl, SOCKET, F_DUPFD, 0);
    expect_refused(SYS_fcntl, SOCKET, F_SETFL, 0);
}

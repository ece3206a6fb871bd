/* SPDX-License-Identifier: MIT */
/* Numbers of the kernel's interface that are newer than Debian 12's headers (Linux 6.1, liburing
 * 2.3). The numbers are fixed for good; whether the running kernel knows one is another matter:
 * each is used only after a probe of what it does, never after a look at a version. Names of our
 * own, since many of the originals are enumerators and can't be tested for. */
#ifndef LEAT_PLATFORM_KERNEL_ABI_H
#define LEAT_PLATFORM_KERNEL_ABI_H

/* madvise: guard pages inside a mapping, without a mapping of their own (6.13) */
#define LEAT__MADV_GUARD_INSTALL 102
#define LEAT__MADV_GUARD_REMOVE 103

/* system calls (numbers above 423 are the same on all architectures) */
#define LEAT__SYS_pidfd_open 434
#define LEAT__SYS_close_range 436
#define LEAT__SYS_epoll_pwait2 441
#define LEAT__SYS_futex_waitv 449

/* seccomp: what a filter sees as its machine (linux/audit.h); 0: none that we know */
#if defined(__x86_64__)
#define LEAT__AUDIT_ARCH 0xc000003eu
#elif defined(__aarch64__)
#define LEAT__AUDIT_ARCH 0xc00000b7u
#else
#define LEAT__AUDIT_ARCH 0u
#endif

/* getrandom: as many bytes as there are, even before the pool is ready (5.6) */
#define LEAT__GRND_INSECURE 4

/* arch_prctl (x86) and prctl (Arm): state of user shadow stacks (6.6, 6.13) */
#define LEAT__ARCH_SHSTK_STATUS 0x5005
#define LEAT__ARCH_SHSTK_SHSTK 1u
#define LEAT__PR_GET_SHADOW_STACK_STATUS 74
#define LEAT__PR_SHADOW_STACK_ENABLE 1u

/* io_uring_setup flags */
#define LEAT__IORING_SETUP_NO_MMAP (1u << 14)            /* 6.5 */
#define LEAT__IORING_SETUP_REGISTERED_FD_ONLY (1u << 15) /* 6.5 */
#define LEAT__IORING_SETUP_NO_SQARRAY (1u << 16)         /* 6.6 */

/* io_uring features, as setup returns them */
#define LEAT__IORING_FEAT_REG_REG_RING (1u << 13)    /* 6.3 */
#define LEAT__IORING_FEAT_RECVSEND_BUNDLE (1u << 14) /* 6.10 */
#define LEAT__IORING_FEAT_MIN_TIMEOUT (1u << 15)     /* 6.12 */

/* io_uring operations */
#define LEAT__IORING_OP_READ_MULTISHOT 49    /* 6.7 */
#define LEAT__IORING_OP_WAITID 50            /* 6.7 */
#define LEAT__IORING_OP_FUTEX_WAIT 51        /* 6.7 */
#define LEAT__IORING_OP_FUTEX_WAKE 52        /* 6.7 */
#define LEAT__IORING_OP_FUTEX_WAITV 53       /* 6.7 */
#define LEAT__IORING_OP_FIXED_FD_INSTALL 54  /* 6.8 */
#define LEAT__IORING_OP_FTRUNCATE 55         /* 6.9 */
#define LEAT__IORING_OP_BIND 56              /* 6.11 */
#define LEAT__IORING_OP_LISTEN 57            /* 6.11 */

/* io_uring flags of single operations */
#define LEAT__IORING_TIMEOUT_MULTISHOT (1u << 6) /* 6.4 */
#define LEAT__IORING_RECVSEND_BUNDLE (1u << 4)   /* 6.10 */
#define LEAT__IORING_ACCEPT_DONTWAIT (1u << 1)   /* 6.10 */
#define LEAT__IORING_ACCEPT_POLL_FIRST (1u << 2) /* 6.10 */

#endif

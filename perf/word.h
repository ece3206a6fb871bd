/* SPDX-License-Identifier: MIT */
/* What floors hand over by: a word that one side sets and the other waits for, asleep. Between
 * processes where PERF_WORDS_ARE_SHARED is defined before. */
#ifndef LEAT_PERF_WORD_H
#define LEAT_PERF_WORD_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef PERF_WORDS_ARE_SHARED
#define PERF_WORD_REACH 0
#else
#define PERF_WORD_REACH FUTEX_PRIVATE_FLAG
#endif

struct perf_word {
    _Alignas(128) _Atomic uint32_t value;
};

static inline void perf_word_wait(struct perf_word *word, uint32_t value)
{
    uint32_t seen;

    while ((seen = atomic_load(&word->value)) != value)
        syscall(SYS_futex, &word->value, FUTEX_WAIT | PERF_WORD_REACH, seen, NULL, NULL, 0);
}

static inline void perf_word_set(struct perf_word *word, uint32_t value)
{
    atomic_store(&word->value, value);
    syscall(SYS_futex, &word->value, FUTEX_WAKE | PERF_WORD_REACH, 1, NULL, NULL, 0);
}

#endif

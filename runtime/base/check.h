/* SPDX-License-Identifier: MIT */
/* Checks of the caller that stay in every build.
 *
 * For a bug in the calling program, never for exhaustion or an expected failure. The sentence says
 * what to do: "close a channel only once". Printed as `leat: sentence (file:line)`, then the
 * program is aborted. */
#ifndef LEAT_BASE_CHECK_H
#define LEAT_BASE_CHECK_H

#ifdef __FILE_NAME__
#define LEAT__FILE __FILE_NAME__
#else
#define LEAT__FILE __FILE__
#endif

#define leat__check(cond, sentence)                                                                \
    ((cond) ? (void)0 : leat__check_failed((sentence), LEAT__FILE, __LINE__))

/* Async-signal-safe: one write to standard error, no allocation, no lock. */
_Noreturn void leat__check_failed(const char *sentence, const char *file, int line)
    __attribute__((cold, noinline));

#endif

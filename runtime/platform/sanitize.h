/* SPDX-License-Identifier: MIT */
/* Which checking tools this build runs under, told apart once: gcc defines macros, clang answers
 * __has_feature. Valgrind needs no build of its own, only its header. */
#ifndef LEAT_PLATFORM_SANITIZE_H
#define LEAT_PLATFORM_SANITIZE_H

#if defined(__SANITIZE_ADDRESS__)
#define LEAT__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAT__ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define LEAT__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LEAT__TSAN 1
#endif
#endif

#ifndef LEAT__ASAN
#define LEAT__ASAN 0
#endif
#ifndef LEAT__TSAN
#define LEAT__TSAN 0
#endif

/* On functions that tell a sanitizer of a switch, or run between being told and switching: they
 * may hold no instrumentation. clang's no_sanitize("thread") leaves TSan's function entry and exit
 * calls in; its other attribute takes those out too. */
#if defined(__clang__)
#define LEAT__UNCHECKED                                                                            \
    __attribute__((noinline, no_sanitize("address", "thread", "undefined"),                        \
                   disable_sanitizer_instrumentation))
#else
#define LEAT__UNCHECKED                                                                            \
    __attribute__((noipa, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif

#endif

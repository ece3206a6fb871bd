/* SPDX-License-Identifier: MIT */
/* Context switch: leave what runs now so that it can be gone on with, and go on with another.
 *
 *     leat__context_make(&fiber, stack, entry, arg);
 *     leat__context_switch(&here, &fiber);       runs entry(arg) until somebody switches to &here
 *
 * A context is three words: stack pointer, frame pointer, address to go on at. The switch is inline
 * assembly that stores the three and loads three others; everything else the compiler spills
 * itself, since the assembly claims to change every register, and so it spills only what is live.
 * (A function that saves the ABI's six registers costs three times as much; one that ends in `ret`
 * seven times, because the return is always predicted wrong. Keeping the words on the stack and
 * only its pointer in the context would need steps over the red zone, between which no unwinder
 * could read the frame.) The floating-point control words belong to the thread and are not
 * switched.
 *
 * INVARIANTS
 * I1  What a switch saves describes the stack it is called on, whatever the context held before:
 *     a stack may be handed from a task that ended to the next without a switch, and a thread's
 *     own stack is switched away from like any other.
 * I2  A context that was saved or made is resumed at most once, then is void until saved again. It
 *     may be resumed by another thread than saved it: the caller orders the two (park protocol).
 * I3  A parked frame is whole: registers() are those of the switch's caller, after the switch, and
 *     its unwind information is exact there. At a fiber's entry the unwind ends.
 *
 * Caution: the function that calls the switch resumes on another thread perhaps. It must not use a
 * thread-local on both sides, nor call alloca beside over-aligned locals (compilers then keep a
 * base register that no assembly may change).
 *
 * Builds that must tell a tool of each switch (ASan, TSan), and the ucontext variant
 * (LEAT_SWITCH_UCONTEXT, for machines we have no assembly for), have the same functions out of
 * line. */
#ifndef LEAT_PLATFORM_SWITCH_H
#define LEAT_PLATFORM_SWITCH_H

#include "platform/sanitize.h"
#include "platform/stack.h"
#include <stddef.h>
#include <stdint.h>

#if !defined(LEAT_SWITCH_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define LEAT_SWITCH_UCONTEXT 1
#endif

#if defined(LEAT_SWITCH_UCONTEXT) || LEAT__ASAN || LEAT__TSAN
#define LEAT__SWITCH_INLINE 0
#else
#define LEAT__SWITCH_INLINE 1
#endif

/* The switch_<arch>.h know the offsets of the first three. */
struct leat__context {
    void *sp; /* ucontext: where its ucontext_t lies on its stack */
    void *fp;
    void *pc;
#if !LEAT__SWITCH_INLINE
    struct leat__context *from; /* who switched here; NULL: a context that has ended */
    void *asan_fake;            /* ASan's second stack for locals that outlive their frame */
    const void *asan_low;       /* the bounds of the stack, as ASan knows them */
    size_t asan_bytes;
    void *tsan_fiber;
#endif
};

/* Where a parked context will go on, for whoever walks its stack. */
struct leat__registers {
    void *pc;
    void *sp;
    void *fp;
};

/* Make a context that will run entry(arg) on the stack. Entry must never return: it leaves by
 * leat__context_exit_to. What the stack held before is void. */
void leat__context_make(struct leat__context *context, struct leat__stack *stack,
                        void (*entry)(void *arg), void *arg);

/* Save the caller in `save`, go on with `to`. Returns when somebody switches to `save`. */
static void leat__context_switch(struct leat__context *save, struct leat__context *to);

/* Go on with `to`, never to come back here; the stack may be made into another context then. */
_Noreturn static void leat__context_exit_to(struct leat__context *to);

/* Ask the cache for the frame a parked context will touch first. */
static inline void leat__context_prefetch(const struct leat__context *context)
{
    __builtin_prefetch(context->sp);
}

/* The same for one that may run by now, on another thread: a hint. (TSan would call it a race.) */
static inline void leat__context_prefetch_hint(const struct leat__context *context)
{
#if !LEAT__TSAN
    __builtin_prefetch(*(void *const volatile *)&context->sp);
#else
    (void)context;
#endif
}

/* The same for a context that has been parked for long: all of its frames, as far as those of a
 * sleeping task reach (560 bytes), and the header behind them, which its end touches. */
static inline void leat__context_prefetch_cold(const struct leat__context *context)
{
    for (int i = 0; i < 10; i++)
        __builtin_prefetch((char *)context->sp + i * 64, 1);
}

/* Of a parked context. */
struct leat__registers leat__context_registers(const struct leat__context *context);

/* Out of line, where the switch is not inline. */
void leat__context_switch_checked(struct leat__context *save, struct leat__context *to);
_Noreturn void leat__context_exit_checked(struct leat__context *to);

/* "assembly" or "ucontext": for the start report. */
const char *leat__switch_name(void);

#if defined(LEAT_SWITCH_UCONTEXT)
#include "platform/switch_ucontext.h"
#elif defined(__x86_64__)
#include "platform/switch_x86_64.h"
#elif defined(__aarch64__)
#include "platform/switch_aarch64.h"
#endif

static inline __attribute__((always_inline)) void leat__context_switch(struct leat__context *save,
                                                                       struct leat__context *to)
{
#if LEAT__SWITCH_INLINE
    leat__switch_asm(save, to);
#else
    leat__context_switch_checked(save, to);
#endif
}

_Noreturn static inline __attribute__((always_inline)) void
leat__context_exit_to(struct leat__context *to)
{
#if LEAT__SWITCH_INLINE
    leat__exit_asm(to);
#else
    leat__context_exit_checked(to);
#endif
}

#endif

/* SPDX-License-Identifier: MIT */
/* Making contexts, and the switch of builds in which a tool must be told.
 *
 * What the tools are told, and when:
 *
 *     context_switch_checked (on the old stack)        goes on behind its own switch, or in
 *       ASan: start_switch_fiber(new bounds)   ---->   run_checked (on the new stack)
 *       TSan: switch_to_fiber(new)                       ASan: finish_switch_fiber, which also
 *       switch                                           says where the old stack lay
 *
 * So the bounds of any stack, a thread's own too, are learnt when it is left, from ASan itself; no
 * context has to be told what it runs on (I1 in switch.h). `from` carries the one left to where
 * the other goes on. Nobody can resume it before that: it is published only by the context after
 * it.
 *
 * TSan keeps a call stack per fiber, and a fiber that ended leaves its entries on it for good. So a
 * stack's TSan fiber is made anew each time a context is made on the stack. */
#include "platform/switch.h"
#include "base/bits.h"
#include "base/check.h"

#if LEAT__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if LEAT__TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if LEAT__SWITCH_INLINE
_Static_assert(sizeof(struct leat__context) == 24, "three words, in the order the assembly knows");
#endif
_Static_assert(offsetof(struct leat__context, sp) == 0, "known to the assembly");
_Static_assert(offsetof(struct leat__context, fp) == sizeof(void *), "known to the assembly");
_Static_assert(offsetof(struct leat__context, pc) == 2 * sizeof(void *), "known to the assembly");

/* What a new context runs first, at the top of its stack. The assembly knows the first two. */
struct first {
    void (*entry)(void *arg);
    void *arg;
#if !LEAT__SWITCH_INLINE
    struct leat__context *context;
    void (*checked_entry)(void *arg);
    void *checked_arg;
#endif
};

/* Called by the entry code if a fiber's function returns. */
_Noreturn void leat__context_returned(void);

_Noreturn void leat__context_returned(void)
{
    leat__check_failed("a fiber's entry function must not return: leave by leat__context_exit_to",
                       LEAT__FILE, __LINE__);
}

/* ---- the plain part ---- */

static struct first *place_first(const struct leat__stack *stack)
{
    uintptr_t at = (uintptr_t)stack - sizeof(struct first);

    return (struct first *)(at & ~(uintptr_t)15);
}

#if !defined(LEAT_SWITCH_UCONTEXT)

void leat__context_entry(void);

static void make_plain(struct leat__context *context, struct leat__stack *stack,
                       struct first *first)
{
    (void)stack;
    context->sp = first;
    context->fp = NULL;
    context->pc = (void *)(uintptr_t)leat__context_entry;
}

struct leat__registers leat__context_registers(const struct leat__context *context)
{
    return (struct leat__registers){ .pc = context->pc, .sp = context->sp, .fp = context->fp };
}

const char *leat__switch_name(void)
{
    return "assembly";
}

#if !LEAT__SWITCH_INLINE
#define switch_plain leat__switch_asm
#define exit_plain leat__exit_asm
#endif

#else

#include <ucontext.h>

/* makecontext passes int arguments only, so the pointer comes in halves. */
static void enter_ucontext(unsigned high, unsigned low)
{
    struct first *first = (struct first *)((uintptr_t)high << 16 << 16 | low);

    first->entry(first->arg);
    leat__context_returned();
}

static void make_plain(struct leat__context *context, struct leat__stack *stack,
                       struct first *first)
{
    uintptr_t at = leat__round_down((uintptr_t)first - sizeof(ucontext_t), 64);
    ucontext_t *uc = (ucontext_t *)at;

    leat__check(getcontext(uc) == 0, "this system has no ucontext: build with assembly");
    uc->uc_stack.ss_sp = stack->low;
    uc->uc_stack.ss_size = at - (uintptr_t)stack->low;
    uc->uc_link = NULL;
    makecontext(uc, (void (*)(void))(uintptr_t)enter_ucontext, 2,
                (unsigned)((uintptr_t)first >> 16 >> 16), (unsigned)(uintptr_t)first);
    context->sp = uc;
}

LEAT__UNCHECKED void leat__switch_ucontext(struct leat__context *save, struct leat__context *to)
{
    ucontext_t here;

    here.uc_stack = (stack_t){ .ss_sp = NULL };
    save->sp = &here;
    leat__check(swapcontext(&here, to->sp) == 0, "swapcontext failed: build with assembly");
}

LEAT__UNCHECKED void leat__exit_ucontext(struct leat__context *to)
{
    setcontext(to->sp);
    leat__check_failed("setcontext failed: build with assembly", LEAT__FILE, __LINE__);
}

/* The position where swapcontext was called, as the machine's ucontext_t has it. */
struct leat__registers leat__context_registers(const struct leat__context *context)
{
    const ucontext_t *uc = context->sp;

#if defined(__x86_64__)
    const greg_t *r = uc->uc_mcontext.gregs;

    return (struct leat__registers){ .pc = (void *)r[REG_RIP],
                                     .sp = (void *)r[REG_RSP],
                                     .fp = (void *)r[REG_RBP] };
#elif defined(__aarch64__)
    return (struct leat__registers){ .pc = (void *)uc->uc_mcontext.pc,
                                     .sp = (void *)uc->uc_mcontext.sp,
                                     .fp = (void *)uc->uc_mcontext.regs[29] };
#else
    return (struct leat__registers){ .sp = (void *)uc };
#endif
}

const char *leat__switch_name(void)
{
    return "ucontext";
}

#define switch_plain leat__switch_ucontext
#define exit_plain leat__exit_ucontext

#endif

/* ---- telling the tools ---- */

#if !LEAT__SWITCH_INLINE

/* On the stack it leaves, just before. `save` is NULL when it is left for good. */
static LEAT__UNCHECKED void tell_leaving(struct leat__context *save, struct leat__context *to)
{
    to->from = save;
#if LEAT__ASAN
    __sanitizer_start_switch_fiber(save ? &save->asan_fake : NULL, to->asan_low, to->asan_bytes);
#endif
#if LEAT__TSAN
    if (save)
        save->tsan_fiber = __tsan_get_current_fiber();
#endif
}

/* On the stack it came to, first of all. */
static LEAT__UNCHECKED void tell_arrived(struct leat__context *here)
{
#if LEAT__ASAN
    struct leat__context *from = here->from;

    __sanitizer_finish_switch_fiber(here->asan_fake, from ? &from->asan_low : NULL,
                                    from ? &from->asan_bytes : NULL);
#endif
    (void)here;
}

LEAT__UNCHECKED void leat__context_switch_checked(struct leat__context *save,
                                                  struct leat__context *to)
{
    tell_leaving(save, to);
#if LEAT__TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    switch_plain(save, to);
    tell_arrived(save);
}

LEAT__UNCHECKED void leat__context_exit_checked(struct leat__context *to)
{
    tell_leaving(NULL, to);
#if LEAT__TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    exit_plain(to);
}

/* What the entry code calls in place of the real entry. */
static LEAT__UNCHECKED void run_checked(void *arg)
{
    struct first *first = arg;

    tell_arrived(first->context);
    first->checked_entry(first->checked_arg);
    leat__context_returned();
}

static void make_checked(struct leat__context *context, struct leat__stack *stack,
                         struct first *first)
{
    first->context = context;
    first->checked_entry = first->entry;
    first->checked_arg = first->arg;
    first->entry = run_checked;
    first->arg = first;
    context->from = NULL;
    context->asan_fake = NULL;
    context->asan_low = stack->low;
    context->asan_bytes = stack->bytes;
#if LEAT__TSAN
    if (stack->tsan_fiber)
        __tsan_destroy_fiber(stack->tsan_fiber);
    stack->tsan_fiber = __tsan_create_fiber(0);
    context->tsan_fiber = stack->tsan_fiber;
#endif
}

#endif

void leat__context_make(struct leat__context *context, struct leat__stack *stack,
                        void (*entry)(void *arg), void *arg)
{
    struct first *first = place_first(stack);

#if LEAT__ASAN
    /* frames that were never left are still marked */
    __asan_unpoison_memory_region(stack->low, stack->bytes);
#endif
    first->entry = entry;
    first->arg = arg;
#if !LEAT__SWITCH_INLINE
    make_checked(context, stack, first);
#endif
    make_plain(context, stack, first);
}

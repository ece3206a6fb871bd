/* SPDX-License-Identifier: MIT */
/* The context switch: what must survive it, on whichever thread and stack. */
#include "platform/switch.h"
#include "base/random.h"
#include "harness/test.h"
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

/* One fiber and the context that started it. */
struct pair {
    struct leat__stacks stacks;
    struct leat__stack *stack;
    struct leat__context home;
    struct leat__context fiber;
    uint64_t count;
    uint64_t stop_at;
};

static void open_pair(struct pair *pair, void (*entry)(void *arg))
{
    memset(pair, 0, sizeof *pair);
    assert_ok(leat__stacks_init(&pair->stacks, 0));
    assert_eq(leat__stacks_get(&pair->stacks, &pair->stack, 1), 1);
    leat__context_make(&pair->fiber, pair->stack, entry, pair);
}

static void close_pair(struct pair *pair)
{
    leat__stacks_put(&pair->stacks, pair->stack);
    leat__stacks_fini(&pair->stacks);
}

static void count_up(void *arg)
{
    struct pair *pair = arg;

    for (;;) {
        pair->count++;
        leat__context_switch(&pair->fiber, &pair->home);
    }
}

LEAT_TEST(switch, two_contexts_take_turns_a_million_times)
{
    struct pair pair;

    open_pair(&pair, count_up);
    for (uint64_t i = 1; i <= 1000000 / TEST_SLOWDOWN; i++) {
        leat__context_switch(&pair.home, &pair.fiber);
        assert_eq(pair.count, i);
    }
    close_pair(&pair);
}

/* ---- what a context holds over a switch ---- */

/* In a register, if it can be: the compiler is not to know the value. */
#if defined(__x86_64__)
#define IN_FLOAT_REGISTER(x) __asm__ volatile("" : "+x"(x))
#elif defined(__aarch64__)
#define IN_FLOAT_REGISTER(x) __asm__ volatile("" : "+w"(x))
#else
#define IN_FLOAT_REGISTER(x) __asm__ volatile("" : "+m"(x))
#endif

#define HELD_VALUES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
#define HOLD(i)                                                                                    \
    uint64_t r##i = seed * (i + 3);                                                                \
    double x##i = (double)seed / (i + 3);                                                          \
    __asm__ volatile("" : "+r"(r##i));                                                             \
    IN_FLOAT_REGISTER(x##i);
#define HOLD_AGAIN(i)                                                                              \
    __asm__ volatile("" : "+r"(r##i));                                                             \
    IN_FLOAT_REGISTER(x##i);
#define COMPARE(i)                                                                                 \
    if (r##i != seed * (i + 3) || x##i != (double)seed / (i + 3))                                  \
        ++*wrong;

/* As many values as there are registers, of each kind, live over a switch; both sides do this. */
static __attribute__((noinline)) void hold_values(struct leat__context *save,
                                                  struct leat__context *to, uint64_t seed,
                                                  uint64_t *wrong)
{
    long double quotient = (long double)seed / 7;
    volatile uint64_t in_memory = seed * 11;

    HELD_VALUES(HOLD)
    leat__context_switch(save, to);
    HELD_VALUES(HOLD_AGAIN)
    HELD_VALUES(COMPARE)
    if (quotient != (long double)seed / 7 || in_memory != seed * 11)
        ++*wrong;
}

static void hold_for_ever(void *arg)
{
    struct pair *pair = arg;

    for (uint64_t seed = 1;; seed += 2)
        hold_values(&pair->fiber, &pair->home, seed, &pair->count);
}

LEAT_TEST(switch, values_in_every_kind_of_register_are_kept)
{
    struct pair pair;

    open_pair(&pair, hold_for_ever);
    for (uint64_t seed = 0; seed < 2000; seed += 2)
        hold_values(&pair.home, &pair.fiber, seed, &pair.count);
    expect_eq(pair.count, 0u);
    close_pair(&pair);
}

#if defined(__x86_64__)

/* Spoil every register that a called function may not, as far as a compiler lets us. */
static void spoil_for_ever(void *arg)
{
    struct pair *pair = arg;

    for (;;) {
        __asm__ volatile("movq $-1, %%rbx\n\tmovq $-2, %%r12\n\tmovq $-3, %%r13\n\t"
                         "movq $-4, %%r14\n\tmovq $-5, %%r15"
                         :
                         :
                         : "rbx", "r12", "r13", "r14", "r15");
        leat__context_switch(&pair->fiber, &pair->home);
    }
}

static __attribute__((noinline, used)) void switch_away(struct pair *pair)
{
    leat__context_switch(&pair->home, &pair->fiber);
}

LEAT_TEST(switch, registers_a_function_must_keep_are_the_caller_s_after_it)
{
    struct pair pair;
    uint64_t kept[5];

    open_pair(&pair, spoil_for_ever);
    for (int i = 0; i < 1000; i++) {
        __asm__ volatile("leaq -256(%%rsp), %%rsp\n\t"
                         "movq %%rbp, 240(%%rsp)\n\t"
                         "movq %0, 232(%%rsp)\n\t"
                         "movq %%rsp, %%rbp\n\t"
                         "andq $-16, %%rsp\n\t"
                         "movq %1, %%rdi\n\t"
                         "movq $101, %%rbx\n\tmovq $102, %%r12\n\tmovq $103, %%r13\n\t"
                         "movq $104, %%r14\n\tmovq $105, %%r15\n\t"
                         "callq switch_away\n\t"
                         "movq %%rbp, %%rsp\n\t"
                         "movq 232(%%rsp), %%rax\n\t"
                         "movq 240(%%rsp), %%rbp\n\t"
                         "leaq 256(%%rsp), %%rsp\n\t"
                         "movq %%rbx, 0(%%rax)\n\tmovq %%r12, 8(%%rax)\n\tmovq %%r13, 16(%%rax)\n\t"
                         "movq %%r14, 24(%%rax)\n\tmovq %%r15, 32(%%rax)"
                         :
                         : "a"(kept), "c"(&pair)
                         : "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                           "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
                           "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                           "xmm13", "xmm14", "xmm15");
        for (uint64_t r = 0; r < 5; r++)
            assert_eq(kept[r], 101 + r);
    }
    close_pair(&pair);
}

#endif

/* ---- calls below a switch ---- */

static uint64_t descend(struct pair *pair, int depth)
{
    volatile uint64_t mine = (uint64_t)depth * 2654435761u;
    uint64_t below;

    if (depth == 0) {
        leat__context_switch(&pair->fiber, &pair->home);
        return mine;
    }
    below = descend(pair, depth - 1);
    return below + mine;
}

static void descend_for_ever(void *arg)
{
    struct pair *pair = arg;

    for (;;)
        pair->count = descend(pair, 100);
}

LEAT_TEST(switch, frames_below_it_return_to_their_callers)
{
    struct pair pair;

    open_pair(&pair, descend_for_ever);
    leat__context_switch(&pair.home, &pair.fiber);
    for (int i = 0; i < 100; i++) {
        pair.count = 0;
        leat__context_switch(&pair.home, &pair.fiber);
        assert_eq(pair.count, UINT64_C(2654435761) * 5050);
    }
    close_pair(&pair);
}

/* More calls in all than TSan's stack of one thread holds, so it must have been told of each. */
enum { DEEP_FIBERS = 700 };

LEAT_TEST(switch, hundreds_of_contexts_park_a_hundred_calls_deep)
{
    static struct pair pairs[DEEP_FIBERS];

    for (int i = 0; i < DEEP_FIBERS; i++) {
        open_pair(&pairs[i], descend_for_ever);
        leat__context_switch(&pairs[i].home, &pairs[i].fiber);
    }
    for (int i = 0; i < DEEP_FIBERS; i++) {
        leat__context_switch(&pairs[i].home, &pairs[i].fiber);
        assert_eq(pairs[i].count, UINT64_C(2654435761) * 5050);
        close_pair(&pairs[i]);
    }
}

static void note_alignment(void *arg)
{
    struct pair *pair = arg;
    _Alignas(64) char aligned[64];

    pair->count = (uint64_t)(uintptr_t)__builtin_frame_address(0) % 16;
    memset(aligned, 1, sizeof aligned);
    __asm__ volatile("" : : "r"(aligned) : "memory");
    pair->stop_at = (uint64_t)(uintptr_t)aligned % 64;
    leat__context_exit_to(&pair->home);
}

LEAT_TEST(switch, new_stack_is_aligned_for_vectors)
{
    struct pair pair;

    open_pair(&pair, note_alignment);
    pair.count = 1;
    leat__context_switch(&pair.home, &pair.fiber);
    expect_eq(pair.count, 0u);
    expect_eq(pair.stop_at, 0u);
    close_pair(&pair);
}

/* ---- ends and beginnings ---- */

static void count_once(void *arg)
{
    struct pair *pair = arg;

    pair->count++;
    leat__context_exit_to(&pair->home);
}

LEAT_TEST(switch, stack_is_made_into_context_after_context)
{
    enum { LIVES = 100000 };
    struct pair pair;

    open_pair(&pair, count_once);
    for (uint64_t i = 1; i <= LIVES; i++) { /* TSan's call stacks overflow at 65,536 entries */
        leat__context_switch(&pair.home, &pair.fiber);
        assert_eq(pair.count, i);
        leat__context_make(&pair.fiber, pair.stack, count_once, &pair);
    }
    close_pair(&pair);
}

/* Three fibers; tasks end and are followed by others on the same stack without a switch, so that
 * each context is first known when it is saved. */
enum { RELAY_FIBERS = 3, RELAY_TASKS = 3000 };

struct relay {
    struct leat__stacks stacks;
    struct leat__stack *stack[RELAY_FIBERS];
    struct leat__context home;
    struct leat__context task[RELAY_TASKS];
    int parked[RELAY_TASKS];
    int parked_count, next, ended;
    struct leat__random random;
};

static __attribute__((noinline)) uint64_t relay_run(struct relay *relay, int task, unsigned depth)
{
    volatile uint64_t mine = (uint64_t)task << 8 | depth;
    uint64_t sum = depth > 0 ? relay_run(relay, task, depth - 1) : 0;

    if (depth == 0) {
        relay->parked[relay->parked_count++] = task;
        leat__context_switch(&relay->task[task], &relay->home);
    }
    return sum + (mine == ((uint64_t)task << 8 | depth));
}

static void relay_fiber(void *arg)
{
    struct relay *relay = arg;

    while (relay->next < RELAY_TASKS) {
        unsigned depth = leat__random_below(&relay->random, 20);

        relay->ended += relay_run(relay, relay->next++, depth) == depth + 1;
    }
    leat__context_exit_to(&relay->home);
}

LEAT_TEST(switch, stack_handed_to_the_next_task_without_a_switch_is_saved_as_its_own)
{
    static struct relay relay;
    struct leat__stack *batch = NULL;

    memset(&relay, 0, sizeof relay);
    leat__random_init(&relay.random, test_seed());
    assert_ok(leat__stacks_init(&relay.stacks, 0));
    assert_eq(leat__stacks_get(&relay.stacks, &batch, RELAY_FIBERS), RELAY_FIBERS);
    for (int i = 0; i < RELAY_FIBERS; i++, batch = batch->next) {
        struct leat__context start;

        relay.stack[i] = batch;
        leat__context_make(&start, batch, relay_fiber, &relay);
        leat__context_switch(&relay.home, &start);
    }
    while (relay.parked_count > 0) {
        uint32_t count = (uint32_t)relay.parked_count;
        int at = (int)leat__random_below(&relay.random, count), task = relay.parked[at];

        relay.parked[at] = relay.parked[--relay.parked_count];
        leat__context_switch(&relay.home, &relay.task[task]);
    }
    expect_eq(relay.ended, RELAY_TASKS);
    for (int i = 0; i < RELAY_FIBERS; i++)
        relay.stack[i]->next = i + 1 < RELAY_FIBERS ? relay.stack[i + 1] : NULL;
    leat__stacks_put(&relay.stacks, relay.stack[0]);
    leat__stacks_fini(&relay.stacks);
}

static void return_from_entry(void *arg)
{
    (void)arg;
}

static void run_entry_that_returns(void)
{
    struct pair pair;

    open_pair(&pair, return_from_entry);
    leat__context_switch(&pair.home, &pair.fiber);
}

LEAT_TEST(switch, entry_that_returns_is_a_caller_s_bug)
{
    expect_dies(run_entry_that_returns, SIGABRT, "must not return");
}

/* ---- moves between threads ---- */

struct baton {
    struct pair pair;
    sem_t turn[2];
    struct leat__context home[2];
    struct leat__context *home_now;
    uint64_t rounds, wrong;
    uint64_t shared; /* plain: TSan sees a race here unless the switch orders it */
};

static void roam(void *arg)
{
    struct baton *baton = arg;

    for (uint64_t i = 0;; i++) {
        volatile uint64_t local = i * 7;

        baton->shared++;
        hold_values(&baton->pair.fiber, baton->home_now, i, &baton->wrong);
        baton->wrong += local != i * 7;
    }
}

struct carrier {
    struct baton *baton;
    int me;
};

static void *carry(void *arg)
{
    const struct carrier *carrier = arg;
    struct baton *baton = carrier->baton;

    for (uint64_t i = 0; i < baton->rounds; i++) {
        sem_wait(&baton->turn[carrier->me]);
        baton->home_now = &baton->home[carrier->me];
        leat__context_switch(&baton->home[carrier->me], &baton->pair.fiber);
        sem_post(&baton->turn[!carrier->me]);
    }
    return NULL;
}

LEAT_TEST(switch, context_goes_on_on_another_thread)
{
    struct baton baton = { .rounds = 5000 };
    pthread_t threads[2];
    struct carrier carriers[2] = { { &baton, 0 }, { &baton, 1 } };

    open_pair(&baton.pair, roam);
    leat__context_make(&baton.pair.fiber, baton.pair.stack, roam, &baton);
    sem_init(&baton.turn[0], 0, 1);
    sem_init(&baton.turn[1], 0, 0);
    for (int i = 0; i < 2; i++)
        assert_eq(pthread_create(&threads[i], NULL, carry, &carriers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    expect_eq(baton.wrong, 0u);
    expect_eq(baton.shared, 2 * baton.rounds);
    close_pair(&baton.pair);
    sem_destroy(&baton.turn[0]);
    sem_destroy(&baton.turn[1]);
}

/* Both sides write the same plain word in turn: a race, unless TSan is told of each switch. */
static void write_in_turn(void *arg)
{
    struct pair *pair = arg;
    int on_fiber = 0;

    for (;;) {
        pair->count++;
        on_fiber++;
        *(volatile int *)&on_fiber += 1;
        leat__context_switch(&pair->fiber, &pair->home);
    }
}

LEAT_TEST(switch, plain_data_passed_between_contexts_is_no_race)
{
    struct pair pair;

    open_pair(&pair, write_in_turn);
    for (int i = 0; i < 1000; i++) {
        pair.count++;
        leat__context_switch(&pair.home, &pair.fiber);
    }
    expect_eq(pair.count, 2000u);
    close_pair(&pair);
}

/* ---- what others see of a stack ---- */

struct walked {
    int frames;
    bool entry_seen;
    uintptr_t entry;
    uintptr_t last; /* address in the last frame: 0 if the unwinder was told that it is the last */
};

static _Unwind_Reason_Code walk_frame(struct _Unwind_Context *frame, void *arg)
{
    struct walked *walked = arg;

    walked->frames++;
    walked->last = _Unwind_GetIP(frame);
    if (_Unwind_GetRegionStart(frame) == walked->entry)
        walked->entry_seen = true;
    return walked->frames < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static struct walked walked;
static _Unwind_Reason_Code walk_end;

static __attribute__((noinline)) void walk_at(struct pair *pair, int depth)
{
    if (depth > 0) {
        walk_at(pair, depth - 1);
        __asm__ volatile("" ::: "memory");
        return;
    }
    leat__context_switch(&pair->fiber, &pair->home);
    walk_end = _Unwind_Backtrace(walk_frame, &walked);
}

static void walk_stack(void *arg)
{
    struct pair *pair = arg;

    walk_at(pair, 5);
    leat__context_exit_to(&pair->home);
}

LEAT_TEST(switch, unwinding_ends_cleanly_at_a_fiber_s_entry)
{
    struct pair pair;

    walked = (struct walked){ .entry = (uintptr_t)walk_stack };
    open_pair(&pair, walk_stack);
    leat__context_switch(&pair.home, &pair.fiber);
    leat__context_switch(&pair.home, &pair.fiber);
    expect_eq(walk_end, _URC_END_OF_STACK);
    expect(walked.entry_seen);
    /* (a ucontext begins in the C library, which only lets unwinders run out of frames) */
    if (strcmp(leat__switch_name(), "assembly") == 0)
        expect_eq(walked.last, 0u);
    expect_ge(walked.frames, 3);
    expect_lt(walked.frames, 20);
    close_pair(&pair);
}

LEAT_TEST(switch, registers_of_a_parked_context_lie_on_its_stack)
{
    struct pair pair;
    struct leat__registers registers;

    open_pair(&pair, count_up);
    leat__context_switch(&pair.home, &pair.fiber);
    registers = leat__context_registers(&pair.fiber);
    leat__context_prefetch(&pair.fiber);
    expect(leat__stack_contains(pair.stack, registers.sp));
#if defined(__x86_64__) || defined(__aarch64__)
    expect_not_null(registers.pc);
#endif
    close_pair(&pair);
}

/* ---- jumps within a fiber ---- */

static __attribute__((noinline, noreturn)) void jump_back(jmp_buf *back)
{
    longjmp(*back, 1);
}

static void jump_about(void *arg)
{
    struct pair *pair = arg;

    for (;;) {
        jmp_buf back;

        if (setjmp(back) == 0) {
            leat__context_switch(&pair->fiber, &pair->home);
            jump_back(&back);
        }
        pair->count++;
        leat__context_switch(&pair->fiber, &pair->home);
    }
}

LEAT_TEST(switch, longjmp_within_a_fiber_works_after_a_switch)
{
    struct pair pair;

    open_pair(&pair, jump_about);
    for (int i = 0; i < 200; i++)
        leat__context_switch(&pair.home, &pair.fiber);
    expect_eq(pair.count, 100u);
    close_pair(&pair);
}

LEAT_TEST(switch, name_tells_which_one_was_built)
{
#ifdef LEAT_SWITCH_UCONTEXT
    expect_str_eq(leat__switch_name(), "ucontext");
#else
    expect_str_eq(leat__switch_name(), "assembly");
#endif
}

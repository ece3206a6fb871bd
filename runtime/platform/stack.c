/* SPDX-License-Identifier: MIT */
/* Arenas of stacks. See stack.h for what a stack looks like and why.
 *
 * An arena is one mapping of up to 1,024 slots. A slot is *bare* (no pages, nothing written: fresh,
 * or trimmed), *warm* (free, header and pages there) or *out*. Fresh and trimmed are one state, so
 * there is one way to bring a slot up, and taking addresses is the same as reusing them. What a
 * bare slot is must be told from outside of it, hence the bitmaps; and neither finding out which
 * slots are warm nor taking their pages may touch those pages. (A list through the headers was
 * tried: a million sleepers' stacks come back in random order, and the walk from the coldest one
 * missed the cache and the TLB at each step, and found no two neighbours to give back together.)
 *
 * INVARIANTS
 * I1  A slot's bare bit is set, or its warm bit, or it is out, or its dropping bit is set, in the
 *     hands of the one trimmer; never two of these.
 * I2  A guard once installed stays until the arena is unmapped: MADV_DONTNEED leaves guard markers
 *     and protections alone.
 * I3  Lock held: no system call but mmap of an arena. Guards, page faults and trimming are done on
 *     slots that belong to the caller alone.
 *
 * Rejected: a mapping per stack (2.5 us each and two of the 65,530 mappings a process may have);
 * huge pages (2 MiB resident for the first byte); trimming each stack as it comes back (1.5 us
 * each; neighbours together 0.3). */
#include "platform/stack.h"
#include "base/bits.h"
#include "base/check.h"
#include "platform/kernel_abi.h"
#include "platform/sanitize.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if LEAT__TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0u)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define RUNNING_ON_VALGRIND 0
#endif

enum {
    ARENA_SLOTS_MIN = 64,
    ARENA_SLOTS_MAX = 1024,
    ARENA_WORDS = ARENA_SLOTS_MAX / 64,
    CLAIM_MAX = 32,      /* slots brought up between two holds of the lock */
    KEEP_DEFAULT = 1024, /* 4 MiB when each has touched one page */
    FIRST_BYTES = 64,    /* what switch.c puts at the top of a new stack */
};

struct leat__stack_arena {
    struct leat__stack_arena *next;      /* constant once the arena is in the list */
    struct leat__stack_arena *next_bare; /* in stacks->bare */
    struct leat__stack_arena *next_warm, *prev_warm; /* from stacks->warm to stacks->coldest */
    char *base;
    char *sides, *sides_memory; /* of the slots, a cache line each; where they are allocated */
    size_t slots;
    size_t bare_count;
    size_t warm_count;
    uint64_t bare[ARENA_WORDS];
    uint64_t warm[ARENA_WORDS];
    uint64_t dropping[ARENA_WORDS]; /* the trimmer's */
    bool guarded[ARENA_SLOTS_MAX];  /* the slot's holder's; bytes, since bits would be shared */
};

_Static_assert(sizeof(struct leat__stack) == 64, "one cache line beside the first frames");

/* A slot being brought up. */
struct claim {
    struct leat__stack_arena *arena;
    size_t slot;
    bool guard; /* to be installed */
};

/* ---- guards ---- */

static int install_guard(enum leat__guard guard, void *at, size_t bytes)
{
    switch (guard) {
    case LEAT__GUARD_MADVISE:
        return madvise(at, bytes, LEAT__MADV_GUARD_INSTALL) == 0 ? 0 : -errno;
    case LEAT__GUARD_MPROTECT:
        return mprotect(at, bytes, PROT_NONE) == 0 ? 0 : -errno;
    case LEAT__GUARD_NONE:
        break;
    }
    return -ENOTSUP;
}

/* Written by hand instead of by the C library, whose clock never enters the kernel. */
static bool kernel_can_write(void *at)
{
    return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, at) == 0;
}

bool leat__guard_works(enum leat__guard guard)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int errno_before = errno;
    bool works;
    char *at;

    if (guard == LEAT__GUARD_NONE)
        return false;
    at = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    works = install_guard(guard, at + page, page) == 0 && kernel_can_write(at) &&
            !kernel_can_write(at + page) && kernel_can_write(at + 2 * page);
    /* an emulator that says yes to every advice says it to this one too */
    if (guard == LEAT__GUARD_MADVISE && madvise(at, page, 0x7ead) == 0)
        works = false;
    munmap(at, 3 * page);
    errno = errno_before;
    return works;
}

static enum leat__guard best_guard;

static void find_best_guard(void)
{
    best_guard = leat__guard_works(LEAT__GUARD_MADVISE)    ? LEAT__GUARD_MADVISE
                 : leat__guard_works(LEAT__GUARD_MPROTECT) ? LEAT__GUARD_MPROTECT
                                                           : LEAT__GUARD_NONE;
}

/* Three eighths of the mappings, at two a stack: the program needs some too, and malloc fails
 * without them. */
static size_t mprotect_guard_max(void)
{
    char text[32] = "65530";
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        ssize_t n = read(fd, text, sizeof text - 1);

        close(fd);
        if (n > 0)
            text[n] = '\0';
    }
    return strtoul(text, NULL, 10) / 8 * 3;
}

const char *leat__stacks_guard_name(const struct leat__stacks *stacks)
{
    switch (stacks->guard) {
    case LEAT__GUARD_MADVISE:
        return "madvise";
    case LEAT__GUARD_MPROTECT:
        return "mprotect";
    case LEAT__GUARD_NONE:
        break;
    }
    return "none";
}

/* ---- slots ---- */

static char *slot_base(const struct leat__stacks *stacks, const struct leat__stack_arena *arena,
                       size_t slot)
{
    return arena->base + slot * stacks->stride;
}

/* Where the slot's header is. */
static struct leat__stack *header_of(const struct leat__stacks *stacks,
                                     const struct leat__stack_arena *arena, size_t slot)
{
    size_t colour = slot % LEAT__STACK_COLOURS * LEAT__STACK_COLOUR_BYTES;

    return (struct leat__stack *)(void *)(slot_base(stacks, arena, slot + 1) - colour -
                                          sizeof(struct leat__stack));
}

/* Make the slot a warm one. Touches its top page, and installs its guard if the claim says so.
 * Returns whether that went well. */
static bool bring_up(struct leat__stacks *stacks, const struct claim *claim,
                     struct leat__stack **ret)
{
    char *base = slot_base(stacks, claim->arena, claim->slot);
    struct leat__stack *stack = header_of(stacks, claim->arena, claim->slot);
    char *top = (char *)stack;
    bool fine = true;

    if (claim->guard) {
        fine = install_guard(stacks->guard, base, stacks->guard_bytes) == 0;
        claim->arena->guarded[claim->slot] = fine;
    }
    *stack = (struct leat__stack){ .low = base + stacks->guard_bytes,
                                   .bytes = (size_t)(top - base) - stacks->guard_bytes,
                                   .arena = claim->arena,
                                   .side = claim->arena->sides +
                                           claim->slot * LEAT__STACK_SIDE_BYTES,
                                   .slot = (unsigned)claim->slot };
    stack->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(stack->low, top);
    *ret = stack;
    return fine;
}

/* Lock held. */
static void list_bare(struct leat__stacks *stacks, struct leat__stack_arena *arena)
{
    arena->next_bare = stacks->bare;
    stacks->bare = arena;
}

/* Map an arena, a smaller one where the address space is limited. Lock held. */
static int add_arena(struct leat__stacks *stacks)
{
    struct leat__stack_arena *arena = calloc(1, sizeof *arena);
    size_t slots = stacks->arena_slots;
    void *base = MAP_FAILED;

    if (!arena)
        return -ENOMEM;
    for (; slots > 0; slots /= 2) {
        base = mmap(NULL, slots * stacks->stride, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (base != MAP_FAILED)
            break;
    }
    if (base != MAP_FAILED)
        arena->sides_memory = calloc(slots + 1, LEAT__STACK_SIDE_BYTES);
    if (!arena->sides_memory) {
        if (base != MAP_FAILED)
            munmap(base, slots * stacks->stride);
        free(arena);
        return -ENOMEM;
    }
    arena->sides = arena->sides_memory +
                   (-(uintptr_t)arena->sides_memory & (LEAT__STACK_SIDE_BYTES - 1));
    madvise(base, slots * stacks->stride, MADV_NOHUGEPAGE);
    arena->base = base;
    arena->slots = slots;
    arena->bare_count = slots;
    for (size_t slot = 0; slot < slots; slot++)
        arena->bare[slot / 64] |= UINT64_C(1) << slot % 64;
    arena->next = stacks->arenas;
    stacks->arenas = arena;
    list_bare(stacks, arena);
    stacks->counts.mapped += slots;
    if (stacks->arena_slots < ARENA_SLOTS_MAX)
        stacks->arena_slots *= 2;
    return 0;
}

/* Take the arena's lowest bare slot; it has one. Lock held. */
static size_t take_bare(struct leat__stack_arena *arena)
{
    size_t word = 0;
    unsigned bit;

    while (arena->bare[word] == 0)
        word++;
    bit = leat__bit_low(arena->bare[word]);
    arena->bare[word] &= arena->bare[word] - 1;
    arena->bare_count--;
    return word * 64 + bit;
}

/* Is this slot to get a guard now? Counts it as if it went well. Lock held. */
static bool wants_guard(struct leat__stacks *stacks, const struct claim *claim)
{
    if (claim->arena->guarded[claim->slot])
        return false;
    if (stacks->guard == LEAT__GUARD_NONE ||
        (stacks->guard == LEAT__GUARD_MPROTECT && stacks->counts.guarded >= stacks->guard_max)) {
        stacks->counts.unguarded++;
        return false;
    }
    stacks->counts.guarded++;
    return true;
}

/* Take up to max bare slots. Lock held. */
static size_t claim_slots(struct leat__stacks *stacks, struct claim *claims, size_t max)
{
    size_t n = 0;

    while (n < max) {
        struct leat__stack_arena *arena = stacks->bare;

        if (!arena) {
            if (add_arena(stacks) != 0)
                break;
            continue;
        }
        claims[n] = (struct claim){ .arena = arena, .slot = take_bare(arena) };
        claims[n].guard = wants_guard(stacks, &claims[n]);
        n++;
        if (arena->bare_count == 0)
            stacks->bare = arena->next_bare;
    }
    return n;
}

/* The arena has warm slots from now on: the first to be taken from, the last to be trimmed. Lock
 * held, as below. */
static void list_warm(struct leat__stacks *stacks, struct leat__stack_arena *arena)
{
    arena->next_warm = stacks->warm;
    arena->prev_warm = NULL;
    if (stacks->warm)
        stacks->warm->prev_warm = arena;
    else
        stacks->coldest = arena;
    stacks->warm = arena;
}

static void unlist_warm(struct leat__stacks *stacks, struct leat__stack_arena *arena)
{
    if (arena->prev_warm)
        arena->prev_warm->next_warm = arena->next_warm;
    else
        stacks->warm = arena->next_warm;
    if (arena->next_warm)
        arena->next_warm->prev_warm = arena->prev_warm;
    else
        stacks->coldest = arena->prev_warm;
}

/* That many of the arena's slots are warm no longer. */
static void count_cooled(struct leat__stacks *stacks, struct leat__stack_arena *arena, size_t n)
{
    arena->warm_count -= n;
    stacks->counts.warm -= n;
    if (arena->warm_count == 0)
        unlist_warm(stacks, arena);
}

/* Take up to max of the warm slots of one word, before *batch. */
static unsigned take_of_word(struct leat__stacks *stacks, struct leat__stack_arena *arena,
                             size_t word, struct leat__stack **batch, unsigned max)
{
    unsigned n = 0;

    for (; n < max && arena->warm[word]; n++) {
        size_t slot = word * 64 + leat__bit_low(arena->warm[word]);
        struct leat__stack *stack = header_of(stacks, arena, slot);

        arena->warm[word] &= arena->warm[word] - 1;
        stack->next = *batch;
        *batch = stack;
        if (!arena->guarded[slot])
            stacks->counts.unguarded++;
    }
    return n;
}

/* Take up to max warm ones, before *batch. */
static unsigned take_warm(struct leat__stacks *stacks, struct leat__stack **batch, unsigned max)
{
    unsigned n = 0;

    while (n < max && stacks->warm) {
        struct leat__stack_arena *arena = stacks->warm;
        unsigned taken = 0;

        for (size_t word = 0; word < ARENA_WORDS && n + taken < max; word++)
            taken += take_of_word(stacks, arena, word, batch, max - n - taken);
        count_cooled(stacks, arena, taken);
        n += taken;
    }
    if (stacks->counts.warm < stacks->low)
        stacks->low = stacks->counts.warm;
    return n;
}

int leat__stacks_get(struct leat__stacks *stacks, struct leat__stack **ret, unsigned want)
{
    struct leat__stack *batch = NULL;
    unsigned got;
    bool more = true;

    leat__check(want > 0, "ask for at least one stack");
    pthread_mutex_lock(&stacks->lock);
    got = take_warm(stacks, &batch, want);
    while (got < want && more) {
        struct claim claims[CLAIM_MAX];
        size_t max = want - got < CLAIM_MAX ? want - got : CLAIM_MAX;
        size_t n = claim_slots(stacks, claims, max);
        size_t failed = 0;

        pthread_mutex_unlock(&stacks->lock);
        for (size_t i = n; i-- > 0;) { /* backwards: the batch then has the lowest first */
            struct leat__stack *stack;

            failed += !bring_up(stacks, &claims[i], &stack);
            stack->next = batch;
            batch = stack;
        }
        pthread_mutex_lock(&stacks->lock);
        stacks->counts.guarded -= failed;
        stacks->counts.unguarded += failed;
        got += (unsigned)n;
        more = n == max;
    }
    stacks->counts.out += got;
    pthread_mutex_unlock(&stacks->lock);
    if (got == 0)
        return -ENOMEM;
    *ret = batch;
    return (int)got;
}

/* ---- giving back ---- */

/* Take the pages of each slot marked in arena->dropping, neighbours together. */
static void drop_pages(struct leat__stacks *stacks, struct leat__stack_arena *arena)
{
    size_t slot = 0;

    while (slot < arena->slots) {
        size_t end = slot;

        if (slot % 64 == 0 && arena->dropping[slot / 64] == 0) {
            slot += 64;
            continue;
        }

        while (end < arena->slots && (arena->dropping[end / 64] >> end % 64 & 1)) {
            if (RUNNING_ON_VALGRIND)
                VALGRIND_STACK_DEREGISTER(header_of(stacks, arena, end)->valgrind_id);
            end++;
        }
        if (end > slot)
            madvise(slot_base(stacks, arena, slot), (end - slot) * stacks->stride, MADV_DONTNEED);
        slot = end + 1;
    }
}

/* The marked slots are bare now. Lock held, as below. */
static void mark_bare(struct leat__stacks *stacks, struct leat__stack_arena *arena)
{
    size_t added = 0;

    for (size_t word = 0; word < ARENA_WORDS; word++) {
        added += leat__bit_count(arena->dropping[word]);
        arena->bare[word] |= arena->dropping[word];
        arena->dropping[word] = 0;
    }
    if (arena->bare_count == 0 && added > 0)
        list_bare(stacks, arena);
    arena->bare_count += added;
    stacks->counts.trimmed += added;
}

/* Mark up to max warm slots of the arena, the highest first: those that are taken last. Returns how
 * many. */
static size_t mark_dropping(struct leat__stacks *stacks, struct leat__stack_arena *arena,
                            size_t max)
{
    size_t n = 0;

    for (size_t word = ARENA_WORDS; word-- > 0 && n < max;) {
        if (leat__bit_count(arena->warm[word]) <= max - n) {
            n += leat__bit_count(arena->warm[word]);
            arena->dropping[word] = arena->warm[word];
            arena->warm[word] = 0;
        }
        for (; arena->warm[word] && n < max; n++) {
            uint64_t bit = UINT64_C(1) << leat__bit_high(arena->warm[word]);

            arena->warm[word] &= ~bit;
            arena->dropping[word] |= bit;
        }
    }
    count_cooled(stacks, arena, n);
    return n;
}

/* Make up to max warm ones bare, of the arenas that have had some for longest. Called by the one
 * trimmer, with the lock, which is let go meanwhile. */
static void trim(struct leat__stacks *stacks, size_t max)
{
    while (max > 0 && stacks->coldest) {
        struct leat__stack_arena *arena = stacks->coldest;

        max -= mark_dropping(stacks, arena, max);
        pthread_mutex_unlock(&stacks->lock);
        drop_pages(stacks, arena);
        pthread_mutex_lock(&stacks->lock);
        mark_bare(stacks, arena);
    }
}

leat_time leat__stacks_trim(struct leat__stacks *stacks, size_t max)
{
    leat_time again = LEAT_NEVER;
    size_t warm, idle;

    pthread_mutex_lock(&stacks->lock);
    warm = stacks->counts.warm;
    idle = warm > stacks->keep ? warm - stacks->keep : 0;
    if (idle > 0)
        again = LEAT__STACKS_PERIOD_NS;
    if (!stacks->trimming) {
        if (idle > stacks->low)
            idle = stacks->low;
        if (idle > max) {
            idle = max;
            again = 0;
        }
        stacks->low = again == 0 ? stacks->low - idle : warm - idle;
        if (again != 0 && warm - idle <= stacks->keep)
            again = LEAT_NEVER;
        stacks->trimming = true;
        trim(stacks, idle);
        stacks->trimming = false;
    }
    pthread_mutex_unlock(&stacks->lock);
    return again;
}

bool leat__stacks_put(struct leat__stacks *stacks, struct leat__stack *batch)
{
    bool many;

    if (!batch)
        return false;
#if LEAT__TSAN
    for (struct leat__stack *stack = batch; stack; stack = stack->next) {
        if (stack->tsan_fiber)
            __tsan_destroy_fiber(stack->tsan_fiber);
        stack->tsan_fiber = NULL;
    }
#endif
    pthread_mutex_lock(&stacks->lock);
    for (; batch; batch = batch->next) {
        struct leat__stack_arena *arena = batch->arena;

        if (arena->warm_count++ == 0)
            list_warm(stacks, arena);
        arena->warm[batch->slot / 64] |= UINT64_C(1) << batch->slot % 64;
        stacks->counts.warm++;
        stacks->counts.out--;
    }
    many = stacks->counts.warm > stacks->keep;
    pthread_mutex_unlock(&stacks->lock);
    return many;
}

void leat__stacks_count(struct leat__stacks *stacks, struct leat__stack_counts *ret)
{
    pthread_mutex_lock(&stacks->lock);
    *ret = stacks->counts;
    pthread_mutex_unlock(&stacks->lock);
}

/* ---- life of the source ---- */

int leat__stacks_init(struct leat__stacks *stacks, size_t usable_bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t extra = sizeof(struct leat__stack) + FIRST_BYTES +
                   (LEAT__STACK_COLOURS - 1) * LEAT__STACK_COLOUR_BYTES;
    int err;

    if (usable_bytes > (size_t)1 << 30)
        return -EINVAL;
    if (usable_bytes == 0)
        usable_bytes = LEAT__STACK_BYTES;
    pthread_once(&once, find_best_guard);
    *stacks = (struct leat__stacks){
        .arena_slots = ARENA_SLOTS_MIN,
        .usable = usable_bytes,
        .guard_bytes = leat__round_up(LEAT__STACK_GUARD_BYTES, page),
        .keep = KEEP_DEFAULT,
        .guard = best_guard,
    };
    stacks->stride = stacks->guard_bytes + leat__round_up(usable_bytes + extra, page);
    if (stacks->guard == LEAT__GUARD_MPROTECT)
        stacks->guard_max = mprotect_guard_max();
    err = pthread_mutex_init(&stacks->lock, NULL);
    return -err;
}

void leat__stacks_fini(struct leat__stacks *stacks)
{
    leat__check(stacks->counts.out == 0, "give every stack back before its source is ended");
    while (stacks->arenas) {
        struct leat__stack_arena *arena = stacks->arenas;

        stacks->arenas = arena->next;
        for (size_t slot = 0; slot < arena->slots && RUNNING_ON_VALGRIND; slot++)
            if (arena->warm[slot / 64] >> slot % 64 & 1)
                VALGRIND_STACK_DEREGISTER(header_of(stacks, arena, slot)->valgrind_id);
        munmap(arena->base, arena->slots * stacks->stride);
        free(arena->sides_memory);
        free(arena);
    }
    pthread_mutex_destroy(&stacks->lock);
}

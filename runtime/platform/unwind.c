/* SPDX-License-Identifier: MIT */
/* An unwinder for .eh_frame: see unwind.h, and the DWARF standard, version 5, section 6.4 for the
 * instructions, the Linux Standard Base, "Exception Frames", for the tables around them.
 *
 * For each frame: find the object and, by its sorted table, the function's description (FDE) and
 * what it has in common with others (CIE); run the instructions of both up to our address, which
 * gives a rule for the frame's address (CFA) and one for each register; apply them. All inside the
 * loader's callback, so that the object cannot be unloaded under us.
 *
 * The file is long because it is one interpreter over one state. */
#include "platform/unwind.h"
#include "platform/peek.h"

#include <link.h>
#include <string.h>
#include <ucontext.h>

#if defined(__x86_64__)
enum { REGS = 17, SP = 7, FP = 6, RA = 16 };
#elif defined(__aarch64__)
enum { REGS = 32, SP = 31, FP = 29, RA = 30 };
#else
enum { REGS = 32, SP = 31, FP = 30, RA = 29 };
#endif

enum { REMEMBER_MAX = 4, EXPRESSION_STACK = 16 };

enum rule_kind { SAME, UNDEFINED, AT_OFFSET, OFFSET, IN_REGISTER, AT_EXPRESSION, EXPRESSION };

struct rule {
    enum rule_kind kind;
    int64_t        value;      /* an offset from the CFA, or a register */
    const uint8_t *expression; /* its length first */
};

struct rules {
    bool           cfa_expression;
    uint64_t       cfa_register;
    int64_t        cfa_offset;
    const uint8_t *cfa;
    struct rule    of[REGS];
};

struct frame {
    uintptr_t regs[REGS];
    bool      known[REGS];
    uintptr_t pc;
    bool      exact; /* pc is where it will go on, not a return address behind the call */
    leat__unwind_read_fn *read;
    void                 *arg;
    bool found, stepped;
};

struct cursor {
    const uint8_t *at, *end;
};

struct description {
    uint64_t      code_align, return_column;
    int64_t       data_align;
    uint8_t       encoding; /* of addresses */
    bool          augmented, signal;
    uintptr_t     begin, bytes;
    struct cursor common, own; /* instructions */
};

/* ---- reading the tables ---- */

static uint64_t get(struct cursor *cursor, size_t bytes)
{
    uint64_t value = 0;

    if ((size_t)(cursor->end - cursor->at) < bytes) {
        cursor->at = cursor->end;
        return 0;
    }
    memcpy(&value, cursor->at, bytes); /* little endian, as both machines are */
    cursor->at += bytes;
    return value;
}

static int64_t get_signed(struct cursor *cursor, size_t bytes)
{
    unsigned shift = (unsigned)(64 - 8 * bytes);

    return (int64_t)(get(cursor, bytes) << shift) >> shift;
}

static uint64_t get_uleb(struct cursor *cursor)
{
    uint64_t value = 0;

    for (unsigned shift = 0; cursor->at < cursor->end; shift += 7) {
        uint8_t byte = *cursor->at++;

        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static int64_t get_sleb(struct cursor *cursor)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0;

    while (cursor->at < cursor->end) {
        byte = *cursor->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (!(byte & 0x80))
            break;
    }
    if ((byte & 0x40) && shift < 64)
        value |= ~UINT64_C(0) << shift;
    return (int64_t)value;
}

/* An address as its encoding says; 0 for what compilers do not use. */
static uintptr_t get_encoded(struct cursor *cursor, uint8_t encoding)
{
    uintptr_t here = (uintptr_t)cursor->at, value;

    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        value = (uintptr_t)get(cursor, 8);
        break;
    case 0x02:
        value = (uintptr_t)get(cursor, 2);
        break;
    case 0x03:
        value = (uintptr_t)get(cursor, 4);
        break;
    case 0x0a:
        value = (uintptr_t)get_signed(cursor, 2);
        break;
    case 0x0b:
        value = (uintptr_t)get_signed(cursor, 4);
        break;
    default:
        return 0;
    }
    return value != 0 && (encoding & 0x70) == 0x10 ? value + here : value;
}

static bool parse_common(const uint8_t *cie, struct description *ret)
{
    struct cursor c = { cie, cie + 4 };
    uint64_t length = get(&c, 4);
    const char *augmentation;
    uint8_t version;

    if (length == 0 || length >= 0xfffffff0)
        return false;
    c.end = c.at + length;
    if (get(&c, 4) != 0)
        return false;
    version = (uint8_t)get(&c, 1);
    augmentation = (const char *)c.at;
    c.at += strlen(augmentation) + 1;
    ret->code_align = get_uleb(&c);
    ret->data_align = get_sleb(&c);
    ret->return_column = version == 1 ? get(&c, 1) : get_uleb(&c);
    ret->encoding = 0;
    ret->signal = ret->augmented = false;
    if (*augmentation == 'z') {
        uint64_t bytes = get_uleb(&c);
        const uint8_t *instructions = c.at + bytes;

        ret->augmented = true;
        for (augmentation++; *augmentation; augmentation++) {
            if (*augmentation == 'R') {
                ret->encoding = (uint8_t)get(&c, 1);
            } else if (*augmentation == 'P') {
                uint8_t encoding = (uint8_t)get(&c, 1);

                (void)get_encoded(&c, encoding);
            } else if (*augmentation == 'L') {
                (void)get(&c, 1);
            } else if (*augmentation == 'S') {
                ret->signal = true;
            }
        }
        c.at = instructions;
    } else if (*augmentation) {
        return false;
    }
    ret->common = c;
    return true;
}

static bool parse_own(const uint8_t *fde, struct description *ret)
{
    struct cursor c = { fde, fde + 4 };
    uint64_t length = get(&c, 4);
    const uint8_t *base;
    uint64_t back;

    if (length == 0 || length >= 0xfffffff0)
        return false;
    c.end = c.at + length;
    base = c.at;
    back = get(&c, 4);
    if (back == 0 || !parse_common(base - back, ret))
        return false;
    ret->begin = get_encoded(&c, ret->encoding);
    ret->bytes = get_encoded(&c, ret->encoding & 0x0f);
    if (ret->augmented) {
        uint64_t bytes = get_uleb(&c);

        c.at += bytes;
    }
    ret->own = c;
    return true;
}

/* By the sorted table of .eh_frame_hdr: the last entry that begins at or before pc. */
static bool find_description(const uint8_t *header, uintptr_t pc, struct description *ret)
{
    struct cursor c = { header, header + 64 };
    uint8_t version = (uint8_t)get(&c, 1), frame = (uint8_t)get(&c, 1);
    uint8_t count_encoding = (uint8_t)get(&c, 1), table = (uint8_t)get(&c, 1);
    size_t low = 0, high;
    int32_t entry[2];

    if (version != 1 || table != 0x3b) /* relative to the header, signed, 4 bytes */
        return false;
    (void)get_encoded(&c, frame);
    high = get_encoded(&c, count_encoding);
    if (high == 0)
        return false;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        memcpy(entry, c.at + middle * sizeof entry, sizeof entry);
        if ((uintptr_t)header + (uintptr_t)(intptr_t)entry[0] <= pc)
            low = middle;
        else
            high = middle;
    }
    memcpy(entry, c.at + low * sizeof entry, sizeof entry);
    return parse_own(header + entry[1], ret) && pc - ret->begin < ret->bytes;
}

/* ---- running the instructions ---- */

static void set_rule(struct rules *rules, uint64_t reg, enum rule_kind kind, int64_t value)
{
    if (reg < REGS)
        rules->of[reg] = (struct rule){ .kind = kind, .value = value };
}

static const uint8_t *skip_block(struct cursor *c)
{
    const uint8_t *block = c->at;
    uint64_t bytes = get_uleb(c);

    c->at = bytes <= (uint64_t)(c->end - c->at) ? c->at + bytes : c->end;
    return block;
}

/* The instructions above 0x3f hold an operand. Returns false for one that is not known. */
static bool run_one(struct cursor *c, const struct description *d, struct rules *rules, uint8_t op)
{
    uint64_t reg;

    switch (op) {
    case 0x05: /* offset_extended */
        reg = get_uleb(c);
        set_rule(rules, reg, AT_OFFSET, (int64_t)get_uleb(c) * d->data_align);
        return true;
    case 0x07: /* undefined */
        set_rule(rules, get_uleb(c), UNDEFINED, 0);
        return true;
    case 0x08: /* same_value */
        set_rule(rules, get_uleb(c), SAME, 0);
        return true;
    case 0x09: /* register */
        reg = get_uleb(c);
        set_rule(rules, reg, IN_REGISTER, (int64_t)get_uleb(c));
        return true;
    case 0x0c: /* def_cfa */
        rules->cfa_expression = false;
        rules->cfa_register = get_uleb(c);
        rules->cfa_offset = (int64_t)get_uleb(c);
        return true;
    case 0x0d: /* def_cfa_register */
        rules->cfa_expression = false;
        rules->cfa_register = get_uleb(c);
        return true;
    case 0x0e: /* def_cfa_offset */
        rules->cfa_offset = (int64_t)get_uleb(c);
        return true;
    case 0x0f: /* def_cfa_expression */
        rules->cfa_expression = true;
        rules->cfa = skip_block(c);
        return true;
    case 0x10: /* expression */
    case 0x16: /* val_expression */
        reg = get_uleb(c);
        if (reg < REGS)
            rules->of[reg] = (struct rule){ .kind = op == 0x10 ? AT_EXPRESSION : EXPRESSION,
                                            .expression = c->at };
        (void)skip_block(c);
        return true;
    case 0x11: /* offset_extended_sf */
        reg = get_uleb(c);
        set_rule(rules, reg, AT_OFFSET, get_sleb(c) * d->data_align);
        return true;
    case 0x12: /* def_cfa_sf */
        rules->cfa_expression = false;
        rules->cfa_register = get_uleb(c);
        rules->cfa_offset = get_sleb(c) * d->data_align;
        return true;
    case 0x13: /* def_cfa_offset_sf */
        rules->cfa_offset = get_sleb(c) * d->data_align;
        return true;
    case 0x14: /* val_offset */
        reg = get_uleb(c);
        set_rule(rules, reg, OFFSET, (int64_t)get_uleb(c) * d->data_align);
        return true;
    case 0x15: /* val_offset_sf */
        reg = get_uleb(c);
        set_rule(rules, reg, OFFSET, get_sleb(c) * d->data_align);
        return true;
    case 0x2e: /* GNU_args_size */
        (void)get_uleb(c);
        return true;
    case 0x00: /* nop */
    case 0x2d: /* AARCH64_negate_ra_state: the signature is cut off, whether there is one or not */
        return true;
    default:
        return false;
    }
}

/* How far an instruction moves on, 0 for one that does not. */
static uint64_t advance(struct cursor *c, const struct description *d, uint8_t op)
{
    switch (op) {
    case 0x02:
        return get(c, 1) * d->code_align;
    case 0x03:
        return get(c, 2) * d->code_align;
    case 0x04:
        return get(c, 4) * d->code_align;
    default:
        return op >> 6 == 1 ? (op & 0x3f) * d->code_align : 0;
    }
}

static bool run(struct cursor c, const struct description *d, uintptr_t pc, struct rules *rules,
                const struct rules *initial)
{
    struct rules kept[REMEMBER_MAX];
    uintptr_t location = d->begin;
    size_t depth = 0;

    while (c.at < c.end) {
        uint8_t op = *c.at++;

        if (op >> 6 == 1 || (op >= 0x02 && op <= 0x04)) {
            location += advance(&c, d, op);
            if (location > pc)
                break;
        } else if (op == 0x01) { /* set_loc */
            location = get_encoded(&c, d->encoding);
            if (location > pc)
                break;
        } else if (op >> 6 == 2) { /* offset */
            set_rule(rules, op & 0x3f, AT_OFFSET, (int64_t)get_uleb(&c) * d->data_align);
        } else if (op >> 6 == 3 || op == 0x06) { /* restore, restore_extended */
            uint64_t reg = op == 0x06 ? get_uleb(&c) : op & 0x3f;

            if (reg < REGS)
                rules->of[reg] = initial->of[reg];
        } else if (op == 0x0a) { /* remember_state */
            if (depth == REMEMBER_MAX)
                return false;
            kept[depth++] = *rules;
        } else if (op == 0x0b) { /* restore_state */
            if (depth == 0)
                return false;
            *rules = kept[--depth];
        } else if (!run_one(&c, d, rules, op)) {
            return false;
        }
    }
    return true;
}

/* ---- applying the rules ---- */

static bool read_word(struct frame *frame, uintptr_t at, uintptr_t *ret)
{
    return frame->read(frame->arg, at, ret, sizeof *ret);
}

/* What compilers write: a register and an offset, constants, sums, and the lookup in the PLT. */
static bool evaluate(struct frame *frame, const uint8_t *block, const uintptr_t *first,
                     uintptr_t *ret)
{
    struct cursor c = { block, block + 10 };
    uint64_t bytes = get_uleb(&c);
    uintptr_t stack[EXPRESSION_STACK + 1];
    size_t n = 0;

    c.end = c.at + bytes;
    if (first)
        stack[n++] = *first;
    while (c.at < c.end) {
        uint8_t op = *c.at++;

        if (n >= EXPRESSION_STACK)
            return false;
        if (op >= 0x30 && op <= 0x4f) { /* lit */
            stack[n++] = op - 0x30u;
        } else if (op >= 0x70 && op <= 0x8f) { /* breg */
            unsigned reg = op - 0x70u;

            if (reg >= REGS || !frame->known[reg])
                return false;
            stack[n++] = frame->regs[reg] + (uintptr_t)get_sleb(&c);
        } else if (op == 0x08 || op == 0x0a || op == 0x0c || op == 0x0e) { /* const u */
            stack[n++] = (uintptr_t)get(&c, (size_t)1 << (op - 0x08) / 2);
        } else if (op == 0x09 || op == 0x0b || op == 0x0d) { /* const s */
            stack[n++] = (uintptr_t)get_signed(&c, (size_t)1 << (op - 0x09) / 2);
        } else if (op == 0x10) {
            stack[n++] = (uintptr_t)get_uleb(&c);
        } else if (op == 0x11) {
            stack[n++] = (uintptr_t)get_sleb(&c);
        } else if (op == 0x06 && n >= 1) { /* deref */
            if (!read_word(frame, stack[n - 1], &stack[n - 1]))
                return false;
        } else if (op == 0x23 && n >= 1) { /* plus_uconst */
            stack[n - 1] += (uintptr_t)get_uleb(&c);
        } else if (n >= 2) {
            uintptr_t a = stack[n - 2], b = stack[n - 1];

            n--;
            switch (op) {
            case 0x1a:
                stack[n - 1] = a & b;
                break;
            case 0x1c:
                stack[n - 1] = a - b;
                break;
            case 0x22:
                stack[n - 1] = a + b;
                break;
            case 0x24:
                stack[n - 1] = b < 64 ? a << b : 0;
                break;
            case 0x2a:
                stack[n - 1] = (intptr_t)a >= (intptr_t)b;
                break;
            default:
                return false;
            }
        } else {
            return false;
        }
    }
    if (n == 0)
        return false;
    *ret = stack[n - 1];
    return true;
}

/* Returns false when memory could not be read; *known says whether there is a value. */
static bool apply(struct frame *frame, const struct rule *rule, unsigned reg, uintptr_t cfa,
                  uintptr_t *value, bool *known)
{
    uintptr_t at = cfa + (uintptr_t)rule->value;

    *known = true;
    switch (rule->kind) {
    case SAME:
        *value = frame->regs[reg];
        *known = frame->known[reg];
        return true;
    case UNDEFINED:
        *known = false;
        return true;
    case IN_REGISTER:
        *known = rule->value < REGS && frame->known[rule->value];
        *value = *known ? frame->regs[rule->value] : 0;
        return true;
    case OFFSET:
        *value = at;
        return true;
    case AT_OFFSET:
        return read_word(frame, at, value);
    case EXPRESSION:
        return evaluate(frame, rule->expression, &cfa, value);
    case AT_EXPRESSION:
        return evaluate(frame, rule->expression, &cfa, &at) && read_word(frame, at, value);
    }
    return false;
}

static bool step(struct frame *frame, const struct description *d, const struct rules *rules)
{
    struct frame next = *frame;
    uintptr_t cfa;

    if (rules->cfa_expression) {
        if (!evaluate(frame, rules->cfa, NULL, &cfa))
            return false;
    } else {
        if (rules->cfa_register >= REGS || !frame->known[rules->cfa_register])
            return false;
        cfa = frame->regs[rules->cfa_register] + (uintptr_t)rules->cfa_offset;
    }
    for (unsigned reg = 0; reg < REGS; reg++)
        if (!apply(frame, &rules->of[reg], reg, cfa, &next.regs[reg], &next.known[reg]))
            next.known[reg] = false;
    if (d->return_column >= REGS || !next.known[d->return_column])
        return false; /* also the end: at the entry of a fiber the rule is UNDEFINED */
    next.pc = next.regs[d->return_column];
#if defined(__aarch64__)
    next.pc &= ((uintptr_t)1 << 48) - 1; /* without the signature of pointer authentication */
#endif
    if (rules->of[SP].kind == SAME) {
        next.regs[SP] = cfa;
        next.known[SP] = true;
    }
    next.exact = d->signal;
    if (next.pc == 0 || (next.pc == frame->pc && next.regs[SP] == frame->regs[SP]))
        return false;
    *frame = next;
    return true;
}

static int look_into(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    struct frame *frame = arg;
    uintptr_t pc = frame->exact ? frame->pc : frame->pc - 1;
    const uint8_t *header = NULL;
    struct description d;
    struct rules rules = { 0 }, initial;
    bool ours = false;

    (void)bytes;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type == PT_LOAD)
            ours |= pc - (uintptr_t)info->dlpi_addr - segment->p_vaddr < segment->p_memsz;
        else if (segment->p_type == PT_GNU_EH_FRAME)
            header = (const uint8_t *)(uintptr_t)(info->dlpi_addr + segment->p_vaddr);
    }
    if (!ours)
        return 0;
    frame->found = true;
    if (!header || !find_description(header, pc, &d))
        return 1;
    if (!run(d.common, &d, UINTPTR_MAX, &rules, &rules))
        return 1;
    initial = rules;
    if (run(d.own, &d, pc, &rules, &initial))
        frame->stepped = step(frame, &d, &rules);
    return 1;
}

size_t leat__unwind(const struct leat__registers *start, leat__unwind_read_fn *read, void *arg,
                    void **ret, size_t max)
{
    struct frame frame = { .pc = (uintptr_t)start->pc, .exact = true, .read = read, .arg = arg };
    size_t count = 0;

    frame.regs[SP] = (uintptr_t)start->sp;
    frame.regs[FP] = (uintptr_t)start->fp;
    frame.known[SP] = frame.known[FP] = true;
#if defined(__x86_64__)
    frame.regs[RA] = frame.pc;
#endif
    while (count < max && frame.pc != 0) {
        ret[count++] = (void *)frame.pc;
        frame.found = frame.stepped = false;
        dl_iterate_phdr(look_into, &frame);
        if (!frame.stepped)
            break;
    }
    return count;
}

static bool read_own(void *arg, uintptr_t at, void *to, size_t bytes)
{
    (void)arg;
    return leat__peek((const void *)at, to, bytes);
}

/* A frame of its own, in which the three registers and the address belong together. */
__attribute__((noinline)) size_t leat__unwind_here(void **ret, size_t max)
{
    struct leat__registers here = { NULL, NULL, NULL };
    size_t count;

#if defined(__x86_64__)
    __asm__ volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
                     : "=&r"(here.pc), "=&r"(here.sp), "=&r"(here.fp));
#elif defined(__aarch64__)
    __asm__ volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29"
                     : "=&r"(here.pc), "=&r"(here.sp), "=&r"(here.fp));
#endif
    count = leat__unwind(&here, read_own, NULL, ret, max);
    __asm__ volatile("" : : "r"(ret) : "memory"); /* no tail call: this frame is asked for */
    return count;
}

struct leat__registers leat__interrupted_registers(const void *ucontext)
{
    const ucontext_t *uc = ucontext;

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
    return (struct leat__registers){ .sp = (void *)(uintptr_t)uc };
#endif
}

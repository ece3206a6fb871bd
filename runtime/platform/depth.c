/* SPDX-License-Identifier: MIT */
#include "platform/depth.h"
#include "platform/sanitize.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES_AT_ONCE 512

static uintptr_t page_bytes(void)
{
    return (uintptr_t)sysconf(_SC_PAGESIZE);
}

/* By hand: a call to memset would stand in what it clears. */
static LEAT__UNCHECKED void clear(uintptr_t from, uintptr_t to)
{
    for (uintptr_t at = from; at + sizeof(uintptr_t) <= to; at += sizeof(uintptr_t))
        *(volatile uintptr_t *)at = 0;
}

static LEAT__UNCHECKED uintptr_t first_written(uintptr_t from, uintptr_t to)
{
    for (; from < to; from += sizeof(uintptr_t))
        if (*(const volatile uintptr_t *)from != 0)
            break;
    return from;
}

void leat__depth_begin(struct leat__stack *stack)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t page = here & ~(page_bytes() - 1);
    uintptr_t below = here - 1024; /* this frame and what it calls */

    if (page > (uintptr_t)stack->low)
        madvise(stack->low, page - (uintptr_t)stack->low, MADV_DONTNEED);
    else
        page = (uintptr_t)stack->low;
    if (below > page)
        clear(page, below);
}

size_t leat__depth_end(const struct leat__stack *stack)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t bytes = page_bytes(), low = (uintptr_t)stack->low & ~(bytes - 1);
    unsigned char resident[PAGES_AT_ONCE];

    while (low < here) {
        uintptr_t count = (here - low + bytes - 1) / bytes;

        count = count < PAGES_AT_ONCE ? count : PAGES_AT_ONCE;
        if (mincore((void *)low, count * bytes, resident) != 0)
            break;
        for (uintptr_t i = 0; i < count; i++, low += bytes) {
            uintptr_t begin = low > (uintptr_t)stack->low ? low : (uintptr_t)stack->low;
            uintptr_t end = low + bytes < here ? low + bytes : here;
            uintptr_t at = resident[i] & 1 ? first_written(begin, end) : end;

            if (at < end)
                return (uintptr_t)stack - at;
        }
    }
    return (uintptr_t)stack - here;
}

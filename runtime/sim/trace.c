/* SPDX-License-Identifier: MIT */
/* What is told of a simulation: a hash over all that happened, the last lines of it as text, and
 * the end of one in which something was found. */
#include "sim/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S leat__sim

static void mix(uint64_t number)
{
    S.hash = (S.hash ^ number) * UINT64_C(0x100000001b3);
    S.hash ^= S.hash >> 29;
}

void leat__sim_trace_begin(void)
{
    S.hash = UINT64_C(0xcbf29ce484222325);
}

void leat__sim_trace(const char *what, uint64_t number)
{
    mix((uint64_t)(unsigned char)what[0] << 8 | (uint64_t)(unsigned char)what[1]);
    mix(number);
    mix(S.points);
    mix((uint64_t)S.now);
    S.lines[S.line_count++ % LEAT__SIM_TRACE_LINES] =
        (struct leat__sim_line){ S.points, S.now, what, number, S.me ? S.me->id : UINT32_MAX };
}

void leat__sim_note(const char *what, uint64_t number)
{
    if (leat__sim_on)
        leat__sim_trace(what, number);
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
    size_t used = strlen(S.outcome->text);
    va_list args;

    va_start(args, format);
    vsnprintf(S.outcome->text + used, sizeof S.outcome->text - used, format, args);
    va_end(args);
}

static void put_threads(void)
{
    for (unsigned i = 0; i < S.thread_count; i++) {
        const struct leat__vthread *at = S.threads[i];

        if (!at || at->state == LEAT__VTHREAD_ENDED)
            continue;
        put("  thread %u \"%s\" ", at->id, at->name);
        if (at->state == LEAT__VTHREAD_READY)
            put("%s", at == S.me ? "runs" : "could run");
        else
            put("%s", at->what);
        if (at->state == LEAT__VTHREAD_BLOCKED && at->deadline != LEAT_NEVER)
            put(" until %.9f s", (double)at->deadline / (double)LEAT_SEC);
        put("\n");
    }
}

void leat__sim_trace_tell(const char *sentence)
{
    uint64_t first = S.line_count < LEAT__SIM_TRACE_LINES ? 0
                                                          : S.line_count - LEAT__SIM_TRACE_LINES;

    put("%s\n  at %.9f s, after %" PRIu64 " decision points\n", sentence,
        (double)S.now / (double)LEAT_SEC, S.points);
    put_threads();
    put("  the last decisions (point, time, who, what):\n");
    for (uint64_t i = first; i < S.line_count; i++) {
        const struct leat__sim_line *line = &S.lines[i % LEAT__SIM_TRACE_LINES];

        put("    %8" PRIu64 " %14.9f ", line->at, (double)line->now / (double)LEAT_SEC);
        if (line->who == UINT32_MAX)
            put("event %s %" PRIu64 "\n", line->what, line->number);
        else
            put("%u %s %" PRIu64 "\n", line->who, line->what, line->number);
    }
}

_Noreturn void leat__sim_fail(const char *format, ...)
{
    char sentence[512];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (!leat__sim_on) {
        fprintf(stderr, "leat: %s\n", sentence);
        abort();
    }
    leat__sim_trace_tell(sentence);
    leat__sim_end_failed();
}

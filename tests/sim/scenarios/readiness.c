/* SPDX-License-Identifier: MIT */
/* A select among an element and a descriptor that may be read: what has come first is chosen, the
 * other is not lost, though both come at one moment. */
#include "sim/scenarios/scenario.h"

#define WORDS 12

static struct {
    struct leat_chan   *words;
    int                 fds[2];
    struct leat_stream *reader, *writer;
    uint32_t            elements, bytes;
} both;

static void come_later(void)
{
    for (uint32_t i = leat_sim_choose(24); i > 0; i--)
        leat_sim_point();
    if (leat_sim_choose(4) == 0)
        (void)leat_sleep((leat_time)leat_sim_choose(3) * LEAT_USEC);
}

static int sends(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < WORDS; i++) {
        come_later();
        leat_sim_expect(leat_chan_send(both.words, &i) == 0);
    }
    return 0;
}

static int writes(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < WORDS; i++) {
        come_later();
        leat_sim_expect(leat_write_all(both.writer, &(unsigned char){ (unsigned char)i }, 1) == 1);
    }
    return 0;
}

static int chooses(void *arg)
{
    while (both.elements + both.bytes < 2 * WORDS) {
        uint32_t element = UINT32_MAX;
        unsigned char byte;
        struct leat_case cases[3] = { leat_case_recv(both.words, &element),
                                      leat_case_readable(both.fds[0]),
                                      leat_case_at(leat_after(LONG)) };
        int index = leat_select_cases(cases, 3);

        leat_sim_expect(index == 0 || index == 1);
        leat_sim_expect(cases[index].result == 0);
        if (index == 0)
            leat_sim_expect(element == both.elements++);
        else
            leat_sim_expect(leat_read(both.reader, &byte, 1) == 1 && byte == both.bytes++);
        come_later();
    }
    (void)arg;
    return 0;
}

static int chooses_on_a_thread(void *arg)
{
    return leat_blocking(chooses, arg);
}

SCENARIO(an_element_or_a_byte)
{
    struct leat_chan_options options = { .size = sizeof options,
                                         .capacity = leat_sim_choose(3) };
    bool thread = leat_sim_choose(8) == 0;

    both.elements = both.bytes = 0;
    leat_sim_expect(leat_chan_create(&both.words, sizeof(uint32_t), &options) == 0);
    leat_sim_expect(leat_sim_pipe(both.fds) == 0);
    leat_sim_expect(leat_stream_open_fd(&both.reader, both.fds[0]) == 0);
    leat_sim_expect(leat_stream_open_fd(&both.writer, both.fds[1]) == 0);
    {
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn(&scope, thread ? chooses_on_a_thread : chooses, NULL) == 0);
        leat_sim_expect(leat_spawn(&scope, sends, NULL) == 0);
        leat_sim_expect(leat_spawn(&scope, writes, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(both.elements == WORDS && both.bytes == WORDS);
    leat_close_stream(both.reader);
    leat_close_stream(both.writer);
    leat_chan_free(both.words);
}

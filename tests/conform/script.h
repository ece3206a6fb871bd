/* SPDX-License-Identifier: MIT */
/* Conformance: what a program sees of its I/O must not depend on what completes it.
 *
 *     SCRIPT(a_pipe_gives_what_was_written)
 *     {
 *         int fds[2];
 *
 *         script_pipe(script, fds);
 *         note(script, "write", do_write(fds[1], "hello", 5));
 *         note_read(script, "read", fds[0], 16);
 *         close(fds[0]);
 *         close(fds[1]);
 *     }
 *
 * A script runs as the root task of a runtime with one worker, on one back end; what it notes, that
 * is results, bytes, and their order, is its transcript. Each back end's transcript must be that of
 * transcript.txt, which was recorded from a kernel (LEAT_CONFORM_RECORD=path). So a script notes
 * nothing that two kernels, or two runs, do not have in common: no number of a descriptor, no time,
 * no order of what happens at once.
 *
 * Scripts make what they need by plain calls (pipe2, socket, unlink), which a build for the
 * simulation room sends into its world. */
#ifndef LEAT_TESTS_CONFORM_SCRIPT_H
#define LEAT_TESTS_CONFORM_SCRIPT_H

#include "reactor/op.h"

#include <leat/io.h>
#include <leat/task.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SCRIPT_TEXT_MAX 8192

struct script {
    const char    *name;
    void         (*body)(struct script *script);
    struct script *next;
    const char    *folder; /* an empty one, of the script's own */
    size_t         bytes;
    char           text[SCRIPT_TEXT_MAX];
};

void script_register(struct script *script);

#define SCRIPT(name_)                                                                           \
    static void name_(struct script *script);                                                  \
    __attribute__((constructor)) static void name_##_register(void)                             \
    {                                                                                           \
        static struct script script = { .name = #name_, .body = name_ };                        \
        script_register(&script);                                                               \
    }                                                                                           \
    static void name_(struct script *script)

/* All scripts, sorted by name. */
struct script *script_first(void);

/* One that a seed writes. */
void script_random(struct script *script, uint64_t seed);

/* ---- what a script notes ---- */

/* "what: 5", or "what: EPIPE" for -EPIPE. */
void note(struct script *script, const char *what, long long result);

/* "what: 5 hello", with a dot for what is no letter; of more than 32 bytes, their hash. */
void note_bytes(struct script *script, const char *what, long long result, const void *data);

/* ---- operations, each a leat__op of its own; direct where the io room has them so: writes and
 * sends are tried at once, the others are not ---- */

int do_read(int fd, void *data, size_t bytes);
int do_write(int fd, const void *data, size_t bytes);
int do_recv(int fd, void *data, size_t bytes, int flags);
int do_send(int fd, const void *data, size_t bytes, int flags);
int do_poll(int fd, int events);
int do_accept(int fd);
int do_close(int fd);

/* Read up to `bytes`, at most 256, and note what came. */
void note_read(struct script *script, const char *what, int fd, size_t bytes);

/* ---- what scripts need; each checks that it could be had ---- */

void script_pipe(struct script *script, int fds[2]);
void script_pair(struct script *script, int fds[2]);
void script_tcp(struct script *script, int fds[2]); /* connected over the loopback */
void script_expect(struct script *script, const char *what, bool held);

/* folder/name, valid until the sixteenth call after. */
const char *script_path(struct script *script, const char *name);

/* Run fn as a child and let it come to its first wait. */
void script_begin(struct leat_scope *scope, int (*fn)(void *arg), void *arg);

#endif

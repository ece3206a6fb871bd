/* SPDX-License-Identifier: MIT */
/* A dump as a string, for tests that read in it. */
#ifndef TESTS_OBSERVE_DUMPED_H
#define TESTS_OBSERVE_DUMPED_H

#include "harness/test.h"

#include <leat/observe.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What leat_dump writes; to be freed. */
static inline char *dump(void)
{
    int fd = memfd_create("dump", MFD_CLOEXEC);
    char *text;
    off_t bytes;

    expect_ok(leat_dump(fd));
    bytes = lseek(fd, 0, SEEK_END);
    text = calloc(1, (size_t)bytes + 1);
    expect_eq(pread(fd, text, (size_t)bytes, 0), bytes);
    close(fd);
    return text;
}

#endif

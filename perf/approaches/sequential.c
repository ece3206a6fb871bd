/* SPDX-License-Identifier: MIT */
/* One after the other, in plain C. */
#include "plain.h"

static void run(void *data)
{
    uint64_t *digests = data;

    for (uint64_t i = 0; i < ITEMS; i++) {
        work_wait();
        digests[i] = work_digest(i);
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    uint64_t         digests[ITEMS];

    perf_repeat_ns(&args, 1e6, run, digests);
    check_digests(digests);
    return 0;
}

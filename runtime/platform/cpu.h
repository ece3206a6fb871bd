/* SPDX-License-Identifier: MIT */
/* How many CPUs this process may really use.
 *
 *     struct leat__cpus cpus;
 *     int err = leat__cpus_probe(&cpus, NULL);
 *     ... cpus.count workers, bound to leat__cpus_nth(&cpus, 0), (1), ...
 *     leat__cpus_fini(&cpus);
 *
 * The count is the smaller of the affinity mask and of the cgroup quotas in force: v1 and v2, at
 * each level from the process's own group up to the root, since a quota binds everything below it.
 * (sysconf's number knows nothing of quotas: in a container limited to 2 CPUs of 64, 64 workers
 * would spend most of their time throttled.) */
#ifndef LEAT_PLATFORM_CPU_H
#define LEAT_PLATFORM_CPU_H

#include <sched.h>
#include <stddef.h>

struct leat__cpus {
    unsigned count;    /* usable: at least 1, at most allowed */
    unsigned allowed;  /* in the affinity mask */
    unsigned total;    /* online in the machine, as far as can be told; at least allowed */
    double quota;      /* CPUs by the tightest cgroup quota; 0: none */
    char reason[160];  /* "2 of 8 CPUs by affinity", "2 of 8 CPUs by cgroup v1 quota 1.5 at /a" */
    char cgroup[80];   /* the process's own: "v2 /a/b"; "": not to be told */
    cpu_set_t *mask;   /* the affinity mask when probed, however many CPUs there are */
    size_t mask_bytes; /* its size, for the CPU_..._S macros and sched_setaffinity */
};

/* `root` stands before /proc and every mount point read there, for fixture trees; NULL: the
 * machine. What can't be read or understood is taken as no limit: without /proc the affinity alone
 * counts.
 * Returns 0 or -ENOMEM, or what sched_getaffinity says. */
int leat__cpus_probe(struct leat__cpus *ret, const char *root);

/* NULL and all-zero are fine. */
void leat__cpus_fini(struct leat__cpus *cpus);

/* The mask as text: "0-3,8". Cut where it does not fit. Returns `text`. */
char *leat__cpus_list(const struct leat__cpus *cpus, char *text, size_t bytes);

/* Number of the i-th CPU of the mask (i modulo their number), in rising order. */
int leat__cpus_nth(const struct leat__cpus *cpus, unsigned i);

#endif

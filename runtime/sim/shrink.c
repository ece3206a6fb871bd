/* SPDX-License-Identifier: MIT */
/* A smaller failure. A schedule does not survive a change of what is scheduled, so each attempt
 * fixes one more thing to something less and asks whether any of a number of seeds then fails in
 * the same way, by the first words of what was found. */
#include "sim/campaign.h"

#include "sim/kernel.h"
#include "sim/override.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRIES       300 /* seeds an attempt */
#define LOOK_NS     (10 * LEAT_SEC) /* of real time */
#define WITH_BYTES  400

/* Each is tried in this order, from the least on. */
static const struct attempt {
    const char *name;
    unsigned    values[4]; /* 0 ends them, but as the first */
} attempts[] = {
    { "no_memory", { 0 } }, { "no_thread", { 0 } }, { "io_error", { 0 } }, { "io_short", { 0 } },
    { "io_late", { 0 } },   { "reorder", { 0 } },   { "stall", { 0 } },    { "death", { 0 } },
    { "spurious", { 0 } },  { "watch", { 0 } },
    { "workers", { 1, 2, 3 } },
    { "size", { 1, 2, 4, 8 } },
    { "capacity", { 1, 2 } },
};

static size_t kind_bytes(const char *text)
{
    return strcspn(text, ":(\n");
}

/* Is it less than what failed has? */
static bool is_less(const struct leat_sim_report *report, const char *name, uint64_t value,
                    bool faults)
{
    struct leat__sim_config config;

    if (leat__sim_parse(&config, strchr(report->again, '=') + 1) != 0)
        return false;
    if (!faults)
        leat__sim_no_faults(&config);
    return value < leat__sim_value(&config, name);
}

/* Does any seed fail likewise under `with`? */
static bool fails(const struct leat__sim_job *job, const char *with, bool faults, leat_time until,
                  struct leat_sim_report *report)
{
    size_t kind = kind_bytes(report->text);
    uint64_t first = report->seed, last = first + TRIES;

    while (first < last && leat__kernel_clock_now() < until) {
        struct leat_sim_report found = { 0 };
        int err = leat__sim_seeds(job, first, last - first, with, faults, false, &found);

        if (!err || err == -EINVAL || err == -EAGAIN || err == -ENOMEM)
            return false;
        if (strncmp(found.text, report->text, kind) == 0) {
            found.seeds = report->seeds;
            *report = found;
            return true;
        }
        first = found.seed + 1;
    }
    return false;
}

void leat__sim_shrink(const struct leat__sim_job *job, const char *with, bool faults,
                      struct leat_sim_report *report)
{
    leat_time until = leat__kernel_clock_now() + LOOK_NS;
    struct leat__sim_job again = *job;
    char fixed[WITH_BYTES];

    again.mute = true; /* what it says when it fails was seen */
    snprintf(fixed, sizeof fixed, "%s", with ? with : "");
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        const struct attempt *attempt = &attempts[i];

        for (size_t j = 0; j < 4 && (j == 0 || attempt->values[j] > 0); j++) {
            char more[WITH_BYTES + 64];

            snprintf(more, sizeof more, "%s%s%s=%u", fixed, fixed[0] ? "," : "", attempt->name,
                     attempt->values[j]);
            if (strlen(more) >= sizeof fixed ||
                !is_less(report, attempt->name, attempt->values[j], faults))
                break;
            if (!fails(&again, more, faults, until, report))
                continue;
            strcpy(fixed, more);
            break;
        }
    }
}

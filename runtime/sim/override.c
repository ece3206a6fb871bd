/* SPDX-License-Identifier: MIT */
/* See override.h. */
#include "sim/override.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct field {
    const char *name;
    size_t      offset, bytes;
} fields[] = {
#define FIELD(name)                                                                                \
    { #name, offsetof(struct leat__sim_config, name), sizeof(((struct leat__sim_config *)0)->name) }
    FIELD(strategy),  FIELD(personality), FIELD(interval),  FIELD(length),   FIELD(tick),
    FIELD(workers),   FIELD(capacity),    FIELD(size),      FIELD(watch),     FIELD(fine),
    FIELD(spurious),  FIELD(barrier),
    FIELD(no_memory), FIELD(no_thread),   FIELD(io_error),  FIELD(io_short), FIELD(io_late),
    FIELD(reorder),   FIELD(faults_end),  FIELD(steps_max), FIELD(points_max),
    FIELD(time_max),  FIELD(cancel_at), FIELD(deadline),
    FIELD(fault_at),  FIELD(fault_kind),  FIELD(stall),     FIELD(death),
#undef FIELD
};

static int set(struct leat__sim_config *config, const char *name, size_t length, uint64_t value)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char *at = (char *)config + fields[i].offset;

        if (strncmp(fields[i].name, name, length) != 0 || fields[i].name[length])
            continue;
        if (fields[i].bytes == 1)
            *(bool *)at = value != 0;
        else if (fields[i].bytes == 4)
            memcpy(at, &(uint32_t){ (uint32_t)value }, 4);
        else
            memcpy(at, &value, 8);
        return 0;
    }
    return -EINVAL;
}

uint64_t leat__sim_value(const struct leat__sim_config *config, const char *name)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *at = (const char *)config + fields[i].offset;
        uint32_t four;
        uint64_t eight;

        if (strcmp(fields[i].name, name) != 0)
            continue;
        if (fields[i].bytes == 1)
            return *(const bool *)at;
        memcpy(&four, at, 4);
        if (fields[i].bytes == 4)
            return four;
        memcpy(&eight, at, 8);
        return eight;
    }
    return 0;
}

int leat__sim_override(struct leat__sim_config *config, const char *text)
{
    while (text && *text) {
        const char *equals = strchr(text, '=');
        char *end;
        uint64_t value;

        if (!equals)
            return -EINVAL;
        value = strtoull(equals + 1, &end, 0);
        if (end == equals + 1 || (*end && *end != ','))
            return -EINVAL;
        if (set(config, text, (size_t)(equals - text), value) != 0)
            return -EINVAL;
        text = *end ? end + 1 : end;
    }
    if (config->workers < 1 || config->workers > 64 || config->interval < 1 || config->size < 1 ||
        config->capacity < 1 || config->tick < 1 || config->strategy >= LEAT__SIM_STRATEGIES ||
        config->personality >= LEAT__SIM_PERSONALITIES)
        return -EINVAL;
    return 0;
}

int leat__sim_parse(struct leat__sim_config *config, const char *text)
{
    char *end;
    uint64_t seed = strtoull(text, &end, 0);

    if (end == text || (*end && *end != ':'))
        return -EINVAL;
    leat__sim_draw(config, seed);
    return leat__sim_override(config, *end ? end + 1 : end);
}

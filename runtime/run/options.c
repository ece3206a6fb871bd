/* SPDX-License-Identifier: MIT */
/* Options: what the program set wins over the environment, which wins over the defaults. A value in
 * the environment that means nothing is an error: a service that runs with something else than its
 * operator typed is worse than one that does not start. */
#include "run/options.h"
#include "platform/seed.h"
#include "platform/stack.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct complaint {
    char  *text;
    size_t bytes;
};

static int refuse(struct complaint *complaint, const char *name, const char *value,
                  const char *expected)
{
    snprintf(complaint->text, complaint->bytes, "%s=%s: %s", name, value, expected);
    return -EINVAL;
}

/* Absent or empty: untouched. */
static int number_from(const char *name, uint64_t min, uint64_t max, uint64_t *value,
                       struct complaint *complaint)
{
    const char *text = getenv(name);
    char expected[96];
    unsigned long long number;
    char *end;

    if (!text || !*text)
        return 0;
    errno = 0;
    number = strtoull(text, &end, 0);
    if (errno || *end || strchr(text, '-') || number < min || number > max) {
        snprintf(expected, sizeof expected, "expected a whole number from %llu to %llu",
                 (unsigned long long)min, (unsigned long long)max);
        return refuse(complaint, name, text, expected);
    }
    *value = number;
    return 0;
}

static int word_from(const char *name, const char *const *words, unsigned count, unsigned *index,
                     struct complaint *complaint, const char *expected)
{
    const char *text = getenv(name);

    if (!text || !*text)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        if (words[i] && strcasecmp(text, words[i]) == 0) {
            *index = i;
            return 0;
        }
    }
    return refuse(complaint, name, text, expected);
}

/* LEAT_DUMP_SIGNAL: USR1, SIGUSR1 or a number. Not those that faults raise, that cannot be caught,
 * or that the watchdog uses. */
static int dump_signal_from(int *ret, struct complaint *complaint)
{
    static const struct {
        const char *name;
        int         number;
    } signals[] = {
        { "HUP", SIGHUP },   { "INT", SIGINT },   { "QUIT", SIGQUIT },   { "USR1", SIGUSR1 },
        { "USR2", SIGUSR2 }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },   { "PWR", SIGPWR },
        { "PROF", SIGPROF }, { "IO", SIGIO },     { "VTALRM", SIGVTALRM }, { "WINCH", SIGWINCH },
    };
    const char *value = getenv("LEAT_DUMP_SIGNAL");
    const char *name = value;
    char *end;
    long number;

    *ret = 0;
    if (!value || !*value)
        return 0;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    number = strtol(value, &end, 10);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (strcasecmp(name, signals[i].name) == 0 || (!*end && number == signals[i].number))
            *ret = signals[i].number;
    if (*ret)
        return 0;
    return refuse(complaint, "LEAT_DUMP_SIGNAL", value,
                  "expected HUP, INT, QUIT, USR1, USR2, ALRM, TERM, PWR, PROF, IO, VTALRM, WINCH, "
                  "or "
                  "the number of one");
}

static int from_environment(struct leat_options *options, struct leat__surroundings *surroundings,
                            struct complaint *complaint)
{
    static const char *const switches[] = { "0", "1" };
    static const char *const reactors[] = { "auto", "io_uring", "epoll" };
    static const char *const levels[] = { NULL, "error", "warn", "info", "debug" };
    uint64_t workers = 0, seed = 0, stall_ms = LEAT__STALL_DEFAULT / LEAT_MSEC;
    unsigned reactor = LEAT_REACTOR_AUTO, level = LEAT_LOG_DEFAULT, watch = 1, signals = 1;
    unsigned stacks = 0, debug = 0; /* the last took effect before main: task/held.c */
    int err;

    if ((err = number_from("LEAT_WORKERS", 1, LEAT__WORKERS_MAX, &workers, complaint)) ||
        (err = number_from("LEAT_SEED", 1, UINT64_MAX, &seed, complaint)) ||
        (err = word_from("LEAT_REACTOR", reactors, 3, &reactor, complaint,
                         "expected auto, io_uring or epoll")) ||
        (err = word_from("LEAT_LOG", levels, 5, &level, complaint,
                         "expected error, warn, info or debug")) ||
        (err = word_from("LEAT_WATCH", switches, 2, &watch, complaint, "expected 0 or 1")) ||
        (err = word_from("LEAT_SIGNALS", switches, 2, &signals, complaint, "expected 0 or 1")) ||
        (err = word_from("LEAT_DEBUG", switches, 2, &debug, complaint, "expected 0 or 1")) ||
        (err = word_from("LEAT_STACK_REPORT", switches, 2, &stacks, complaint,
                         "expected 0 or 1")) ||
        (err = number_from("LEAT_STALL_MS", 0, LEAT__STALL_MS_MAX, &stall_ms, complaint)) ||
        (err = dump_signal_from(&surroundings->dump_signal, complaint)))
        return err;
    surroundings->watch = watch != 0;
    options->no_signals |= signals == 0;
    options->stack_report |= stacks == 1;
    if (!options->stall_ns)
        options->stall_ns = stall_ms > 0 ? (leat_time)stall_ms * LEAT_MSEC : LEAT_NEVER;
    if (!options->workers)
        options->workers = (unsigned)workers;
    if (!options->seed)
        options->seed = seed;
    if (options->reactor == LEAT_REACTOR_AUTO)
        options->reactor = (enum leat_reactor)reactor;
    if (options->log_level == LEAT_LOG_DEFAULT)
        options->log_level = (enum leat_log_level)level;
    return 0;
}

static int check(const struct leat_options *options, struct complaint *complaint)
{
    const char *wrong = NULL;

    if (options->workers > LEAT__WORKERS_MAX)
        wrong = "options.workers: at most 1024";
    else if ((unsigned)options->reactor > LEAT_REACTOR_EPOLL)
        wrong = "options.reactor: not one of enum leat_reactor";
    else if ((unsigned)options->log_level > LEAT_LOG_DEBUG)
        wrong = "options.log_level: not one of enum leat_log_level";
    else if (options->stack_bytes && (options->stack_bytes < LEAT__STACK_BYTES_MIN ||
                                      options->stack_bytes > LEAT__STACK_BYTES_MAX))
        wrong = "options.stack_bytes: from 16 KiB to 512 MiB";
    else if (options->blocking_max > LEAT__BLOCKING_MAX)
        wrong = "options.blocking_max: at most 10000";
    else if (options->compute_threads > LEAT__WORKERS_MAX)
        wrong = "options.compute_threads: at most 1024";
    else if (options->drain_ns < 0)
        wrong = "options.drain_ns: not negative";
    else if (options->stop_ns < 0)
        wrong = "options.stop_ns: not negative; LEAT_NEVER to wait for every call";
    else if (options->stall_ns < 0)
        wrong = "options.stall_ns: not negative; LEAT_NEVER for no watchdog";
    if (!wrong)
        return 0;
    snprintf(complaint->text, complaint->bytes, "%s", wrong);
    return -EINVAL;
}

static void log_to_stderr(void *arg, enum leat_log_level level, const char *line)
{
    static const char *const names[] = { "", "error: ", "warning: ", "", "debug: " };

    (void)arg;
    fprintf(stderr, "leat: %s%s\n", names[level], line);
}

int leat__options_resolve(struct leat_options *ret, struct leat__surroundings *surroundings,
                          const struct leat_options *asked, const struct leat__cpus *cpus,
                          unsigned workers, char *text, size_t bytes)
{
    struct complaint complaint = { text, bytes };
    int err;

    memset(ret, 0, sizeof *ret);
    if (asked) {
        if (asked->size != sizeof *asked) {
            snprintf(text, bytes, "options.size is %zu, expected %zu: use LEAT_OPTIONS, and the "
                                  "header of this library",
                     asked->size, sizeof *asked);
            return -EINVAL;
        }
        *ret = *asked;
    }
    ret->size = sizeof *ret;
    err = check(ret, &complaint);
    if (!err)
        err = from_environment(ret, surroundings, &complaint);
    if (err)
        return err;
    if (!ret->workers)
        ret->workers = workers < LEAT__WORKERS_MAX ? workers : LEAT__WORKERS_MAX;
    if (!ret->compute_threads)
        ret->compute_threads = cpus->count < LEAT__WORKERS_MAX ? cpus->count : LEAT__WORKERS_MAX;
    if (!ret->stack_bytes)
        ret->stack_bytes = LEAT__STACK_BYTES;
    if (!ret->blocking_max)
        ret->blocking_max = LEAT__BLOCKING_DEFAULT;
    if (!ret->seed)
        ret->seed = leat__seed();
    if (ret->log_level == LEAT_LOG_DEFAULT)
        ret->log_level = LEAT_LOG_WARN;
    if (!ret->log)
        ret->log = log_to_stderr;
    return 0;
}

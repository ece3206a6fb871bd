/* SPDX-License-Identifier: MIT */
/* See campaign.h. */
#include "sim/campaign.h"

#include "sim/core.h"
#include "sim/faults.h"
#include "sim/override.h"

#include <leat/error.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A seed that takes longer spins between two decision points, or is much too large. */
#define SEED_SECONDS 20

/* Of the child, in memory that both have. */
struct shared {
    uint64_t next; /* the seed under way; after its last one: one more */
    char     more[64]; /* what is fixed for this run, beside `with` */
    struct leat_sim_report report;
    struct leat__sim_outcome outcome;
};

void leat__sim_no_faults(struct leat__sim_config *config)
{
    config->no_memory = config->no_thread = config->reorder = 0;
    config->io_error = config->io_short = config->io_late = config->stall = config->death = 0;
}

/* In builds that look for leaks: what all seeds together have left behind. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static bool has_leaked(void)
{
    return __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0;
}

static void name_it(struct leat_sim_report *report, uint64_t seed, const char *with,
                    const char *more)
{
    bool both = with && *with && *more;

    report->seed = seed;
    snprintf(report->again, sizeof report->again, "LEAT_SIM=%" PRIu64 "%s%s%s%s", seed,
             (with && *with) || *more ? ":" : "", with ? with : "", both ? "," : "", more);
}

/* A runtime that could not be had is no failure where memory and threads run out by the seed. */
static bool is_excused(const struct leat__sim_config *config, int result)
{
    return (result == -ENOMEM && config->no_memory > 0) ||
           (result == -EAGAIN && config->no_thread > 0);
}

static void put_text(struct leat_sim_report *report, const struct leat__sim_config *config,
                     const struct leat__sim_outcome *outcome)
{
    size_t used;

    snprintf(report->text, sizeof report->text, "%s", outcome->text);
    used = strlen(report->text);
    if (config->fault_at > 0 && leat__sim_faults.hit)
        snprintf(report->text + used, sizeof report->text - used, "  the one fault: %s\n",
                 leat__sim_faults.what);
}

/* One seed, in this process. */
static int run(const struct leat__sim_job *job, const struct leat__sim_config *config,
               struct leat__sim_outcome *outcome, struct leat_sim_report *report)
{
    char sentence[80];

    alarm(SEED_SECONDS);
    leat__sim_once(job->fn, job->arg, config, outcome);
    alarm(0);
    report->seeds++;
    report->hash = outcome->hash;
    report->decisions += outcome->decisions;
    report->points += outcome->points;
    report->time = outcome->time;
    report->result = is_excused(config, outcome->result) ? 0 : outcome->result;
    if (!outcome->failed && report->result) {
        snprintf(sentence, sizeof sentence, "it returned %d (%s)", report->result,
                 report->result < 0 ? leat_error_name(report->result) : "not 0");
        leat__sim_trace_tell(sentence);
    } else if (!outcome->failed && job->failed && job->failed()) {
        leat__sim_trace_tell("an expectation of the test failed");
        report->result = -ENOTRECOVERABLE;
    }
    if (report->result)
        put_text(report, config, outcome);
    return report->result;
}

/* The seed once more for each park there was, cancelled there, and ended there by a deadline. */
static int run_everywhere(const struct leat__sim_job *job, struct leat__sim_config config,
                          struct shared *shared)
{
    static leat_time times[LEAT__SIM_PARKS_MAX];
    uint64_t parks = shared->outcome.suspensions;
    int err = 0;

    if (parks > LEAT__SIM_PARKS_MAX)
        parks = LEAT__SIM_PARKS_MAX;
    memcpy(times, leat__sim_park_times, parks * sizeof times[0]);
    for (uint64_t i = 0; i < parks && !err; i++) {
        config.cancel_at = i + 1;
        snprintf(shared->more, sizeof shared->more, "cancel_at=%" PRIu64, config.cancel_at);
        err = run(job, &config, &shared->outcome, &shared->report);
    }
    config.cancel_at = 0;
    for (uint64_t i = 0; i < parks && !err; i++) {
        config.deadline = times[i];
        snprintf(shared->more, sizeof shared->more, "deadline=%" PRIu64, (uint64_t)times[i]);
        err = run(job, &config, &shared->outcome, &shared->report);
    }
    if (!err)
        shared->more[0] = '\0';
    shared->report.suspensions += parks;
    return err;
}

/* The seed once more for each I/O call there was, with that one failing, in each of its ways. */
static int run_each_fault(const struct leat__sim_job *job, struct leat__sim_config config,
                          struct shared *shared)
{
    uint64_t calls = leat__sim_faults.calls;
    int err = 0;

    for (config.fault_at = 1; config.fault_at <= calls && !err; config.fault_at++) {
        config.fault_kind = 0;
        do {
            snprintf(shared->more, sizeof shared->more,
                     "fault_at=%" PRIu64 ",fault_kind=%" PRIu32, config.fault_at,
                     config.fault_kind);
            err = run(job, &config, &shared->outcome, &shared->report);
            shared->report.suspensions += leat__sim_faults.hit;
            config.fault_kind++;
        } while (!err && leat__sim_faults.hit);
    }
    if (!err)
        shared->more[0] = '\0';
    return err;
}

static int run_here(const struct leat__sim_job *job, uint64_t first, uint64_t count,
                    const char *with, bool faults, struct shared *shared)
{
    int err = 0;

    for (uint64_t i = 0; i < count && !err; i++) {
        struct leat__sim_config config;

        shared->next = first + i;
        leat__sim_draw(&config, first + i);
        if (!faults)
            leat__sim_no_faults(&config);
        err = leat__sim_override(&config, with);
        if (err) {
            snprintf(shared->report.text, sizeof shared->report.text,
                     "not a configuration: \"%s\"\n", with);
            return err;
        }
        err = run(job, &config, &shared->outcome, &shared->report);
        if (!err && job->everywhere && !config.cancel_at && !config.deadline)
            err = run_everywhere(job, config, shared);
        if (!err && job->each_fault && !config.fault_at)
            err = run_each_fault(job, config, shared);
    }
    if (!err)
        shared->next = first + count;
    return err;
}

static const char *how_it_died(int signal)
{
    return signal == SIGALRM ? "came to no decision point for twenty seconds"
           : signal          ? "was killed by a signal: "
                             : "ended by itself";
}

/* A child that dies in a simulation leaves its trace in the outcome, which its parent has too. */
static void tell_death(int number)
{
    char sentence[120];

    signal(number, SIG_DFL); /* the runtime's own handler may have been there in between */
    snprintf(sentence, sizeof sentence, "the process %s%s", how_it_died(number),
             number == SIGALRM ? "" : strsignal(number));
    if (leat__sim_on)
        leat__sim_trace_tell(sentence);
    raise(number);
}

/* Where nobody else, a sanitizer, has something to say. */
static void tell_deaths(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGALRM };
    static char stack[64 << 10];
    struct sigaction action = { .sa_handler = tell_death,
                                .sa_flags = SA_ONSTACK | SA_NODEFER };

    signal(SIGALRM, SIG_DFL);
    if (sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL) != 0)
        return;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction old;

        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            (void)sigaction(signals[i], &action, NULL);
    }
}

static void mute(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    close(fd);
}

/* In a child; its wait status. */
static int run_child(const struct leat__sim_job *job, uint64_t first, uint64_t count,
                     const char *with, bool faults, struct shared *shared, int *ret_status)
{
    pid_t child, parent = getpid();

    fflush(NULL);
    child = fork();
    if (child < 0)
        return -EAGAIN;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        if (job->mute)
            mute();
        tell_deaths();
        shared->report.result = run_here(job, first, count, with, faults, shared);
        fflush(NULL);
        _exit(shared->report.result == 0 && has_leaked());
    }
    while (waitpid(child, ret_status, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

int leat__sim_seeds(const struct leat__sim_job *job, uint64_t first, uint64_t count,
                    const char *with, bool faults, bool here, struct leat_sim_report *report)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0, err;

    if (shared == MAP_FAILED)
        return -ENOMEM;
    leat__sim_faults_count();
    shared->report = *report;
    if (here) {
        shared->report.result = run_here(job, first, count, with, faults, shared);
        err = 0;
    } else {
        err = run_child(job, first, count, with, faults, shared, &status);
    }
    *report = shared->report;
    if (!err && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        int by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

        report->result = -ENOTRECOVERABLE;
        if (by && strncmp(shared->outcome.text, "the process ", 12) == 0)
            snprintf(report->text, sizeof report->text, "%s", shared->outcome.text);
        else
            snprintf(report->text, sizeof report->text, "the process %s%s\n", how_it_died(by),
                     by && by != SIGALRM ? strsignal(by) : "");
    }
    if (!err) {
        bool over = report->result == 0 && count > 0;

        name_it(report, over ? first + count - 1 : shared->next, with, shared->more);
        err = report->result;
    }
    munmap(shared, sizeof *shared);
    return err;
}

int leat__sim_one(const struct leat__sim_job *job, const char *text, bool faults, bool here,
                  struct leat_sim_report *report)
{
    struct leat__sim_config config;
    const char *with = strchr(text, ':');

    if (leat__sim_parse(&config, text) != 0) {
        snprintf(report->text, sizeof report->text, "not a seed: \"%s\"\n", text);
        return -EINVAL;
    }
    return leat__sim_seeds(job, config.seed, 1, with ? with + 1 : NULL, faults, here, report);
}

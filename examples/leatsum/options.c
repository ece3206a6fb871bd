/* SPDX-License-Identifier: MIT */
/* The command line, with sha256sum's words and messages where it has them. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Usage: leatsum [OPTION]... [PATH]...\n"
    "Print the SHA-256 sum of every regular file below each PATH, as sha256sum prints it,\n"
    "in byte order of the names; or check sums. All CPUs are used.\n"
    "\n"
    "With no PATH, or when PATH is -, read standard input.\n"
    "Links that are met below a PATH are skipped; a PATH itself may be a link.\n"
    "\n"
    "  -c, --check           read sums from the PATHs and check them\n"
    "  -j, --jobs=N          use N CPUs: that many workers and hashing threads\n"
    "  -L, --follow          follow links to files and directories, too\n"
    "  -m, --memory=SIZE     hold at most SIZE bytes of file contents in memory;\n"
    "                          64M without this, at least 64K; with suffix K, M or G\n"
    "  -v, --verbose         print a summary on standard error at the end\n"
    "      --help            print this and exit\n"
    "      --version         print the version and exit\n"
    "\n"
    "Useful only when checking:\n"
    "      --ignore-missing  a file that does not exist is no failure\n"
    "      --quiet           print no OK for files that match\n"
    "      --status          print nothing, the exit status tells\n"
    "      --strict          a line that is no sum is a failure\n"
    "  -w, --warn            name each line that is no sum\n"
    "\n"
    "The exit status is 0; or 1 when a file could not be read, did not match, or the\n"
    "arguments made no sense; or 130 after SIGINT, 143 after SIGTERM.\n"
    "Progress is shown when standard error is a terminal.\n";

enum { HELP = CHAR_MAX + 1, VERSION, IGNORE_MISSING, QUIET, STATUS, STRICT };

static const struct option long_options[] = {
    { "check", no_argument, NULL, 'c' },
    { "follow", no_argument, NULL, 'L' },
    { "help", no_argument, NULL, HELP },
    { "ignore-missing", no_argument, NULL, IGNORE_MISSING },
    { "jobs", required_argument, NULL, 'j' },
    { "memory", required_argument, NULL, 'm' },
    { "quiet", no_argument, NULL, QUIET },
    { "status", no_argument, NULL, STATUS },
    { "strict", no_argument, NULL, STRICT },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, VERSION },
    { "warn", no_argument, NULL, 'w' },
    { NULL, 0, NULL, 0 },
};

static int try_help(void)
{
    fputs("Try 'leatsum --help' for more information.\n", stderr);
    return 1;
}

/* A decimal number with an optional suffix that `shifts` allows. False when it is none. */
static bool parse_number(const char *text, bool suffixes, uint64_t *ret)
{
    char              *end;
    unsigned           shift = 0;
    unsigned long long value;

    if (*text < '0' || *text > '9') /* strtoull would take blanks and signs */
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    if (suffixes && *end != '\0') {
        switch (*end++) {
        case 'k':
        case 'K': shift = 10; break;
        case 'M': shift = 20; break;
        case 'G': shift = 30; break;
        default: return false;
        }
    }
    if (*end != '\0' || value > UINT64_MAX >> shift)
        return false;
    *ret = (uint64_t)value << shift;
    return true;
}

static bool parse_jobs(const char *text, unsigned *ret)
{
    uint64_t value;

    if (!parse_number(text, false, &value) || value < 1 || value > 1024) {
        fprintf(stderr, "leatsum: --jobs is a number from 1 to 1024, not '%s'\n", text);
        return false;
    }
    *ret = (unsigned)value;
    return true;
}

static bool parse_memory(const char *text, size_t *ret)
{
    uint64_t value;

    if (!parse_number(text, true, &value) || value < OPTIONS_MEMORY_MIN || value > SIZE_MAX / 2) {
        fprintf(stderr, "leatsum: --memory is a size of at least 64K, such as 64M, not '%s'\n",
                text);
        return false;
    }
    *ret = (size_t)value;
    return true;
}

/* Of these three the last one given counts. */
static void choose_output(struct options *options, int option)
{
    options->quiet = option == QUIET;
    options->status = option == STATUS;
    options->warn = option == 'w';
}

/* sha256sum refuses options that would have no effect, in this order. */
static bool check_meaning(const struct options *options)
{
    const struct {
        bool        set;
        const char *name;
    } only_checking[] = {
        { options->ignore_missing, "ignore-missing" },
        { options->status, "status" },
        { options->warn, "warn" },
        { options->quiet, "quiet" },
        { options->strict, "strict" },
    };

    for (size_t i = 0; i < sizeof only_checking / sizeof only_checking[0]; i++) {
        if (only_checking[i].set && !options->check) {
            fprintf(stderr,
                    "leatsum: the --%s option is meaningful only when verifying checksums\n",
                    only_checking[i].name);
            return false;
        }
    }
    return true;
}

static int print_and_exit(const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
        perror("leatsum: write error");
        return 1;
    }
    return 0;
}

int options_parse(struct options *ret, int argc, char **argv)
{
    static char    program[] = "leatsum", dash[] = "-";
    static char   *standard_input[] = { dash };
    struct options options = { .memory = (size_t)64 << 20 };
    int            option;

    argv[0] = program; /* getopt's messages begin with it */
    while ((option = getopt_long(argc, argv, "cj:Lm:vw", long_options, NULL)) != -1) {
        switch (option) {
        case 'c': options.check = true; break;
        case 'L': options.follow = true; break;
        case 'v': options.verbose = true; break;
        case IGNORE_MISSING: options.ignore_missing = true; break;
        case STRICT: options.strict = true; break;
        case QUIET:
        case STATUS:
        case 'w': choose_output(&options, option); break;
        case 'j':
            if (!parse_jobs(optarg, &options.jobs))
                return try_help();
            break;
        case 'm':
            if (!parse_memory(optarg, &options.memory))
                return try_help();
            break;
        case HELP: return print_and_exit(help);
        case VERSION: return print_and_exit("leatsum (leat) " LEATSUM_VERSION "\n");
        default: return try_help();
        }
    }
    if (!check_meaning(&options))
        return try_help();
    options.paths = optind < argc ? argv + optind : standard_input;
    options.path_count = optind < argc ? (size_t)(argc - optind) : 1;
    *ret = options;
    return -1;
}

/* SPDX-License-Identifier: MIT */
/* Walks, against find and sort. */
#include "harness/test.h"
#include "io/walk.h"

#include <leat/file.h>
#include <leat/task.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void in_dir(char *path, size_t bytes, const char *dir, const char *name)
{
    int length = snprintf(path, bytes, "%s/%s", dir, name);

    expect(length > 0 && (size_t)length < bytes);
}

static void add_file(const char *dir, const char *name)
{
    char path[4096];

    in_dir(path, sizeof path, dir, name);
    test_write_file(path, "x", 1);
}

static void add_dir(const char *dir, const char *name)
{
    char path[4096];

    in_dir(path, sizeof path, dir, name);
    expect_eq(mkdir(path, 0777), 0);
}

static void add_link(const char *dir, const char *name, const char *target)
{
    char path[4096];

    in_dir(path, sizeof path, dir, name);
    expect_eq(symlink(target, path), 0);
}

/* ---- collected output: paths, each ended by a NUL ---- */

struct text {
    char  *bytes;
    size_t used, max;
};

static void append(struct text *text, const char *bytes, size_t count)
{
    if (text->used + count > text->max) {
        text->max = (text->used + count) * 2;
        text->bytes = realloc(text->bytes, text->max);
    }
    memcpy(text->bytes + text->used, bytes, count);
    text->used += count;
}

/* Paths of the entries whose type is in `types` (bits); other types but directories are counted. */
static void walk_into(struct text *text, const char *root, const struct leat_walk_options *options,
                      unsigned types, int *others)
{
    struct leat_walk *walk;
    const struct leat_walk_entry *entry;
    int err;

    *others = 0;
    assert_ok(leat_walk_open(&walk, root, options));
    while ((err = leat_walk_next(walk, &entry)) == 0) {
        expect_eq(strlen(entry->path), entry->path_bytes);
        expect_eq(entry->type == LEAT_WALK_ERROR, entry->err != 0);
        if (types & 1u << entry->type)
            append(text, entry->path, entry->path_bytes + 1);
        else if (entry->type != LEAT_WALK_DIRECTORY)
            ++*others;
    }
    expect_err(err, -ENODATA);
    expect_err(leat_walk_next(walk, &entry), -ENODATA);
    leat_walk_close(walk);
}

static void find_into(struct text *text, const char *format, const char *root)
{
    char command[4096], buffer[4096];
    size_t count;
    FILE *pipe;

    snprintf(command, sizeof command, format, root);
    pipe = popen(command, "r");
    assert_not_null(pipe);
    while ((count = fread(buffer, 1, sizeof buffer, pipe)) > 0)
        append(text, buffer, count);
    expect_eq(pclose(pipe), 0);
}

static void expect_same(const struct text *got, const struct text *want)
{
    expect_eq(got->used, want->used);
    if (got->used == want->used && got->used > 0)
        expect_mem_eq(got->bytes, want->bytes, got->used);
}

#define FILES (1u << LEAT_WALK_FILE)
#define ALL                                                                                      \
    (FILES | 1u << LEAT_WALK_DIRECTORY | 1u << LEAT_WALK_SYMLINK | 1u << LEAT_WALK_OTHER)

/* The walk lists what find lists, in the order of LC_ALL=C sort. */
static void expect_like_find(const char *root)
{
    struct leat_walk_options options = { .size = sizeof options };
    struct text got = { 0 }, want = { 0 };
    int others;

    walk_into(&got, root, NULL, FILES, &others);
    find_into(&want, "find '%s' -type f -print0 | LC_ALL=C sort -z", root);
    expect_same(&got, &want);

    got.used = want.used = 0;
    options.directories = true;
    walk_into(&got, root, &options, ALL, &others);
    expect_eq(others, 0);
    find_into(&want, "find '%s' -print0 | LC_ALL=C sort -z", root);
    expect_same(&got, &want);
    free(got.bytes);
    free(want.bytes);
}

LEAT_TEST_TASK(walk, order_is_that_of_full_paths)
{
    const char *dir = test_tempdir();

    add_dir(dir, "a");
    add_file(dir, "a/x");
    add_file(dir, "a-b");
    add_file(dir, "a.c");
    add_file(dir, "a0");
    add_file(dir, "B");
    add_dir(dir, "a!");
    add_file(dir, "a!/z");
    add_dir(dir, "empty");
    add_dir(dir, "a/deep");
    add_file(dir, "a/deep/1");
    add_file(dir, "a/deep/10");
    add_file(dir, "a/deep/2");
    add_file(dir, "a/deep.txt");
    add_file(dir, ".hidden");
    add_file(dir, "..also");
    add_link(dir, "link", "a");
    add_link(dir, "dangling", "nowhere");
    expect_like_find(dir);
}

LEAT_TEST_TASK(walk, odd_names_come_out_as_they_are)
{
    const char *dir = test_tempdir();

    add_file(dir, " ");
    add_file(dir, "new\nline");
    add_file(dir, "back\\slash");
    add_file(dir, "\xff\xfe invalid");
    add_file(dir, "\x01");
    add_file(dir, "-rf");
    add_file(dir, "abcdefgh");
    add_file(dir, "abcdefgh1");
    add_file(dir, "abcdefgh\x80");
    add_dir(dir, "abcdefg");
    add_file(dir, "abcdefg/\r");
    add_dir(dir, "\xc3\xa9");
    add_file(dir, "\xc3\xa9/x");
    add_file(dir, "\xc3");
    expect_like_find(dir);
}

LEAT_TEST_TASK(walk, random_trees_are_like_find)
{
    const char *dir = test_tempdir();
    unsigned seed = (unsigned)test_seed();
    char base[8][512], next[528];

    snprintf(base[0], sizeof base[0], "%s", dir);
    for (int i = 1; i < 8; i++) {
        int length = snprintf(next, sizeof next, "%s/%c%d",
                              base[(unsigned)rand_r(&seed) % (unsigned)i],
                              "!-.0A~"[rand_r(&seed) % 6], i);

        memcpy(base[i], next, (size_t)length + 1);
        mkdir(base[i], 0777);
    }
    for (int i = 0; i < 400; i++) {
        char name[24];
        int length = 1 + rand_r(&seed) % 12;

        name[0] = 'f';
        for (int j = 1; j <= length; j++)
            name[j] = "!-.0aA~\x80"[rand_r(&seed) % 8];
        name[length + 1] = '\0';
        add_file(base[rand_r(&seed) % 8], name);
    }
    expect_like_find(dir);
}

LEAT_TEST(walk, hundred_thousand_names_in_one_directory)
{
    const char *dir = test_tempdir();
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);

    for (unsigned i = 0; i < 100000 / TEST_SLOWDOWN; i++) {
        char name[32];
        int fd;

        snprintf(name, sizeof name, "%u", i * 2654435761u);
        fd = openat(dir_fd, name, O_CREAT | O_WRONLY, 0666);
        assert_ge(fd, 0);
        close(fd);
    }
    close(dir_fd);
    expect_like_find(dir);
}

/* ---- depth ---- */

/* dir/d/d/d/..., with a file "f" beside and below each; longer than PATH_MAX when deep. */
static void build_deep(const char *dir, int depth, const char *name)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < depth; i++) {
        int next, file;

        file = openat(fd, "f", O_CREAT | O_WRONLY, 0666);
        expect_ge(file, 0);
        close(file);
        file = openat(fd, "~", O_CREAT | O_WRONLY, 0666);
        close(file);
        expect_eq(mkdirat(fd, name, 0777), 0);
        expect_eq(mkdirat(fd, "z", 0777), 0); /* needs its parent again on the way up */
        next = openat(fd, name, O_RDONLY | O_DIRECTORY);
        assert_ge(next, 0);
        close(fd);
        fd = next;
    }
    close(fd);
}

static void expect_deep(const char *dir, int depth, size_t name_bytes)
{
    struct leat_walk_options options = { .size = sizeof options, .directories = true };
    int directories = 0, files = 0, err;
    struct leat_walk *walk;
    const struct leat_walk_entry *entry;
    size_t longest = 0;

    assert_ok(leat_walk_open(&walk, dir, &options));
    while ((err = leat_walk_next(walk, &entry)) == 0) {
        directories += entry->type == LEAT_WALK_DIRECTORY;
        files += entry->type == LEAT_WALK_FILE;
        if (entry->type == LEAT_WALK_ERROR)
            test_fail("%s: %s", entry->path, strerror(-entry->err));
        if (entry->path_bytes > longest)
            longest = entry->path_bytes;
        expect_le(walk->open_count, LEAT__WALK_OPEN_MAX);
    }
    expect_err(err, -ENODATA);
    leat_walk_close(walk);
    expect_eq(directories, 1 + 2 * depth);
    expect_eq(files, 2 * depth);
    expect_eq(longest, strlen(dir) + (size_t)depth * (name_bytes + 1));
}

LEAT_TEST_TASK(walk, tree_deeper_than_the_open_directories_is_walked)
{
    const char *dir = test_tempdir();

    build_deep(dir, 200, "d");
    expect_deep(dir, 200, 1);
}

LEAT_TEST(walk, paths_longer_than_path_max_are_walked)
{
    const char *dir = test_tempdir(), *name = "a_name_of_forty_bytes_to_get_there_soon_";

    char command[4096];

    build_deep(dir, 300, name);
    expect_deep(dir, 300, strlen(name));
    snprintf(command, sizeof command, "rm -rf '%s'/*", dir); /* too deep for the harness */
    expect_eq(system(command), 0);
}

static void walk_with_few_descriptors(void)
{
    const char *dir = getenv("WALK_DIR");
    int open_now = test_count_fds();
    struct rlimit limit = { (rlim_t)open_now + 3, (rlim_t)open_now + 3 };

    expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_deep(dir, 60, 1);
}

LEAT_TEST(walk, three_descriptors_are_enough)
{
    const char *dir = test_tempdir();

    build_deep(dir, 60, "d");
    setenv("WALK_DIR", dir, 1);
    expect_child_ok(walk_with_few_descriptors);
}

/* ---- links and errors ---- */

static const struct leat_walk_entry *expect_next(struct leat_walk *walk, const char *dir,
                                                 const char *name, enum leat_walk_type type,
                                                 int error)
{
    static const struct leat_walk_entry none = { .path = "" };
    const struct leat_walk_entry *entry = &none;
    char path[4096];

    in_dir(path, sizeof path, dir, name);
    expect_ok(leat_walk_next(walk, &entry));
    expect_str_eq(entry->path, path);
    expect_eq((int)entry->type, (int)type);
    expect_err(entry->err, error);
    return entry;
}

LEAT_TEST_TASK(walk, followed_links_are_walked_and_loops_reported)
{
    const char *dir = test_tempdir();
    struct leat_walk_options options = { .size = sizeof options, .follow = true };
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;

    add_dir(dir, "d");
    add_dir(dir, "d/e");
    add_file(dir, "d/e/f");
    add_link(dir, "d/e/up", "../..");
    add_link(dir, "dangling", "nowhere");
    add_link(dir, "file", "d/e/f");
    add_link(dir, "self", "self");
    add_link(dir, "to_e", "d/e");
    assert_ok(leat_walk_open(&walk, dir, &options));
    expect_next(walk, dir, "d/e/f", LEAT_WALK_FILE, 0);
    expect_next(walk, dir, "d/e/up", LEAT_WALK_ERROR, -ELOOP);
    expect_next(walk, dir, "dangling", LEAT_WALK_ERROR, -ENOENT);
    expect_next(walk, dir, "file", LEAT_WALK_FILE, 0);
    expect_next(walk, dir, "self", LEAT_WALK_ERROR, -ELOOP);
    expect_next(walk, dir, "to_e/f", LEAT_WALK_FILE, 0);
    expect_next(walk, dir, "to_e/up", LEAT_WALK_ERROR, -ELOOP);
    expect_err(leat_walk_next(walk, &entry), -ENODATA);
    leat_walk_close(walk);
}

LEAT_TEST_TASK(walk, root_is_followed_and_may_be_a_file_or_missing)
{
    const char *dir = test_tempdir();
    char root[4096];
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;

    add_dir(dir, "d");
    add_file(dir, "d/f");
    add_link(dir, "link", "d");
    in_dir(root, sizeof root, dir, "link");
    assert_ok(leat_walk_open(&walk, root, NULL));
    expect_next(walk, root, "f", LEAT_WALK_FILE, 0);
    expect_err(leat_walk_next(walk, &entry), -ENODATA);
    leat_walk_close(walk);

    in_dir(root, sizeof root, dir, "d/"); /* no second slash is added */
    assert_ok(leat_walk_open(&walk, root, NULL));
    expect_next(walk, dir, "d/f", LEAT_WALK_FILE, 0);
    expect_err(leat_walk_next(walk, &entry), -ENODATA);
    leat_walk_close(walk);

    in_dir(root, sizeof root, dir, "d/f");
    assert_ok(leat_walk_open(&walk, root, NULL));
    expect_next(walk, dir, "d/f", LEAT_WALK_FILE, 0);
    expect_err(leat_walk_next(walk, &entry), -ENODATA);
    leat_walk_close(walk);

    in_dir(root, sizeof root, dir, "gone");
    assert_ok(leat_walk_open(&walk, root, NULL));
    expect_next(walk, dir, "gone", LEAT_WALK_ERROR, -ENOENT);
    expect_err(leat_walk_next(walk, &entry), -ENODATA);
    leat_walk_close(walk);

    assert_ok(leat_walk_open(&walk, "", NULL));
    expect_ok(leat_walk_next(walk, &entry));
    expect_err(entry->err, -ENOENT);
    leat_walk_close(walk);
}

LEAT_TEST(walk, bad_arguments_are_refused)
{
    struct leat_walk_options options = { .size = sizeof options - 1 };
    struct leat_walk *walk = NULL;

    expect_err(leat_walk_open(&walk, NULL, NULL), -EINVAL);
    expect_err(leat_walk_open(&walk, ".", &options), -EINVAL);
    expect_null(walk);
    leat_walk_close(NULL);
}

static void walk_as_nobody(void)
{
    const char *dir = getenv("WALK_DIR");
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;

    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        return; /* not root: then the modes hold anyway */
    assert_ok(leat_walk_open(&walk, dir, NULL));
    expect_next(walk, dir, "a", LEAT_WALK_FILE, 0);
    expect_next(walk, dir, "closed", LEAT_WALK_ERROR, -EACCES);
    expect_next(walk, dir, "listed/f", LEAT_WALK_FILE, 0); /* types are known without a look */
    expect_next(walk, dir, "z", LEAT_WALK_FILE, 0);
    expect_err(leat_walk_next(walk, &entry), -ENODATA);
    leat_walk_close(walk);
}

LEAT_TEST(walk, directory_that_cannot_be_listed_is_an_error_and_the_walk_goes_on)
{
    const char *dir = test_tempdir();
    char closed[4096], listed[4096];

    add_file(dir, "a");
    add_dir(dir, "closed");
    add_file(dir, "closed/x");
    add_dir(dir, "listed");
    add_file(dir, "listed/f");
    add_file(dir, "z");
    in_dir(closed, sizeof closed, dir, "closed");
    in_dir(listed, sizeof listed, dir, "listed");
    expect_eq(chmod(dir, 0755), 0);
    expect_eq(chmod(closed, 0), 0);
    expect_eq(chmod(listed, 0744), 0);
    setenv("WALK_DIR", dir, 1);
    if (geteuid() == 0) /* the way to the folder may be closed for nobody: then it can't be tried */
        expect_child_ok(walk_as_nobody);
    expect_eq(chmod(closed, 0700), 0);
    expect_eq(chmod(listed, 0700), 0);
}

/* The first batch holds "a"; all else is found later, when "d" is gone and "e" has moved. */
LEAT_TEST_TASK(walk, directory_that_vanishes_is_an_error_and_the_walk_goes_on)
{
    const char *dir = test_tempdir();
    struct leat_walk_options options = { .size = sizeof options };
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;
    char path[4096], name[256];
    int files = 0, errors = 0, err;

    memset(name, 'n', 250);
    for (int i = 0; i < 400; i++) { /* more than a batch */
        snprintf(name + 240, 10, "%04d", i);
        add_file(dir, name);
    }
    add_dir(dir, "zd");
    add_file(dir, "zd/x");
    add_dir(dir, "zf");
    add_file(dir, "zf/x");
    assert_ok(leat_walk_open(&walk, dir, &options));
    expect_ok(leat_walk_next(walk, &entry));
    in_dir(path, sizeof path, dir, "zd/x");
    expect_eq(unlink(path), 0);
    in_dir(path, sizeof path, dir, "zd");
    expect_eq(rmdir(path), 0);
    while ((err = leat_walk_next(walk, &entry)) == 0) {
        files += entry->type == LEAT_WALK_FILE;
        if (entry->type == LEAT_WALK_ERROR) {
            errors++;
            expect_str_eq(entry->path, path);
            expect_err(entry->err, -ENOENT);
        }
    }
    expect_err(err, -ENODATA);
    expect_eq(files, 400); /* 399 and zf/x */
    expect_eq(errors, 1);
    leat_walk_close(walk);
}

/* ---- cancel ---- */

LEAT_TEST_TASK(walk, cancel_ends_it_and_it_can_go_on_afterwards)
{
    const char *dir = test_tempdir();
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;
    int files = 0, err;

    for (int i = 0; i < 50; i++) {
        char name[16];

        snprintf(name, sizeof name, "d%d", i);
        add_dir(dir, name);
        snprintf(name, sizeof name, "d%d/f", i);
        add_file(dir, name);
    }
    assert_ok(leat_walk_open(&walk, dir, NULL));
    {
        LEAT_SCOPE(scope);
        leat_scope_cancel(&scope);
        expect_err(leat_walk_next(walk, &entry), -ECANCELED);
        expect_err(leat_walk_next(walk, &entry), -ECANCELED);
    }
    while ((err = leat_walk_next(walk, &entry)) == 0)
        files++;
    expect_err(err, -ENODATA);
    expect_eq(files, 50);
    leat_walk_close(walk);
}

LEAT_TEST_TASK(walk, closed_midway_it_leaves_nothing_open)
{
    const char *dir = test_tempdir();
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;
    char name[256];

    memset(name, 'n', sizeof name);
    add_dir(dir, "d");
    for (int i = 0; i < 500; i++) {
        snprintf(name, 8, "d/%05d", i);
        name[7] = 'x';
        name[250] = '\0';
        add_file(dir, name);
    }
    add_dir(dir, "d/z");
    assert_ok(leat_walk_open(&walk, dir, NULL));
    expect_ok(leat_walk_next(walk, &entry));
    expect_gt(walk->open_count, 0u);
    leat_walk_close(walk);
}

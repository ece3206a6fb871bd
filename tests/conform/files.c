/* SPDX-License-Identifier: MIT */
/* Files: flags of an open, positions, ends, holes, names, trees. */
#include "conform/script.h"

#include <leat/file.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_close(const char *path, int flags)
{
    struct leat_file file;
    int err = leat_file_open(&file, path, flags, 0600);

    return err ? err : leat_file_close(&file);
}

static void note_file(struct script *script, const char *what, struct leat_file *file,
                      size_t bytes, uint64_t offset)
{
    char data[256];

    note_bytes(script, what, leat_file_read(file, data, bytes, offset), data);
}

static int make_file(const char *path, const char *text)
{
    struct leat_file file;
    int err = leat_file_open(&file, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (err)
        return err;
    err = (int)leat_file_write(&file, text, strlen(text), 0);
    return leat_file_close(&file) == 0 ? err : -EIO;
}

SCRIPT(file_open_flags)
{
    const char *path = script_path(script, "file"), *folder = script->folder;

    note(script, "what is not there", open_close(path, O_RDONLY));
    note(script, "create and refuse", open_close(path, O_RDWR | O_CREAT | O_EXCL));
    note(script, "again", open_close(path, O_RDWR | O_CREAT | O_EXCL));
    note(script, "create what is there", open_close(path, O_RDWR | O_CREAT));
    note(script, "a file as a folder", open_close(path, O_RDONLY | O_DIRECTORY));
    note(script, "a folder", open_close(folder, O_RDONLY | O_DIRECTORY));
    note(script, "a folder to write", open_close(folder, O_WRONLY));
    note(script, "no name", open_close("", O_RDONLY));
    note(script, "below a file", open_close(script_path(script, "file/below"), O_RDONLY));
    note(script, "below what is not there", open_close(script_path(script, "no/below"), O_RDONLY));
    note(script, "create below what is not there",
         open_close(script_path(script, "no/below"), O_RDWR | O_CREAT));
    note(script, "through a folder and back", open_close(script_path(script, "./../."), O_RDONLY));
    note(script, "unlink", unlink(path));
    note(script, "unlink again", unlink(path) < 0 ? -errno : 0);
    note(script, "what is gone", open_close(path, O_RDONLY));
}

SCRIPT(file_reads_and_writes_at_positions)
{
    const char *path = script_path(script, "file");
    struct leat_file file;
    struct stat status;

    note(script, "open", leat_file_open(&file, path, O_RDWR | O_CREAT, 0600));
    note_file(script, "read of nothing", &file, 10, 0);
    note(script, "write", leat_file_write(&file, "0123456789", 10, 0));
    note_file(script, "read", &file, 4, 3);
    note_file(script, "read over the end", &file, 100, 8);
    note_file(script, "read at the end", &file, 100, 10);
    note_file(script, "read beyond the end", &file, 100, 1000);
    note(script, "write over", leat_file_write(&file, "ab", 2, 4));
    note(script, "write beyond the end", leat_file_write(&file, "end", 3, 20));
    note_file(script, "read over the hole", &file, 100, 0);
    note(script, "stat", leat_file_stat(&file, &status));
    note(script, "size", status.st_size);
    note(script, "a regular file", S_ISREG(status.st_mode));
    note(script, "mode", status.st_mode & 0777);
    note(script, "links", (long long)status.st_nlink);
    note(script, "write nothing", leat_file_write(&file, "", 0, 100));
    note(script, "read nothing", leat_file_read(&file, &status, 0, 0));
    note(script, "sync", leat_file_sync(&file));
    note(script, "stat", leat_file_stat(&file, &status));
    note(script, "size", status.st_size);
    note(script, "close", leat_file_close(&file));
    unlink(path);
}

SCRIPT(file_positions_out_of_range)
{
    const char *path = script_path(script, "file");
    struct leat_file file;

    note(script, "open", leat_file_open(&file, path, O_RDWR | O_CREAT, 0600));
    note_file(script, "read at a negative position", &file, 10, (uint64_t)-2);
    note(script, "write at a negative position", leat_file_write(&file, "x", 1, (uint64_t)-2));
    note_file(script, "read far beyond the end", &file, 10, (uint64_t)1 << 40);
    note(script, "close", leat_file_close(&file));
    unlink(path);
}

SCRIPT(file_opened_for_one_thing_refuses_the_other)
{
    const char *path = script_path(script, "file");
    struct leat_file file;
    char data[8];

    note(script, "make", make_file(path, "content"));
    note(script, "open to read", leat_file_open(&file, path, O_RDONLY, 0));
    note(script, "write", leat_file_write(&file, "x", 1, 0));
    note(script, "close", leat_file_close(&file));
    note(script, "open to write", leat_file_open(&file, path, O_WRONLY, 0));
    note(script, "read", leat_file_read(&file, data, 8, 0));
    note(script, "write", leat_file_write(&file, "C", 1, 0));
    note(script, "close", leat_file_close(&file));
    note(script, "open to read", leat_file_open(&file, path, O_RDONLY, 0));
    note_file(script, "read", &file, 100, 0);
    note(script, "close", leat_file_close(&file));
    note(script, "open the folder", leat_file_open(&file, script->folder, O_RDONLY, 0));
    note(script, "read the folder", leat_file_read(&file, data, 8, 0));
    note(script, "close", leat_file_close(&file));
    unlink(path);
}

SCRIPT(file_truncated_and_appended)
{
    const char *path = script_path(script, "file");
    struct leat_file file;

    note(script, "make", make_file(path, "old content"));
    note(script, "open to truncate", leat_file_open(&file, path, O_RDWR | O_TRUNC, 0));
    note_file(script, "read", &file, 100, 0);
    note(script, "write", leat_file_write(&file, "new", 3, 0));
    note(script, "close", leat_file_close(&file));
    note(script, "open to append", leat_file_open(&file, path, O_RDWR | O_APPEND, 0));
    note(script, "write at 0", leat_file_write(&file, "er", 2, 0));
    note_file(script, "read", &file, 100, 0);
    note(script, "close", leat_file_close(&file));
    unlink(path);
}

SCRIPT(file_lives_on_while_it_is_open)
{
    const char *path = script_path(script, "file");
    struct leat_file file;
    struct stat status;

    note(script, "make", make_file(path, "content"));
    note(script, "open", leat_file_open(&file, path, O_RDWR, 0));
    note(script, "unlink", unlink(path));
    note(script, "make another", make_file(path, "another"));
    note_file(script, "read", &file, 100, 0);
    note(script, "stat", leat_file_stat(&file, &status));
    note(script, "links", (long long)status.st_nlink);
    note(script, "close", leat_file_close(&file));
    note(script, "stat by path", leat_file_stat_path(path, true, &status));
    note(script, "links", (long long)status.st_nlink);
    unlink(path);
    note(script, "stat of what is gone", leat_file_stat_path(path, true, &status));
}

SCRIPT(file_links)
{
    const char *path = script_path(script, "file"), *link = script_path(script, "link");
    struct stat status;

    note(script, "make", make_file(path, "content"));
    note(script, "symlink", symlink("file", link));
    note(script, "open the link", open_close(link, O_RDONLY));
    note(script, "open the link itself", open_close(link, O_RDONLY | O_NOFOLLOW));
    note(script, "stat", leat_file_stat_path(link, true, &status));
    note(script, "size", status.st_size);
    note(script, "stat of the link", leat_file_stat_path(link, false, &status));
    note(script, "a link", S_ISLNK(status.st_mode));
    note(script, "size", status.st_size);
    unlink(path);
    note(script, "open the link to nothing", open_close(link, O_RDONLY));
    note(script, "stat of nothing", leat_file_stat_path(link, true, &status));
    unlink(link);
    note(script, "symlink to itself", symlink("link", link));
    note(script, "open it", open_close(link, O_RDONLY));
    unlink(link);
}

SCRIPT(file_names_that_are_too_long)
{
    char name[4200];
    struct stat status;

    memset(name, 'n', sizeof name);
    name[300] = '\0';
    note(script, "open a long name", open_close(script_path(script, name), O_RDONLY));
    name[300] = 'n';
    name[sizeof name - 1] = '\0';
    note(script, "open a longer path", open_close(name, O_RDONLY));
    note(script, "stat of it", leat_file_stat_path(name, true, &status));
}

SCRIPT(file_as_a_stream)
{
    const char *path = script_path(script, "file");
    struct leat_stream *stream;
    char data[32];

    note(script, "open what is not there", leat_stream_open_file(&stream, path, O_RDONLY, 0));
    note(script, "open", leat_stream_open_file(&stream, path, O_RDWR | O_CREAT, 0600));
    note(script, "write", leat_write(stream, "a stream of a file", 18));
    note(script, "read at its end", leat_read(stream, data, sizeof data));
    leat_close_stream(stream);
    note(script, "open", leat_stream_open_file(&stream, path, O_RDONLY, 0));
    note_bytes(script, "read", leat_read(stream, data, 8), data);
    note_bytes(script, "read in full", leat_read_full(stream, data, sizeof data), data);
    note(script, "read at the end", leat_read(stream, data, sizeof data));
    note(script, "write", leat_write(stream, "x", 1));
    leat_close_stream(stream);
    note(script, "the folder as a stream",
         leat_stream_open_file(&stream, script->folder, O_RDONLY, 0));
    unlink(path);
}

/* The same open file by operations that say nothing of a position, and by others that do. */
SCRIPT(file_position_is_its_own)
{
    const char *path = script_path(script, "file");
    struct leat_file file;

    note(script, "open", leat_file_open(&file, path, O_RDWR | O_CREAT, 0600));
    note(script, "write", do_write(file.fd, "one ", 4));
    note(script, "write", do_write(file.fd, "two", 3));
    note(script, "write at 1", leat_file_write(&file, "N", 1, 1));
    note_read(script, "read", file.fd, 10);
    note_file(script, "read at 0", &file, 100, 0);
    note(script, "close", leat_file_close(&file));
    unlink(path);
}

SCRIPT(file_calls_of_other_kinds_are_refused)
{
    const char *path = script_path(script, "file");
    struct leat_file file;
    char data[8];

    note(script, "open", leat_file_open(&file, path, O_RDWR | O_CREAT, 0600));
    note(script, "receive", do_recv(file.fd, data, 8, 0));
    note(script, "send", do_send(file.fd, data, 8, 0));
    note(script, "accept", do_accept(file.fd));
    note(script, "close", leat_file_close(&file));
    note(script, "close again", leat_file_close(&file));
    unlink(path);
}

SCRIPT(file_walk)
{
    static const char *const folders[] = { "tree", "tree/b", "tree/b/deep", "tree/empty" };
    static const char *const files[] = { "tree/a", "tree/b/1", "tree/b/deep/x", "tree/c" };
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;
    size_t skip = strlen(script->folder) + 1;
    int err;

    for (size_t i = 0; i < 4; i++)
        script_expect(script, "mkdir", mkdir(script_path(script, folders[i]), 0700) == 0);
    for (size_t i = 0; i < 4; i++)
        script_expect(script, "make", make_file(script_path(script, files[i]), files[i]) > 0);
    for (int directories = 0; directories < 2; directories++) {
        struct leat_walk_options options = { .size = sizeof options, .directories = directories };

        note(script, "walk", leat_walk_open(&walk, script_path(script, "tree"), &options));
        while ((err = leat_walk_next(walk, &entry)) == 0)
            note(script, entry->path + skip, (long long)entry->type);
        note(script, "end", err);
        leat_walk_close(walk);
    }
    for (size_t i = 4; i-- > 0;)
        script_expect(script, "unlink", unlink(script_path(script, files[i])) == 0);
    for (size_t i = 4; i-- > 0;)
        script_expect(script, "rmdir", rmdir(script_path(script, folders[i])) == 0);
}

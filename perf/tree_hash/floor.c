/* SPDX-License-Identifier: MIT */
/*
 * The work itself and nothing else: over a list of names made beforehand, one thread per worker
 * takes the next name, opens, reads, hashes and closes. No walk, no order, no output.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "tree.h"

enum { BUFFER_BYTES = 256 * 1024, THREADS_MAX = 64 };

static struct {
    char        **names;
    size_t        count, room;
    atomic_size_t next;
} list;

struct hasher {
    pthread_t       thread;
    struct tree_sum sum;
    EVP_MD         *algorithm;
    EVP_MD_CTX     *context;
    uint8_t        *buffer;
};

static int collect(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)place;
    if (type != FTW_F || !S_ISREG(status->st_mode))
        return 0;
    if (list.count == list.room) {
        list.room = list.room ? list.room * 2 : 1024;
        list.names = reallocarray(list.names, list.room, sizeof *list.names);
        if (!list.names)
            perf_die("list of names", ENOMEM);
    }
    list.names[list.count] = strdup(path);
    return list.names[list.count++] ? 0 : -1;
}

static void hash(struct hasher *hasher, const char *path)
{
    uint8_t digest[DIGEST_BYTES];
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0 || !EVP_DigestInit_ex2(hasher->context, hasher->algorithm, NULL))
        perf_die(path, fd < 0 ? errno : 0);
    do { /* a short read of a regular file is its end */
        got = read(fd, hasher->buffer, BUFFER_BYTES);
        if (got < 0 || !EVP_DigestUpdate(hasher->context, hasher->buffer, (size_t)got))
            perf_die(path, got < 0 ? errno : 0);
    } while (got == BUFFER_BYTES);
    close(fd);
    EVP_DigestFinal_ex(hasher->context, digest, NULL);
    tree_sum_add(&hasher->sum, digest);
}

static void *hash_all(void *arg)
{
    struct hasher *hasher = arg;
    size_t         i;

    hasher->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    hasher->context = EVP_MD_CTX_new();
    hasher->buffer = malloc(BUFFER_BYTES);
    if (!hasher->algorithm || !hasher->context || !hasher->buffer)
        perf_die("hasher", ENOMEM);
    while ((i = atomic_fetch_add_explicit(&list.next, 1, memory_order_relaxed)) < list.count)
        hash(hasher, list.names[i]);
    return NULL;
}

static void hash_tree(const struct perf_args *args)
{
    static struct hasher hashers[THREADS_MAX];
    int64_t              start = tree_clock_ns(args);
    int                  threads = args->workers;

    for (int i = 0; i < threads; i++) {
        int err = pthread_create(&hashers[i].thread, NULL, hash_all, &hashers[i]);

        if (err)
            perf_die("thread", err);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(hashers[i].thread, NULL);
    perf_sample((double)(tree_clock_ns(args) - start) / 1e6);
    for (int i = 1; i < threads; i++)
        tree_sum_merge(&hashers[0].sum, &hashers[i].sum);
    tree_sum_report(&hashers[0].sum);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    if (args.workers > THREADS_MAX || args.samples != 1)
        perf_die("floor: too many workers, or more than one sample", 0);
    if (nftw(tree_root(), collect, 64, FTW_PHYS))
        perf_die(tree_root(), errno);
    tree_bind(args.workers);
    hash_tree(&args);
    return 0;
}

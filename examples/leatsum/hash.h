/* SPDX-License-Identifier: MIT */
/* SHA-256. Its own header so that only hash.c knows OpenSSL, and names would be easy to add. */
#ifndef LEATSUM_HASH_H
#define LEATSUM_HASH_H

#include <stddef.h>

#define HASH_BYTES 32

struct hash; /* one computation at a time, any number one after another */

/* Find the algorithm, once, before any other call. Returns 0 or -ENOSYS. */
int  hash_start(void);
void hash_stop(void);

/* Returns NULL when there is no memory. */
struct hash *hash_create(void);
void         hash_destroy(struct hash *hash);

/* Begin, add, end; or all of it for bytes at hand. Return 0 or -EIO. */
int hash_begin(struct hash *hash);
int hash_add(struct hash *hash, const void *data, size_t bytes);
int hash_end(struct hash *hash, unsigned char digest[HASH_BYTES]);
int hash_all(struct hash *hash, const void *data, size_t bytes, unsigned char digest[HASH_BYTES]);

/* Write the digest as 64 digits. Returns the end of what was written. */
char *hash_print(char *to, const unsigned char digest[HASH_BYTES]);

/* Read one from 64 digits. Returns 0 or -EINVAL. */
int hash_parse(unsigned char digest[HASH_BYTES], const char *from);

#endif

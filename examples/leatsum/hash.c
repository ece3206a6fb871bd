/* SPDX-License-Identifier: MIT */
/* OpenSSL 3 looks an algorithm up by name on every call that does not bring it along, which costs
 * more than hashing a small file. So it is fetched once, and each context keeps it. */
#include "hash.h"

#include <errno.h>
#include <openssl/evp.h>

static EVP_MD *algorithm;

int hash_start(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    return algorithm != NULL ? 0 : -ENOSYS;
}

void hash_stop(void)
{
    EVP_MD_free(algorithm);
    algorithm = NULL;
}

struct hash *hash_create(void)
{
    return (struct hash *)EVP_MD_CTX_new();
}

void hash_destroy(struct hash *hash)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)hash);
}

int hash_begin(struct hash *hash)
{
    return EVP_DigestInit_ex2((EVP_MD_CTX *)hash, algorithm, NULL) == 1 ? 0 : -EIO;
}

int hash_add(struct hash *hash, const void *data, size_t bytes)
{
    return EVP_DigestUpdate((EVP_MD_CTX *)hash, data, bytes) == 1 ? 0 : -EIO;
}

int hash_end(struct hash *hash, unsigned char digest[HASH_BYTES])
{
    return EVP_DigestFinal_ex((EVP_MD_CTX *)hash, digest, NULL) == 1 ? 0 : -EIO;
}

int hash_all(struct hash *hash, const void *data, size_t bytes, unsigned char digest[HASH_BYTES])
{
    int err = hash_begin(hash);

    if (err == 0)
        err = hash_add(hash, data, bytes);
    return err == 0 ? hash_end(hash, digest) : err;
}

char *hash_print(char *to, const unsigned char digest[HASH_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < HASH_BYTES; i++) {
        *to++ = digits[digest[i] >> 4];
        *to++ = digits[digest[i] & 15];
    }
    return to;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hash_parse(unsigned char digest[HASH_BYTES], const char *from)
{
    for (int i = 0; i < HASH_BYTES; i++) {
        int high = digit(from[2 * i]);
        int low = high < 0 ? -1 : digit(from[2 * i + 1]); /* a zero byte ends the text */

        if (low < 0)
            return -EINVAL;
        digest[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Error names. One table of our own, although glibc 2.32 has strerrorname_np: with the table the
 * older glibc we support takes the same path, and the same test holds both. Where two names share a
 * number the one that leat documents is listed. */
#include "base/error.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define ERROR_NAMES(NAME)                                                                          \
    NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG)             \
    NAME(ENOEXEC) NAME(EBADF) NAME(ECHILD) NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES)                  \
    NAME(EFAULT) NAME(ENOTBLK) NAME(EBUSY) NAME(EEXIST) NAME(EXDEV) NAME(ENODEV)                   \
    NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE) NAME(ENOTTY)                 \
    NAME(ETXTBSY) NAME(EFBIG) NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS) NAME(EMLINK) NAME(EPIPE)       \
    NAME(EDOM) NAME(ERANGE) NAME(EDEADLK) NAME(ENAMETOOLONG) NAME(ENOLCK) NAME(ENOSYS)             \
    NAME(ENOTEMPTY) NAME(ELOOP) NAME(ENOMSG) NAME(EIDRM) NAME(ECHRNG) NAME(EL2NSYNC)               \
    NAME(EL3HLT) NAME(EL3RST) NAME(ELNRNG) NAME(EUNATCH) NAME(ENOCSI) NAME(EL2HLT)                 \
    NAME(EBADE) NAME(EBADR) NAME(EXFULL) NAME(ENOANO) NAME(EBADRQC) NAME(EBADSLT)                  \
    NAME(EBFONT) NAME(ENOSTR) NAME(ENODATA) NAME(ETIME) NAME(ENOSR) NAME(ENONET)                   \
    NAME(ENOPKG) NAME(EREMOTE) NAME(ENOLINK) NAME(EADV) NAME(ESRMNT) NAME(ECOMM)                   \
    NAME(EPROTO) NAME(EMULTIHOP) NAME(EDOTDOT) NAME(EBADMSG) NAME(EOVERFLOW) NAME(ENOTUNIQ)        \
    NAME(EBADFD) NAME(EREMCHG) NAME(ELIBACC) NAME(ELIBBAD) NAME(ELIBSCN) NAME(ELIBMAX)             \
    NAME(ELIBEXEC) NAME(EILSEQ) NAME(ERESTART) NAME(ESTRPIPE) NAME(EUSERS) NAME(ENOTSOCK)          \
    NAME(EDESTADDRREQ) NAME(EMSGSIZE) NAME(EPROTOTYPE) NAME(ENOPROTOOPT)                           \
    NAME(EPROTONOSUPPORT) NAME(ESOCKTNOSUPPORT) NAME(EOPNOTSUPP) NAME(EPFNOSUPPORT)                \
    NAME(EAFNOSUPPORT) NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(ENETDOWN) NAME(ENETUNREACH)       \
    NAME(ENETRESET) NAME(ECONNABORTED) NAME(ECONNRESET) NAME(ENOBUFS) NAME(EISCONN)                \
    NAME(ENOTCONN) NAME(ESHUTDOWN) NAME(ETOOMANYREFS) NAME(ETIMEDOUT) NAME(ECONNREFUSED)           \
    NAME(EHOSTDOWN) NAME(EHOSTUNREACH) NAME(EALREADY) NAME(EINPROGRESS) NAME(ESTALE)               \
    NAME(EUCLEAN) NAME(ENOTNAM) NAME(ENAVAIL) NAME(EISNAM) NAME(EREMOTEIO) NAME(EDQUOT)            \
    NAME(ENOMEDIUM) NAME(EMEDIUMTYPE) NAME(ECANCELED) NAME(ENOKEY) NAME(EKEYEXPIRED)               \
    NAME(EKEYREVOKED) NAME(EKEYREJECTED) NAME(EOWNERDEAD) NAME(ENOTRECOVERABLE)                    \
    NAME(ERFKILL) NAME(EHWPOISON)

static const char *const names[] = {
#define NAME_ENTRY(name) [name] = #name,
    ERROR_NAMES(NAME_ENTRY)
#undef NAME_ENTRY
};

/* NULL when the number is no error. */
static const char *lookup(int err)
{
    unsigned number = err < 0 ? -(unsigned)err : (unsigned)err;

    return number < sizeof names / sizeof names[0] ? names[number] : NULL;
}

const char *leat_error_name(int err)
{
    const char *name = lookup(err);

    if (err == 0)
        return "OK";
    return name ? name : "EUNKNOWN";
}

const char *leat_error_text(int err)
{
    if (err == 0)
        return "Success";
    /* For a number it knows strerror returns a constant (or its translation), which other threads
     * can't change; only for unknown ones does it print into a buffer. */
    return lookup(err) ? strerror(err < 0 ? -err : err) : "Unknown error";
}

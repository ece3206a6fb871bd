/* SPDX-License-Identifier: MIT */
/* Registered functions: bytes in, bytes out, known by name, so that the same call runs here, on the
 * compute pool, in a process of its own (leat/procs.h), by changing one argument.
 *
 *     LEAT_REMOTE(word_count, .idempotent = true)
 *     (const void *in, size_t in_bytes, struct leat_reply *reply)
 *     {
 *         uint64_t words = count(in, in_bytes);
 *         return leat_reply_write(reply, &words, sizeof words);
 *     }
 *     ...
 *     struct leat_reply reply = { 0 };
 *     int err = leat_remote_call(leat_executor_compute(), word_count, text, bytes, &reply);
 *     ... reply.data, reply.bytes ...
 *     leat_reply_fini(&reply);
 *
 * Part of leat::procs. A registered function touches nothing but its input and its reply: it may
 * run in a process that shares no variable with the program. */
#ifndef LEAT_REMOTE_H
#define LEAT_REMOTE_H

#include <leat/api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

/* How a call ended. */
enum leat_remote_end {
    LEAT_REMOTE_NOT_RUN,     /* cancelled, too late, refused: the call's result says why */
    LEAT_REMOTE_RETURNED,    /* the call's result is the function's */
    LEAT_REMOTE_ABANDONED,   /* the caller's scope ended; its process was asked to end, too */
    LEAT_REMOTE_SIGNALED,    /* its process died of the signal `status` */
    LEAT_REMOTE_EXITED,      /* its process called exit(status) */
    LEAT_REMOTE_STOPPED,     /* its process was stopped by the signal `status`, and ended for it */
    LEAT_REMOTE_TIMED_OUT,   /* it ran for longer than a job may */
    LEAT_REMOTE_CPU,         /* it used more CPU time than a job may */
    LEAT_REMOTE_LIED,        /* its process broke the protocol: a length that cannot be */
    LEAT_REMOTE_QUARANTINED, /* the same job has killed its process three times */
    LEAT_REMOTE_LOST,        /* processes could not be started, or the one that starts them died */
};

/* What a function answers, and for its caller also why there is no answer. All-zero is an empty
 * one; it may be used for one call after the other; fini frees it. */
struct leat_reply {
    const void          *data; /* the answer: valid until fini or the next call */
    size_t               bytes;
    enum leat_remote_end end;
    int                  status;   /* a signal's number or an exit status, as `end` says */
    unsigned             attempts; /* how often the function was started */
    const char          *function; /* its name */
    uint64_t             leat__private[8];
};

/* In the function: make the reply `bytes` long, keeping what it has, and return its begin, to be
 * written to; NULL when there is no memory. Large replies are handed over without a copy.
 * Never blocks. */
LEAT_API void *leat_reply_reserve(struct leat_reply *reply, size_t bytes);

/* In the function: append. Returns -ENOMEM. Never blocks. */
LEAT_API int leat_reply_write(struct leat_reply *reply, const void *data, size_t bytes);

/* In the caller: free the answer and make the reply all-zero. */
LEAT_API void leat_reply_fini(struct leat_reply *reply);

/* One sentence about how the call ended, for people: "parse: its process died of SIGSEGV (attempt
 * 1)". Returns its length, as snprintf does. */
LEAT_API int leat_reply_explain(const struct leat_reply *reply, char *text, size_t bytes);

/* Returns 0 or -errno, which becomes the call's result. */
typedef int leat_remote_fn(const void *in, size_t in_bytes, struct leat_reply *reply);

struct leat_remote {
    size_t              size; /* sizeof(struct leat_remote); LEAT_REMOTE sets it */
    const char         *name;
    leat_remote_fn     *fn;
    bool                idempotent; /* running it twice does no harm: it is retried when its
                                       process dies */
    uint64_t            reserved[3];
    uint64_t            leat__hash; /* of the name, and the next one that is registered */
    struct leat_remote *leat__next;
};

#ifndef __cplusplus

/* Define and register a function; its parameters and its body follow. The name is then a pointer
 * to its struct leat_remote, of external linkage: LEAT_REMOTE_DECLARE(name); in a header. */
#define LEAT_REMOTE(...) LEAT__REMOTE(__VA_ARGS__, .size = sizeof(struct leat_remote))
#define LEAT__REMOTE(id, ...)                                                                      \
    static leat_remote_fn leat__remote_##id;                                                       \
    extern struct leat_remote id[1];                                                               \
    struct leat_remote id[1] = { { __VA_ARGS__, .name = #id, .fn = leat__remote_##id } };          \
    __attribute__((constructor)) static void leat__remote_register_##id(void)                      \
    {                                                                                              \
        leat_remote_register(id);                                                                  \
    }                                                                                              \
    static int leat__remote_##id

#define LEAT_REMOTE_DECLARE(id) extern struct leat_remote id[1]

#endif

/* What LEAT_REMOTE does before main, for bindings and C++. The structure is kept for the life of
 * the program; names are unique. Threads: before others start. */
LEAT_API void leat_remote_register(struct leat_remote *remote);

/* Where a call runs. Others may be built: a structure around this one. */
struct leat_executor {
    const char *name;
    int       (*call)(struct leat_executor *executor, const struct leat_remote *remote,
                const void *in, size_t in_bytes, struct leat_reply *reply);
    uint64_t    reserved[2];
};

/* On the caller's own stack; and as a call of the compute pool (leat_compute). */
LEAT_API struct leat_executor *leat_executor_inline(void);
LEAT_API struct leat_executor *leat_executor_compute(void);

/* Run a registered function there and wait for it. What the reply held before is freed when
 * the call is over: it may be the input of this one.
 * Returns the function's result, or why it has none: see reply->end.
 * Cancel: a call of a process returns at once, and the process is ended; any other is waited for,
 * and its function may ask leat_cancelled(). */
LEAT_API int leat_remote_call(struct leat_executor *executor, const struct leat_remote *remote,
                              const void *in, size_t in_bytes, struct leat_reply *reply);

LEAT_END

#endif

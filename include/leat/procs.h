/* SPDX-License-Identifier: MIT */
/* The process pool: registered functions (leat/remote.h) in worker processes, which may crash, leak
 * or be killed without hurting the program or any other job.
 *
 *     int main(int argc, char **argv)
 *     {
 *         leat_procs_main(argc, argv);         // first of all: does not return in a worker
 *         return leat_main(app, NULL, NULL);
 *     }
 *     ...
 *     struct leat_procs *procs;
 *     int err = leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.jail = true));
 *     ...
 *     err = leat_procs_call(procs, parse_invoice, text, bytes, &reply);   // -ECHILD: it crashed
 *     ...
 *     leat_procs_close(procs);
 *
 * The program is started a second time (the zygote), and workers are forked from that, so that no
 * process with threads is ever forked. Input and answer travel through shared memory; large ones
 * as memory files, without a copy. Part of leat::procs. */
#ifndef LEAT_PROCS_H
#define LEAT_PROCS_H

#include <leat/api.h>
#include <leat/remote.h>
#include <leat/runtime.h>
#include <leat/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

struct leat_procs;

/* Zero means the default everywhere. Limits of a job end it alone; its worker is replaced. */
struct leat_procs_options {
    size_t       size;         /* sizeof(struct leat_procs_options) */
    unsigned     workers;      /* processes; default: one for each CPU; at most 256 */
    unsigned     jobs_max;     /* a worker is replaced after so many jobs; default: never */
    leat_time    job_ns;       /* a job may run for so long; default: as long as it likes */
    leat_time    grace_ns;     /* between SIGTERM and SIGKILL; default 100 ms */
    leat_time    cpu_ns;       /* CPU time of a job (SIGXCPU, soon after SIGKILL); default: none */
    size_t       memory_bytes; /* address space of a worker, program included; default: none */
    unsigned     files_max;    /* open descriptors of a worker, at least 16; default: inherited */
    bool         jail;         /* jobs only compute: no files, no network, no processes (seccomp) */
    leat_log_fn *log;          /* gets the workers' standard output (INFO) and error (WARN), line by
                                  line; default: the log of the opener's runtime */
    void        *log_arg;
    uint64_t     reserved[6];
};

#define LEAT_PROCS_OPTIONS(...)                                                                    \
    (&(const struct leat_procs_options){                                                           \
        LEAT__OPTIONS(__VA_ARGS__, .size = sizeof(struct leat_procs_options)) })

/* The first line of main. In the processes that a pool starts it does the pool's work and does not
 * return; anywhere else it returns at once. Before it, a program should do nothing that is not to
 * be done in each of them. */
LEAT_API void leat_procs_main(int argc, char **argv);

/* Start the processes. Options NULL: the defaults.
 * Returns -EINVAL, -EPERM (outside of a runtime), -ENOSYS (a jail on a machine without seccomp),
 * -ENOMEM, -EMFILE, -EAGAIN, or why the program could not be started again.
 * Threads: a task; the pool lives in its runtime and is closed before that ends. */
LEAT_API LEAT_MUST_CHECK int leat_procs_open(struct leat_procs **ret,
                                             const struct leat_procs_options *options);

/* Refuse new calls, wait for those under way (cancel their scopes to be done sooner), end the
 * processes. NULL is fine. Not a cancellation point. */
LEAT_API void leat_procs_close(struct leat_procs *procs);

/* Run a registered function in a worker.
 * Returns the function's result; -ECHILD when its process died: reply->end says of what, and
 * reply->status of which signal; -ETIMEDOUT when it ran for too long; -EBADMSG when its process
 * answered nonsense; -ENOSYS when the processes do not know the function (it was registered after
 * they were started); -EPIPE when the pool is closed; -ECANCELED or -ETIMEDOUT when the caller's
 * scopes ended, -ENOMEM, -EMFILE.
 * Cancel: the call returns at once; a job that runs is ended with its worker.
 * Threads: tasks, and plain threads while the pool is open. */
LEAT_API LEAT_MUST_CHECK int leat_procs_call(struct leat_procs *procs,
                                             const struct leat_remote *remote, const void *in,
                                             size_t in_bytes, struct leat_reply *reply);

/* Memory that workers read without a copy: write to it, then call with it, as often as wanted; a
 * worker sees what is in it while the job runs, and cannot write to it. */
struct leat_shared {
    void  *data;
    size_t bytes;
    int    leat__fd;
};

/* Returns -EINVAL (no bytes), -ENOMEM, -EMFILE, -ENOSYS (Linux before 5.1). Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_shared_create(struct leat_shared *ret, size_t bytes);

/* No call with it is under way. All-zero is fine. */
LEAT_API void leat_shared_destroy(struct leat_shared *shared);

/* leat_procs_call on the first `bytes` bytes of shared memory, at least one: checked. */
LEAT_API LEAT_MUST_CHECK int leat_procs_call_shared(struct leat_procs *procs,
                                                    const struct leat_remote *remote,
                                                    const struct leat_shared *in, size_t bytes,
                                                    struct leat_reply *reply);

/* The pool as a place for leat_remote_call. */
LEAT_API struct leat_executor *leat_procs_executor(struct leat_procs *procs);

/* Since the pool was opened. */
struct leat_procs_stats {
    unsigned workers; /* alive now */
    unsigned queued;  /* jobs that no worker has yet */
    uint64_t calls;
    uint64_t returned; /* calls that the function answered */
    uint64_t failed;   /* calls that ended otherwise */
    uint64_t deaths;   /* of workers, for whatever reason */
    uint64_t retries;  /* jobs started again after a death */
    uint64_t replaced; /* dead workers whose successor was born */
    uint64_t replace_ns_max; /* the longest that took, from when the death was seen */
    uint64_t reserved[2];
};

/* Never blocks. Threads: as leat_procs_call. */
LEAT_API void leat_procs_stats_read(struct leat_procs *procs, struct leat_procs_stats *ret);

LEAT_END

#endif

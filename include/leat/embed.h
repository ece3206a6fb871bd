/* SPDX-License-Identifier: MIT */
/* A runtime inside of a foreign event loop (poll, epoll, libuv, GLib, Qt): the loop's thread is its
 * first worker, and runs tasks in steps whenever a descriptor is readable.
 *
 *     leat_embed_open(&embed, NULL);
 *     leat_embed_spawn(embed, fetch, &request, NULL);
 *     ...
 *     struct pollfd fds[] = { { .fd = leat_embed_fd(embed), .events = POLLIN }, ... };
 *     while (poll(fds, 2, -1) > 0)
 *         if (fds[0].revents)
 *             leat_embed_step(embed, 2 * LEAT_MSEC);
 *     ...
 *     leat_embed_close(embed);
 *
 * Between steps the thread is a plain one: it may make any of leat's calls, which then block the
 * loop as they block any thread; those that only a task of this runtime can end, for ever. The
 * try_ calls, leat_embed_spawn, leat_close and the like never block. With more than one worker
 * (.workers, default here 1) the others run beside the loop, each on a thread; a task with .pinned
 * that leat_embed_spawn starts runs on the loop's thread, and may call the loop's own functions. */
#ifndef LEAT_EMBED_H
#define LEAT_EMBED_H

#include <leat/api.h>
#include <leat/runtime.h>
#include <leat/task.h>
#include <leat/time.h>

LEAT_BEGIN

struct leat_embed;

/* Make a runtime whose first worker is the calling thread, and start the others. Options as for
 * leat_run; no worker is bound to a CPU. Several may be open at a time, on one thread or more.
 * Returns as leat_run where that does not call its function.
 * Threads: any that is not a task of a runtime. Step and close are called on the same one. */
LEAT_API LEAT_MUST_CHECK int leat_embed_open(struct leat_embed **ret,
                                             const struct leat_options *options);

/* The descriptor that is readable when there is something to do: a task to run, an operation that
 * completed, a timer that is due. To be waited for by poll, select or epoll (level- or
 * edge-triggered, also nested), and for nothing else: it is not read and not closed. A forked child
 * does not have it. */
LEAT_API int leat_embed_fd(const struct leat_embed *embed);

/* Run what is runnable, without waiting for more, until nothing is or `budget` nanoseconds have
 * passed. The budget is looked at between turns, and a task that computes is not interrupted: a
 * step may take longer by a few of their turns. 0: one round. LEAT_NEVER: until nothing is.
 * Returns when the next step is due, as leat_now() counts: 0 at once, since work is left;
 * LEAT_NEVER if only the descriptor can tell. It need not be heeded: the descriptor becomes
 * readable then too. -EPERM in a forked child.
 * Blocks never. Threads: the opener, not inside of a task. */
LEAT_API leat_time leat_embed_step(struct leat_embed *embed, leat_time budget);

/* Start fn(arg) as a detached task of the runtime (leat_detach); it first runs in a later step, or
 * on another worker.
 * Returns 0 (fn is called exactly once), -ENOMEM, -EINVAL or -EPERM (a forked child).
 * Threads: any, until close. */
LEAT_API LEAT_MUST_CHECK int leat_embed_spawn(struct leat_embed *embed, int (*fn)(void *arg),
                                              void *arg, const struct leat_task_options *options);

/* Its handle, for leat_call from other threads; valid as that of leat_run. Never blocks. (leat_call
 * on the embedding thread returns -EDEADLK: the task could not run.) */
LEAT_API struct leat_runtime *leat_embed_runtime(const struct leat_embed *embed);

/* End the runtime. Its tasks have leat_options.drain_ns to end by themselves, are then cancelled
 * and waited for, however long they take; the thread steps meanwhile, and the foreign loop does
 * not run. NULL is fine; in a forked child nothing happens.
 * Threads: the opener, not inside of a task. */
LEAT_API void leat_embed_close(struct leat_embed *embed);

LEAT_END

#endif

/* SPDX-License-Identifier: MIT */
/* Looking into a running program.
 *
 *     leat_dump(STDERR_FILENO);
 *
 * or, from outside, with LEAT_DUMP_SIGNAL=USR1 in the program's environment: kill -USR1 PID.
 *
 *     task 3 "reader" (fn read_all) waits to receive from a channel "lines" for 2.041 s
 *         spawned by copy_all+0x91
 *         age 2.041 s, stack 416 bytes in use, 4096 of 131072 touched
 *         in scope "copy" of task 1
 *         leat_chan_recv+0x6e
 *         read_all+0x5d
 *
 * In gdb, of a live process or of a core file that the kernel wrote: `leat tasks` and `leat bt 3`.
 * gdb loads them with an installed libleat.so by itself; where that is not below /usr, once it is
 * told to trust the folder: `add-auto-load-safe-path /usr/local/lib` in ~/.gdbinit. For a program
 * that links the archive: `source leat-gdb.py` (installed in share/leat).
 */
#ifndef LEAT_OBSERVE_H
#define LEAT_OBSERVE_H

#include <leat/api.h>

LEAT_BEGIN

/* Write one paragraph for each live task: what it is, what it does or waits for and since when,
 * where it was spawned, the scopes it is in, its stack trace. The program goes on meanwhile, and
 * each task is shown as it was at a moment of its own. A task's id belongs to it while it lives.
 * Ages and waits count from when its worker last looked at the clock before: microseconds earlier
 * as a rule, and the whole turn after one that computed for long.
 * "Touched" is how deep the stack was ever used, to the page, by this task or others before it. A
 * task that has not been started has neither age nor stack.
 *
 * Where a running task is its worker's thread is asked by SIGURG (see below), and waited for 50 ms:
 * longer than any running thread takes. A line in the place of the trace says that there was no
 * answer: the thread sleeps in the kernel without letting signals in, keeps SIGURG blocked, or the
 * signals are turned off (the caller's own trace is there all the same); or that the task stopped
 * running before it was asked. Of a running task's stack the innermost 64 KiB are followed; one
 * that is in a generator's body, or whose worker is a foreign loop's thread (leat/embed.h), has no
 * trace while it runs.
 *
 * In a runtime: its tasks. On other threads: those of every runtime in the process.
 * Returns 0, -ENOMEM, or the error of write(2), which is called plainly and may block its caller.
 */
LEAT_API int leat_dump(int fd);

/* Write how deep the tasks of the caller's runtime went down their stacks so far, deepest first, by
 * function and place of the spawn, and a size for .stack_bytes that would do. Only with
 * leat_options.stack_report or LEAT_STACK_REPORT=1 in the environment, which also log it at the end
 * of leat_run, whatever the log level.
 *
 *     stacks: the deepest task used 5320 of 65536 bytes promised; .stack_bytes = 16384 would ...
 *         5320 bytes  resolve, spawned by serve+0x52: 84 of 863 measured
 *
 * The first 32 tasks of a place are measured, and every 16th after them, by what they have written
 * to. A task that a join ran in place counts with its parent.
 * Returns -EPERM outside of a runtime, -ENODATA when it does not measure, -ENOMEM, or the error of
 * the write. */
LEAT_API int leat_stack_report(int fd);

/* Tasks that hold their worker. One that computes for longer than the limit (leat_options.stall_ns)
 * is named in the log, with its stack, and again each time it has gone on for ten times as long.
 * Others do not wait for it, where the runtime has a worker that is not held too: tasks in its
 * worker's queue are run elsewhere, and after some milliseconds its worker's timers, operations and
 * cancels are seen to by another. Pinned tasks stay. With LEAT_WATCH=0, or without membarrier(2),
 * so may the one that the task has readied last.
 *
 * For both, and for a dump, the worker's thread may be sent SIGURG; a handler of the program's own
 * for that signal gets those that are not leat's, if it was installed before the runtime started.
 * System calls that a task makes by itself are restarted, but for those that never are (signal(7):
 * nanosleep, poll, select, epoll_wait, and reads of sockets with a receive timeout return -1 with
 * EINTR).
 * leat_options.no_signals or LEAT_SIGNALS=0 turns the signals off. Then tasks are named without
 * their stacks, and on io_uring operations behind a task that computes wait for its end; on epoll,
 * and for timers, nothing changes. */

/* Deadlocks. One is reported, with a dump on standard error, when every task waits for another one:
 * no operation, timer or pool's call is under way that could wake any, every thread of the process
 * belongs to a runtime, is the caller of its leat_run or is asleep in the kernel on its behalf, and
 * nobody holds. Then the waits end with -EDEADLK, so that the program unwinds, and leat_run returns
 * -EDEADLK whatever the root task returns; of several runtimes one at a time, for what unwinds may
 * wake the tasks of another. None is reported while a runtime is embedded (leat/embed.h). A thread
 * that ends and was the last that could have helped is noticed within a second.
 * LEAT_WATCH=0 in the environment turns it off.
 *
 * Hold when something that leat cannot see will wake a task: no deadlock is reported until as many
 * releases have been made. Any thread; counted over the whole process. Never blocks. */
LEAT_API void leat_hold(void);
LEAT_API void leat_release(void);

LEAT_END

#endif

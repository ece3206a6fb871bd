/* SPDX-License-Identifier: MIT */
/* Byte streams: TCP connections, pipes, files and terminals open to a struct leat_stream *.
 *
 *     while ((n = leat_read(conn, buf, sizeof buf)) > 0)
 *         if ((n = leat_write_all(conn, buf, (size_t)n)) < 0)
 *             break;
 *
 * One reader and one writer may act on a stream at the same time; a second of either is a checked
 * bug. Any task may shut a stream down: pending calls then end. */
#ifndef LEAT_IO_H
#define LEAT_IO_H

#include <leat/api.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

LEAT_BEGIN

struct leat_stream; /* owned by its opener, freed by leat_close_stream */

/* Make a stream of an open file descriptor, which the stream then owns (on failure the caller
 * still does). Its flags are left as they are: O_NONBLOCK belongs to the open file, which other
 * processes may share. Returns -EBADF, -EISDIR, -ENOMEM, -EINVAL (a socket that listens: it has
 * connections, not bytes). */
LEAT_API LEAT_MUST_CHECK int leat_stream_open_fd(struct leat_stream **ret, int fd);

/* Read at least one and up to `bytes` bytes.
 * Returns the count, 0 at the end of the stream, or -errno. Cancel: a read that came in time is
 * returned, never lost; on error nothing was consumed. */
LEAT_API LEAT_MUST_CHECK ssize_t leat_read(struct leat_stream *stream, void *data, size_t bytes);

/* Read exactly `bytes` bytes unless the stream ends first. Returns the count (less only at the end
 * of the stream), or -errno, when what had been read before is lost to the caller. */
LEAT_API LEAT_MUST_CHECK ssize_t leat_read_full(struct leat_stream *stream, void *data,
                                                size_t bytes);

/* Write at least one and up to `bytes` bytes. Returns the count or -errno (-EPIPE: the peer is
 * gone; no SIGPIPE is raised on sockets, nor in tasks, whose workers block signals). */
LEAT_API LEAT_MUST_CHECK ssize_t leat_write(struct leat_stream *stream, const void *data,
                                            size_t bytes);

/* Write all of it. Returns `bytes`, or -errno after an unknown part was written. */
LEAT_API LEAT_MUST_CHECK ssize_t leat_write_all(struct leat_stream *stream, const void *data,
                                                size_t bytes);

/* Stop both directions: pending and later calls end (reads 0 or -ECANCELED, writes -EPIPE or
 * -ECANCELED). Never blocks; any task or thread may call it while the stream is open. */
LEAT_API void leat_shutdown(struct leat_stream *stream);

/* End of what we write; the peer reads an end. Returns -ENOTSOCK on what is no socket. */
LEAT_API LEAT_MUST_CHECK int leat_shutdown_write(struct leat_stream *stream);

/* Shut down, wait until pending calls of other tasks have returned their buffers, close, free.
 * NULL is fine. Not a cancellation point. Returns nothing: use leat_file for files whose close
 * can fail and matters. */
LEAT_API void leat_close_stream(struct leat_stream *stream);

/* The file descriptor, still owned by the stream. For options and diagnostics. */
LEAT_API int leat_stream_fd(const struct leat_stream *stream);

LEAT_END

#endif

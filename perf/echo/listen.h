/* SPDX-License-Identifier: MIT */
/* listen.h: threads and sockets of the servers that make their own. */
#ifndef LEAT_PERF_ECHO_LISTEN_H
#define LEAT_PERF_ECHO_LISTEN_H

/* Run serve on one thread per worker, each with its own non-blocking listening socket; all share a
 * free port of the loopback address, which is printed for the load generator. */
void echo_serve(int workers, void (*serve)(int listener));

/* Let replies leave at once. */
void echo_no_delay(int fd);

#endif

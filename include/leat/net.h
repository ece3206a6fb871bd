/* SPDX-License-Identifier: MIT */
/* TCP: listen, accept, connect. Hosts are numeric addresses or names; names are resolved by
 * getaddrinfo on the blocking pool, numeric ones at once. */
#ifndef LEAT_NET_H
#define LEAT_NET_H

#include <leat/api.h>
#include <leat/io.h>

#include <stdint.h>

LEAT_BEGIN

struct leat_listener; /* owned by its opener, freed by leat_close_listener */

/* Listen on host:port; host NULL means every address (IPv6 and IPv4), port 0 any free port.
 * Returns -EADDRINUSE, -EACCES, -ENOENT (no such name), -EHOSTUNREACH (no name server
 * answers), -EINVAL ... */
LEAT_API LEAT_MUST_CHECK int leat_tcp_listen(struct leat_listener **ret, const char *host,
                                             uint16_t port);

/* The port it listens on. */
LEAT_API uint16_t leat_listener_port(const struct leat_listener *listener);

/* Wait for a connection. Any number of tasks may wait on one listener.
 * Returns -EMFILE and its kin when the process is out of descriptors (the connection stays queued
 * in the kernel: wait before trying again), -ECANCELED, -ETIMEDOUT. Failures of one connection
 * (-ECONNABORTED and its kin) are skipped. */
LEAT_API LEAT_MUST_CHECK int leat_accept(struct leat_listener *listener, struct leat_stream **ret);

/* Close and free; tasks waiting in leat_accept get -ECANCELED first. NULL is fine. */
LEAT_API void leat_close_listener(struct leat_listener *listener);

/* Connect, trying each address of the host in turn. Returns the last address's error.
 * Cancel: returns at once; a name that is being looked up is left to getaddrinfo(3). */
LEAT_API LEAT_MUST_CHECK int leat_tcp_connect(struct leat_stream **ret, const char *host,
                                              uint16_t port);

LEAT_END

#endif

/* SPDX-License-Identifier: MIT */
/* The world of a simulation: descriptors, pipes, sockets and files in memory, and what goes wrong
 * with them. world.c has operations in flight, world_op.c how they are made and their faults,
 * world_fd.c descriptors and pipes, world_socket.c sockets and world_stream.c what is sent over
 * them, world_file.c the tree of files, world_memory.c memory files, world_calls.c the system calls
 * that are no operations.
 *
 * It is a plain data structure: no thread, no clock of its own. Bytes arrive the moment they are
 * sent; what takes time, and comes in another order, are completions. What it does is held to a
 * kernel's by tests/conform.
 *
 * Its descriptors are numbers that no kernel gives out, from LEAT__WORLD_FD on, the lowest free one
 * first: so they never meet a real one, are the same in every process, and a call of the C library
 * that was not meant for them says EBADF.
 *
 * INVARIANTS
 *   I1  bytes sent = bytes received + bytes lost + bytes in buffers. Bytes are lost where an end is
 *       closed or reset that has not read them.
 *   I2  An operation that was taken is given back exactly once, and until then nobody but the world
 *       writes to its memory: what it may fill is poisoned, what it may read is summed up.
 *   I3  An open file lives while a descriptor or an operation in flight has it. */
#ifndef LEAT_SIM_WORLD_H
#define LEAT_SIM_WORLD_H

#include "reactor/op.h"
#include "sim/faults.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#define LEAT__WORLD_FD      (1 << 29)
#define LEAT__WORLD_FDS_MAX 1024

/* A ring of bytes on their way. */
struct leat__world_bytes {
    unsigned char *data;
    size_t         room, first, count;
};

struct leat__world_pipe {
    struct leat__world_bytes bytes;
    unsigned                 readers, writers;
};

enum leat__world_node_kind {
    LEAT__WORLD_FILE,
    LEAT__WORLD_FOLDER,
    LEAT__WORLD_LINK,
    LEAT__WORLD_NAME, /* that a local socket is bound to */
};

struct leat__world_entry {
    char                    *name;
    struct leat__node *node;
};

struct leat__node {
    enum leat__world_node_kind kind;
    uint64_t                   ino;
    unsigned                   mode, links, refs; /* links: names; refs: open files */
    int64_t                    changed;
    char                      *data; /* a file's bytes, a link's target with its NUL */
    size_t                     bytes, room;
    struct leat__world_entry  *entries; /* a folder's */
    size_t                     count, entries_room;
    struct leat__node   *parent; /* a folder's; the root's is itself */
    struct leat__world_socket *bound;  /* a name's; NULL once that is closed */
};

enum leat__world_socket_state {
    LEAT__WORLD_FRESH,
    LEAT__WORLD_LISTENS,
    LEAT__WORLD_CONNECTED, /* also once its peer is gone */
};

/* A memory file. */
struct leat__world_memory {
    unsigned char *data;
    size_t         bytes, room;
    int            seals;
    unsigned       refs; /* open files and mappings */
};

/* An open file that came with a packet. */
struct leat__world_passed {
    struct leat__world_passed *next;
    struct leat__world_open   *open;
};

struct leat__world_socket {
    int                           family, type;
    enum leat__world_socket_state state;
    bool                          bound, begun; /* begun: a connect that has not told its end */
    bool                          linger_none;  /* SO_LINGER of 0: a close is a reset */
    bool                          only_six;
    bool                          ended;  /* the peer sends no more */
    bool                          closed; /* the peer is gone: takes nothing either */
    bool                          shut_reading, shut_writing;
    bool                          half_open; /* what is sent goes nowhere, nothing comes */
    size_t                        swallowed; /* of what went nowhere */
    int                           error;     /* told once */
    struct leat__world_bytes      in;
    struct leat__world_passed    *passed; /* with its packets, in their order */
    struct leat__world_socket    *peer;
    struct leat__world_socket    *queue, *next; /* of a listener: those not accepted yet */
    int                           queued, backlog;
    struct leat__node      *name;
    struct sockaddr_storage       local, remote;
    socklen_t                     local_bytes, remote_bytes;
};

enum leat__world_open_kind {
    LEAT__WORLD_OPEN_NODE, /* a file or a folder */
    LEAT__WORLD_OPEN_READER,
    LEAT__WORLD_OPEN_WRITER,
    LEAT__WORLD_OPEN_SOCKET,
    LEAT__WORLD_OPEN_MEMORY,
    LEAT__WORLD_OPEN_BELL, /* doze.c */
};

/* An open file: what a descriptor stands for. */
struct leat__world_open {
    enum leat__world_open_kind kind;
    unsigned                   refs;
    int                        flags; /* O_* */
    uint64_t                   position;
    union {
        struct leat__node   *node;
        struct leat__world_pipe   *pipe;
        struct leat__world_socket *socket;
        struct leat__world_memory *memory;
        bool                       rung;
    };
};

struct leat__world {
    struct leat__world_open   *fds[LEAT__WORLD_FDS_MAX];
    pid_t                      owners[LEAT__WORLD_FDS_MAX]; /* 0: the program */
    unsigned                   open_count;
    struct leat__list          held; /* operations that were taken */
    unsigned                   held_count;
    struct leat__node   *root;
    uint64_t                   inodes;
    uint16_t                   port; /* the last one given out */
    struct leat__world_socket *named[LEAT__WORLD_FDS_MAX]; /* TCP's bound ones, by nothing */
    size_t                     named_count;
    size_t                     buffer_bytes; /* of a socket or pipe that is made now */
    uint64_t                   sent, received, lost;
};

extern struct leat__world leat__world;

/* Memory of the world's own; aborts without. */
void *leat__world_alloc(void *old, size_t bytes);

/* Something has become possible: operations that wait are tried anew, soon. */
void leat__world_changed(void);

/* ---- operations: world_op.c ---- */

/* Make it, with what goes wrong. `open`: of its descriptor, or NULL. Returns its result, or
 * -EAGAIN: not now. */
int leat__world_try(struct leat__world_open *open, struct leat__op *op);

/* For calls that are no operations: does this one go wrong? Returns 0, or how: -errno, or a way
 * that stands among the call's errors. */
int leat__world_wrong(enum leat__sim_call call, unsigned of, uint32_t rate, const char *what);

/* Of a descriptor of the real world: only what never waits is made, by the kernel. */
bool leat__world_is_real(const struct leat__op *op);
int  leat__world_make_real(struct leat__op *op);

/* ---- bytes ---- */

void   leat__world_bytes_init(struct leat__world_bytes *bytes, size_t room);
size_t leat__world_bytes_put(struct leat__world_bytes *bytes, const void *data, size_t count);
size_t leat__world_bytes_get(struct leat__world_bytes *bytes, void *data, size_t count, bool keep);
void   leat__world_bytes_lose(struct leat__world_bytes *bytes); /* and free them */

/* ---- descriptors: world_fd.c ---- */

/* NULL where there is none: -EBADF. */
struct leat__world_open *leat__world_open_at(int fd);

/* A descriptor for a new open file. Returns it, or -EMFILE and *open is let go. */
int  leat__world_fd_new(struct leat__world_open *open);
struct leat__world_open *leat__world_open_new(enum leat__world_open_kind kind, int flags);
void leat__world_open_drop(struct leat__world_open *open);

/* POLL* that hold now, whether asked for or not. */
unsigned leat__world_events(const struct leat__world_open *open);

int leat__world_close(int fd);

/* Descriptors belong to the process that got them; their numbers are of one table, so that all may
 * use them, and no two processes have the same. Another number for the open file of `fd`, of that
 * process: -EBADF, -EMFILE. All of a process's are closed. */
pid_t leat__world_owner(void); /* of what is made now */
int   leat__world_fd_copy(int fd, pid_t owner);
void  leat__world_close_of(pid_t owner);

int leat__world_pipe(int fds[2]);
int leat__world_pipe_room(struct leat__world_open *open, size_t room);

/* -EAGAIN: it would have to wait. */
int leat__world_pipe_read(struct leat__world_open *open, void *data, size_t bytes);
int leat__world_pipe_write(struct leat__world_open *open, const void *data, size_t bytes);

/* ---- sockets: world_socket.c, and world_stream.c ---- */

static inline bool leat__world_is_local(const struct leat__world_socket *socket)
{
    return socket->family == AF_UNIX;
}

int      leat__world_socket_new(int family, int type);
int      leat__world_socket_pair(int type, int fds[2]);
void     leat__world_socket_drop(struct leat__world_socket *socket);
unsigned leat__world_socket_events(const struct leat__world_socket *socket);
int      leat__world_bind(struct leat__world_socket *socket, const struct sockaddr *address,
                          socklen_t bytes);
int      leat__world_listen(struct leat__world_socket *socket, int backlog);
int      leat__world_accept(struct leat__world_socket *socket, int flags);
int      leat__world_connect(struct leat__world_socket *socket, const struct sockaddr *address,
                             socklen_t bytes);
int      leat__world_recv(struct leat__world_socket *socket, void *data, size_t bytes, int flags);
int      leat__world_send(struct leat__world_socket *socket, const void *data, size_t bytes);
int      leat__world_shutdown(struct leat__world_socket *socket, int how);

/* A packet with open files, and one with what came with it: up to *count descriptors, of the
 * receiver. -EAGAIN and the other errors of send and recv. */
#define LEAT__WORLD_PASSED_MAX 8
int leat__world_pass(struct leat__world_socket *socket, const void *data, size_t bytes,
                     const int *fds, size_t count);
int leat__world_receive(struct leat__world_socket *socket, void *data, size_t bytes, int *fds,
                        size_t *count);
void leat__world_passed_drop(struct leat__world_socket *socket);

/* The connection is lost: both ends read ECONNRESET once, and what was on its way is gone. */
void leat__world_reset(struct leat__world_socket *socket);

/* Data came for the peer, which reads no more and has sent its end: it answers with a reset. */
void leat__world_refuse(struct leat__world_socket *socket);

/* The network swallows all between the two ends; they hear of it after a quarter of an hour. */
void leat__world_half_open(struct leat__world_socket *socket);

/* ---- files: world_file.c; paths as openat(2) has them, and -errno ---- */

void leat__world_tree_begin(void);
void leat__world_tree_end(void);
void leat__world_node_drop(struct leat__node *node); /* a name or an open file less */
int  leat__world_openat(int dir_fd, const char *path, int flags, unsigned mode);
int  leat__world_statx(int dir_fd, const char *path, int flags, struct statx *ret);
int  leat__world_stat(int dir_fd, const char *path, int flags, struct stat *ret);
int  leat__world_unlink(const char *path, bool folder);
int  leat__world_make(const char *path, enum leat__world_node_kind kind, unsigned mode,
                      const char *target, struct leat__node **ret);
int  leat__world_find(const char *path, struct leat__node **ret);
ssize_t leat__world_dents(struct leat__world_open *open, void *data, size_t bytes);
int  leat__world_file_read(struct leat__world_open *open, void *data, size_t bytes,
                           uint64_t offset);
int  leat__world_file_write(struct leat__world_open *open, const void *data, size_t bytes,
                            uint64_t offset);

/* ---- memory files and mappings of them: world_memory.c ---- */

int  leat__world_memory_new(void); /* its descriptor, or -EMFILE */
void leat__world_memory_drop(struct leat__world_memory *memory);
int  leat__world_memory_resize(struct leat__world_memory *memory, size_t bytes);
int  leat__world_memory_write(struct leat__world_open *open, const void *data, size_t bytes);
int  leat__world_memory_seal(struct leat__world_memory *memory, int seals);

/* mmap(2), munmap(2) and mremap(2) of them; all mappings of a process. */
int  leat__world_map(void **ret, struct leat__world_memory *memory, size_t bytes, int protection,
                     int flags);
int  leat__world_unmap(const void *at);
int  leat__world_remap(void **ret, const void *old, size_t bytes);
void leat__world_unmap_of(pid_t owner);
bool leat__world_is_mapped(pid_t owner);
void leat__world_memory_end(void);

/* Put a file there before or while the program runs; folders on the way are made. */
void leat__sim_world_file(const char *path, const void *data, size_t bytes);

#endif

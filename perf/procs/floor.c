/* SPDX-License-Identifier: MIT */
/*
 * The least a call of another process costs. One at a time: two processes on two CPUs that sleep
 * on a word each in shared memory. Pipelined: 32 messages of 8 bytes into a socket, then 32 out.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"

enum { CALLS = 20000, WINDOW = 32 };

struct line {
    _Alignas(128) _Atomic uint32_t value;
};

struct pair {
    struct line *request, *reply; /* shared */
    uint32_t     next;
    int          socket;
};

static void wait_until(_Atomic uint32_t *word, uint32_t value)
{
    uint32_t seen;

    while ((seen = atomic_load(word)) != value)
        syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void set(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void serve_words(struct pair *pair)
{
    for (uint32_t i = 1; i != 0; i++) {
        wait_until(&pair->request->value, i);
        set(&pair->reply->value, i);
    }
}

static void call_words(void *data)
{
    struct pair *pair = data;

    for (int i = 0; i < CALLS; i++) {
        uint32_t number = ++pair->next;

        set(&pair->request->value, number);
        wait_until(&pair->reply->value, number);
    }
}

static void serve_socket(int socket)
{
    uint64_t value;

    while (read(socket, &value, sizeof value) == sizeof value)
        if (write(socket, &value, sizeof value) != sizeof value)
            return;
}

static void call_socket(void *data)
{
    int  socket = ((struct pair *)data)->socket;
    char reply[WINDOW * 8];

    for (int i = 0; i < CALLS; i += WINDOW) {
        size_t got = 0;

        for (uint64_t j = 0; j < WINDOW; j++)
            if (write(socket, &j, sizeof j) != sizeof j)
                perf_die("write", errno);
        while (got < sizeof reply) {
            ssize_t more = read(socket, reply, sizeof reply - got);

            if (more <= 0)
                perf_die("read", errno);
            got += (size_t)more;
        }
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    int              pipelined = strcmp(args.question, "procs_pipelined") == 0, sockets[2];
    struct line     *lines = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                  -1, 0);
    struct pair      pair = { .request = lines, .reply = lines + 1 };
    pid_t            pid;

    if (lines == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
        perf_die("setting up", errno);
    if (perf_cpu_count() < 2)
        perf_skip("two CPUs are needed");
    pid = fork();
    if (pid == 0) {
        perf_bind(1);
        close(sockets[0]);
        if (pipelined)
            serve_socket(sockets[1]);
        else
            serve_words(&pair);
        _exit(0);
    }
    close(sockets[1]);
    perf_bind(0);
    pair.socket = sockets[0];
    perf_repeat_ns(&args, CALLS * 1000.0, pipelined ? call_socket : call_words, &pair);
    close(sockets[0]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}

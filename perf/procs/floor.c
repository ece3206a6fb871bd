/* SPDX-License-Identifier: MIT */
/*
 * The least a call of another process costs. One at a time: two processes on two CPUs that sleep
 * on a word each in shared memory. Pipelined: 32 messages of 8 bytes into a socket, then 32 out.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"
#define PERF_WORDS_ARE_SHARED
#include "word.h"

enum { CALLS = 20000, WINDOW = 32 };

struct pair {
    struct perf_word *request, *reply; /* shared */
    uint32_t          next;
    int               socket;
};

static void serve_words(struct pair *pair)
{
    for (uint32_t i = 1; i != 0; i++) {
        perf_word_wait(pair->request, i);
        perf_word_set(pair->reply, i);
    }
}

static void call_words(void *data)
{
    struct pair *pair = data;

    for (int i = 0; i < CALLS; i++) {
        uint32_t number = ++pair->next;

        perf_word_set(pair->request, number);
        perf_word_wait(pair->reply, number);
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
    struct perf_word *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                                   -1, 0);
    struct pair      pair = { .request = words, .reply = words + 1 };
    pid_t            pid;

    if (words == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
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

/* SPDX-License-Identifier: MIT */
/* What the simulated world watches over: memory in flight, descriptors, bytes; and what goes wrong
 * in it. That it does what a kernel does is for tests/conform_sim. */
#include "harness/test.h"
#include "reactor/op.h"
#include "sim/sim.h"
#include "sim/world.h"
#include "sim/world_calls.h"

#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct leat__sim_outcome outcome;

struct program {
    int (*fn)(void *arg);
    void *arg;
};

static int run_program(void *arg)
{
    struct program *program = arg;

    return leat_run(program->fn, program->arg, NULL);
}

/* Without faults unless `harm` adds some. */
static void simulate(int (*fn)(void *arg), void *arg, uint64_t seed,
                     void (*harm)(struct leat__sim_config *config))
{
    struct program program = { fn, arg };
    struct leat__sim_config config;

    leat__sim_draw(&config, seed);
    config.faults_end = 0;
    if (harm)
        harm(&config);
    leat__sim_once(run_program, &program, &config, &outcome);
}

static int (*faulty)(void *arg);

/* In a child: a simulation that found something is the last one of its process. */
static void simulate_faulty(void)
{
    simulate(faulty, NULL, 1, NULL);
    fputs(outcome.text, stderr);
    _exit(outcome.failed ? 3 : 0);
}

/* ---- memory in flight ---- */

static char buffer[16];

static int reads(void *arg)
{
    struct leat__op op = { .code = LEAT__OP_READ, .fd = *(int *)arg, .data = buffer, .bytes = 16 };

    return leat__op_run(&op);
}

static int writes_to_a_buffer_in_flight(void *arg)
{
    int fds[2];
    LEAT_SCOPE(scope);

    (void)arg;
    if (leat__sim_pipe2(fds, 0) < 0)
        return -errno;
    leat_spawn(&scope, reads, &fds[0]);
    (void)leat_sleep(LEAT_MSEC);
    buffer[3] = 'x';
    (void)leat__sim_write(fds[1], "late", 4);
    return leat_scope_join(&scope);
}

LEAT_TEST(sim_world, a_write_to_a_buffer_in_flight_is_found)
{
    faulty = writes_to_a_buffer_in_flight;
    expect_exits(simulate_faulty, 3, "was written to, at byte 3");
}

static int sends(void *arg)
{
    struct leat__op op = { .code = LEAT__OP_SEND, .fd = *(int *)arg, .source = buffer,
                           .bytes = 16 };

    return leat__op_run(&op);
}

static int changes_what_is_being_sent(void *arg)
{
    char data[64];
    int fds[2], room;
    LEAT_SCOPE(scope);

    (void)arg;
    if (leat__sim_socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return -errno;
    while ((room = (int)leat__sim_write(fds[0], data, sizeof data)) > 0)
        continue; /* until the send has to wait */
    leat_spawn(&scope, sends, &fds[0]);
    (void)leat_sleep(LEAT_MSEC);
    buffer[3]++;
    (void)leat__sim_close(fds[1]);
    return leat_scope_join(&scope);
}

LEAT_TEST(sim_world, a_change_of_what_is_being_sent_is_found)
{
    faulty = changes_what_is_being_sent;
    expect_exits(simulate_faulty, 3, "was changed while it was in flight");
}

/* ---- descriptors ---- */

static int leaves_a_descriptor_open(void *arg)
{
    int fds[2];

    (void)arg;
    return leat__sim_pipe2(fds, 0) < 0 || leat__sim_close(fds[0]) < 0 ? -errno : 0;
}

LEAT_TEST(sim_world, a_descriptor_left_open_is_found)
{
    faulty = leaves_a_descriptor_open;
    expect_exits(simulate_faulty, 3, "was left open (1 in all)");
}

/* ---- faults ---- */

static void all_kinds(struct leat__sim_config *config)
{
    config->faults_end = LEAT_NEVER;
    config->no_memory = config->no_thread = 0;
    config->io_error = 30;
    config->io_short = 300;
    config->io_late = 100;
    config->reorder = 300;
}

/* A socket is not to be had: the process, or the system, is out of what it takes. */
static bool is_exhausted(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS;
}

static struct {
    unsigned ended, failed, timed_out;
} clients;

static int serve_one(void *arg)
{
    struct leat_stream *stream = *(struct leat_stream **)arg;
    char data[64];
    ssize_t n;
    LEAT_LIMIT(LEAT_MINUTE);

    while ((n = leat_read(stream, data, sizeof data)) > 0)
        if ((n = leat_write_all(stream, data, (size_t)n)) < 0)
            break;
    leat_close_stream(stream);
    return 0;
}

static int serve(void *arg)
{
    struct leat_listener *listener = arg;
    struct leat_stream *stream;
    int err;
    LEAT_SCOPE(scope);

    while ((err = leat_accept(listener, &stream)) != -ECANCELED)
        if (err == 0)
            (void)leat_spawn_with(&scope, serve_one, &stream, sizeof stream);
        else
            (void)leat_sleep(LEAT_MSEC);
    return leat_scope_join(&scope);
}

static int talk(void *arg)
{
    static const char question[] = "what comes back is what was sent, or nothing more of it";
    uint16_t port = *(uint16_t *)arg;
    struct leat_stream *stream;
    char answer[sizeof question];
    ssize_t n;
    LEAT_LIMIT(LEAT_MINUTE);

    n = leat_tcp_connect(&stream, "localhost", port);
    if (n == 0) {
        n = leat_write_all(stream, question, sizeof question);
        if (n > 0)
            n = leat_read_full(stream, answer, sizeof answer);
        if (n > 0 && memcmp(question, answer, (size_t)n) != 0)
            leat__sim_fail("the answer is not the question");
        leat_close_stream(stream);
    }
    clients.ended++;
    clients.failed += n != (ssize_t)sizeof question;
    clients.timed_out += n == -ETIMEDOUT;
    return 0;
}

static int echo(void *arg)
{
    struct leat_listener *listener;
    uint16_t port;
    int err = leat_tcp_listen(&listener, "127.0.0.1", 0);
    LEAT_SCOPE(server);

    (void)arg;
    if (err)
        return is_exhausted(err) ? 0 : err;
    port = leat_listener_port(listener);
    leat_spawn(&server, serve, listener);
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 8; i++)
            leat_spawn(&scope, talk, &port);
        err = leat_scope_join(&scope);
    }
    leat_scope_cancel(&server);
    (void)leat_scope_join(&server);
    leat_close_listener(listener);
    return err;
}

LEAT_TEST(sim_world, an_echo_survives_faults_and_everybody_is_told)
{
    size_t seeds = test_rounds(300, 20000);

    for (uint64_t seed = 1; seed <= seeds && !test_failed(); seed++) {
        simulate(echo, NULL, seed, all_kinds);
        if (outcome.failed || outcome.result)
            test_fail("seed %llu: %d, %s", (unsigned long long)seed, outcome.result,
                      outcome.text);
    }
    expect_gt(clients.ended, 6 * seeds);
    expect_gt(clients.failed, clients.ended / 20);
    expect_lt(clients.failed, clients.ended);
    expect_gt(clients.timed_out, 0);
    printf("%u clients, %u failed, %u of them by time\n", clients.ended, clients.failed,
           clients.timed_out);
}

/* ---- any single fault ---- */

/* A service that stops at the first connection it cannot take, or goes on. */
static bool is_fragile;

static int serve_until_cancelled(void *arg)
{
    struct leat_listener *listener = arg;
    struct leat_stream *stream;
    int err;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    while ((err = leat_accept(listener, &stream)) != -ECANCELED) {
        if (err == 0)
            (void)leat_spawn_with(&scope, serve_one, &stream, sizeof stream);
        else if (is_fragile)
            return err;
        else
            (void)leat_sleep(LEAT_MSEC);
    }
    return leat_scope_join(&scope);
}

static ssize_t ask(uint16_t port)
{
    struct leat_stream *stream;
    char answer;
    ssize_t n = leat_tcp_connect(&stream, "127.0.0.1", port);
    LEAT_LIMIT(10 * LEAT_SEC);

    if (n)
        return n;
    n = leat_write_all(stream, "?", 1);
    if (n > 0)
        n = leat_read_full(stream, &answer, 1);
    leat_close_stream(stream);
    return n;
}

/* Whatever befell the first two clients, a third is served. */
static int service(void *arg)
{
    struct leat_listener *listener;
    ssize_t served = -ENOENT;
    int err = leat_tcp_listen(&listener, "127.0.0.1", 0);
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    (void)arg;
    if (err)
        return is_exhausted(err) ? 0 : err;
    leat_spawn(&scope, serve_until_cancelled, listener);
    for (int i = 0; i < 3 && served != 1; i++)
        served = ask(leat_listener_port(listener));
    leat_scope_cancel(&scope);
    (void)leat_scope_join(&scope);
    leat_close_listener(listener);
    return served == 1 ? 0 : -EPROTO;
}

LEAT_TEST(sim_world, a_service_that_goes_on_survives_any_single_fault)
{
    static struct leat_sim_report report;

    is_fragile = false;
    expect_ok(leat_sim_fault_everywhere(service, NULL, LEAT_SIM_OPTIONS(.seeds = 20,
                                                                         .report = &report)));
    expect_gt(report.suspensions, 20 * 20);
    printf("%llu faults in %llu runs\n", (unsigned long long)report.suspensions,
           (unsigned long long)report.seeds);
}

LEAT_TEST(sim_world, a_service_that_gives_up_is_found_by_the_fault_that_ends_it)
{
    static struct leat_sim_report report;

    is_fragile = true;
    expect_err(leat_sim_fault_everywhere(service, NULL, LEAT_SIM_OPTIONS(.report = &report)),
               -EPROTO);
    expect_contains(report.again, "fault_at=");
    expect_contains(report.again, "fault_kind=");
    expect_contains(report.text, "the last decisions");
    expect_contains(report.text, "the one fault: accept gave EMFILE");
}

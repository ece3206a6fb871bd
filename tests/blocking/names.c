/* SPDX-License-Identifier: MIT */
/* A real name look-up that hangs: its name server is a socket that never answers, in a network and
 * a view of /etc of the test's own. */
#include "harness/test.h"

#include <leat/leat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

static bool raise_loopback(void)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;

    close(fd);
    return up;
}

/* Returns the server's socket, or -1 where it cannot be had. */
static int hide_behind_a_deaf_server(void)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char resolver[300], order[300];
    int fd;

    snprintf(resolver, sizeof resolver, "%s/resolv.conf", test_tempdir());
    snprintf(order, sizeof order, "%s/nsswitch.conf", test_tempdir());
    test_write_file(resolver, "nameserver 127.0.0.1\n", 21);
    test_write_file(order, "hosts: dns\n", 11);
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(resolver, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0 ||
        mount(order, "/etc/nsswitch.conf", NULL, MS_BIND, NULL) < 0 || !raise_loopback())
        return -1;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_by_name(void *arg)
{
    struct leat_stream *stream;

    (void)arg;
    return leat_tcp_connect(&stream, "nowhere.example", 80);
}

/* Cancelled when the question has come to the server, which is when the look-up hangs. */
static int cancel_when_asked(void *arg)
{
    const int *server = arg;
    char question[512];
    LEAT_SCOPE(scope);

    leat_spawn(&scope, connect_by_name, NULL);
    while (recv(*server, question, sizeof question, 0) < 0)
        expect_ok(leat_sleep(LEAT_MSEC));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    return 0;
}

static void look_up_and_cancel(void)
{
    int server = hide_behind_a_deaf_server();
    leat_time begin = leat_now();

    if (server < 0) {
        printf("no network of one's own here: nothing was tried\n");
        fflush(NULL);
        _exit(0);
    }
    expect_ok(leat_run(cancel_when_asked, &server,
                       LEAT_OPTIONS(.workers = 1, .stop_ns = 10 * LEAT_MSEC,
                                    .log_level = LEAT_LOG_ERROR)));
    /* The C library asks for ten seconds: twice five. */
    expect_lt(leat_now() - begin, 4 * LEAT_SEC);
    fflush(NULL);
    _exit(test_failed() ? 1 : 0); /* the look-up is left behind */
}

LEAT_TEST(blocking_names, cancel_of_a_real_look_up_returns_at_once)
{
    if (getuid() != 0 || TEST_EMULATED)
        test_skip("only root has a network of its own");
    expect_exits(look_up_and_cancel, 0, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A plain thread that sleeps on descriptors of the world (platform/doze.h): a bell among them is
 * the eventfd by which others wake it. Of a real descriptor the world hears nothing, so who has one
 * looks at it now and then. */
#include "platform/doze.h"

#include "base/clamp.h"
#include "sim/kernel.h"
#include "sim/sim.h"
#include "sim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#define LOOK_NS (20 * LEAT_MSEC)

int leat__doze_open(void)
{
    int err;

    if (!leat__sim_on)
        return leat__kernel_doze_open();
    err = leat__world_wrong(LEAT__SIM_DESCRIPTOR, 0, leat__sim_config()->io_error, "eventfd");
    return err ? err : leat__world_fd_new(leat__world_open_new(LEAT__WORLD_OPEN_BELL, O_RDWR));
}

void leat__doze_close(int fd)
{
    if (leat__sim_on)
        (void)leat__world_close(fd);
    else
        leat__kernel_doze_close(fd);
}

void leat__doze_wake(int fd)
{
    struct leat__world_open *open;

    if (!leat__sim_on) {
        leat__kernel_doze_wake(fd);
        return;
    }
    leat__sim_point();
    open = leat__world_open_at(fd);
    if (!open || open->kind != LEAT__WORLD_OPEN_BELL)
        leat__sim_fail("a thread that dozes was woken by descriptor %d, which is not its", fd);
    open->rung = true;
    leat__sim_wake(&leat__world, INT_MAX);
}

/* Returns how many of them have what they are asked for. */
static int look(struct pollfd *fds, size_t count, leat_time *until)
{
    int found = 0;

    for (size_t i = 0; i < count; i++) {
        struct leat__world_open *open = leat__world_open_at(fds[i].fd);
        unsigned events = open ? leat__world_events(open) : POLLNVAL;

        fds[i].revents = (short)(events & ((unsigned)fds[i].events | POLLERR | POLLHUP | POLLNVAL));
        if (fds[i].fd < LEAT__WORLD_FD) {
            leat__kernel_doze(&fds[i], 1, 0);
            *until = leat__time_min(*until, leat__sim_now() + LOOK_NS);
        }
        found += fds[i].revents != 0;
    }
    return found;
}

void leat__doze(struct pollfd *fds, size_t count, leat_time until)
{
    if (!leat__sim_on) {
        leat__kernel_doze(fds, count, until);
        return;
    }
    leat__sim_point();
    if (look(fds, count, &until) > 0 || leat__sim_now() >= until)
        return;
    (void)leat__sim_block(&leat__world, until, "dozes on descriptors", true);
    (void)look(fds, count, &until);
}

/* SPDX-License-Identifier: MIT */
/* What both back ends share: the choice between them, and waking. See reactor.h. */
#include "reactor/reactor.h"

#include "reactor/own.h"
#include "sched/sched.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int leat__reactor_create(struct leat__reactor **ret, enum leat_reactor kind, const char **why)
{
    int err = -ENOSYS;

    *why = NULL;
    if (kind != LEAT_REACTOR_EPOLL) {
#ifdef LEAT_HAVE_URING
        err = leat__uring_create(ret, why);
#else
        *why = "leat was built without liburing";
#endif
        if (err == 0 || kind == LEAT_REACTOR_IO_URING)
            return err;
        /* Out of descriptors: epoll needs them too, and falling back would only hide it. */
        if (err == -EMFILE || err == -ENFILE)
            return err;
    }
    return leat__epoll_create(ret);
}

void leat__reactor_destroy(struct leat__reactor *reactor)
{
    if (reactor)
        reactor->kind->destroy(reactor);
}

int leat__reactor_init(struct leat__reactor *reactor, const struct leat__reactor_kind *kind)
{
    reactor->kind = kind;
    reactor->poller.wake = leat__reactor_wake;
    reactor->poller.rouse = leat__reactor_get_up;
    leat__list_init(&reactor->late);
    reactor->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (reactor->wake_fd < 0)
        return -errno;
    leat__own(reactor->wake_fd);
    return 0;
}

void leat__reactor_fini(struct leat__reactor *reactor)
{
    leat__disown(reactor->wake_fd);
    close(reactor->wake_fd);
}

void leat__reactor_wake(struct leat__poller *poller)
{
    struct leat__reactor *reactor = leat__container_of(poller, struct leat__reactor, poller);

    /* O1: releases what was pushed before; the order of the two exchanges does the rest. The
     * counter is never read, so a write can't fill it: 2^64 of them don't happen. */
    if (exchange_acq_rel(&reactor->signal, LEAT__REACTOR_NOTIFIED) == LEAT__REACTOR_SLEEPING)
        (void)!write(reactor->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

bool leat__reactor_doze(struct leat__reactor *reactor)
{
    uint32_t seen = LEAT__REACTOR_AWAKE;

    if (!leat__list_empty(&reactor->late))
        return false;
    /* acquire on failure: what the waker pushed (O1) */
    if (cas_acq_rel(&reactor->signal, &seen, LEAT__REACTOR_SLEEPING))
        return true;
    /* O1: acquires what the waker pushed; the worker looks at it now instead of sleeping. */
    (void)exchange_acquire(&reactor->signal, LEAT__REACTOR_AWAKE);
    return false;
}

void leat__reactor_rouse(struct leat__reactor *reactor)
{
    /* O1: acquires what wakers pushed. Whoever wakes after this finds AWAKE and marks it. */
    (void)exchange_acquire(&reactor->signal, LEAT__REACTOR_AWAKE);
}

void leat__reactor_get_up(struct leat__poller *poller)
{
    struct leat__reactor *reactor = leat__container_of(poller, struct leat__reactor, poller);

    leat__reactor_rouse(reactor);
    leat__token_leave(&reactor->token); /* which the doze kept */
}

int leat__reactor_add(int epoll_fd, int fd, uint64_t tag)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = tag };

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

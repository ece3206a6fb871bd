/* SPDX-License-Identifier: MIT */
/* Sleeping and yielding. */
#include "base/clamp.h"
#include "platform/clock.h"
#include "sched/sched.h"
#include "task/self.h"

#include <leat/task.h>

void leat_yield(void)
{
    leat__give_way();
}

int leat_sleep_until(leat_time when)
{
    static const struct leat__reason reason = { "have slept", LEAT__ABOUT_NOTHING, LEAT__OUTER };
    struct leat__self *self = leat__self();
    struct leat__wait wait;
    enum leat__cause cause;
    bool own;
    int err = leat__checkpoint(self);

    if (err)
        return err;
    if (when <= leat__clock_now()) {
        leat_yield();
        return leat_cancelled();
    }
    leat__self_reason(self, &reason, NULL);
    err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, when);
    if (err)
        return err;
    cause = leat__wait_park(&wait, NULL);
    return leat__wait_error(&wait, cause, &own);
}

int leat_sleep(leat_time delay)
{
    return leat_sleep_until(leat__time_add(leat__clock_now(), leat__time_max(delay, 0)));
}

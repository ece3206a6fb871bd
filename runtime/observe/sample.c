/* SPDX-License-Identifier: MIT */
/* See sample.h.
 *
 * The handler copies registers and stack, through the kernel, and the asker unwinds the copy: an
 * unwinder asks the loader for its objects, under a lock that the interrupted code may hold. The
 * copy is static, so asking needs no memory.
 *
 * INVARIANTS
 *   I1  What is asked and answered belongs to the asker, who has the lock, in FREE and TAKEN, and
 *       to the handler in COPYING. In ASKED whoever swaps it away first has it.
 *   I2  The handler takes no lock, so an asker may be asked meanwhile: two tasks that dump each
 *       other both get their answers.
 * ORDERING
 *   O1  The handler's TAKEN releases the copy to the asker's acquire. */
#include "observe/sample.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "platform/peek.h"
#include "platform/unwind.h"
#include "task/self.h"

#include <errno.h>
#include <pthread.h>

#define COPY_BYTES ((size_t)64 * 1024)
#define ANSWER_NS  (50 * LEAT_MSEC)

enum { FREE, ASKED, COPYING, TAKEN };

static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

static struct {
    LEAT_ATOMIC(uint32_t)    state;
    struct leat__worker     *worker; /* asked */
    const struct leat__task *task;
    struct leat__registers   registers;
    size_t                   copied;
    unsigned char            copy[COPY_BYTES];
} answer;

/* The task that runs on the fiber. Its self lies on the stack that was interrupted. */
static const struct leat__task *task_on(const struct leat__fiber *fiber)
{
    struct leat__self self;

    return fiber->self && leat__peek(fiber->self, &self, sizeof self) ? self.task : NULL;
}

/* In the handler of the workers' signal. */
static void copy(struct leat__worker *worker, void *context)
{
    uint32_t asked = ASKED;
    struct leat__fiber *fiber = leat__worker_face(worker)->running;
    const struct leat__stack *stack = fiber ? fiber->stack : NULL;
    size_t live;

    /* acquire: pairs with the release of ASKED, for `worker` */
    if (load_acquire(&answer.state) != ASKED || answer.worker != worker ||
        !cas_acquire(&answer.state, &asked, COPYING))
        return;
    answer.registers = leat__interrupted_registers(context);
    answer.copied = 0;
    answer.task = NULL;
    if (stack && leat__stack_contains(stack, answer.registers.sp)) {
        answer.task = task_on(fiber);
        live = (uintptr_t)stack - (uintptr_t)answer.registers.sp;
        live = live < COPY_BYTES ? live : COPY_BYTES;
        if (leat__peek(answer.registers.sp, answer.copy, live))
            answer.copied = live;
    }
    store_release(&answer.state, TAKEN); /* O1: pairs with the acquire in ask */
    leat__futex_wake((const void *)&answer.state, 1);
}

void leat__sample_install(void)
{
    leat__sched_sample_by(copy);
}

/* With the lock. True: the answer is there, and ours. */
static bool ask(struct leat__sched *sched, unsigned index)
{
    leat_time deadline = leat__time_add(leat__clock_now(), ANSWER_NS);
    uint32_t state;

    answer.worker = leat__sched_worker(sched, index);
    store_release(&answer.state, ASKED); /* pairs with the acquire in copy */
    if (!leat__sched_signal(sched, index)) {
        store_relaxed(&answer.state, FREE); /* relaxed: nobody was asked */
        return false;
    }
    while ((state = load_acquire(&answer.state)) != TAKEN) { /* O1 */
        uint32_t asked = ASKED;

        if (leat__futex_wait((const void *)&answer.state, state,
                             state == COPYING ? LEAT_NEVER : deadline) == -ETIMEDOUT &&
            cas_relaxed(&answer.state, &asked, FREE)) /* relaxed: it never was the handler's */
            return false;
    }
    return true;
}

bool leat__sample_take(struct leat__sample *ret, struct leat__sched *sched, unsigned index)
{
    struct leat__stack_piece piece = { .copy = answer.copy };
    bool answered;

    pthread_mutex_lock(&asking);
    answered = ask(sched, index);
    if (answered) {
        piece.begin = (uintptr_t)answer.registers.sp;
        piece.bytes = answer.copied;
        ret->task = answer.task;
        ret->count = leat__unwind(&answer.registers, leat__stack_piece_read, &piece, ret->frames,
                                  LEAT__FRAMES_MAX);
        store_relaxed(&answer.state, FREE); /* relaxed: ours */
    }
    pthread_mutex_unlock(&asking);
    return answered;
}

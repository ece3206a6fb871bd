/* SPDX-License-Identifier: MIT */
/* See sample.h.
 *
 * The handler copies registers and stack, through the kernel, and the asker unwinds the copy: an
 * unwinder asks the loader for its objects, under a lock that the interrupted code may hold. The
 * copy is static, so asking needs no memory.
 *
 * INVARIANTS
 *   I1  What is answered belongs to the asker, who has the lock, in FREE and TAKEN, and to the
 *       handler in COPYING. In ASKED whoever swaps it away first has it.
 *   I2  The handler takes no lock, so an asker may be asked meanwhile: two tasks that dump each
 *       other both get their answers.
 *   I3  A handler may be held up between its look at the state and its swap, until the asker gave
 *       up and another asks: the state carries the question's number, so that it swaps only what
 *       it looked at, and `worker` was the one of that question.
 * ORDERING
 *   O1  The handler's TAKEN releases the copy to the asker's acquire.
 *   O2  ASKED releases `worker`; it is written again only when that question is over, and a
 *       handler that read it anew fails its swap. */
#include "observe/sample.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "platform/peek.h"
#include "platform/unwind.h"
#include "task/walk.h"

#include <errno.h>
#include <pthread.h>

#define COPY_BYTES ((size_t)64 * 1024)
#define ANSWER_NS  (50 * LEAT_MSEC)

enum { FREE, ASKED, COPYING, TAKEN, PHASES };

static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

static struct {
    LEAT_ATOMIC(uint32_t) state; /* PHASES * the question's number + its phase */
    LEAT_ATOMIC(struct leat__worker *) worker; /* asked */
    const struct leat__task *task;
    struct leat__registers   registers;
    size_t                   copied;
    unsigned char            copy[COPY_BYTES];
} answer;

/* The task that runs on the fiber, and how much is in use of the interrupted stack, on which its
 * self lies. False: the stack pointer is elsewhere. */
static bool find_live(const struct leat__fiber *fiber, uintptr_t sp, size_t *ret)
{
    struct leat__self self;
    struct leat__stack stack;

    if (!leat__self_look(&self, fiber) || !leat__peek(self.stack, &stack, sizeof stack) ||
        sp < (uintptr_t)stack.low || sp >= (uintptr_t)self.stack)
        return false;
    answer.task = self.task;
    *ret = (uintptr_t)self.stack - sp;
    return true;
}

/* In the handler of the workers' signal. */
static void copy(struct leat__worker *worker, void *context)
{
    uint32_t asked = load_acquire(&answer.state); /* O2 */
    struct leat__fiber *fiber = leat__worker_face(worker)->running;
    size_t live;

    /* relaxed: I3. acquire: what the asker of before read of the answer is read */
    if (asked % PHASES != ASKED || load_relaxed(&answer.worker) != worker ||
        !cas_acquire(&answer.state, &asked, asked - ASKED + COPYING))
        return;
    answer.registers = leat__interrupted_registers(context);
    answer.copied = 0;
    answer.task = NULL;
    if (fiber && find_live(fiber, (uintptr_t)answer.registers.sp, &live)) {
        live = live < COPY_BYTES ? live : COPY_BYTES;
        if (leat__peek(answer.registers.sp, answer.copy, live))
            answer.copied = live;
    }
    store_release(&answer.state, asked - ASKED + TAKEN); /* O1: pairs with ask */
    leat__futex_wake((const void *)&answer.state, 1);
}

void leat__sample_install(void)
{
    leat__sched_sample_by(copy);
}

/* With the lock. True: it is over without an answer. relaxed: the handler saw nothing of it. */
static bool withdraw(uint32_t number)
{
    uint32_t asked = number + ASKED;

    return cas_relaxed(&answer.state, &asked, number + FREE);
}

/* With the lock. True: the answer is there, and ours until the next question. An earlier signal may
 * be late, so that even a question that could not be sent is answered. */
static bool ask(struct leat__sched *sched, unsigned index)
{
    leat_time deadline = leat__time_add(leat__clock_now(), ANSWER_NS);
    uint32_t state = load_relaxed(&answer.state); /* relaxed: it changes with the lock only */
    uint32_t number = state - state % PHASES + PHASES;

    store_relaxed(&answer.worker, leat__sched_worker(sched, index)); /* relaxed: O2 */
    store_release(&answer.state, number + ASKED); /* O2: pairs with the acquire in copy */
    if (!leat__sched_signal(sched, index) && withdraw(number))
        return false;
    while ((state = load_acquire(&answer.state)) != number + TAKEN) /* O1 */
        if (leat__futex_wait((const void *)&answer.state, state,
                             state == number + COPYING ? LEAT_NEVER : deadline) == -ETIMEDOUT &&
            withdraw(number))
            return false;
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
    }
    pthread_mutex_unlock(&asking);
    return answered;
}

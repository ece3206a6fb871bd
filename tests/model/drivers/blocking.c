/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c task/offload.c
 * model: sources blocking/call.c blocking/pool.c blocking/owned.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__BLOCKING_SPIN_NS=0 -Dcalloc=played_calloc
 * model: flags -Dfree=played_free
 *
 * The blocking pool itself, with its quotas: at most as many calls of a kind run as its quota says,
 * and whichever call may run does, though others hang, are cancelled, or have no thread. With two
 * threads the program's own calls and names have a quota of one each, and files of two. */
#include <errno.h>

#include "tasks.h"
#include "blocking/owned.h"
#include "blocking/pool.h"
#include "blocking/report.h"
#include "platform/futex.h"
#include "platform/thread.h"

enum { OWN = 7 }; /* what a call gives */

static struct leat__blocking *pool;
static struct leat__scope scope;
static LEAT_ATOMIC(uint32_t) inside; /* calls that run, of the kind with a quota of one */
static LEAT_ATOMIC(uint32_t) files;  /* read, ... */
static uint32_t files_wanted;        /* ... and for how many a call hangs */
static bool stopped;
static int drops;

/* ---- what the pool stands on ---- */

void *played_calloc(size_t count, size_t bytes)
{
    return model_alloc(count * bytes);
}

void played_free(void *memory)
{
    if (memory)
        model_plain_write(memory); /* whoever used it must be done */
}

struct leat__runtime *leat__runtime_current(void)
{
    return &runtime;
}

void leat__runtime_adopt(struct leat__runtime *mine)
{
    (void)mine;
}

void leat__log(struct leat__runtime *of, enum leat_log_level level, const char *format, ...)
{
    (void)of;
    (void)level;
    (void)format;
}

void leat__blocking_name(char *name, size_t bytes, int (*fn)(void *arg))
{
    (void)bytes;
    (void)fn;
    name[0] = '\0';
}

/* The first `places` threads of the model are the pool's, once it starts them. */
static struct place {
    void (*fn)(void *arg);
    void *arg;
    LEAT_ATOMIC(uint32_t) ended;
} place[TASKS];
static int places, starters; /* starters: threads that may yet start one */

static int start(struct leat__thread *thread, const struct leat__thread_options *options,
                 void (*fn)(void *arg), void *arg)
{
    (void)options;
    for (int i = 1; i <= places; i++) {
        if (place[i].fn)
            continue;
        place[i].fn = fn;
        place[i].arg = arg;
        starters++;
        thread->handle = (pthread_t)i;
        if (model_self() > 0)
            model_wake(i);
        return 0;
    }
    return -EAGAIN;
}

int leat__thread_start(struct leat__thread *thread, const struct leat__thread_options *options,
                       void (*fn)(void *arg), void *arg)
{
    return start(thread, options, fn, arg);
}

void leat__thread_join(struct leat__thread *thread)
{
    struct place *of = &place[thread->handle];

    while (!load_acquire(&of->ended))
        leat__futex_wait(&of->ended, 0, LEAT_NEVER);
}

void leat__thread_detach(struct leat__thread *thread)
{
    (void)thread;
}

static void start_no_more(void)
{
    if (--starters > 0)
        return;
    for (int i = 1; i <= places; i++)
        model_wake(i);
}

static void run_place(void *arg)
{
    struct place *mine = &place[model_self()];

    (void)arg;
    while (!mine->fn && starters > 0)
        model_sleep();
    if (!mine->fn)
        return;
    mine->fn(mine->arg);
    start_no_more();
    store_release(&mine->ended, 1);
    leat__futex_wake(&mine->ended, 1);
}

/* ---- calls, whose callers do not wait (that is offload.c's) ---- */

static struct call {
    struct leat__offload offload;
    enum leat__blocking_kind kind;
    int runs;
} calls[4];

static int hand_over(int i, enum leat__blocking_kind kind, int (*fn)(void *arg))
{
    struct call *call = &calls[i];
    struct leat__offload_pool *port = leat__blocking_port(pool, kind);

    call->offload.fn = fn;
    call->offload.arg = call;
    call->offload.waiter = &played[0].waiter; /* who waits for nothing */
    call->kind = kind;
    model_plain_write(&call->runs);
    leat__list_init(&call->offload.node);
    return port->submit(port, &call->offload);
}

static bool take_back(int i)
{
    struct leat__offload_pool *port = leat__blocking_port(pool, calls[i].kind);

    return port->withdraw(port, &calls[i].offload);
}

static int count_run(void *arg)
{
    struct call *call = arg;

    model_plain_write(&call->runs);
    call->runs++;
    return 0;
}

/* Of a kind of which one may run. */
static int work(void *arg)
{
    model_check(fetch_add_relaxed(&inside, 1) == 0);
    model_check(!stopped);
    count_run(arg);
    fetch_sub_relaxed(&inside, 1);
    return 0;
}

static void await_some_files(uint32_t wanted)
{
    uint32_t read;

    while ((read = load_relaxed(&files)) < wanted)
        leat__futex_wait(&files, read, LEAT_NEVER);
}

static void await_files(void)
{
    await_some_files(files_wanted);
}

/* Likewise; it ends when the files were read. */
static int hang(void *arg)
{
    model_check(fetch_add_relaxed(&inside, 1) == 0);
    count_run(arg);
    await_files();
    fetch_sub_relaxed(&inside, 1);
    return 0;
}

static int read_file(void *arg)
{
    count_run(arg);
    fetch_add_relaxed(&files, 1);
    leat__futex_wake(&files, 2);
    return 0;
}

/* The pool's threads are the first `in_pool` ones of the model's, `then` more hand over calls. */
static void reset(struct leat__scope *in, int in_pool, int then)
{
    tasks_reset(in);
    memset(place, 0, sizeof place);
    memset(calls, 0, sizeof calls);
    for (int i = 1; i <= in_pool; i++) {
        tasks_make_plain(i);
        selves[i].scope = NULL;
    }
    places = in_pool;
    starters = then;
    store_relaxed(&inside, 0);
    store_relaxed(&files, 0);
    files_wanted = 1;
    stopped = false;
    drops = 0;
    model_check(leat__blocking_create(&pool, &runtime, 2, NULL) == 0);
    leat__blocking_tune(pool, LEAT_SEC, start);
    runtime.blocking = pool;
}

static void spawn_places(void)
{
    for (int i = 0; i < places; i++)
        model_spawn(run_place, NULL);
}

static void run_to_the_end(void)
{
    unsigned threads, idle;

    model_run();
    leat__blocking_count(pool, &threads, &idle);
    model_check(threads == 0 && idle == 0);
}

/* ---- the drivers ---- */

MODEL_DRIVER(blocking_quota_bounds_the_calls_of_a_kind, .weak_preemptions = 1)
{
    reset(NULL, 2, 0);
    model_check(hand_over(0, LEAT__BLOCKING_USER, work) == 0);
    model_check(hand_over(1, LEAT__BLOCKING_FILES, read_file) == 0);
    model_check(hand_over(2, LEAT__BLOCKING_USER, work) == 0);
    spawn_places();
    run_to_the_end();
    for (int i = 0; i < 3; i++)
        model_check(calls[i].runs == 1);
}

MODEL_DRIVER(blocking_kind_at_its_quota_holds_up_no_other, .weak_preemptions = 1, .stale = 1)
{
    reset(NULL, 2, 0);
    files_wanted = 2;
    model_check(hand_over(0, LEAT__BLOCKING_USER, hang) == 0);
    model_check(hand_over(1, LEAT__BLOCKING_USER, work) == 0);
    model_check(hand_over(2, LEAT__BLOCKING_FILES, read_file) == 0);
    model_check(hand_over(3, LEAT__BLOCKING_FILES, read_file) == 0);
    spawn_places();
    run_to_the_end();
    for (int i = 0; i < 4; i++)
        model_check(calls[i].runs == 1);
}

static void hand_over_more(void *arg)
{
    (void)arg;
    model_check(hand_over(1, LEAT__BLOCKING_FILES, read_file) == 0);
    model_check(hand_over(2, LEAT__BLOCKING_USER, work) == 0);
    start_no_more();
}

MODEL_DRIVER(blocking_files_are_read_while_an_own_call_hangs, .preemptions = 1)
{
    reset(NULL, 2, 1);
    model_check(hand_over(0, LEAT__BLOCKING_USER, hang) == 0);
    spawn_places();
    model_spawn(hand_over_more, NULL);
    run_to_the_end();
    for (int i = 0; i < 3; i++)
        model_check(calls[i].runs == 1);
}

static void hand_over_in_turn(void *arg)
{
    (void)arg;
    model_check(hand_over(0, LEAT__BLOCKING_FILES, read_file) == 0);
    await_some_files(1);
    model_check(hand_over(1, LEAT__BLOCKING_FILES, read_file) == 0);
    await_some_files(2);
    model_check(hand_over(2, LEAT__BLOCKING_USER, work) == 0);
    start_no_more();
}

MODEL_DRIVER(blocking_idle_thread_is_given_a_call_or_ends, .weak_preemptions = 1)
{
    reset(NULL, 2, 1);
    spawn_places();
    model_spawn(hand_over_in_turn, NULL);
    run_to_the_end();
    model_check(calls[0].runs == 1 && calls[1].runs == 1);
    /* Two threads may have ended by then, and the model has no third. */
    model_check(calls[2].runs == (calls[2].offload.result != -EAGAIN));
}

/* A thread that has had two calls and may look for a third; the next two need one each. */
static void hand_over_pairs(void *arg)
{
    (void)arg;
    model_check(hand_over(0, LEAT__BLOCKING_FILES, read_file) == 0);
    await_some_files(1);
    model_check(hand_over(1, LEAT__BLOCKING_FILES, read_file) == 0);
    await_some_files(2);
    model_check(hand_over(2, LEAT__BLOCKING_USER, hang) == 0);
    model_check(hand_over(3, LEAT__BLOCKING_FILES, read_file) == 0);
    start_no_more();
    leat__blocking_stop(pool, LEAT_NEVER);
}

MODEL_DRIVER(blocking_each_of_two_calls_has_a_thread, .preemptions = 1, .weak_preemptions = 1,
             .stale = 1)
{
    reset(NULL, 2, 1);
    leat__blocking_tune(pool, LEAT_NEVER, start); /* the model's threads cannot be started again */
    files_wanted = 3;
    spawn_places();
    model_spawn(hand_over_pairs, NULL);
    run_to_the_end();
    for (int i = 0; i < 4; i++)
        model_check(calls[i].runs == 1);
}

/* While an own call hangs and the other thread looks for something to do. */
static void hand_over_a_second_own_one(void *arg)
{
    (void)arg;
    model_check(hand_over(0, LEAT__BLOCKING_USER, hang) == 0);
    for (int i = 1; i <= 2; i++) {
        model_check(hand_over(i, LEAT__BLOCKING_FILES, read_file) == 0);
        await_some_files((uint32_t)i);
    }
    model_check(hand_over(3, LEAT__BLOCKING_USER, work) == 0);
    start_no_more();
    leat__blocking_stop(pool, LEAT_NEVER);
}

MODEL_DRIVER(blocking_thread_that_looks_keeps_to_the_quotas, .preemptions = 1, .stale = -1)
{
    reset(NULL, 2, 1);
    leat__blocking_tune(pool, LEAT_NEVER, start); /* as above */
    files_wanted = 2;
    spawn_places();
    model_spawn(hand_over_a_second_own_one, NULL);
    run_to_the_end();
    for (int i = 0; i < 4; i++)
        model_check(calls[i].runs == 1);
}

static bool taken_back;

static void take_back_the_second(void *arg)
{
    (void)arg;
    taken_back = take_back(1);
}

MODEL_DRIVER(blocking_call_that_waits_for_its_quota_is_run_or_taken_back)
{
    reset(NULL, 1, 0);
    model_check(hand_over(0, LEAT__BLOCKING_NAMES, work) == 0);
    model_check(hand_over(1, LEAT__BLOCKING_NAMES, work) == 0);
    spawn_places();
    model_spawn(take_back_the_second, NULL);
    run_to_the_end();
    model_check(calls[0].runs == 1 && calls[1].runs == !taken_back);
}

static void hand_over_one(void *arg)
{
    model_check(hand_over(*(int *)arg, LEAT__BLOCKING_USER, work) == 0);
    start_no_more();
}

MODEL_DRIVER(blocking_calls_are_refused_when_no_thread_starts)
{
    static int numbers[] = { 0, 1 };

    reset(NULL, 0, 2);
    model_spawn(hand_over_one, &numbers[0]);
    model_spawn(hand_over_one, &numbers[1]);
    run_to_the_end();
    for (int i = 0; i < 2; i++)
        model_check(calls[i].runs == 0 && calls[i].offload.result == -EAGAIN);
}

static int handed;

static void hand_over_if_open(void *arg)
{
    (void)arg;
    handed = hand_over(1, LEAT__BLOCKING_USER, work);
    start_no_more();
}

static void stop(void *arg)
{
    (void)arg;
    leat__blocking_stop(pool, LEAT_NEVER);
    stopped = true;
}

MODEL_DRIVER(blocking_stop_ends_what_was_taken, .preemptions = 1, .stale = 1)
{
    reset(NULL, 2, 1);
    model_check(hand_over(0, LEAT__BLOCKING_USER, work) == 0);
    spawn_places();
    model_spawn(hand_over_if_open, NULL);
    model_spawn(stop, NULL);
    run_to_the_end();
    model_check(calls[0].runs == 1);
    model_check(handed == 0 ? calls[1].runs == 1 : handed == -EPIPE && calls[1].runs == 0);
}

/* ---- a call that its caller may leave ---- */

static void drop(void *value)
{
    model_plain_write(value);
    drops++;
}

static int ask(void *value)
{
    model_plain_write(value);
    *(int *)value = 42;
    return 7;
}

/* It ends when its caller was cancelled. */
static int ask_slowly(void *value)
{
    await_files();
    return ask(value);
}

static void call_owned(void *arg)
{
    int value = 3;
    int result = leat__blocking_names(arg, &value, sizeof value, drop);

    if (result == 7)
        model_check(value == 42);
    else
        model_check(result == -ECANCELED && value == 0);
    drops += result == 7; /* what it owned is ours again */
    leat__bound_leave(&selves[model_self()]);
    start_no_more();
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
    read_file(&calls[0]);
}

static void abandon(int (*fn)(void *value))
{
    reset(&scope, 1, 1);
    spawn_places();
    model_spawn(call_owned, (void *)fn);
    model_spawn(cancel, NULL);
    run_to_the_end();
    model_check(!scope.members && drops == 1);
}

MODEL_DRIVER(blocking_owned_call_is_the_callers_or_drops_its_value, .preemptions = 1, .stale = 1)
{
    abandon(ask);
}

MODEL_DRIVER(blocking_abandoned_call_drops_its_value_once, .preemptions = 1, .stale = 1)
{
    abandon(ask_slowly);
}

/* SPDX-License-Identifier: MIT */
/*
 * memory.c: what a load may return. Each atomic object keeps all the values stored to it in an
 * execution, and each thread a view: for each object, the oldest store it may still read.
 *
 * This is the operational reading of C11 by Kang, Hur, Lahav, Vafeiadis and Dreyer ("A promising
 * semantics for relaxed-memory concurrency", POPL 2017), without promises:
 *   - a store is a message: value, and the view that it hands to those who acquire it
 *   - a load takes any message not older than the thread's view of the object, and raises the view
 *     to it (coherence); an acquire also joins the message's view
 *   - a release hands out the thread's whole view; a relaxed store that of the last release fence;
 *     a read-modify-write reads the newest message and hands on what that one handed out
 *   - seq_cst fences join a global view both ways; seq_cst accesses the same for their object only
 *   - a heavy fence (a barrier on all threads) is a seq_cst fence, and takes what light fences left
 *     before it; a light one leaves what the thread knows and takes what heavy ones left, so that
 *     it orders the two threads as a seq_cst fence would, but not light against light, nor against
 *     plain seq_cst fences (Goldblatt, "Asymmetric fences", P1202, 2018)
 * In sc mode loads take the newest message, and views serve to find races on plain data.
 *
 * What C11 allows and this does not produce: a store that is ordered before another's earlier
 * store to the same object (needs two plain stores to one object from two threads), and a load
 * that reads from a store of its own future (needs a dependency cycle or load buffering). What is
 * reported is always allowed by C11; a bug that needs one of these two is missed.
 *
 * INVARIANTS
 *   I1 The memory itself always holds the newest message. If it does not, somebody wrote the
 *      object plainly (an initialisation): that is taken as a store by whoever looks at it.
 *   I2 thread.now <= thread.acquired in every component; thread.released <= thread.now.
 */
#include <string.h>

#include "internal.h"

enum {
    OBJECTS_MAX = 96,
    MESSAGES_MAX = 120, /* to an object in an execution */
    HASH_SLOTS = 256
};

struct view {
    uint16_t seen[OBJECTS_MAX];  /* index of the oldest message that may still be read */
    uint16_t clock[THREADS_MAX]; /* operations of each thread that happened before */
};

struct message {
    uint64_t value;
    struct view view;
};

struct object {
    const void *address;
    size_t bytes;
    int newest;
    /* of plain objects: who wrote last and when, who read since */
    int writer;
    uint16_t written;
    uint16_t read[THREADS_MAX];
};

struct knowledge {
    struct view now, acquired, released, mail;
};

static struct object objects[OBJECTS_MAX];
static struct message messages[OBJECTS_MAX][MESSAGES_MAX];
static int n_objects;
static struct {
    const void *address;
    int object;
    unsigned long stamp;
} hash[HASH_SLOTS];
static unsigned long stamp;
static struct knowledge threads[THREADS_MAX];
static struct view seq_cst, light, heavy; /* what fences of the three kinds left */
static int self_number; /* who acts: set by enter() */

/* ---- views ---- */

static void join(struct view *into, const struct view *from)
{
    for (int i = 0; i < n_objects; i++)
        if (into->seen[i] < from->seen[i])
            into->seen[i] = from->seen[i];
    for (int i = 0; i < THREADS_MAX; i++)
        if (into->clock[i] < from->clock[i])
            into->clock[i] = from->clock[i];
}

void memory_reset(void)
{
    n_objects = 0;
    stamp++;
    memset(threads, 0, sizeof threads);
    memset(&seq_cst, 0, sizeof seq_cst);
    memset(&light, 0, sizeof light);
    memset(&heavy, 0, sizeof heavy);
}

void memory_fork(int parent, int child)
{
    threads[child].now = threads[child].acquired = threads[parent].now;
    memset(&threads[child].released, 0, sizeof threads[child].released);
    memset(&threads[child].mail, 0, sizeof threads[child].mail);
    threads[parent].now.clock[parent]++;
}

void memory_join(int into, int from)
{
    join(&threads[into].now, &threads[from].now);
    join(&threads[into].acquired, &threads[from].now);
}

void memory_post(int to, int from)
{
    join(&threads[to].mail, &threads[from].now);
    threads[from].now.clock[from]++;
    threads[from].acquired.clock[from]++;
}

void memory_collect(int t)
{
    join(&threads[t].now, &threads[t].mail);
    join(&threads[t].acquired, &threads[t].mail);
}

/* ---- objects ---- */

static uint64_t peek(const void *p, size_t bytes)
{
    switch (bytes) {
    case 1: return *(const uint8_t *)p;
    case 2: return *(const uint16_t *)p;
    case 4: return *(const uint32_t *)p;
    case 8: return *(const uint64_t *)p;
    default: model_fail(__FILE__, __LINE__, "an atomic object must have 1, 2, 4 or 8 bytes");
    }
}

static void poke(void *p, size_t bytes, uint64_t value)
{
    switch (bytes) {
    case 1: *(uint8_t *)p = (uint8_t)value; break;
    case 2: *(uint16_t *)p = (uint16_t)value; break;
    case 4: *(uint32_t *)p = (uint32_t)value; break;
    default: *(uint64_t *)p = value; break;
    }
}

static uint64_t cut(uint64_t value, size_t bytes)
{
    return bytes == 8 ? value : value & (((uint64_t)1 << 8 * bytes) - 1);
}

static int find(const void *p, bool create)
{
    unsigned at = (unsigned)(((uintptr_t)p * 0x9E3779B97F4A7C15u) >> 56) % HASH_SLOTS;

    for (; hash[at].stamp == stamp; at = (at + 1) % HASH_SLOTS)
        if (hash[at].address == p)
            return hash[at].object;
    if (!create)
        return -1;
    if (n_objects == OBJECTS_MAX)
        search_broken("more than OBJECTS_MAX objects");
    hash[at].address = p;
    hash[at].object = n_objects;
    hash[at].stamp = stamp;
    memset(&objects[n_objects], 0, sizeof objects[n_objects]);
    objects[n_objects].address = p;
    objects[n_objects].newest = -1;
    objects[n_objects].writer = -1;
    return n_objects++;
}

static struct message *append(int o)
{
    if (++objects[o].newest == MESSAGES_MAX)
        model_fail(__FILE__, __LINE__, "no progress: more than MESSAGES_MAX stores to an object");
    return &messages[o][objects[o].newest];
}

/* The acting thread's knowledge, and a tick of its clock. */
static struct knowledge *enter(void)
{
    struct knowledge *self;

    self_number = threads_current();
    self = &threads[self_number];
    self->now.clock[self_number]++;
    self->acquired.clock[self_number] = self->now.clock[self_number];
    return self;
}

/* The object at p, which has at least one message. */
static int object_at(struct knowledge *self, const void *p, size_t bytes)
{
    int o = find(p, true);
    uint64_t value = peek(p, bytes);
    struct message *m;

    if (objects[o].newest >= 0 && objects[o].bytes == bytes &&
        messages[o][objects[o].newest].value == value)
        return o;
    objects[o].bytes = bytes;
    m = append(o); /* I1 */
    m->value = value;
    if (objects[o].newest == 0) {
        memset(&m->view, 0, sizeof m->view);
        return o;
    }
    self->now.seen[o] = self->acquired.seen[o] = (uint16_t)objects[o].newest;
    m->view = self->now;
    return o;
}

static bool acquires(enum model_order order)
{
    return order == MODEL_ACQUIRE || order == MODEL_ACQ_REL || order == MODEL_SEQ_CST;
}

static bool releases(enum model_order order)
{
    return order == MODEL_RELEASE || order == MODEL_ACQ_REL || order == MODEL_SEQ_CST;
}

/* The thread reads message i of o. */
static uint64_t take(struct knowledge *self, int o, int i, enum model_order order)
{
    const struct message *m = &messages[o][i];

    if (self->now.seen[o] < i)
        self->now.seen[o] = (uint16_t)i;
    if (acquires(order))
        join(&self->now, &m->view);
    join(&self->acquired, &m->view);
    if (self->acquired.seen[o] < i)
        self->acquired.seen[o] = (uint16_t)i;
    if (order == MODEL_SEQ_CST && seq_cst.seen[o] < i)
        seq_cst.seen[o] = (uint16_t)i;
    return m->value;
}

/* The thread stores value to o; `over` is the message a read-modify-write replaces, or -1. */
static void put(struct knowledge *self, int o, uint64_t value, enum model_order order, int over)
{
    struct message *m = append(o);
    int i = objects[o].newest;

    self->now.seen[o] = self->acquired.seen[o] = (uint16_t)i;
    m->value = value;
    m->view = releases(order) ? self->now : self->released;
    m->view.seen[o] = (uint16_t)i;
    if (over >= 0)
        join(&m->view, &messages[o][over].view); /* the release sequence goes on */
    if (order == MODEL_SEQ_CST)
        seq_cst.seen[o] = (uint16_t)i;
    poke((void *)(uintptr_t)objects[o].address, objects[o].bytes, value);
}

/* Which message a load returns. With `unlike`, older messages count only if they differ from
 * *unlike (a compare-and-swap may fail on an old value, but not succeed on it). */
static int choose_message(struct knowledge *self, int o, enum model_order order,
                          const uint64_t *unlike)
{
    int newest = objects[o].newest, oldest = self->now.seen[o], options[36], n = 0;

    if (order == MODEL_SEQ_CST && oldest < seq_cst.seen[o])
        oldest = seq_cst.seen[o];
    if (!search_weak() || !search_stale(0))
        return newest;
    for (int i = newest; i >= oldest && n < 36; i--)
        if (i == newest || !unlike || messages[o][i].value != *unlike)
            options[n++] = i;
    n = options[search_choose(n)];
    if (n != newest)
        (void)search_stale(1);
    return n;
}

/* ---- the operations ---- */

uint64_t memory_latest(const void *p, size_t bytes)
{
    return peek(p, bytes);
}

uint64_t model_load(const struct model_site *site, const void *p, size_t bytes,
                    enum model_order order)
{
    struct knowledge *self;
    uint64_t value;
    int o, i;

    threads_point();
    self = enter();
    o = object_at(self, p, bytes);
    i = choose_message(self, o, order, NULL);
    value = take(self, o, i, order);
    search_trace(site->file, site->line, site->text, "@%d = 0x%llx%s", o, (unsigned long long)value,
                 i == objects[o].newest ? "" : "  (old)");
    return value;
}

void model_store(const struct model_site *site, void *p, size_t bytes, uint64_t value,
                 enum model_order order)
{
    struct knowledge *self;
    int o;

    threads_point();
    self = enter();
    o = object_at(self, p, bytes);
    put(self, o, cut(value, bytes), order, -1);
    search_trace(site->file, site->line, site->text, "@%d := 0x%llx", o,
                 (unsigned long long)cut(value, bytes));
}

uint64_t model_rmw(const struct model_site *site, void *p, size_t bytes, enum model_rmw how,
                   uint64_t operand, enum model_order order)
{
    struct knowledge *self;
    uint64_t before, after;
    int o, over;

    threads_point();
    self = enter();
    o = object_at(self, p, bytes);
    over = objects[o].newest;
    before = take(self, o, over, order);
    after = how == MODEL_EXCHANGE ? operand
            : how == MODEL_ADD    ? before + operand
            : how == MODEL_SUB    ? before - operand
            : how == MODEL_OR     ? before | operand
                                  : before & operand;
    put(self, o, cut(after, bytes), order, over);
    search_trace(site->file, site->line, site->text, "@%d 0x%llx -> 0x%llx", o,
                 (unsigned long long)before, (unsigned long long)cut(after, bytes));
    return before;
}

bool model_cas(const struct model_site *site, void *p, size_t bytes, uint64_t *seen,
               uint64_t value, enum model_order order, bool may_fail)
{
    enum model_order failed = order == MODEL_RELEASE   ? MODEL_RELAXED
                              : order == MODEL_ACQ_REL ? MODEL_ACQUIRE
                                                       : order;
    struct knowledge *self;
    bool done;
    int o, i;

    threads_point();
    self = enter();
    o = object_at(self, p, bytes);
    *seen = cut(*seen, bytes);
    i = choose_message(self, o, failed, seen);
    done = messages[o][i].value == *seen;
    if (done && may_fail && search_weak() && search_stale(0) && search_choose(2) == 1) {
        (void)search_stale(1);
        done = false;
    }
    *seen = take(self, o, i, done ? order : failed);
    if (done)
        put(self, o, cut(value, bytes), order, i);
    search_trace(site->file, site->line, site->text, "@%d 0x%llx -> 0x%llx %s%s", o,
                 (unsigned long long)*seen, (unsigned long long)cut(value, bytes),
                 done ? "done" : "failed", i == objects[o].newest - done ? "" : "  (old)");
    return done;
}

void model_fence(const struct model_site *site, enum model_order order)
{
    struct knowledge *self;

    threads_point();
    self = enter();
    if (acquires(order))
        join(&self->now, &self->acquired);
    if (order == MODEL_SEQ_CST) {
        join(&self->now, &seq_cst);
        join(&self->acquired, &seq_cst);
        seq_cst = self->now;
    }
    if (releases(order))
        self->released = self->now;
    search_trace(site->file, site->line, site->text, "%s", "");
}

void model_fence_light(const struct model_site *site)
{
    struct knowledge *self;

    threads_point();
    self = enter();
    join(&self->now, &heavy);
    join(&self->acquired, &heavy);
    join(&light, &self->acquired); /* a fence that pairs is an acquire too */
    search_trace(site->file, site->line, site->text, "%s", "");
}

void model_fence_heavy(const struct model_site *site)
{
    struct knowledge *self;

    model_fence(site, MODEL_SEQ_CST);
    self = &threads[self_number];
    join(&self->now, &light);
    join(&self->acquired, &light);
    self->released = heavy = seq_cst = self->now;
}

void model_forget(const void *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int o = find((const char *)p + i, false);

        if (o >= 0) {
            struct knowledge *self = enter();
            struct message *m = append(o);

            m->value = ~peek((const char *)p + i, objects[o].bytes); /* unlike: I1 starts anew */
            self->now.seen[o] = (uint16_t)objects[o].newest;
            m->view = self->now;
        }
    }
}

void model_plain(const void *p, bool write, const char *file, int line)
{
    struct knowledge *self = enter();
    struct object *object = &objects[find(p, true)];
    uint16_t now = self->now.clock[self_number];

    search_trace(file, line, write ? "plain write" : "plain read", "@%d", (int)(object - objects));
    if (object->writer >= 0 && self->now.clock[object->writer] < object->written)
        model_fail(file, line, write ? "race: two plain writes" : "race: plain read of a write");
    if (!write) {
        object->read[self_number] = now;
        return;
    }
    for (int t = 0; t < THREADS_MAX; t++)
        if (self->now.clock[t] < object->read[t])
            model_fail(file, line, "race: plain write over a read");
    object->writer = self_number;
    object->written = now;
}

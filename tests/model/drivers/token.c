/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/token.c lockfree/lock.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * The owner's token: it excludes, publishes both ways, and the owner always gets it back. */
#include "lockfree/token.h"
#include "model.h"

static struct leat__token token;
static int count, helped;

static void add(void)
{
    model_plain_write(&count);
    count++;
}

static void own_twice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        leat__token_enter(&token);
        add();
        leat__token_leave(&token);
    }
}

static void help(void *arg)
{
    (void)arg;
    if (!leat__token_take(&token))
        return;
    add();
    helped++; /* under the token's lock */
    leat__token_give(&token);
}

static void begin(void)
{
    token = (struct leat__token){ 0 };
    count = helped = 0;
}

MODEL_DRIVER(token_excludes_owner_and_helper, .preemptions = 3)
{
    begin();
    model_run_all(own_twice, help);
    model_check(count == 2 + helped);
    model_check(leat__token_take(&token));
}

MODEL_DRIVER(token_excludes_two_helpers)
{
    begin();
    model_run_all(own_twice, help, help);
    model_check(count == 2 + helped);
    model_check(leat__token_take(&token));
}

static void own_once_in_a_handler(void *arg)
{
    (void)arg;
    if (leat__token_try_enter(&token)) {
        add();
        helped++; /* before the check, after the end */
        leat__token_leave(&token);
    }
}

static void help_uncounted(void *arg)
{
    (void)arg;
    if (!leat__token_take(&token))
        return;
    add();
    leat__token_give(&token);
}

MODEL_DRIVER(token_handler_excludes_helper, .preemptions = 3)
{
    begin();
    model_run_all(own_once_in_a_handler, help_uncounted);
    model_check(count >= helped && count <= 2);
    model_check(leat__token_take(&token));
}

static void insist(void *arg)
{
    (void)arg;
    leat__token_claim(&token);
    add();
    helped++;
    leat__token_give(&token);
}

MODEL_DRIVER(token_claim_excludes_the_owner_and_comes_in, .preemptions = 3)
{
    begin();
    model_run_all(own_twice, insist);
    model_check(count == 3 && helped == 1);
    model_check(leat__token_take(&token));
}

MODEL_DRIVER(token_claim_excludes_a_helper)
{
    begin();
    model_run_all(own_twice, insist, help);
    model_check(count == 2 + helped && helped >= 1);
    model_check(leat__token_take(&token));
}

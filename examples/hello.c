/* SPDX-License-Identifier: MIT */
/* Three tasks greet, each in its own time. A scope waits for all of them. */
#include <leat/leat.h>

#include <stdio.h>

struct greeting {
    const char *name; /* in */
    char        text[32]; /* out: valid once the scope is joined */
};

static int greet(void *arg)
{
    struct greeting *greeting = arg;

    snprintf(greeting->text, sizeof greeting->text, "Hello, %s!", greeting->name);
    return 0;
}

static int app(void *arg)
{
    struct greeting greetings[] = { { .name = "stream" }, { .name = "mill" }, { .name = "wheel" } };
    int             err;
    (void)arg;

    LEAT_SCOPE(scope);
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, greet, &greetings[i]);
    err = leat_scope_join(&scope);

    for (int i = 0; i < 3 && err == 0; i++)
        puts(greetings[i].text);
    return err;
}

int main(void)
{
    return leat_main(app, NULL, NULL);
}

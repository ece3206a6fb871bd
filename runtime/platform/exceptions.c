/* SPDX-License-Identifier: MIT */
/* The C++ ABI's thread-local, where there is one. */
#include "platform/exceptions.h"

struct leat__exceptions *__cxa_get_globals(void) __attribute__((weak));

struct leat__exceptions *leat__exceptions_of_thread(void)
{
    return __cxa_get_globals ? __cxa_get_globals() : NULL;
}

/* SPDX-License-Identifier: MIT */
/* What a thread's C++ runtime knows of exceptions under way. It belongs to the task that throws and
 * catches them, and so has to travel with it: a catch block that suspends may go on on another
 * thread, where `throw;`, std::current_exception() and the end of the block look for it.
 *
 * The two words are the C++ ABI's (itanium-cxx-abi, exception handling, 2.2.2), the same in
 * libstdc++ and libc++abi. Their function is a weak reference: a process without C++ has none, and
 * pays a test of a pointer. Asked for by name at run time it would also be found where C++ is
 * loaded after leat; rejected, since static programs have no such question to ask. */
#ifndef LEAT_PLATFORM_EXCEPTIONS_H
#define LEAT_PLATFORM_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct leat__exceptions {
    void    *caught;   /* that of the innermost catch block; a list */
    unsigned uncaught; /* thrown and not caught yet: destructors run */
};

/* Where the calling thread has them, as long as it lives; NULL in a process without C++. */
struct leat__exceptions *leat__exceptions_of_thread(void);

/* Is the caller in a catch block, or in a destructor that an exception runs? */
static inline bool leat__exceptions_open(const struct leat__exceptions *at)
{
    return __builtin_expect(at && (at->caught || at->uncaught), false);
}

/* As if there were none, until they are put back. */
static inline struct leat__exceptions leat__exceptions_take(struct leat__exceptions *at)
{
    struct leat__exceptions taken = *at;

    *at = (struct leat__exceptions){ 0 };
    return taken;
}

#endif

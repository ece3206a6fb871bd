/* SPDX-License-Identifier: MIT */
/* From a member to the struct around it. A pointer that is not to the member's type is an error at
 * compile time (plain offsetof arithmetic would take any). */
#ifndef LEAT_BASE_CONTAINER_H
#define LEAT_BASE_CONTAINER_H

#include <stddef.h>

#define leat__container_of(ptr, type, member)                                                      \
    __extension__({                                                                                \
        __typeof__(((type *)0)->member) *leat__member = (ptr);                                     \
        (type *)(void *)((char *)leat__member - offsetof(type, member));                           \
    })

#endif

/* SPDX-License-Identifier: MIT */
/* The zygote is started through leat_procs_main, which is called from main. */
#ifndef LEAT_PROCS_ZYGOTE_H
#define LEAT_PROCS_ZYGOTE_H

#include <stdbool.h>

/* Has main called leat_procs_main? Otherwise a second start of the program would run all of it. */
bool leat__zygote_ready(void);

/* Its life, with the socket to the program. */
_Noreturn void leat__zygote_live(int socket);

#endif

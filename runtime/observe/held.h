/* SPDX-License-Identifier: MIT */
/* Debug reports on locks, as task/held.h finds them, in words: to standard error. */
#ifndef LEAT_OBSERVE_HELD_H
#define LEAT_OBSERVE_HELD_H

/* From now on, also for threads of no runtime. */
void leat__held_report_install(void);

#endif

/* SPDX-License-Identifier: MIT */
/* check.h as the model checker sees it: a failed check fails the execution. */
#ifndef LEAT_BASE_CHECK_H
#define LEAT_BASE_CHECK_H

#include "model.h"

#define leat__check(cond, sentence) ((cond) ? (void)0 : model_fail(__FILE__, __LINE__, (sentence)))

#endif

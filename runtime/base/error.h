/* SPDX-License-Identifier: MIT */
/* Error names for the inside; the functions themselves are public. */
#ifndef LEAT_BASE_ERROR_H
#define LEAT_BASE_ERROR_H

#include <leat/error.h>

#endif

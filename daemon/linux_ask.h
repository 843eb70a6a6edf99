/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker may ask the kernel by itself; see backend.h.
 */
#ifndef FETHD_LINUX_ASK_H
#define FETHD_LINUX_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"

int	linux_overlap(const struct prefix *p, struct prefix *with, char *route,
	    size_t size);
int	linux_counters(uint32_t slot, struct if_counters *c);

/* backend_linux.c: is ALIAS the mark of SLOT? */
bool	linux_mark_is(const char *alias, uint32_t slot);

#endif

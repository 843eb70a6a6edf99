/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker may ask the kernel by itself; see backend.h. And what the
 * warden asks again.
 */
#ifndef FETHD_LINUX_ASK_H
#define FETHD_LINUX_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"

struct nl;

int	linux_overlap(const struct prefix *p, struct prefix *with, char *route,
	    size_t size);

/*
 * The warden, by NL: would an interface with P get what takes another route now,
 * not a default one? -EADDRINUSE when so, 0, or another -errno. One look-up, but
 * for a prefix that holds whole networks of others.
 */
int	linux_diverts(struct nl *nl, const struct prefix *p);
int	linux_counters(uint32_t slot, struct if_counters *c);

/* backend_linux.c: is ALIAS the mark of SLOT? */
bool	linux_mark_is(const char *alias, uint32_t slot);

#endif

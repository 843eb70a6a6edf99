/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backends of this system, best first. Called at start by main.c; the only
 * file with conditionals on the system.
 */
#include <net/if.h>

#include <stdio.h>
#include <string.h>

#include "backend.h"

const struct backend *const backends[] = {
#ifdef HOST_LINUX
	&backend_linux,
#endif
#ifdef HOST_DARWIN
	&backend_feth,
#endif
	&backend_user,
	NULL
};

const struct backend *
backend_find(const char *name, char *why, size_t size)
{
	const struct backend *const	*b;
	int				 any = strcmp(name, "auto") == 0;

	*why = '\0';
	for (b = backends; *b != NULL; b++) {
		if (!any && strcmp((*b)->name, name) != 0)
			continue;
		if ((*b)->probe(why, size) == 0)
			return *b;
	}
	if (*why == '\0')
		snprintf(why, size, "there is no such backend on this system");
	return NULL;
}

void
backend_ifname(uint32_t slot, int side, char *buf)
{
	snprintf(buf, IFNAMSIZ, "feth%u",
	    BOUND_UNIT_MIN + 2 * slot + (side != 0));
}

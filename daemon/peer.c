/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See peer.h. Called by server.c at accept and by policy.c. It never guesses: a
 * peer that the kernel does not name completely is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "plat.h"

int
peer_get(int fd, struct peer *p)
{
	int	r;

	memset(p, 0, sizeof(*p));
	/* Until the kernel has spoken this is nobody, and by no means root. */
	p->uid = (uid_t)-1;
	p->gid = (gid_t)-1;
	p->pid = -1;
	r = plat_peer(fd, p);
	if (r != 0)
		peer_clear(p);
	return r;
}

void
peer_clear(struct peer *p)
{
	free(p->groups);
	memset(p, 0, sizeof(*p));
	p->uid = (uid_t)-1;
	p->gid = (gid_t)-1;
	p->pid = -1;
}

bool
peer_in_group(const struct peer *p, gid_t gid)
{
	unsigned int	i;

	/* (gid_t)-1 stands for a group that this host does not have. */
	if (gid == (gid_t)-1)
		return false;
	if (p->gid == gid)
		return true;
	for (i = 0; i < p->ngroups; i++)
		if (p->groups[i] == gid)
			return true;
	return false;
}

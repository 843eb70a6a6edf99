/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who called, as the kernel says, asked once at accept.
 */
#ifndef FETHD_PEER_H
#define FETHD_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
	uid_t		uid;
	gid_t		gid;
	pid_t		pid;		/* for the log only; never authorises */
	unsigned int	ngroups;
	gid_t		*groups;	/* owned; NULL when ngroups is 0 */
};

/* Fill P for the connected socket FD. 0, or -errno: refuse the peer. */
int	peer_get(int fd, struct peer *p);
void	peer_clear(struct peer *p);

/* True when GID is the peer's group or one of its supplementary groups. */
bool	peer_in_group(const struct peer *p, gid_t gid);

#endif

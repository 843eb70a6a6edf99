/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespaces that the warden works in: home, where it runs; others
 * that it makes; and those that a client names. It is at home but for the few
 * lines between netns_enter and netns_leave.
 */
#ifndef FETHD_NETNS_H
#define FETHD_NETNS_H

#include <stdint.h>

#include "netlink.h"

struct netns {
	int		fd;		/* -1: not open */
	struct nl	nl;		/* a socket that is in it */
};

/* The private namespace of a uid, for as long as it has a raw link. */
struct netns_uid {
	struct netns_uid *next;
	uint32_t	uid;
	unsigned int	refs;
	struct netns	ns;
};

extern struct netns netns_home;

/* Open the namespace that this process is in; one that descriptor FD names
 * (which stays the caller's); a new one. 0 or -errno. */
int	netns_here(struct netns *n);
int	netns_of(struct netns *n, int fd);
int	netns_new(struct netns *n);
void	netns_close(struct netns *n);

/* Be in namespace FD; be at home again. 0 or -errno. If leaving ever failed,
 * the next one who calls netns_leave first tries again; what we delete, we
 * delete by sockets that know their namespace. */
int	netns_enter(int fd);
int	netns_leave(void);

/* Write VALUE to /proc/sys/net/FAMILY/conf/IFNAME/KEY of the namespace that the
 * process is in. No error when IPv6 is off, here or altogether. */
int	netns_sysctl(const char *family, const char *ifname, const char *key,
	    const char *value);

/* A reference to the namespace of UID, which is made for the first one and ends
 * with the last. */
int	netns_uid_get(uint32_t uid, struct netns_uid **out);
void	netns_uid_put(uint32_t uid);

#endif

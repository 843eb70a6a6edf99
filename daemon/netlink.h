/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink in named operations. A socket speaks for ever to the network
 * namespace that its process was in when it was opened. All calls wait for the
 * kernel's answer and return 0 or the kernel's -errno.
 */
#ifndef FETHD_NETLINK_H
#define FETHD_NETLINK_H

#include <net/if.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "spec.h"

struct mnl_socket;
struct nlmsghdr;

struct nl {
	struct mnl_socket *sock;	/* NULL: not open */
	uint32_t	seq;
};

#define NL_CONFS	33	/* the highest setting that is read, and one */

/* An interface, as the kernel tells. */
struct nl_link {
	int		ifindex;
	unsigned int	flags;		/* IFF_* */
	uint32_t	mtu;
	uint32_t	group;
	bool		enslaved;	/* to a bridge, or the like */
	bool		forwards6;	/* IPv6 */
	/* IPv4 settings by their IPV4_DEVCONF_*; 0 is none. */
	uint32_t	conf[NL_CONFS];
	uint8_t		mac[6];
	char		name[IFNAMSIZ];
	char		alias[64];	/* longer ones are cut */
	struct if_counters stats;	/* nl_link_stats only */
};

/* How an interface is to be; for nl_veth_add and nl_link_move. */
struct nl_shape {
	const char	*name;
	const char	*alias;		/* move only */
	uint32_t	mtu;
	const uint8_t	*mac;
	uint32_t	queue;		/* frames (txqueuelen); 0: as it is */
};

struct nl_route {
	struct prefix	dst;		/* family 0: the answer named none */
	uint8_t		type;		/* RTN_* */
	bool		cached;		/* no route, but a copy of one */
	int		oif;		/* 0: none */
};

int	nl_open(struct nl *nl);
void	nl_close(struct nl *nl);

/* Interfaces. By ifindex, or by NAME when that is not NULL. */
int	nl_link_get(struct nl *nl, int ifindex, const char *name,
	    struct nl_link *l);
int	nl_link_stats(struct nl *nl, const char *name, struct nl_link *l);
/* Call FN for each interface of the namespace; it must not use NL. -EINTR: it was
 * called, but some came or went meanwhile and may have been missed. */
int	nl_link_each(struct nl *nl, void (*fn)(const struct nl_link *l,
	    void *arg), void *arg);

/* Make a veth pair, both ends down and in GROUP: end 0 here, end 1 in network
 * namespace NETNS (a descriptor; -1: here too). */
int	nl_veth_add(struct nl *nl, const struct nl_shape end[2], int netns,
	    uint32_t group);
/* Give the interface its alias (which creation does not), and group 0. */
int	nl_link_mark(struct nl *nl, int ifindex, const char *alias);
/* To network namespace NETNS (a descriptor; -1 stays), in the shape S. After a
 * failure the interface may be on either side. */
int	nl_link_move(struct nl *nl, int ifindex, int netns,
	    const struct nl_shape *s);
/* The same without a move, and up. */
int	nl_link_shape_up(struct nl *nl, int ifindex, const struct nl_shape *s);
int	nl_link_up(struct nl *nl, int ifindex);
int	nl_link_mac(struct nl *nl, int ifindex, const uint8_t mac[6]);
/* IPv4 settings (IPV4_DEVCONF_*) of one interface. */
struct nl_devconf {
	uint16_t	key;
	uint32_t	value;
};
int	nl_link_devconf(struct nl *nl, int ifindex,
	    const struct nl_devconf *conf, size_t n);
int	nl_link_group(struct nl *nl, int ifindex, uint32_t group);
int	nl_link_del(struct nl *nl, int ifindex);
/* Every interface of GROUP at once. */
int	nl_group_del(struct nl *nl, uint32_t group);

int	nl_addr_add(struct nl *nl, int ifindex, const struct prefix *p);

/* Routes. get: the route that ADDR (its length is ignored) would take;
 * -ENETUNREACH when there is none. each: all of FAMILY (4, 6), as link_each. */
int	nl_route_get(struct nl *nl, const struct prefix *addr,
	    struct nl_route *r);
int	nl_route_each(struct nl *nl, int family,
	    void (*fn)(const struct nl_route *r, void *arg), void *arg);

/* A non-blocking socket that hears of every change to an interface. */
int	nl_monitor_open(struct nl *nl);
int	nl_monitor_fd(const struct nl *nl);
/*
 * Read some of the news, FN for each: GONE when the interface left this
 * namespace. 1: maybe more; 0: no more now; -ENOBUFS: some were lost, look at
 * everything anew; or -errno.
 */
int	nl_monitor_read(struct nl *nl, void (*fn)(const struct nl_link *l,
	    bool gone, void *arg), void *arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routing table of macOS, as sysctl NET_RT_DUMP tells it. Pure.
 */
#ifndef FETHD_DARWIN_ROUTE_H
#define FETHD_DARWIN_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "spec.h"

/* struct rt_msghdr of net/route.h. */
struct dw_rt_msghdr {
	uint16_t	msglen;
	uint8_t		version, type;
	uint16_t	index;		/* of the interface */
	int32_t		flags, addrs;
	int32_t		pid, seq, error, use;
	uint32_t	inits;
	uint32_t	metrics[14];
};

struct darwin_route {
	struct prefix	dst;
	unsigned int	index;
};

/*
 * Find in the LEN bytes at BUF a route that P overlaps. 1: it is in *R; 0: there
 * is none; -EPROTO: these bytes are no routing table. Default routes and what the
 * kernel made of other routes (neighbours) are in nobody's way.
 */
int	darwin_route_overlap(const uint8_t *buf, size_t len,
	    const struct prefix *p, struct darwin_route *r);

#endif

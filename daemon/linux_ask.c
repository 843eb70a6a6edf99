/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the kernel that need no privilege: does a prefix overlap a
 * route, and what has an interface counted. Called in the broker, through the
 * backend's table. It has a socket of its own, made at the first question:
 * none of the warden's is open there. It must never change anything.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "linux_ask.h"
#include "netlink.h"

/* Host bits of a prefix that takes nobody's network: /16 and /64. */
#define LONE_BITS4	16
#define LONE_BITS6	64

static struct nl	asker;

static int
ask(void)
{
	return asker.sock != NULL ? 0 : nl_open(&asker);
}

struct route_look {
	const struct prefix *p;
	struct nl_route	found;
	bool		hit;
};

/* A default route is in nobody's way. */
static void
route_compare(const struct nl_route *r, void *arg)
{
	struct route_look	*look = arg;

	if (look->hit || r->cached || r->dst.len == 0 ||
	    !prefix_overlap(&r->dst, look->p))
		return;
	look->found = *r;
	look->hit = true;
}

/*
 * The addresses of P that are asked for one by one: all of a /30 (or /126), of
 * a /64 the first few and P itself, which finds all but a lonely route to one
 * address deep in it. 0: P is too large, the routes must be walked.
 */
static unsigned int
samples(const struct prefix *p, struct prefix out[5])
{
	unsigned int	bytes = prefix_bits(p) / 8, host, i, n = 0, b;

	host = prefix_bits(p) - p->len;
	if (host > (p->family == 4 ? 2 : 64))
		return 0;
	for (i = 0; i < 4 && (host >= 2 || i < 1u << host); i++) {
		out[n] = *p;
		for (b = 0; b < host; b++)
			out[n].addr[bytes - 1 - b / 8] &=
			    (uint8_t)~(1u << b % 8);
		out[n++].addr[bytes - 1] |= (uint8_t)i;
	}
	out[n++] = *p;
	return n;
}

/* 1: an overlap, 0: none, -errno: only a walk can tell. */
static int
overlap_ask(struct route_look *look)
{
	struct prefix	addr[5];
	struct nl_route	r;
	unsigned int	i, n;
	int		error;

	if ((n = samples(look->p, addr)) == 0)
		return -E2BIG;
	for (i = 0; i < n; i++) {
		error = nl_route_get(&asker, &addr[i], &r);
		if (error == -ENETUNREACH)
			continue;
		if (error != 0)
			return error;	/* "unreachable" has no prefix in it */
		route_compare(&r, look);
		if (look->hit)
			return 1;
	}
	return 0;
}

static void
route_text(const struct nl_route *r, char *route, size_t size)
{
	char		text[PREFIX_STRLEN];
	struct nl_link	l;

	prefix_format(&r->dst, text);
	if (r->oif > 0 && nl_link_get(&asker, r->oif, NULL, &l) == 0)
		snprintf(route, size, "route %s of %s", text, l.name);
	else
		snprintf(route, size, "route %s", text);
}

int
linux_overlap(const struct prefix *p, struct prefix *with, char *route,
    size_t size)
{
	struct route_look	look = { .p = p };
	int			rv;

	if ((rv = ask()) != 0)
		return rv;
	if ((rv = overlap_ask(&look)) < 0) {
		rv = nl_route_each(&asker, p->family, route_compare, &look);
		/* A hit is a hit even when the walk was disturbed. */
		rv = look.hit ? 1 : rv;
	}
	if (rv == 1) {
		*with = look.found.dst;
		route_text(&look.found, route, size);
	} else if (rv < 0) {
		nl_close(&asker);
	}
	return rv;
}

/* A route that P takes something from holds all of P, so it is the one of any
 * address in P; or it lies in P, and is in the way only if P takes its
 * surroundings, too. */
int
linux_diverts(struct nl *nl, const struct prefix *p)
{
	struct route_look	look = { .p = p };
	struct nl_route		r;
	bool			lone = prefix_bits(p) - p->len <=
	    (p->family == 4 ? LONE_BITS4 : LONE_BITS6);
	int			error = 0;

	if (lone) {
		if ((error = nl_route_get(nl, p, &r)) == 0)
			route_compare(&r, &look);
		else if (error == -ENETUNREACH)
			return 0;
	}
	/* Also when the route is one of those that say no. */
	if (error != 0 || !lone)
		error = nl_route_each(nl, p->family, route_compare, &look);
	if (look.hit)
		return -EADDRINUSE;
	return error == -EINTR ? 0 : error;
}

int
linux_counters(uint32_t slot, struct if_counters *c)
{
	char		name[IFNAMSIZ];
	struct nl_link	l;
	int		error;

	if ((error = ask()) != 0)
		return error;
	backend_ifname(slot, 0, name);
	if ((error = nl_link_stats(&asker, name, &l)) != 0) {
		if (error != -ENODEV)
			nl_close(&asker);
		return error;
	}
	if (!linux_mark_is(l.alias, slot))
		return -ENODEV;
	*c = l.stats;
	return 0;
}

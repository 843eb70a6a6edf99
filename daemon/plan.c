/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what was asked to what would be made: the name, the slot, the MACs and
 * the addresses of a link. Called by open.c before anything is touched; it only
 * reads the link table and the host's routes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "fethd.h"
#include "identity.h"
#include "plan.h"
#include "policy.h"
#include "vlink.h"

/* Of a pool that much else is in, not every prefix is tried. */
#define PREFIX_TRIES	1024

/* May SPEC have the slot that the warden is ready for? A link with a name of its
 * own has the same one each time. */
static bool
takes_ready(const struct fethd *d, const struct link_spec *spec, bool named)
{
	int	i;

	for (i = 0; i < 2; i++)
		if (spec->end[i].class == CLASS_RAW ||
		    spec->end[i].offloads != 0)
			return false;
	return !named && spec->kind == LINK_HOST &&
	    d->ready_slot < BOUND_UNITS &&
	    vlink_by_slot(d, d->ready_slot) == NULL;
}

static int
pick_slot(const struct fethd *d, uint32_t uid, const struct link_spec *spec,
    bool named, uint32_t *slot)
{
	uint32_t	low, count, start, i, s;

	if (vlink_is_kernel(spec)) {
		low = 0;
		count = BOUND_UNITS;
		start = takes_ready(d, spec, named) ? d->ready_slot :
		    identity_slot(d->key, uid, spec->name);
	} else {
		low = BOUND_UNITS;
		count = BOUND_SLOTS - BOUND_UNITS;
		start = vlink_next_pair(d) - low;
	}
	for (i = 0; i < count; i++) {
		s = low + (start + i) % count;
		if (vlink_by_slot(d, s) == NULL) {
			*slot = s;
			return 0;
		}
	}
	return -ENOSPC;
}

/* 1 when P overlaps one of our links or a route of the host, which is to WITH;
 * of our links it is left as it is. */
static int
prefix_busy(const struct fethd *d, const struct prefix *p,
    struct prefix *with, char *detail, size_t size)
{
	if (vlink_overlap(d, p)) {
		snprintf(detail, size, "another link of this fethd");
		return 1;
	}
	if (d->backend->overlap == NULL)
		return 0;
	return d->backend->overlap(p, with, detail, size);
}

static void
add_address(struct end_spec *e, const struct prefix *p)
{
	if (e->naddr < BOUND_ADDRESSES)
		e->addr[e->naddr++] = *p;
}

static enum plan_refusal
auto_address(const struct fethd *d, uint32_t uid, struct link_spec *spec,
    const struct prefix *pool, int first, bool both, char *detail, size_t size)
{
	struct prefix	a, b, with = { .family = 0 };
	uint32_t	n;
	int		rv;
	char		text[PREFIX_STRLEN], route[64] = "";

	/* Of a pool that is in one route, no other prefix is free, and each look
	 * may be a walk over all routes. */
	for (n = 0; n < PREFIX_TRIES && !prefix_within(pool, &with) &&
	    identity_prefix(d->key, uid, spec->name, pool, n, &a, &b) == 0;
	    n++) {
		if ((rv = prefix_busy(d, &a, &with, detail, size)) == 1)
			continue;
		if (rv < 0) {
			snprintf(detail, size, "%s", strerror(-rv));
			return PLAN_SYSTEM;
		}
		if (both || spec->end[first].addr_auto)
			add_address(&spec->end[first], &a);
		if (both || spec->end[!first].addr_auto)
			add_address(&spec->end[!first], &b);
		return PLAN_OK;
	}
	snprintf(route, sizeof(route), "%s", detail);
	snprintf(detail, size, "no prefix of the pool %s is free (the last one "
	    "overlaps %s)", prefix_format(pool, text), route);
	return PLAN_NO_PREFIX;
}

/*
 * "auto" on one end of a host or pair link tells both sides. The host side is
 * .1. The two interfaces of a wire link get an address only where asked.
 */
static enum plan_refusal
auto_addresses(const struct fethd *d, uint32_t uid, struct link_spec *spec,
    char *detail, size_t size)
{
	const struct prefix	*pools[2];
	enum plan_refusal	 r = PLAN_OK;
	bool			 both;
	int			 first, i;

	if (!spec->end[0].addr_auto && !spec->end[1].addr_auto)
		return PLAN_OK;
	pools[0] = &d->policy->pool4;
	pools[1] = &d->policy->pool6;
	first = spec->kind == LINK_HOST && spec->end[1].kind == END_HOST;
	both = spec->kind != LINK_WIRE && spec->end[0].naddr == 0 &&
	    spec->end[1].naddr == 0;
	for (i = 0; i < 2 && r == PLAN_OK; i++) {
		if (pools[i]->family == 6 && spec->mtu < 1280)
			continue;	/* IPv6 needs 1280 */
		r = auto_address(d, uid, spec, pools[i], first, both, detail,
		    size);
	}
	return r;
}

/* Explicit addresses of host interfaces may not overlap what is there. */
static enum plan_refusal
check_addresses(const struct fethd *d, const struct link_spec *spec,
    char *detail, size_t size)
{
	const struct end_spec	*e;
	struct prefix		 with;
	unsigned int		 i, a;
	int			 rv;

	for (i = 0; i < 2; i++) {
		e = &spec->end[i];
		if (e->kind != END_HOST || e->netns >= 0)
			continue;
		for (a = 0; a < e->naddr; a++) {
			rv = prefix_busy(d, &e->addr[a], &with, detail, size);
			if (rv == 1)
				return PLAN_OVERLAP;
			if (rv < 0) {
				snprintf(detail, size, "%s", strerror(-rv));
				return PLAN_SYSTEM;
			}
		}
	}
	return PLAN_OK;
}

static void
plan_name(const struct fethd *d, uint32_t uid, struct link_spec *spec)
{
	uint64_t	n = vlink_next_id(d);

	while (spec->name[0] == '\0' || vlink_by_name(d, uid, spec->name))
		snprintf(spec->name, sizeof(spec->name), "link%llu",
		    (unsigned long long)n++);
}

static void
plan_macs(const struct fethd *d, uint32_t uid, struct link_spec *spec)
{
	int	i;

	for (i = 0; i < 2; i++)
		if (!spec->end[i].mac_set)
			identity_mac(d->key, uid, spec->name, i,
			    spec->end[i].mac);
	/* Somebody asked for exactly the MAC that the other end would have. */
	if (memcmp(spec->end[0].mac, spec->end[1].mac, 6) == 0)
		spec->end[spec->end[0].mac_set ? 1 : 0].mac[5] ^= 0x80;
}

enum plan_refusal
plan_link(const struct fethd *d, uint32_t uid, struct link_spec *spec,
    uint32_t *slot, char *detail, size_t size)
{
	enum plan_refusal	r;
	bool			named = spec->name[0] != '\0';

	if (!named)
		plan_name(d, uid, spec);
	else if (vlink_by_name(d, uid, spec->name) != NULL)
		return PLAN_NAME_IN_USE;
	if (pick_slot(d, uid, spec, named, slot) != 0)
		return PLAN_NO_SLOT;
	plan_macs(d, uid, spec);
	if ((r = check_addresses(d, spec, detail, size)) != PLAN_OK)
		return r;
	return auto_addresses(d, uid, spec, detail, size);
}

bool
plan_drop_ipv6(const struct fethd *d, struct link_spec *spec)
{
	struct end_spec	*e;
	unsigned int	 i, a, n;
	bool		 dropped = false;

	if (!spec->end[0].addr_auto && !spec->end[1].addr_auto)
		return false;
	for (i = 0; i < 2; i++) {
		e = &spec->end[i];
		for (a = n = 0; a < e->naddr; a++)
			if (e->addr[a].family != 6 ||
			    !prefix_overlap(&e->addr[a], &d->policy->pool6))
				e->addr[n++] = e->addr[a];
		dropped |= n != e->naddr;
		e->naddr = (uint8_t)n;
	}
	return dropped;
}

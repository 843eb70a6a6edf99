/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stable identity: from (machine, owner, name) follow the preferred slot, the
 * MACs of both ends and the preferred automatic prefixes, so that DHCP leases
 * and firewall rules hold. Keyed by the machine's key with SipHash-2-4.
 */
#ifndef FETHD_IDENTITY_H
#define FETHD_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "spec.h"

/* SipHash-2-4 (Aumasson, Bernstein 2012) of SIZE bytes. Pure. */
uint64_t siphash24(const uint8_t key[16], const void *data, size_t size);

/* Hash of (owner, name, purpose); the purposes make independent numbers. */
uint64_t identity_hash(const uint8_t key[16], uint32_t uid, const char *name,
	    const char *purpose);

/* MAC of END (0, 1): locally administered, no group bit, never equal for the
 * two ends of one link. */
void	identity_mac(const uint8_t key[16], uint32_t uid, const char *name,
	    int end, uint8_t mac[6]);

/* The slot that a kernel link of this name prefers, 0 .. BOUND_UNITS - 1. */
uint32_t identity_slot(const uint8_t key[16], uint32_t uid, const char *name);

/*
 * The N-th (0 ..) candidate for an automatic prefix out of POOL (a network),
 * starting at the place that (uid, name) prefers: a /30 of an IPv4 pool, a /64
 * of an IPv6 pool. Fills A and B with the addresses of the two sides (.1/.2,
 * ::1/::2) with that length. Returns 0, or -ENOSPC when N is past the pool.
 */
int	identity_prefix(const uint8_t key[16], uint32_t uid, const char *name,
	    const struct prefix *pool, uint32_t n, struct prefix *a,
	    struct prefix *b);

#endif

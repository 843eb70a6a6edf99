/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between a checked spec and a link: name, slot, MACs, addresses.
 */
#ifndef FETHD_PLAN_H
#define FETHD_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "spec.h"

struct fethd;

enum plan_refusal { PLAN_OK, PLAN_NAME_IN_USE, PLAN_NO_SLOT, PLAN_NO_PREFIX,
    PLAN_OVERLAP, PLAN_SYSTEM };

/*
 * Fill in what SPEC leaves open for a link of UID: the name, the MACs, the
 * automatic addresses; and look for what stands in the way. Nothing is made.
 * DETAIL gets the overlapping route, or an errno text. SLOT gets the preferred
 * free slot.
 */
enum plan_refusal plan_link(const struct fethd *d, uint32_t uid,
	    struct link_spec *spec, uint32_t *slot, char *detail, size_t size);

/* The host has no IPv6: take out of SPEC what "auto" put in of it. False when
 * that is nothing, so that trying again is of no use. */
bool	plan_drop_ipv6(const struct fethd *d, struct link_spec *spec);

#endif

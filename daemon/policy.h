/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have which link. A policy is plain data without pointers, loaded by
 * conf.c; policy_check is a pure function of it.
 */
#ifndef FETHD_POLICY_H
#define FETHD_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec.h"

struct peer;

/* A rule that allows needs all of a link to fit ("all ports are of these
 * classes"), one that refuses only a part ("any port is"). */
struct policy_rule {
	char		name[BOUND_NAME + 1];
	uint32_t	line;			/* 0: built in */
	bool		allow;
	/* who: any of these; anybody overrides the lists */
	bool		anybody;
	uint8_t		nuids, ngids;
	uint32_t	uids[BOUND_RULE_LIST];
	uint32_t	gids[BOUND_RULE_LIST];	/* POLICY_NO_GID: nobody */
	/* gids[i]'s name or "" */
	char		groups[BOUND_RULE_LIST][BOUND_NAME + 1];
	/* what: all of these; an empty list or 0 means any */
	uint32_t	kinds;			/* 1 << enum link_kind */
	uint32_t	classes;		/* 1 << enum port_class; 0 when
						 * allow: any but raw */
	uint32_t	leases;			/* 1 << enum lease */
	uint32_t	max_mtu;
	uint8_t		offloads;		/* enum policy_offloads */
	uint8_t		nnames, naddr;
	/* prefixes of the name; an anonymous link has none of them */
	char		names[BOUND_RULE_LIST][BOUND_NAME + 1];
	/* where addresses of host ends lie; those of ports never reach the
	 * kernel. "auto" takes from both pools */
	struct prefix	addr[BOUND_RULE_LIST];
	uint32_t	quota;			/* links of a uid; 0: any */
};
#define POLICY_NO_GID	UINT32_MAX
/* With or without any; a rule that allows has links without them only, one that
 * refuses has links with them only. */
enum policy_offloads { POLICY_OFFLOADS_ANY, POLICY_OFFLOADS_WITHOUT,
    POLICY_OFFLOADS_WITH };

struct policy {
	uint32_t		version;	/* POLICY_VERSION */
	char			file[256];	/* "built-in", or the path */
	uint32_t		grace_secs;	/* see BOUND_GRACE_SECS */
	uint32_t		spares;		/* for the warden: BOUND_SPARES */
	struct prefix		pool4, pool6;	/* where "auto" takes from */
	uint32_t		nrules;
	struct policy_rule	rules[BOUND_RULES];
};
#define POLICY_VERSION	1

struct verdict {
	bool			allowed;
	const struct policy_rule *rule;	/* that decided; NULL: none matched */
	/* None matched: the rule for this peer that comes closest, which the
	 * reason is about; NULL when no rule is for this peer. */
	const struct policy_rule *nearest;
	char			reason[200];	/* without a full stop */
	char			hint[200];	/* what helps; "" if allowed */
};

/* Fill P (all of its bytes) with the built-in policy; FETHD_GID is the gid of
 * group "fethd", or (gid_t)-1 when there is none. */
void	policy_builtin(struct policy *p, gid_t fethd_gid);

/*
 * May PEER open SPEC (checked, class resolved)? The first rule of which both
 * who and what match decides; if none does, it is refused. Pure.
 */
void	policy_check(const struct policy *p, const struct peer *peer,
	    const struct link_spec *spec, struct verdict *v);

/* True when links of KIND count against RULE's quota. */
bool	policy_counts(const struct policy_rule *rule, enum link_kind kind);

/* True when the bytes of P can be used: right version, counts within bounds,
 * strings that end. For a policy that came as a file. */
bool	policy_sane(const struct policy *p);

/*
 * The I-th (0 ..) entry of a rule's list as text, for people: "anybody",
 * "uid 0", "group fethd (gid 123)"; names of kinds, classes and leases as they
 * count, so that an absent list gives all; prefixes of names; CIDR. Returns
 * false past the end (names and addresses: at once when any will do).
 */
enum policy_list { POLICY_WHO, POLICY_KINDS, POLICY_CLASSES, POLICY_LEASES,
    POLICY_NAMES, POLICY_ADDRESSES, POLICY_LISTS };
#define POLICY_TEXT	(BOUND_NAME + 32)	/* room for any entry */
bool	policy_text(const struct policy_rule *rule, enum policy_list list,
	    unsigned int i, char *buf, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a link is, as plain data: enums with their names, prefixes, MACs, and
 * the struct that a decoded Open ends in. No pointers, so that it can be kept
 * in the journal and sent to the warden as it is.
 */
#ifndef FETHD_SPEC_H
#define FETHD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"

enum link_kind { LINK_HOST, LINK_PAIR, LINK_WIRE, LINK_KINDS };
enum end_kind { END_PORT, END_HOST, END_KINDS };
enum port_class { CLASS_AUTO, CLASS_TAP, CLASS_SOCKET, CLASS_RAW, CLASS_STREAM,
    CLASSES };
enum lease { LEASE_SESSION, LEASE_NAMED, LEASES };
/* What a program can take over from the host, and give to it, with a virtio-net
 * header before each frame: bits of a mask, 0 is no header. */
enum offload { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO,
    OFFLOADS };
#define OFFLOAD_ALL	((1u << OFFLOADS) - 1)

extern const char *const link_kind_names[LINK_KINDS + 1];  /* NULL-ended */
extern const char *const end_kind_names[END_KINDS + 1];
extern const char *const port_class_names[CLASSES + 1];
extern const char *const lease_names[LEASES + 1];
extern const char *const offload_names[OFFLOADS + 1];

/* An address with its prefix length; family is 4, 6, or 0 for none. */
struct prefix {
	uint8_t		family;
	uint8_t		len;
	uint8_t		addr[16];	/* network order, 4 or 16 bytes used */
};

struct label {
	char		key[BOUND_LABEL_KEY + 1];
	char		value[BOUND_LABEL_VALUE + 1];
};

/* end_spec.take before spec_check: false, true, or not given. */
enum take { TAKE_NO, TAKE_YES, TAKE_UNSET };

struct end_spec {
	uint8_t		kind;		/* enum end_kind */
	uint8_t		class;		/* enum port_class */
	uint8_t		mac_set;	/* mac was given by the caller */
	uint8_t		addr_auto;	/* "auto" was among the addresses */
	uint8_t		take;		/* enum take; 0 or 1 after spec_check */
	uint8_t		naddr;
	uint8_t		mac[6];
	int8_t		netns;		/* index of a descriptor, or -1 */
	uint8_t		offloads;	/* 1 << enum offload */
	struct prefix	addr[BOUND_ADDRESSES];
};

struct link_spec {
	char		name[BOUND_NAME + 1];	/* "": anonymous */
	uint8_t		kind;		/* enum link_kind; set by spec_check */
	uint8_t		lease;		/* enum lease */
	uint8_t		dry_run;
	uint8_t		nlabels;
	uint32_t	mtu;			/* 0: 1500 by spec_check */
	struct end_spec	end[2];
	struct label	labels[BOUND_LABELS];
};

/* A refusal of a spec: which field, and why. */
struct spec_error {
	char		field[48];
	char		reason[160];
};

/* Make SPEC one of which nothing was given yet (take, netns: unset). */
void	spec_init(struct link_spec *spec);

/*
 * Give SPEC its kind, resolve CLASS_AUTO (a pair link's to socket, a host
 * link's to HOST_AUTO) and take (yes for the first port), fill in the default
 * MTU and check every field against the others and against bounds.h. Whether a
 * backend can do it is not its business. Pure. Checking a checked SPEC again
 * changes nothing. Returns 0, or -EINVAL with *ERR filled.
 */
int	spec_check(struct link_spec *spec, enum port_class host_auto,
	    struct spec_error *err);

/* True when NAME is 1..BOUND_NAME of [A-Za-z0-9._-], not starting with '.' or
 * '-'. */
bool	spec_name_ok(const char *name);

/*
 * Parse "a.b.c.d/len" or "x::y/len" (the length must be there). Host bits may
 * be set. Returns 0, or -EINVAL.
 */
int	prefix_parse(const char *text, struct prefix *p);

/* Write P as text to BUF (at least PREFIX_STRLEN bytes); returns BUF. */
#define PREFIX_STRLEN	50
const char *prefix_format(const struct prefix *p, char *buf);

/* True when every address of INNER lies in OUTER. */
bool	prefix_within(const struct prefix *inner, const struct prefix *outer);

/* True when the two have an address in common. */
bool	prefix_overlap(const struct prefix *a, const struct prefix *b);

/* What the range of special use is for that P overlaps ("multicast",
 * "loopback", ...), in which no interface may have an address; or NULL. */
const char *prefix_reserved(const struct prefix *p);

/* True when P's address has no bit set past its length. */
bool	prefix_is_network(const struct prefix *p);

/* The number of bits of P's family: 32 or 128. */
unsigned int prefix_bits(const struct prefix *p);

/*
 * Parse "02:00:5e:00:00:01" (six hex pairs). Returns 0, or -EINVAL when
 * malformed, zero, or a group address.
 */
int	mac_parse(const char *text, uint8_t mac[6]);

/* Write MAC as text to BUF (at least 18 bytes); returns BUF. */
const char *mac_format(const uint8_t mac[6], char *buf);

#endif

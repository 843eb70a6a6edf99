/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks what a caller asked for against itself, and reads and writes prefixes
 * and MACs. Called by the request handlers, the policy file and the journal.
 * Pure: it must never ask the system anything, and never decide on rights.
 */
#include <arpa/inet.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec.h"

#define SPEC_MTU_DEFAULT	1500
#define SPEC_MTU_IPV6		1280	/* RFC 8200, section 5 */

#define NAME_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
			"0123456789._-"

const char *const link_kind_names[LINK_KINDS + 1] = {
	[LINK_HOST] = "host",
	[LINK_PAIR] = "pair",
	[LINK_WIRE] = "wire",
};

const char *const end_kind_names[END_KINDS + 1] = {
	[END_PORT] = "port",
	[END_HOST] = "host",
};

const char *const port_class_names[CLASSES + 1] = {
	[CLASS_AUTO] = "auto",
	[CLASS_TAP] = "tap",
	[CLASS_SOCKET] = "socket",
	[CLASS_RAW] = "raw",
	[CLASS_STREAM] = "stream",
};

const char *const offload_names[OFFLOADS + 1] = {
	[OFFLOAD_CSUM] = "csum", [OFFLOAD_TSO4] = "tso4",
	[OFFLOAD_TSO6] = "tso6", [OFFLOAD_USO] = "uso",
};
const char *const lease_names[LEASES + 1] = {
	[LEASE_SESSION] = "session",
	[LEASE_NAMED] = "named",
};

static const struct reserved {
	struct prefix	range;
	const char	*use;
} reserveds[] = {
	{ { 4, 8, { 0 } }, "unspecified" },
	{ { 4, 8, { 127 } }, "loopback" },
	{ { 4, 4, { 224 } }, "multicast" },
	{ { 4, 4, { 240 } }, "reserved and broadcast" },
	{ { 6, 127, { 0 } }, "unspecified and loopback" },
	{ { 6, 96, { [10] = 0xff, [11] = 0xff } }, "IPv4-mapped" },
	{ { 6, 8, { 0xff } }, "multicast" },
};

/* Fill ERR for FIELD of END ("" the end itself; END -1: of the link). */
static int __attribute__((format(printf, 4, 5)))
spec_fail(struct spec_error *err, int end, const char *field,
    const char *fmt, ...)
{
	va_list ap;

	if (end < 0)
		snprintf(err->field, sizeof(err->field), "%s", field);
	else
		snprintf(err->field, sizeof(err->field), "ends[%d]%s%s", end,
		    *field == '\0' ? "" : ".", field);
	va_start(ap, fmt);
	vsnprintf(err->reason, sizeof(err->reason), fmt, ap);
	va_end(ap);
	return (-EINVAL);
}

void
spec_init(struct link_spec *spec)
{
	unsigned int i;

	memset(spec, 0, sizeof(*spec));
	for (i = 0; i < 2; i++) {
		spec->end[i].take = TAKE_UNSET;
		spec->end[i].netns = -1;
	}
}

bool
spec_name_ok(const char *name)
{
	size_t n;

	n = strspn(name, NAME_CHARS);
	return (n > 0 && n <= BOUND_NAME && name[n] == '\0' &&
	    *name != '.' && *name != '-');
}

static int
spec_kind(struct link_spec *spec, struct spec_error *err)
{
	unsigned int i, ports;

	for (ports = i = 0; i < 2; i++) {
		if (spec->end[i].kind >= END_KINDS)
			return (spec_fail(err, i, "kind",
			    "an end is port or host"));
		ports += spec->end[i].kind == END_PORT;
	}
	spec->kind = ports == 2 ? LINK_PAIR : ports == 1 ? LINK_HOST :
	    LINK_WIRE;
	return (0);
}

static int
spec_names(const struct link_spec *spec, struct spec_error *err)
{
	if (spec->lease >= LEASES)
		return (spec_fail(err, -1, "lease",
		    "a lease is session or named"));
	if (*spec->name == '\0' && spec->lease == LEASE_NAMED)
		return (spec_fail(err, -1, "name",
		    "a link with the lease named needs a name"));
	if (*spec->name != '\0' && !spec_name_ok(spec->name))
		return (spec_fail(err, -1, "name",
		    "a name is 1 to %d of A-Z a-z 0-9 . _ - and does not "
		    "begin with . or -", BOUND_NAME));
	return (0);
}

static bool
spec_has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return (true);
	return (false);
}

static int
spec_labels(const struct link_spec *spec, struct spec_error *err)
{
	const char *key;
	unsigned int i, k;

	if (spec->nlabels > BOUND_LABELS)
		return (spec_fail(err, -1, "labels",
		    "at most %d labels", BOUND_LABELS));
	for (i = 0; i < spec->nlabels; i++) {
		key = spec->labels[i].key;
		if (*key == '\0' || key[strspn(key, NAME_CHARS "/")] != '\0')
			return (spec_fail(err, -1, "labels",
			    "a key is 1 to %d of A-Z a-z 0-9 . _ / -",
			    BOUND_LABEL_KEY));
		for (k = 0; k < i; k++)
			if (strcmp(spec->labels[k].key, key) == 0)
				return (spec_fail(err, -1, "labels",
				    "key %s is there twice", key));
		if (spec_has_control(spec->labels[i].value))
			return (spec_fail(err, -1, "labels",
			    "the value of %s holds a control character", key));
	}
	return (0);
}

/* The class of the port I; which classes a kind of link can have. */
static int
spec_class(struct link_spec *spec, int i, enum port_class host_auto,
    struct spec_error *err)
{
	struct end_spec *e = &spec->end[i];

	if (e->kind != END_PORT)
		return (e->class == CLASS_AUTO ? 0 : spec_fail(err, i, "class",
		    "only a port has a class, this end is a host interface"));
	if (e->class >= CLASSES)
		return (spec_fail(err, i, "class",
		    "a class is auto, tap, socket, raw or stream"));
	if (e->class == CLASS_AUTO)
		e->class = spec->kind == LINK_PAIR ? CLASS_SOCKET : host_auto;
	if (spec->kind == LINK_PAIR && e->class != CLASS_SOCKET &&
	    e->class != CLASS_STREAM)
		return (spec_fail(err, i, "class",
		    "a pair link has no interface that class %s could be of: "
		    "socket or stream", port_class_names[e->class]));
	return (0);
}

static int
spec_take(struct link_spec *spec, int i, struct spec_error *err)
{
	struct end_spec *e = &spec->end[i];

	if (e->kind != END_PORT && e->take == TAKE_YES)
		return (spec_fail(err, i, "take",
		    "only a port can be taken, this end is a host interface"));
	if (e->take >= TAKE_UNSET)
		e->take = e->kind == END_PORT &&
		    (i == 0 || spec->end[0].kind != END_PORT);
	return (0);
}

static int
spec_offloads(struct link_spec *spec, int i, struct spec_error *err)
{
	struct end_spec *e = &spec->end[i];

	if (e->offloads == 0)
		return (0);
	if (e->kind != END_PORT || e->class != CLASS_TAP)
		return (spec_fail(err, i, "offloads",
		    "only a port of class tap has them: leave them out"));
	if (e->offloads > OFFLOAD_ALL)
		return (spec_fail(err, i, "offloads", "they are unknown"));
	/* A segment is cut by who completes its checksum. */
	e->offloads |= 1 << OFFLOAD_CSUM;
	return (0);
}

static int
spec_netns(const struct link_spec *spec, int i, struct spec_error *err)
{
	if (spec->end[i].netns < 0)
		return (0);
	if (spec->kind != LINK_WIRE)
		return (spec_fail(err, i, "netns",
		    "only a wire link's end goes to a network namespace"));
	if (i == 1 && spec->end[0].netns >= 0)
		return (spec_fail(err, i, "netns",
		    "at most one end goes to another network namespace"));
	return (0);
}

static int
spec_mac(const struct link_spec *spec, int i, struct spec_error *err)
{
	static const uint8_t zero[6];
	const struct end_spec *e = &spec->end[i], *first = &spec->end[0];

	if (!e->mac_set)
		return (0);
	if (memcmp(e->mac, zero, sizeof(zero)) == 0)
		return (spec_fail(err, i, "mac", "it is all zero"));
	if (e->mac[0] & 1)
		return (spec_fail(err, i, "mac",
		    "it is a group address: the first byte must be even"));
	if (i == 1 && first->mac_set &&
	    memcmp(e->mac, first->mac, sizeof(e->mac)) == 0)
		return (spec_fail(err, i, "mac",
		    "both ends have the same address"));
	return (0);
}

/* True when all bits of P past its length are VALUE. */
static bool
prefix_host_bits(const struct prefix *p, unsigned int value)
{
	unsigned int b;

	for (b = p->len; b < prefix_bits(p); b++)
		if ((p->addr[b / 8] >> (7 - b % 8) & 1u) != value)
			return (false);
	return (true);
}

/* Can an interface have the address P? NULL, or why not. */
static const char *
spec_address_why(const struct prefix *p, char *buf, size_t size)
{
	struct prefix host = *p;
	const char *use;

	if ((p->family != 4 && p->family != 6) || p->len > prefix_bits(p))
		return ("it is no address with a prefix length");
	if (p->len == 0)
		return ("a prefix of length 0 holds every address there is");
	host.len = prefix_bits(p);
	if ((use = prefix_reserved(&host)) != NULL) {
		snprintf(buf, size, "that range is %s", use);
		return (buf);
	}
	if (host.len - p->len < 2)
		return (NULL);
	if (prefix_host_bits(p, 0))
		return (p->family == 4 ? "it is the network itself, not a host"
		    : "it is the subnet-router anycast address, not a host");
	if (p->family == 4 && prefix_host_bits(p, 1))
		return ("it is the broadcast address, not a host");
	return (NULL);
}

/* Is the address N of end I also an earlier one of the link? */
static bool
spec_address_twice(const struct link_spec *spec, int i, unsigned int n)
{
	const struct prefix *p = &spec->end[i].addr[n], *q;
	unsigned int k;
	int e;

	for (e = 0; e <= i; e++)
		for (k = 0; k < (e == i ? n : spec->end[e].naddr); k++) {
			q = &spec->end[e].addr[k];
			if (p->family == q->family && memcmp(p->addr, q->addr,
			    prefix_bits(p) / 8) == 0)
				return (true);
		}
	return (false);
}

static int
spec_addresses(const struct link_spec *spec, int i, struct spec_error *err)
{
	const struct end_spec *e = &spec->end[i];
	const char *why;
	char text[PREFIX_STRLEN], buf[64];
	unsigned int n;

	if (e->naddr > BOUND_ADDRESSES)
		return (spec_fail(err, i, "addresses",
		    "at most %d addresses an end", BOUND_ADDRESSES));
	if (e->addr_auto && e->naddr > 0)
		return (spec_fail(err, i, "addresses",
		    "\"auto\" stands alone, without other addresses"));
	for (n = 0; n < e->naddr; n++) {
		prefix_format(&e->addr[n], text);
		why = spec_address_why(&e->addr[n], buf, sizeof(buf));
		if (why == NULL && spec_address_twice(spec, i, n))
			why = "the link has this address already";
		if (why != NULL)
			return (spec_fail(err, i, "addresses", "%s: %s", text,
			    why));
	}
	return (0);
}

static bool
spec_has_ipv6(const struct link_spec *spec)
{
	unsigned int i, n;

	for (i = 0; i < 2; i++)
		for (n = 0; n < spec->end[i].naddr; n++)
			if (spec->end[i].addr[n].family == 6)
				return (true);
	return (false);
}

static int
spec_mtu(struct link_spec *spec, struct spec_error *err)
{
	if (spec->mtu == 0)
		spec->mtu = SPEC_MTU_DEFAULT;
	if (spec->mtu < BOUND_MTU_MIN || spec->mtu > BOUND_MTU_MAX)
		return (spec_fail(err, -1, "mtu", "%u is not in %d to %d",
		    spec->mtu, BOUND_MTU_MIN, BOUND_MTU_MAX));
	if (spec->mtu < SPEC_MTU_IPV6 && spec_has_ipv6(spec))
		return (spec_fail(err, -1, "mtu",
		    "an IPv6 address needs %d or more", SPEC_MTU_IPV6));
	return (0);
}

static int
spec_end(struct link_spec *spec, int i, enum port_class host_auto,
    struct spec_error *err)
{
	int r;

	if ((r = spec_class(spec, i, host_auto, err)) != 0 ||
	    (r = spec_take(spec, i, err)) != 0 ||
	    (r = spec_offloads(spec, i, err)) != 0 ||
	    (r = spec_netns(spec, i, err)) != 0 ||
	    (r = spec_mac(spec, i, err)) != 0)
		return (r);
	return (spec_addresses(spec, i, err));
}

int
spec_check(struct link_spec *spec, enum port_class host_auto,
    struct spec_error *err)
{
	int r;

	if ((r = spec_kind(spec, err)) != 0 ||
	    (r = spec_names(spec, err)) != 0 ||
	    (r = spec_labels(spec, err)) != 0 ||
	    (r = spec_end(spec, 0, host_auto, err)) != 0 ||
	    (r = spec_end(spec, 1, host_auto, err)) != 0)
		return (r);
	return (spec_mtu(spec, err));
}

unsigned int
prefix_bits(const struct prefix *p)
{
	return (p->family == 4 ? 32 : 128);
}

/* "0" to "128" in decimal without anything else, or -1. */
static int
prefix_length(const char *text)
{
	int n;

	if (*text == '\0' || strlen(text) > 3 ||
	    text[strspn(text, "0123456789")] != '\0' ||
	    (text[0] == '0' && text[1] != '\0'))
		return (-1);
	for (n = 0; *text != '\0'; text++)
		n = n * 10 + (*text - '0');
	return (n);
}

int
prefix_parse(const char *text, struct prefix *p)
{
	char host[INET6_ADDRSTRLEN];
	struct prefix got;
	const char *slash;
	int len;

	memset(p, 0, sizeof(*p));
	memset(&got, 0, sizeof(got));
	if ((slash = strchr(text, '/')) == NULL ||
	    (size_t)(slash - text) >= sizeof(host))
		return (-EINVAL);
	memcpy(host, text, slash - text);
	host[slash - text] = '\0';
	got.family = strchr(host, ':') == NULL ? 4 : 6;
	if (inet_pton(got.family == 4 ? AF_INET : AF_INET6, host,
	    got.addr) != 1)
		return (-EINVAL);
	len = prefix_length(slash + 1);
	if (len < 0 || len > (int)prefix_bits(&got))
		return (-EINVAL);
	got.len = len;
	*p = got;
	return (0);
}

const char *
prefix_format(const struct prefix *p, char *buf)
{
	char host[INET6_ADDRSTRLEN];

	if ((p->family != 4 && p->family != 6) || inet_ntop(p->family == 4 ?
	    AF_INET : AF_INET6, p->addr, host, sizeof(host)) == NULL)
		strcpy(buf, "none");
	else
		snprintf(buf, PREFIX_STRLEN, "%s/%u", host, p->len);
	return (buf);
}

/* True when A and B agree in their first BITS bits. */
static bool
prefix_agree(const struct prefix *a, const struct prefix *b, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	return (memcmp(a->addr, b->addr, bytes) == 0 && (rest == 0 ||
	    (a->addr[bytes] ^ b->addr[bytes]) >> (8 - rest) == 0));
}

bool
prefix_within(const struct prefix *inner, const struct prefix *outer)
{
	return (inner->family != 0 && inner->family == outer->family &&
	    inner->len >= outer->len && prefix_agree(inner, outer, outer->len));
}

bool
prefix_overlap(const struct prefix *a, const struct prefix *b)
{
	return (prefix_within(a, b) || prefix_within(b, a));
}

const char *
prefix_reserved(const struct prefix *p)
{
	unsigned int i;

	for (i = 0; i < sizeof(reserveds) / sizeof(reserveds[0]); i++)
		if (prefix_overlap(p, &reserveds[i].range))
			return (reserveds[i].use);
	return (NULL);
}

bool
prefix_is_network(const struct prefix *p)
{
	return (prefix_host_bits(p, 0));
}

static int
mac_digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *d;

	if (c == '\0' || (d = strchr(digits, c)) == NULL)
		return (-1);
	return ((d - digits) % 16);
}

int
mac_parse(const char *text, uint8_t mac[6])
{
	static const uint8_t zero[6];
	uint8_t m[6];
	int i, hi, lo;

	for (i = 0; i < 6; i++, text += 3) {
		if ((hi = mac_digit(text[0])) < 0 ||
		    (lo = mac_digit(text[1])) < 0 ||
		    text[2] != (i < 5 ? ':' : '\0'))
			return (-EINVAL);
		m[i] = hi << 4 | lo;
	}
	if ((m[0] & 1) || memcmp(m, zero, sizeof(m)) == 0)
		return (-EINVAL);
	memcpy(mac, m, sizeof(m));
	return (0);
}

const char *
mac_format(const uint8_t mac[6], char *buf)
{
	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
	    mac[2], mac[3], mac[4], mac[5]);
	return (buf);
}

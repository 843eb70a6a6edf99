/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stack.h. A frame is taken apart once, into struct parts, with every
 * length checked there; what follows reads only what that has vouched for.
 * Frames with a VLAN tag, fragments and IPv6 extension headers are not for us.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include "stack.h"

#define ETH_LEN		14
#define ARP_LEN		28
#define IP4_LEN		20
#define IP6_LEN		40
#define ICMP_LEN	8
#define ND_LEN		24	/* header and target */
#define ND_OPTION	8	/* one link-layer address */

#define TYPE_IP4	0x0800
#define TYPE_ARP	0x0806
#define TYPE_IP6	0x86dd

#define PROTO_ICMP	1
#define PROTO_ICMP6	58

#define ECHO4_REPLY	0
#define ECHO4_REQUEST	8
#define ECHO6_REQUEST	128
#define ECHO6_REPLY	129
#define ND_SOLICIT	135
#define ND_ADVERT	136

const char *const stack_kind_names[STACK_KINDS] = {
	[STACK_OTHER] = "other",
	[STACK_BAD] = "malformed",
	[STACK_ARP_REQUEST] = "arp request",
	[STACK_ARP_REPLY] = "arp reply",
	[STACK_ECHO4] = "echo request",
	[STACK_ECHO4_REPLY] = "echo reply",
	[STACK_SOLICIT] = "neighbour solicitation",
	[STACK_ADVERT] = "neighbour advertisement",
	[STACK_ECHO6] = "echo6 request",
	[STACK_ECHO6_REPLY] = "echo6 reply",
};

/* A frame taken apart; pointers are into it. */
struct parts {
	enum stack_kind	kind;
	const uint8_t	*eth;
	const uint8_t	*body;		/* ARP, ICMP or ICMPv6 */
	size_t		len;		/* of body */
	uint8_t		ttl;
	uint8_t		from_mac[6];
	struct stack_addr src, dst;	/* ARP: sender and target */
	struct stack_addr target;	/* neighbour discovery */
};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ---- Addresses --------------------------------------------------------- */

bool
stack_mac(const char *text, uint8_t mac[6])
{
	unsigned int v[6];
	int n = 0, i;

	if (strlen(text) != 17 ||
	    strspn(text, "0123456789abcdefABCDEF:") != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2],
	    &v[3], &v[4], &v[5], &n) != 6 || n != 17)
		return false;
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)v[i];
	return true;
}

bool
stack_addr(const char *text, struct stack_addr *a)
{
	char buf[STACK_ADDRSTRLEN];
	size_t len = strcspn(text, "/");

	memset(a, 0, sizeof(*a));
	if (len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	a->family = strchr(buf, ':') != NULL ? 6 : 4;
	return inet_pton(a->family == 6 ? AF_INET6 : AF_INET, buf,
	    a->addr) == 1;
}

const char *
stack_addr_text(const struct stack_addr *a, char *buf)
{
	if (inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->addr, buf,
	    STACK_ADDRSTRLEN) == NULL)
		buf[0] = '\0';
	return buf;
}

static size_t
addr_len(const struct stack_addr *a)
{
	return a->family == 6 ? 16 : 4;
}

bool
stack_addr_equal(const struct stack_addr *a, const struct stack_addr *b)
{
	return a->family == b->family &&
	    memcmp(a->addr, b->addr, addr_len(a)) == 0;
}

static void
addr_set(struct stack_addr *a, int family, const uint8_t *bytes)
{
	memset(a, 0, sizeof(*a));
	a->family = family;
	memcpy(a->addr, bytes, family == 6 ? 16 : 4);
}

static bool
addr_local(const struct stack_addr *a)
{
	return a->family == 6 && a->addr[0] == 0xfe &&
	    (a->addr[1] & 0xc0) == 0x80;
}

static bool
addr_unspecified(const struct stack_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->addr, zero, addr_len(a)) == 0;
}

static bool
addr_group(const struct stack_addr *a)
{
	return a->family == 6 ? a->addr[0] == 0xff : a->addr[0] >= 224;
}

void
stack_init(struct stack *s, const uint8_t mac[6])
{
	struct stack_addr a = { .family = 6, .addr = { 0xfe, 0x80 } };

	memset(s, 0, sizeof(*s));
	memcpy(s->mac, mac, 6);
	a.addr[8] = mac[0] ^ 2;
	a.addr[9] = mac[1];
	a.addr[10] = mac[2];
	a.addr[11] = 0xff;
	a.addr[12] = 0xfe;
	memcpy(a.addr + 13, mac + 3, 3);
	stack_add(s, &a);
}

bool
stack_add(struct stack *s, const struct stack_addr *a)
{
	if (s->naddr == STACK_ADDRESSES)
		return false;
	s->addr[s->naddr++] = *a;
	return true;
}

const struct stack_addr *
stack_source(const struct stack *s, int family)
{
	const struct stack_addr *local = NULL;
	unsigned int i;

	for (i = 0; i < s->naddr; i++) {
		if (s->addr[i].family != family)
			continue;
		if (!addr_local(&s->addr[i]))
			return &s->addr[i];
		local = &s->addr[i];
	}
	return local;
}

static const struct stack_addr *
source_for(const struct stack *s, const struct stack_addr *target)
{
	unsigned int i;

	for (i = 0; addr_local(target) && i < s->naddr; i++) {
		if (addr_local(&s->addr[i]))
			return &s->addr[i];
	}
	return stack_source(s, target->family);
}

static bool
stack_owns(const struct stack *s, const struct stack_addr *a)
{
	unsigned int i;

	for (i = 0; i < s->naddr; i++) {
		if (stack_addr_equal(&s->addr[i], a))
			return true;
	}
	return false;
}

/* ---- Checksums --------------------------------------------------------- */

static uint32_t
sum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (i < len)
		sum += (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t
sum_end(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Of the ICMPv6 message P, with the pseudo header. */
static uint16_t
sum_icmp6(const struct stack_addr *src, const struct stack_addr *dst,
    const uint8_t *p, size_t len)
{
	uint32_t sum;

	sum = sum_add(0, src->addr, 16);
	sum = sum_add(sum, dst->addr, 16);
	sum += (uint32_t)len + PROTO_ICMP6;
	return sum_end(sum_add(sum, p, len));
}

/* ---- Taking a frame apart ---------------------------------------------- */

static enum stack_kind
parse_arp(const uint8_t *p, size_t len, struct parts *f)
{
	static const uint8_t ether_ip4[] = { 0, 1, 8, 0, 6, 4 };

	if (len < ARP_LEN)
		return STACK_BAD;
	if (memcmp(p, ether_ip4, sizeof(ether_ip4)) != 0)
		return STACK_OTHER;
	f->body = p;
	f->len = ARP_LEN;
	memcpy(f->from_mac, p + 8, 6);
	addr_set(&f->src, 4, p + 14);
	addr_set(&f->dst, 4, p + 24);
	switch (get16(p + 6)) {
	case 1:
		return STACK_ARP_REQUEST;
	case 2:
		return STACK_ARP_REPLY;
	default:
		return STACK_OTHER;
	}
}

static enum stack_kind
parse_ip4(const uint8_t *p, size_t len, struct parts *f)
{
	size_t header, total;

	if (len < IP4_LEN || p[0] >> 4 != 4)
		return STACK_BAD;
	header = (size_t)(p[0] & 15) * 4;
	total = get16(p + 2);
	if (header < IP4_LEN || total < header || total > len ||
	    sum_end(sum_add(0, p, header)) != 0)
		return STACK_BAD;
	f->ttl = p[8];
	addr_set(&f->src, 4, p + 12);
	addr_set(&f->dst, 4, p + 16);
	if (p[9] != PROTO_ICMP || (get16(p + 6) & 0x3fff) != 0)
		return STACK_OTHER;
	f->body = p + header;
	f->len = total - header;
	if (f->len < ICMP_LEN || sum_end(sum_add(0, f->body, f->len)) != 0)
		return STACK_BAD;
	if (f->body[0] == ECHO4_REQUEST && f->body[1] == 0)
		return STACK_ECHO4;
	if (f->body[0] == ECHO4_REPLY && f->body[1] == 0)
		return STACK_ECHO4_REPLY;
	return STACK_OTHER;
}

/* The link-layer address in the options P, of TYPE, to MAC if there is one.
 * False when they are malformed. */
static bool
parse_nd_options(const uint8_t *p, size_t len, uint8_t type, uint8_t mac[6])
{
	size_t olen;

	while (len > 0) {
		if (len < 2 || p[1] == 0)
			return false;
		olen = (size_t)p[1] * 8;
		if (olen > len)
			return false;
		if (p[0] == type && olen == ND_OPTION)
			memcpy(mac, p + 2, 6);
		p += olen;
		len -= olen;
	}
	return true;
}

/* A solicitation or advertisement; RFC 4861, 7.1. */
static enum stack_kind
parse_nd(struct parts *f)
{
	bool solicit = f->body[0] == ND_SOLICIT;

	if (f->len < ND_LEN || f->ttl != 255 || f->body[1] != 0)
		return STACK_BAD;
	addr_set(&f->target, 6, f->body + 8);
	if (addr_group(&f->target))
		return STACK_BAD;
	if (!parse_nd_options(f->body + ND_LEN, f->len - ND_LEN,
	    solicit ? 1 : 2, f->from_mac))
		return STACK_BAD;
	return solicit ? STACK_SOLICIT : STACK_ADVERT;
}

static enum stack_kind
parse_ip6(const uint8_t *p, size_t len, struct parts *f)
{
	size_t total;

	if (len < IP6_LEN || p[0] >> 4 != 6)
		return STACK_BAD;
	total = get16(p + 4);
	if (total > len - IP6_LEN)
		return STACK_BAD;
	f->ttl = p[7];
	addr_set(&f->src, 6, p + 8);
	addr_set(&f->dst, 6, p + 24);
	if (p[6] != PROTO_ICMP6)
		return STACK_OTHER;
	f->body = p + IP6_LEN;
	f->len = total;
	if (total < ICMP_LEN ||
	    sum_icmp6(&f->src, &f->dst, f->body, total) != 0)
		return STACK_BAD;
	if (f->body[0] == ND_SOLICIT || f->body[0] == ND_ADVERT)
		return parse_nd(f);
	if (f->body[0] == ECHO6_REQUEST && f->body[1] == 0)
		return STACK_ECHO6;
	if (f->body[0] == ECHO6_REPLY && f->body[1] == 0)
		return STACK_ECHO6_REPLY;
	return STACK_OTHER;
}

static void
parse(const uint8_t *in, size_t len, struct parts *f)
{
	memset(f, 0, sizeof(*f));
	f->kind = STACK_BAD;
	if (len < ETH_LEN)
		return;
	f->eth = in;
	memcpy(f->from_mac, in + 6, 6);
	in += ETH_LEN;
	len -= ETH_LEN;
	switch (get16(f->eth + 12)) {
	case TYPE_ARP:
		f->kind = parse_arp(in, len, f);
		break;
	case TYPE_IP4:
		f->kind = parse_ip4(in, len, f);
		break;
	case TYPE_IP6:
		f->kind = parse_ip6(in, len, f);
		break;
	default:
		f->kind = STACK_OTHER;
	}
}

/* ---- Putting frames together ------------------------------------------- */

static void
make_eth(uint8_t *out, const uint8_t dst[6], const uint8_t src[6],
    unsigned int type)
{
	memcpy(out, dst, 6);
	memcpy(out + 6, src, 6);
	put16(out + 12, type);
}

static size_t
make_arp(const struct stack *s, unsigned int op, const uint8_t dst[6],
    const struct stack_addr *src, const uint8_t target_mac[6],
    const struct stack_addr *target, uint8_t *out, size_t size)
{
	static const uint8_t ether_ip4[] = { 0, 1, 8, 0, 6, 4 };
	uint8_t *p = out + ETH_LEN;

	if (size < ETH_LEN + ARP_LEN)
		return 0;
	make_eth(out, dst, s->mac, TYPE_ARP);
	memcpy(p, ether_ip4, sizeof(ether_ip4));
	put16(p + 6, op);
	memcpy(p + 8, s->mac, 6);
	memcpy(p + 14, src->addr, 4);
	memcpy(p + 18, target_mac, 6);
	memcpy(p + 24, target->addr, 4);
	return ETH_LEN + ARP_LEN;
}

/* Headers for LEN bytes of ICMP, which are at the right place already but for
 * their checksum. */
static size_t
make_ip4(const struct stack *s, const uint8_t dst_mac[6],
    const struct stack_addr *src, const struct stack_addr *dst, size_t len,
    uint8_t *out)
{
	uint8_t *p = out + ETH_LEN, *icmp = p + IP4_LEN;

	make_eth(out, dst_mac, s->mac, TYPE_IP4);
	memset(p, 0, IP4_LEN);
	p[0] = 0x45;
	put16(p + 2, (unsigned int)(IP4_LEN + len));
	put16(p + 6, 0x4000);	/* do not fragment: no id is needed */
	p[8] = 64;
	p[9] = PROTO_ICMP;
	memcpy(p + 12, src->addr, 4);
	memcpy(p + 16, dst->addr, 4);
	put16(p + 10, sum_end(sum_add(0, p, IP4_LEN)));
	put16(icmp + 2, 0);
	put16(icmp + 2, sum_end(sum_add(0, icmp, len)));
	return ETH_LEN + IP4_LEN + len;
}

static size_t
make_ip6(const struct stack *s, const uint8_t dst_mac[6],
    const struct stack_addr *src, const struct stack_addr *dst, uint8_t hops,
    size_t len, uint8_t *out)
{
	uint8_t *p = out + ETH_LEN, *icmp = p + IP6_LEN;

	make_eth(out, dst_mac, s->mac, TYPE_IP6);
	memset(p, 0, IP6_LEN);
	p[0] = 0x60;
	put16(p + 4, (unsigned int)len);
	p[6] = PROTO_ICMP6;
	p[7] = hops;
	memcpy(p + 8, src->addr, 16);
	memcpy(p + 24, dst->addr, 16);
	put16(icmp + 2, 0);
	put16(icmp + 2, sum_icmp6(src, dst, icmp, len));
	return ETH_LEN + IP6_LEN + len;
}

/* The body of a solicitation or advertisement with our MAC in option OPTION. */
static void
make_nd(const struct stack *s, uint8_t type, uint8_t flags,
    const struct stack_addr *target, uint8_t option, uint8_t *out)
{
	uint8_t *p = out + ETH_LEN + IP6_LEN;

	memset(p, 0, ND_LEN + ND_OPTION);
	p[0] = type;
	p[4] = flags;
	memcpy(p + 8, target->addr, 16);
	p[ND_LEN] = option;
	p[ND_LEN + 1] = 1;
	memcpy(p + ND_LEN + 2, s->mac, 6);
}

/* ---- Answers ----------------------------------------------------------- */

static size_t
answer_arp(const struct stack *s, const struct parts *f, uint8_t *out,
    size_t size)
{
	if (!stack_owns(s, &f->dst))
		return 0;
	return make_arp(s, 2, f->from_mac, &f->dst, f->from_mac, &f->src, out,
	    size);
}

static size_t
answer_echo4(const struct stack *s, const struct parts *f, uint8_t *out,
    size_t size)
{
	uint8_t *icmp = out + ETH_LEN + IP4_LEN;

	if (!stack_owns(s, &f->dst) || addr_group(&f->src) ||
	    size < ETH_LEN + IP4_LEN + f->len)
		return 0;
	memcpy(icmp, f->body, f->len);
	icmp[0] = ECHO4_REPLY;
	return make_ip4(s, f->eth + 6, &f->dst, &f->src, f->len, out);
}

static size_t
answer_echo6(const struct stack *s, const struct parts *f, uint8_t *out,
    size_t size)
{
	uint8_t *icmp = out + ETH_LEN + IP6_LEN;

	if (!stack_owns(s, &f->dst) || addr_group(&f->src) ||
	    size < ETH_LEN + IP6_LEN + f->len)
		return 0;
	memcpy(icmp, f->body, f->len);
	icmp[0] = ECHO6_REPLY;
	return make_ip6(s, f->eth + 6, &f->dst, &f->src, 64, f->len, out);
}

/* To one who has no address yet (:: asks whether ours is free), the answer goes
 * to all nodes and is not marked as solicited. */
static size_t
answer_solicit(const struct stack *s, const struct parts *f, uint8_t *out,
    size_t size)
{
	static const struct stack_addr all_nodes = { 6, { 0xff, 2, [15] = 1 } };
	static const uint8_t all_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	bool probe = addr_unspecified(&f->src);

	if (!stack_owns(s, &f->target) ||
	    size < ETH_LEN + IP6_LEN + ND_LEN + ND_OPTION)
		return 0;
	make_nd(s, ND_ADVERT, probe ? 0x20 : 0x60, &f->target, 2, out);
	return make_ip6(s, probe ? all_mac : f->from_mac, &f->target,
	    probe ? &all_nodes : &f->src, 255, ND_LEN + ND_OPTION, out);
}

static void
input_news(const struct parts *f, struct stack_news *news)
{
	memset(news, 0, sizeof(*news));
	news->from = f->kind == STACK_ADVERT ? f->target : f->src;
	memcpy(news->mac, f->from_mac, 6);
	news->ttl = f->ttl;
	if (f->kind == STACK_ECHO4_REPLY || f->kind == STACK_ECHO6_REPLY) {
		news->id = get16(f->body + 4);
		news->seq = get16(f->body + 6);
		news->data = f->body + ICMP_LEN;
		news->len = f->len - ICMP_LEN;
	}
}

static size_t (*const answers[STACK_KINDS])(const struct stack *,
    const struct parts *, uint8_t *, size_t) = {
	[STACK_ARP_REQUEST] = answer_arp,
	[STACK_ECHO4] = answer_echo4,
	[STACK_SOLICIT] = answer_solicit,
	[STACK_ECHO6] = answer_echo6,
};

enum stack_kind
stack_input(const struct stack *s, const uint8_t *in, size_t len, uint8_t *out,
    size_t size, size_t *out_len, struct stack_news *news)
{
	struct parts f;

	*out_len = 0;
	parse(in, len, &f);
	if (f.eth == NULL)
		return f.kind;
	/* Ours, a group's, or nobody's business. */
	if ((f.eth[0] & 1) == 0 && memcmp(f.eth, s->mac, 6) != 0)
		return STACK_OTHER;
	if (answers[f.kind] != NULL)
		*out_len = answers[f.kind](s, &f, out, size);
	if (news != NULL)
		input_news(&f, news);
	return f.kind;
}

/* ---- Questions --------------------------------------------------------- */

size_t
stack_ask(const struct stack *s, const struct stack_addr *target, uint8_t *out,
    size_t size)
{
	static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t nobody[6];
	const struct stack_addr *src = source_for(s, target);
	struct stack_addr group = { 6, { 0xff, 2, [11] = 1, 0xff } };
	uint8_t group_mac[6] = { 0x33, 0x33, 0xff };

	if (src == NULL)
		return 0;
	if (target->family == 4)
		return make_arp(s, 1, everybody, src, nobody, target, out,
		    size);
	if (size < ETH_LEN + IP6_LEN + ND_LEN + ND_OPTION)
		return 0;
	memcpy(group.addr + 13, target->addr + 13, 3);
	memcpy(group_mac + 3, target->addr + 13, 3);
	make_nd(s, ND_SOLICIT, 0, target, 1, out);
	return make_ip6(s, group_mac, src, &group, 255, ND_LEN + ND_OPTION,
	    out);
}

size_t
stack_echo(const struct stack *s, const struct stack_addr *target,
    const uint8_t mac[6], uint16_t id, uint16_t seq, const uint8_t *data,
    size_t len, uint8_t *out, size_t size)
{
	const struct stack_addr *src = source_for(s, target);
	bool six = target->family == 6;
	uint8_t *icmp = out + ETH_LEN + (six ? IP6_LEN : IP4_LEN);

	if (src == NULL || len > 65000 || size < STACK_HEADROOM + len)
		return 0;
	icmp[0] = six ? ECHO6_REQUEST : ECHO4_REQUEST;
	icmp[1] = 0;
	put16(icmp + 4, id);
	put16(icmp + 6, seq);
	memcpy(icmp + ICMP_LEN, data, len);
	if (six)
		return make_ip6(s, mac, src, target, 64, ICMP_LEN + len, out);
	return make_ip4(s, mac, src, target, ICMP_LEN + len, out);
}

/* ---- In words ---------------------------------------------------------- */

static void
describe_body(const struct parts *f, char *buf, size_t size)
{
	char src[STACK_ADDRSTRLEN], dst[STACK_ADDRSTRLEN];
	const struct stack_addr *what;

	what = f->kind == STACK_SOLICIT || f->kind == STACK_ADVERT ?
	    &f->target : &f->dst;
	stack_addr_text(&f->src, src);
	stack_addr_text(what, dst);
	switch (f->kind) {
	case STACK_ARP_REQUEST:
		snprintf(buf, size, "arp who-has %s tell %s", dst, src);
		break;
	case STACK_ARP_REPLY:
		snprintf(buf, size, "arp %s is here", src);
		break;
	case STACK_SOLICIT:
		snprintf(buf, size, "nd who-has %s tell %s", dst, src);
		break;
	case STACK_ADVERT:
		snprintf(buf, size, "nd %s is here", dst);
		break;
	case STACK_ECHO4:
	case STACK_ECHO6:
	case STACK_ECHO4_REPLY:
	case STACK_ECHO6_REPLY:
		snprintf(buf, size, "%s > %s %s id %u seq %u", src, dst,
		    stack_kind_names[f->kind], get16(f->body + 4),
		    get16(f->body + 6));
		break;
	default:
		if (f->src.family != 0 && f->dst.family != 0)
			snprintf(buf, size, "%s > %s", src, dst);
		else
			buf[0] = '\0';
	}
}

const char *
stack_describe_cut(const uint8_t *frame, size_t have, size_t len, char *buf,
    size_t size)
{
	const uint8_t *e = frame;
	char body[160] = "";
	struct parts f;

	if (have < ETH_LEN) {
		snprintf(buf, size, "%zu bytes: too short for a frame", len);
		return buf;
	}
	/* Of a part of a frame nothing can be said to be wrong. */
	if (have == len) {
		parse(frame, len, &f);
		if (f.kind == STACK_BAD)
			snprintf(body, sizeof(body), "malformed");
		else
			describe_body(&f, body, sizeof(body));
	}
	snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x > "
	    "%02x:%02x:%02x:%02x:%02x:%02x type %04x len %zu%s%s", e[6], e[7],
	    e[8], e[9], e[10], e[11], e[0], e[1], e[2], e[3], e[4], e[5],
	    get16(e + 12), len, *body != '\0' ? ": " : "", body);
	return buf;
}

const char *
stack_describe(const uint8_t *frame, size_t len, char *buf, size_t size)
{
	return stack_describe_cut(frame, len, len, buf, size);
}

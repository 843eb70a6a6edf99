/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the routing table of macOS; see darwin_route.h. Called by
 * darwin_ops.c. A message is a header and the addresses that its bits name, each
 * a sockaddr cut where its zeros begin (a mask of /8 has a length of 5 and no
 * family), and each at a multiple of 4 bytes.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "darwin_abi.h"
#include "darwin_route.h"

#define RT_VERSION	5
#define RTF_HOST	0x4
#define RTF_LLINFO	0x400
#define RTF_WASCLONED	0x20000
#define RTA_DST		0x1
#define RTA_NETMASK	0x4
#define RTAX_MAX	8

static_assert(sizeof(struct dw_rt_msghdr) == 92, "rt_msghdr");
static_assert(offsetof(struct dw_rt_msghdr, flags) == 8, "rt_msghdr.flags");
static_assert(offsetof(struct dw_rt_msghdr, addrs) == 12, "rt_msghdr.addrs");

/* Where the address of a sockaddr of FAMILY begins. */
static size_t
address_at(unsigned int family)
{
	return family == 4 ? offsetof(struct dw_sockaddr_in, addr) :
	    offsetof(struct dw_sockaddr_in6, addr);
}

/* What there is of an address in SA, the rest is 0. */
static void
address_get(const uint8_t *sa, unsigned int family, uint8_t out[16])
{
	size_t	at = address_at(family), size = family == 4 ? 4 : 16;

	memset(out, 0, 16);
	if (sa[0] > at)
		memcpy(out, sa + at, sa[0] - at < size ? sa[0] - at : size);
}

static uint8_t
mask_len(const uint8_t mask[16])
{
	uint8_t	n = 0;

	while (n < 128 && (mask[n / 8] & 0x80 >> n % 8) != 0)
		n++;
	return n;
}

/* The sockaddrs of a message: SA[i] is NULL where there is none. */
static bool
split(const uint8_t *p, size_t len, int32_t addrs, const uint8_t *sa[RTAX_MAX])
{
	size_t	at = sizeof(struct dw_rt_msghdr), size;
	int	i;

	for (i = 0; i < RTAX_MAX; i++) {
		sa[i] = NULL;
		if ((addrs & 1 << i) == 0)
			continue;
		if (at >= len)
			return false;
		size = p[at];
		if (size > len - at)
			return false;
		sa[i] = p + at;
		/* An empty one takes 4 bytes, too. */
		at += size == 0 ? 4 : (size + 3) & ~(size_t)3;
	}
	return true;
}

/* The destination of one message. False: none that matters. */
static bool
destination(const struct dw_rt_msghdr *h, const uint8_t *sa[RTAX_MAX],
    struct prefix *dst)
{
	uint8_t	mask[16];

	if (sa[0] == NULL || sa[0][0] < 2 ||
	    (h->flags & (RTF_LLINFO | RTF_WASCLONED)) != 0)
		return false;
	memset(dst, 0, sizeof(*dst));
	if (sa[0][1] == DW_AF_INET)
		dst->family = 4;
	else if (sa[0][1] == DW_AF_INET6)
		dst->family = 6;
	else
		return false;
	address_get(sa[0], dst->family, dst->addr);
	dst->len = (uint8_t)prefix_bits(dst);
	if ((h->flags & RTF_HOST) == 0 && sa[2] != NULL) {
		address_get(sa[2], dst->family, mask);
		dst->len = mask_len(mask);
	} else if ((h->flags & RTF_HOST) == 0) {
		return false;
	}
	return dst->len > 0;
}

int
darwin_route_overlap(const uint8_t *buf, size_t len, const struct prefix *p,
    struct darwin_route *r)
{
	const uint8_t		*sa[RTAX_MAX];
	struct dw_rt_msghdr	 h;
	size_t			 at;

	for (at = 0; at < len; at += h.msglen) {
		if (len - at < sizeof(h))
			return -EPROTO;
		memcpy(&h, buf + at, sizeof(h));
		if (h.msglen < sizeof(h) || h.msglen > len - at)
			return -EPROTO;
		if (h.version != RT_VERSION)
			continue;
		if (!split(buf + at, h.msglen, h.addrs, sa))
			return -EPROTO;
		if (destination(&h, sa, &r->dst) &&
		    prefix_overlap(&r->dst, p)) {
			r->index = h.index;
			return 1;
		}
	}
	return 0;
}

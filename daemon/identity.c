/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that stay the same for the same owner and name on the same machine.
 * Called when a link is made. Pure, and no secret: it must never be used to
 * prove anything (tokens are random).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "identity.h"

#define PURPOSE_MAX	15	/* longest purpose, all are in this project */

static uint64_t
sip_load(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return (v);
}

static uint64_t
sip_rotate(uint64_t x, unsigned int by)
{
	return (x << by | x >> (64 - by));
}

static void
sip_rounds(uint64_t v[4], unsigned int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[1] = sip_rotate(v[1], 13) ^ v[0];
		v[0] = sip_rotate(v[0], 32);
		v[2] += v[3];
		v[3] = sip_rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = sip_rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = sip_rotate(v[1], 17) ^ v[2];
		v[2] = sip_rotate(v[2], 32);
	}
}

static void
sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
}

uint64_t
siphash24(const uint8_t key[16], const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t k0 = sip_load(key, 8), k1 = sip_load(key + 8, 8);
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
		k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL,
	};
	size_t left;

	for (left = size; left >= 8; left -= 8, p += 8)
		sip_word(v, sip_load(p, 8));
	sip_word(v, (uint64_t)size << 56 | sip_load(p, left));
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}

uint64_t
identity_hash(const uint8_t key[16], uint32_t uid, const char *name,
    const char *purpose)
{
	uint8_t buf[4 + PURPOSE_MAX + 1 + BOUND_NAME + 1];
	size_t n, len;

	/* Fixed width, then strings with their final NUL: no two inputs give
	 * the same bytes. */
	for (n = 0; n < 4; n++)
		buf[n] = uid >> (8 * n);
	len = strlen(purpose) + 1;
	assert(len <= PURPOSE_MAX + 1);
	memcpy(buf + n, purpose, len);
	n += len;
	len = strnlen(name, BOUND_NAME);
	memcpy(buf + n, name, len);
	n += len;
	buf[n++] = '\0';
	return (siphash24(key, buf, n));
}

void
identity_mac(const uint8_t key[16], uint32_t uid, const char *name, int end,
    uint8_t mac[6])
{
	uint64_t h = identity_hash(key, uid, name, "mac");
	unsigned int i;

	for (i = 0; i < 6; i++)
		mac[i] = h >> (8 * i);
	mac[0] = (mac[0] & 0xfc) | 0x02;
	/* One hash for both ends, so that they cannot meet by chance. */
	mac[5] = (mac[5] & 0xfe) | (end != 0);
}

uint32_t
identity_slot(const uint8_t key[16], uint32_t uid, const char *name)
{
	return (identity_hash(key, uid, name, "slot") % BOUND_UNITS);
}

/* Write the number V to the bits of P that end at BIT, as many as it takes. */
static void
prefix_put(struct prefix *p, unsigned int bit, uint64_t v)
{
	for (; bit > 0 && v != 0; bit--, v >>= 1)
		if (v & 1)
			p->addr[(bit - 1) / 8] |= 0x80u >> ((bit - 1) % 8);
}

int
identity_prefix(const uint8_t key[16], uint32_t uid, const char *name,
    const struct prefix *pool, uint32_t n, struct prefix *a, struct prefix *b)
{
	unsigned int len = pool->family == 4 ? 30 : 64, bits;
	uint64_t mask, at;

	if (pool->family == 0 || pool->len > len)
		return (-ENOSPC);
	bits = len - pool->len;
	mask = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
	if (n > mask)
		return (-ENOSPC);
	at = identity_hash(key, uid, name, pool->family == 4 ? "ipv4" : "ipv6");
	*a = *pool;
	a->len = len;
	prefix_put(a, len, (at + n) & mask);
	*b = *a;
	prefix_put(a, prefix_bits(pool), 1);
	prefix_put(b, prefix_bits(pool), 2);
	return (0);
}

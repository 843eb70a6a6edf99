/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c: SipHash against published vectors, and what must hold of slots,
 * MACs and prefixes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15 };

/* Key 00..0f, input the first n of 00, 01, 02, ...: the vectors of the
 * reference implementation, and the example of the paper (15 bytes). */
static void
test_siphash(void **state)
{
	static const struct {
		size_t size;
		uint64_t hash;
	} t[] = {
		{ 0, 0x726fdb47dd0e0e31ULL },
		{ 1, 0x74f839c593dc67fdULL },
		{ 2, 0x0d6c8009d9a94f5aULL },
		{ 3, 0x85676696d7fb7e2dULL },
		{ 4, 0xcf2794e0277187b7ULL },
		{ 5, 0x18765564cd99a68dULL },
		{ 6, 0xcbc9466e58fee3ceULL },
		{ 7, 0xab0200f58b01d137ULL },
		{ 8, 0x93f5f5799a932462ULL },
		{ 15, 0xa129ca6149be45e5ULL },
		{ 63, 0x958a324ceb064572ULL },
	};
	uint8_t data[65];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = i;
	for (i = 0; i < N(t); i++)
		assert_true(siphash24(key, data, t[i].size) == t[i].hash);
	/* Alignment does not matter. */
	memmove(data + 1, data, 63);
	assert_true(siphash24(key, data + 1, 63) == t[N(t) - 1].hash);
}

/* No two different (uid, name, purpose) are the same bytes. */
static void
test_hash_separation(void **state)
{
	static const struct {
		uint32_t uid;
		const char *name, *purpose;
	} t[] = {
		{ 1000, "a", "mac" }, { 1000, "a", "slot" },
		{ 1001, "a", "mac" }, { 1000, "b", "mac" },
		{ 1000, "ca", "ma" }, { 1000, "", "maca" },
		{ 1000, "", "mac" }, { 1000, "mac", "" }, { 0, "a", "mac" },
		{ 256000, "a", "mac" }, { 1000, "aa", "mac" },
		{ 1000, "A", "mac" },
	};
	static const uint8_t other[16] = { 1 };
	uint64_t h[N(t)];
	size_t i, k;

	(void)state;
	for (i = 0; i < N(t); i++) {
		h[i] = identity_hash(key, t[i].uid, t[i].name, t[i].purpose);
		for (k = 0; k < i; k++)
			assert_true(h[i] != h[k]);
		assert_true(h[i] == identity_hash(key, t[i].uid, t[i].name,
		    t[i].purpose));
		assert_true(h[i] != identity_hash(other, t[i].uid, t[i].name,
		    t[i].purpose));
	}
}

static void
test_mac(void **state)
{
	uint8_t a[6], b[6], c[6];
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "vm-%d", i);
		identity_mac(key, 1000, name, 0, a);
		identity_mac(key, 1000, name, 1, b);
		identity_mac(key, 1000, name, 0, c);
		assert_memory_equal(a, c, 6);
		assert_memory_not_equal(a, b, 6);
		assert_int_equal(a[0] & 3, 2);
		assert_int_equal(b[0] & 3, 2);
		identity_mac(key, 1001, name, 0, c);
		assert_memory_not_equal(a, c, 6);
		assert_memory_not_equal(b, c, 6);
	}
}

/* Fixed numbers: they must not change from one release to the next, or the
 * leases and firewall rules of users are void. */
static void
test_stable(void **state)
{
	struct prefix pool, a, b;
	char buf[PREFIX_STRLEN];
	uint8_t mac[6];

	(void)state;
	identity_mac(key, 1000, "vm", 0, mac);
	assert_string_equal(mac_format(mac, buf), "de:42:b4:25:05:a0");
	identity_mac(key, 1000, "vm", 1, mac);
	assert_string_equal(mac_format(mac, buf), "de:42:b4:25:05:a1");
	assert_int_equal(identity_slot(key, 1000, "vm"), 5042);
	assert_int_equal(prefix_parse("10.253.0.0/16", &pool), 0);
	assert_int_equal(identity_prefix(key, 1000, "vm", &pool, 0, &a, &b),
	    0);
	assert_string_equal(prefix_format(&a, buf), "10.253.218.217/30");
	assert_int_equal(prefix_parse("fd66:6574:6800::/40", &pool), 0);
	assert_int_equal(identity_prefix(key, 1000, "vm", &pool, 0, &a, &b),
	    0);
	assert_string_equal(prefix_format(&b, buf),
	    "fd66:6574:6868:db9b::2/64");
}

static void
test_slots(void **state)
{
	unsigned int bucket[16] = { 0 };
	char name[16];
	uint32_t s;
	int i;

	(void)state;
	for (i = 0; i < 16000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		s = identity_slot(key, i % 7, name);
		assert_true(s < BOUND_UNITS);
		bucket[s * 16 / BOUND_UNITS]++;
	}
	/* 1000 each, give or take six times the deviation. */
	for (i = 0; i < 16; i++)
		assert_in_range(bucket[i], 820, 1180);
}

static int
prefix_compare(const void *a, const void *b)
{
	return (memcmp(a, b, sizeof(struct prefix)));
}

/* Every candidate of a small pool once, each within it, then no more. */
static void
walk(const char *pool_text, unsigned int len, uint32_t count)
{
	struct prefix pool, net, b, *seen;
	uint32_t n;

	assert_int_equal(prefix_parse(pool_text, &pool), 0);
	seen = calloc(count, sizeof(*seen));
	assert_non_null(seen);
	for (n = 0; n < count; n++) {
		assert_int_equal(identity_prefix(key, 7, "x", &pool, n,
		    &seen[n], &b), 0);
		assert_int_equal(seen[n].len, len);
		assert_int_equal(b.len, len);
		assert_true(prefix_within(&seen[n], &pool));
		assert_true(prefix_within(&b, &seen[n]));
		/* .1 and .2 of a network */
		net = seen[n];
		net.addr[prefix_bits(&net) / 8 - 1] ^= 1;
		assert_true(prefix_is_network(&net));
		net.addr[prefix_bits(&net) / 8 - 1] ^= 2;
		assert_memory_equal(&net, &b, sizeof(b));
	}
	assert_int_equal(identity_prefix(key, 7, "x", &pool, count, &net, &b),
	    -ENOSPC);
	assert_int_equal(identity_prefix(key, 7, "x", &pool, UINT32_MAX, &net,
	    &b), -ENOSPC);
	qsort(seen, count, sizeof(*seen), prefix_compare);
	for (n = 1; n < count; n++)
		assert_memory_not_equal(&seen[n - 1], &seen[n], sizeof(*seen));
	free(seen);
}

static void
test_prefixes(void **state)
{
	(void)state;
	walk("10.253.0.0/16", 30, 1u << 14);
	walk("192.168.7.128/25", 30, 32);
	walk("192.168.7.128/29", 30, 2);
	walk("192.168.7.4/30", 30, 1);
	walk("fd66:6574:6800::/50", 64, 1u << 14);
	walk("fd66:6574:6800:8000::/57", 64, 128);
	walk("fd66:6574:6800:8001::/64", 64, 1);
}

static void
test_prefix_bounds(void **state)
{
	struct prefix pool, a, b, c;

	(void)state;
	memset(&pool, 0, sizeof(pool));
	assert_int_equal(identity_prefix(key, 0, "x", &pool, 0, &a, &b),
	    -ENOSPC);
	assert_int_equal(prefix_parse("10.0.0.0/31", &pool), 0);
	assert_int_equal(identity_prefix(key, 0, "x", &pool, 0, &a, &b),
	    -ENOSPC);
	assert_int_equal(prefix_parse("fd00::/65", &pool), 0);
	assert_int_equal(identity_prefix(key, 0, "x", &pool, 0, &a, &b),
	    -ENOSPC);
	/* Pools that are larger than any count of candidates. */
	assert_int_equal(prefix_parse("fd66:6574:6800::/20", &pool), 0);
	pool.addr[2] = 0x60;
	pool.addr[3] = pool.addr[4] = 0;
	assert_int_equal(identity_prefix(key, 0, "x", &pool, UINT32_MAX, &a,
	    &b), 0);
	assert_true(prefix_within(&a, &pool));
	assert_int_equal(prefix_parse("::/0", &pool), 0);
	assert_int_equal(identity_prefix(key, 0, "x", &pool, UINT32_MAX, &a,
	    &b), 0);
	/* Names begin at places of their own. */
	assert_int_equal(prefix_parse("10.253.0.0/16", &pool), 0);
	assert_int_equal(identity_prefix(key, 0, "x", &pool, 0, &a, &b), 0);
	assert_int_equal(identity_prefix(key, 0, "y", &pool, 0, &c, &b), 0);
	assert_memory_not_equal(&a, &c, sizeof(a));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_hash_separation),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_stable),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_prefix_bounds),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

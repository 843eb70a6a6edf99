/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.c: prefixes, MACs, names, and every check of a link against itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "spec.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static struct prefix
pfx(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) != 0)
		fail_msg("not a prefix: %s", text);
	return (p);
}

static void
test_prefix_good(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ "10.0.0.1/8", "10.0.0.1/8" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "255.255.255.255/32", "255.255.255.255/32" },
		{ "fd66:6574:6800::1/64", "fd66:6574:6800::1/64" },
		{ "FD66:6574:6800:0:0:0:0:1/64", "fd66:6574:6800::1/64" },
		{ "::/0", "::/0" },
		{ "::ffff:1.2.3.4/128", "::ffff:1.2.3.4/128" },
		{ "2001:db8:1111:2222:3333:4444:5555:6666/128",
		    "2001:db8:1111:2222:3333:4444:5555:6666/128" },
		{ "1111:2222:3333:4444:5555:6666:123.123.123.123/128",
		    "1111:2222:3333:4444:5555:6666:7b7b:7b7b/128" },
	};
	char buf[PREFIX_STRLEN];
	struct prefix p;
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		assert_int_equal(prefix_parse(t[i].in, &p), 0);
		assert_string_equal(prefix_format(&p, buf), t[i].out);
		assert_int_equal(prefix_bits(&p), p.family == 4 ? 32 : 128);
	}
	memset(&p, 0, sizeof(p));
	assert_string_equal(prefix_format(&p, buf), "none");
}

static void
test_prefix_bad(void **state)
{
	static const char *const t[] = {
		"", "/", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1",
		"10.0.0.1/+8", "10.0.0.1/ 8", "10.0.0.1/8 ", " 10.0.0.1/8",
		"10.0.0.1/08", "10.0.0.1/00", "10.0.0.1/8/8", "10.0.0/8",
		"10.0.0.256/8", "10.0.0.1.2/8", "0x0a.0.0.1/8", "10.1/16",
		"10.0.0.1/0x8", "10.0.0.1/8a", "10.0.0.1/1000", "::1",
		"::1/129", "::1/", "fe80::1%eth0/64", "fe80::1%1/64", ":::/0",
		"1:2:3:4:5:6:7/64", "1:2:3:4:5:6:7:8:9/64", "g::/16", "::1::/8",
		"localhost/8", "auto", "/8",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64",
		"10.0.0.1/4294967304", "10.0.0.1/18446744073709551624",
	};
	static const struct prefix none;
	struct prefix p;
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		memset(&p, 0xff, sizeof(p));
		if (prefix_parse(t[i], &p) != -EINVAL)
			fail_msg("taken: %s", t[i]);
		assert_memory_equal(&p, &none, sizeof(p));
	}
}

static void
test_prefix_relations(void **state)
{
	static const struct {
		const char *a, *b;
		bool a_in_b, b_in_a;
	} t[] = {
		{ "10.1.2.3/32", "10.0.0.0/8", true, false },
		{ "10.0.0.0/8", "10.0.0.0/8", true, true },
		{ "10.200.0.1/8", "10.0.0.0/8", true, true },
		{ "11.0.0.0/8", "10.0.0.0/8", false, false },
		{ "10.0.0.0/7", "10.0.0.0/8", false, true },
		{ "10.253.128.0/17", "10.253.127.0/17", false, false },
		{ "10.253.129.0/24", "10.253.128.0/17", true, false },
		{ "10.253.127.255/32", "10.253.127.254/31", true, false },
		{ "10.253.127.253/32", "10.253.127.254/31", false, false },
		{ "0.0.0.0/0", "1.2.3.4/32", false, true },
		{ "::/0", "0.0.0.0/0", false, false },
		{ "::/0", "fd00::1/128", false, true },
		{ "fd66:6574:68ff::/48", "fd66:6574:6800::/40", true, false },
		{ "fd66:6574:6900::/48", "fd66:6574:6800::/40", false, false },
		{ "fd66::1/127", "fd66::/127", true, true },
		{ "fd66::2/128", "fd66::/127", false, false },
	};
	struct prefix none, a, b;
	size_t i;

	(void)state;
	memset(&none, 0, sizeof(none));
	for (i = 0; i < N(t); i++) {
		a = pfx(t[i].a);
		b = pfx(t[i].b);
		assert_int_equal(prefix_within(&a, &b), t[i].a_in_b);
		assert_int_equal(prefix_within(&b, &a), t[i].b_in_a);
		assert_int_equal(prefix_overlap(&a, &b),
		    t[i].a_in_b || t[i].b_in_a);
		assert_int_equal(prefix_overlap(&b, &a),
		    t[i].a_in_b || t[i].b_in_a);
		assert_false(prefix_within(&none, &a));
		assert_false(prefix_within(&a, &none));
	}
	assert_false(prefix_within(&none, &none));
	assert_false(prefix_overlap(&none, &none));
}

static void
test_prefix_kinds(void **state)
{
	static const struct {
		const char *p, *use;
		bool network;
	} t[] = {
		{ "10.0.0.0/8", NULL, true },
		{ "10.0.0.1/8", NULL, false },
		{ "10.0.0.1/32", NULL, true },
		{ "127.0.0.1/32", "loopback", true },
		{ "126.0.0.0/7", "loopback", true },
		{ "0.0.0.0/32", "unspecified", true },
		{ "0.1.2.3/32", "unspecified", true },
		{ "224.0.0.1/32", "multicast", true },
		{ "239.255.255.255/32", "multicast", true },
		{ "192.0.0.0/2", "multicast", true },
		{ "240.0.0.1/32", "reserved and broadcast", true },
		{ "255.255.255.255/32", "reserved and broadcast", true },
		{ "223.255.255.255/32", NULL, true },
		{ "128.0.0.0/2", NULL, true },
		{ "::1/128", "unspecified and loopback", true },
		{ "::/128", "unspecified and loopback", true },
		{ "::2/128", NULL, true },
		{ "::ffff:1.2.3.4/128", "IPv4-mapped", true },
		{ "ff02::1/128", "multicast", true },
		{ "fe80::1/64", NULL, false },
		{ "fd66:6574:6800::/40", NULL, true },
		{ "fd66:6574:6801::/40", NULL, false },
	};
	const char *use;
	struct prefix p;
	size_t i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		p = pfx(t[i].p);
		use = prefix_reserved(&p);
		if (t[i].use == NULL)
			assert_null(use);
		else {
			assert_non_null(use);
			assert_string_equal(use, t[i].use);
		}
		assert_int_equal(prefix_is_network(&p), t[i].network);
	}
}

static void
test_mac(void **state)
{
	static const char *const bad[] = {
		"", "02:00:5e:00:00", "02:00:5e:00:00:01:", "02:00:5e:00:00:0",
		"02:00:5e:00:00:001", "2:0:5e:0:0:1", "02-00-5e-00-00-01",
		"02005e000001", "02:00:5e:00:00:0g", "00:00:00:00:00:00",
		"01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", " 02:00:5e:00:00:01",
		"02:00:5e:00:00:01 ", "03:00:00:00:00:00", "02:00:5e::00:01",
		"02:00:5e:00:00:-1", "0x:00:5e:00:00:01",
	};
	static const uint8_t want[6] = { 0x02, 0xab, 0x5e, 0xCD, 0x0f, 0xf0 };
	uint8_t mac[6], keep[6];
	char buf[18];
	size_t i;

	(void)state;
	assert_int_equal(mac_parse("02:Ab:5e:CD:0f:F0", mac), 0);
	assert_memory_equal(mac, want, 6);
	assert_string_equal(mac_format(mac, buf), "02:ab:5e:cd:0f:f0");
	assert_int_equal(mac_parse("00:00:00:00:00:01", mac), 0);
	memset(mac, 0x5a, sizeof(mac));
	memset(keep, 0x5a, sizeof(keep));
	for (i = 0; i < N(bad); i++)
		if (mac_parse(bad[i], mac) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_memory_equal(mac, keep, 6);
}

static void
test_names(void **state)
{
	static const char *const good[] = { "a", "A-b_c.9", "0", "_", "9-",
	    "123456789012345678901234567890123456789012345678901234567890123" };
	static const char *const bad[] = { "", ".", "..", ".a", "-a", "a b",
	    "a/b", "a\n", "\xc3\xa9", "a:b", "a%s",
	    "1234567890123456789012345678901234567890123456789012345678901234"
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(good); i++)
		assert_true(spec_name_ok(good[i]));
	for (i = 0; i < N(bad); i++)
		if (spec_name_ok(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

/* One link in short: what is set on top of spec_init. */
struct short_end {
	enum end_kind	kind;
	int		class;
	const char	*mac;
	const char	*addr[BOUND_ADDRESSES];
	int		take;	/* 1 + enum take, 0: leave */
	int		netns;	/* 1 + index, 0: leave */
	bool		automatic;
};

static void
end_fill(struct end_spec *e, const struct short_end *s)
{
	unsigned int v[6], i;

	e->kind = s->kind;
	e->class = s->class;
	if (s->mac != NULL) {
		assert_int_equal(sscanf(s->mac, "%x:%x:%x:%x:%x:%x", &v[0],
		    &v[1], &v[2], &v[3], &v[4], &v[5]), 6);
		for (i = 0; i < 6; i++)
			e->mac[i] = v[i];
		e->mac_set = 1;
	}
	for (i = 0; i < BOUND_ADDRESSES && s->addr[i] != NULL; i++)
		e->addr[e->naddr++] = pfx(s->addr[i]);
	if (s->take != 0)
		e->take = s->take - 1;
	if (s->netns != 0)
		e->netns = s->netns - 1;
	e->addr_auto = s->automatic;
}

#define PORT	.kind = END_PORT
#define HOST	.kind = END_HOST
#define TAKE(x)	.take = 1 + (x)

static const struct {
	struct short_end e[2];
	uint32_t	mtu;
	const char	*field;		/* NULL: good */
	const char	*reason;	/* a part of it */
} specs[] = {
	/* the kinds, and classes */
	{ { { PORT }, { HOST } }, 0, NULL, NULL },
	{ { { HOST }, { PORT } }, 0, NULL, NULL },
	{ { { PORT }, { PORT } }, 0, NULL, NULL },
	{ { { HOST }, { HOST } }, 0, NULL, NULL },
	{ { { PORT, .class = CLASS_RAW }, { HOST } }, 0, NULL, NULL },
	{ { { HOST }, { PORT, .class = CLASS_TAP } }, 0, NULL, NULL },
	{ { { PORT, .class = CLASS_STREAM }, { HOST } }, 0, NULL, NULL },
	{ { { PORT, .class = CLASS_SOCKET }, { HOST } }, 0, NULL, NULL },
	{ { { PORT, .class = CLASS_STREAM }, { PORT } }, 0, NULL, NULL },
	{ { { PORT, .class = CLASS_TAP }, { PORT } }, 0, "ends[0].class",
	    "class tap" },
	{ { { PORT }, { PORT, .class = CLASS_RAW } }, 0, "ends[1].class",
	    "class raw" },
	{ { { PORT }, { HOST, .class = CLASS_TAP } }, 0, "ends[1].class",
	    "only a port" },
	{ { { HOST, .class = CLASS_SOCKET }, { HOST } }, 0, "ends[0].class",
	    "only a port" },
	{ { { PORT, .class = CLASSES }, { HOST } }, 0, "ends[0].class",
	    "a class is" },
	{ { { PORT }, { .kind = END_KINDS } }, 0, "ends[1].kind", "" },
	/* take */
	{ { { PORT, TAKE(0) }, { PORT, TAKE(1) } }, 0, NULL, NULL },
	{ { { PORT, TAKE(0) }, { HOST, TAKE(0) } }, 0, NULL, NULL },
	{ { { PORT }, { HOST, TAKE(1) } }, 0, "ends[1].take", "only a port" },
	/* netns */
	{ { { HOST }, { HOST, .netns = 1 } }, 0, NULL, NULL },
	{ { { HOST, .netns = 2 }, { HOST } }, 0, NULL, NULL },
	{ { { HOST, .netns = 1 }, { HOST, .netns = 1 } }, 0, "ends[1].netns",
	    "at most one" },
	{ { { PORT }, { HOST, .netns = 1 } }, 0, "ends[1].netns", "wire" },
	{ { { PORT, .netns = 1 }, { PORT } }, 0, "ends[0].netns", "wire" },
	/* MTU */
	{ { { PORT }, { HOST } }, 68, NULL, NULL },
	{ { { PORT }, { HOST } }, 65521, NULL, NULL },
	{ { { PORT }, { HOST } }, 67, "mtu", "68 to 65521" },
	{ { { PORT }, { HOST } }, 65522, "mtu", "65522" },
	{ { { PORT }, { HOST, .addr = { "fd00::1/64" } } }, 1280, NULL, NULL },
	{ { { PORT }, { HOST, .addr = { "fd00::1/64" } } }, 1279, "mtu",
	    "1280" },
	/* "auto" is then an IPv4 address only */
	{ { { PORT }, { HOST, .automatic = true } }, 1279, NULL, NULL },
	{ { { PORT }, { HOST, .addr = { "10.0.0.1/24" } } }, 68, NULL, NULL },
	/* MACs */
	{ { { PORT, .mac = "2:0:0:0:0:1" }, { HOST, .mac = "2:0:0:0:0:2" } },
	    0, NULL, NULL },
	{ { { PORT, .mac = "2:0:0:0:0:1" }, { HOST, .mac = "2:0:0:0:0:1" } },
	    0, "ends[1].mac", "both ends" },
	{ { { PORT, .mac = "0:0:0:0:0:0" }, { HOST } }, 0, "ends[0].mac",
	    "zero" },
	{ { { PORT }, { HOST, .mac = "1:0:0:0:0:1" } }, 0, "ends[1].mac",
	    "group" },
	/* addresses */
	{ { { PORT, .addr = { "10.0.0.2/30", "fd00::2/64" } },
	    { HOST, .addr = { "10.0.0.1/30", "fd00::1/64" } } }, 0, NULL,
	    NULL },
	{ { { PORT }, { HOST, .addr = { "10.0.0.0/31", "10.0.0.3/31",
	    "10.0.0.4/32", "fd00::/127" } } }, 0, NULL, NULL },
	{ { { PORT, .addr = { "10.0.0.2/30" } }, { HOST, .automatic = true } },
	    0, NULL, NULL },
	{ { { PORT }, { HOST, .addr = { "10.0.0.1/30" }, .automatic = true } },
	    0, "ends[1].addresses", "alone" },
	{ { { PORT }, { HOST, .addr = { "10.0.0.1/30", "10.0.0.1/30" } } }, 0,
	    "ends[1].addresses", "10.0.0.1/30: the link has" },
	{ { { PORT, .addr = { "10.0.0.1/24" } },
	    { HOST, .addr = { "10.0.0.1/30" } } }, 0, "ends[1].addresses",
	    "already" },
	{ { { HOST, .addr = { "fd00::1/64", "fd00::1/65" } }, { PORT } }, 0,
	    "ends[0].addresses", "already" },
	{ { { PORT }, { HOST, .addr = { "10.0.0.0/30" } } }, 0,
	    "ends[1].addresses", "network itself" },
	{ { { PORT }, { HOST, .addr = { "10.0.0.3/30" } } }, 0,
	    "ends[1].addresses", "broadcast" },
	{ { { PORT }, { HOST, .addr = { "10.255.255.255/8" } } }, 0,
	    "ends[1].addresses", "broadcast" },
	{ { { PORT }, { HOST, .addr = { "fd00::/64" } } }, 0,
	    "ends[1].addresses", "anycast" },
	{ { { PORT }, { HOST, .addr = { "10.1.1.1/0" } } }, 0,
	    "ends[1].addresses", "every address" },
	{ { { PORT }, { HOST, .addr = { "127.0.0.1/8" } } }, 0,
	    "ends[1].addresses", "loopback" },
	{ { { PORT }, { HOST, .addr = { "224.0.0.1/24" } } }, 0,
	    "ends[1].addresses", "multicast" },
	{ { { PORT }, { HOST, .addr = { "255.255.255.255/32" } } }, 0,
	    "ends[1].addresses", "broadcast" },
	{ { { PORT }, { HOST, .addr = { "0.0.0.0/32" } } }, 0,
	    "ends[1].addresses", "unspecified" },
	{ { { PORT, .addr = { "ff02::1/64" } }, { PORT } }, 0,
	    "ends[0].addresses", "multicast" },
	{ { { HOST }, { HOST, .addr = { "::1/128" } } }, 0,
	    "ends[1].addresses", "loopback" },
	{ { { HOST }, { HOST, .addr = { "::ffff:10.0.0.1/120" } } }, 0,
	    "ends[1].addresses", "IPv4-mapped" },
};

static void
test_check_table(void **state)
{
	struct link_spec s, again;
	struct spec_error err;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < N(specs); i++) {
		spec_init(&s);
		end_fill(&s.end[0], &specs[i].e[0]);
		end_fill(&s.end[1], &specs[i].e[1]);
		s.mtu = specs[i].mtu;
		memset(&err, 0, sizeof(err));
		r = spec_check(&s, CLASS_TAP, &err);
		if (specs[i].field == NULL) {
			if (r != 0)
				fail_msg("%zu: %s: %s", i, err.field,
				    err.reason);
			again = s;
			assert_int_equal(spec_check(&again, CLASS_SOCKET,
			    &err), 0);
			assert_memory_equal(&again, &s, sizeof(s));
			continue;
		}
		if (r != -EINVAL || strcmp(err.field, specs[i].field) != 0 ||
		    strstr(err.reason, specs[i].reason) == NULL)
			fail_msg("%zu: %d %s: %s", i, r, err.field,
			    err.reason);
	}
}

/* What spec_check fills in. */
static void
test_check_defaults(void **state)
{
	static const struct {
		enum end_kind	end[2];
		enum link_kind	kind;
		int		class[2];
		int		take[2];
	} t[] = {
		{ { END_PORT, END_HOST }, LINK_HOST,
		    { CLASS_RAW, CLASS_AUTO }, { 1, 0 } },
		{ { END_HOST, END_PORT }, LINK_HOST,
		    { CLASS_AUTO, CLASS_RAW }, { 0, 1 } },
		{ { END_PORT, END_PORT }, LINK_PAIR,
		    { CLASS_SOCKET, CLASS_SOCKET }, { 1, 0 } },
		{ { END_HOST, END_HOST }, LINK_WIRE,
		    { CLASS_AUTO, CLASS_AUTO }, { 0, 0 } },
	};
	struct link_spec s;
	struct spec_error err;
	size_t i;
	int e;

	(void)state;
	for (i = 0; i < N(t); i++) {
		spec_init(&s);
		s.end[0].kind = t[i].end[0];
		s.end[1].kind = t[i].end[1];
		assert_int_equal(spec_check(&s, CLASS_RAW, &err), 0);
		assert_int_equal(s.kind, t[i].kind);
		assert_int_equal(s.mtu, 1500);
		for (e = 0; e < 2; e++) {
			assert_int_equal(s.end[e].class, t[i].class[e]);
			assert_int_equal(s.end[e].take, t[i].take[e]);
			assert_int_equal(s.end[e].netns, -1);
		}
	}
}

/* A pair link with NAME, LEASE and one label. */
static int
named(const char *name, int lease, const char *key, const char *value,
    struct spec_error *err)
{
	struct link_spec s;

	spec_init(&s);
	strcpy(s.name, name);
	s.lease = lease;
	if (key != NULL) {
		strcpy(s.labels[0].key, "first");
		strcpy(s.labels[1].key, key);
		strcpy(s.labels[1].value, value);
		s.nlabels = 2;
	}
	return (spec_check(&s, CLASS_TAP, err));
}

static void
test_check_names(void **state)
{
	static const struct {
		const char *name;
		int lease;
		const char *key, *value, *field;
	} t[] = {
		{ "", LEASE_SESSION, NULL, NULL, NULL },
		{ "vm", LEASE_SESSION, NULL, NULL, NULL },
		{ "vm", LEASE_NAMED, NULL, NULL, NULL },
		{ "", LEASE_NAMED, NULL, NULL, "name" },
		{ "-vm", LEASE_SESSION, NULL, NULL, "name" },
		{ "a/b", LEASE_SESSION, NULL, NULL, "name" },
		{ "vm", LEASES, NULL, NULL, "lease" },
		{ "", LEASE_SESSION, "org.x/y-z_0", "any \xc3\xa9 text", NULL },
		{ "", LEASE_SESSION, "k", "", NULL },
		{ "", LEASE_SESSION, "", "v", "labels" },
		{ "", LEASE_SESSION, "a b", "v", "labels" },
		{ "", LEASE_SESSION, "a=b", "v", "labels" },
		{ "", LEASE_SESSION, "first", "v", "labels" },
		{ "", LEASE_SESSION, "k", "a\nb", "labels" },
		{ "", LEASE_SESSION, "k", "\x1b[31m", "labels" },
		{ "", LEASE_SESSION, "k", "\x7f", "labels" },
	};
	struct spec_error err;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < N(t); i++) {
		r = named(t[i].name, t[i].lease, t[i].key, t[i].value, &err);
		assert_int_equal(r, t[i].field == NULL ? 0 : -EINVAL);
		if (t[i].field != NULL)
			assert_string_equal(err.field, t[i].field);
	}
}

/* Counts past the arrays are refused before they are used. */
static void
test_check_counts(void **state)
{
	struct link_spec s;
	struct spec_error err;

	(void)state;
	spec_init(&s);
	s.nlabels = BOUND_LABELS + 1;
	assert_int_equal(spec_check(&s, CLASS_TAP, &err), -EINVAL);
	assert_string_equal(err.field, "labels");
	spec_init(&s);
	s.end[1].naddr = BOUND_ADDRESSES + 1;
	assert_int_equal(spec_check(&s, CLASS_TAP, &err), -EINVAL);
	assert_string_equal(err.field, "ends[1].addresses");
	spec_init(&s);
	s.end[0].naddr = 1;
	assert_int_equal(spec_check(&s, CLASS_TAP, &err), -EINVAL);
	assert_string_equal(err.field, "ends[0].addresses");
	s.end[0].addr[0] = pfx("10.0.0.1/8");
	s.end[0].addr[0].len = 33;
	assert_int_equal(spec_check(&s, CLASS_TAP, &err), -EINVAL);
}

/* Only a TAP's port has offloads, and any of them brings the checksum. */
static void
test_check_offloads(void **state)
{
	static const struct {
		enum end_kind kind[2];
		enum port_class class, host_auto;
		unsigned int asked, end, got;	/* got 0: refused */
	} t[] = {
		{ { END_PORT, END_HOST }, CLASS_AUTO, CLASS_TAP, 1, 0, 1 },
		{ { END_HOST, END_PORT }, CLASS_TAP, CLASS_TAP, 2, 1, 3 },
		{ { END_PORT, END_HOST }, CLASS_TAP, CLASS_TAP, 8, 0, 9 },
		{ { END_PORT, END_HOST }, CLASS_TAP, CLASS_TAP, 15, 0, 15 },
		{ { END_PORT, END_HOST }, CLASS_TAP, CLASS_TAP, 16, 0, 0 },
		{ { END_PORT, END_HOST }, CLASS_TAP, CLASS_TAP, 1, 1, 0 },
		{ { END_PORT, END_HOST }, CLASS_AUTO, CLASS_SOCKET, 1, 0, 0 },
		{ { END_PORT, END_HOST }, CLASS_RAW, CLASS_TAP, 1, 0, 0 },
		{ { END_PORT, END_PORT }, CLASS_AUTO, CLASS_TAP, 1, 0, 0 },
		{ { END_HOST, END_HOST }, CLASS_AUTO, CLASS_TAP, 1, 0, 0 },
	};
	struct link_spec s;
	struct spec_error err;
	char field[32];
	size_t i;
	int r, e;

	(void)state;
	for (i = 0; i < N(t); i++) {
		spec_init(&s);
		for (e = 0; e < 2; e++) {
			s.end[e].kind = (uint8_t)t[i].kind[e];
			if (t[i].kind[e] == END_PORT)
				s.end[e].class = (uint8_t)t[i].class;
		}
		s.end[t[i].end].offloads = (uint8_t)t[i].asked;
		r = spec_check(&s, t[i].host_auto, &err);
		assert_int_equal(r, t[i].got != 0 ? 0 : -EINVAL);
		if (r == 0) {
			assert_int_equal(s.end[t[i].end].offloads, t[i].got);
			continue;
		}
		snprintf(field, sizeof(field), "ends[%u].offloads", t[i].end);
		assert_string_equal(err.field, field);
	}
}

static void
test_tables(void **state)
{
	(void)state;
	assert_null(link_kind_names[LINK_KINDS]);
	assert_null(end_kind_names[END_KINDS]);
	assert_null(port_class_names[CLASSES]);
	assert_null(lease_names[LEASES]);
	assert_null(offload_names[OFFLOADS]);
	assert_string_equal(link_kind_names[LINK_WIRE], "wire");
	assert_string_equal(port_class_names[CLASS_STREAM], "stream");
	assert_string_equal(end_kind_names[END_HOST], "host");
	assert_string_equal(lease_names[LEASE_NAMED], "named");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_good),
		cmocka_unit_test(test_prefix_bad),
		cmocka_unit_test(test_prefix_relations),
		cmocka_unit_test(test_prefix_kinds),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_check_table),
		cmocka_unit_test(test_check_defaults),
		cmocka_unit_test(test_check_names),
		cmocka_unit_test(test_check_counts),
		cmocka_unit_test(test_check_offloads),
		cmocka_unit_test(test_tables),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * darwin_route.c: routing tables of macOS, written out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "darwin_route.h"

static uint8_t	table[4096];
static size_t	len;

/* A message of route DST/MASK, as sockaddr bytes with their own lengths. */
static void
route(uint16_t index, int32_t flags, const char *dst, size_t dst_len,
    const char *mask, size_t mask_len)
{
	struct dw_rt_msghdr	h;
	uint8_t			*p = table + len;
	size_t			at = 92;

	memset(&h, 0, sizeof(h));
	h.version = 5;
	h.type = 4;
	h.index = index;
	h.flags = flags;
	h.addrs = 0x1 | 0x2 | (mask != NULL ? 0x4 : 0);
	memset(p, 0, 300);
	memcpy(p + at, dst, dst_len);
	at += (dst_len + 3) / 4 * 4;
	/* The gateway: a link address of 20 bytes. */
	p[at] = 20;
	p[at + 1] = 18;
	at += 20;
	if (mask != NULL) {
		memcpy(p + at, mask, mask_len);
		at += mask_len == 0 ? 4 : (mask_len + 3) / 4 * 4;
	}
	h.msglen = (uint16_t)at;
	memcpy(p, &h, sizeof(h));
	len += at;
}

#define DST4(a, b, c, d) "\x10\x02\0\0" a b c d "\0\0\0\0\0\0\0\0", 16

/* In a copy of its exact size. */
static int
ask(const char *text, struct darwin_route *r)
{
	struct prefix	p;
	uint8_t		*copy;
	int		rv;

	assert_int_equal(prefix_parse(text, &p), 0);
	assert_non_null(copy = malloc(len > 0 ? len : 1));
	memcpy(copy, table, len);
	rv = darwin_route_overlap(copy, len, &p, r);
	free(copy);
	return rv;
}

static void
some_routes(void)
{
	static const char	v6[] = "\x1c\x1e\0\0\0\0\0\0\xfd\x66\0\x01\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0";
	static const char	m64[] = "\x10\x1e\0\0\xff\xff\xff\xff\xff\xff"
	    "\xff\xff\xff\xff\xff\xff";

	len = 0;
	/* default; 10/8 with a mask of 5 bytes; 192.168.7/24; a host; a
	 * neighbour; a route that was cloned; an fd66:1::/64. */
	route(4, 0x3, DST4("\0", "\0", "\0", "\0"), "", 0);
	route(5, 0x3, DST4("\x0a", "\0", "\0", "\0"), "\x05\0\0\0\xff", 5);
	route(6, 0x3, DST4("\xc0", "\xa8", "\x07", "\0"),
	    "\x07\0\0\0\xff\xff\xff", 7);
	route(7, 0x7, DST4("\xac", "\x10", "\x01", "\x01"), NULL, 0);
	route(8, 0x405, DST4("\xac", "\x11", "\x01", "\x01"), NULL, 0);
	route(9, 0x20005, DST4("\xac", "\x12", "\x01", "\x01"), NULL, 0);
	route(10, 0x3, v6, 28, m64, 16);
}

static void
test_overlaps(void **state)
{
	static const struct {
		const char	*text;
		int		rv;
		unsigned int	index, len;
	} cases[] = {
		{ "10.253.0.1/30", 1, 5, 8 },
		{ "11.0.0.1/30", 0, 0, 0 },
		{ "192.168.7.9/32", 1, 6, 24 },
		{ "192.168.0.0/16", 1, 6, 24 },
		{ "192.168.8.0/24", 0, 0, 0 },
		{ "172.16.1.0/24", 1, 7, 32 },
		{ "172.16.2.0/24", 0, 0, 0 },
		{ "172.17.1.0/24", 0, 0, 0 },
		{ "172.18.1.0/24", 0, 0, 0 },
		{ "fd66:1::1/64", 1, 10, 64 },
		{ "fd66::/16", 1, 10, 64 },
		{ "fd66:2::1/64", 0, 0, 0 },
	};
	struct darwin_route	r;
	size_t			i;

	(void)state;
	some_routes();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&r, 0, sizeof(r));
		assert_int_equal(ask(cases[i].text, &r), cases[i].rv);
		if (cases[i].rv == 0)
			continue;
		assert_int_equal(r.index, cases[i].index);
		assert_int_equal(r.dst.len, cases[i].len);
	}
}

static void
test_bad(void **state)
{
	struct darwin_route	r;
	uint16_t		value;
	size_t			whole, i;

	(void)state;
	some_routes();
	whole = len;
	/* Cut anywhere but between two messages. */
	for (i = 1; i < 92 + 16 + 20 + 4; i++) {
		len = i;
		assert_int_equal(ask("11.0.0.1/30", &r), -EPROTO);
	}
	len = whole;
	value = 0;
	memcpy(table, &value, 2);
	assert_int_equal(ask("11.0.0.1/30", &r), -EPROTO);
	value = 93;
	memcpy(table, &value, 2);
	assert_int_equal(ask("11.0.0.1/30", &r), -EPROTO);
	some_routes();
	table[92] = 0xff;	/* a sockaddr longer than its message */
	assert_int_equal(ask("11.0.0.1/30", &r), -EPROTO);
	some_routes();
	table[2] = 4;		/* another version: passed over */
	assert_int_equal(ask("10.0.0.1/30", &r), 1);
	len = 0;
	assert_int_equal(ask("10.0.0.1/30", &r), 0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

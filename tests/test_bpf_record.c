/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_record.c: buffers as the kernel fills them, and every way in which one can
 * be wrong. The expected bytes are written out here by hand, not by the code
 * that is tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_record.h"

/* Append a record by hand: header of HDRLEN bytes, CAPLEN bytes of FILL. */
static size_t
hand(uint8_t *p, uint16_t hdrlen, uint32_t caplen, uint32_t datalen,
    uint8_t fill)
{
	int32_t	sec = 1700000000, usec = 999999;

	memset(p, 0xee, hdrlen);
	memcpy(p, &sec, 4);
	memcpy(p + 4, &usec, 4);
	memcpy(p + 8, &caplen, 4);
	memcpy(p + 12, &datalen, 4);
	memcpy(p + 16, &hdrlen, 2);
	memset(p + hdrlen, fill, caplen);
	return hdrlen + caplen;
}

/* A copy of its exact size, so that valgrind and ASan see a read past it. */
static uint8_t *
exact(const uint8_t *p, size_t len)
{
	uint8_t	*copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	return copy;
}

static void
test_one(void **state)
{
	struct bpf_record	r;
	uint8_t			buf[128];
	size_t			len, at = 0;

	(void)state;
	len = hand(buf, 18, 60, 60, 0x11);
	assert_int_equal(bpf_record_next(buf, len, &at, &r), 1);
	assert_ptr_equal(r.frame, buf + 18);
	assert_int_equal(r.len, 60);
	assert_int_equal(r.wire_len, 60);
	assert_int_equal(r.sec, 1700000000);
	assert_int_equal(r.usec, 999999);
	/* 78 bytes; the next one would be at 80. */
	assert_int_equal(at, 80);
	assert_int_equal(bpf_record_next(buf, len, &at, &r), 0);
	at = 0;
	assert_int_equal(bpf_record_next(buf, 0, &at, &r), 0);
}

/* 18 + 61 is 79: 80 by 4, and 80 by 8; 18 + 58 is 76, which by 8 were 80; 18 + 64
 * is 82, 84 by 4 and 88 by 8. */
static void
test_alignment(void **state)
{
	static const uint32_t	lens[] = { 61, 58, 64, 14, 15, 16, 17, 1514 };
	struct bpf_record	r;
	uint8_t			buf[4096], *copy;
	size_t			at = 0, len = 0, i;

	(void)state;
	for (i = 0; i < 8; i++) {
		len = (len + 3) / 4 * 4;
		len += hand(buf + len, 18, lens[i], lens[i], (uint8_t)i);
	}
	copy = exact(buf, len);
	for (i = 0; i < 8; i++) {
		assert_int_equal(bpf_record_next(copy, len, &at, &r), 1);
		assert_int_equal(r.len, lens[i]);
		assert_int_equal(r.frame[0], i);
		assert_int_equal(r.frame[r.len - 1], i);
	}
	assert_int_equal(bpf_record_next(copy, len, &at, &r), 0);
	free(copy);
}

/* The header's length is its own: 18, 20, and 66 (BIOCSEXTHDR). */
static void
test_hdrlen(void **state)
{
	static const uint16_t	hdrlens[] = { 18, 20, 22, 66 };
	struct bpf_record	r;
	uint8_t			buf[1024], *copy;
	size_t			at = 0, len = 0, i;

	(void)state;
	for (i = 0; i < 4; i++) {
		len = (len + 3) / 4 * 4;
		len += hand(buf + len, hdrlens[i], 60, 60, (uint8_t)(0x40 + i));
	}
	copy = exact(buf, len);
	for (i = 0; i < 4; i++) {
		assert_int_equal(bpf_record_next(copy, len, &at, &r), 1);
		assert_int_equal(r.frame[0], 0x40 + i);
		assert_int_equal(r.frame[59], 0x40 + i);
	}
	free(copy);
}

static void
test_truncated_frame(void **state)
{
	struct bpf_record	r;
	uint8_t			buf[128];
	size_t			len, at = 0;

	(void)state;
	len = hand(buf, 18, 60, 1514, 0);
	assert_int_equal(bpf_record_next(buf, len, &at, &r), 1);
	assert_int_equal(r.len, 60);
	assert_int_equal(r.wire_len, 1514);
	at = 0;
	len = hand(buf, 18, 0, 60, 0);
	assert_int_equal(bpf_record_next(buf, len, &at, &r), 1);
	assert_int_equal(r.len, 0);
}

static void
test_bad(void **state)
{
	static const struct {
		uint16_t	hdrlen;
		uint32_t	caplen, datalen;
	} bad[] = {
		{ 0, 60, 60 }, { 17, 60, 60 }, { 19 + 60, 60, 60 },
		{ 18, 61, 61 }, { 18, 61, 60 }, { 18, 60, 59 },
		{ 0xffff, 60, 60 }, { 18, UINT32_MAX, UINT32_MAX },
		{ 18, UINT32_MAX - 17, UINT32_MAX }, { 18, 0x80000000, 60 },
		{ 78, 1, 1 },
	};
	struct bpf_record	r;
	uint8_t			buf[128], *copy;
	size_t			at, i, len;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		len = hand(buf, 18, 60, 60, 0);
		memcpy(buf + 8, &bad[i].caplen, 4);
		memcpy(buf + 12, &bad[i].datalen, 4);
		memcpy(buf + 16, &bad[i].hdrlen, 2);
		copy = exact(buf, len);
		at = 0;
		assert_int_equal(bpf_record_next(copy, len, &at, &r), -EPROTO);
		assert_int_equal(at, 0);
		free(copy);
	}
	/* A rest that is no header. */
	for (i = 1; i < 18; i++) {
		len = hand(buf, 18, 60, 60, 0);
		copy = exact(buf, i);
		at = 0;
		assert_int_equal(bpf_record_next(copy, i, &at, &r), -EPROTO);
		free(copy);
	}
	/* A header with nothing after it, and a frame of nothing, is right. */
	len = hand(buf, 18, 0, 0, 0);
	at = 0;
	assert_int_equal(bpf_record_next(buf, len, &at, &r), 1);
	assert_int_equal(r.len, 0);
}

static void
test_put(void **state)
{
	static const uint8_t	frame[61] = { 1, 2, 3 };
	static const uint8_t	second[14] = { 9, 8, 7 };
	struct bpf_record	r;
	uint8_t			buf[256];
	size_t			at = 0, end;

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(bpf_record_put(buf, sizeof(buf), &at, frame, 61), 0);
	assert_int_equal(at, 81);
	assert_int_equal(bpf_record_put(buf, sizeof(buf), &at, second, 14), 0);
	/* Record 2 begins at 84. */
	assert_int_equal(at, 84 + 20 + 14);
	assert_int_equal(buf[81] | buf[82] | buf[83], 0);
	assert_int_equal(buf[16], 20);
	assert_int_equal(buf[8], 61);
	assert_int_equal(buf[12], 61);
	assert_memory_equal(buf + 20, frame, 61);
	assert_memory_equal(buf + 104, second, 14);
	assert_int_equal(buf[at], 0xaa);
	end = at;
	at = 0;
	assert_int_equal(bpf_record_next(buf, end, &at, &r), 1);
	assert_int_equal(r.len, 61);
	assert_int_equal(bpf_record_next(buf, end, &at, &r), 1);
	assert_int_equal(r.len, 14);
	assert_int_equal(bpf_record_next(buf, end, &at, &r), 0);
}

static void
test_put_no_room(void **state)
{
	uint8_t	frame[60] = { 0 }, buf[80];
	size_t	at = 0;

	(void)state;
	assert_int_equal(bpf_record_put(buf, 79, &at, frame, 60), -ENOSPC);
	assert_int_equal(bpf_record_put(buf, 19, &at, frame, 0), -ENOSPC);
	assert_int_equal(at, 0);
	assert_int_equal(bpf_record_put(buf, 80, &at, frame, 60), 0);
	assert_int_equal(at, 80);
	assert_int_equal(bpf_record_put(buf, 80, &at, frame, 1), -ENOSPC);
	assert_int_equal(bpf_record_put(buf, 80, &at, frame, UINT32_MAX),
	    -ENOSPC);
	at = 79;
	assert_int_equal(bpf_record_put(buf, 79, &at, frame, 1), -ENOSPC);
	assert_int_equal(at, 79);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_hdrlen),
		cmocka_unit_test(test_truncated_frame),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

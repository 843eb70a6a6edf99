/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng.c, byte by byte against draft-ietf-opsawg-pcapng: the reader here knows
 * the draft and nothing of the writer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "pcapng.h"

static uint32_t
get32(const uint8_t *p)
{
	uint32_t	v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t
get16(const uint8_t *p)
{
	uint16_t	v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The block at P of at most SIZE bytes is well formed and of TYPE; its length. */
static uint32_t
block(const uint8_t *p, size_t size, uint32_t type)
{
	uint32_t	len;

	assert_true(size >= 12);
	assert_int_equal(get32(p), type);
	len = get32(p + 4);
	assert_true(len >= 12 && len <= size && len % 4 == 0);
	assert_int_equal(get32(p + len - 4), len);
	return len;
}

/* The option CODE among those from P to END, which must be well formed and
 * closed: its value, and its length to *LEN; NULL when it is not there. */
static const uint8_t *
option(const uint8_t *p, const uint8_t *end, uint16_t code, uint16_t *len)
{
	const uint8_t	*found = NULL;
	uint16_t	 c, n, i;

	for (;;) {
		assert_true(p + 4 <= end);
		c = get16(p);
		n = get16(p + 2);
		p += 4;
		if (c == 0)
			break;
		assert_true(p + (n + 3) / 4 * 4 <= end);
		for (i = n; i % 4 != 0; i++)
			assert_int_equal(p[i], 0);
		if (c == code) {
			assert_null(found);
			found = p;
			*len = n;
		}
		p += (n + 3) / 4 * 4;
	}
	assert_int_equal(n, 0);
	assert_ptr_equal(p, end);
	return found;
}

static void
text_is(const uint8_t *p, const uint8_t *end, uint16_t code, const char *text)
{
	const uint8_t	*v;
	uint16_t	 n;

	v = option(p, end, code, &n);
	if (text == NULL) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(v, text, n);
}

static void
test_start(void **state)
{
	struct pcapng_if	 i = { "lab", "a cable", { 2, 3, 4, 5, 6, 7 },
	    65535 };
	uint8_t			 buf[PCAPNG_START_MAX];
	const uint8_t		*v, *p = buf;
	size_t			 n;
	uint32_t		 len;
	uint16_t		 size;

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	n = pcapng_start(buf, "fethd 1.2", &i);
	assert_true(n <= sizeof(buf));

	len = block(p, n, 0x0a0d0d0a);
	assert_int_equal(get32(p + 8), 0x1a2b3c4d);
	assert_int_equal(get16(p + 12), 1);
	assert_int_equal(get16(p + 14), 0);
	assert_int_equal(get32(p + 16), UINT32_MAX);	/* length not known */
	assert_int_equal(get32(p + 20), UINT32_MAX);
	text_is(p + 24, p + len - 4, 4, "fethd 1.2");

	p += len;
	len = block(p, n - len, 1);
	assert_ptr_equal(p + len, buf + n);
	assert_int_equal(get16(p + 8), 1);		/* Ethernet */
	assert_int_equal(get16(p + 10), 0);
	assert_int_equal(get32(p + 12), 65535);
	text_is(p + 16, p + len - 4, 2, "lab");
	text_is(p + 16, p + len - 4, 3, "a cable");
	v = option(p + 16, p + len - 4, 6, &size);
	assert_int_equal(size, 6);
	assert_memory_equal(v, i.mac, 6);
	v = option(p + 16, p + len - 4, 9, &size);
	assert_int_equal(size, 1);
	assert_int_equal(*v, 9);			/* nanoseconds */
}

/* Texts of every length up to the longest, and longer. */
static void
test_texts(void **state)
{
	static char		 name[BOUND_NAME + 1], text[400];
	struct pcapng_if	 i = { name, text, { 0 }, 14 };
	uint8_t			 buf[PCAPNG_START_MAX];
	char			 cut[256];
	size_t			 n, k;
	uint32_t		 shb;

	(void)state;
	for (k = 0; k < sizeof(text); k++) {
		memset(text, 'x', k);
		memset(name, 'n', k <= BOUND_NAME ? k : BOUND_NAME);
		n = pcapng_start(buf, text, &i);
		assert_true(n <= sizeof(buf));
		shb = block(buf, n, 0x0a0d0d0a);
		block(buf + shb, n - shb, 1);
		memset(cut, 0, sizeof(cut));
		memset(cut, 'x', k <= 255 ? k : 255);
		text_is(buf + 24, buf + shb - 4, 4, k > 0 ? cut : NULL);
		text_is(buf + shb + 16, buf + n - 4, 3, k > 0 ? cut : NULL);
		text_is(buf + shb + 16, buf + n - 4, 2, k > 0 ? name : NULL);
	}
}

static void
frame_is(uint32_t caplen, uint32_t len, enum pcapng_dir dir)
{
	const uint64_t	 ns = UINT64_C(0x0123456789abcdef);
	size_t		 size = pcapng_frame_size(caplen), i;
	uint8_t		*buf = malloc(size);
	const uint8_t	*v;
	uint16_t	 n;

	assert_non_null(buf);
	memset(buf, 0xaa, size);
	for (i = 0; i < caplen; i++)
		buf[PCAPNG_FRAME_HEAD + i] = (uint8_t)(i * 7 + 1);
	assert_int_equal(pcapng_frame(buf, ns, dir, caplen, len), size);
	assert_int_equal(block(buf, size, 6), size);
	assert_int_equal(get32(buf + 8), 0);		/* interface */
	assert_int_equal(get32(buf + 12), 0x01234567);
	assert_int_equal(get32(buf + 16), 0x89abcdef);
	assert_int_equal(get32(buf + 20), caplen);
	assert_int_equal(get32(buf + 24), len);
	for (i = 0; i < caplen; i++)
		assert_int_equal(buf[28 + i], (uint8_t)(i * 7 + 1));
	for (; i % 4 != 0; i++)
		assert_int_equal(buf[28 + i], 0);
	v = option(buf + 28 + i, buf + size - 4, 2, &n);
	assert_non_null(v);
	assert_int_equal(n, 4);
	assert_int_equal(get32(v), dir);		/* 1 in, 2 out */
	free(buf);
}

static void
test_frames(void **state)
{
	uint32_t	n;

	(void)state;
	for (n = 0; n <= 1600; n++)
		frame_is(n, n, (enum pcapng_dir)(n % 3));
	frame_is(14, 1514, PCAPNG_IN);
	frame_is(BOUND_SNAPLEN_MAX, BOUND_SNAPLEN_MAX + 4, PCAPNG_OUT);
	frame_is(BOUND_SNAPLEN_MAX + 3, BOUND_SNAPLEN_MAX + 4, PCAPNG_OUT);
	assert_int_equal(PCAPNG_IN, 1);
	assert_int_equal(PCAPNG_OUT, 2);
}

static void
count_is(const uint8_t *p, const uint8_t *end, uint16_t code, uint64_t want)
{
	const uint8_t	*v;
	uint16_t	 n;
	uint64_t	 got;

	v = option(p, end, code, &n);
	if (want == UINT64_MAX) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	assert_int_equal(n, 8);
	memcpy(&got, v, sizeof(got));
	assert_true(got == want);
}

static void
test_stats(void **state)
{
	struct pcapng_counts	 c = { UINT64_C(0x1111111122222222),
	    UINT64_C(0x3333333344444444), 10, 8, 3, 5 };
	uint8_t			 buf[PCAPNG_STATS_MAX];
	const uint8_t		*v, *end;
	size_t			 n;
	uint16_t		 len;

	(void)state;
	n = pcapng_stats(buf, &c);
	assert_int_equal(block(buf, sizeof(buf), 5), n);
	assert_true(n <= sizeof(buf));
	end = buf + n - 4;
	assert_int_equal(get32(buf + 8), 0);
	assert_int_equal(get32(buf + 12), 0x33333333);
	assert_int_equal(get32(buf + 16), 0x44444444);
	v = option(buf + 20, end, 2, &len);
	assert_int_equal(len, 8);
	assert_int_equal(get32(v), 0x11111111);
	assert_int_equal(get32(v + 4), 0x22222222);
	v = option(buf + 20, end, 3, &len);
	assert_int_equal(len, 8);
	assert_int_equal(get32(v), 0x33333333);
	assert_int_equal(get32(v + 4), 0x44444444);
	count_is(buf + 20, end, 4, 10);		/* received */
	count_is(buf + 20, end, 6, 8);		/* accepted by the filter */
	count_is(buf + 20, end, 7, 3);		/* dropped */
	count_is(buf + 20, end, 8, 5);		/* delivered */

	c.received = UINT64_MAX;
	n = pcapng_stats(buf, &c);
	count_is(buf + 20, buf + n - 4, 4, UINT64_MAX);
	count_is(buf + 20, buf + n - 4, 6, 8);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

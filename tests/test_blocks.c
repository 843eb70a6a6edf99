/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.c reads what pcapng.c writes; and nothing that is cut, damaged or made
 * up makes it read where there is nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "pcapng.h"

static void
test_reads(void **state)
{
	struct pcapng_if	 i = { "lab", "cable", { 2 }, 100 };
	struct pcapng_counts	 counts = { 1, 2, UINT64_MAX, 5,
	    UINT64_C(1) << 40, 3 };
	static uint8_t		 buf[4096];
	struct block		 b;
	size_t			 n, size, k;

	(void)state;
	n = pcapng_start(buf, "x", &i);
	assert_int_equal(block_parse(buf, n, &b), 1);
	assert_int_equal(b.kind, BLOCK_OTHER);
	size = b.size;
	assert_int_equal(block_parse(buf + size, n - size, &b), 1);
	assert_int_equal(b.kind, BLOCK_OTHER);
	assert_int_equal(size + b.size, n);
	for (k = 0; k < 70; k++) {
		memset(buf + PCAPNG_FRAME_HEAD, 7, k);
		size = pcapng_frame(buf, UINT64_C(1) << 60 | k,
		    (enum pcapng_dir)(k % 3), (uint32_t)k, 1514);
		/* Not before it is whole. */
		for (n = 0; n < size; n++)
			assert_int_equal(block_parse(buf, n, &b), 0);
		assert_int_equal(block_parse(buf, size + 5, &b), 1);
		assert_int_equal(b.kind, BLOCK_FRAME);
		assert_int_equal(b.size, size);
		assert_true(b.ns == (UINT64_C(1) << 60 | k));
		assert_int_equal(b.caplen, k);
		assert_int_equal(b.len, 1514);
		assert_int_equal(b.dir, k % 3);
		assert_ptr_equal(b.frame, buf + PCAPNG_FRAME_HEAD);
	}
	size = pcapng_stats(buf, &counts);
	assert_int_equal(block_parse(buf, size, &b), 1);
	assert_int_equal(b.kind, BLOCK_STATS);
	assert_true(b.dropped == UINT64_C(1) << 40);
}

static void
test_refuses(void **state)
{
	static const uint32_t	sizes[] = { 0, 4, 8, 13, 14, 15, BLOCK_MAX + 4,
	    UINT32_MAX - 3 };
	uint8_t			buf[256];
	struct block		b;
	uint32_t		caplen = 1000, little = 12;
	size_t			i, size;

	(void)state;
	size = pcapng_frame(buf, 1, PCAPNG_IN, 60, 60);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memcpy(buf + 4, &sizes[i], 4);
		assert_int_equal(block_parse(buf, sizeof(buf), &b), -EBADMSG);
	}
	size = pcapng_frame(buf, 1, PCAPNG_IN, 60, 60);
	buf[size - 4] ^= 4;
	assert_int_equal(block_parse(buf, size, &b), -EBADMSG);
	buf[size - 4] ^= 4;
	memcpy(buf + 20, &caplen, 4);
	assert_int_equal(block_parse(buf, size, &b), -EBADMSG);
	caplen = UINT32_MAX;
	memcpy(buf + 20, &caplen, 4);
	assert_int_equal(block_parse(buf, size, &b), -EBADMSG);
	/* A frame's block without room for a frame's head. */
	memcpy(buf + 4, &little, 4);
	memcpy(buf + 8, &little, 4);
	assert_int_equal(block_parse(buf, size, &b), -EBADMSG);
	buf[0] = 5;
	assert_int_equal(block_parse(buf, size, &b), -EBADMSG);
}

/* The sanitizers look whether it stays inside. */
static void
test_random(void **state)
{
	struct block	b;
	unsigned int	round, seed = 1, i;
	size_t		size, n;
	uint8_t		*buf, whole[160];

	(void)state;
	for (round = 0; round < 100000; round++) {
		size = pcapng_frame(whole, 1, PCAPNG_IN, round % 90, 90);
		if (round % 3 == 0)
			size = pcapng_stats(whole, &(struct pcapng_counts){ 0 });
		for (i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1103515245 + 12345;
			whole[(seed >> 16) % size] ^= (uint8_t)(seed >> 8);
		}
		n = round % 7 == 0 ? size - (seed >> 16) % size : size;
		assert_non_null(buf = malloc(n));
		memcpy(buf, whole, n);
		if (block_parse(buf, n, &b) == 1) {
			assert_true(b.size <= n);
			if (b.kind == BLOCK_FRAME)
				assert_true(b.frame + b.caplen <= buf + n);
		}
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

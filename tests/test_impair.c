/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of an impaired direction: chances, order, bounds, and that a seed
 * gives the same run again. Time is what the test says it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bounds.h"
#include "impair.h"

#define MS	INT64_C(1000000)
#define US	INT64_C(1000)

static struct impair *
queue(const struct impair_conf *c)
{
	struct impair	*q = impair_new(c, 1518);

	assert_non_null(q);
	return q;
}

static enum impair_fate
push(struct impair *q, int64_t t, uint32_t number)
{
	uint8_t	frame[100] = { 0 };

	memcpy(frame, &number, sizeof(number));
	return impair_push(q, t, frame, sizeof(frame));
}

/* The number of the next frame due at T, with when it was due; -1: none. */
static int64_t
pop(struct impair *q, int64_t t, int64_t *due)
{
	struct impair_frame	f;
	uint32_t		number;

	if (!impair_pop(q, t, &f))
		return -1;
	assert_int_equal(f.len, 100);
	memcpy(&number, f.data, sizeof(number));
	if (due != NULL)
		*due = f.due;
	impair_done(q, &f);
	return number;
}

static void
test_any(void **state)
{
	struct impair_conf	c = { .seed = 9 };

	(void)state;
	assert_false(impair_any(&c));
	c.down = true;
	assert_true(impair_any(&c));
	c.down = false;
	c.rate = 1;
	assert_true(impair_any(&c));
}

static void
test_delay(void **state)
{
	struct impair_conf	c = { .delay_us = 5000 };
	struct impair		*q = queue(&c);
	int64_t			due;

	(void)state;
	assert_int_equal(impair_due(q), -1);
	assert_int_equal(push(q, 10 * MS, 1), IMPAIR_QUEUED);
	assert_int_equal(push(q, 11 * MS, 2), IMPAIR_QUEUED);
	assert_int_equal(impair_due(q), 15 * MS);
	assert_int_equal(pop(q, 15 * MS - 1, NULL), -1);
	assert_int_equal(pop(q, 15 * MS, &due), 1);
	assert_int_equal(due, 15 * MS);
	assert_int_equal(pop(q, 15 * MS, NULL), -1);
	assert_int_equal(pop(q, 99 * MS, &due), 2);
	assert_int_equal(due, 16 * MS);
	impair_free(q);
}

/* Spread evenly from delay - jitter to delay + jitter, in order. */
static void
test_jitter(void **state)
{
	struct impair_conf	c = { .delay_us = 10000, .jitter_us = 4000,
	    .seed = 1 };
	struct impair		*q = queue(&c);
	unsigned int		i, low = 0, high = 0;
	int64_t			due, t;

	(void)state;
	for (i = 0; i < 1000; i++) {
		t = i * 100 * MS;
		push(q, t, i);
		assert_int_equal(pop(q, INT64_MAX, &due), i);
		assert_in_range(due - t, 6 * MS, 14 * MS);
		low += due - t < 8 * MS;
		high += due - t > 12 * MS;
	}
	assert_in_range(low, 200, 300);
	assert_in_range(high, 200, 300);
	/* Close together: none passes another. */
	for (i = 0; i < 500; i++)
		push(q, 10000000 * MS + i * 100 * US, i);
	for (i = 0; i < 500; i++)
		assert_int_equal(pop(q, INT64_MAX, NULL), i);
	impair_free(q);
}

static void
test_chances(void **state)
{
	struct impair_conf	c = { .loss = 100000, .duplicate = 50000,
	    .seed = 3 };
	struct impair		*q = queue(&c);
	unsigned int		i, lost = 0, twice = 0;
	int64_t			n, last;

	(void)state;
	for (i = 0; i < 20000; i++) {
		lost += push(q, i, i) == IMPAIR_LOST;
		for (last = -1; (n = pop(q, i, NULL)) >= 0; last = n)
			twice += n == last;
	}
	assert_in_range(lost, 1850, 2150);
	assert_in_range(twice, 800, 1000);
	c = (struct impair_conf){ .loss = IMPAIR_ALL };
	impair_set(q, &c);
	for (i = 0; i < 1000; i++)
		assert_int_equal(push(q, 0, i), IMPAIR_LOST);
	c = (struct impair_conf){ .down = true };
	impair_set(q, &c);
	assert_int_equal(push(q, 0, 1), IMPAIR_DOWN);
	assert_int_equal(impair_due(q), -1);
	impair_free(q);
}

/* Some go past those that are delayed; all come. */
static void
test_reorder(void **state)
{
	struct impair_conf	c = { .delay_us = 20000, .reorder = 100000,
	    .seed = 4 };
	struct impair		*q = queue(&c);
	unsigned int		i, early = 0, seen[1000] = { 0 };
	int64_t			n, next = 0;

	(void)state;
	for (i = 0; i < 1000; i++)
		push(q, i * MS, i);
	for (i = 0; i < 1000; i++) {
		n = pop(q, INT64_MAX, NULL);
		assert_in_range(n, 0, 999);
		assert_int_equal(seen[n]++, 0);
		early += n > next;
		next = n + 1;
	}
	assert_in_range(early, 60, 200);
	impair_free(q);
}

static void
test_rate(void **state)
{
	/* 100 bytes at 100,000 bytes/s take 1 ms. */
	struct impair_conf	c = { .rate = 100000 };
	struct impair		*q = queue(&c);
	int64_t			due;
	uint32_t		i;

	(void)state;
	for (i = 0; i < 50; i++)
		push(q, 0, i);
	for (i = 0; i < 50; i++) {
		assert_int_equal(pop(q, INT64_MAX, &due), i);
		assert_int_equal(due, (i + 1) * MS);
	}
	/* A line that was idle owes nothing. */
	push(q, 1000 * MS, 1);
	assert_int_equal(impair_due(q), 1001 * MS);
	impair_free(q);
}

static void
test_seed(void **state)
{
	struct impair_conf	c = { .delay_us = 9000, .jitter_us = 9000,
	    .loss = 200000, .duplicate = 100000, .reorder = 100000,
	    .seed = 12345 };
	struct impair		*a = queue(&c), *b = queue(&c), *other;
	unsigned int		i, differ = 0;
	int64_t			da, db, dc;

	(void)state;
	c.seed++;
	other = queue(&c);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(push(a, i * MS, i), push(b, i * MS, i));
		push(other, i * MS, i);
	}
	while (impair_due(a) >= 0) {
		da = db = dc = -1;
		assert_int_equal(pop(a, INT64_MAX, &da),
		    pop(b, INT64_MAX, &db));
		assert_int_equal(da, db);
		pop(other, INT64_MAX, &dc);
		differ += da != dc;
	}
	assert_int_equal(impair_due(b), -1);
	assert_true(differ > 100);
	/* The same seed again, in the middle: the same again. */
	c.seed = 5;
	impair_set(a, &c);
	impair_set(b, &c);
	for (i = 0; i < 100; i++)
		assert_int_equal(push(a, 0, i), push(b, 0, i));
	impair_free(a);
	impair_free(b);
	impair_free(other);
}

/* What is on its way is bounded, and room comes back. */
static void
test_full(void **state)
{
	static const size_t	lengths[] = { 86, 1518, 9018, 65539 };
	struct impair_conf	c = { .delay_us = 1000 };
	struct impair_frame	f;
	struct impair		*q;
	uint8_t			*frame = calloc(1, 65539);
	unsigned int		i, k, n;
	size_t			len;

	(void)state;
	assert_non_null(frame);
	for (k = 0; k < 4; k++) {
		len = lengths[k];
		q = impair_new(&c, len);
		assert_non_null(q);
		for (n = 0; impair_push(q, 0, frame, (uint32_t)len) ==
		    IMPAIR_QUEUED; n++)
			;
		assert_true(n >= 16 && n <= BOUND_IMPAIR_FRAMES);
		assert_true(n * len <= BOUND_IMPAIR_BYTES);
		assert_int_equal(impair_push(q, 0, frame, (uint32_t)len),
		    IMPAIR_FULL);
		/* What cannot be sent goes back to its place. */
		assert_true(impair_pop(q, MS, &f));
		impair_undo(q, &f);
		for (i = 0; impair_pop(q, MS, &f); i++)
			impair_done(q, &f);
		assert_int_equal(i, n);
		assert_int_equal(impair_push(q, 0, frame, (uint32_t)len),
		    IMPAIR_QUEUED);
		impair_free(q);
	}
	free(frame);
	impair_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_chances),
		cmocka_unit_test(test_reorder),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

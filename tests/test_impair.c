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
	impair_set(q, 0, &c);
	for (i = 0; i < 1000; i++)
		assert_int_equal(push(q, 0, i), IMPAIR_LOST);
	c = (struct impair_conf){ .down = true };
	impair_set(q, 0, &c);
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
	impair_set(a, 0, &c);
	impair_set(b, 0, &c);
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

#define S	(1000 * MS)

/* Push a frame of LEN bytes each EVERY ns from FROM to TO, and take what is
 * due: the bytes that came. */
static uint64_t
offer(struct impair *q, int64_t from, int64_t to, int64_t every, uint32_t len)
{
	static uint8_t		frame[1518];
	struct impair_frame	f;
	uint64_t		bytes = 0;

	for (; from < to; from += every) {
		(void)impair_push(q, from, frame, len);
		while (impair_pop(q, from, &f)) {
			bytes += f.len;
			impair_done(q, &f);
		}
	}
	return bytes;
}

/* What is dropped because the queue is full takes no time of the line. */
static void
test_rate_full(void **state)
{
	struct impair_conf	c = { .rate = 125000 };
	struct impair		*q = queue(&c);
	int64_t			t = S;
	unsigned int		i;

	(void)state;
	/* Twice the rate, for ten minutes. */
	for (i = 0; i < 10; i++, t += 60 * S)
		assert_in_range(offer(q, t, t + 60 * S, 6 * MS, 1500),
		    60 * 124000, 60 * 126000);
	/* A flood; and then, when it has had its time, a trickle. */
	offer(q, t, t + S, 10 * US, 1500);
	assert_true(impair_due(q) - t < 2 * S);
	t += S + (int64_t)(BOUND_IMPAIR_BYTES / c.rate + 1) * S;
	offer(q, t, t + 1, 1, 100);
	for (i = 0; i < 100; i++, t += S)
		assert_in_range(offer(q, t + 1, t + 1 + S, 100 * MS, 100),
		    900, 1100);
	impair_free(q);
	/* The slowest line; more than would be 2^63 ns. */
	c.rate = 1;
	q = queue(&c);
	offer(q, S, S + 8 * MS, 1, 1500);
	assert_int_equal(impair_due(q), 1501 * S);
	assert_true(impair_due(q) > 0);
	impair_free(q);
}

/* What waits for the line goes on at the rate that it has now. */
static void
test_rate_set(void **state)
{
	struct impair_conf	c = { .rate = 1000 }, clean = { 0 };
	struct impair		*q = queue(&c);
	int64_t			due;
	uint32_t		i;

	(void)state;
	/* 100 ms each; one has gone, half of the next. */
	for (i = 0; i < 10; i++)
		push(q, S, i);
	assert_int_equal(pop(q, S + 150 * MS, &due), 0);
	assert_int_equal(due, S + 100 * MS);
	c.rate = 10000;
	impair_set(q, S + 150 * MS, &c);
	for (i = 1; i < 10; i++) {
		assert_int_equal(pop(q, INT64_MAX, &due), i);
		assert_in_range(due, S + 145 * MS + i * 10 * MS - 1,
		    S + 145 * MS + i * 10 * MS + 1);
	}
	push(q, S + 150 * MS, 10);
	assert_in_range(impair_due(q), S + 245 * MS - 1, S + 245 * MS + 1);
	assert_int_equal(pop(q, INT64_MAX, NULL), 10);
	impair_free(q);

	/* A cable without limits owes nothing; a delay stays, and so does the
	 * order. */
	c.rate = 1;
	c.delay_us = 5000;
	c.jitter_us = 4000;
	q = queue(&c);
	for (i = 0; i < 100; i++)
		push(q, S, i);
	impair_set(q, 2 * S, &clean);
	push(q, 2 * S, 100);
	for (i = 0; i < 100; i++) {
		assert_int_equal(pop(q, INT64_MAX, &due), i);
		assert_in_range(due, 2 * S + MS, 2 * S + 9 * MS);
	}
	assert_int_equal(pop(q, 2 * S + 9 * MS, NULL), 100);
	impair_free(q);

	/* What is past the line comes in its time, slower as it may be now. */
	c = (struct impair_conf){ .delay_us = 10000 };
	q = queue(&c);
	push(q, S, 1);
	c.rate = 1;
	impair_set(q, S + MS, &c);
	assert_int_equal(pop(q, S + 10 * MS, &due), 1);
	assert_int_equal(due, S + 10 * MS);
	impair_free(q);
}

/* Of two queues with one seed, the one that is full loses frames, and else
 * rolls the same. */
static void
test_seed_full(void **state)
{
	struct impair_conf	c = { .delay_us = 9000, .jitter_us = 9000,
	    .loss = 200000, .duplicate = 100000, .reorder = 100000,
	    .seed = 12345 };
	struct impair		*a = queue(&c), *b = queue(&c);
	enum impair_fate	fa, fb;
	unsigned int		full = 0;
	int64_t			i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		fa = push(a, 0, 0);
		fb = push(b, 0, 0);
		full += fa == IMPAIR_FULL;
		assert_true(fa == fb || (fa == IMPAIR_FULL &&
		    fb == IMPAIR_QUEUED));
		while (pop(b, INT64_MAX, NULL) == 0)
			;
	}
	assert_true(full > 1000);
	while (pop(a, INT64_MAX, NULL) == 0)
		;
	for (i = 1; i < 1000; i++) {
		assert_int_equal(push(a, i * S, 0), push(b, i * S, 0));
		assert_int_equal(impair_due(a), impair_due(b));
		do
			assert_int_equal(impair_due(a), impair_due(b));
		while ((pop(a, INT64_MAX, NULL) == 0) +
		    (pop(b, INT64_MAX, NULL) == 0) == 2);
	}
	impair_free(a);
	impair_free(b);
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
		cmocka_unit_test(test_rate_full),
		cmocka_unit_test(test_rate_set),
		cmocka_unit_test(test_seed_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

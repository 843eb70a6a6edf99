/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of prefixes against a plain list of them: the same answers, whatever
 * is put in, taken out and asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "taken.h"

#define LINKS	200

static struct link_spec	list[LINKS];
static bool		in[LINKS];

/* Few bits differ, so that many overlap; host bits are any. */
static struct prefix
any_prefix(void)
{
	struct prefix	p;

	memset(&p, 0, sizeof(p));
	p.family = rand() % 2 == 0 ? 4 : 6;
	p.addr[0] = 10;
	p.addr[1] = (uint8_t)(rand() % 4 << 6 | rand() % 4);
	p.addr[3] = (uint8_t)(rand() % 256);
	p.addr[7] = (uint8_t)(rand() % 8);
	p.len = (uint8_t)(rand() % 4 == 0 ? rand() % (int)(prefix_bits(&p) + 1) :
	    p.family == 4 ? 30 : 64);
	return p;
}

static struct link_spec
any_link(void)
{
	struct link_spec	s;
	unsigned int		e;

	memset(&s, 0, sizeof(s));
	for (e = 0; e < 2; e++)
		for (s.end[e].naddr = 0; s.end[e].naddr < rand() % 4;
		    s.end[e].naddr++)
			s.end[e].addr[s.end[e].naddr] = any_prefix();
	return s;
}

static bool
list_overlap(const struct prefix *p)
{
	unsigned int	i, e, a;

	for (i = 0; i < LINKS; i++)
		for (e = 0; in[i] && e < 2; e++)
			for (a = 0; a < list[i].end[e].naddr; a++)
				if (prefix_overlap(&list[i].end[e].addr[a], p))
					return true;
	return false;
}

static void
test_as_a_list(void **state)
{
	struct taken	*t = taken_new();
	struct prefix	 p;
	unsigned int	 round, i, used, hits = 0, misses = 0;

	(void)state;
	assert_non_null(t);
	srand(1);
	for (round = 0; round < 20000; round++) {
		/* Few in some rounds, many in others. */
		used = 1 + round / 100 % LINKS;
		i = (unsigned int)rand() % LINKS;
		if (in[i])
			taken_remove(t, &list[i]);
		in[i] = i < used / 10 + 1;
		if (in[i]) {
			list[i] = any_link();
			taken_add(t, &list[i]);
		}
		p = any_prefix();
		assert_int_equal(taken_overlap(t, &p), list_overlap(&p));
		if (list_overlap(&p))
			hits++;
		else
			misses++;
	}
	assert_true(hits > 1000 && misses > 1000);
	/* Nothing stays behind. */
	for (i = 0; i < LINKS; i++)
		if (in[i])
			taken_remove(t, &list[i]);
	memset(&p, 0, sizeof(p));
	for (p.family = 4; p.family <= 6; p.family += 2)
		assert_false(taken_overlap(t, &p));
	taken_free(t);
	taken_free(NULL);
}

int
main(void)
{
	static const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_as_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

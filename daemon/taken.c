/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See taken.h. A hash of prefixes with host bits cleared, each counted, and the
 * number of them of each length. Two prefixes overlap when the shorter one is
 * the other, cut to its length: so P is looked up cut to each shorter length
 * that there is, and as it is. Only where there are longer ones than P, which is
 * rare, all of those must be looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "taken.h"

#define BUCKETS		8192
#define LENGTHS		129
#define FAMILIES	2

struct node {
	struct node	*next;
	struct prefix	p;		/* host bits are 0 */
	unsigned int	count;
};

struct taken {
	struct node	*bucket[BUCKETS];
	unsigned int	length[FAMILIES][LENGTHS];
	unsigned int	unknown;	/* for want of memory */
};

struct taken *
taken_new(void)
{
	return calloc(1, sizeof(struct taken));
}

void
taken_free(struct taken *t)
{
	struct node	*n;
	unsigned int	 i;

	for (i = 0; t != NULL && i < BUCKETS; i++)
		while ((n = t->bucket[i]) != NULL) {
			t->bucket[i] = n->next;
			free(n);
		}
	free(t);
}

/* P cut to LEN bits. */
static struct prefix
cut(const struct prefix *p, unsigned int len)
{
	struct prefix	c;
	unsigned int	i, bytes = prefix_bits(p) / 8;

	memset(&c, 0, sizeof(c));
	c.family = p->family;
	c.len = (uint8_t)len;
	memcpy(c.addr, p->addr, bytes);
	for (i = 0; i < bytes; i++)
		if (8 * i >= len)
			c.addr[i] = 0;
		else if (8 * i + 8 > len)
			c.addr[i] &= (uint8_t)(0xff00 >> (len - 8 * i));
	return c;
}

/* How many there are of P's family and of LEN bits. */
static unsigned int *
length_of(struct taken *t, const struct prefix *p, unsigned int len)
{
	return &t->length[p->family == 6][len];
}

static struct node **
find(struct taken *t, const struct prefix *p)
{
	const uint8_t	*b = (const uint8_t *)p;
	uint32_t	 h = 2166136261u;	/* FNV-1a */
	size_t		 i;
	struct node	**at;

	for (i = 0; i < sizeof(*p); i++)
		h = (h ^ b[i]) * 16777619u;
	at = &t->bucket[h % BUCKETS];
	while (*at != NULL && memcmp(&(*at)->p, p, sizeof(*p)) != 0)
		at = &(*at)->next;
	return at;
}

static void
add(struct taken *t, const struct prefix *p)
{
	struct prefix	c = cut(p, p->len);
	struct node	**at = find(t, &c);

	if (*at == NULL) {
		if ((*at = calloc(1, sizeof(**at))) == NULL) {
			t->unknown++;
			return;
		}
		(*at)->p = c;
	}
	(*at)->count++;
	++*length_of(t, p, p->len);
}

static void
drop(struct taken *t, const struct prefix *p)
{
	struct prefix	c = cut(p, p->len);
	struct node	**at = find(t, &c), *n = *at;

	if (n == NULL) {
		t->unknown -= t->unknown > 0;
		return;
	}
	--*length_of(t, p, p->len);
	if (--n->count > 0)
		return;
	*at = n->next;
	free(n);
}

static void
each(struct taken *t, const struct link_spec *s,
    void (*fn)(struct taken *t, const struct prefix *p))
{
	unsigned int	e, a;

	for (e = 0; e < 2; e++)
		for (a = 0; a < s->end[e].naddr; a++)
			fn(t, &s->end[e].addr[a]);
}

void
taken_add(struct taken *t, const struct link_spec *s)
{
	each(t, s, add);
}

void
taken_remove(struct taken *t, const struct link_spec *s)
{
	each(t, s, drop);
}

static bool
overlap_any(const struct taken *t, const struct prefix *p)
{
	const struct node	*n;
	unsigned int		 i;

	for (i = 0; i < BUCKETS; i++)
		for (n = t->bucket[i]; n != NULL; n = n->next)
			if (prefix_overlap(&n->p, p))
				return true;
	return false;
}

bool
taken_overlap(struct taken *t, const struct prefix *p)
{
	struct prefix	c;
	unsigned int	len, bits = prefix_bits(p);

	if (t->unknown > 0)
		return true;
	for (len = 0; len <= p->len; len++) {
		if (*length_of(t, p, len) == 0)
			continue;
		c = cut(p, len);
		if (*find(t, &c) != NULL)
			return true;
	}
	for (; len <= bits; len++)
		if (*length_of(t, p, len) != 0)
			return overlap_any(t, p);
	return false;
}

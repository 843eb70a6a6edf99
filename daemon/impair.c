/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See impair.h. Frames on their way lie in slots of a pool that grows by chunks
 * up to its bound and goes with the queue, and are found by a heap ordered by
 * when they are due. Called by the relay's threads, each with its own queues.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "impair.h"

#define CHUNK		64	/* slots */
#define NS_OF_US	1000

static_assert(BOUND_IMPAIR_BYTES / (BOUND_MTU_MAX + 128) >= 16,
    "of the longest frames, too, some can be on their way");

struct chunk {
	struct chunk	*next;
	uint8_t		data[];
};

struct impair {
	struct impair_conf conf;
	uint64_t	random;		/* state of the generator */
	size_t		slot;		/* bytes */
	int64_t		free_at;	/* rate: when the line is free again */
	int64_t		last;		/* due of the last frame in order */
	uint64_t	order;
	struct impair_frame *heap;
	unsigned int	n;
	struct chunk	*chunks;
	unsigned int	slots, max;
	uint8_t		**spare;	/* slots that are free */
	unsigned int	nspare;
};

bool
impair_any(const struct impair_conf *c)
{
	return c->delay_us != 0 || c->jitter_us != 0 || c->loss != 0 ||
	    c->duplicate != 0 || c->reorder != 0 || c->rate != 0 || c->down;
}

/* splitmix64: each number a seed gives is the same everywhere. */
static uint64_t
random_next(struct impair *q)
{
	uint64_t	z = (q->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* True MILLIONTHS times in a million. */
static bool
chance(struct impair *q, uint32_t millionths)
{
	return millionths != 0 && random_next(q) % IMPAIR_ALL < millionths;
}

struct impair *
impair_new(const struct impair_conf *conf, size_t frame_max)
{
	struct impair	*q;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		return NULL;
	q->slot = (frame_max + 63) & ~(size_t)63;
	q->max = (unsigned int)(BOUND_IMPAIR_BYTES / q->slot);
	if (q->max > BOUND_IMPAIR_FRAMES)
		q->max = BOUND_IMPAIR_FRAMES;
	q->conf = *conf;
	q->random = conf->seed;
	return q;
}

void
impair_free(struct impair *q)
{
	struct chunk	*c;

	if (q == NULL)
		return;
	while ((c = q->chunks) != NULL) {
		q->chunks = c->next;
		free(c);
	}
	free(q->spare);
	free(q->heap);
	free(q);
}

/* The pool. */

static bool
pool_grow(struct impair *q)
{
	unsigned int	 i, n = q->max - q->slots < CHUNK ?
			    q->max - q->slots : CHUNK;
	struct impair_frame *heap;
	struct chunk	*c;
	uint8_t		**spare;

	if (n == 0)
		return false;
	spare = realloc(q->spare, (q->slots + n) * sizeof(*spare));
	if (spare == NULL)
		return false;
	q->spare = spare;
	heap = realloc(q->heap, (q->slots + n) * sizeof(*heap));
	if (heap == NULL)
		return false;
	q->heap = heap;
	if ((c = malloc(sizeof(*c) + n * q->slot)) == NULL)
		return false;
	c->next = q->chunks;
	q->chunks = c;
	q->slots += n;
	for (i = 0; i < n; i++)
		q->spare[q->nspare++] = c->data + i * q->slot;
	return true;
}

/* The heap. */

static bool
earlier(const struct impair_frame *a, const struct impair_frame *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void
heap_put(struct impair *q, const struct impair_frame *f)
{
	unsigned int	i, up;

	for (i = q->n++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!earlier(f, &q->heap[up]))
			break;
		q->heap[i] = q->heap[up];
	}
	q->heap[i] = *f;
}

static void
heap_take(struct impair *q, struct impair_frame *f)
{
	struct impair_frame	last;
	unsigned int		i, down;

	*f = q->heap[0];
	last = q->heap[--q->n];
	for (i = 0; (down = 2 * i + 1) < q->n; i = down) {
		if (down + 1 < q->n &&
		    earlier(&q->heap[down + 1], &q->heap[down]))
			down++;
		if (!earlier(&q->heap[down], &last))
			break;
		q->heap[i] = q->heap[down];
	}
	q->heap[i] = last;
}

/* Another rate, from NOW on. */

static int64_t
line_time(const struct impair *q, double bytes)
{
	return q->conf.rate == 0 ? 0 :
	    (int64_t)(bytes * 1e9 / (double)q->conf.rate);
}

static int
by_order(const void *a, const void *b)
{
	const struct impair_frame	*f = a, *g = b;

	return f->order < g->order ? -1 : f->order > g->order;
}

static int
by_due(const void *a, const void *b)
{
	return earlier(a, b) ? -1 : earlier(b, a);
}

/* Of F, which is to leave the line that has RATE at f->line, the bytes that are
 * not on it at NOW. */
static double
waiting(const struct impair_frame *f, int64_t now, uint64_t rate)
{
	double	bytes = (double)(f->line - now) * 1e-9 * (double)rate;

	return bytes < f->len ? bytes : f->len;
}

/* What waits for a line that had RATE goes on at that which there is now; what
 * is past it arrives when it would have. */
static void
retime(struct impair *q, int64_t now, uint64_t rate)
{
	struct impair_frame	*f;
	int64_t			 line;

	q->free_at = now;
	q->last = 0;
	if (q->n == 0)
		return;
	qsort(q->heap, q->n, sizeof(*q->heap), by_order);
	for (f = q->heap; f < q->heap + q->n; f++) {
		if (f->line > now) {
			line = q->free_at + line_time(q, waiting(f, now, rate));
			f->due += line - f->line;
			f->line = q->free_at = line;
		}
		if (f->early)
			continue;
		if (f->due < q->last)
			f->due = q->last;
		q->last = f->due;
	}
	/* In order is a heap, too. */
	qsort(q->heap, q->n, sizeof(*q->heap), by_due);
}

void
impair_set(struct impair *q, int64_t now, const struct impair_conf *conf)
{
	uint64_t	rate = q->conf.rate;

	q->conf = *conf;
	q->random = conf->seed;
	if (conf->rate != rate)
		retime(q, now, rate);
}

/* When F, which comes at NOW, leaves the line, and arrives. */
static void
arrival(struct impair *q, int64_t now, struct impair_frame *f)
{
	const struct impair_conf *c = &q->conf;
	int64_t			 delay, swing;

	f->line = c->rate != 0 && q->free_at > now ? q->free_at : now;
	f->line += line_time(q, f->len);
	f->due = f->line;
	if ((f->early = chance(q, c->reorder)))
		return;		/* past all that is delayed */
	delay = (int64_t)c->delay_us * NS_OF_US;
	if (c->jitter_us != 0) {
		swing = (int64_t)c->jitter_us * NS_OF_US;
		delay += (int64_t)(random_next(q) % (uint64_t)(2 * swing + 1)) -
		    swing;
	}
	if (delay > 0)
		f->due += delay;
	/* Jitter alone keeps the order. */
	if (f->due < q->last)
		f->due = q->last;
}

/* A copy of FRAME, as F says. */
static bool
enqueue(struct impair *q, struct impair_frame f, const uint8_t *frame)
{
	if (q->nspare == 0 && !pool_grow(q))
		return false;
	f.order = q->order++;
	f.data = q->spare[--q->nspare];
	memcpy(f.data, frame, f.len);
	heap_put(q, &f);
	return true;
}

enum impair_fate
impair_push(struct impair *q, int64_t now, const uint8_t *frame, uint32_t len)
{
	struct impair_frame	f = { .len = len };
	bool			twice;

	if (q->conf.down)
		return IMPAIR_DOWN;
	if (chance(q, q->conf.loss))
		return IMPAIR_LOST;
	/* Whether there is room depends on when others were sent; the dice are
	 * the same without. */
	arrival(q, now, &f);
	twice = chance(q, q->conf.duplicate);
	if (!enqueue(q, f, frame))
		return IMPAIR_FULL;
	/* What was dropped took no time of the line. */
	q->free_at = f.line;
	if (!f.early)
		q->last = f.due;
	if (twice)
		(void)enqueue(q, f, frame);
	return IMPAIR_QUEUED;
}

bool
impair_pop(struct impair *q, int64_t now, struct impair_frame *f)
{
	if (q->n == 0 || q->heap[0].due > now)
		return false;
	heap_take(q, f);
	return true;
}

void
impair_done(struct impair *q, const struct impair_frame *f)
{
	q->spare[q->nspare++] = f->data;
}

void
impair_undo(struct impair *q, const struct impair_frame *f)
{
	heap_put(q, f);
}

int64_t
impair_due(const struct impair *q)
{
	return q->n > 0 ? q->heap[0].due : -1;
}

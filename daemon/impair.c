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

void
impair_set(struct impair *q, const struct impair_conf *conf)
{
	q->conf = *conf;
	q->random = conf->seed;
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
	impair_set(q, conf);
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

/* When a frame that comes at NOW arrives. */
static int64_t
arrival(struct impair *q, int64_t now, uint32_t len)
{
	const struct impair_conf *c = &q->conf;
	int64_t			 due = now, delay, swing;

	if (c->rate != 0) {
		if (q->free_at > due)
			due = q->free_at;
		due += (int64_t)((double)len * 1e9 / (double)c->rate);
		q->free_at = due;
	}
	if (chance(q, c->reorder))
		return due;	/* past all that is delayed */
	delay = (int64_t)c->delay_us * NS_OF_US;
	if (c->jitter_us != 0) {
		swing = (int64_t)c->jitter_us * NS_OF_US;
		delay += (int64_t)(random_next(q) % (uint64_t)(2 * swing + 1)) -
		    swing;
	}
	if (delay > 0)
		due += delay;
	/* Jitter alone keeps the order. */
	if (due < q->last)
		due = q->last;
	q->last = due;
	return due;
}

static bool
enqueue(struct impair *q, int64_t due, const uint8_t *frame, uint32_t len)
{
	struct impair_frame	f = { .len = len, .due = due,
	    .order = q->order++ };

	if (q->nspare == 0 && !pool_grow(q))
		return false;
	f.data = q->spare[--q->nspare];
	memcpy(f.data, frame, len);
	heap_put(q, &f);
	return true;
}

enum impair_fate
impair_push(struct impair *q, int64_t now, const uint8_t *frame, uint32_t len)
{
	int64_t	due;

	if (q->conf.down)
		return IMPAIR_DOWN;
	if (chance(q, q->conf.loss))
		return IMPAIR_LOST;
	due = arrival(q, now, len);
	if (!enqueue(q, due, frame, len))
		return IMPAIR_FULL;
	if (chance(q, q->conf.duplicate))
		(void)enqueue(q, due, frame, len);
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

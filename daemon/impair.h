/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impairments: what a bad cable does to the frames of one direction. A pure
 * queue: the caller says what time it is, and everything that is random comes
 * from the seed, so that a run can be repeated.
 */
#ifndef FETHD_IMPAIR_H
#define FETHD_IMPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Millionths, for chances. */
#define IMPAIR_ALL	1000000

struct impair_conf {
	uint64_t	delay_us, jitter_us;
	uint32_t	loss, duplicate, reorder;	/* of IMPAIR_ALL */
	uint64_t	rate;		/* bytes/s; 0: any */
	uint64_t	seed;
	bool		down;
};

enum impair_fate { IMPAIR_QUEUED, IMPAIR_LOST, IMPAIR_DOWN, IMPAIR_FULL };

struct impair_frame {
	uint8_t		*data;
	uint32_t	len;
	int64_t		due;		/* ns: when it arrives, */
	int64_t		line;		/* and when it has left the line */
	uint64_t	order;
	bool		early;		/* reorder: passes those delayed */
};

struct impair;

/* True when CONF changes anything. */
bool	impair_any(const struct impair_conf *conf);

/* A queue for frames of up to FRAME_MAX bytes. NULL: no memory. */
struct impair *impair_new(const struct impair_conf *conf, size_t frame_max);
void	impair_free(struct impair *q);
/* Other conditions for the frames to come at NOW or later, and the seed anew. The
 * frames on their way keep their delays; those that wait for the line go on at its
 * new rate. */
void	impair_set(struct impair *q, int64_t now,
	    const struct impair_conf *conf);

/* The frame (copied) comes at NOW ns: what becomes of it. One that finds the
 * queue full rolls the dice all the same, and takes none of the rate. */
enum impair_fate impair_push(struct impair *q, int64_t now,
	    const uint8_t *frame, uint32_t len);
/* Take the next frame that is due at NOW; it must be given back by impair_done,
 * or impair_undo when it could not be sent. False: none. */
bool	impair_pop(struct impair *q, int64_t now, struct impair_frame *f);
void	impair_done(struct impair *q, const struct impair_frame *f);
void	impair_undo(struct impair *q, const struct impair_frame *f);
/* When the next one is due, in ns; -1: the queue is empty. */
int64_t	impair_due(const struct impair *q);

#endif

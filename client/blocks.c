/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See blocks.h. What comes in is not trusted.
 */
#include <errno.h>
#include <string.h>

#include "blocks.h"

#define TYPE_FRAME	6
#define TYPE_STATS	5
#define FRAME_HEAD	28
#define STATS_HEAD	20
#define OPT_FLAGS	2	/* of a frame */
#define OPT_OSDROP	7	/* of the counters */

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The SIZE bytes of the option CODE between P and END to VALUE, if it is
 * there. */
static void
option(const uint8_t *p, const uint8_t *end, uint16_t code, void *value,
    size_t size)
{
	uint16_t head[2];
	size_t padded;

	while (end - p >= 4) {
		memcpy(head, p, sizeof(head));
		p += 4;
		padded = ((size_t)head[1] + 3) & ~(size_t)3;
		if (head[0] == 0 || padded > (size_t)(end - p))
			return;
		if (head[0] == code && head[1] == size) {
			memcpy(value, p, size);
			return;
		}
		p += padded;
	}
}

static int
parse_frame(const uint8_t *buf, struct block *b)
{
	const uint8_t *end = buf + b->size - 4;
	uint32_t flags = 0;

	if (b->size < FRAME_HEAD + 4)
		return -EBADMSG;
	b->ns = (uint64_t)get32(buf + 12) << 32 | get32(buf + 16);
	b->caplen = get32(buf + 20);
	b->len = get32(buf + 24);
	b->frame = buf + FRAME_HEAD;
	if (b->caplen > b->size - FRAME_HEAD - 4)
		return -EBADMSG;
	option(b->frame + (((size_t)b->caplen + 3) & ~(size_t)3), end,
	    OPT_FLAGS, &flags, sizeof(flags));
	b->dir = (flags & 3) <= DIR_OUT ? (enum block_dir)(flags & 3) :
	    DIR_UNKNOWN;
	b->kind = BLOCK_FRAME;
	return 1;
}

static int
parse_stats(const uint8_t *buf, struct block *b)
{
	if (b->size < STATS_HEAD + 4)
		return -EBADMSG;
	option(buf + STATS_HEAD, buf + b->size - 4, OPT_OSDROP, &b->dropped,
	    sizeof(b->dropped));
	b->kind = BLOCK_STATS;
	return 1;
}

int
block_parse(const uint8_t *buf, size_t size, struct block *b)
{
	memset(b, 0, sizeof(*b));
	if (size < 8)
		return 0;
	b->size = get32(buf + 4);
	if (b->size < 12 || b->size % 4 != 0 || b->size > BLOCK_MAX)
		return -EBADMSG;
	if (size < b->size)
		return 0;
	if (get32(buf + b->size - 4) != b->size)
		return -EBADMSG;
	switch (get32(buf)) {
	case TYPE_FRAME:
		return parse_frame(buf, b);
	case TYPE_STATS:
		return parse_stats(buf, b);
	default:
		return 1;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pcapng.h. Called by capture.c, and for the start of a stream by
 * capture_open.c. It must never look into a frame.
 *
 * Every block is: type, length, body, the same length again. Body and options
 * are padded to 4 bytes, so all that is written here is aligned.
 */
#include <string.h>

#include "pcapng.h"

#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE	1
#define BLOCK_STATS	5
#define BLOCK_FRAME	6

#define MAGIC		0x1a2b3c4d	/* tells the byte order */
#define LINKTYPE_ETHERNET 1
#define NANOSECONDS	9		/* 10 to the power of -9 seconds */

#define OPT_END		0
#define SHB_USERAPPL	4
#define IF_NAME		2
#define IF_DESCRIPTION	3
#define IF_MACADDR	6
#define IF_TSRESOL	9
#define EPB_FLAGS	2
#define ISB_STARTTIME	2
#define ISB_ENDTIME	3
#define ISB_IFRECV	4
#define ISB_FILTERACCEPT 6
#define ISB_OSDROP	7
#define ISB_USRDELIV	8

#define PAD(n)		(((n) + 3) & ~(size_t)3)

/* A block being written. */
struct block {
	uint8_t		*buf;
	size_t		len;
};

static void
put(struct block *b, const void *data, size_t size)
{
	memcpy(b->buf + b->len, data, size);
	memset(b->buf + b->len + size, 0, PAD(size) - size);
	b->len += PAD(size);
}

static void
put16x2(struct block *b, uint16_t first, uint16_t second)
{
	put(b, (uint16_t[]){ first, second }, 4);
}

static void
put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

/* A stamp, or a time as an option: the upper half comes first. */
static void
put_time(struct block *b, uint64_t ns)
{
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
}

static void
put_option(struct block *b, uint16_t code, const void *data, size_t size)
{
	put16x2(b, code, (uint16_t)size);
	put(b, data, size);
}

static void
put_text(struct block *b, uint16_t code, const char *text)
{
	if (*text != '\0')
		put_option(b, code, text, strnlen(text, PCAPNG_TEXT));
}

static void
put_count(struct block *b, uint16_t code, uint64_t v)
{
	if (v != UINT64_MAX)
		put_option(b, code, &v, sizeof(v));
}

static struct block
block_begin(void *buf, uint32_t type)
{
	struct block	b = { buf, 0 };

	put32(&b, type);
	put32(&b, 0);		/* block_end knows it */
	return b;
}

static size_t
block_end(struct block *b)
{
	uint32_t	size;

	put16x2(b, OPT_END, 0);
	size = (uint32_t)b->len + 4;
	put32(b, size);
	memcpy(b->buf + 4, &size, sizeof(size));
	return size;
}

size_t
pcapng_start(void *buf, const char *application, const struct pcapng_if *i)
{
	static const uint64_t	unknown = UINT64_MAX;
	static const uint8_t	resolution = NANOSECONDS;
	struct block		b;
	size_t			n;

	b = block_begin(buf, BLOCK_SECTION);
	put32(&b, MAGIC);
	put16x2(&b, 1, 0);	/* version */
	put(&b, &unknown, sizeof(unknown));
	put_text(&b, SHB_USERAPPL, application);
	n = block_end(&b);

	b = block_begin((uint8_t *)buf + n, BLOCK_INTERFACE);
	put16x2(&b, LINKTYPE_ETHERNET, 0);
	put32(&b, i->snaplen);
	put_text(&b, IF_NAME, i->name);
	put_text(&b, IF_DESCRIPTION, i->description);
	put_option(&b, IF_MACADDR, i->mac, sizeof(i->mac));
	put_option(&b, IF_TSRESOL, &resolution, 1);
	return n + block_end(&b);
}

/* Behind the data: the flags, the end of the options, the length. */
#define FRAME_TAIL	(8 + 4 + 4)

size_t
pcapng_frame_size(uint32_t caplen)
{
	return PCAPNG_FRAME_HEAD + PAD((size_t)caplen) + FRAME_TAIL;
}

size_t
pcapng_frame(void *buf, uint64_t ns, enum pcapng_dir dir, uint32_t caplen,
    uint32_t len)
{
	struct block	b;
	uint32_t	flags = (uint32_t)dir;

	b = block_begin(buf, BLOCK_FRAME);
	put32(&b, 0);		/* the only interface */
	put_time(&b, ns);
	put32(&b, caplen);
	put32(&b, len);
	memset(b.buf + b.len + caplen, 0, PAD((size_t)caplen) - caplen);
	b.len += PAD((size_t)caplen);
	put_option(&b, EPB_FLAGS, &flags, sizeof(flags));
	return block_end(&b);
}

size_t
pcapng_stats(void *buf, const struct pcapng_counts *c)
{
	struct block	b;

	b = block_begin(buf, BLOCK_STATS);
	put32(&b, 0);
	put_time(&b, c->end);
	put16x2(&b, ISB_STARTTIME, 8);
	put_time(&b, c->start);
	put16x2(&b, ISB_ENDTIME, 8);
	put_time(&b, c->end);
	put_count(&b, ISB_IFRECV, c->received);
	put_count(&b, ISB_FILTERACCEPT, c->accepted);
	put_count(&b, ISB_OSDROP, c->dropped);
	put_count(&b, ISB_USRDELIV, c->delivered);
	return block_end(&b);
}

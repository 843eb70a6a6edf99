/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the relay reads and writes what a side can be: streams with a length before
 * each frame, and what all have in common. The interface of a host link differs
 * by system: relay_device.c, relay_bpf.c.
 * Messages of a socket come in batches, by calls that differ by system: see
 * relay_linux.c. Called by relay_path.c only, in the link's thread.
 *
 * A stream is read so that it stays in step even if the daemon dies: bytes are
 * looked at first (MSG_PEEK) and taken in whole frames, and written by calls
 * that take whole frames or nothing, as the kernel makes one buffer of up to
 * STREAM_CHUNK bytes. Only a frame that its sender wrote in parts, or a longer
 * one, is half here for a while.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay_int.h"
#include "wire.h"

#define STREAM_HEADER	4
#define STREAM_PEEK	(64 * 1024)
#define STREAM_CHUNK	(32 * 1024)

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL	0
#endif
#ifndef POLLRDHUP
#define POLLRDHUP	POLLHUP
#endif

void
io_sent(struct rside *s, unsigned int frames, uint64_t bytes)
{
	count(&s->count.rx_frames, frames);
	count(&s->count.rx_bytes, bytes);
}

void
io_refused(struct rside *s)
{
	count(&s->count.drops[RELAY_REFUSED], 1);
}

void
io_see_end(struct rside *s)
{
	struct pollfd	p = { .fd = s->port.fd, .events = POLLRDHUP };

	if (poll(&p, 1, 0) != 1 ||
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0)
		return;
	/* Asked for reading, macOS takes the end of one direction for both. */
	p.events = POLLOUT;
	(void)poll(&p, 1, 0);
	s->end = (p.revents & (POLLHUP | POLLERR)) != 0 ? RELAY_HOLDER :
	    RELAY_SHUT;
}

void
io_forget(struct rside *s)
{
	free(s->part);
	free(s->tail);
	s->part = s->tail = NULL;
	s->part_len = s->tail_at = s->tail_len = 0;
	s->full = 0;
	s->rights = 0;
	s->gone = false;
	io_device_forget(s);
}

/* Streams. */

static uint32_t
stream_length(const uint8_t *h)
{
	return (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 |
	    (uint32_t)h[2] << 8 | h[3];
}

static void
stream_header(uint8_t *h, uint32_t len)
{
	h[0] = (uint8_t)(len >> 24);
	h[1] = (uint8_t)(len >> 16);
	h[2] = (uint8_t)(len >> 8);
	h[3] = (uint8_t)len;
}

/* Nothing after a length that cannot be is worth reading. */
static bool
stream_bad(struct rside *s, uint32_t len)
{
	if (len > 0 && len <= s->link->frame_max)
		return false;
	s->end = RELAY_FRAMING;
	s->end_detail = len;
	return true;
}

/* One frame more for the batch. */
static void
stream_frame(struct rframe *f, uint8_t *data, uint32_t len)
{
	f->data = data;
	f->len = len;
	f->bad = RELAY_OK;
}

/* A read returned N, 0 or less. Of a stream, a reset is the end as well: its
 * holder closed it, and had not read all. */
static int
stream_none(struct rside *s, ssize_t n)
{
	if (n < 0 && errno != ECONNRESET)
		return -errno;
	io_see_end(s);
	return 0;
}

/* N frames were read. Which of them the descriptors came with, a stream does not
 * tell: none of them passes. */
static int
stream_got(struct rside *s, struct rbatch *b, unsigned int n)
{
	unsigned int	i;

	for (i = 0; i < n && s->rights != 0; i++)
		b->f[i].bad = RELAY_RIGHTS;
	s->rights = 0;
	return (int)n;
}

/* The first frame is not whole: collect it. */
static int
stream_part(struct rside *s, struct rbatch *b)
{
	uint32_t	need = STREAM_HEADER;
	ssize_t		n;

	if (s->part == NULL && (s->part = malloc(STREAM_HEADER +
	    s->link->frame_max)) == NULL)
		return -ENOMEM;
	for (;;) {
		if (s->part_len >= STREAM_HEADER) {
			if (stream_bad(s, stream_length(s->part)))
				return 0;
			need = STREAM_HEADER + stream_length(s->part);
			if (s->part_len == need)
				break;
		}
		n = wire_recv_bytes(s->port.fd, s->part + s->part_len,
		    need - s->part_len, &s->rights);
		if (n <= 0)
			return stream_none(s, n);
		s->part_len += (uint32_t)n;
	}
	memcpy(b->buf, s->part + STREAM_HEADER, need - STREAM_HEADER);
	stream_frame(&b->f[0], b->buf, need - STREAM_HEADER);
	free(s->part);
	s->part = NULL;
	s->part_len = 0;
	return stream_got(s, b, 1);
}

static int
stream_read(struct rside *s, struct rbatch *b, unsigned int max)
{
	size_t		at = 0, size = STREAM_HEADER + s->link->frame_max;
	unsigned int	i = 0;
	uint32_t	len;
	ssize_t		n;

	if (s->part != NULL)
		return stream_part(s, b);
	n = recv(s->port.fd, b->buf, size > STREAM_PEEK ? size : STREAM_PEEK,
	    MSG_PEEK);
	if (n <= 0)
		return stream_none(s, n);
	while (i < max && (size_t)n - at >= STREAM_HEADER) {
		len = stream_length(b->buf + at);
		if (stream_bad(s, len) || (size_t)n - at - STREAM_HEADER < len)
			break;
		stream_frame(&b->f[i++], b->buf + at + STREAM_HEADER, len);
		at += STREAM_HEADER + len;
	}
	if (i == 0)
		return s->end != RELAY_OPEN ? 0 : stream_part(s, b);
	/* The same bytes again, now for good. */
	if (wire_recv_bytes(s->port.fd, b->buf, at, &s->rights) != (ssize_t)at)
		return -EIO;
	return stream_got(s, b, i);
}

/* The rest of a frame that is half sent. 0 when all is out. */
static int
stream_tail(struct rside *s)
{
	ssize_t	n;

	while (s->tail != NULL) {
		n = send(s->port.fd, s->tail + s->tail_at, s->tail_len -
		    s->tail_at, MSG_NOSIGNAL);
		if (n < 0 && errno != EPIPE && errno != ECONNRESET)
			return -errno;
		s->tail_at += n < 0 ? s->tail_len : (uint32_t)n;
		if (s->tail_at < s->tail_len)
			continue;
		free(s->tail);
		s->tail = NULL;
	}
	return 0;
}

struct chunk {
	uint8_t		head[BOUND_BATCH][STREAM_HEADER];
	struct iovec	iov[2 * BOUND_BATCH];
	unsigned int	n;
	size_t		size;
};

/* As many frames of F as one call writes as a whole. */
static void
chunk_fill(struct chunk *c, const struct rframe *f, unsigned int n)
{
	c->size = 0;
	for (c->n = 0; c->n < n && c->n < BOUND_BATCH; c->n++) {
		size_t		 more = STREAM_HEADER + f[c->n].len;
		struct iovec	*v = &c->iov[2 * c->n];

		if (c->n > 0 && c->size + more > STREAM_CHUNK)
			break;
		stream_header(c->head[c->n], f[c->n].len);
		v[0].iov_base = c->head[c->n];
		v[0].iov_len = STREAM_HEADER;
		v[1].iov_base = f[c->n].data;
		v[1].iov_len = f[c->n].len;
		c->size += more;
	}
}

/* DONE bytes of the chunk are out: how many frames that is; the rest of one
 * that is half out becomes the tail. */
static int
chunk_sent(struct rside *s, const struct chunk *c, size_t done)
{
	unsigned int	i;
	size_t		one, rest;

	for (i = 0; i < c->n && done > 0; i++) {
		one = STREAM_HEADER + c->iov[2 * i + 1].iov_len;
		if (done >= one) {
			done -= one;
			continue;
		}
		rest = one - done;
		if ((s->tail = malloc(one)) == NULL)
			return -ENOMEM;
		memcpy(s->tail, c->head[i], STREAM_HEADER);
		memcpy(s->tail + STREAM_HEADER, c->iov[2 * i + 1].iov_base,
		    one - STREAM_HEADER);
		s->tail_at = (uint32_t)(one - rest);
		s->tail_len = (uint32_t)one;
		done = 0;
	}
	return (int)i;
}

static void
chunk_count(struct rside *s, const struct chunk *c, unsigned int n)
{
	uint64_t	bytes = 0;
	unsigned int	i;

	for (i = 0; i < n; i++)
		bytes += c->iov[2 * i + 1].iov_len;
	io_sent(s, n, bytes);
}

static int
stream_write(struct rside *s, struct rbatch *b, const struct rframe *f,
    unsigned int n)
{
	struct msghdr	mh = { 0 };
	struct chunk	c;
	unsigned int	done = 0, i;
	ssize_t		r;
	int		taken;

	(void)b;
	if ((taken = stream_tail(s)) != 0)
		return taken == -EAGAIN ? 0 : taken;
	while (done < n && s->tail == NULL) {
		chunk_fill(&c, f + done, n - done);
		mh.msg_iov = c.iov;
		mh.msg_iovlen = 2 * c.n;
		r = sendmsg(s->port.fd, &mh, MSG_NOSIGNAL);
		if (r < 0 && errno == EAGAIN)
			break;
		if (r < 0 && (errno == EPIPE || errno == ECONNRESET)) {
			/* Its end is for the reader to see. */
			for (i = 0; i < c.n; i++)
				io_refused(s);
			done += c.n;
			continue;
		}
		taken = r < 0 ? -errno : chunk_sent(s, &c, (size_t)r);
		if (taken < 0)
			return done > 0 ? (int)done : taken;
		chunk_count(s, &c, (unsigned int)taken);
		done += (unsigned int)taken;
	}
	return (int)done;
}

static const struct relay_ops	stream_ops = { .read = stream_read,
    .write = stream_write };

const struct relay_ops *const relay_ops[RELAY_IOS] = {
	[RELAY_DEVICE] = &io_device_ops, [RELAY_MESSAGE] = &io_message_ops,
	[RELAY_STREAM] = &stream_ops,
};

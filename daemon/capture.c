/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See capture.h. It must never wait, and never look at a frame but by the
 * filter.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "clock.h"
#include "wire.h"


/* Room for the longest frame while half as much waits, and for the counters in
 * any case. */
#define BUFFER		(2 * BOUND_SNAPLEN_MAX)
#define FRAME_ROOM	(PCAPNG_FRAME_HEAD + CAPTURE_ROOM + 32 + \
	PCAPNG_STATS_MAX)

int
capture_start(struct capture *c, int out, uint64_t ns,
    const struct capture_conf *conf)
{
	size_t	size = conf->ninsns * sizeof(*conf->prog);

	memset(c, 0, sizeof(*c));
	c->out = out;
	c->snaplen = conf->snaplen;
	c->invert = conf->invert;
	c->counts.start = c->counts.end = ns;
	c->counts.received = UINT64_MAX;
	c->buf = malloc(BUFFER);
	if (size > 0 && (c->prog = malloc(size)) != NULL)
		memcpy(c->prog, conf->prog, size);
	if (c->buf != NULL && (c->prog != NULL || size == 0))
		return 0;
	capture_clear(c);
	return -ENOMEM;
}

void
capture_clear(struct capture *c)
{
	wire_close(&c->out);
	free(c->prog);
	free(c->buf);
	c->prog = NULL;
	c->buf = NULL;
}

/* SIZE bytes at the end of what waits, or NULL. */
static uint8_t *
room(struct capture *c, size_t size)
{
	if (BUFFER - c->end < size && c->start > 0) {
		memmove(c->buf, c->buf + c->start, c->end - c->start);
		c->end -= c->start;
		c->start = 0;
	}
	return BUFFER - c->end >= size ? c->buf + c->end : NULL;
}

uint8_t *
capture_room(struct capture *c)
{
	uint8_t	*p = c->ending ? NULL : room(c, FRAME_ROOM);

	return p != NULL ? p + PCAPNG_FRAME_HEAD : NULL;
}

uint32_t
capture_filter(const struct capture *c, const uint8_t *frame, size_t len)
{
	return c->prog != NULL ? cbpf_run(c->prog, frame, len) : UINT32_MAX;
}

void
capture_commit(struct capture *c, uint64_t ns, enum pcapng_dir dir,
    uint32_t caplen, uint32_t len)
{
	static const enum pcapng_dir	other[] = {
		[PCAPNG_UNKNOWN] = PCAPNG_UNKNOWN, [PCAPNG_IN] = PCAPNG_OUT,
		[PCAPNG_OUT] = PCAPNG_IN,
	};

	if (caplen > c->snaplen)
		caplen = c->snaplen;
	c->end += pcapng_frame(c->buf + c->end, ns, c->invert ? other[dir] :
	    dir, caplen, len);
	c->counts.delivered++;
	c->counts.accepted++;
}

/* True when there was room for them. */
static bool
tell(struct capture *c, uint64_t ns)
{
	uint8_t	*p;

	if ((p = room(c, PCAPNG_STATS_MAX)) == NULL)
		return false;
	c->counts.end = ns;
	c->told = c->counts.dropped;
	c->end += pcapng_stats(p, &c->counts);
	return true;
}

void
capture_tick(struct capture *c, uint64_t ns)
{
	if (!c->ending && c->counts.dropped != c->told &&
	    ns >= c->counts.end + CLOCK_SECOND)
		(void)tell(c, ns);
}

void
capture_end(struct capture *c, uint64_t ns)
{
	if (c->ending)
		return;
	c->ending = true;
	c->counts.end = ns;
	c->ended = tell(c, ns);
}

int
capture_flush(struct capture *c)
{
	ssize_t	n;
	int	error;

	for (;;) {
		if (c->ending && !c->ended)
			c->ended = tell(c, c->counts.end);
		if (c->start == c->end)
			break;
		n = write(c->out, c->buf + c->start, c->end - c->start);
		if (n < 0) {
			error = errno;
			if (error == EINTR)
				continue;
			return error == EWOULDBLOCK ? -EAGAIN : -error;
		}
		c->start += (size_t)n;
	}
	c->start = c->end = 0;
	return 0;
}

bool
capture_done(const struct capture *c)
{
	return c->ended && c->start == c->end;
}

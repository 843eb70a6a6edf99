/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame's way from one side of a link to the other: read a batch, check each
 * frame, impair, write, and what to do when there is no room. Called by the
 * event loop of the link's thread, and by relay.c there. Nothing here logs, and
 * nothing is allocated per frame where frames just pass.
 *
 *	on_read	-> checks -> forward -> deliver -> (no room) stash
 *			       |  ^
 *			    impair queue, timer
 *
 * There is one rule for want of room: as long as anything from a side waits
 * (blocked), that side is not read. So a reader that does not read stops its
 * own writer, by the socket's limit, and nobody else.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "haste.h"
#include "plat.h"
#include "relay_int.h"
#include "wire.h"

/* Of a port that leaves: more than its queue holds, where it can fill that
 * up for as long as it is read. */
#define LEAVE_TURNS	256
/* Frames that come one by one, until there is a look for two. */
#define SINGLE_MAX	31

static void	flush(struct rside *s);

/* Does anything that S sent wait for room on the other side? */
static bool
blocked(struct rside *s)
{
	return s->stash != NULL || other(s)->tail != NULL ||
	    (s->impaired != NULL && s->impaired->blocked);
}

static void
pause_reading(struct rside *s)
{
	if (s->reading)
		event_del(&s->ev_read);
	s->reading = false;
}

static void
side_stop(struct rside *s)
{
	if (s->port.fd == -1)
		return;
	pause_reading(s);
	event_del(&s->ev_write);
	/* There may be duplicates; its holder must see the end all the same,
	 * unless who has them goes on where we stopped. */
	if (s->port.client &&
	    (!relay_kept(s) || s->part != NULL || s->tail != NULL))
		(void)shutdown(s->port.fd, SHUT_RDWR);
	haste_close(&s->port.fd);
	io_forget(s);
	pause_reading(other(s));
}

/* S is at its end; but first what it has sent, all of the last frame, too. */
static void
side_end(struct rside *s)
{
	enum relay_closed	why = s->end;

	pause_reading(s);
	if ((s->stash != NULL || other(s)->tail != NULL) &&
	    other(s)->port.fd != -1)
		return;
	s->end = RELAY_OPEN;
	side_stop(s);
	relay_notify(s, why, s->end_detail);
	/* It has waited for us. */
	if (other(s)->end != RELAY_OPEN)
		side_end(other(s));
}

/* A system call on S failed for good. The first reason counts. */
static void
side_fail(struct rside *s, int error)
{
	if (s->end != RELAY_OPEN) {
		side_end(s);
		return;
	}
	switch (error) {
	case -ECONNREFUSED:	/* a datagram socket was closed, */
		s->end = RELAY_HOLDER;
		break;
	case -ECONNRESET:	/* or connected to somebody else */
	case -ENOTCONN:
	case -EPERM:
		s->end = RELAY_SHUT;
		break;
	default:
		s->end = RELAY_ERROR;
		break;
	}
	s->end_detail = (uint32_t)-error;
	side_end(s);
}

static void
resume(struct rside *s)
{
	if (s->port.fd == -1 || other(s)->port.fd == -1 || s->reading ||
	    s->end != RELAY_OPEN || blocked(s))
		return;
	if (event_add(&s->ev_read, s->ops->idle) != 0) {
		side_fail(s, -ENOMEM);
		return;
	}
	s->reading = true;
	if (io_device_pending(s))
		event_active(&s->ev_read, EV_READ, 0);
}

/* No room on the other side: wait for it. */
static void
stall(struct rside *s)
{
	struct rside	*d = other(s);

	pause_reading(s);
	if (d->port.fd != -1 && event_add(&d->ev_write, d->ops->room) != 0)
		side_fail(d, -ENOMEM);
}

/* Keep F[0 .. N) until there is room, behind what waits already. That is never
 * more than a turn, but when a port leaves with its socket full. */
static void
stash_keep(struct rside *s, const struct rframe *f, unsigned int n)
{
	struct stash	*k, **end;
	size_t		 size = 0, all;
	unsigned int	 i;
	uint8_t		*at;

	for (i = 0; i < n; i++)
		size += f[i].len;
	all = size;
	for (end = &s->stash; *end != NULL; end = &(*end)->more)
		all += (*end)->size;
	if ((all > BOUND_RELAY_QUEUE && s->stash != NULL) ||
	    (k = malloc(sizeof(*k) + size)) == NULL) {
		count(&other(s)->count.drops[RELAY_NOROOM], n);
		return;
	}
	k->more = NULL;
	k->size = size;
	k->n = n;
	k->next = 0;
	at = k->data;
	for (i = 0; i < n; i++) {
		k->f[i].data = at;
		k->f[i].len = f[i].len;
		memcpy(at, f[i].data, f[i].len);
		at += f[i].len;
	}
	*end = k;
}

static void
stash_free(struct rside *s)
{
	struct stash	*k;

	while ((k = s->stash) != NULL) {
		s->stash = k->more;
		free(k);
	}
}

static void
tap_frames(const struct rside *s, bool out, const struct rframe *f,
    unsigned int n)
{
	struct relay_tap	*tap = s->link->tap;
	unsigned int		 i;

	if (tap == NULL)
		return;
	for (i = 0; i < n; i++)
		tap->frame(tap, s->index, out, f[i].data, f[i].len);
}

/* D takes nothing more, and waits only until what it sent is out: if F waited,
 * too, the one who sent it might never come to read. */
static unsigned int
refuse(struct rside *d, unsigned int n)
{
	unsigned int	i;

	free(d->tail);
	d->tail = NULL;
	for (i = 0; i < n; i++)
		io_refused(d);
	return n;
}

/* Write frames of S to the other side: how many it took. */
static unsigned int
deliver(struct rside *s, const struct rframe *f, unsigned int n)
{
	struct rside	*d = other(s);
	int		 taken;

	if (d->port.fd == -1)
		return 0;
	taken = d->ops->write(d, relay_batch(s), f, n);
	if (taken < 0 && d->end != RELAY_OPEN)
		return refuse(d, n);
	if (taken < 0) {
		side_fail(d, taken);
		return 0;
	}
	tap_frames(d, true, f, (unsigned int)taken);
	return (unsigned int)taken;
}

/* Impairment. */

static void
impaired_stop(struct rside *s)
{
	struct rimpaired	*im = s->impaired;

	if (im == NULL)
		return;
	s->impaired = NULL;
	event_del(&im->ev);
	rimpaired_free(im);
}

/* Send what is due, a turn's worth; then set the timer for the rest. */
static void
drain(struct rside *s)
{
	struct rimpaired	*im = s->impaired;
	struct impair_frame	 g[BOUND_BATCH];
	struct rframe		 f[BOUND_BATCH];
	int64_t			 now = clock_ns(CLOCK_MONOTONIC);
	unsigned int		 n = 0, i, taken;

	if (blocked(s) || other(s)->port.fd == -1)
		return;
	while (n < s->link->batch && impair_pop(im->q, now, &g[n])) {
		f[n].data = g[n].data;
		f[n].len = g[n].len;
		n++;
	}
	taken = n > 0 ? deliver(s, f, n) : 0;
	for (i = 0; i < n; i++)
		if (i < taken)
			impair_done(im->q, &g[i]);
		else
			impair_undo(im->q, &g[i]);
	if (taken < n || other(s)->tail != NULL) {
		im->blocked = taken < n;
		stall(s);
	} else if (impair_due(im->q) >= 0) {
		plat_timer_set(im->timer, impair_due(im->q));
	} else if (im->over) {
		impaired_stop(s);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct rside	*s = arg;

	(void)what;
	plat_timer_read((int)fd);
	drain(s);
}

static void
impair_frames(struct rside *s, const struct rframe *f, unsigned int n)
{
	static const int	drop[] = { [IMPAIR_LOST] = RELAY_LOSS,
	    [IMPAIR_DOWN] = RELAY_DOWN, [IMPAIR_FULL] = RELAY_QUEUE };
	int64_t			now = clock_ns(CLOCK_MONOTONIC);
	enum impair_fate	fate;
	unsigned int		i;

	for (i = 0; i < n; i++) {
		fate = impair_push(s->impaired->q, now, f[i].data, f[i].len);
		if (fate != IMPAIR_QUEUED)
			count(&s->count.drops[drop[fate]], 1);
	}
	drain(s);
}

void
path_impair(struct rside *s, struct event_base *base,
    const struct impair_conf *conf, struct rimpaired *im)
{
	struct rimpaired	*old = s->impaired;

	if (old != NULL) {
		/* What is on its way stays so. */
		impair_set(old->q, clock_ns(CLOCK_MONOTONIC), conf);
		old->over = im == NULL;
		rimpaired_free(im);
		if (!old->blocked)
			drain(s);
	} else if (im != NULL) {
		if (event_assign(&im->ev, base, im->timer, EV_READ |
		    EV_PERSIST, on_timer, s) == 0 &&
		    event_add(&im->ev, NULL) == 0)
			s->impaired = im;
		else
			rimpaired_free(im);
	}
}

/* Checks. */

static bool
over_mtu(const struct relay_link *l, const struct rframe *f)
{
	uint16_t	type = (uint16_t)(f->data[12] << 8 | f->data[13]);
	bool		tagged = type == 0x8100 || type == 0x88a8;

	return f->len > l->mtu + RELAY_HEADER + (tagged ? 4 : 0);
}

static bool
over_rate(struct rside *s, int64_t now, uint32_t len)
{
	double	full = (double)s->port.burst;

	s->tokens += (double)(now - s->filled) * 1e-9 * (double)s->port.rate;
	s->filled = now;
	if (s->tokens > full)
		s->tokens = full;
	if (s->tokens < len)
		return true;
	s->tokens -= len;
	return false;
}

/* Why the frame may not pass, or RELAY_OK. */
static int
check(struct rside *s, const struct rframe *f, int64_t now)
{
	const struct relay_port	*p = &s->port;

	if (f->bad != RELAY_OK)
		return f->bad;
	if (f->len < RELAY_HEADER)
		return RELAY_SHORT;
	if (f->len > s->link->frame_max ||
	    (p->mtu_check && over_mtu(s->link, f)))
		return RELAY_LONG;
	if (p->mac_lock && memcmp(f->data + 6, p->mac, sizeof(p->mac)) != 0)
		return RELAY_MAC;
	if (p->rate != 0 && over_rate(s, now, f->len))
		return RELAY_RATE;
	return RELAY_OK;
}

/* Leave in F what may pass: how many. */
static unsigned int
checks(struct rside *s, struct rframe *f, unsigned int n)
{
	int64_t		now = s->port.rate != 0 ? clock_ns(CLOCK_MONOTONIC) : 0;
	uint64_t	bytes = 0;
	unsigned int	i, kept = 0;
	int		bad;

	for (i = 0; i < n; i++) {
		if ((bad = check(s, &f[i], now)) != RELAY_OK) {
			count(&s->count.drops[bad], 1);
			continue;
		}
		bytes += f[i].len;
		if (kept != i)
			f[kept] = f[i];
		kept++;
	}
	count(&s->count.tx_frames, kept);
	count(&s->count.tx_bytes, bytes);
	return kept;
}

/* The way. */

static void
forward(struct rside *s, const struct rframe *f, unsigned int n)
{
	unsigned int	taken;

	tap_frames(s, false, f, n);
	if (s->impaired != NULL) {
		impair_frames(s, f, n);
		return;
	}
	taken = blocked(s) ? 0 : deliver(s, f, n);
	if (taken < n)
		stash_keep(s, f + taken, n - taken);
	if (blocked(s))
		stall(s);
}

/* N frames came. Ask for more while it is busy; else one read is enough, and
 * whether there is another frame is the event loop's question anyhow. To ask for
 * two and get one costs as much as a call: frames that come one by one are asked
 * so less and less often. */
static void
want_next(struct rside *s, unsigned int n)
{
	if (n > 1)
		s->single = 0;
	if (n < s->want) {
		if (n <= 1 && s->single < SINGLE_MAX)
			s->single = 2 * s->single + 1;
		s->singles = s->single;
		s->want = n > 0 ? n : 1;
	} else if (s->singles > 0) {
		s->singles--;
	} else if (s->want < s->link->batch) {
		s->want = 2 * s->want < s->link->batch ? 2 * s->want :
		    s->link->batch;
	}
}

/* In haste: what came with the frames is dropped or closed there. */
static int
side_read(struct rside *s, struct rbatch *b, unsigned int max)
{
	int	n;

	haste_begin();
	n = s->ops->read(s, b, max);
	haste_end();
	return n;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct rside	*s = arg;
	struct rbatch	*b = relay_batch(s);
	unsigned int	 kept;
	int		 n;

	(void)fd;
	(void)what;
	n = side_read(s, b, s->want);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0) {
		side_fail(s, n);
		return;
	}
	want_next(s, (unsigned int)n);
	if ((kept = checks(s, b->f, (unsigned int)n)) > 0)
		forward(s, b->f, kept);
	if (s->end != RELAY_OPEN)
		side_end(s);
	else if (s->reading && io_device_pending(s))
		event_active(&s->ev_read, EV_READ, 0);
}

/* There may be room for what S sent. */
static void
flush(struct rside *s)
{
	struct rside	*d = other(s);
	struct stash	*k;

	if (d->port.fd == -1)
		return;
	if (d->tail != NULL && deliver(s, NULL, 0) == 0 && d->port.fd == -1)
		return;
	if ((k = s->stash) != NULL && d->tail == NULL) {
		k->next += deliver(s, k->f + k->next, k->n - k->next);
		if (k->next == k->n) {
			s->stash = k->more;
			free(k);
		}
	}
	if (s->impaired != NULL && s->stash == NULL && d->tail == NULL) {
		s->impaired->blocked = false;
		drain(s);
	}
	if (blocked(s))
		stall(s);
	else if (s->end != RELAY_OPEN)
		side_end(s);
	else
		resume(s);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(other((struct rside *)arg));
}

/* S gets another descriptor, or none. What its holder has sent is on its way; he
 * can send no more. */
static void
side_leave(struct rside *s)
{
	struct rbatch	*b = relay_batch(s);
	unsigned int	 kept, turns;
	int		 n;

	if (s->port.fd == -1)
		return;
	if (s->port.client)
		io_leave(s);
	for (turns = 0; s->port.client && s->end == RELAY_OPEN &&
	    turns < LEAVE_TURNS &&
	    (n = side_read(s, b, s->link->batch)) > 0; turns++)
		if ((kept = checks(s, b->f, (unsigned int)n)) > 0)
			forward(s, b->f, kept);
	side_stop(s);
}

void
path_open(struct rside *s, struct event_base *base,
    const struct relay_port *port, struct rmsg *note)
{
	side_leave(s);
	free(s->note);
	s->note = note;
	s->port = *port;
	s->ops = relay_ops[port->io];
	s->want = 1;
	s->single = s->singles = 0;
	s->end = RELAY_OPEN;
	/* The bucket is the end's: who comes finds what the last one left. */
	if (s->filled == 0) {
		s->tokens = (double)port->burst;
		s->filled = clock_ns(CLOCK_MONOTONIC);
	}
	if (port->fd == -1) {
		if (other(s)->end != RELAY_OPEN)
			side_end(other(s));
		return;
	}
	if (event_assign(&s->ev_read, base, port->fd, EV_READ | EV_PERSIST,
	    on_read, s) != 0 || event_assign(&s->ev_write, base, port->fd,
	    s->ops->room == NULL ? EV_WRITE : 0, on_write, s) != 0) {
		side_fail(s, -EINVAL);
		return;
	}
	resume(s);
	/* What waited for somebody to come. */
	flush(other(s));
}

void
path_free(struct rside *s)
{
	side_stop(s);
	impaired_stop(s);
	stash_free(s);
}

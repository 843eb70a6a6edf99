/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one teardown. Called by request.c (Close), conn.c (a client went),
 * warden_call.c (the kernel's part is over, or something vanished) and the grace
 * timer. It never waits: what is slow runs in the warden.
 *
 * A link ends in two steps. It is doomed: its state, name and ties are what
 * everybody sees from then on. And it is let go: the audit line, our
 * descriptors, the warden's part. Of the thousands that a connection may have,
 * all are doomed at once, as what asks for one of their names next is right to
 * have it; they are let go in slices, between which the event loop serves
 * others, and never more than the warden has a use for.
 */
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "conn.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "reap.h"
#include "relayed.h"
#include "request.h"
#include "vlink.h"
#include "warden_call.h"
#include "wire.h"

/* Links a turn of the event loop: half a millisecond, or a few when each line
 * of the log takes its time. */
#define SLICE	64

/* Doomed links that wait to be let go. */
struct reap {
	struct vlink	*first, **tail;
	struct event	*turn;
};

/* The first step. */
static void
doom(struct vlink *l, const char *why)
{
	struct request	*req = l->req;
	int		 i;

	l->doom = why;
	/* Before the ties are cut: a waiting Open must not find it any more. */
	vlink_move(l, LINK_CLOSING);
	tie_unbind(&l->lease);
	for (i = 0; i < 2; i++)
		tie_unbind(&l->port[i].holder);
	l->req = NULL;
	if (req != NULL)
		request_open_failed(req, WM_OP_NONE, ECANCELED);
}

void
reap_dequeue(struct vlink *l)
{
	if (l->reap_prev == NULL)
		return;
	*l->reap_prev = l->reap_next;
	if (l->reap_next != NULL)
		l->reap_next->reap_prev = l->reap_prev;
	else
		l->d->reap->tail = l->reap_prev;
	l->reap_next = NULL;
	l->reap_prev = NULL;
}

/* The second step, but for the warden's part. Once. */
static void
let_go(struct vlink *l)
{
	int	i;

	if (l->doom == NULL)
		return;
	log_info("link @%llu %s of uid %u ends: %s",
	    (unsigned long long)l->rec.id, l->rec.spec.name, l->rec.uid,
	    l->doom);
	l->doom = NULL;
	reap_dequeue(l);
	relayed_stop(l);
	for (i = 0; i < 2; i++)
		haste_close(&l->port[i].fd);
	wire_close(&l->netns);
}

static void
forget(struct vlink *l)
{
	vlink_move(l, LINK_GONE);
	vlink_free(l);
}

static void
finish(struct vlink *l)
{
	let_go(l);
	if (l->told_warden && l->d->warden != NULL)
		wcall_destroy(l);
	else
		forget(l);
}

void
reap_link(struct vlink *l, const char *why)
{
	if (l->state == LINK_CLOSING)
		return;
	doom(l, why);
	finish(l);
}

void
reap_gone(struct vlink *l)
{
	if (l->state != LINK_CLOSING)
		doom(l, "its interface is gone");
	let_go(l);
	forget(l);
}

/* Slices. */

/* When the daemon stops, there is no next turn. */
static bool
slice_over(const struct fethd *d, unsigned int n)
{
	return d->reap->first == NULL || !wcall_wants(d) ||
	    (n >= SLICE && !d->stopping);
}

static void
slice(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	next_turn;
	struct fethd	*d = arg;
	unsigned int	 n;

	(void)fd;
	(void)what;
	for (n = 0; !slice_over(d, n); n++)
		finish(d->reap->first);
	if (d->reap->first != NULL && wcall_wants(d))
		event_add(d->reap->turn, &next_turn);
}

void
reap_go_on(struct fethd *d)
{
	if (d->reap != NULL && d->reap->first != NULL &&
	    (d->stopping ||
	    !event_pending(d->reap->turn, EV_TIMEOUT, NULL)))
		slice(-1, 0, d);
}

static bool
slices_ready(struct fethd *d)
{
	struct reap	*r;

	if (d->reap != NULL)
		return true;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return false;
	r->tail = &r->first;
	if ((r->turn = evtimer_new(d->base, slice, d)) == NULL) {
		free(r);
		return false;
	}
	d->reap = r;
	return true;
}

/* Doom L; reap_go_on is to follow. */
static void
reap_later(struct vlink *l, const char *why)
{
	struct reap	*r;

	if (!slices_ready(l->d)) {
		reap_link(l, why);
		return;
	}
	if (l->state == LINK_CLOSING)
		return;
	doom(l, why);
	r = l->d->reap;
	l->reap_prev = r->tail;
	*r->tail = l;
	r->tail = &l->reap_next;
}

void
vlink_conn_gone(struct conn *c)
{
	struct tie	*t;

	while ((t = c->ties) != NULL) {
		if (t->end == TIE_LEASE)
			reap_later(t->link, "its owner's connection closed");
		else
			vlink_port_release(t->link, t->end);
	}
	reap_go_on(c->d);
}

/* Orphans. */

static void
timer_stop(struct fethd *d)
{
	if (d->reap_timer != NULL)
		event_free(d->reap_timer);
	d->reap_timer = NULL;
}

static void
reap_tick(evutil_socket_t fd, short what, void *arg)
{
	struct fethd	*d = arg;
	struct vlink	*l;
	int64_t		 now = clock_secs();
	uint32_t	 i = 0;
	unsigned int	 orphans = 0;

	(void)fd;
	(void)what;
	while ((l = vlink_next(d, &i)) != NULL) {
		if (l->state != LINK_ORPHAN)
			continue;
		if (now >= l->deadline)
			reap_later(l, "nobody resumed it within the grace time");
		else
			orphans++;
	}
	reap_go_on(d);
	/* An idle daemon does not wake up. */
	if (orphans == 0)
		timer_stop(d);
}

int
reap_start(struct fethd *d)
{
	struct timeval	tv = { .tv_sec = 1 };

	d->reap_timer = event_new(d->base, -1, EV_PERSIST, reap_tick, d);
	if (d->reap_timer == NULL || event_add(d->reap_timer, &tv) != 0)
		return -ENOMEM;
	return 0;
}

void
reap_stop(struct fethd *d)
{
	timer_stop(d);
	if (d->reap == NULL)
		return;
	event_free(d->reap->turn);
	free(d->reap);
	d->reap = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one teardown. Called by request.c (Close), conn.c (a client went),
 * warden_call.c (the kernel's part is over, or something vanished) and the grace
 * timer. It never waits: what is slow runs in the warden.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "conn.h"
#include "fethd.h"
#include "log.h"
#include "reap.h"
#include "relayed.h"
#include "request.h"
#include "vlink.h"
#include "warden_call.h"
#include "wire.h"

/* Nobody holds L any more, and we have none of its descriptors. */
static void
let_go(struct vlink *l)
{
	struct request	*req = l->req;
	int		 i;

	tie_unbind(&l->lease);
	relayed_stop(l);
	for (i = 0; i < 2; i++) {
		tie_unbind(&l->port[i].holder);
		wire_close(&l->port[i].fd);
	}
	wire_close(&l->netns);
	l->req = NULL;
	if (req != NULL)
		request_open_failed(req, WM_OP_NONE, ECANCELED);
}

static void
forget(struct vlink *l)
{
	vlink_move(l, LINK_GONE);
	vlink_free(l);
}

void
reap_link(struct vlink *l, const char *why)
{
	struct fethd	*d = l->d;

	if (l->state == LINK_CLOSING)
		return;
	log_info("link @%llu %s of uid %u ends: %s",
	    (unsigned long long)l->rec.id, l->rec.spec.name, l->rec.uid, why);
	/* Before the ties are cut: a waiting Open must not find it any more. */
	vlink_move(l, LINK_CLOSING);
	let_go(l);
	if (l->told_warden && d->warden != NULL)
		wcall_destroy(l);
	else
		forget(l);
}

void
reap_gone(struct vlink *l)
{
	if (l->state != LINK_CLOSING) {
		log_info("link @%llu %s of uid %u ends: its interface is gone",
		    (unsigned long long)l->rec.id, l->rec.spec.name,
		    l->rec.uid);
		vlink_move(l, LINK_CLOSING);
		let_go(l);
	}
	forget(l);
}

void
vlink_conn_gone(struct conn *c)
{
	struct tie	*t;

	while ((t = c->ties) != NULL) {
		if (t->end == TIE_LEASE)
			reap_link(t->link, "its owner's connection closed");
		else
			vlink_port_release(t->link, t->end);
	}
}

static void
reap_tick(evutil_socket_t fd, short what, void *arg)
{
	struct fethd	*d = arg;
	struct timespec	 ts;
	struct vlink	*l;
	uint32_t	 i = 0;
	unsigned int	 orphans = 0;

	(void)fd;
	(void)what;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	while ((l = vlink_next(d, &i)) != NULL) {
		if (l->state != LINK_ORPHAN)
			continue;
		if (ts.tv_sec >= l->deadline)
			reap_link(l, "nobody resumed it within the grace time");
		else
			orphans++;
	}
	/* An idle daemon does not wake up. */
	if (orphans == 0)
		reap_stop(d);
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
	if (d->reap_timer != NULL)
		event_free(d->reap_timer);
	d->reap_timer = NULL;
}

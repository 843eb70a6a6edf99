/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See relayed.h. Called by vlink.c, reap.c and request.c; calls back into them
 * when a port closes by itself.
 *
 * A port of a relayed link is one end of a socket pair that is made when the
 * port is taken. The relay has the other end, and the warden a duplicate of
 * that, so that a broker that comes after a crash goes on with it. The program
 * alone holds its own end: when it goes, the relay reads end-of-file.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "plat.h"
#include "reap.h"
#include "relay.h"
#include "relayed.h"
#include "vlink.h"
#include "warden_call.h"
#include "wire.h"

static enum relay_io
io_of(const struct end_spec *e)
{
	return e->kind == END_HOST ? RELAY_DEVICE :
	    e->class == CLASS_STREAM ? RELAY_STREAM : RELAY_MESSAGE;
}

/* What the relay is to know of end E of L, with descriptor FD. */
static struct relay_port
port_of(struct vlink *l, int end, int fd)
{
	const struct end_spec	*e = &l->rec.spec.end[end];
	struct relay_port	 p = { .fd = fd, .io = io_of(e) };

	p.client = e->kind == END_PORT;
	p.generation = ++l->port[end].generation;
	p.mac_lock = e->mac_lock != 0;
	p.mtu_check = e->mtu_check != 0;
	memcpy(p.mac, e->mac, sizeof(p.mac));
	p.rate = e->rate;
	p.burst = e->burst;
	return p;
}

static void
say_closed(const struct vlink *l, int end, enum relay_closed why,
    uint32_t detail)
{
	char	text[96] = "";

	if (why == RELAY_FRAMING)
		snprintf(text, sizeof(text), ": a frame of %u bytes was "
		    "announced, 1 to %u are possible", detail,
		    l->rec.spec.mtu + SPEC_OVERHEAD);
	else if (why == RELAY_ERROR)
		snprintf(text, sizeof(text), ": %s", strerror((int)detail));
	log_info("link @%llu %s of uid %u: port %d is closed (%s)%s",
	    (unsigned long long)l->rec.id, l->rec.spec.name, l->rec.uid, end,
	    relay_closed_names[why], text);
}

/* The other port of a session link cannot be of use to anybody. */
static void
close_other(struct vlink *l, int end)
{
	if (l->rec.spec.lease == LEASE_SESSION &&
	    l->rec.spec.end[!end].kind == END_PORT)
		relayed_release(l, !end);
}

static void
on_closed(void *arg, uint64_t id, int side, uint32_t generation,
    enum relay_closed why, uint32_t detail)
{
	struct fethd	*d = arg;
	struct vlink	*l;
	struct vport	*p;

	if (d->stopping || (l = vlink_by_id(d, id)) == NULL ||
	    l->relay == NULL)
		return;
	p = &l->port[side];
	if (p->generation != generation)
		return;
	/* The end of an interface is the warden's to tell. */
	if (l->rec.spec.end[side].kind != END_PORT) {
		log_debug("link @%llu: its interface is closed (%s)",
		    (unsigned long long)id, relay_closed_names[why]);
		return;
	}
	p->live = false;
	p->closed = (uint8_t)why;
	say_closed(l, side, why, detail);
	if (why == RELAY_HOLDER && l->rec.spec.lease == LEASE_SESSION) {
		reap_link(l, "its port was closed");
		return;
	}
	close_other(l, side);
	vlink_port_release(l, side);
}

static int
relay_ready(struct fethd *d)
{
	if (d->relay == NULL)
		d->relay = relay_new(d->base, on_closed, d);
	return d->relay != NULL ? 0 : -ENOMEM;
}

int
relayed_start(struct vlink *l, int fds[2])
{
	struct relay_port	port[2];
	int			i, error;

	error = relay_ready(l->d);
	for (i = 0; i < 2; i++) {
		l->port[i].live = fds[i] != -1;
		port[i] = port_of(l, i, fds[i]);
		if (error != 0)
			haste_close(&fds[i]);
		fds[i] = -1;
	}
	if (error != 0)
		return error;
	l->relay = relay_add(l->d->relay, l->rec.id, l->rec.spec.mtu, port,
	    &error);
	return l->relay != NULL ? 0 : error;
}

void
relayed_stop(struct vlink *l)
{
	if (l->relay != NULL)
		relay_remove(l->relay);
	l->relay = NULL;
}

/* Our end and the program's. */
static int
make_socket(const struct end_spec *e, int fd[2])
{
	if (e->class == CLASS_STREAM)
		return plat_stream_pair(fd);
	return e->dgram ? plat_datagram_pair(fd) : plat_frame_pair(fd);
}

int
relayed_take(struct vlink *l, int end)
{
	struct vport		*p = &l->port[end];
	struct relay_port	 port;
	int			 error, fd[2];

	if ((error = make_socket(&l->rec.spec.end[end], fd)) != 0)
		return error;
	plat_send_room(fd[1], BOUND_RELAY_QUEUE);
	if (l->told_warden)
		wcall_keep_port(l, end, fd[0]);
	port = port_of(l, end, fd[0]);
	if ((error = relay_set_port(l->relay, end, &port)) != 0) {
		haste_close(&fd[1]);
		return error;
	}
	p->live = true;
	p->closed = RELAY_OPEN;
	return fd[1];
}

void
relayed_release(struct vlink *l, int end)
{
	struct relay_port	port;

	if (l->relay == NULL || !l->port[end].live)
		return;
	port = port_of(l, end, -1);
	/* Without memory its end is seen when its holder goes. */
	if (relay_set_port(l->relay, end, &port) == 0)
		l->port[end].live = false;
}

void
relayed_end(struct fethd *d)
{
	relay_free(d->relay);
	d->relay = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips of 64-byte frames, everything on one CPU: from one CPU to another
 * it is mostly the wake-up of the other one that is measured.
 */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_VDEPLUG
#include <libvdeplug.h>
#endif

#include "bench.h"

#define TRIP_LEN	64
#define TRIPS		(1 << 18)

struct trips {
	struct board	board;
	unsigned int	n;
	double		us[TRIPS];
};

/* A way by single calls, from either end. */
struct way {
	ssize_t		(*put)(struct flow *f, int end);
	ssize_t		(*get)(struct flow *f, int end);
};

static uint8_t buf[65536];

static ssize_t
put_bare(struct flow *f, int end)
{
	return write(f->fd[end], frame, TRIP_LEN);
}

static ssize_t
get_bare(struct flow *f, int end)
{
	return read(f->fd[end], buf, sizeof(buf));
}

static ssize_t
put_feth(struct flow *f, int end)
{
	return feth_send(f->link, end, frame, TRIP_LEN, NULL);
}

static ssize_t
get_feth(struct flow *f, int end)
{
	return feth_recv(f->link, end, buf, sizeof(buf), NULL);
}

/* The port by libfeth, the other end a packet socket. */
static ssize_t
put_mixed(struct flow *f, int end)
{
	return end == 0 ? put_feth(f, 0) : put_bare(f, 1);
}

static ssize_t
get_mixed(struct flow *f, int end)
{
	return end == 0 ? get_feth(f, 0) : get_bare(f, 1);
}

#ifdef HAVE_VDEPLUG
static ssize_t
put_vde(struct flow *f, int end)
{
	return vde_send(f->vde[end], frame, TRIP_LEN, 0);
}

static ssize_t
get_vde(struct flow *f, int end)
{
	return vde_recv(f->vde[end], buf, sizeof(buf), 0);
}
#else
#define put_vde	put_bare
#define get_vde	get_bare
#endif

static int
open_bare_tap(struct flow *f)
{
	if (open_tap(f) < 0 || (f->fd[1] = net_packet(f->ifname)) < 0)
		return -1;
	return 0;
}

static int
open_feth_tap(struct flow *f)
{
	if (open_feth_host(f) < 0 || (f->fd[1] = net_packet(f->ifname)) < 0)
		return -1;
	return 0;
}

static struct flow flows[] = {
	{ .series = "trip.bare", .open = open_pair },
	{ .series = "trip.feth", .open = open_feth_pair, .class = FETH_SOCKET },
	{ .series = "trip.bare-tap", .open = open_bare_tap },
	{ .series = "trip.tap", .open = open_feth_tap, .class = FETH_TAP },
	{ .series = "trip.vde", .open = open_vde_pair },
	{ .series = "trip.relay", .open = open_feth_relayed,
	    .class = FETH_SOCKET },
};
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

static const struct way ways[NFLOWS] = {
	{ put_bare, get_bare }, { put_feth, get_feth },
	{ put_bare, get_bare }, { put_mixed, get_mixed },
	{ put_vde, get_vde }, { put_feth, get_feth },
};

static void
trip_echo(struct flow *f, struct board *b)
{
	const struct way *w = &ways[f - flows];

	while (!b->end) {
		if (w->get(f, 1) > 0)
			w->put(f, 1);
	}
}

static void
trip_ask(struct flow *f, struct board *b)
{
	const struct way *w = &ways[f - flows];
	struct trips *t = (struct trips *)b;
	double start, end;

	end = now();
	while (!b->stop && t->n < TRIPS) {
		start = end;
		if (w->put(f, 0) <= 0 || w->get(f, 0) <= 0)
			continue;
		end = now();
		t->us[t->n++] = (end - start) * 1e6;
	}
}

static void
trip_measure(struct flow *f, struct trips *t)
{
	struct board *b = &t->board;
	pid_t echo, ask;

	memset(b, 0, sizeof(*b));
	t->n = 0;
	if (f->pid != 0)
		proc_pin(f->pid, 0);
	echo = load_child(f, b, trip_echo, 0);
	nap(0.02);
	ask = load_child(f, b, trip_ask, 0);
	nap(opt.seconds);
	b->stop = 1;
	load_join(ask);
	b->end = 1;
	load_join(echo);
	if (f->pid != 0)
		proc_pin(f->pid, -1);
	if (t->n > 0)
		sample(f->series, percentile(t->us, t->n, 0.5), -1);
	else
		series_broken(f->series, "no frame came back");
	f->up = t->n > 0;
}

static void
trip_run(void)
{
	struct trips *t = shared(sizeof(*t));
	unsigned int i, round;

	if (t == NULL)
		return;
	flows_open(flows, NFLOWS);
	for (round = 0; round < opt.rounds; round++) {
		for (i = 0; i < NFLOWS; i++) {
			if (flows[i].up)
				trip_measure(&flows[i], t);
		}
	}
	flows_close(flows, NFLOWS);
}

const struct group group_trip = { "trip", trip_run };

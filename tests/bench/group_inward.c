/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the host to a program. Frames are put into the interface by a packet
 * socket; one that finds the interface's queue full is lost, as it would be for
 * any traffic. At full speed losses are what limits it, so that only the paced
 * run says something about them.
 */
#include <sys/socket.h>

#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define PACE	0.8

/* The far end of F is a packet socket on its interface. */
static int
inward_far(struct flow *f)
{
	f->fd[1] = f->fd[0];
	f->fd[0] = net_packet(f->ifname);
	if (f->fd[0] >= 0)
		return 0;
	series_broken(f->series, "a packet socket on %s: %s", f->ifname,
	    strerror(-f->fd[0]));
	return -1;
}

static int
open_inward(struct flow *f)
{
	return open_tap(f) == 0 ? inward_far(f) : -1;
}

static int
open_feth_inward(struct flow *f)
{
	return open_feth_host(f) == 0 ? inward_far(f) : -1;
}

static struct flow flows[] = {
	{ .series = "in.bare", .open = open_inward, .send = send_mmsg,
	    .recv = recv_read },
	{ .series = "in.feth", .open = open_feth_inward, .send = send_mmsg,
	    .recv = recv_feth, .class = FETH_TAP },
	{ .series = "in.relay", .open = open_feth_inward, .send = send_mmsg,
	    .recv = recv_feth, .class = FETH_SOCKET },
};
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

static void
inward_result(const struct flow *f, const struct rate *r)
{
	struct flow slow = *f;
	struct rate paced;
	char name[40];

	sample(f->series, r->frames, r->cpu);
	slow.pace = PACE * r->frames;
	snprintf(name, sizeof(name), "%s-loss", f->series);
	if (flow_measure(&slow, opt.seconds, &paced) == 0)
		sample(name, paced.loss, paced.cpu);
}

static void
inward_run(void)
{
	flows_open(flows, NFLOWS);
	flows_run(flows, NFLOWS, inward_result);
	flows_close(flows, NFLOWS);
}

const struct group group_inward = { "inward", inward_run };

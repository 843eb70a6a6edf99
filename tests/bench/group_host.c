/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a program to the host: what came in at the interface counts.
 */
#include <stdio.h>

#include "bench.h"

static struct flow flows[] = {
	{ .series = "tap.bare", .open = open_tap, .send = send_write },
	{ .series = "tap.feth", .open = open_feth_host, .send = send_feth,
	    .class = FETH_TAP },
	{ .series = "tap.vde", .open = open_vde_tap, .send = send_vde },
	{ .series = "tap.packet", .open = open_packet, .send = send_write },
	{ .series = "tap.relay", .open = open_feth_host, .send = send_feth,
	    .class = FETH_SOCKET },
	{ .series = "tap.stream", .open = open_feth_host, .send = send_feth,
	    .class = FETH_STREAM },
};
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

static void
host_result(const struct flow *f, const struct rate *r)
{
	char name[40];

	sample(f->series, r->frames, r->cpu);
	snprintf(name, sizeof(name), "%s-loss", f->series);
	sample(name, r->loss, -1);
}

static void
host_run(void)
{
	flows_open(flows, NFLOWS);
	flows_run(flows, NFLOWS, host_result);
	flows_close(flows, NFLOWS);
}

const struct group group_host = { "host", host_run };

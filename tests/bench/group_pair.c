/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a program to a program.
 */
#include <stdio.h>

#include "bench.h"

static struct flow flows[] = {
	{ .series = "pair.bare", .open = open_pair, .send = send_message,
	    .recv = recv_message },
	{ .series = "pair.feth", .open = open_feth_pair, .send = send_feth,
	    .recv = recv_feth, .class = FETH_SOCKET },
	{ .series = "pair.mmsg", .open = open_pair, .send = send_mmsg,
	    .recv = recv_mmsg },
	{ .series = "pair.feth-batch", .open = open_feth_pair,
	    .send = send_feth_batch, .recv = recv_feth_batch,
	    .class = FETH_SOCKET },
	{ .series = "pair.vde", .open = open_vde_pair, .send = send_vde,
	    .recv = recv_vde },
	{ .series = "pair.relay", .open = open_feth_relayed, .send = send_feth,
	    .recv = recv_feth, .class = FETH_SOCKET },
};
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

static void
pair_result(const struct flow *f, const struct rate *r)
{
	char name[40];

	sample(f->series, r->frames, r->cpu);
	snprintf(name, sizeof(name), "%s-loss", f->series);
	sample(name, r->loss, -1);
}

static void
pair_run(void)
{
	flows_open(flows, NFLOWS);
	flows_run(flows, NFLOWS, pair_result);
	flows_close(flows, NFLOWS);
}

const struct group group_pair = { "pair", pair_run };

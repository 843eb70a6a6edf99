/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many relayed links: what idle ones cost a busy one, and whether busy ones get
 * equal shares beside a reader that never reads.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define IDLE	1000
#define BUSY	10
#define TURN	16	/* frames of the sender's for one link */

/* ---- Idle ones --------------------------------------------------------- */

static struct daemon crowd;

static struct flow flows[] = {
	{ .series = "many.alone", .open = open_feth_relayed, .send = send_feth,
	    .recv = recv_feth, .class = FETH_SOCKET },
	{ .series = "many.busy", .open = open_feth_relayed, .send = send_feth,
	    .recv = recv_feth, .class = FETH_SOCKET, .daemon = &crowd },
};
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

static void
idle_result(const struct flow *f, const struct rate *r)
{
	sample(f->series, r->frames, r->cpu);
}

/* Open N idle links on the crowd's daemon; how many there are. */
static unsigned int
idle_open(struct feth_conn *conn, struct feth_link **links, unsigned int n)
{
	struct feth_spec s = relayed_spec(FETH_SOCKET);
	struct feth_error err;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (feth_open(conn, &s, &links[i], &err) < 0) {
			series_refused("many.busy", &err);
			break;
		}
	}
	return i;
}

static void
idle_run(void)
{
	static struct feth_link *links[IDLE];
	struct feth_conn *conn;
	unsigned int n;

	if (daemon_start(&crowd, "crowd") < 0 ||
	    feth_connect(crowd.socket, &conn, NULL) < 0) {
		series_broken("many.busy", "the second daemon does not start");
		return;
	}
	n = idle_open(conn, links, IDLE);
	if (n == IDLE) {
		flows_open(flows, NFLOWS);
		flows_run(flows, NFLOWS, idle_result);
		flows_close(flows, NFLOWS);
	} else {
		series_absent("many.alone", "not built");
	}
	while (n > 0)
		feth_free(links[--n]);
	feth_disconnect(conn);
	daemon_stop(&crowd);
}

/* ---- Fair shares ------------------------------------------------------- */

/* Link BUSY is the one that nobody reads. */
static struct flow busy[BUSY + 1];
static struct { struct board b; uint64_t got[BUSY]; } *fair;

/* One sender for all, which keeps them all full: what is then unequal is not the
 * scheduler's doing. */
static void
fair_sender(struct flow *f, struct board *b)
{
	struct pollfd p[BUSY + 1];
	struct feth_frame v[TURN];
	unsigned int i;
	bool any;

	for (i = 0; i < TURN; i++)
		v[i] = (struct feth_frame){ frame, 0, opt.frame };
	for (i = 0; i <= BUSY; i++) {
		feth_set_nonblock(f[i].link, 0, true, NULL);
		p[i] = (struct pollfd){ f[i].fd[0], POLLOUT, 0 };
	}
	while (!b->stop) {
		any = false;
		for (i = 0; i <= BUSY; i++)
			any |= feth_send_batch(f[i].link, 0, v, TURN, NULL) >
			    0;
		if (!any)
			poll(p, BUSY + 1, 10);
	}
}

/* One reader for all: it takes a batch of each that has something. */
static void
fair_reader(struct flow *f, struct board *b)
{
	static uint8_t room[FETH_BATCH][9216];
	struct feth_frame v[FETH_BATCH];
	struct epoll_event ev[BUSY];
	int i, n, k, ep = epoll_create1(EPOLL_CLOEXEC);

	for (i = 0; i < FETH_BATCH; i++)
		v[i] = (struct feth_frame){ room[i], sizeof(room[i]), 0 };
	for (i = 0; i < BUSY; i++) {
		feth_set_nonblock(f[i].link, 1, true, NULL);
		ev[0] = (struct epoll_event){ .events = EPOLLIN,
		    .data.u32 = (uint32_t)i };
		epoll_ctl(ep, EPOLL_CTL_ADD, f[i].fd[1], &ev[0]);
	}
	while (!b->end) {
		n = epoll_wait(ep, ev, BUSY, 100);
		for (i = 0; i < n; i++) {
			k = feth_recv_batch(f[ev[i].data.u32].link, 1, v,
			    FETH_BATCH, NULL);
			if (k > 0)
				fair->got[ev[i].data.u32] += (uint64_t)k;
		}
	}
}

static void
fair_measure(const char *series)
{
	pid_t sender, reader;
	double mean = 0, worst = 0;
	unsigned int i;

	memset(fair, 0, sizeof(*fair));
	reader = load_child(busy, &fair->b, fair_reader, 1);
	sender = load_child(busy, &fair->b, fair_sender, 0);
	nap(0.1);
	memset(fair->got, 0, sizeof(fair->got));
	nap(opt.seconds * 2);
	for (i = 0; i < BUSY; i++)
		mean += (double)fair->got[i] / BUSY;
	for (i = 0; i < BUSY; i++)
		worst = fmax(worst, fabs((double)fair->got[i] - mean) / mean);
	fair->b.stop = 1;
	load_join(sender);
	fair->b.end = 1;
	load_join(reader);
	if (mean > 0)
		sample(series, worst, -1);
	else
		series_broken(series, "no frame came through");
}

static void
fair_run(const char *series, int (*open)(struct flow *f))
{
	unsigned int i, round;

	if (!wanted(series))
		return;
	for (i = 0; i <= BUSY; i++) {
		busy[i] = (struct flow){ .series = series,
		    .class = FETH_SOCKET, .fd = { -1, -1 } };
		if (open(&busy[i]) < 0)
			break;
	}
	for (round = 0; round < opt.rounds && i > BUSY; round++)
		fair_measure(series);
	flows_close(busy, i);
}

static void
many_run(void)
{
	if (wanted("many.alone") || wanted("many.busy"))
		idle_run();
	fair = shared(sizeof(*fair));
	if (fair == NULL)
		return;
	fair_run("many.unfair", open_feth_relayed);
	/* Without a relay: how fair the machine itself is. */
	fair_run("many.direct", open_feth_pair);
}

const struct group group_many = { "many", many_run };

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of links at once. Once a run and not once a round: each of these
 * takes the kernel seconds. Time is bounded; what could not be opened in it
 * makes the numbers smaller, and a note says so.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define OPEN_SECS	240	/* for opening them all, at 17 ms each */
#define CLOSE_SECS	120
#define GROUP		8
#define SETTLE		1	/* seconds until memory is looked at */
#define PROBE_APART	0.02	/* seconds from one new link to the next */
#define PROBES		4096

static double *took;		/* us, of each link */
static unsigned int nlinks;	/* that the daemon opened in time */

/* How much longer the last tenth took than the first. */
static double
growth(unsigned int n)
{
	unsigned int i, tenth = n / 10;
	double first = 0, last = 0;

	for (i = 0; i < tenth; i++) {
		first += took[i];
		last += took[n - 1 - i];
	}
	return first > 0 ? last / first : NAN;
}

/* ---- fethd ------------------------------------------------------------- */

static unsigned int
open_many(struct feth_conn *conn, const struct feth_spec *spec,
    struct feth_link **links, unsigned int max, struct feth_error *err)
{
	double end, start = now(), deadline = start + OPEN_SECS;
	unsigned int i;

	err->code = FETH_OK;
	for (i = 0; i < max && start < deadline; i++) {
		if (feth_open(conn, spec, &links[i], err) < 0)
			break;
		end = now();
		took[i] = (end - start) * 1e6;
		start = end;
	}
	return i;
}

static void
note_short(const char *what, unsigned int n)
{
	if (n < opt.links)
		fprintf(stderr, "  %s: %u of %u links in %d s\n", what, n,
		    opt.links, OPEN_SECS);
}

/* The DELLINK messages that say that interfaces with an index up to LAST are
 * gone. */
static int
monitor_open(void)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_LINK };
	int size = 256 * 1024 * 1024, fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) == 0)
		return fd;
	close(fd);
	return -1;
}

static unsigned int
monitor_read(int fd, const uint8_t *ours, int max)
{
	static union { struct nlmsghdr h; uint8_t buf[65536]; } in;
	const struct nlmsghdr *h;
	const struct ifinfomsg *i;
	unsigned int n = 0;
	ssize_t r = recv(fd, &in, sizeof(in), MSG_DONTWAIT);
	size_t len = r > 0 ? (size_t)r : 0;

	if (r == -1)
		nap(0.0005);
	for (h = &in.h; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		i = NLMSG_DATA(h);
		n += h->nlmsg_type == RTM_DELLINK && i->ifi_index > 0 &&
		    i->ifi_index <= max && ours[i->ifi_index];
	}
	return n;
}

/* New links while the old ones go, until told to stop. */
static struct probes {
	volatile int	stop;
	volatile unsigned int n;
	double		ms[PROBES];
} *probes;

static void
probe(const char *socket, struct feth_conn *old)
{
	struct feth_spec s = host_spec(FETH_TAP);
	struct feth_conn *conn;
	struct feth_link *link;
	double start;

	/* The links live as long as anybody has this open. */
	close(feth_conn_fd(old));
	if (feth_connect(socket, &conn, NULL) < 0)
		_exit(1);
	while (!probes->stop && probes->n < PROBES) {
		start = now();
		if (feth_open(conn, &s, &link, NULL) == 0)
			probes->ms[probes->n++] = (now() - start) * 1e3;
		nap(PROBE_APART);
	}
	_exit(0);
}

static void
close_all(struct daemon *d, struct feth_conn *conn, struct feth_link **links)
{
	int fd = monitor_open(), max = 0, index;
	uint8_t *ours = calloc(1, 1 << 20);
	unsigned int i, gone = 0;
	double start;
	pid_t pid;

	probes = shared(sizeof(*probes));
	for (i = 0; i < nlinks && ours != NULL; i++) {
		index = (int)if_nametoindex(feth_interface(links[i], 1));
		if (index <= 0 || index >= 1 << 20)
			continue;
		ours[index] = 1;
		max = index > max ? index : max;
	}
	if (fd == -1 || ours == NULL || probes == NULL)
		return;
	pid = child();
	if (pid == 0)
		probe(d->socket, conn);
	nap(0.1);
	probes->n = 0;
	start = now();
	feth_disconnect(conn);
	while (gone < nlinks && now() - start < CLOSE_SECS)
		gone += monitor_read(fd, ours, max);
	sample("scale.close", now() - start, -1);
	probes->stop = 1;
	waitpid(pid, NULL, 0);
	if (gone < nlinks)
		series_broken("scale.close", "%u of %u interfaces are left "
		    "after %d s", nlinks - gone, nlinks, CLOSE_SECS);
	if (probes->n > 0)
		sample("scale.meanwhile", percentile(probes->ms, probes->n,
		    0.99), -1);
	else
		series_broken("scale.meanwhile", "no link could be opened");
	close(fd);
	free(ours);
}

static void
taps_run(struct feth_link **links)
{
	struct feth_spec s = host_spec(FETH_TAP);
	struct daemon *d = daemon_main();
	struct feth_conn *conn;
	struct feth_error err;
	uint64_t before;
	unsigned int i;

	if (d == NULL || feth_connect(d->socket, &conn, &err) < 0) {
		series_broken("scale.feth", "no daemon");
		return;
	}
	before = proc_rss(d->pid);
	nlinks = open_many(conn, &s, links, opt.links, &err);
	note_short("scale.feth", nlinks);
	if (nlinks < 100) {
		series_refused("scale.feth", &err);
		feth_disconnect(conn);
		return;
	}
	sample("scale.feth", growth(nlinks), -1);
	nap(SETTLE);
	sample("scale.memory", (double)(proc_rss(d->pid) - before) / nlinks,
	    -1);
	close_all(d, conn, links);
	for (i = 0; i < nlinks; i++)
		feth_free(links[i]);
}

static void
relayed_run(struct feth_link **links)
{
	struct feth_spec s = relayed_spec(FETH_SOCKET);
	struct feth_conn *conn;
	struct feth_error err;
	struct daemon d;
	uint64_t before;
	unsigned int i, n, max = world_descriptors() / 2 - 100;

	max = opt.links < max ? opt.links : max;
	memset(&d, 0, sizeof(d));
	if (daemon_start(&d, "relayed") < 0 ||
	    feth_connect(d.socket, &conn, &err) < 0) {
		series_broken("scale.memory-relay", "no daemon");
		return;
	}
	before = proc_rss(d.pid);
	n = open_many(conn, &s, links, max, &err);
	if (n == max || err.code == FETH_OK) {
		note_short("scale.memory-relay", n);
		nap(SETTLE);
		sample("scale.memory-relay",
		    (double)(proc_rss(d.pid) - before) / n, -1);
	} else
		series_refused("scale.memory-relay", &err);
	for (i = 0; i < n; i++)
		feth_free(links[i]);
	feth_disconnect(conn);
	daemon_stop(&d);
}

/* ---- Bare -------------------------------------------------------------- */

/* As many as the daemon opened, and the floor of closing: one message. */
static void
bare_run(unsigned int n)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 4, 2 };
	struct net *net = net_open();
	int *fd = calloc(n, sizeof(*fd));
	char name[IFNAMSIZ];
	double start;
	unsigned int i;
	int r = net == NULL || fd == NULL ? -ENOMEM : 0;

	for (i = 0; i < n && r == 0; i++) {
		start = now();
		snprintf(name, sizeof(name), "bmany%u", i);
		r = fd[i] = net_tap(name, 0);
		if (r >= 0)
			r = net_finish(net, (int)if_nametoindex(name), mac,
			    1500, "bench", GROUP);
		took[i] = (now() - start) * 1e6;
	}
	if (r == 0)
		sample("scale.bare", growth(n), -1);
	else
		series_broken("scale.bare", "bare TAP %u: %s", i, strerror(-r));
	start = now();
	if (net != NULL && net_delete_group(net, GROUP) == 0)
		sample("scale.floor", now() - start, -1);
	while (i > 0)
		close(fd[--i]);
	net_close(net);
	free(fd);
}

static void
scale_run(void)
{
	struct feth_link **links = calloc(opt.links, sizeof(*links));

	took = calloc(opt.links, sizeof(*took));
	if (links != NULL && took != NULL && (wanted("scale.feth") ||
	    wanted("scale.memory") || wanted("scale.close") ||
	    wanted("scale.meanwhile")))
		taps_run(links);
	if (nlinks > 0 && (wanted("scale.feth") || wanted("scale.close")))
		bare_run(nlinks);
	if (links != NULL && took != NULL && wanted("scale.memory-relay"))
		relayed_run(links);
	free(links);
	free(took);
}

const struct group group_scale = { "scale", scale_run };

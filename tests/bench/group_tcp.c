/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP from the stack of one network namespace to that of another, through one
 * process that copies from the one TAP to the other. With the virtio-net header
 * a read is up to 64 KiB that neither side has cut up or summed.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PORT		5001
#define NET		0x0a630000u	/* 10.99.0.0, .N.1 here, .N.2 there */
#define CHUNK		65536
#define OFFLOADS	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define HEADER		((int)sizeof(struct virtio_net_hdr_v1))

static uint8_t buf[HEADER + 65536 + 64];

/* ---- Bare -------------------------------------------------------------- */

static int
bare_end(int netns, const char *name, uint32_t ip)
{
	static uint8_t mac[6] = { 2, 0, 0, 0, 5, 1 };
	struct net *n;
	int fd, header = HEADER, r = world_enter(netns);

	if (r < 0)
		return r;
	mac[5]++;
	n = net_open();
	fd = net_tap(name, IFF_VNET_HDR);
	r = n == NULL ? -ENOMEM : fd;
	if (r >= 0 && (ioctl(fd, TUNSETVNETHDRSZ, &header) == -1 ||
	    ioctl(fd, TUNSETOFFLOAD, OFFLOADS) == -1))
		r = -errno;
	if (r >= 0)
		r = net_finish(n, (int)if_nametoindex(name), mac, 1500,
		    "bench", 0);
	if (r == 0)
		r = net_address(n, (int)if_nametoindex(name), ip, 24);
	net_close(n);
	world_enter(world_home);
	if (r == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return r;
}

static int
open_bare(struct flow *f)
{
	f->fd[0] = bare_end(world_home, "btcp0", NET + 0x101);
	f->fd[1] = bare_end(world_far, "btcp1", NET + 0x102);
	if (f->fd[0] >= 0 && f->fd[1] >= 0)
		return 0;
	series_broken(f->series, "a TAP with virtio header: %s",
	    strerror(f->fd[0] < 0 ? -f->fd[0] : -f->fd[1]));
	return -1;
}

/* ---- fethd ------------------------------------------------------------- */

static int
open_feth(struct flow *f)
{
	series_absent(f->series, "not built");
	return -1;
}

static struct flow flows[] = {
	{ .series = "tcp.bare", .open = open_bare },
	{ .series = "tcp.feth", .open = open_feth },
};
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

/* ---- The copier -------------------------------------------------------- */

static void
copy(struct flow *f, struct board *b)
{
	struct pollfd p[2] = { { f->fd[0], POLLIN, 0 },
	    { f->fd[1], POLLIN, 0 } };
	ssize_t n;
	int i;

	while (!b->end) {
		if (poll(p, 2, -1) == -1)
			continue;
		for (i = 0; i < 2; i++) {
			if ((p[i].revents & POLLIN) == 0)
				continue;
			n = read(f->fd[i], buf, sizeof(buf));
			if (n > 0 && write(f->fd[!i], buf, (size_t)n) == n)
				b->sent++;
		}
	}
}

/* ---- The two ends of TCP ----------------------------------------------- */

static struct sockaddr_in
tcp_address(const struct flow *f, unsigned int host)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	uint32_t net = NET + 0x100 * (uint32_t)(f - flows + 1);

	a.sin_port = htons(PORT);
	a.sin_addr.s_addr = htonl(net + host);
	return a;
}

static void
tcp_take(struct flow *f, struct board *b)
{
	static char chunk[4 * CHUNK];
	struct sockaddr_in a = tcp_address(f, 2);
	int s, c, on = 1;
	ssize_t n;

	if (world_enter(world_far) < 0)
		return;
	s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(s, 1) == -1) {
		b->error = errno;
		return;
	}
	c = accept(s, NULL, NULL);
	while (!b->end && c != -1) {
		n = recv(c, chunk, sizeof(chunk), 0);
		if (n > 0)
			b->got += (uint64_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
}

static void
tcp_give(struct flow *f, struct board *b)
{
	static char chunk[2 * CHUNK];
	struct sockaddr_in a = tcp_address(f, 2);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	while (connect(s, (struct sockaddr *)&a, sizeof(a)) == -1) {
		if (b->stop || (errno != ECONNREFUSED && errno != EINTR)) {
			b->error = errno;
			return;
		}
		nap(0.01);
		close(s);
		s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	while (!b->stop && send(s, chunk, sizeof(chunk), MSG_NOSIGNAL) > 0)
		;
}

static void
tcp_measure(struct flow *f)
{
	struct board *b = shared(sizeof(*b));
	pid_t copier, taker, giver;
	uint64_t got;
	double start;

	if (b == NULL)
		return;
	copier = load_child(f, b, copy, 1);
	taker = load_child(f, b, tcp_take, 0);
	giver = load_child(f, b, tcp_give, 0);
	nap(0.3);	/* TCP is at its speed by then */
	got = b->got;
	start = now();
	nap(2 * opt.seconds);
	got = b->got - got;
	start = now() - start;
	b->stop = 1;
	load_join(giver);
	b->end = 1;
	load_join(taker);
	load_join(copier);
	if (got > 0)
		sample(f->series, (double)got * 8 / start / 1e6, -1);
	else
		series_broken(f->series, "no byte came through: %s",
		    strerror(b->error));
}

static void
tcp_run(void)
{
	unsigned int i, round;

	flows_open(flows, NFLOWS);
	for (round = 0; round < opt.rounds; round++) {
		for (i = 0; i < NFLOWS; i++) {
			if (flows[i].up)
				tcp_measure(&flows[i]);
		}
	}
	flows_close(flows, NFLOWS);
}

const struct group group_tcp = { "tcp", tcp_run };

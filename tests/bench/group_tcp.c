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
#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PORT		5001
#define NET		0x0a630000u	/* 10.99.0.0, .N.1 here, .N.2 there */
#define CHUNK		65536
#define OFFLOADS	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define TURN		64	/* frames until the other side has its turn */

static uint8_t buf[65536 + 64];

/* ---- Bare -------------------------------------------------------------- */

static int
bare_end(int netns, const char *name, uint32_t ip)
{
	static uint8_t mac[6] = { 2, 0, 0, 0, 5, 1 };
	struct net *n;
	int fd, r = world_enter(netns);

	if (r < 0)
		return r;
	mac[5]++;
	n = net_open();
	fd = net_tap(name, IFF_VNET_HDR);
	r = n == NULL ? -ENOMEM : fd;
	if (r >= 0 && (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
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

/* The far end is a link of another daemon, in the other namespace. */
static struct daemon far;
static struct flow far_end = { .series = "tcp.feth" };

static int
feth_side(struct flow *f, struct daemon *d, const char *address)
{
	const char *const addresses[] = { address, NULL };
	struct feth_spec s = host_spec(FETH_TAP);

	s.end[0].offloads = FETH_OFFLOAD_CSUM | FETH_OFFLOAD_TSO4 |
	    FETH_OFFLOAD_TSO6;
	s.end[1].addresses = addresses;
	if (feth_up(f->series, d, &s, &f->conn, &f->link) < 0)
		return -1;
	f->fd[0] = feth_fd(f->link, 0);
	return feth_set_nonblock(f->link, 0, true, NULL);
}

static int
open_feth(struct flow *f)
{
	int r;

	if (far.pid == 0) {
		world_enter(world_far);
		r = daemon_start(&far, "far");
		world_enter(world_home);
		if (r < 0) {
			series_broken(f->series, "no second daemon");
			return -1;
		}
	}
	if (feth_side(f, daemon_main(), "10.99.2.1/24") < 0 ||
	    feth_side(&far_end, &far, "10.99.2.2/24") < 0)
		return -1;
	f->fd[1] = far_end.fd[0];
	return 0;
}

static void	copy_bare(struct flow *f, struct board *b);
static void	copy_feth(struct flow *f, struct board *b);

static struct flow flows[] = {
	{ .series = "tcp.bare", .open = open_bare, .send = copy_bare },
	{ .series = "tcp.feth", .open = open_feth, .send = copy_feth },
};
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

/* ---- The copiers ------------------------------------------------------- */

/* FN moves frames from side I to the other one. */
static void
copy(struct flow *f, struct board *b, void (*fn)(struct flow *f, int i))
{
	struct pollfd p[2] = { { f->fd[0], POLLIN, 0 },
	    { f->fd[1], POLLIN, 0 } };
	int i;

	while (!b->end) {
		if (poll(p, 2, -1) == -1)
			continue;
		for (i = 0; i < 2; i++) {
			if (p[i].revents != 0)
				fn(f, i);
		}
	}
}

static void
turn_bare(struct flow *f, int i)
{
	ssize_t n;
	int k;

	for (k = 0; k < TURN; k++) {
		n = read(f->fd[i], buf, sizeof(buf));
		/* One that does not fit is lost, as on any wire. */
		if (n <= 0 || write(f->fd[!i], buf, (size_t)n) == -1)
			return;
	}
}

static void
turn_feth(struct flow *f, int i)
{
	struct feth_link *link[2] = { f->link, far_end.link };
	struct feth_frame v = { buf, sizeof(buf), 0 };
	struct feth_vnet_hdr h;
	int k;

	for (k = 0; k < TURN; k++) {
		if (feth_recv_batch_hdr(link[i], 0, &v, &h, 1, NULL) != 1 ||
		    feth_send_batch_hdr(link[!i], 0, &v, &h, 1, NULL) != 1)
			return;
	}
}

static void
copy_bare(struct flow *f, struct board *b)
{
	copy(f, b, turn_bare);
}

static void
copy_feth(struct flow *f, struct board *b)
{
	copy(f, b, turn_feth);
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
	copier = load_child(f, b, f->send, 1);
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
	feth_free(far_end.link);
	feth_disconnect(far_end.conn);
	daemon_stop(&far);
}

const struct group group_tcp = { "tcp", tcp_run };

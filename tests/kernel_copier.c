/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process that copies frames between two interfaces, each in a network
 * namespace of its own, for k_offload.sh and the bench:
 *
 *	kernel_copier feth SOCKET SOCKET plain|offloads	by libfeth, on a host
 *			link of the daemon at each socket
 *	kernel_copier bare NETNS NETNS plain|offloads	by read(2) and write(2),
 *			on a TAP of its own in each namespace; needs root
 *
 * It prints "ready NAME NAME" (of the interfaces), copies until SIGTERM, and
 * prints "copied N frames, B bytes, F failed". With offloads, a frame can be a
 * segment of 64 KiB, which no one on the way has to cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include <feth.h>

#define TURN	64		/* frames, before the other side has its turn */
#define ROOM	(64 * 1024 + 64)

struct side {
	struct feth_conn *conn;
	struct feth_link *link;
	int		fd;
	char		name[IFNAMSIZ];
};

static volatile sig_atomic_t	stop;
static unsigned long		frames, bytes, failed;

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void __attribute__((noreturn))
die(const char *what, const char *why)
{
	printf("%s: %s\n", what, why);
	exit(1);
}

/* By libfeth. */

static void
feth_side(struct side *s, const char *socket, bool offloads)
{
	struct feth_spec	spec;
	struct feth_error	err;

	memset(&spec, 0, sizeof(spec));
	spec.size = sizeof(spec);
	spec.end[0].port_class = FETH_TAP;
	spec.end[0].offloads = offloads ? FETH_OFFLOAD_ALL : 0;
	spec.end[1].kind = FETH_HOST;
	if (feth_connect(socket, &s->conn, &err) < 0 ||
	    feth_open(s->conn, &spec, &s->link, &err) < 0 ||
	    feth_set_nonblock(s->link, FETH_MINE, true, &err) < 0)
		die(err.name, err.text);
	if (offloads && (feth_offloads(s->link, FETH_MINE) &
	    FETH_OFFLOAD_TSO4) == 0)
		die(socket, "no TSO");
	s->fd = feth_fd(s->link, FETH_MINE);
	snprintf(s->name, sizeof(s->name), "%s",
	    feth_interface(s->link, feth_peer_end(s->link)));
}

static void
feth_copy(struct side *from, struct side *to)
{
	static unsigned char	buf[ROOM];
	struct feth_frame	f = { buf, sizeof(buf), 0 };
	struct feth_vnet_hdr	h;
	int			i;

	for (i = 0; i < TURN; i++) {
		if (feth_recv_batch_hdr(from->link, FETH_MINE, &f, &h, 1,
		    NULL) != 1)
			return;
		if (f.len == 0 || feth_send_batch_hdr(to->link, FETH_MINE, &f,
		    &h, 1, NULL) != 1) {
			failed++;
			continue;
		}
		frames++;
		bytes += f.len;
	}
}

/* By hand. */

static void
bare_side(struct side *s, const char *netns, bool offloads)
{
	char		path[128];
	struct ifreq	ifr;
	int		ns, home;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	if ((home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) == -1 ||
	    (ns = open(path, O_RDONLY | O_CLOEXEC)) == -1 ||
	    setns(ns, CLONE_NEWNET) != 0)
		die(path, strerror(errno));
	s->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "bare%%d");
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI |
	    (offloads ? IFF_VNET_HDR : 0));
	if (s->fd == -1 || ioctl(s->fd, TUNSETIFF, &ifr) != 0 || (offloads &&
	    ioctl(s->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 |
	    TUN_F_TSO6) != 0) || setns(home, CLONE_NEWNET) != 0)
		die(netns, strerror(errno));
	close(ns);
	close(home);
	memcpy(s->name, ifr.ifr_name, sizeof(s->name));
}

static void
bare_copy(struct side *from, struct side *to)
{
	static unsigned char	buf[ROOM];
	ssize_t			n;
	int			i;

	for (i = 0; i < TURN; i++) {
		if ((n = read(from->fd, buf, sizeof(buf))) <= 0)
			return;
		if (write(to->fd, buf, (size_t)n) != n) {
			failed++;
			continue;
		}
		frames++;
		bytes += (unsigned long)n;
	}
}

static const struct way {
	const char	*name;
	void		(*open)(struct side *s, const char *where,
			    bool offloads);
	void		(*copy)(struct side *from, struct side *to);
} ways[] = {
	{ "feth", feth_side, feth_copy },
	{ "bare", bare_side, bare_copy },
};

int
main(int argc, char **argv)
{
	const struct way	*w;
	struct side		s[2];
	struct pollfd		p[2];
	bool			offloads;
	int			i;

	if (argc != 5)
		return 2;
	w = &ways[strcmp(argv[1], "bare") == 0];
	offloads = strcmp(argv[4], "offloads") == 0;
	signal(SIGTERM, on_term);
	memset(s, 0, sizeof(s));
	for (i = 0; i < 2; i++) {
		w->open(&s[i], argv[2 + i], offloads);
		p[i].fd = s[i].fd;
		p[i].events = POLLIN;
	}
	printf("ready %s %s\n", s[0].name, s[1].name);
	fflush(stdout);
	while (!stop) {
		if (poll(p, 2, -1) <= 0)
			continue;
		for (i = 0; i < 2; i++)
			if (p[i].revents != 0)
				w->copy(&s[i], &s[!i]);
	}
	printf("copied %lu frames, %lu bytes, %lu failed\n", frames, bytes,
	    failed);
	for (i = 0; i < 2; i++) {
		feth_disconnect(s[i].conn);
		feth_free(s[i].link);
	}
	return 0;
}

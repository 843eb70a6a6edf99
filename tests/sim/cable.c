/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that is a cable: opens a host link and joins its port to a TAP
 * interface of the network namespace in which it runs, so that a second kernel
 * plays the guest. Run by the tests of the simulation as a normal user, with
 * /dev/net/tun as descriptor 9, which such a user may not open everywhere:
 *
 *	cable SOCKET NAME CLASS TAP
 *
 * Says "open" when frames pass, and ends on SIGTERM, or with the link.
 */
#include <sys/ioctl.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <feth.h>

#define TURN	64
#define TUN_FD	9

static struct feth_error	err;

static void
die(const char *what)
{
	fprintf(stderr, "cable: %s: %s (%s)\n", what, err.text, err.name);
	exit(1);
}

static int
tap_open(const char *name)
{
	struct ifreq	ifr;
	int		fd = TUN_FD;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &ifr) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
		perror("cable: TUNSETIFF");
		exit(1);
	}
	return fd;
}

static enum feth_class
class_of(const char *name)
{
	return strcmp(name, "raw") == 0 ? FETH_RAW :
	    strcmp(name, "socket") == 0 ? FETH_SOCKET :
	    strcmp(name, "stream") == 0 ? FETH_STREAM : FETH_AUTO;
}

static struct feth_link *
link_open(struct feth_conn *conn, const char *name, const char *class)
{
	static const char *const	addresses[] = { "auto", NULL };
	struct feth_spec		spec = { .size = sizeof(spec),
	    .name = name };
	struct feth_link		*link;

	spec.end[0].kind = FETH_PORT;
	spec.end[0].port_class = class_of(class);
	spec.end[1].kind = FETH_HOST;
	spec.end[1].addresses = addresses;
	if (feth_open(conn, &spec, &link, &err) != 0)
		die("feth_open");
	if (feth_set_nonblock(link, FETH_MINE, true, &err) != 0)
		die("feth_set_nonblock");
	return link;
}

static void
to_tap(struct feth_link *link, int tap)
{
	static unsigned char	frame[65536];
	ssize_t			n;
	int			i;

	for (i = 0; i < TURN; i++) {
		n = feth_recv(link, FETH_MINE, frame, sizeof(frame), &err);
		if (n == -FETH_AGAIN)
			return;
		if (n == -FETH_PEER_GONE)
			exit(0);
		if (n < 0)
			die("feth_recv");
		if (write(tap, frame, (size_t)n) == -1 && errno != EIO)
			perror("cable: write");
	}
}

static void
to_link(struct feth_link *link, int tap)
{
	static unsigned char	frame[65536];
	ssize_t			n;
	int			i;

	for (i = 0; i < TURN; i++) {
		if ((n = read(tap, frame, sizeof(frame))) == -1)
			return;
		n = feth_send(link, FETH_MINE, frame, (size_t)n, &err);
		if (n == -FETH_PEER_GONE)
			exit(0);
		if (n < 0 && n != -FETH_AGAIN)
			fprintf(stderr, "cable: feth_send: %s\n", err.text);
	}
}

int
main(int argc, char **argv)
{
	struct feth_conn	*conn;
	struct feth_link	*link;
	struct pollfd		 p[2];
	int			 tap;

	if (argc != 5) {
		fprintf(stderr, "usage: cable SOCKET NAME CLASS TAP\n");
		return 2;
	}
	tap = tap_open(argv[4]);
	if (feth_connect(argv[1], &conn, &err) != 0)
		die("feth_connect");
	link = link_open(conn, argv[2], argv[3]);
	printf("open\n");
	fflush(stdout);
	p[0].fd = feth_fd(link, FETH_MINE);
	p[1].fd = tap;
	p[0].events = p[1].events = POLLIN;
	for (;;) {
		/* What was read ahead is not told by poll. */
		to_tap(link, tap);
		to_link(link, tap);
		if (poll(p, 2, 100) == -1 && errno != EINTR)
			return 1;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbered frames through a port, good ones and bad ones, for the tests of the
 * relay. PORT is message:FD, stream:FD, or packet:INTERFACE (root).
 *
 *	relay_port send PORT N LENGTH [RATE]	N frames, RATE a second
 *	relay_port recv PORT N MS [PAUSE]	until N have come, or none for MS;
 *						with PAUSE us after each
 *	relay_port bad PORT MTU [TIMES]		what no port may send
 *	relay_port length PORT LENGTH		announce a length in a stream
 *	relay_port split PORT N LENGTH		a stream in small pieces
 *	relay_port from PORT N MAC		frames with this source
 *	relay_port shut PORT rd|wr
 *	relay_port elsewhere PORT PATH		make a socket at PATH, connect to it
 *	relay_port fill PORT			write until there is no room
 *
 * recv tells how many came, what is missing, how many were out of order or came
 * twice, and how late they were: a histogram in ms, from the stamp that each
 * frame carries.
 */
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TYPE		0x88b5
#define AT_NUMBER	14
#define AT_STAMP	18
#define LATE_MAX	2000		/* ms in the histogram */

enum { MESSAGE, STREAM, PACKET };

static struct port { int kind, fd; } port;
static uint8_t	frame[1 << 17];
static uint8_t	mac[6] = { 2, 0, 0, 0, 0, 1 };

static int64_t
now(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
wait_until(int64_t ns)
{
	struct timespec	ts = { ns / 1000000000, ns % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void
packet_open(const char *ifname)
{
	struct sockaddr_ll	sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(TYPE),
	    .sll_ifindex = (int)if_nametoindex(ifname) };
	int			on = 1, size = 64 << 20;

	port.fd = socket(AF_PACKET, SOCK_RAW, htons(TYPE));
	setsockopt(port.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
	    sizeof(on));
	setsockopt(port.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(port.fd, (struct sockaddr *)&sll, sizeof(sll)) != 0) {
		perror(ifname);
		exit(1);
	}
}

static void
port_open(const char *text)
{
	const char	*value = strchr(text, ':');

	port.kind = strncmp(text, "stream", 6) == 0 ? STREAM :
	    strncmp(text, "packet", 6) == 0 ? PACKET : MESSAGE;
	if (value == NULL)
		exit(2);
	if (port.kind == PACKET)
		packet_open(value + 1);
	else
		port.fd = atoi(value + 1);
}

static void
frame_make(uint32_t number)
{
	int64_t	stamp = now();

	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
	memcpy(frame + AT_NUMBER, &number, sizeof(number));
	memcpy(frame + AT_STAMP, &stamp, sizeof(stamp));
}

/* 0, or errno. */
static int
put(const void *data, size_t len)
{
	uint32_t	head = htonl((uint32_t)len);
	struct iovec	iov[2] = { { &head, sizeof(head) },
	    { (void *)(uintptr_t)data, len } };
	struct msghdr	mh = { .msg_iov = iov, .msg_iovlen = 2 };
	struct pollfd	p = { .fd = port.fd, .events = POLLOUT };
	ssize_t		n;

	do {
		if (port.kind == STREAM)
			n = sendmsg(port.fd, &mh, MSG_NOSIGNAL);
		else
			n = send(port.fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			poll(&p, 1, 1000);
	} while (n < 0 && (errno == EAGAIN || errno == ENOBUFS));
	return n < 0 ? errno : 0;
}

static int
read_all(uint8_t *buf, size_t len)
{
	ssize_t	n;

	for (; len > 0; buf += n, len -= (size_t)n)
		if ((n = recv(port.fd, buf, len, MSG_WAITALL)) <= 0)
			return -1;
	return 0;
}

/* The length of a frame; 0: none for so long; -1: the end. */
static ssize_t
get(int ms)
{
	struct pollfd	p = { .fd = port.fd, .events = POLLIN };
	uint32_t	head;
	ssize_t		n;

	if (poll(&p, 1, ms) != 1)
		return 0;
	if (port.kind != STREAM) {
		n = recv(port.fd, frame, sizeof(frame), 0);
		return n > 0 ? n : -1;
	}
	if (read_all((uint8_t *)&head, sizeof(head)) != 0 ||
	    ntohl(head) > sizeof(frame) ||
	    read_all(frame, ntohl(head)) != 0)
		return -1;
	return ntohl(head);
}

static int
do_send(char **a)
{
	uint32_t	i, n = (uint32_t)atol(a[0]);
	size_t		len = (size_t)atol(a[1]);
	double		rate = a[2] != NULL ? atof(a[2]) : 0;
	int64_t		start = now();
	int		error;

	for (i = 0; i < n; i++) {
		if (rate > 0)
			wait_until(start + (int64_t)(i * 1e9 / rate));
		frame_make(i);
		if ((error = put(frame, len)) != 0) {
			printf("sent %u, then %s\n", i, strerror(error));
			return 1;
		}
	}
	printf("sent %u in %lld ms\n", n, (long long)(now() - start) / 1000000);
	return 0;
}

static unsigned int	late[LATE_MAX + 1];

static void
late_print(unsigned int n)
{
	unsigned int	i, sum = 0, least = LATE_MAX, most = 0, half = 0;

	for (i = 0; i <= LATE_MAX; i++) {
		if (late[i] == 0)
			continue;
		least = i < least ? i : least;
		most = i;
		if (sum < n / 2 && sum + late[i] >= n / 2)
			half = i;
		sum += late[i];
	}
	printf("late ms: least %u, median %u, most %u\n", least, half, most);
	for (i = least; i <= most; i++)
		if (late[i] != 0)
			printf("%5u ms %u\n", i, late[i]);
}

static int
do_recv(char **a)
{
	uint32_t	n = (uint32_t)atol(a[0]), number, next = 0, top = 0;
	unsigned int	got = 0, order = 0, twice = 0;
	uint8_t		*seen = calloc(1, n + 1);
	int64_t		stamp, ms;
	ssize_t		len = 1;

	while (got - twice < n && (len = get(atoi(a[1]))) > 0) {
		if (len < AT_STAMP + 8 || frame[12] != TYPE >> 8)
			continue;
		memcpy(&number, frame + AT_NUMBER, sizeof(number));
		memcpy(&stamp, frame + AT_STAMP, sizeof(stamp));
		ms = (now() - stamp) / 1000000;
		late[ms < 0 ? 0 : ms > LATE_MAX ? LATE_MAX : ms]++;
		got++;
		twice += number < n && seen[number]++ != 0;
		order += number < next;
		next = number + 1;
		top = number > top ? number : top;
		if (a[2] != NULL)
			usleep((useconds_t)atoi(a[2]));
	}
	printf("received %u of %u, twice %u, out of order %u%s\n", got, n,
	    twice, order, len < 0 ? ", end" : "");
	late_print(got);
	free(seen);
	return 0;
}

static void
tell(const char *what, size_t len, int error)
{
	printf("%s %zu: %s\n", what, len, error == 0 ? "sent" :
	    strerror(error));
}

static int
put_fd(size_t len)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(sizeof(int))];
	} control = { .buf = { 0 } };
	struct iovec	iov = { frame, len };
	struct msghdr	mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr	*c = CMSG_FIRSTHDR(&mh);
	int		one = 1;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &one, sizeof(one));
	return sendmsg(port.fd, &mh, MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* 14 that are too short (13 in a stream, where 0 ends it), two too long, one
 * with a descriptor. */
static void
bad_once(size_t mtu, void (*say)(const char *what, size_t len, int error))
{
	size_t	len;

	frame_make(0);
	for (len = port.kind == STREAM; len < 14; len++)
		say("short", len, put(frame, len));
	if (port.kind == STREAM)
		return;
	say("long", mtu + 19, put(frame, mtu + 19));
	say("long", 65535, put(frame, 65535));
	say("descriptor", 100, put_fd(100));
	say("longest", mtu + 18, put(frame, mtu + 18));
}

static void
say_nothing(const char *what, size_t len, int error)
{
	(void)what;
	(void)len;
	(void)error;
}

static int
do_bad(char **a)
{
	long	times = a[1] != NULL ? atol(a[1]) : 1;

	for (; times > 1; times--)
		bad_once((size_t)atol(a[0]), say_nothing);
	bad_once((size_t)atol(a[0]), tell);
	return 0;
}

static int
do_length(char **a)
{
	uint32_t	head = htonl((uint32_t)strtoul(a[0], NULL, 0));
	ssize_t		n;

	n = send(port.fd, &head, sizeof(head), MSG_NOSIGNAL);
	printf("announced: %s\n", n == sizeof(head) ? "sent" :
	    strerror(errno));
	n = recv(port.fd, frame, sizeof(frame), 0);
	printf("then: %s\n", n == 0 ? "end" : n < 0 ? strerror(errno) :
	    "frames");
	return 0;
}

static int
do_split(char **a)
{
	uint32_t	i, n = (uint32_t)atol(a[0]), len = (uint32_t)atol(a[1]);
	uint8_t		*all = malloc(4 + (size_t)len), *p;
	uint32_t	head = htonl(len);
	size_t		left, piece;
	ssize_t		sent;

	for (i = 0; i < n; i++) {
		frame_make(i);
		memcpy(all, &head, 4);
		memcpy(all + 4, frame, len);
		for (p = all, left = 4 + (size_t)len; left > 0;
		    p += sent, left -= (size_t)sent) {
			piece = 1 + (i * 7 + left) % 97;
			if (piece > left)
				piece = left;
			sent = send(port.fd, p, piece, MSG_NOSIGNAL);
			if (sent < 0)
				return printf("sent %u, then %s\n", i,
				    strerror(errno));
			/* So that half a frame is all that there is. */
			if (i % 16 == 0 && left % 5 == 0)
				usleep(200);
		}
	}
	printf("sent %u in pieces\n", n);
	free(all);
	return 0;
}

static int
do_from(char **a)
{
	if (sscanf(a[1], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1],
	    &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		return 2;
	a[1] = (char[]){ "100" };
	return do_send(a);
}

static int
do_shut(char **a)
{
	int	rv = shutdown(port.fd, *a[0] == 'r' ? SHUT_RD : SHUT_WR);

	printf("shutdown: %s\n", rv == 0 ? "done" : strerror(errno));
	return 0;
}

static int
do_elsewhere(char **a)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	int			rv, fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", a[0]);
	rv = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	if (rv == 0)
		rv = connect(port.fd, (struct sockaddr *)&sun, sizeof(sun));
	printf("connect: %s\n", rv == 0 ? "done" : strerror(errno));
	return 0;
}

static int
do_fill(char **a)
{
	uint32_t	head = htonl(1000);
	struct iovec	iov[2] = { { &head, sizeof(head) }, { frame, 1000 } };
	struct msghdr	mh = { .msg_iov = iov, .msg_iovlen = 2 };
	unsigned int	n = 0;

	(void)a;
	frame_make(0);
	if (port.kind != STREAM) {
		mh.msg_iov++;
		mh.msg_iovlen--;
	}
	while (sendmsg(port.fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		n++;
	printf("filled with %u: %s\n", n, strerror(errno));
	return 0;
}

static const struct {
	const char	*name;
	int		args;
	int		(*run)(char **a);
} rows[] = {
	{ "send", 2, do_send }, { "recv", 2, do_recv }, { "bad", 1, do_bad },
	{ "length", 1, do_length }, { "split", 2, do_split },
	{ "from", 2, do_from }, { "shut", 1, do_shut },
	{ "elsewhere", 1, do_elsewhere }, { "fill", 0, do_fill },
};

int
main(int argc, char **argv)
{
	size_t	i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (argc >= 3 + rows[i].args &&
		    strcmp(rows[i].name, argv[1]) == 0) {
			port_open(argv[2]);
			return rows[i].run(argv + 3);
		}
	fprintf(stderr, "usage: relay_port WHAT PORT ...\n");
	return 2;
}

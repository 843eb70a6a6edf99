/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay by itself, between socket pairs of the test's: every way of framing
 * against every other, want of room, checks, the ways a side ends, taps and
 * impairment. The test is the control plane, and the programs at both ends.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/event.h>

#include "fds.h"
#include "impair.h"
#include "relay.h"
#include "wire.h"

#define MTU	1500
#define MAX	(MTU + 18)
#define ID	7

static struct event_base	*base;
static struct relay		*relay;
static struct relay_link	*ln;
static int			 end[2];	/* the programs' */
static unsigned int		 fds_before, nclosed;
static struct {
	int		side;
	uint32_t	generation, detail;
	enum relay_closed why;
} last;

static void
on_closed(void *arg, uint64_t id, int side, uint32_t generation,
    enum relay_closed why, uint32_t detail)
{
	assert_ptr_equal(arg, &last);
	assert_int_equal(id, ID);
	last.side = side;
	last.generation = generation;
	last.why = why;
	last.detail = detail;
	nclosed++;
}

static void
remove_link(void)
{
	relay_remove(ln);
	ln = NULL;
}

static int
setup(void **state)
{
	(void)state;
	fds_before = fds_open();
	nclosed = 0;
	end[0] = end[1] = -1;
	ln = NULL;
	assert_non_null(base = event_base_new());
	assert_non_null(relay = relay_new(base, on_closed, &last));
	assert_int_equal(relay_threads(relay), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (ln != NULL)
		relay_remove(ln);
	relay_free(relay);
	event_base_free(base);
	wire_close(&end[0]);
	wire_close(&end[1]);
	assert_int_equal(fds_open(), fds_before);
	return 0;
}

/* One side: a new pair of TYPE, of which the relay gets one. */
static struct relay_port
side_make(int type, int *mine)
{
	struct relay_port	p = { .client = true, .generation = 5,
	    .io = type == SOCK_STREAM ? RELAY_STREAM : RELAY_MESSAGE };
	struct timeval		tv = { .tv_sec = 10 };
	int			fd[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_RCVTIMEO, &tv,
	    sizeof(tv)), 0);
	p.fd = fd[0];
	*mine = fd[1];
	return p;
}

static void
open_link(int type0, int type1)
{
	struct relay_port	port[2];
	int			error;

	port[0] = side_make(type0, &end[0]);
	port[1] = side_make(type1, &end[1]);
	ln = relay_add(relay, ID, MTU, port, &error);
	assert_non_null(ln);
}

static bool
is_stream(int fd)
{
	int		type;
	socklen_t	size = sizeof(type);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
	return type == SOCK_STREAM;
}

/* Frame NUMBER of LEN bytes out of FD; 0 or -errno. */
static int
put(int fd, uint32_t number, size_t len)
{
	uint8_t	buf[4 + 70000], *frame = buf + 4;
	ssize_t	n;

	memset(buf, (int)number, sizeof(buf));
	memcpy(frame + 14, &number, sizeof(number));
	buf[0] = (uint8_t)(len >> 24);
	buf[1] = (uint8_t)(len >> 16);
	buf[2] = (uint8_t)(len >> 8);
	buf[3] = (uint8_t)len;
	if (is_stream(fd))
		n = send(fd, buf, len + 4, MSG_NOSIGNAL);
	else
		n = send(fd, frame, len, MSG_NOSIGNAL);
	return n < 0 ? -errno : 0;
}

/* The next frame at FD: its number, with its length. */
static uint32_t
get(int fd, size_t *len)
{
	uint8_t		buf[70000];
	uint32_t	number;
	ssize_t		n;

	if (is_stream(fd)) {
		assert_int_equal(recv(fd, buf, 4, MSG_WAITALL), 4);
		n = buf[0] << 24 | buf[1] << 16 | buf[2] << 8 | buf[3];
		assert_int_equal(recv(fd, buf, (size_t)n, MSG_WAITALL), n);
	} else {
		n = recv(fd, buf, sizeof(buf), 0);
	}
	assert_true(n >= 18);
	memcpy(&number, buf + 14, sizeof(number));
	if (len != NULL)
		*len = (size_t)n;
	return number;
}

static void
nothing(int fd)
{
	struct pollfd	p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 50), 0);
}

static bool
ended(int fd)
{
	struct pollfd	p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 5000) == 1 && (p.revents & POLLHUP) != 0;
}

/* Until a side has closed, or for 5 s. */
static void
wait_closed(enum relay_closed why, int side)
{
	int	i;

	for (i = 0; i < 500 && nclosed == 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_int_equal(nclosed, 1);
	assert_int_equal(last.why, why);
	assert_int_equal(last.side, side);
	assert_int_equal(last.generation, 5);
	nclosed = 0;
}

static uint64_t
drops(int side, enum relay_drop why, uint64_t want)
{
	struct relay_counters	c;
	int			i;

	for (i = 0; i < 500; i++) {
		relay_count(ln, side, &c);
		if (c.drops[why] == want)
			break;
		usleep(10000);
	}
	return c.drops[why];
}

/* Both ways FRAMES: they are counted a moment after they arrived. */
static void
both_ways(uint64_t frames)
{
	struct relay_counters	c;
	int			i;

	for (i = 0; i < 500; i++) {
		relay_count(ln, 0, &c);
		if (c.tx_frames == frames && c.rx_frames == frames)
			break;
		usleep(10000);
	}
	assert_int_equal(c.tx_frames, frames);
	assert_int_equal(c.rx_frames, frames);
	assert_int_equal(c.tx_bytes, c.rx_bytes);
}

static const int	types[] = { SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM };

static void
test_all_ways(void **state)
{
	unsigned int		a, b, i, way;
	size_t			len;

	(void)state;
	for (a = 0; a < 3; a++) {
		for (b = 0; b < 3; b++) {
			open_link(types[a], types[b]);
			for (way = 0; way < 2; way++) {
				for (i = 0; i < 40; i++)
					assert_int_equal(put(end[way], i,
					    18 + i * 37), 0);
				for (i = 0; i < 40; i++) {
					assert_int_equal(get(end[!way], &len),
					    i);
					assert_int_equal(len, 18 + i * 37);
				}
			}
			both_ways(40);
			remove_link();
			assert_true(types[a] == SOCK_DGRAM || ended(end[0]));
			wire_close(&end[0]);
			wire_close(&end[1]);
		}
	}
	assert_true(relay_threads(relay) >= 1);
}

/* A sender as fast as it can be and a reader that begins late: it waits, and
 * nothing is lost, nor while the sender goes. */
static void
test_room(void **state)
{
	unsigned int	a, b, i, sent;

	(void)state;
	for (a = 0; a < 2; a++) {
		for (b = 0; b < 2; b++) {
			open_link(types[a], types[b]);
			assert_int_equal(fcntl(end[0], F_SETFL, O_NONBLOCK), 0);
			for (sent = 0, i = 0; i < 20; i++) {
				while (put(end[0], sent, 1000) == 0)
					sent++;
				usleep(10000);
			}
			assert_true(sent > 100 && sent < 20000);
			/* Streams: the last one may be half sent. */
			wire_close(&end[0]);
			for (i = 0; i < sent; i++)
				assert_int_equal(get(end[1], NULL), i);
			wait_closed(RELAY_HOLDER, 0);
			remove_link();
			wire_close(&end[1]);
		}
	}
}

/* Nobody is there yet: it waits for who comes, and for the next one. */
static void
test_nobody(void **state)
{
	struct relay_port	none = { .fd = -1, .client = true,
	    .io = RELAY_MESSAGE }, port[2], p;
	int			error, i, fd;

	(void)state;
	port[0] = side_make(SOCK_SEQPACKET, &end[0]);
	port[1] = none;
	assert_non_null(ln = relay_add(relay, ID, MTU, port, &error));
	for (i = 0; i < 10; i++)
		assert_int_equal(put(end[0], (uint32_t)i, 100), 0);
	p = side_make(SOCK_STREAM, &end[1]);
	assert_int_equal(relay_set_port(ln, 1, &p), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(get(end[1], NULL), i);
	/* The second program's last words are heard when a third one comes. */
	assert_int_equal(put(end[1], 77, 100), 0);
	p = side_make(SOCK_SEQPACKET, &fd);
	assert_int_equal(relay_set_port(ln, 1, &p), 0);
	assert_int_equal(get(end[0], NULL), 77);
	assert_true(ended(end[1]));
	wire_close(&end[1]);
	end[1] = fd;
	assert_int_equal(put(end[0], 78, 100), 0);
	assert_int_equal(get(end[1], NULL), 78);
	assert_int_equal(relay_set_port(ln, 1, &none), 0);
	assert_true(ended(end[1]));
	assert_int_equal(nclosed, 0);
}

static void
test_lengths(void **state)
{
	unsigned int	len;

	(void)state;
	open_link(SOCK_SEQPACKET, SOCK_SEQPACKET);
	for (len = 0; len < 14; len++)
		assert_int_equal(put(end[0], 1, len), 0);
	assert_int_equal(put(end[0], 1, MAX + 1), 0);
	assert_int_equal(put(end[0], 1, 65535), 0);
	assert_int_equal(put(end[0], 2, MAX), 0);
	assert_int_equal(get(end[1], NULL), 2);
	assert_int_equal(drops(0, RELAY_SHORT, 14), 14);
	assert_int_equal(drops(0, RELAY_LONG, 2), 2);
	nothing(end[1]);
}

static void
test_framing(void **state)
{
	static const uint32_t	bad[] = { 0, MAX + 1, 0x80000000u,
	    0xffffffffu };
	unsigned int		i;
	uint8_t			head[4];

	(void)state;
	for (i = 0; i < 4; i++) {
		open_link(SOCK_STREAM, SOCK_SEQPACKET);
		/* What came before it passes. */
		assert_int_equal(put(end[0], 9, 100), 0);
		head[0] = (uint8_t)(bad[i] >> 24);
		head[1] = (uint8_t)(bad[i] >> 16);
		head[2] = (uint8_t)(bad[i] >> 8);
		head[3] = (uint8_t)bad[i];
		/* In pieces, too. */
		assert_int_equal(send(end[0], head, i % 2 ? 4 : 2, 0),
		    i % 2 ? 4 : 2);
		if (i % 2 == 0) {
			usleep(20000);
			assert_int_equal(send(end[0], head + 2, 2, 0), 2);
		}
		assert_int_equal(get(end[1], NULL), 9);
		wait_closed(RELAY_FRAMING, 0);
		assert_int_equal(last.detail, bad[i]);
		assert_true(ended(end[0]));
		remove_link();
		wire_close(&end[0]);
		wire_close(&end[1]);
	}
}

static void
test_checks(void **state)
{
	struct relay_port	port[2];
	uint8_t			frame[MAX] = { 0 };
	int			error, i;

	(void)state;
	port[0] = side_make(SOCK_SEQPACKET, &end[0]);
	port[1] = side_make(SOCK_SEQPACKET, &end[1]);
	port[0].mac_lock = port[0].mtu_check = true;
	memcpy(port[0].mac, "\2abcde", 6);
	port[0].rate = 1000;
	port[0].burst = 5000;
	assert_non_null(ln = relay_add(relay, ID, MTU, port, &error));
	assert_int_equal(put(end[0], 1, 100), 0);
	assert_int_equal(drops(0, RELAY_MAC, 1), 1);
	memcpy(frame + 6, "\2abcde", 6);
	frame[12] = 8;
	assert_int_equal(send(end[0], frame, MTU + 15, 0), MTU + 15);
	assert_int_equal(drops(0, RELAY_LONG, 1), 1);
	frame[12] = 0x81;	/* with a tag it is as long as it may be */
	assert_int_equal(send(end[0], frame, MTU + 18, 0), MTU + 18);
	assert_int_equal(recv(end[1], frame, MAX, 0), MTU + 18);
	for (i = 0; i < 10; i++)
		assert_int_equal(send(end[0], frame, 1000, 0), 1000);
	assert_int_equal(drops(0, RELAY_RATE, 7), 7);
	/* 1000 bytes a second come back. */
	usleep(1100000);
	assert_int_equal(send(end[0], frame, 1000, 0), 1000);
	for (i = 0; i < 4; i++)
		assert_int_equal(recv(end[1], frame, MAX, 0), 1000);
	/* The other end may do what it likes. */
	assert_int_equal(put(end[1], 5, MTU + 18), 0);
	assert_int_equal(get(end[0], NULL), 5);
}

/* To come back is no way to send more than the rate. */
static void
test_rate_again(void **state)
{
	struct relay_port	none = { .fd = -1, .client = true,
	    .io = RELAY_MESSAGE, .rate = 1000, .burst = 5000 }, port[2];
	int			error, i;

	(void)state;
	port[0] = none;
	port[1] = side_make(SOCK_SEQPACKET, &end[1]);
	assert_non_null(ln = relay_add(relay, ID, MTU, port, &error));
	for (i = 0; i < 10; i++) {
		port[0] = side_make(SOCK_SEQPACKET, &end[0]);
		port[0].rate = none.rate;
		port[0].burst = none.burst;
		assert_int_equal(relay_set_port(ln, 0, &port[0]), 0);
		assert_int_equal(put(end[0], (uint32_t)i, 1500), 0);
		if (i < 3)
			assert_int_equal(get(end[1], NULL), i);
		assert_int_equal(relay_set_port(ln, 0, &none), 0);
		wire_close(&end[0]);
	}
	assert_int_equal(drops(0, RELAY_RATE, 7), 7);
	nothing(end[1]);
}

/* CPU time of all threads, in ms, while nothing happens for 200. */
static long
busy(void)
{
	struct timespec	a, b;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a), 0);
	usleep(200000);
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b), 0);
	return (long)(b.tv_sec - a.tv_sec) * 1000 +
	    (b.tv_nsec - a.tv_nsec) / 1000000;
}

/* A byte out of band is one of the stream. */
static void
test_urgent(void **state)
{
	uint8_t	head[4] = { 0, 0, 0, 100 }, frame[100] = { 0 };
	int	i;

	(void)state;
	open_link(SOCK_STREAM, SOCK_SEQPACKET);
	frame[14] = 42;
	for (i = 0; i < 4; i++)
		if (send(end[0], head + i, 1, i == 1 ? MSG_OOB : 0) != 1 &&
		    errno == EOPNOTSUPP)
			skip();
	assert_int_equal(send(end[0], frame, 100, 0), 100);
	assert_int_equal(get(end[1], NULL), 42);
	assert_int_equal(send(end[0], head, 1, MSG_OOB), 1);
	assert_true(busy() < 100);
	/* It was the first of a length. */
	assert_int_equal(send(end[0], head + 1, 3, 0), 3);
	assert_int_equal(send(end[0], frame, 100, 0), 100);
	assert_int_equal(get(end[1], NULL), 42);
}

static void
test_shut(void **state)
{
	(void)state;
	open_link(SOCK_SEQPACKET, SOCK_STREAM);
	/* Deaf: what comes is counted, what it says is heard. */
	assert_int_equal(shutdown(end[0], SHUT_RD), 0);
	assert_int_equal(put(end[1], 1, 100), 0);
	assert_int_equal(drops(0, RELAY_REFUSED, 1), 1);
	assert_int_equal(put(end[0], 2, 100), 0);
	assert_int_equal(get(end[1], NULL), 2);
	/* Mute: closed. */
	assert_int_equal(shutdown(end[1], SHUT_WR), 0);
	wait_closed(RELAY_SHUT, 1);
	assert_true(ended(end[1]));
}

/* Its holder goes and has not read all: he has gone all the same, and his last
 * words are heard. */
static void
test_unread(void **state)
{
	unsigned int	i, k;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (k = 0; k < 2; k++) {
			open_link(types[i], SOCK_SEQPACKET);
			assert_int_equal(put(end[1], 1, 100), 0);
			assert_int_equal(get(end[0], NULL), 1);
			assert_int_equal(put(end[1], 2, 100), 0);
			assert_int_equal(poll(&(struct pollfd){ .fd = end[0],
			    .events = POLLIN }, 1, 5000), 1);
			assert_int_equal(put(end[0], 3, 100), 0);
			/* A stream in the middle of a frame, too. */
			if (k == 1 && is_stream(end[0]))
				assert_int_equal(send(end[0], "\0\0\1", 3, 0),
				    3);
			assert_int_equal(get(end[1], NULL), 3);
			wire_close(&end[0]);
			wait_closed(RELAY_HOLDER, 0);
			remove_link();
			wire_close(&end[1]);
		}
	}
}

/* A datagram port goes while what it sent waits for the other end: what is sent
 * to it meanwhile is refused, it costs nothing to wait, and the reason is that
 * of the first time. */
static void
test_gone_datagram(void **state)
{
	unsigned int	i, sent, left;

	(void)state;
	open_link(SOCK_DGRAM, SOCK_SEQPACKET);
	assert_int_equal(fcntl(end[0], F_SETFL, O_NONBLOCK), 0);
	for (sent = 0, i = 0; i < 20; i++) {
		while (put(end[0], sent, 1000) == 0)
			sent++;
		usleep(10000);
	}
	wire_close(&end[0]);
	for (i = 0; i < 3; i++)
		assert_int_equal(put(end[1], i, 100), 0);
	assert_int_equal(drops(0, RELAY_REFUSED, 3), 3);
	assert_true(busy() < 100);
	assert_int_equal(nclosed, 0);
	/* It has ended when what waited is out. */
	for (left = 0; nclosed == 0 && left < sent; left++) {
		assert_int_equal(get(end[1], NULL), left);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	wait_closed(RELAY_HOLDER, 0);
	assert_int_equal(last.detail, ECONNREFUSED);
}

/* Holds up the relay's thread at the first frame. */
struct gate {
	struct relay_tap	tap;
	int			pipe[2];
	bool			passed;
};

static void
gate_frame(struct relay_tap *tap, int side, bool out, const uint8_t *frame,
    uint32_t len)
{
	struct gate	*g = (struct gate *)tap;
	char		 c;

	if (side == 0 && !out && !g->passed && frame != NULL && len == 20)
		g->passed = read(g->pipe[0], &c, 1) == 1;
}

/* The last three of six frames are long, and are read together with the end of
 * who sent them; there is room at the other end for about SIZE bytes. */
static void
open_full(struct gate *g, int size)
{
	struct relay_port	port[2];
	uint32_t		i;
	int			error;

	port[0] = side_make(SOCK_SEQPACKET, &end[0]);
	port[1] = side_make(SOCK_STREAM, &end[1]);
	assert_non_null(ln = relay_add(relay, ID, 40000, port, &error));
	assert_int_equal(setsockopt(port[1].fd, SOL_SOCKET, SO_SNDBUF, &size,
	    sizeof(size)), 0);
	assert_int_equal(relay_tap(ln, &g->tap), 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(put(end[0], i, i < 3 ? 20 : 40000), 0);
	wire_close(&end[0]);
	assert_int_equal(write(g->pipe[1], "", 1), 1);
	usleep(20000);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Who goes when his last frame is half sent has still sent all of it. */
static void
test_half_sent(void **state)
{
	static struct gate	g = { .tap = { .frame = gate_frame } };
	struct relay_port	none = { .fd = -1, .client = true,
	    .io = RELAY_STREAM };
	unsigned int		i;
	int			size;

	(void)state;
	assert_int_equal(pipe(g.pipe), 0);
	for (size = 10000; size <= 100000; size += 5000) {
		g.passed = false;
		open_full(&g, size);
		/* As the end of a session link. */
		if (nclosed > 0) {
			remove_link();
		}
		for (i = 0; i < 6; i++)
			assert_int_equal(get(end[1], NULL), i);
		wait_closed(RELAY_HOLDER, 0);
		if (ln != NULL)
			remove_link();
		wire_close(&end[1]);
		/* Nobody is there to take it any more. */
		g.passed = false;
		open_full(&g, size);
		assert_int_equal(relay_set_port(ln, 1, &none), 0);
		wait_closed(RELAY_HOLDER, 0);
		remove_link();
		wire_close(&end[1]);
	}
	wire_close(&g.pipe[0]);
	wire_close(&g.pipe[1]);
}

/* The relay ends, and another goes on with duplicates of its descriptors. */
static void
test_keep(void **state)
{
	struct relay_port	port[2];
	int			error, i, dups[2];

	(void)state;
	port[0] = side_make(SOCK_SEQPACKET, &end[0]);
	port[1] = side_make(SOCK_STREAM, &end[1]);
	for (i = 0; i < 2; i++)
		assert_true((dups[i] = dup(port[i].fd)) != -1);
	assert_non_null(ln = relay_add(relay, ID, MTU, port, &error));
	assert_int_equal(put(end[0], 1, 100), 0);
	assert_int_equal(get(end[1], NULL), 1);
	relay_keep(NULL);
	relay_keep(relay);
	relay_remove(ln);
	relay_free(relay);
	nothing(end[0]);
	nothing(end[1]);
	assert_int_equal(put(end[0], 2, 100), 0);
	assert_non_null(relay = relay_new(base, on_closed, &last));
	for (i = 0; i < 2; i++)
		port[i].fd = dups[i];
	assert_true((dups[1] = dup(port[1].fd)) != -1);
	assert_non_null(ln = relay_add(relay, ID, MTU, port, &error));
	assert_int_equal(get(end[1], NULL), 2);
	assert_int_equal(put(end[1], 3, 100), 0);
	assert_int_equal(get(end[0], NULL), 3);
	/* Who has sent half a frame cannot go on. */
	assert_int_equal(send(end[1], "\0\0\1", 3, 0), 3);
	usleep(50000);
	relay_keep(relay);
	remove_link();
	assert_true(ended(end[1]));
	wire_close(&dups[1]);
	assert_int_equal(nclosed, 0);
}

/* SIZE bytes out of FD, with a descriptor. */
static void
put_rights(int fd, void *data, size_t size)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(sizeof(int))];
	}		control = { .buf = { 0 } };
	struct iovec	iov = { data, size };
	struct msghdr	mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr	*c = CMSG_FIRSTHDR(&mh);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	assert_int_equal(sendmsg(fd, &mh, 0), size);
}

static void
test_rights(void **state)
{
	uint8_t		data[100] = { 0 };
	unsigned int	before;

	(void)state;
	open_link(SOCK_SEQPACKET, SOCK_SEQPACKET);
	before = fds_open();
	put_rights(end[0], data, sizeof(data));
	assert_int_equal(drops(0, RELAY_RIGHTS, 1), 1);
	assert_int_equal(fds_open(), before);
	nothing(end[1]);
}

/* With a whole frame, and with the second half of one; those after them pass. */
static void
test_rights_stream(void **state)
{
	uint8_t		data[100] = { 0, 0, 0, 96 };
	unsigned int	before;
	size_t		len;

	(void)state;
	open_link(SOCK_STREAM, SOCK_SEQPACKET);
	before = fds_open();
	put_rights(end[0], data, sizeof(data));
	assert_int_equal(drops(0, RELAY_RIGHTS, 1), 1);
	assert_int_equal(put(end[0], 5, 60), 0);
	assert_int_equal(get(end[1], &len), 5);
	assert_int_equal(send(end[0], data, 50, 0), 50);
	put_rights(end[0], data + 50, 50);
	assert_int_equal(drops(0, RELAY_RIGHTS, 2), 2);
	assert_int_equal(put(end[0], 6, 60), 0);
	assert_int_equal(get(end[1], &len), 6);
	assert_int_equal(fds_open(), before);
}

/* One that does not read, and nine that do. */
static void
test_neighbours(void **state)
{
	struct relay_link	*stuck, *l[9];
	int			 stuck_end[2], ends[9][2], i, k;

	(void)state;
	open_link(SOCK_SEQPACKET, SOCK_SEQPACKET);
	stuck = ln;
	stuck_end[0] = end[0];
	stuck_end[1] = end[1];
	assert_int_equal(fcntl(stuck_end[0], F_SETFL, O_NONBLOCK), 0);
	for (i = 0; i < 9; i++) {
		open_link(types[i % 2], types[(i + 1) % 2]);
		l[i] = ln;
		ends[i][0] = end[0];
		ends[i][1] = end[1];
	}
	ln = NULL;
	end[0] = end[1] = -1;
	for (k = 0; k < 200; k++) {
		while (put(stuck_end[0], 1, 1500) == 0)
			;
		for (i = 0; i < 9; i++)
			assert_int_equal(put(ends[i][0], (uint32_t)k, 200), 0);
		for (i = 0; i < 9; i++)
			assert_int_equal(get(ends[i][1], NULL), k);
	}
	for (i = 0; i < 9; i++) {
		relay_remove(l[i]);
		wire_close(&ends[i][0]);
		wire_close(&ends[i][1]);
	}
	relay_remove(stuck);
	wire_close(&stuck_end[0]);
	wire_close(&stuck_end[1]);
}

struct counting {
	struct relay_tap	tap;
	atomic_uint		seen[2][2];
	unsigned int		released;
};

static void
tap_frame(struct relay_tap *tap, int side, bool out, const uint8_t *frame,
    uint32_t len)
{
	struct counting	*c = (struct counting *)tap;

	if (frame != NULL && len == 100)
		atomic_fetch_add(&c->seen[side][out], 1);
}

static void
tap_released(struct relay_tap *tap)
{
	((struct counting *)tap)->released++;
}

static void
test_tap(void **state)
{
	struct counting	c = { .tap = { tap_frame, tap_released } }, d = c;
	unsigned int	i;

	(void)state;
	open_link(SOCK_SEQPACKET, SOCK_STREAM);
	assert_int_equal(relay_tap(ln, &c.tap), 0);
	for (i = 0; i < 10; i++) {
		assert_int_equal(put(end[0], i, 100), 0);
		assert_int_equal(get(end[1], NULL), i);
	}
	assert_int_equal(relay_tap(ln, &d.tap), 0);
	for (i = 0; i < 500 && c.released == 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_int_equal(c.released, 1);
	assert_int_equal(c.seen[0][0], 10);
	assert_int_equal(c.seen[1][1], 10);
	assert_int_equal(c.seen[1][0] + c.seen[0][1], 0);
	/* The end of the link releases it, too. */
	remove_link();
	for (i = 0; i < 500 && d.released == 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_int_equal(d.released, 1);
}

static int64_t
ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
test_impair(void **state)
{
	struct impair_conf	c = { .delay_us = 1000000 }, clean = { 0 };
	int64_t			start;
	unsigned int		i;

	(void)state;
	open_link(SOCK_SEQPACKET, SOCK_STREAM);
	assert_int_equal(relay_impair(ln, 0, &c), 0);
	start = ms();
	for (i = 0; i < 50; i++)
		assert_int_equal(put(end[0], i, 300), 0);
	/* The other way is not impaired. */
	assert_int_equal(put(end[1], 1, 300), 0);
	assert_int_equal(get(end[0], NULL), 1);
	assert_true(ms() - start < 900);
	for (i = 0; i < 50; i++)
		assert_int_equal(get(end[1], NULL), i);
	assert_true(ms() - start >= 1000);
	/* What is on its way when it ends still comes, in its time and before
	 * what is sent after it. */
	assert_int_equal(put(end[0], 60, 300), 0);
	usleep(20000);
	assert_int_equal(relay_impair(ln, 0, &clean), 0);
	assert_int_equal(put(end[0], 61, 300), 0);
	assert_int_equal(get(end[1], NULL), 60);
	assert_int_equal(get(end[1], NULL), 61);
	start = ms();
	assert_int_equal(put(end[0], 62, 300), 0);
	assert_int_equal(get(end[1], NULL), 62);
	assert_true(ms() - start < 900);
	c = (struct impair_conf){ .down = true };
	assert_int_equal(relay_impair(ln, 0, &c), 0);
	assert_int_equal(put(end[0], 63, 300), 0);
	assert_int_equal(drops(0, RELAY_DOWN, 1), 1);
	nothing(end[1]);
}

/* Impaired, and no room: it waits as well. */
static void
test_impair_room(void **state)
{
	struct impair_conf	c = { .delay_us = 1000 };
	unsigned int		i, sent = 0;

	(void)state;
	open_link(SOCK_SEQPACKET, SOCK_SEQPACKET);
	assert_int_equal(relay_impair(ln, 0, &c), 0);
	assert_int_equal(fcntl(end[0], F_SETFL, O_NONBLOCK), 0);
	for (i = 0; i < 30; i++) {
		while (put(end[0], sent, 1000) == 0)
			sent++;
		usleep(10000);
	}
	for (i = 0; i < sent; i++)
		assert_int_equal(get(end[1], NULL), i);
	assert_int_equal(drops(0, RELAY_QUEUE, 0), 0);
}

int
main(void)
{
#define T(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest	tests[] = {
		T(test_all_ways), T(test_room), T(test_nobody),
		T(test_lengths), T(test_framing), T(test_checks),
		T(test_rate_again),
		T(test_urgent), T(test_shut), T(test_unread),
		T(test_gone_datagram), T(test_half_sent),
		T(test_keep),
		T(test_rights), T(test_neighbours), T(test_tap),
		T(test_lengths), T(test_framing), T(test_checks), T(test_shut),
		T(test_rights), T(test_rights_stream), T(test_neighbours),
		T(test_tap),
		T(test_impair), T(test_impair_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of libfeth on each way of moving them: messages, stream, and a device
 * (for which a pipe in packet mode stands). The links are made here,
 * without a daemon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "feth_int.h"

#define MTU	1500
#define MAX	(MTU + 18)

static void
link_make(struct feth_link *l, int fd, const char *class_name)
{
	struct feth_error err;

	memset(l, 0, sizeof(*l));
	feth_port_none(&l->port[0]);
	feth_port_none(&l->port[1]);
	assert_int_equal(feth_port_init(&l->port[0], &fd, class_name, 0, MAX,
	    &err), 0);
	assert_int_equal(fd, -1);
}

static void
link_drop(struct feth_link *l)
{
	feth_port_close(&l->port[0]);
}

/* Two links at the ends of one socket pair. */
static void
pair_make(struct feth_link *a, struct feth_link *b, int type,
    const char *class_name)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, type, 0, fd), 0);
	link_make(a, fd[0], class_name);
	link_make(b, fd[1], class_name);
}

static void
fill(uint8_t *frame, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + seed);
}

static const struct {
	const char	*class_name;
	int		type;
} ways[] = {
	{ "socket", SOCK_SEQPACKET },
	{ "socket", SOCK_DGRAM },
	{ "stream", SOCK_STREAM },
};
#define NWAYS	(sizeof(ways) / sizeof(ways[0]))

static void
test_lengths(void **state)
{
	static const struct {
		size_t	len;
		int	ok;
	} cases[] = { { 0, 0 }, { 1, 0 }, { 13, 0 }, { 14, 1 }, { 15, 1 },
	    { 60, 1 }, { MAX - 1, 1 }, { MAX, 1 }, { MAX + 1, 0 },
	    { 70000, 0 } };
	static uint8_t out[70000], in[MAX];
	struct feth_link a, b;
	struct feth_error err;
	size_t w, i;

	(void)state;
	for (w = 0; w < NWAYS; w++) {
		pair_make(&a, &b, ways[w].type, ways[w].class_name);
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			fill(out, cases[i].len, (unsigned int)i);
			if (!cases[i].ok) {
				assert_int_equal(feth_send(&a, 0, out,
				    cases[i].len, &err), -FETH_FRAME_SIZE);
				assert_string_equal(err.name, "FrameSize");
				continue;
			}
			assert_int_equal(feth_send(&a, FETH_MINE, out,
			    cases[i].len, &err), cases[i].len);
			assert_int_equal(feth_recv(&b, FETH_MINE, in,
			    sizeof(in), &err), cases[i].len);
			assert_memory_equal(in, out, cases[i].len);
		}
		link_drop(&a);
		link_drop(&b);
	}
}

static void
test_end(void **state)
{
	uint8_t frame[60] = { 0 }, in[MAX];
	struct feth_link a, b;
	struct feth_error err;
	size_t w;

	(void)state;
	for (w = 0; w < NWAYS; w++) {
		pair_make(&a, &b, ways[w].type, ways[w].class_name);
		assert_int_equal(feth_send(&a, 0, frame, 60, &err), 60);
		link_drop(&a);
		/* What was sent before arrives still. */
		assert_int_equal(feth_recv(&b, 0, in, sizeof(in), &err), 60);
		if (ways[w].type != SOCK_DGRAM)
			assert_int_equal(feth_recv(&b, 0, in, sizeof(in), &err),
			    -FETH_PEER_GONE);
		assert_int_equal(feth_send(&b, 0, frame, 60, &err),
		    -FETH_PEER_GONE);
		link_drop(&b);
	}
}

/* A port that is not held, or was taken away. */
static void
test_none(void **state)
{
	uint8_t frame[MAX] = { 0 };
	struct feth_frame f = { frame, sizeof(frame), 60 };
	struct feth_link a, b;
	struct feth_error err;
	int fd;

	(void)state;
	pair_make(&a, &b, SOCK_SEQPACKET, "socket");
	fd = feth_take_fd(&a, FETH_MINE);
	assert_true(fd >= 0);
	assert_int_equal(feth_fd(&a, 0), -1);
	assert_int_equal(feth_take_fd(&a, 0), -1);
	assert_int_equal(feth_send(&a, 0, frame, 60, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_recv(&a, 1, frame, 10, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_send_batch(&a, 0, &f, 1, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_recv_batch(&a, 0, &f, 1, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_flush(&a, 0, &err), -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_set_nonblock(&a, 0, true, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(send(fd, frame, 60, 0), 60);
	assert_int_equal(feth_recv(&b, 0, frame, sizeof(frame), NULL), 60);
	close(fd);
	link_drop(&b);
}

static void
test_nonblock(void **state)
{
	uint8_t frame[MAX] = { 0 }, in[MAX];
	struct feth_frame f = { in, sizeof(in), 0 };
	struct feth_link a, b;
	struct feth_error err;
	ssize_t n;
	size_t w;
	int sent;

	(void)state;
	for (w = 0; w < NWAYS; w++) {
		pair_make(&a, &b, ways[w].type, ways[w].class_name);
		assert_int_equal(feth_set_nonblock(&a, 0, true, &err), 0);
		assert_int_equal(feth_set_nonblock(&b, 0, true, &err), 0);
		assert_int_equal(feth_recv(&b, 0, in, sizeof(in), &err),
		    -FETH_AGAIN);
		assert_int_equal(err.errnum, EAGAIN);
		assert_int_equal(feth_recv_batch(&b, 0, &f, 1, &err),
		    -FETH_AGAIN);
		for (sent = 0; sent < 100000; sent++) {
			fill(frame, MAX, (unsigned int)sent);
			n = feth_send(&a, 0, frame, MAX, &err);
			if (n < 0)
				break;
		}
		assert_int_equal(n, -FETH_AGAIN);
		assert_true(sent > 1);
		/* All that was taken comes out, the last as a whole. */
		while (sent-- > 0) {
			n = feth_recv(&b, 0, in, sizeof(in), &err);
			if (n == -FETH_AGAIN) {
				assert_int_equal(feth_flush(&a, 0, &err), 0);
				n = feth_recv(&b, 0, in, sizeof(in), &err);
			}
			assert_int_equal(n, MAX);
		}
		fill(frame, MAX, 0);
		assert_int_equal(feth_flush(&a, 0, &err), 0);
		assert_int_equal(feth_recv(&b, 0, in, sizeof(in), &err),
		    -FETH_AGAIN);
		link_drop(&a);
		link_drop(&b);
	}
}

static void
test_room(void **state)
{
	uint8_t in[MAX];
	struct feth_frame f = { in, MAX - 1, 0 };
	struct feth_link a, b;
	struct feth_error err;

	(void)state;
	pair_make(&a, &b, SOCK_SEQPACKET, "socket");
	assert_int_equal(feth_recv(&a, 0, in, MAX - 1, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_recv_batch(&a, 0, &f, 1, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_recv_batch(&a, 0, &f, 0, &err), 0);
	link_drop(&a);
	link_drop(&b);
}

/* The other side of a pair may be no libfeth. */
static void
test_hostile_messages(void **state)
{
	static uint8_t big[9000];
	uint8_t in[4][MAX];
	struct feth_frame f[4];
	struct feth_link a, b;
	struct feth_error err;
	int i;

	(void)state;
	pair_make(&a, &b, SOCK_SEQPACKET, "socket");
	for (i = 0; i < 2; i++) {
		send(feth_fd(&a, 0), big, 0, 0);
		send(feth_fd(&a, 0), big, 13, 0);
		send(feth_fd(&a, 0), big, MAX + 1, 0);
		send(feth_fd(&a, 0), big, 60, 0);
		if (i == 1)
			break;
		assert_int_equal(feth_recv(&b, 0, in[0], MAX, &err),
		    -FETH_FRAME_SIZE);
		assert_int_equal(feth_recv(&b, 0, in[0], MAX, &err),
		    -FETH_FRAME_SIZE);
		assert_int_equal(feth_recv(&b, 0, in[0], MAX, &err),
		    -FETH_FRAME_SIZE);
		assert_int_equal(feth_recv(&b, 0, in[0], MAX, &err), 60);
	}
	for (i = 0; i < 4; i++)
		f[i] = (struct feth_frame){ in[i], MAX, 99 };
	assert_int_equal(feth_recv_batch(&b, 0, f, 4, &err), 4);
	assert_int_equal(f[0].len, 0);
	assert_int_equal(f[1].len, 0);
	assert_int_equal(f[2].len, 0);
	assert_int_equal(f[3].len, 60);
	link_drop(&a);
	assert_int_equal(feth_recv_batch(&b, 0, f, 4, &err), -FETH_PEER_GONE);
	link_drop(&b);
}

static void
test_hostile_stream(void **state)
{
	static const uint8_t bad[][4] = { { 0, 0, 0, 0 }, { 0, 0, 0, 13 },
	    { 0, 0, (MAX + 1) >> 8, (MAX + 1) & 255 },
	    { 255, 255, 255, 255 }, { 128, 0, 0, 60 } };
	uint8_t in[MAX] = { 0 };
	struct feth_link a, b;
	struct feth_error err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pair_make(&a, &b, SOCK_STREAM, "stream");
		send(feth_fd(&a, 0), bad[i], 4, 0);
		send(feth_fd(&a, 0), in, 200, 0);
		assert_int_equal(feth_recv(&b, 0, in, MAX, &err),
		    -FETH_PROTOCOL);
		/* And for good: there is no next frame to be found. */
		assert_int_equal(feth_recv(&b, 0, in, MAX, &err),
		    -FETH_PROTOCOL);
		link_drop(&a);
		link_drop(&b);
	}
}

/* Frames cut at every byte by the one who writes. */
static void
test_stream_pieces(void **state)
{
	uint8_t wire[2 * (4 + 60)] = { 0 }, in[MAX];
	struct feth_link a, b;
	struct feth_error err;
	size_t cut;
	int i, got;

	(void)state;
	for (i = 0; i < 2; i++) {
		wire[i * 64 + 3] = 60;
		fill(wire + i * 64 + 4, 60, (unsigned int)i);
	}
	for (cut = 1; cut < sizeof(wire); cut++) {
		pair_make(&a, &b, SOCK_STREAM, "stream");
		feth_set_nonblock(&b, 0, true, NULL);
		send(feth_fd(&a, 0), wire, cut, 0);
		for (got = 0; feth_recv(&b, 0, in, MAX, &err) == 60; got++)
			assert_memory_equal(in, wire + got * 64 + 4, 60);
		assert_int_equal(err.code, FETH_AGAIN);
		assert_int_equal(got, cut / 64);
		send(feth_fd(&a, 0), wire + cut, sizeof(wire) - cut, 0);
		for (; feth_recv(&b, 0, in, MAX, &err) == 60; got++)
			assert_memory_equal(in, wire + got * 64 + 4, 60);
		assert_int_equal(got, 2);
		link_drop(&a);
		link_drop(&b);
	}
}

static void
test_batch(void **state)
{
	static uint8_t out[200][100], in[FETH_BATCH][MAX];
	struct feth_frame f[200], g[FETH_BATCH];
	struct feth_link a, b;
	struct feth_error err;
	int i, n, sent, got;
	size_t w;

	(void)state;
	for (i = 0; i < 200; i++) {
		fill(out[i], 100, (unsigned int)i);
		f[i] = (struct feth_frame){ out[i], 0, 60 + (size_t)i % 40 };
	}
	for (i = 0; i < FETH_BATCH; i++)
		g[i] = (struct feth_frame){ in[i], MAX, 0 };
	for (w = 0; w < NWAYS; w++) {
		pair_make(&a, &b, ways[w].type, ways[w].class_name);
		feth_set_nonblock(&a, 0, true, NULL);
		feth_set_nonblock(&b, 0, true, NULL);
		assert_int_equal(feth_send_batch(&a, 0, f, 0, &err), 0);
		for (sent = got = 0; got < 200; ) {
			if (sent < 200) {
				n = feth_send_batch(&a, 0, f + sent,
				    200 - (unsigned int)sent, &err);
				assert_true(n > 0 || n == -FETH_AGAIN);
				sent += n > 0 ? n : 0;
			}
			n = feth_recv_batch(&b, 0, g, FETH_BATCH + 9, &err);
			assert_in_range(n, 1, FETH_BATCH);
			for (i = 0; i < n; i++, got++) {
				assert_int_equal(g[i].len, f[got].len);
				assert_memory_equal(in[i], out[got], g[i].len);
			}
		}
		assert_int_equal(feth_recv_batch(&b, 0, g, 4, &err),
		    -FETH_AGAIN);
		/* One bad length: nothing is sent at all. */
		f[100].len = 13;
		assert_int_equal(feth_send_batch(&a, 0, f, 200, &err),
		    -FETH_FRAME_SIZE);
		assert_int_equal(feth_recv_batch(&b, 0, g, 4, &err),
		    -FETH_AGAIN);
		f[100].len = 60;
		link_drop(&a);
		link_drop(&b);
	}
}

/* recv_batch waits for the first frame, and for no more. */
static void
test_batch_waits(void **state)
{
	static uint8_t in[4][MAX];
	struct feth_frame g[4];
	struct feth_link a, b;
	struct feth_error err;
	pid_t child;
	size_t w;
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		g[i] = (struct feth_frame){ in[i], MAX, 0 };
	for (w = 0; w < NWAYS; w++) {
		pair_make(&a, &b, ways[w].type, ways[w].class_name);
		child = fork();
		if (child == 0) {
			usleep(50000);
			feth_send(&a, 0, in[0], 60, NULL);
			_exit(0);
		}
		assert_int_equal(feth_recv_batch(&b, 0, g, 4, &err), 1);
		assert_int_equal(g[0].len, 60);
		waitpid(child, NULL, 0);
		link_drop(&a);
		link_drop(&b);
	}
}

/* A pipe in packet mode keeps writes apart, as a TAP does. */
static void
test_device(void **state)
{
	static uint8_t in[4][MAX], out[200];
	struct feth_frame g[4], f[3];
	struct feth_link r, w;
	struct feth_error err;
	int fd[2], i, n;

	(void)state;
	assert_int_equal(pipe2(fd, O_DIRECT), 0);
	link_make(&r, fd[0], "tap");
	link_make(&w, fd[1], "tap");
	for (i = 0; i < 4; i++)
		g[i] = (struct feth_frame){ in[i], MAX, 0 };
	for (i = 0; i < 3; i++)
		f[i] = (struct feth_frame){ out, 0, 60 + (size_t)i };
	assert_int_equal(feth_send(&w, 0, out, 13, &err), -FETH_FRAME_SIZE);
	assert_int_equal(feth_send(&w, 0, out, 100, &err), 100);
	assert_int_equal(feth_recv(&r, 0, in[0], MAX, &err), 100);
	assert_int_equal(feth_send_batch(&w, 0, f, 3, &err), 3);
	/* Blocking mode, and still it ends when nothing more is there. */
	n = feth_recv_batch(&r, 0, g, 4, &err);
	assert_int_equal(n, 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(g[i].len, 60 + i);
	feth_set_nonblock(&r, 0, true, NULL);
	assert_int_equal(feth_recv(&r, 0, in[0], MAX, &err), -FETH_AGAIN);
	assert_int_equal(feth_flush(&w, 0, &err), 0);
	link_drop(&w);
	assert_int_equal(feth_recv(&r, 0, in[0], MAX, &err), -FETH_PEER_GONE);
	link_drop(&r);
}

static void
test_replace(void **state)
{
	uint8_t in[MAX], out[60] = { 0 };
	struct feth_link a, b, c, d;
	struct feth_error err;
	int number, fd;

	(void)state;
	pair_make(&a, &b, SOCK_STREAM, "stream");
	pair_make(&c, &d, SOCK_STREAM, "stream");
	/* Half a frame of the old stream is in the buffer. */
	send(feth_fd(&b, 0), "\0\0\0\74abc", 7, 0);
	feth_set_nonblock(&a, 0, true, NULL);
	assert_int_equal(feth_recv(&a, 0, in, MAX, &err), -FETH_AGAIN);
	number = feth_fd(&a, 0);
	fd = feth_take_fd(&c, 0);
	assert_int_equal(feth_port_replace(&a.port[0], &fd, &err), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(feth_fd(&a, 0), number);
	assert_true(fcntl(number, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(number, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(feth_send(&d, 0, out, 60, &err), 60);
	assert_int_equal(feth_recv(&a, 0, in, MAX, &err), 60);
	link_drop(&a);
	link_drop(&b);
	link_drop(&d);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_nonblock),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_hostile_messages),
		cmocka_unit_test(test_hostile_stream),
		cmocka_unit_test(test_stream_pieces),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_waits),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

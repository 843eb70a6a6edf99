/* SPDX-License-Identifier: MIT */
/*
 * libfeth's batch_darwin.c on Linux's sockets, with the two calls of macOS played
 * by fake_msg_x.h: batches both ways, what came with a frame, a cut frame, and
 * what a full and a closed other end come to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What clang knows for macOS. */
#define weak_import	weak
#include "batch_darwin.c"

#include "fake_msg_x.h"

#define FRAMES	8
#define SIZE	1518

static int	mine, theirs;
static uint8_t	out[FRAMES][SIZE], in[FRAMES][SIZE];

static int
setup(void **state)
{
	int fd[2];

	(void)state;
	fake_fail = 0;
	fake_calls = fake_stale = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd),
	    0);
	mine = fd[0];
	theirs = fd[1];
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	wire_close(&mine);
	wire_close(&theirs);
	return 0;
}

static int
put(unsigned int n)
{
	struct feth_frame f[FRAMES];
	unsigned int i;

	for (i = 0; i < n; i++) {
		out[i][0] = (uint8_t)i;
		f[i] = (struct feth_frame){ .data = out[i], .len = 60 + i };
	}
	return feth_batch_send(mine, f, n);
}

/* What a stack has that was used before: no zeros. */
static void __attribute__((noinline))
stack_used(void)
{
	volatile uint8_t used[2 * sizeof(struct batch)];
	size_t i;

	for (i = 0; i < sizeof(used); i++)
		used[i] = 0x11;
}

static int
get(struct feth_frame f[FRAMES])
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		f[i] = (struct feth_frame){ .data = in[i], .size = SIZE };
	stack_used();
	return feth_batch_recv(mine, f, FRAMES);
}

static void
frames_pass(void **state)
{
	struct feth_frame f[FRAMES];
	unsigned int i;

	(void)state;
	assert_int_equal(put(FRAMES), FRAMES);
	for (i = 0; i < FRAMES; i++) {
		assert_int_equal(recv(theirs, in[0], SIZE, 0), 60 + i);
		assert_int_equal(in[0][0], i);
		assert_int_equal(send(theirs, in[0], 60 + i, 0), 60 + i);
	}
	assert_int_equal(get(f), FRAMES);
	for (i = 0; i < FRAMES; i++) {
		assert_int_equal(f[i].len, 60 + i);
		assert_int_equal(in[i][0], i);
	}
	assert_true(fake_calls >= 2);
	assert_int_equal(get(f), -EAGAIN);
}

/* A release that has not got the calls, or not for this socket. */
static void
without_the_calls(void **state)
{
	struct feth_frame f[FRAMES];

	(void)state;
	fake_fail = ENOSYS;
	assert_int_equal(put(FRAMES), FRAMES);
	assert_int_equal(recv(theirs, in[0], SIZE, 0), 60);
	assert_int_equal(send(theirs, in[0], 60, 0), 60);
	assert_int_equal(get(f), 1);
	assert_int_equal(f[0].len, 60);
}

/* No descriptor of the program's is closed because of what a buffer held. */
static void
rights_are_closed(void **state)
{
	struct feth_frame f[FRAMES];
	unsigned int before = fds_open();
	int fds[WIRE_FDS], i;

	(void)state;
	for (i = 0; i < WIRE_FDS; i++)
		fds[i] = theirs;
	assert_int_equal(wire_send(theirs, out[0], 60, NULL, 0), 60);
	assert_int_equal(wire_send(theirs, out[0], 61, fds, WIRE_FDS), 61);
	assert_int_equal(wire_send(theirs, out[0], 62, NULL, 0), 62);
	assert_int_equal(get(f), 3);
	assert_int_equal(fds_open(), before);
	assert_int_equal(wire_send(theirs, out[0], 60, NULL, 0), 60);
	assert_int_equal(wire_send(theirs, out[0], 61, NULL, 0), 61);
	assert_int_equal(get(f), 2);
	assert_int_equal(fds_open(), before);
	/* One alone, by the call that every release has. */
	fake_fail = EINVAL;
	assert_int_equal(wire_send(theirs, out[0], 60, fds, 1), 60);
	assert_int_equal(get(f), 1);
	assert_int_equal(fds_open(), before);
	assert_int_equal(fake_stale, 0);
}

static void
long_frame_is_seen(void **state)
{
	struct feth_frame f[FRAMES];
	static uint8_t big[2 * SIZE];

	(void)state;
	assert_int_equal(send(theirs, big, SIZE, 0), SIZE);
	assert_int_equal(send(theirs, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(get(f), 2);
	assert_int_equal(f[0].len, SIZE);
	assert_true(f[1].len > SIZE);
}

static void
full_is_tried_within_bounds(void **state)
{
	(void)state;
	fake_fail = ENOBUFS;
	assert_int_equal(put(FRAMES), -EAGAIN);
	assert_int_equal(fake_calls, FULL_TRIES + 1);
}

static void
closed_is_the_end(void **state)
{
	(void)state;
	fake_fail = ECONNRESET;
	assert_int_equal(put(FRAMES), -EPIPE);
	fake_fail = EDESTADDRREQ;
	assert_int_equal(put(FRAMES), -EPIPE);
}

/* A send got the error; a read after it is told, too. */
static void
closed_is_the_end_for_reads_too(void **state)
{
	struct feth_frame f[FRAMES];

	(void)state;
	assert_int_equal(get(f), -EAGAIN);
	wire_close(&theirs);
	/* Linux says so in its own way, and is not connected then either. */
	assert_true(send(mine, out[0], 60, 0) == -1);
	assert_int_equal(get(f), -EPIPE);
	assert_int_equal(fcntl(mine, F_SETFL, 0), 0);
	assert_int_equal(get(f), -EPIPE);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(frames_pass),
		T(without_the_calls),
		T(rights_are_closed),
		T(long_frame_is_seen),
		T(full_is_tried_within_bounds),
		T(closed_is_the_end),
		T(closed_is_the_end_for_reads_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

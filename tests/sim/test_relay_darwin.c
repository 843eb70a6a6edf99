/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_darwin.c on Linux's sockets, with the two calls of macOS played here:
 * they say ENOBUFS where Linux says EAGAIN, tell nothing of a cut frame, and
 * install descriptors. What a full and a closed other end, a long frame and
 * rights come to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

/* What clang knows for macOS. */
#define weak_import	weak
#include "relay_darwin.c"

#include "fake_msg_x.h"
#include "fake_poll.h"

#define MTU	1500
#define FRAMES	8

static struct relay_link	 ln;
static struct rbatch		 batch;
static struct rside		*s;
static int			 prog;		/* the program's end */
static uint8_t			 data[FRAMES][MTU];

static int
setup(void **state)
{
	int	fd[2];

	(void)state;
	memset(&ln, 0, sizeof(ln));
	fake_fail = 0;
	fake_calls = fake_stale = 0;
	s = &ln.side[0];
	s->link = &ln;
	ln.mtu = MTU;
	ln.frame_max = MTU + RELAY_OVERHEAD;
	ln.slot = (ln.frame_max + 1 + 63) & ~63u;
	assert_non_null(batch.buf = malloc(BOUND_RELAY_BUFFER));
	assert_non_null(batch.io = io_new());
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd),
	    0);
	s->port.fd = fd[0];
	prog = fd[1];
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	wire_close(&s->port.fd);
	wire_close(&prog);
	io_free(batch.io);
	free(batch.buf);
	return 0;
}

static uint64_t
dropped(enum relay_drop why)
{
	return atomic_load(&s->count.drops[why]);
}

static int
put(unsigned int n)
{
	struct rframe	f[FRAMES];
	unsigned int	i;

	for (i = 0; i < n; i++) {
		data[i][0] = (uint8_t)i;
		f[i] = (struct rframe){ data[i], 60 + i, RELAY_OK };
	}
	return io_message_ops.write(s, &batch, f, n);
}

static void
frames_pass(void **state)
{
	uint8_t		got[MTU];
	unsigned int	i;

	(void)state;
	assert_int_equal(put(FRAMES), FRAMES);
	assert_int_equal(atomic_load(&s->count.rx_frames), FRAMES);
	for (i = 0; i < FRAMES; i++) {
		assert_int_equal(recv(prog, got, sizeof(got), 0), 60 + i);
		assert_int_equal(got[0], i);
		assert_int_equal(send(prog, got, 60 + i, 0), 60 + i);
	}
	assert_int_equal(io_message_ops.read(s, &batch, 64), FRAMES);
	for (i = 0; i < FRAMES; i++) {
		assert_int_equal(batch.f[i].len, 60 + i);
		assert_int_equal(batch.f[i].data[0], i);
		assert_int_equal(batch.f[i].bad, RELAY_OK);
	}
	assert_int_equal(io_message_ops.read(s, &batch, 64), -EAGAIN);
}

/* The calls are of a kernel that has them not, or otherwise. */
static void
without_the_calls(void **state)
{
	uint8_t	got[MTU];

	(void)state;
	fake_fail = ENOSYS;
	assert_int_equal(put(FRAMES), FRAMES);
	assert_true(fake_calls > 0);
	assert_int_equal(recv(prog, got, sizeof(got), 0), 60);
	assert_int_equal(send(prog, got, 60, 0), 60);
	assert_int_equal(io_message_ops.read(s, &batch, 64), 1);
	assert_int_equal(io_message_ops.read(s, &batch, 64), -EAGAIN);
}

static void
full_is_tried_within_bounds(void **state)
{
	unsigned int	i;
	uint8_t		got[MTU];

	(void)state;
	assert_non_null(io_message_ops.room);
	fake_fail = ENOBUFS;
	for (i = 0; i < FULL_TRIES; i++)
		assert_int_equal(put(FRAMES), 0);
	assert_int_equal(dropped(RELAY_REFUSED), 0);
	/* Now nobody waits for it any more. */
	assert_int_equal(put(FRAMES), FRAMES);
	assert_int_equal(put(FRAMES), FRAMES);
	assert_int_equal(dropped(RELAY_REFUSED), 2 * FRAMES);
	/* But once it has read, everybody does again. */
	fake_fail = 0;
	assert_int_equal(put(FRAMES), FRAMES);
	assert_int_equal(recv(prog, got, sizeof(got), 0), 60);
	fake_fail = ENOBUFS;
	assert_int_equal(put(FRAMES), 0);
	assert_int_equal(dropped(RELAY_REFUSED), 2 * FRAMES);
}

/* The kernel's own limit, in the middle of a batch. */
static void
some_fit(void **state)
{
	unsigned int	done = 0;
	int		n;

	(void)state;
	while ((n = put(FRAMES)) == FRAMES)
		done += FRAMES;
	assert_true(n >= 0);
	done += (unsigned int)n;
	assert_true(done > 0);
	assert_int_equal(atomic_load(&s->count.rx_frames), done);
	assert_int_equal(dropped(RELAY_REFUSED), 0);
}

static void
too_long_is_refused_alone(void **state)
{
	(void)state;
	fake_fail = EMSGSIZE;
	assert_int_equal(put(1), 1);	/* by send(2), which takes it */
	assert_int_equal(dropped(RELAY_REFUSED), 0);
	assert_int_equal(put(2), 2);	/* the first; the second alone goes */
	assert_int_equal(dropped(RELAY_REFUSED), 1);
}

/* What he had sent comes first, whoever sees the end. */
static void
closed_is_seen_after_the_last_frame(void **state)
{
	(void)state;
	assert_int_equal(send(prog, data[0], 60, 0), 60);
	wire_close(&prog);
	fake_fail = ECONNRESET;
	assert_int_equal(put(FRAMES), FRAMES);
	assert_int_equal(dropped(RELAY_REFUSED), FRAMES);
	fake_fail = 0;
	assert_int_equal(io_message_ops.read(s, &batch, 64), 1);
	assert_int_equal(io_message_ops.read(s, &batch, 64), -ECONNREFUSED);
}

static void
closed_is_seen_when_idle(void **state)
{
	(void)state;
	assert_non_null(io_message_ops.idle);
	fake_fail = ECONNRESET;
	assert_int_equal(io_message_ops.read(s, &batch, 64), -ECONNREFUSED);
}

static void
long_frame_is_seen(void **state)
{
	static uint8_t	big[4096];

	(void)state;
	assert_int_equal(send(prog, big, ln.frame_max, 0), ln.frame_max);
	assert_int_equal(send(prog, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(io_message_ops.read(s, &batch, 64), 2);
	assert_int_equal(batch.f[0].len, ln.frame_max);
	assert_true(batch.f[1].len > ln.frame_max);
}

static void
rights_are_closed(void **state)
{
	int		fds[WIRE_FDS], i;
	unsigned int	before = fds_open();

	(void)state;
	for (i = 0; i < WIRE_FDS; i++)
		fds[i] = prog;
	assert_int_equal(wire_send(prog, data[0], 60, NULL, 0), 60);
	assert_int_equal(wire_send(prog, data[0], 61, fds, WIRE_FDS), 61);
	assert_int_equal(wire_send(prog, data[0], 62, NULL, 0), 62);
	assert_int_equal(io_message_ops.read(s, &batch, 64), 3);
	assert_int_equal(batch.f[0].bad, RELAY_OK);
	assert_int_equal(batch.f[1].bad, RELAY_RIGHTS);
	assert_int_equal(batch.f[2].bad, RELAY_OK);
	assert_int_equal(fds_open(), before);
	/* The same slots, where descriptors were: they are not closed twice. */
	assert_int_equal(wire_send(prog, data[0], 60, NULL, 0), 60);
	assert_int_equal(wire_send(prog, data[0], 61, NULL, 0), 61);
	assert_int_equal(io_message_ops.read(s, &batch, 64), 2);
	assert_int_equal(batch.f[1].bad, RELAY_OK);
	assert_int_equal(fds_open(), before);
	assert_int_equal(fake_stale, 0);
}

static void
empty_is_a_frame(void **state)
{
	(void)state;
	assert_int_equal(send(prog, data[0], 0, 0), 0);
	assert_int_equal(io_message_ops.read(s, &batch, 64), 1);
	assert_int_equal(batch.f[0].len, 0);
	assert_int_equal(s->end, RELAY_OPEN);
}

/* A program that sends no more is told from one that is gone. */
static void
ends_of_a_stream(void **state)
{
	int	fd[2], i;

	(void)state;
	for (i = 0; i < 2; i++) {
		wire_close(&s->port.fd);
		wire_close(&prog);
		s->end = RELAY_OPEN;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM |
		    SOCK_NONBLOCK, 0, fd), 0);
		s->port.fd = fd[0];
		prog = fd[1];
		if (i == 0)
			assert_int_equal(shutdown(prog, SHUT_WR), 0);
		else
			wire_close(&prog);
		assert_int_equal(relay_ops[RELAY_STREAM]->read(s, &batch, 64),
		    0);
		assert_int_equal(s->end, i == 0 ? RELAY_SHUT : RELAY_HOLDER);
	}
}

/* He can get no more, and what he has sent is there. */
static void
leaving_loses_nothing(void **state)
{
	(void)state;
	assert_int_equal(send(prog, data[0], 60, 0), 60);
	io_leave(s);
	assert_int_equal(io_message_ops.read(s, &batch, 64), 1);
	assert_int_equal(batch.f[0].len, 60);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	tests[] = {
		T(frames_pass),
		T(without_the_calls),
		T(full_is_tried_within_bounds),
		T(some_fit),
		T(too_long_is_refused_alone),
		T(closed_is_seen_after_the_last_frame),
		T(closed_is_seen_when_idle),
		T(long_frame_is_seen),
		T(rights_are_closed),
		T(empty_is_a_frame),
		T(ends_of_a_stream),
		T(leaving_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of a relayed capture on a Mac: a reader that has enough, and says
 * so as the protocol has it, gets the rest. With poll as it is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include "../../daemon/capture_relay.c"

#include "fake_poll.h"

#define FRAMES	200
#define LEN	1000

static struct rtaps	all;
static struct vlink	vl;

static struct rcapture *
start(int *reader)
{
	struct capture_conf	 conf = { .snaplen = BOUND_SNAPLEN_MAX };
	struct rcapture		*r;
	int			 fd[2], size = 4096;

	assert_int_equal(pipe_make(all.over), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &size,
	    sizeof(size)), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	*reader = fd[1];
	assert_non_null(r = rcapture_new(&all, &vl, 0, fd[0], &conf));
	return r;
}

static void
stop(struct rcapture *r)
{
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	rcapture_free(r);
	wire_close(&all.over[0]);
	wire_close(&all.over[1]);
}

static void
put(struct rcapture *r)
{
	static const uint8_t	frame[LEN];
	struct rhead		h = { .len = LEN, .kept = LEN };

	ring_frame(r, &h, frame);
}

static void
half_close_loses_nothing(void **state)
{
	struct rcapture	*r;
	static char	 buf[65536];
	ssize_t		 n;
	size_t		 got = 0;
	int		 reader, i;

	(void)state;
	r = start(&reader);
	for (i = 0; i < FRAMES; i++)
		put(r);
	assert_int_equal(thread_start(r), 0);
	usleep(20000);	/* it waits for room by now */
	assert_int_equal(shutdown(reader, SHUT_WR), 0);
	usleep(20000);
	while ((n = read(reader, buf, sizeof(buf))) > 0)
		got += (size_t)n;
	assert_int_equal(n, 0);
	assert_true(got > (size_t)FRAMES * LEN);
	wire_close(&reader);
	assert_true(capture_done(&r->c));
	stop(r);
}

/* One that is gone is not waited for. */
static void
gone_is_seen(void **state)
{
	struct rcapture	*r;
	int64_t		 before = clock_ms();
	int		 reader;

	(void)state;
	r = start(&reader);
	assert_int_equal(thread_start(r), 0);
	usleep(20000);
	wire_close(&reader);
	stop(r);
	assert_true(clock_ms() - before < 5000);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(half_close_loses_nothing),
		cmocka_unit_test(gone_is_seen),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

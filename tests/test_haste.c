/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of others whose end takes a minute: it takes us no time, in the first
 * thread and in others, and the timer behind it runs no longer than that.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "fds.h"
#include "haste.h"
#include "linger.h"
#include "wire.h"

/* Much less than the minute, much more than it takes. */
#define SOON		10

static unsigned int	fds_before;
static int64_t		begun;

static int
setup(void **state)
{
	(void)state;
	fds_before = fds_open();
	begun = clock_secs();
	return haste_start();
}

static bool
timer_runs(void)
{
	struct itimerval	it;

	assert_int_equal(getitimer(ITIMER_REAL, &it), 0);
	return it.it_interval.tv_usec != 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_true(clock_secs() - begun < SOON);
	assert_int_equal(fds_open(), fds_before);
	return 0;
}

/* A slow file in the queue of *FD, which nobody else has; its other end. */
static int
queued(int *fd, int type, int *peer)
{
	int	pair[2], slow = linger_make(peer);

	assert_true(slow >= 0);
	assert_int_equal(socketpair(AF_UNIX, type, 0, pair), 0);
	assert_int_equal(wire_send(pair[1], "x", 1, &slow, 1), 1);
	close(slow);
	*fd = pair[0];
	return pair[1];
}

static void
test_close(void **state)
{
	int	peer, fd = linger_make(&peer);

	(void)state;
	assert_true(fd >= 0);
	haste_close(&fd);
	assert_int_equal(fd, -1);
	assert_false(timer_runs());
	close(peer);
}

static void
test_close_queue(void **state)
{
	int	fd, other, peer;

	(void)state;
	other = queued(&fd, SOCK_SEQPACKET, &peer);
	haste_close(&fd);
	assert_false(timer_runs());
	close(other);
	close(peer);
}

/* What is inside of another one stays so. */
static void
test_nested(void **state)
{
	int	a, b, other, peer[2];

	(void)state;
	other = queued(&a, SOCK_STREAM, &peer[0]);
	b = linger_make(&peer[1]);
	assert_true(b >= 0);
	haste_begin();
	haste_close(&a);
	assert_true(timer_runs());
	close(b);
	haste_end();
	assert_false(timer_runs());
	close(other);
	close(peer[0]);
	close(peer[1]);
}

/* There is no room for the descriptor. */
static void *
receives(void *arg)
{
	const int	*fd = arg;
	char		 c;
	ssize_t		 n;

	haste_begin();
	n = recv(*fd, &c, 1, MSG_DONTWAIT);
	haste_end();
	haste_leave();
	return n == 1 ? arg : NULL;
}

#define MANY		3

static void
test_threads(void **state)
{
	sigset_t	all, before;
	pthread_t	id[MANY];
	int		fd[MANY], other[MANY], peer[MANY], i;
	void		*got;

	(void)state;
	for (i = 0; i < MANY; i++)
		other[i] = queued(&fd[i], SOCK_STREAM, &peer[i]);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (i = 0; i < MANY; i++)
		assert_int_equal(pthread_create(&id[i], NULL, receives,
		    &fd[i]), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(pthread_join(id[i], &got), 0);
		assert_ptr_equal(got, &fd[i]);
		close(fd[i]);
		close(other[i]);
		close(peer[i]);
	}
	/* The next signal finds nobody. */
	while (timer_runs() && clock_secs() - begun < SOON)
		usleep(1000);
	assert_false(timer_runs());
}

/* A thread that comes and goes leaves its place to others. */
static void
test_places(void **state)
{
	pthread_t	id;
	int		i, pair[2];
	void		*got;

	(void)state;
	for (i = 0; i < 300; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(write(pair[1], "x", 1), 1);
		assert_int_equal(pthread_create(&id, NULL, receives,
		    &pair[0]), 0);
		assert_int_equal(pthread_join(id, &got), 0);
		assert_ptr_equal(got, &pair[0]);
		close(pair[0]);
		close(pair[1]);
	}
	test_threads(state);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		TEST(test_close),
		TEST(test_close_queue),
		TEST(test_nested),
		TEST(test_threads),
		TEST(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

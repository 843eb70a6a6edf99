/* SPDX-License-Identifier: MIT */
/*
 * wire.c on real socket pairs: bytes, descriptors, and the descriptors that a
 * hostile peer sends too many of.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fds.h"
#include "wire.h"

static void
pair_new(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_true(fcntl(fd[0], F_SETFL, O_NONBLOCK) >= 0);
	assert_true(fcntl(fd[1], F_SETFL, O_NONBLOCK) >= 0);
}

static int
setup(void **state)
{
	static int	fd[2];

	pair_new(fd);
	*state = fd;
	return 0;
}

static int
teardown(void **state)
{
	int	*fd = *state;

	wire_close(&fd[0]);
	wire_close(&fd[1]);
	return 0;
}

static void
test_bytes(void **state)
{
	int		*fd = *state, fds[WIRE_FDS], more = 7;
	unsigned int	 nfds = 7;
	char		 buf[16];

	assert_int_equal(wire_recv(fd[1], buf, sizeof(buf), fds, &nfds, &more),
	    -EAGAIN);
	assert_int_equal(nfds, 0);
	assert_int_equal(more, 0);
	assert_int_equal(wire_send(fd[0], "abc", 4, NULL, 0), 4);
	assert_int_equal(wire_recv(fd[1], buf, 2, fds, &nfds, &more), 2);
	assert_int_equal(wire_recv(fd[1], buf + 2, 14, fds, &nfds, NULL), 2);
	assert_string_equal(buf, "abc");
	assert_int_equal(nfds, 0);
	wire_close(&fd[0]);
	assert_int_equal(wire_recv(fd[1], buf, 2, fds, &nfds, &more), 0);
}

static void
test_dead_peer(void **state)
{
	int	*fd = *state;

	wire_close(&fd[1]);
	/* A signal would end this program. */
	assert_int_equal(wire_send(fd[0], "x", 1, NULL, 0), -EPIPE);
}

static void
test_full(void **state)
{
	static char	 block[65536];
	int		*fd = *state;
	ssize_t		 n;
	size_t		 total = 0;

	while ((n = wire_send(fd[0], block, sizeof(block), NULL, 0)) > 0)
		total += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_true(total > 0);
}

static void
test_fds(void **state)
{
	int		*fd = *state, send[2], fds[WIRE_FDS], more = 1;
	unsigned int	 nfds, i;
	struct stat	 a, b;
	char		 buf[8];

	assert_int_equal(pipe(send), 0);
	assert_int_equal(wire_send(fd[0], "ab", 2, send, 2), 2);
	assert_int_equal(wire_recv(fd[1], buf, 1, fds, &nfds, &more), 1);
	assert_int_equal(nfds, 2);
	assert_int_equal(more, 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(fstat(fds[i], &a), 0);
		assert_int_equal(fstat(send[i], &b), 0);
		assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	}
	/* They came with the first byte only. */
	wire_close(&fds[0]);
	wire_close(&fds[1]);
	assert_int_equal(wire_recv(fd[1], buf, 1, fds, &nfds, &more), 1);
	assert_int_equal(nfds, 0);
	/* The sender's are the sender's. */
	wire_close(&send[0]);
	wire_close(&send[1]);
	assert_int_equal(send[0], -1);
}

static void
test_send_too_many(void **state)
{
	int	*fd = *state, fds[WIRE_FDS + 1] = { 0 };

	assert_int_equal(wire_send(fd[0], "a", 1, fds, WIRE_FDS + 1), -EINVAL);
}

/* As a program without wire.c might. */
static void
send_raw(int fd, unsigned int n)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(253 * sizeof(int))];
	} control;
	struct iovec	iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr	mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr	*cm;
	unsigned int	i;
	int		one = 0;

	memset(&control, 0, sizeof(control));
	mh.msg_control = control.buf;
	mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
	cm = CMSG_FIRSTHDR(&mh);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (i = 0; i < n; i++)
		memcpy(CMSG_DATA(cm) + i * sizeof(int), &one, sizeof(int));
	assert_int_equal(sendmsg(fd, &mh, 0), 1);
}

static void
test_recv_too_many(void **state)
{
	static const unsigned int numbers[] = { 1, WIRE_FDS, WIRE_FDS + 1, 100,
	    253 };
	int		*fd = *state, fds[WIRE_FDS], more;
	unsigned int	 before = fds_open(), nfds, k, n;
	char		 byte;

	for (k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
		n = numbers[k];
		send_raw(fd[0], n);
		assert_int_equal(wire_recv(fd[1], &byte, 1, fds, &nfds, &more),
		    1);
		assert_int_equal(nfds, n > WIRE_FDS ? WIRE_FDS : n);
		assert_int_equal(more, n > WIRE_FDS);
		while (nfds > 0)
			wire_close(&fds[--nfds]);
		assert_int_equal(fds_open(), before);
	}
}

static void
test_bytes_only(void **state)
{
	int		*fd = *state, rights = 0;
	unsigned int	 before = fds_open();
	char		 buf[8];

	assert_int_equal(wire_send(fd[0], "a", 1, NULL, 0), 1);
	assert_int_equal(wire_recv_bytes(fd[1], buf, 8, &rights), 1);
	assert_int_equal(rights, 0);
	send_raw(fd[0], 253);
	assert_int_equal(wire_recv_bytes(fd[1], buf, 8, &rights), 1);
	assert_int_equal(rights, 1);
	send_raw(fd[0], 1);
	assert_int_equal(wire_recv_bytes(fd[1], buf, 8, NULL), 1);
	assert_int_equal(fds_open(), before);
	assert_int_equal(wire_recv_bytes(fd[1], buf, 8, &rights), -1);
	assert_int_equal(errno, EAGAIN);
	wire_close(&fd[0]);
	assert_int_equal(wire_recv_bytes(fd[1], buf, 8, &rights), 0);
}

/* Nothing is taken from a header that claims to be shorter than it is. */
static void
test_short_header(void **state)
{
	union wire_control	 control;
	struct msghdr		 mh = { .msg_control = control.buf,
				    .msg_controllen = CMSG_SPACE(sizeof(int)) };
	struct cmsghdr		*cm = CMSG_FIRSTHDR(&mh);
	int			*fd = *state;

	memset(&control, 0, sizeof(control));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = 0;
	memcpy(CMSG_DATA(cm), &fd[0], sizeof(int));
	wire_drop_rights(&mh);
	assert_int_not_equal(fcntl(fd[0], F_GETFD), -1);
}

static void
test_close_take(void **state)
{
	int	fd = dup(0), moved, none = -1;

	(void)state;
	errno = ENXIO;
	moved = wire_take(&fd);
	assert_int_equal(fd, -1);
	assert_true(moved >= 0);
	wire_close(&moved);
	wire_close(&none);
	assert_int_equal(moved, -1);
	assert_int_equal(errno, ENXIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_peer, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_send_too_many, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_recv_too_many, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_bytes_only, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_short_header, setup,
		    teardown),
		cmocka_unit_test(test_close_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

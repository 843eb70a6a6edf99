/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_capture: what a capture process may still do, and that it is killed
 * for everything by which it could turn its socket to another interface, send on
 * it, or get at anything else. Each call in a child of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sandbox.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define KILLED	(1000 + SIGSYS)

static int	in[2], out[2];		/* [0] are the process's */
static char	byte;

static int
in_child(int (*fn)(void))
{
	int	status;
	pid_t	pid;

	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0)
		_exit(sandbox_capture(in[0], out[0]) != 0 ? 99 : fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 +
	    WTERMSIG(status);
}

static int
receive_on(int fd)
{
	struct iovec	iov = { &byte, 1 };
	struct msghdr	msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(fd, &msg, MSG_DONTWAIT) == 1 ? 0 : 1;
}

static int
its_work(void)
{
	struct pollfd	p[2] = { { .fd = in[0], .events = POLLIN },
	    { .fd = out[0], .events = POLLOUT } };
	struct timespec	ts = { 5, 0 };
	int		type;
	socklen_t	size = sizeof(type);

	if (ppoll(p, 2, &ts, NULL) != 2 || receive_on(in[0]) != 0 ||
	    write(out[0], "y", 1) != 1 || clock_gettime(CLOCK_REALTIME, &ts) ||
	    getsockopt(in[0], SOL_SOCKET, SO_TYPE, &type, &size) != 0)
		return 1;
	return 0;
}

static void
test_work(void **state)
{
	(void)state;
	assert_int_equal(write(in[1], "x", 1), 1);
	assert_int_equal(in_child(its_work), 0);
	assert_int_equal(read(out[1], &byte, 1), 1);
	assert_int_equal(byte, 'y');
}

static int
do_bind(void)
{
	struct sockaddr	sa = { .sa_family = AF_UNIX };

	return bind(in[0], &sa, sizeof(sa));
}

static int
do_connect(void)
{
	struct sockaddr	sa = { .sa_family = AF_UNSPEC };

	return connect(in[0], &sa, sizeof(sa));
}

static int
do_write_in(void)
{
	return (int)write(in[0], "z", 1);
}

static int
do_send(void)
{
	return (int)send(in[0], "z", 1, 0);
}

static int
do_send_out(void)
{
	return (int)send(out[0], "z", 1, 0);
}

static int
do_sendmsg(void)
{
	struct iovec	iov = { &byte, 1 };
	struct msghdr	msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return (int)sendmsg(in[0], &msg, 0);
}

static int
do_receive_out(void)
{
	return receive_on(out[0]);
}

static int
do_setsockopt(void)
{
	int	on = 1;

	return setsockopt(in[0], SOL_SOCKET, SO_DETACH_FILTER, &on, sizeof(on));
}

static int
do_ioctl(void)
{
	return (int)syscall(SYS_ioctl, in[0], 0x8933, NULL);
}

static int
do_mmap(void)
{
	return syscall(SYS_mmap, NULL, 4096, 3, 1, in[0], 0) == -1;
}

static int
do_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static int
do_open(void)
{
	return open("/dev/null", O_RDONLY);
}

static int
do_dup(void)
{
	return dup(in[0]);
}

static int
do_fork(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int
do_exec(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int
do_kill(void)
{
	return kill(getppid(), 0);
}

static int
do_setns(void)
{
	return (int)syscall(SYS_setns, in[0], 0);
}

static int
do_prctl(void)
{
	return (int)syscall(SYS_prctl, 22, 0, 0, 0, 0);
}

static void
test_killed(void **state)
{
	static const struct {
		const char	*name;
		int		(*fn)(void);
	} t[] = {
		{ "bind", do_bind }, { "connect", do_connect },
		{ "write to the frames", do_write_in }, { "send", do_send },
		{ "send to the reader", do_send_out },
		{ "sendmsg", do_sendmsg },
		{ "receive from the reader", do_receive_out },
		{ "setsockopt", do_setsockopt }, { "ioctl", do_ioctl },
		{ "mmap", do_mmap }, { "socket", do_socket },
		{ "open", do_open }, { "dup", do_dup }, { "clone", do_fork },
		{ "execve", do_exec }, { "kill", do_kill },
		{ "setns", do_setns }, { "prctl", do_prctl },
	};
	size_t	i;
	int	r;

	(void)state;
	for (i = 0; i < N(t); i++)
		if ((r = in_child(t[i].fn)) != KILLED)
			fail_msg("%s: %d", t[i].name, r);
	/* None of it went anywhere. */
	assert_int_equal(recv(in[1], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(out[1], &byte, 1, MSG_DONTWAIT), -1);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_killed),
	};

	/* An unprivileged process may have a filter if it can gain nothing. */
	if (syscall(SYS_prctl, 38 /* PR_SET_NO_NEW_PRIVS */, 1, 0, 0, 0) != 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, in) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, out) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

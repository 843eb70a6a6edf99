/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many clients, one after the other, that go at every point of a request for a
 * host link: kernel_flood SOCKET N, run by the kernel tests. It says how many
 * connections there were, and in how many of them a link was made.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPEN "{\"method\":\"org.fethd.Broker.Open\",\"parameters\":{\"ends\":" \
    "[{\"kind\":\"port\"},{\"kind\":\"host\"}]}}"

static int
dial(const char *path)
{
	struct sockaddr_un	sun;
	int			fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* With descriptors that nobody asked for. */
static void
send_fds(int fd, const char *text, size_t len)
{
	char		 control[CMSG_SPACE(3 * sizeof(int))];
	struct iovec	 iov = { (void *)(size_t)text, len };
	struct msghdr	 msg;
	struct cmsghdr	*c;
	int		 fds[3] = { fd, 0, 1 };

	memset(&msg, 0, sizeof(msg));
	memset(control, 0, sizeof(control));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	(void)sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static int
made(int fd)
{
	struct pollfd	p = { fd, POLLIN, 0 };
	char		buf[4096];
	ssize_t		n;

	if (poll(&p, 1, 5000) != 1)
		return 0;
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	return strstr(buf, "\"up\"") != NULL;
}

/* One client of kind K; 1 when it got a link. */
static int
client(const char *path, int k)
{
	size_t	len = sizeof(OPEN);	/* with its NUL */
	int	fd, got = 0;

	if ((fd = dial(path)) == -1)
		return 0;
	switch (k) {
	case 1:
		(void)send(fd, OPEN, len / 2, MSG_NOSIGNAL);
		break;
	case 2:
		(void)send(fd, "\1\2\3\377{]\0", 8, MSG_NOSIGNAL);
		break;
	case 3:
		(void)send(fd, OPEN, len, MSG_NOSIGNAL);
		break;
	case 4:
		send_fds(fd, OPEN, len);
		break;
	case 5:
		(void)send(fd, OPEN OPEN, 2 * len - 1, MSG_NOSIGNAL);
		break;
	case 6:
		(void)send(fd, OPEN, len, MSG_NOSIGNAL);
		(void)shutdown(fd, SHUT_WR);
		break;
	case 7:
		(void)send(fd, OPEN, len, MSG_NOSIGNAL);
		got = made(fd);
		break;
	}
	close(fd);
	return got;
}

int
main(int argc, char **argv)
{
	struct timespec	from, to;
	int		i, n = argc > 2 ? atoi(argv[2]) : 0, links = 0;

	signal(SIGPIPE, SIG_IGN);
	clock_gettime(CLOCK_MONOTONIC, &from);
	/* Most of them say nothing: a link costs the kernel 20 ms. */
	for (i = 0; i < n; i++)
		links += client(argv[1], i % 512 < 8 ? i % 512 : i % 3);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%d connections, %d links, %ld ms\n", n, links,
	    (to.tv_sec - from.tv_sec) * 1000L +
	    (to.tv_nsec - from.tv_nsec) / 1000000);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file whose last close(2) takes a minute, for tests that pass it to somebody;
 * included by those.
 */
#ifndef FETHD_TESTS_LINGER_H
#define FETHD_TESTS_LINGER_H

#include <sys/socket.h>

#include <netinet/in.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LINGER_SECS	60

/* A TCP socket with bytes that the other end, *PEER, does not take, and with
 * SO_LINGER; or -1. */
static int
linger_make(int *peer)
{
	static const char	bytes[65536];
	struct linger		linger = { 1, LINGER_SECS };
	struct sockaddr_in	sin;
	socklen_t		len = sizeof(sin);
	int			l, fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l = socket(AF_INET, SOCK_STREAM, 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	*peer = -1;
	if (bind(l, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    listen(l, 1) == 0 &&
	    getsockname(l, (struct sockaddr *)&sin, &len) == 0 &&
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0)
		*peer = accept(l, NULL, NULL);
	close(l);
	if (*peer == -1 || fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger)) == -1) {
		close(fd);
		return -1;
	}
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	return fd;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll as macOS has it, in the place of libc's: to who asks for reading, the end
 * of one direction is POLLHUP; who asks for nothing learns nothing.
 */
#ifndef FAKE_POLL_H
#define FAKE_POLL_H

#include <poll.h>
#include <time.h>

#define FAKE_POLLS	8

int
poll(struct pollfd *p, nfds_t n, int ms)
{
	struct timespec	 ts = { ms / 1000, ms % 1000 * 1000000L };
	struct pollfd	 q[FAKE_POLLS] = { 0 };
	nfds_t		 i;
	int		 r = 0;

	for (i = 0; i < n && i < FAKE_POLLS; i++) {
		q[i] = p[i];
		q[i].revents = 0;
		if ((p[i].events & (POLLIN | POLLRDHUP)) != 0)
			q[i].events |= POLLRDHUP;
		else if (p[i].events == 0)
			q[i].fd = -1;
	}
	if (ppoll(q, n, ms < 0 ? NULL : &ts, NULL) < 0)
		return -1;
	for (i = 0; i < n && i < FAKE_POLLS; i++) {
		p[i].revents = q[i].revents;
		if ((p[i].revents & POLLRDHUP) != 0)
			p[i].revents |= POLLHUP;
		r += p[i].revents != 0;
	}
	return r;
}

#endif

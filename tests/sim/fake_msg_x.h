/* SPDX-License-Identifier: MIT */
/*
 * sendmsg_x and recvmsg_x of macOS, played on Linux's sockets, for the tests of
 * those who call them: ENOBUFS where Linux says EAGAIN, no word of a cut frame,
 * descriptors that are installed, and a length of the control buffer that stays
 * as it was when nothing came in it. Included once, after the code under test,
 * which must see no more than a weak declaration.
 */
#ifndef FETH_TESTS_SIM_FAKE_MSG_X_H
#define FETH_TESTS_SIM_FAKE_MSG_X_H

#include <errno.h>
#include <stdint.h>

#include "../fds.h"

static int		fake_fail;	/* the errno of the next calls, or 0 */
static unsigned int	fake_calls;
static unsigned int	fake_stale;	/* control buffers with an old header */

ssize_t
sendmsg_x(int fd, const struct msghdr_x *msg, unsigned int n, int flags)
{
	unsigned int	i;

	fake_calls++;
	if ((errno = fake_fail) != 0)
		return -1;
	for (i = 0; i < n; i++)
		if (send(fd, msg[i].msg_iov->iov_base, msg[i].msg_iov->iov_len,
		    flags | MSG_NOSIGNAL) < 0)
			break;
	if (i == 0 && errno == EAGAIN)
		errno = ENOBUFS;
	return i > 0 ? (ssize_t)i : -1;
}

ssize_t
recvmsg_x(int fd, const struct msghdr_x *msg, unsigned int n, int flags)
{
	struct msghdr_x	*m = (struct msghdr_x *)(uintptr_t)msg;
	struct msghdr	 mh;
	unsigned int	 i;
	ssize_t		 r;

	fake_calls++;
	if ((errno = fake_fail) != 0)
		return -1;
	for (i = 0; i < n; i++, m++) {
		mh = (struct msghdr){ .msg_iov = m->msg_iov,
		    .msg_iovlen = (size_t)m->msg_iovlen,
		    .msg_control = m->msg_control,
		    .msg_controllen = m->msg_controllen };
		fake_stale += CMSG_FIRSTHDR(&mh)->cmsg_len != 0;
		if ((r = recvmsg(fd, &mh, flags)) < 0)
			break;
		m->msg_datalen = (size_t)r;
		/* The length of the buffer stays when nothing came. */
		if (mh.msg_controllen > 0)
			m->msg_controllen = (socklen_t)mh.msg_controllen;
	}
	return i > 0 ? (ssize_t)i : -1;
}

#endif

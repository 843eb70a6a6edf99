/* SPDX-License-Identifier: MIT */
/*
 * See wire.h. Called by conn.c in the daemon and by feth.c in the library; it
 * keeps no state, never blocks longer than its socket does, and never loses a
 * descriptor: each one that the kernel installs is returned or closed here.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

/* What the one or the other system lacks; none of these is a test for a system.
 * Where MSG_NOSIGNAL is missing (or its kernel may be older than the header),
 * there is SO_NOSIGPIPE. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL		0
#endif
#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC	0
#endif

static void
wire_no_sigpipe(int fd)
{
#ifdef SO_NOSIGPIPE
	int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#else
	(void)fd;
#endif
}

static void
wire_put_fds(struct msghdr *mh, union wire_control *control, const int *fds,
    unsigned int nfds)
{
	struct cmsghdr	*cm;

	memset(control, 0, sizeof(*control));
	mh->msg_control = control->buf;
	mh->msg_controllen = CMSG_SPACE(nfds * sizeof(int));
	cm = CMSG_FIRSTHDR(mh);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
	memcpy(CMSG_DATA(cm), fds, nfds * sizeof(int));
}

ssize_t
wire_send(int fd, const void *data, size_t size, const int *fds,
    unsigned int nfds)
{
	union wire_control	 control;
	struct iovec		 iov;
	struct msghdr		 mh;
	ssize_t			 n;

	if (nfds > WIRE_FDS)
		return -EINVAL;
	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = size;
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (nfds > 0)
		wire_put_fds(&mh, &control, fds, nfds);
	wire_no_sigpipe(fd);
	do
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Hand out FD as one more of FDS, or close it when there is no room. */
static void
wire_got_fd(int fd, int *fds, unsigned int *nfds, int *more)
{
	if (*nfds == WIRE_FDS) {
		close(fd);
		*more = 1;
		return;
	}
	if (MSG_CMSG_CLOEXEC == 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	fds[(*nfds)++] = fd;
}

/* The descriptors of one control message. END is where the kernel stopped
 * writing: a list that it cut short still claims its whole length. */
static void
wire_get_fds(struct cmsghdr *cm, const char *end, int *fds, unsigned int *nfds,
    int *more)
{
	const char	*p = (const char *)CMSG_DATA(cm);
	size_t		 left = cm->cmsg_len - CMSG_LEN(0);
	int		 fd;

	if (left > (size_t)(end - p))
		left = (size_t)(end - p);
	for (; left >= sizeof(fd); left -= sizeof(fd), p += sizeof(fd)) {
		memcpy(&fd, p, sizeof(fd));
		wire_got_fd(fd, fds, nfds, more);
	}
}

/* Those that fit into FDS; the others are closed, and *MORE is 1. */
static void
wire_get_rights(struct msghdr *mh, int *fds, unsigned int *nfds, int *more)
{
	const char	*end = (const char *)mh->msg_control +
	    mh->msg_controllen;
	struct cmsghdr	*cm;

	/* macOS's CMSG_NXTHDR stays where it is after one without a length. */
	for (cm = CMSG_FIRSTHDR(mh); cm != NULL &&
	    cm->cmsg_len >= CMSG_LEN(0); cm = CMSG_NXTHDR(mh, cm))
		if (cm->cmsg_level == SOL_SOCKET &&
		    cm->cmsg_type == SCM_RIGHTS)
			wire_get_fds(cm, end, fds, nfds, more);
}

void
wire_drop_rights(struct msghdr *mh)
{
	unsigned int	full = WIRE_FDS;
	int		more = 0;

	wire_get_rights(mh, NULL, &full, &more);
}

ssize_t
wire_recv_bytes(int fd, void *data, size_t size, int *rights)
{
	union wire_control	 control;
	struct iovec		 iov = { .iov_base = data, .iov_len = size };
	struct msghdr		 mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t			 n;

	/* Linux drops what there is no room for, and a descriptor that we do
	 * not get we need not close; macOS does the contrary. */
	if (MSG_CMSG_CLOEXEC == 0) {
		mh.msg_control = control.buf;
		mh.msg_controllen = sizeof(control.buf);
	}
	if ((n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC)) < 0)
		return n;
	if (rights != NULL && (mh.msg_controllen > 0 ||
	    (mh.msg_flags & MSG_CTRUNC) != 0))
		*rights = 1;
	wire_drop_rights(&mh);
	return n;
}

ssize_t
wire_recv(int fd, void *data, size_t size, int *fds, unsigned int *nfds,
    int *truncated)
{
	union wire_control	 control;
	struct iovec		 iov;
	struct msghdr		 mh;
	ssize_t			 n;
	int			 more;

	*nfds = 0;
	if (truncated != NULL)
		*truncated = 0;
	iov.iov_base = data;
	iov.iov_len = size;
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_control = control.buf;
	mh.msg_controllen = sizeof(control.buf);
	do
		n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	more = (mh.msg_flags & MSG_CTRUNC) != 0;
	wire_get_rights(&mh, fds, nfds, &more);
	if (truncated != NULL)
		*truncated = more;
	return n;
}

void
wire_close(int *fd)
{
	int	saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int
wire_take(int *fd)
{
	int	taken = *fd;

	*fd = -1;
	return taken;
}

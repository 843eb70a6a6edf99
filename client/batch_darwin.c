/* SPDX-License-Identifier: MIT */
/*
 * libfeth on macOS: frames on a datagram socket, many with one system call where
 * there is one. Called by frames.c only. What is so much more than send and
 * recv here:
 *
 *	- A full receiver is ENOBUFS at once, whatever the mode, and before macOS
 *	  15 no event tells when it has room. So there are short sleeps.
 *	- The end of the other side wakes nobody. A poll that begins later sees it.
 *	- Descriptors that the other side sends along are installed even when
 *	  nobody asks for them. They are taken and closed. Whether recvmsg_x says
 *	  that none came, by the length of the buffer, is the release's affair: so
 *	  each buffer begins as an empty one, and what it says itself counts.
 *	- That a frame was cut is not told by recvmsg_x of macOS 14 and 15. So each
 *	  frame has room for one byte more.
 *
 * sendmsg_x and recvmsg_x are done without where they are missing or refuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "feth_int.h"
#include "msg_x.h"

const bool feth_batch_only = true;

#define FULL_NS		50000	/* between two tries at a full receiver, */
#define FULL_TRIES	10	/* of which so many without waiting mode */
#define IDLE_MS		1000	/* until the end of the other side is seen */

struct batch {
	struct msghdr_x	msg[FETH_BATCH];
	struct iovec	iov[FETH_BATCH][2];
	union wire_control control[FETH_BATCH];
	char		more[FETH_BATCH];	/* the byte too many */
};

static bool
batch_waits(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags != -1 && (flags & O_NONBLOCK) == 0;
}

/* ---- Sending ------------------------------------------------------------ */

/* A datagram socket whose other end went says the one, and then the other. */
static int
batch_send_error(int error)
{
	return error == ECONNRESET || error == EDESTADDRREQ ? -EPIPE : -error;
}

static int
send_each(int fd, const struct feth_frame *f, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (send(fd, f[i].data, f[i].len, MSG_NOSIGNAL) == -1)
			return i > 0 ? (int)i : batch_send_error(errno);
	}
	return (int)n;
}

/* Of the first N frames those that fit: at least one, or -errno. */
static int
send_some(int fd, const struct feth_frame *f, unsigned int n)
{
	struct msghdr_x msg[FETH_BATCH];
	struct iovec iov[FETH_BATCH];
	unsigned int i;
	ssize_t r;

	if (n == 1 || sendmsg_x == NULL)
		return send_each(fd, f, n);
	memset(msg, 0, n * sizeof(msg[0]));
	for (i = 0; i < n; i++) {
		iov[i] = (struct iovec){ f[i].data, f[i].len };
		msg[i].msg_iov = &iov[i];
		msg[i].msg_iovlen = 1;
	}
	r = sendmsg_x(fd, msg, n, MSG_DONTWAIT);
	if (r > 0)
		return (int)r;
	/* 0 is none sent and no reason given. The single send has one. */
	if (r == 0 || errno == ENOSYS || errno == EINVAL ||
	    errno == EOPNOTSUPP)
		return send_each(fd, f, n);
	return batch_send_error(errno);
}

int
feth_batch_send(int fd, const struct feth_frame *f, unsigned int n)
{
	struct timespec pause = { 0, FULL_NS };
	int r, tries;
	bool waits = false;

	for (tries = 0; ; tries++) {
		r = send_some(fd, f, n);
		if (r != -ENOBUFS)
			return r;
		if (tries == 0)
			waits = batch_waits(fd);
		if (!waits && tries == FULL_TRIES)
			return -EAGAIN;
		if (nanosleep(&pause, NULL) == -1 && waits)
			return -EINTR;
	}
}

/* ---- Receiving ---------------------------------------------------------- */

static void
batch_point(struct batch *b, unsigned int i, const struct feth_frame *f)
{
	struct msghdr_x *m = &b->msg[i];

	b->iov[i][0] = (struct iovec){ f->data, f->size };
	b->iov[i][1] = (struct iovec){ &b->more[i], 1 };
	memset(m, 0, sizeof(*m));
	m->msg_iov = b->iov[i];
	m->msg_iovlen = 2;
	memset(&b->control[i].align, 0, sizeof(b->control[i].align));
	m->msg_control = &b->control[i];
	m->msg_controllen = sizeof(b->control[i]);
}

/* One message, with a call that every release has. */
static int
recv_one(int fd, struct msghdr_x *m)
{
	struct msghdr mh = { .msg_iov = m->msg_iov,
	    .msg_iovlen = m->msg_iovlen, .msg_control = m->msg_control,
	    .msg_controllen = m->msg_controllen };
	ssize_t n = recvmsg(fd, &mh, MSG_DONTWAIT);

	if (n == -1)
		return -errno;
	m->msg_controllen = mh.msg_controllen;
	m->msg_datalen = (size_t)n;
	return 1;
}

static int
recv_some(int fd, struct batch *b, unsigned int n)
{
	ssize_t r;

	if (n > 1 && recvmsg_x != NULL) {
		r = recvmsg_x(fd, b->msg, n, MSG_DONTWAIT);
		if (r > 0)
			return (int)r;
		if (r == -1 && errno != ENOSYS && errno != EINVAL &&
		    errno != EOPNOTSUPP)
			return -errno;
	}
	return recv_one(fd, &b->msg[0]);
}

/* The error that tells of the other side's end comes once, to whoever calls
 * first: after a send that got it, reads say EAGAIN for ever. */
static bool
batch_alone(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	return getpeername(fd, (struct sockaddr *)&sa, &len) == -1 &&
	    errno == ENOTCONN;
}

/* Wait for a frame. Each poll looks at the socket anew, so that one of them
 * sees that the other side is gone. */
static int
recv_wait(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (batch_alone(fd))
		return -EPIPE;
	if (!batch_waits(fd))
		return -EAGAIN;
	return poll(&pfd, 1, IDLE_MS) == -1 ? -errno : 0;
}

static void
recv_drop_rights(struct msghdr_x *m)
{
	struct msghdr mh = { .msg_control = m->msg_control,
	    .msg_controllen = m->msg_controllen };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	if (cm != NULL && cm->cmsg_len != 0)
		wire_drop_rights(&mh);
}

int
feth_batch_recv(int fd, struct feth_frame *f, unsigned int n)
{
	struct batch b;
	unsigned int i;
	int r, e;

	do {
		for (i = 0; i < n; i++)
			batch_point(&b, i, &f[i]);
		r = recv_some(fd, &b, n);
		e = r == -EAGAIN ? recv_wait(fd) : 0;
	} while (r == -EAGAIN && e == 0);
	if (r < 0)
		return r == -EAGAIN ? e : r;
	for (i = 0; i < n && i < (unsigned int)r; i++) {
		recv_drop_rights(&b.msg[i]);
		f[i].len = b.msg[i].msg_datalen;
	}
	return r;
}

/* A device here is BPF, whose reads take all frames that there are. poll(2) on
 * it can bring the kernel down when the program has it in a kqueue, so whether
 * to wait is the file's own mode. */
ssize_t
feth_batch_readv_nowait(int fd, const struct iovec *iov, int n)
{
	ssize_t got;

	if (batch_waits(fd))
		return -EAGAIN;
	got = readv(fd, iov, n);
	return got == -1 ? -errno : got;
}

ssize_t
feth_batch_read_nowait(int fd, void *buf, size_t size)
{
	struct iovec iov = { buf, size };

	return feth_batch_readv_nowait(fd, &iov, 1);
}

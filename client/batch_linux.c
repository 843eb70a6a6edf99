/* SPDX-License-Identifier: MIT */
/*
 * libfeth on Linux: many frames with one system call. Called by frames.c only.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "feth_int.h"

/* What sendmmsg and recvmmsg want, for frames F. */
struct batch {
	struct mmsghdr	msg[FETH_BATCH];
	struct iovec	iov[FETH_BATCH];
};

static void
batch_point(struct batch *b, unsigned int i, void *data, size_t len)
{
	b->iov[i].iov_base = data;
	b->iov[i].iov_len = len;
	memset(&b->msg[i], 0, sizeof(b->msg[i]));
	b->msg[i].msg_hdr.msg_iov = &b->iov[i];
	b->msg[i].msg_hdr.msg_iovlen = 1;
}

int
feth_batch_send(int fd, const struct feth_frame *f, unsigned int n)
{
	struct batch b;
	unsigned int i;
	int r;

	for (i = 0; i < n; i++)
		batch_point(&b, i, f[i].data, f[i].len);
	r = sendmmsg(fd, b.msg, n, MSG_NOSIGNAL);
	return r == -1 ? -errno : r;
}

int
feth_batch_recv(int fd, struct feth_frame *f, unsigned int n)
{
	struct batch b;
	unsigned int i;
	int r;

	for (i = 0; i < n; i++)
		batch_point(&b, i, f[i].data, f[i].size);
	r = recvmmsg(fd, b.msg, n, MSG_WAITFORONE | MSG_TRUNC, NULL);
	if (r == -1)
		return -errno;
	for (i = 0; i < (unsigned int)r; i++)
		f[i].len = b.msg[i].msg_len;
	return r;
}

/* A TAP of an old kernel does not know RWF_NOWAIT. */
static ssize_t
batch_read_poll(int fd, const struct iovec *iov, int count)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, 0) != 1)
		return -EAGAIN;
	n = readv(fd, iov, count);
	return n == -1 ? -errno : n;
}

ssize_t
feth_batch_readv_nowait(int fd, const struct iovec *iov, int count)
{
	ssize_t n;
	int e;

	n = preadv2(fd, iov, count, -1, RWF_NOWAIT);
	if (n >= 0)
		return n;
	e = errno;
	if (e != EOPNOTSUPP && e != ENOSYS)
		return -e;
	return batch_read_poll(fd, iov, count);
}

ssize_t
feth_batch_read_nowait(int fd, void *buf, size_t size)
{
	struct iovec iov = { buf, size };

	return feth_batch_readv_nowait(fd, &iov, 1);
}

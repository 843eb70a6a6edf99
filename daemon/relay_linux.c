/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many messages of a socket with one system call, on Linux. Called by
 * relay_path.c by way of the table in relay_io.c, in the link's thread.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>

#include "relay_int.h"

struct rio {
	struct mmsghdr	msg[BOUND_BATCH];
	struct iovec	iov[BOUND_BATCH];
};

struct rio *
io_new(void)
{
	struct rio	*io = calloc(1, sizeof(*io));
	int		 i;

	if (io == NULL)
		return NULL;
	for (i = 0; i < BOUND_BATCH; i++) {
		io->msg[i].msg_hdr.msg_iov = &io->iov[i];
		io->msg[i].msg_hdr.msg_iovlen = 1;
	}
	return io;
}

void
io_free(struct rio *io)
{
	free(io);
}

/* A message of no bytes came last. It may be one, or the end; it is the end when
 * nothing is behind it. */
static void
see_end(struct rside *s)
{
	int	queued = 0;

	if (ioctl(s->port.fd, FIONREAD, &queued) == 0 && queued > 0)
		return;
	io_see_end(s);
}

/* A frame alone goes by the plain calls, here and below: they cost less, which
 * is seen in a round trip. There is no room for descriptors: the kernel drops
 * them here. */
static int
receive_now(struct rside *s, struct rio *io, unsigned int max)
{
	ssize_t	n;

	if (max > 1)
		return recvmmsg(s->port.fd, io->msg, max, MSG_DONTWAIT, NULL);
	n = recvmsg(s->port.fd, &io->msg[0].msg_hdr, MSG_DONTWAIT);
	io->msg[0].msg_len = (unsigned int)n;
	return n >= 0 ? 1 : -1;
}

static int
receive(struct rside *s, struct rio *io, unsigned int max)
{
	int	n = receive_now(s, io, max);

	if (n >= 0 || errno != ECONNRESET)
		return n >= 0 ? n : -errno;
	/* Its holder closed it and had not read all; what he sent before is
	 * there all the same. A datagram socket was connected elsewhere. */
	n = receive_now(s, io, max);
	return n >= 0 ? n : -ECONNRESET;
}

static int
message_read(struct rside *s, struct rbatch *b, unsigned int max)
{
	struct rio	*io = b->io;
	unsigned int	 i;
	int		 n;

	for (i = 0; i < max; i++) {
		b->f[i].data = b->buf + (size_t)i * s->link->slot;
		io->iov[i].iov_base = b->f[i].data;
		io->iov[i].iov_len = s->link->slot;
	}
	if ((n = receive(s, io, max)) <= 0)
		return n == 0 ? -EAGAIN : n;
	for (i = 0; i < (unsigned int)n; i++) {
		b->f[i].len = io->msg[i].msg_len;
		b->f[i].bad = RELAY_OK;
		if ((io->msg[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
			b->f[i].bad = RELAY_LONG;
		else if ((io->msg[i].msg_hdr.msg_flags & MSG_CTRUNC) != 0)
			b->f[i].bad = RELAY_RIGHTS;
	}
	if (b->f[n - 1].len == 0) {
		see_end(s);
		/* The end of the file reads as if it were frames. */
		while (s->end != RELAY_OPEN && n > 0 && b->f[n - 1].len == 0)
			n--;
	}
	return n;
}

/* One message was not taken: 0 to go on without it, or why it stops. */
static int
send_error(struct rside *s, int error)
{
	switch (error) {
	case EMSGSIZE:
	case EPIPE:		/* its end is for the reader to see */
	case ECONNRESET:
		io_refused(s);
		return 0;
	case ENOBUFS:
		return EAGAIN;
	default:
		return error;
	}
}

/* F[0 .. N): how many were taken, or -1 and errno. */
static int
send_now(struct rside *s, struct rio *io, const struct rframe *f,
    unsigned int n)
{
	const int	flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	unsigned int	i;

	if (n == 1)
		return send(s->port.fd, f->data, f->len, flags) < 0 ? -1 : 1;
	for (i = 0; i < n; i++) {
		io->iov[i].iov_base = f[i].data;
		io->iov[i].iov_len = f[i].len;
	}
	return sendmmsg(s->port.fd, io->msg, n, flags);
}

static int
message_write(struct rside *s, struct rbatch *b, const struct rframe *f,
    unsigned int n)
{
	unsigned int	 i, done = 0;
	uint64_t	 bytes;
	int		 r, error;

	while (done < n) {
		r = send_now(s, b->io, f + done, n - done);
		if (r < 0) {
			if ((error = send_error(s, errno)) == EAGAIN)
				break;
			if (error != 0)
				return done > 0 ? (int)done : -error;
			done++;
			continue;
		}
		for (bytes = 0, i = done; i < done + (unsigned int)r; i++)
			bytes += f[i].len;
		io_sent(s, (unsigned int)r, bytes);
		done += (unsigned int)r;
	}
	return (int)done;
}

const struct relay_ops	io_message_ops = { .read = message_read,
    .write = message_write };

/* What is in the queue stays there. */
void
io_leave(struct rside *s)
{
	(void)shutdown(s->port.fd, SHUT_RDWR);
}

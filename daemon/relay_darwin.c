/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many messages of a datagram socket with one system call, on macOS. Called by
 * relay_path.c by way of io_message_ops, in the link's thread. What is so much
 * more than relay_linux.c here:
 *
 *	- A full receiver is ENOBUFS, and before macOS 15 no event tells when it
 *	  has room (up to 12, one says so all the time). So it is tried again by a
 *	  timer; one that has taken nothing for a second is no reason to wait any
 *	  more, and its frames are counted as refused until it takes one.
 *	- No event tells that the holder is gone: the next call says so, once. So
 *	  an idle side is read once a second, and what a write saw is kept for the
 *	  read, which first takes what he had sent.
 *	- Descriptors that come with a frame are installed even when nobody asks
 *	  for them. They are taken and closed. From macOS 14 on recvmsg_x may hand
 *	  them out in the slot of another frame of the same sender's, which is
 *	  then the one that is dropped for them.
 *	- That a frame was cut is not told by recvmsg_x of macOS 14 and 15. The
 *	  slot of a frame is longer than the longest (relay.c).
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "msg_x.h"
#include "relay_int.h"
#include "wire.h"

#define FULL_US		2000	/* between two tries at a full receiver, */
#define FULL_TRIES	500	/* of which so many */
#define IDLE_SECS	1

struct rio {
	struct msghdr_x	msg[BOUND_BATCH];
	struct iovec	iov[BOUND_BATCH];
	union wire_control control[BOUND_BATCH];
};

struct rio *
io_new(void)
{
	return calloc(1, sizeof(struct rio));
}

void
io_free(struct rio *io)
{
	free(io);
}

static struct msghdr_x *
point(struct rio *io, unsigned int i, void *data, size_t size)
{
	struct msghdr_x	*m = &io->msg[i];

	io->iov[i].iov_base = data;
	io->iov[i].iov_len = size;
	memset(m, 0, sizeof(*m));
	m->msg_iov = &io->iov[i];
	m->msg_iovlen = 1;
	return m;
}

/* Reading. */

/* One message, with a call that every release has. */
static int
receive_one(int fd, struct msghdr_x *m)
{
	struct msghdr	mh = { .msg_iov = m->msg_iov, .msg_iovlen = 1,
	    .msg_control = m->msg_control,
	    .msg_controllen = m->msg_controllen };
	ssize_t		n = recvmsg(fd, &mh, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	m->msg_controllen = (socklen_t)mh.msg_controllen;
	m->msg_datalen = (size_t)n;
	return 1;
}

/* The call itself is not to be had, so another one says what is the matter. */
static bool
refused(int error)
{
	return error == ENOSYS || error == EINVAL || error == EOPNOTSUPP;
}

static int
receive(int fd, struct rio *io, unsigned int max)
{
	ssize_t	n;

	if (max > 1 && recvmsg_x != NULL) {
		n = recvmsg_x(fd, io->msg, max, MSG_DONTWAIT);
		if (n > 0)
			return (int)n;
		if (n < 0 && !refused(errno))
			return -errno;
	}
	return receive_one(fd, &io->msg[0]);
}

/* The other end is closed, or was connected elsewhere. */
static bool
means_gone(int error)
{
	return error == ECONNRESET || error == ECONNREFUSED ||
	    error == EDESTADDRREQ || error == ENOTCONN || error == EPIPE;
}

static int
receive_error(const struct rside *s, int error)
{
	if (means_gone(error) || (error == EAGAIN && s->gone))
		return -ECONNREFUSED;
	return -error;
}

/* Did descriptors come with it? They are closed. The length says so even if the
 * kernel has left that of the buffer as it was. */
static bool
rights(const struct msghdr_x *m)
{
	struct msghdr	mh = { .msg_control = m->msg_control,
	    .msg_controllen = m->msg_controllen };
	struct cmsghdr	*cm = CMSG_FIRSTHDR(&mh);

	if (cm == NULL || cm->cmsg_len == 0)
		return false;
	wire_drop_rights(&mh);
	return true;
}

static int
message_read(struct rside *s, struct rbatch *b, unsigned int max)
{
	struct rio	*io = b->io;
	struct msghdr_x	*m;
	unsigned int	 i;
	int		 n;

	for (i = 0; i < max; i++) {
		b->f[i].data = b->buf + (size_t)i * s->link->slot;
		m = point(io, i, b->f[i].data, s->link->slot);
		m->msg_control = &io->control[i];
		m->msg_controllen = sizeof(io->control[i]);
		memset(&io->control[i].align, 0, sizeof(io->control[i].align));
	}
	if ((n = receive(s->port.fd, io, max)) < 0)
		return receive_error(s, -n);
	for (i = 0; i < (unsigned int)n; i++) {
		b->f[i].len = (uint32_t)io->msg[i].msg_datalen;
		b->f[i].bad = rights(&io->msg[i]) ? RELAY_RIGHTS : RELAY_OK;
	}
	/* No bytes are a message of none, or the end of one that was shut. */
	if (b->f[n - 1].len == 0)
		io_see_end(s);
	while (s->end != RELAY_OPEN && n > 0 && b->f[n - 1].len == 0)
		n--;
	return n;
}

/* Writing. */

static int
send_one(int fd, const struct rframe *f)
{
	return send(fd, f->data, f->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ?
	    -errno : 1;
}

/* Of the first N frames those that fit: at least one, or -errno. */
static int
send_some(int fd, struct rio *io, const struct rframe *f, unsigned int n)
{
	unsigned int	i;
	ssize_t		r;

	if (n == 1 || sendmsg_x == NULL)
		return send_one(fd, f);
	for (i = 0; i < n; i++)
		(void)point(io, i, f[i].data, f[i].len);
	r = sendmsg_x(fd, io->msg, n, MSG_DONTWAIT);
	if (r > 0)
		return (int)r;
	/* 0 is none sent and no reason given. The single send has one. */
	return r == 0 || refused(errno) ? send_one(fd, f) : -errno;
}

static void
sent(struct rside *s, const struct rframe *f, unsigned int n)
{
	uint64_t	bytes = 0;
	unsigned int	i;

	for (i = 0; i < n; i++)
		bytes += f[i].len;
	io_sent(s, n, bytes);
	s->full = 0;
}

/* The next LEFT frames were not taken, because of ERROR: how many of them are
 * done with, or -errno. */
static int
not_sent(struct rside *s, int error, unsigned int left)
{
	unsigned int	i, lost = left;

	if (means_gone(error))
		s->gone = true;		/* for the reader to see */
	else if (error == ENOBUFS || error == EAGAIN || error == ENOMEM)
		lost = s->full < FULL_TRIES ? 0 : left;
	else if (error == EMSGSIZE)
		lost = 1;
	else
		return -error;
	if (lost == 0)
		s->full++;
	for (i = 0; i < lost; i++)
		io_refused(s);
	return (int)lost;
}

static int
message_write(struct rside *s, struct rbatch *b, const struct rframe *f,
    unsigned int n)
{
	unsigned int	done = 0;
	int		r;

	while (done < n) {
		r = send_some(s->port.fd, b->io, f + done, n - done);
		if (r > 0)
			sent(s, f + done, (unsigned int)r);
		else if ((r = not_sent(s, -r, n - done)) < 0)
			return done > 0 ? (int)done : r;
		if (r == 0)
			break;
		done += (unsigned int)r;
	}
	return (int)done;
}

static const struct timeval	room = { .tv_usec = FULL_US };
static const struct timeval	idle = { .tv_sec = IDLE_SECS };

const struct relay_ops	io_message_ops = { .read = message_read,
    .write = message_write, .room = &room, .idle = &idle };

/* To shut it for reading would throw away what is in the queue. */
void
io_leave(struct rside *s)
{
	(void)shutdown(s->port.fd, SHUT_WR);
}

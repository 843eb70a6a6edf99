/* SPDX-License-Identifier: MIT */
/*
 * libfeth, class raw on macOS: a BPF descriptor, of which a read gives all frames
 * that wait, as records. They are kept here and handed out one by one. Called by
 * frames.c only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bpf_record.h"
#include "feth_int.h"

/* net/bpf.h, which not every SDK has. */
#define GET_BLEN	_IOR('B', 102, uint32_t)
/* No kernel has larger buffers. */
#define BLEN_MAX	(32u * 1024 * 1024)
#define FULL_NS		50000	/* between two tries at a full queue */

struct feth_bpf {
	size_t		blen;	/* a read must be of exactly this size */
	size_t		at, len;
	uint8_t		buf[];
};

int
feth_bpf_open(int fd, struct feth_bpf **b)
{
	uint32_t blen;

	*b = NULL;
	if (ioctl(fd, GET_BLEN, &blen) == -1)
		return errno == ENOTTY || errno == EINVAL ||
		    errno == EOPNOTSUPP ? 0 : -errno;
	if (blen > BLEN_MAX)
		return -EINVAL;
	*b = malloc(sizeof(**b) + blen);
	if (*b == NULL)
		return -ENOMEM;
	(*b)->blen = blen;
	feth_bpf_forget(*b);
	return 0;
}

void
feth_bpf_free(struct feth_bpf *b)
{
	free(b);
}

void
feth_bpf_forget(struct feth_bpf *b)
{
	b->at = b->len = 0;
}

/* A full queue of the interface is said as ENOBUFS, whatever the mode, and no
 * event tells of room: BPF counts as writable all the time, and to ask poll(2) or
 * kqueue for that is refused. */
ssize_t
feth_bpf_send(int fd, const void *frame, size_t len)
{
	const struct timespec pause = { 0, FULL_NS };
	ssize_t n;
	int flags;

	while ((n = write(fd, frame, len)) == -1 && errno == ENOBUFS) {
		flags = fcntl(fd, F_GETFL);
		if (flags == -1 || (flags & O_NONBLOCK) != 0)
			return -EAGAIN;
		if (nanosleep(&pause, NULL) == -1)
			return -EINTR;
	}
	if (n == -1)
		return errno == ENXIO ? -EPIPE : -errno;
	return n;
}

/* 0 bytes is no end: a timeout that somebody set on the descriptor went by. The
 * interface is gone for ever at ENXIO. */
static int
bpf_fill(struct feth_bpf *b, int fd)
{
	ssize_t n;

	feth_bpf_forget(b);
	n = read(fd, b->buf, b->blen);
	if (n == -1)
		return errno == ENXIO ? -EPIPE : -errno;
	b->len = (size_t)n;
	return 0;
}

ssize_t
feth_bpf_recv(struct feth_bpf *b, int fd, void *buf, size_t size, bool wait)
{
	struct bpf_record r;
	int rv;

	for (;;) {
		rv = bpf_record_next(b->buf, b->len, &b->at, &r);
		if (rv == 1 && (r.len < r.wire_len || r.len > size ||
		    r.len < FETH_FRAME_MIN))
			continue;	/* cut, or none of this link's */
		if (rv == 1) {
			memcpy(buf, r.frame, r.len);
			return (ssize_t)r.len;
		}
		/* What is no record spoils this buffer only. */
		if (!wait)
			return -EAGAIN;
		rv = bpf_fill(b, fd);
		if (rv != 0)
			return rv;
		if (b->len == 0)
			return -EAGAIN;
	}
}

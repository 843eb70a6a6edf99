/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF of macOS; see bpf.h. Called by backend_feth.c in the warden, and by the
 * relay in the broker for read and write. What the kernel does is in no manual;
 * the rules here were read in XNU's bsd/net/bpf.c, tags 8019 (macOS 12) to 11417
 * (15.4):
 *
 *	- the size of the buffers can be set only before the bind, and a read
 *	  must ask for exactly that size (bpf.c:1289);
 *	- private ioctls came one by one; an unknown one is EINVAL, and then there
 *	  is another way, or it is done without;
 *	- success of a write means that the frame was queued, not more;
 *	- a descriptor is always writable: nobody may wait for that, kqueue
 *	  refuses it;
 *	- a frame of less than 14 bytes is taken from macOS 14 on, and the feth
 *	  driver then cuts off more than there is: kernel memory is at stake
 *	  (bpf.c:473, if_fake.c:3809). It never gets past here.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "darwin_ops.h"

#define FRAME_MIN	14

static int
set32(int fd, enum dw_ioctl request, uint32_t value)
{
	return darwin_ops.bpf_ioctl(fd, request, &value);
}

int
bpf_open(struct bpf *b, unsigned int *used)
{
	unsigned int	n;
	int		fd;

	memset(b, 0, sizeof(*b));
	b->fd = -1;
	/* Nodes appear as the last one is opened, so the first that does not
	 * exist means that all are taken. */
	for (n = 0; n < DW_BPF_NODES; n++) {
		fd = darwin_ops.bpf_open(n);
		if (fd >= 0) {
			b->fd = fd;
			return 0;
		}
		if (fd == -ENOENT)
			break;
		if (fd != -EBUSY)
			return fd;
	}
	*used = n;
	return -ENOSPC;
}

/* 1: own frames are not echoed. The direction is of macOS 14; before that, not
 * to see what was sent is the same. */
static int
only_incoming(struct bpf *b)
{
	int	error;

	error = set32(b->fd, DW_BIOCSDIRECTION, DW_BPF_D_IN);
	b->modern = error == 0;
	if (error == -EINVAL)
		error = set32(b->fd, DW_BIOCSSEESENT, 0);
	return error;
}

/* A size that is refused is made smaller by the kernel; what it gave is what
 * reads must ask for. In less than the least a long frame would be cut, each
 * time and for ever. */
static int
set_blen(struct bpf *b, uint32_t blen)
{
	int	error;

	if ((error = darwin_ops.bpf_ioctl(b->fd, DW_BIOCSBLEN, &blen)) != 0)
		return error;
	b->blen = blen;
	return blen < BPF_BLEN_MIN ? -ENOBUFS : 0;
}

int
bpf_setup(struct bpf *b, bool relay)
{
	int	error;

	if ((error = set_blen(b, BPF_BLEN)) != 0 ||
	    (error = set32(b->fd, DW_BIOCIMMEDIATE, 1)) != 0 ||
	    (error = set32(b->fd, DW_BIOCSHDRCMPLT, 1)) != 0 ||
	    (error = only_incoming(b)) != 0)
		return error;
	if (relay) {
		/* Since 14.1, and 15.0. Without them it is slower. */
		b->batch = set32(b->fd, DW_BIOCSBATCHWRITE, 1) == 0;
		(void)set32(b->fd, DW_BIOCSNOTSTAMP, 1);
	}
	return 0;
}

static int
set_if(struct bpf *b, const char *ifname)
{
	struct dw_ifreq	r;

	memset(&r, 0, sizeof(r));
	memcpy(r.name, ifname, strnlen(ifname, sizeof(r.name) - 1));
	return darwin_ops.bpf_ioctl(b->fd, DW_BIOCSETIF, &r);
}

int
bpf_bind(struct bpf *b, const char *ifname)
{
	uint32_t	blen;
	int		error;

	/* The buffers are made here. A failed bind leaves it unbound, so that
	 * their size can still be set. */
	while ((error = set_if(b, ifname)) == -ENOMEM &&
	    b->blen / 2 >= BPF_BLEN_MIN) {
		blen = b->blen / 2;
		if ((error = set_blen(b, blen)) != 0)
			break;
	}
	if (error != 0)
		return error;
	/* Since 15.0, and only now. Else the host looks at each frame, too, and
	 * throws it away: it has no address there. */
	(void)set32(b->fd, DW_BIOCSDVRTIN, 1);
	return 0;
}

int
bpf_attach(struct bpf *b, int fd)
{
	int32_t	value = 0;
	int	error;

	memset(b, 0, sizeof(*b));
	b->fd = fd;
	if ((error = darwin_ops.bpf_ioctl(fd, DW_BIOCGBLEN, &b->blen)) != 0)
		return error;
	b->batch = darwin_ops.bpf_ioctl(fd, DW_BIOCGBATCHWRITE, &value) == 0 &&
	    value != 0;
	b->modern = darwin_ops.bpf_ioctl(fd, DW_BIOCGDIRECTION, &value) == 0;
	return 0;
}

int
bpf_bound(int fd, char *name)
{
	struct dw_ifreq	r;
	int		error;

	memset(&r, 0, sizeof(r));
	error = darwin_ops.bpf_ioctl(fd, DW_BIOCGETIF, &r);
	if (error == -EINVAL)
		return -ENXIO;
	if (error != 0)
		return error;
	memcpy(name, r.name, sizeof(r.name));
	name[sizeof(r.name) - 1] = '\0';
	return 0;
}

int
bpf_listeners(int fd, const char *ifname)
{
	struct dw_ifreq	r;
	int		error;

	memset(&r, 0, sizeof(r));
	memcpy(r.name, ifname, strnlen(ifname, sizeof(r.name) - 1));
	error = darwin_ops.bpf_ioctl(fd, DW_BIOCGIFATTACHCOUNT, &r);
	return error != 0 ? error : r.u.value;
}

uint32_t
bpf_write_max(const struct bpf *b, uint32_t mtu)
{
	uint32_t	max = mtu + FRAME_MIN;

	if (b->modern)
		return max + DW_BPF_TAG;
	return max < DW_BPF_WRITE_12 ? max : DW_BPF_WRITE_12;
}

ssize_t
bpf_read(const struct bpf *b, void *buf)
{
	ssize_t	n;

	n = darwin_ops.bpf_read(b->fd, buf, b->blen);
	/* A timeout went by, if its holder set one: no end of anything. */
	return n == 0 || n == -EINTR ? -EAGAIN : n;
}

int
bpf_write(const struct bpf *b, const void *frame, size_t len, uint32_t mtu)
{
	ssize_t	n;

	if (len < FRAME_MIN || len > bpf_write_max(b, mtu))
		return -EMSGSIZE;
	do
		n = darwin_ops.bpf_write(b->fd, frame, len);
	while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

int
bpf_write_batch(const struct bpf *b, const void *records, size_t size)
{
	ssize_t	n;

	do
		n = darwin_ops.bpf_write(b->fd, records, size);
	while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

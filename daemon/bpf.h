/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF descriptors of macOS: find a free one, set it up, bind it, move frames.
 * The warden opens and binds; whoever moves frames needs bpf_attach, bpf_read
 * and bpf_write only.
 */
#ifndef FETHD_BPF_H
#define FETHD_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Asked for; the kernel may give less. It has two of them a descriptor. Up to
 * macOS 12 it is the most there is, and it is enough for 340 full frames. */
#define BPF_BLEN		(512 * 1024)
/* What is tried at last when the kernel has no memory, and the least that we
 * work with. A frame of the largest MTU fits. */
#define BPF_BLEN_MIN		(32 * 1024)

struct bpf {
	int		fd;		/* -1: none; the owner closes it */
	uint32_t	blen;		/* a read must be of exactly this size */
	bool		batch;		/* a write takes records */
	bool		modern;		/* rules of macOS 14 and later */
};

/*
 * Open the first free node. B->fd is the caller's. -ENOSPC: every node of the
 * system is in use, and *USED says how many that are; -EACCES and others: the
 * system's reason.
 */
int	bpf_open(struct bpf *b, unsigned int *used);

/*
 * Set B up before it is bound: buffers, immediate mode, complete headers, no
 * echo of our own frames. With RELAY also what only a reader of our own knows:
 * batches, no time stamps. -ENOBUFS: the system's limit of a buffer (sysctl
 * debug.bpf_maxbufsize, from macOS 13 debug.bpf_bufsize_cap) is too low.
 */
int	bpf_setup(struct bpf *b, bool relay);

/* Bind B to interface IFNAME, with smaller buffers when there is no memory, and
 * keep the frames from the host's own protocols there, where that can be. */
int	bpf_bind(struct bpf *b, const char *ifname);

/* Fill B for a descriptor that another process set up and bound. */
int	bpf_attach(struct bpf *b, int fd);

/* The interface that FD is bound to now, in NAME of DW_IFNAMSIZ bytes; -ENXIO:
 * none. Its holder can bind it to another one at any time. */
int	bpf_bound(int fd, char *name);

/* How many descriptors of the system are bound to IFNAME, asked by FD. */
int	bpf_listeners(int fd, const char *ifname);

/* The longest frame that a write takes on an interface of MTU. */
uint32_t bpf_write_max(const struct bpf *b, uint32_t mtu);

/*
 * Records (bpf_record.h) into BUF of B->blen bytes. The number of bytes; -EAGAIN:
 * none now; -ENXIO: the interface is gone, for ever.
 */
ssize_t	bpf_read(const struct bpf *b, void *buf);

/*
 * One frame. 0: the kernel took it, which does not say that it arrives.
 * -EMSGSIZE: too short or too long; -ENETDOWN, -ENOBUFS: not this one, maybe the
 * next; -ENXIO: the interface is gone.
 */
int	bpf_write(const struct bpf *b, const void *frame, size_t len,
	    uint32_t mtu);

/*
 * SIZE bytes of records, written with bpf_record_put, each frame of 14 to
 * bpf_write_max bytes; only when B->batch. All of them or none: 0 or -errno.
 */
int	bpf_write_batch(const struct bpf *b, const void *records, size_t size);

#endif

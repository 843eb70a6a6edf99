/* SPDX-License-Identifier: MIT */
/*
 * libfeth on systems without the BPF of macOS: no descriptor is one. See
 * bpf_port.c.
 */
#include <errno.h>
#include <stddef.h>

#include "feth_int.h"

int
feth_bpf_open(int fd, struct feth_bpf **b)
{
	(void)fd;
	*b = NULL;
	return 0;
}

void
feth_bpf_free(struct feth_bpf *b)
{
	(void)b;
}

void
feth_bpf_forget(struct feth_bpf *b)
{
	(void)b;
}

ssize_t
feth_bpf_send(int fd, const void *frame, size_t len)
{
	(void)fd;
	(void)frame;
	(void)len;
	return -EBADF;
}

ssize_t
feth_bpf_recv(struct feth_bpf *b, int fd, void *buf, size_t size, bool wait)
{
	(void)b;
	(void)fd;
	(void)buf;
	(void)size;
	(void)wait;
	return -EBADF;
}

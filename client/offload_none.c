/* SPDX-License-Identifier: MIT */
/*
 * libfeth on systems whose links have no offloads. Called by frames.c only, of
 * a port with a virtio-net header, which no daemon of such a system gives.
 */
#include <errno.h>

#include "feth_int.h"

int
feth_offload_set(int fd, unsigned int wanted)
{
	(void)fd;
	(void)wanted;
	return -EOPNOTSUPP;
}

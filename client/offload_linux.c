/* SPDX-License-Identifier: MIT */
/*
 * libfeth on Linux: the offloads of a TAP. They are the device's, so the last
 * holder of a named link's port may have left others (QEMU sets what its guest
 * wants). Called by frames.c only.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>

#include "feth_int.h"

/* Of Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif

static const struct {
	unsigned int	offload, flags;
} offloads[] = {
	{ FETH_OFFLOAD_CSUM, TUN_F_CSUM },
	{ FETH_OFFLOAD_TSO4, TUN_F_TSO4 },
	{ FETH_OFFLOAD_TSO6, TUN_F_TSO6 },
	{ FETH_OFFLOAD_USO, TUN_F_USO4 | TUN_F_USO6 },
};

int
feth_offload_set(int fd, unsigned int wanted)
{
	unsigned long flags = 0;
	int size = sizeof(struct feth_vnet_hdr);
	size_t i;

	for (i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++) {
		if ((wanted & offloads[i].offload) != 0)
			flags |= offloads[i].flags;
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) == -1 ||
	    ioctl(fd, TUNSETOFFLOAD, flags) == -1)
		return -errno;
	return 0;
}

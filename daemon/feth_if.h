/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One feth interface of macOS: an ioctl a function, with the traps of each. All
 * take its name, act on nothing else, and return 0 or -errno.
 */
#ifndef FETHD_FETH_IF_H
#define FETHD_FETH_IF_H

#include <stddef.h>
#include <stdint.h>

#include "darwin_abi.h"
#include "spec.h"

/* Make it. -EEXIST: the name is taken, or was and is not free yet. */
int	feth_if_create(const char *name);
/* Remove it; the kernel does so later. It should be down and alone. */
int	feth_if_destroy(const char *name);

/* Write and read the mark: text. MARK has SIZE bytes, at least 2, and becomes ""
 * when there is none, "?" when what is there is no text. */
int	feth_if_mark(const char *name, const char *mark);
int	feth_if_mark_get(const char *name, char *mark, size_t size);

/* -EINVAL for a group address or zero. */
int	feth_if_mac(const char *name, const uint8_t mac[6]);
int	feth_if_mac_get(const char *name, uint8_t mac[6]);

int	feth_if_mtu(const char *name, uint32_t mtu);
/* The largest that it takes, fixed when it was made. */
int	feth_if_mtu_max(const char *name, uint32_t *mtu);

/* Connect the two, or leave whom NAME is connected to. */
int	feth_if_peer(const char *name, const char *peer);
int	feth_if_unpeer(const char *name);
/* PEER, of DW_IFNAMSIZ bytes, becomes "" when there is none. */
int	feth_if_peer_get(const char *name, char *peer);

int	feth_if_up(const char *name);
int	feth_if_down(const char *name);
int	feth_if_flags(const char *name, int16_t *flags);

int	feth_if_address(const char *name, const struct prefix *p);

#endif

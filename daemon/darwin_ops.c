/* SPDX-License-Identifier: Apache-2.0 */
/*
 * darwin_ops.h on a Mac, with darwin_call.c: each function is the call that its
 * name says, and nothing is decided here. The control sockets are the warden's, opened once; what
 * the broker may ask (overlap, counters) needs none.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include <net/if.h>
#include <net/if_var.h>
#include <net/route.h>

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "darwin_ops.h"
#include "darwin_route.h"
#include "wire.h"

/* sys/sys_domain.h, sys/kern_event.h */
#ifndef PF_SYSTEM
#define PF_SYSTEM	32
#endif
#ifndef SYSPROTO_EVENT
#define SYSPROTO_EVENT	1
#endif

static int	sock4 = -1, sock6 = -1;

static int
socket_open(int family, int type, int protocol, int *out)
{
	int	fd, error;

	if (*out != -1)
		return 0;
	if ((fd = socket(family, type, protocol)) == -1)
		return -errno;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		error = -errno;
		close(fd);
		return error;
	}
	*out = fd;
	return 0;
}

static int
mac_start(void)
{
	int	error;

	error = socket_open(AF_INET, SOCK_DGRAM, 0, &sock4);
	return error != 0 ? error :
	    socket_open(AF_INET6, SOCK_DGRAM, 0, &sock6);
}

static int
mac_control(bool inet6, enum dw_ioctl request, void *arg)
{
	return darwin_call_ioctl(inet6 ? sock6 : sock4, request, arg);
}

static int
mac_bpf_open(unsigned int n)
{
	char	path[32];
	int	fd;

	/* There is no /dev/bpf that clones itself. */
	snprintf(path, sizeof(path), "/dev/bpf%u", n);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return fd == -1 ? -errno : fd;
}

static int
mac_sysctl_get(const char *name, int *value)
{
	size_t	size = sizeof(*value);

	if (sysctlbyname(name, value, &size, NULL, 0) == -1)
		return -errno;
	return size == sizeof(*value) ? 0 : -EINVAL;
}

static int
mac_sysctl_set(const char *name, int value)
{
	return sysctlbyname(name, NULL, NULL, &value, sizeof(value)) == -1 ?
	    -errno : 0;
}

static int
mac_ifindex(const char *name)
{
	return (int)if_nametoindex(name);
}

static int
mac_ifnames(void (*fn)(const char *name, void *arg), void *arg)
{
	struct ifaddrs	*list, *i;

	if (getifaddrs(&list) == -1)
		return -errno;
	for (i = list; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_LINK)
			fn(i->ifa_name, arg);
	freeifaddrs(list);
	return 0;
}

/* Without a filter nothing is delivered. No privilege is asked for. Room for the
 * news of many links at once: what does not fit is lost. */
static int
mac_events_open(void)
{
	struct dw_kev_request	want = { DW_KEV_VENDOR_APPLE, DW_KEV_NETWORK,
	    DW_KEV_DL };
	int			room = 256 * 1024, fd = -1, error;

	if ((error = socket_open(PF_SYSTEM, SOCK_RAW, SYSPROTO_EVENT, &fd)) !=
	    0)
		return error;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (ioctl(fd, (unsigned long)DW_SIOCSKEVFILT, &want) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static ssize_t
mac_events_read(int fd, struct dw_kev *k)
{
	uint8_t	buf[1024];
	ssize_t	n;

	/* Other events of the class are longer, or shorter: then what is not
	 * there is 0. */
	if ((n = recv(fd, buf, sizeof(buf), 0)) == -1)
		return -errno;
	memset(k, 0, sizeof(*k));
	memcpy(k, buf, (size_t)n < sizeof(*k) ? (size_t)n : sizeof(*k));
	return sizeof(*k);
}

/* The answer of a sysctl that may grow while it is asked. */
static int
table_get(int *mib, unsigned int n, uint8_t **buf, size_t *len)
{
	size_t	size;
	int	try, error = -EAGAIN;

	*buf = NULL;
	*len = 0;
	for (try = 0; try < 4; try++) {
		if (sysctl(mib, n, NULL, &size, NULL, 0) == -1)
			return -errno;
		size += size / 8 + 512;
		if ((*buf = malloc(size)) == NULL)
			return -ENOMEM;
		*len = size;
		if (sysctl(mib, n, *buf, len, NULL, 0) == 0)
			return 0;
		error = -errno;
		free(*buf);
		*buf = NULL;
		*len = 0;
		if (error != -ENOMEM)
			break;
	}
	return error;
}

static int
mac_overlap(const struct prefix *p, struct prefix *with, char *route,
    size_t size)
{
	int			mib[6] = { CTL_NET, PF_ROUTE, 0,
	    p->family == 4 ? AF_INET : AF_INET6, NET_RT_DUMP, 0 };
	char			text[PREFIX_STRLEN], name[IFNAMSIZ];
	struct darwin_route	r;
	uint8_t			*buf;
	size_t			len;
	int			rv;

	if ((rv = table_get(mib, 6, &buf, &len)) != 0)
		return rv;
	rv = darwin_route_overlap(buf, len, p, &r);
	free(buf);
	if (rv != 1)
		return rv;
	*with = r.dst;
	prefix_format(&r.dst, text);
	if (if_indextoname(r.index, name) != NULL)
		snprintf(route, size, "route %s of %s", text, name);
	else
		snprintf(route, size, "route %s", text);
	return 1;
}

/* The 64-bit counters; those of getifaddrs have 32. */
static int
mac_counters(const char *ifname, struct if_counters *c)
{
	int			 mib[6] = { CTL_NET, PF_ROUTE, 0, 0,
	    NET_RT_IFLIST2, 0 };
	struct if_msghdr2	 m;
	uint8_t			*buf;
	size_t			 len, at;
	int			 rv;

	if ((mib[5] = (int)if_nametoindex(ifname)) == 0)
		return -ENXIO;
	if ((rv = table_get(mib, 6, &buf, &len)) != 0)
		return rv;
	rv = -ENXIO;
	for (at = 0; at + sizeof(m) <= len; at += m.ifm_msglen) {
		memcpy(&m, buf + at, sizeof(m));
		if (m.ifm_msglen < 4)
			break;
		if (m.ifm_type != RTM_IFINFO2 || m.ifm_index != mib[5])
			continue;
		c->rx_frames = m.ifm_data.ifi_ipackets;
		c->rx_bytes = m.ifm_data.ifi_ibytes;
		c->rx_dropped = m.ifm_data.ifi_iqdrops;
		c->tx_frames = m.ifm_data.ifi_opackets;
		c->tx_bytes = m.ifm_data.ifi_obytes;
		c->tx_dropped = (uint64_t)(m.ifm_snd_drops > 0 ?
		    m.ifm_snd_drops : 0);
		rv = 0;
		break;
	}
	free(buf);
	return rv;
}

const struct darwin_ops	darwin_ops = {
	.start = mac_start,
	.control = mac_control,
	.bpf_open = mac_bpf_open,
	.bpf_ioctl = darwin_call_ioctl,
	.bpf_read = darwin_call_read,
	.bpf_write = darwin_call_write,
	.sysctl_get = mac_sysctl_get,
	.sysctl_set = mac_sysctl_set,
	.ifindex = mac_ifindex,
	.ifnames = mac_ifnames,
	.events_open = mac_events_open,
	.events_read = mac_events_read,
	.overlap = mac_overlap,
	.counters = mac_counters,
	.nap = darwin_call_nap,
	.now = clock_ms,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * darwin_ops on the files of sim_fuse: for a whole daemon. Interfaces are looked
 * up among those of the network namespace, in which the simulation has one for
 * each of its own; routes and counters, which the broker asks for, are that
 * kernel's, as it plays the Mac's protocols.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "darwin_ops.h"
#include "linux_ask.h"
#include "netlink.h"
#include "sim_fuse.h"

static int	ctl[2] = { -1, -1 };

static int
sim_file(const char *name, int flags)
{
	const char	*dir = getenv(SIM_ENV);
	char		 path[256];
	int		 fd;

	if (dir == NULL)
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd == -1 ? -errno : fd;
}

static int
fuse_start(void)
{
	static const char *const	names[2] = { "ctl", "ctl6" };
	int				i, fd;

	for (i = 0; i < 2; i++) {
		if (ctl[i] != -1)
			continue;
		if ((fd = sim_file(names[i], O_RDWR)) < 0)
			return fd;
		ctl[i] = fd;
	}
	return 0;
}

static int
fuse_control(bool inet6, enum dw_ioctl request, void *arg)
{
	return darwin_call_ioctl(ctl[inet6], request, arg);
}

static int
fuse_bpf_open(unsigned int n)
{
	char	name[16];

	snprintf(name, sizeof(name), "bpf%u", n);
	return sim_file(name, O_RDWR | O_NONBLOCK);
}

static int
sysctl_call(const char *name, int set, int *value)
{
	struct sim_sysctl_call	c;

	memset(&c, 0, sizeof(c));
	snprintf(c.name, sizeof(c.name), "%s", name);
	c.set = set;
	c.value = *value;
	if (ioctl(ctl[0], SIM_SYSCTL, &c) == -1)
		return -errno;
	*value = c.value;
	return 0;
}

static int
fuse_sysctl_get(const char *name, int *value)
{
	*value = 0;
	return sysctl_call(name, 0, value);
}

static int
fuse_sysctl_set(const char *name, int value)
{
	return sysctl_call(name, 1, &value);
}

static int
fuse_ifindex(const char *name)
{
	return (int)if_nametoindex(name);
}

static int
fuse_ifnames(void (*fn)(const char *name, void *arg), void *arg)
{
	struct if_nameindex	*list, *i;

	if ((list = if_nameindex()) == NULL)
		return -errno;
	for (i = list; i->if_index != 0; i++)
		fn(i->if_name, arg);
	if_freenameindex(list);
	return 0;
}

static int
fuse_events_open(void)
{
	return sim_file("kev", O_RDONLY | O_NONBLOCK);
}

static ssize_t
fuse_events_read(int fd, struct dw_kev *k)
{
	ssize_t	n = read(fd, k, sizeof(*k));

	return n == -1 ? -errno : n;
}

static int
fuse_counters(const char *ifname, struct if_counters *c)
{
	static struct nl	nl;
	struct nl_link		l;
	int			error;

	if (nl.sock == NULL && (error = nl_open(&nl)) != 0)
		return error;
	if ((error = nl_link_stats(&nl, ifname, &l)) != 0)
		return error;
	*c = l.stats;
	return 0;
}

const struct darwin_ops	darwin_ops = {
	.start = fuse_start, .control = fuse_control,
	.bpf_open = fuse_bpf_open, .bpf_ioctl = darwin_call_ioctl,
	.bpf_read = darwin_call_read, .bpf_write = darwin_call_write,
	.sysctl_get = fuse_sysctl_get, .sysctl_set = fuse_sysctl_set,
	.ifindex = fuse_ifindex, .ifnames = fuse_ifnames,
	.events_open = fuse_events_open, .events_read = fuse_events_read,
	.overlap = linux_overlap, .counters = fuse_counters,
	.nap = darwin_call_nap, .now = clock_ms,
};

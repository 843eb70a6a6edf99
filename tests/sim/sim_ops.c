/* SPDX-License-Identifier: Apache-2.0 */
/*
 * darwin_ops on the model; see sim_ops.h.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "darwin_ops.h"
#include "sim_ops.h"

#define EVENTS	64

struct sim	sim;
int16_t		sim_ops_born_flags;
unsigned int	sim_ops_slept;
unsigned int	sim_ops_opens;
void		(*sim_ops_watch)(uint32_t request);

static ino_t		inode[SIM_NODES];	/* 0: the node is free */
static struct dw_kev	events[EVENTS];
static unsigned int	nevents;

static int
mem_in(void *to, const void *user, size_t size, void *arg)
{
	(void)arg;
	if (user == NULL)
		return EFAULT;
	memcpy(to, user, size);
	return 0;
}

static int
mem_out(void *user, const void *from, size_t size, void *arg)
{
	(void)arg;
	memcpy(user, from, size);
	return 0;
}

static const struct sim_mem	mem = { mem_in, mem_out, NULL };

static int
hook_created(int i, void *arg)
{
	(void)arg;
	sim.ifs[i].flags |= sim_ops_born_flags;
	return 0;
}

static void
hook_event(const struct dw_kev *k, void *arg)
{
	(void)arg;
	/* A full socket loses what comes, without a word. */
	if (nevents < EVENTS)
		events[nevents++] = *k;
}

static const struct sim_hooks	hooks = {
	.created = hook_created, .event = hook_event,
};

void
sim_ops_reset(enum sim_release release)
{
	sim_free(&sim);
	sim_init(&sim, release, &hooks, NULL);
	memset(inode, 0, sizeof(inode));
	nevents = 0;
	sim_ops_born_flags = 0;
	sim_ops_slept = 0;
	sim_ops_watch = NULL;
}

int
sim_ops_node(int fd)
{
	struct stat	st;
	int		n;

	if (fstat(fd, &st) != 0)
		return -1;
	for (n = 0; n < SIM_NODES; n++)
		if (inode[n] != 0 && inode[n] == st.st_ino)
			return n;
	return -1;
}

/* Close the nodes to which no descriptor leads any more. */
static void
collect(void)
{
	bool		 seen[SIM_NODES] = { false };
	struct dirent	*e;
	DIR		*d;
	int		 n;

	if ((d = opendir("/proc/self/fd")) == NULL)
		abort();
	while ((e = readdir(d)) != NULL)
		if ((n = sim_ops_node(atoi(e->d_name))) != -1)
			seen[n] = true;
	closedir(d);
	for (n = 0; n < SIM_NODES; n++)
		if (inode[n] != 0 && !seen[n]) {
			sim_close(&sim, (unsigned int)n);
			inode[n] = 0;
		}
}

unsigned int
sim_ops_nodes(void)
{
	unsigned int	n, count = 0;

	collect();
	for (n = 0; n < SIM_NODES; n++)
		count += sim.nodes[n].open;
	return count;
}

unsigned int
sim_ops_feths(void)
{
	unsigned int	n = 0;
	int		i;

	for (i = 0; i < SIM_IFS; i++)
		n += sim.ifs[i].used && sim.ifs[i].feth &&
		    !sim.ifs[i].detaching;
	return n;
}

static int
ops_start(void)
{
	return 0;
}

static int
ops_control(bool inet6, enum dw_ioctl request, void *arg)
{
	if (sim_ops_watch != NULL)
		sim_ops_watch(request);
	return -sim_control(&sim, true, inet6, request, arg, &mem);
}

static int
ops_bpf_open(unsigned int n)
{
	struct stat	st;
	int		fd, error;

	collect();
	sim_ops_opens++;
	if ((error = sim_open(&sim, true, n)) != 0)
		return -error;
	if ((fd = memfd_create("bpf", MFD_CLOEXEC)) == -1 ||
	    fstat(fd, &st) != 0)
		abort();
	inode[n] = st.st_ino;
	return fd;
}

int
sim_ops_hold(unsigned int n)
{
	return ops_bpf_open(n);
}

static int
ops_bpf_ioctl(int fd, enum dw_ioctl request, void *arg)
{
	int	n = sim_ops_node(fd);

	if (sim_ops_watch != NULL)
		sim_ops_watch(request);
	return n == -1 ? -EBADF :
	    -sim_ioctl(&sim, (unsigned int)n, request, arg, &mem);
}

static ssize_t
ops_bpf_read(int fd, void *buf, size_t size)
{
	const uint8_t	*data;
	size_t		 len;
	int		 n = sim_ops_node(fd), error;

	if (n == -1)
		return -EBADF;
	error = sim_read(&sim, (unsigned int)n, size, true, false, &data, &len);
	if (error != 0)
		return -error;
	memcpy(buf, data, len);
	return (ssize_t)len;
}

static ssize_t
ops_bpf_write(int fd, const void *buf, size_t size)
{
	size_t	done;
	int	n = sim_ops_node(fd), error;

	if (n == -1)
		return -EBADF;
	error = sim_write(&sim, (unsigned int)n, buf, size, &done);
	return error != 0 ? -error : (ssize_t)done;
}

static int
ops_sysctl_get(const char *name, int *value)
{
	return -sim_sysctl_get(&sim, name, value);
}

static int
ops_sysctl_set(const char *name, int value)
{
	return -sim_sysctl_set(&sim, true, name, value);
}

static int
ops_ifindex(const char *name)
{
	return sim_find(&sim, name) + 1;
}

static int
ops_ifnames(void (*fn)(const char *name, void *arg), void *arg)
{
	int	i;

	for (i = 0; i < SIM_IFS; i++)
		if (sim.ifs[i].used && !sim.ifs[i].detaching)
			fn(sim.ifs[i].name, arg);
	return 0;
}

static int
ops_events_open(void)
{
	return 1000;	/* the tests do not wait for it */
}

static ssize_t
ops_events_read(int fd, struct dw_kev *k)
{
	(void)fd;
	if (nevents == 0)
		return -EAGAIN;
	*k = events[0];
	memmove(events, events + 1, --nevents * sizeof(*events));
	return (ssize_t)sizeof(*k);
}

static int
ops_overlap(const struct prefix *p, struct prefix *with, char *route,
    size_t size)
{
	(void)p;
	snprintf(route, size, "route 10.0.0.0/8 of en0");
	return prefix_parse("10.0.0.0/8", with) == 0 ? 1 : -EINVAL;
}

static int
ops_counters(const char *ifname, struct if_counters *c)
{
	memset(c, 0, sizeof(*c));
	c->rx_frames = 7;
	return sim_find(&sim, ifname) == -1 ? -ENXIO : 0;
}

static void
ops_nap(unsigned int ms)
{
	sim_ops_slept += ms;
	sim_tick(&sim, sim.now + ms);
}

static int64_t
ops_now(void)
{
	return sim.now;
}

const struct darwin_ops	darwin_ops = {
	.start = ops_start, .control = ops_control, .bpf_open = ops_bpf_open,
	.bpf_ioctl = ops_bpf_ioctl, .bpf_read = ops_bpf_read,
	.bpf_write = ops_bpf_write, .sysctl_get = ops_sysctl_get,
	.sysctl_set = ops_sysctl_set, .ifindex = ops_ifindex,
	.ifnames = ops_ifnames, .events_open = ops_events_open,
	.events_read = ops_events_read, .overlap = ops_overlap,
	.counters = ops_counters, .nap = ops_nap, .now = ops_now,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way from backend_feth.c, feth_if.c and bpf.c to the kernel. darwin_ops.c
 * has the real one; the simulated macOS (tests/sim/) brings its own, so that
 * those files are the same source there. All are functions of ours and none is a
 * cast of ioctl or open: those are variadic, and on Apple's arm64 variadic
 * arguments are passed in another way.
 *
 * Functions return 0 (or a count, or a descriptor) or -errno.
 */
#ifndef FETHD_DARWIN_OPS_H
#define FETHD_DARWIN_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend.h"
#include "darwin_abi.h"

struct darwin_ops {
	/* Warden: open what control needs, once. May be called again. */
	int	(*start)(void);

	/* ioctl on a control socket; of AF_INET6 when INET6. */
	int	(*control)(bool inet6, enum dw_ioctl request, void *arg);

	/* Node N of BPF for reading and writing: not blocking, close-on-exec.
	 * The descriptor is closed by close(2). */
	int	(*bpf_open)(unsigned int n);
	int	(*bpf_ioctl)(int fd, enum dw_ioctl request, void *arg);
	ssize_t	(*bpf_read)(int fd, void *buf, size_t size);
	ssize_t	(*bpf_write)(int fd, const void *buf, size_t size);

	int	(*sysctl_get)(const char *name, int *value);
	int	(*sysctl_set)(const char *name, int value);

	/* The index of interface NAME, or 0. */
	int	(*ifindex)(const char *name);
	/* FN for the name of every interface. */
	int	(*ifnames)(void (*fn)(const char *name, void *arg), void *arg);

	/* A descriptor, not blocking, that is readable when an interface came,
	 * went or changed; a read gives one struct dw_kev, -EAGAIN none. */
	int	(*events_open)(void);
	ssize_t	(*events_read)(int fd, struct dw_kev *k);

	/* Broker, which has nothing of the warden's open; see struct
	 * backend. */
	int	(*overlap)(const struct prefix *p, struct prefix *with,
		    char *route, size_t size);
	int	(*counters)(const char *ifname, struct if_counters *c);

	/* Wait; milliseconds of a clock that only goes forward. */
	void	(*nap)(unsigned int ms);
	int64_t	(*now)(void);
};

extern const struct darwin_ops darwin_ops;

/* darwin_call.c: members of it that are the same calls in a real system and on
 * the files of the simulated one. */
int	darwin_call_ioctl(int fd, enum dw_ioctl request, void *arg);
ssize_t	darwin_call_read(int fd, void *buf, size_t size);
ssize_t	darwin_call_write(int fd, const void *buf, size_t size);
void	darwin_call_nap(unsigned int ms);

#endif

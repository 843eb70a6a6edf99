/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the simulated macOS, for those who open them:
 *
 *	bpf0 ...	/dev/bpf0 ...
 *	ctl, ctl6	a control socket of AF_INET, of AF_INET6: ioctls only
 *	kev		a PF_SYSTEM event socket: a read is one struct dw_kev
 *	state		what there is, as text, a line each
 *	admin		a write is one command; see sim_fuse.c
 */
#ifndef FETHD_TESTS_SIM_FUSE_H
#define FETHD_TESTS_SIM_FUSE_H

#include <stdint.h>
#include <sys/ioctl.h>

/* The directory of these files. */
#define SIM_ENV		"FETHD_SIM"

/* sysctlbyname(3), by an ioctl on ctl. */
struct sim_sysctl_call {
	char		name[56];
	int32_t		set;
	int32_t		value;
};
#define SIM_SYSCTL	_IOWR('S', 1, struct sim_sysctl_call)

#endif

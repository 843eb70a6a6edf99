/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fethd.conf: JSON with comments, in the manner of C and C++, to struct policy.
 */
#ifndef FETHD_CONF_H
#define FETHD_CONF_H

#include <stddef.h>

#include "policy.h"

/*
 * Parse TEXT of SIZE bytes, which came from PATH, into P. Looks groups and
 * users up by getgrnam and getpwnam, so it is called before any chroot, and
 * never in the warden itself. Returns 0, or -EINVAL (-ENOMEM) with ERR
 * (400 bytes and a path are enough) holding "PATH:LINE: what is wrong, and what
 * would be right"; P is then all zero, which policy_sane refuses.
 */
int	conf_parse(const char *path, const char *text, size_t size,
	    struct policy *p, char *err, size_t errsize);

/*
 * Read the open file FD, from where it stands to its end (or, when FD is -1,
 * the built-in policy) into P. The caller keeps FD. 0, or -errno with ERR as
 * above, but without a line when it could not be read. A file that anybody can
 * write to is refused.
 */
int	conf_load(const char *path, int fd, struct policy *p, char *err,
	    size_t errsize);

#endif

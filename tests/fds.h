/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests that look whether a descriptor was left open; included by those.
 */
#ifndef FETHD_TESTS_FDS_H
#define FETHD_TESTS_FDS_H

#include <fcntl.h>

/* How many descriptors are open, of those that a test may have. */
static unsigned int
fds_open(void)
{
	unsigned int	n = 0;
	int		fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those of darwin_ops.h that are the same calls on a Mac and on the files of the
 * simulated one. Functions and no casts of the calls, which are variadic.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "darwin_ops.h"

int
darwin_call_ioctl(int fd, enum dw_ioctl request, void *arg)
{
	return ioctl(fd, (unsigned long)request, arg) == -1 ? -errno : 0;
}

ssize_t
darwin_call_read(int fd, void *buf, size_t size)
{
	ssize_t	n = read(fd, buf, size);

	return n == -1 ? -errno : n;
}

ssize_t
darwin_call_write(int fd, const void *buf, size_t size)
{
	ssize_t	n = write(fd, buf, size);

	return n == -1 ? -errno : n;
}

void
darwin_call_nap(unsigned int ms)
{
	struct timespec	ts = { .tv_sec = ms / 1000,
	    .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the relay reads and writes the interface of a host link where that is a
 * device with one frame a call. Called by relay_path.c by way of the table in
 * relay_io.c, in the link's thread.
 */
#include <errno.h>
#include <unistd.h>

#include "relay_int.h"

/* Only Linux tells so that a device is gone under its descriptor. */
#ifndef EBADFD
#define EBADFD		EBADF
#endif

static int
device_read(struct rside *s, struct rbatch *b, unsigned int max)
{
	unsigned int	i;
	ssize_t		n = 0;

	for (i = 0; i < max; i++) {
		b->f[i].data = b->buf + (size_t)i * s->link->slot;
		n = read(s->port.fd, b->f[i].data, s->link->slot);
		if (n <= 0)
			break;
		b->f[i].len = (uint32_t)n;
		b->f[i].bad = RELAY_OK;
	}
	if (i > 0)
		return (int)i;
	return n == 0 ? -EBADFD : -errno;
}

static int
device_write(struct rside *s, struct rbatch *b, const struct rframe *f,
    unsigned int n)
{
	unsigned int	i, sent = 0;
	uint64_t	bytes = 0;
	int		error = 0;

	(void)b;
	for (i = 0; i < n; i++) {
		if (write(s->port.fd, f[i].data, f[i].len) >= 0) {
			sent++;
			bytes += f[i].len;
			continue;
		}
		error = errno;
		if (error == EAGAIN || error == EBADFD || error == EBADF)
			break;
		/* The interface is down, or there is no memory just now. */
		io_refused(s);
		error = 0;
	}
	io_sent(s, sent, bytes);
	return i > 0 || error == 0 || error == EAGAIN ? (int)i : -error;
}

const struct relay_ops	io_device_ops = { .read = device_read,
    .write = device_write };

bool
io_device_pending(const struct rside *s)
{
	(void)s;
	return false;
}

void
io_device_forget(struct rside *s)
{
	(void)s;
}

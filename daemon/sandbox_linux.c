/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker gives up beyond plat_drop_privileges: it is already nobody,
 * in an empty root, without capabilities and without a way to new ones. Called
 * once by warden.c in the broker's process, before the first byte of a client.
 *
 * Today this is what resource limits can take: no locked memory, no message
 * queues, no priorities. A filter of system calls (seccomp) belongs here as the
 * last step of sandbox_broker, after the limits; there is none yet, so the
 * broker can still make every call that an unprivileged process may make.
 */
#include <sys/resource.h>

#include <errno.h>
#include <stddef.h>

#include "sandbox.h"

static const int	limits[] = {
	RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE,
	RLIMIT_RTPRIO,
};

int
sandbox_broker(void)
{
	struct rlimit	none = { 0, 0 };
	size_t		i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (setrlimit(limits[i], &none) != 0)
			return -errno;
	return 0;
}

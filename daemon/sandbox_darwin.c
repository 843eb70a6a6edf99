/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker gives up beyond plat_drop_privileges: it is already nobody in
 * an empty root. Called once by warden_child.c in the broker's process, before
 * the first byte of a client.
 *
 * sandbox_init(3) has been deprecated since macOS 10.7 and is still there, used
 * by Apple's own daemons; there is no other way for a program that is no App
 * bundle. Its language (a profile as text, flags 0) is not documented. So the
 * profile takes away what a broker never does, operations of which each has been
 * in Apple's profiles for ten years, rather than list what it may do: a
 * descriptor that came by SCM_RIGHTS, accept on launchd's socket and the
 * directory's groups must go on working on a release that nobody here has seen.
 * For the same reason a refused profile is a warning and no end: uid, root and
 * limits still stand.
 */
#include <sys/resource.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "sandbox.h"

/* <sandbox.h> has these, but here that name is this project's own. */
int	sandbox_init(const char *text, uint64_t flags, char **why);
void	sandbox_free_error(char *why);

static const char	profile[] =
    "(version 1)\n"
    "(allow default)\n"
    "(deny process-exec)\n"
    "(deny process-fork)\n"
    "(deny file-write*)\n"
    "(deny network-outbound)\n"
    "(deny network-bind)\n"
    "(deny sysctl-write)\n"
    "(deny iokit-open)\n"
    "(deny signal)\n"
    "(allow signal (target self))\n";

static const int	limits[] = { RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_NPROC };

static int
limits_set(void)
{
	struct rlimit	none = { 0, 0 };
	size_t		i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (setrlimit(limits[i], &none) != 0)
			return -errno;
	return 0;
}

int
sandbox_broker(void)
{
	char	*why = NULL;

	if (sandbox_init(profile, 0, &why) != 0) {
		log_warnx("the sandbox profile is refused (%s); the broker "
		    "runs without it, see docs/macos.md", why != NULL ? why :
		    "no reason given");
		if (why != NULL)
			sandbox_free_error(why);
	}
	return limits_set();
}

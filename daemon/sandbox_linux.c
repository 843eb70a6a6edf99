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
 *
 * The capture process, which has a packet socket of the home namespace, has such
 * a filter. There is no call in it that binds, sends, opens or makes anything.
 */
#include <sys/resource.h>

#include <errno.h>
#include <seccomp.h>
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

/* What the capture process does: each call, and the descriptor it may be on. */
enum { ANY, IN, OUT };
static const struct {
	int	call, on;
} capture_calls[] = {
	{ SCMP_SYS(recvmsg), IN }, { SCMP_SYS(getsockopt), IN },
	{ SCMP_SYS(write), OUT },
	{ SCMP_SYS(ppoll), ANY }, { SCMP_SYS(ppoll_time64), ANY },
	{ SCMP_SYS(clock_gettime), ANY }, { SCMP_SYS(clock_gettime64), ANY },
	{ SCMP_SYS(rt_sigreturn), ANY }, { SCMP_SYS(sigreturn), ANY },
	{ SCMP_SYS(restart_syscall), ANY }, { SCMP_SYS(exit_group), ANY },
	/* Of no use to anybody, but the sanitizers call it before _exit. */
	{ SCMP_SYS(sigaltstack), ANY },
};

int
sandbox_capture(int in, int out)
{
	const int		fd[] = { [IN] = in, [OUT] = out };
	struct scmp_arg_cmp	only = { .arg = 0, .op = SCMP_CMP_EQ };
	scmp_filter_ctx		ctx;
	size_t			i;
	int			error = 0, on;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		return -ENOMEM;
	for (i = 0; i < sizeof(capture_calls) / sizeof(capture_calls[0]) &&
	    error == 0; i++) {
		if ((on = capture_calls[i].on) != ANY)
			only.datum_a = (scmp_datum_t)fd[on];
		error = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
		    capture_calls[i].call, on != ANY, &only);
	}
	/* Once it is loaded there may be no call any more to free memory. */
	if (error == 0 && (error = seccomp_load(ctx)) == 0)
		return 0;
	seccomp_release(ctx);
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting in fethc: signals become bytes in a pipe, so that one poll waits for
 * everything. The handler must do no more than write and note.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fethc.h"

#define FDS_MAX	8

static int wake[2] = { -1, -1 };
static volatile sig_atomic_t ended;
static volatile sig_atomic_t forward;

static void
wait_handler(int sig, siginfo_t *info, void *context)
{
	int saved = errno;
	ssize_t n;

	(void)context;
	if (sig != SIGCHLD) {
		ended = sig;
		if (info->si_pid != 0)
			forward = sig;
	}
	n = write(wake[1], "", 1);
	(void)n;	/* a full pipe wakes as well */
	errno = saved;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };
#define NSIGNALS	(sizeof(signals) / sizeof(signals[0]))

int
wait_init(void)
{
	struct sigaction sa;
	size_t i;

	if (wake[0] != -1)
		return 0;
	if (pipe(wake) == -1)
		return -errno;
	for (i = 0; i < 2; i++) {
		if (fcntl(wake[i], F_SETFD, FD_CLOEXEC) == -1 ||
		    fcntl(wake[i], F_SETFL, O_NONBLOCK) == -1)
			return -errno;
	}
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = wait_handler;
	sa.sa_flags = SA_SIGINFO | SA_RESTART | SA_NOCLDSTOP;
	for (i = 0; i < NSIGNALS; i++) {
		if (sigaction(signals[i], &sa, NULL) == -1)
			return -errno;
	}
	return 0;
}

void
wait_reset(void)
{
	size_t i;

	for (i = 0; i < NSIGNALS; i++)
		signal(signals[i], SIG_DFL);
	/* The pipe is the parent's; a second wait_init makes one of our own. */
	if (wake[0] != -1) {
		close(wake[0]);
		close(wake[1]);
	}
	wake[0] = wake[1] = -1;
	ended = forward = 0;
}

int
wait_for(const int *fds, unsigned int n, long timeout_ms)
{
	struct pollfd pfd[FDS_MAX + 1];
	unsigned int i;
	char junk[64];
	int mask = 0, r;

	for (i = 0; i < n; i++)
		pfd[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	pfd[n] = (struct pollfd){ .fd = wake[0], .events = POLLIN };
	if (timeout_ms > 1000000000)
		timeout_ms = 1000000000;
	r = poll(pfd, n + 1, (int)timeout_ms);
	if (r == -1)
		return errno == EINTR ? WAIT_SIGNAL : -1;
	for (i = 0; i < n; i++) {
		if (pfd[i].revents != 0)
			mask |= 1 << i;
	}
	if (pfd[n].revents != 0) {
		mask |= WAIT_SIGNAL;
		while (read(wake[0], junk, sizeof(junk)) > 0)
			;
	}
	return mask;
}

int
wait_ended(void)
{
	return (int)ended;
}

int
wait_forward(void)
{
	int sig = (int)forward;

	forward = 0;
	return sig;
}

int64_t
wait_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

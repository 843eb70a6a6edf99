/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See haste.h. The timer of the process sends SIGALRM to its first thread, as
 * all others block it (relay.c, capture_relay.c); its handler passes it on, as
 * SIGVTALRM, to the threads that are between haste_begin and haste_end. Both
 * signals interrupt and do nothing else. The timer runs only while a thread is
 * there, so that an idle daemon sleeps.
 */
#include <sys/time.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "bounds.h"
#include "haste.h"
#include "wire.h"

/* The first thread, those of the relay, and those of its captures. */
#define THREADS		(1 + BOUND_RELAY_THREADS + BOUND_CAPTURES)
#define FIRST		0
#define PASSED_ON	SIGVTALRM

struct worker {
	pthread_t	id;
	atomic_bool	taken;
	atomic_bool	inside;
};

static struct worker			 workers[THREADS];
static _Thread_local struct worker	*self;
static _Thread_local unsigned int	 depth;
static atomic_bool			 armed;

/* A bare system call on Linux and macOS, so a handler may call it, too. */
static void
timer_set(int ms)
{
	const struct timeval	t = { .tv_usec = ms * 1000 };
	const struct itimerval	it = { .it_interval = t, .it_value = t };

	(void)setitimer(ITIMER_REAL, &it, NULL);
}

static void
arm(void)
{
	if (!atomic_exchange(&armed, true))
		timer_set(HASTE_MS);
}

static bool
anybody(void)
{
	size_t	i;

	for (i = 0; i < THREADS; i++)
		if (atomic_load(&workers[i].inside))
			return true;
	return false;
}

/* Who comes in when the timer stops finds it stopped, or is found. */
static void
disarm(void)
{
	timer_set(0);
	atomic_store(&armed, false);
	if (anybody())
		arm();
}

static void
tick(int sig)
{
	int	saved = errno;
	size_t	i;

	(void)sig;
	if (!anybody())
		disarm();
	for (i = FIRST + 1; i < THREADS; i++)
		if (atomic_load(&workers[i].inside))
			(void)pthread_kill(workers[i].id, PASSED_ON);
	errno = saved;
}

static void
nothing(int sig)
{
	(void)sig;
}

int
haste_start(void)
{
	struct sigaction	sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_flags = SA_RESTART;
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = nothing;
	if (sigaction(PASSED_ON, &sa, NULL) != 0)
		return -errno;
	sa.sa_handler = tick;
	if (sigaction(SIGALRM, &sa, NULL) != 0)
		return -errno;
	memset(workers, 0, sizeof(workers));
	atomic_store(&armed, false);
	timer_set(0);
	self = &workers[FIRST];
	self->id = pthread_self();
	atomic_store(&self->taken, true);
	return 0;
}

/* There is a place for each thread that the daemon may have. */
static void
join(void)
{
	sigset_t	set;
	bool		no;
	size_t		i;

	for (i = FIRST + 1; i < THREADS && self == NULL; i++) {
		no = false;
		if (atomic_compare_exchange_strong(&workers[i].taken, &no,
		    true))
			self = &workers[i];
	}
	if (self == NULL)
		return;
	self->id = pthread_self();
	sigemptyset(&set);
	sigaddset(&set, PASSED_ON);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void
haste_begin(void)
{
	if (!atomic_load(&workers[FIRST].taken))
		return;
	if (self == NULL)
		join();
	if (self == NULL || depth++ > 0)
		return;
	atomic_store(&self->inside, true);
	if (!atomic_load(&armed))
		arm();
}

void
haste_end(void)
{
	if (self == NULL || --depth > 0)
		return;
	atomic_store(&self->inside, false);
	/* What else the first thread does is not to be interrupted. */
	if (self == &workers[FIRST] && !anybody())
		disarm();
}

void
haste_leave(void)
{
	if (self == NULL)
		return;
	atomic_store(&self->taken, false);
	self = NULL;
}

void
haste_close(int *fd)
{
	if (*fd == -1)
		return;
	haste_begin();
	wire_close(fd);
	haste_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sift.h. One child a message, for some hundred microseconds. It closes all
 * that it has of the broker before it takes anything, makes no call but on what
 * it was given, and ends by _exit or by its own alarm; so the broker can forget
 * one that does not answer. Its process stays as long as it is stuck, and counts.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "bounds.h"
#include "haste.h"
#include "plat.h"
#include "sift.h"
#include "wire.h"

/* Seconds for a child to answer, and until it ends itself. */
#define SIFT_SECS	2
#define ALARM_SECS	5
/* Milliseconds until there is a look at those that have answered, at first. */
#define REAP_MS		10
#define REAP_MAX	5000

struct report {
	int32_t		n;	/* what wire_recv said */
	uint8_t		more;
};

struct child {
	pid_t		pid;	/* 0: no process */
	uid_t		uid;
};

struct sift {
	struct child	*child;
	int		 fd;
	struct event	*ev;
	sift_done	*done;
	void		*arg;
};

static struct child	 children[BOUND_SIFTS];
static struct event	*reaper;
static int		 reap_ms;

/*
 * The child.
 */

enum { CHILD_IN = 3, CHILD_OUT, CHILD_TOP };

static void
child_keep(int in, int out)
{
	in = fcntl(in, F_DUPFD, CHILD_TOP);
	out = fcntl(out, F_DUPFD, CHILD_TOP);
	if (in == -1 || out == -1 || dup2(in, CHILD_IN) == -1 ||
	    dup2(out, CHILD_OUT) == -1)
		_exit(1);
	plat_close_from(CHILD_TOP);
}

static void __attribute__((noreturn))
child_run(int in, int out, size_t size)
{
	static char	buf[BOUND_MESSAGE + 1];
	struct report	r;
	int		fds[WIRE_FDS], more;
	unsigned int	nfds, i;

	signal(SIGALRM, SIG_DFL);
	alarm(ALARM_SECS);
	child_keep(in, out);
	memset(&r, 0, sizeof(r));
	r.n = (int32_t)wire_recv(CHILD_IN, buf, size < sizeof(buf) ? size :
	    sizeof(buf), fds, &nfds, &more);
	r.more = more || nfds > BOUND_FDS_IN;
	for (i = 0; i < nfds; i++)
		if (plat_is_netns(fds[i]) != 1)
			fds[i] = CHILD_OUT;
	(void)wire_send(CHILD_OUT, &r, sizeof(r), fds, r.more ? 0 : nfds);
	_exit(0);
}

/*
 * Processes.
 */

/* True: there are some yet. */
static bool
reap(void)
{
	bool	left = false;
	size_t	i;

	for (i = 0; i < BOUND_SIFTS; i++) {
		if (children[i].pid == 0)
			continue;
		if (waitpid(children[i].pid, NULL, WNOHANG) != 0)
			children[i].pid = 0;
		else
			left = true;
	}
	return left;
}

static void
reap_later(int ms)
{
	struct timeval	tv = { .tv_sec = ms / 1000,
	    .tv_usec = ms % 1000 * 1000 };

	reap_ms = ms;
	(void)event_add(reaper, &tv);
}

static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (reap())
		reap_later(reap_ms < REAP_MAX ? reap_ms * 2 : REAP_MAX);
}

/* A place for one more of UID. */
static struct child *
child_new(uid_t uid)
{
	struct child	*place = NULL;
	unsigned int	 n = 0;
	size_t		 i;

	(void)reap();
	for (i = 0; i < BOUND_SIFTS; i++)
		if (children[i].pid == 0)
			place = &children[i];
		else
			n += children[i].uid == uid;
	errno = EAGAIN;
	return n < BOUND_SIFTS_UID ? place : NULL;
}

/*
 * The broker's side.
 */

static void
sift_free(struct sift *s)
{
	if (s->ev != NULL)
		event_free(s->ev);
	haste_close(&s->fd);
	free(s);
}

static void
on_report(evutil_socket_t fd, short what, void *arg)
{
	struct sift	*s = arg;
	sift_done	*done = s->done;
	void		*done_arg = s->arg;
	struct report	 r;
	int		 fds[WIRE_FDS];
	unsigned int	 nfds = 0;

	memset(&r, 0, sizeof(r));
	if ((what & EV_READ) == 0) {
		(void)kill(s->child->pid, SIGKILL);
		r.n = -ETIMEDOUT;
	} else if (wire_recv((int)fd, &r, sizeof(r), fds, &nfds, NULL) !=
	    (ssize_t)sizeof(r)) {
		r.n = -EIO;
	}
	reap_later(REAP_MS);
	sift_free(s);
	done(done_arg, r.n, fds, nfds, r.more != 0);
}

/* FD is our end of a new channel to a new child; or -1 and errno. */
static int
spawn(struct child *place, int in, size_t size)
{
	int	pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		return -1;
	(void)fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	place->pid = fork();
	if (place->pid == 0)
		child_run(in, pair[1], size);
	wire_close(&pair[1]);
	if (place->pid != -1)
		return pair[0];
	place->pid = 0;
	wire_close(&pair[0]);
	return -1;
}

struct sift *
sift_start(struct event_base *base, int fd, size_t size, uid_t uid,
    sift_done *done, void *arg)
{
	const struct timeval	 limit = { .tv_sec = SIFT_SECS };
	struct child		*place;
	struct sift		*s;

	if ((reaper == NULL &&
	    (reaper = event_new(base, -1, 0, on_reap, NULL)) == NULL) ||
	    (s = calloc(1, sizeof(*s))) == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	s->fd = -1;
	s->done = done;
	s->arg = arg;
	if ((place = child_new(uid)) == NULL ||
	    (s->fd = spawn(place, fd, size)) == -1) {
		sift_free(s);
		return NULL;
	}
	place->uid = uid;
	s->child = place;
	s->ev = event_new(base, s->fd, EV_READ, on_report, s);
	if (s->ev != NULL && event_add(s->ev, &limit) == 0)
		return s;
	sift_cancel(s);
	errno = ENOMEM;
	return NULL;
}

void
sift_cancel(struct sift *s)
{
	if (s == NULL)
		return;
	(void)kill(s->child->pid, SIGKILL);
	reap_later(REAP_MS);
	sift_free(s);
}

void
sift_end(void)
{
	if (reaper != NULL)
		event_free(reaper);
	reaper = NULL;
	(void)reap();
}

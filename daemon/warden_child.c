/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that the warden forks (the third kind is in warden_capture.c), and
 * the channel to the first of them. They are made from the warden's own image, without exec: what they may
 * not have is taken away before they read a byte from outside.
 *
 *	broker	keeps standard descriptors, channel and listening socket;
 *		chroot, uid, no capabilities, sandbox; then conf->broker
 *	loader	keeps standard descriptors, the policy file (opened by root) and
 *		a file for the result; uid, no capabilities, but no chroot, as
 *		it looks users and groups up; writes struct policy, exits
 *
 * So nothing that is parsed is parsed with privileges. Called by warden.c, and
 * by warden_link.c to send. The loss of a child never ends the warden.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "clock.h"
#include "conf.h"
#include "haste.h"
#include "log.h"
#include "plat.h"
#include "sandbox.h"
#include "warden_int.h"
#include "wire.h"

#define OUT_MAX		256	/* queued messages, before no more is read */
#define READ_MAX	1024	/* messages a turn, */
#define READ_WORK	32	/* and of those more than a DESTROY's queueing */
#define BACKOFF_FIRST	1000	/* ms; a broker that lived for less than MAX */
#define BACKOFF_MAX	10000	/* is restarted at once, but only once */
#define STOP_MS		2000
#define RETRY_MS	5

pid_t
child_fork(const char *tag)
{
	static const int	reset[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD,
	    SIGPIPE };
	sigset_t		all, before;
	pid_t			pid;
	size_t			i;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if ((pid = fork()) == 0) {
		for (i = 0; i < sizeof(reset) / sizeof(reset[0]); i++)
			signal(reset[i], SIG_DFL);
		log_tag(tag);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

int
child_fds(const int fds[2])
{
	int	high[2], i;

	/* syslog(3) would go on writing to the number that its socket had. */
	closelog();
	/* Out of the way of each other first. */
	for (i = 0; i < 2; i++)
		if ((high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC,
		    CHILD_FD + 2)) == -1)
			return -errno;
	for (i = 0; i < 2; i++)
		if (dup2(high[i], CHILD_FD + i) == -1 ||
		    fcntl(CHILD_FD + i, F_SETFD, FD_CLOEXEC) == -1)
			return -errno;
	plat_close_from(CHILD_FD + 2);
	log_reopen();
	return 0;
}

/* The broker. */

static void __attribute__((noreturn))
broker_child(struct warden *w, int channel)
{
	const struct warden_conf *conf = w->conf;
	char			 root[256];
	int			 error, fds[2];

	fds[0] = channel;
	fds[1] = conf->listen_fd;
	snprintf(root, sizeof(root), "%s/empty", conf->rundir);
	if ((error = child_fds(fds)) != 0 ||
	    (error = plat_drop_privileges(conf->uid, conf->gid, root)) != 0 ||
	    (error = sandbox_broker()) != 0) {
		log_warnx("cannot drop privileges: %s", strerror(-error));
		_exit(1);
	}
	_exit(conf->broker(CHILD_FD, CHILD_FD + 1, conf->broker_arg));
}

static void
send_policy(struct warden *w)
{
	struct wm_msg	m;
	int		fd;

	if ((fd = fcntl(w->policy, F_DUPFD_CLOEXEC, 0)) == -1) {
		log_warn("cannot send the policy");
		return;
	}
	memset(&m, 0, sizeof(m));
	m.type = WM_POLICY;
	broker_send(w, &m, &fd, 1);
}

/* How long to wait after a broker that started at w->started is gone. */
static void
broker_schedule(struct warden *w)
{
	int64_t	now = clock_ms();

	if (now - w->started >= BACKOFF_MAX)
		w->backoff = 0;
	w->due = now + w->backoff;
	w->backoff = w->backoff == 0 ? BACKOFF_FIRST :
	    w->backoff * 2 < BACKOFF_MAX ? w->backoff * 2 : BACKOFF_MAX;
}

void
broker_start(struct warden *w)
{
	int	fds[2], error;

	w->started = clock_ms();
	if ((error = plat_channel(fds)) != 0) {
		log_warnx("cannot make a channel: %s", strerror(-error));
		broker_schedule(w);
		return;
	}
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1 ||
	    (w->broker = child_fork("broker")) == -1) {
		log_warn("cannot start the broker");
		w->broker = 0;
		wire_close(&fds[0]);
		wire_close(&fds[1]);
		broker_schedule(w);
		return;
	}
	if (w->broker == 0)
		broker_child(w, fds[1]);
	wire_close(&fds[1]);
	w->channel = fds[0];
	w->restore = 0;
	w->told = false;
	log_debug("broker: pid %ld", (long)w->broker);
	send_policy(w);
}

static void
channel_close(struct warden *w)
{
	struct wout	*o;

	while ((o = w->out) != NULL) {
		w->out = o->next;
		while (o->nfds > 0)
			haste_close(&o->fds[--o->nfds]);
		free(o);
	}
	w->out_tail = &w->out;
	w->nout = 0;
	w->retry = 0;
	haste_close(&w->channel);
}

/* A broker without its channel is of no use, alive or not. */
static void
broker_lost(struct warden *w, const char *why)
{
	log_warnx("the channel to the broker is lost: %s", why);
	channel_close(w);
	if (w->broker > 0)
		(void)kill(w->broker, SIGKILL);
}

static const char *
status_text(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(buf, size, "exit code %d", WEXITSTATUS(status));
	return buf;
}

void
broker_reap(struct warden *w)
{
	char	text[64];
	int	status;

	if (w->broker <= 0 || waitpid(w->broker, &status, WNOHANG) <= 0)
		return;
	log_warnx("the broker (pid %ld) ended: %s", (long)w->broker,
	    status_text(status, text, sizeof(text)));
	w->broker = 0;
	channel_close(w);
	broker_schedule(w);
}

void
broker_stop(struct warden *w)
{
	int64_t	end = clock_ms() + STOP_MS;

	if (w->loader > 0) {
		(void)kill(w->loader, SIGKILL);
		(void)waitpid(w->loader, NULL, 0);
		w->loader = 0;
	}
	if (w->broker > 0) {
		(void)kill(w->broker, SIGTERM);
		while (waitpid(w->broker, NULL, WNOHANG) == 0) {
			if (clock_ms() >= end)
				(void)kill(w->broker, SIGKILL);
			(void)poll(NULL, 0, 10);
		}
		w->broker = 0;
	}
	channel_close(w);
}

/* The channel. */

bool
broker_room(const struct warden *w)
{
	return w->nout < OUT_MAX;
}

/* 1 sent, 0 not now; a failure loses the broker. */
static int
send_now(struct warden *w, const struct wm_msg *m, const int *fds,
    unsigned int nfds)
{
	ssize_t	n = wire_send(w->channel, m, sizeof(*m), fds, nfds);

	/* A full datagram socket (macOS). It may look writable, or never become
	 * so. */
	w->retry = n == -ENOBUFS ? clock_ms() + RETRY_MS : 0;
	if (n == (ssize_t)sizeof(*m))
		return 1;
	if (n == -EAGAIN || n == -ENOBUFS)
		return 0;
	broker_lost(w, n < 0 ? strerror((int)-n) : "a message was cut");
	return 1;
}

void
broker_send(struct warden *w, const struct wm_msg *m, const int *fds,
    unsigned int nfds)
{
	struct wout	*o = NULL;
	unsigned int	 i;
	int		 fd;

	if (w->channel != -1 &&
	    (w->out != NULL || send_now(w, m, fds, nfds) == 0)) {
		if ((o = calloc(1, sizeof(*o))) == NULL) {
			broker_lost(w, "no memory for its messages");
		} else {
			o->msg = *m;
			memcpy(o->fds, fds != NULL ? fds : o->fds,
			    nfds * sizeof(*fds));
			o->nfds = nfds;
			*w->out_tail = o;
			w->out_tail = &o->next;
			w->nout++;
		}
	}
	for (i = 0; i < nfds && o == NULL; i++) {
		fd = fds[i];
		haste_close(&fd);
	}
}

void
broker_flush(struct warden *w)
{
	struct wout	*o;

	while ((o = w->out) != NULL) {
		/* When this loses the broker, the queue is gone too. */
		if (send_now(w, &o->msg, o->fds, o->nfds) == 0 ||
		    w->channel == -1)
			return;
		if ((w->out = o->next) == NULL)
			w->out_tail = &w->out;
		w->nout--;
		while (o->nfds > 0)
			haste_close(&o->fds[--o->nfds]);
		free(o);
	}
}

void
broker_read(struct warden *w)
{
	struct {
		struct wm_msg	m;
		char		more;	/* to see that it was longer */
	} in;
	int		fds[WIRE_FDS], turn, work = 0;
	unsigned int	nfds, i;
	ssize_t		n;

	/* A creation must not wait for the links that go in the turns before. */
	for (turn = 0; turn < READ_MAX && work < READ_WORK &&
	    w->channel != -1 && broker_room(w); turn++) {
		memset(&in, 0, sizeof(in));
		n = wire_recv(w->channel, &in, sizeof(in.m) + 1, fds, &nfds,
		    NULL);
		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0) {
			broker_lost(w, n == 0 ? "closed" : strerror((int)-n));
			return;
		}
		work += in.m.type != WM_DESTROY;
		wlink_request(w, &in.m, (size_t)n, fds, nfds);
		for (i = 0; i < nfds; i++)
			haste_close(&fds[i]);
	}
}

/* As much as it reads, so that the queue stays short. */
void
broker_tell(struct warden *w)
{
	struct wm_msg	m;

	if (w->channel == -1 || w->told)
		return;
	while (w->restore < BOUND_SLOTS && broker_room(w) && w->channel != -1)
		wlink_restore(w, w->restore++);
	if (w->restore < BOUND_SLOTS)
		return;
	memset(&m, 0, sizeof(m));
	m.type = WM_READY;
	broker_send(w, &m, NULL, 0);
	w->told = true;
	if (!w->served && w->conf->ready != NULL)
		w->conf->ready(w->conf->ready_arg);
	w->served = true;
}

/* The policy. */

static void __attribute__((noreturn))
loader_child(struct warden *w, int conf_fd, int out)
{
	static struct policy	 p;
	const char		*path = w->conf->conf;
	char			 err[512];
	int			 fds[2], error;

	/* Without a file there is still a descriptor to put in its place. */
	fds[0] = conf_fd != -1 ? conf_fd : out;
	fds[1] = out;
	if ((error = child_fds(fds)) != 0 || (error = plat_drop_privileges(
	    w->conf->uid, w->conf->gid, NULL)) != 0) {
		log_warnx("cannot drop privileges: %s", strerror(-error));
		_exit(1);
	}
	snprintf(err, sizeof(err), "%s", path != NULL ? path : "built-in");
	if (conf_load(path, conf_fd != -1 ? CHILD_FD : -1, &p, err,
	    sizeof(err)) != 0) {
		log_warnx("%s", err);
		_exit(1);
	}
	if (write(CHILD_FD + 1, &p, sizeof(p)) != (ssize_t)sizeof(p)) {
		log_warn("cannot write the policy to %s", w->conf->rundir);
		_exit(1);
	}
	_exit(0);
}

/* The policy file as root sees it, but not a byte of it is read here. *FD is -1
 * for the built-in policy. */
static int
conf_open(const struct warden_conf *conf, int *fd)
{
	struct stat	st;
	int		error;

	*fd = -1;
	if (conf->conf == NULL)
		return 0;
	*fd = open(conf->conf, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd == -1 && errno == ENOENT && conf->conf_optional)
		return 0;
	if (*fd == -1 || fstat(*fd, &st) != 0) {
		error = -errno;
		log_warn("cannot open %s", conf->conf);
		wire_close(fd);
		return error;
	}
	if (S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & 022) == 0)
		return 0;
	log_warnx("%s must be a plain file that root alone can write to "
	    "(chown root, chmod go-w)", conf->conf);
	wire_close(fd);
	return -EPERM;
}

/* A file without a name. The broker gets a descriptor that cannot write: what
 * one broker got, the next one must be able to trust. */
static int
result_open(const struct warden_conf *conf, int *out, int *in)
{
	char	path[256];
	int	error = 0;

	snprintf(path, sizeof(path), "%s/policy.new", conf->rundir);
	(void)unlink(path);
	*in = -1;
	*out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*out == -1 ||
	    (*in = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		error = -errno;
		log_warn("cannot make %s", path);
		wire_close(out);
	}
	(void)unlink(path);
	return error;
}

static int
loader_fork(struct warden *w)
{
	int	conf_fd, out = -1, error;

	if ((error = conf_open(w->conf, &conf_fd)) != 0)
		return error;
	if ((error = result_open(w->conf, &out, &w->loading)) != 0)
		goto out;
	if ((w->loader = child_fork("loader")) == 0)
		loader_child(w, conf_fd, out);
	if (w->loader == -1) {
		error = -errno;
		log_warn("cannot start the policy loader");
		w->loader = 0;
		wire_close(&w->loading);
	}
out:
	wire_close(&conf_fd);
	wire_close(&out);
	return error;
}

/* The one number of the policy that is the warden's, taken with care: the loader
 * has read a file. */
static unsigned int
policy_spares(int fd)
{
	uint32_t	n;

	if (pread(fd, &n, sizeof(n), offsetof(struct policy, spares)) !=
	    (ssize_t)sizeof(n) || n > BOUND_SPARES)
		return BOUND_SPARES_USUAL;
	return n;
}

/* Put what the loader wrote in force, if it ended well. */
static int
loader_done(struct warden *w, int status)
{
	struct stat	st;
	char		text[64];

	w->loader = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    fstat(w->loading, &st) != 0 ||
	    st.st_size != (off_t)sizeof(struct policy)) {
		log_warnx("the policy could not be loaded (%s)",
		    status_text(status, text, sizeof(text)));
		wire_close(&w->loading);
		return -EINVAL;
	}
	wire_close(&w->policy);
	w->policy = wire_take(&w->loading);
	w->spares = policy_spares(w->policy);
	return 0;
}

int
loader_first(struct warden *w)
{
	int	status, error;

	if ((error = loader_fork(w)) != 0)
		return error;
	while (waitpid(w->loader, &status, 0) == -1)
		if (errno != EINTR)
			return -errno;
	return loader_done(w, status);
}

void
loader_start(struct warden *w)
{
	if (w->loader > 0) {
		w->reload = true;
		return;
	}
	plat_notify("RELOADING=1");
	if (loader_fork(w) == 0)
		return;
	log_warnx("the old policy stays in force");
	plat_notify("READY=1");
}

void
loader_reap(struct warden *w)
{
	int	status;

	if (w->loader <= 0 || waitpid(w->loader, &status, WNOHANG) <= 0)
		return;
	if (loader_done(w, status) == 0) {
		log_info("the policy was loaded anew");
		if (w->conf->backend->spares != NULL)
			w->conf->backend->spares(w->spares);
		w->prepare = w->conf->backend->prepare != NULL;
		if (w->channel != -1)
			send_policy(w);
	} else {
		log_warnx("the old policy stays in force");
	}
	plat_notify("READY=1");
	if (w->reload) {
		w->reload = false;
		loader_start(w);
	}
}

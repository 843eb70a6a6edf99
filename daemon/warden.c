/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged half: its start, its loop, its stop. Called by main.c. One
 * thread, one poll(2), no library in the loop. The order of a start:
 *
 *	warden_prepare	the run directory, with the lock on it
 *	privileges	all that is not needed goes
 *	policy		a loader that fails ends the start; nothing was touched
 *	backend		its sockets and namespaces
 *	recovery	each link of the journal is adopted, made again or
 *			forgotten; what is ours and no link is removed
 *	broker		which is told of the links that live
 *
 * From there on nothing ends it but SIGTERM or SIGINT.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "haste.h"
#include "identity.h"
#include "log.h"
#include "plat.h"
#include "warden_int.h"
#include "wire.h"

#define NPOLL	4

static struct warden	warden = {
	.journal.fd = -1, .channel = -1, .policy = -1, .loading = -1,
};
static int		signal_pipe[2] = { -1, -1 };

/* The run directory. */

/* Could anybody but root put something else in the place of PATH's last name?
 * In a sticky directory only its owner could. */
static int
dir_check(const char *path, bool last)
{
	struct stat	st;

	if (lstat(path, &st) != 0) {
		log_warn("%s", path);
		return -ENOENT;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0 ||
	    ((st.st_mode & 022) != 0 && (last || !(st.st_mode & S_ISVTX)))) {
		log_warnx("%s must be a directory that root alone can write to",
		    path);
		return -EPERM;
	}
	return 0;
}

static int
dirs_check(const char *real)
{
	char	path[PATH_MAX];
	size_t	i, len = strlen(real);
	int	error;

	for (i = 0; i <= len; i++) {
		if (i > 0 && real[i] != '/' && real[i] != '\0')
			continue;
		memcpy(path, real, i + 1);
		path[i > 0 ? i : 1] = '\0';
		if ((error = dir_check(path, i == len)) != 0)
			return error;
	}
	return 0;
}

/* What the broker sees as its root. */
static int
empty_make(const char *rundir)
{
	char	path[PATH_MAX];
	int	error;

	snprintf(path, sizeof(path), "%s/empty", rundir);
	if ((rmdir(path) != 0 && errno != ENOENT) || mkdir(path, 0755) != 0 ||
	    chmod(path, 0755) != 0) {
		error = -errno;
		log_warn("%s must be an empty directory", path);
		return error;
	}
	return dir_check(path, true);
}

static int
rundir_make(const char *rundir)
{
	char	real[PATH_MAX];
	int	error;
	bool	made = mkdir(rundir, 0755) == 0;

	if ((!made && errno != EEXIST) || realpath(rundir, real) == NULL) {
		error = -errno;
		log_warn("cannot make the run directory %s", rundir);
		return error;
	}
	if ((error = dirs_check(real)) != 0) {
		if (made)
			(void)rmdir(real);
		return error;
	}
	if (chmod(real, 0755) == 0)
		return 0;
	error = -errno;
	log_warn("%s", real);
	return error;
}

int
warden_prepare(const char *rundir)
{
	char	path[PATH_MAX];
	int	error;

	if ((error = rundir_make(rundir)) != 0)
		return error;
	if ((error = plat_rundir_ready(rundir)) != 0) {
		log_warnx("cannot clear the run directory %s of what an "
		    "earlier boot left: %s", rundir, strerror(-error));
		return error;
	}
	snprintf(path, sizeof(path), "%s/journal", rundir);
	if ((error = journal_open(&warden.journal, path)) != 0) {
		if (error == -EBUSY)
			log_warnx("another fethd runs on %s", rundir);
		else
			log_warnx("cannot open %s: %s", path, strerror(-error));
		return error;
	}
	if ((error = empty_make(rundir)) != 0)
		journal_close(&warden.journal);
	return error;
}

/* Signals come in through a pipe, one byte each. */

static void
signal_note(int sig)
{
	int	saved = errno;
	char	c = (char)sig;

	/* A full pipe has enough of them. */
	if (write(signal_pipe[1], &c, 1) < 0)
		errno = saved;
	errno = saved;
}

static int
signals_start(void)
{
	static const int	ours[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	struct sigaction	sa;
	size_t			i;
	int			k;

	if (pipe(signal_pipe) != 0)
		return -errno;
	for (k = 0; k < 2; k++)
		if (fcntl(signal_pipe[k], F_SETFL, O_NONBLOCK) == -1 ||
		    fcntl(signal_pipe[k], F_SETFD, FD_CLOEXEC) == -1)
			return -errno;
	memset(&sa, 0, sizeof(sa));
	sa.sa_flags = SA_RESTART;
	sa.sa_handler = signal_note;
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (sigaction(ours[i], &sa, NULL) != 0)
			return -errno;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* True: it is time to stop. */
static bool
signals_take(struct warden *w)
{
	char	buf[64];
	ssize_t	n, i;
	bool	stop = false;

	while ((n = read(signal_pipe[0], buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++) {
			stop |= buf[i] == SIGTERM || buf[i] == SIGINT;
			if (buf[i] == SIGHUP)
				loader_start(w);
		}
	broker_reap(w);
	loader_reap(w);
	wcapture_reap(w);
	return stop;
}

/* Start. */

/* The number in all our marks: the same for the same run directory on the same
 * machine, so that a new warden knows what an old one made. */
static int
instance_number(const char *rundir, uint64_t *instance)
{
	char	real[PATH_MAX];
	uint8_t	key[16];
	int	error;

	if ((error = plat_machine_key(key)) != 0)
		return error;
	if (realpath(rundir, real) == NULL)
		return -errno;
	*instance = siphash24(key, real, strlen(real));
	return 0;
}

static int
backend_begin(struct warden *w)
{
	const struct backend	*b = w->conf->backend;
	uint64_t		 instance;
	int			 error, n;

	if ((error = instance_number(w->conf->rundir, &instance)) != 0 ||
	    (error = b->start(instance)) != 0) {
		log_warnx("cannot start the %s backend: %s", b->name,
		    strerror(-error));
		return error;
	}
	if (b->spares != NULL)
		b->spares(w->spares);
	if ((error = journal_each(&w->journal, wlink_recover, w)) != 0)
		log_warnx("the journal cannot be read: %s", strerror(-error));
	else if ((n = b->sweep(wlink_known, w)) > 0)
		log_info("removed %d interfaces that an earlier fethd left", n);
	return error;
}

static int
begin(struct warden *w)
{
	int	error;

	if ((error = signals_start()) != 0 || (error = haste_start()) != 0 ||
	    (error = plat_warden_privileges()) != 0) {
		log_warnx("cannot start: %s", strerror(-error));
		return error;
	}
	if ((error = loader_first(w)) != 0)
		return error;
	return backend_begin(w);
}

/* The loop. */

static int
monitor_ms(const struct warden *w)
{
	const struct backend	*b = w->conf->backend;

	return b->monitor_ms != NULL ? b->monitor_ms() : -1;
}

static int
timeout_ms(const struct warden *w)
{
	int64_t	due = wlink_chore_due(w), left;
	int	ms = monitor_ms(w);

	if (w->broker == 0 && w->due < due)
		due = w->due;
	if (w->retry != 0 && w->retry < due)
		due = w->retry;
	if (due == INT64_MAX)
		return ms;
	left = due - clock_ms();
	left = left > 0 ? left : 0;
	return ms >= 0 && ms < left ? ms : (int)left;
}

static void
turn(struct warden *w, const struct pollfd *p)
{
	if ((p[1].revents & POLLOUT) != 0 ||
	    (w->retry != 0 && clock_ms() >= w->retry))
		broker_flush(w);
	if (w->channel != -1 && (p[1].revents & (POLLIN | POLLHUP | POLLERR)))
		broker_read(w);
	if (p[2].revents != 0 || monitor_ms(w) == 0)
		w->conf->backend->monitor(wlink_find, wlink_vanished, w);
	if (clock_ms() >= wlink_chore_due(w))
		wlink_chore(w);
	if (w->broker == 0 && clock_ms() >= w->due)
		broker_start(w);
	broker_tell(w);
}

/* What to wait for: signals, channel, interface news, exit descriptor. */
static void
poll_fill(const struct warden *w, struct pollfd p[NPOLL])
{
	memset(p, 0, NPOLL * sizeof(*p));
	p[0].fd = signal_pipe[0];
	p[1].fd = w->channel;
	p[2].fd = w->conf->backend->monitor_fd();
	p[3].fd = w->conf->exit_fd > 0 ? w->conf->exit_fd : -1;
	p[0].events = p[2].events = p[3].events = POLLIN;
	p[1].events = (short)((broker_room(w) ? POLLIN : 0) |
	    (w->out != NULL && w->retry == 0 ? POLLOUT : 0));
}

static void
loop(struct warden *w)
{
	struct pollfd	p[NPOLL];

	for (;;) {
		poll_fill(w, p);
		if (poll(p, NPOLL, timeout_ms(w)) == -1) {
			if (errno != EINTR)
				log_warn("poll");
			continue;
		}
		if ((p[0].revents != 0 && signals_take(w)) || p[3].revents != 0)
			return;
		turn(w, p);
	}
}

/* Stop: what a client closed is forgotten as always, then all the rest goes and
 * the named links stay in the journal. */
static void
end(struct warden *w)
{
	plat_notify("STOPPING=1");
	broker_stop(w);
	while (w->closing != NULL)
		wlink_batch(w);
	w->stopping = true;
	wlink_close_all(w);
	while (w->closing != NULL)
		wlink_batch(w);
	if (w->conf->backend->spares != NULL)
		w->conf->backend->spares(0);
	wcapture_stop(w);
}

int
warden_run(const struct warden_conf *conf)
{
	struct warden	*w = &warden;

	log_tag("warden");
	w->conf = conf;
	w->closing_tail = &w->closing;
	w->out_tail = &w->out;
	if (w->journal.fd == -1 && warden_prepare(conf->rundir) != 0)
		return 1;
	if (begin(w) != 0)
		return 1;
	broker_start(w);
	loop(w);
	end(w);
	journal_close(&w->journal);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plat.h for macOS: launchd, peer credentials, privileges. Called by main.c,
 * peer.c, the warden and vlink.c. It never falls back to a guess: what kernel
 * and directory do not say is an error. It keeps one small table, of the groups
 * that the directory told of late.
 *
 * What Linux does in one call takes two here, as there is no SOCK_CLOEXEC, no
 * close_range and no parent-death signal. Sections are those of
 * docs/macos.md.
 */
#include <sys/event.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/ucred.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <launch.h>
#include <libproc.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "clock.h"
#include "log.h"
#include "peer.h"
#include "plat.h"
#include "wire.h"

/* The kernel's answer is laid out so, see LOCAL_PEERCRED in unix(4). */
_Static_assert(sizeof(struct xucred) == 76, "struct xucred");
_Static_assert(LOCAL_PEERCRED == 1 && LOCAL_PEERPID == 2 && SOL_LOCAL == 0,
    "options of SOL_LOCAL");

/* Key of the Sockets dictionary in launchd/org.fethd.fethd.plist. */
#define LAUNCHD_SOCKET	"fethd"

/* launchd. */

static int
socket_option(int fd, int option)
{
	int		value = -1;
	socklen_t	size = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0)
		return -1;
	return value;
}

/* There is no SO_DOMAIN. */
static bool
listens(int fd)
{
	struct sockaddr_un	sun;
	socklen_t		size = sizeof(sun);

	return getsockname(fd, (struct sockaddr *)&sun, &size) == 0 &&
	    sun.sun_family == AF_UNIX &&
	    socket_option(fd, SO_TYPE) == SOCK_STREAM &&
	    socket_option(fd, SO_ACCEPTCONN) != 0 &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

int
plat_inherited_socket(void)
{
	int	*fds = NULL, fd = -1, error;
	size_t	 n = 0, i;

	error = launch_activate_socket(LAUNCHD_SOCKET, &fds, &n);
	/* Not started by launchd, or by a property list without the socket. */
	if (error == ESRCH || error == ENOENT)
		return -ENOENT;
	if (error != 0) {
		log_warnx("launchd's socket: %s", strerror(error));
		return -EINVAL;
	}
	for (i = 0; i < n; i++) {
		if (n == 1 && listens(fds[i]))
			fd = fds[i];
		else
			close(fds[i]);
	}
	free(fds);
	return fd != -1 ? fd : -EINVAL;
}

/* launchd asks nothing and wants to be told nothing. */
void
plat_notify(const char *state)
{
	(void)state;
}

/* The machine. */

int
plat_machine_key(uint8_t key[16])
{
	struct timespec	none = { 0, 0 };

	_Static_assert(sizeof(uuid_t) == 16, "a UUID is a key");
	return gethostuuid(key, &none) != 0 ? -errno : 0;
}

/*
 * The run directory is in /var/db, as the group daemon may write to /var/run.
 * /var/db outlives the machine's sleep and its boots; interfaces do not. So what
 * an earlier boot's journal tells of is gone.
 */
int
plat_rundir_ready(const char *rundir)
{
	char	now[64] = "", then[64] = "", mark[PATH_MAX], journal[PATH_MAX];
	size_t	size = sizeof(now) - 1;
	ssize_t	n;
	int	fd, error = 0;

	if (sysctlbyname("kern.bootsessionuuid", now, &size, NULL, 0) != 0)
		return -errno;
	snprintf(mark, sizeof(mark), "%s/boot", rundir);
	snprintf(journal, sizeof(journal), "%s/journal", rundir);
	fd = open(mark, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return -errno;
	n = read(fd, then, sizeof(then));
	if (n == (ssize_t)sizeof(now) && memcmp(now, then, sizeof(now)) == 0)
		goto out;
	/* The mark last: a death between the two costs nothing. */
	if ((unlink(journal) != 0 && errno != ENOENT) ||
	    pwrite(fd, now, sizeof(now), 0) != (ssize_t)sizeof(now))
		error = errno != 0 ? -errno : -EIO;
out:
	close(fd);
	return error;
}

/* Who called. */

/*
 * The directory may be a server far away, and clients come often: what it said
 * of a uid holds for a minute. The table is small; a uid takes the place of the
 * oldest.
 */
#define GROUPS_UIDS	32
#define GROUPS_SECS	60

struct told {
	int64_t		when;		/* of now_secs; 0: nothing here */
	gid_t		*gids;
	unsigned int	n;
	uid_t		uid;
};
static struct told	told[GROUPS_UIDS];

static int64_t
now_secs(void)
{
	return clock_secs() + 1;
}

/* The place of UID in the table: its own, or the oldest. */
static struct told *
told_find(uid_t uid)
{
	struct told	*old = &told[0];
	size_t		 i;

	for (i = 0; i < GROUPS_UIDS; i++) {
		if (told[i].when != 0 && told[i].uid == uid)
			return &told[i];
		if (told[i].when < old->when)
			old = &told[i];
	}
	return old;
}

/* All groups of the user NAME, for free(3). 0 or -errno. */
static int
directory_groups(const char *name, gid_t gid, gid_t **gids, unsigned int *n)
{
	int	size, got, *list = NULL, *more;

	/* The number cannot be asked for; -1 means that there are more. */
	for (size = 64; size <= BOUND_GROUPS; size *= 2) {
		more = realloc(list, (size_t)size * sizeof(*list));
		if (more == NULL) {
			free(list);
			return -ENOMEM;
		}
		list = more;
		got = size;
		if (getgrouplist(name, (int)gid, list, &got) != -1) {
			*gids = (gid_t *)list;
			*n = (unsigned int)got;
			return 0;
		}
	}
	free(list);
	return -E2BIG;
}

/* Ask the directory for the groups of UID, to T. -ENOENT: it has no such user. */
static int
directory_ask(uid_t uid, struct told *t)
{
	struct passwd	 pw, *found = NULL;
	char		 buf[4096];
	gid_t		*gids;
	unsigned int	 n;
	int		 error;

	error = getpwuid_r(uid, &pw, buf, sizeof(buf), &found);
	if (error != 0)
		return -error;
	if (found == NULL)
		return -ENOENT;
	error = directory_groups(pw.pw_name, pw.pw_gid, &gids, &n);
	if (error != 0)
		return error;
	free(t->gids);
	t->uid = uid;
	t->when = now_secs();
	t->gids = gids;
	t->n = n;
	return 0;
}

/*
 * The groups of the credentials C and those of the directory. The kernel keeps
 * 16, and a macOS user has more as a rule: 16 may be a list that was cut, and
 * then the directory must answer.
 */
static int
peer_groups(const struct xucred *c, struct peer *p)
{
	struct told	*t = told_find(c->cr_uid);
	unsigned int	 ours = (unsigned int)c->cr_ngroups, theirs = 0, i;
	int		 error = 0;

	if (t->when == 0 || t->uid != c->cr_uid ||
	    now_secs() - t->when >= GROUPS_SECS)
		error = directory_ask(c->cr_uid, t);
	if (error == 0)
		theirs = t->n;
	else if (ours == NGROUPS || error == -ENOMEM || error == -E2BIG)
		return error;
	p->groups = calloc(ours + theirs, sizeof(*p->groups));
	if (p->groups == NULL)
		return -ENOMEM;
	for (i = 0; i < ours; i++)
		p->groups[i] = c->cr_groups[i];
	for (i = 0; i < theirs; i++)
		p->groups[ours + i] = t->gids[i];
	p->ngroups = ours + theirs;
	return 0;
}

int
plat_peer(int fd, struct peer *p)
{
	struct xucred	c;
	socklen_t	size = sizeof(c);
	pid_t		pid = -1;

	if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERCRED, &c, &size) != 0)
		return -errno;
	if (size != sizeof(c) || c.cr_version != XUCRED_VERSION ||
	    c.cr_ngroups < 1 || c.cr_ngroups > NGROUPS ||
	    c.cr_uid == (uid_t)-1)
		return -ENOTCONN;
	/* Whoever used the socket last: for the log, and gone for all we know. */
	size = sizeof(pid);
	if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &size) != 0)
		pid = -1;
	p->uid = c.cr_uid;
	p->gid = c.cr_groups[0];
	p->pid = pid;
	return peer_groups(&c, p);
}

/* Sockets. */

/*
 * One message is one frame; AF_UNIX has no SOCK_SEQPACKET. The send buffer
 * bounds one datagram, the receive buffer is the queue, and the defaults hold
 * two frames. Virtualization.framework wants the second at four times the first.
 */
#define FRAME_SEND	(128 * 1024)
#define FRAME_RECV	(2 * 1024 * 1024)

struct pair_option {
	int	option, value;
};

/*
 * The queue of a stream is what both ends have. A send takes what fits, down to
 * the low-water mark: below that, nothing. The relay's chunks are no larger, so
 * that they are taken whole.
 */
#define STREAM_SEND	(256 * 1024)
#define STREAM_WHOLE	(36 * 1024)

static int
pair_make(int type, const struct pair_option *o, size_t n, int fd[2])
{
	size_t	i;
	int	k, error;

	if (socketpair(AF_UNIX, type, 0, fd) != 0)
		return -errno;
	for (k = 0; k < 2; k++) {
		for (i = 0; i < n; i++)
			if (setsockopt(fd[k], SOL_SOCKET, o[i].option,
			    &o[i].value, sizeof(o[i].value)) != 0)
				goto fail;
		if (fcntl(fd[k], F_SETFD, FD_CLOEXEC) != 0)
			goto fail;
	}
	return 0;
fail:
	error = -errno;
	wire_close(&fd[0]);
	wire_close(&fd[1]);
	return error;
}

static int
datagram_pair(int fd[2])
{
	static const struct pair_option	rows[] = {
		{ SO_SNDBUF, FRAME_SEND }, { SO_RCVBUF, FRAME_RECV },
		{ SO_NOSIGPIPE, 1 },
	};

	_Static_assert(FRAME_SEND >= BOUND_MTU_MAX + 18, "the longest frame");
	return pair_make(SOCK_DGRAM, rows, sizeof(rows) / sizeof(rows[0]), fd);
}

int
plat_stream_pair(int fd[2])
{
	static const struct pair_option	rows[] = {
		{ SO_SNDBUF, STREAM_SEND }, { SO_RCVBUF, STREAM_SEND },
		{ SO_SNDLOWAT, STREAM_WHOLE }, { SO_NOSIGPIPE, 1 },
	};

	return pair_make(SOCK_STREAM, rows, sizeof(rows) / sizeof(rows[0]), fd);
}

int
plat_datagram_pair(int fd[2])
{
	return datagram_pair(fd);
}

/* The queue of a datagram socket is the receiver's, and the sender's buffer only
 * the longest message: a larger one would spoil datagram_pair's ratio. */
void
plat_send_room(int fd, int size)
{
	int		type;
	socklen_t	len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
		    sizeof(size));
}

int
plat_frame_pair(int fd[2])
{
	return datagram_pair(fd);
}

int
plat_channel(int fd[2])
{
	return datagram_pair(fd);
}

/* There is no file that nobody can change. It takes filters to the warden, for
 * captures that this system's backend does not make. */
int
plat_sealed(const void *data, size_t size)
{
	(void)data;
	(void)size;
	return -ENOTSUP;
}

int
plat_sealed_read(int fd, void *data, size_t size)
{
	(void)fd;
	(void)data;
	(void)size;
	return -EINVAL;
}

/* A kqueue is readable while it has an event. */
int
plat_timer_open(void)
{
	int	fd = kqueue(), error;

	if (fd == -1)
		return -errno;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Relative, as an absolute one would be of the wall clock or in the units of
 * another one. Not put together with other timers of the machine, which would be
 * late by milliseconds. */
void
plat_timer_set(int fd, int64_t ns)
{
	int64_t		left = ns - clock_ns(CLOCK_MONOTONIC);
	struct kevent	ev;

	EV_SET(&ev, 0, EVFILT_TIMER, EV_ADD | EV_ONESHOT,
	    NOTE_NSECONDS | NOTE_CRITICAL, left > 0 ? left : 0, NULL);
	(void)kevent(fd, &ev, 1, NULL, 0, NULL);
}

void
plat_timer_read(int fd)
{
	struct timespec	now = { 0, 0 };
	struct kevent	ev;

	(void)kevent(fd, NULL, 0, &ev, 1, &now);
}

int
plat_sifts(void)
{
	return 0;
}

int
plat_is_netns(int fd)
{
	(void)fd;
	return 0;
}

int
plat_netns_owner(int fd, uid_t *uid)
{
	(void)fd;
	(void)uid;
	return -ENOTSUP;
}

/* Privileges. */

static int
no_core(void)
{
	struct rlimit	none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none) != 0 ? -errno : 0;
}

/* root has no parts here that could be given up. */
int
plat_warden_privileges(void)
{
	return no_core();
}

/* A datagram channel does not tell that its other end is gone. Nothing of the
 * child may outlive the half that could still act for it. */
static void *
parent_watch(void *arg)
{
	int		kq = *(int *)arg;
	struct kevent	ev;

	while (kevent(kq, NULL, 0, &ev, 1, NULL) == -1 && errno == EINTR)
		;
	_exit(1);
}

static int
thread_quiet(void *(*run)(void *), void *arg)
{
	sigset_t	all, before;
	pthread_t	thread;
	int		error;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

static int
die_with_parent(void)
{
	static int	kq;
	struct kevent	ev;
	pid_t		parent = getppid();

	if ((kq = kqueue()) == -1)
		return -errno;
	if (fcntl(kq, F_SETFD, FD_CLOEXEC) != 0)
		return -errno;
	EV_SET(&ev, (uintptr_t)parent, EVFILT_PROC, EV_ADD | EV_ONESHOT,
	    NOTE_EXIT, 0, NULL);
	if (kevent(kq, &ev, 1, NULL, 0, NULL) != 0)
		return -errno;
	/* It may have gone before the filter was there. */
	if (getppid() != parent)
		return -ESRCH;
	return thread_quiet(parent_watch, &kq);
}

static int
become(uid_t uid, gid_t gid)
{
	/* A list of one: the egid. It also ends the directory's say in what
	 * groups this process is in. */
	if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
		return -errno;
	if (getuid() != uid || geteuid() != uid || getgid() != gid ||
	    getegid() != gid || setuid(0) == 0 || seteuid(0) == 0)
		return -EPERM;
	return 0;
}

int
plat_drop_privileges(uid_t uid, gid_t gid, const char *root)
{
	int	error;

	/* First, as only root may be sure to watch root. */
	if ((error = die_with_parent()) != 0)
		return error;
	if (root != NULL && (chroot(root) != 0 || chdir("/") != 0))
		return -errno;
	if ((error = become(uid, gid)) != 0)
		return error;
	return no_core();
}

/* The list of the kernel: a limit may be ten thousand times what is open. */
void
plat_close_from(int low)
{
	struct proc_fdinfo	*fds;
	int			 size, n, i;

	size = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, NULL, 0);
	fds = size > 0 ? malloc((size_t)size) : NULL;
	if (fds != NULL)
		size = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, fds, size);
	if (fds == NULL || size <= 0) {
		for (i = low, n = getdtablesize(); i < n; i++)
			close(i);
	}
	for (i = 0; fds != NULL && i < size / (int)sizeof(*fds); i++)
		if (fds[i].proc_fd >= low)
			close(fds[i].proc_fd);
	free(fds);
}

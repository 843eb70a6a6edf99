/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See server.h. server_listen is for main.c at start, before any privilege is
 * dropped; the rest runs in the broker's event loop. It must never block there,
 * never stop for good because one accept failed, and never let in a peer that
 * the kernel does not name.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "peer.h"
#include "server.h"
#include "wire.h"

/* Connections that wait for accept; the next one blocks in connect. */
#define SERVER_BACKLOG	128
/* Accepts in one turn of the event loop. */
#define SERVER_TURN	16
/* Seconds between two lines on the same trouble. */
#define SERVER_QUIET	60
/* Milliseconds that a start waits for the one who holds its path to go. The
 * broker of a warden that was killed answers there until it has seen that. */
#define SERVER_PATIENCE	3000

/* What the log is told of, each kind on its own. */
enum trouble { TROUBLE_ACCEPT, TROUBLE_PEER, TROUBLE_LIMIT, TROUBLES };

/* How many connections UID has; never 0. */
struct uid_conns {
	uid_t		uid;
	unsigned int	n;
};

struct server {
	struct event	*accept;
	struct event	*rest;		/* wakes accept */
	bool		 resting;
	int64_t		 told[TROUBLES]; /* monotonic seconds; when last */
	struct uid_conns *uids;
	unsigned int	 nuids, cap;
};

/*
 * The listening socket.
 */

static int __attribute__((format(printf, 4, 5)))
listen_fail(int err, char *why, size_t size, const char *fmt, ...)
{
	va_list	ap;
	int	n;

	va_start(ap, fmt);
	n = vsnprintf(why, size, fmt, ap);
	va_end(ap);
	if (err != 0 && n > 0 && (size_t)n < size)
		snprintf(why + n, size - (size_t)n, ": %s", strerror(err));
	return err != 0 ? -err : -EINVAL;
}

static int
fd_flags(int fd)
{
	int	fl = fcntl(fd, F_GETFL);

	if (fl < 0 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* A Unix stream socket, or -errno. */
static int
unix_socket(void)
{
	int	fd, r;

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return -errno;
	r = fd_flags(fd);
	if (r < 0) {
		wire_close(&fd);
		return r;
	}
	return fd;
}

/* Does anybody listen at SUN? 1, 0, or -errno. */
static int
listen_alive(const struct sockaddr_un *sun)
{
	int	fd, r = 1;

	fd = unix_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0) {
		r = -errno;
		if (r == -ECONNREFUSED || r == -ENOENT)
			r = 0;
		/* Its queue is full: alive, and busy. */
		if (r == -EAGAIN || r == -EINPROGRESS)
			r = 1;
	}
	wire_close(&fd);
	return r;
}

/* The same, when who listens has had the time to end. */
static int
listen_held(const struct sockaddr_un *sun)
{
	const struct timespec	pause = { .tv_nsec = 20000000 };
	int64_t			end = clock_ms() + SERVER_PATIENCE;
	int			r;

	while ((r = listen_alive(sun)) > 0 && clock_ms() < end)
		nanosleep(&pause, NULL);
	return r;
}

/* Remove what a daemon that is no more left at the place of SUN. */
static int
listen_clear(const struct sockaddr_un *sun, char *why, size_t size)
{
	const char	*path = sun->sun_path;
	struct stat	 st;
	int		 r;

	if (lstat(path, &st) < 0) {
		r = errno;
		return r == ENOENT ? 0 : listen_fail(r, why, size,
		    "cannot look at %s", path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		(void)listen_fail(0, why, size, "%s is there and is no socket; "
		    "remove it or choose another path", path);
		return -EEXIST;
	}
	r = listen_held(sun);
	if (r > 0) {
		(void)listen_fail(0, why, size, "another daemon serves %s; "
		    "stop it or choose another path", path);
		return -EADDRINUSE;
	}
	if (r < 0)
		return listen_fail(-r, why, size, "cannot find out whether "
		    "another daemon serves %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return listen_fail(errno, why, size, "cannot remove the stale "
		    "socket %s", path);
	return 0;
}

/* Nobody can connect before listen, so that the mode is in time. */
static int
listen_bind(int fd, const struct sockaddr_un *sun, unsigned int mode,
    char *why, size_t size)
{
	const char	*path = sun->sun_path;
	mode_t		 mask = umask(0177);
	int		 r;

	r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 ? errno :
	    0;
	umask(mask);
	if (r != 0)
		return listen_fail(r, why, size, "cannot make the socket %s",
		    path);
	if (chmod(path, (mode_t)mode) < 0)
		r = listen_fail(errno, why, size, "cannot set the mode of %s",
		    path);
	else if (listen(fd, SERVER_BACKLOG) < 0)
		r = listen_fail(errno, why, size, "cannot listen on %s", path);
	if (r != 0)
		(void)unlink(path);
	return r;
}

int
server_listen(const char *path, unsigned int mode, char *why, size_t size)
{
	struct sockaddr_un	sun;
	size_t			len = strlen(path);
	int			fd, r;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (len == 0 || len >= sizeof(sun.sun_path)) {
		(void)listen_fail(0, why, size, "a socket path must have from "
		    "1 to %zu bytes, this one has %zu: %s",
		    sizeof(sun.sun_path) - 1, len, path);
		return len == 0 ? -EINVAL : -ENAMETOOLONG;
	}
	memcpy(sun.sun_path, path, len + 1);
	r = listen_clear(&sun, why, size);
	if (r < 0)
		return r;
	fd = unix_socket();
	if (fd < 0)
		return listen_fail(-fd, why, size, "cannot make a socket");
	r = listen_bind(fd, &sun, mode, why, size);
	if (r < 0) {
		wire_close(&fd);
		return r;
	}
	return fd;
}

/*
 * Who has how many.
 */

static struct uid_conns *
server_uid(struct server *s, uid_t uid)
{
	unsigned int	i;

	for (i = 0; i < s->nuids; i++)
		if (s->uids[i].uid == uid)
			return &s->uids[i];
	return NULL;
}

/* One more of UID. 0 or -ENOMEM. */
static int
server_count(struct server *s, uid_t uid)
{
	struct uid_conns	*u = server_uid(s, uid);
	unsigned int		 cap = s->cap == 0 ? 8 : s->cap * 2;

	if (u != NULL) {
		u->n++;
		return 0;
	}
	if (s->nuids == s->cap) {
		u = realloc(s->uids, cap * sizeof(*u));
		if (u == NULL)
			return -ENOMEM;
		s->uids = u;
		s->cap = cap;
	}
	s->uids[s->nuids].uid = uid;
	s->uids[s->nuids++].n = 1;
	return 0;
}

static void
server_uncount(struct server *s, uid_t uid)
{
	struct uid_conns	*u = server_uid(s, uid);

	if (u != NULL && --u->n == 0)
		*u = s->uids[--s->nuids];
}

/* Does one more of UID go over a limit? Root must get in when the others have
 * taken every place, so the total is not for it. */
static bool
server_full(const struct fethd *d, uid_t uid, unsigned int *limit,
    unsigned int *used)
{
	const struct uid_conns	*u = server_uid(d->server, uid);

	*limit = uid == 0 ? BOUND_CONNS_ROOT : BOUND_CONNS_UID;
	*used = u != NULL ? u->n : 0;
	if (*used >= *limit)
		return true;
	*limit = BOUND_CONNS;
	*used = d->nconns;
	return uid != 0 && *used >= *limit;
}

/*
 * Accepting.
 */

/* Once in SERVER_QUIET seconds: who can provoke it shall not fill a disk. */
static bool
server_may_tell(struct server *s, enum trouble what)
{
	int64_t	now = clock_secs();

	if (s->told[what] != 0 && now - s->told[what] < SERVER_QUIET)
		return false;
	s->told[what] = now;
	return true;
}

static void
server_wake(struct server *s)
{
	if (!s->resting)
		return;
	s->resting = false;
	(void)event_del(s->rest);
	(void)event_add(s->accept, NULL);
}

static void
server_rested(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	server_wake(arg);
}

/* ERR does not pass by trying at once, and the waiting client would wake us
 * again and again. */
static void
server_rest(struct server *s, int err)
{
	struct timeval	second = { .tv_sec = 1 };

	if (server_may_tell(s, TROUBLE_ACCEPT)) {
		errno = err;
		log_warn("cannot accept connections; trying every second");
	}
	s->resting = true;
	(void)event_del(s->accept);
	(void)event_add(s->rest, &second);
}

/* Best effort: the socket is new, so that so few bytes fit. */
static void
server_refuse(struct server *s, int fd, uid_t uid, unsigned int limit,
    unsigned int used)
{
	char	text[200];
	int	n;

	if (server_may_tell(s, TROUBLE_LIMIT))
		log_info("uid %lu has %u connections of %u: refused",
		    (unsigned long)uid, used, limit);
	n = snprintf(text, sizeof(text), "{\"error\":"
	    "\"org.fethd.Broker.QuotaExceeded\",\"parameters\":{\"what\":"
	    "\"connections\",\"limit\":%u,\"used\":%u,\"rule\":\"\"}}", limit,
	    used);
	(void)wire_send(fd, text, (size_t)n + 1, NULL, 0);
}

/* The accepted FD (moved) becomes a connection, or is closed. */
static void
server_admit(struct fethd *d, int fd)
{
	struct server	*s = d->server;
	struct peer	 peer;
	unsigned int	 limit, used;
	uid_t		 uid;
	int		 r, on = 1;

	/* Out of band, a byte makes the socket readable and is passed over when
	 * it is read: the event loop would spin on it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	r = fd_flags(fd);
	if (r == 0)
		r = peer_get(fd, &peer);
	if (r != 0) {
		if (server_may_tell(s, TROUBLE_PEER)) {
			errno = -r;
			log_warn("a peer that the kernel does not name is "
			    "refused");
		}
		haste_close(&fd);
		return;
	}
	uid = peer.uid;
	if (server_full(d, uid, &limit, &used)) {
		server_refuse(s, fd, uid, limit, used);
		goto refused;
	}
	if (server_count(s, uid) != 0)
		goto refused;
	/* It owns both now, whatever comes of it. */
	if (conn_new(d, fd, &peer) == NULL)
		server_uncount(s, uid);
	return;
refused:
	peer_clear(&peer);
	haste_close(&fd);
}

static void
server_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct fethd	*d = arg;
	int		 i, fd, err;

	(void)what;
	for (i = 0; i < SERVER_TURN; i++) {
		fd = accept(lfd, NULL, NULL);
		err = errno;
		if (fd >= 0) {
			server_admit(d, fd);
			continue;
		}
		if (err == EAGAIN || err == EWOULDBLOCK)
			return;
		/* The client went before its turn came. */
		if (err == EINTR || err == ECONNABORTED)
			continue;
		server_rest(d->server, err);
		return;
	}
}

int
server_start(struct fethd *d, int listen_fd)
{
	struct server	*s;
	int		 r;

	r = fd_flags(listen_fd);
	if (r != 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	d->server = s;
	s->accept = event_new(d->base, listen_fd, EV_READ | EV_PERSIST,
	    server_accept, d);
	s->rest = event_new(d->base, -1, 0, server_rested, s);
	if (s->accept == NULL || s->rest == NULL ||
	    event_add(s->accept, NULL) != 0) {
		server_stop(d);
		return -ENOMEM;
	}
	return 0;
}

void
server_stop(struct fethd *d)
{
	struct server	*s = d->server;

	if (s == NULL)
		return;
	d->server = NULL;
	if (s->accept != NULL)
		event_free(s->accept);
	if (s->rest != NULL)
		event_free(s->rest);
	free(s->uids);
	free(s);
}

void
server_conn_gone(struct fethd *d, uid_t uid)
{
	if (d->server == NULL)
		return;
	server_uncount(d->server, uid);
	server_wake(d->server);
}

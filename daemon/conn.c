/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See conn.h. Made by server.c, used by request.c, watch.c and reap.c. It must
 * never call out of conn_reply, conn_done, conn_shut or conn_drop, never hold
 * more than bounds.h allows, and never lose a descriptor.
 *
 * In. One message is in hand at a time. It is looked at (MSG_PEEK) before it is
 * taken, so that no receive crosses the NUL: what was sent behind it stays in
 * the kernel. That is the back-pressure on those who send ahead, it keeps the
 * order, and it keeps descriptors with their message - the kernels differ in
 * whether a receive that spans two messages delivers those of the first or of
 * the last.
 *
 * Hang-up. While a request is under way nothing is taken, but a session link
 * must die with its client all the same. EV_CLOSED would tell, but only with
 * epoll. So EV_READ stays on, and when it fires the socket is only looked at:
 * end-of-file is the hang-up. If there are bytes, the client sends ahead; then
 * EV_READ goes off and a timer polls once a second. A client that only closed
 * its sending half (end-of-file without POLLHUP) still gets what it asked for.
 *
 * Out. A queue; one reply is one sendmsg, its descriptors with the first byte.
 *
 * Ending. Whatever goes wrong is noted in FAILED and ends in conn_settle, the
 * last thing that each callback of the event loop calls here; other code gets
 * there by way of the timer.
 */
#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clock.h"
#include "conn.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "plat.h"
#include "reap.h"
#include "request.h"
#include "server.h"
#include "sift.h"
#include "watch.h"
#include "wire.h"

/* Receives of one connection in one turn of the event loop. */
#define CONN_TURN	8
/* The input buffer of an idle connection, and its first size. */
#define CONN_INPUT	1024
/* ms between looks at a client whose hang-up no event would tell. */
#define CONN_POLL	1000
/* ms until a send that the kernel had no room for, for other reasons than a
 * full socket, is tried again. */
#define CONN_RETRY	100

#define BROKER		"org.fethd.Broker"

struct reply_out {
	struct reply_out	*next;
	char			*text;
	size_t			 size, off;	/* the NUL included */
	int			 fds[BOUND_FDS_OUT];
	unsigned int		 nfds;
};

static void
conn_debug(const struct conn *c, const char *what)
{
	log_debug("connection %" PRIu64 " (uid %lu, pid %ld): %s", c->number,
	    (unsigned long)c->peer.uid, (long)c->peer.pid, what);
}

/* It met a limit of bounds.h: the administrator may want to know. */
static void
conn_limit(const struct conn *c, const char *what)
{
	log_info("connection %" PRIu64 " (uid %lu, pid %ld): %s", c->number,
	    (unsigned long)c->peer.uid, (long)c->peer.pid, what);
}

static void
fds_close(int *fds, unsigned int *nfds)
{
	while (*nfds > 0)
		haste_close(&fds[--*nfds]);
}

/*
 * Events.
 */

static bool
conn_over(const struct conn *c)
{
	if (c->failed != NULL)
		return true;
	return c->out == NULL && (c->closing || (c->eof && c->req == NULL));
}

/* Messages may be taken. */
static bool
conn_takes(const struct conn *c)
{
	return c->failed == NULL && !c->closing && !c->eof && !c->held &&
	    c->req == NULL && c->sift == NULL;
}

/* EV_READ is wanted: to take messages, or to see the end of file. */
static bool
conn_listens(const struct conn *c)
{
	return conn_takes(c) || (c->req != NULL && c->failed == NULL &&
	    !c->closing && !c->eof && !c->piped);
}

/* No event would tell that the client went. */
static bool
conn_blind(const struct conn *c)
{
	return c->req != NULL && !conn_listens(c);
}

/* When the timer is due, or 0. */
static int64_t
conn_due(const struct conn *c)
{
	int64_t	dues[] = {
		conn_takes(c) ? c->in_due : 0,
		c->out_due,
		c->retry_due,
		conn_blind(c) ? clock_ms() + CONN_POLL : 0,
	};
	int64_t	due = 0;
	size_t	i;

	for (i = 0; i < sizeof(dues) / sizeof(dues[0]); i++)
		if (dues[i] != 0 && (due == 0 || dues[i] < due))
			due = dues[i];
	return due;
}

static int
event_want(struct event *ev, bool on)
{
	return on ? event_add(ev, NULL) : event_del(ev);
}

static int
conn_timer(struct conn *c)
{
	int64_t		due = conn_due(c), left;
	struct timeval	tv;

	if (due == 0)
		return event_del(c->timer);
	/* One more, or rounding would wake it just before its time. */
	left = due - clock_ms() + 1;
	if (left < 0)
		left = 0;
	tv.tv_sec = left / 1000;
	tv.tv_usec = left % 1000 * 1000;
	return event_add(c->timer, &tv);
}

/* Make the events fit the state. Safe wherever conn_free is not. */
static void
conn_arm(struct conn *c)
{
	if (c->gone)
		return;
	if (!conn_over(c) && (event_want(c->ev_read, conn_listens(c)) != 0 ||
	    event_want(c->ev_write, c->out != NULL && c->retry_due == 0) != 0 ||
	    conn_timer(c) != 0))
		c->failed = "the event loop refused it";
	if (conn_over(c))
		event_active(c->timer, EV_TIMEOUT, 0);
}

/* End C if it is over. The last thing that a callback does. */
static void
conn_settle(struct conn *c)
{
	if (!conn_over(c))
		conn_arm(c);
	else if (c->failed != NULL)
		conn_free(c, c->failed);
	else
		conn_free(c, c->closing ? "shut" : "the client closed it");
}

static void
conn_fail(struct conn *c, const char *why)
{
	if (c->failed == NULL)
		c->failed = why;
}

/* A system call on its socket failed with ERR. */
static void
conn_fail_errno(struct conn *c, int err)
{
	if (err == EPIPE || err == ECONNRESET) {
		conn_fail(c, "the client closed it");
		return;
	}
	errno = err;
	log_warn("connection %" PRIu64, c->number);
	conn_fail(c, "a system call failed");
}

/*
 * Output.
 */

static void
out_free(struct reply_out *o)
{
	fds_close(o->fds, &o->nfds);
	free(o->text);
	free(o);
}

static void
conn_pop(struct conn *c)
{
	struct reply_out	*o = c->out;

	c->out = o->next;
	if (c->out == NULL)
		c->out_tail = &c->out;
	out_free(o);
}

/*
 * Too many descriptors under way between processes (Linux: ETOOMANYREFS), no
 * memory, or (macOS) a socket buffer without room for descriptors, EMSGSIZE:
 * none is this client's fault and all pass.
 */
static bool
conn_passes(int err)
{
	return err == ETOOMANYREFS || err == ENOMEM || err == ENOBUFS ||
	    err == EMSGSIZE;
}

static void
conn_send_failed(struct conn *c, int err)
{
	if (err == EAGAIN || err == EWOULDBLOCK)
		return;
	if (conn_passes(err))
		c->retry_due = clock_ms() + CONN_RETRY;
	else
		conn_fail_errno(c, err);
}

/* Send what the kernel takes. */
static void
conn_flush(struct conn *c)
{
	struct reply_out	*o;
	ssize_t			 n;

	c->retry_due = 0;
	while ((o = c->out) != NULL && c->failed == NULL) {
		n = wire_send(c->fd, o->text + o->off, o->size - o->off, o->fds,
		    o->nfds);
		if (n < 0) {
			conn_send_failed(c, (int)-n);
			break;
		}
		/* They went with the first byte. */
		c->out_fds -= o->nfds;
		fds_close(o->fds, &o->nfds);
		o->off += (size_t)n;
		c->out_bytes -= (size_t)n;
		c->out_due = clock_ms() + BOUND_OUTPUT_SECS * 1000;
		if (o->off == o->size)
			conn_pop(c);
	}
	if (c->out == NULL)
		c->out_due = 0;
	if (c->held && c->out_bytes < BOUND_OUTPUT / 2 &&
	    c->out_fds < BOUND_OUTPUT_FDS / 2) {
		c->held = false;
		/* The time in which we did not read is not the client's. */
		if (c->in_due != 0)
			c->in_due = clock_ms() + BOUND_REQUEST_SECS * 1000;
	}
}

static void
conn_queue(struct conn *c, struct reply_out *o)
{
	bool	first = c->out == NULL;

	*c->out_tail = o;
	c->out_tail = &o->next;
	c->out_bytes += o->size;
	c->out_fds += o->nfds;
	if (first) {
		c->out_due = clock_ms() + BOUND_OUTPUT_SECS * 1000;
		conn_flush(c);
	}
	if (!c->held && (c->out_bytes > BOUND_OUTPUT ||
	    c->out_fds > BOUND_OUTPUT_FDS)) {
		c->held = true;
		conn_limit(c, "does not take its replies; it is not read until "
		    "it does");
	}
}

void
conn_reply(struct conn *c, char *text, size_t size, int *fds,
    unsigned int nfds)
{
	struct reply_out	*o = NULL;

	if (c->gone || c->closing || c->failed != NULL)
		goto drop;
	if (text == NULL || nfds > BOUND_FDS_OUT ||
	    (o = calloc(1, sizeof(*o))) == NULL) {
		conn_fail(c, "a reply could not be made");
		goto drop;
	}
	o->text = text;
	o->size = size + 1;
	while (o->nfds < nfds) {
		o->fds[o->nfds] = wire_take(&fds[o->nfds]);
		o->nfds++;
	}
	conn_queue(c, o);
	conn_arm(c);
	return;
drop:
	free(text);
	fds_close(fds, &nfds);
	conn_arm(c);
}

void
conn_refuse(struct conn *c, const char *reason, size_t offset)
{
	cJSON	*o = cJSON_CreateObject(), *p = NULL;
	char	*text = NULL;

	conn_debug(c, reason);
	if (o != NULL &&
	    cJSON_AddStringToObject(o, "error", BROKER ".InvalidMessage"))
		p = cJSON_AddObjectToObject(o, "parameters");
	if (p != NULL && cJSON_AddStringToObject(p, "reason", reason) &&
	    cJSON_AddNumberToObject(p, "offset", (double)offset))
		text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	conn_reply(c, text, text != NULL ? strlen(text) : 0, NULL, 0);
	conn_shut(c);
}

/*
 * Input.
 */

static void
conn_trim(struct conn *c)
{
	if (c->in_cap <= CONN_INPUT)
		return;
	free(c->in);
	c->in = NULL;
	c->in_cap = 0;
}

/* Room for one byte more, at least. */
static bool
conn_room(struct conn *c)
{
	size_t	 cap = c->in_cap == 0 ? CONN_INPUT : c->in_cap * 2;
	char	*in;

	if (c->in_len < c->in_cap)
		return true;
	if (cap > BOUND_MESSAGE + 1)
		cap = BOUND_MESSAGE + 1;
	in = realloc(c->in, cap);
	if (in == NULL) {
		conn_fail(c, "no memory");
		return false;
	}
	c->in = in;
	c->in_cap = cap;
	return true;
}

/* A whole message is in hand. */
static void
conn_message(struct conn *c)
{
	size_t	size = c->in_len - 1;

	c->served = true;
	c->in_len = 0;
	c->in_due = 0;
	c->busy = true;
	request_start(c, c->in, size);
	c->busy = false;
	if (c->req == NULL)
		fds_close(c->fds, &c->nfds);
	conn_trim(c);
}

/* Keep what came with the message in hand. */
static bool
conn_keep_fds(struct conn *c, int *fds, unsigned int nfds, bool more)
{
	unsigned int	i;

	if (more || c->nfds + nfds > BOUND_FDS_IN) {
		fds_close(fds, &nfds);
		fds_close(c->fds, &c->nfds);
		conn_limit(c, "sent too many descriptors");
		conn_refuse(c, "too many descriptors came with this message",
		    c->in_len);
		return false;
	}
	for (i = 0; i < nfds; i++)
		c->fds[c->nfds++] = wire_take(&fds[i]);
	return true;
}

/* N more bytes are in hand. */
static void
conn_got(struct conn *c, size_t n)
{
	char	why[80];

	if (c->in_len == 0 && c->in_due == 0)
		c->in_due = clock_ms() + BOUND_REQUEST_SECS * 1000;
	c->in_len += n;
	if (c->in[c->in_len - 1] == '\0')
		conn_message(c);
	else if (c->in_len > BOUND_MESSAGE) {
		conn_limit(c, "sent too long a message");
		snprintf(why, sizeof(why), "a message may not be longer than "
		    "%d bytes", BOUND_MESSAGE);
		conn_refuse(c, why, BOUND_MESSAGE);
	}
}

bool
conn_hung_up(const struct conn *c)
{
	/* Asked for reading, macOS takes the end of one direction for both. */
	struct pollfd	pfd = { .fd = c->fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) > 0 &&
	    (pfd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static void
conn_eof(struct conn *c)
{
	if (c->in_len > 0)
		conn_fail(c, "the client closed it in the middle of a message");
	else if (conn_hung_up(c))
		conn_fail(c, "the client closed it");
	c->eof = true;
}

/* Look at the socket without taking anything: the bytes there, 0 when there is
 * nothing to do now. RIGHTS: a child is to take them (sift.h). */
static size_t
conn_peek(struct conn *c, char *buf, size_t size, bool *rights)
{
	struct iovec	iov = { buf, size };
	struct msghdr	mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t		n = recvmsg(c->fd, &mh, MSG_PEEK);
	int		err = errno;

	*rights = plat_sifts() && (mh.msg_flags & MSG_CTRUNC) != 0;
	if (n > 0)
		return (size_t)n;
	if (n == 0)
		conn_eof(c);
	else if (err != EAGAIN && err != EWOULDBLOCK && err != EINTR)
		conn_fail_errno(c, err);
	return 0;
}

/* A child has taken what is behind the message in hand, of which we have a copy
 * there. */
static void
conn_sifted(void *arg, ssize_t n, int *fds, unsigned int nfds, bool more)
{
	struct conn	*c = arg;

	c->sift = NULL;
	if (n == -ETIMEDOUT) {
		conn_limit(c, "sent a descriptor that makes who looks at it "
		    "wait");
		conn_fail(c, "a descriptor makes us wait");
	} else if (n < 0) {
		conn_fail_errno(c, (int)-n);
	}
	if (conn_keep_fds(c, fds, nfds, more) && n > 0)
		conn_got(c, (size_t)n);
	conn_settle(c);
}

static void
conn_sift(struct conn *c, size_t size)
{
	c->sift = sift_start(c->d->base, c->fd, size, c->peer.uid, conn_sifted,
	    c);
	if (c->sift != NULL)
		return;
	if (errno == EAGAIN)
		conn_limit(c, "sent a descriptor while too many are looked at");
	conn_fail(c, "no process to look at its descriptors");
}

/* Take what is there, up to the end of the message in hand. False: no more
 * now. */
static bool
conn_receive(struct conn *c)
{
	int		 fds[WIRE_FDS], more;
	unsigned int	 nfds;
	size_t		 there;
	ssize_t		 n;
	bool		 rights;
	char		*p, *nul;

	if (!conn_room(c))
		return false;
	p = c->in + c->in_len;
	there = conn_peek(c, p, c->in_cap - c->in_len, &rights);
	if (there == 0)
		return false;
	nul = memchr(p, '\0', there);
	if (nul != NULL)
		there = (size_t)(nul - p) + 1;
	if (rights) {
		conn_sift(c, there);
		return false;
	}
	n = wire_recv(c->fd, p, there, fds, &nfds, &more);
	/* macOS, when our table of descriptors is full: those sent are gone. */
	if (n == -EMSGSIZE)
		more = 1;
	else if (n < 0)
		conn_fail_errno(c, (int)-n);
	if (!conn_keep_fds(c, fds, nfds, more) || n <= 0)
		return false;
	conn_got(c, (size_t)n);
	return true;
}

static void
conn_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;
	char		 byte;
	bool		 rights;
	int		 i;

	(void)fd;
	(void)what;
	if (c->req != NULL && conn_listens(c))
		c->piped = conn_peek(c, &byte, 1, &rights) > 0;
	for (i = 0; i < CONN_TURN && conn_takes(c); i++)
		if (!conn_receive(c))
			break;
	conn_settle(c);
}

static void
conn_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;

	(void)fd;
	(void)what;
	conn_flush(c);
	conn_settle(c);
}

static void
conn_tick(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;
	int64_t		 now = clock_ms();

	(void)fd;
	(void)what;
	if (c->retry_due != 0 && now >= c->retry_due)
		conn_flush(c);
	if (conn_takes(c) && c->in_due != 0 && now >= c->in_due) {
		conn_limit(c, "sent no whole request in time");
		conn_fail(c, "no whole request in time");
	}
	if (c->out_due != 0 && now >= c->out_due) {
		conn_limit(c, "took none of its replies in time");
		conn_fail(c, "its replies were not taken in time");
	}
	if (conn_blind(c) && conn_hung_up(c))
		conn_fail(c, "the client closed it");
	conn_settle(c);
}

/*
 * Life.
 */

/* Give back what C owns, and C. */
static void
conn_release(struct conn *c)
{
	if (c->ev_read != NULL)
		event_free(c->ev_read);
	if (c->ev_write != NULL)
		event_free(c->ev_write);
	if (c->timer != NULL)
		event_free(c->timer);
	sift_cancel(c->sift);
	haste_close(&c->fd);
	while (c->out != NULL)
		conn_pop(c);
	fds_close(c->fds, &c->nfds);
	free(c->in);
	peer_clear(&c->peer);
	free(c);
}

static void
conn_link(struct conn *c)
{
	struct fethd	*d = c->d;

	c->next = d->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	c->prev = &d->conns;
	d->conns = c;
	d->nconns++;
}

static void
conn_unlink(struct conn *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->d->nconns--;
}

struct conn *
conn_new(struct fethd *d, int fd, struct peer *peer)
{
	static uint64_t	 number;
	struct conn	*c = calloc(1, sizeof(*c));

	if (c == NULL) {
		haste_close(&fd);
		peer_clear(peer);
		return NULL;
	}
	c->d = d;
	c->number = ++number;
	c->fd = fd;
	c->peer = *peer;
	peer->groups = NULL;
	peer->ngroups = 0;
	c->out_tail = &c->out;
	c->in_due = clock_ms() + BOUND_REQUEST_SECS * 1000;
	c->ev_read = event_new(d->base, fd, EV_READ | EV_PERSIST, conn_readable,
	    c);
	c->ev_write = event_new(d->base, fd, EV_WRITE | EV_PERSIST,
	    conn_writable, c);
	c->timer = event_new(d->base, -1, 0, conn_tick, c);
	if (c->ev_read == NULL || c->ev_write == NULL || c->timer == NULL) {
		conn_release(c);
		return NULL;
	}
	conn_link(c);
	conn_debug(c, "new");
	conn_arm(c);
	return c;
}

void
conn_done(struct conn *c)
{
	c->req = NULL;
	c->piped = false;
	fds_close(c->fds, &c->nfds);
	conn_arm(c);
}

void
conn_shut(struct conn *c)
{
	c->closing = true;
	conn_arm(c);
}

void
conn_drop(struct conn *c, const char *why)
{
	conn_fail(c, why);
	conn_arm(c);
}

void
conn_free(struct conn *c, const char *why)
{
	struct fethd	*d;
	uid_t		 uid;

	if (c == NULL || c->gone)
		return;
	if (c->busy) {
		conn_drop(c, why);
		return;
	}
	/* What the others answer on their way out goes nowhere. */
	c->gone = true;
	conn_debug(c, why);
	request_conn_gone(c);
	watch_conn_gone(c);
	vlink_conn_gone(c);
	d = c->d;
	uid = c->peer.uid;
	conn_unlink(c);
	conn_release(c);
	server_conn_gone(d, uid);
}

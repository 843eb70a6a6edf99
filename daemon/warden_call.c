/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's side of the channel. vlink.c and reap.c call in; answers go back
 * to them from the event loop. One message is one struct wm_msg; what the socket
 * does not take at once waits in a queue with duplicates of its descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "capture_open.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "policy.h"
#include "reap.h"
#include "vlink.h"
#include "warden_call.h"
#include "warden_msg.h"
#include "wire.h"

/* So many unanswered DESTROYs are two of the warden's batches: it works on the
 * one while the next is told. More of them would only fill the channel, in which
 * what somebody waits for goes behind them. */
#define DESTROYS	1024

struct pending {
	struct pending	*next;
	struct wm_msg	 msg;
	int		 fds[2];
	unsigned int	 nfds;
};

struct wcall {
	struct fethd	*d;
	int		 fd;
	uint32_t	 seq;
	struct event	*ev_read, *ev_write, *ev_retry;
	struct pending	*head, **tail;
	struct pending	**destroys;	/* the first of them in the queue */
	unsigned int	ndestroys;	/* that are not answered */
	void		(*ready)(struct fethd *);
};

const char *const wm_op_names[WM_OPS] = {
	[WM_OP_NONE] = "nothing", [WM_OP_CHECK] = "check the request",
	[WM_OP_JOURNAL] = "write the journal",
	[WM_OP_OPEN] = "open the device",
	[WM_OP_CREATE] = "create the interface",
	[WM_OP_MOVE] = "move the interface to its network namespace",
	[WM_OP_HARDEN] = "harden the interface",
	[WM_OP_ADDRESS] = "set the addresses",
	[WM_OP_UP] = "bring the interface up",
	[WM_OP_SOCKET] = "open the port's socket",
	[WM_OP_KEEP] = "keep the descriptors",
	[WM_OP_RELAY] = "start the relay",
	[WM_OP_CAPTURE] = "open the capture socket",
	[WM_OP_FILTER] = "attach the filter",
	[WM_OP_FORK] = "start the capture",
};

/* Without its warden the broker can do nothing right: end, so that a new pair
 * starts clean. */
static void
wcall_lost(struct wcall *w, const char *why)
{
	log_warnx("the warden is gone (%s)", why);
	event_base_loopbreak(w->d->base);
}

static void
pending_free(struct pending *p)
{
	unsigned int	i;

	for (i = 0; i < p->nfds; i++)
		haste_close(&p->fds[i]);
	free(p);
}

/*
 * What is queued goes when the socket has room. A full datagram socket (macOS)
 * says -ENOBUFS; it may look writable, or never become so, and is tried again by
 * time.
 */
static void
later(struct wcall *w, ssize_t why)
{
	static const struct timeval	pause = { .tv_usec = 5000 };

	if (why == -ENOBUFS)
		event_add(w->ev_retry, &pause);
	else
		event_add(w->ev_write, NULL);
}

static int
queue(struct wcall *w, const struct wm_msg *m, const int *fds,
    unsigned int nfds)
{
	struct pending	*p, **at;
	unsigned int	 i;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return -ENOMEM;
	p->msg = *m;
	for (i = 0; i < nfds; i++) {
		if ((p->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0)) == -1) {
			pending_free(p);
			return -EMFILE;
		}
		p->nfds++;
	}
	/* Nobody waits for a DESTROY, and no other message of its slot comes
	 * after it until it is answered: all others go before. */
	at = m->type == WM_DESTROY ? w->tail : w->destroys;
	if ((p->next = *at) == NULL)
		w->tail = &p->next;
	*at = p;
	if (m->type != WM_DESTROY)
		w->destroys = &p->next;
	return 0;
}

static int
send_msg(struct wcall *w, const struct wm_msg *m, const int *fds,
    unsigned int nfds)
{
	ssize_t	n;

	if (w->head != NULL)
		return queue(w, m, fds, nfds);
	n = wire_send(w->fd, m, sizeof(*m), fds, nfds);
	if (n != -EAGAIN && n != -ENOBUFS)
		return n < 0 ? (int)n : 0;
	later(w, n);
	return queue(w, m, fds, nfds);
}

static void
wcall_flush(evutil_socket_t fd, short what, void *arg)
{
	struct wcall	*w = arg;
	struct pending	*p;
	ssize_t		 n;

	(void)fd;
	(void)what;
	while ((p = w->head) != NULL) {
		n = wire_send(w->fd, &p->msg, sizeof(p->msg), p->fds, p->nfds);
		if (n == -EAGAIN || n == -ENOBUFS) {
			later(w, n);
			return;
		}
		if (n < 0) {
			wcall_lost(w, strerror((int)-n));
			return;
		}
		if ((w->head = p->next) == NULL)
			w->tail = &w->head;
		if (w->destroys == &p->next)
			w->destroys = &w->head;
		pending_free(p);
	}
}

/* The head of a message on SLOT. */
static void
begin(struct wcall *w, uint32_t slot, struct wm_msg *m, enum wm_type type)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	if (++w->seq == 0)
		w->seq = 1;	/* 0 means: of no DESTROY */
	m->seq = w->seq;
	m->slot = slot;
}

/* The answer has the number that this returns. */
static uint32_t
destroy(struct wcall *w, uint32_t slot)
{
	struct wm_msg	m;
	int		rv;

	begin(w, slot, &m, WM_DESTROY);
	w->ndestroys++;
	if ((rv = send_msg(w, &m, NULL, 0)) != 0)
		wcall_lost(w, strerror(-rv));
	return m.seq;
}

/* What the warden tells. */

/* Only what a link waits for is for it: a KEEP of the slot's last link may be
 * answered when the next one has the slot. What the warden made for nobody goes
 * again. */
static void
got_reply(struct wcall *w, const struct wm_msg *m, int fds[2])
{
	struct vlink	*l;

	w->d->ready_slot = m->ready < BOUND_UNITS ? m->ready : BOUND_SLOTS;
	l = vlink_by_slot(w->d, m->slot);
	if (l == NULL && m->error == 0 && m->slot < BOUND_SLOTS)
		(void)destroy(w, m->slot);
	if (l == NULL || m->seq != l->made_seq)
		return;
	if (m->error == 0)
		vlink_offloads(l, m->offloads);
	vlink_made(l, m->error, m->op < WM_OPS ? (enum wm_op)m->op :
	    WM_OP_NONE, wire_take(&fds[0]));
}

/*
 * A late answer to a DESTROY of the slot's last link is not for this one. And a
 * link whose DESTROY is under way keeps its slot until that is answered, also
 * when it goes by itself (0) before: a CREATE could overtake the DESTROY, which
 * would then end the new link.
 */
static void
got_gone(struct wcall *w, const struct wm_msg *m, int fds[2])
{
	struct vlink	*l;

	(void)fds;
	if (m->seq != 0 && w->ndestroys > 0)
		w->ndestroys--;
	if ((l = vlink_by_slot(w->d, m->slot)) != NULL &&
	    m->seq == l->destroy_seq)
		reap_gone(l);
	reap_go_on(w->d);
}

static void
got_restore(struct wcall *w, const struct wm_msg *m, int fds[2])
{
	int	of_end[2] = { -1, -1 }, next = 0;

	if (m->flags & WMF_END0)
		of_end[0] = wire_take(&fds[next++]);
	if (m->flags & WMF_END1)
		of_end[1] = wire_take(&fds[next++]);
	vlink_restore(w->d, m, of_end);
	wire_close(&of_end[0]);
	wire_close(&of_end[1]);
}

static void
got_ready(struct wcall *w, const struct wm_msg *m, int fds[2])
{
	(void)m;
	(void)fds;
	w->ready(w->d);
}

static void
got_policy(struct wcall *w, const struct wm_msg *m, int fds[2])
{
	struct policy	*p;
	ssize_t		 n;

	(void)m;
	if (fds[0] == -1 || (p = malloc(sizeof(*p))) == NULL)
		return;
	n = pread(fds[0], p, sizeof(*p), 0);
	if (n != (ssize_t)sizeof(*p) || !policy_sane(p)) {
		log_warnx("the policy that the warden sent is not readable; "
		    "the old one stays");
		free(p);
		return;
	}
	free(w->d->policy);
	w->d->policy = p;
	log_info("policy in force: %s, %u rules", p->file, p->nrules);
}

static void
got_captured(struct wcall *w, const struct wm_msg *m, int fds[2])
{
	(void)fds;
	capture_answered(w->d, m);
}

static void
got_capture_end(struct wcall *w, const struct wm_msg *m, int fds[2])
{
	(void)fds;
	capture_over(w->d, m);
}

static void (*const got[WM_TYPES])(struct wcall *, const struct wm_msg *,
    int [2]) = {
	[WM_REPLY] = got_reply, [WM_GONE] = got_gone,
	[WM_RESTORE] = got_restore, [WM_READY] = got_ready,
	[WM_POLICY] = got_policy, [WM_CAPTURED] = got_captured,
	[WM_CAPTURE_END] = got_capture_end,
};

static void
wcall_read(evutil_socket_t fd, short what, void *arg)
{
	struct wcall	*w = arg;
	struct wm_msg	 m;
	int		 fds[WIRE_FDS];
	unsigned int	 nfds, i, turn;
	ssize_t		 n;

	(void)what;
	for (turn = 0; turn < 64; turn++) {
		n = wire_recv((int)fd, &m, sizeof(m), fds, &nfds, NULL);
		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0) {
			wcall_lost(w, n == 0 ? "it closed the channel" :
			    strerror((int)-n));
			return;
		}
		for (i = nfds; i < 2; i++)
			fds[i] = -1;
		if (n == (ssize_t)sizeof(m) && m.type < WM_TYPES &&
		    got[m.type] != NULL)
			got[m.type](w, &m, fds);
		else
			log_warnx("the warden sent what is no message");
		for (i = 0; i < (nfds > 2 ? nfds : 2); i++)
			haste_close(&fds[i]);
	}
}

/* What the broker asks. */

static void
prepare(struct vlink *l, struct wm_msg *m, enum wm_type type)
{
	begin(l->d->warden, l->slot, m, type);
}

static void
fill_side(struct wm_msg *m, int side, const struct end_spec *e)
{
	memcpy(m->mac[side], e->mac, sizeof(m->mac[side]));
	m->naddr[side] = e->naddr;
	memcpy(m->addr[side], e->addr, sizeof(e->addr));
}

void
wcall_create(struct vlink *l)
{
	const struct link_spec	*s = &l->rec.spec;
	struct wm_msg		 m;
	int			 host, rv;

	prepare(l, &m, WM_CREATE);
	l->made_seq = m.seq;
	m.kind = s->kind;
	m.uid = l->rec.uid;
	m.mtu = s->mtu;
	m.record = l->rec;
	host = vlink_side(s, 0);
	fill_side(&m, 0, &s->end[host]);
	fill_side(&m, 1, &s->end[!host]);
	if (s->kind == LINK_HOST) {
		/* The port's addresses are the program's business. */
		m.naddr[1] = 0;
		memset(m.addr[1], 0, sizeof(m.addr[1]));
		if (s->lease == LEASE_NAMED)
			m.flags |= WMF_KEEP;
		if (spec_relayed(s))
			m.flags |= WMF_KEEP | WMF_RELAY;
		if (s->end[!host].class == CLASS_RAW)
			m.flags |= WMF_RAW;
		m.offloads = s->end[!host].offloads;
	}
	if (l->netns != -1)
		m.flags |= WMF_NETNS;
	l->told_warden = true;
	rv = send_msg(l->d->warden, &m, &l->netns, l->netns != -1);
	if (rv != 0) {
		l->told_warden = false;
		vlink_made(l, -rv, WM_OP_CHECK, -1);
	}
}

void
wcall_keep(struct vlink *l)
{
	const struct link_spec	*s = &l->rec.spec;
	struct wm_msg		 m;
	int			 fds[2], i, rv;
	unsigned int		 n = 0;

	prepare(l, &m, WM_KEEP);
	l->made_seq = m.seq;
	m.kind = s->kind;
	m.record = l->rec;
	if (spec_relayed(s))
		m.flags |= WMF_RELAY;
	for (i = 0; i < 2; i++) {
		/* A session port that is handed out at once is never kept: its
		 * peer must see end-of-file. */
		if (l->port[i].fd == -1 ||
		    (s->lease == LEASE_SESSION && s->end[i].take))
			continue;
		m.flags |= i == 0 ? WMF_END0 : WMF_END1;
		fds[n++] = l->port[i].fd;
	}
	l->told_warden = true;
	if ((rv = send_msg(l->d->warden, &m, fds, n)) != 0)
		vlink_made(l, -rv, WM_OP_KEEP, -1);
}

void
wcall_keep_port(struct vlink *l, int end, int fd)
{
	struct wm_msg	m;
	int		rv;

	prepare(l, &m, WM_KEEP);
	m.kind = l->rec.spec.kind;
	m.record = l->rec;
	m.flags = WMF_RELAY | (end == 0 ? WMF_END0 : WMF_END1);
	/* Without it, the port ends if the broker does. */
	if ((rv = send_msg(l->d->warden, &m, &fd, 1)) != 0)
		log_warnx("slot %u: the warden does not keep port %d: %s",
		    l->slot, end, strerror(-rv));
}

void
wcall_destroy(struct vlink *l)
{
	l->destroy_seq = destroy(l->d->warden, l->slot);
}

bool
wcall_wants(const struct fethd *d)
{
	return d->warden == NULL || d->warden->ndestroys < DESTROYS;
}

int
wcall_capture(struct vlink *l, bool invert, uint32_t snaplen, uint32_t insns,
    const int fds[2], uint32_t *seq)
{
	struct wm_msg	m;

	prepare(l, &m, WM_CAPTURE);
	m.flags = invert ? WMF_INVERT : 0;
	m.snaplen = snaplen;
	m.insns = insns;
	*seq = m.seq;
	return send_msg(l->d->warden, &m, fds, insns > 0 ? 2 : 1);
}

int
wcall_start(struct fethd *d, int channel, void (*ready)(struct fethd *))
{
	struct wcall	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL) {
		wire_close(&channel);
		return -ENOMEM;
	}
	w->d = d;
	w->fd = channel;
	w->ready = ready;
	w->tail = w->destroys = &w->head;
	d->warden = w;
	d->ready_slot = BOUND_SLOTS;
	evutil_make_socket_nonblocking(channel);
	w->ev_read = event_new(d->base, channel, EV_READ | EV_PERSIST,
	    wcall_read, w);
	w->ev_write = event_new(d->base, channel, EV_WRITE, wcall_flush, w);
	w->ev_retry = evtimer_new(d->base, wcall_flush, w);
	if (w->ev_read == NULL || w->ev_write == NULL || w->ev_retry == NULL ||
	    event_add(w->ev_read, NULL) != 0) {
		wcall_stop(d);
		return -ENOMEM;
	}
	return 0;
}

void
wcall_stop(struct fethd *d)
{
	struct wcall	*w;
	struct pending	*p;

	if ((w = d->warden) == NULL)
		return;
	d->warden = NULL;
	while ((p = w->head) != NULL) {
		w->head = p->next;
		pending_free(p);
	}
	if (w->ev_read != NULL)
		event_free(w->ev_read);
	if (w->ev_write != NULL)
		event_free(w->ev_write);
	if (w->ev_retry != NULL)
		event_free(w->ev_retry);
	wire_close(&w->fd);
	free(w);
}

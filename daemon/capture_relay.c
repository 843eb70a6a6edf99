/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See capture_relay.h. Called by capture_open.c from the control plane; by the
 * relay through struct relay_tap; and each capture has a thread.
 *
 *	relay thread --> ring --> capture thread --> the reader's socket
 *	control plane: makes and ends both ends of it
 *
 * The ring has one writer and one reader and no lock. The writer looks at
 * `asleep` after each frame, and wakes the reader with a byte in a pipe.
 *
 * A link has one tap, so one that more than one capture looks at has a tap with
 * all of them in it, and gets a new one when their number changes. A capture is
 * in as many taps as the relay may still know of (`taps`); when it is in none,
 * no frame comes any more, and its thread writes the counters and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "capture.h"
#include "capture_relay.h"
#include "clock.h"
#include "fethd.h"
#include "haste.h"
#include "relay.h"
#include "vlink.h"
#include "wire.h"

#define RING		((size_t)BOUND_CAPTURE_RING)
#define LAST_SECS	10	/* for the reader to take the rest */

struct rcapture {
	struct rcapture	*next;
	uint64_t	link;		/* id */
	int		eye;
	unsigned int	taps;		/* of the control plane alone */
	pthread_t	thread;
	int		wake[2];	/* a byte: look again */
	int		over_fd;	/* rtaps.over[1] */

	/* Shared. Positions only grow. */
	atomic_size_t	head, tail;	/* written; read */
	atomic_bool	asleep;
	atomic_bool	dead;		/* no more frames are wanted */
	atomic_bool	over;		/* no more frames come */
	atomic_bool	hurry;		/* the daemon stops */
	atomic_bool	finished;	/* the thread is at its end */
	_Atomic uint64_t lost;
	uint32_t	most;		/* bytes of a frame that are of use */
	uint8_t		*ring;

	/* The thread's. */
	struct capture	c;
	uint64_t	taken;
};

/* What is in the ring before the LEN bytes of a frame. */
struct rhead {
	uint64_t	ns;
	uint32_t	len, kept;
	uint32_t	out;		/* of the end that looks */
	uint32_t	pad;
};

/* What the relay is given. */
struct rtap {
	struct relay_tap tap;
	struct rtaps	*all;
	unsigned int	n;
	struct rcapture	*of[];
};

/* All of a daemon. */
struct rtaps {
	struct fethd	*d;
	struct rcapture	*captures;
	int		over[2];	/* a byte: one has finished */
	struct event	*ev;
};

static void
wake_up(struct rcapture *r)
{
	/* A full pipe wakes as well. */
	if (write(r->wake[1], "", 1) < 0)
		return;
}

/* The ring. */

static void
ring_put(struct rcapture *r, size_t at, const void *data, size_t size)
{
	size_t	from = at % RING, first = RING - from;

	if (first > size)
		first = size;
	memcpy(r->ring + from, data, first);
	memcpy(r->ring, (const uint8_t *)data + first, size - first);
}

static void
ring_get(const struct rcapture *r, size_t at, void *data, size_t size)
{
	size_t	from = at % RING, first = RING - from;

	if (first > size)
		first = size;
	memcpy(data, r->ring + from, first);
	memcpy((uint8_t *)data + first, r->ring, size - first);
}

/* In a relay thread: a frame for R. */
static void
ring_frame(struct rcapture *r, const struct rhead *h, const uint8_t *frame)
{
	size_t	head = atomic_load_explicit(&r->head, memory_order_relaxed);
	size_t	tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	if (RING - (head - tail) < sizeof(*h) + h->kept) {
		atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
		return;
	}
	ring_put(r, head, h, sizeof(*h));
	ring_put(r, head + sizeof(*h), frame, h->kept);
	/* In one order for all: it is there, then is anybody asleep? */
	atomic_store(&r->head, head + sizeof(*h) + h->kept);
	if (atomic_load(&r->asleep) && atomic_exchange(&r->asleep, false))
		wake_up(r);
}

static void
tap_frame(struct relay_tap *tap, int side, bool out, const uint8_t *frame,
    uint32_t len)
{
	struct rtap	*t = (struct rtap *)tap;
	struct rcapture	*r;
	struct rhead	 h = { .len = len };
	unsigned int	 i;

	for (i = 0; i < t->n; i++) {
		r = t->of[i];
		if (r->eye != side || atomic_load_explicit(&r->dead,
		    memory_order_relaxed))
			continue;
		if (h.ns == 0)
			h.ns = clock_ns(CLOCK_REALTIME);
		h.kept = len < r->most ? len : r->most;
		/* What is written to the end, it receives. */
		h.out = !out;
		ring_frame(r, &h, frame);
	}
}

/* The capture's thread. */

static bool
ring_empty(struct rcapture *r)
{
	return atomic_load(&r->head) == atomic_load_explicit(&r->tail,
	    memory_order_relaxed);
}

/* Move one frame from the ring to the stream: false when there is none, or no
 * room. */
static bool
take(struct rcapture *r)
{
	size_t		 tail = atomic_load_explicit(&r->tail,
			    memory_order_relaxed);
	struct rhead	 h;
	uint32_t	 keep;
	uint8_t		*p;

	if (atomic_load_explicit(&r->head, memory_order_acquire) == tail ||
	    (p = capture_room(&r->c)) == NULL)
		return false;
	ring_get(r, tail, &h, sizeof(h));
	ring_get(r, tail + sizeof(h), p, h.kept);
	atomic_store_explicit(&r->tail, tail + sizeof(h) + h.kept,
	    memory_order_release);
	r->taken++;
	if ((keep = capture_filter(&r->c, p, h.kept)) > 0)
		capture_commit(&r->c, h.ns, h.out ? PCAPNG_OUT : PCAPNG_IN,
		    keep < h.kept ? keep : h.kept, h.len);
	return true;
}

static void
count(struct rcapture *r)
{
	struct pcapng_counts	*n = &r->c.counts;

	n->dropped = atomic_load_explicit(&r->lost, memory_order_relaxed);
	n->accepted = n->delivered + n->dropped;
	n->received = r->taken + n->dropped;
}

/* Wait until there is something to do. 0; or -1: the reader is gone, or has had
 * its time. */
static int
thread_wait(struct rcapture *r, bool unsent, uint64_t deadline)
{
	struct pollfd	p[2] = { { .fd = r->wake[0], .events = POLLIN },
	    { .fd = r->c.out } };
	uint64_t	now;
	int		left = -1;
	char		junk[64];

	if (deadline != 0) {
		if ((now = clock_ns(CLOCK_MONOTONIC)) >= deadline)
			return -1;
		left = (int)((deadline - now) / (CLOCK_SECOND / 1000) + 1);
	}
	p[1].events = (short)((deadline == 0 ? POLLIN : 0) |
	    (unsent ? POLLOUT : 0));
	/* Without room for a frame, none is of interest. */
	if (capture_room(&r->c) != NULL) {
		atomic_store(&r->asleep, true);
		if (!ring_empty(r))
			left = 0;
	}
	if (poll(p, 2, left) > 0) {
		if ((p[0].revents & POLLIN) != 0 &&
		    read(r->wake[0], junk, sizeof(junk)) < 0)
			return 0;
		/* Asked for reading, macOS takes the end of one direction for
		 * both: what is left for the reader to take is seen when he
		 * is written to. */
		if ((p[1].revents & (POLLHUP | POLLERR)) != 0 && deadline != 0)
			return -1;
	}
	atomic_store(&r->asleep, false);
	return 0;
}

/* Has the reader shut its side down? What it writes is of no interest. */
static bool
reader_ended(const struct rcapture *r)
{
	char	junk[256];
	ssize_t	n;

	haste_begin();
	n = wire_recv_bytes(r->c.out, junk, sizeof(junk), NULL);
	haste_end();
	return n == 0;
}

static void *
thread_main(void *arg)
{
	struct rcapture	*r = arg;
	uint64_t	 deadline = 0;
	int		 error;

	do {
		while (take(r))
			;
		count(r);
		capture_tick(&r->c, clock_ns(CLOCK_REALTIME));
		if (deadline == 0 && (atomic_load(&r->over) ||
		    reader_ended(r))) {
			atomic_store(&r->dead, true);
			deadline = clock_ns(CLOCK_MONOTONIC) +
			    LAST_SECS * CLOCK_SECOND;
		}
		if (deadline != 0 && ring_empty(r)) {
			count(r);
			capture_end(&r->c, clock_ns(CLOCK_REALTIME));
		}
		error = capture_flush(&r->c);
		if ((error != 0 && error != -EAGAIN) || capture_done(&r->c) ||
		    atomic_load(&r->hurry))
			break;
	} while (thread_wait(r, error == -EAGAIN, deadline) == 0);
	atomic_store(&r->dead, true);
	haste_close(&r->c.out);
	haste_leave();
	atomic_store(&r->finished, true);
	if (write(r->over_fd, "", 1) < 0)
		return NULL;	/* full: the control plane looks anyway */
	return NULL;
}

/* The control plane. */

static int
pipe_make(int fd[2])
{
	int	i;

	if (pipe(fd) != 0)
		return -errno;
	for (i = 0; i < 2; i++)
		if (fcntl(fd[i], F_SETFD, FD_CLOEXEC) == -1 ||
		    fcntl(fd[i], F_SETFL, O_NONBLOCK) == -1) {
			wire_close(&fd[0]);
			wire_close(&fd[1]);
			return -EMFILE;
		}
	return 0;
}

static void
rcapture_free(struct rcapture *r)
{
	capture_clear(&r->c);
	wire_close(&r->wake[0]);
	wire_close(&r->wake[1]);
	free(r->ring);
	free(r);
}

static void
released(struct relay_tap *tap)
{
	struct rtap	*t = (struct rtap *)tap;
	struct rtaps	*all = t->all;
	struct rcapture	*r;
	unsigned int	 i;
	bool		 finished = false;

	for (i = 0; i < t->n; i++) {
		r = t->of[i];
		if (--r->taps > 0)
			continue;
		atomic_store(&r->over, true);
		wake_up(r);
		finished |= atomic_load(&r->finished);
	}
	free(t);
	/* One that waited only for this is looked at again. */
	if (finished && all->ev != NULL)
		event_active(all->ev, EV_READ, 0);
}

/* Give L a tap with those of its captures that go on. */
static int
tap_set(struct rtaps *all, struct vlink *l)
{
	struct rcapture	*r;
	struct rtap	*t;
	unsigned int	 n = 0, i;

	for (r = all->captures; r != NULL; r = r->next)
		n += r->link == l->rec.id && !atomic_load(&r->dead);
	if (n == 0)
		return relay_tap(l->relay, NULL);
	if ((t = calloc(1, sizeof(*t) + n * sizeof(t->of[0]))) == NULL)
		return -ENOMEM;
	t->tap.frame = tap_frame;
	t->tap.released = released;
	t->all = all;
	/* A thread may have found its end meanwhile. */
	for (r = all->captures; r != NULL && t->n < n; r = r->next)
		if (r->link == l->rec.id && !atomic_load(&r->dead))
			t->of[t->n++] = r;
	if (relay_tap(l->relay, &t->tap) != 0) {
		free(t);
		return -ENOMEM;
	}
	for (i = 0; i < t->n; i++)
		t->of[i]->taps++;
	return 0;
}

/* The thread of R has ended, and no tap has it. */
static void
rcapture_over(struct rtaps *all, struct rcapture *r)
{
	struct rcapture	**p;

	for (p = &all->captures; *p != r; p = &(*p)->next)
		;
	*p = r->next;
	pthread_join(r->thread, NULL);
	capture_relay_over(all->d, r);
	rcapture_free(r);
}

static void
on_finished(evutil_socket_t fd, short what, void *arg)
{
	struct rtaps	*all = arg;
	struct rcapture	*r, *next;
	struct vlink	*l;
	char		 junk[64];

	(void)what;
	while (read((int)fd, junk, sizeof(junk)) > 0)
		;
	for (r = all->captures; r != NULL; r = next) {
		next = r->next;
		if (!atomic_load(&r->finished))
			continue;
		if (r->taps == 0)
			rcapture_over(all, r);
		else if (!atomic_load(&r->over) &&
		    (l = vlink_by_id(all->d, r->link)) != NULL &&
		    l->relay != NULL)
			/* Without memory it stays till the link's end. */
			(void)tap_set(all, l);
	}
}

static struct rtaps *
rtaps_get(struct fethd *d)
{
	struct rtaps	*all;

	if (d->taps != NULL)
		return d->taps;
	if ((all = calloc(1, sizeof(*all))) == NULL)
		return NULL;
	all->d = d;
	if (pipe_make(all->over) != 0) {
		free(all);
		return NULL;
	}
	all->ev = event_new(d->base, all->over[0], EV_READ | EV_PERSIST,
	    on_finished, all);
	if (all->ev == NULL || event_add(all->ev, NULL) != 0) {
		if (all->ev != NULL)
			event_free(all->ev);
		wire_close(&all->over[0]);
		wire_close(&all->over[1]);
		free(all);
		return NULL;
	}
	return d->taps = all;
}

static struct rcapture *
rcapture_new(struct rtaps *all, const struct vlink *l, int eye, int out,
    const struct capture_conf *conf)
{
	struct rcapture	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		haste_close(&out);
		return NULL;
	}
	r->link = l->rec.id;
	r->eye = eye;
	r->over_fd = all->over[1];
	r->wake[0] = r->wake[1] = -1;
	/* A filter is to see the frame whole. */
	r->most = conf->ninsns > 0 ? BOUND_SNAPLEN_MAX : conf->snaplen;
	if (capture_start(&r->c, out, clock_ns(CLOCK_REALTIME), conf) != 0) {
		free(r);
		return NULL;
	}
	if ((r->ring = malloc(RING)) != NULL && pipe_make(r->wake) == 0)
		return r;
	rcapture_free(r);
	return NULL;
}

/* Signals are for the control plane. */
static int
thread_start(struct rcapture *r)
{
	sigset_t	all, before;
	int		error;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&r->thread, NULL, thread_main, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

int
rcapture_start(struct vlink *l, int eye, int out,
    const struct capture_conf *conf, struct rcapture **made)
{
	struct rtaps	*all = rtaps_get(l->d);
	struct rcapture	*r;
	int		 error;

	if (all == NULL) {
		haste_close(&out);
		return -ENOMEM;
	}
	if ((r = rcapture_new(all, l, eye, out, conf)) == NULL)
		return -ENOMEM;
	if ((error = thread_start(r)) != 0) {
		rcapture_free(r);
		return error;
	}
	r->next = all->captures;
	all->captures = r;
	if ((error = tap_set(all, l)) == 0) {
		*made = r;
		return 0;
	}
	all->captures = r->next;
	atomic_store(&r->hurry, true);
	wake_up(r);
	pthread_join(r->thread, NULL);
	rcapture_free(r);
	return error;
}

void
rcapture_end_all(struct fethd *d)
{
	struct rtaps	*all = d->taps;

	if (all == NULL)
		return;
	while (all->captures != NULL) {
		atomic_store(&all->captures->over, true);
		atomic_store(&all->captures->hurry, true);
		wake_up(all->captures);
		rcapture_over(all, all->captures);
	}
	event_free(all->ev);
	wire_close(&all->over[0]);
	wire_close(&all->over[1]);
	free(all);
	d->taps = NULL;
}

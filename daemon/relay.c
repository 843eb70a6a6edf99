/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's threads, and the messages between them and the control plane. See
 * relay.h for who calls; nothing here runs per frame. A thread owns all of its
 * links: their memory, descriptors and events. The control plane holds a
 * pointer to a link until it sends the message that ends it, and reads nothing
 * of it but the counters.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "haste.h"
#include "impair.h"
#include "plat.h"
#include "relay_int.h"
#include "wire.h"

#define STACK	(256 * 1024)

/* Messages in one direction; a byte in the pipe says that there are some. */
struct rqueue {
	pthread_mutex_t	lock;
	struct rmsg	*head, **tail;
	int		pipe[2];
	struct event	*ev;
};

struct rthread {
	struct relay	*relay;
	pthread_t	id;
	struct event_base *base;
	struct rqueue	in;
	struct rmsg	stop;
	struct rbatch	batch;
	struct relay_link *links;	/* the thread's own */
	unsigned int	n;		/* of the control plane: how many */
};

struct relay {
	relay_closed_fn	*closed;
	void		*arg;
	struct rqueue	out;
	struct rthread	*thread[BOUND_RELAY_THREADS];
	unsigned int	nthreads, max;
	atomic_bool	keep;
};

const char *const relay_drop_names[RELAY_DROPS + 1] = {
	[RELAY_SHORT] = "short", [RELAY_LONG] = "long",
	[RELAY_RIGHTS] = "descriptors", [RELAY_MAC] = "mac",
	[RELAY_RATE] = "rate", [RELAY_LOSS] = "loss", [RELAY_DOWN] = "down",
	[RELAY_QUEUE] = "queue", [RELAY_REFUSED] = "refused",
	[RELAY_NOROOM] = "memory",
};

const char *const relay_closed_names[RELAY_REASONS + 1] = {
	[RELAY_OPEN] = "open", [RELAY_HOLDER] = "holder",
	[RELAY_SHUT] = "shutdown", [RELAY_FRAMING] = "framing",
	[RELAY_ERROR] = "error",
};

/* Queues of messages. */

static void
queue_put(struct rqueue *q, struct rmsg *m)
{
	bool	first;

	m->next = NULL;
	pthread_mutex_lock(&q->lock);
	first = q->head == NULL;
	*q->tail = m;
	q->tail = &m->next;
	pthread_mutex_unlock(&q->lock);
	/* A full pipe has woken the other side already. */
	if (first && write(q->pipe[1], "", 1) < 0)
		return;
}

static void
queue_run(evutil_socket_t fd, short what, void *arg)
{
	struct rqueue	*q = arg;
	struct rmsg	*m, *next;
	char		 drain[64];

	(void)what;
	while (read((int)fd, drain, sizeof(drain)) > 0)
		;
	pthread_mutex_lock(&q->lock);
	m = q->head;
	q->head = NULL;
	q->tail = &q->head;
	pthread_mutex_unlock(&q->lock);
	for (; m != NULL; m = next) {
		next = m->next;
		m->run(m);
	}
}

static int
queue_open(struct rqueue *q, struct event_base *base)
{
	int	i;

	q->tail = &q->head;
	q->pipe[0] = q->pipe[1] = -1;
	pthread_mutex_init(&q->lock, NULL);
	if (pipe(q->pipe) != 0)
		return -errno;
	for (i = 0; i < 2; i++)
		if (fcntl(q->pipe[i], F_SETFL, O_NONBLOCK) == -1 ||
		    fcntl(q->pipe[i], F_SETFD, FD_CLOEXEC) == -1)
			return -errno;
	q->ev = event_new(base, q->pipe[0], EV_READ | EV_PERSIST, queue_run, q);
	if (q->ev == NULL)
		return -ENOMEM;
	/* In a thread it goes before frames: those that come after a call have
	 * to meet what the call has set. */
	(void)event_priority_set(q->ev, 0);
	return event_add(q->ev, NULL) == 0 ? 0 : -ENOMEM;
}

static void
queue_close(struct rqueue *q)
{
	struct rmsg	*m;

	if (q->ev != NULL)
		event_free(q->ev);
	while ((m = q->head) != NULL) {
		q->head = m->next;
		free(m);
	}
	wire_close(&q->pipe[0]);
	wire_close(&q->pipe[1]);
	pthread_mutex_destroy(&q->lock);
}

struct rbatch *
relay_batch(const struct rside *s)
{
	return &s->link->thread->batch;
}

bool
relay_kept(const struct rside *s)
{
	return s->link->thread->relay->keep;
}

/* To the control plane. */

static void
run_closed(struct rmsg *m)
{
	struct relay	*r = m->relay;

	r->closed(r->arg, m->u.closed.id, m->side, m->u.closed.generation,
	    m->u.closed.why, m->u.closed.detail);
	free(m);
}

void
relay_notify(struct rside *s, enum relay_closed why, uint32_t detail)
{
	struct rmsg	*m = s->note;

	if (m == NULL)
		return;
	s->note = NULL;
	m->run = run_closed;
	m->side = s->index;
	m->u.closed.id = s->link->id;
	m->u.closed.generation = s->port.generation;
	m->u.closed.why = why;
	m->u.closed.detail = detail;
	/* The link may be gone when the control plane reads it. */
	m->relay = s->link->thread->relay;
	queue_put(&m->relay->out, m);
}

static void
run_released(struct rmsg *m)
{
	if (m->u.tap->released != NULL)
		m->u.tap->released(m->u.tap);
	free(m);
}

/* The thread knows of no tap of L's any more. */
static void
tap_release(struct relay_link *l)
{
	struct rmsg	*m = l->tap_note;

	l->tap_note = NULL;
	l->tap = NULL;
	if (m == NULL)
		return;
	m->run = run_released;
	queue_put(&l->thread->relay->out, m);
}

/* In a thread. */

static void
link_free(struct relay_link *l)
{
	int	i;

	for (i = 0; i < 2; i++) {
		if (l->known)
			path_free(&l->side[i]);
		free(l->side[i].note);
	}
	free(l);
}

static void
link_end(struct relay_link *l)
{
	tap_release(l);
	*l->prev = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	link_free(l);
}

static void
run_port(struct rmsg *m)
{
	struct relay_port	port = m->u.port;

	/* The message becomes the note that the side will end with. */
	path_open(&m->link->side[m->side], m->link->thread->base, &port, m);
}

static void
run_add(struct rmsg *m)
{
	struct relay_link	*l = m->link;
	struct rthread		*t = l->thread;
	struct relay_port	 port[2];
	struct rmsg		*note[2];
	int			 i;

	free(m);
	l->known = true;
	l->prev = &t->links;
	if ((l->next = t->links) != NULL)
		l->next->prev = &l->next;
	t->links = l;
	for (i = 0; i < 2; i++) {
		port[i] = l->side[i].port;
		note[i] = l->side[i].note;
		l->side[i].note = NULL;
		l->side[i].port.fd = -1;
	}
	for (i = 0; i < 2; i++)
		path_open(&l->side[i], t->base, &port[i], note[i]);
}

static void
run_remove(struct rmsg *m)
{
	link_end(m->link);
}

static void
run_impair(struct rmsg *m)
{
	path_impair(&m->link->side[m->side], m->link->thread->base,
	    &m->u.impair.conf, m->u.impair.im);
	free(m);
}

static void
run_tap(struct rmsg *m)
{
	struct relay_link	*l = m->link;

	tap_release(l);
	if ((l->tap = m->u.tap) != NULL)
		l->tap_note = m;
	else
		free(m);
}

static void
run_stop(struct rmsg *m)
{
	event_base_loopbreak(m->thread->base);
}

static void *
thread_main(void *arg)
{
	struct rthread	*t = arg;

	event_base_loop(t->base, EVLOOP_NO_EXIT_ON_EMPTY);
	while (t->links != NULL)
		link_end(t->links);
	haste_leave();
	return NULL;
}

/* In the control plane. */

static struct event_base *
thread_base(void)
{
	struct event_config	*c;
	struct event_base	*base;

	if ((c = event_config_new()) == NULL)
		return NULL;
	/* One thread, no signals: neither locks nor a look at the clock. */
	event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(c);
	event_config_free(c);
	if (base != NULL && event_base_priority_init(base, 2) != 0) {
		event_base_free(base);
		base = NULL;
	}
	return base;
}

static void
thread_free(struct rthread *t)
{
	queue_close(&t->in);
	if (t->base != NULL)
		event_base_free(t->base);
	io_free(t->batch.io);
	free(t->batch.buf);
	free(t);
}

static int
thread_spawn(struct rthread *t)
{
	pthread_attr_t	attr;
	sigset_t	all, before;
	int		error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	/* Signals are the control plane's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&t->id, &attr, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -error;
}

static struct rthread *
thread_new(struct relay *r, int *error)
{
	struct rthread	*t;

	*error = -ENOMEM;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->relay = r;
	t->in.pipe[0] = t->in.pipe[1] = -1;
	t->batch.buf = malloc(BOUND_RELAY_BUFFER);
	t->batch.io = io_new();
	if (t->batch.buf != NULL && t->batch.io != NULL &&
	    (t->base = thread_base()) != NULL &&
	    (*error = queue_open(&t->in, t->base)) == 0 &&
	    (*error = thread_spawn(t)) == 0)
		return t;
	thread_free(t);
	return NULL;
}

/* The thread with the fewest links; a new one while there may be one more. */
static struct rthread *
thread_pick(struct relay *r, int *error)
{
	struct rthread	*best = NULL, *t;
	unsigned int	 i;

	for (i = 0; i < r->nthreads; i++)
		if (best == NULL || r->thread[i]->n < best->n)
			best = r->thread[i];
	if ((best == NULL || best->n > 0) && r->nthreads < r->max &&
	    (t = thread_new(r, error)) != NULL) {
		r->thread[r->nthreads++] = t;
		return t;
	}
	return best;
}

struct relay *
relay_new(struct event_base *control, relay_closed_fn *closed, void *arg)
{
	struct relay	*r;
	long		 cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	r->closed = closed;
	r->arg = arg;
	r->max = cpus < 1 ? 1 : cpus < BOUND_RELAY_THREADS ?
	    (unsigned int)cpus : BOUND_RELAY_THREADS;
	if (queue_open(&r->out, control) == 0)
		return r;
	queue_close(&r->out);
	free(r);
	return NULL;
}

void
relay_keep(struct relay *r)
{
	if (r != NULL)
		r->keep = true;
}

/* A message to the thread of L; NULL: no memory. */
static struct rmsg *
message(struct relay_link *l, int side, void (*run)(struct rmsg *))
{
	struct rmsg	*m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->run = run;
	m->link = l;
	m->side = side;
	return m;
}

void
relay_free(struct relay *r)
{
	struct rthread	*t;
	unsigned int	 i;

	if (r == NULL)
		return;
	for (i = 0; i < r->nthreads; i++) {
		t = r->thread[i];
		t->stop.run = run_stop;
		t->stop.thread = t;
		queue_put(&t->in, &t->stop);
		pthread_join(t->id, NULL);
		thread_free(t);
	}
	/* Taps that were released on the way have to know. */
	queue_run(r->out.pipe[0], 0, &r->out);
	queue_close(&r->out);
	free(r);
}

unsigned int
relay_threads(const struct relay *r)
{
	return r->nthreads;
}

static void
port_prepare(const struct relay_port *p)
{
	int	flags, on = 1;

	if (p->fd == -1)
		return;
	if ((flags = fcntl(p->fd, F_GETFL)) != -1)
		(void)fcntl(p->fd, F_SETFL, flags | O_NONBLOCK);
	if (p->io != RELAY_DEVICE)
		plat_send_room(p->fd, BOUND_RELAY_QUEUE);
	/* Else a byte sent out of band makes it readable, and is not read. */
	if (p->io == RELAY_STREAM)
		(void)setsockopt(p->fd, SOL_SOCKET, SO_OOBINLINE, &on,
		    sizeof(on));
}

static struct relay_link *
link_new(struct relay *r, uint64_t id, uint32_t mtu,
    const struct relay_port port[2], int *error)
{
	struct relay_link	*l;
	struct rthread		*t;
	int			 i;

	*error = -ENOMEM;
	if ((t = thread_pick(r, error)) == NULL ||
	    (l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	*error = -ENOMEM;
	l->thread = t;
	l->id = id;
	l->mtu = mtu;
	l->frame_max = mtu + RELAY_OVERHEAD;
	/* One byte more, to see that a frame was longer. */
	l->slot = (l->frame_max + 1 + 63) & ~63u;
	l->batch = BOUND_RELAY_BUFFER / l->slot;
	if (l->batch > BOUND_BATCH)
		l->batch = BOUND_BATCH;
	for (i = 0; i < 2; i++) {
		l->side[i].link = l;
		l->side[i].index = i;
		l->side[i].port = port[i];
		if ((l->side[i].note = calloc(1, sizeof(struct rmsg))) == NULL)
			goto out;
	}
	return l;
out:
	link_free(l);
	return NULL;
}

struct relay_link *
relay_add(struct relay *r, uint64_t id, uint32_t mtu,
    const struct relay_port port[2], int *error)
{
	struct relay_link	*l;
	struct rmsg		*m = NULL;
	int			 i, fd;

	if ((l = link_new(r, id, mtu, port, error)) == NULL ||
	    (m = message(l, 0, run_add)) == NULL) {
		for (i = 0; i < 2; i++) {
			fd = port[i].fd;
			haste_close(&fd);
		}
		if (l != NULL)
			link_free(l);
		return NULL;
	}
	for (i = 0; i < 2; i++)
		port_prepare(&port[i]);
	l->thread->n++;
	queue_put(&l->thread->in, m);
	return l;
}

void
relay_remove(struct relay_link *l)
{
	l->bye.run = run_remove;
	l->bye.link = l;
	l->thread->n--;
	queue_put(&l->thread->in, &l->bye);
}

int
relay_set_port(struct relay_link *l, int side, const struct relay_port *port)
{
	struct rmsg	*m;
	int		 fd = port->fd;

	if ((m = message(l, side, run_port)) == NULL) {
		haste_close(&fd);
		return -ENOMEM;
	}
	port_prepare(port);
	m->u.port = *port;
	queue_put(&l->thread->in, m);
	return 0;
}

void
rimpaired_free(struct rimpaired *im)
{
	if (im == NULL)
		return;
	wire_close(&im->timer);
	impair_free(im->q);
	free(im);
}

/* All that can fail is done here, where it can be told. */
static int
rimpaired_new(const struct impair_conf *conf, size_t frame_max,
    struct rimpaired **out)
{
	struct rimpaired	*im;
	int			 error = -ENOMEM;

	if ((im = calloc(1, sizeof(*im))) == NULL)
		return error;
	im->timer = plat_timer_open();
	if (im->timer < 0)
		error = im->timer;
	else if ((im->q = impair_new(conf, frame_max)) != NULL)
		error = 0;
	if (error != 0) {
		rimpaired_free(im);
		im = NULL;
	}
	*out = im;
	return error;
}

int
relay_impair(struct relay_link *l, int side, const struct impair_conf *conf)
{
	struct rmsg	*m;
	int		 error;

	if ((m = message(l, side, run_impair)) == NULL)
		return -ENOMEM;
	m->u.impair.conf = *conf;
	if (impair_any(conf) && (error = rimpaired_new(conf, l->frame_max,
	    &m->u.impair.im)) != 0) {
		free(m);
		return error;
	}
	queue_put(&l->thread->in, m);
	return 0;
}

int
relay_tap(struct relay_link *l, struct relay_tap *tap)
{
	struct rmsg	*m;

	if ((m = message(l, 0, run_tap)) == NULL)
		return -ENOMEM;
	m->u.tap = tap;
	queue_put(&l->thread->in, m);
	return 0;
}

void
relay_count(const struct relay_link *l, int side, struct relay_counters *c)
{
	const struct rcounts	*from = &l->side[side].count;
	int			 i;

#define GET(f)	c->f = atomic_load_explicit(&from->f, memory_order_relaxed)
	GET(rx_frames);
	GET(rx_bytes);
	GET(tx_frames);
	GET(tx_bytes);
	for (i = 0; i < RELAY_DROPS; i++)
		GET(drops[i]);
#undef GET
}

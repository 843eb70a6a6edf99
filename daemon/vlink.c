/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link table. Called by request.c (open, find, take), warden_call.c (what
 * the warden answered) and reap.c (which ends links). It decides nothing about
 * who may do what: that is policy.c and the look-ups by peer below.
 *
 *            made                 last port given back (named)
 *  OPENING -------> UP <------------------------------------> DETACHED
 *     |              |                port taken                  |
 *     |              +---> CLOSING (the warden removes it) ---> GONE
 *     +------------------------^
 *  ORPHAN is where a session link starts after a crash of ours; Resume makes it
 *  UP, the grace time CLOSING.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "clock.h"
#include "conn.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "plan.h"
#include "plat.h"
#include "policy.h"
#include "reap.h"
#include "relayed.h"
#include "request.h"
#include "taken.h"
#include "vlink.h"
#include "warden_call.h"
#include "watch.h"
#include "wire.h"

#define NAME_BUCKETS	4096
#define ID_BUCKETS	4096
#define SLOT_TRIES	64	/* units that somebody else's interface has */

struct vlinks {
	struct vlink	*by_slot[BOUND_SLOTS];
	struct vlink	*by_name[NAME_BUCKETS];
	struct vlink	*by_id[ID_BUCKETS];
	struct owner	*owners;
	struct taken	*taken;		/* addresses */
	uint64_t	next_id;
	uint32_t	next_pair;	/* rotates through the slots of pairs */
	uint32_t	top;		/* one past the highest slot in use */
};

const char *const link_state_names[LINK_STATES + 1] = {
	[LINK_OPENING] = "opening", [LINK_UP] = "up",
	[LINK_DETACHED] = "detached", [LINK_ORPHAN] = "orphan",
	[LINK_CLOSING] = "closing", [LINK_GONE] = "gone",
};

#define TO(s)	(1u << (s))
static const unsigned int link_moves[LINK_STATES] = {
	[LINK_OPENING] = TO(LINK_UP) | TO(LINK_DETACHED) | TO(LINK_CLOSING) |
	    TO(LINK_GONE),
	[LINK_UP] = TO(LINK_DETACHED) | TO(LINK_CLOSING) | TO(LINK_GONE),
	[LINK_DETACHED] = TO(LINK_UP) | TO(LINK_CLOSING) | TO(LINK_GONE),
	[LINK_ORPHAN] = TO(LINK_UP) | TO(LINK_DETACHED) | TO(LINK_CLOSING) |
	    TO(LINK_GONE),
	[LINK_CLOSING] = TO(LINK_GONE),
};

struct vlinks *
vlink_table_new(void)
{
	struct vlinks	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	if ((t->taken = taken_new()) == NULL) {
		free(t);
		return NULL;
	}
	t->next_id = 1;
	t->next_pair = BOUND_UNITS;
	return t;
}

void
vlink_table_free(struct vlinks *t)
{
	struct owner	*o;

	if (t == NULL)
		return;
	while ((o = t->owners) != NULL) {
		t->owners = o->next;
		free(o);
	}
	taken_free(t->taken);
	free(t);
}

/* Owners: how much of its quota a uid has used. */

static struct owner *
owner_find(const struct vlinks *t, uint32_t uid)
{
	struct owner	*o;

	for (o = t->owners; o != NULL; o = o->next)
		if (o->uid == uid)
			return o;
	return NULL;
}

static struct owner *
owner_get(struct vlinks *t, uint32_t uid)
{
	struct owner	*o;

	if ((o = owner_find(t, uid)) != NULL)
		return o;
	if ((o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	o->uid = uid;
	o->next = t->owners;
	t->owners = o;
	return o;
}

static void
owner_put(struct vlinks *t, struct owner *o)
{
	struct owner	**p;

	if (o->total > 0)
		return;
	for (p = &t->owners; *p != o; p = &(*p)->next)
		;
	*p = o->next;
	free(o);
}

unsigned int
vlink_used(const struct fethd *d, uint32_t uid, const struct policy_rule *rule)
{
	const struct owner	*o;
	unsigned int		 kind, n = 0;

	if ((o = owner_find(d->links, uid)) == NULL)
		return 0;
	for (kind = 0; kind < LINK_KINDS; kind++)
		if (policy_counts(rule, (enum link_kind)kind))
			n += o->links[kind];
	return n;
}

/* Names. */

static struct vlink **
name_bucket(struct vlinks *t, uint32_t uid, const char *name)
{
	uint32_t	h = 2166136261u ^ uid;	/* FNV-1a */

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return &t->by_name[h % NAME_BUCKETS];
}

struct vlink *
vlink_by_name(const struct fethd *d, uint32_t uid, const char *name)
{
	struct vlink	*l;

	for (l = *name_bucket(d->links, uid, name); l != NULL;
	    l = l->next_name)
		if (l->rec.uid == uid && strcmp(l->rec.spec.name, name) == 0)
			return l;
	return NULL;
}

/* A closing link gives its name free at once: the next one may have it. */
static void
name_drop(struct vlink *l)
{
	struct vlink	**p;

	for (p = name_bucket(l->d->links, l->rec.uid, l->rec.spec.name);
	    *p != NULL; p = &(*p)->next_name) {
		if (*p != l)
			continue;
		*p = l->next_name;
		return;
	}
}

/* Look-ups. */

struct vlink *
vlink_by_slot(const struct fethd *d, uint32_t slot)
{
	return slot < BOUND_SLOTS ? d->links->by_slot[slot] : NULL;
}

struct vlink *
vlink_next(const struct fethd *d, uint32_t *i)
{
	while (*i < d->links->top) {
		struct vlink *l = d->links->by_slot[(*i)++];

		if (l != NULL)
			return l;
	}
	return NULL;
}

bool
vlink_overlap(const struct fethd *d, const struct prefix *p)
{
	return taken_overlap(d->links->taken, p);
}

bool
vlink_visible(const struct vlink *l, const struct peer *peer)
{
	return peer->uid == 0 || peer->uid == l->rec.uid;
}

struct vlink *
vlink_by_id(const struct fethd *d, uint64_t id)
{
	struct vlink	*l;

	for (l = d->links->by_id[id % ID_BUCKETS]; l != NULL; l = l->next_id)
		if (l->rec.id == id)
			return l;
	return NULL;
}

static struct vlink *
find_id(const struct fethd *d, const char *text)
{
	unsigned long long	 id;
	char			*end;

	errno = 0;
	id = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		return NULL;
	return vlink_by_id(d, id);
}

/* "@17" is an id, "1000/lab" a name of uid 1000, "lab" one of the peer's. */
struct vlink *
vlink_find(const struct fethd *d, const struct peer *peer, const char *text)
{
	struct vlink	*l;
	unsigned long	 uid;
	char		*end;

	if (*text == '@') {
		l = find_id(d, text + 1);
	} else if (strchr(text, '/') != NULL) {
		errno = 0;
		uid = strtoul(text, &end, 10);
		if (errno != 0 || *end != '/' || end == text ||
		    uid > UINT32_MAX)
			return NULL;
		l = vlink_by_name(d, (uint32_t)uid, end + 1);
	} else {
		l = vlink_by_name(d, peer->uid, text);
	}
	return l != NULL && vlink_visible(l, peer) ? l : NULL;
}

/* Ties. */

void
tie_bind(struct tie *t, struct conn *c)
{
	t->conn = c;
	t->prev = &c->ties;
	if ((t->next = c->ties) != NULL)
		t->next->prev = &t->next;
	c->ties = t;
}

void
tie_unbind(struct tie *t)
{
	if (t->conn == NULL)
		return;
	*t->prev = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->conn = NULL;
	t->next = NULL;
	t->prev = NULL;
}

/* The host end of a host link is side 0. Of a wire link the end that moves to
 * another network namespace is side 1. */
int
vlink_side(const struct link_spec *spec, int end)
{
	int	first;

	if (spec->kind == LINK_HOST)
		first = spec->end[0].kind == END_HOST ? 0 : 1;
	else
		first = spec->end[0].netns >= 0 ? 1 : 0;
	return end == first ? 0 : 1;
}

/* Making. */

bool
vlink_is_kernel(const struct link_spec *spec)
{
	return spec->kind != LINK_PAIR;
}

uint64_t
vlink_next_id(const struct fethd *d)
{
	return d->links->next_id;
}

uint32_t
vlink_next_pair(const struct fethd *d)
{
	return d->links->next_pair;
}

static void
table_insert(struct vlink *l)
{
	struct vlinks	*t = l->d->links;
	struct vlink	**bucket;

	t->by_slot[l->slot] = l;
	if (l->slot >= t->top)
		t->top = l->slot + 1;
	if (!vlink_is_kernel(&l->rec.spec))
		t->next_pair = l->slot + 1 < BOUND_SLOTS ? l->slot + 1 :
		    BOUND_UNITS;
	if (l->rec.id >= t->next_id)
		t->next_id = l->rec.id + 1;
	bucket = name_bucket(t, l->rec.uid, l->rec.spec.name);
	l->next_name = *bucket;
	*bucket = l;
	bucket = &t->by_id[l->rec.id % ID_BUCKETS];
	l->next_id = *bucket;
	*bucket = l;
	taken_add(t->taken, &l->rec.spec);
	l->owner->links[l->rec.spec.kind]++;
	l->owner->total++;
}

static struct vlink *
vlink_new(struct fethd *d, uint32_t slot, const struct link_record *rec)
{
	struct vlink	*l;
	int		 i;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->d = d;
	l->slot = slot;
	l->rec = *rec;
	l->netns = -1;
	l->lease.link = l;
	l->lease.end = TIE_LEASE;
	for (i = 0; i < 2; i++) {
		l->port[i].fd = -1;
		l->port[i].holder.link = l;
		l->port[i].holder.end = i;
	}
	if ((l->owner = owner_get(d->links, rec->uid)) == NULL) {
		free(l);
		return NULL;
	}
	table_insert(l);
	return l;
}

void
vlink_free(struct vlink *l)
{
	struct vlinks	*t = l->d->links;
	struct vlink	**p;
	int		 i;

	name_drop(l);
	reap_dequeue(l);
	for (p = &t->by_id[l->rec.id % ID_BUCKETS]; *p != l;
	    p = &(*p)->next_id)
		;
	*p = l->next_id;
	t->by_slot[l->slot] = NULL;
	while (t->top > 0 && t->by_slot[t->top - 1] == NULL)
		t->top--;
	taken_remove(t->taken, &l->rec.spec);
	l->owner->links[l->rec.spec.kind]--;
	l->owner->total--;
	owner_put(t, l->owner);
	tie_unbind(&l->lease);
	relayed_stop(l);
	for (i = 0; i < 2; i++) {
		tie_unbind(&l->port[i].holder);
		haste_close(&l->port[i].fd);
	}
	wire_close(&l->netns);
	free(l);
}

static bool
wants_keep(const struct vlink *l)
{
	const struct link_spec	*s = &l->rec.spec;

	return l->d->warden != NULL && (s->lease == LEASE_NAMED ||
	    spec_relayed(s) || !s->end[0].take || !s->end[1].take);
}

static int
make_pair(struct vlink *l)
{
	int	fd[2] = { -1, -1 }, rv;

	if (spec_relayed(&l->rec.spec))
		return relayed_start(l, fd);
	rv = l->rec.spec.end[0].dgram ? plat_datagram_pair(fd) :
	    plat_frame_pair(fd);
	if (rv != 0)
		return rv;
	l->port[0].fd = fd[0];
	l->port[1].fd = fd[1];
	return 0;
}

int
vlink_open(struct fethd *d, struct request *req, uint32_t uid,
    const struct link_spec *spec, uint32_t slot, int netns)
{
	struct link_record	 rec;
	struct vlink		*l;
	int			 rv = 0;

	memset(&rec, 0, sizeof(rec));
	rec.version = LINK_RECORD_VERSION;
	rec.uid = uid;
	rec.id = d->links->next_id;
	rec.created = (int64_t)time(NULL);
	rec.spec = *spec;
	if (getentropy(rec.token, sizeof(rec.token)) != 0 ||
	    (l = vlink_new(d, slot, &rec)) == NULL) {
		wire_close(&netns);
		return -ENOMEM;
	}
	l->netns = netns;
	l->req = req;
	req->link = l;
	if (spec->lease == LEASE_SESSION)
		tie_bind(&l->lease, req->conn);

	if (vlink_is_kernel(spec)) {
		wcall_create(l);
	} else {
		if ((rv = make_pair(l)) == 0 && wants_keep(l))
			wcall_keep(l);
		else
			vlink_made(l, -rv, WM_OP_SOCKET, -1);
	}
	return 0;
}

/* The unit is somebody else's interface: take the next free slot. */
static int
next_slot(struct vlink *l)
{
	struct vlinks	*t = l->d->links;
	uint32_t	 i, s;

	if (++l->tries > SLOT_TRIES)
		return -EEXIST;
	for (i = 1; i < BOUND_UNITS; i++) {
		s = (l->slot + i) % BOUND_UNITS;
		if (t->by_slot[s] != NULL)
			continue;
		t->by_slot[l->slot] = NULL;
		t->by_slot[s] = l;
		l->slot = s;
		if (s >= t->top)
			t->top = s + 1;
		return 0;
	}
	return -ENOSPC;
}

static void
vlink_failed(struct vlink *l, int error, enum wm_op op)
{
	struct request	*req = l->req;

	l->req = NULL;
	log_warnx("link @%llu %s of uid %u: %s failed: %s",
	    (unsigned long long)l->rec.id, l->rec.spec.name, l->rec.uid,
	    wm_op_names[op], strerror(error));
	vlink_move(l, LINK_GONE);
	vlink_free(l);
	if (req != NULL)
		request_open_failed(req, op, error);
}

/* A named link of which no port is taken at once waits for who attaches. */
static enum link_state
made_state(const struct link_spec *s)
{
	return s->lease == LEASE_NAMED && s->kind != LINK_WIRE &&
	    !s->end[0].take && !s->end[1].take ? LINK_DETACHED : LINK_UP;
}

/* What the kernel says of an IPv6 address where IPv6 is switched off. */
static bool
no_ipv6(int error)
{
	return error == EACCES || error == EOPNOTSUPP || error == EAFNOSUPPORT;
}

/* Its automatic IPv6 addresses; false: there are none. */
static bool
drop_ipv6(struct vlink *l)
{
	struct taken	*t = l->d->links->taken;
	bool		 dropped;

	taken_remove(t, &l->rec.spec);
	dropped = plan_drop_ipv6(l->d, &l->rec.spec);
	taken_add(t, &l->rec.spec);
	return dropped;
}

void
vlink_offloads(struct vlink *l, uint8_t offloads)
{
	int	i;

	for (i = 0; i < 2; i++)
		l->rec.spec.end[i].offloads &= offloads;
}

/* The TAP of a host link goes to its port, or to the relay. */
static int
made_host(struct vlink *l, int *fd)
{
	int	port = l->rec.spec.end[0].kind == END_PORT ? 0 : 1;
	int	fds[2] = { -1, -1 };

	if (!spec_relayed(&l->rec.spec)) {
		l->port[port].fd = wire_take(fd);
		return 0;
	}
	fds[!port] = wire_take(fd);
	return relayed_start(l, fds);
}

/* What the warden made is of no use without its port, or the relay. */
static void
made_undo(struct vlink *l, int error, enum wm_op op)
{
	struct request	*req = l->req;

	l->req = NULL;
	reap_link(l, "its port cannot be had");
	if (req != NULL)
		request_open_failed(req, op, error);
}

void
vlink_made(struct vlink *l, int error, enum wm_op op, int fd)
{
	struct request	*req = l->req;

	if (l->state != LINK_OPENING) {
		/* Reaped meanwhile, or a pair of old that is kept again. */
		haste_close(&fd);
		return;
	}
	if (error == EEXIST && vlink_is_kernel(&l->rec.spec) && next_slot(l) == 0) {
		wcall_create(l);
		return;
	}
	if (op == WM_OP_ADDRESS && no_ipv6(error) && drop_ipv6(l)) {
		wcall_create(l);
		return;
	}
	wire_close(&l->netns);
	if (error != 0) {
		haste_close(&fd);
		vlink_failed(l, error, op);
		return;
	}
	if (l->rec.spec.kind == LINK_HOST && fd == -1) {
		/* The kernel drops what our table has no room for. */
		made_undo(l, EMFILE, WM_OP_OPEN);
		return;
	}
	if (l->rec.spec.kind == LINK_HOST)
		error = made_host(l, &fd);
	haste_close(&fd);
	if (error != 0) {
		made_undo(l, -error, WM_OP_RELAY);
		return;
	}
	l->req = NULL;
	vlink_move(l, made_state(&l->rec.spec));
	/* Nobody is left who would ever learn of it. */
	if (req == NULL)
		reap_link(l, "its client went while it was opened");
	else
		request_opened(req, l);
}

/* What the relay had when the last broker died. */
static void
restore_relayed(struct vlink *l, int fds[2])
{
	int	i, rv;

	for (i = 0; i < 2; i++)
		l->port[i].spent = fds[i] != -1 &&
		    l->rec.spec.lease == LEASE_SESSION;
	if ((rv = relayed_start(l, fds)) != 0)
		log_warnx("link @%llu %s: cannot be relayed again: %s",
		    (unsigned long long)l->rec.id, l->rec.spec.name,
		    strerror(-rv));
}

static bool
texts_end(const struct link_spec *s)
{
	size_t	i;

	for (i = 0; i < BOUND_LABELS; i++)
		if (memchr(s->labels[i].key, '\0',
		    sizeof(s->labels[i].key)) == NULL ||
		    memchr(s->labels[i].value, '\0',
		    sizeof(s->labels[i].value)) == NULL)
			return false;
	return memchr(s->name, '\0', sizeof(s->name)) != NULL;
}

/*
 * Is this a record that vlink_open could have made? The warden keeps what it is
 * given: a broker that was taken over must not reach the next ones by it.
 */
static bool
record_good(const struct link_record *r)
{
	struct link_spec	s = r->spec;
	struct spec_error	err;
	int			i;

	if (r->version != LINK_RECORD_VERSION || r->id == 0 ||
	    r->id > INT64_MAX || !texts_end(&s))
		return false;
	for (i = 0; i < 2; i++) {
		if (s.end[i].take > TAKE_YES ||
		    (s.end[i].kind == END_PORT &&
		    s.end[i].class == CLASS_AUTO))
			return false;
		/* Those that plan_link found. */
		s.end[i].addr_auto = 0;
	}
	return spec_check(&s, CLASS_AUTO, &err) == 0 &&
	    s.kind == r->spec.kind && s.mtu == r->spec.mtu;
}

void
vlink_restore(struct fethd *d, const struct wm_msg *m, int fds[2])
{
	struct vlink	*l;
	int		 i;

	if (!record_good(&m->record) || vlink_by_slot(d, m->slot) != NULL ||
	    (l = vlink_new(d, m->slot, &m->record)) == NULL) {
		log_warnx("slot %u: what the warden kept of it is not usable",
		    m->slot);
		return;
	}
	l->told_warden = true;
	vlink_offloads(l, m->offloads);
	if (spec_relayed(&l->rec.spec))
		restore_relayed(l, fds);
	else for (i = 0; i < 2; i++) {
		l->port[i].fd = wire_take(&fds[i]);
		l->port[i].spent = l->port[i].fd == -1;
	}
	if (l->rec.spec.lease == LEASE_SESSION) {
		l->state = LINK_ORPHAN;
		l->deadline = clock_secs() + d->policy->grace_secs;
	} else {
		/* Not opening: what cannot be kept is no reason to end it. */
		l->state = LINK_DETACHED;
		/* A named pair whose descriptors went with the old warden. */
		if (l->rec.spec.kind == LINK_PAIR && l->relay == NULL &&
		    l->port[0].fd == -1 && l->port[1].fd == -1 &&
		    make_pair(l) == 0) {
			l->port[0].spent = l->port[1].spent = false;
			wcall_keep(l);
		}
		/* Somebody watches already when the warden made it anew. */
		watch_event(d, l, "opened");
		vlink_settle(l);
	}
	log_info("link @%llu %s of uid %u: found again, %s",
	    (unsigned long long)l->rec.id, l->rec.spec.name, l->rec.uid,
	    link_state_names[l->state]);
}

void
vlink_move(struct vlink *l, enum link_state to)
{
	enum link_state	from = l->state;

	if ((link_moves[from] & TO(to)) == 0) {
		log_warnx("link @%llu: no move from %s to %s",
		    (unsigned long long)l->rec.id, link_state_names[from],
		    link_state_names[to]);
		return;
	}
	l->state = to;
	if (to == LINK_CLOSING)
		name_drop(l);
	watch_event(l->d, l, to == LINK_GONE ? "closed" :
	    from == LINK_OPENING && to != LINK_CLOSING ? "opened" : "changed");
}

/* Ports. */

bool
vlink_port_free(const struct vlink *l, int end)
{
	const struct vport	*p = &l->port[end];

	return l->rec.spec.end[end].kind == END_PORT &&
	    (l->state == LINK_UP || l->state == LINK_DETACHED) &&
	    p->holder.conn == NULL && !p->spent &&
	    (p->fd != -1 || l->relay != NULL);
}

int
vlink_port_take(struct vlink *l, int end, struct conn *c)
{
	struct vport	*p = &l->port[end];
	bool		 session = l->rec.spec.lease == LEASE_SESSION;
	int		 fd;

	if (l->relay != NULL) {
		if ((fd = relayed_take(l, end)) < 0)
			return fd;
		p->spent = session;
	} else if (session) {
		fd = wire_take(&p->fd);
		p->spent = true;
		/* The holder of the other end must see end-of-file when this
		 * one goes, so nobody may keep a duplicate. */
		if (l->told_warden && !l->rec.spec.end[end].take)
			wcall_keep(l);
	} else if ((fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		return -errno;
	}
	tie_bind(&p->holder, c);
	vlink_settle(l);
	return fd;
}

void
vlink_port_release(struct vlink *l, int end)
{
	tie_unbind(&l->port[end].holder);
	/* Others read end-of-file, be it now or when he is gone. */
	if (l->rec.spec.end[end].dgram)
		relayed_release(l, end);
	vlink_settle(l);
}

void
vlink_settle(struct vlink *l)
{
	bool		held = l->rec.spec.kind == LINK_WIRE;
	enum link_state	want;
	int		i;

	for (i = 0; i < 2; i++)
		held |= l->port[i].holder.conn != NULL;
	want = held || l->rec.spec.lease == LEASE_SESSION ? LINK_UP :
	    LINK_DETACHED;
	if (l->state == LINK_OPENING || l->state == LINK_CLOSING ||
	    l->state == LINK_GONE)
		return;
	/* Only Resume gives an orphan an owner. Without one nobody's end would
	 * ever end it. */
	if (l->state == LINK_ORPHAN && l->lease.conn == NULL)
		want = LINK_ORPHAN;
	if (l->state != want)
		vlink_move(l, want);
	else
		watch_event(l->d, l, "changed");
}

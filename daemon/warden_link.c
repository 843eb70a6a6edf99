/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warden's table of links and what the broker may ask for. The broker is
 * taken for hostile: every field of a message is checked here before anything
 * is done, and there is no request that names an interface, a file or a
 * process. Called by warden.c and, with each message, by warden_child.c.
 *
 * A link is written to the journal before its interfaces are made (with op
 * WM_OP_CREATE: half-made; a TAP is not) and again when they are complete
 * (WM_OP_NONE); it is taken out after they are gone. A named one is half-made
 * again from the request to close it on, so that no kill brings it back; one that
 * is made again is half-made, too, but not given up (WM_OP_REMAKE).
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "haste.h"
#include "log.h"
#include "plat.h"
#include "warden_int.h"
#include "wire.h"

/* The kernel deletes 64 in the time of two, and the more at once, the cheaper
 * each; meanwhile creations wait. How long it takes depends on how many
 * interfaces and routes there are, so the next batch is as large as the last
 * one lets hope for; and larger when nobody asked for a link of late. */
#define BATCH_MIN	16
#define BATCH_FIRST	128
#define BATCH_MAX	512
#define BATCH_MS	100
#define BATCH_ALONE_MS	160
#define ALONE_MS	1000	/* without a request */

/* A removal or a preparation keeps the kernel from making an interface for 20
 * ms. Until no request came for QUIET_MS, more are likely to follow: a burst is
 * served first. A removal waits no longer than LINGER_MS for that, and MANY of
 * them not at all. */
#define QUIET_MS	10
#define LINGER_MS	100
#define MANY		64

/* When the name of a link that is to be made again is taken: until the next try.
 * On macOS it is what we removed, for as long as somebody holds on to it. */
#define REMAKE_MS	1000

#define ENDS	(WMF_END0 | WMF_END1)

/* The table. */

static struct windex **
bucket(struct warden *w, int ifindex)
{
	return &w->by_index[(unsigned int)ifindex % WARDEN_INDEXES];
}

/* The link that was said last to have IFINDEX. */
static struct wlink *
index_find(struct warden *w, int ifindex)
{
	struct windex	*x;
	struct cable	*c;

	for (x = *bucket(w, ifindex); x != NULL; x = x->next) {
		if (x->ifindex != ifindex)
			continue;
		/* The backend may have dropped the second one meanwhile. */
		c = &x->link->cable;
		if (c->ifindex[0] == ifindex || c->ifindex[1] == ifindex)
			return x->link;
	}
	return NULL;
}

/*
 * A new interface has the number IFINDEX: if another link has it too, that one's
 * is gone, and what the kernel says of it is still to be read. It will not be
 * understood then, as the number is the new one's.
 */
static void
index_vacate(struct warden *w, int ifindex)
{
	struct wlink	*l = index_find(w, ifindex);
	struct cable	*c;

	if (l == NULL)
		return;
	c = &l->cable;
	if (c->ifindex[1] == ifindex) {
		/* The first one may live, or has news of its own. */
		c->ifindex[1] = 0;
		return;
	}
	c->ifindex[0] = 0;
	w->conf->backend->destroy(&c, 1);
	wlink_vanished(c->slot, w);
}

static void
index_add(struct warden *w, struct wlink *l)
{
	struct windex	*x, **b;
	int		 i;

	for (i = 0; i < 2; i++)
		if (l->cable.ifindex[i] != 0)
			index_vacate(w, l->cable.ifindex[i]);
	for (i = 0; i < 2; i++) {
		x = &l->index[i];
		if ((x->ifindex = l->cable.ifindex[i]) == 0)
			continue;
		b = bucket(w, x->ifindex);
		x->link = l;
		x->next = *b;
		*b = x;
	}
}

static void
index_remove(struct warden *w, struct wlink *l)
{
	struct windex	*x, **p;
	int		 i;

	for (i = 0; i < 2; i++) {
		x = &l->index[i];
		if (x->ifindex == 0)
			continue;
		for (p = bucket(w, x->ifindex); *p != x; p = &(*p)->next)
			;
		*p = x->next;
		x->ifindex = 0;
	}
}

struct cable *
wlink_find(int ifindex, void *warden)
{
	struct wlink	*l = index_find(warden, ifindex);

	return l != NULL ? &l->cable : NULL;
}

bool
wlink_known(uint32_t slot, void *warden)
{
	struct warden	*w = warden;

	return slot < BOUND_SLOTS && w->links[slot] != NULL;
}

static struct wlink *
wlink_new(struct warden *w, const struct wm_msg *m)
{
	struct wlink	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return NULL;
	l->cable.slot = m->slot;
	l->cable.kind = (uint8_t)m->kind;
	l->kept[0] = l->kept[1] = l->relay_end = -1;
	l->named = m->record.spec.lease == LEASE_NAMED;
	w->links[m->slot] = l;
	return l;
}

static void
wlink_free(struct warden *w, struct wlink *l)
{
	if (l->prev != NULL) {
		*l->prev = l->next;
		if (l->next != NULL)
			l->next->prev = l->prev;
		else
			w->closing_tail = l->prev;
		w->nclosing--;
	}
	index_remove(w, l);
	wcapture_link_gone(w, l->cable.slot);
	haste_close(&l->kept[0]);
	haste_close(&l->kept[1]);
	w->links[l->cable.slot] = NULL;
	free(l);
}

static void
journal_forget(struct warden *w, uint32_t slot)
{
	int	error;

	if ((error = journal_del(&w->journal, slot)) != 0)
		log_warnx("journal: cannot forget slot %u: %s", slot,
		    strerror(-error));
}

static void
send_gone(struct warden *w, uint32_t slot, uint32_t seq)
{
	struct wm_msg	m;

	memset(&m, 0, sizeof(m));
	m.type = WM_GONE;
	m.slot = slot;
	m.seq = seq;
	broker_send(w, &m, NULL, 0);
}

/* Nothing of L is in the kernel any more. */
static void
wlink_gone(struct warden *w, struct wlink *l)
{
	uint32_t	slot = l->cable.slot, seq = l->seq;

	if (!w->stopping || !l->named)
		journal_forget(w, slot);
	wlink_free(w, l);
	send_gone(w, slot, seq);
}


/* Checks. */

static bool
mac_ok(const uint8_t mac[6])
{
	static const uint8_t	zero[6];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, 6) != 0;
}

/* None that could reach into what is no interface's; see divert_nothing in
 * backend_linux.c for what others have. */
static bool
prefix_ok(const struct prefix *p)
{
	return (p->family == 4 || p->family == 6) && p->len != 0 &&
	    p->len <= prefix_bits(p) && prefix_reserved(p) == NULL;
}

static bool
side_ok(const struct wm_msg *m, int side)
{
	unsigned int	a;

	if (!mac_ok(m->mac[side]) || m->naddr[side] > BOUND_ADDRESSES)
		return false;
	for (a = 0; a < m->naddr[side]; a++)
		if (!prefix_ok(&m->addr[side][a]))
			return false;
	return true;
}

/* The rest of a record is the broker's own business. */
static bool
record_ok(const struct link_record *r)
{
	return r->version == LINK_RECORD_VERSION && r->spec.lease < LEASES &&
	    r->spec.end[0].kind < END_KINDS && r->spec.end[1].kind < END_KINDS;
}

static bool
create_ok(const struct warden *w, const struct wm_msg *m)
{
	unsigned int	need, allowed;

	if (m->kind == LINK_HOST) {
		allowed = WMF_KEEP | WMF_RAW | WMF_RELAY;
		need = BF_HOST | ((m->flags & WMF_RAW) != 0 ? BF_RAW :
		    (m->flags & WMF_RELAY) != 0 ? BF_RELAY : BF_TAP);
	} else if (m->kind == LINK_WIRE) {
		allowed = WMF_NETNS;
		need = BF_WIRE | ((m->flags & WMF_NETNS) != 0 ? BF_NETNS : 0);
	} else {
		return false;
	}
	if (m->offloads != 0) {
		need |= BF_OFFLOADS;
		if (m->kind != LINK_HOST ||
		    (m->flags & (WMF_RAW | WMF_RELAY)) != 0 ||
		    m->offloads > OFFLOAD_ALL)
			return false;
	}
	/* The relay's TAP is one, and outlives the broker. */
	if ((m->flags & WMF_RELAY) != 0 &&
	    (m->flags & (WMF_KEEP | WMF_RAW)) != WMF_KEEP)
		return false;
	return m->slot < BOUND_UNITS && (m->flags & ~allowed) == 0 &&
	    (w->conf->backend->features & need) == need &&
	    m->mtu >= BOUND_MTU_MIN && m->mtu <= BOUND_MTU_MAX &&
	    side_ok(m, 0) && side_ok(m, 1) && record_ok(&m->record);
}

static bool
keep_ok(const struct wm_msg *m)
{
	return m->kind == LINK_PAIR && m->slot < BOUND_SLOTS &&
	    (m->flags & ~(uint32_t)(ENDS | WMF_RELAY)) == 0 &&
	    record_ok(&m->record);
}

static bool
is_unix_socket(int fd)
{
	struct sockaddr_storage	ss;
	struct stat		st;
	socklen_t		size = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    getsockname(fd, (struct sockaddr *)&ss, &size) == 0 &&
	    ss.ss_family == AF_UNIX;
}

/* Requests. */

static void
reply(struct warden *w, const struct wm_msg *m, int error, enum wm_op op,
    int fd)
{
	struct wlink	*l = m->slot < BOUND_SLOTS ? w->links[m->slot] : NULL;
	struct wm_msg	r;

	memset(&r, 0, sizeof(r));
	r.type = WM_REPLY;
	r.seq = m->seq;
	r.slot = m->slot;
	r.error = -error;
	r.op = error != 0 ? op : WM_OP_NONE;
	r.offloads = error == 0 && l != NULL ? l->cable.offloads : 0;
	r.ready = w->conf->backend->prepared != NULL ?
	    w->conf->backend->prepared() : BOUND_SLOTS;
	broker_send(w, &r, &fd, fd != -1);
}

/* Which end of a host link the TAP is kept as; the protocol's number, not the
 * side. */
static int
tap_end(const struct wm_msg *m)
{
	enum end_kind	kind = (m->flags & WMF_RELAY) != 0 ? END_HOST :
			    END_PORT;

	return m->record.spec.end[0].kind == kind ? 0 : 1;
}

static int
journal_write(struct warden *w, const struct wm_msg *m, enum wm_op op)
{
	struct wm_msg	e = *m;

	e.op = op;
	return journal_put(&w->journal, &e);
}

/* M is complete, with what the kernel made of it. */
static int
journal_made(struct warden *w, const struct wm_msg *m, const struct cable *c)
{
	struct wm_msg	e = *m;

	e.offloads = c->offloads;
	return journal_write(w, &e, WM_OP_NONE);
}

/* The interfaces of M, the duplicate that is kept, and the record that says so.
 * After a failure nothing is left in the kernel. */
static int
make(struct warden *w, const struct wm_msg *m, int netns, struct wlink *l,
    int *fd, enum wm_op *op)
{
	struct cable	*c = &l->cable;
	int		 error;

	if ((error = w->conf->backend->create(m, netns, c, fd, op)) != 0)
		return error;
	if ((m->flags & WMF_KEEP) != 0) {
		*op = WM_OP_KEEP;
		haste_close(&l->kept[tap_end(m)]);
		l->kept[tap_end(m)] = fcntl(*fd, F_DUPFD_CLOEXEC, 0);
		error = l->kept[tap_end(m)] == -1 ? -errno : 0;
	}
	if (error == 0) {
		*op = WM_OP_JOURNAL;
		error = journal_made(w, m, c);
	}
	if (error != 0) {
		w->conf->backend->destroy(&c, 1);
		wire_close(fd);
	} else {
		l->relay_end = (m->flags & WMF_RELAY) != 0 ? !tap_end(m) : -1;
		index_add(w, l);
	}
	return error;
}

/*
 * Must M be in the journal before it is made? Not when it is a TAP: until its
 * descriptor is handed out, which is after the entry that says that it is
 * complete, nobody but us has it, so that a kill takes the interface along. What
 * else is left of it carries its mark and is swept.
 */
static bool
outlives_us(const struct warden *w, const struct wm_msg *m)
{
	return m->kind != LINK_HOST || (m->flags & WMF_RAW) != 0 ||
	    (w->conf->backend->features & BF_TAP) == 0;
}

static bool
do_create(struct warden *w, const struct wm_msg *m, int *fds, unsigned int nfds)
{
	struct wlink	*l;
	enum wm_op	 op = WM_OP_CHECK;
	uid_t		 uid;
	int		 error, fd = -1, netns = (m->flags & WMF_NETNS) != 0;

	if (!create_ok(w, m) || nfds != (unsigned int)netns ||
	    (netns && plat_netns_owner(fds[0], &uid) != 0))
		return false;
	if (w->links[m->slot] != NULL) {
		reply(w, m, -EEXIST, op, -1);
		return true;
	}
	if ((l = wlink_new(w, m)) == NULL) {
		reply(w, m, -ENOMEM, op, -1);
		return true;
	}
	op = WM_OP_JOURNAL;
	error = outlives_us(w, m) ? journal_write(w, m, WM_OP_CREATE) : 0;
	if (error == 0)
		error = make(w, m, netns ? fds[0] : -1, l, &fd, &op);
	if (error != 0) {
		journal_forget(w, m->slot);
		wlink_free(w, l);
	}
	reply(w, m, error, op, fd);
	w->prepare = w->conf->backend->prepare != NULL;
	w->quiet = clock_ms() + QUIET_MS;
	return true;
}

/* Of a relayed host link: the relay's socket to its one port, which is new. */
static bool
keep_port(struct warden *w, const struct wm_msg *m, int *fds,
    unsigned int nfds)
{
	struct wlink	*l;

	if (m->slot >= BOUND_UNITS || (l = w->links[m->slot]) == NULL ||
	    l->cable.kind != LINK_HOST || l->cable.closing ||
	    l->relay_end == -1 || nfds != 1 || !is_unix_socket(fds[0]) ||
	    m->flags != (WMF_RELAY | (l->relay_end == 0 ? WMF_END0 :
	    WMF_END1)))
		return false;
	haste_close(&l->kept[l->relay_end]);
	l->kept[l->relay_end] = wire_take(&fds[0]);
	reply(w, m, 0, WM_OP_KEEP, -1);
	return true;
}

static bool
do_keep(struct warden *w, const struct wm_msg *m, int *fds, unsigned int nfds)
{
	struct wlink	*l;
	unsigned int	 i, next = 0, given[2];
	bool		 fresh = w->links[m->slot % BOUND_SLOTS] == NULL;
	bool		 relay = (m->flags & WMF_RELAY) != 0;
	int		 error = 0;

	if (m->kind == LINK_HOST)
		return keep_port(w, m, fds, nfds);
	given[0] = (m->flags & WMF_END0) != 0;
	given[1] = (m->flags & WMF_END1) != 0;
	if (!keep_ok(m) || nfds != given[0] + given[1])
		return false;
	for (i = 0; i < nfds; i++)
		if (!is_unix_socket(fds[i]))
			return false;
	l = fresh ? wlink_new(w, m) : w->links[m->slot];
	if (l == NULL)
		error = -ENOMEM;
	else if (l->cable.kind != LINK_PAIR || l->cable.closing)
		error = -EEXIST;
	else if ((error = journal_write(w, m, WM_OP_NONE)) != 0 && fresh) {
		journal_forget(w, m->slot);
		wlink_free(w, l);
	}
	for (i = 0; i < 2 && error == 0; i++) {
		if (relay && !given[i])
			continue;
		haste_close(&l->kept[i]);
		if (given[i])
			l->kept[i] = wire_take(&fds[next++]);
	}
	reply(w, m, error, WM_OP_KEEP, -1);
	return true;
}

static void
wlink_close(struct warden *w, struct wlink *l)
{
	l->cable.closing = true;
	if (w->nclosing++ == 0)
		w->closing_since = clock_ms();
	l->next = NULL;
	l->prev = w->closing_tail;
	*w->closing_tail = l;
	w->closing_tail = &l->next;
}

/*
 * A named link is to be closed. Its interfaces go later; should we be killed
 * before, the next start must not bring it back: its entry becomes that of a
 * link that was never complete, which is removed when it is found.
 */
static void
journal_close_named(struct warden *w, const struct wlink *l)
{
	struct wm_msg	m;

	if (l->cable.kind == LINK_PAIR ||
	    journal_get(&w->journal, l->cable.slot, &m) != 0 ||
	    journal_write(w, &m, WM_OP_CREATE) != 0)
		journal_forget(w, l->cable.slot);
}

static bool
do_destroy(struct warden *w, const struct wm_msg *m, int *fds,
    unsigned int nfds)
{
	struct wlink	*l;

	(void)fds;
	if (m->slot >= BOUND_SLOTS || nfds != 0)
		return false;
	if ((l = w->links[m->slot]) == NULL) {
		send_gone(w, m->slot, m->seq);
		return true;
	}
	l->seq = m->seq;
	if (!l->cable.closing) {
		if (l->named)
			journal_close_named(w, l);
		wlink_close(w, l);
	}
	return true;
}

/* False: the message is malformed, and nothing was done. */
static bool (*const requests[WM_TYPES])(struct warden *w,
    const struct wm_msg *m, int *fds, unsigned int nfds) = {
	[WM_CREATE] = do_create,
	[WM_KEEP] = do_keep,
	[WM_DESTROY] = do_destroy,
	[WM_CAPTURE] = wcapture_request,
};

void
wlink_request(struct warden *w, const struct wm_msg *m, size_t size, int *fds,
    unsigned int nfds)
{
	if (size == sizeof(*m) && m->type < WM_TYPES &&
	    requests[m->type] != NULL && requests[m->type](w, m, fds, nfds))
		return;
	log_warnx("the broker sent what it may not: type %u, slot %u, %zu "
	    "bytes, %u descriptors", m->type, m->slot, size, nfds);
	reply(w, m, -EINVAL, WM_OP_CHECK, -1);
}

/* Removal. */

/* How many at once, when N took TOOK ms and the next may take AIM; in one step at
 * most twice or half of it, as others use the kernel, too. */
static unsigned int
batch_size(unsigned int n, int64_t took, int64_t aim)
{
	int64_t	next = n * aim / (took > 0 ? took : 1);

	next = next > 2 * n ? 2 * n : next < n / 2 ? n / 2 : next;
	return next > BATCH_MAX ? BATCH_MAX : next < BATCH_MIN ? BATCH_MIN :
	    (unsigned int)next;
}

void
wlink_batch(struct warden *w)
{
	struct cable	*cables[BATCH_MAX];
	struct wlink	*batch[BATCH_MAX], *l;
	unsigned int	 i, n = 0, ncables = 0;
	int64_t		 start = clock_ms(), aim;

	aim = start < w->quiet + ALONE_MS ? BATCH_MS : BATCH_ALONE_MS;
	if (w->batch == 0)
		w->batch = BATCH_FIRST;
	for (l = w->closing; l != NULL && n < w->batch; l = l->next) {
		batch[n++] = l;
		if (l->cable.kind != LINK_PAIR && !l->remake)
			cables[ncables++] = &l->cable;
	}
	if (ncables > 0)
		w->conf->backend->destroy(cables, ncables);
	if (ncables == w->batch)
		w->batch = batch_size(ncables, clock_ms() - start, aim);
	for (i = 0; i < n; i++)
		wlink_gone(w, batch[i]);
}

static int64_t
chore_due(const struct warden *w)
{
	int64_t	latest = w->closing_since + LINGER_MS;

	if (w->nclosing >= MANY)
		return 0;
	if (w->closing != NULL)
		return w->quiet < latest ? w->quiet : latest;
	return w->prepare ? w->quiet : INT64_MAX;
}

/* Making named links again. */

/*
 * The interfaces of L, which is named, are not there: make them again. They are
 * in the journal before, so that the next start finds what a kill leaves.
 * -EINPROGRESS: their name is taken, and it will be tried again.
 */
static int
remake(struct warden *w, const struct wm_msg *m, struct wlink *l)
{
	enum wm_op	op;
	int		error, fd = -1;

	if ((m->flags & WMF_NETNS) != 0)
		return -EXDEV;	/* its namespace is known to nobody */
	if ((error = journal_write(w, m, WM_OP_REMAKE)) != 0)
		return error;
	error = make(w, m, -1, l, &fd, &op);
	wire_close(&fd);
	if (error == -EEXIST && !l->remake)
		log_info("slot %u: its name is taken; it is made again when "
		    "that is over", l->cable.slot);
	l->remake = error == -EEXIST;
	if (!l->remake)
		return error;
	l->cable.ifindex[0] = l->cable.ifindex[1] = 0;
	w->remake_due = clock_ms() + REMAKE_MS;
	return -EINPROGRESS;
}

/* The broker may know it from before. */
static void
remake_tell(struct warden *w, const struct wlink *l)
{
	send_gone(w, l->cable.slot, 0);
	if (w->told || l->cable.slot < w->restore)
		wlink_restore(w, l->cable.slot);
}

/* Try one; the next time, the one after it. */
static void
remake_next(struct warden *w)
{
	struct wm_msg	 m;
	struct wlink	*l;
	uint32_t	 i, slot;
	int		 error;

	w->remake_due = 0;
	for (i = 0; i < BOUND_UNITS; i++) {
		slot = (w->remake_slot + i) % BOUND_UNITS;
		l = w->links[slot];
		if (l != NULL && l->remake && !l->cable.closing)
			break;
	}
	if (i == BOUND_UNITS || w->stopping)
		return;
	w->remake_slot = slot + 1;
	w->remake_due = clock_ms() + REMAKE_MS;
	if ((error = journal_get(&w->journal, slot, &m)) == 0)
		error = remake(w, &m, l);
	if (error == 0) {
		remake_tell(w, l);
	} else if (error != -EINPROGRESS) {
		log_warnx("slot %u: cannot be made again: %s", slot,
		    strerror(-error));
		wlink_gone(w, l);
	}
}

int64_t
wlink_chore_due(const struct warden *w)
{
	int64_t	due = chore_due(w);

	return w->remake_due != 0 && w->remake_due < due ? w->remake_due : due;
}

void
wlink_chore(struct warden *w)
{
	/* One only: requests are served between. */
	if (w->remake_due != 0 && clock_ms() >= w->remake_due)
		remake_next(w);
	else if (w->closing != NULL)
		wlink_batch(w);
	else
		w->prepare = w->conf->backend->prepare();
}

void
wlink_close_all(struct warden *w)
{
	uint32_t	slot;

	for (slot = 0; slot < BOUND_SLOTS; slot++)
		if (w->links[slot] != NULL && !w->links[slot]->cable.closing)
			wlink_close(w, w->links[slot]);
}

/* Telling a new broker. */

void
wlink_restore(struct warden *w, uint32_t slot)
{
	static const uint32_t	flag[2] = { WMF_END0, WMF_END1 };
	struct wlink		*l;
	struct wm_msg		 m;
	int			 i, error, fds[2];
	unsigned int		 n = 0;

	if ((l = w->links[slot]) == NULL || l->cable.closing || l->remake)
		return;
	if ((error = journal_get(&w->journal, slot, &m)) != 0) {
		log_warnx("journal: cannot read slot %u: %s", slot,
		    strerror(-error));
		return;
	}
	m.type = WM_RESTORE;
	m.flags &= ~(uint32_t)ENDS;
	if (l->cable.kind != LINK_PAIR)
		m.flags |= WMF_HELD;
	for (i = 0; i < 2; i++) {
		if (l->kept[i] == -1)
			continue;
		if ((fds[n] = fcntl(l->kept[i], F_DUPFD_CLOEXEC, 0)) == -1) {
			log_warn("slot %u: cannot hand out end %d", slot, i);
			continue;
		}
		m.flags |= flag[i];
		n++;
	}
	broker_send(w, &m, fds, n);
}

/* The kernel was first. */

/*
 * The descriptor of a named link that was adopted went with an earlier warden;
 * the last one is that of who held it then, and the interface goes with him. The
 * link does not: it is made again for the next one. True when it was, or will be.
 */
static bool
wlink_renew(struct warden *w, struct wlink *l)
{
	struct wm_msg	m;
	int		error;

	if (!l->named || l->cable.closing || l->cable.kind != LINK_HOST ||
	    l->kept[0] != -1 || l->kept[1] != -1 || w->stopping ||
	    journal_get(&w->journal, l->cable.slot, &m) != 0)
		return false;
	index_remove(w, l);
	wcapture_link_gone(w, l->cable.slot);
	if ((error = remake(w, &m, l)) == 0)
		remake_tell(w, l);
	else if (error != -EINPROGRESS)
		log_warnx("slot %u: cannot be made again: %s", l->cable.slot,
		    strerror(-error));
	return error == 0 || error == -EINPROGRESS;
}

void
wlink_vanished(uint32_t slot, void *warden)
{
	struct warden	*w = warden;

	if (!wlink_known(slot, w))
		return;
	log_info("slot %u: its interface is gone", slot);
	if (!wlink_renew(w, w->links[slot]))
		wlink_gone(w, w->links[slot]);
}

/* At start. */

static bool
entry_ok(const struct warden *w, const struct wm_msg *m)
{
	return (m->type == WM_CREATE && create_ok(w, m)) ||
	    (m->type == WM_KEEP && keep_ok(m));
}

static int
recover_kernel(struct warden *w, const struct wm_msg *m, struct wlink *l)
{
	struct cable	*c = &l->cable;
	int		 error;

	error = w->conf->backend->adopt(m, c);
	if (error == 0 && m->op != WM_OP_NONE) {
		/* Half-made: no client ever had it. */
		w->conf->backend->destroy(&c, 1);
		error = m->op == WM_OP_REMAKE ? -ENOENT : -ECANCELED;
	} else if (error == 0) {
		index_add(w, l);
	}
	if (error == -ENOENT && l->named && (m->op == WM_OP_NONE ||
	    m->op == WM_OP_REMAKE))
		error = remake(w, m, l);
	return error == -EINPROGRESS ? 0 : error;
}

void
wlink_recover(const struct wm_msg *m, void *warden)
{
	struct warden	*w = warden;
	struct wlink	*l = NULL;
	int		 error = -EINVAL;

	if (entry_ok(w, m)) {
		if ((l = wlink_new(w, m)) == NULL)
			error = -ENOMEM;
		else if (m->type == WM_CREATE)
			error = recover_kernel(w, m, l);
		else	/* Its descriptors went; a named one gets new ones. */
			error = l->named ? 0 : -ENOENT;
	}
	if (error == 0)
		return;
	/* That of a link that was half-made, or closed, is no loss. */
	if (l == NULL || (l->named && m->op == WM_OP_NONE))
		log_warnx("journal: the link of slot %u cannot be had again: "
		    "%s", m->slot, strerror(-error));
	journal_forget(w, m->slot);
	if (l != NULL)
		wlink_free(w, l);
}

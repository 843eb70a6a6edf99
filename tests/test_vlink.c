/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link table with plan.c, reap.c and warden_call.c. At the other end of the
 * channel is the test, as the warden: it reads each message and answers as it
 * likes. request.c, open.c and watch.c are the recorders below.
 */
#include <sys/socket.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <event2/event.h>

#include "backend.h"
#include "capture_open.h"
#include "conn.h"
#include "fds.h"
#include "fethd.h"
#include "identity.h"
#include "log.h"
#include "plan.h"
#include "plat.h"
#include "policy.h"
#include "reap.h"
#include "request.h"
#include "vlink.h"
#include "warden_call.h"
#include "warden_msg.h"
#include "watch.h"
#include "wire.h"

#define UID	1000
#define SLOT	77

static struct fethd	 d;
static struct conn	 client, other;	/* two clients of UID */
static int		 warden;	/* our end of the channel */
static int		 channel;	/* the other one, for its options */
static uint32_t		 ready;		/* slot that the warden tells of */
static unsigned int	 fds_before, readies;

/* What the recorders heard. */
static struct vlink	*opened;
static unsigned int	 nopened, nfailed, nevents;
static int		 failed_error;
static enum wm_op	 failed_op;
static struct {
	char			event[8];
	enum link_state		state;
} events[64];

/* ---- The neighbours ---------------------------------------------------- */

void
request_opened(struct request *req, struct vlink *l)
{
	req->link = NULL;
	opened = l;
	nopened++;
}

void
request_open_failed(struct request *req, enum wm_op op, int error)
{
	req->link = NULL;
	failed_op = op;
	failed_error = error;
	nfailed++;
}

static unsigned int	 ncaptured, ncapture_over;

void
capture_answered(struct fethd *dd, const struct wm_msg *m)
{
	assert_ptr_equal(dd, &d);
	assert_int_equal(m->type, WM_CAPTURED);
	ncaptured++;
}

void
capture_over(struct fethd *dd, const struct wm_msg *m)
{
	assert_ptr_equal(dd, &d);
	assert_int_equal(m->type, WM_CAPTURE_END);
	ncapture_over++;
}

void
watch_event(struct fethd *dd, const struct vlink *l, const char *event)
{
	assert_ptr_equal(dd, &d);
	if (nevents == sizeof(events) / sizeof(events[0]))
		return;
	snprintf(events[nevents].event, sizeof(events[0].event), "%s", event);
	events[nevents++].state = l->state;
}

static int		 overlap_answer;	/* of the next ones */
static unsigned int	 overlap_asked, overlap_first; /* 1 so often */
static const char	*overlap_with;

static int
overlap(const struct prefix *p, struct prefix *with, char *route, size_t size)
{
	(void)p;
	assert_int_equal(prefix_parse(overlap_with, with), 0);
	snprintf(route, size, "route 192.0.2.0/24");
	if (overlap_asked++ < overlap_first)
		return 1;
	return overlap_answer;
}

static const struct backend backend = { .name = "test", .features = BF_HOST |
    BF_WIRE | BF_NETNS | BF_TAP | BF_RAW | BF_WARDEN, .overlap = overlap };

/* A channel without room, as macOS tells it: so many sends fail, and no event
 * says when one would not. */
static int		 no_room;
static int		 send_error;	/* of all sends; 0: none */

ssize_t
sendmsg(int fd, const struct msghdr *mh, int flags)
{
	static ssize_t	(*real)(int, const struct msghdr *, int);

	if (send_error != 0) {
		errno = send_error;
		return -1;
	}
	if (no_room > 0) {
		no_room--;
		errno = ENOBUFS;
		return -1;
	}
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
	return real(fd, mh, flags);
}

/* ---- Fixture ----------------------------------------------------------- */

static void
on_ready(struct fethd *dd)
{
	assert_ptr_equal(dd, &d);
	readies++;
}

static int
setup_alone(void **state)
{
	(void)state;
	log_init("test", LOG_L_ERROR, 1);
	fds_before = fds_open();
	memset(&d, 0, sizeof(d));
	memset(&client, 0, sizeof(client));
	memset(&other, 0, sizeof(other));
	client.d = other.d = &d;
	client.peer.uid = other.peer.uid = UID;
	memcpy(d.key, "0123456789abcdef", sizeof(d.key));
	d.backend = &backend;
	d.base = event_base_new();
	d.links = vlink_table_new();
	d.policy = malloc(sizeof(*d.policy));
	assert_non_null(d.base);
	assert_non_null(d.links);
	assert_non_null(d.policy);
	policy_builtin(d.policy, (gid_t)-1);
	warden = -1;
	opened = NULL;
	nopened = nfailed = nevents = readies = 0;
	overlap_answer = 0;
	overlap_asked = overlap_first = 0;
	overlap_with = "192.0.2.0/24";
	return 0;
}

static int
setup(void **state)
{
	int	ch[2];

	setup_alone(state);
	assert_int_equal(plat_channel(ch), 0);
	warden = ch[1];
	channel = ch[0];
	ready = BOUND_SLOTS;
	assert_int_equal(wcall_start(&d, ch[0], on_ready), 0);
	return 0;
}

static int
teardown(void **state)
{
	struct vlink	*l;
	uint32_t	 i = 0;

	(void)state;
	wcall_stop(&d);
	while ((l = vlink_next(&d, &i)) != NULL)
		vlink_free(l);
	assert_null(client.ties);
	assert_null(other.ties);
	reap_stop(&d);
	vlink_table_free(d.links);
	free(d.policy);
	event_base_free(d.base);
	wire_close(&warden);
	assert_int_equal(fds_open(), fds_before);
	return 0;
}

static void
pump(void)
{
	assert_true(event_base_loop(d.base, EVLOOP_NONBLOCK) >= 0);
}

/* The next message that the broker sent; its descriptors are closed, and
 * counted. False: there is none. */
static bool
heard(struct wm_msg *m, unsigned int *nfds)
{
	int		fds[WIRE_FDS], fl = fcntl(warden, F_GETFL);
	unsigned int	n, i;
	ssize_t		got;

	pump();
	fcntl(warden, F_SETFL, fl | O_NONBLOCK);
	got = wire_recv(warden, m, sizeof(*m), fds, &n, NULL);
	if (got == -EAGAIN)
		return false;
	assert_int_equal(got, sizeof(*m));
	for (i = 0; i < n; i++)
		wire_close(&fds[i]);
	if (nfds != NULL)
		*nfds = n;
	return true;
}

static void
expect(enum wm_type type, uint32_t slot, struct wm_msg *m)
{
	assert_true(heard(m, NULL));
	assert_int_equal(m->type, type);
	assert_int_equal(m->slot, slot);
}

static void
expect_silence(void)
{
	struct wm_msg	m;

	assert_false(heard(&m, NULL));
}

/* The warden says. */
static void
say(const struct wm_msg *m, int *fds, unsigned int nfds)
{
	unsigned int	i;

	assert_int_equal(wire_send(warden, m, sizeof(*m), fds, nfds),
	    sizeof(*m));
	for (i = 0; i < nfds; i++)
		wire_close(&fds[i]);
	pump();
}

static void
reply(const struct wm_msg *to, int error, enum wm_op op, bool with_fd)
{
	struct wm_msg	m;
	int		fd = -1;

	memset(&m, 0, sizeof(m));
	m.type = WM_REPLY;
	m.seq = to->seq;
	m.slot = to->slot;
	m.error = error;
	m.op = op;
	m.ready = ready;
	if (with_fd)
		assert_true((fd = open("/dev/null", O_RDWR)) >= 0);
	say(&m, &fd, with_fd);
}

static void
gone(uint32_t slot, uint32_t seq)
{
	struct wm_msg	m;

	memset(&m, 0, sizeof(m));
	m.type = WM_GONE;
	m.slot = slot;
	m.seq = seq;
	say(&m, NULL, 0);
}

static struct link_spec
spec_of(enum link_kind kind, enum lease lease, const char *name)
{
	struct link_spec	s;
	struct spec_error	err;

	spec_init(&s);
	snprintf(s.name, sizeof(s.name), "%s", name);
	s.lease = (uint8_t)lease;
	s.end[0].kind = kind == LINK_WIRE ? END_HOST : END_PORT;
	s.end[1].kind = kind == LINK_PAIR ? END_PORT : END_HOST;
	assert_int_equal(spec_check(&s, CLASS_TAP, &err), 0);
	return s;
}

/* Open for CLIENT; the link, as long as it is not decided. */
static struct vlink *
open_spec(struct request *req, const struct link_spec *s, uint32_t slot)
{
	memset(req, 0, sizeof(*req));
	req->conn = &client;
	client.req = req;
	assert_int_equal(vlink_open(&d, req, UID, s, slot, -1), 0);
	return vlink_by_slot(&d, slot);
}

static struct vlink *
open_link(struct request *req, enum link_kind kind, enum lease lease,
    const char *name, uint32_t slot)
{
	struct link_spec	s = spec_of(kind, lease, name);

	return open_spec(req, &s, slot);
}

/* As request_conn_gone and conn_free do it. */
static void
client_dies(struct conn *c)
{
	if (c->req != NULL && c->req->link != NULL)
		c->req->link->req = NULL;
	c->req = NULL;
	vlink_conn_gone(c);
	assert_null(c->ties);
}

static unsigned int
used(uint32_t uid)
{
	static const struct policy_rule	any = { .allow = true };

	return vlink_used(&d, uid, &any);
}

static bool
empty(void)
{
	uint32_t	i = 0;

	return vlink_next(&d, &i) == NULL && used(UID) == 0;
}

/* ---- Opening ----------------------------------------------------------- */

static void
test_pair(void **state)
{
	struct request	 req;
	struct vlink	*l;
	int		 fd;
	char		 byte;

	(void)state;
	l = open_link(&req, LINK_PAIR, LEASE_SESSION, "lab", BOUND_UNITS);
	assert_int_equal(nopened, 1);
	assert_ptr_equal(opened, l);
	assert_int_equal(l->state, LINK_UP);
	assert_string_equal(events[0].event, "opened");
	assert_int_equal(used(UID), 1);
	assert_int_equal(used(UID + 1), 0);

	/* A session port moves to its holder: when that one closes it, the
	 * other end reads the end of file. */
	fd = vlink_port_take(l, 0, &client);
	assert_true(fd >= 0);
	assert_int_equal(l->port[0].fd, -1);
	wire_close(&fd);
	assert_int_equal(recv(l->port[1].fd, &byte, 1, 0), 0);
	vlink_port_release(l, 0);
	assert_false(vlink_port_free(l, 0));
	assert_true(vlink_port_free(l, 1));
	assert_int_equal(l->state, LINK_UP);

	client_dies(&client);
	assert_true(empty());
}

static void
test_host(void **state)
{
	struct link_spec	 s = spec_of(LINK_HOST, LEASE_NAMED, "lab");
	struct request		 req;
	struct vlink		*l;
	struct wm_msg		 m;
	int			 fd;

	(void)state;
	assert_int_equal(prefix_parse("10.0.0.2/30", &s.end[0].addr[0]), 0);
	assert_int_equal(prefix_parse("10.0.0.1/30", &s.end[1].addr[0]), 0);
	s.end[0].naddr = s.end[1].naddr = 1;
	memcpy(s.end[0].mac, "\x02\0\0\0\0\1", 6);
	memcpy(s.end[1].mac, "\x02\0\0\0\0\2", 6);
	l = open_spec(&req, &s, SLOT);
	assert_int_equal(l->state, LINK_OPENING);
	expect(WM_CREATE, SLOT, &m);
	assert_int_equal(m.kind, LINK_HOST);
	assert_int_equal(m.uid, UID);
	assert_int_equal(m.mtu, 1500);
	assert_int_equal(m.flags, WMF_KEEP);
	/* Side 0 is the host's. The port's address is not the warden's
	 * business. */
	assert_memory_equal(m.mac[0], "\x02\0\0\0\0\2", 6);
	assert_memory_equal(m.mac[1], "\x02\0\0\0\0\1", 6);
	assert_int_equal(m.naddr[0], 1);
	assert_int_equal(m.naddr[1], 0);
	assert_memory_equal(&m.addr[0][0], &s.end[1].addr[0],
	    sizeof(struct prefix));
	assert_string_equal(m.record.spec.name, "lab");
	assert_int_equal(nopened, 0);

	reply(&m, 0, WM_OP_NONE, true);
	assert_int_equal(nopened, 1);
	assert_int_equal(l->state, LINK_UP);
	assert_true(l->port[0].fd >= 0);
	/* Its holder gets a duplicate, and again. */
	fd = vlink_port_take(l, 0, &client);
	assert_true(fd >= 0 && fd != l->port[0].fd);
	wire_close(&fd);
	assert_false(vlink_port_free(l, 0));
	client_dies(&client);
	assert_int_equal(l->state, LINK_DETACHED);
	assert_true(vlink_port_free(l, 0));
	fd = vlink_port_take(l, 0, &other);
	wire_close(&fd);
	assert_int_equal(l->state, LINK_UP);
}

/* No room for its descriptor, which the kernel dropped. */
static void
test_host_without_port(void **state)
{
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 m;

	(void)state;
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &m);
	reply(&m, 0, WM_OP_NONE, false);
	assert_int_equal(nopened, 0);
	assert_int_equal(nfailed, 1);
	assert_int_equal(failed_error, EMFILE);
	assert_int_equal(l->state, LINK_CLOSING);
	expect(WM_DESTROY, SLOT, &m);
	gone(SLOT, m.seq);
	assert_null(vlink_by_slot(&d, SLOT));
}

static void
test_create_flags(void **state)
{
	static const struct {
		enum link_kind	kind;
		enum lease	lease;
		enum port_class	class;
		uint32_t	flags;
	} rows[] = {
		{ LINK_HOST, LEASE_SESSION, CLASS_TAP, 0 },
		{ LINK_HOST, LEASE_NAMED, CLASS_TAP, WMF_KEEP },
		{ LINK_HOST, LEASE_SESSION, CLASS_RAW, WMF_RAW },
		{ LINK_HOST, LEASE_NAMED, CLASS_RAW, WMF_RAW | WMF_KEEP },
		{ LINK_WIRE, LEASE_SESSION, CLASS_AUTO, 0 },
		{ LINK_WIRE, LEASE_NAMED, CLASS_AUTO, 0 },
	};
	struct link_spec	s;
	struct request		req;
	struct wm_msg		m;
	uint32_t		i;
	char			name[8];

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(name, sizeof(name), "n%u", i);
		s = spec_of(rows[i].kind, rows[i].lease, name);
		if (rows[i].kind == LINK_HOST)
			s.end[0].class = (uint8_t)rows[i].class;
		open_spec(&req, &s, i);
		expect(WM_CREATE, i, &m);
		assert_int_equal(m.flags, rows[i].flags);
	}
}

/* Which ends are given to the warden, and when. */
static void
test_keep(void **state)
{
	struct link_spec	 s;
	struct request		 req;
	struct vlink		*l;
	struct wm_msg		 m;
	unsigned int		 n;
	int			 fd;

	(void)state;
	/* The second port waits for its taker: the first must not be kept. */
	l = open_link(&req, LINK_PAIR, LEASE_SESSION, "one", BOUND_UNITS);
	assert_true(heard(&m, &n));
	assert_int_equal(m.type, WM_KEEP);
	assert_int_equal(m.flags, WMF_END1);
	assert_int_equal(n, 1);
	assert_int_equal(nopened, 0);
	reply(&m, 0, WM_OP_NONE, false);
	assert_int_equal(nopened, 1);
	fd = vlink_port_take(l, 0, &client);
	wire_close(&fd);
	expect_silence();
	fd = vlink_port_take(l, 1, &other);
	wire_close(&fd);
	assert_true(heard(&m, &n));
	assert_int_equal(m.type, WM_KEEP);
	assert_int_equal(m.flags | n, 0);
	reply(&m, 0, WM_OP_NONE, false);
	assert_int_equal(l->state, LINK_UP);

	/* Both go out at once: nothing is there to be kept. */
	s = spec_of(LINK_PAIR, LEASE_SESSION, "two");
	s.end[1].take = TAKE_YES;
	open_spec(&req, &s, BOUND_UNITS + 1);
	assert_int_equal(nopened, 2);
	expect_silence();

	open_link(&req, LINK_PAIR, LEASE_NAMED, "three", BOUND_UNITS + 2);
	assert_true(heard(&m, &n));
	assert_int_equal(m.flags, WMF_END0 | WMF_END1);
	assert_int_equal(n, 2);
}

/* A named link of which nobody takes a port is detached from the start. */
static void
test_not_taken(void **state)
{
	struct link_spec	 s = spec_of(LINK_PAIR, LEASE_NAMED, "lab");
	struct request		 req;
	struct vlink		*l;

	(void)state;
	s.end[0].take = TAKE_NO;
	l = open_spec(&req, &s, BOUND_UNITS);
	assert_int_equal(l->state, LINK_DETACHED);
	assert_int_equal(nevents, 1);
	assert_string_equal(events[0].event, "opened");
}

/* ---- Failing ----------------------------------------------------------- */

static void
test_fails_at_each_step(void **state)
{
	struct request	req;
	struct wm_msg	m;
	int		op, i = 0;
	enum link_kind	kind;
	uint32_t	slot;

	(void)state;
	for (op = WM_OP_NONE; op < WM_OPS; op++) {
		for (kind = LINK_HOST; kind < LINK_KINDS; kind++) {
			slot = kind == LINK_PAIR ? BOUND_UNITS : SLOT;
			open_link(&req, kind, LEASE_SESSION, "lab", slot);
			assert_true(heard(&m, NULL));
			reply(&m, EIO, (enum wm_op)op, kind == LINK_HOST);
			assert_int_equal(nfailed, ++i);
			assert_int_equal(failed_op, op);
			assert_int_equal(failed_error, EIO);
			assert_true(empty());
			assert_null(client.ties);
			assert_null(vlink_by_name(&d, UID, "lab"));
			expect_silence();
		}
	}
	assert_int_equal(nopened, 0);
	assert_string_equal(events[0].event, "closed");
}

/* Answers are for those who asked: not for who has the slot now. */
static void
test_late_answers(void **state)
{
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 m, late;

	(void)state;
	/* A KEEP was under way when the interface went. */
	open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &m);
	reply(&m, 0, WM_OP_NONE, true);
	late = m;
	late.seq += 1000;
	gone(SLOT, 0);
	assert_true(empty());
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &m);
	reply(&late, EINVAL, WM_OP_CHECK, false);
	assert_int_equal(nfailed, 0);
	assert_int_equal(l->state, LINK_OPENING);
	reply(&m, 0, WM_OP_NONE, true);
	assert_int_equal(nopened, 2);
	assert_int_equal(l->state, LINK_UP);

	/* It goes by itself, and the DESTROY has not arrived yet. */
	reap_link(l, "test");
	expect(WM_DESTROY, SLOT, &m);
	gone(SLOT, 0);
	assert_ptr_equal(vlink_by_slot(&d, SLOT), l);
	gone(SLOT, m.seq);
	assert_true(empty());

	/* What was made for nobody goes. */
	reply(&m, EINVAL, WM_OP_CHECK, false);
	expect_silence();
	reply(&m, 0, WM_OP_NONE, true);
	expect(WM_DESTROY, SLOT, &m);
	gone(SLOT, m.seq);
	assert_true(empty());
	expect_silence();
}

/* An operation that no number stands for does no harm. */
static void
test_fails_strangely(void **state)
{
	struct request	req;
	struct wm_msg	m;

	(void)state;
	open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &m);
	reply(&m, EIO, (enum wm_op)4711, false);
	assert_int_equal(failed_op, WM_OP_NONE);
	assert_true(empty());
}

/* EEXIST: somebody else's interface has the unit. */
static void
test_next_slot(void **state)
{
	struct request	 req, req2;
	struct vlink	*l;
	struct wm_msg	 m;

	(void)state;
	open_link(&req2, LINK_HOST, LEASE_SESSION, "neighbour", 1);
	expect(WM_CREATE, 1, &m);
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", BOUND_UNITS - 1);
	expect(WM_CREATE, BOUND_UNITS - 1, &m);
	/* Around the end; and past the neighbour. */
	reply(&m, EEXIST, WM_OP_CREATE, false);
	expect(WM_CREATE, 0, &m);
	assert_ptr_equal(vlink_by_slot(&d, 0), l);
	assert_null(vlink_by_slot(&d, BOUND_UNITS - 1));
	reply(&m, EEXIST, WM_OP_CREATE, false);
	expect(WM_CREATE, 2, &m);
	reply(&m, 0, WM_OP_NONE, true);
	assert_int_equal(nopened, 1);
	assert_int_equal(l->slot, 2);
	assert_int_equal(l->state, LINK_UP);
	assert_ptr_equal(vlink_by_name(&d, UID, "lab"), l);
}

static void
test_no_slot_at_last(void **state)
{
	struct request	req;
	struct wm_msg	m;
	unsigned int	n = 0;

	(void)state;
	open_link(&req, LINK_HOST, LEASE_SESSION, "lab", 0);
	while (nfailed == 0) {
		assert_true(heard(&m, NULL));
		assert_int_equal(m.type, WM_CREATE);
		assert_int_equal(m.slot, n++);
		assert_true(n < 1000);
		reply(&m, EEXIST, WM_OP_CREATE, false);
	}
	assert_int_equal(failed_error, EEXIST);
	assert_true(n > 10);
	assert_true(empty());
}

/* The host has no IPv6: what "auto" chose of it is left out, once. What was asked
 * for by its address is not. */
static void
test_no_ipv6(void **state)
{
	static const int	errors[] = { EACCES, EOPNOTSUPP, EAFNOSUPPORT };
	struct link_spec	s;
	struct request		req;
	struct wm_msg		m;
	uint32_t		slot;
	char			detail[128];
	size_t			i;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		s = spec_of(LINK_HOST, LEASE_SESSION, "lab");
		s.end[1].addr_auto = 1;
		assert_int_equal(plan_link(&d, UID, &s, &slot, detail,
		    sizeof(detail)), PLAN_OK);
		assert_int_equal(s.end[1].naddr, 2);
		open_spec(&req, &s, SLOT);
		expect(WM_CREATE, SLOT, &m);
		reply(&m, errors[i], WM_OP_ADDRESS, false);
		expect(WM_CREATE, SLOT, &m);
		assert_int_equal(m.naddr[0], 1);
		assert_int_equal(m.addr[0][0].family, 4);
		reply(&m, errors[i], WM_OP_ADDRESS, false);
		assert_int_equal(nfailed, i + 1);
		assert_true(empty());
	}
	s = spec_of(LINK_HOST, LEASE_SESSION, "lab");
	s.end[1].naddr = 1;
	assert_int_equal(prefix_parse("fd66:6574:6800::1/64",
	    &s.end[1].addr[0]), 0);
	open_spec(&req, &s, SLOT);
	expect(WM_CREATE, SLOT, &m);
	reply(&m, EACCES, WM_OP_ADDRESS, false);
	assert_int_equal(nfailed, i + 1);
	assert_true(empty());
}

/* The warden is not there any more. */
static void
test_no_warden(void **state)
{
	struct request	req;

	(void)state;
	wire_close(&warden);
	open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	assert_int_equal(nfailed, 1);
	assert_int_equal(failed_error, EPIPE);
	assert_true(empty());
	pump();
	assert_true(event_base_got_break(d.base));
}

/* ---- Those who go meanwhile -------------------------------------------- */

static void
test_client_dies_while_opening(void **state)
{
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 create, m;

	(void)state;
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &create);
	client_dies(&client);
	assert_int_equal(l->state, LINK_CLOSING);
	expect(WM_DESTROY, SLOT, &m);
	/* The answer to CREATE comes late, and its descriptor goes nowhere. */
	reply(&create, 0, WM_OP_NONE, true);
	assert_int_equal(l->state, LINK_CLOSING);
	assert_int_equal(l->port[0].fd, -1);
	gone(SLOT, m.seq);
	assert_true(empty());
	assert_int_equal(nopened + nfailed, 0);
}

/* No tie binds a named link to its client, so its end comes with the answer. */
static void
test_client_of_named_dies_while_opening(void **state)
{
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 create, m;

	(void)state;
	l = open_link(&req, LINK_HOST, LEASE_NAMED, "lab", SLOT);
	expect(WM_CREATE, SLOT, &create);
	client_dies(&client);
	assert_int_equal(l->state, LINK_OPENING);
	expect_silence();
	reply(&create, 0, WM_OP_NONE, true);
	assert_int_equal(l->state, LINK_CLOSING);
	expect(WM_DESTROY, SLOT, &m);
	gone(SLOT, m.seq);
	assert_true(empty());
	assert_int_equal(nopened, 0);
}

/* Closed by another connection of its owner while it is opened. */
static void
test_closed_while_opening(void **state)
{
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 create, m;

	(void)state;
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &create);
	reap_link(l, "test");
	assert_int_equal(nfailed, 1);
	assert_int_equal(failed_error, ECANCELED);
	assert_null(client.ties);
	expect(WM_DESTROY, SLOT, &m);
	reply(&create, ENODEV, WM_OP_CREATE, false);
	assert_int_equal(l->state, LINK_CLOSING);
	gone(SLOT, m.seq);
	assert_true(empty());
}

static void
test_gone_by_itself(void **state)
{
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 m;
	int		 fd;

	(void)state;
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &m);
	reply(&m, 0, WM_OP_NONE, true);
	fd = vlink_port_take(l, 0, &client);
	wire_close(&fd);
	nevents = 0;
	gone(SLOT, 0);
	assert_true(empty());
	assert_null(client.ties);
	expect_silence();		/* nothing is left to be destroyed */
	assert_int_equal(nevents, 2);
	assert_string_equal(events[0].event, "changed");
	assert_int_equal(events[0].state, LINK_CLOSING);
	assert_string_equal(events[1].event, "closed");
	gone(SLOT, 0);			/* and again: nobody is meant */
	gone(BOUND_SLOTS + 7, 0);
}

/* While it opens, too. */
static void
test_gone_while_opening(void **state)
{
	struct request	req;
	struct wm_msg	m;

	(void)state;
	open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &m);
	gone(SLOT, 0);
	assert_int_equal(failed_error, ECANCELED);
	assert_true(empty());
	reply(&m, 0, WM_OP_NONE, true);	/* for nobody */
}

/* The name is free at once, slot and quota are not; what is said of the slot's
 * last link does not hit the next one. */
static void
test_closing(void **state)
{
	struct request	 req;
	struct vlink	*l, *next;
	struct wm_msg	 m, destroy;
	uint32_t	 slot;
	char		 detail[128];
	struct link_spec s = spec_of(LINK_HOST, LEASE_SESSION, "lab");

	(void)state;
	slot = identity_slot(d.key, UID, "lab");
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", slot);
	expect(WM_CREATE, slot, &m);
	reply(&m, 0, WM_OP_NONE, true);
	reap_link(l, "test");
	reap_link(l, "a second time");
	expect(WM_DESTROY, slot, &destroy);
	assert_int_not_equal(destroy.seq, 0);
	expect_silence();
	assert_null(vlink_by_name(&d, UID, "lab"));
	assert_ptr_equal(vlink_by_id(&d, l->rec.id), l);
	assert_int_equal(used(UID), 1);

	assert_int_equal(plan_link(&d, UID, &s, &slot, detail,
	    sizeof(detail)), PLAN_OK);
	assert_int_not_equal(slot, l->slot);
	next = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", slot);
	expect(WM_CREATE, slot, &m);
	reply(&m, 0, WM_OP_NONE, true);
	assert_ptr_equal(vlink_by_name(&d, UID, "lab"), next);
	assert_int_equal(used(UID), 2);

	gone(next->slot, destroy.seq);	/* of another slot */
	assert_int_equal(next->state, LINK_UP);
	gone(l->slot, destroy.seq + 7);	/* of another DESTROY */
	assert_int_equal(used(UID), 2);
	slot = l->slot;
	gone(slot, destroy.seq);
	assert_null(vlink_by_slot(&d, slot));
	assert_int_equal(used(UID), 1);
	assert_ptr_equal(vlink_by_name(&d, UID, "lab"), next);

	/* The slot's next link, and the old answer once more. */
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "new", slot);
	expect(WM_CREATE, slot, &m);
	gone(slot, destroy.seq);
	assert_ptr_equal(vlink_by_slot(&d, slot), l);
	assert_int_equal(l->state, LINK_OPENING);
}

/* What is no message, or none that a warden sends, is dropped with its
 * descriptors. */
static void
test_strange_messages(void **state)
{
	static const uint32_t	types[] = { 0, WM_CREATE, WM_KEEP, WM_DESTROY,
	    WM_TYPES, UINT32_MAX };
	struct request		req;
	struct wm_msg		m;
	size_t			i;
	int			fds[2];

	(void)state;
	log_init("test", LOG_L_ERROR, 1);
	open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	memset(&m, 0, sizeof(m));
	m.slot = SLOT;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		m.type = types[i];
		assert_int_equal(pipe(fds), 0);
		say(&m, fds, 2);
	}
	m.type = WM_REPLY;
	assert_int_equal(wire_send(warden, &m, sizeof(m) - 1, NULL, 0),
	    sizeof(m) - 1);
	pump();
	assert_int_equal(nopened + nfailed, 0);
	m.slot = UINT32_MAX;
	assert_int_equal(pipe(fds), 0);
	wire_close(&fds[1]);
	say(&m, fds, 1);
	assert_int_equal(nopened + nfailed, 0);
}

/* ---- States ------------------------------------------------------------ */

/* What the warden is told of a capture, and that its answers are passed on. */
static void
test_capture(void **state)
{
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 m, created;
	unsigned int	 nfds;
	uint32_t	 seq;
	int		 fds[2] = { warden, warden };

	(void)state;
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "lab", SLOT);
	expect(WM_CREATE, SLOT, &created);
	reply(&created, 0, WM_OP_NONE, true);
	ncaptured = ncapture_over = 0;

	assert_int_equal(wcall_capture(l, true, 96, 7, fds, &seq), 0);
	assert_true(heard(&m, &nfds));
	assert_int_equal(m.type, WM_CAPTURE);
	assert_int_equal(m.slot, SLOT);
	assert_int_equal(m.seq, seq);
	assert_int_equal(m.flags, WMF_INVERT);
	assert_int_equal(m.snaplen, 96);
	assert_int_equal(m.insns, 7);
	assert_int_equal(nfds, 2);

	assert_int_equal(wcall_capture(l, false, 96, 0, fds, &seq), 0);
	assert_true(heard(&m, &nfds));
	assert_int_equal(m.flags, 0);
	assert_int_equal(m.insns, 0);
	assert_int_equal(nfds, 1);

	m.type = WM_CAPTURED;
	say(&m, NULL, 0);
	assert_int_equal(ncaptured, 1);
	m.type = WM_CAPTURE_END;
	say(&m, NULL, 0);
	assert_int_equal(ncapture_over, 1);
	expect_silence();
}

static void
test_moves(void **state)
{
	/* From the line to the column; D: opened, c: changed, x: closed. */
	static const char *const want[LINK_STATES] = {
		/*                 opening up detached orphan closing gone */
		[LINK_OPENING] =  "-" "D" "D" "-" "c" "x",
		[LINK_UP] =       "-" "-" "c" "-" "c" "x",
		[LINK_DETACHED] = "-" "c" "-" "-" "c" "x",
		[LINK_ORPHAN] =   "-" "c" "c" "-" "c" "x",
		[LINK_CLOSING] =  "-" "-" "-" "-" "-" "x",
		[LINK_GONE] =     "-" "-" "-" "-" "-" "-",
	};
	struct request	 req;
	struct vlink	*l;
	int		 from, to;
	bool		 moved;

	(void)state;
	log_init("test", LOG_L_ERROR, 1);
	for (from = 0; from < LINK_STATES; from++)
		for (to = 0; to < LINK_STATES; to++) {
			l = open_link(&req, LINK_PAIR, LEASE_SESSION, "lab",
			    BOUND_UNITS);
			l->state = (enum link_state)from;
			nevents = 0;
			vlink_move(l, (enum link_state)to);
			moved = want[from][to] != '-';
			assert_int_equal(l->state, moved ? to : from);
			assert_int_equal(nevents, moved);
			if (moved)
				assert_string_equal(events[0].event,
				    want[from][to] == 'D' ? "opened" :
				    want[from][to] == 'c' ? "changed" :
				    "closed");
			assert_int_equal(events[0].state,
			    moved ? to : (int)events[0].state);
			vlink_free(l);
		}
	assert_null(client.ties);
}

static void
test_ties(void **state)
{
	struct tie	t[3];
	int		i;

	(void)state;
	memset(t, 0, sizeof(t));
	for (i = 0; i < 3; i++)
		tie_bind(&t[i], &client);
	assert_ptr_equal(client.ties, &t[2]);
	tie_unbind(&t[1]);
	assert_ptr_equal(t[2].next, &t[0]);
	assert_ptr_equal(t[0].prev, &t[2].next);
	tie_unbind(&t[1]);
	tie_unbind(&t[2]);
	assert_ptr_equal(client.ties, &t[0]);
	tie_bind(&t[1], &other);
	tie_unbind(&t[0]);
	assert_null(client.ties);
	tie_unbind(&t[1]);
	assert_null(other.ties);
}

static void
test_find(void **state)
{
	static const struct {
		const char	*text;
		uid_t		 uid;
		int		 want;	/* 0: lab, 1: the other's lab, -1 */
	} rows[] = {
		{ "lab", UID, 0 }, { "lab", UID + 1, 1 }, { "lab", 0, -1 },
		{ "1000/lab", UID, 0 }, { "1000/lab", 0, 0 },
		{ "1001/lab", 0, 1 }, { "1001/lab", UID, -1 },
		{ "@1", UID, 0 }, { "@1", 0, 0 }, { "@1", UID + 1, -1 },
		{ "@2", UID + 1, 1 }, { "@3", 0, -1 }, { "@0", 0, -1 },
		{ "", UID, -1 }, { "@", UID, -1 }, { "@x", UID, -1 },
		{ "@1x", UID, -1 }, { "1", UID, -1 }, { "/lab", UID, -1 },
		{ "1000/", UID, -1 }, { "/", UID, -1 }, { "x/lab", UID, -1 },
		{ "1000x/lab", UID, -1 }, { "1000/lab/x", UID, -1 },
		{ "-1/lab", UID, -1 }, { "4294968296/lab", UID, -1 },
		{ "@18446744073709551617", UID, -1 }, { "LAB", UID, -1 },
	};
	struct link_spec s = spec_of(LINK_PAIR, LEASE_NAMED, "lab");
	struct request	 req = { .conn = &client };
	struct vlink	*l[2];
	struct peer	 peer;
	size_t		 i;

	(void)state;
	l[0] = open_spec(&req, &s, BOUND_UNITS);
	assert_int_equal(vlink_open(&d, &req, UID + 1, &s, BOUND_UNITS + 1,
	    -1), 0);
	l[1] = vlink_by_slot(&d, BOUND_UNITS + 1);
	memset(&peer, 0, sizeof(peer));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		peer.uid = rows[i].uid;
		if (vlink_find(&d, &peer, rows[i].text) !=
		    (rows[i].want < 0 ? NULL : l[rows[i].want]))
			fail_msg("'%s' by uid %u", rows[i].text,
			    (unsigned int)rows[i].uid);
	}
	assert_null(vlink_by_slot(&d, BOUND_SLOTS));
	assert_null(vlink_by_slot(&d, UINT32_MAX));
}

/* ---- After a crash ----------------------------------------------------- */

static void
restore(const struct link_spec *s, uint32_t slot, uint32_t flags, bool bad)
{
	struct wm_msg	m;
	int		fds[2], n = 0, i;

	memset(&m, 0, sizeof(m));
	m.type = WM_RESTORE;
	m.slot = slot;
	m.flags = flags;
	m.record.version = LINK_RECORD_VERSION + bad;
	m.record.uid = UID;
	m.record.id = slot + 100;
	m.record.spec = *s;
	for (i = 0; i < 2; i++)
		if (flags & (i == 0 ? WMF_END0 : WMF_END1))
			assert_true((fds[n++] = open("/dev/null", O_RDWR)) >=
			    0);
	say(&m, fds, (unsigned int)n);
}

static void
test_restore(void **state)
{
	struct link_spec s;
	struct request	 req;
	struct vlink	*l;
	struct wm_msg	 m;
	unsigned int	 n;

	(void)state;
	s = spec_of(LINK_HOST, LEASE_NAMED, "host");
	restore(&s, 1, WMF_END0, false);
	l = vlink_by_slot(&d, 1);
	assert_int_equal(l->state, LINK_DETACHED);
	assert_true(vlink_port_free(l, 0));
	assert_int_equal(l->rec.id, 101);
	/* Its descriptor went with an old warden. */
	s = spec_of(LINK_HOST, LEASE_NAMED, "held");
	restore(&s, 2, WMF_HELD, false);
	assert_false(vlink_port_free(vlink_by_slot(&d, 2), 0));
	/* A named pair without descriptors is made anew, and kept. */
	s = spec_of(LINK_PAIR, LEASE_NAMED, "pair");
	restore(&s, BOUND_UNITS, 0, false);
	l = vlink_by_slot(&d, BOUND_UNITS);
	assert_true(vlink_port_free(l, 0));
	assert_true(vlink_port_free(l, 1));
	assert_true(heard(&m, &n));
	assert_int_equal(m.type, WM_KEEP);
	assert_int_equal(m.slot, BOUND_UNITS);
	assert_int_equal(n, 2);
	reply(&m, 0, WM_OP_NONE, false);
	assert_int_equal(l->state, LINK_DETACHED);
	/* What cannot be. */
	restore(&s, 3, WMF_END0 | WMF_END1, true);
	assert_null(vlink_by_slot(&d, 3));
	restore(&s, 1, WMF_END0, false);
	assert_string_equal(vlink_by_slot(&d, 1)->rec.spec.name, "host");
	s.kind = LINK_KINDS;
	restore(&s, 4, 0, false);
	assert_null(vlink_by_slot(&d, 4));
	restore(&s, BOUND_SLOTS, 0, false);
	/* New ids are past the old ones. */
	l = open_link(&req, LINK_HOST, LEASE_SESSION, "next", 9);
	assert_true(l->rec.id > 101);
	/* And the end of one that was found is the warden's work, too. */
	expect(WM_CREATE, 9, &m);
	reap_link(vlink_by_slot(&d, 1), "test");
	expect(WM_DESTROY, 1, &m);
	memset(&m, 0, sizeof(m));
	m.type = WM_READY;
	say(&m, NULL, 0);
	assert_int_equal(readies, 1);
}

/* What no broker that is itself would have the warden keep. */
static void
test_restore_bad(void **state)
{
	struct link_spec	 good = spec_of(LINK_HOST, LEASE_NAMED, "good");
	struct wm_msg		 m;
	struct link_record	*r = &m.record;
	struct end_spec		*e = r->spec.end;
	struct link_spec	*s = &r->spec;
	int			 fds[2] = { -1, -1 }, i;

	(void)state;
	assert_int_equal(prefix_parse("10.0.0.1/30", &good.end[1].addr[0]), 0);
	good.end[1].naddr = 1;
	for (i = 0; ; i++) {
		memset(&m, 0, sizeof(m));
		m.type = WM_RESTORE;
		m.kind = LINK_HOST;
		r->version = LINK_RECORD_VERSION;
		r->uid = UID;
		r->id = 5;
		*s = good;
		switch (i) {
		case 0:
			e[1].addr[0].len = 255;
			break;
		case 1:
			e[1].naddr = 255;
			break;
		case 2:
			e[0].class = 200;
			break;
		case 3:
			memset(s->name, 'a', sizeof(s->name));
			break;
		case 4:
			s->nlabels = 1;
			memset(s->labels[0].value, 'a',
			    sizeof(s->labels[0].value));
			break;
		case 5:
			memset(s->labels[7].key, 'a', sizeof(s->labels[7].key));
			break;
		case 6:
			s->nlabels = BOUND_LABELS + 1;
			break;
		case 7:
			e[1].addr[0].family = 5;
			break;
		case 8:
			s->kind = LINK_PAIR;
			break;
		case 9:
			r->id = UINT64_MAX;
			break;
		case 10:
			r->id = 0;
			break;
		case 11:
			e[0].class = CLASS_AUTO;
			break;
		case 12:
			e[0].take = TAKE_UNSET;
			break;
		case 13:
			s->mtu = 0;
			break;
		case 14:
			s->lease = LEASES;
			break;
		case 15:
			e[1].kind = END_KINDS;
			break;
		default:
			/* And what one would. */
			e[1].addr_auto = 1;
			vlink_restore(&d, &m, fds);
			assert_non_null(vlink_by_slot(&d, 0));
			return;
		}
		vlink_restore(&d, &m, fds);
		if (vlink_by_slot(&d, 0) != NULL)
			fail_msg("row %d is taken", i);
	}
}

/* A pair is made anew, and the warden cannot be told. */
static void
test_restore_not_kept(void **state)
{
	struct link_spec s = spec_of(LINK_PAIR, LEASE_NAMED, "pair");
	struct wm_msg	 m;
	struct vlink	*l;
	int		 fds[2] = { -1, -1 };

	(void)state;
	memset(&m, 0, sizeof(m));
	m.type = WM_RESTORE;
	m.kind = LINK_PAIR;
	m.slot = BOUND_UNITS;
	m.record.version = LINK_RECORD_VERSION;
	m.record.uid = UID;
	m.record.id = 1;
	m.record.spec = s;
	send_error = EPIPE;
	vlink_restore(&d, &m, fds);
	send_error = 0;
	assert_non_null(l = vlink_by_slot(&d, BOUND_UNITS));
	assert_int_equal(l->state, LINK_DETACHED);
	assert_true(vlink_port_free(l, 0));
}

static int64_t
monotonic(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void
tick(void)
{
	event_active(d.reap_timer, EV_TIMEOUT, 0);
	pump();
}

static void
test_grace(void **state)
{
	struct link_spec s;
	struct vlink	*l[2];
	struct wm_msg	 m;

	(void)state;
	d.policy->grace_secs = 30;
	s = spec_of(LINK_HOST, LEASE_SESSION, "a");
	restore(&s, 0, 0, false);
	s = spec_of(LINK_HOST, LEASE_SESSION, "b");
	restore(&s, 1, 0, false);
	for (uint32_t i = 0; i < 2; i++) {
		l[i] = vlink_by_slot(&d, i);
		assert_int_equal(l[i]->state, LINK_ORPHAN);
		assert_in_range(l[i]->deadline, monotonic() + 28,
		    monotonic() + 30);
		assert_false(vlink_port_free(l[i], 0));
	}
	assert_int_equal(reap_start(&d), 0);
	tick();
	assert_int_equal(l[0]->state, LINK_ORPHAN);
	/* That a port is given back, or closed by the relay, is no owner. */
	nevents = 0;
	vlink_port_release(l[1], 0);
	assert_int_equal(l[1]->state, LINK_ORPHAN);
	assert_int_equal(nevents, 1);
	/* One is resumed, the other one's time is over. */
	tie_bind(&l[0]->lease, &client);
	vlink_settle(l[0]);
	assert_int_equal(l[0]->state, LINK_UP);
	l[0]->deadline = l[1]->deadline = monotonic();
	tick();
	assert_int_equal(l[0]->state, LINK_UP);
	assert_int_equal(l[1]->state, LINK_CLOSING);
	expect(WM_DESTROY, 1, &m);
	/* An idle daemon sleeps. */
	assert_null(d.reap_timer);
	client_dies(&client);
	expect(WM_DESTROY, 0, &m);
}

/* ---- Slices ------------------------------------------------------------ */

/* More than the warden is told to end at once. */
#define MANY	1200

/* Session links of CLIENT on the slots from 0 up. */
static void
open_many(unsigned int n)
{
	struct request	req;
	struct wm_msg	m;
	unsigned int	i;
	char		name[16];

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		open_link(&req, LINK_HOST, LEASE_SESSION, name, i);
		expect(WM_CREATE, i, &m);
		reply(&m, 0, WM_OP_NONE, true);
	}
	client.req = NULL;
	assert_int_equal(nopened, n);
	assert_int_equal(used(UID), n);
}

/* One turn of the event loop, where pump takes all that follow each other. */
static void
turn(void)
{
	assert_true(event_base_loop(d.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >=
	    0);
}

/* The next message that was sent, without a turn of the event loop. */
static bool
sent(struct wm_msg *m)
{
	return recv(warden, m, sizeof(*m), MSG_DONTWAIT) == sizeof(*m);
}

/* Take all messages there are now: so many, each a DESTROY. */
static unsigned int
destroys(uint32_t seq[MANY])
{
	struct wm_msg	m;
	unsigned int	n = 0;

	for (; sent(&m); n++) {
		assert_int_equal(m.type, WM_DESTROY);
		assert_true(m.slot < MANY);
		assert_int_equal(seq[m.slot], 0);
		seq[m.slot] = m.seq;
	}
	return n;
}

/* A client with many links goes. All of them are closing at once, and their
 * names are free, but the work is not done in one go: between its slices others
 * are served. */
static void
test_slices(void **state)
{
	enum { LINKS = 300 };
	uint32_t	 seq[MANY] = { 0 };
	struct request	 req;
	struct wm_msg	 m;
	unsigned int	 i, n, turns = 0;

	(void)state;
	open_many(LINKS);
	client_dies(&client);
	for (i = 0; i < LINKS; i++)
		assert_int_equal(vlink_by_slot(&d, i)->state, LINK_CLOSING);
	assert_null(vlink_by_name(&d, UID, "n0"));
	assert_null(vlink_by_name(&d, UID, "n299"));
	assert_int_equal(used(UID), LINKS);
	n = destroys(seq);
	assert_in_range(n, 1, LINKS / 4);

	/* The same client again, and it wants one of the names. */
	open_link(&req, LINK_HOST, LEASE_SESSION, "n299", LINKS);
	assert_true(sent(&m));
	assert_int_equal(m.type, WM_CREATE);
	assert_false(sent(&m));

	/* One that waits is closed by hand, another one's interface goes. */
	reap_link(vlink_by_slot(&d, LINKS - 1), "test");
	reap_link(vlink_by_slot(&d, 0), "test");
	for (i = 0; i < LINKS && seq[i] != 0; i++)
		;
	reap_gone(vlink_by_slot(&d, i));
	assert_null(vlink_by_slot(&d, i));
	seq[i] = UINT32_MAX;
	for (n++; n < LINKS; turns++) {
		turn();
		i = destroys(seq);
		assert_in_range(i, 1, LINKS / 4);
		n += i;
	}
	assert_true(turns >= 3);
	pump();
	assert_false(sent(&m));
	for (i = 0; i < LINKS; i++)
		if (seq[i] != UINT32_MAX)
			gone(i, seq[i]);
	assert_int_equal(used(UID), 1);
}

/* The same until there are no more, in whatever pieces the channel has room
 * for. */
static unsigned int
all_destroys(uint32_t seq[MANY])
{
	unsigned int	n = 0, told;

	do {
		told = n;
		pump();
		n += destroys(seq);
	} while (n > told);
	return n;
}

/* The warden is told no more than it has a use for. */
static void
test_slices_wait(void **state)
{
	static uint32_t	 seq[MANY];
	unsigned int	 i, n;

	(void)state;
	memset(seq, 0, sizeof(seq));
	open_many(MANY);
	client_dies(&client);
	n = all_destroys(seq);
	assert_in_range(n, MANY / 2, MANY - 1);
	/* One less to remove, one more to be told. The first are the last that
	 * were opened. */
	for (i = MANY - 1; n < MANY; i--) {
		gone(i, seq[i]);
		assert_int_equal(all_destroys(seq), 1);
		n++;
	}
	do
		gone(i, seq[i]);
	while (i-- > 0);
	assert_true(empty());
}

/* The daemon stops in the middle of it: what was not told to the warden is
 * forgotten, as broker_clear wants it. */
static void
test_slices_stop(void **state)
{
	uint32_t	seq[MANY] = { 0 };
	unsigned int	n;

	(void)state;
	open_many(300);
	client_dies(&client);
	turn();
	n = destroys(seq);
	assert_in_range(n, 1, 200);
	d.stopping = true;
	wcall_stop(&d);
	reap_go_on(&d);
	assert_in_range(used(UID), n, 200);
}

/* Without a warden there is nothing to wait for but the turns. */
static void
test_slices_alone(void **state)
{
	struct request	req;
	unsigned int	i;
	char		name[16];

	(void)state;
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		open_link(&req, LINK_PAIR, LEASE_SESSION, name,
		    BOUND_UNITS + i);
	}
	client_dies(&client);
	assert_in_range(used(UID), 200, 299);
	for (i = 0; i < 5; i++)
		pump();
	assert_true(empty());
}

/* The channel is full: messages wait, with their descriptors, in order. */
static void
test_full_channel(void **state)
{
	struct request	req;
	struct wm_msg	m;
	unsigned int	i, n, many = 400;
	int		size = 64 * 1024;
	char		name[16];

	(void)state;
	assert_int_equal(setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &size,
	    sizeof(size)), 0);
	for (i = 0; i < many; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		/* Named pairs: two descriptors each. */
		open_link(&req, LINK_PAIR, LEASE_NAMED, name, BOUND_UNITS + i);
		if (i == 200)
			open_link(&req, LINK_HOST, LEASE_NAMED, "host", 0);
	}
	for (i = 0; i <= many; i++) {
		assert_true(heard(&m, &n));
		assert_int_equal(m.slot, i <= 200 ? BOUND_UNITS + i :
		    i == 201 ? 0 : BOUND_UNITS + i - 1);
		assert_int_equal(n, i == 201 ? 0 : 2);
	}
	expect_silence();
}

/* ---- Plans ------------------------------------------------------------- */

static enum plan_refusal
plan(struct link_spec *s, uint32_t *slot)
{
	static char	detail[192];

	return plan_link(&d, UID, s, slot, detail, sizeof(detail));
}

static void
test_no_room(void **state)
{
	struct request	req[2];
	struct wm_msg	m;
	struct timespec	start, now;

	(void)state;
	no_room = 4;
	clock_gettime(CLOCK_MONOTONIC, &start);
	open_link(&req[0], LINK_HOST, LEASE_NAMED, "a", SLOT);
	open_link(&req[1], LINK_HOST, LEASE_NAMED, "b", SLOT + 1);
	/* The socket looks writable, and is not tried for that. */
	expect_silence();
	assert_int_equal(no_room, 3);
	while (no_room > 0)
		assert_int_equal(event_base_loop(d.base, EVLOOP_ONCE), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true((now.tv_sec - start.tv_sec) * 1000 +
	    (now.tv_nsec - start.tv_nsec) / 1000000 >= 14);
	assert_int_equal(event_base_loop(d.base, EVLOOP_ONCE), 0);
	expect(WM_CREATE, SLOT, &m);
	expect(WM_CREATE, SLOT + 1, &m);
	gone(SLOT, 0);
	gone(SLOT + 1, 0);
}

static void
test_plan_names(void **state)
{
	struct link_spec s;
	struct request	 req;
	uint32_t	 slot;

	(void)state;
	open_link(&req, LINK_PAIR, LEASE_NAMED, "lab", BOUND_UNITS);
	s = spec_of(LINK_PAIR, LEASE_NAMED, "lab");
	assert_int_equal(plan(&s, &slot), PLAN_NAME_IN_USE);
	s = spec_of(LINK_PAIR, LEASE_NAMED, "lab");
	assert_int_equal(plan_link(&d, UID + 1, &s, &slot, NULL, 0), PLAN_OK);
	/* Without a name: one that is free, though somebody took the next. */
	open_link(&req, LINK_PAIR, LEASE_NAMED, "link3", BOUND_UNITS + 1);
	s = spec_of(LINK_PAIR, LEASE_SESSION, "");
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_string_equal(s.name, "link4");
	assert_int_equal(slot, BOUND_UNITS + 2);
}

static void
test_plan_slots(void **state)
{
	struct link_spec s = spec_of(LINK_HOST, LEASE_NAMED, "lab");
	struct request	 req;
	uint32_t	 slot, first, i;
	char		 name[16];

	(void)state;
	assert_int_equal(plan(&s, &first), PLAN_OK);
	assert_int_equal(first, identity_slot(d.key, UID, "lab"));
	open_link(&req, LINK_HOST, LEASE_NAMED, "squatter", first);
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_int_equal(slot, (first + 1) % BOUND_UNITS);
	/* All of them. */
	for (i = 0; i < BOUND_UNITS; i++) {
		if (vlink_by_slot(&d, i) != NULL)
			continue;
		snprintf(name, sizeof(name), "n%u", i);
		open_link(&req, LINK_HOST, LEASE_NAMED, name, i);
	}
	assert_int_equal(plan(&s, &slot), PLAN_NO_SLOT);
	s = spec_of(LINK_PAIR, LEASE_NAMED, "lab");
	assert_int_equal(plan(&s, &slot), PLAN_OK);
}

/* A link without a name of its own has the slot that the warden is ready for. */
static void
test_plan_ready(void **state)
{
	struct link_spec s = spec_of(LINK_HOST, LEASE_SESSION, "");
	struct request	 req;
	struct wm_msg	 m;
	uint32_t	 slot;

	(void)state;
	open_link(&req, LINK_HOST, LEASE_SESSION, "first", 7);
	expect(WM_CREATE, 7, &m);
	ready = 77;
	reply(&m, 0, WM_OP_NONE, true);
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_int_equal(slot, 77);
	/* Not so one that has a name, */
	s = spec_of(LINK_HOST, LEASE_SESSION, "lab");
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_int_equal(slot, identity_slot(d.key, UID, "lab"));
	/* or is not made of a spare, */
	s = spec_of(LINK_WIRE, LEASE_SESSION, "");
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_int_not_equal(slot, 77);
	s = spec_of(LINK_HOST, LEASE_SESSION, "");
	s.end[0].offloads = 1;
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_int_not_equal(slot, 77);
	/* or when it is somebody's meanwhile. */
	open_link(&req, LINK_HOST, LEASE_SESSION, "second", 77);
	s = spec_of(LINK_HOST, LEASE_SESSION, "");
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_int_not_equal(slot, 77);
	expect(WM_CREATE, 77, &m);
	ready = BOUND_SLOTS;
	reply(&m, 0, WM_OP_NONE, true);
	s = spec_of(LINK_HOST, LEASE_SESSION, "");
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	assert_int_equal(slot, identity_slot(d.key, UID, s.name));
}

static void
test_plan_macs(void **state)
{
	struct link_spec s = spec_of(LINK_PAIR, LEASE_NAMED, "lab"), t = s;
	uint8_t		 mac[6];
	uint32_t	 slot;

	(void)state;
	assert_int_equal(plan(&s, &slot), PLAN_OK);
	identity_mac(d.key, UID, "lab", 0, mac);
	assert_memory_equal(s.end[0].mac, mac, 6);
	identity_mac(d.key, UID, "lab", 1, mac);
	assert_memory_equal(s.end[1].mac, mac, 6);
	/* Somebody asks for the MAC that the other end would have. */
	t.end[0].mac_set = 1;
	memcpy(t.end[0].mac, mac, 6);
	assert_int_equal(plan(&t, &slot), PLAN_OK);
	assert_memory_equal(t.end[0].mac, mac, 6);
	assert_memory_not_equal(t.end[1].mac, mac, 6);
}

static void
candidate(const char *name, int pool, uint32_t n, struct prefix *a,
    struct prefix *b)
{
	assert_int_equal(identity_prefix(d.key, UID, name, pool == 4 ?
	    &d.policy->pool4 : &d.policy->pool6, n, a, b), 0);
}

static void
test_plan_auto(void **state)
{
	struct link_spec s = spec_of(LINK_HOST, LEASE_NAMED, "lab"), t;
	struct prefix	 a, b;
	struct request	 req;
	uint32_t	 slot;

	(void)state;
	/* Both sides are told, whichever asked; the host is .1. */
	s.end[0].addr_auto = 1;
	t = s;
	assert_int_equal(plan(&t, &slot), PLAN_OK);
	assert_int_equal(t.end[0].naddr, 2);
	assert_int_equal(t.end[1].naddr, 2);
	candidate("lab", 4, 0, &a, &b);
	assert_memory_equal(&t.end[1].addr[0], &a, sizeof(a));
	assert_memory_equal(&t.end[0].addr[0], &b, sizeof(b));
	candidate("lab", 6, 0, &a, &b);
	assert_memory_equal(&t.end[1].addr[1], &a, sizeof(a));

	/* Another link has an address in the first candidate. */
	t = spec_of(LINK_HOST, LEASE_NAMED, "squatter");
	candidate("lab", 4, 0, &a, &b);
	t.end[1].naddr = 1;
	t.end[1].addr[0] = a;
	open_spec(&req, &t, 0);
	t = s;
	assert_int_equal(plan(&t, &slot), PLAN_OK);
	candidate("lab", 4, 1, &a, &b);
	assert_memory_equal(&t.end[1].addr[0], &a, sizeof(a));

	/* Routes of the host are passed over. */
	t = s;
	overlap_asked = 0;
	overlap_first = 5;
	assert_int_equal(plan(&t, &slot), PLAN_OK);
	candidate("lab", 4, 6, &a, &b);
	assert_memory_equal(&t.end[1].addr[0], &a, sizeof(a));

	/* No end to them; no answer. */
	t = s;
	overlap_first = 0;
	overlap_answer = 1;
	assert_int_equal(plan(&t, &slot), PLAN_NO_PREFIX);
	/* One route over all of the pool: there is nothing to look for. */
	t = s;
	overlap_asked = 0;
	overlap_with = "10.252.0.0/15";
	assert_int_equal(plan(&t, &slot), PLAN_NO_PREFIX);
	assert_int_equal(overlap_asked, 1);
	t = s;
	overlap_answer = -EIO;
	assert_int_equal(plan(&t, &slot), PLAN_SYSTEM);
	overlap_answer = 0;

	/* IPv6 needs an MTU of 1280. */
	t = s;
	t.mtu = 1279;
	assert_int_equal(plan(&t, &slot), PLAN_OK);
	assert_int_equal(t.end[0].naddr, 1);

	/* A wire has addresses where they were asked for only. */
	t = spec_of(LINK_WIRE, LEASE_NAMED, "wire");
	t.end[1].addr_auto = 1;
	assert_int_equal(plan(&t, &slot), PLAN_OK);
	assert_int_equal(t.end[0].naddr, 0);
	assert_int_equal(t.end[1].naddr, 2);
}

static void
test_plan_overlap(void **state)
{
	struct link_spec s = spec_of(LINK_HOST, LEASE_NAMED, "lab"), t;
	struct request	 req;
	uint32_t	 slot;
	char		 detail[192] = "";

	(void)state;
	assert_int_equal(prefix_parse("10.9.0.1/24", &s.end[1].addr[0]), 0);
	s.end[1].naddr = 1;
	t = s;
	assert_int_equal(plan(&t, &slot), PLAN_OK);
	overlap_answer = 1;
	t = s;
	assert_int_equal(plan_link(&d, UID, &t, &slot, detail, sizeof(detail)),
	    PLAN_OVERLAP);
	assert_non_null(strstr(detail, "192.0.2.0/24"));
	overlap_answer = -EIO;
	t = s;
	assert_int_equal(plan(&t, &slot), PLAN_SYSTEM);
	overlap_answer = 0;
	/* Of another link of ours, even if the host has no route yet. */
	t = s;
	strcpy(t.name, "squatter");
	open_spec(&req, &t, 0);
	t = s;
	assert_int_equal(prefix_parse("10.9.0.128/25", &t.end[1].addr[0]), 0);
	assert_int_equal(plan_link(&d, UID, &t, &slot, detail, sizeof(detail)),
	    PLAN_OVERLAP);
	assert_non_null(strstr(detail, "another link"));
	/* Addresses of ports are only told. */
	t = spec_of(LINK_PAIR, LEASE_NAMED, "pair");
	t.end[0].naddr = 1;
	assert_int_equal(prefix_parse("10.9.0.1/24", &t.end[0].addr[0]), 0);
	assert_int_equal(plan(&t, &slot), PLAN_OK);
}

#define ALONE(t)	cmocka_unit_test_setup_teardown(t, setup_alone, teardown)
#define WITH(t)		cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		ALONE(test_pair),
		WITH(test_host),
		WITH(test_host_without_port),
		WITH(test_create_flags),
		WITH(test_keep),
		ALONE(test_not_taken),
		WITH(test_fails_at_each_step),
		WITH(test_late_answers),
		WITH(test_fails_strangely),
		WITH(test_next_slot),
		WITH(test_no_slot_at_last),
		WITH(test_no_ipv6),
		WITH(test_no_warden),
		WITH(test_client_dies_while_opening),
		WITH(test_client_of_named_dies_while_opening),
		WITH(test_closed_while_opening),
		WITH(test_gone_by_itself),
		WITH(test_gone_while_opening),
		WITH(test_closing),
		WITH(test_strange_messages),
		WITH(test_capture),
		ALONE(test_moves),
		ALONE(test_ties),
		ALONE(test_find),
		WITH(test_restore), WITH(test_restore_not_kept),
		WITH(test_restore_bad),
		WITH(test_grace),
		WITH(test_slices), WITH(test_slices_wait),
		WITH(test_slices_stop), ALONE(test_slices_alone),
		WITH(test_full_channel),
		WITH(test_no_room),
		ALONE(test_plan_names),
		WITH(test_plan_slots), WITH(test_plan_ready),
		ALONE(test_plan_macs),
		WITH(test_plan_auto),
		WITH(test_plan_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

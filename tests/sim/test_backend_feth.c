/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_feth.c, feth_if.c and bpf.c on the simulated macOS, in one process: on
 * each release, with a failure and with a kill at every call that they make.
 * What must hold after each: exactly what is ours is there or gone, and no call
 * was made that harms a real kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Its state is that of a process; a restart is to forget it. */
#include "../../daemon/backend_feth.c"

#include "../create_msg.h"
#include "bpf_record.h"
#include "sim_ops.h"

#define N(a)		(sizeof(a) / sizeof((a)[0]))
#define INSTANCE	0x1122334455667788ULL
#define B		(&backend_feth)
#define RELEASES(r)	for (r = SIM_12; r < SIM_RELEASES; r++)

/* Helpers. */

static void
restart(void)
{
	uint32_t	slot;

	for (slot = 0; slot < BOUND_UNITS; slot++)
		if (fx.unit[slot].dup != 0)
			close(fx.unit[slot].dup - 1);
	memset(&fx, 0, sizeof(fx));
	fx.events = -1;
	assert_int_equal(B->start(INSTANCE), 0);
}

static void
fresh(enum sim_release r)
{
	uint32_t	slot;

	for (slot = 0; slot < BOUND_UNITS; slot++)
		if (fx.unit[slot].dup != 0)
			close(fx.unit[slot].dup - 1);
	memset(&fx, 0, sizeof(fx));
	sim_ops_reset(r);
	restart();
}

/* A message with all that a link can have. */
static struct wm_msg
rich(uint32_t slot, enum link_kind kind, unsigned int flags)
{
	struct wm_msg	m = message(slot, kind, flags);

	add_address(&m, 0, "10.253.0.1/30");
	add_address(&m, 0, "fd66::1/64");
	if (kind == LINK_WIRE) {
		add_address(&m, 1, "10.253.0.2/30");
		add_address(&m, 1, "fd66::2/64");
	}
	return m;
}

static int
try_create(const struct wm_msg *m, struct cable *c, int *fd, enum wm_op *op)
{
	memset(c, 0, sizeof(*c));
	*op = WM_OP_NONE;
	*fd = -1;
	return B->create(m, -1, c, fd, op);
}

static int
create(const struct wm_msg *m, struct cable *c)
{
	enum wm_op	op;
	int		fd, error;

	if ((error = try_create(m, c, &fd, &op)) != 0)
		fail_msg("create: op %d: %s", op, strerror(-error));
	return fd;
}

static void
destroy(struct cable *c)
{
	B->destroy(&c, 1);
	assert_int_equal(c->ifindex[0], 0);
	assert_int_equal(c->ifindex[1], 0);
}

static void
no_hazard(void)
{
	if (sim.hazards != 0)
		fail_msg("%u hazards: %s", sim.hazards, sim.hazard);
}

static void
nothing_left(void)
{
	assert_int_equal(sim_ops_feths(), 0);
	assert_int_equal(sim_ops_nodes(), 0);
	no_hazard();
}

static struct sim_if *
the_if(const char *name)
{
	int	i = sim_find(&sim, name);

	if (i == -1)
		fail_msg("there is no %s", name);
	return &sim.ifs[i];
}

/* Somebody else makes NAME, with a description or without. */
static struct sim_if *
foreign(const char *name, const char *desc)
{
	struct sim_if	*f;

	assert_int_equal(feth_if_create(name), 0);
	f = the_if(name);
	if (desc != NULL) {
		f->desc_len = (uint32_t)strlen(desc);
		memcpy(f->desc, desc, f->desc_len);
	}
	return f;
}

/* Frames. */

static void
frame_fill(uint8_t *p, size_t len, uint8_t seed)
{
	size_t	i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i);
}

static void
stack_sends(const char *name, size_t len, uint8_t seed)
{
	uint8_t	frame[SIM_FRAME];

	frame_fill(frame, len, seed);
	assert_int_equal(sim_stack_output(&sim, sim_find(&sim, name), frame,
	    len), 0);
}

/* What reached the host's protocols. */
static struct {
	unsigned int	n;
	int		i;
	size_t		len;
	uint8_t		frame[SIM_FRAME];
} heard;

static void
hook_stack(int i, const uint8_t *frame, size_t len, void *arg)
{
	(void)arg;
	heard.n++;
	heard.i = i;
	heard.len = len;
	memcpy(heard.frame, frame, len);
}

static struct sim_hooks	listening;

static void
listen_stack(void)
{
	listening = *sim.hooks;
	listening.stack = hook_stack;
	sim.hooks = &listening;
	heard.n = 0;
}

/* The warden, as news come. */

static struct cable	*watched;
static unsigned int	ngone;
static uint32_t		gone_slot;

static struct cable *
find(int ifindex, void *arg)
{
	(void)arg;
	return watched != NULL && ifindex != 0 &&
	    (watched->ifindex[0] == ifindex || watched->ifindex[1] == ifindex) ?
	    watched : NULL;
}

static void
gone(uint32_t slot, void *arg)
{
	(void)arg;
	ngone++;
	gone_slot = slot;
}

static void
monitor(struct cable *c)
{
	watched = c;
	ngone = 0;
	B->monitor(find, gone, NULL);
}

/* What a link is. */

static void
check_side(const struct wm_msg *m, int side, int peer)
{
	char		 name[IFNAMSIZ], mark[64];
	struct sim_if	*f;

	backend_ifname(m->slot, side, name);
	f = the_if(name);
	snprintf(mark, sizeof(mark), "fethd:1122334455667788:%u:%d", m->slot,
	    side);
	assert_int_equal(f->desc_len, strlen(mark));
	assert_memory_equal(f->desc, mark, strlen(mark));
	assert_memory_equal(f->mac, m->mac[side], 6);
	assert_int_equal(f->flags & (DW_IFF_UP | DW_IFF_RUNNING),
	    DW_IFF_UP | DW_IFF_RUNNING);
	backend_ifname(m->slot, peer, name);
	assert_int_not_equal(f->peer, -1);
	assert_string_equal(sim.ifs[f->peer].name, name);
	assert_int_equal(f->naddr, m->naddr[side]);
}

static void
test_names(void **state)
{
	uint32_t	slot = 99;
	int		side = 9;

	(void)state;
	assert_true(name_parse("feth10000", &slot, &side));
	assert_int_equal(slot, 0);
	assert_int_equal(side, 0);
	assert_true(name_parse("feth32765", &slot, &side));
	assert_int_equal(slot, BOUND_UNITS - 1);
	assert_int_equal(side, 1);
	assert_false(name_parse("feth9999", &slot, &side));
	assert_false(name_parse("feth32766", &slot, &side));
	assert_false(name_parse("feth010000", &slot, &side));
	assert_false(name_parse("feth", &slot, &side));
	assert_false(name_parse("feth-1", &slot, &side));
	assert_false(name_parse("feth10000x", &slot, &side));
	assert_false(name_parse("en10000", &slot, &side));
	assert_false(name_parse("feth99999999999999999999", &slot, &side));
}

static void
test_host(void **state)
{
	struct wm_msg	 m = rich(3, LINK_HOST, WMF_RAW);
	struct sim_if	*a, *b;
	struct sim_node	*n;
	struct cable	 c;
	int		 r, fd;

	(void)state;
	RELEASES(r) {
		fresh((enum sim_release)r);
		fd = create(&m, &c);
		assert_int_not_equal(fd, -1);
		check_side(&m, 0, 1);
		m.naddr[1] = 0;
		check_side(&m, 1, 0);
		a = the_if("feth10006");
		b = the_if("feth10007");
		assert_int_equal(c.ifindex[0], a - sim.ifs + 1);
		assert_int_equal(c.ifindex[1], b - sim.ifs + 1);
		assert_int_equal(a->mtu, 1500);
		assert_int_equal(b->mtu, 2048);
		assert_int_equal(a->addr[0].family, 4);
		assert_int_equal(a->addr[0].len, 30);
		assert_memory_equal(a->addr[0].addr, "\x0a\xfd\x00\x01", 4);
		assert_int_equal(a->addr[1].family, 6);
		assert_int_equal(a->addr[1].len, 64);
		assert_memory_equal(a->addr[1].addr, "\xfd\x66\0\0\0\0", 6);
		assert_int_equal(a->addr[1].addr[15], 1);
		assert_false(b->inet || b->inet6);

		n = &sim.nodes[0];
		assert_true(n->open && n->immediate && n->hdrcmplt);
		assert_int_equal(n->direction, DW_BPF_D_IN);
		assert_int_equal(n->blen, 524288);
		assert_int_equal(n->ifi, b - sim.ifs);
		assert_false(n->promisc);
		assert_int_equal(b->dvrtin, r == SIM_15_4 ? 0 : -1);
		/* What only our own reader knows is not for a program. */
		assert_false(n->batch || n->notstamp);
		assert_true(c.raw);
		destroy(&c);
		close(fd);
		nothing_left();
	}
}

static void
test_relayed(void **state)
{
	struct wm_msg	 m = rich(3, LINK_HOST, 0);
	struct sim_node	*n;
	struct cable	 c;
	struct bpf	 b;
	int		 r, fd;

	(void)state;
	RELEASES(r) {
		fresh((enum sim_release)r);
		fd = create(&m, &c);
		n = &sim.nodes[0];
		assert_int_equal(n->batch, r >= SIM_14_4);
		assert_int_equal(n->notstamp, r >= SIM_15_4);
		assert_false(c.raw);
		/* Nothing to look at every second. */
		monitor(&c);
		assert_int_equal(B->monitor_ms(), -1);
		/* What the other process makes of the descriptor. */
		assert_int_equal(bpf_attach(&b, fd), 0);
		assert_int_equal(b.blen, 524288);
		assert_int_equal(b.batch, r >= SIM_14_4);
		assert_int_equal(b.modern, r >= SIM_14_0);
		destroy(&c);
		close(fd);
		nothing_left();
	}
}

static void
test_wire(void **state)
{
	struct wm_msg	m = rich(7, LINK_WIRE, 0);
	struct cable	c;
	int		r;

	(void)state;
	RELEASES(r) {
		fresh((enum sim_release)r);
		m.mtu = 2048;
		assert_int_equal(create(&m, &c), -1);
		check_side(&m, 0, 1);
		check_side(&m, 1, 0);
		assert_int_equal(the_if("feth10014")->mtu, 2048);
		assert_int_equal(the_if("feth10015")->mtu, 2048);
		assert_int_equal(sim_ops_nodes(), 0);
		destroy(&c);
		nothing_left();
	}
}

/* What else was set stays. */
static void
test_flags_kept(void **state)
{
	struct wm_msg	m = message(0, LINK_WIRE, 0);
	struct cable	c;

	(void)state;
	fresh(SIM_15_4);
	sim_ops_born_flags = 0x20 | 0x80 | 0x1000;
	create(&m, &c);
	assert_int_equal(the_if("feth10000")->flags & 0x10a0, 0x10a0);
	assert_int_equal(the_if("feth10001")->flags & 0x10a0, 0x10a0);
	assert_int_equal(feth_if_down("feth10000"), 0);
	assert_int_equal(the_if("feth10000")->flags & 0x10a1, 0x10a0);
	destroy(&c);
	nothing_left();
}

/* MTUs. */

static void
test_mtu(void **state)
{
	static const struct {
		enum sim_release	r;
		uint32_t		mtu;
		enum link_kind		kind;
		int			error, max;
	} cases[] = {
		{ SIM_13, 1500, LINK_HOST, 0, 2048 },
		{ SIM_13, 2030, LINK_HOST, 0, 2048 },
		{ SIM_13, 2031, LINK_HOST, -EMSGSIZE, 2048 },
		{ SIM_13, 9000, LINK_HOST, -EMSGSIZE, 2048 },
		{ SIM_13, 9000, LINK_WIRE, 0, 9000 },
		{ SIM_14_0, 2044, LINK_HOST, 0, 2048 },
		{ SIM_14_0, 2045, LINK_HOST, 0, 2049 },
		{ SIM_15_4, 9000, LINK_HOST, 0, 9004 },
		{ SIM_15_4, 16366, LINK_HOST, 0, 16370 },
		{ SIM_15_4, 16367, LINK_HOST, -EINVAL, 2048 },
		{ SIM_15_4, 16370, LINK_WIRE, 0, 16370 },
		{ SIM_15_4, 16371, LINK_WIRE, -EINVAL, 2048 },
		{ SIM_15_4, 65521, LINK_WIRE, -EINVAL, 2048 },
		{ SIM_15_4, 72, LINK_HOST, 0, 2048 },
		{ SIM_15_4, 71, LINK_HOST, -EINVAL, 2048 },
		{ SIM_15_4, 68, LINK_WIRE, -EINVAL, 2048 },
	};
	struct wm_msg	m;
	struct cable	c;
	struct bpf	b;
	uint8_t		frame[SIM_FRAME] = { 0 };
	enum wm_op	op;
	size_t		i;
	int		fd, value;

	(void)state;
	for (i = 0; i < N(cases); i++) {
		fresh(cases[i].r);
		m = message(0, cases[i].kind,
		    cases[i].kind == LINK_HOST ? WMF_RAW : 0);
		m.mtu = cases[i].mtu;
		assert_int_equal(try_create(&m, &c, &fd, &op), cases[i].error);
		assert_int_equal(sim_sysctl_get(&sim, MAX_MTU, &value), 0);
		assert_int_equal(value, cases[i].max);
		if (cases[i].error != 0) {
			assert_int_equal(op, WM_OP_CHECK);
			assert_non_null(strstr(B->reason(op,
			    -cases[i].error), "MTU"));
			nothing_left();
			continue;
		}
		assert_int_equal(the_if("feth10000")->mtu, cases[i].mtu);
		if (fd != -1) {
			/* The largest frame, with a tag, gets through. */
			assert_int_equal(bpf_attach(&b, fd), 0);
			assert_int_equal(bpf_write(&b, frame,
			    cases[i].mtu + 18, cases[i].mtu + ROOM), 0);
			listen_stack();
			assert_int_equal(darwin_ops.bpf_write(fd, frame,
			    cases[i].mtu + 18), cases[i].mtu + 18);
			assert_int_equal(heard.len, cases[i].mtu + 18);
			close(fd);
		}
		destroy(&c);
		/* Raised, and never lowered. */
		assert_int_equal(sim_sysctl_get(&sim, MAX_MTU, &value), 0);
		assert_int_equal(value, cases[i].max);
		nothing_left();
	}
}

/* It was larger already, or may not be changed, or goes down meanwhile. */
static void
lower_max_mtu(uint32_t request)
{
	if (request == DW_SIOCIFCREATE2)
		assert_int_equal(sim_sysctl_set(&sim, true, MAX_MTU, 1500), 0);
}

static void
test_mtu_setting(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	enum wm_op	op;
	int		fd, value;

	(void)state;
	fresh(SIM_15_4);
	assert_int_equal(sim_sysctl_set(&sim, true, MAX_MTU, 10000), 0);
	fd = create(&m, &c);
	assert_int_equal(the_if("feth10001")->mtu, 10000);
	assert_int_equal(sim_sysctl_get(&sim, MAX_MTU, &value), 0);
	assert_int_equal(value, 10000);
	destroy(&c);
	close(fd);

	fresh(SIM_15_4);
	sim_ops_watch = lower_max_mtu;
	assert_int_equal(try_create(&m, &c, &fd, &op), -EMSGSIZE);
	assert_int_equal(op, WM_OP_CREATE);
	nothing_left();
	/* A link of MTU 1400 does not mind. */
	m.mtu = 1400;
	fd = create(&m, &c);
	destroy(&c);
	close(fd);
	nothing_left();
}

static void
test_settings(void **state)
{
	static const struct {
		const char	*name;
		int		value, error;
	} cases[] = {
		{ "net.link.fake.bsd_mode", 0, -EOPNOTSUPP },
		{ "net.link.fake.fcs", 1, -EOPNOTSUPP },
		{ "net.link.fake.trailer_length", 28, -EOPNOTSUPP },
		{ "net.link.fake.tso_support", 1, -EOPNOTSUPP },
		{ "net.link.fake.hwcsum", 1, -EOPNOTSUPP },
		{ "net.link.fake.lro", 1, 0 },
		{ "net.link.fake.txstart", 0, 0 },
		{ "net.link.fake.vlan_tagging", 0, 0 },
	};
	struct wm_msg	m = message(0, LINK_WIRE, 0);
	struct cable	c;
	char		why[256];
	enum wm_op	op;
	size_t		i;
	int		fd;

	(void)state;
	for (i = 0; i < N(cases); i++) {
		fresh(SIM_15_4);
		assert_int_equal(B->probe(why, sizeof(why)), 0);
		assert_string_equal(why, "");
		assert_int_equal(sim_sysctl_set(&sim, true, cases[i].name,
		    cases[i].value), 0);
		assert_int_equal(B->probe(why, sizeof(why)), cases[i].error);
		assert_int_equal(B->start(INSTANCE), cases[i].error);
		assert_int_equal(try_create(&m, &c, &fd, &op), cases[i].error);
		if (cases[i].error != 0) {
			assert_non_null(strstr(why, cases[i].name));
			assert_non_null(strstr(why, "sysctl -w"));
			assert_int_equal(op, WM_OP_CHECK);
		} else {
			destroy(&c);
		}
		nothing_left();
	}
}

/* Names that are taken, or not free yet. */

static void
test_busy(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	enum wm_op	op;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	destroy(&c);
	close(fd);
	/* At once again: the kernel is still at it. */
	fd = create(&m, &c);
	assert_in_range(sim_ops_slept, 10, 310);
	destroy(&c);
	close(fd);
	/* It takes for ever: as if it were taken, after a bounded wait. */
	sim.detach_ms = 100000;
	fd = create(&m, &c);
	destroy(&c);
	close(fd);
	sim_ops_slept = 0;
	assert_int_equal(try_create(&m, &c, &fd, &op), -EEXIST);
	assert_int_equal(op, WM_OP_CREATE);
	assert_in_range(sim_ops_slept, 100, 1000);
	nothing_left();
}

static void
test_taken(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	enum wm_op	op;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	foreign("feth10001", NULL);
	assert_int_equal(try_create(&m, &c, &fd, &op), -EEXIST);
	assert_int_equal(op, WM_OP_CREATE);
	assert_int_equal(sim_ops_feths(), 1);
	the_if("feth10001");
	foreign("feth10000", "fethd:0000000000000001:0:0");
	assert_int_equal(try_create(&m, &c, &fd, &op), -EEXIST);
	assert_int_equal(sim_ops_feths(), 2);
	assert_int_equal(sim_ops_nodes(), 0);
	no_hazard();
}

static void
test_nodes(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	enum wm_op	op;
	unsigned int	n, used = 0;
	struct bpf	b;
	int		held_fd[DW_BPF_NODES], fd;

	(void)state;
	fresh(SIM_15_4);
	/* tcpdump holds the first two. */
	held_fd[0] = sim_ops_hold(0);
	held_fd[1] = sim_ops_hold(1);
	fd = create(&m, &c);
	assert_true(sim.nodes[2].open);
	destroy(&c);
	close(fd);
	assert_int_equal(sim_ops_nodes(), 2);
	/* Every one there can be. */
	for (n = 2; n < DW_BPF_NODES; n++)
		assert_true((held_fd[n] = sim_ops_hold(n)) >= 0);
	assert_int_equal(try_create(&m, &c, &fd, &op), -ENOSPC);
	assert_int_equal(op, WM_OP_OPEN);
	assert_int_equal(bpf_open(&b, &used), -ENOSPC);
	assert_int_equal(used, DW_BPF_NODES);
	assert_int_equal(b.fd, -1);
	/* A wire needs none. */
	m = message(0, LINK_WIRE, 0);
	create(&m, &c);
	destroy(&c);
	for (n = 0; n < DW_BPF_NODES; n++)
		close(held_fd[n]);
	nothing_left();
	/* What is no "busy" ends the search. */
	sim_fault(&sim, SIM_OPEN, 0, 1, EACCES);
	assert_int_equal(bpf_open(&b, &used), -EACCES);
	sim_fault(&sim, SIM_OPEN, 0, 1, ENXIO);
	assert_int_equal(bpf_open(&b, &used), -ENXIO);
	nothing_left();
}

static void
test_no_memory(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	enum wm_op	op;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	sim_fault(&sim, DW_BIOCSETIF, 0, 2, ENOMEM);
	fd = create(&m, &c);
	assert_int_equal(sim.nodes[0].blen, 131072);
	destroy(&c);
	close(fd);
	sim_fault(&sim, DW_BIOCSETIF, 0, 4, ENOMEM);
	fd = create(&m, &c);
	assert_int_equal(sim.nodes[0].blen, 32768);
	destroy(&c);
	close(fd);
	sim_fault(&sim, DW_BIOCSETIF, 0, 5, ENOMEM);
	assert_int_equal(try_create(&m, &c, &fd, &op), -ENOMEM);
	assert_int_equal(op, WM_OP_SOCKET);
	nothing_left();
}

/* The system's own limit: smaller is taken, too small for a frame is told. */
static void
test_small_buffers(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, 0);
	struct cable	c;
	enum wm_op	op;
	const char	*name;
	int		r, fd;

	(void)state;
	RELEASES(r) {
		name = r >= SIM_13 ? "debug.bpf_bufsize_cap" :
		    "debug.bpf_maxbufsize";
		fresh((enum sim_release)r);
		assert_int_equal(sim_sysctl_set(&sim, true, name, 65536), 0);
		fd = create(&m, &c);
		assert_int_equal(sim.nodes[0].blen, 65536);
		destroy(&c);
		close(fd);
		assert_int_equal(sim_sysctl_set(&sim, true, name, 4096), 0);
		assert_int_equal(try_create(&m, &c, &fd, &op), -ENOBUFS);
		assert_int_equal(op, WM_OP_OPEN);
		assert_non_null(strstr(B->reason(op, ENOBUFS), name));
		assert_null(B->reason(op, ENOMEM));
		nothing_left();
	}
}

/* Failures and kills at every call. */

static uint32_t		trace[256];
static unsigned int	ntrace;

static void
tracing(uint32_t request)
{
	assert_true(ntrace < N(trace));
	trace[ntrace++] = request;
}

/* How often trace[at] was called before. */
static unsigned int
earlier(unsigned int at)
{
	unsigned int	i, n = 0;

	for (i = 0; i < at; i++)
		n += trace[i] == trace[at];
	return n;
}

/* Without these a link is as good, but for the speed; without memory for large
 * buffers, with smaller ones. */
static bool
optional(uint32_t request, int error)
{
	return request == DW_BIOCSBATCHWRITE || request == DW_BIOCSNOTSTAMP ||
	    request == DW_BIOCSDVRTIN ||
	    (request == DW_BIOCSDIRECTION && error == EINVAL) ||
	    (request == DW_BIOCSETIF && error == ENOMEM);
}

static const struct {
	enum link_kind	kind;
	unsigned int	flags;
} kinds[] = { { LINK_HOST, WMF_RAW }, { LINK_HOST, 0 }, { LINK_WIRE, 0 } };

/* The calls of a whole creation, on release R. */
static void
record(enum sim_release r, const struct wm_msg *m)
{
	struct cable	c;
	int		fd;

	fresh(r);
	ntrace = 0;
	sim_ops_watch = tracing;
	fd = create(m, &c);
	sim_ops_watch = NULL;
	destroy(&c);
	if (fd != -1)
		close(fd);
	nothing_left();
}

static void
fail_at(enum sim_release r, const struct wm_msg *m, unsigned int at, int error)
{
	struct cable	c;
	enum wm_op	op;
	int		fd, got;

	fresh(r);
	foreign("feth3", NULL);
	sim_fault(&sim, trace[at], earlier(at), 1, error);
	got = try_create(m, &c, &fd, &op);
	if (got == 0 && optional(trace[at], error)) {
		destroy(&c);
		if (fd != -1)
			close(fd);
	} else if (got == 0) {
		fail_msg("%s: call %u (%x): error %d was not noticed",
		    sim_release_names[r], at, trace[at], error);
	} else {
		/* As the kernel said it, but where that means another thing. */
		assert_true(got == -error || (error == EEXIST &&
		    got == -EADDRINUSE));
		assert_int_equal(fd, -1);
		assert_true(op > WM_OP_NONE && op < WM_OPS);
		assert_int_equal(c.ifindex[0], 0);
		assert_int_equal(c.ifindex[1], 0);
	}
	assert_int_equal(sim_ops_feths(), 1);
	assert_int_equal(sim_ops_nodes(), 0);
	no_hazard();
}

static void
test_fail_everywhere(void **state)
{
	static const int	errors[] = { EPERM, ENXIO, EINVAL, ENOBUFS,
	    ENOMEM, EIO };
	struct wm_msg		m;
	unsigned int		at;
	size_t			k, e;
	int			r;

	(void)state;
	RELEASES(r)
		for (k = 0; k < N(kinds); k++) {
			m = rich(5, kinds[k].kind, kinds[k].flags);
			record((enum sim_release)r, &m);
			for (at = 0; at < ntrace; at++)
				for (e = 0; e < N(errors); e++)
					fail_at((enum sim_release)r, &m, at,
					    errors[e]);
		}
}

static jmp_buf	killed;

static void
hook_kill(void *arg)
{
	(void)arg;
	longjmp(killed, 1);
}

/* The descriptors of the dead: all that lead to a node. */
static void
close_all(void)
{
	int	fd;

	for (fd = 3; fd < 512; fd++)
		if (sim_ops_node(fd) != -1)
			close(fd);
}

static bool
known_none(uint32_t slot, void *arg)
{
	(void)slot;
	(void)arg;
	return false;
}

/* What the warden does with the journal's entry, and then. */
static void
recover(const struct wm_msg *m, enum wm_op op)
{
	struct wm_msg	 e = *m;
	struct cable	 c, *pc = &c;
	int		 error;

	e.op = op;
	memset(&c, 0, sizeof(c));
	error = B->adopt(&e, &c);
	if (error == 0)
		B->destroy(&pc, 1);
	else
		assert_int_equal(error, -ENOENT);
	assert_int_equal(B->sweep(known_none, NULL), 0);
}

/* And one that is made again is tried until the kernel let go of the name. */
static void
recover_again(const struct wm_msg *m)
{
	struct cable	c;
	enum wm_op	op;
	int		fd, error, tries = 0;

	sim.detach_ms = 1500;
	recover(m, WM_OP_REMAKE);
	while ((error = try_create(m, &c, &fd, &op)) == -EEXIST && tries++ < 3)
		sim_tick(&sim, sim.now + 1000);
	assert_int_equal(error, 0);
	destroy(&c);
	wire_close(&fd);
}

static void
kill_at(enum sim_release r, const struct wm_msg *m, unsigned int at, int how,
    bool again)
{
	static struct sim_hooks	deadly;
	struct cable		c;
	enum wm_op		op;
	int			fd;

	fresh(r);
	deadly = *sim.hooks;
	deadly.kill = hook_kill;
	sim.hooks = &deadly;
	foreign("feth3", NULL);
	foreign("feth10100", "fethd:0000000000000001:50:0");
	sim_fault(&sim, trace[at], earlier(at), 1, how);
	if (setjmp(killed) == 0) {
		/* A call that is refused on this release has no "after". */
		if (try_create(m, &c, &fd, &op) != 0 || how == SIM_KILL ||
		    !optional(trace[at], EINVAL))
			fail_msg("it lived on");
	}
	close_all();
	restart();
	if (again)
		recover_again(m);
	else
		recover(m, WM_OP_CREATE);
	if (sim_ops_feths() != 2)
		fail_msg("%s, killed %s call %u (%x): %u feths are left",
		    sim_release_names[r], how == SIM_KILL ? "before" : "after",
		    at, trace[at], sim_ops_feths());
	assert_int_equal(sim_ops_nodes(), 0);
	no_hazard();
}

static void
test_kill_everywhere(void **state)
{
	struct wm_msg	m;
	unsigned int	at;
	size_t		k;
	int		r;

	(void)state;
	RELEASES(r)
		for (k = 0; k < N(kinds); k++) {
			m = rich(5, kinds[k].kind, kinds[k].flags);
			record((enum sim_release)r, &m);
			for (at = 0; at < ntrace; at++) {
				kill_at((enum sim_release)r, &m, at, SIM_KILL,
				    false);
				kill_at((enum sim_release)r, &m, at,
				    SIM_KILL_AFTER, false);
				kill_at((enum sim_release)r, &m, at, SIM_KILL,
				    true);
				kill_at((enum sim_release)r, &m, at,
				    SIM_KILL_AFTER, true);
			}
		}
}

/* A restart. */

static void
test_adopt_held(void **state)
{
	struct wm_msg	m = rich(2, LINK_HOST, WMF_RAW);
	struct cable	c, again;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);	/* the client's */
	restart();
	memset(the_if("feth10004")->mac, 0x22, 6);
	memset(&again, 0, sizeof(again));
	assert_int_equal(B->adopt(&m, &again), 0);
	assert_int_equal(again.ifindex[0], c.ifindex[0]);
	assert_int_equal(again.ifindex[1], c.ifindex[1]);
	assert_memory_equal(the_if("feth10004")->mac, m.mac[0], 6);
	/* The client still reads. */
	stack_sends("feth10004", 60, 1);
	assert_true(sim_readable(&sim, 0));
	destroy(&again);
	close(fd);
	nothing_left();
}

static void
test_adopt_dropped(void **state)
{
	struct wm_msg	m = rich(2, LINK_HOST, WMF_RAW);
	struct cable	c;

	(void)state;
	fresh(SIM_15_4);
	close(create(&m, &c));
	restart();		/* nobody has its descriptor */
	memset(&c, 0, sizeof(c));
	assert_int_equal(B->adopt(&m, &c), -ENOENT);
	nothing_left();
	/* Nothing there at all. */
	assert_int_equal(B->adopt(&m, &c), -ENOENT);
}

static void
test_adopt_wire(void **state)
{
	struct wm_msg	m = rich(2, LINK_WIRE, 0);
	struct cable	c;

	(void)state;
	fresh(SIM_15_4);
	create(&m, &c);
	restart();
	memset(&c, 0, sizeof(c));
	assert_int_equal(B->adopt(&m, &c), 0);
	assert_int_not_equal(c.ifindex[1], 0);
	destroy(&c);
	nothing_left();
}

/* Half of a pair, or a pair that is none any more: only ours goes. */
static void
test_adopt_half(void **state)
{
	struct wm_msg	m = rich(2, LINK_WIRE, 0);
	struct sim_if	*other;
	struct cable	c;

	(void)state;
	fresh(SIM_15_4);
	create(&m, &c);
	quiet("feth10005");
	assert_int_equal(feth_if_destroy("feth10005"), 0);
	sim_tick(&sim, sim.now + 1000);
	other = foreign("feth10005", "somebody's");
	assert_int_equal(feth_if_peer("feth10005", "feth10004"), 0);
	restart();
	memset(&c, 0, sizeof(c));
	assert_int_equal(B->adopt(&m, &c), -ENOENT);
	assert_int_equal(sim_ops_feths(), 1);
	assert_int_equal(other->peer, -1);
	no_hazard();

	fresh(SIM_15_4);
	create(&m, &c);
	quiet("feth10004");	/* disconnected */
	restart();
	memset(&c, 0, sizeof(c));
	assert_int_equal(B->adopt(&m, &c), -ENOENT);
	nothing_left();
}

/* What looks half-made, but is in use or somebody's, is not ours. */
static void
test_reclaim(void **state)
{
	static const char	name[] = "feth10004";
	struct wm_msg		m = message(2, LINK_WIRE, 0);
	struct sim_if		*f;
	struct cable		c;
	int			way;

	(void)state;
	for (way = 0; way < 7; way++) {
		fresh(SIM_15_4);
		f = foreign(name, NULL);
		m.op = WM_OP_CREATE;
		if (way == 1)
			f->desc[0] = 'x', f->desc_len = 1;
		else if (way == 2)
			f->mac[0] = 0x02;
		else if (way == 3)
			f->flags |= DW_IFF_UP;
		else if (way == 4)
			foreign("feth7", NULL),
			    assert_int_equal(feth_if_peer(name, "feth7"), 0);
		else if (way == 5)
			m.op = WM_OP_NONE;
		else if (way == 6)
			f->desc_len = 128, memset(f->desc, 'y', 128);
		memset(&c, 0, sizeof(c));
		assert_int_equal(B->adopt(&m, &c), way == 0 ? 0 : -ENOENT);
		if (way == 0) {
			destroy(&c);
			nothing_left();
		} else {
			the_if(name);
			assert_int_equal(B->sweep(known_none, NULL), 0);
			the_if(name);
		}
	}
}

static bool
known_one(uint32_t slot, void *arg)
{
	return slot == *(uint32_t *)arg;
}

static void
test_sweep(void **state)
{
	struct wm_msg	m;
	struct cable	c;
	uint32_t	slot, keep = 4;

	(void)state;
	fresh(SIM_15_4);
	for (slot = 0; slot < 20; slot++) {
		m = message(slot, LINK_WIRE, 0);
		create(&m, &c);
	}
	restart();
	/* Not ours: no mark, another's, one of another instance, and a mark of
	 * ours that was copied to a name it does not belong to. */
	foreign("feth0", NULL);
	foreign("feth10060", NULL);
	foreign("feth10061", "somebody's");
	foreign("feth10062", "fethd:1122334455667789:31:0");
	foreign("feth10064", "fethd:1122334455667788:31:0");
	foreign("feth10066", "fethd:1122334455667788:33:1");
	foreign("feth10068", "fethd:1122334455667788:34:0 ");
	foreign("feth7", "fethd:1122334455667788:0:0");
	assert_int_equal(B->sweep(known_one, &keep), 19);
	assert_int_equal(sim_ops_feths(), 8 + 2);
	the_if("feth10008");
	the_if("feth10009");
	the_if("feth10064");
	no_hazard();
}

/* One that cannot be removed keeps no other from it. */
static void
test_sweep_all(void **state)
{
	struct wm_msg	m;
	struct cable	c;
	uint32_t	slot;

	(void)state;
	fresh(SIM_15_4);
	for (slot = 0; slot < SIM_IFS / 2 - 2; slot++) {
		m = message(slot, LINK_WIRE, 0);
		create(&m, &c);
	}
	restart();
	sim_fault(&sim, DW_SIOCIFDESTROY, 0, 2, ENOMEM);
	assert_int_equal(B->sweep(known_none, NULL), SIM_IFS / 2 - 2);
	assert_int_equal(sim_ops_feths(), 2);
	assert_int_equal(B->sweep(known_none, NULL), 1);
	nothing_left();
}

/* Many that an earlier warden made: one node is opened to ask for all. */
static void
test_adopted_many(void **state)
{
	struct wm_msg	m;
	struct cable	c[10];
	int		fd[10], i;

	(void)state;
	fresh(SIM_15_4);
	for (i = 0; i < 10; i++) {
		m = message((uint32_t)i, LINK_HOST, WMF_RAW);
		fd[i] = create(&m, &c[i]);
	}
	restart();
	for (i = 0; i < 10; i++) {
		m = message((uint32_t)i, LINK_HOST, WMF_RAW);
		memset(&c[i], 0, sizeof(c[i]));
		assert_int_equal(B->adopt(&m, &c[i]), 0);
	}
	/* The nodes that are tried until one is free. */
	sim_tick(&sim, sim.now + LOOK_MS);
	sim_ops_opens = 0;
	monitor(&c[0]);
	assert_int_equal(ngone, 0);
	assert_int_equal(sim_ops_opens, 11);
	assert_int_equal(sim_ops_nodes(), 10);
	for (i = 0; i < 10; i++) {
		close(fd[i]);
		destroy(&c[i]);
	}
	/* And when they are gone, nobody is looked for every second. */
	m = message(20, LINK_WIRE, 0);
	create(&m, &c[0]);
	monitor(&c[0]);
	sim_tick(&sim, sim.now + LOOK_MS);
	monitor(&c[0]);
	assert_int_equal(B->monitor_ms(), -1);
	destroy(&c[0]);
	nothing_left();
}

/* Killed while it removes a link: the next start goes on with it. */
static void
test_kill_destroy(void **state)
{
	struct wm_msg		m = rich(5, LINK_HOST, 0);
	static struct sim_hooks	deadly;
	struct cable		c, *pc = &c;
	unsigned int		at;
	volatile bool		over = false;
	int			how;

	(void)state;
	fresh(SIM_15_4);
	(void)create(&m, &c);
	ntrace = 0;
	sim_ops_watch = tracing;
	B->destroy(&pc, 1);
	sim_ops_watch = NULL;
	close_all();
	assert_true(ntrace > 8);
	for (at = 0; at < ntrace; at++)
		for (how = SIM_KILL; how >= SIM_KILL_AFTER; how--) {
			fresh(SIM_15_4);
			(void)create(&m, &c);
			deadly = *sim.hooks;
			deadly.kill = hook_kill;
			sim.hooks = &deadly;
			sim_fault(&sim, trace[at], earlier(at), 1, how);
			over = false;
			if (setjmp(killed) == 0) {
				B->destroy(&pc, 1);
				over = true;
			}
			assert_false(over);
			close_all();
			restart();
			recover(&m, WM_OP_NONE);
			nothing_left();
		}
}

/* Destroying. */

static void
test_destroy_lost_mark(void **state)
{
	struct wm_msg	m = message(0, LINK_WIRE, 0);
	struct cable	c;

	(void)state;
	fresh(SIM_15_4);
	create(&m, &c);
	the_if("feth10000")->desc_len = 0;
	destroy(&c);
	/* Left alone; the other one is gone. */
	assert_int_equal(sim_ops_feths(), 1);
	the_if("feth10000");
	no_hazard();
}

static void
test_destroy_batch(void **state)
{
	struct wm_msg	m;
	struct cable	c[8], *pc[8];
	uint32_t	i;

	(void)state;
	fresh(SIM_15_4);
	for (i = 0; i < 8; i++) {
		m = message(i, LINK_WIRE, 0);
		create(&m, &c[i]);
		pc[i] = &c[i];
	}
	/* One went by itself, one by half. */
	quiet("feth10000");
	quiet("feth10001");
	feth_if_destroy("feth10000");
	feth_if_destroy("feth10001");
	quiet("feth10003");
	feth_if_destroy("feth10003");
	B->destroy(pc, 8);
	nothing_left();
	B->destroy(pc, 8);
	nothing_left();
}

/* News. */

static void
test_news(void **state)
{
	static const char *const names[] = { "feth10000", "feth10001" };
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	int		i, r, fd;

	(void)state;
	RELEASES(r)
		for (i = 0; i < 2; i++) {
			fresh((enum sim_release)r);
			fd = create(&m, &c);
			monitor(&c);
			assert_int_equal(ngone, 0);
			/* Another program destroys one of the two. */
			sim.ifs[sim_find(&sim, names[i])].flags &=
			    (int16_t)~DW_IFF_UP;
			assert_int_equal(feth_if_destroy(names[i]), 0);
			monitor(&c);
			assert_int_equal(ngone, 1);
			assert_int_equal(gone_slot, 0);
			assert_int_equal(c.ifindex[0], 0);
			monitor(&c);
			assert_int_equal(ngone, 0);
			close(fd);
			nothing_left();
		}
}

/* The news of an earlier link's end come late, when a new one is there. */
static void
test_news_late(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	destroy(&c);
	close(fd);
	fd = create(&m, &c);
	monitor(&c);
	assert_int_equal(ngone, 0);
	the_if("feth10000");
	destroy(&c);
	close(fd);
	nothing_left();
}

static void
test_news_lost(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, 0);
	struct cable	c;
	int		i, fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	for (i = 0; i < 100; i++)
		feth_if_up("feth10000");
	feth_if_down("feth10000");
	feth_if_destroy("feth10000");
	monitor(&c);
	assert_int_equal(ngone, 0);
	/* Nothing told of it, so it is found by looking. */
	while (B->monitor_ms() > 0) {
		sim_tick(&sim, sim.now + B->monitor_ms());
		monitor(&c);
	}
	assert_int_equal(ngone, 1);
	assert_true(sim.now <= 2 * LOOK_MS);
	assert_int_equal(B->monitor_ms(), -1);
	close(fd);
	nothing_left();
}

/* The kernel has no memory for an answer: that ends no link. */
static void
test_look_again(void **state)
{
	static const uint32_t	calls[] = { DW_SIOCGIFDESC, DW_SIOCGDRVSPEC };
	struct wm_msg		m = message(0, LINK_WIRE, 0);
	struct cable		c;
	size_t			i;

	(void)state;
	for (i = 0; i < N(calls); i++) {
		fresh(SIM_15_4);
		create(&m, &c);
		monitor(&c);
		assert_int_equal(feth_if_unpeer("feth10001"), 0);
		sim_fault(&sim, calls[i], 0, 2, ENOMEM);
		monitor(&c);
		assert_int_equal(ngone, 0);
		assert_int_equal(the_if("feth10000")->peer, -1);
		/* And the next look mends it. */
		assert_int_equal(B->monitor_ms(), LOOK_MS);
		sim_tick(&sim, sim.now + LOOK_MS);
		monitor(&c);
		assert_int_equal(ngone, 0);
		check_side(&m, 0, 1);
		destroy(&c);
		nothing_left();
	}
	/* Nor does it at a start. */
	fresh(SIM_15_4);
	create(&m, &c);
	restart();
	memset(&c, 0, sizeof(c));
	sim_fault(&sim, DW_SIOCGIFDESC, 1, 1, ENOMEM);
	assert_int_equal(B->adopt(&m, &c), -ENOMEM);
	assert_int_equal(sim_ops_feths(), 2);
	memset(&c, 0, sizeof(c));
	sim_fault(&sim, DW_SIOCGDRVSPEC, 0, 1, ENOMEM);
	assert_int_equal(B->adopt(&m, &c), 0);
	destroy(&c);
	nothing_left();
}

static void
test_disconnected(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	monitor(&c);
	/* By hand: put in again. */
	assert_int_equal(feth_if_unpeer("feth10001"), 0);
	monitor(&c);
	assert_int_equal(ngone, 0);
	check_side(&m, 0, 1);
	/* And connected elsewhere: this link is none any more. */
	foreign("feth7", NULL);
	assert_int_equal(feth_if_unpeer("feth10001"), 0);
	assert_int_equal(feth_if_peer("feth10001", "feth7"), 0);
	monitor(&c);
	assert_int_equal(ngone, 1);
	close(fd);
	assert_int_equal(sim_ops_feths(), 1);
	assert_int_equal(sim_ops_nodes(), 0);
	no_hazard();
}

static void
rebind(int fd, const char *name)
{
	struct dw_ifreq	r;

	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", name);
	assert_int_equal(darwin_ops.bpf_ioctl(fd, DW_BIOCSETIF, &r), 0);
}

static void
test_rebind(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	assert_in_range(B->monitor_ms(), 0, 1000);
	sim_tick(&sim, sim.now + 1000);
	monitor(&c);
	assert_int_equal(ngone, 0);
	assert_in_range(B->monitor_ms(), 900, 1000);
	/* Its holder looks at the whole Mac. */
	rebind(fd, "en0");
	monitor(&c);
	assert_int_equal(ngone, 0);	/* not yet */
	sim_tick(&sim, sim.now + 1000);
	assert_int_equal(B->monitor_ms(), 0);
	monitor(&c);
	assert_int_equal(ngone, 1);
	assert_int_equal(sim_ops_feths(), 0);
	assert_int_equal(B->monitor_ms(), -1);
	/* It cannot be taken back; ours is closed. */
	assert_int_equal(sim_ops_nodes(), 1);
	close(fd);
	nothing_left();
}

static void
test_adopted_drop(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, WMF_RAW);
	struct cable	c;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	restart();
	memset(&c, 0, sizeof(c));
	assert_int_equal(B->adopt(&m, &c), 0);
	sim_tick(&sim, sim.now + 2000);
	monitor(&c);
	assert_int_equal(ngone, 0);
	close(fd);		/* its last holder goes */
	sim_tick(&sim, sim.now + 2000);
	monitor(&c);
	assert_int_equal(ngone, 1);
	assert_int_equal(B->monitor_ms(), -1);
	nothing_left();
}

/* Frames. */

static void
test_frames_in(void **state)
{
	struct wm_msg		m = message(0, LINK_HOST, 0);
	struct cable		c;
	struct bpf_record	rec;
	struct bpf		b;
	uint8_t			*buf, want[2000];
	size_t			at = 0, len;
	ssize_t			n;
	int			r, fd;

	(void)state;
	RELEASES(r) {
		fresh((enum sim_release)r);
		fd = create(&m, &c);
		assert_int_equal(bpf_attach(&b, fd), 0);
		assert_non_null(buf = malloc(b.blen));
		assert_int_equal(bpf_read(&b, buf), -EAGAIN);
		for (len = 14; len <= 1518; len++)
			if (len < 120 || len % 97 == 0)
				stack_sends("feth10000", len, (uint8_t)len);
		/* All of them in one read. */
		assert_true((n = bpf_read(&b, buf)) > 0);
		at = 0;
		for (len = 14; len <= 1518; len++) {
			if (len >= 120 && len % 97 != 0)
				continue;
			assert_int_equal(bpf_record_next(buf, (size_t)n, &at,
			    &rec), 1);
			assert_int_equal(rec.len, len);
			assert_int_equal(rec.wire_len, len);
			frame_fill(want, len, (uint8_t)len);
			assert_memory_equal(rec.frame, want, len);
		}
		assert_int_equal(bpf_record_next(buf, (size_t)n, &at, &rec),
		    0);
		assert_int_equal(bpf_read(&b, buf), -EAGAIN);
		destroy(&c);
		/* Told apart: gone is for ever. */
		assert_int_equal(bpf_read(&b, buf), -ENXIO);
		assert_int_equal(bpf_write(&b, want, 60, 1500), -ENXIO);
		free(buf);
		close(fd);
		nothing_left();
	}
}

/* What was under way when the interface went is still read. */
static void
test_frames_last(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, 0);
	struct cable	c;
	struct bpf	b;
	uint8_t		*buf;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	assert_int_equal(bpf_attach(&b, fd), 0);
	assert_non_null(buf = malloc(b.blen));
	stack_sends("feth10000", 60, 1);
	destroy(&c);
	assert_int_equal(bpf_read(&b, buf), 78);
	assert_int_equal(bpf_read(&b, buf), -ENXIO);
	free(buf);
	close(fd);
}

static void
test_frames_out(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, 0);
	struct cable	c;
	struct bpf	b;
	uint8_t		*buf, frame[3000];
	size_t		len;
	int		r, fd;

	(void)state;
	RELEASES(r) {
		fresh((enum sim_release)r);
		fd = create(&m, &c);
		assert_int_equal(bpf_attach(&b, fd), 0);
		b.batch = false;
		sim.nodes[0].batch = false;
		listen_stack();
		/* Too short would be a hole in the kernel. */
		for (len = 0; len < 14; len++)
			assert_int_equal(bpf_write(&b, frame, len, 2048),
			    -EMSGSIZE);
		assert_int_equal(heard.n, 0);
		no_hazard();
		for (len = 14; len <= 1518; len += 47) {
			frame_fill(frame, len, 9);
			assert_int_equal(bpf_write(&b, frame, len, 2048), 0);
			assert_int_equal(heard.len, len);
			assert_int_equal(heard.i, c.ifindex[0] - 1);
			assert_memory_equal(heard.frame, frame, len);
		}
		/* The limits of the release are those that the kernel has. */
		len = bpf_write_max(&b, 2048);
		assert_int_equal(len, r <= SIM_13 ? 2048 : 2066);
		assert_int_equal(bpf_write(&b, frame, len, 2048), 0);
		assert_int_equal(heard.len, len);
		assert_int_equal(bpf_write(&b, frame, len + 1, 2048),
		    -EMSGSIZE);
		assert_true(darwin_ops.bpf_write(fd, frame, len + 1) < 0);
		assert_int_equal(bpf_write_max(&b, 1500),
		    r <= SIM_13 ? 1514 : 1518);
		/* Our own are not read back. */
		assert_non_null(buf = malloc(b.blen));
		assert_int_equal(bpf_read(&b, buf), -EAGAIN);
		free(buf);
		destroy(&c);
		close(fd);
		nothing_left();
	}
}

static void
test_batch(void **state)
{
	struct wm_msg	m = message(0, LINK_HOST, 0);
	struct cable	c;
	struct bpf	b;
	uint8_t		frame[1518], buf[8192];
	size_t		at = 0, len, n = 0;
	int		fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	assert_int_equal(bpf_attach(&b, fd), 0);
	assert_true(b.batch);
	listen_stack();
	for (len = 14; len <= 100; len += 7) {
		frame_fill(frame, len, (uint8_t)len);
		assert_int_equal(bpf_record_put(buf, sizeof(buf), &at, frame,
		    (uint32_t)len), 0);
		n++;
	}
	assert_int_equal(bpf_write_batch(&b, buf, at), 0);
	assert_int_equal(heard.n, n);
	assert_int_equal(heard.len, 98);
	frame_fill(frame, 98, 98);
	assert_memory_equal(heard.frame, frame, 98);
	destroy(&c);
	close(fd);
	nothing_left();
}

static void
test_write_errors(void **state)
{
	static const int	errors[] = { ENETDOWN, ENOBUFS, ENXIO,
	    EMSGSIZE, EIO };
	struct wm_msg		m = message(0, LINK_HOST, WMF_RAW);
	struct cable		c;
	struct bpf		b;
	uint8_t			frame[60] = { 0 }, *buf;
	size_t			i;
	int			fd;

	(void)state;
	fresh(SIM_15_4);
	fd = create(&m, &c);
	assert_int_equal(bpf_attach(&b, fd), 0);
	for (i = 0; i < N(errors); i++) {
		sim_fault(&sim, SIM_WRITE, 0, 1, errors[i]);
		assert_int_equal(bpf_write(&b, frame, 60, 1500), -errors[i]);
		assert_int_equal(bpf_write(&b, frame, 60, 1500), 0);
	}
	sim_fault(&sim, SIM_WRITE, 0, 2, EINTR);
	assert_int_equal(bpf_write(&b, frame, 60, 1500), 0);
	assert_non_null(buf = malloc(b.blen));
	sim_fault(&sim, SIM_READ, 0, 1, EINTR);
	assert_int_equal(bpf_read(&b, buf), -EAGAIN);
	sim_fault(&sim, SIM_READ, 0, 1, EIO);
	assert_int_equal(bpf_read(&b, buf), -EIO);
	free(buf);
	destroy(&c);
	close(fd);
	nothing_left();
}

/* One interface. */

static void
test_if_refusals(void **state)
{
	static const uint8_t	group[6] = { 1, 0, 0, 0, 0, 1 }, zero[6];
	char			text[129], mark[64];

	(void)state;
	fresh(SIM_15_4);
	foreign("feth10000", NULL);
	assert_int_equal(feth_if_peer("feth10000", "feth10000"), -EINVAL);
	assert_int_equal(feth_if_peer("feth10000", ""), -EINVAL);
	assert_int_equal(feth_if_peer("feth10000", "en0"), -EINVAL);
	assert_int_equal(feth_if_peer("feth10000", "feth5"), -ENXIO);
	assert_int_equal(feth_if_peer("en0", "feth10000"), -EOPNOTSUPP);
	assert_int_equal(feth_if_mac("feth10000", group), -EINVAL);
	assert_int_equal(feth_if_mac("feth10000", zero), -EINVAL);
	assert_int_equal(feth_if_unpeer("feth10000"), 0);
	memset(text, 'x', sizeof(text));
	text[128] = '\0';
	assert_int_equal(feth_if_mark("feth10000", text), 0);
	/* Full, without a final NUL; longer than there is room for. */
	assert_int_equal(feth_if_mark_get("feth10000", mark, sizeof(mark)), 0);
	assert_string_equal(mark, "?");
	assert_int_equal(feth_if_mark_get("feth1", mark, sizeof(mark)),
	    -ENXIO);
	assert_int_equal(feth_if_destroy("feth1"), -ENXIO);
	assert_int_equal(feth_if_destroy("en0"), -EINVAL);
	no_hazard();
}

static void
test_ask(void **state)
{
	struct wm_msg		m = message(0, LINK_WIRE, 0);
	struct if_counters	counters;
	struct prefix		p, with;
	struct cable		c;
	char			route[64];

	(void)state;
	fresh(SIM_15_4);
	assert_int_equal(prefix_parse("10.0.0.0/24", &p), 0);
	assert_int_equal(B->overlap(&p, &with, route, sizeof(route)), 1);
	assert_int_equal(with.len, 8);
	assert_int_equal(B->counters(0, &counters), -ENODEV);
	create(&m, &c);
	assert_int_equal(B->counters(0, &counters), 0);
	assert_int_equal(counters.rx_frames, 7);
	destroy(&c);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_relayed),
		cmocka_unit_test(test_wire),
		cmocka_unit_test(test_flags_kept),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_mtu_setting),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_fail_everywhere),
		cmocka_unit_test(test_kill_everywhere),
		cmocka_unit_test(test_adopt_held),
		cmocka_unit_test(test_adopt_dropped),
		cmocka_unit_test(test_adopt_wire),
		cmocka_unit_test(test_adopt_half),
		cmocka_unit_test(test_reclaim),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_sweep_all),
		cmocka_unit_test(test_adopted_many),
		cmocka_unit_test(test_kill_destroy),
		cmocka_unit_test(test_destroy_lost_mark),
		cmocka_unit_test(test_destroy_batch),
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_news_late),
		cmocka_unit_test(test_news_lost),
		cmocka_unit_test(test_look_again),
		cmocka_unit_test(test_disconnected),
		cmocka_unit_test(test_rebind),
		cmocka_unit_test(test_adopted_drop),
		cmocka_unit_test(test_frames_in),
		cmocka_unit_test(test_frames_last),
		cmocka_unit_test(test_frames_out),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_write_errors),
		cmocka_unit_test(test_if_refusals),
		cmocka_unit_test(test_ask),
	};

	log_init("test", LOG_L_ERROR, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

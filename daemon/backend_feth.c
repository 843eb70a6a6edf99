/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links on macOS: pairs of feth interfaces, and BPF. Called by warden.c, and by
 * the broker for what needs no privilege (overlap, counters).
 *
 * A link of slot k has two interfaces: A, unit 10000 + 2k, which is the host's
 * and gets the addresses, and B, the unit after it, the I/O side. What one sends
 * the other receives. The port of a host link is a BPF descriptor bound to B; a
 * wire link has none, and B is an interface like A. Units are that high because
 * ZeroTier destroys feth0 to feth9999, whoever made them.
 *
 * Every interface of ours carries a mark, its description (SIOCSIFDESC)
 * "fethd:<instance>:<slot>:<side>", set in the call after its creation. Nothing
 * here may touch an interface without it. The one exception is what a kill left
 * between the two calls: the journal says that this very unit was about to be
 * made, and the interface is as new (see reclaim).
 *
 * A feth lives until somebody destroys it or the Mac is restarted: no descriptor
 * holds it, nothing dies with us. And a BPF descriptor that a program has cannot
 * be taken back: revoke(2) may hang for ever, or leave a kqueue of its holder
 * with a pointer to freed kernel memory. It is never called here. A holder can
 * bind it to any interface of the Mac; that is why only class raw, by grant,
 * hands it out, and why it is looked at every second here.
 *
 * Seen in XNU bsd/net/if_fake.c, if.c, bpf.c of macOS 12 to 15.4.
 */
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf.h"
#include "cable.h"
#include "darwin_ops.h"
#include "feth_if.h"
#include "log.h"
#include "wire.h"

#define SWEEP_BATCH	64
#define MARK_SIZE	64
#define LOOK_MS		1000	/* how often raw ports are looked at */
/* So many news at once, of the hundreds that the event socket holds, may not be
 * all that there were. */
#define NEWS_MANY	32
#define MAX_MTU		"net.link.fake.max_mtu"
/* A write may be longer than the MTU by the tag, up to macOS 13 only where the
 * interface's MTU says so: B's is that much larger than the link's. */
#define ROOM		4

/* What is known of the interfaces in a slot. */
struct unit {
	int		ifindex[2];	/* 0: none of ours */
	int		dup;		/* raw: the holder's descriptor, + 1; 0: none */
	bool		adopted;	/* host: an earlier warden's, held by somebody */
	uint32_t	uid;
};

static struct {
	uint64_t	instance;
	int		events;
	int64_t		look;		/* when raw ports are looked at next, */
	int64_t		around;		/* when all links are; 0: no need to */
	unsigned int	nnews;		/* since there were none */
	unsigned int	nraw;		/* how many have a duplicate, */
	unsigned int	nadopted;	/* how many are an earlier warden's, */
	unsigned int	nlinks;		/* and how many there are in all */
	struct unit	unit[BOUND_UNITS];
} fx = { .events = -1 };

/* Marks. */

static void
mark_write(uint32_t slot, int side, char buf[MARK_SIZE])
{
	snprintf(buf, MARK_SIZE, "fethd:%016llx:%u:%d",
	    (unsigned long long)fx.instance, slot, side);
}

/* Is NAME there, and ours as SIDE of SLOT? 0, -ENXIO: not there; -EPERM: not
 * ours. */
static int
ours(const char *name, uint32_t slot, int side)
{
	char	mark[MARK_SIZE], got[MARK_SIZE];
	int	error;

	if ((error = feth_if_mark_get(name, got, sizeof(got))) != 0)
		return error;
	mark_write(slot, side, mark);
	return strcmp(got, mark) == 0 ? 0 : -EPERM;
}

/* The slot and side of a name that our scheme makes. */
static bool
name_parse(const char *name, uint32_t *slot, int *side)
{
	char		again[DW_IFNAMSIZ];
	char		*end;
	unsigned long	 unit;

	if (strncmp(name, "feth", 4) != 0 || name[4] < '0' || name[4] > '9')
		return false;
	unit = strtoul(name + 4, &end, 10);
	if (*end != '\0' || unit < BOUND_UNIT_MIN ||
	    unit >= BOUND_UNIT_MIN + 2 * BOUND_UNITS)
		return false;
	*slot = (uint32_t)(unit - BOUND_UNIT_MIN) / 2;
	*side = (int)(unit - BOUND_UNIT_MIN) % 2;
	backend_ifname(*slot, *side, again);
	return strcmp(name, again) == 0;
}

/*
 * Settings of the feth driver, of the whole system: anybody may have changed
 * them. Each is read when an interface is made.
 */
static const struct {
	const char	*name;
	int		value;		/* that we can work with */
	bool		must;
	const char	*why;
} settings[] = {
	{ "net.link.fake.bsd_mode", 1, true,
	  "feth does not pass its frames to BPF" },
	{ "net.link.fake.fcs", 0, true, "frames have a checksum at their end" },
	{ "net.link.fake.trailer_length", 0, true,
	  "frames have other bytes at their end" },
	{ "net.link.fake.tso_support", 0, true,
	  "the host sends frames of up to 64 KiB" },
	{ "net.link.fake.hwcsum", 0, true,
	  "the host leaves checksums out of its frames" },
	{ "net.link.fake.lro", 0, false, "the host joins received frames" },
};
#define NSETTINGS	(sizeof(settings) / sizeof(settings[0]))

/* The sentence on what is wrong with setting I, or "". */
static int
setting_wrong(size_t i, char *why, size_t size)
{
	int	value, error;

	*why = '\0';
	error = darwin_ops.sysctl_get(settings[i].name, &value);
	/* Older ones have fewer; what is not there is not on. */
	if (error != 0 || value == settings[i].value)
		return 0;
	snprintf(why, size, "%s is %d: %s (sysctl -w %s=%d)", settings[i].name,
	    value, settings[i].why, settings[i].name, settings[i].value);
	return settings[i].must ? -EOPNOTSUPP : 0;
}

static int
settings_check(char *why, size_t size)
{
	size_t	i;
	int	error;

	for (i = 0; i < NSETTINGS; i++)
		if ((error = setting_wrong(i, why, size)) != 0)
			return error;
	return 0;
}

/*
 * Making a link: a table of steps for each kind, one state. The first step that
 * fails ends it, and making_undo removes what was made.
 */
struct making {
	const struct wm_msg *m;
	struct bpf	bpf;
	char		name[2][IFNAMSIZ];
	bool		made[2];
};

static int
check_settings(struct making *mk)
{
	char	why[256];
	int	error;

	(void)mk;
	if ((error = settings_check(why, sizeof(why))) != 0)
		log_warnx("no link can be made now: %s", why);
	return error;
}

static int
port_open(struct making *mk)
{
	unsigned int	used = 0;
	int		error;

	if ((error = bpf_open(&mk->bpf, &used)) == 0)
		error = bpf_setup(&mk->bpf, (mk->m->flags & WMF_RAW) == 0);
	if (error == -ENOSPC)
		log_warnx("all %u BPF devices of this Mac are in use (lsof "
		    "/dev/bpf* names the programs; each capture and each link "
		    "takes one): close some", used);
	else if (error == -ENOBUFS)
		log_warnx("BPF gives buffers of %u bytes at most, and a link "
		    "needs %u: raise debug.bpf_maxbufsize (macOS 12) or "
		    "debug.bpf_bufsize_cap", mk->bpf.blen, BPF_BLEN_MIN);
	return error;
}

/* What the driver allows is fixed when an interface is made, by a setting of the
 * whole system. It is raised where needed, and never lowered: somebody else may
 * need it by now. */
static int
mtu_allow(uint32_t mtu, uint32_t room)
{
	uint32_t	need = mtu + room;
	int		max, error;

	if (mtu < DW_FAKE_MTU_MIN || need > DW_FAKE_MTU_MAX) {
		log_warnx("MTU %u: on macOS it must be in %d to %u", mtu,
		    DW_FAKE_MTU_MIN, DW_FAKE_MTU_MAX - room);
		return -EINVAL;
	}
	if ((error = darwin_ops.sysctl_get(MAX_MTU, &max)) != 0)
		return error;
	if (max >= 0 && (uint32_t)max >= need)
		return 0;
	error = darwin_ops.sysctl_set(MAX_MTU, (int)need);
	log_info(MAX_MTU ": raised from %d to %u%s%s", max, need,
	    error != 0 ? ": " : "", error != 0 ? strerror(-error) : "");
	return error;
}

static int
check_mtu_host(struct making *mk)
{
	uint32_t	frame = mk->m->mtu + 14 + DW_BPF_TAG;

	if (bpf_write_max(&mk->bpf, mk->m->mtu + ROOM) < frame) {
		log_warnx("MTU %u: before macOS 14 a BPF write takes %d bytes, "
		    "so at most %d", mk->m->mtu, DW_BPF_WRITE_12,
		    DW_BPF_WRITE_12 - 14 - DW_BPF_TAG);
		return -EMSGSIZE;
	}
	return mtu_allow(mk->m->mtu, ROOM);
}

static int
check_mtu_wire(struct making *mk)
{
	return mtu_allow(mk->m->mtu, 0);
}

static int
make_side(struct making *mk, int side)
{
	char	mark[MARK_SIZE];
	int	error;

	mark_write(mk->m->slot, side, mark);
	if ((error = feth_if_create(mk->name[side])) != 0)
		return error;
	/* At once: a kill from here on is known by the mark. */
	mk->made[side] = true;
	return feth_if_mark(mk->name[side], mark);
}

static int
make(struct making *mk)
{
	int	error;

	error = make_side(mk, 0);
	return error != 0 ? error : make_side(mk, 1);
}

/* The default ones are made of the unit, so that two Macs have the same. */
static int
set_macs(struct making *mk)
{
	int	error;

	error = feth_if_mac(mk->name[0], mk->m->mac[0]);
	return error != 0 ? error : feth_if_mac(mk->name[1], mk->m->mac[1]);
}

/* Nothing compares the two ends: B as large as it can be. */
static int
set_mtu_host(struct making *mk)
{
	uint32_t	max;
	int		error;

	if ((error = feth_if_mtu(mk->name[0], mk->m->mtu)) != 0 ||
	    (error = feth_if_mtu_max(mk->name[1], &max)) != 0)
		return error;
	/* Somebody lowered the setting since check_mtu_host. */
	if (max < mk->m->mtu + ROOM)
		return -EMSGSIZE;
	return feth_if_mtu(mk->name[1], max);
}

static int
set_mtu_wire(struct making *mk)
{
	int	error;

	error = feth_if_mtu(mk->name[0], mk->m->mtu);
	return error != 0 ? error : feth_if_mtu(mk->name[1], mk->m->mtu);
}

static int
connect_ends(struct making *mk)
{
	return feth_if_peer(mk->name[0], mk->name[1]);
}

static int
port_bind(struct making *mk)
{
	return bpf_bind(&mk->bpf, mk->name[1]);
}

/* B too: a write to an interface that is down fails. */
static int
up(struct making *mk)
{
	int	error;

	error = feth_if_up(mk->name[1]);
	return error != 0 ? error : feth_if_up(mk->name[0]);
}

/* Never on the B of a host link: the host would answer there. create_ok of the
 * warden lets none come, and the loop would not look at them. */
static int
address(struct making *mk)
{
	const struct wm_msg	*m = mk->m;
	int			 i, error, sides = m->kind == LINK_WIRE ? 2 : 1;
	unsigned int		 a;

	for (i = 0; i < sides; i++)
		for (a = 0; a < m->naddr[i]; a++)
			if ((error = feth_if_address(mk->name[i],
			    &m->addr[i][a])) != 0)
				/* EEXIST is for a name that is taken. */
				return error == -EEXIST ? -EADDRINUSE : error;
	return 0;
}

static const struct cable_step	host_steps[] = {
	{ WM_OP_CHECK, check_settings }, { WM_OP_OPEN, port_open },
	{ WM_OP_CHECK, check_mtu_host }, { WM_OP_CREATE, make },
	{ WM_OP_CREATE, set_macs }, { WM_OP_CREATE, set_mtu_host },
	{ WM_OP_CREATE, connect_ends }, { WM_OP_SOCKET, port_bind },
	{ WM_OP_UP, up }, { WM_OP_ADDRESS, address },
	{ WM_OP_NONE, NULL }
};
static const struct cable_step	wire_steps[] = {
	{ WM_OP_CHECK, check_settings }, { WM_OP_CHECK, check_mtu_wire },
	{ WM_OP_CREATE, make }, { WM_OP_CREATE, set_macs },
	{ WM_OP_CREATE, set_mtu_wire }, { WM_OP_CREATE, connect_ends },
	{ WM_OP_UP, up }, { WM_OP_ADDRESS, address },
	{ WM_OP_NONE, NULL }
};

/* Removing: first still, then gone. A frame under way in a pair that is being
 * destroyed meets a pointer without a reference (if_fake.c:3829). */

static void
quiet(const char *name)
{
	(void)feth_if_down(name);
	(void)feth_if_unpeer(name);
}

static void
remove_if(const char *name)
{
	int	error;

	error = feth_if_destroy(name);
	if (error != 0 && error != -ENXIO)
		log_warnx("cannot destroy %s: %s", name, strerror(-error));
}

static void
making_undo(struct making *mk)
{
	int	i;

	for (i = 0; i < 2; i++)
		if (mk->made[i])
			quiet(mk->name[i]);
	for (i = 1; i >= 0; i--)
		if (mk->made[i])
			remove_if(mk->name[i]);
	wire_close(&mk->bpf.fd);
}

static void
unit_forget(uint32_t slot)
{
	struct unit	*u = &fx.unit[slot];
	int		 fd = u->dup - 1;

	fx.nraw -= u->dup != 0;
	fx.nadopted -= u->adopted;
	fx.nlinks -= u->ifindex[0] != 0;
	if (u->dup != 0)
		close(fd);
	memset(u, 0, sizeof(*u));
}

/* There is a link C now. */
static void
unit_set(const struct cable *c)
{
	struct unit	*u = &fx.unit[c->slot];

	fx.nlinks++;
	u->uid = c->uid;
	memcpy(u->ifindex, c->ifindex, sizeof(u->ifindex));
}

static int
making_done(struct making *mk, struct cable *c, int *fd)
{
	struct unit	*u = &fx.unit[c->slot];
	int		 i, copy;

	unit_forget(c->slot);
	for (i = 0; i < 2; i++)
		if ((c->ifindex[i] = darwin_ops.ifindex(mk->name[i])) == 0)
			return -ENXIO;	/* destroyed by somebody meanwhile */
	if ((mk->m->flags & WMF_RAW) != 0) {
		copy = fcntl(mk->bpf.fd, F_DUPFD_CLOEXEC, 0);
		if (copy == -1)
			return -errno;
		c->raw = true;
		u->dup = copy + 1;
		fx.nraw++;
	}
	unit_set(c);
	*fd = mk->bpf.fd;
	return 0;
}

static int
feth_create(const struct wm_msg *m, int netns, struct cable *c, int *fd,
    enum wm_op *op)
{
	struct making	mk;
	int		error;

	(void)netns;	/* without BF_NETNS there is none */
	memset(&mk, 0, sizeof(mk));
	mk.m = m;
	mk.bpf.fd = -1;
	backend_ifname(m->slot, 0, mk.name[0]);
	backend_ifname(m->slot, 1, mk.name[1]);
	cable_fill(c, m);
	*fd = -1;
	*op = WM_OP_CHECK;
	error = cable_make(m->kind == LINK_WIRE ? wire_steps : host_steps, &mk,
	    op);
	if (error == 0) {
		*op = WM_OP_KEEP;
		error = making_done(&mk, c, fd);
	}
	if (error != 0) {
		making_undo(&mk);
		c->ifindex[0] = c->ifindex[1] = 0;
	}
	return error;
}

/* Both sides of a slot, as far as they are ours. */

static void
each_ours(uint32_t slot, void (*fn)(const char *name))
{
	char	name[IFNAMSIZ];
	int	side, error;

	for (side = 1; side >= 0; side--) {
		backend_ifname(slot, side, name);
		error = ours(name, slot, side);
		if (error == 0)
			fn(name);
		else if (error == -EPERM && fn == remove_if)
			log_warnx("%s lost our mark; it is left alone", name);
		else if (error != -ENXIO && fn == remove_if)
			log_warnx("cannot look at %s: %s; if it is ours, the "
			    "next start removes it", name, strerror(-error));
	}
}

static void
cable_clear(struct cable *c)
{
	c->ifindex[0] = c->ifindex[1] = 0;
	c->raw = false;
	if (c->slot < BOUND_UNITS)
		unit_forget(c->slot);
}

static void
feth_destroy(struct cable *const *c, unsigned int n)
{
	unsigned int	i;

	for (i = 0; i < n; i++)
		each_ours(c[i]->slot, quiet);
	for (i = 0; i < n; i++) {
		each_ours(c[i]->slot, remove_if);
		cable_clear(c[i]);
	}
}

/* At start. */

/*
 * NAME has no mark, and the journal says that we were making it when we were
 * killed: it is ours if nobody did anything with it since. Somebody else's that
 * was just made under the same unit in the same moment would look like this too;
 * it is in no use either.
 */
static bool
reclaim(const struct wm_msg *m, const char *name, int side)
{
	char		text[DW_IFNAMSIZ], mark[MARK_SIZE];
	uint8_t		mac[6], born[6] = "feth";
	unsigned int	unit = BOUND_UNIT_MIN + 2 * m->slot + (side != 0);
	int16_t		flags;

	born[4] = (uint8_t)(unit >> 8);
	born[5] = (uint8_t)unit;
	if (m->op == WM_OP_NONE ||
	    feth_if_mark_get(name, mark, sizeof(mark)) != 0 ||
	    *mark != '\0' || feth_if_mac_get(name, mac) != 0 ||
	    memcmp(mac, born, sizeof(mac)) != 0 ||
	    feth_if_peer_get(name, text) != 0 || *text != '\0' ||
	    feth_if_flags(name, &flags) != 0 || (flags & DW_IFF_UP) != 0)
		return false;
	mark_write(m->slot, side, mark);
	return feth_if_mark(name, mark) == 0;
}

static void
mac_restore(const char *name, const uint8_t want[6])
{
	uint8_t	mac[6];
	int	error;

	if (feth_if_mac_get(name, mac) != 0 ||
	    memcmp(mac, want, sizeof(mac)) == 0)
		return;
	error = feth_if_mac(name, want);
	log_info("%s: its MAC was changed; %s", name,
	    error == 0 ? "restored" : strerror(-error));
}

/* Does anybody still hold a descriptor of NAME? -errno when that cannot be
 * told. */
static int
held(const char *name)
{
	struct bpf	b;
	unsigned int	used;
	int		n;

	if ((n = bpf_open(&b, &used)) != 0)
		return n;
	n = bpf_listeners(b.fd, name);
	wire_close(&b.fd);
	return n;
}

/* Is NAME connected to OTHER? 1, 0, or -errno when that cannot be told. */
static int
connected(const char *name, const char *other)
{
	char	peer[DW_IFNAMSIZ];
	int	error;

	if ((error = feth_if_peer_get(name, peer)) != 0)
		return error;
	return strcmp(peer, other) == 0;
}

/* Is what is there a whole link, which somebody uses? */
static bool
adoptable(const struct wm_msg *m, const struct cable *c, char name[2][IFNAMSIZ])
{
	if (c->ifindex[0] == 0 || c->ifindex[1] == 0 ||
	    connected(name[0], name[1]) == 0)
		return false;
	return m->kind == LINK_WIRE || held(name[1]) != 0;
}

static int
feth_adopt(const struct wm_msg *m, struct cable *c)
{
	char	name[2][IFNAMSIZ];
	int	i, error;

	cable_fill(c, m);
	for (i = 0; i < 2; i++) {
		backend_ifname(m->slot, i, name[i]);
		error = ours(name[i], m->slot, i);
		if (error == 0 || (error == -EPERM && reclaim(m, name[i], i)))
			c->ifindex[i] = darwin_ops.ifindex(name[i]);
		else if (error != -EPERM && error != -ENXIO)
			return error;
	}
	if (c->ifindex[0] == 0 && c->ifindex[1] == 0)
		return -ENOENT;
	if (m->op != WM_OP_NONE)
		return 0;	/* half-made; the warden destroys it */
	if (!adoptable(m, c, name)) {
		feth_destroy(&c, 1);
		return -ENOENT;
	}
	for (i = 0; i < 2; i++)
		mac_restore(name[i], c->mac[i]);
	unit_set(c);
	fx.unit[c->slot].adopted = m->kind == LINK_HOST;
	fx.nadopted += m->kind == LINK_HOST;
	return 0;
}

struct sweeping {
	bool		(*known)(uint32_t slot, void *arg);
	void		*arg;
	bool		found[BOUND_UNITS];
};

static void
sweep_name(const char *name, void *arg)
{
	struct sweeping	*s = arg;
	uint32_t	 slot;
	int		 side;

	if (name_parse(name, &slot, &side) && ours(name, slot, side) == 0 &&
	    !s->known(slot, s->arg))
		s->found[slot] = true;
}

static int
feth_sweep(bool (*known)(uint32_t slot, void *arg), void *arg)
{
	struct sweeping	 s = { .known = known, .arg = arg };
	struct cable	 c[SWEEP_BATCH], *batch[SWEEP_BATCH];
	unsigned int	 n = 0;
	uint32_t	 slot;
	int		 error, total = 0;

	if ((error = darwin_ops.ifnames(sweep_name, &s)) != 0)
		log_warnx("cannot list the interfaces: %s; what an earlier "
		    "daemon left stays until the next start",
		    strerror(-error));
	for (slot = 0; slot < BOUND_UNITS; slot++) {
		if (s.found[slot]) {
			memset(&c[n], 0, sizeof(c[n]));
			c[n].slot = slot;
			batch[n] = &c[n];
			n++;
		}
		if (n == SWEEP_BATCH || (slot + 1 == BOUND_UNITS && n > 0)) {
			feth_destroy(batch, n);
			total += (int)n;
			n = 0;
		}
	}
	return total;
}

static int
feth_start(uint64_t instance)
{
	char	why[256];
	size_t	i;
	int	error;

	fx.instance = instance;
	if ((error = darwin_ops.start()) != 0)
		return error;
	for (i = 0; i < NSETTINGS; i++) {
		error = setting_wrong(i, why, sizeof(why));
		if (*why != '\0')
			log_warnx("%s", why);
		if (error != 0)
			return error;
	}
	if ((fx.events = darwin_ops.events_open()) < 0) {
		error = fx.events;
		fx.events = -1;
		return error;
	}
	return 0;
}

static int
feth_probe(char *why, size_t size)
{
	int	value, error;

	*why = '\0';
	if (geteuid() != 0) {
		snprintf(why, size, "kernel links need root");
		return -EPERM;
	}
	if ((error = darwin_ops.start()) != 0) {
		snprintf(why, size, "cannot open a control socket: %s",
		    strerror(-error));
		return error;
	}
	if ((error = darwin_ops.sysctl_get(MAX_MTU, &value)) != 0) {
		snprintf(why, size, "this kernel has no feth interfaces (no "
		    MAX_MTU "; they are there since macOS 10.15): %s",
		    strerror(-error));
		return error;
	}
	return settings_check(why, size);
}

/* News. */

struct listener {
	struct cable	*(*find)(int ifindex, void *arg);
	backend_gone_fn	*gone;
	void		*arg;
};

/* The cable in SLOT, if it is one of the warden's. */
static struct cable *
cable_of(const struct listener *to, uint32_t slot)
{
	const struct unit	*u = &fx.unit[slot];
	struct cable		*c = NULL;

	if (u->ifindex[0] != 0)
		c = to->find(u->ifindex[0], to->arg);
	if (c == NULL && u->ifindex[1] != 0)
		c = to->find(u->ifindex[1], to->arg);
	return c != NULL && c->slot == slot && !c->closing ? c : NULL;
}

/* The link in SLOT cannot be what it was: away with what is left of it. */
static void
lost(struct listener *to, uint32_t slot)
{
	struct cable	*c;

	if ((c = cable_of(to, slot)) == NULL)
		return;
	feth_destroy(&c, 1);
	to->gone(slot, to->arg);
}

static void
look_later(void)
{
	if (fx.around == 0)
		fx.around = darwin_ops.now() + LOOK_MS;
}

/* Look at both sides of SLOT: they are there, ours, and connected. What cannot
 * be told now is asked again: a link is not ended because the kernel had no
 * memory. */
static void
look_at(struct listener *to, uint32_t slot)
{
	char	name[2][IFNAMSIZ];
	int	i, error;

	for (i = 0; i < 2; i++) {
		backend_ifname(slot, i, name[i]);
		error = ours(name[i], slot, i);
		if (error == -ENXIO || error == -EPERM)
			lost(to, slot);
		else if (error != 0)
			look_later();
		if (error != 0)
			return;
	}
	if ((error = connected(name[0], name[1])) < 0)
		look_later();
	if (error != 0)
		return;
	/* Somebody took the cable out. It is put in again, unless another one
	 * is there now. */
	error = feth_if_peer(name[0], name[1]);
	log_info("%s was disconnected; %s", name[0],
	    error == 0 ? "connected again" : strerror(-error));
	if (error != 0)
		lost(to, slot);
}

/* What we did ourselves is told, too, and may be told late. So the news only say
 * where to look. */
static void
news(struct listener *to, const struct dw_kev *k)
{
	char		name[DW_IFNAMSIZ + 12];
	uint32_t	slot;
	int		side;

	if (k->vendor != DW_KEV_VENDOR_APPLE || k->class != DW_KEV_NETWORK ||
	    k->subclass != DW_KEV_DL || (k->code != DW_KEV_DL_DETACHING &&
	    k->code != DW_KEV_DL_DETACHED && k->code != DW_KEV_DL_LINK_OFF))
		return;
	/* The name comes without its unit. */
	snprintf(name, sizeof(name), "%.*s%u", DW_IFNAMSIZ, k->if_name,
	    k->if_unit);
	if (name_parse(name, &slot, &side) && fx.unit[slot].ifindex[side] != 0)
		look_at(to, slot);
}

/* Is the port of class raw still bound to what was given out? */
static void
raw_check(struct listener *to, uint32_t slot)
{
	const struct unit	*u = &fx.unit[slot];
	char			 name[IFNAMSIZ], bound[DW_IFNAMSIZ];
	int			 error;

	backend_ifname(slot, 1, name);
	error = bpf_bound(u->dup - 1, bound);
	if (error == 0 && strcmp(bound, name) == 0)
		return;
	if (error == 0)
		log_warnx("audit: uid %u bound its BPF descriptor of %s to %s, "
		    "where it reads all frames; the link is closed, but a "
		    "descriptor cannot be taken back: end that program, and "
		    "take class raw from its rule", u->uid, name, bound);
	else
		log_info("%s: its BPF descriptor is bound to nothing: %s",
		    name, strerror(-error));
	lost(to, slot);
}

/* A descriptor that an earlier warden gave out: we have no copy, and ask by ours,
 * ASKER. */
static void
adopted_check(struct listener *to, uint32_t slot, int asker)
{
	char	name[IFNAMSIZ];

	backend_ifname(slot, 1, name);
	if (bpf_listeners(asker, name) == 0)
		lost(to, slot);
}

/* One node for all that are asked for: to find a free one takes a call for each
 * that is in use. Without one, there is the next time. */
static void
ports_check(struct listener *to)
{
	struct bpf	asker = { .fd = -1 };
	unsigned int	used;
	uint32_t	slot;

	fx.look = darwin_ops.now() + LOOK_MS;
	if (fx.nadopted > 0)
		(void)bpf_open(&asker, &used);
	for (slot = 0; slot < BOUND_UNITS && fx.nraw + fx.nadopted > 0; slot++)
		if (fx.unit[slot].dup != 0)
			raw_check(to, slot);
		else if (fx.unit[slot].adopted && asker.fd != -1)
			adopted_check(to, slot, asker.fd);
	wire_close(&asker.fd);
}

static void
look_around(struct listener *to)
{
	uint32_t	slot;

	fx.around = 0;
	for (slot = 0; slot < BOUND_UNITS && fx.nlinks > 0; slot++)
		if (fx.unit[slot].ifindex[0] != 0)
			look_at(to, slot);
}

static void
feth_monitor(struct cable *(*find)(int ifindex, void *arg),
    backend_gone_fn *gone, void *arg)
{
	struct listener	to = { find, gone, arg };
	struct dw_kev	k;
	ssize_t		n = 1;
	int		i;

	/* Not for ever: the broker waits too. */
	for (i = 0; i < 64 && n > 0; i++)
		if ((n = darwin_ops.events_read(fx.events, &k)) > 0) {
			news(&to, &k);
			fx.nnews++;
		}
	if (fx.nraw + fx.nadopted > 0 && darwin_ops.now() >= fx.look)
		ports_check(&to);
	/* An event socket that is full loses what comes, and does not say so. */
	if (fx.nnews >= NEWS_MANY)
		look_later();
	if (n <= 0)
		fx.nnews = 0;
	if (fx.around != 0 && darwin_ops.now() >= fx.around)
		look_around(&to);
}

static int
feth_monitor_fd(void)
{
	return fx.events;
}

static int
feth_monitor_ms(void)
{
	int64_t	due = fx.around != 0 ? fx.around : INT64_MAX, left;

	if (fx.nraw + fx.nadopted > 0 && fx.look < due)
		due = fx.look;
	if (due == INT64_MAX)
		return -1;
	left = due - darwin_ops.now();
	return left < 0 ? 0 : left > LOOK_MS ? LOOK_MS : (int)left;
}

static int
feth_overlap(const struct prefix *p, struct prefix *with, char *route,
    size_t size)
{
	return darwin_ops.overlap(p, with, route, size);
}

static int
feth_counters(uint32_t slot, struct if_counters *c)
{
	char	name[IFNAMSIZ];
	int	error;

	backend_ifname(slot, 0, name);
	error = darwin_ops.counters(name, c);
	return error == -ENXIO ? -ENODEV : error;
}

/* The log has the numbers of the case; this is what the program is told. */
static const struct {
	enum wm_op	op;
	int		error;
	const char	*text;
} reasons[] = {
	{ WM_OP_OPEN, ENOSPC, "all BPF devices of this Mac are in use, and 256 "
	    "is the most there can be; each capture and each link takes one: "
	    "close some (sudo lsof /dev/bpf* names the programs)" },
	{ WM_OP_OPEN, ENOBUFS, "the Mac's limit of BPF buffers is too low: "
	    "see sysctl debug.bpf_bufsize_cap, or debug.bpf_maxbufsize on "
	    "macOS 12" },
	{ WM_OP_CHECK, EMSGSIZE, "before macOS 14 the MTU of a host link is "
	    "2030 at most" },
	{ WM_OP_CHECK, EINVAL, "on macOS the MTU is 72 to 16366, of a "
	    "wire link 16370" },
	{ WM_OP_CHECK, EOPNOTSUPP, "a setting of net.link.fake would spoil "
	    "the frames; the daemon's log says which" },
};

static const char *
feth_reason(enum wm_op op, int error)
{
	size_t	i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].op == op && reasons[i].error == error)
			return reasons[i].text;
	return NULL;
}

const struct backend backend_feth = {
	.name = "feth",
	.features = BF_HOST | BF_WIRE | BF_RAW | BF_RELAY | BF_WARDEN,
	.probe = feth_probe,
	.start = feth_start,
	.create = feth_create,
	.destroy = feth_destroy,
	.adopt = feth_adopt,
	.sweep = feth_sweep,
	.monitor_fd = feth_monitor_fd,
	.monitor = feth_monitor,
	.monitor_ms = feth_monitor_ms,
	.reason = feth_reason,
	.overlap = feth_overlap,
	.counters = feth_counters,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links on Linux: TAP and veth. Called by warden.c, and by the broker for what
 * needs no privilege (overlap, counters).
 *
 * Every interface of ours carries a mark: IFLA_IFALIAS
 * "fethd:<instance>:<slot>". Nothing here may touch an interface without it. A
 * kill between any two calls leaves nothing that the next start does not know:
 *
 *	tap	opened in the vault, a network namespace that dies with us; it
 *		is marked in the message that moves it to the home namespace
 *	raw	its I/O side is in the private namespace of the owner's uid,
 *		which dies with us and takes the host side with it
 *	wire	born in a group of its own (BORN_GROUP), as no alias can be
 *		given at birth; name, MAC and group together are a mark too, as
 *		long as the journal says that the link is being made
 *
 * A TAP whose descriptor was opened in another namespace cannot be attached
 * again by its holder, nor anything else at home, and one that is not
 * multi-queue has one queue for ever. The move is what it costs: 15 to 20 ms,
 * as the kernel waits for all CPUs. So some are moved ahead of time (spares,
 * linux_spare.h): marked as such, hardened, and down until they become a link's.
 * What the holder can still do is undone here: a changed MAC is restored, and
 * deletion is by RTM_DELLINK, never by trusting the last close.
 */
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cable.h"
#include "capture_linux.h"
#include "clock.h"
#include "linux_ask.h"
#include "linux_spare.h"
#include "log.h"
#include "netlink.h"
#include "netns.h"
#include "wire.h"

#define GROUPS		0x10000u	/* to be deleted in one message */
#define GROUP_TRIES	8
#define BORN_GROUP	0x66657462	/* a veth that has no mark yet */
#define SWEEP_BATCH	64
#define SWEEP_TRIES	10		/* looks with holes that found none */
#define MARK_SIZE	48
#define VNET_HEADER	10	/* struct virtio_net_hdr */
/* Frames that wait for the relay, which shares its CPU with others: at 250,000 a
 * second these are 33 ms, and the kernel's own 1,000 are 4. */
#define RELAY_QUEUE	8192
/* Of Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif
#define SPARE_SLOT	UINT32_MAX	/* in the mark of a spare */
#define SPARE_TRIES	64		/* for a name of its own */
/* Messages of the monitor a turn, which are 2 us each. A batch of removals brings
 * three a link; what is not read is lost, and then every link is looked at. */
#define NEWS_TURN	2048
/* ms: a MAC is restored at once, but not again before, and the log is told that
 * it goes on. Its holder changes it as fast as he likes. */
#define RESTORE_MS	100
#define TELL_MS		60000

static struct {
	uint64_t	instance;
	struct netns	vault;		/* where TAPs are born */
	struct nl	monitor;	/* of home */
	uint32_t	groups;		/* nobody else has these; 0: not picked */
	int		host[BOUND_UNITS]; /* ifindex of the host side, or 0 */
	int64_t		restore_at;	/* ms: of cables with restore_due; 0: none */
} lx = { .vault.fd = -1 };

/* Marks. */

static void
mark_write(uint32_t slot, char buf[MARK_SIZE])
{
	int	n = snprintf(buf, MARK_SIZE, "fethd:%016llx:",
		    (unsigned long long)lx.instance);

	if (slot == SPARE_SLOT)
		snprintf(buf + n, MARK_SIZE - (size_t)n, "spare");
	else
		snprintf(buf + n, MARK_SIZE - (size_t)n, "%u", slot);
}

bool
linux_mark_is(const char *alias, uint32_t slot)
{
	char	mark[MARK_SIZE];

	mark_write(slot, mark);
	return strcmp(alias, mark) == 0;
}

/* True when ALIAS is a mark of this instance: then *SLOT. */
static bool
mark_read(const char *alias, uint32_t *slot)
{
	const char	*last = strrchr(alias, ':');
	unsigned long	 n = SPARE_SLOT;

	if (last == NULL)
		return false;
	if (last[1] >= '0' && last[1] <= '9' &&
	    (n = strtoul(last + 1, NULL, 10)) >= BOUND_UNITS)
		return false;
	if (!linux_mark_is(alias, (uint32_t)n))
		return false;
	*slot = (uint32_t)n;
	return true;
}

/* The interface at home, if it carries our mark of SLOT. */
static int
ours(int ifindex, uint32_t slot, struct nl_link *l)
{
	int	error;

	if (ifindex <= 0)
		return -ENODEV;
	if ((error = nl_link_get(&netns_home.nl, ifindex, NULL, l)) != 0)
		return error;
	return linux_mark_is(l->alias, slot) ? 0 : -EPERM;
}

/* Is there no interface of SLOT at IFINDEX any more? Not when nobody can say. */
static bool
lost(int ifindex, uint32_t slot)
{
	struct nl_link	l;
	int		error = ours(ifindex, slot, &l);

	return error == -ENODEV || error == -EPERM;
}

/*
 * Making a link: a table of steps for each kind, one state. The first step that
 * fails ends it, and making_undo removes all that the state knows of.
 */
struct making {
	const struct wm_msg *m;
	int		netns;		/* the caller's, or -1 */
	struct netns	target;		/* the same, open */
	struct netns_uid *uidns;	/* raw; NULL: not raw */
	int		fd;		/* the port */
	char		mark[MARK_SIZE];
	char		name[2][IFNAMSIZ];
	struct netns	*at[2];		/* where a side is; NULL: not made */
	int		ifindex[2];
	uint8_t		offloads;	/* that the kernel has */
};

/* Sides that are interfaces of a host. */
static int
host_sides(const struct making *mk)
{
	return mk->m->kind == LINK_WIRE ? 2 : 1;
}

static struct nl_shape
shape_of(const struct making *mk, int side)
{
	struct nl_shape	s;

	s.name = mk->name[side];
	s.alias = mk->mark;
	s.mtu = mk->m->mtu;
	s.mac = mk->m->mac[side];
	s.queue = (mk->m->flags & WMF_RELAY) != 0 ? RELAY_QUEUE : 0;
	return s;
}

/* SIDE is found in S now. */
static int
side_found(struct making *mk, int side, struct netns *s)
{
	struct nl_link	l;
	int		error;

	if ((error = nl_link_get(&s->nl, 0, mk->name[side], &l)) != 0)
		return error;
	mk->at[side] = s;
	mk->ifindex[side] = l.ifindex;
	return 0;
}

static int
tap_open(struct making *mk)
{
	int	error, back;

	if ((error = netns_enter(lx.vault.fd)) != 0)
		return error;
	mk->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	error = mk->fd == -1 ? -errno : 0;
	back = netns_leave();
	return error != 0 ? error : back;
}

/* What a port's program will take: checksums and segments that are not made
 * yet. An old kernel (before 6.2) has no USO. */
static int
tap_offloads(struct making *mk, uint8_t offloads)
{
	static const unsigned int	flags[OFFLOADS] = {
		[OFFLOAD_CSUM] = TUN_F_CSUM, [OFFLOAD_TSO4] = TUN_F_TSO4,
		[OFFLOAD_TSO6] = TUN_F_TSO6,
		[OFFLOAD_USO] = TUN_F_USO4 | TUN_F_USO6,
	};
	unsigned int			f = 0;
	int				i, size = VNET_HEADER;

	for (i = 0; i < OFFLOADS; i++)
		if ((offloads & 1 << i) != 0)
			f |= flags[i];
	if (ioctl(mk->fd, TUNSETVNETHDRSZ, &size) != 0 ||
	    ioctl(mk->fd, TUNSETOFFLOAD, (unsigned long)f) != 0)
		return -errno;
	mk->offloads = offloads;
	return 0;
}

static int
tap_attach(struct making *mk)
{
	struct ifreq	ifr;
	uint8_t		offloads = mk->m->offloads;
	int		error = 0;

	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, mk->name[0], IFNAMSIZ);
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL |
	    (offloads != 0 ? IFF_VNET_HDR : 0));
	if (ioctl(mk->fd, TUNSETIFF, &ifr) != 0)
		return -errno;
	if (offloads != 0 && (error = tap_offloads(mk, offloads)) == -EINVAL)
		error = tap_offloads(mk, offloads & ~(1 << OFFLOAD_USO));
	return error != 0 ? error : side_found(mk, 0, &lx.vault);
}

/* What a spare lacks: the shape of its link. Without addresses that is all. */
static int
spare_shape(struct making *mk)
{
	struct nl_shape	s = shape_of(mk, 0);

	if (mk->m->naddr[0] == 0)
		return nl_link_shape_up(&netns_home.nl, mk->ifindex[0], &s);
	return nl_link_move(&netns_home.nl, mk->ifindex[0], -1, &s);
}

static int
wire_open(struct making *mk)
{
	return mk->netns != -1 ? netns_of(&mk->target, mk->netns) : 0;
}

static int
raw_open(struct making *mk)
{
	return netns_uid_get(mk->m->uid, &mk->uidns);
}

static int
veth_make(struct making *mk)
{
	struct nl_shape	ends[2];
	struct netns	*to;
	int		error, error1;

	to = mk->uidns != NULL ? &mk->uidns->ns :
	    mk->netns != -1 ? &mk->target : &netns_home;
	ends[0] = shape_of(mk, 0);
	ends[1] = shape_of(mk, 1);
	error = nl_veth_add(&netns_home.nl, ends,
	    to == &netns_home ? -1 : to->fd, BORN_GROUP);
	if (error != 0)
		return error;
	error = side_found(mk, 0, &netns_home);
	error1 = side_found(mk, 1, to);
	return error != 0 ? error : error1;
}

static int
veth_mark(struct making *mk)
{
	int	i, error = 0;

	for (i = 0; i < 2 && error == 0; i++)
		error = nl_link_mark(&mk->at[i]->nl, mk->ifindex[i], mk->mark);
	return error;
}

static int
tap_move(struct making *mk)
{
	struct nl_shape	s = shape_of(mk, 0);
	int		error;

	error = nl_link_move(&lx.vault.nl, mk->ifindex[0], netns_home.fd, &s);
	/* Its ifindex may be another one there. */
	return error != 0 ? error : side_found(mk, 0, &netns_home);
}

/* A host interface is a way into the host: it routes nothing, believes no
 * advertisement or redirect, and answers ARP for its own addresses only. */
static const struct nl_devconf	ipv4_conf[] = {
	{ IPV4_DEVCONF_FORWARDING, 0 },
	{ IPV4_DEVCONF_RP_FILTER, 1 },
	{ IPV4_DEVCONF_ACCEPT_REDIRECTS, 0 },
	{ IPV4_DEVCONF_SECURE_REDIRECTS, 0 },
	{ IPV4_DEVCONF_SEND_REDIRECTS, 0 },
	{ IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, 0 },
	{ IPV4_DEVCONF_ACCEPT_LOCAL, 0 },
	{ IPV4_DEVCONF_ROUTE_LOCALNET, 0 },
	{ IPV4_DEVCONF_PROXY_ARP, 0 },
	{ IPV4_DEVCONF_ARP_IGNORE, 1 },
	{ IPV4_DEVCONF_ARP_ANNOUNCE, 2 },
};
static const char *const	ipv6_conf[] = {
	"accept_ra", "autoconf", "forwarding", "accept_redirects",
	"accept_source_route", "proxy_ndp",
};

static int
harden_ipv6(const char *ifname)
{
	size_t	i;
	int	error = 0;

	for (i = 0; i < sizeof(ipv6_conf) / sizeof(ipv6_conf[0]) && error == 0;
	    i++)
		error = netns_sysctl("ipv6", ifname, ipv6_conf[i], "0");
	return error;
}

static int
harden(struct making *mk)
{
	int	i, error = 0, back;

	for (i = 0; i < host_sides(mk) && error == 0; i++) {
		error = nl_link_devconf(&mk->at[i]->nl, mk->ifindex[i],
		    ipv4_conf, sizeof(ipv4_conf) / sizeof(ipv4_conf[0]));
		if (error == 0 && mk->at[i] == &netns_home) {
			error = harden_ipv6(mk->name[i]);
		} else if (error == 0 &&
		    (error = netns_enter(mk->at[i]->fd)) == 0) {
			error = harden_ipv6(mk->name[i]);
			back = netns_leave();
			error = error != 0 ? error : back;
		}
	}
	return error;
}

/* Frames that the host leaves to hardware to finish are not finished by anybody
 * when a program reads them. */
static int
raw_offloads(struct making *mk)
{
	static const uint32_t	off[] = { ETHTOOL_STXCSUM, ETHTOOL_STSO,
	    ETHTOOL_SGSO };
	struct ethtool_value	value;
	struct ifreq		ifr;
	size_t			i;
	int			fd, error = 0;

	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, mk->name[0], IFNAMSIZ);
	ifr.ifr_data = (char *)&value;
	for (i = 0; i < sizeof(off) / sizeof(off[0]) && error == 0; i++) {
		value.cmd = off[i];
		value.data = 0;
		if (ioctl(fd, SIOCETHTOOL, &ifr) != 0)
			error = -errno;
	}
	close(fd);
	return error;
}

/* The broker asked the same, and more, before. But should it be somebody else's,
 * it must not get what the host sends to others by an address of its choice. */
static int
divert_nothing(struct making *mk)
{
	const struct wm_msg	*m = mk->m;
	unsigned int		 a;
	int			 i, error = 0;

	for (i = 0; i < host_sides(mk); i++)
		for (a = 0; a < m->naddr[i] && error == 0; a++)
			if (mk->at[i] == &netns_home)
				error = linux_diverts(&netns_home.nl,
				    &m->addr[i][a]);
	return error;
}

static int
address(struct making *mk)
{
	const struct wm_msg	*m = mk->m;
	int			 i, error;
	unsigned int		 a;

	for (i = 0; i < host_sides(mk); i++)
		for (a = 0; a < m->naddr[i]; a++)
			if ((error = nl_addr_add(&mk->at[i]->nl,
			    mk->ifindex[i], &m->addr[i][a])) != 0)
				/* EEXIST is for a name that is taken. */
				return error == -EEXIST ? -EADDRINUSE : error;
	return 0;
}

static int
up(struct making *mk)
{
	int	i, error = 0;

	for (i = 0; i < 2 && error == 0; i++)
		if (mk->at[i] != NULL)
			error = nl_link_up(&mk->at[i]->nl, mk->ifindex[i]);
	return error;
}

static int
spare_up(struct making *mk)
{
	return mk->m->naddr[0] == 0 ? 0 : up(mk);
}

/* In the private namespace. Bound to nothing until it has its interface. */
static int
packet_socket(int ifindex, int *out)
{
	struct sockaddr_ll	sll;
	int			fd, error, on = 1;

	if ((fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) == -1)
		return -errno;
	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ETH_P_ALL);
	sll.sll_ifindex = ifindex;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
	    sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&sll, sizeof(sll)) != 0) {
		error = -errno;
		close(fd);
		return error;
	}
	*out = fd;
	return 0;
}

static int
raw_socket(struct making *mk)
{
	int	error, back;

	if ((error = netns_enter(mk->uidns->ns.fd)) != 0)
		return error;
	error = packet_socket(mk->ifindex[1], &mk->fd);
	back = netns_leave();
	return error != 0 ? error : back;
}

static const struct cable_step	tap_steps[] = {
	{ WM_OP_OPEN, tap_open }, { WM_OP_CREATE, tap_attach },
	{ WM_OP_MOVE, tap_move }, { WM_OP_HARDEN, harden },
	{ WM_OP_ADDRESS, divert_nothing }, { WM_OP_ADDRESS, address },
	{ WM_OP_UP, up },
	{ WM_OP_NONE, NULL }
};
/* A spare is made by the first of these and becomes a link by the second. */
static const struct cable_step	spare_steps[] = {
	{ WM_OP_OPEN, tap_open }, { WM_OP_CREATE, tap_attach },
	{ WM_OP_MOVE, tap_move }, { WM_OP_HARDEN, harden },
	{ WM_OP_NONE, NULL }
};
static const struct cable_step	spared_steps[] = {
	{ WM_OP_MOVE, spare_shape },
	{ WM_OP_ADDRESS, divert_nothing }, { WM_OP_ADDRESS, address },
	{ WM_OP_UP, spare_up },
	{ WM_OP_NONE, NULL }
};
static const struct cable_step	wire_steps[] = {
	{ WM_OP_OPEN, wire_open }, { WM_OP_CREATE, veth_make },
	{ WM_OP_CREATE, veth_mark }, { WM_OP_HARDEN, harden },
	{ WM_OP_ADDRESS, divert_nothing }, { WM_OP_ADDRESS, address },
	{ WM_OP_UP, up },
	{ WM_OP_NONE, NULL }
};
static const struct cable_step	raw_steps[] = {
	{ WM_OP_OPEN, raw_open }, { WM_OP_CREATE, veth_make },
	{ WM_OP_CREATE, veth_mark }, { WM_OP_HARDEN, harden },
	{ WM_OP_HARDEN, raw_offloads },
	{ WM_OP_ADDRESS, divert_nothing }, { WM_OP_ADDRESS, address },
	{ WM_OP_UP, up }, { WM_OP_SOCKET, raw_socket },
	{ WM_OP_NONE, NULL }
};

/* Of a pair, either side takes the other with it; of a TAP, its descriptor does
 * so too, wherever a move that failed half-way left it. */
static void
making_undo(struct making *mk)
{
	int	i;

	for (i = 0; i < 2; i++)
		if (mk->at[i] != NULL)
			(void)nl_link_del(&mk->at[i]->nl, mk->ifindex[i]);
	wire_close(&mk->fd);
	if (mk->uidns != NULL)
		netns_uid_put(mk->m->uid);
}

static void
making_done(struct making *mk, struct cable *c, int *fd)
{
	int	i;

	for (i = 0; i < 2; i++)
		c->ifindex[i] = mk->at[i] == &netns_home ? mk->ifindex[i] : 0;
	c->raw = mk->uidns != NULL;
	c->offloads = mk->offloads;
	lx.host[c->slot] = c->ifindex[0];
	*fd = mk->fd;
}

/* A TAP that is no link's. */
static const struct wm_msg	any_tap = { .kind = LINK_HOST, .mtu = 1500,
    .mac[0] = { 2, 'f', 'e', 't', 'h', 0 } };

static void
making_init(struct making *mk, const struct wm_msg *m, uint32_t slot)
{
	memset(mk, 0, sizeof(*mk));
	mk->m = m;
	mk->netns = -1;
	mk->fd = -1;
	mk->target.fd = -1;
	mark_write(slot, mk->mark);
}

static bool
hardened4(const struct nl_link *l)
{
	size_t	i;

	for (i = 0; i < sizeof(ipv4_conf) / sizeof(ipv4_conf[0]); i++)
		if (l->conf[ipv4_conf[i].key] != ipv4_conf[i].value)
			return false;
	return true;
}

/*
 * Is this spare as it was made, but for its settings? They change when one is
 * set for all interfaces that there are, and on systems that set those of each
 * new one, a moment after we did.
 */
static bool
spare_good(int ifindex)
{
	struct nl_link	l;

	if (ours(ifindex, SPARE_SLOT, &l) != 0 || (l.flags & IFF_UP) != 0 ||
	    l.enslaved)
		return false;
	if (!hardened4(&l) && nl_link_devconf(&netns_home.nl, ifindex,
	    ipv4_conf, sizeof(ipv4_conf) / sizeof(ipv4_conf[0])) != 0)
		return false;
	return !l.forwards6 ||
	    netns_sysctl("ipv6", l.name, "forwarding", "0") == 0;
}

/* The spare that has the name of the new link already, if there is one, as the
 * kernel takes long for a new name; else any. */
static bool
spare_found(struct making *mk)
{
	while (spare_take_of(mk->m->slot, &mk->fd, &mk->ifindex[0]) ||
	    spare_take(&mk->fd, &mk->ifindex[0])) {
		if (spare_good(mk->ifindex[0])) {
			mk->at[0] = &netns_home;
			return true;
		}
		wire_close(&mk->fd);
	}
	return false;
}

/* A link that cannot be made of a spare needs its name, though. */
static void
spare_out_of_the_way(uint32_t slot)
{
	int	fd, ifindex;

	if (spare_take_of(slot, &fd, &ifindex))
		wire_close(&fd);
}

/* The steps for M; of a TAP, those for a spare when there is one. */
static const struct cable_step *
steps_for(struct making *mk)
{
	const struct wm_msg	*m = mk->m;

	/* Whether there is a header is settled at birth. */
	if (m->kind == LINK_HOST && (m->flags & WMF_RAW) == 0 &&
	    m->offloads == 0)
		return spare_found(mk) ? spared_steps : tap_steps;
	spare_out_of_the_way(m->slot);
	return m->kind == LINK_WIRE ? wire_steps :
	    (m->flags & WMF_RAW) != 0 ? raw_steps : tap_steps;
}

static int
making_run(struct making *mk, const struct cable_step *s, enum wm_op *op)
{
	int	error = cable_make(s, mk, op);

	if (error != 0)
		making_undo(mk);
	return error;
}

static int
linux_create(const struct wm_msg *m, int netns, struct cable *c, int *fd,
    enum wm_op *op)
{
	struct making	mk;
	int		error;

	making_init(&mk, m, m->slot);
	mk.netns = netns;
	backend_ifname(m->slot, 0, mk.name[0]);
	backend_ifname(m->slot, 1, mk.name[1]);
	cable_fill(c, m);
	*fd = -1;
	*op = WM_OP_OPEN;
	if ((error = netns_leave()) != 0)
		return error;
	if ((error = making_run(&mk, steps_for(&mk), op)) == 0)
		making_done(&mk, c, fd);
	netns_close(&mk.target);
	return error;
}

/* Removing. */

static void
delete_one(int ifindex, uint32_t slot)
{
	struct nl_link	l;
	int		error;

	error = ours(ifindex, slot, &l);
	if (error == -EPERM)
		log_warnx("%s lost our mark; it is left alone", l.name);
	else if (error == 0)
		error = nl_link_del(&netns_home.nl, ifindex);
	if (error != 0 && error != -ENODEV && error != -EPERM)
		log_warnx("cannot delete the interface of slot %u: %s", slot,
		    strerror(-error));
}

/*
 * Removing many in one message means all that have the same group, a number that
 * anybody with the right to may give to any interface. So a range of numbers is
 * picked of which nobody has one, and each batch takes any of it; that a
 * stranger took one since is seen on the monitor. To look before each batch
 * would be surer only against who means to be removed, and a walk over 10,000
 * interfaces takes longer than to remove a batch.
 */
static bool
in_groups(const struct nl_link *l)
{
	return lx.groups != 0 && l->group - lx.groups < GROUPS;
}

static void
groups_look(const struct nl_link *l, void *arg)
{
	*(bool *)arg |= in_groups(l);
}

/* 0: there is no such range. */
static uint32_t
group_pick(void)
{
	bool		taken = lx.groups == 0;
	uint32_t	r;
	int		i, error;

	for (i = 0; i < GROUP_TRIES; i++) {
		if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
			break;
		if (!taken)
			return lx.groups + r % GROUPS;
		/* Small numbers are those that people give. */
		lx.groups = (r | 0x40000000) & ~(uint32_t)(GROUPS - 1);
		taken = BORN_GROUP - lx.groups < GROUPS;
		error = nl_link_each(&netns_home.nl, groups_look, &taken);
		/* Who came meanwhile is among the news. */
		if (error != 0 && error != -EINTR)
			taken = true;
	}
	lx.groups = 0;
	return 0;
}

static void
cable_clear(struct cable *c)
{
	if (c->raw)
		netns_uid_put(c->uid);
	c->raw = false;
	if (c->slot < BOUND_UNITS)
		lx.host[c->slot] = 0;
	c->ifindex[0] = c->ifindex[1] = 0;
}

/* A single deletion waits 20 ms for the kernel, a group of 64 hardly longer. */
static void
linux_destroy(struct cable *const *c, unsigned int n)
{
	struct nl_link	l;
	uint32_t	group = n > 1 ? group_pick() : 0;
	unsigned int	i, marked = 0;

	for (i = 0; i < n && group != 0; i++)
		if (ours(c[i]->ifindex[0], c[i]->slot, &l) == 0 &&
		    nl_link_group(&netns_home.nl, l.ifindex, group) == 0)
			marked++;
	if (marked > 1)
		(void)nl_group_del(&netns_home.nl, group);
	/* What is left, which is nothing after a group went. */
	for (i = 0; i < n; i++) {
		delete_one(c[i]->ifindex[0], c[i]->slot);
		if (c[i]->ifindex[1] > 0)
			delete_one(c[i]->ifindex[1], c[i]->slot);
		cable_clear(c[i]);
	}
}

/* Spares. */

/* Remove all spares but N, in one go. */
static void
spares_trim(unsigned int n)
{
	struct cable	gone[BOUND_SPARES], *batch[BOUND_SPARES];
	int		fds[BOUND_SPARES];
	unsigned int	i, k = 0;

	memset(gone, 0, sizeof(gone));
	while (spare_count() > n && spare_take(&fds[k], &gone[k].ifindex[0])) {
		gone[k].slot = SPARE_SLOT;
		batch[k] = &gone[k];
		k++;
	}
	linux_destroy(batch, k);
	for (i = 0; i < k; i++)
		wire_close(&fds[i]);
}

static void
linux_spares(unsigned int n)
{
	spare_aim(n < BOUND_SPARES ? n : BOUND_SPARES);
	spares_trim(n);
}

/* A slot whose name nobody has at home; another daemon may have some, too. */
static int
spare_name(uint32_t *slot, char name[IFNAMSIZ])
{
	struct nl_link	l;
	unsigned int	i;
	int		error = 0;

	for (i = 0; i < SPARE_TRIES && error == 0; i++) {
		if (getrandom(slot, sizeof(*slot), 0) != sizeof(*slot))
			return -errno;
		*slot %= BOUND_UNITS;
		backend_ifname(*slot, 0, name);
		error = nl_link_get(&netns_home.nl, 0, name, &l);
	}
	return error == -ENODEV ? 0 : error == 0 ? -EEXIST : error;
}

static bool
linux_prepare(void)
{
	struct making	mk;
	enum wm_op	op = WM_OP_OPEN;
	uint32_t	slot;
	int		error;

	if (!spare_wanted())
		return false;
	making_init(&mk, &any_tap, SPARE_SLOT);
	if ((error = netns_leave()) == 0 &&
	    (error = spare_name(&slot, mk.name[0])) == 0)
		error = making_run(&mk, spare_steps, &op);
	if (error != 0) {
		log_warnx("cannot make a spare TAP: %s", strerror(-error));
		return false;
	}
	spare_put(slot, mk.fd, mk.ifindex[0]);
	return spare_wanted();
}

/* At start. */

static void
mac_tell(struct cable *c, const struct nl_link *l, int error)
{
	char	text[18];

	c->untold++;
	if (c->told != 0 && c->restored - c->told < TELL_MS)
		return;
	log_info("%s: its MAC was changed to %s; %s", l->name,
	    mac_format(l->mac, text), error == 0 ? "restored" :
	    strerror(-error));
	if (c->untold > 1)
		log_info("%s: it was so %u times since that was said last",
		    l->name, c->untold);
	c->told = c->restored;
	c->untold = 0;
}

static void
mac_restore(struct cable *c, int side)
{
	struct nl_link	l;
	int		error;

	/* The news may be old. */
	if (ours(c->ifindex[side], c->slot, &l) != 0 ||
	    memcmp(l.mac, c->mac[side], sizeof(l.mac)) == 0)
		return;
	error = nl_link_mac(&netns_home.nl, l.ifindex, c->mac[side]);
	c->restored = clock_ms();
	mac_tell(c, &l, error);
}

/* Was L, side SIDE of M, made just before a kill, and not marked yet? Then it
 * is now. */
static bool
reclaim(const struct wm_msg *m, int side, const struct nl_link *l)
{
	char	mark[MARK_SIZE];

	if (m->op == WM_OP_NONE || l->alias[0] != '\0' ||
	    l->group != BORN_GROUP ||
	    memcmp(l->mac, m->mac[side], sizeof(l->mac)) != 0)
		return false;
	mark_write(m->slot, mark);
	return nl_link_mark(&netns_home.nl, l->ifindex, mark) == 0;
}

static int
linux_adopt(const struct wm_msg *m, struct cable *c)
{
	char		name[IFNAMSIZ];
	struct nl_link	l;
	int		i, error;

	cable_fill(c, m);
	for (i = 0; i < (m->kind == LINK_WIRE ? 2 : 1); i++) {
		backend_ifname(m->slot, i, name);
		error = nl_link_get(&netns_home.nl, 0, name, &l);
		if (error == 0 && (linux_mark_is(l.alias, m->slot) ||
		    reclaim(m, i, &l)))
			c->ifindex[i] = l.ifindex;
		else if (i == 0)
			return error == 0 || error == -ENODEV ? -ENOENT : error;
		if (c->ifindex[i] != 0)
			mac_restore(c, i);
	}
	/* The namespace of a raw link is its holder's alone now: not raw here,
	 * where that means a reference to one of ours. */
	lx.host[c->slot] = c->ifindex[0];
	return 0;
}

struct sweeping {
	bool		(*known)(uint32_t slot, void *arg);
	void		*arg;
	struct cable	found[SWEEP_BATCH];
	unsigned int	n;
};

static void
sweep_link(const struct nl_link *l, void *arg)
{
	struct sweeping	*s = arg;
	struct cable	*c;
	uint32_t	 slot;

	if (s->n == SWEEP_BATCH || !mark_read(l->alias, &slot) ||
	    s->known(slot, s->arg))
		return;
	c = &s->found[s->n++];
	memset(c, 0, sizeof(*c));
	c->slot = slot;
	c->ifindex[0] = l->ifindex;
}

static int
linux_sweep(bool (*known)(uint32_t slot, void *arg), void *arg)
{
	struct sweeping	s = { .known = known, .arg = arg };
	struct cable	*batch[SWEEP_BATCH];
	int		i, error, missed = 0, total = 0, last = 0;

	for (i = 0; i < SWEEP_BATCH; i++)
		batch[i] = &s.found[i];
	/* Until a look finds nothing, or what cannot be removed again. */
	do {
		s.n = 0;
		error = nl_link_each(&netns_home.nl, sweep_link, &s);
		if ((error != 0 && error != -EINTR) ||
		    (s.n > 0 && s.found[0].ifindex[0] == last))
			break;
		if (s.n > 0)
			last = s.found[0].ifindex[0];
		linux_destroy(batch, s.n);
		total += (int)s.n;
		missed += error != 0 && s.n == 0;
	} while (s.n > 0 || (error != 0 && missed < SWEEP_TRIES));
	return total;
}

/* What is set for all interfaces counts beside our setting for one: then it is
 * not what the manual says, and said once. It is for others, too, so it stays. */
static void
look_at_all(void)
{
	static const char	path[] = "/proc/sys/net/ipv4/conf/all/";
	static const struct {
		const char	*key;
		char		 value;
		const char	*what;
	} t[] = {
		{ "accept_redirects", '1', "so IPv4 redirects are accepted on "
		    "the interfaces of links, too" },
		{ "rp_filter", '2', "so the reverse path filter of the "
		    "interfaces of links is loose, too" },
	};
	char			name[64], value;
	size_t			i;
	int			fd;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, t[i].key);
		if ((fd = open(name, O_RDONLY | O_CLOEXEC)) == -1)
			continue;
		if (read(fd, &value, 1) == 1 && value == t[i].value)
			log_info("net.ipv4.conf.all.%s is %c, %s", t[i].key,
			    value, t[i].what);
		close(fd);
	}
}

static int
linux_start(uint64_t instance)
{
	int	error;

	lx.instance = instance;
	if ((error = netns_here(&netns_home)) != 0)
		return error;
	if ((error = netns_new(&lx.vault)) != 0)
		goto out;
	if ((error = nl_monitor_open(&lx.monitor)) != 0)
		goto out;
	look_at_all();
	return 0;
out:
	netns_close(&lx.vault);
	netns_close(&netns_home);
	return error;
}

/* The one thing that proves it: do what a create begins with. */
static int
try_tap(struct making *mk, char *why, size_t size)
{
	int	error;

	if ((error = netns_new(&lx.vault)) != 0) {
		snprintf(why, size, "cannot make a network namespace: %s (it "
		    "needs CAP_SYS_ADMIN)", strerror(-error));
		return error;
	}
	if ((error = tap_open(mk)) != 0)
		snprintf(why, size, "cannot open /dev/net/tun: %s (modprobe "
		    "tun; in a container: --device /dev/net/tun)",
		    strerror(-error));
	else if ((error = tap_attach(mk)) != 0)
		snprintf(why, size, "cannot make a TAP interface: %s (it needs "
		    "CAP_NET_ADMIN)", strerror(-error));
	return error;
}

static int
linux_probe(char *why, size_t size)
{
	struct making	mk;
	int		error;

	if (geteuid() != 0) {
		snprintf(why, size, "kernel links need root");
		return -EPERM;
	}
	making_init(&mk, &any_tap, SPARE_SLOT);
	snprintf(mk.name[0], sizeof(mk.name[0]), "probe");
	if ((error = netns_here(&netns_home)) != 0) {
		snprintf(why, size, "cannot use netlink and /proc: %s",
		    strerror(-error));
		return error;
	}
	if ((error = try_tap(&mk, why, size)) == 0 && size > 0)
		*why = '\0';
	wire_close(&mk.fd);
	netns_close(&lx.vault);
	netns_close(&netns_home);
	return error;
}

/* News. */

struct listener {
	struct cable	*(*find)(int ifindex, void *arg);
	backend_gone_fn	*gone;
	void		*arg;
};

static void
cable_lost(struct cable *c, int ifindex, struct listener *to)
{
	/* The kernel gives the number of an interface that went to the next one:
	 * the news may be those of an earlier one. */
	if (!lost(ifindex, c->slot))
		return;
	/* The I/O side of a wire may go to a namespace by any hand. */
	if (ifindex == c->ifindex[1]) {
		c->ifindex[1] = 0;
		if (!lost(c->ifindex[0], c->slot))
			return;
	}
	delete_one(c->ifindex[1], c->slot);
	cable_clear(c);
	to->gone(c->slot, to->arg);
}

static void
mac_changed(struct cable *c, int side)
{
	int64_t	now = clock_ms();

	if (c->restored == 0 || now - c->restored >= RESTORE_MS) {
		mac_restore(c, side);
		return;
	}
	c->restore_due = true;
	if (lx.restore_at == 0)
		lx.restore_at = now + RESTORE_MS;
}

static void
news(const struct nl_link *l, bool gone, void *arg)
{
	struct listener	*to = arg;
	struct cable	*c;
	uint32_t	 slot;
	int		 side;

	if (in_groups(l) && !mark_read(l->alias, &slot))
		lx.groups = 0;
	if ((c = to->find(l->ifindex, to->arg)) == NULL)
		return;
	if (gone) {
		cable_lost(c, l->ifindex, to);
		return;
	}
	side = l->ifindex == c->ifindex[1];
	if (memcmp(l->mac, c->mac[side], sizeof(l->mac)) != 0)
		mac_changed(c, side);
}

/* News were lost: look at every cable. */
static void
look_around(struct listener *to)
{
	struct cable	*c;
	uint32_t	 slot;
	int		 i, index;

	for (slot = 0; slot < BOUND_UNITS; slot++) {
		if ((index = lx.host[slot]) == 0 ||
		    (c = to->find(index, to->arg)) == NULL)
			continue;
		cable_lost(c, index, to);
		/* The cable went with it, or has it still. */
		for (i = 0; i < 2 && lx.host[slot] == index; i++)
			mac_restore(c, i);
	}
}

/* Restore what waits for it. */
static void
macs_restore(struct listener *to)
{
	struct cable	*c;
	uint32_t	 slot;

	lx.restore_at = 0;
	for (slot = 0; slot < BOUND_UNITS; slot++) {
		if (lx.host[slot] == 0 ||
		    (c = to->find(lx.host[slot], to->arg)) == NULL ||
		    !c->restore_due)
			continue;
		c->restore_due = false;
		mac_restore(c, 0);
		mac_restore(c, 1);
	}
}

static void
linux_monitor(struct cable *(*find)(int ifindex, void *arg),
    backend_gone_fn *gone, void *arg)
{
	struct listener	to = { find, gone, arg };
	int		i, rv = 1;

	/* Not for ever: the broker waits too. */
	for (i = 0; i < NEWS_TURN && rv == 1; i++)
		rv = nl_monitor_read(&lx.monitor, news, &to);
	if (rv < 0) {
		log_debug("interface news were lost: %s", strerror(-rv));
		lx.groups = 0;
		look_around(&to);
	}
	if (lx.restore_at != 0 && clock_ms() >= lx.restore_at)
		macs_restore(&to);
}

static int
linux_monitor_ms(void)
{
	int64_t	left = lx.restore_at - clock_ms();

	return lx.restore_at == 0 ? -1 : left > 0 ? (int)left : 0;
}

static int
linux_monitor_fd(void)
{
	return nl_monitor_fd(&lx.monitor);
}

static int
linux_capture(const struct cable *c, const struct cbpf_insn *prog,
    unsigned int ninsns, uint32_t snaplen, int *fd, enum wm_op *op)
{
	struct nl_link	l;
	int		error;

	*op = WM_OP_CAPTURE;
	if ((error = netns_leave()) != 0 ||
	    (error = ours(c->ifindex[0], c->slot, &l)) != 0)
		return error;
	return linux_sniff(l.ifindex, prog, ninsns, snaplen, fd, op);
}

const struct backend backend_linux = {
	.name = "linux",
	.features = BF_HOST | BF_WIRE | BF_NETNS | BF_TAP | BF_RAW |
	    BF_OFFLOADS | BF_RELAY | BF_WARDEN,
	.probe = linux_probe,
	.start = linux_start,
	.create = linux_create,
	.destroy = linux_destroy,
	.spares = linux_spares,
	.prepare = linux_prepare,
	.prepared = spare_slot,
	.adopt = linux_adopt,
	.sweep = linux_sweep,
	.monitor_fd = linux_monitor_fd,
	.monitor = linux_monitor,
	.monitor_ms = linux_monitor_ms,
	.capture = linux_capture,
	.capture_run = linux_capture_run,
	.overlap = linux_overlap,
	.counters = linux_counters,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model's interfaces: feth, and those of the rest of a Mac. See sim.h. No
 * input or output here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define UNIT_MAX	32767		/* facts 1.3 */
#define BROADCAST	0x2
#define SIMPLEX		0x800
#define MULTICAST	((int16_t)0x8000)
/* What SIOCSIFFLAGS may not change. */
#define CANTCHANGE	((int16_t)(BROADCAST | DW_IFF_RUNNING | SIMPLEX | \
    0x8000 | 0x100 | 0x200 | 0x10 | 0x400))

const char *const sim_release_names[SIM_RELEASES + 1] = {
	"12", "13", "14.0", "14.4", "15.4", NULL
};

/* facts 1.9 */
static const struct sim_sysctl sysctl_defaults[] = {
	{ "net.link.fake.txstart", SIM_12, 1 },
	{ "net.link.fake.hwcsum", SIM_12, 0 },
	{ "net.link.fake.nxattach", SIM_12, 0 },
	{ "net.link.fake.bsd_mode", SIM_12, 1 },
	{ "net.link.fake.max_mtu", SIM_12, 2048 },
	{ "net.link.fake.buflet_size", SIM_12, 512 },
	{ "net.link.fake.fcs", SIM_12, 0 },
	{ "net.link.fake.trailer_length", SIM_12, 0 },
	{ "net.link.fake.tso_support", SIM_13, 0 },
	{ "net.link.fake.lro", SIM_14_0, 0 },
	{ "net.link.fake.vlan_tagging", SIM_15_4, 1 },
	{ "debug.bpf_maxdevices", SIM_12, DW_BPF_NODES },
	{ "debug.bpf_bufsize", SIM_12, DW_BPF_BLEN },
	{ "debug.bpf_maxbufsize", SIM_12, 524288 },	/* facts 2.3 */
	{ "debug.bpf_bufsize_cap", SIM_13, 32 * 1024 * 1024 },
};

void
sim_init(struct sim *s, enum sim_release release,
    const struct sim_hooks *hooks, void *arg)
{
	static const struct sim_hooks	none;
	size_t				i;

	memset(s, 0, sizeof(*s));
	s->release = release;
	s->hooks = hooks != NULL ? hooks : &none;
	s->arg = arg;
	s->nnodes = 4;			/* facts 2.1 */
	s->detach_ms = 30;
	for (i = 0; i < sizeof(sysctl_defaults) / sizeof(sysctl_defaults[0]);
	    i++)
		if (sysctl_defaults[i].since <= release)
			s->sysctls[s->nsysctls++] = sysctl_defaults[i];
	(void)sim_foreign(s, "lo", 0);
	(void)sim_foreign(s, "en", 0);
}

void
sim_free(struct sim *s)
{
	unsigned int	n;

	for (n = 0; n < SIM_NODES; n++)
		if (s->nodes[n].open)
			sim_close(s, n);
}

void
sim_hazard(struct sim *s, const char *fmt, ...)
{
	va_list	ap;

	s->hazards++;
	va_start(ap, fmt);
	vsnprintf(s->hazard, sizeof(s->hazard), fmt, ap);
	va_end(ap);
}

/* Faults. */

void
sim_fault(struct sim *s, uint32_t call, unsigned int skip, unsigned int count,
    int error)
{
	int	i;

	for (i = 0; i < SIM_FAULTS; i++)
		if (s->faults[i].call == 0) {
			s->faults[i] = (struct sim_fault){ call, skip, count,
			    error };
			return;
		}
}

uint32_t
sim_call_by_name(const char *name)
{
	static const struct {
		const char	*name;
		uint32_t	call;
	} calls[] = {
		{ "open", SIM_OPEN }, { "read", SIM_READ },
		{ "write", SIM_WRITE },
#define X(n, dir, group, number, type, value) { #n, DW_##n },
		DW_IOCTLS(X)
#undef X
	};
	size_t	i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].call;
	return 0;
}

/* The errno that CALL is to fail with, or 0. Called before it takes effect, and
 * once more AFTER. */
int
sim_failing(struct sim *s, uint32_t call, bool after)
{
	struct sim_fault	*f;
	int			 i;

	for (i = 0; i < SIM_FAULTS; i++) {
		f = &s->faults[i];
		if (f->call != call || (f->error == SIM_KILL_AFTER) != after)
			continue;
		if (f->skip > 0) {
			f->skip--;
			continue;
		}
		if (--f->count == 0)
			f->call = 0;
		if (f->error > 0)
			return f->error;
		if (s->hooks->kill != NULL)
			s->hooks->kill(s->arg);
		return EINTR;
	}
	return 0;
}

/* Interfaces. */

int
sim_find(const struct sim *s, const char *name)
{
	int	i;

	for (i = 0; i < SIM_IFS; i++)
		if (s->ifs[i].used && !s->ifs[i].detaching &&
		    strncmp(s->ifs[i].name, name, DW_IFNAMSIZ) == 0)
			return i;
	return -1;
}

static void
changed(struct sim *s, int i)
{
	if (s->hooks->changed != NULL)
		s->hooks->changed(i, s->arg);
}

/* facts 2.7 */
static void
event(struct sim *s, int i, uint32_t code)
{
	const struct sim_if	*f = &s->ifs[i];
	struct dw_kev		 k;

	if (s->hooks->event == NULL)
		return;
	memset(&k, 0, sizeof(k));
	k.size = sizeof(k);
	k.vendor = DW_KEV_VENDOR_APPLE;
	k.class = DW_KEV_NETWORK;
	k.subclass = DW_KEV_DL;
	k.id = (uint32_t)s->calls;
	k.code = code;
	k.if_family = 2;
	k.if_unit = f->unit;
	memcpy(k.if_name, f->base, sizeof(k.if_name));
	s->hooks->event(&k, s->arg);
}

static int
if_new(struct sim *s, const char *base, uint32_t unit)
{
	struct sim_if	*f;
	int		 i;

	for (i = 0; i < SIM_IFS && s->ifs[i].used; i++)
		;
	if (i == SIM_IFS)
		return -1;
	f = &s->ifs[i];
	memset(f, 0, sizeof(*f));
	f->used = true;
	snprintf(f->base, sizeof(f->base), "%s", base);
	snprintf(f->name, sizeof(f->name), "%s%u", base, unit);
	f->unit = unit;
	f->mtu = 1500;
	f->peer = f->dvrtin = -1;
	/* facts 1.3 */
	f->flags = (int16_t)(BROADCAST | SIMPLEX | MULTICAST);
	return i;
}

int
sim_foreign(struct sim *s, const char *base, uint32_t unit)
{
	int	i = if_new(s, base, unit);

	if (i != -1) {
		s->ifs[i].max_mtu = 9000;
		s->ifs[i].flags |= DW_IFF_UP | DW_IFF_RUNNING;
	}
	return i;
}

int
sim_sysctl(const struct sim *s, const char *name)
{
	unsigned int	i;

	for (i = 0; i < s->nsysctls; i++)
		if (strcmp(s->sysctls[i].name, name) == 0)
			return s->sysctls[i].value;
	return 0;
}

/* "feth<digits>": the unit, -1 for plain "feth", -2 for anything else. */
static long
cloner_unit(const char *name)
{
	char	copy[DW_IFNAMSIZ + 1] = "";
	char	*end;
	long	unit;

	memcpy(copy, name, DW_IFNAMSIZ);
	if (strncmp(copy, "feth", 4) != 0)
		return -2;
	if (copy[4] == '\0')
		return -1;
	if (copy[4] < '0' || copy[4] > '9')
		return -2;
	unit = strtol(copy + 4, &end, 10);
	return *end == '\0' ? unit : -2;
}

/* 0: UNIT can be had. facts 1.3 */
static int
unit_free(struct sim *s, long unit)
{
	int	i;

	for (i = 0; i < SIM_IFS; i++)
		if (s->ifs[i].used && s->ifs[i].feth &&
		    s->ifs[i].unit == (uint32_t)unit)
			return s->ifs[i].detaching ? EBUSY : EEXIST;
	return 0;
}

static int
do_create(struct sim *s, void *arg, const struct sim_mem *mem)
{
	struct dw_ifreq	*r = arg;
	struct sim_if	*f;
	long		 unit = cloner_unit(r->name);
	int		 i, error;

	(void)mem;
	if (unit == -2)
		return EINVAL;
	if (unit > UNIT_MAX)
		return ENXIO;
	if (unit == -1) {
		for (unit = 0; unit_free(s, unit) != 0; unit++)
			;
		memset(r->name, 0, sizeof(r->name));
		snprintf(r->name, sizeof(r->name), "feth%u", (uint16_t)unit);
	} else if ((error = unit_free(s, unit)) != 0) {
		return error;
	}
	if ((i = if_new(s, "feth", (uint32_t)unit)) == -1)
		return ENOBUFS;
	f = &s->ifs[i];
	f->feth = true;
	/* facts 1.3: "feth" and the unit; the same on every Mac. */
	memcpy(f->mac, "feth", 4);
	f->mac[4] = (uint8_t)(unit >> 8);
	f->mac[5] = (uint8_t)unit;
	/* facts 1.8: frozen at creation. */
	f->max_mtu = sim_sysctl(s, "net.link.fake.max_mtu");
	if (s->hooks->created != NULL &&
	    (error = s->hooks->created(i, s->arg)) != 0) {
		f->used = false;
		return error;
	}
	event(s, i, DW_KEV_DL_ATTACHED);
	return 0;
}

/* facts 1.5: links go off on both ends. */
static void
unpeer(struct sim *s, int i)
{
	int	p = s->ifs[i].peer;

	if (p == -1)
		return;
	s->ifs[p].peer = s->ifs[i].peer = -1;
	event(s, i, DW_KEV_DL_LINK_OFF);
	if (p != i)
		event(s, p, DW_KEV_DL_LINK_OFF);
}

/* facts 1.12 */
static int
do_destroy(struct sim *s, void *arg, const struct sim_mem *mem)
{
	struct dw_ifreq	*r = arg;
	struct sim_if	*f;
	int		 i;

	(void)mem;
	if (cloner_unit(r->name) < 0)
		return EINVAL;
	if ((i = sim_find(s, r->name)) == -1)
		return ENXIO;
	f = &s->ifs[i];
	/* facts 1.7: the peer pointer carries no reference. */
	if (f->peer != -1 && (f->flags & DW_IFF_UP) != 0)
		sim_hazard(s, "%s is destroyed with a peer while it is up",
		    f->name);
	unpeer(s, i);
	event(s, i, DW_KEV_DL_DETACHING);
	f->detaching = true;
	f->gone = s->now + s->detach_ms;
	sim_detach(s, i);
	if (s->hooks->destroyed != NULL)
		s->hooks->destroyed(i, s->arg);
	return 0;
}

void
sim_tick(struct sim *s, int64_t now)
{
	int	i;

	s->now = now;
	for (i = 0; i < SIM_IFS; i++)
		if (s->ifs[i].used && s->ifs[i].detaching &&
		    s->ifs[i].gone <= now) {
			event(s, i, DW_KEV_DL_DETACHED);
			s->ifs[i].used = false;
		}
}

static int
do_gflags(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_ifreq	*r = arg;

	(void)s;
	r->u.flags = f->flags;
	return 0;
}

/* facts 1.6: replaces all that can be changed; RUNNING follows UP. */
static int
do_sflags(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_ifreq	*r = arg;

	f->flags = (int16_t)((f->flags & CANTCHANGE) |
	    (r->u.flags & ~CANTCHANGE));
	f->flags &= (int16_t)~DW_IFF_RUNNING;
	if (f->flags & DW_IFF_UP)
		f->flags |= DW_IFF_RUNNING;
	changed(s, (int)(f - s->ifs));
	event(s, (int)(f - s->ifs), DW_KEV_DL_SIFFLAGS);
	return 0;
}

static int
do_gmtu(struct sim *s, struct sim_if *f, void *arg)
{
	(void)s;
	((struct dw_ifreq *)arg)->u.mtu = f->mtu;
	return 0;
}

/* facts 1.8 */
static int
do_smtu(struct sim *s, struct sim_if *f, void *arg)
{
	int32_t	mtu = ((struct dw_ifreq *)arg)->u.mtu;

	if (mtu < DW_FAKE_MTU_MIN || mtu > f->max_mtu)
		return EINVAL;
	f->mtu = mtu;
	changed(s, (int)(f - s->ifs));
	return 0;
}

static int
do_devmtu(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_ifreq	*r = arg;

	(void)s;
	r->u.devmtu.current = f->mtu;
	r->u.devmtu.min = DW_FAKE_MTU_MIN;
	r->u.devmtu.max = f->max_mtu;
	return 0;
}

/* facts 1.4: the length of the address, not of a sockaddr. */
static int
do_slladdr(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_ifreq	*r = arg;

	if (r->u.addr.len != 0 && r->u.addr.len != 6)
		return EINVAL;
	memset(f->mac, 0, sizeof(f->mac));
	memcpy(f->mac, r->u.addr.data, r->u.addr.len);
	if (f->mac[0] & 1)
		sim_hazard(s, "%s has a group address", f->name);
	changed(s, (int)(f - s->ifs));
	return 0;
}

static int
do_glladdr(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_ifreq	*r = arg;

	(void)s;
	r->u.addr.len = 6;
	r->u.addr.family = DW_AF_LINK;
	memcpy(r->u.addr.data, f->mac, 6);
	return 0;
}

/* facts 1.2, 1.13 */
static int
do_sdesc(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_descreq	*d = arg;

	(void)s;
	if (d->len > sizeof(f->desc))
		return EINVAL;
	f->desc_len = d->len;
	memcpy(f->desc, d->desc, sizeof(f->desc));
	return 0;
}

static int
do_gdesc(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_descreq	*d = arg;

	(void)s;
	d->len = f->desc_len;
	memset(d->desc, 0, sizeof(d->desc));
	memcpy(d->desc, f->desc, f->desc_len);
	return 0;
}

/* facts 1.2: family 2, the Ethernet type 6. */
static int
do_gtype(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_ifreq	*r = arg;

	(void)s;
	(void)f;
	memset(&r->u, 0, sizeof(r->u));
	((uint32_t *)(void *)r->u.bytes)[0] = 6;
	((uint32_t *)(void *)r->u.bytes)[1] = 2;
	return 0;
}

/* facts 1.5 */
static int
set_peer(struct sim *s, struct sim_if *f, const struct dw_fake_request *q)
{
	char	name[DW_IFNAMSIZ];
	int	i = (int)(f - s->ifs), p;

	memcpy(name, q->u.peer, sizeof(name));
	name[DW_IFNAMSIZ - 1] = '\0';
	if (name[0] == '\0') {
		unpeer(s, i);
		return 0;
	}
	if ((p = sim_find(s, name)) == -1)
		return ENXIO;
	if (!s->ifs[p].feth)
		return EINVAL;
	if (f->peer != -1 || s->ifs[p].peer != -1)
		return EBUSY;
	if (p == i)
		sim_hazard(s, "%s is its own peer", f->name);
	f->peer = p;
	s->ifs[p].peer = i;
	event(s, i, DW_KEV_DL_LINK_ON);
	if (p != i)
		event(s, p, DW_KEV_DL_LINK_ON);
	return 0;
}

static int
fake_request(const struct dw_ifdrv *d, struct dw_fake_request *q,
    const struct sim_mem *mem)
{
	static const uint64_t	zero[4];
	int			error;

	if (d->len < sizeof(*q) || d->data == NULL)
		return EINVAL;
	if ((error = mem->in(q, d->data, sizeof(*q), mem->arg)) != 0)
		return error;
	return memcmp(q->reserved, zero, sizeof(zero)) == 0 ? 0 : EINVAL;
}

static int
do_sdrvspec(struct sim *s, void *arg, const struct sim_mem *mem)
{
	struct dw_ifdrv		*d = arg;
	struct dw_fake_request	 q;
	int			 i, error;

	if ((i = sim_find(s, d->name)) == -1)
		return ENXIO;
	if (!s->ifs[i].feth)
		return EOPNOTSUPP;
	if ((error = fake_request(d, &q, mem)) != 0)
		return error;
	/* facts 1.2: truncated to 32 bits. */
	return (uint32_t)d->cmd == DW_FAKE_SET_PEER ?
	    set_peer(s, &s->ifs[i], &q) : EOPNOTSUPP;
}

static int
do_gdrvspec(struct sim *s, void *arg, const struct sim_mem *mem)
{
	struct dw_ifdrv		*d = arg;
	struct dw_fake_request	 q;
	int			 i, error;

	if ((i = sim_find(s, d->name)) == -1)
		return ENXIO;
	if (!s->ifs[i].feth || (uint32_t)d->cmd != DW_FAKE_GET_PEER)
		return EOPNOTSUPP;
	if ((error = fake_request(d, &q, mem)) != 0)
		return error;
	memset(&q.u, 0, sizeof(q.u));
	if (s->ifs[i].peer != -1)
		memcpy(q.u.peer, s->ifs[s->ifs[i].peer].name, DW_IFNAMSIZ);
	return mem->out(d->data, &q, sizeof(q), mem->arg);
}

/* Addresses, facts 1.10. */

static int
add_address(struct sim *s, struct sim_if *f, int family, const uint8_t *addr,
    int len)
{
	int	n, i = (int)(f - s->ifs), size = family == 4 ? 4 : 16;

	for (n = 0; n < f->naddr; n++)
		if (f->addr[n].family == family &&
		    memcmp(f->addr[n].addr, addr, (size_t)size) == 0)
			return EEXIST;
	if (f->naddr == SIM_ADDRS)
		return ENOBUFS;
	f->addr[f->naddr].family = family;
	f->addr[f->naddr].len = len;
	memcpy(f->addr[f->naddr++].addr, addr, (size_t)size);
	/* facts 1.6, 1.10: implicitly up and running. */
	f->flags |= DW_IFF_UP | DW_IFF_RUNNING;
	if (family == 4)
		f->inet = true;
	else
		f->inet6 = true;
	changed(s, i);
	if (s->hooks->address != NULL)
		s->hooks->address(i, family, addr, len, s->arg);
	return 0;
}

/* The length of a contiguous mask, or -1. */
static int
mask_len(const uint8_t *mask, int size)
{
	int	n = 0, b;

	while (n < 8 * size && (mask[n / 8] & 0x80 >> n % 8) != 0)
		n++;
	for (b = n; b < 8 * size; b++)
		if ((mask[b / 8] & 0x80 >> b % 8) != 0)
			return -1;
	return n;
}

static int
do_addr4(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_aliasreq	*a = arg;
	int			 len = mask_len(a->mask.addr, 4);

	if (a->addr.len != 16 || a->addr.family != DW_AF_INET || len < 0 ||
	    a->mask.len != 16)
		return EINVAL;
	return add_address(s, f, 4, a->addr.addr, len);
}

static int
do_addr6(struct sim *s, struct sim_if *f, void *arg)
{
	struct dw_aliasreq6	*a = arg;
	int			 len = mask_len(a->mask.addr, 16);

	if (a->addr.len != 28 || a->addr.family != DW_AF_INET6 || len < 0 ||
	    a->mask.len != 28 || a->pltime > a->vltime)
		return EINVAL;
	if (a->vltime != DW_ND6_INFINITE || a->pltime != DW_ND6_INFINITE)
		sim_hazard(s, "%s has an address that ends", f->name);
	return add_address(s, f, 6, a->addr.addr, len);
}

/* The table of requests: on an interface, or with the caller's memory. */
static const struct request {
	uint32_t	request;
	bool		root, inet6;
	int		(*on_if)(struct sim *s, struct sim_if *f, void *arg);
	int		(*run)(struct sim *s, void *arg,
			    const struct sim_mem *mem);
} requests[] = {
	{ DW_SIOCIFCREATE2, true, false, NULL, do_create },
	{ DW_SIOCIFDESTROY, true, false, NULL, do_destroy },
	{ DW_SIOCSDRVSPEC, true, false, NULL, do_sdrvspec },
	{ DW_SIOCGDRVSPEC, false, false, NULL, do_gdrvspec },
	{ DW_SIOCGIFFLAGS, false, false, do_gflags, NULL },
	{ DW_SIOCSIFFLAGS, true, false, do_sflags, NULL },
	{ DW_SIOCGIFMTU, false, false, do_gmtu, NULL },
	{ DW_SIOCSIFMTU, true, false, do_smtu, NULL },
	{ DW_SIOCGIFDEVMTU, false, false, do_devmtu, NULL },
	{ DW_SIOCSIFLLADDR, true, false, do_slladdr, NULL },
	{ DW_SIOCGIFLLADDR, false, false, do_glladdr, NULL },
	{ DW_SIOCSIFDESC, true, false, do_sdesc, NULL },
	{ DW_SIOCGIFDESC, false, false, do_gdesc, NULL },
	{ DW_SIOCGIFTYPE, false, false, do_gtype, NULL },
	{ DW_SIOCAIFADDR, true, false, do_addr4, NULL },
	{ DW_SIOCAIFADDR_IN6, true, true, do_addr6, NULL },
};

int
sim_control(struct sim *s, bool root, bool inet6, uint32_t request, void *arg,
    const struct sim_mem *mem)
{
	const struct request	*r;
	size_t			 n;
	int			 i, error;

	s->calls++;
	for (n = 0; n < sizeof(requests) / sizeof(requests[0]); n++)
		if (requests[n].request == request)
			break;
	if (n == sizeof(requests) / sizeof(requests[0]))
		return EOPNOTSUPP;
	r = &requests[n];
	/* facts 1.2: IPv6 only on an AF_INET6 socket. */
	if (r->inet6 && !inet6)
		return EOPNOTSUPP;
	if (r->root && !root)
		return EPERM;
	if ((error = sim_failing(s, request, false)) != 0)
		return error;
	if (r->run != NULL)
		error = r->run(s, arg, mem);
	else if ((i = sim_find(s, arg)) == -1)
		error = ENXIO;
	else
		error = r->on_if(s, &s->ifs[i], arg);
	if (error == 0)
		error = sim_failing(s, request, true);
	return error;
}

int
sim_sysctl_get(struct sim *s, const char *name, int *value)
{
	unsigned int	i;

	for (i = 0; i < s->nsysctls; i++)
		if (strcmp(s->sysctls[i].name, name) == 0) {
			*value = s->sysctls[i].value;
			return 0;
		}
	return ENOENT;
}

int
sim_sysctl_set(struct sim *s, bool root, const char *name, int value)
{
	unsigned int	i;

	for (i = 0; i < s->nsysctls; i++) {
		if (strcmp(s->sysctls[i].name, name) != 0)
			continue;
		if (!root)
			return EPERM;
		/* facts 1.8 */
		if (strcmp(name, "net.link.fake.max_mtu") == 0 &&
		    (value < 1500 || value > DW_FAKE_MTU_MAX ||
		    value <= sim_sysctl(s, "net.link.fake.buflet_size")))
			return EINVAL;
		/* facts 2.1: read-only from 13. */
		if (strcmp(name, "debug.bpf_maxdevices") == 0 &&
		    s->release >= SIM_13)
			return EPERM;
		s->sysctls[i].value = value;
		return 0;
	}
	return ENOENT;
}

/* facts 1.7 */
void
sim_transmit(struct sim *s, int i, const uint8_t *frame, size_t len)
{
	struct sim_if	*f = &s->ifs[i];

	if (len < 14) {
		sim_hazard(s, "%s sends a frame of %zu bytes: the driver cuts "
		    "off 14", f->name, len);
		return;
	}
	/* A frame without a peer is freed, and nobody sees it. */
	if (f->feth && f->peer == -1)
		return;
	sim_tap(s, i, frame, len, true);
	if (!f->feth)
		return;
	sim_tap(s, f->peer, frame, len, false);
	/* The same frame goes to the peer's protocols, unless diverted. */
	if (s->ifs[f->peer].dvrtin == -1 && s->hooks->stack != NULL)
		s->hooks->stack(f->peer, frame, len, s->arg);
}

int
sim_stack_output(struct sim *s, int i, const uint8_t *frame, size_t len)
{
	if (!s->ifs[i].used || s->ifs[i].detaching)
		return ENXIO;
	if ((s->ifs[i].flags & DW_IFF_UP) == 0)
		return ENETDOWN;
	sim_transmit(s, i, frame, len);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioctls on feth interfaces; see feth_if.h. Called by backend_feth.c only. feth
 * is in no manual: what is relied on was read in XNU's bsd/net/if_fake.c and
 * if.c, tags 8019 (macOS 12) to 11417 (15.4).
 */
#include <errno.h>
#include <string.h>

#include "darwin_ops.h"
#include "feth_if.h"

/* A destroyed interface keeps its name until the kernel has detached it. */
#define BUSY_TRIES	5
#define BUSY_MS		10

static void
name_set(char to[DW_IFNAMSIZ], const char *name)
{
	size_t	len = strnlen(name, DW_IFNAMSIZ - 1);

	memset(to, 0, DW_IFNAMSIZ);
	memcpy(to, name, len);
}

static int
request(const char *name, enum dw_ioctl what, struct dw_ifreq *r)
{
	name_set(r->name, name);
	return darwin_ops.control(false, what, r);
}

int
feth_if_create(const char *name)
{
	struct dw_ifreq	r;
	unsigned int	try, ms = BUSY_MS;
	int		error;

	for (try = 0; ; try++) {
		memset(&r, 0, sizeof(r));
		error = request(name, DW_SIOCIFCREATE2, &r);
		if (error != -EBUSY)
			return error;
		if (try == BUSY_TRIES)
			return -EEXIST;
		darwin_ops.nap(ms);
		ms *= 2;
	}
}

int
feth_if_destroy(const char *name)
{
	struct dw_ifreq	r;

	memset(&r, 0, sizeof(r));
	return request(name, DW_SIOCIFDESTROY, &r);
}

int
feth_if_mark(const char *name, const char *mark)
{
	struct dw_descreq	d;
	size_t			len = strlen(mark);

	memset(&d, 0, sizeof(d));
	if (len > sizeof(d.desc))
		return -EINVAL;
	name_set(d.name, name);
	d.len = (uint32_t)len;
	memcpy(d.desc, mark, len);
	return darwin_ops.control(false, DW_SIOCSIFDESC, &d);
}

int
feth_if_mark_get(const char *name, char *mark, size_t size)
{
	struct dw_descreq	d;
	int			error;

	*mark = '\0';
	memset(&d, 0, sizeof(d));
	name_set(d.name, name);
	if ((error = darwin_ops.control(false, DW_SIOCGIFDESC, &d)) != 0)
		return error;
	/* Anybody's bytes. What is no text, or too long, is none of ours, but
	 * it is a mark. */
	if (d.len > sizeof(d.desc) || d.len >= size ||
	    memchr(d.desc, '\0', d.len) != NULL) {
		strcpy(mark, "?");
		return 0;
	}
	memcpy(mark, d.desc, d.len);
	mark[d.len] = '\0';
	return 0;
}

int
feth_if_mac(const char *name, const uint8_t mac[6])
{
	static const uint8_t	zero[6];
	struct dw_ifreq		r;

	/* The kernel does not look. */
	if ((mac[0] & 1) != 0 || memcmp(mac, zero, sizeof(zero)) == 0)
		return -EINVAL;
	memset(&r, 0, sizeof(r));
	/* The length of the address, not of the sockaddr
	 * (kpi_interface.c:2404). */
	r.u.addr.len = 6;
	r.u.addr.family = DW_AF_LINK;
	memcpy(r.u.addr.data, mac, 6);
	return request(name, DW_SIOCSIFLLADDR, &r);
}

int
feth_if_mac_get(const char *name, uint8_t mac[6])
{
	struct dw_ifreq	r;
	int		error;

	memset(&r, 0, sizeof(r));
	if ((error = request(name, DW_SIOCGIFLLADDR, &r)) == 0)
		memcpy(mac, r.u.addr.data, 6);
	return error;
}

int
feth_if_mtu(const char *name, uint32_t mtu)
{
	struct dw_ifreq	r;

	memset(&r, 0, sizeof(r));
	r.u.mtu = (int32_t)mtu;
	return request(name, DW_SIOCSIFMTU, &r);
}

int
feth_if_mtu_max(const char *name, uint32_t *mtu)
{
	struct dw_ifreq	r;
	int		error;

	memset(&r, 0, sizeof(r));
	if ((error = request(name, DW_SIOCGIFDEVMTU, &r)) != 0)
		return error;
	if (r.u.devmtu.max <= 0)
		return -EINVAL;
	*mtu = (uint32_t)r.u.devmtu.max;
	return 0;
}

static int
drvspec(const char *name, enum dw_ioctl what, uint64_t cmd,
    struct dw_fake_request *q)
{
	struct dw_ifdrv	d;

	memset(&d, 0, sizeof(d));
	name_set(d.name, name);
	d.cmd = cmd;
	d.len = sizeof(*q);
	d.data = q;
	return darwin_ops.control(false, what, &d);
}

int
feth_if_peer(const char *name, const char *peer)
{
	struct dw_fake_request	q;

	/* The kernel takes it, and loops every frame. And to a name of "" it
	 * means the end of what there is. */
	if (*peer == '\0' || strcmp(name, peer) == 0)
		return -EINVAL;
	memset(&q, 0, sizeof(q));
	name_set(q.u.peer, peer);
	return drvspec(name, DW_SIOCSDRVSPEC, DW_FAKE_SET_PEER, &q);
}

int
feth_if_unpeer(const char *name)
{
	struct dw_fake_request	q;

	memset(&q, 0, sizeof(q));
	return drvspec(name, DW_SIOCSDRVSPEC, DW_FAKE_SET_PEER, &q);
}

int
feth_if_peer_get(const char *name, char *peer)
{
	struct dw_fake_request	q;
	int			error;

	*peer = '\0';
	memset(&q, 0, sizeof(q));
	error = drvspec(name, DW_SIOCGDRVSPEC, DW_FAKE_GET_PEER, &q);
	if (error == 0) {
		memcpy(peer, q.u.peer, DW_IFNAMSIZ);
		peer[DW_IFNAMSIZ - 1] = '\0';
	}
	return error;
}

int
feth_if_flags(const char *name, int16_t *flags)
{
	struct dw_ifreq	r;
	int		error;

	memset(&r, 0, sizeof(r));
	if ((error = request(name, DW_SIOCGIFFLAGS, &r)) == 0)
		*flags = r.u.flags;
	return error;
}

/* A set replaces every flag that can be changed, and what the driver thinks of
 * it is not told (if.c:3947): read, change, write, look. */
static int
flag_up(const char *name, int16_t up)
{
	struct dw_ifreq	r;
	int16_t		flags;
	int		error;

	if ((error = feth_if_flags(name, &flags)) != 0)
		return error;
	memset(&r, 0, sizeof(r));
	r.u.flags = (int16_t)((flags & ~DW_IFF_UP) | up);
	if ((error = request(name, DW_SIOCSIFFLAGS, &r)) != 0 ||
	    (error = feth_if_flags(name, &flags)) != 0)
		return error;
	return (flags & DW_IFF_UP) == up ? 0 : -EIO;
}

int
feth_if_up(const char *name)
{
	return flag_up(name, DW_IFF_UP);
}

int
feth_if_down(const char *name)
{
	return flag_up(name, 0);
}

static void
mask_set(uint8_t *mask, unsigned int len)
{
	unsigned int	b;

	for (b = 0; b < len; b++)
		mask[b / 8] |= (uint8_t)(0x80 >> b % 8);
}

static int
address4(const char *name, const struct prefix *p)
{
	struct dw_aliasreq	a;

	memset(&a, 0, sizeof(a));
	name_set(a.name, name);
	a.addr.len = a.mask.len = sizeof(a.addr);
	a.addr.family = a.mask.family = DW_AF_INET;
	memcpy(a.addr.addr, p->addr, sizeof(a.addr.addr));
	mask_set(a.mask.addr, p->len);
	return darwin_ops.control(false, DW_SIOCAIFADDR, &a);
}

/* Only a socket of AF_INET6 takes it. Duplicates are not looked for: on the
 * other side is a program that may not be there yet. */
static int
address6(const char *name, const struct prefix *p)
{
	struct dw_aliasreq6	a;

	memset(&a, 0, sizeof(a));
	name_set(a.name, name);
	a.addr.len = a.mask.len = sizeof(a.addr);
	a.addr.family = a.mask.family = DW_AF_INET6;
	memcpy(a.addr.addr, p->addr, sizeof(a.addr.addr));
	mask_set(a.mask.addr, p->len);
	a.flags = DW_IN6_IFF_NODAD;
	a.vltime = a.pltime = DW_ND6_INFINITE;
	return darwin_ops.control(true, DW_SIOCAIFADDR_IN6, &a);
}

int
feth_if_address(const char *name, const struct prefix *p)
{
	return p->family == 4 ? address4(name, p) : address6(name, p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces made with as few calls as the kernel allows: the floor that the
 * daemon is measured against, so nothing of the daemon's is used here.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

struct net {
	int		fd;
	uint32_t	seq;
	union {
		struct nlmsghdr	h;
		uint8_t		buf[1024];
	} m;
};

struct net *
net_open(void)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };
	struct net *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (n->fd == -1 || bind(n->fd, (struct sockaddr *)&nl,
	    sizeof(nl)) == -1) {
		net_close(n);
		return NULL;
	}
	return n;
}

void
net_close(struct net *n)
{
	if (n == NULL)
		return;
	if (n->fd != -1)
		close(n->fd);
	free(n);
}

/* ---- Messages ---------------------------------------------------------- */

static void *
msg_start(struct net *n, uint16_t type, uint16_t flags, size_t size)
{
	memset(&n->m, 0, NLMSG_SPACE(size));
	n->m.h.nlmsg_type = type;
	n->m.h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	n->m.h.nlmsg_len = NLMSG_SPACE((uint32_t)size);
	n->m.h.nlmsg_seq = ++n->seq;
	return NLMSG_DATA(&n->m.h);
}

static void *
msg_link(struct net *n, uint16_t type, uint16_t flags, int ifindex)
{
	struct ifinfomsg *i = msg_start(n, type, flags, sizeof(*i));

	i->ifi_index = ifindex;
	return i;
}

static struct rtattr *
msg_put(struct net *n, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (void *)(n->m.buf + n->m.h.nlmsg_len);

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(a), data, len);
	n->m.h.nlmsg_len += (uint32_t)RTA_SPACE(len);
	return a;
}

static void
msg_end(struct net *n, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)(n->m.buf + n->m.h.nlmsg_len -
	    (uint8_t *)nest);
}

static int
msg_ask(struct net *n)
{
	union {
		struct nlmsghdr	h;
		uint8_t		buf[4096];
	} in;
	const struct nlmsgerr *e;
	ssize_t len;

	if (send(n->fd, &n->m, n->m.h.nlmsg_len, 0) == -1)
		return -errno;
	for (;;) {
		len = recv(n->fd, &in, sizeof(in), 0);
		if (len == -1 && errno == EINTR)
			continue;
		if (len < (ssize_t)NLMSG_LENGTH(sizeof(*e)))
			return len == -1 ? -errno : -EPROTO;
		if (in.h.nlmsg_seq != n->seq ||
		    in.h.nlmsg_type != NLMSG_ERROR)
			continue;
		e = NLMSG_DATA(&in.h);
		return e->error;
	}
}

/* ---- Interfaces -------------------------------------------------------- */

int
net_finish(struct net *n, int ifindex, const uint8_t mac[6], unsigned int mtu,
    const char *alias, uint32_t group)
{
	struct ifinfomsg *i = msg_link(n, RTM_SETLINK, 0, ifindex);

	i->ifi_flags = i->ifi_change = IFF_UP;
	msg_put(n, IFLA_ADDRESS, mac, 6);
	msg_put(n, IFLA_MTU, &mtu, sizeof(mtu));
	msg_put(n, IFLA_IFALIAS, alias, strlen(alias));
	if (group != 0)
		msg_put(n, IFLA_GROUP, &group, sizeof(group));
	return msg_ask(n);
}

int
net_up(struct net *n, int ifindex)
{
	struct ifinfomsg *i = msg_link(n, RTM_SETLINK, 0, ifindex);

	i->ifi_flags = i->ifi_change = IFF_UP;
	return msg_ask(n);
}

int
net_veth(struct net *n, const char *name, const char *peer)
{
	struct ifinfomsg i = { .ifi_family = AF_UNSPEC };
	struct rtattr *info, *data, *end;

	msg_link(n, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	msg_put(n, IFLA_IFNAME, name, strlen(name) + 1);
	info = msg_put(n, IFLA_LINKINFO, NULL, 0);
	msg_put(n, IFLA_INFO_KIND, "veth", 4);
	data = msg_put(n, IFLA_INFO_DATA, NULL, 0);
	end = msg_put(n, VETH_INFO_PEER, &i, sizeof(i));
	msg_put(n, IFLA_IFNAME, peer, strlen(peer) + 1);
	msg_end(n, end);
	msg_end(n, data);
	msg_end(n, info);
	return msg_ask(n);
}

int
net_bridge(struct net *n, const char *name)
{
	struct ifinfomsg *i;
	struct rtattr *info;

	i = msg_link(n, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	i->ifi_flags = i->ifi_change = IFF_UP;
	msg_put(n, IFLA_IFNAME, name, strlen(name) + 1);
	info = msg_put(n, IFLA_LINKINFO, NULL, 0);
	msg_put(n, IFLA_INFO_KIND, "bridge", 6);
	msg_end(n, info);
	return msg_ask(n);
}

int
net_address(struct net *n, int ifindex, uint32_t ip, unsigned int len)
{
	struct ifaddrmsg *a;

	a = msg_start(n, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*a));
	a->ifa_family = AF_INET;
	a->ifa_prefixlen = (uint8_t)len;
	a->ifa_index = (uint32_t)ifindex;
	ip = htonl(ip);
	msg_put(n, IFA_LOCAL, &ip, sizeof(ip));
	msg_put(n, IFA_ADDRESS, &ip, sizeof(ip));
	return msg_ask(n);
}

int
net_delete(struct net *n, int ifindex)
{
	msg_link(n, RTM_DELLINK, 0, ifindex);
	return msg_ask(n);
}

int
net_delete_group(struct net *n, uint32_t group)
{
	msg_link(n, RTM_DELLINK, 0, 0);
	msg_put(n, IFLA_GROUP, &group, sizeof(group));
	return msg_ask(n);
}

/* ---- Devices ----------------------------------------------------------- */

int
net_tap(const char *name, int flags)
{
	struct ifreq ifr;
	int e, fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags);
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return fd;
	e = errno;
	close(fd);
	return -e;
}

int
net_packet(const char *ifname)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL) };
	int e, on = 1, fd;

	sll.sll_ifindex = (int)if_nametoindex(ifname);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd != -1 && setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
	    sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&sll, sizeof(sll)) == 0)
		return fd;
	e = errno;
	if (fd != -1)
		close(fd);
	return -e;
}

/* ---- Counting ---------------------------------------------------------- */

uint64_t
net_rx(const char *ifname)
{
	unsigned long long bytes, packets;
	size_t len = strlen(ifname);
	char line[512], *p;
	uint64_t r = 0;
	FILE *f = fopen("/proc/self/net/dev", "re");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		p = line + strspn(line, " ");
		if (strncmp(p, ifname, len) == 0 && p[len] == ':' &&
		    sscanf(p + len + 1, "%llu %llu", &bytes, &packets) == 2)
			r = packets;
	}
	fclose(f);
	return r;
}

static bool
is_up(int s, const char *ifname)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(s, SIOCGIFFLAGS, &ifr) == 0 &&
	    (ifr.ifr_flags & IFF_UP) != 0;
}

unsigned int
net_links(void)
{
	struct if_nameindex *all = if_nameindex(), *i;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int n = 0;

	for (i = all; i != NULL && i->if_name != NULL; i++)
		n += strncmp(i->if_name, "feth", 4) == 0 &&
		    is_up(s, i->if_name);
	if (all != NULL)
		if_freenameindex(all);
	close(s);
	return n;
}

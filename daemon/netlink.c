/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See netlink.h. In layers: a socket; one request and its answer, matched by
 * sequence number; then the named operations, each of which only fills in a
 * message. Called by backend_linux.c in the warden and, for what needs no
 * privilege (stats, routes), in the broker. It decides nothing.
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "log.h"
#include "netlink.h"

#define REQUEST_SIZE	1024		/* the largest is veth_add: 300 */
#define ANSWER_SIZE	32768		/* what the kernel fills a dump into */
#define MONITOR_BUFFER	(4 * 1024 * 1024)
#define DUMP_TRIES	5

union request {
	struct nlmsghdr	h;
	char		buf[REQUEST_SIZE];
};

typedef int answer_fn(const struct nlmsghdr *h, void *arg);

/* Layer 1: the socket. */

static int
socket_open(struct nl *nl, unsigned int groups)
{
	int	error, on = 1;

	nl->seq = 0;
	nl->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl->sock == NULL)
		return -errno;
	/* Only for better texts in the log. */
	(void)mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &on, sizeof(on));
	if (mnl_socket_bind(nl->sock, groups, MNL_SOCKET_AUTOPID) == 0)
		return 0;
	error = -errno;
	nl_close(nl);
	return error;
}

int
nl_open(struct nl *nl)
{
	return socket_open(nl, 0);
}

void
nl_close(struct nl *nl)
{
	if (nl->sock != NULL)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

/* Layer 2: one request and its answer. */

static int
error_text(const struct nlattr *a, void *arg)
{
	const char	**text = arg;

	if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
		*text = mnl_attr_get_str(a);
	return MNL_CB_OK;
}

/* The -errno of an NLMSG_ERROR; 0 is an acknowledgement. */
static int
error_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr	*e = mnl_nlmsg_get_payload(h);
	const char		*text = NULL;
	size_t			 skip = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*e))
		return -EBADMSG;
	if (e->error == 0)
		return 0;
	if ((h->nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
		if ((h->nlmsg_flags & NLM_F_CAPPED) == 0)
			skip += mnl_nlmsg_get_payload_len(&e->msg);
		(void)mnl_attr_parse(h, (unsigned int)skip, error_text, &text);
	}
	if (text != NULL)
		log_debug("netlink: message type %u: %s: %s",
		    e->msg.nlmsg_type, strerror(-e->error), text);
	return e->error;
}

/* The end of a dump carries its result. */
static int
done_of(const struct nlmsghdr *h)
{
	int	error;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(error))
		return 0;
	memcpy(&error, mnl_nlmsg_get_payload(h), sizeof(error));
	return error;
}

/* How an answer ends. */
struct result {
	int	error;
	bool	holes;		/* what was listed changed meanwhile */
};

/*
 * Take what one read brought. True: the answer is over; it is with the first
 * message when ONE is all that comes. After a failure of FN, what follows is
 * only drained; a list with holes is read on, as what it has is true.
 */
static bool
take(const struct nlmsghdr *h, int len, uint32_t seq, bool one, answer_fn *fn,
    void *arg, struct result *r)
{
	int	rv;

	for (; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
		if (h->nlmsg_seq != seq)
			continue;
		r->holes |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (h->nlmsg_type == NLMSG_ERROR ||
		    h->nlmsg_type == NLMSG_DONE) {
			rv = h->nlmsg_type == NLMSG_ERROR ? error_of(h) :
			    done_of(h);
			r->error = rv != 0 ? rv : r->error;
			return true;
		}
		if (fn != NULL && r->error == 0)
			r->error = fn(h, arg);
		if (one)
			return true;
	}
	return false;
}

static int
answer(struct nl *nl, uint32_t seq, bool one, answer_fn *fn, void *arg)
{
	char		buf[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct result	r = { 0, false };
	ssize_t		n;

	do {
		n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return -errno;
	} while (!take((struct nlmsghdr *)buf, (int)n, seq, one, fn, arg, &r));
	return r.error != 0 ? r.error : r.holes ? -EINTR : 0;
}

static int
talk(struct nl *nl, struct nlmsghdr *h, answer_fn *fn, void *arg)
{
	if (nl->sock == NULL)
		return -EBADF;
	h->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->sock, h, h->nlmsg_len) == -1)
		return -errno;
	return answer(nl, h->nlmsg_seq, (h->nlmsg_flags & (NLM_F_ACK |
	    NLM_F_DUMP)) == 0, fn, arg);
}

/* Layer 3: messages about links. */

static struct ifinfomsg *
link_start(union request *r, uint16_t type, uint16_t flags, int ifindex)
{
	struct ifinfomsg	*ifi;

	memset(r, 0, sizeof(*r));
	mnl_nlmsg_put_header(r->buf);
	r->h.nlmsg_type = type;
	r->h.nlmsg_flags = NLM_F_REQUEST | flags;
	ifi = mnl_nlmsg_put_extra_header(&r->h, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	return ifi;
}

static void
put_shape(union request *r, const struct nl_shape *s)
{
	mnl_attr_put_strz(&r->h, IFLA_IFNAME, s->name);
	mnl_attr_put(&r->h, IFLA_ADDRESS, 6, s->mac);
	mnl_attr_put_u32(&r->h, IFLA_MTU, s->mtu);
	if (s->queue != 0)
		mnl_attr_put_u32(&r->h, IFLA_TXQLEN, s->queue);
}

static void
get_stats(const struct nlattr *a, struct if_counters *c)
{
	struct rtnl_link_stats64	s;

	if (mnl_attr_get_payload_len(a) <
	    offsetof(struct rtnl_link_stats64, multicast))
		return;
	memset(&s, 0, sizeof(s));
	memcpy(&s, mnl_attr_get_payload(a),
	    mnl_attr_get_payload_len(a) < sizeof(s) ?
	    mnl_attr_get_payload_len(a) : sizeof(s));
	c->rx_frames = s.rx_packets;
	c->rx_bytes = s.rx_bytes;
	c->rx_dropped = s.rx_dropped;
	c->tx_frames = s.tx_packets;
	c->tx_bytes = s.tx_bytes;
	c->tx_dropped = s.tx_dropped;
}

static void
get_text(const struct nlattr *a, char *buf, size_t size)
{
	size_t	n = mnl_attr_get_payload_len(a);

	n = n < size ? n : size - 1;
	memcpy(buf, mnl_attr_get_payload(a), n);
	buf[n] = '\0';
}

/* Of each family an array of settings, from the first one (1) on, which is
 * forwarding. */
static void
get_conf(const struct nlattr *spec, struct nl_link *l)
{
	const struct nlattr	*family, *conf;
	uint32_t		 on;
	size_t			 size;

	mnl_attr_for_each_nested(family, spec)
		mnl_attr_for_each_nested(conf, family) {
			size = mnl_attr_get_payload_len(conf);
			if (mnl_attr_get_type(family) == AF_INET &&
			    mnl_attr_get_type(conf) == IFLA_INET_CONF) {
				if (size > sizeof(l->conf) - sizeof(on))
					size = sizeof(l->conf) - sizeof(on);
				memcpy(l->conf + 1, mnl_attr_get_payload(conf),
				    size);
			} else if (mnl_attr_get_type(family) == AF_INET6 &&
			    mnl_attr_get_type(conf) == IFLA_INET6_CONF &&
			    size >= sizeof(on)) {
				memcpy(&on, mnl_attr_get_payload(conf),
				    sizeof(on));
				l->forwards6 = on != 0;
			}
		}
}

static int
link_attr(const struct nlattr *a, void *arg)
{
	struct nl_link	*l = arg;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		get_text(a, l->name, sizeof(l->name));
		break;
	case IFLA_IFALIAS:
		get_text(a, l->alias, sizeof(l->alias));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == sizeof(l->mac))
			memcpy(l->mac, mnl_attr_get_payload(a), sizeof(l->mac));
		break;
	case IFLA_MTU:
		if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
			l->mtu = mnl_attr_get_u32(a);
		break;
	case IFLA_GROUP:
		if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
			l->group = mnl_attr_get_u32(a);
		break;
	case IFLA_AF_SPEC:
		get_conf(a, l);
		break;
	case IFLA_MASTER:
		l->enslaved = true;
		break;
	case IFLA_STATS64:
		get_stats(a, &l->stats);
		break;
	}
	return MNL_CB_OK;
}

/* True when H is about an interface: then *L. */
static bool
link_parse(const struct nlmsghdr *h, struct nl_link *l)
{
	const struct ifinfomsg	*ifi = mnl_nlmsg_get_payload(h);

	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
	    mnl_nlmsg_get_payload_len(h) < sizeof(*ifi) ||
	    ifi->ifi_family != AF_UNSPEC)
		return false;
	memset(l, 0, sizeof(*l));
	l->ifindex = ifi->ifi_index;
	l->flags = ifi->ifi_flags;
	return mnl_attr_parse(h, sizeof(*ifi), link_attr, l) >= 0;
}

static int
link_one(const struct nlmsghdr *h, void *arg)
{
	return link_parse(h, arg) ? 0 : -EBADMSG;
}

static int
link_query(struct nl *nl, int ifindex, const char *name, uint32_t mask,
    struct nl_link *l)
{
	union request	r;
	int		error;

	/* The answer, or why there is none: nothing to acknowledge. */
	link_start(&r, RTM_GETLINK, 0, ifindex);
	if (name != NULL)
		mnl_attr_put_strz(&r.h, IFLA_IFNAME, name);
	mnl_attr_put_u32(&r.h, IFLA_EXT_MASK, mask);
	l->ifindex = 0;
	if ((error = talk(nl, &r.h, link_one, l)) != 0)
		return error;
	return l->ifindex > 0 ? 0 : -ENODEV;
}

int
nl_link_get(struct nl *nl, int ifindex, const char *name, struct nl_link *l)
{
	return link_query(nl, ifindex, name, RTEXT_FILTER_SKIP_STATS, l);
}

int
nl_link_stats(struct nl *nl, const char *name, struct nl_link *l)
{
	return link_query(nl, 0, name, 0, l);
}

struct link_walk {
	void	(*fn)(const struct nl_link *l, void *arg);
	void	*arg;
};

static int
link_step(const struct nlmsghdr *h, void *arg)
{
	struct link_walk	*w = arg;
	struct nl_link		 l;

	if (link_parse(h, &l))
		w->fn(&l, w->arg);
	return 0;
}

int
nl_link_each(struct nl *nl, void (*fn)(const struct nl_link *l, void *arg),
    void *arg)
{
	struct link_walk	w = { fn, arg };
	union request		r;

	link_start(&r, RTM_GETLINK, NLM_F_DUMP, 0);
	mnl_attr_put_u32(&r.h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return talk(nl, &r.h, link_step, &w);
}

/* The end that goes elsewhere must be the main one of the message. */
int
nl_veth_add(struct nl *nl, const struct nl_shape end[2], int netns,
    uint32_t group)
{
	struct nlattr		*info, *data, *peer;
	struct ifinfomsg	*ifi;
	union request		 r;

	link_start(&r, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
	put_shape(&r, &end[1]);
	mnl_attr_put_u32(&r.h, IFLA_GROUP, group);
	if (netns != -1)
		mnl_attr_put_u32(&r.h, IFLA_NET_NS_FD, (uint32_t)netns);
	info = mnl_attr_nest_start(&r.h, IFLA_LINKINFO);
	mnl_attr_put_strz(&r.h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(&r.h, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(&r.h, VETH_INFO_PEER);
	ifi = mnl_nlmsg_put_extra_header(&r.h, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	put_shape(&r, &end[0]);
	mnl_attr_put_u32(&r.h, IFLA_GROUP, group);
	mnl_attr_nest_end(&r.h, peer);
	mnl_attr_nest_end(&r.h, data);
	mnl_attr_nest_end(&r.h, info);
	return talk(nl, &r.h, NULL, NULL);
}

int
nl_link_mark(struct nl *nl, int ifindex, const char *alias)
{
	union request	r;

	link_start(&r, RTM_SETLINK, NLM_F_ACK, ifindex);
	mnl_attr_put_u32(&r.h, IFLA_GROUP, 0);
	mnl_attr_put(&r.h, IFLA_IFALIAS, strlen(alias), alias);
	return talk(nl, &r.h, NULL, NULL);
}

static int
link_shape(struct nl *nl, int ifindex, int netns, const struct nl_shape *s,
    unsigned int flags)
{
	struct ifinfomsg	*ifi;
	union request		 r;

	ifi = link_start(&r, RTM_SETLINK, NLM_F_ACK, ifindex);
	ifi->ifi_flags = flags;
	ifi->ifi_change = flags;
	if (netns != -1)
		mnl_attr_put_u32(&r.h, IFLA_NET_NS_FD, (uint32_t)netns);
	put_shape(&r, s);
	mnl_attr_put(&r.h, IFLA_IFALIAS, strlen(s->alias), s->alias);
	return talk(nl, &r.h, NULL, NULL);
}

int
nl_link_move(struct nl *nl, int ifindex, int netns, const struct nl_shape *s)
{
	return link_shape(nl, ifindex, netns, s, 0);
}

int
nl_link_shape_up(struct nl *nl, int ifindex, const struct nl_shape *s)
{
	return link_shape(nl, ifindex, -1, s, IFF_UP);
}

int
nl_link_up(struct nl *nl, int ifindex)
{
	struct ifinfomsg	*ifi;
	union request		 r;

	ifi = link_start(&r, RTM_SETLINK, NLM_F_ACK, ifindex);
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	return talk(nl, &r.h, NULL, NULL);
}

int
nl_link_mac(struct nl *nl, int ifindex, const uint8_t mac[6])
{
	union request	r;

	link_start(&r, RTM_SETLINK, NLM_F_ACK, ifindex);
	mnl_attr_put(&r.h, IFLA_ADDRESS, 6, mac);
	return talk(nl, &r.h, NULL, NULL);
}

int
nl_link_devconf(struct nl *nl, int ifindex, const struct nl_devconf *conf,
    size_t n)
{
	struct nlattr	*spec, *inet, *list;
	union request	 r;
	size_t		 i;

	link_start(&r, RTM_SETLINK, NLM_F_ACK, ifindex);
	spec = mnl_attr_nest_start(&r.h, IFLA_AF_SPEC);
	inet = mnl_attr_nest_start(&r.h, AF_INET);
	list = mnl_attr_nest_start(&r.h, IFLA_INET_CONF);
	for (i = 0; i < n; i++)
		mnl_attr_put_u32(&r.h, conf[i].key, conf[i].value);
	mnl_attr_nest_end(&r.h, list);
	mnl_attr_nest_end(&r.h, inet);
	mnl_attr_nest_end(&r.h, spec);
	return talk(nl, &r.h, NULL, NULL);
}

int
nl_link_group(struct nl *nl, int ifindex, uint32_t group)
{
	union request	r;

	link_start(&r, RTM_SETLINK, NLM_F_ACK, ifindex);
	mnl_attr_put_u32(&r.h, IFLA_GROUP, group);
	return talk(nl, &r.h, NULL, NULL);
}

int
nl_link_del(struct nl *nl, int ifindex)
{
	union request	r;

	if (ifindex <= 0)
		return -ENODEV;
	link_start(&r, RTM_DELLINK, NLM_F_ACK, ifindex);
	return talk(nl, &r.h, NULL, NULL);
}

int
nl_group_del(struct nl *nl, uint32_t group)
{
	union request	r;

	link_start(&r, RTM_DELLINK, NLM_F_ACK, 0);
	mnl_attr_put_u32(&r.h, IFLA_GROUP, group);
	return talk(nl, &r.h, NULL, NULL);
}

/* Addresses and routes. */

static uint8_t
af_of(int family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

int
nl_addr_add(struct nl *nl, int ifindex, const struct prefix *p)
{
	struct ifaddrmsg	*ifa;
	union request		 r;
	size_t			 len = prefix_bits(p) / 8;

	memset(&r, 0, sizeof(r));
	mnl_nlmsg_put_header(r.buf);
	r.h.nlmsg_type = RTM_NEWADDR;
	r.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	ifa = mnl_nlmsg_put_extra_header(&r.h, sizeof(*ifa));
	ifa->ifa_family = af_of(p->family);
	ifa->ifa_prefixlen = p->len;
	ifa->ifa_index = (uint32_t)ifindex;
	/* The other end is any program: nobody would answer for a double. */
	ifa->ifa_flags = p->family == 6 ? IFA_F_NODAD : 0;
	mnl_attr_put(&r.h, IFA_LOCAL, len, p->addr);
	mnl_attr_put(&r.h, IFA_ADDRESS, len, p->addr);
	return talk(nl, &r.h, NULL, NULL);
}

static struct rtmsg *
route_start(union request *r, uint16_t flags, int family)
{
	struct rtmsg	*rtm;

	memset(r, 0, sizeof(*r));
	mnl_nlmsg_put_header(r->buf);
	r->h.nlmsg_type = RTM_GETROUTE;
	r->h.nlmsg_flags = NLM_F_REQUEST | flags;
	rtm = mnl_nlmsg_put_extra_header(&r->h, sizeof(*rtm));
	rtm->rtm_family = af_of(family);
	return rtm;
}

static int
route_attr(const struct nlattr *a, void *arg)
{
	struct nl_route	*r = arg;

	if (mnl_attr_get_type(a) == RTA_DST &&
	    mnl_attr_get_payload_len(a) == prefix_bits(&r->dst) / 8)
		memcpy(r->dst.addr, mnl_attr_get_payload(a),
		    mnl_attr_get_payload_len(a));
	else if (mnl_attr_get_type(a) == RTA_OIF &&
	    mnl_attr_validate(a, MNL_TYPE_U32) == 0)
		r->oif = (int)mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static bool
route_parse(const struct nlmsghdr *h, struct nl_route *r)
{
	const struct rtmsg	*rtm = mnl_nlmsg_get_payload(h);

	memset(r, 0, sizeof(*r));
	if (h->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(h) < sizeof(*rtm) ||
	    (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6))
		return false;
	r->dst.family = rtm->rtm_family == AF_INET ? 4 : 6;
	r->dst.len = rtm->rtm_dst_len;
	r->type = rtm->rtm_type;
	r->cached = (rtm->rtm_flags & RTM_F_CLONED) != 0;
	return mnl_attr_parse(h, sizeof(*rtm), route_attr, r) >= 0;
}

static int
route_one(const struct nlmsghdr *h, void *arg)
{
	return route_parse(h, arg) ? 0 : -EBADMSG;
}

int
nl_route_get(struct nl *nl, const struct prefix *addr, struct nl_route *r)
{
	struct rtmsg	*rtm;
	union request	 req;

	rtm = route_start(&req, NLM_F_ACK, addr->family);
	rtm->rtm_dst_len = (uint8_t)prefix_bits(addr);
	/* The route itself, not what would be cached of it for this address. */
	rtm->rtm_flags = RTM_F_FIB_MATCH;
	mnl_attr_put(&req.h, RTA_DST, prefix_bits(addr) / 8, addr->addr);
	memset(r, 0, sizeof(*r));
	return talk(nl, &req.h, route_one, r);
}

struct route_walk {
	void	(*fn)(const struct nl_route *r, void *arg);
	void	*arg;
};

static int
route_step(const struct nlmsghdr *h, void *arg)
{
	struct route_walk	*w = arg;
	struct nl_route		 r;

	if (route_parse(h, &r))
		w->fn(&r, w->arg);
	return 0;
}

int
nl_route_each(struct nl *nl, int family,
    void (*fn)(const struct nl_route *r, void *arg), void *arg)
{
	struct route_walk	w = { fn, arg };
	union request		r;
	int			error, tries = 0;

	do {
		route_start(&r, NLM_F_DUMP, family);
		error = talk(nl, &r.h, route_step, &w);
	} while (error == -EINTR && ++tries < DUMP_TRIES);
	return error;
}

/* News. */

int
nl_monitor_open(struct nl *nl)
{
	int	error, fd, size = MONITOR_BUFFER;

	if ((error = socket_open(nl, RTMGRP_LINK)) != 0)
		return error;
	fd = mnl_socket_get_fd(nl->sock);
	/* A smaller buffer only means that news are lost sooner. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		error = -errno;
		nl_close(nl);
	}
	return error;
}

int
nl_monitor_fd(const struct nl *nl)
{
	return nl->sock != NULL ? mnl_socket_get_fd(nl->sock) : -1;
}

int
nl_monitor_read(struct nl *nl, void (*fn)(const struct nl_link *l, bool gone,
    void *arg), void *arg)
{
	char		 buf[ANSWER_SIZE]
	    __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr	*h = (struct nlmsghdr *)buf;
	struct nl_link	 l;
	ssize_t		 n;
	int		 len;

	n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
	if (n == -1)
		return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
	for (len = (int)n; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len))
		if (link_parse(h, &l))
			fn(&l, h->nlmsg_type == RTM_DELLINK, arg);
	return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_linux.c on the real kernel, in a network namespace that this process
 * makes for itself: what it makes, that it is as it should be, and that nothing
 * is left after each way to end or to fail. Needs root; else skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/ip.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "clock.h"
#include "create_msg.h"
#include "last_index.h"
#include "log.h"
#include "netlink.h"

#define N(a)		(sizeof(a) / sizeof((a)[0]))
#define SKIPPED		77
#define INSTANCE	0x1122334455667788ULL
#define B		(&backend_linux)

static struct nl	nl;	/* in the namespace of the test */
static int		home;	/* and that namespace */

/* Helpers. */

static struct cable
no_cable(void)
{
	struct cable	c;

	memset(&c, 0, sizeof(c));
	return c;
}

/* Make it, or the test is over. */
static int
create(const struct wm_msg *m, int netns, struct cable *c)
{
	enum wm_op	op = WM_OP_NONE;
	int		fd = -1, error;

	*c = no_cable();
	if ((error = B->create(m, netns, c, &fd, &op)) != 0)
		fail_msg("create: op %d: %s", op, strerror(-error));
	return fd;
}

static void
destroy(struct cable *c)
{
	B->destroy(&c, 1);
	assert_int_equal(c->ifindex[0], 0);
}

static void
count_one(const struct nl_link *l, void *arg)
{
	(void)l;
	++*(int *)arg;
}

static int
links(void)
{
	int	n = 0;

	assert_int_equal(nl_link_each(&nl, count_one, &n), 0);
	return n;
}

static int
descriptors(void)
{
	DIR	*d = opendir("/proc/self/fd");
	int	n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int	links_before, fds_before;

/* Every test leaves as many interfaces and descriptors as it found. */
static int
setup(void **state)
{
	(void)state;
	links_before = links();
	fds_before = descriptors();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_int_equal(links(), links_before);
	assert_int_equal(descriptors(), fds_before);
	return 0;
}

static void
get_link(uint32_t slot, int side, struct nl_link *l)
{
	char	name[IFNAMSIZ];

	backend_ifname(slot, side, name);
	assert_int_equal(nl_link_get(&nl, 0, name, l), 0);
}

static void
assert_no_link(uint32_t slot)
{
	char		name[IFNAMSIZ];
	struct nl_link	l;

	backend_ifname(slot, 0, name);
	assert_int_equal(nl_link_get(&nl, 0, name, &l), -ENODEV);
	backend_ifname(slot, 1, name);
	assert_int_equal(nl_link_get(&nl, 0, name, &l), -ENODEV);
}

static void
read_conf(const char *family, const char *ifname, const char *key, char *buf,
    size_t size)
{
	char	path[128];
	ssize_t	n;
	int	fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
	    ifname, key);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		fail_msg("%s: %s", path, strerror(errno));
	n = read(fd, buf, size - 1);
	close(fd);
	assert_true(n > 0);
	buf[n - 1] = '\0';
}

/* For all interfaces that there are. False: there is no such family. */
static bool
forward(const char *family, const char *value)
{
	char	path[64];
	int	fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/all/forwarding",
	    family);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return false;
	assert_int_equal(write(fd, value, 1), 1);
	close(fd);
	return true;
}

static void
assert_hardened(const char *ifname)
{
	static const struct {
		const char	*family, *key, *value;
	} t[] = {
		{ "ipv4", "forwarding", "0" }, { "ipv4", "rp_filter", "1" },
		{ "ipv4", "accept_redirects", "0" },
		{ "ipv4", "secure_redirects", "0" },
		{ "ipv4", "send_redirects", "0" },
		{ "ipv4", "accept_source_route", "0" },
		{ "ipv4", "accept_local", "0" },
		{ "ipv4", "route_localnet", "0" },
		{ "ipv4", "proxy_arp", "0" },
		{ "ipv4", "arp_ignore", "1" }, { "ipv4", "arp_announce", "2" },
		{ "ipv6", "accept_ra", "0" }, { "ipv6", "autoconf", "0" },
		{ "ipv6", "forwarding", "0" },
		{ "ipv6", "accept_redirects", "0" },
		{ "ipv6", "accept_source_route", "0" },
		{ "ipv6", "proxy_ndp", "0" },
	};
	char	value[32];
	size_t	i;

	for (i = 0; i < N(t); i++) {
		if (strcmp(t[i].family, "ipv6") == 0 &&
		    access("/proc/sys/net/ipv6", F_OK) != 0)
			continue;
		read_conf(t[i].family, ifname, t[i].key, value, sizeof(value));
		if (strcmp(value, t[i].value) != 0)
			fail_msg("%s %s %s is %s", ifname, t[i].family,
			    t[i].key, value);
	}
}

static bool
has_address(const char *ifname, const char *text)
{
	struct ifaddrs	*list, *a;
	struct prefix	 p;
	bool		 found = false;

	assert_int_equal(prefix_parse(text, &p), 0);
	assert_int_equal(getifaddrs(&list), 0);
	for (a = list; a != NULL; a = a->ifa_next) {
		if (a->ifa_addr == NULL || strcmp(a->ifa_name, ifname) != 0)
			continue;
		if (p.family == 4 && a->ifa_addr->sa_family == AF_INET)
			found |= memcmp(&((struct sockaddr_in *)a->ifa_addr)->
			    sin_addr, p.addr, 4) == 0;
		if (p.family == 6 && a->ifa_addr->sa_family == AF_INET6)
			found |= memcmp(&((struct sockaddr_in6 *)a->ifa_addr)->
			    sin6_addr, p.addr, 16) == 0;
	}
	freeifaddrs(list);
	return found;
}

/* The next frame of ethertype TYPE to come out of FD within a second. */
static ssize_t
next_frame(int fd, uint16_t type, uint8_t *buf, size_t size)
{
	struct pollfd	p = { .fd = fd, .events = POLLIN };
	ssize_t		n;
	int		i;

	for (i = 0; i < 100 && poll(&p, 1, 1000) == 1; i++) {
		if ((n = read(fd, buf, size)) < 14)
			return n;
		if (buf[12] == type >> 8 && buf[13] == (type & 0xff))
			return n;
	}
	return -1;
}

/* "Who has TARGET? tell SENDER", from MAC; with TMAC, the answer. */
static size_t
arp_frame(uint8_t *f, const uint8_t *mac, const uint8_t *sender,
    const uint8_t *tmac, const uint8_t *target)
{
	static const uint8_t	head[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0 };

	memset(f, 0, 60);
	memset(f, 0xff, 6);
	memcpy(f + 6, mac, 6);
	memcpy(f + 12, head, sizeof(head));
	f[21] = tmac == NULL ? 1 : 2;
	memcpy(f + 22, mac, 6);
	memcpy(f + 28, sender, 4);
	if (tmac != NULL) {
		memcpy(f, tmac, 6);
		memcpy(f + 32, tmac, 6);
	}
	memcpy(f + 38, target, 4);
	return 60;
}

/* The host answers ARP for HOST to the port FD, whose address is PORT. */
static void
assert_answers(int fd, const uint8_t *mac, const uint8_t *port,
    const uint8_t *host, const uint8_t *host_mac)
{
	uint8_t	f[2048];
	size_t	n;

	n = arp_frame(f, mac, port, NULL, host);
	assert_int_equal(write(fd, f, n), n);
	do
		assert_true(next_frame(fd, 0x0806, f, sizeof(f)) >= 42);
	while (f[21] != 2);
	assert_memory_equal(f + 6, host_mac, 6);
	assert_memory_equal(f + 28, host, 4);
}

/* Monitor. */

static struct cable	*known[8];
static uint32_t		 gone_slots[64];
static unsigned int	 ngone;

static struct cable *
find(int ifindex, void *arg)
{
	size_t	i;

	(void)arg;
	for (i = 0; i < N(known); i++)
		if (known[i] != NULL && (known[i]->ifindex[0] == ifindex ||
		    known[i]->ifindex[1] == ifindex))
			return known[i];
	return NULL;
}

static void
gone(uint32_t slot, void *arg)
{
	size_t	i;

	(void)arg;
	gone_slots[ngone++ % N(gone_slots)] = slot;
	for (i = 0; i < N(known); i++)
		if (known[i] != NULL && known[i]->slot == slot)
			known[i] = NULL;
}

static void
listen_to_news(void)
{
	struct pollfd	p = { .fd = B->monitor_fd(), .events = POLLIN };

	while (poll(&p, 1, 100) == 1)
		B->monitor(find, gone, NULL);
}

/* TAP. */

static void
test_tap(void **state)
{
	static const uint8_t	host[] = { 10, 99, 0, 1 }, port[] = { 10, 99, 0,
	    2 };
	struct wm_msg		m = message(7, LINK_HOST, 0);
	struct cable		c;
	struct nl_link		l;
	uint8_t			f[64];
	int			fd;

	(void)state;
	m.mtu = 1400;
	add_address(&m, 0, "10.99.0.1/30");
	add_address(&m, 0, "fd66:1::1/64");
	fd = create(&m, -1, &c);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	get_link(7, 0, &l);
	assert_string_equal(l.name, "feth10014");
	assert_string_equal(l.alias, "fethd:1122334455667788:7");
	assert_int_equal(l.mtu, 1400);
	assert_memory_equal(l.mac, m.mac[0], 6);
	assert_true(l.flags & IFF_UP);
	assert_int_equal(l.ifindex, c.ifindex[0]);
	assert_int_equal(c.ifindex[1], 0);
	assert_true(has_address("feth10014", "10.99.0.1/30"));
	assert_true(has_address("feth10014", "fd66:1::1/64"));
	assert_hardened("feth10014");
	assert_answers(fd, m.mac[1], port, host, m.mac[0]);
	destroy(&c);
	assert_no_link(7);
	assert_int_equal(read(fd, f, sizeof(f)), -1);
	assert_int_equal(errno, EBADFD);
	close(fd);
}

/* Whatever an administrator set for all new interfaces. */
static void
test_hardened_anyway(void **state)
{
	static const struct {
		const char	*path, *value;
	} t[] = {
		{ "/proc/sys/net/ipv4/conf/default/forwarding", "1" },
		{ "/proc/sys/net/ipv4/conf/default/rp_filter", "0" },
		{ "/proc/sys/net/ipv4/conf/default/proxy_arp", "1" },
		{ "/proc/sys/net/ipv4/conf/default/accept_source_route", "1" },
		{ "/proc/sys/net/ipv6/conf/default/forwarding", "1" },
		{ "/proc/sys/net/ipv6/conf/default/accept_ra", "2" },
	};
	char			old[N(t)][16];
	struct wm_msg		m = message(0, LINK_HOST, 0);
	struct cable		c;
	size_t			i;
	int			fd;

	(void)state;
	for (i = 0; i < N(t); i++) {
		fd = open(t[i].path, O_RDWR | O_CLOEXEC);
		assert_int_not_equal(fd, -1);
		memset(old[i], 0, sizeof(old[i]));
		assert_true(read(fd, old[i], sizeof(old[i]) - 1) > 0);
		assert_int_equal(pwrite(fd, t[i].value, 1, 0), 1);
		close(fd);
	}
	fd = create(&m, -1, &c);
	assert_hardened("feth10000");
	destroy(&c);
	close(fd);
	for (i = 0; i < N(t); i++) {
		fd = open(t[i].path, O_WRONLY | O_CLOEXEC);
		assert_true(write(fd, old[i], strlen(old[i])) > 0);
		close(fd);
	}
}

static void
test_mtu(void **state)
{
	static const struct {
		uint32_t	mtu;
		unsigned int	flags;
		int		error;
	} t[] = {
		{ 68, 0, 0 }, { 1279, 0, 0 }, { 9000, 0, 0 }, { 65521, 0, 0 },
		{ 65522, 0, -EINVAL }, { 67, 0, -EINVAL },
		{ 65521, WMF_RAW, 0 }, { 68, WMF_RAW, 0 },
		{ 65536, WMF_RAW, -EINVAL },
	};
	struct wm_msg	m;
	struct cable	c;
	struct nl_link	l;
	enum wm_op	op;
	size_t		i;
	int		fd, error;

	(void)state;
	for (i = 0; i < N(t); i++) {
		m = message(1, LINK_HOST, t[i].flags);
		m.mtu = t[i].mtu;
		c = no_cable();
		error = B->create(&m, -1, &c, &fd, &op);
		if (error != t[i].error)
			fail_msg("mtu %u: %s", t[i].mtu, strerror(-error));
		if (error != 0) {
			assert_int_equal(fd, -1);
			assert_no_link(1);
			continue;
		}
		get_link(1, 0, &l);
		assert_int_equal(l.mtu, t[i].mtu);
		destroy(&c);
		close(fd);
	}
}

/* What the holder of a TAP may do, and does not get away with. */
static void
test_holder_mac(void **state)
{
	struct wm_msg	m = message(3, LINK_HOST, 0);
	struct cable	c;
	struct nl_link	l;
	struct ifreq	ifr;
	int		fd;

	(void)state;
	fd = create(&m, -1, &c);
	known[0] = &c;
	listen_to_news();
	assert_int_equal(ngone, 0);
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, "\x02\xee\xee\xee\xee\xee", 6);
	assert_int_equal(ioctl(fd, SIOCSIFHWADDR, &ifr), 0);
	get_link(3, 0, &l);
	assert_memory_equal(l.mac, "\x02\xee\xee\xee\xee\xee", 6);
	listen_to_news();
	get_link(3, 0, &l);
	assert_memory_equal(l.mac, m.mac[0], 6);
	assert_true(l.flags & IFF_UP);
	known[0] = NULL;
	destroy(&c);
	close(fd);
}

static void
holder_sets_mac(int fd, uint8_t last)
{
	struct ifreq	ifr;

	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, "\x02\xee\xee\xee\xee", 5);
	ifr.ifr_hwaddr.sa_data[5] = (char)last;
	assert_int_equal(ioctl(fd, SIOCSIFHWADDR, &ifr), 0);
}

/* He does it again and again: it is restored now and then, and at last. */
static void
test_holder_macs(void **state)
{
	struct wm_msg	m = message(3, LINK_HOST, 0);
	struct cable	c;
	struct nl_link	l;
	int64_t		start;
	int		fd, i;

	(void)state;
	fd = create(&m, -1, &c);
	known[0] = &c;
	listen_to_news();
	assert_int_equal(B->monitor_ms(), -1);
	start = clock_ms();
	for (i = 0; i < 50; i++) {
		holder_sets_mac(fd, (uint8_t)i);
		B->monitor(find, gone, NULL);
		get_link(3, 0, &l);
		/* The first one at once. */
		if (i == 0)
			assert_memory_equal(l.mac, m.mac[0], 6);
		else if (clock_ms() < start + 100)
			assert_memory_not_equal(l.mac, m.mac[0], 6);
	}
	holder_sets_mac(fd, 99);
	B->monitor(find, gone, NULL);
	while ((i = B->monitor_ms()) != -1) {
		assert_in_range(i, 0, 100);
		poll(NULL, 0, i);
		B->monitor(find, gone, NULL);
	}
	get_link(3, 0, &l);
	assert_memory_equal(l.mac, m.mac[0], 6);
	known[0] = NULL;
	destroy(&c);
	close(fd);
}

static void
test_holder_persist(void **state)
{
	struct wm_msg	m = message(4, LINK_HOST, 0);
	struct cable	c;
	struct nl_link	l;
	int		fd;

	(void)state;
	fd = create(&m, -1, &c);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	assert_int_equal(ioctl(fd, TUNSETOWNER, 65534), 0);
	close(fd);
	get_link(4, 0, &l);
	destroy(&c);
	assert_no_link(4);
}

static void
test_holder_queues(void **state)
{
	struct wm_msg	m = message(4, LINK_HOST, 0);
	struct cable	c;
	struct ifreq	ifr;
	int		fd;

	(void)state;
	fd = create(&m, -1, &c);
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "feth10000");
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), -1);
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = (short)IFF_DETACH_QUEUE;
	assert_int_equal(ioctl(fd, TUNSETQUEUE, &ifr), -1);
	destroy(&c);
	close(fd);
}

/* The holder goes, and with it the interface: the monitor tells. */
static void
test_vanishes(void **state)
{
	struct wm_msg	m = message(5, LINK_HOST, 0);
	struct cable	c;
	int		fd;

	(void)state;
	fd = create(&m, -1, &c);
	known[0] = &c;
	ngone = 0;
	close(fd);
	listen_to_news();
	assert_int_equal(ngone, 1);
	assert_int_equal(gone_slots[0], 5);
	assert_int_equal(c.ifindex[0], 0);
	/* Late destruction is no error. */
	destroy(&c);
}

/* Old news of an interface whose number another link's has by now. */
static void
test_old_news(void **state)
{
	struct wm_msg	a = message(5, LINK_HOST, 0);
	struct wm_msg	b = message(6, LINK_HOST, 0);
	struct cable	c, next;
	struct nl_link	l;
	int		block, fd, index;

	(void)state;
	fd = create(&a, -1, &c);
	block = index_block(c.ifindex[0] + 1);
	destroy(&c);
	close(fd);
	fd = create(&a, -1, &c);
	index = c.ifindex[0];
	listen_to_news();
	destroy(&c);
	close(fd);
	fd = create(&b, -1, &next);
	assert_int_equal(next.ifindex[0], index);
	known[0] = &next;
	ngone = 0;
	listen_to_news();
	assert_int_equal(ngone, 0);
	assert_int_equal(next.ifindex[0], index);
	get_link(6, 0, &l);
	/* But when it is lost, it is. */
	assert_int_equal(nl_link_del(&nl, index), 0);
	listen_to_news();
	assert_int_equal(ngone, 1);
	assert_int_equal(gone_slots[0], 6);
	ngone = 0;
	close(fd);
	close(block);
}

/* Names. */

static void
foreign_pair(const char *a, const char *b)
{
	struct nl_shape	s[2] = {
		{ .name = a, .mtu = 1500,
		    .mac = (const uint8_t *)"\x02\xff\x00\x00\x00\x01" },
		{ .name = b, .mtu = 1500,
		    .mac = (const uint8_t *)"\x02\xff\x00\x00\x00\x02" },
	};

	assert_int_equal(nl_veth_add(&nl, s, -1, 0), 0);
}

static void
foreign_remove(const char *name)
{
	struct nl_link	l;

	assert_int_equal(nl_link_get(&nl, 0, name, &l), 0);
	assert_memory_equal(l.mac, "\x02\xff\x00\x00\x00", 5);
	assert_int_equal(nl_link_del(&nl, l.ifindex), 0);
}

/* The name of either side is somebody else's interface. */
static void
test_name_taken(void **state)
{
	static const struct {
		const char	*taken;
		enum link_kind	kind;
		unsigned int	flags;
		enum wm_op	op;
	} t[] = {
		{ "feth10040", LINK_HOST, 0, WM_OP_MOVE },
		{ "feth10040", LINK_HOST, WMF_RAW, WM_OP_CREATE },
		{ "feth10040", LINK_WIRE, 0, WM_OP_CREATE },
		{ "feth10041", LINK_WIRE, 0, WM_OP_CREATE },
	};
	struct wm_msg	m;
	struct cable	c;
	enum wm_op	op;
	size_t		i;
	int		fd;

	(void)state;
	for (i = 0; i < N(t); i++) {
		foreign_pair(t[i].taken, "other0");
		m = message(20, t[i].kind, t[i].flags);
		c = no_cable();
		assert_int_equal(B->create(&m, -1, &c, &fd, &op), -EEXIST);
		assert_int_equal(op, t[i].op);
		assert_int_equal(fd, -1);
		assert_int_equal(links(), links_before + 2);
		foreign_remove(t[i].taken);
		/* And nothing of the attempt is in the way of the next one. */
		fd = create(&m, -1, &c);
		destroy(&c);
		if (fd != -1)
			close(fd);
	}
}

/* Each failing step leaves nothing. */
static void
test_faults(void **state)
{
	static const struct {
		enum link_kind	kind;
		unsigned int	flags;
		const char	*addr[2];
		int		error;
	} t[] = {
		{ LINK_HOST, 0, { "10.77.0.1/24", "10.77.0.1/24" },
		    -EADDRINUSE },
		{ LINK_HOST, WMF_RAW, { "10.77.0.1/24", "10.77.0.1/24" },
		    -EADDRINUSE },
		{ LINK_WIRE, 0, { "10.77.0.1/24", "10.77.0.1/24" },
		    -EADDRINUSE },
		{ LINK_HOST, 0, { "10.77.0.1/24", "ff02::1/64" },
		    -EADDRNOTAVAIL },
		{ LINK_WIRE, 0, { "10.77.0.1/24", "ff02::1/64" },
		    -EADDRNOTAVAIL },
	};
	struct wm_msg	m;
	struct cable	c;
	enum wm_op	op;
	size_t		i;
	int		fd, error;

	(void)state;
	for (i = 0; i < N(t); i++) {
		m = message(30, t[i].kind, t[i].flags);
		add_address(&m, t[i].kind == LINK_WIRE, t[i].addr[0]);
		add_address(&m, t[i].kind == LINK_WIRE, t[i].addr[1]);
		c = no_cable();
		error = B->create(&m, -1, &c, &fd, &op);
		if (error != t[i].error)
			fail_msg("row %zu: %s", i, strerror(-error));
		assert_int_equal(op, WM_OP_ADDRESS);
		assert_int_equal(fd, -1);
		assert_int_equal(links(), links_before);
		assert_int_equal(descriptors(), fds_before);
	}
}

/* IPv6 wants 1280: refused where the addresses are set. */
static void
test_fault_small_mtu(void **state)
{
	struct wm_msg	m = message(30, LINK_HOST, 0);
	struct cable	c = no_cable();
	enum wm_op	op;
	int		fd;

	(void)state;
	m.mtu = 1000;
	add_address(&m, 0, "fd66:1::1/64");
	assert_true(B->create(&m, -1, &c, &fd, &op) < 0);
	assert_int_equal(op, WM_OP_ADDRESS);
	assert_no_link(30);
}

static void
test_fault_netns(void **state)
{
	struct wm_msg	m = message(31, LINK_WIRE, WMF_NETNS);
	struct cable	c = no_cable();
	enum wm_op	op;
	int		fd, null;

	(void)state;
	assert_int_not_equal(null = open("/dev/null", O_RDWR), -1);
	assert_true(B->create(&m, null, &c, &fd, &op) < 0);
	assert_int_equal(op, WM_OP_OPEN);
	close(null);
	assert_no_link(31);
}

/* No descriptor is left in the process. */
static void
test_fault_descriptors(void **state)
{
	static const unsigned int	flags[] = { 0, WMF_RAW };
	struct wm_msg			m;
	struct cable			c;
	enum wm_op			op;
	struct rlimit			few, old;
	int				fill[512], n, fd, room;
	size_t				i;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = N(fill);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (i = 0; i < N(flags); i++)
		for (room = 0; room < 8; room++) {
			for (n = 0; n < (int)N(fill) &&
			    (fill[n] = dup(home)) != -1; n++)
				;
			for (fd = 0; fd < room && n > 0; fd++)
				close(fill[--n]);
			m = message(32, LINK_HOST, flags[i]);
			c = no_cable();
			if (B->create(&m, -1, &c, &fd, &op) == 0) {
				destroy(&c);
				close(fd);
			} else {
				assert_int_equal(fd, -1);
			}
			while (n > 0)
				close(fill[--n]);
			assert_no_link(32);
			assert_int_equal(descriptors(), fds_before);
		}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* Deleting. */

static void
test_batch(void **state)
{
	static struct cable	c[100];
	struct cable		*list[100];
	struct timespec		a, b;
	struct wm_msg		m;
	int			fd[100], i;

	(void)state;
	for (i = 0; i < 100; i++) {
		m = message((uint32_t)(100 + i), i % 10 == 9 ? LINK_WIRE :
		    LINK_HOST, i % 10 == 8 ? WMF_RAW : 0);
		fd[i] = create(&m, -1, &c[i]);
		list[i] = &c[i];
	}
	assert_int_equal(links(), links_before + 110);
	clock_gettime(CLOCK_MONOTONIC, &a);
	B->destroy(list, 100);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_int_equal(links(), links_before);
	print_message("100 links deleted in %ld ms\n",
	    (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
	for (i = 0; i < 100; i++)
		if (fd[i] != -1)
			close(fd[i]);
}

/* The group that a batch was removed by, as the monitor of the test saw it. */
static void
see_group(const struct nl_link *l, bool gone, void *arg)
{
	if (!gone && l->group >= 0x40000000)
		*(uint32_t *)arg = l->group;
}

static uint32_t
destroy_two(uint32_t slot, struct nl *monitor)
{
	struct wm_msg	m;
	struct cable	c[2], *list[2];
	uint32_t	group = 0;
	int		fd[2], i;

	for (i = 0; i < 2; i++) {
		m = message(slot + (uint32_t)i, LINK_HOST, 0);
		fd[i] = create(&m, -1, &c[i]);
		list[i] = &c[i];
	}
	B->destroy(list, 2);
	for (i = 0; i < 2; i++)
		close(fd[i]);
	while (nl_monitor_read(monitor, see_group, &group) == 1)
		;
	assert_int_not_equal(group, 0);
	return group;
}

/* Batches are deleted by a number that nobody else has: of a range, until a
 * stranger takes one of that. */
static void
test_foreign_in_group(void **state)
{
	struct nl	monitor;
	struct nl_link	l;
	uint32_t	group[3];
	int		i;

	(void)state;
	assert_int_equal(nl_monitor_open(&monitor), 0);
	group[0] = destroy_two(10, &monitor);
	group[1] = destroy_two(12, &monitor);
	assert_int_equal(group[0] & ~0xffffu, group[1] & ~0xffffu);
	foreign_pair("other0", "other1");
	assert_int_equal(nl_link_get(&nl, 0, "other0", &l), 0);
	assert_int_equal(nl_link_up(&nl, l.ifindex), 0);
	assert_int_equal(nl_link_group(&nl, l.ifindex, group[1]), 0);
	listen_to_news();
	/* Now any range but that one will do. */
	for (i = 0; i < 3; i++) {
		group[2] = destroy_two(14, &monitor);
		assert_int_not_equal(group[2] & ~0xffffu, group[1] & ~0xffffu);
		assert_int_equal(links(), links_before + 2);
	}
	foreign_remove("other0");
	nl_close(&monitor);
}

/* Made ahead of time. */

struct found {
	struct nl_link	l;
	int		n;
};

static void
find_spare(const struct nl_link *l, void *arg)
{
	struct found	*f = arg;

	if (strcmp(l->alias, "fethd:1122334455667788:spare") != 0)
		return;
	f->l = *l;
	f->n++;
}

static int
spares(struct nl_link *last)
{
	struct found	f = { .n = 0 };

	assert_int_equal(nl_link_each(&nl, find_spare, &f), 0);
	if (f.n > 0)
		*last = f.l;
	return f.n;
}

static bool
any_slot(uint32_t slot, void *arg)
{
	(void)slot;
	(void)arg;
	return false;
}

static void
test_spares(void **state)
{
	static const char *const	family[] = { "ipv4", "ipv6" };
	static const struct nl_devconf	loose[] = {
		{ IPV4_DEVCONF_RP_FILTER, 2 },
		{ IPV4_DEVCONF_ACCEPT_REDIRECTS, 1 },
	};
	struct wm_msg	m = message(30, LINK_HOST, 0);
	struct cable	c[4];
	struct nl_link	l, other;
	char		byte;
	int		fd[4], i;

	(void)state;
	/* None is made before the first link, nor without the wish. */
	fd[0] = create(&m, -1, &c[0]);
	assert_false(B->prepare());
	B->spares(2);
	assert_true(B->prepare());
	assert_false(B->prepare());
	assert_false(B->prepare());
	assert_int_equal(spares(&l), 2);
	assert_true(B->prepared() < BOUND_UNITS);
	assert_int_equal(l.flags & IFF_UP, 0);
	assert_hardened(l.name);
	assert_int_equal(l.conf[IPV4_DEVCONF_FORWARDING], 0);
	assert_int_equal(l.conf[IPV4_DEVCONF_RP_FILTER], 1);
	assert_int_equal(l.conf[IPV4_DEVCONF_ARP_ANNOUNCE], 2);
	assert_false(l.forwards6);
	for (i = 0; i < 2; i++) {
		if (!forward(family[i], "1"))
			continue;
		assert_int_equal(spares(&l), 2);
		assert_true(i == 0 ? l.conf[IPV4_DEVCONF_FORWARDING] == 1 :
		    l.forwards6);
		forward(family[i], "0");
	}

	/* The next link is one of them, in every way a link, even when the host
	 * began to forward meanwhile, or has its own idea of all interfaces. */
	for (i = 0; i < 2; i++)
		forward(family[i], "1");
	get_link(B->prepared(), 0, &l);
	assert_int_equal(nl_link_devconf(&nl, l.ifindex, loose, N(loose)), 0);
	m = message(31, LINK_HOST, 0);
	m.mtu = 9000;
	add_address(&m, 0, "10.253.9.1/30");
	fd[1] = create(&m, -1, &c[1]);
	assert_int_equal(spares(&other), 1);
	get_link(31, 0, &l);
	assert_int_equal(l.ifindex, c[1].ifindex[0]);
	assert_int_equal(l.mtu, 9000);
	assert_memory_equal(l.mac, m.mac[0], 6);
	assert_string_equal(l.alias, "fethd:1122334455667788:31");
	assert_int_not_equal(l.flags & IFF_UP, 0);
	assert_hardened(l.name);
	assert_int_equal(read(fd[1], &byte, 0), 0);
	for (i = 0; i < 2; i++)
		forward(family[i], "0");

	/* A spare that somebody had a hand in is none any more. */
	assert_int_equal(nl_link_up(&nl, other.ifindex), 0);
	m = message(32, LINK_HOST, 0);
	fd[2] = create(&m, -1, &c[2]);
	assert_int_not_equal(c[2].ifindex[0], other.ifindex);
	assert_int_equal(nl_link_get(&nl, other.ifindex, NULL, &l), -ENODEV);
	/* Nor is one that is gone; and the name of a link may be taken. */
	B->prepare();
	assert_int_equal(spares(&other), 1);
	assert_int_equal(nl_link_del(&nl, other.ifindex), 0);
	m = message(33, LINK_HOST, 0);
	fd[3] = create(&m, -1, &c[3]);
	for (i = 0; i < 4; i++) {
		destroy(&c[i]);
		close(fd[i]);
	}

	/* What an earlier daemon left of them goes with a sweep; too many, at
	 * once. */
	while (B->prepare())
		;
	assert_int_equal(spares(&l), 2);
	B->spares(1);
	assert_int_equal(spares(&l), 1);
	assert_int_equal(B->sweep(any_slot, NULL), 1);
	assert_int_equal(spares(&l), 0);
	B->spares(0);
}

static uint32_t
slot_of(const char *ifname)
{
	char		name[IFNAMSIZ];
	uint32_t	slot;

	for (slot = 0; slot < BOUND_UNITS; slot++) {
		backend_ifname(slot, 0, name);
		if (strcmp(name, ifname) == 0)
			return slot;
	}
	fail_msg("%s is no name of a slot", ifname);
	return BOUND_SLOTS;
}

/* A spare has the name of some link. Who asks for that one gets it, whether it
 * is the oldest or not; and what cannot be made of it gets the name. */
static void
test_spare_names(void **state)
{
	static const struct {
		uint32_t	kind, flags;
		uint8_t		offloads;
	} t[] = {
		{ LINK_HOST, 0, 0 }, { LINK_HOST, 0, 1 << OFFLOAD_CSUM },
		{ LINK_HOST, WMF_RAW, 0 }, { LINK_WIRE, 0, 0 },
	};
	struct wm_msg	m = message(30, LINK_HOST, 0);
	struct cable	c;
	struct nl_link	l;
	uint32_t	slot;
	size_t		i;
	int		fd, other;

	(void)state;
	B->spares(3);
	fd = create(&m, -1, &c);
	for (i = 0; i < N(t); i++) {
		while (B->prepare())
			;
		assert_int_equal(spares(&l), 3);
		slot = B->prepared();
		get_link(slot, 0, &l);
		assert_string_equal(l.alias, "fethd:1122334455667788:spare");
		destroy(&c);
		close(fd);
		m = message(slot, t[i].kind, t[i].flags);
		m.offloads = t[i].offloads;
		fd = create(&m, -1, &c);
		assert_int_equal(c.ifindex[0] == l.ifindex, i == 0);
		assert_int_equal(spares(&l), 2);
	}
	destroy(&c);
	close(fd);
	/* Not the oldest. */
	while (B->prepare())
		;
	slot = spares(&l) == 3 ? slot_of(l.name) : BOUND_SLOTS;
	other = l.ifindex;
	m = message(slot, LINK_HOST, 0);
	fd = create(&m, -1, &c);
	assert_int_equal(c.ifindex[0], other);
	destroy(&c);
	close(fd);
	B->spares(0);
	assert_int_equal(B->prepared(), BOUND_SLOTS);
}

static void
test_spare_fails(void **state)
{
	struct wm_msg	m = message(34, LINK_HOST, 0);
	struct cable	c = no_cable();
	struct nl_link	l;
	enum wm_op	op;
	int		fd;

	(void)state;
	B->spares(1);
	assert_false(B->prepare());
	assert_int_equal(spares(&l), 1);
	foreign_pair("feth10068", "other1");
	assert_int_equal(B->create(&m, -1, &c, &fd, &op), -EEXIST);
	assert_int_equal(op, WM_OP_MOVE);
	assert_int_equal(fd, -1);
	assert_int_equal(spares(&l), 0);
	foreign_remove("feth10068");
	B->spares(0);
}

/* Whoever takes our mark away takes the interface over. */
static void
test_mark_lost(void **state)
{
	struct wm_msg	m = message(13, LINK_HOST, 0);
	struct nl_shape	s = { .queue = 0 };
	struct nl_link	l;
	struct cable	c;
	int		fd, index;

	(void)state;
	fd = create(&m, -1, &c);
	index = c.ifindex[0];
	s.name = "feth10026";
	s.alias = "mine";
	s.mtu = 1500;
	s.mac = m.mac[0];
	assert_int_equal(nl_link_move(&nl, index, -1, &s), 0);
	destroy(&c);
	assert_int_equal(nl_link_get(&nl, index, NULL, &l), 0);
	close(fd);
}

/* Wires. */

static void
test_wire(void **state)
{
	struct wm_msg	m = message(40, LINK_WIRE, 0);
	struct cable	c;
	struct nl_link	l;

	(void)state;
	m.mtu = 3000;
	add_address(&m, 0, "10.40.0.1/24");
	add_address(&m, 1, "10.41.0.1/24");
	add_address(&m, 1, "fd66:41::1/64");
	assert_int_equal(create(&m, -1, &c), -1);
	get_link(40, 0, &l);
	assert_string_equal(l.alias, "fethd:1122334455667788:40");
	assert_memory_equal(l.mac, m.mac[0], 6);
	assert_int_equal(l.mtu, 3000);
	assert_int_equal(l.ifindex, c.ifindex[0]);
	assert_true((l.flags & (IFF_UP | IFF_RUNNING)) ==
	    (IFF_UP | IFF_RUNNING));
	get_link(40, 1, &l);
	assert_string_equal(l.alias, "fethd:1122334455667788:40");
	assert_memory_equal(l.mac, m.mac[1], 6);
	assert_int_equal(l.mtu, 3000);
	assert_int_equal(l.ifindex, c.ifindex[1]);
	assert_true(l.flags & IFF_UP);
	assert_true(has_address("feth10080", "10.40.0.1/24"));
	assert_true(has_address("feth10081", "10.41.0.1/24"));
	assert_true(has_address("feth10081", "fd66:41::1/64"));
	assert_hardened("feth10080");
	assert_hardened("feth10081");
	destroy(&c);
	assert_no_link(40);
}

/* A network namespace of its own; the process is back home afterwards. */
static int
netns_new(void)
{
	int	fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	return fd;
}

static void
test_wire_netns(void **state)
{
	struct wm_msg	m = message(41, LINK_WIRE, WMF_NETNS);
	struct cable	c;
	struct nl_link	l;
	struct nl	inside;
	int		ns = netns_new(), i;

	(void)state;
	add_address(&m, 0, "10.40.0.1/24");
	add_address(&m, 1, "10.40.0.2/24");
	create(&m, ns, &c);
	assert_int_equal(c.ifindex[1], 0);
	get_link(41, 0, &l);
	assert_int_equal(links(), links_before + 1);
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
	assert_int_equal(nl_open(&inside), 0);
	assert_int_equal(nl_link_get(&inside, 0, "feth10083", &l), 0);
	assert_memory_equal(l.mac, m.mac[1], 6);
	assert_true((l.flags & (IFF_UP | IFF_RUNNING)) ==
	    (IFF_UP | IFF_RUNNING));
	assert_true(has_address("feth10083", "10.40.0.2/24"));
	assert_hardened("feth10083");
	nl_close(&inside);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	/* The namespace ends: the monitor tells. */
	known[0] = &c;
	ngone = 0;
	close(ns);
	/* The kernel does it in its own time. */
	for (i = 0; ngone == 0 && i < 100; i++)
		listen_to_news();
	assert_int_equal(ngone, 1);
	assert_int_equal(gone_slots[0], 41);
}

/* The name is taken in the other namespace. */
static void
test_wire_netns_taken(void **state)
{
	struct wm_msg	m = message(41, LINK_WIRE, WMF_NETNS);
	struct cable	c = no_cable();
	struct nl	saved = nl;
	enum wm_op	op;
	int		fd, ns = netns_new();

	(void)state;
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
	assert_int_equal(nl_open(&nl), 0);
	foreign_pair("feth10083", "other");
	nl_close(&nl);
	nl = saved;
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	assert_int_equal(B->create(&m, ns, &c, &fd, &op), -EEXIST);
	assert_int_equal(op, WM_OP_CREATE);
	assert_no_link(41);
	close(ns);
}

/* An administrator carries the I/O side of a wire elsewhere: it lives on. */
static void
test_wire_carried(void **state)
{
	struct wm_msg	m = message(42, LINK_WIRE, 0);
	struct nl_shape	s = { .queue = 0 };
	struct cable	c;
	int		ns = netns_new();

	(void)state;
	create(&m, -1, &c);
	known[0] = &c;
	ngone = 0;
	s.name = "eth7";
	s.alias = "theirs";
	s.mtu = 1500;
	s.mac = m.mac[1];
	assert_int_equal(nl_link_move(&nl, c.ifindex[1], ns, &s), 0);
	listen_to_news();
	assert_int_equal(ngone, 0);
	assert_int_equal(c.ifindex[1], 0);
	known[0] = NULL;
	destroy(&c);
	assert_no_link(42);
	close(ns);
}

/* Raw. */

static uint32_t
sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (; n > 1; p += 2, n -= 2)
		s += (uint32_t)(p[0] << 8 | p[1]);
	return n == 1 ? s + (uint32_t)(p[0] << 8) : s;
}

/* 0xffff when the IPv4 packet at P, and the UDP or TCP in it, are right. */
static void
assert_checksums(const uint8_t *p)
{
	size_t		head = (size_t)(p[0] & 15) * 4;
	size_t		len = (size_t)(p[2] << 8 | p[3]);
	uint32_t	s;

	for (s = sum(p, head, 0); s > 0xffff; s = (s >> 16) + (s & 0xffff))
		;
	assert_int_equal(s, 0xffff);
	s = sum(p + head, len - head, 0);
	s = sum(p + 12, 8, s) + p[9] + (uint32_t)(len - head);
	for (; s > 0xffff; s = (s >> 16) + (s & 0xffff))
		;
	assert_int_equal(s, 0xffff);
}

/* Send from the host to PORT by PROTO, and take the frame at FD. */
static void
host_sends(int fd, int type, const struct wm_msg *m, const uint8_t *port,
    const uint8_t *host, uint8_t *f, size_t size)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	char			text[1000] = "hello";
	ssize_t			n;
	int			s;

	sin.sin_port = htons(7777);
	memcpy(&sin.sin_addr, port, 4);
	s = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_not_equal(s, -1);
	if (type == SOCK_DGRAM)
		assert_int_equal(sendto(s, text, sizeof(text), 0,
		    (struct sockaddr *)&sin, sizeof(sin)), sizeof(text));
	else
		assert_int_equal(connect(s, (struct sockaddr *)&sin,
		    sizeof(sin)), -1);
	/* It asks for the port's MAC the first time. */
	while ((n = read(fd, f, size)) >= 14 && !(f[12] == 8 && f[13] == 0)) {
		if (f[12] != 8 || f[13] != 6 || f[21] != 1)
			continue;
		n = (ssize_t)arp_frame(f, m->mac[1], port, m->mac[0], host);
		assert_int_equal(write(fd, f, (size_t)n), n);
	}
	assert_true(n > 34);
	close(s);
}

static void
test_raw(void **state)
{
	static const uint8_t	host[] = { 10, 98, 0, 1 }, port[] = { 10, 98, 0,
	    2 };
	struct wm_msg		m = message(50, LINK_HOST, WMF_RAW);
	struct cable		c;
	struct nl_link		l;
	uint8_t			f[4096];
	int			fd, n, on;
	socklen_t		size = sizeof(on);

	(void)state;
	n = descriptors();
	add_address(&m, 0, "10.98.0.1/30");
	fd = create(&m, -1, &c);
	assert_true(c.raw);
	get_link(50, 0, &l);
	assert_true((l.flags & (IFF_UP | IFF_RUNNING)) ==
	    (IFF_UP | IFF_RUNNING));
	assert_int_equal(links(), links_before + 1);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &on, &size), 0);
	assert_int_equal(on, SOCK_RAW);
	assert_hardened("feth10100");
	assert_answers(fd, m.mac[1], port, host, m.mac[0]);
	host_sends(fd, SOCK_DGRAM, &m, port, host, f, sizeof(f));
	assert_int_equal(f[23], IPPROTO_UDP);
	assert_checksums(f + 14);
	host_sends(fd, SOCK_STREAM, &m, port, host, f, sizeof(f));
	assert_int_equal(f[23], IPPROTO_TCP);
	assert_checksums(f + 14);
	destroy(&c);
	assert_no_link(50);
	close(fd);
	assert_int_equal(descriptors(), n);
}

/* One private namespace for a uid, another one for the next. */
static void
test_raw_private(void **state)
{
	struct sockaddr_ll	sll = { .sll_family = AF_PACKET };
	struct ifreq		ifr;
	struct wm_msg		m;
	struct cable		c[3];
	struct cable		*list[3] = { &c[0], &c[1], &c[2] };
	int			fd[3], before = descriptors(), i;
	uint8_t			f[64] = { 0 };

	(void)state;
	for (i = 0; i < 3; i++) {
		m = message((uint32_t)(50 + i), LINK_HOST, WMF_RAW);
		m.uid = i < 2 ? 1000 : 1001;
		fd[i] = create(&m, -1, &c[i]);
	}
	/* Three ports and two namespaces with a socket each. */
	assert_int_equal(descriptors(), before + 3 + 4);
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "feth10103");
	assert_int_equal(ioctl(fd[0], SIOCGIFINDEX, &ifr), 0);
	assert_int_equal(ioctl(fd[2], SIOCGIFINDEX, &ifr), -1);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "feth10100");
	assert_int_equal(ioctl(fd[0], SIOCGIFINDEX, &ifr), -1);
	sll.sll_ifindex = c[0].ifindex[0];
	sll.sll_protocol = htons(ETH_P_ALL);
	(void)sendto(fd[2], f, sizeof(f), 0, (struct sockaddr *)&sll,
	    sizeof(sll));
	/* The first of uid 1000 goes; the second one's namespace stays. */
	destroy(&c[0]);
	assert_int_equal(write(fd[1], f, sizeof(f)), sizeof(f));
	B->destroy(&list[1], 2);
	for (i = 0; i < 3; i++)
		close(fd[i]);
	assert_int_equal(descriptors(), before);
}

/* Start of another daemon on what this one left. */

static bool
knows_60(uint32_t slot, void *arg)
{
	(void)arg;
	return slot == 60;
}

static bool
knows_none(uint32_t slot, void *arg)
{
	(void)slot;
	(void)arg;
	return false;
}

static void
test_adopt_and_sweep(void **state)
{
	struct wm_msg	m, other;
	struct cable	c[3], again;
	struct nl_shape	s = { .queue = 0 };
	struct nl_link	l;
	int		fd[3], i;

	(void)state;
	for (i = 0; i < 3; i++) {
		m = message((uint32_t)(60 + i), i == 2 ? LINK_WIRE : LINK_HOST,
		    0);
		fd[i] = create(&m, -1, &c[i]);
	}
	/* Adopt what is there, not what is not, nor what is somebody else's. */
	m = message(60, LINK_HOST, 0);
	again = no_cable();
	assert_int_equal(B->adopt(&m, &again), 0);
	assert_int_equal(again.ifindex[0], c[0].ifindex[0]);
	assert_memory_equal(again.mac[0], m.mac[0], 6);
	m = message(62, LINK_WIRE, 0);
	again = no_cable();
	assert_int_equal(B->adopt(&m, &again), 0);
	assert_int_equal(again.ifindex[1], c[2].ifindex[1]);
	m = message(63, LINK_HOST, 0);
	again = no_cable();
	assert_int_equal(B->adopt(&m, &again), -ENOENT);
	assert_int_equal(again.ifindex[0], 0);
	foreign_pair("feth10128", "other");
	m = message(64, LINK_HOST, 0);
	assert_int_equal(B->adopt(&m, &again), -ENOENT);
	/* One of another instance, and one that only looks like ours. */
	assert_int_equal(nl_link_get(&nl, 0, "feth10128", &l), 0);
	s.name = "feth10128";
	s.mtu = 1500;
	s.mac = l.mac;
	s.alias = "fethd:1122334455667789:64";
	assert_int_equal(nl_link_move(&nl, l.ifindex, -1, &s), 0);
	assert_int_equal(B->sweep(knows_60, NULL), 3);
	assert_int_equal(links(), links_before + 3);
	s.alias = "fethd:1122334455667788:064";
	assert_int_equal(nl_link_move(&nl, l.ifindex, -1, &s), 0);
	assert_int_equal(B->sweep(knows_60, NULL), 0);
	get_link(60, 0, &l);
	foreign_remove("feth10128");
	/* A MAC that was changed while nobody looked. */
	assert_int_equal(nl_link_mac(&nl, c[0].ifindex[0],
	    (const uint8_t *)"\x02\xee\xee\xee\xee\xee"), 0);
	other = message(60, LINK_HOST, 0);
	assert_int_equal(B->adopt(&other, &again), 0);
	get_link(60, 0, &l);
	assert_memory_equal(l.mac, other.mac[0], 6);
	assert_int_equal(B->sweep(knows_none, NULL), 1);
	for (i = 0; i < 2; i++)
		close(fd[i]);
}

/* A wire that was made, but not marked, when its warden was killed. */
static void
test_reclaim(void **state)
{
	struct wm_msg	m = message(66, LINK_WIRE, 0);
	struct nl_shape	s[2] = {
		{ .name = "feth10132", .mtu = 1500, .mac = m.mac[0] },
		{ .name = "feth10133", .mtu = 1500, .mac = m.mac[1] },
	};
	struct cable	c = no_cable();

	(void)state;
	assert_int_equal(nl_veth_add(&nl, s, -1, 0x66657462), 0);
	assert_int_equal(B->adopt(&m, &c), -ENOENT);
	m.op = WM_OP_CREATE;
	m.mac[0][5] ^= 1;
	assert_int_equal(B->adopt(&m, &c), -ENOENT);
	m.mac[0][5] ^= 1;
	assert_int_equal(B->adopt(&m, &c), 0);
	destroy(&c);
	assert_no_link(66);
	/* The same without the group is somebody else's. */
	assert_int_equal(nl_veth_add(&nl, s, -1, 0), 0);
	assert_int_equal(B->adopt(&m, &c), -ENOENT);
	assert_int_equal(nl_link_get(&nl, 0, "feth10132",
	    &(struct nl_link){ 0 }), 0);
	assert_int_equal(nl_link_del(&nl, (int)if_nametoindex("feth10132")), 0);
}

static void
test_sweep_many(void **state)
{
	struct wm_msg	m;
	struct cable	c;
	int		fd[150], i;

	(void)state;
	for (i = 0; i < 150; i++) {
		m = message((uint32_t)(200 + i), LINK_HOST, 0);
		fd[i] = create(&m, -1, &c);
	}
	assert_int_equal(B->sweep(knows_none, NULL), 150);
	for (i = 0; i < 150; i++)
		close(fd[i]);
}

/* Somebody makes and removes interfaces while they are listed. */
static bool
meddle(uint32_t slot, void *arg)
{
	(void)slot;
	if (++*(unsigned int *)arg % 64 == 1) {
		foreign_pair("med0", "med1");
		foreign_remove("med0");
	}
	return false;
}

static void
test_sweep_disturbed(void **state)
{
	struct wm_msg	m;
	struct cable	c;
	unsigned int	asked = 0;
	int		fd[150], i;

	(void)state;
	for (i = 0; i < 150; i++) {
		m = message((uint32_t)(200 + i), LINK_HOST, 0);
		fd[i] = create(&m, -1, &c);
	}
	assert_int_equal(B->sweep(meddle, &asked), 150);
	for (i = 0; i < 150; i++)
		close(fd[i]);
}

/* The broker's questions. */

static void
route_change(unsigned long how, const char *dst, const char *mask,
    const char *gw, const char *dev, unsigned short flags)
{
	struct rtentry	rt;
	int		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in *sin;

	memset(&rt, 0, sizeof(rt));
	sin = (struct sockaddr_in *)&rt.rt_dst;
	sin->sin_family = AF_INET;
	inet_pton(AF_INET, dst, &sin->sin_addr);
	sin = (struct sockaddr_in *)&rt.rt_genmask;
	sin->sin_family = AF_INET;
	inet_pton(AF_INET, mask, &sin->sin_addr);
	if (gw != NULL) {
		sin = (struct sockaddr_in *)&rt.rt_gateway;
		sin->sin_family = AF_INET;
		inet_pton(AF_INET, gw, &sin->sin_addr);
	}
	rt.rt_dev = (char *)(uintptr_t)dev;
	rt.rt_flags = (unsigned short)(RTF_UP | flags);
	assert_int_equal(ioctl(fd, how, &rt), 0);
	close(fd);
}

static void
route_add(const char *dst, const char *mask, const char *gw, const char *dev,
    unsigned short flags)
{
	route_change(SIOCADDRT, dst, mask, gw, dev, flags);
}

static void
route_del(const char *dst, const char *mask)
{
	route_change(SIOCDELRT, dst, mask, NULL, NULL, RTF_REJECT);
}

static void
assert_overlap(const char *text, int want, const char *route)
{
	struct prefix	p, with;
	char		got[100] = "", text_with[PREFIX_STRLEN];
	int		rv;

	assert_int_equal(prefix_parse(text, &p), 0);
	rv = B->overlap(&p, &with, got, sizeof(got));
	if (rv != want)
		fail_msg("%s: %d (%s)", text, rv, got);
	if (route != NULL)
		assert_string_equal(got, route);
	if (rv == 1) {
		assert_true(prefix_overlap(&p, &with));
		assert_non_null(strstr(got, prefix_format(&with, text_with)));
	}
}

static void
test_overlap(void **state)
{
	struct wm_msg	m = message(70, LINK_HOST, 0);
	struct cable	c;
	int		fd;

	(void)state;
	assert_overlap("10.50.0.1/30", 0, NULL);
	assert_overlap("10.0.0.0/8", 0, NULL);
	assert_overlap("fd66:50::1/64", 0, NULL);
	assert_overlap("fd00::/8", 0, NULL);
	fds_before = descriptors();	/* its own socket stays open */
	add_address(&m, 0, "10.50.0.1/24");
	add_address(&m, 0, "fd66:50::1/64");
	fd = create(&m, -1, &c);
	assert_overlap("10.50.0.128/30", 1, "route 10.50.0.0/24 of feth10140");
	assert_overlap("10.50.0.1/32", 1, NULL);
	assert_overlap("10.50.1.1/30", 0, NULL);
	assert_overlap("10.50.0.200/31", 1, NULL);
	assert_overlap("10.50.0.0/16", 1, NULL);
	assert_overlap("10.51.0.0/16", 0, NULL);
	assert_overlap("10.0.0.1/8", 1, NULL);
	assert_overlap("fd66:50::1/64", 1, "route fd66:50::/64 of feth10140");
	assert_overlap("fd66:50::5:1/126", 1, NULL);
	assert_overlap("fd66:51::1/64", 0, NULL);
	assert_overlap("fd66:51::1/128", 0, NULL);
	assert_overlap("fd66::/16", 1, NULL);
	/* A default route is in nobody's way, an unreachable one is. */
	route_add("0.0.0.0", "0.0.0.0", "10.50.0.2", NULL, RTF_GATEWAY);
	assert_overlap("10.60.0.1/30", 0, NULL);
	assert_overlap("10.60.0.1/24", 0, NULL);
	route_add("10.70.0.0", "255.255.0.0", NULL, NULL, RTF_REJECT);
	assert_overlap("10.70.1.1/30", 1, "route 10.70.0.0/16");
	assert_overlap("10.70.1.1/24", 1, NULL);
	assert_overlap("10.71.0.1/30", 0, NULL);
	route_add("10.80.0.1", "255.255.255.255", NULL, "feth10140", RTF_HOST);
	assert_overlap("10.80.0.2/30", 1, NULL);
	assert_overlap("10.80.0.5/30", 0, NULL);
	assert_overlap("10.80.0.2/24", 1, NULL);
	destroy(&c);
	close(fd);
}

/* The warden's own look: what the broker should have refused. */
static void
test_diverts(void **state)
{
	static const struct {
		const char	*addr;
		int		error;
	} t[] = {
		{ "10.50.0.129/30", -EADDRINUSE }, { "10.50.0.9/24",
		    -EADDRINUSE }, { "10.50.0.7/32", -EADDRINUSE },
		{ "10.0.0.1/8", -EADDRINUSE }, { "10.51.0.1/24", 0 },
		{ "11.0.0.1/8", 0 }, { "fd66:50::9/64", -EADDRINUSE },
		{ "fd66:50::9/126", -EADDRINUSE },
		{ "fd66::9/16", -EADDRINUSE }, { "fd66:51::1/64", 0 },
		{ "10.70.1.1/30", -EADDRINUSE },
	};
	struct wm_msg	m = message(70, LINK_HOST, 0);
	struct cable	c, d = no_cable();
	enum wm_op	op;
	size_t		i;
	int		fd, fd2, error;

	(void)state;
	add_address(&m, 0, "10.50.0.1/24");
	add_address(&m, 0, "fd66:50::1/64");
	fd = create(&m, -1, &c);
	route_add("0.0.0.0", "0.0.0.0", "10.50.0.2", NULL, RTF_GATEWAY);
	route_add("10.70.0.0", "255.255.0.0", NULL, NULL, RTF_REJECT);
	for (i = 0; i < N(t); i++) {
		m = message(71, LINK_HOST, 0);
		add_address(&m, 0, t[i].addr);
		error = B->create(&m, -1, &d, &fd2, &op);
		if (error != t[i].error)
			fail_msg("%s: %s", t[i].addr, strerror(-error));
		if (error == 0)
			destroy(&d);
		else
			assert_int_equal(op, WM_OP_ADDRESS);
		if (fd2 != -1)
			close(fd2);
		assert_int_equal(links(), links_before + 1);
	}
	/* Two of a network that is its own are no fault. */
	m = message(72, LINK_WIRE, 0);
	add_address(&m, 0, "10.52.0.1/24");
	add_address(&m, 0, "10.52.0.2/24");
	(void)create(&m, -1, &d);
	destroy(&d);
	route_del("10.70.0.0", "255.255.0.0");
	destroy(&c);
	close(fd);
}

static void
test_counters(void **state)
{
	static const uint8_t	host[] = { 10, 99, 0, 1 }, port[] = { 10, 99, 0,
	    2 };
	struct wm_msg		m = message(71, LINK_HOST, 0);
	struct if_counters	a, b;
	struct cable		c;
	int			fd, i;

	(void)state;
	assert_int_equal(B->counters(71, &a), -ENODEV);
	add_address(&m, 0, "10.99.0.1/30");
	fd = create(&m, -1, &c);
	assert_int_equal(B->counters(71, &a), 0);
	for (i = 0; i < 5; i++)
		assert_answers(fd, m.mac[1], port, host, m.mac[0]);
	assert_int_equal(B->counters(71, &b), 0);
	assert_true(b.rx_frames >= a.rx_frames + 5);
	assert_true(b.rx_bytes >= a.rx_bytes + 5 * 60);
	assert_true(b.tx_frames >= a.tx_frames + 5);
	destroy(&c);
	close(fd);
	foreign_pair("feth10142", "other");
	assert_int_equal(B->counters(71, &a), -ENODEV);
	foreign_remove("feth10142");
}

/* Only the first of a flood of news fits: all is looked at anew. */
static void
test_news_lost(void **state)
{
	struct wm_msg	m;
	struct cable	c[2];
	struct nl_link	l;
	int		fd[2], i, size = 1;

	(void)state;
	for (i = 0; i < 2; i++) {
		m = message((uint32_t)(80 + i), LINK_HOST, 0);
		fd[i] = create(&m, -1, &c[i]);
		known[i] = &c[i];
	}
	listen_to_news();
	ngone = 0;
	assert_int_equal(setsockopt(B->monitor_fd(), SOL_SOCKET,
	    SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	for (i = 0; i < 20; i++)
		assert_int_equal(nl_link_group(&nl, c[1].ifindex[0],
		    (uint32_t)i), 0);
	assert_int_equal(nl_link_mac(&nl, c[1].ifindex[0],
	    (const uint8_t *)"\x02\xee\xee\xee\xee\xee"), 0);
	close(fd[0]);
	listen_to_news();
	size = 4 * 1024 * 1024;
	assert_int_equal(setsockopt(B->monitor_fd(), SOL_SOCKET,
	    SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	assert_int_equal(ngone, 1);
	assert_int_equal(gone_slots[0], 80);
	get_link(81, 0, &l);
	assert_memory_equal(l.mac, m.mac[0], 6);
	known[1] = NULL;
	destroy(&c[1]);
	close(fd[1]);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(test_tap), T(test_old_news), T(test_hardened_anyway), T(test_mtu),
		T(test_holder_mac), T(test_holder_macs),
		T(test_holder_persist),
		T(test_holder_queues), T(test_vanishes), T(test_name_taken),
		T(test_faults), T(test_fault_small_mtu), T(test_fault_netns),
		T(test_fault_descriptors), T(test_batch),
		T(test_foreign_in_group), T(test_spares),
		T(test_spare_names), T(test_spare_fails), T(test_mark_lost),
		T(test_wire),
		T(test_wire_netns), T(test_wire_netns_taken),
		T(test_wire_carried), T(test_raw), T(test_raw_private),
		T(test_adopt_and_sweep), T(test_reclaim), T(test_sweep_many),
		T(test_sweep_disturbed),
		T(test_diverts), T(test_overlap), T(test_counters), T(test_news_lost),
	};
	char			why[256];

	log_init("test", LOG_L_ERROR, 1);
	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		printf("skipped: needs root\n");
		return SKIPPED;
	}
	if (B->probe(why, sizeof(why)) != 0) {
		printf("skipped: %s\n", why);
		return SKIPPED;
	}
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home == -1 || nl_open(&nl) != 0 || B->start(INSTANCE) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program can try with the descriptor of a port that it was given. The
 * kernel tests run it as a normal user under "fethc exec"; each try is a line of
 * output, "NAME ok" or "NAME ERRNO", which they judge.
 *
 *	kernel_port tap FD OTHER	what a TAP's holder might do to it, and to
 *					the interface OTHER
 *	kernel_port gone FD OTHER	the same, when its interface is gone
 *	kernel_port ra FD		send a router advertisement
 *	kernel_port raw FD IFINDEX	what the holder of class raw might do, and
 *					to an interface of the host
 *	kernel_port recv FD SECONDS	check the checksums of what comes
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
	int		 number;
	const char	*name;
} errnos[] = {
	{ EPERM, "EPERM" }, { EEXIST, "EEXIST" }, { EINVAL, "EINVAL" },
	{ EBUSY, "EBUSY" }, { ENODEV, "ENODEV" }, { ENXIO, "ENXIO" },
	{ EBADFD, "EBADFD" }, { ENOTSOCK, "ENOTSOCK" }, { EBADF, "EBADF" },
	{ ENOTTY, "ENOTTY" }, { EACCES, "EACCES" }, { EIO, "EIO" },
	{ ENETDOWN, "ENETDOWN" }, { EOPNOTSUPP, "EOPNOTSUPP" },
	{ EAGAIN, "EAGAIN" },
};

/* RV is a system call's; errno is from it. */
static void
told(const char *name, long rv)
{
	int	error = errno;
	size_t	i;

	if (rv >= 0) {
		printf("%s ok\n", name);
		return;
	}
	for (i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
		if (errnos[i].number == error) {
			printf("%s %s\n", name, errnos[i].name);
			return;
		}
	}
	printf("%s %s\n", name, strerror(error));
}

static struct ifreq
request(const char *name, int flags)
{
	struct ifreq	ifr;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = (short)flags;
	return ifr;
}

static void
attach(int fd, const char *what, const char *name, int flags)
{
	struct ifreq	ifr = request(name, flags);

	told(what, ioctl(fd, TUNSETIFF, &ifr));
}

static void
mac_set(int fd)
{
	static const uint8_t	mac[6] = { 2, 0, 0, 0xba, 0xdb, 0xad };
	struct ifreq		ifr = request("", 0);

	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, sizeof(mac));
	told("SIOCSIFHWADDR", ioctl(fd, SIOCSIFHWADDR, &ifr));
}

static void
tap_tries(int fd, const char *other)
{
	struct ifreq	ifr;

	attach(fd, "TUNSETIFF-other", other, IFF_TAP | IFF_NO_PI);
	attach(fd, "TUNSETIFF-new", "feth-evil", IFF_TAP | IFF_NO_PI);
	attach(fd, "TUNSETIFF-any", "", IFF_TAP | IFF_NO_PI);
	attach(fd, "TUNSETIFF-multi", "", IFF_TAP | IFF_NO_PI |
	    IFF_MULTI_QUEUE);
	ifr = request("", IFF_DETACH_QUEUE);
	told("TUNSETQUEUE-detach", ioctl(fd, TUNSETQUEUE, &ifr));
	ifr = request("", IFF_ATTACH_QUEUE);
	told("TUNSETQUEUE-attach", ioctl(fd, TUNSETQUEUE, &ifr));
	told("TUNSETLINK", ioctl(fd, TUNSETLINK, ARPHRD_IEEE80211));
	told("TUNSETPERSIST", ioctl(fd, TUNSETPERSIST, 1));
	told("TUNSETOWNER", ioctl(fd, TUNSETOWNER, (long)getuid()));
	told("TUNSETGROUP", ioctl(fd, TUNSETGROUP, (long)getgid()));
	mac_set(fd);
	ifr = request(other, IFF_UP | IFF_PROMISC);
	told("SIOCSIFFLAGS", ioctl(fd, SIOCSIFFLAGS, &ifr));
	ifr = request(other, 0);
	told("SIOCSIFNAME", ioctl(fd, SIOCSIFNAME, &ifr));
	told("SIOCGSKNS", ioctl(fd, SIOCGSKNS));
	told("TUNGETDEVNETNS", ioctl(fd, TUNGETDEVNETNS));
	told("sendto", sendto(fd, "x", 1, 0, NULL, 0));
}

/* OTHER is a TAP that waits for anybody to attach to it. */
static void
gone_tries(int fd, const char *other)
{
	uint8_t	frame[64] = { 0 };

	told("read", read(fd, frame, sizeof(frame)));
	told("write", write(fd, frame, sizeof(frame)));
	attach(fd, "TUNSETIFF-other", other, IFF_TAP | IFF_NO_PI);
	attach(fd, "TUNSETIFF-new", "feth-evil", IFF_TAP | IFF_NO_PI);
	attach(fd, "TUNSETIFF-any", "", IFF_TAP | IFF_NO_PI);
	told("TUNSETPERSIST", ioctl(fd, TUNSETPERSIST, 1));
	mac_set(fd);
}

/* Checksums. */

static uint32_t
sum(uint32_t start, const uint8_t *p, size_t len)
{
	size_t	i;

	for (i = 0; i + 1 < len; i += 2)
		start += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2 == 1)
		start += (uint32_t)p[len - 1] << 8;
	return start;
}

static uint16_t
fold(uint32_t n)
{
	while (n > 0xffff)
		n = (n >> 16) + (n & 0xffff);
	return (uint16_t)n;
}

/* "I am a router, and fd88::/64 is on this link", to all nodes. */
static void
router_advertisement(int fd)
{
	static const uint8_t	head[] = {
		0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0xba, 0xd1, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 48, 58, 255,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xba, 0, 0xd1,
		0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0,
		3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0,
		0xfd, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	uint8_t		frame[sizeof(head)];
	uint16_t	check;

	memcpy(frame, head, sizeof(head));
	check = (uint16_t)~fold(sum(58 + 48, frame + 22, sizeof(head) - 22));
	frame[56] = (uint8_t)(check >> 8);
	frame[57] = (uint8_t)check;
	told("advertisement", write(fd, frame, sizeof(frame)));
}

/* True when the IPv4 packet's own and its payload's checksums are right. */
static int
ipv4_good(const uint8_t *ip, size_t len)
{
	size_t		head = (size_t)(ip[0] & 15) * 4, total;
	uint32_t	pseudo;

	total = (size_t)ip[2] << 8 | ip[3];
	if (head < 20 || total < head || total > len ||
	    fold(sum(0, ip, head)) != 0xffff)
		return 0;
	pseudo = sum(ip[9] + (uint32_t)(total - head), ip + 12, 8);
	if (ip[9] == IPPROTO_ICMP)
		pseudo = 0;
	return fold(sum(pseudo, ip + head, total - head)) == 0xffff;
}

static void
receive(int fd, int seconds)
{
	static const char	*names[256] = { [IPPROTO_ICMP] = "icmp",
	    [IPPROTO_TCP] = "tcp", [IPPROTO_UDP] = "udp" };
	uint8_t			buf[65536];
	struct pollfd		p = { fd, POLLIN, 0 };
	time_t			end = time(NULL) + seconds;
	ssize_t			n;

	while (time(NULL) < end) {
		if (poll(&p, 1, 100) != 1 ||
		    (n = read(fd, buf, sizeof(buf))) < 34 ||
		    buf[12] != 8 || buf[13] != 0 || names[buf[23]] == NULL)
			continue;
		printf("%s %s %zd\n", names[buf[23]],
		    ipv4_good(buf + 14, (size_t)n - 14) ? "good" : "BAD", n);
		fflush(stdout);
	}
}

/* Class raw. */

static void
packet_bind(int fd, const char *what, int ifindex)
{
	struct sockaddr_ll	sll;

	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ETH_P_ALL);
	sll.sll_ifindex = ifindex;
	told(what, bind(fd, (struct sockaddr *)&sll, sizeof(sll)));
}

static void
raw_tries(int fd, int ifindex)
{
	struct sockaddr_ll	sll;
	struct ifreq		ifr;
	uint8_t			frame[64] = { 0 };
	int			i, mark = 1;

	/* All that there is to be seen. */
	for (i = 1; i < 4096; i++) {
		ifr = request("", 0);
		ifr.ifr_ifindex = i;
		if (ioctl(fd, SIOCGIFNAME, &ifr) == 0)
			printf("sees %d %s\n", i, ifr.ifr_name);
	}
	packet_bind(fd, "bind-host", ifindex);
	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_ifindex = ifindex;
	sll.sll_halen = 6;
	told("sendto-host", sendto(fd, frame, sizeof(frame), 0,
	    (struct sockaddr *)&sll, sizeof(sll)));
	told("SIOCGSKNS", ioctl(fd, SIOCGSKNS));
	told("SO_MARK", setsockopt(fd, SOL_SOCKET, SO_MARK, &mark,
	    sizeof(mark)));
	ifr = request("lo", IFF_UP);
	told("SIOCSIFFLAGS", ioctl(fd, SIOCSIFFLAGS, &ifr));
}

int
main(int argc, char **argv)
{
	const char	*what = argc > 2 ? argv[1] : "";
	const char	*more = argc > 3 ? argv[3] : "";
	int		 fd = argc > 2 ? atoi(argv[2]) : -1;

	if (strcmp(what, "tap") == 0)
		tap_tries(fd, more);
	else if (strcmp(what, "gone") == 0)
		gone_tries(fd, more);
	else if (strcmp(what, "ra") == 0)
		router_advertisement(fd);
	else if (strcmp(what, "raw") == 0)
		raw_tries(fd, atoi(more));
	else if (strcmp(what, "recv") == 0)
		receive(fd, atoi(more));
	else
		return 2;
	return 0;
}

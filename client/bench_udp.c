/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fethc bench: the host's side of a host link, as any program without privilege
 * can have it: a UDP socket at the address of the interface. The port plays the
 * neighbour: it answers ARP and sends and counts datagrams as frames.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define DISCARD		9	/* port 9, for what the program's end gets */
#define BUFFER		(4 * 1024 * 1024)
#define HEADERS		(14 + 20 + 8)
#define PING_DATA	22	/* makes a frame of 64 bytes */

static uint8_t in[65600], out[65600];

/* ---- Addresses --------------------------------------------------------- */

static int
udp_address(const struct bench *b, int end, struct sockaddr_in *sin,
    struct stack_addr *addr)
{
	const char *text = port_address(b->link[0], end, 4);

	if (*text == '\0' || !stack_addr(text, addr))
		return usage_error("this link has no IPv4 addresses, which "
		    "the host's side needs; make one with --host");
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	memcpy(&sin->sin_addr, addr->addr, 4);
	return EXIT_DONE;
}

int
bench_udp_start(struct bench *b)
{
	struct sockaddr_in host;
	struct stack_addr mine;
	int size = BUFFER, r;

	r = udp_address(b, b->end[1], &host, &b->target);
	if (r == EXIT_DONE)
		r = udp_address(b, b->end[0], &b->port, &mine);
	if (r != EXIT_DONE)
		return r;
	if (!stack_mac(feth_mac(b->link[0], b->end[0]), b->mac))
		return usage_error("the daemon told no MAC for this port");
	stack_init(&b->stack, b->mac);
	stack_add(&b->stack, &mine);
	stack_mac(feth_mac(b->link[0], b->end[1]), b->mac);
	b->port.sin_port = htons(DISCARD);
	b->udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (b->udp != -1 && fcntl(b->udp, F_SETFL, O_NONBLOCK) == 0 &&
	    bind(b->udp, (struct sockaddr *)&host, sizeof(host)) == 0 &&
	    connect(b->udp, (struct sockaddr *)&b->port, sizeof(b->port)) ==
	    0) {
		setsockopt(b->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		return EXIT_DONE;
	}
	fprintf(stderr, "fethc: a UDP socket at the interface's address %s: "
	    "%s\n  hint: run this in the network namespace that fethd runs "
	    "in\n", port_address(b->link[0], b->end[1], 4), strerror(errno));
	return EXIT_REFUSED;
}

/* ---- Frames ------------------------------------------------------------ */

static void
put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
ip_checksum(uint8_t *ip)
{
	uint32_t sum = 0;
	int i;

	put16(ip + 10, 0);
	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	put16(ip + 10, ~sum & 0xffff);
}

void
bench_udp_frame(struct bench *b)
{
	struct sockaddr_in host;
	socklen_t size = sizeof(host);
	uint8_t *ip = b->frame + 14, *udp = ip + 20;

	memset(&host, 0, sizeof(host));
	getsockname(b->udp, (struct sockaddr *)&host, &size);
	put16(b->frame + 12, 0x0800);
	memset(ip, 0, 28);
	ip[0] = 0x45;
	put16(ip + 2, b->size - 14);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &b->port.sin_addr, 4);
	memcpy(ip + 16, &host.sin_addr, 4);
	ip_checksum(ip);
	memcpy(udp, &b->port.sin_port, 2);
	memcpy(udp + 2, &host.sin_port, 2);
	/* The checksum may be left out. */
	put16(udp + 4, b->size - 14 - 20);
}

/* The frame's datagram is from our socket. */
static bool
udp_ours(const struct bench *b, const uint8_t *f, size_t len)
{
	return len >= HEADERS && f[12] == 0x08 && f[13] == 0x00 &&
	    f[14] == 0x45 && f[14 + 9] == IPPROTO_UDP &&
	    memcmp(f + 14 + 12, b->target.addr, 4) == 0 &&
	    memcmp(f + 14 + 22, &b->port.sin_port, 2) == 0;
}

bool
bench_udp_input(struct bench *b, const uint8_t *frame, size_t len)
{
	size_t n = 0;

	if (udp_ours(b, frame, len))
		return true;
	stack_input(&b->stack, frame, len, out, sizeof(out), &n, NULL);
	if (n > 0)
		feth_send(b->link[0], b->end[0], out, n, NULL);
	return false;
}

/* ---- Loops ------------------------------------------------------------- */

/* What the kernel takes is sent; what it then finds no room for is lost. */
void
bench_udp_send(struct bench *b, int end)
{
	size_t len = b->size - HEADERS;
	ssize_t n;

	(void)end;
	while (!b->board->stop && !bench_orphan(b)) {
		n = send(b->udp, b->frame + HEADERS, len, 0);
		if (n == (ssize_t)len)
			b->board->sent++;
		else if (errno == EAGAIN || errno == ENOBUFS)
			bench_wait(b->udp, POLLOUT);
		else if (errno != EINTR && errno != ECONNREFUSED) {
			b->board->error = errno;
			break;
		}
	}
}

void
bench_udp_recv(struct bench *b, int end)
{
	ssize_t n;

	(void)end;
	while (!b->board->end && !bench_orphan(b)) {
		n = recv(b->udp, in, sizeof(in), 0);
		if (n >= 0)
			b->board->got++;
		else if (errno == EAGAIN)
			bench_wait(b->udp, POLLIN);
		else if (errno != EINTR && errno != ECONNREFUSED) {
			b->board->error = errno;
			break;
		}
	}
}

/* ---- There and back ---------------------------------------------------- */

bool
bench_udp_ping(struct bench *b)
{
	size_t n = stack_echo(&b->stack, &b->target, b->mac,
	    (uint16_t)getpid(), b->seq, b->frame, PING_DATA, out,
	    sizeof(out));

	return n > 0 && feth_send(b->link[0], b->end[0], out, n, NULL) > 0;
}

bool
bench_udp_pong(struct bench *b, const uint8_t *frame, size_t len)
{
	struct stack_news news;
	size_t n = 0;
	enum stack_kind kind;

	kind = stack_input(&b->stack, frame, len, out, sizeof(out), &n, &news);
	if (n > 0)
		feth_send(b->link[0], b->end[0], out, n, NULL);
	return kind == STACK_ECHO4_REPLY && news.seq == b->seq;
}

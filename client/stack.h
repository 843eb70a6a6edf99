/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little that it takes to be a neighbour on an Ethernet: ARP, ICMP echo,
 * neighbour discovery and ICMPv6 echo. Pure functions of frames; no I/O, no
 * memory. Used by answer and ping.
 */
#ifndef FETHC_STACK_H
#define FETHC_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_ADDRESSES	10
#define STACK_HEADROOM	(14 + 40 + 8)	/* most headers before echo data */

struct stack_addr {
	int		family;		/* 4 or 6 */
	uint8_t		addr[16];	/* network order, 4 or 16 bytes used */
};

/* Who we are on this link. */
struct stack {
	uint8_t		mac[6];
	unsigned int	naddr;
	struct stack_addr addr[STACK_ADDRESSES];
};

/* What a frame was, and whether it was answered. */
enum stack_kind {
	STACK_OTHER,		/* not for us, or of no interest */
	STACK_BAD,		/* lengths or a checksum do not fit */
	STACK_ARP_REQUEST,
	STACK_ARP_REPLY,
	STACK_ECHO4,
	STACK_ECHO4_REPLY,
	STACK_SOLICIT,
	STACK_ADVERT,
	STACK_ECHO6,
	STACK_ECHO6_REPLY,
	STACK_KINDS
};

/* What an answer of the other side tells. */
struct stack_news {
	struct stack_addr from;
	uint8_t		mac[6];		/* ARP reply, advertisement */
	uint16_t	id, seq;	/* echo replies */
	uint8_t		ttl;
	const uint8_t	*data;		/* echo replies: into the frame */
	size_t		len;
};

/* Parse "02:00:5e:00:00:01". */
bool	stack_mac(const char *text, uint8_t mac[6]);
/* Parse an address; a prefix length after it is passed over. */
bool	stack_addr(const char *text, struct stack_addr *a);
/* Write A to BUF of STACK_ADDRSTRLEN bytes; returns BUF. */
#define STACK_ADDRSTRLEN	46
const char *stack_addr_text(const struct stack_addr *a, char *buf);
bool	stack_addr_equal(const struct stack_addr *a,
	    const struct stack_addr *b);

/* S becomes MAC with its IPv6 link-local address only. */
void	stack_init(struct stack *s, const uint8_t mac[6]);
/* False when there is no room. */
bool	stack_add(struct stack *s, const struct stack_addr *a);
/* The first address of FAMILY that is not link-local, else one that is, or
 * NULL. */
const struct stack_addr *stack_source(const struct stack *s, int family);

/*
 * Look at the frame IN of LEN bytes (any length, any bytes). When it asks us
 * something, write the answer to OUT of SIZE bytes and its length to *OUT_LEN,
 * which is 0 otherwise. An answer is no longer than LEN or 86 bytes. NEWS (may
 * be NULL) is filled for the kinds that are answers themselves.
 */
enum stack_kind	stack_input(const struct stack *s, const uint8_t *in,
	    size_t len, uint8_t *out, size_t size, size_t *out_len,
	    struct stack_news *news);

/* Write the question for TARGET's MAC (ARP or solicitation) to OUT of SIZE
 * bytes; returns its length, 0 when there is no source address or room. */
size_t	stack_ask(const struct stack *s, const struct stack_addr *target,
	    uint8_t *out, size_t size);

/* Write an echo request with LEN bytes of DATA to OUT; as stack_ask. */
size_t	stack_echo(const struct stack *s, const struct stack_addr *target,
	    const uint8_t mac[6], uint16_t id, uint16_t seq,
	    const uint8_t *data, size_t len, uint8_t *out, size_t size);

/* One line of plain ASCII about the frame to BUF; returns BUF. cut: of the LEN
 * bytes that it had only the first HAVE are known. */
const char *stack_describe_cut(const uint8_t *frame, size_t have, size_t len,
	    char *buf, size_t size);
const char *stack_describe(const uint8_t *frame, size_t len, char *buf,
	    size_t size);

/* "echo request" ... for the counters. */
extern const char *const stack_kind_names[STACK_KINDS];

#endif

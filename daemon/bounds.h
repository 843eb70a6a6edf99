/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every cap that a client, a policy file or the warden's peer can meet, each
 * with its reason. Nothing in the daemon grows past one of these.
 */
#ifndef FETHD_BOUNDS_H
#define FETHD_BOUNDS_H

/* One request: a Watch filter with all labels is below 2 KiB. */
#define BOUND_MESSAGE		(64 * 1024)
/* JSON nesting: parameters of Explain are five levels deep. */
#define BOUND_DEPTH		16
/* Members of one object (keys are compared with each other). */
#define BOUND_MEMBERS		128
/* Elements of one array: more than BOUND_FILTER, so that a filter that is too
 * long is told as such, and about what BOUND_MESSAGE has room for. */
#define BOUND_ELEMENTS		1536
/* Descriptors a client may send with one request (SCM_MAX_FD is 253). */
#define BOUND_FDS_IN		4
/* Descriptors of one reply: both ends of a pair link. */
#define BOUND_FDS_OUT		2
/* Unsent reply bytes of one connection before it is read no further, and
 * before a watcher that does not keep up is dropped. */
#define BOUND_OUTPUT		(1024 * 1024)
/* Messages with descriptors that are looked at, of one uid and of all; see
 * sift.h. */
#define BOUND_SIFTS_UID		16
#define BOUND_SIFTS		64
/* Unsent descriptors of one connection before it is read no further: those of
 * one uid then take a thousand of the 65,536 that the daemon may have. */
#define BOUND_OUTPUT_FDS	16
/* Seconds until the first whole request, and until a started one is whole. */
#define BOUND_REQUEST_SECS	30
/* Seconds in which a client must take some of its unsent replies. */
#define BOUND_OUTPUT_SECS	60
/* Connections: of one uid, of root, and of all (which root may exceed). */
#define BOUND_CONNS_UID		64
#define BOUND_CONNS_ROOT	1024
#define BOUND_CONNS		4096
/* Subscriptions (Watch, Stats with more) of one connection. */
#define BOUND_STREAMS		1
/* Stats interval in ms. */
#define BOUND_INTERVAL_MIN	100
#define BOUND_INTERVAL_MAX	3600000
/* Seconds that a link found after a restart waits for Resume. */
#define BOUND_GRACE_SECS	30
#define BOUND_GRACE_MAX		3600
/* Supplementary groups of a peer that policy looks at (NGROUPS_MAX). */
#define BOUND_GROUPS		65536

/* Link names and labels, without the final NUL. */
#define BOUND_NAME		63
#define BOUND_LABELS		8
#define BOUND_LABEL_KEY		31
#define BOUND_LABEL_VALUE	63
/* Addresses of one end. */
#define BOUND_ADDRESSES		4
/* MTU of a link: the least that carries IPv4, the most TAP and veth take. */
#define BOUND_MTU_MIN		68
#define BOUND_MTU_MAX		65521

/* A link's slot, 0 .. BOUND_SLOTS - 1, is the number that the two halves of the
 * daemon use for it. The first BOUND_UNITS slots have kernel interfaces: slot k
 * owns units BOUND_UNIT_MIN + 2k (host side) and + 2k + 1 (I/O side), so the
 * last one is 32765 (macOS stops at 32767, and ZeroTier destroys feth0..9999). */
#define BOUND_UNIT_MIN		10000
#define BOUND_UNITS		11383
#define BOUND_SLOTS		32768

/* Interfaces made ahead of time: each is 70 KiB of kernel memory and a line in
 * every list of interfaces. The second is what there is without a word. */
#define BOUND_SPARES		64
#define BOUND_SPARES_USUAL	8
/* The relay: frames of one link before it is the next one's turn, the buffer of a
 * thread (with long frames fewer of them are a turn), threads, and what a link
 * asks the kernel to queue for it. */
#define BOUND_BATCH		64
#define BOUND_RELAY_BUFFER	(256 * 1024)
#define BOUND_RELAY_THREADS	4
#define BOUND_RELAY_QUEUE	(1024 * 1024)
/* Rates in bytes/s: more than any machine copies. */
#define BOUND_RATE_MAX		100000000000
/* Impairments of one direction: us of delay and of jitter, and what may be on
 * its way at a time: 4 MiB carry 300 Mbit/s over 100 ms. */
#define BOUND_DELAY_US		60000000
#define BOUND_IMPAIR_BYTES	(4 * 1024 * 1024)
#define BOUND_IMPAIR_FRAMES	16384

/* Captures of one uid, and of all uids but root (which has its own beside
 * them). Each may cost half a megabyte of buffer, and either a process with
 * BOUND_CAPTURE_QUEUE bytes of kernel memory, or (relayed) a thread with
 * BOUND_CAPTURE_RING. */
#define BOUND_CAPTURES_UID	16
#define BOUND_CAPTURES		64
#define BOUND_CAPTURE_QUEUE	(2 * 1024 * 1024)
#define BOUND_CAPTURE_RING	(1024 * 1024)	/* a power of two */
/* Bytes of a frame that are kept: an Ethernet header; what tcpdump takes too. */
#define BOUND_SNAPLEN_MIN	14
#define BOUND_SNAPLEN_MAX	262144
/* Instructions of a capture filter: 50 ports by name are 150. */
#define BOUND_FILTER		1024

/* Policy file: bytes, rules (fewer than BOUND_MEMBERS, and struct policy stays
 * below 512 KiB), and list entries of one rule. */
#define BOUND_CONF		(256 * 1024)
#define BOUND_RULES		100
#define BOUND_RULE_LIST		16

#endif

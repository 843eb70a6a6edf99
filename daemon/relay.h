/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay: moves frames between the two sides of a link whose frames the
 * daemon must see. It has threads of its own, each with its own event base; a
 * link belongs to one of them for as long as it lives. The control plane calls
 * the functions below, from its one thread; each is a message to the link's
 * thread, so that none of them waits for frames, nor frames for it.
 *
 * A side is a descriptor: a TAP, a socket that keeps messages apart, a stream
 * of length-prefixed frames, or nothing yet. What a side cannot take stays
 * where it is: the other side is read no further until it has room.
 */
#ifndef FETHD_RELAY_H
#define FETHD_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct impair_conf;
struct relay;
struct relay_link;

/* How frames are read from and written to a descriptor. */
enum relay_io { RELAY_DEVICE, RELAY_MESSAGE, RELAY_STREAM, RELAY_IOS };

/* Why a frame was not passed on. All but the last two are told of the side that
 * sent it, RELAY_REFUSED and RELAY_NOROOM of the one that should have got it. */
enum relay_drop {
	RELAY_SHORT,	/* less than an Ethernet header */
	RELAY_LONG,	/* more than MTU + 18, or than the MTU (mtu_check) */
	RELAY_RIGHTS,	/* descriptors came with it */
	RELAY_MAC,	/* another source than the port's (mac_lock) */
	RELAY_RATE,	/* over the port's rate */
	RELAY_LOSS,	/* impairment: loss */
	RELAY_DOWN,	/* impairment: down */
	RELAY_QUEUE,	/* impairment: more than may be on its way */
	RELAY_REFUSED,	/* the kernel did not take it: the interface is down */
	RELAY_NOROOM,	/* no memory to keep it */
	RELAY_DROPS
};
extern const char *const relay_drop_names[RELAY_DROPS + 1];

/* Why a side is closed. */
enum relay_closed {
	RELAY_OPEN,
	RELAY_HOLDER,	/* its holder closed it */
	RELAY_SHUT,	/* its holder shut down a direction, or connected it
			 * elsewhere */
	RELAY_FRAMING,	/* a stream's length of 0, or of more than MTU + 18 */
	RELAY_ERROR,	/* a system call failed */
	RELAY_REASONS
};
extern const char *const relay_closed_names[RELAY_REASONS + 1];

/* One side as it is to be. */
struct relay_port {
	int		fd;		/* non-blocking by then; -1: nobody yet */
	enum relay_io	io;
	uint32_t	generation;	/* comes back in the relay_closed_fn */
	bool		client;		/* a program is behind it */
	bool		mac_lock, mtu_check;
	uint8_t		mac[6];
	uint64_t	rate, burst;	/* bytes/s and bytes; 0: any */
};

struct relay_counters {
	uint64_t	rx_frames, rx_bytes;	/* given to this side */
	uint64_t	tx_frames, tx_bytes;	/* taken from it */
	uint64_t	drops[RELAY_DROPS];
};

/* A side closed by itself. Called from the control plane's event loop; DETAIL is
 * an errno (RELAY_ERROR) or the length (RELAY_FRAMING). */
typedef void relay_closed_fn(void *arg, uint64_t id, int side,
	    uint32_t generation, enum relay_closed why, uint32_t detail);

/*
 * Capture's hook. frame is called in the link's relay thread, for each frame
 * that SIDE sent (OUT false, after the checks) and each that was given to it
 * (OUT true, after impairment); it must neither block nor keep FRAME. released is called from the control plane's event loop when the relay
 * does not know of the tap any more: after relay_tap(link, NULL), or another
 * tap, or the end of the link.
 */
struct relay_tap {
	void	(*frame)(struct relay_tap *tap, int side, bool out,
		    const uint8_t *frame, uint32_t len);
	void	(*released)(struct relay_tap *tap);
};

/* The relay, without a thread yet. NULL: no memory or descriptors. */
struct relay *relay_new(struct event_base *control, relay_closed_fn *closed,
	    void *arg);
/* From now on no holder of a port sees the end of it by R's doing, as long as
 * there are duplicates: another process goes on with them. Only who would lose
 * half a frame of a stream does. NULL is harmless. */
void	relay_keep(struct relay *r);
/* End its threads and all its links. NULL is harmless. */
void	relay_free(struct relay *r);

/*
 * A new link with id ID (for relay_closed_fn) and both sides. The descriptors
 * move, also when it fails: then NULL, and *ERROR is -errno.
 */
struct relay_link *relay_add(struct relay *r, uint64_t id, uint32_t mtu,
	    const struct relay_port port[2], int *error);
/* End it: client sides see end-of-file. The link is not the caller's any
 * more. */
void	relay_remove(struct relay_link *l);
/* Exchange SIDE (the old descriptor sees end-of-file); PORT.fd moves. 0 or
 * -ENOMEM. */
int	relay_set_port(struct relay_link *l, int side,
	    const struct relay_port *port);
/* Impair what SIDE sends. 0 or -errno. */
int	relay_impair(struct relay_link *l, int side,
	    const struct impair_conf *conf);
/* TAP (NULL: none) takes the place of the last one. 0 or -ENOMEM. */
int	relay_tap(struct relay_link *l, struct relay_tap *tap);
/* Counters of SIDE now, without asking its thread. */
void	relay_count(const struct relay_link *l, int side,
	    struct relay_counters *c);
/* How many threads run, for the log and tests. */
unsigned int relay_threads(const struct relay *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the relay share: relay.c (the control plane's calls, the
 * threads, messages between them), relay_path.c (frames from one side to the
 * other), relay_io.c and one relay_SYSTEM.c (reading and writing descriptors).
 * For nobody else.
 */
#ifndef FETHD_RELAY_INT_H
#define FETHD_RELAY_INT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "bounds.h"
#include "impair.h"
#include "relay.h"

/* Ethernet header and one VLAN tag; the least and the most beside the MTU. */
#define RELAY_HEADER	14
#define RELAY_OVERHEAD	18

#define RELAY_OK	(-1)	/* rframe.bad */

struct rframe {
	uint8_t		*data;
	uint32_t	len;
	int		bad;		/* enum relay_drop, seen by the read */
};

/* Frames of one turn, and the memory of a thread for them. */
struct rbatch {
	struct rframe	f[BOUND_BATCH];
	uint8_t		*buf;		/* BOUND_RELAY_BUFFER bytes */
	struct rio	*io;		/* what the system's calls want */
};

struct rside;

struct relay_ops {
	/* At most MAX frames to B, without waiting. Their number, or -EAGAIN,
	 * or another -errno. What ended the side, after these frames, goes to
	 * s->end. */
	int	(*read)(struct rside *s, struct rbatch *b, unsigned int max);
	/* Write F[0 .. N). How many were taken or are refused for good (counted);
	 * fewer than N when the side is full; or -errno when it is broken. */
	int	(*write)(struct rside *s, struct rbatch *b,
		    const struct rframe *f, unsigned int n);
	/* Where no event tells of room, or of the other end's end: how long after
	 * the last try to write, or read, again. NULL: events do. */
	const struct timeval *room, *idle;
};
extern const struct relay_ops *const relay_ops[RELAY_IOS];

/* Frames that the other side had no room for; one turn's worth. */
struct stash {
	struct stash	*more;
	size_t		size;
	unsigned int	n, next;
	struct rframe	f[BOUND_BATCH];
	uint8_t		data[];
};

/* A message to a thread, or from one to the control plane. */
struct rmsg {
	struct rmsg	*next;
	void		(*run)(struct rmsg *m);
	union {				/* whom it is to, or from */
		struct relay_link	*link;
		struct rthread		*thread;
		struct relay		*relay;
	};
	int		side;
	union {
		struct relay_port	port;
		struct relay_tap	*tap;
		struct {
			struct impair_conf conf;
			struct rimpaired *im;	/* NULL: none is needed */
		} impair;
		struct {
			uint64_t	id;
			uint32_t	generation, detail;
			enum relay_closed why;
		} closed;
	} u;
};

struct rcounts {
	_Atomic uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	_Atomic uint64_t drops[RELAY_DROPS];
};

struct rside {
	struct relay_link *link;
	int		index;		/* 0 or 1 */
	struct relay_port port;
	const struct relay_ops *ops;
	struct event	ev_read, ev_write;
	struct rmsg	*note;		/* for when it closes */
	unsigned int	want;		/* frames to ask for in one turn */
	unsigned int	single, singles; /* one by one: how many, and still */
	bool		reading;
	enum relay_closed end;		/* it ends when what it sent is out */
	uint32_t	end_detail;
	/* From this side to the other. */
	struct stash	*stash;
	struct rimpaired *impaired;
	int64_t		filled;		/* token bucket: when, */
	double		tokens;		/* and what was in it */
	/* Streams: a frame that is half here, and one that is half sent. */
	uint8_t		*part, *tail;
	uint32_t	part_len, tail_at, tail_len;
	int		rights;		/* descriptors came with what is read */
	struct records	*records;	/* relay_bpf.c: what was read ahead */
	/* relay_darwin.c: tries in a row that found no room; a write saw that the
	 * other end is gone. */
	unsigned int	full;
	bool		gone;
	struct rcounts	count;
};

struct relay_link {
	struct rthread	*thread;
	struct relay_link *next, **prev;	/* of the thread */
	uint64_t	id;
	uint32_t	mtu, frame_max, slot;
	unsigned int	batch;		/* frames of a turn */
	bool		known;		/* to its thread */
	struct relay_tap *tap;
	struct rmsg	*tap_note;	/* for when it is released */
	struct rmsg	bye;		/* that ends it */
	struct rside	side[2];
};

static inline struct rside *
other(struct rside *s)
{
	return &s->link->side[!s->index];
}

/* One thread writes, another may read. */
static inline void
count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c,
	    memory_order_relaxed) + n, memory_order_relaxed);
}

/* An impaired direction. */
struct rimpaired {
	struct impair	*q;
	int		timer;		/* plat_timer */
	struct event	ev;
	bool		blocked;	/* frames are due, and there is no room */
	bool		over;		/* it goes when it is empty */
};

/* relay.c: free what a thread has not, or no longer, in use. */
void	rimpaired_free(struct rimpaired *im);
/* relay.c, from a thread: S is closed. */
void	relay_notify(struct rside *s, enum relay_closed why, uint32_t detail);
/* relay.c: another process goes on with the ports (relay_keep). */
bool	relay_kept(const struct rside *s);
/* relay.c: the frames of a turn, of the thread of S. */
struct rbatch *relay_batch(const struct rside *s);

/* relay_path.c, all in the link's thread. PORT.fd, NOTE and IM move. */
void	path_open(struct rside *s, struct event_base *base,
	    const struct relay_port *port, struct rmsg *note);
void	path_impair(struct rside *s, struct event_base *base,
	    const struct impair_conf *conf, struct rimpaired *im);
/* Close it, and free what was on its way from it. */
void	path_free(struct rside *s);

/* relay_io.c. S took these frames; refused one. */
void	io_sent(struct rside *s, unsigned int frames, uint64_t bytes);
void	io_refused(struct rside *s);
/* No bytes came from the socket of S: is that its end? Then s->end is set. */
void	io_see_end(struct rside *s);
/* Give up halves of frames. */
void	io_forget(struct rside *s);

/* relay_device.c, or relay_bpf.c: the interface of a host link. pending: frames
 * were read ahead, of which no event tells. */
extern const struct relay_ops io_device_ops;
bool	io_device_pending(const struct rside *s);
void	io_device_forget(struct rside *s);

/* relay_linux.c, or the like of another system. */
struct rio *io_new(void);
void	io_free(struct rio *io);
extern const struct relay_ops io_message_ops;
/* The holder of S is to send no more, if the system can see to it without the
 * loss of what he has sent, which is read afterwards. */
void	io_leave(struct rside *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture under way: frames in, a pcapng stream out to a reader that may be
 * slow. What is not sent waits in a buffer of fixed size; without room in it no
 * frame is taken, and the queue that they come from drops and counts them. That
 * is all that the reader's slowness does. Used by the capture process
 * (capture_linux.c) and by the threads of capture_relay.c.
 */
#ifndef FETHD_CAPTURE_H
#define FETHD_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "cbpf.h"
#include "pcapng.h"

/* The most that a frame may have: a VLAN tag may come back to it. */
#define CAPTURE_ROOM	(BOUND_SNAPLEN_MAX + 4)

struct capture_conf {
	uint32_t	snaplen;
	bool		invert;		/* in is out */
	const struct cbpf_insn *prog;	/* checked; copied by capture_start */
	unsigned int	ninsns;		/* 0: every frame */
};

struct capture {
	int		out;		/* -1: none */
	uint32_t	snaplen;
	bool		invert;
	struct cbpf_insn *prog;		/* NULL: every frame */
	uint8_t		*buf;
	size_t		start, end;	/* what is unsent */
	/* dropped, accepted, received: also the caller's to count in. end: when
	 * they were told last. */
	struct pcapng_counts counts;
	uint64_t	told;		/* counts.dropped by then */
	bool		ending;		/* no more frames, but the counters */
	bool		ended;		/* they are in the buffer */
};

/*
 * Write to OUT (moved, non-blocking; SIGPIPE is ignored), where pcapng_start's
 * bytes are already. NS is the time. 0 or -ENOMEM; then OUT is closed too.
 */
int	capture_start(struct capture *c, int out, uint64_t ns,
	    const struct capture_conf *conf);
void	capture_clear(struct capture *c);

/* CAPTURE_ROOM bytes where the next frame can be put, or NULL: not now. */
uint8_t	*capture_room(struct capture *c);
/* How many of the LEN bytes of FRAME are to be kept; 0: it does not pass. */
uint32_t capture_filter(const struct capture *c, const uint8_t *frame,
	    size_t len);
/* The frame at capture_room passed the filter, and CAPLEN of its LEN bytes are
 * there; DIR as the interface sees it. */
void	capture_commit(struct capture *c, uint64_t ns, enum pcapng_dir dir,
	    uint32_t caplen, uint32_t len);

/* At NS: put the counters into the stream when frames were lost since they were
 * told, at most once a second. */
void	capture_tick(struct capture *c, uint64_t ns);

/* No more frames come; the counters of NS end the stream. */
void	capture_end(struct capture *c, uint64_t ns);

/* Send what can be sent now. 0: nothing waits; -EAGAIN: when OUT is writable;
 * else the reader is gone. */
int	capture_flush(struct capture *c);

/* True when the whole stream is sent. */
bool	capture_done(const struct capture *c);

#endif

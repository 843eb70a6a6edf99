/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client: bytes in, whole messages to request.c, replies with descriptors
 * out, limits and timeouts. Knows nothing of what a message means.
 */
#ifndef FETHD_CONN_H
#define FETHD_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "bounds.h"
#include "peer.h"

struct fethd;
struct request;
struct reply_out;	/* one queued reply, private to conn.c */
struct stream;		/* watch.c */

struct conn {
	struct conn	*next, **prev;	/* in fethd.conns */
	struct fethd	*d;
	uint64_t	number;		/* for the log, never reused */
	int		fd;
	struct peer	peer;

	struct event	*ev_read, *ev_write;
	struct event	*timer;		/* request and output timeouts */

	char		*in;		/* the message in hand; grows to
					 * BOUND_MESSAGE + 1 */
	size_t		in_len, in_cap;
	int		fds[BOUND_FDS_IN]; /* sent with the message in hand */
	unsigned int	nfds;

	struct reply_out *out, **out_tail;
	size_t		out_bytes;	/* unsent */
	unsigned int	out_fds;	/* unsent descriptors */

	struct sift	*sift;		/* takes a message; nothing is read */
	struct request	*req;		/* under way; nothing is read */
	struct stream	*stream;	/* Watch or Stats with more */
	struct tie	*ties;		/* vlink.h: links it leases or holds */
	bool		served;		/* a whole request has come */
	bool		closing;	/* close once all replies are out */

	/* Of conn.c alone. */
	const char	*failed;	/* why it ends, soon */
	bool		busy;		/* request_start runs for it */
	bool		gone;		/* conn_free runs for it */
	bool		eof;		/* the client sends no more */
	bool		piped;		/* bytes wait behind the request */
	bool		held;		/* too much output is unsent */
	int64_t		in_due, out_due, retry_due; /* monotonic ms; 0: none */
};

/* Take over the accepted, non-blocking FD and the PEER (moved). NULL and both
 * released when there is no memory. */
struct conn *conn_new(struct fethd *d, int fd, struct peer *peer);

/*
 * Queue TEXT (malloc'd, SIZE bytes and a NUL that is sent too; moved) with NFDS
 * descriptors (moved). Never calls back; a failure closes the connection later,
 * from the event loop.
 */
void	conn_reply(struct conn *c, char *text, size_t size, int *fds,
	    unsigned int nfds);

/* The request is over: forget c->req and the descriptors it did not take, and
 * go on with the next message from the event loop (not from within). */
void	conn_done(struct conn *c);

/* The client is not there any more, in contrast to: it only sends no more. */
bool	conn_hung_up(const struct conn *c);

/* Close once everything queued is sent; nothing more is read, and what is
 * queued later is dropped. */
void	conn_shut(struct conn *c);

/* Answer with org.fethd.Broker.InvalidMessage and conn_shut: what came is not a
 * message, so that nothing after it can be trusted to be one. */
void	conn_refuse(struct conn *c, const char *reason, size_t offset);

/* Close from the event loop, soon, and drop what is queued: for those who may
 * be called on behalf of C itself. WHY is a constant. */
void	conn_drop(struct conn *c, const char *why);

/* Close now and free: tells request.c, watch.c and reap.c first
 * (request_conn_gone, watch_conn_gone, vlink_conn_gone). While request_start
 * runs for C this is conn_drop. WHY is a constant. NULL is harmless. */
void	conn_free(struct conn *c, const char *why);

#endif

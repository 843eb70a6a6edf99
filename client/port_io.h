/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in fethc: a port that a command has taken, and the loop over what
 * comes out of it.
 */
#ifndef FETHC_PORT_IO_H
#define FETHC_PORT_IO_H

#include "fethc.h"
#include "stack.h"

struct port {
	const struct args *a;
	struct feth_conn *conn;
	struct feth_link *link;
	uint8_t		*in, *out;	/* of size bytes each */
	size_t		size;
	bool		more;		/* frames may be here already, unread */
};

/* What ends port_loop, beside exit codes. */
enum { PORT_STOPPED = 0x100,	/* a signal */
    PORT_TIMEOUT, PORT_GONE, PORT_ENOUGH };

/* Take one frame; nonzero: that was enough. */
typedef int port_frame_fn(void *arg, const uint8_t *frame, size_t len);

/* Get the link that A describes, with its port non-blocking. EXIT_DONE, or the
 * code after the message; port_stop in any case. */
int	port_start(struct args *a, struct port *p);
void	port_stop(struct port *p);

/* S becomes the port's MAC and addresses. */
int	port_stack(const struct port *p, struct stack *s);

/* Send one frame, waiting for room for a second at most. */
bool	port_send(struct port *p, const uint8_t *frame, size_t len);

/* Give FN what comes, for MS at most (-1: no limit). PORT_*, or the exit code
 * after the message. */
int	port_loop(struct port *p, long ms, port_frame_fn *fn, void *arg);

#endif

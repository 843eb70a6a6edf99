/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See port_io.h.
 */
#include <poll.h>
#include <stdlib.h>

#include "port_io.h"

#define TURN	64	/* frames before the signals are looked at */

/* ms after which a port is read though nothing was told of it; -1: never. On
 * macOS nothing is when its other end, or its interface, goes. */
#ifdef HOST_DARWIN
#define PORT_LOOK	1000
#else
#define PORT_LOOK	(-1)
#endif

int
port_start(struct args *a, struct port *p)
{
	struct feth_error err;
	int r;

	*p = (struct port){ .a = a };
	r = port_get(a, &p->conn, &p->link);
	if (r != EXIT_DONE)
		return r;
	if (feth_set_nonblock(p->link, FETH_MINE, true, &err) < 0)
		return failed(a, &err);
	p->size = feth_frame_max(p->link) + STACK_HEADROOM;
	p->in = malloc(p->size);
	p->out = malloc(p->size);
	if (p->in == NULL || p->out == NULL || wait_init() < 0)
		return EXIT_REFUSED;
	return EXIT_DONE;
}

void
port_stop(struct port *p)
{
	free(p->in);
	free(p->out);
	port_free(p->conn, p->link);
}

int
port_stack(const struct port *p, struct stack *s)
{
	const char *const *v = feth_addresses(p->link, FETH_MINE);
	struct stack_addr addr;
	uint8_t mac[6];

	if (!stack_mac(feth_mac(p->link, FETH_MINE), mac))
		return usage_error("the daemon told no MAC for this port");
	stack_init(s, mac);
	for (; *v != NULL; v++) {
		if (stack_addr(*v, &addr) && !stack_add(s, &addr))
			break;
	}
	return EXIT_DONE;
}

bool
port_send(struct port *p, const uint8_t *frame, size_t len)
{
	int64_t deadline = wait_now() + 1000;
	ssize_t n;

	do {
		n = feth_send(p->link, FETH_MINE, frame, len, NULL);
		if (n != -FETH_AGAIN && n != -FETH_INTERRUPTED)
			return n > 0;
		/* Not for POLLOUT: on macOS that says nothing of a datagram
		 * socket, and BPF may not be asked. */
		poll(NULL, 0, 1);
	} while (wait_ended() == 0 && wait_now() < deadline);
	return false;
}

/* Read until there is nothing, at most TURN frames. EXIT_DONE: go on. What is
 * left after so many may be in the library's buffer, which no poll sees. */
static int
port_turn(struct port *p, port_frame_fn *fn, void *arg)
{
	struct feth_error err;
	ssize_t n;
	int i;

	p->more = false;
	for (i = 0; i < TURN; i++) {
		n = feth_recv(p->link, FETH_MINE, p->in, p->size, &err);
		if (n == -FETH_AGAIN || n == -FETH_INTERRUPTED)
			return EXIT_DONE;
		if (n == -FETH_FRAME_SIZE)
			continue;
		if (n == -FETH_PEER_GONE)
			return PORT_GONE;
		if (n < 0)
			return failed(p->a, &err);
		if (fn(arg, p->in, (size_t)n))
			return PORT_ENOUGH;
	}
	p->more = true;
	return EXIT_DONE;
}

/* The daemon went. EXIT_DONE: go on. */
static int
port_reconnect(struct port *p)
{
	int r = hold_reconnect(p->conn, p->link, 0);

	return r == -1 ? EXIT_DONE : r;
}

/* The daemon has something to say, or went. EXIT_DONE: go on. */
static int
port_daemon(struct port *p)
{
	return feth_dispatch(p->conn, NULL) >= 0 ? EXIT_DONE :
	    port_reconnect(p);
}

/* The port has ended: by what is at the other side, or with the daemon, whose
 * descriptors do not all close at one moment. So it is asked. PORT_GONE, or as
 * above. */
static int
port_gone(struct port *p)
{
	if (feth_conn_fd(p->conn) != -1)
		feth_refresh(p->link, NULL);
	return feth_conn_fd(p->conn) != -1 ? PORT_GONE : port_reconnect(p);
}

int
port_loop(struct port *p, long ms, port_frame_fn *fn, void *arg)
{
	int64_t deadline = wait_now() + ms;
	int fds[2], mask, r = EXIT_DONE;
	long left = -1;

	while (r == EXIT_DONE) {
		if (wait_ended() != 0)
			return PORT_STOPPED;
		if (ms >= 0) {
			left = (long)(deadline - wait_now());
			if (left <= 0)
				return PORT_TIMEOUT;
		}
		fds[0] = feth_fd(p->link, FETH_MINE);
		fds[1] = feth_conn_fd(p->conn);
		if (PORT_LOOK != -1 && (left == -1 || left > PORT_LOOK))
			left = PORT_LOOK;
		mask = wait_for(fds, 2, p->more ? 0 : left);
		if (mask < 0)
			return EXIT_REFUSED;
		if ((mask & 1) != 0 || p->more || PORT_LOOK != -1)
			r = port_turn(p, fn, arg);
		if (r == PORT_GONE)
			r = port_gone(p);
		if ((mask & 2) != 0 && r == EXIT_DONE)
			r = port_daemon(p);
	}
	return r;
}

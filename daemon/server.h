/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket: made (or inherited), accepted from, with limits on how
 * many connections a uid may have, and a rest when descriptors run out.
 */
#ifndef FETHD_SERVER_H
#define FETHD_SERVER_H

#include <stddef.h>
#include <sys/types.h>

struct fethd;

/*
 * Bind and listen on the Unix socket PATH: a stale socket file is replaced (a
 * live one, or a file of another kind, is refused), created under umask 0177
 * and then made MODE. Returns the descriptor, or -errno with WHY ("what, where,
 * remedy").
 */
int	server_listen(const char *path, unsigned int mode, char *why,
	    size_t size);

/* Start and stop accepting on LISTEN_FD, which stays the caller's and is made
 * non-blocking. start: 0 or -errno. Connections may outlive the stop. */
int	server_start(struct fethd *d, int listen_fd);
void	server_stop(struct fethd *d);

/* conn.c: a connection of UID went and its descriptor is closed: count it off,
 * wake the accept that rests. */
void	server_conn_gone(struct fethd *d, uid_t uid);

#endif

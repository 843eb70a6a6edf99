/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors from clients, on Linux. Of all files that a client can pass we want
 * network namespaces only, but a descriptor that was received must be closed, and
 * that, like any look at it, may be up to somebody else: close(2) of a file of FUSE
 * asks its file system (fuse_flush), and nothing ends that wait, not even SIGKILL.
 * So those who read a connection first see whether descriptors come with the next
 * bytes (MSG_PEEK says MSG_CTRUNC, fetching none); then a child takes the message,
 * and hands on what may come in. If it is stuck, then alone, with nothing of ours.
 *
 * Not on macOS, where a broker must not fork (sandbox_darwin.c).
 */
#ifndef FETHD_SIFT_H
#define FETHD_SIFT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct sift;

/* What came: N bytes were taken, the first ones of what was looked at, or -errno;
 * with NFDS descriptors, the receiver's from here on. Instead of what is no
 * network namespace there is a socket. MORE: there were more than WIRE_FDS. */
typedef void	sift_done(void *arg, ssize_t n, int *fds, unsigned int nfds,
		    bool more);

/* Take up to SIZE bytes off the stream socket FD. DONE is called once, from the
 * event loop of BASE. NULL and errno: EAGAIN when UID or all have as many as
 * there may be at once, or what fork(2) says. */
struct sift	*sift_start(struct event_base *base, int fd, size_t size,
		    uid_t uid, sift_done *done, void *arg);

/* DONE is not called any more. */
void		 sift_cancel(struct sift *s);

/* Forget all children; none is under way. */
void		 sift_end(void);

#endif

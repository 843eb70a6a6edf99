/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that somebody else could make last. A client passes a file to us with
 * SCM_RIGHTS and drops his own; then it is our call that ends it, and that may
 * wait for what the client decides: a TCP socket with SO_LINGER and unsent bytes
 * waits for l_linger seconds, O_NONBLOCK or not (inet_release of Linux,
 * soclose of XNU). So do close(2) of such a file, recvmsg(2) without room for
 * its descriptor, and close(2) of a socket in whose queue it is.
 *
 * A signal ends this wait, and one that is pending ends it for all further
 * files of the same call. So what may meet such a file stands between
 * haste_begin and haste_end: meanwhile the thread gets a signal every HASTE_MS.
 *
 * A file of FUSE is another matter: close(2) of its descriptor waits for the file
 * system, and no signal ends that. See sift.h for how we never have one.
 */
#ifndef FETHD_HASTE_H
#define FETHD_HASTE_H

#define HASTE_MS	20

/* Once in a process, by its first thread while it is alone, and again after a
 * fork. Before it, the others do nothing. 0 or -errno. */
int	haste_start(void);

/* They nest, and are cheap; but for the first thread, to which they are two
 * system calls. */
void	haste_begin(void);
void	haste_end(void);

/* The last that a thread does which called haste_begin; not the first thread. */
void	haste_leave(void);

/* wire_close, in haste. */
void	haste_close(int *fd);

#endif

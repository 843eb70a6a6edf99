/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one teardown: whoever ends a link - its owner, a connection that went,
 * the grace time, the kernel, or the end of the daemon - ends it here.
 */
#ifndef FETHD_REAP_H
#define FETHD_REAP_H

#include "vlink.h"

/*
 * End L; WHY is for the audit line. Every port tie is cut and our descriptors
 * are closed now; the kernel's part follows. L may be freed when this returns.
 */
void	reap_link(struct vlink *l, const char *why);

/* warden_call.c: nothing of L is left in the kernel. */
void	reap_gone(struct vlink *l);

/* conn.c: C goes; end its session links, free the ports it held. The links are
 * LINK_CLOSING and nobody's when this returns; the rest follows in slices. */
void	vlink_conn_gone(struct conn *c);

/* warden_call.c: the warden wants more to do. */
void	reap_go_on(struct fethd *d);
/* vlink.c: L is about to be freed. */
void	reap_dequeue(struct vlink *l);

/* Every second while there are orphans: end those whose grace is over.
 * reap_start arms the timer; 0 or -errno. reap_stop, when there are no links any
 * more. */
int	reap_start(struct fethd *d);
void	reap_stop(struct fethd *d);

#endif

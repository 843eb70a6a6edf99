/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The links of the table that go through the relay: from a vlink to a
 * relay_link and back.
 */
#ifndef FETHD_RELAYED_H
#define FETHD_RELAYED_H

struct fethd;
struct vlink;

/*
 * Start the relay for L (spec_relayed). FDS are what the relay has of each end:
 * the TAP of a host end, the relay's socket to a port or -1; they move. 0 or
 * -errno.
 */
int	relayed_start(struct vlink *l, int fds[2]);
/* End it; ports see end-of-file. Harmless where there is none. */
void	relayed_stop(struct vlink *l);
/* A new descriptor for port END; the last one sees end-of-file. It is the
 * caller's; or -errno. */
int	relayed_take(struct vlink *l, int end);
/* Close port END: its holder is gone, or of no use. */
void	relayed_release(struct vlink *l, int end);

/* The daemon stops: after all links are freed. */
void	relayed_end(struct fethd *d);

#endif

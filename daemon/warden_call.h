/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's side of the channel to the warden: calls go out at once, answers
 * come back through the event loop to vlink.c and reap.c. The broker never waits.
 */
#ifndef FETHD_WARDEN_CALL_H
#define FETHD_WARDEN_CALL_H

#include <stdbool.h>
#include <stdint.h>

struct fethd;
struct vlink;

/* Speak on CHANNEL (moved), non-blocking. READY is called once the warden has
 * told all links that live. 0 or -errno. When the channel ends, the event loop is
 * told to stop: without its warden a broker is of no use. */
int	wcall_start(struct fethd *d, int channel, void (*ready)(struct fethd *));
void	wcall_stop(struct fethd *d);

/* Ask for the interfaces of L (a host or wire link). Ends in vlink_made. */
void	wcall_create(struct vlink *l);
/* Ask to hold duplicates of L's descriptors. Ends in vlink_made. */
void	wcall_keep(struct vlink *l);
/* Ask to hold a duplicate of FD, the relay's socket to port END of L, in place of
 * the last one. */
void	wcall_keep_port(struct vlink *l, int end, int fd);
/* Ask to end L. Ends in reap_gone. */
void	wcall_destroy(struct vlink *l);
/* Has the warden so few links to end that more can be asked for? If not,
 * reap_go_on comes. */
bool	wcall_wants(const struct fethd *d);
/* Ask to write the frames of L to FDS[0], as side 1 sees them when INVERT; with
 * INSNS > 0, FDS[1] is a sealed file with as many instructions. Both stay the
 * caller's. 0 and *SEQ: ends in capture_answered; or -errno. */
int	wcall_capture(struct vlink *l, bool invert, uint32_t snaplen,
	    uint32_t insns, const int fds[2], uint32_t *seq);

#endif

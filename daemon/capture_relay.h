/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures of relayed links. The relay's thread puts each frame into a ring; a
 * thread of the capture's own takes it out, filters and writes it. The relay
 * waits for nobody: a frame that finds no room is lost to the capture and
 * counted.
 */
#ifndef FETHD_CAPTURE_RELAY_H
#define FETHD_CAPTURE_RELAY_H

#include <stdint.h>

struct capture_conf;
struct fethd;
struct rcapture;
struct vlink;

/*
 * Capture L, which is relayed, as its end EYE sees it, to OUT (moved). *R is
 * there until capture_relay_over(d, R) is called, from the event loop. 0 or
 * -errno.
 */
int	rcapture_start(struct vlink *l, int eye, int out,
	    const struct capture_conf *conf, struct rcapture **r);

/* The daemon stops, the relay has ended: end all that are left. */
void	rcapture_end_all(struct fethd *d);

/* capture_open.c: R is over, and gone when this returns. */
void	capture_relay_over(struct fethd *d, const struct rcapture *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the backends with interfaces of the kernel share: a link is made by a
 * table of steps, one for each kind, over one state.
 */
#ifndef FETHD_CABLE_H
#define FETHD_CABLE_H

#include "backend.h"

/* The state, a backend's own: no other looks into it. */
struct making;

struct cable_step {
	enum wm_op	op;		/* what a failure is told as */
	int		(*run)(struct making *mk);
};

/*
 * Run the steps S, which end at one without a function, up to the first that
 * fails; undoing is the caller's. 0, or -errno of that step; *OP is its name, or
 * that of the last one.
 */
int	cable_make(const struct cable_step *s, struct making *mk,
	    enum wm_op *op);

/* What C has of the message M, before anything is made or found. */
void	cable_fill(struct cable *c, const struct wm_msg *m);

#endif

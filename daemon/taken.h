/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefixes that links have, so that plan.c need not look at each link to
 * know whether one overlaps another. Called by vlink.c, which puts in and takes
 * out, and by plan.c.
 */
#ifndef FETHD_TAKEN_H
#define FETHD_TAKEN_H

#include <stdbool.h>

#include "spec.h"

struct taken;

/* NULL when there is no memory. */
struct taken *taken_new(void);
void	taken_free(struct taken *t);

/* Put in, or take out, all addresses of SPEC. What does not find memory is
 * counted, and makes taken_overlap say so for all that it cannot know. */
void	taken_add(struct taken *t, const struct link_spec *spec);
void	taken_remove(struct taken *t, const struct link_spec *spec);

/* Has any of them an address in common with P? */
bool	taken_overlap(struct taken *t, const struct prefix *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAPs that were made and moved home ahead of time. Only their list is here;
 * backend_linux.c makes them, in moments when nothing else is to be done, and
 * takes them. A spare has no name, MAC or address of a link yet and is down;
 * nobody but the warden has its descriptor, so that it dies with the warden.
 *
 * None is made before the first link that could have used one: a host on which
 * fethd only makes pairs never sees any.
 */
#ifndef FETHD_LINUX_SPARE_H
#define FETHD_LINUX_SPARE_H

#include <stdbool.h>

#include "bounds.h"

/* How many there should be from now on, at most BOUND_SPARES. */
void	spare_aim(unsigned int n);
/* Are there fewer than that, and was one asked for yet? */
bool	spare_wanted(void);
unsigned int spare_count(void);
/* Add one: FD moves. */
void	spare_put(int fd, int ifindex);
/* Take the oldest; its descriptor is the caller's. False when there is none. */
bool	spare_take(int *fd, int *ifindex);

#endif

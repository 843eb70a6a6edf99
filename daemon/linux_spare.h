/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAPs that were made and moved home ahead of time. Only their list is here;
 * backend_linux.c makes them, in moments when nothing else is to be done, and
 * takes them. A spare has the name of the slot it waits for, which need not be the
 * one that it is taken for, but no MAC or address of a link yet, and is down;
 * nobody but the warden has its descriptor, so that it dies with the warden.
 *
 * None is made before the first link that could have used one: a host on which
 * fethd only makes pairs never sees any.
 */
#ifndef FETHD_LINUX_SPARE_H
#define FETHD_LINUX_SPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"

/* How many there should be from now on, at most BOUND_SPARES. */
void	spare_aim(unsigned int n);
/* Are there fewer than that, and was one asked for yet? */
bool	spare_wanted(void);
unsigned int spare_count(void);
/* Add one with the name of SLOT: FD moves. */
void	spare_put(uint32_t slot, int fd, int ifindex);
/* Take the oldest; its descriptor is the caller's. False when there is none. */
bool	spare_take(int *fd, int *ifindex);
/* The same with the one of SLOT. */
bool	spare_take_of(uint32_t slot, int *fd, int *ifindex);
/* The slot of the oldest, or BOUND_SLOTS. */
uint32_t spare_slot(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * darwin_ops on the model, within one process: for unit tests of backend_feth.c
 * and bpf.c. A descriptor of BPF is a real one, of an empty file that stands for
 * its node: it can be duplicated, passed and closed as any, and the node is free
 * again when the last one is closed.
 */
#ifndef FETHD_TESTS_SIM_OPS_H
#define FETHD_TESTS_SIM_OPS_H

#include "sim.h"

extern struct sim	sim;

/* A new Mac. */
void	sim_ops_reset(enum sim_release release);
/* How many nodes are open, by anybody. */
unsigned int sim_ops_nodes(void);
/* Hold node N, as a tcpdump would; -1 or the descriptor. */
int	sim_ops_hold(unsigned int n);
/* The node that FD stands for, or -1. */
int	sim_ops_node(int fd);
/* How many feths there are. */
unsigned int sim_ops_feths(void);
/* Flags that a new interface has besides. */
extern int16_t	sim_ops_born_flags;
/* Milliseconds that were slept, and nodes that were tried to open. */
extern unsigned int	sim_ops_slept;
extern unsigned int	sim_ops_opens;
/* Called with each request before it is run. */
extern void	(*sim_ops_watch)(uint32_t request);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a filter expression (pcap-filter(7)) to the program that the daemon
 * takes. filter_pcap.c does it with libpcap, filter_none.c says that it cannot.
 */
#ifndef FETHC_FILTER_H
#define FETHC_FILTER_H

#include "feth.h"

/*
 * Compile the words of ARGV (NULL-ended; none is no filter: *N is 0). *PROG is
 * for free(3). EXIT_DONE, or the exit code after a message.
 */
int	filter_compile(char *const *argv, struct feth_insn **prog,
	    unsigned int *n);

#endif

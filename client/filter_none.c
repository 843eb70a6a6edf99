/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See filter.h: without libpcap.
 */
#include <stddef.h>
#include <stdio.h>

#include "fethc.h"
#include "filter.h"

int
filter_compile(char *const *argv, struct feth_insn **prog, unsigned int *n)
{
	*prog = NULL;
	*n = 0;
	if (*argv == NULL)
		return EXIT_DONE;
	fprintf(stderr, "fethc: this fethc was built without libpcap and knows "
	    "no filter expressions\n  hint: capture everything and filter when "
	    "you look at it, or build it with libpcap\n");
	return EXIT_REFUSED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the holder of class raw may do on a Mac: bind its BPF descriptor to
 * another interface. Run by the tests of the simulation under "fethc exec":
 *
 *	rebind FD INTERFACE	says "bound" or the error, and stays
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "darwin_abi.h"

int
main(int argc, char **argv)
{
	struct dw_ifreq	r;

	if (argc != 3)
		return 2;
	memset(&r, 0, sizeof(r));
	snprintf(r.name, sizeof(r.name), "%s", argv[2]);
	if (ioctl(atoi(argv[1]), DW_BIOCSETIF, &r) == -1)
		printf("%s\n", strerror(errno));
	else
		printf("bound\n");
	fflush(stdout);
	pause();
	return 0;
}

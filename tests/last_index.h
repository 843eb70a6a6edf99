/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number of an interface that went is given to the next one, for the tests
 * that need it: a TAP keeps the number that it was born with when it moves,
 * unless that is taken. Included after cmocka.h.
 */
#ifndef FETHD_TESTS_LAST_INDEX_H
#define FETHD_TESTS_LAST_INDEX_H

#include <net/if.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Have an interface of the test's at number INDEX, the last that was given here:
 * then the next two TAPs, of which the first was born with INDEX and goes before
 * the second comes, both get INDEX + 1. A descriptor; closed, it is gone.
 */
static int
index_block(int index)
{
	struct ifreq	ifr;
	int		fd, got;

	do {
		assert_int_not_equal(fd = open("/dev/net/tun", O_RDWR |
		    O_CLOEXEC), -1);
		memset(&ifr, 0, sizeof(ifr));
		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "block");
		ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
		assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
		got = (int)if_nametoindex("block");
		if (got > index)
			fail_msg("interface %d is behind us", index);
		if (got < index)
			close(fd);
	} while (got < index);
	return fd;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of libfeth with headers: on a TAP in a network namespace of this
 * process's own, which needs root, else skipped; and where there are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "feth_int.h"

#define MAX	1518

/* A TAP with a header before each frame, which the kernel looks at. */

static int
tap_with_header(void)
{
	struct ifreq ifr;
	int fd, s;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	if (fd == -1 || ioctl(fd, TUNSETIFF, &ifr) != 0)
		return -1;
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &ifr), 0);
	close(s);
	return fd;
}

static void
test_offloads(void **state)
{
	static uint8_t buf[2][FETH_GSO_MAX];
	/* IPv4, TCP: enough for the kernel to cut it. */
	static const uint8_t tcp[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2,
	    8, 0, 0x45, 0, 0x0b, 0xaa, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1,
	    10, 0, 0, 2, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10 };
	struct feth_link *l = calloc(1, sizeof(*l));
	struct feth_frame f[2] = { { buf[0], FETH_GSO_MAX, 3000 },
	    { buf[1], FETH_GSO_MAX, 60 } };
	struct feth_vnet_hdr h[2];
	struct feth_error err;
	int fd, n, i;

	(void)state;
	if ((fd = tap_with_header()) == -1) {
		free(l);
		skip();
	}
	feth_port_none(&l->port[0]);
	assert_int_equal(feth_port_init(&l->port[0], &fd, "tap",
	    FETH_OFFLOAD_CSUM | FETH_OFFLOAD_TSO4, MAX, NULL), 0);
	assert_int_equal(feth_set_nonblock(l, 0, true, NULL), 0);
	memcpy(buf[0], tcp, sizeof(tcp));
	memcpy(buf[1], tcp, sizeof(tcp));
	memset(h, 0, sizeof(h));

	/* Only what is to be cut may be longer than the MTU. */
	assert_int_equal(feth_send(l, 0, buf[0], 60, NULL), 60);
	assert_int_equal(feth_send_batch(l, 0, &f[1], 1, NULL), 1);
	assert_int_equal(feth_send_batch_hdr(l, 0, f, h, 2, &err),
	    -FETH_FRAME_SIZE);
	h[0].flags = FETH_VNET_NEEDS_CSUM;
	h[0].gso_type = FETH_GSO_TCPV4;
	h[0].hdr_len = 54;
	h[0].gso_size = 1400;
	h[0].csum_start = 34;
	h[0].csum_offset = 16;
	assert_int_equal(feth_send_batch_hdr(l, 0, f, h, 2, &err), 2);
	f[0].len = FETH_GSO_MAX + 1;
	assert_int_equal(feth_send_batch_hdr(l, 0, f, h, 1, &err),
	    -FETH_FRAME_SIZE);
	/* A checksum that starts past the end, and a type that is none. */
	h[1].flags = FETH_VNET_NEEDS_CSUM;
	h[1].csum_start = 2000;
	assert_int_equal(feth_send_batch_hdr(l, 0, &f[1], &h[1], 1, &err),
	    -FETH_BAD_HEADER);
	assert_int_equal(err.code, FETH_BAD_HEADER);
	assert_string_equal(err.name, "BadHeader");
	memset(&h[1], 0, sizeof(h[1]));
	h[1].gso_type = 77;
	h[1].gso_size = 100;
	assert_int_equal(feth_send_batch_hdr(l, 0, &f[1], &h[1], 1, &err),
	    -FETH_BAD_HEADER);
	/* The next frame is none the worse. */
	assert_int_equal(feth_send(l, 0, buf[1], 60, NULL), 60);

	/* What the kernel says by itself (MLD) are whole frames. */
	for (i = 0; i < 300; i++) {
		memset(h, 0xff, sizeof(h));
		n = feth_recv_batch_hdr(l, 0, f, h, 2, &err);
		if (n != -FETH_AGAIN)
			break;
		poll(NULL, 0, 10);
	}
	assert_true(n > 0);
	assert_in_range(f[0].len, FETH_FRAME_MIN, MAX);
	assert_int_equal(h[0].gso_type, FETH_GSO_NONE);
	f[1].size = MAX;
	assert_int_equal(feth_recv_batch_hdr(l, 0, f, h, 2, &err),
	    -FETH_INVALID_ARGUMENT);
	feth_port_close(&l->port[0]);
	free(l);
}

/* The same calls where there is no header. */
static void
test_no_offloads(void **state)
{
	uint8_t out[60] = { 2 }, in[MAX];
	struct feth_frame f = { out, sizeof(out), sizeof(out) };
	struct feth_vnet_hdr h;
	struct feth_error err;
	struct feth_link *l = calloc(1, sizeof(*l));
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	feth_port_none(&l->port[0]);
	assert_int_equal(feth_port_init(&l->port[0], &fd[0], "socket", 0, MAX,
	    NULL), 0);
	memset(&h, 0, sizeof(h));
	assert_int_equal(feth_send_batch_hdr(l, 0, &f, &h, 1, &err), 1);
	h.flags = FETH_VNET_NEEDS_CSUM;
	assert_int_equal(feth_send_batch_hdr(l, 0, &f, &h, 1, &err),
	    -FETH_BAD_HEADER);
	assert_int_equal(send(fd[1], out, sizeof(out), 0), 60);
	f.data = in;
	f.size = sizeof(in);
	assert_int_equal(feth_recv_batch_hdr(l, 0, &f, &h, 1, &err), 1);
	assert_int_equal(h.flags, 0);
	assert_int_equal(f.len, 60);
	feth_port_close(&l->port[0]);
	close(fd[1]);
	free(l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_no_offloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

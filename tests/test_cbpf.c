/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbpf.c: what is refused and why, what an instruction does, and, for a great
 * many programs made at random, that the kernel thinks the same of them: what
 * passes our check it takes, and it lets the same frames through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "cbpf.h"

#ifdef HOST_LINUX
#include <linux/filter.h>
#endif

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* As in bpf(4) and libpcap. */
#define STMT(c, v)		{ (c), 0, 0, (v) }
#define JUMP(c, v, t, f)	{ (c), (t), (f), (v) }
#define RET_K			0x06
#define RET_A			0x16

static void
refused(const struct cbpf_insn *prog, unsigned int n, unsigned int where,
    const char *reason)
{
	unsigned int	 at = 12345;
	const char	*why = "nothing";

	assert_int_equal(cbpf_check(prog, n, &at, &why), -EINVAL);
	assert_int_equal(at, where);
	assert_non_null(strstr(why, reason));
}

static void
taken(const struct cbpf_insn *prog, unsigned int n)
{
	unsigned int	 at;
	const char	*why;

	assert_int_equal(cbpf_check(prog, n, &at, &why), 0);
}

static void
test_check(void **state)
{
	static const struct {
		struct cbpf_insn insn;
		const char	*reason;	/* NULL: taken */
	} t[] = {
		{ STMT(0x20, 12), NULL },			/* ld [12] */
		{ STMT(0x28, 0x7fffffff), NULL },
		{ STMT(0x28, 0x80000000), "offset" },
		{ STMT(0x28, 0xfffff000), "offset" },		/* SKF_AD_OFF */
		{ STMT(0x48, 0x80000000), "offset" },
		{ STMT(0xb1, 14), NULL },			/* ldx msh */
		{ STMT(0xb1, 0xffffffff), "offset" },
		{ STMT(0x02, 15), NULL },			/* st */
		{ STMT(0x02, 16), "16 words" },
		{ STMT(0x03, 16), "16 words" },
		{ STMT(0x60, 3), "not written" },		/* ld M[3] */
		{ STMT(0x61, 16), "16 words" },
		{ STMT(0x34, 0), "division" },
		{ STMT(0x34, 1), NULL },
		{ STMT(0x94, 0), "division" },
		{ STMT(0x64, 31), NULL },
		{ STMT(0x64, 32), "shift" },
		{ STMT(0x74, 0xffffffff), "shift" },
		{ JUMP(0x05, 0, 0, 0), NULL },			/* ja */
		{ JUMP(0x05, 1, 0, 0), "behind the end" },
		{ JUMP(0x05, 0xffffffff, 0, 0), "behind the end" }, /* back */
		{ JUMP(0x15, 0, 0, 0), NULL },
		{ JUMP(0x15, 0, 1, 0), "behind the end" },
		{ JUMP(0x15, 0, 0, 255), "behind the end" },
		{ STMT(0x0e, 0), "no such" },			/* ret x */
		{ STMT(0x65, 0), "no such" },			/* no such jump */
		{ STMT(0x55, 0), "no such" },
		{ STMT(0x18, 0), "no such" },			/* ld dw */
		{ STMT(0x106, 0), "no such" },
		{ STMT(0xffff, 0), "no such" },
	};
	static const struct cbpf_insn	 end[] = { STMT(RET_K, 1) },
	    no_end[] = { STMT(0x20, 0) };
	struct cbpf_insn		*prog;
	size_t				 i;

	(void)state;
	prog = calloc(BOUND_FILTER + 1, sizeof(*prog));
	assert_non_null(prog);
	for (i = 0; i < N(t); i++) {
		prog[0] = t[i].insn;
		prog[1] = end[0];
		if (t[i].reason != NULL)
			refused(prog, 2, 0, t[i].reason);
		else
			taken(prog, 2);
	}
	refused(end, 0, 0, "no instruction");
	taken(end, 1);
	refused(no_end, 1, 0, "must return");
	for (i = 0; i <= BOUND_FILTER; i++)
		prog[i] = end[0];
	taken(prog, BOUND_FILTER);
	refused(prog, BOUND_FILTER + 1, BOUND_FILTER + 1, "too many");
	free(prog);
}

/* Written on both ways, on one of them, on none. */
static void
test_memory(void **state)
{
	struct cbpf_insn	prog[] = {
		JUMP(0x15, 7, 0, 2),	/* jeq #7 */
		STMT(0x02, 5),		/* st M[5] */
		JUMP(0x05, 1, 0, 0),	/* ja */
		STMT(0x03, 5),		/* stx M[5] */
		STMT(0x60, 5),		/* ld M[5] */
		STMT(RET_A, 0),
	};

	(void)state;
	taken(prog, N(prog));
	prog[3].k = 6;
	refused(prog, N(prog), 4, "not written");
	prog[1].k = 6;
	refused(prog, N(prog), 4, "not written");
	/* Behind a jump that nobody lands after, anything may be taken to be. */
	prog[3] = (struct cbpf_insn)STMT(0x05, 1);
	prog[0] = (struct cbpf_insn)STMT(0x05, 4);
	taken(prog, N(prog));
}

/* A program of two registers and a frame: what it returns. */
static void
test_run(void **state)
{
	static const uint8_t	frame[] = { 0x45, 0x02, 0x03, 0x04, 0x05,
	    0x06, 0xff, 0xfe };
	static const struct {
		struct cbpf_insn load, op;
		uint32_t	want;
	} t[] = {
		{ STMT(0x20, 0), STMT(0x07, 0), 0x45020304 },
		{ STMT(0x28, 1), STMT(0x07, 0), 0x0203 },
		{ STMT(0x30, 6), STMT(0x07, 0), 0xff },
		{ STMT(0x20, 4), STMT(0x07, 0), 0x0506fffe },
		{ STMT(0x20, 5), STMT(0x07, 0), 0 },	/* behind the end */
		{ STMT(0x30, 8), STMT(0x07, 0), 0 },
		{ STMT(0x30, 0x7fffffff), STMT(0x07, 0), 0 },
		{ STMT(0x80, 0), STMT(0x07, 0), 8 },	/* ld len */
		{ STMT(0x00, 6), STMT(0x04, 1), 7 },
		{ STMT(0x00, 6), STMT(0x14, 7), 0xffffffff },
		{ STMT(0x00, 6), STMT(0x24, 7), 42 },
		{ STMT(0x00, 60), STMT(0x34, 7), 8 },
		{ STMT(0x00, 60), STMT(0x94, 7), 4 },
		{ STMT(0x00, 0xf0), STMT(0x44, 0x0f), 0xff },
		{ STMT(0x00, 0xf3), STMT(0x54, 0x0f), 3 },
		{ STMT(0x00, 0xf3), STMT(0xa4, 0xff), 0x0c },
		{ STMT(0x00, 1), STMT(0x64, 31), 0x80000000 },
		{ STMT(0x00, 0x80000000), STMT(0x74, 31), 1 },
		{ STMT(0x00, 1), STMT(0x84, 0), 0xffffffff },
		/* X is 0: the frame does not pass. */
		{ STMT(0x00, 1), STMT(0x3c, 0), 0 },
		{ STMT(0x00, 1), STMT(0x9c, 0), 0 },
		{ STMT(0x00, 9), STMT(0x40, 2), 0x03040506 }, /* ld [x+2] */
		{ STMT(0x00, 9), STMT(0x50, 7), 0xfe },
		{ STMT(0x00, 9), STMT(0x50, 8), 0 },
	};
	struct cbpf_insn	prog[8];
	size_t			i;

	(void)state;
	for (i = 0; i < N(t); i++) {
		prog[0] = t[i].load;
		prog[1] = t[i].op;
		prog[2] = (struct cbpf_insn)STMT(RET_A, 0);
		taken(prog, 3);
		assert_int_equal(cbpf_run(prog, frame, sizeof(frame)),
		    t[i].want);
	}
	assert_int_equal(cbpf_run(prog, frame, 0), 0);

	/* ldx 4*([0]&0xf); txa; ret a */
	prog[0] = (struct cbpf_insn)STMT(0xb1, 0);
	prog[1] = (struct cbpf_insn)STMT(0x87, 0);
	assert_int_equal(cbpf_run(prog, frame, sizeof(frame)), 20);
	/* ldx len; st; stx; ld M; ret a: through memory and back */
	prog[0] = (struct cbpf_insn)STMT(0x81, 0);
	prog[1] = (struct cbpf_insn)STMT(0x03, 15);
	prog[2] = (struct cbpf_insn)STMT(0x60, 15);
	prog[3] = (struct cbpf_insn)STMT(0x02, 0);
	prog[4] = (struct cbpf_insn)STMT(0x61, 0);
	prog[5] = (struct cbpf_insn)STMT(0x87, 0);
	prog[6] = (struct cbpf_insn)STMT(RET_A, 0);
	taken(prog, 7);
	assert_int_equal(cbpf_run(prog, frame, sizeof(frame)), 8);
}

static void
test_jumps(void **state)
{
	static const struct {
		uint16_t	code;
		uint32_t	a, k;
		bool		yes;
	} t[] = {
		{ 0x15, 5, 5, true }, { 0x15, 5, 6, false },
		{ 0x25, 6, 5, true }, { 0x25, 5, 5, false },
		{ 0x25, 0x80000000, 1, true },
		{ 0x35, 5, 5, true }, { 0x35, 4, 5, false },
		{ 0x45, 6, 2, true }, { 0x45, 5, 2, false },
	};
	struct cbpf_insn	prog[7];
	size_t			i, x;

	(void)state;
	for (i = 0; i < N(t); i++)
		for (x = 0; x < 2; x++) {
			prog[0] = (struct cbpf_insn)STMT(0x01, t[i].k);
			prog[1] = (struct cbpf_insn)STMT(0x00, t[i].a);
			prog[2] = (struct cbpf_insn)JUMP(t[i].code | 8 * x,
			    x ? 0xdead : t[i].k, 1, 2);
			prog[3] = (struct cbpf_insn)STMT(RET_K, 1);
			prog[4] = (struct cbpf_insn)STMT(RET_K, 2);
			prog[5] = (struct cbpf_insn)STMT(RET_K, 3);
			taken(prog, 6);
			assert_int_equal(cbpf_run(prog, NULL, 0),
			    t[i].yes ? 2 : 3);
		}
	prog[0] = (struct cbpf_insn)STMT(0x05, 1);
	prog[1] = (struct cbpf_insn)STMT(RET_K, 1);
	prog[2] = (struct cbpf_insn)STMT(RET_K, 2);
	assert_int_equal(cbpf_run(prog, NULL, 0), 2);
}

#ifdef HOST_LINUX
/* The kernel filters what comes to a datagram socket in the same way as what
 * comes to a packet socket. */
struct kernel {
	int	fd[2];
};

static bool
kernel_takes(struct kernel *k, const struct cbpf_insn *prog, unsigned int n)
{
	struct sock_fprog	f = { (unsigned short)n,
	    (struct sock_filter *)(uintptr_t)prog };

	return setsockopt(k->fd[0], SOL_SOCKET, SO_ATTACH_FILTER, &f,
	    sizeof(f)) == 0;
}

/* How many bytes of it come through. */
static uint32_t
kernel_passes(struct kernel *k, const uint8_t *frame, size_t len)
{
	uint8_t	buf[256];
	ssize_t	n;

	assert_int_equal(send(k->fd[1], frame, len, 0), len);
	n = recv(k->fd[0], buf, sizeof(buf), MSG_DONTWAIT);
	return n < 0 ? 0 : (uint32_t)n;
}

static uint32_t	seed = 1;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 8) * below) >> 24);
}

/* Mostly sense. */
static void
random_insn(struct cbpf_insn *i, unsigned int left)
{
	static const uint16_t	codes[] = { 0x20, 0x28, 0x30, 0x40, 0x48, 0x50,
	    0x80, 0x00, 0x60, 0x81, 0xb1, 0x01, 0x61, 0x02, 0x03, 0x04, 0x0c,
	    0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x94, 0x9c, 0x54, 0x5c, 0x44,
	    0x4c, 0xa4, 0xac, 0x64, 0x74, 0x84, 0x05, 0x15, 0x1d, 0x25, 0x2d,
	    0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87 };

	memset(i, 0, sizeof(*i));
	i->code = rnd(200) == 0 ? (uint16_t)rnd(256) : codes[rnd(N(codes))];
	i->jt = (uint8_t)rnd(left < 5 ? left + 1 : 6);
	i->jf = (uint8_t)rnd(left < 5 ? left + 1 : 6);
	i->k = rnd(8) > 0 ? rnd(20) : rnd(2) ? rnd(100) : rnd(UINT32_MAX);
	if ((i->code & 7) == 5 && (i->code & 0xf0) == 0)
		i->k = rnd(left < 5 ? left + 1 : 6);
}

/* Does the kernel know more than classic BPF about I? */
static bool
beyond(const struct cbpf_insn *i)
{
	return ((i->code & 7) < 2) && i->k > INT32_MAX &&
	    ((i->code & 0xe0) == 0x20 || (i->code & 0xe0) == 0x40 ||
	    (i->code & 0xe0) == 0xa0);
}

static void
test_kernel(void **state)
{
	struct kernel		 k;
	struct cbpf_insn	 prog[24];
	uint8_t			 frame[64];
	unsigned int		 i, n, at, round, ours = 0, passed = 0;
	const char		*why;
	uint32_t		 keep;
	bool			 more;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, k.fd), 0);
	for (i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)rnd(256);
	for (round = 0; round < 200000; round++) {
		n = 1 + rnd(N(prog));
		more = false;
		for (i = 0; i < n; i++) {
			random_insn(&prog[i], n - i - 1);
			more |= beyond(&prog[i]);
		}
		if (rnd(20) > 0)
			prog[n - 1] = (struct cbpf_insn)STMT(RET_A, 0);
		/* An offset from X may be negative in the kernel. */
		if (cbpf_check(prog, n, &at, &why) != 0) {
			if (!more)
				assert_false(kernel_takes(&k, prog, n));
			continue;
		}
		ours++;
		assert_true(kernel_takes(&k, prog, n));
		keep = cbpf_run(prog, frame, sizeof(frame));
		if (keep > sizeof(frame))
			keep = sizeof(frame);
		passed += keep > 0;
		if (kernel_passes(&k, frame, sizeof(frame)) == keep)
			continue;
		/* Where the two may differ: an X of 2^31 or more. */
		for (i = 0, more = false; i < n; i++)
			more |= (prog[i].code & 0xe7) == 0x40;
		assert_true(more);
	}
	print_message("%u programs taken, %u let the frame pass\n", ours,
	    passed);
	assert_true(ours > 10000 && passed > 2000);
	close(k.fd[0]);
	close(k.fd[1]);
}
#endif

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_jumps),
#ifdef HOST_LINUX
		cmocka_unit_test(test_kernel),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

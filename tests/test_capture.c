/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.c: what comes out at the other end of the stream for what goes by; the
 * slow reader, who loses frames and learns how many; and the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define SECOND	UINT64_C(1000000000)

static struct capture	c;
static int		reader = -1;

/* What was read: frames, and the counters of the last block of them. */
static struct {
	uint8_t		buf[1 << 20];
	size_t		len;
	unsigned int	frames, stats;
	uint32_t	caplen, origlen, dir;
	uint64_t	ns, filtered, dropped, delivered, received;
} got;

static uint32_t
get32(const uint8_t *p)
{
	uint32_t	v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void
begin(uint32_t snaplen, bool invert, const struct cbpf_insn *prog,
    unsigned int n)
{
	struct capture_conf	conf = { snaplen, invert, prog, n };
	int			fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	reader = fd[0];
	memset(&got, 0, sizeof(got));
	assert_int_equal(capture_start(&c, fd[1], 7, &conf), 0);
}

static void
finish(void)
{
	capture_clear(&c);
	assert_int_equal(c.out, -1);
	if (reader != -1)
		close(reader);
	reader = -1;
}

static void
got_stats(const uint8_t *p, uint32_t size)
{
	const uint8_t	*o;
	uint16_t	 code, len;
	uint64_t	 v;

	got.stats++;
	got.received = UINT64_MAX;
	for (o = p + 20; o < p + size - 8; o += 4 + (len + 3) / 4 * 4) {
		memcpy(&code, o, 2);
		memcpy(&len, o + 2, 2);
		memcpy(&v, o + 4, sizeof(v));
		if (code == 4)
			got.received = v;
		if (code == 6)
			got.filtered = v;
		if (code == 7)
			got.dropped = v;
		if (code == 8)
			got.delivered = v;
	}
}

/* Read all that is there, at most MAX bytes of it; false: the end was seen. */
static bool
drain(size_t max)
{
	ssize_t		n = 0;
	size_t		at = 0, left = max;
	uint32_t	size;

	while (left > 0 && (n = read(reader, got.buf + got.len,
	    sizeof(got.buf) - got.len < left ? sizeof(got.buf) - got.len :
	    left)) > 0) {
		got.len += (size_t)n;
		left -= (size_t)n;
	}
	while (got.len - at >= 12 && got.len - at >= (size = get32(got.buf +
	    at + 4))) {
		assert_true(size >= 12 && size % 4 == 0);
		assert_int_equal(get32(got.buf + at + size - 4), size);
		if (get32(got.buf + at) == 6) {
			got.frames++;
			got.ns = (uint64_t)get32(got.buf + at + 12) << 32 |
			    get32(got.buf + at + 16);
			got.caplen = get32(got.buf + at + 20);
			got.origlen = get32(got.buf + at + 24);
			got.dir = get32(got.buf + at + size - 12);
		} else {
			assert_int_equal(get32(got.buf + at), 5);
			got_stats(got.buf + at, size);
		}
		at += size;
	}
	memmove(got.buf, got.buf + at, got.len - at);
	got.len -= at;
	return n != 0 || left == 0;
}

static uint8_t	frame[BOUND_SNAPLEN_MAX];

/* A frame goes by, as those who use it do it. */
static void
pass(uint64_t ns, enum pcapng_dir dir, uint32_t len)
{
	uint8_t		*p = capture_room(&c);
	uint32_t	keep;

	if (p == NULL) {
		c.counts.dropped++;
		c.counts.accepted++;
		return;
	}
	memcpy(p, frame, len);
	if ((keep = capture_filter(&c, p, len)) > 0 || len == 0)
		capture_commit(&c, ns, dir, keep < len ? keep : len, len);
}

static void
test_plain(void **state)
{
	(void)state;
	begin(BOUND_SNAPLEN_MAX, false, NULL, 0);
	memset(frame, 0x5a, 60);
	pass(3 * SECOND + 1, PCAPNG_IN, 60);
	assert_int_equal(capture_flush(&c), 0);
	assert_true(drain(SIZE_MAX));
	assert_int_equal(got.frames, 1);
	assert_true(got.ns == 3 * SECOND + 1);
	assert_int_equal(got.caplen, 60);
	assert_int_equal(got.origlen, 60);
	assert_int_equal(got.dir, PCAPNG_IN);
	pass(4 * SECOND, PCAPNG_OUT, 0);
	assert_int_equal(capture_flush(&c), 0);
	assert_true(drain(SIZE_MAX));
	assert_int_equal(got.caplen, 0);
	assert_int_equal(got.dir, PCAPNG_OUT);
	assert_false(capture_done(&c));
	capture_end(&c, 5 * SECOND);
	pass(6 * SECOND, PCAPNG_OUT, 60);
	assert_int_equal(capture_flush(&c), 0);
	assert_true(capture_done(&c));
	assert_true(drain(SIZE_MAX));
	assert_int_equal(got.frames, 2);
	assert_int_equal(got.stats, 1);
	assert_int_equal(got.delivered, 2);
	assert_int_equal(got.dropped, 0);
	finish();
}

static void
test_shape(void **state)
{
	(void)state;
	begin(20, true, NULL, 0);
	pass(1, PCAPNG_IN, 1514);
	assert_int_equal(capture_flush(&c), 0);
	drain(SIZE_MAX);
	assert_int_equal(got.caplen, 20);
	assert_int_equal(got.origlen, 1514);
	assert_int_equal(got.dir, PCAPNG_OUT);
	pass(1, PCAPNG_OUT, 14);
	capture_flush(&c);
	drain(SIZE_MAX);
	assert_int_equal(got.caplen, 14);
	assert_int_equal(got.dir, PCAPNG_IN);
	pass(1, PCAPNG_UNKNOWN, 14);
	capture_flush(&c);
	drain(SIZE_MAX);
	assert_int_equal(got.dir, PCAPNG_UNKNOWN);
	finish();
}

/* ldb [0]; jeq #7, 0, 1; ret #16; ret #0 */
static void
test_filter(void **state)
{
	static const struct cbpf_insn	prog[] = { { 0x30, 0, 0, 0 },
	    { 0x15, 0, 1, 7 }, { 0x06, 0, 0, 16 }, { 0x06, 0, 0, 0 } };
	unsigned int			i;

	(void)state;
	begin(BOUND_SNAPLEN_MAX, false, prog, N(prog));
	for (i = 0; i < 10; i++) {
		frame[0] = (uint8_t)i;
		pass(1, PCAPNG_IN, 100);
	}
	frame[0] = 7;
	pass(1, PCAPNG_IN, 15);
	capture_end(&c, 2);
	assert_int_equal(capture_flush(&c), 0);
	drain(SIZE_MAX);
	assert_int_equal(got.frames, 2);
	assert_int_equal(got.caplen, 15);
	assert_int_equal(got.filtered, 2);
	assert_int_equal(got.delivered, 2);
	finish();
}

/* The longest frame goes in and comes out whole, and so does what follows. */
static void
test_long(void **state)
{
	unsigned int	i;
	int		r;

	(void)state;
	begin(BOUND_SNAPLEN_MAX, false, NULL, 0);
	for (i = 0; i < 5; i++) {
		assert_non_null(capture_room(&c));
		memset(capture_room(&c), 1, CAPTURE_ROOM);
		capture_commit(&c, 1, PCAPNG_IN, CAPTURE_ROOM, CAPTURE_ROOM);
		do {
			r = capture_flush(&c);
			drain(SIZE_MAX);
		} while (r == -EAGAIN);
		assert_int_equal(r, 0);
		assert_int_equal(got.frames, i + 1);
		assert_int_equal(got.caplen, BOUND_SNAPLEN_MAX);
		assert_int_equal(got.origlen, CAPTURE_ROOM);
	}
	finish();
}

/* Nobody reads: frames are lost and counted, memory does not grow, and what was
 * kept, with the count, comes out when somebody does. */
static void
test_slow(void **state)
{
	unsigned int	i, sent = 20000;
	uint8_t		*buf;
	int		r;

	(void)state;
	begin(BOUND_SNAPLEN_MAX, false, NULL, 0);
	buf = c.buf;
	for (i = 0; i < sent; i++) {
		pass(i, PCAPNG_IN, 1000 + i % 500);
		r = capture_flush(&c);
		assert_true(r == 0 || r == -EAGAIN);
	}
	assert_int_equal(r, -EAGAIN);
	assert_null(capture_room(&c));
	assert_ptr_equal(c.buf, buf);
	assert_true(c.counts.dropped > sent / 2);
	capture_end(&c, sent);
	/* A bit at a time. */
	while ((r = capture_flush(&c)) == -EAGAIN)
		assert_true(drain(777));
	assert_int_equal(r, 0);
	assert_true(capture_done(&c));
	while (drain(SIZE_MAX), got.stats == 0)
		;
	assert_int_equal(got.stats, 1);
	assert_int_equal(got.filtered, sent);
	assert_int_equal(got.frames, got.delivered);
	assert_int_equal(got.delivered + got.dropped, sent);
	finish();
}

/* The counters come once a second, when there is news. */
static void
test_tick(void **state)
{
	(void)state;
	begin(BOUND_SNAPLEN_MAX, false, NULL, 0);
	capture_tick(&c, 10 * SECOND);
	assert_int_equal(c.end, 0);
	c.counts.dropped = 3;
	capture_tick(&c, 10 * SECOND);
	capture_tick(&c, 12 * SECOND);
	c.counts.dropped = 4;
	capture_tick(&c, 10 * SECOND + SECOND / 2);
	assert_int_equal(capture_flush(&c), 0);
	drain(SIZE_MAX);
	assert_int_equal(got.stats, 1);
	assert_int_equal(got.dropped, 3);
	capture_tick(&c, 11 * SECOND);
	assert_int_equal(capture_flush(&c), 0);
	drain(SIZE_MAX);
	assert_int_equal(got.stats, 2);
	assert_int_equal(got.dropped, 4);
	finish();
}

static void
test_gone(void **state)
{
	(void)state;
	begin(BOUND_SNAPLEN_MAX, false, NULL, 0);
	close(reader);
	reader = -1;
	pass(1, PCAPNG_IN, 60);
	assert_int_equal(capture_flush(&c), -EPIPE);
	finish();
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_tick),
		cmocka_unit_test(test_gone),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

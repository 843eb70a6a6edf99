/* SPDX-License-Identifier: MIT */
/*
 * libfeth's bpf_port.c with the kernel's answers played: what each read and write
 * of a BPF descriptor of macOS comes to for a program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLEN	4096

static int	answers;	/* calls that fail, with */
static int	answer;
static unsigned int calls;
static uint8_t	records[BLEN];	/* what a read gives */
static size_t	filled;

static ssize_t
fake(ssize_t n)
{
	calls++;
	if (answers == 0)
		return n;
	answers--;
	errno = answer;
	return -1;
}

static ssize_t
fake_write(int fd, const void *data, size_t len)
{
	(void)fd;
	(void)data;
	return fake((ssize_t)len);
}

static ssize_t
fake_read(int fd, void *buf, size_t len)
{
	(void)fd;
	assert_int_equal(len, BLEN);
	memcpy(buf, records, filled);
	return fake((ssize_t)filled);
}

static int
fake_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	(void)request;
	*(uint32_t *)arg = BLEN;
	return (int)fake(0);
}

#define write	fake_write
#define read	fake_read
#define ioctl	fake_ioctl
#include "bpf_port.c"
#undef write
#undef read
#undef ioctl

static struct feth_bpf *b;
static int	fd[2];
static uint8_t	one[100], out[1518];

static int
setup(void **state)
{
	(void)state;
	answers = 0;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(feth_bpf_open(fd[0], &b), 0);
	assert_non_null(b);
	calls = 0;
	filled = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	feth_bpf_free(b);
	close(fd[0]);
	close(fd[1]);
	return 0;
}

static void
fails(int n, int error)
{
	answers = n;
	answer = error;
	calls = 0;
}

static ssize_t
get(bool wait)
{
	return feth_bpf_recv(b, fd[0], out, sizeof(out), wait);
}

static void
full_is_not_the_end(void **state)
{
	(void)state;
	/* Waiting mode waits. */
	fails(3, ENOBUFS);
	assert_int_equal(feth_bpf_send(fd[0], one, 60), 60);
	assert_int_equal(calls, 4);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	fails(3, ENOBUFS);
	assert_int_equal(feth_bpf_send(fd[0], one, 60), -EAGAIN);
	assert_int_equal(calls, 1);
	fails(1, ENETDOWN);
	assert_int_equal(feth_bpf_send(fd[0], one, 60), -ENETDOWN);
	fails(1, ENXIO);
	assert_int_equal(feth_bpf_send(fd[0], one, 60), -EPIPE);
}

static void
records_one_by_one(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		one[0] = (uint8_t)i;
		assert_int_equal(bpf_record_put(records, BLEN, &filled, one,
		    60 + i), 0);
	}
	/* One that a filter cut: caplen below datalen. */
	one[0] = 3;
	assert_int_equal(bpf_record_put(records, BLEN, &filled, one, 60), 0);
	records[filled - 60 - 20 + 12]++;
	/* And one that is no frame. */
	assert_int_equal(bpf_record_put(records, BLEN, &filled, one, 13), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(get(i == 0), 60 + i);
		assert_int_equal(out[0], i);
	}
	assert_int_equal(calls, 1);
	assert_int_equal(get(false), -EAGAIN);
	assert_int_equal(calls, 1);
}

static void
nothing_and_gone(void **state)
{
	(void)state;
	/* A timeout that somebody set, and no end. */
	assert_int_equal(get(true), -EAGAIN);
	fails(1, EAGAIN);
	assert_int_equal(get(true), -EAGAIN);
	fails(1, EINTR);
	assert_int_equal(get(true), -EINTR);
	fails(1, ENXIO);
	assert_int_equal(get(true), -EPIPE);
}

/* What is no BPF descriptor is another device. */
static void
other_devices(void **state)
{
	struct feth_bpf *none;

	(void)state;
	fails(1, ENOTTY);
	assert_int_equal(feth_bpf_open(fd[0], &none), 0);
	assert_null(none);
	fails(1, EIO);
	assert_int_equal(feth_bpf_open(fd[0], &none), -EIO);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(full_is_not_the_end),
		T(records_one_by_one),
		T(nothing_and_gone),
		T(other_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

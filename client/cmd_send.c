/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fethc.h"
#include "port_io.h"
#include "print.h"

static int	send_run(struct args *a);

const struct command cmd_send = {
	.name = "send",
	.usage = "NAME | [NAME] --host|--pair  --hex HEX | --file FILE | "
	    "--test N  [options]",
	.help = "send frames through a port",
	.options = O_LINK | O_END | O_COUNT | O_INTERVAL | O_FRAME,
	.max = 1,
	.run = send_run,
};

#define TEST_LEN	60
#define TEST_TYPE	0x88b5	/* IEEE 802: for experiments */

static int
hex_digit(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p;

	if (c >= 'A' && c <= 'F')
		c += 'a' - 'A';
	p = c != '\0' ? strchr(digits, c) : NULL;
	return p != NULL ? (int)(p - digits) : -1;
}

/* Digits in pairs, with blanks or colons between them. -1: malformed. */
static long
hex_decode(const char *text, uint8_t *out, size_t size)
{
	size_t n = 0;
	int hi, lo;

	while (*text != '\0') {
		if (strchr(" :\t\n", *text) != NULL) {
			text++;
			continue;
		}
		hi = hex_digit(text[0]);
		lo = hi == -1 ? -1 : hex_digit(text[1]);
		if (lo == -1 || n == size)
			return -1;
		out[n++] = (uint8_t)(hi << 4 | lo);
		text += 2;
	}
	return (long)n;
}

/* The bytes of the file PATH to OUT. -1 after a message. */
static long
file_read(const char *path, uint8_t *out, size_t size)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	size_t n;

	if (f == NULL) {
		usage_error("%s: %s", path, strerror(errno));
		return -1;
	}
	n = fread(out, 1, size, f);
	if (f != stdin)
		fclose(f);
	return (long)n;
}

/* Test frame number N, from our MAC to the other end's. */
static size_t
test_frame(const struct port *p, long n, uint8_t *out)
{
	uint8_t mac[6];

	memset(out, 0, TEST_LEN);
	if (stack_mac(feth_mac(p->link, feth_peer_end(p->link)), mac))
		memcpy(out, mac, 6);
	if (stack_mac(feth_mac(p->link, FETH_MINE), mac))
		memcpy(out + 6, mac, 6);
	out[12] = TEST_TYPE >> 8;
	out[13] = TEST_TYPE & 0xff;
	snprintf((char *)out + 14, TEST_LEN - 14, "fethd test frame %ld", n);
	return TEST_LEN;
}

/* The one frame that --hex or --file gives, to the port's buffer; its
 * length, or -1 after a message. */
static long
send_frame(const struct args *a, const struct port *p)
{
	long n;

	if (a->file != NULL)
		return file_read(a->file, p->out, p->size);
	n = hex_decode(a->hex, p->out, p->size);
	if (n < 0)
		usage_error("--hex takes pairs of hexadecimal digits, of one "
		    "frame");
	return n;
}

static int
send_pause(const struct args *a)
{
	int64_t deadline = wait_now() + a->interval_ms;
	int64_t left;

	while (wait_ended() == 0 && (left = deadline - wait_now()) > 0)
		wait_for(NULL, 0, (long)left);
	return wait_ended() != 0;
}

/* One frame, or (LEN 0) the rest of one that a stream took in part. However long
 * nobody reads, here to wait for room is right; but with a port that does not
 * block, so that a signal ends it: -FETH_INTERRUPTED. Not for POLLOUT, see
 * port_send. */
static ssize_t
send_wait(struct port *p, const uint8_t *frame, size_t len,
    struct feth_error *err)
{
	ssize_t n;

	while (wait_ended() == 0) {
		n = len > 0 ? feth_send(p->link, FETH_MINE, frame, len, err) :
		    feth_flush(p->link, FETH_MINE, err);
		if (n != -FETH_AGAIN && n != -FETH_INTERRUPTED)
			return n;
		if (n == -FETH_AGAIN)
			wait_for(NULL, 0, 1);
	}
	return -FETH_INTERRUPTED;
}

/* Send TOTAL frames: of LEN bytes in the buffer, or numbered ones (LEN 0). */
static int
send_all(const struct args *a, struct port *p, size_t len, long total,
    long *sent)
{
	struct feth_error err;
	ssize_t n;

	for (*sent = 0; *sent < total && wait_ended() == 0; ++*sent) {
		if (*sent > 0 && a->interval_ms > 0 && send_pause(a))
			break;
		n = send_wait(p, p->out, len > 0 ? len : test_frame(p,
		    *sent + 1, p->out), &err);
		if (n >= 0)
			n = send_wait(p, NULL, 0, &err);
		if (n == -FETH_INTERRUPTED)
			break;
		if (n < 0)
			return failed(a, &err);
	}
	return *sent == total ? EXIT_DONE : EXIT_REFUSED;
}

static int
send_port(const struct args *a, struct port *p)
{
	long len = 0, total, sent = 0;
	int r;

	total = a->test > 0 ? a->test : a->count > 0 ? a->count : 1;
	if (a->test < 0) {
		len = send_frame(a, p);
		if (len < 0)
			return EXIT_USAGE;
		/* Nothing at all is not a test frame. */
		if (len == 0)
			return usage_error("the frame is empty");
	}
	r = send_all(a, p, (size_t)len, total, &sent);
	if (a->json)
		printf("{\"sent\":%ld}\n", sent);
	else
		printf("%ld frames sent\n", sent);
	return r;
}

static int
send_run(struct args *a)
{
	struct port p;
	int r;

	if ((a->hex != NULL) + (a->file != NULL) + (a->test > 0) != 1)
		return usage_error("one of --hex, --file and --test tells what "
		    "to send");
	r = port_start(a, &p);
	if (r == EXIT_DONE)
		r = send_port(a, &p);
	port_stop(&p);
	return r;
}

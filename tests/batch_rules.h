/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay relies on when it writes batches to BPF: asked of a Mac by
 * check_darwin.c, and of the model of its kernel by sim/test_relay_bpf.c. Who
 * includes this has expect().
 */
#ifndef BATCH_RULES_H
#define BATCH_RULES_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bpf.h"
#include "bpf_record.h"

#define FRAME_TYPE	0x88b5	/* an ethertype for experiments */
#define FRAME_LEN	60
#define FRAME_TOO_LONG	16500	/* for the largest MTU there is */

static void
frame_make(uint8_t *f, size_t len, uint32_t number)
{
	memset(f, 0, len);
	memset(f, 0xff, 6);
	f[6] = 0x02;
	f[12] = FRAME_TYPE >> 8;
	f[13] = FRAME_TYPE & 0xff;
	memcpy(f + 14, &number, sizeof(number));
}

/* A batch of two: frame NUMBER, and NUMBER + 1 of LEN bytes. */
static int
batch_two(const struct bpf *b, uint32_t number, size_t len)
{
	static uint8_t	buf[2 * FRAME_TOO_LONG], f[FRAME_TOO_LONG];
	size_t		at = 0;
	int		rv;

	frame_make(f, FRAME_LEN, number);
	if ((rv = bpf_record_put(buf, sizeof(buf), &at, f, FRAME_LEN)) != 0)
		return rv;
	frame_make(f, len, number + 1);
	if ((rv = bpf_record_put(buf, sizeof(buf), &at, f,
	    (uint32_t)len)) != 0)
		return rv;
	return bpf_write_batch(b, buf, at);
}

/* B, whose mode is batch, writes frames 10 to 15. GOT says whether one did, and
 * may forget those before it. */
static void
batch_rules(const struct bpf *b, bool (*got)(uint32_t number, void *arg),
    void *arg)
{
	uint8_t	f[FRAME_LEN];
	int	rv;

	rv = batch_two(b, 10, FRAME_LEN + 1);
	expect(rv == 0, "bpf", "a batch is written", rv);
	expect(got(11, arg), "bpf", "its last frame comes", 0);
	rv = batch_two(b, 12, FRAME_LEN);
	expect(rv == 0 && got(12, arg), "bpf", "and so does its first", rv);
	frame_make(f, sizeof(f), 13);
	rv = bpf_write(b, f, sizeof(f), 1500);
	expect(rv == -EINVAL, "bpf", "a bare frame is EINVAL in batch mode",
	    rv);
	rv = batch_two(b, 14, FRAME_TOO_LONG);
	expect(rv == -EMSGSIZE, "bpf", "a batch with a long frame is EMSGSIZE",
	    rv);
	expect(!got(14, arg), "bpf", "and none of it is sent", 0);
}

#endif

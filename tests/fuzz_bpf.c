/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the walk over BPF records. What must hold for every input is checked
 * here and aborts: it ends, each frame lies in the buffer after its header, and
 * what was read can be written and read again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_record.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void
check_again(uint8_t *out, size_t size, size_t *end, const struct bpf_record *r)
{
	struct bpf_record	again;
	size_t			at = (*end + 3) / 4 * 4;

	must(bpf_record_put(out, size, end, r->frame, r->len) == 0,
	    "a batch of what was read has room");
	must(bpf_record_next(out, *end, &at, &again) == 1 &&
	    again.len == r->len && again.wire_len == r->len &&
	    memcmp(again.frame, r->frame, r->len) == 0,
	    "what was written is read again");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bpf_record	 r;
	size_t			 at = 0, before = 0, end = 0;
	uint8_t			*out;

	/* Each record may grow by 2 bytes of header and 3 of padding. */
	if ((out = malloc(2 * size + 64)) == NULL)
		return 0;
	while (bpf_record_next(data, size, &at, &r) == 1) {
		must(at > before && at % 4 == 0, "the walk goes on");
		must(r.frame >= data + before + BPF_RECORD_HEADER &&
		    r.frame + r.len <= data + size, "a frame lies within");
		must(r.len <= r.wire_len, "nothing longer than it was");
		check_again(out, 2 * size + 64, &end, &r);
		before = at;
	}
	free(out);
	return 0;
}

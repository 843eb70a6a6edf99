/* SPDX-License-Identifier: MIT */
/*
 * The records in which BPF of macOS hands out frames, and takes a batch of
 * them. Pure: bytes in, bytes out. Linked into the daemon and the library, so
 * that there is one walker. Layout: see daemon/darwin_abi.h (struct dw_bpf_hdr).
 *
 *	0 sec  4 usec  8 caplen  12 datalen  16 hdrlen  ...  hdrlen: the frame
 *
 * in the byte order of the machine. The header's length is what hdrlen says: 18
 * on Ethernet, not the 20 of sizeof, so that the frame's payload is aligned. The
 * next record begins at a multiple of 4 (not 8) bytes; the last one's padding
 * may be missing.
 */
#ifndef FETH_BPF_RECORD_H
#define FETH_BPF_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BPF_RECORD_ALIGN	4
/* The least that a header has, and what we write. */
#define BPF_RECORD_HEADER	18
/* A written record without its frame: 20, as the kernel ignores a rest of the
 * buffer that is shorter than its struct of 20 bytes. */
#define BPF_RECORD_PUT		20

struct bpf_record {
	const uint8_t	*frame;		/* into the buffer */
	uint32_t	len;		/* bytes that are there */
	uint32_t	wire_len;	/* > len: the frame was cut */
	int32_t		sec, usec;	/* wall clock, not monotonic */
};

/*
 * The record at *AT of the LEN bytes that a read gave. 1: it is in *R, and *AT
 * is past it; 0: that was the last one; -EPROTO: what is there is no record, and
 * the rest of the buffer means nothing.
 */
int	bpf_record_next(const uint8_t *buf, size_t len, size_t *at,
	    struct bpf_record *r);

/*
 * Append a record of FRAME to the batch in BUF, which has *AT bytes already.
 * 0, or -ENOSPC when it does not fit (nothing was written then).
 */
int	bpf_record_put(uint8_t *buf, size_t size, size_t *at,
	    const void *frame, uint32_t len);

#endif

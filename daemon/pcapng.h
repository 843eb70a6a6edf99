/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks of a pcapng stream (draft-ietf-opsawg-pcapng), in the byte order
 * of this machine, which the first block tells. One section, one interface with
 * stamps in nanoseconds. Pure: bytes into the caller's memory.
 */
#ifndef FETHD_PCAPNG_H
#define FETHD_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

struct pcapng_if {
	const char	*name;		/* at most PCAPNG_TEXT bytes count */
	const char	*description;
	uint8_t		mac[6];
	uint32_t	snaplen;
};

/* Where a frame was seen to go, from the end whose view is taken. */
enum pcapng_dir { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

/* UINT64_MAX: not known, left out. */
struct pcapng_counts {
	uint64_t	start, end;	/* ns since the epoch */
	uint64_t	received;	/* by the interface */
	uint64_t	accepted;	/* by the filter */
	uint64_t	dropped;	/* as the reader was too slow */
	uint64_t	delivered;
};

#define PCAPNG_TEXT		255
#define PCAPNG_START_MAX	1024	/* more than a start ever has */
#define PCAPNG_FRAME_HEAD	28	/* bytes of a frame's block before its data */
#define PCAPNG_STATS_MAX	128

/* The section and the interface to BUF of PCAPNG_START_MAX bytes. The number of
 * bytes. APPLICATION is who writes. */
size_t	pcapng_start(void *buf, const char *application,
	    const struct pcapng_if *i);

/* The size of the block of a frame of which CAPLEN bytes are kept. */
size_t	pcapng_frame_size(uint32_t caplen);

/*
 * Make the block around a frame whose first CAPLEN bytes of LEN are at BUF +
 * PCAPNG_FRAME_HEAD already; BUF has pcapng_frame_size(CAPLEN) bytes, which is
 * what it returns.
 */
size_t	pcapng_frame(void *buf, uint64_t ns, enum pcapng_dir dir,
	    uint32_t caplen, uint32_t len);

/* The counters so far to BUF of PCAPNG_STATS_MAX bytes. The number of bytes. */
size_t	pcapng_stats(void *buf, const struct pcapng_counts *c);

#endif

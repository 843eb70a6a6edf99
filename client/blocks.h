/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks of the pcapng stream that the daemon writes, in this machine's byte
 * order, for those who count or print them. Pure.
 */
#ifndef FETHC_BLOCKS_H
#define FETHC_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BLOCK_MAX	(512 * 1024)	/* a frame of 256 KiB has less */

enum block_kind { BLOCK_OTHER, BLOCK_FRAME, BLOCK_STATS };
enum block_dir { DIR_UNKNOWN, DIR_IN, DIR_OUT };

struct block {
	enum block_kind	kind;
	size_t		size;		/* of the whole block */
	/* BLOCK_FRAME */
	uint64_t	ns;		/* since the epoch */
	const uint8_t	*frame;
	uint32_t	caplen, len;
	enum block_dir	dir;
	/* BLOCK_STATS */
	uint64_t	dropped;
};

/* The block at the start of the SIZE bytes of BUF: 1; 0: it is not whole yet;
 * -EBADMSG: it is none. */
int	block_parse(const uint8_t *buf, size_t size, struct block *b);

#endif

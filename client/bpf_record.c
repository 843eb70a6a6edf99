/* SPDX-License-Identifier: MIT */
/*
 * Walking and writing BPF records; see bpf_record.h. Called by bpf.c of the
 * daemon and by bpf_port.c of the library. The bytes come from a kernel, but the
 * descriptor may be in other hands too, so every bound is checked. Nothing here
 * reads through a struct: a record is 4-aligned, and its buffer maybe is not.
 */
#include <errno.h>
#include <string.h>

#include "bpf_record.h"

#define AT_SEC		0
#define AT_USEC		4
#define AT_CAPLEN	8
#define AT_DATALEN	12
#define AT_HDRLEN	16

static size_t
align(size_t n)
{
	return (n + BPF_RECORD_ALIGN - 1) & ~(size_t)(BPF_RECORD_ALIGN - 1);
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

int
bpf_record_next(const uint8_t *buf, size_t len, size_t *at,
    struct bpf_record *r)
{
	const uint8_t *p;
	size_t rest;
	uint16_t hdrlen;

	if (*at >= len)
		return 0;
	p = buf + *at;
	rest = len - *at;
	if (rest < BPF_RECORD_HEADER)
		return -EPROTO;
	memcpy(&hdrlen, p + AT_HDRLEN, sizeof(hdrlen));
	r->len = get32(p + AT_CAPLEN);
	r->wire_len = get32(p + AT_DATALEN);
	if (hdrlen < BPF_RECORD_HEADER || hdrlen > rest ||
	    r->len > rest - hdrlen || r->len > r->wire_len)
		return -EPROTO;
	r->sec = (int32_t)get32(p + AT_SEC);
	r->usec = (int32_t)get32(p + AT_USEC);
	r->frame = p + hdrlen;
	*at += align((size_t)hdrlen + r->len);
	return 1;
}

int
bpf_record_put(uint8_t *buf, size_t size, size_t *at, const void *frame,
    uint32_t len)
{
	const uint16_t hdrlen = BPF_RECORD_PUT;
	size_t start = align(*at);
	uint8_t *p = buf + start;

	if (start > size || size - start < BPF_RECORD_PUT ||
	    len > size - start - BPF_RECORD_PUT)
		return -ENOSPC;
	memset(buf + *at, 0, start - *at);
	memset(p, 0, BPF_RECORD_PUT);
	memcpy(p + AT_CAPLEN, &len, sizeof(len));
	memcpy(p + AT_DATALEN, &len, sizeof(len));
	memcpy(p + AT_HDRLEN, &hdrlen, sizeof(hdrlen));
	memcpy(p + BPF_RECORD_PUT, frame, len);
	*at = start + BPF_RECORD_PUT + len;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For backend_linux.c; see backend.h.
 */
#ifndef FETHD_CAPTURE_LINUX_H
#define FETHD_CAPTURE_LINUX_H

#include <stdint.h>

#include "warden_msg.h"

struct capture;
struct cbpf_insn;

/* backend.capture, on the interface IFINDEX, which was seen to be ours. */
int	linux_sniff(int ifindex, const struct cbpf_insn *prog, unsigned int n,
	    uint32_t snaplen, int *out, enum wm_op *op);
int	linux_capture_run(int fd, struct capture *c);

#endif

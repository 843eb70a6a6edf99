/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF: check a program that a client sent, and run it on a frame. What
 * passes the check ends, reads nothing but the frame, and is taken by the
 * kernel too. Pure.
 *
 * It is here, and not the kernel's or libpcap's alone, because a relayed frame
 * is in no packet socket, because a frame's VLAN tag is not where a filter looks
 * for it while the kernel has the frame, and because a refusal is to name the
 * instruction.
 */
#ifndef FETHD_CBPF_H
#define FETHD_CBPF_H

#include <stddef.h>
#include <stdint.h>

/* As struct sock_filter of Linux, and struct bpf_insn of the BSDs. */
struct cbpf_insn {
	uint16_t	code;
	uint8_t		jt, jf;
	uint32_t	k;
};

/*
 * 0; or -EINVAL, *AT is the instruction that is refused (or N, when the program
 * as a whole is) and *WHY a constant that says why.
 */
int	cbpf_check(const struct cbpf_insn *prog, unsigned int n,
	    unsigned int *at, const char **why);

/*
 * Run PROG, which was checked, on a frame of LEN bytes. How many of its bytes to
 * keep: 0 when the frame does not pass, and maybe more than LEN.
 */
uint32_t cbpf_run(const struct cbpf_insn *prog, const uint8_t *frame,
	    size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See filter.h: with libpcap, which needs neither a device nor a right for it.
 */
#include <pcap/pcap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fethc.h"
#include "filter.h"
#include "print.h"

#define SNAPLEN		262144
/* BOUND_FILTER of the daemon. */
#define INSNS_MAX	1024

/* The words of ARGV with blanks between them; for free(3). */
static char *
join(char *const *argv)
{
	size_t size = 1;
	char *text, *p;
	int i;

	for (i = 0; argv[i] != NULL; i++)
		size += strlen(argv[i]) + 1;
	text = p = malloc(size);
	for (i = 0; text != NULL && argv[i] != NULL; i++) {
		p = stpcpy(p, i > 0 ? " " : "");
		p = stpcpy(p, argv[i]);
	}
	return text;
}

static int
complain(const char *text, const char *why)
{
	char safe[1024];

	fprintf(stderr, "fethc: the filter \"%s\" ", print_escape(text, safe,
	    sizeof(safe)));
	fprintf(stderr, "does not compile: %s\n  hint: pcap-filter(7) has the "
	    "syntax\n", print_escape(why, safe, sizeof(safe)));
	return EXIT_USAGE;
}

static int
copy(const struct bpf_program *bp, struct feth_insn **prog, unsigned int *n)
{
	unsigned int i;

	*prog = calloc(bp->bf_len, sizeof(**prog));
	if (*prog == NULL)
		return EXIT_REFUSED;
	for (i = 0; i < bp->bf_len; i++) {
		(*prog)[i].code = bp->bf_insns[i].code;
		(*prog)[i].jt = bp->bf_insns[i].jt;
		(*prog)[i].jf = bp->bf_insns[i].jf;
		(*prog)[i].k = bp->bf_insns[i].k;
	}
	*n = bp->bf_len;
	return EXIT_DONE;
}

static int
compile(const char *text, struct feth_insn **prog, unsigned int *n)
{
	struct bpf_program bp;
	pcap_t *p;
	int r;

	p = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	if (p == NULL)
		return EXIT_REFUSED;
	if (pcap_compile(p, &bp, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		r = complain(text, pcap_geterr(p));
	} else {
		r = bp.bf_len > INSNS_MAX ? complain(text,
		    "it has more than 1024 instructions") : copy(&bp, prog, n);
		pcap_freecode(&bp);
	}
	pcap_close(p);
	return r;
}

int
filter_compile(char *const *argv, struct feth_insn **prog, unsigned int *n)
{
	char *text;
	int r;

	*prog = NULL;
	*n = 0;
	if (*argv == NULL)
		return EXIT_DONE;
	text = join(argv);
	if (text == NULL)
		return EXIT_REFUSED;
	r = compile(text, prog, n);
	free(text);
	return r;
}

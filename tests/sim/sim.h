/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of what macOS does with feth interfaces and BPF descriptors: a state
 * machine without input or output of its own. test_sim.c drives it alone,
 * sim_ops.c puts backend_feth.c on it within one process, sim_fuse.c makes files
 * and network interfaces of it for whole daemons.
 *
 * It says what we believe XNU does. Each behaviour names the part of the facts
 * sheet that it models ("facts 2.4"), so that a belief that a Mac refutes can be
 * found and mended. Where a wrong call corrupts or panics a real kernel, the
 * model counts a hazard, with the reason.
 */
#ifndef FETHD_TESTS_SIM_H
#define FETHD_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "darwin_abi.h"

/* The releases whose rules differ, facts 2.2, 2.3, 2.5. */
enum sim_release { SIM_12, SIM_13, SIM_14_0, SIM_14_4, SIM_15_4, SIM_RELEASES };
extern const char *const sim_release_names[SIM_RELEASES + 1];

#define SIM_IFS		160
#define SIM_NODES	DW_BPF_NODES
#define SIM_FAULTS	16
#define SIM_ADDRS	8
#define SIM_SYSCTLS	40
/* A frame of the largest MTU, and a superframe of TSO would be larger. */
#define SIM_FRAME	16400

/* What is no ioctl can be made to fail, too. */
enum sim_call { SIM_OPEN = 1, SIM_READ, SIM_WRITE };
/* sim_fault's errno: kill the caller, before or after it took effect. */
#define SIM_KILL	(-1)
#define SIM_KILL_AFTER	(-2)

struct sim_if {
	bool		used;
	bool		feth;		/* made by cloning; else en0, lo0 */
	char		name[DW_IFNAMSIZ];
	char		base[DW_IFNAMSIZ];
	uint32_t	unit;
	uint8_t		mac[6];
	int16_t		flags;
	int32_t		mtu, max_mtu;
	int		peer;		/* index, or -1 */
	uint32_t	desc_len;
	uint8_t		desc[128];
	bool		inet, inet6;	/* protocols are attached */
	int		naddr;
	struct {
		int	family;		/* 4, 6 */
		uint8_t	addr[16];
		int	len;
	} addr[SIM_ADDRS];
	int		dvrtin;		/* node that diverts its input, or -1 */
	int64_t		gone;		/* detaching: when the name is free */
	bool		detaching;
};

struct sim_node {
	bool		open, bound, closing;
	int		ifi;		/* -1: not bound, or the interface went */
	bool		detached;
	uint32_t	blen;
	uint8_t		*store, *hold;
	size_t		slen, hlen;
	uint32_t	recv, drop;
	bool		immediate, hdrcmplt, batch, headdrop, notstamp, exthdr;
	bool		promisc;
	int32_t		direction;	/* 1 in, 2 out, 3 both */
	int32_t		tc;
	uint32_t	writemax;
	int64_t		timeout_ms;	/* 0: none */
	struct dw_bpf_insn *filter;
	uint32_t	nfilter;
};

struct sim_fault {
	uint32_t	call;		/* enum dw_ioctl or sim_call; 0: none */
	unsigned int	skip, count;
	int		error;
};

struct sim_sysctl {
	const char	*name;
	enum sim_release since;
	int		value;
};

/* What happens outside of the model; any may be NULL. */
struct sim_hooks {
	/* The interface I was made, changed (flags, MTU, MAC, addresses), and
	 * left the lists of names. 0 or an errno of the host's. */
	int	(*created)(int i, void *arg);
	void	(*changed)(int i, void *arg);
	void	(*address)(int i, int family, const uint8_t *addr, int len,
		    void *arg);
	void	(*destroyed)(int i, void *arg);
	/* A frame reached the host's protocols by interface I. */
	void	(*stack)(int i, const uint8_t *frame, size_t len, void *arg);
	/* Whoever waits for NODE should look again. */
	void	(*wake)(int node, void *arg);
	void	(*event)(const struct dw_kev *k, void *arg);
	void	(*kill)(void *arg);	/* the caller */
};

/* The caller's memory, for pointers within arguments: 0 or an errno. */
struct sim_mem {
	int	(*in)(void *to, const void *user, size_t size, void *arg);
	int	(*out)(void *user, const void *from, size_t size, void *arg);
	void	*arg;
};

struct sim {
	enum sim_release release;
	const struct sim_hooks *hooks;
	void		*arg;
	int64_t		now;		/* ms; set by the owner */
	int64_t		detach_ms;	/* how long a destroyed name is busy */
	struct sim_if	ifs[SIM_IFS];
	struct sim_node	nodes[SIM_NODES];
	unsigned int	nnodes;		/* that exist in /dev */
	struct sim_fault faults[SIM_FAULTS];
	struct sim_sysctl sysctls[SIM_SYSCTLS];
	unsigned int	nsysctls;
	unsigned int	hazards;
	char		hazard[160];	/* the last one */
	unsigned long	calls;
};

void	sim_init(struct sim *s, enum sim_release release,
	    const struct sim_hooks *hooks, void *arg);
void	sim_free(struct sim *s);

/* The COUNT calls after SKIP more fail with ERROR. */
void	sim_fault(struct sim *s, uint32_t call, unsigned int skip,
	    unsigned int count, int error);
/* By name ("BIOCSETIF", "open", "read", "write"); 0: no such call. */
uint32_t sim_call_by_name(const char *name);

/* sim_feth.c: all return 0 or an errno, as the system would. */
int	sim_control(struct sim *s, bool root, bool inet6, uint32_t request,
	    void *arg, const struct sim_mem *mem);
int	sim_sysctl_get(struct sim *s, const char *name, int *value);
int	sim_sysctl_set(struct sim *s, bool root, const char *name, int value);
/* The value of NAME, or 0. */
int	sim_sysctl(const struct sim *s, const char *name);
/* The index of NAME, or -1. */
int	sim_find(const struct sim *s, const char *name);
/* The host's protocols send FRAME out of interface I. */
int	sim_stack_output(struct sim *s, int i, const uint8_t *frame, size_t len);
/* Time went by. */
void	sim_tick(struct sim *s, int64_t now);
/* An interface that is none of feth's ("en0"). */
int	sim_foreign(struct sim *s, const char *base, uint32_t unit);

/* sim_bpf.c */
int	sim_open(struct sim *s, bool root, unsigned int node);
void	sim_close(struct sim *s, unsigned int node);
int	sim_ioctl(struct sim *s, unsigned int node, uint32_t request, void *arg,
	    const struct sim_mem *mem);
/*
 * A read of SIZE bytes. 0: *DATA and *LEN are the answer (LEN 0: the timeout
 * went by), valid until the next call. EAGAIN: nothing yet; a blocking reader
 * waits for wake, and asks with EXPIRED when its time went by.
 */
int	sim_read(struct sim *s, unsigned int node, size_t size, bool nonblock,
	    bool expired, const uint8_t **data, size_t *len);
/* *DONE bytes of SIZE were taken. */
int	sim_write(struct sim *s, unsigned int node, const uint8_t *data,
	    size_t size, size_t *done);
/* What poll and kqueue say of it; select would tell of a lost interface, too. */
bool	sim_readable(const struct sim *s, unsigned int node);

/* Between the two. */
int	sim_failing(struct sim *s, uint32_t call, bool after);
void	sim_hazard(struct sim *s, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* The driver takes FRAME, which interface I sends. */
void	sim_transmit(struct sim *s, int i, const uint8_t *frame, size_t len);
/* BPF listeners of interface I see FRAME. */
void	sim_tap(struct sim *s, int i, const uint8_t *frame, size_t len,
	    bool outgoing);
/* Interface I goes: its listeners are detached. */
void	sim_detach(struct sim *s, int i);

#endif

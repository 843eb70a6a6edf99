/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend makes links on one system. The functions that touch the kernel's
 * interfaces run in the warden only; the broker reads name and features, and
 * calls the two unprivileged ones (overlap, counters). The broker's way to the
 * others is warden_call.h.
 */
#ifndef FETHD_BACKEND_H
#define FETHD_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec.h"
#include "warden_msg.h"

#define BF_HOST		0x01	/* host links */
#define BF_WIRE		0x02	/* wire links */
#define BF_NETNS	0x04	/* a wire end in another network namespace */
#define BF_TAP		0x08	/* class tap */
#define BF_RAW		0x10	/* class raw */
#define BF_OFFLOADS	0x20	/* of class tap */
#define BF_RELAY	0x40	/* class socket and stream on host links */
#define BF_WARDEN	0x80	/* needs root and the two processes */

/* Kernel state of one link, owned by the warden's table. Zeroed, with
 * descriptors -1 and ifindex 0, before create or adopt. */
struct cable {
	uint32_t	slot;
	uint8_t		kind;		/* enum link_kind */
	bool		raw;
	bool		closing;	/* destroy was asked */
	int		ifindex[2];	/* 0: none; [1] only where it is visible */
	uint8_t		mac[2][6];	/* as they must stay */
	uint32_t	uid;		/* raw: whose namespace it uses */
	uint8_t		offloads;	/* that the port was given */
	/* Of MACs that somebody changed: when one was last restored and when
	 * that was last told (ms, or 0), how often since, and is it due? */
	int64_t		restored, told;
	unsigned int	untold;
	bool		restore_due;
};

struct capture;
struct cbpf_insn;

struct if_counters {
	uint64_t	rx_frames, rx_bytes, rx_dropped;
	uint64_t	tx_frames, tx_bytes, tx_dropped;
};

/* How a backend tells the warden what it saw; see backend.monitor. */
typedef void backend_gone_fn(uint32_t slot, void *arg);

struct backend {
	const char	*name;
	unsigned int	features;	/* BF_* */

	/* Can this system do it, with this process's rights? 0 or -errno, and
	 * a sentence on what is missing in WHY. */
	int	(*probe)(char *why, size_t size);

	/* Warden: open what it needs for its whole life. INSTANCE is the number
	 * that all marks of this daemon carry. 0 or -errno. */
	int	(*start)(uint64_t instance);

	/* Warden: make the interfaces of M (already checked). On success fill C
	 * and, for tap and raw, *FD with the port (the caller owns it). On
	 * failure nothing is left, -errno is returned and *OP says at what. */
	int	(*create)(const struct wm_msg *m, int netns, struct cable *c,
		    int *fd, enum wm_op *op);

	/* Warden: remove the interfaces of N cables in one batch. Cables that
	 * are gone already are no error. May be called on anything half-made. */
	void	(*destroy)(struct cable *const *c, unsigned int n);

	/* Warden: have up to N interfaces ready, so that create takes less time;
	 * those above N go now. NULL: this backend has no use for it. */
	void	(*spares)(unsigned int n);
	/* Warden, while it has nothing else to do: make one of them, which takes
	 * as long as create. True when more are to be made. */
	bool	(*prepare)(void);
	/* Warden: the slot for which the least is to be done now, or
	 * BOUND_SLOTS: they are all alike. May be NULL with prepare. */
	uint32_t (*prepared)(void);

	/* Warden, at start: fill C for the interface of M that an earlier
	 * warden left; only what carries our mark, or, when M.op is not
	 * WM_OP_NONE, was about to get it. 0, -ENOENT when it is not there. */
	int	(*adopt)(const struct wm_msg *m, struct cable *c);

	/* Warden, at start: remove every interface that carries the mark of this
	 * instance and whose slot KNOWN says no to. Returns how many. */
	int	(*sweep)(bool (*known)(uint32_t slot, void *arg), void *arg);

	/* Warden: a descriptor that is readable when the kernel has news, or -1. */
	int	(*monitor_fd)(void);
	/* Warden: read the news: restore MACs, call GONE for each cable of which
	 * an interface vanished. FIND gives the cable of an ifindex or NULL. */
	void	(*monitor)(struct cable *(*find)(int ifindex, void *arg),
		    backend_gone_fn *gone, void *arg);
	/* Warden, may be NULL: in how many ms monitor is to be called whatever
	 * there is to read, or -1. */
	int	(*monitor_ms)(void);

	/* Warden: a socket that gets the first SNAPLEN bytes of every frame on
	 * C's host side, from now on, of those that the NINSNS (or 0) of PROG
	 * let through. 0, or -errno and *OP says at what. NULL: none. */
	int	(*capture)(const struct cable *c, const struct cbpf_insn *prog,
		    unsigned int ninsns, uint32_t snaplen, int *fd,
		    enum wm_op *op);
	/* In a process of its own, privileges already dropped: write what comes
	 * from that socket to C until its reader goes, or wants no more, or
	 * SIGTERM says that the link is gone. 0, or -errno: it did not begin. */
	int	(*capture_run)(int fd, struct capture *c);

	/* Broker, may be NULL: what ERROR (positive) at OP of a creation means
	 * on this system and what helps, for who asked for the link. NULL: no
	 * more than strerror says. */
	const char *(*reason)(enum wm_op op, int error);

	/* Broker: 1 when P overlaps a route of the host (to WITH, its text in
	 * ROUTE), 0 when not, -errno. */
	int	(*overlap)(const struct prefix *p, struct prefix *with,
		    char *route, size_t size);
	/* Broker: the counters of the interface of SLOT's host side, as the host
	 * sees them. 0 or -errno. */
	int	(*counters)(uint32_t slot, struct if_counters *c);
};

/* NULL-ended; the only place with OS conditionals. */
extern const struct backend *const backends[];
extern const struct backend backend_linux, backend_feth, backend_user;

/*
 * By NAME, or for "auto" the first one whose probe succeeds. NULL when there is
 * none of that name, or it cannot run here; then WHY says what is missing. With
 * "auto", WHY says why a better one was passed over, or is empty.
 */
const struct backend *backend_find(const char *name, char *why, size_t size);

/* Write "feth<unit>" of SLOT's SIDE (0 host, 1 I/O) to BUF of IFNAMSIZ bytes. */
void	backend_ifname(uint32_t slot, int side, char *buf);

#endif

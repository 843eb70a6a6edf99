/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between warden and broker: fixed structs over a SOCK_SEQPACKET
 * (macOS: SOCK_DGRAM) socket pair, with descriptors by SCM_RIGHTS. This is the
 * whole of what the privileged half can be asked for. No text of a client's is
 * interpreted here: the record is opaque to the warden, which only stores it
 * and gives it back to a new broker.
 */
#ifndef FETHD_WARDEN_MSG_H
#define FETHD_WARDEN_MSG_H

#include <stdint.h>

#include "spec.h"

enum wm_type {
	/* broker to warden */
	WM_CREATE = 1,	/* make the interfaces of a host or wire link; 0..1 fd: a netns */
	WM_KEEP,	/* hold exactly these ends of a pair link: 0..2 fds; of a
			 * relayed link (WMF_RELAY): exchange these, leave others */
	WM_DESTROY,	/* end a link; answered by WM_GONE only */
	WM_CAPTURE,	/* write the frames of a link to the 1st fd, a stream
			 * socket; 2nd fd: a sealed file with the filter */
	/* warden to broker */
	WM_REPLY,	/* of CREATE and KEEP, by seq and slot; 0..1 fd */
	WM_GONE,	/* the link does not exist any more; seq is that of the
			 * DESTROY it answers, or 0: it went by itself. Each
			 * DESTROY is answered, also that of a link that went */
	WM_RESTORE,	/* at broker start: one link that lives; 0..2 fds: copies
			 * of what is kept */
	WM_READY,	/* at broker start: that was the last one */
	WM_POLICY,	/* 1 fd: a file that holds struct policy */
	WM_CAPTURED,	/* of CAPTURE, by seq */
	WM_CAPTURE_END,	/* one of those is over */
	WM_TYPES
};

/* enum wm_op: what the kernel refused, for BackendFailed.operation. */
enum wm_op { WM_OP_NONE, WM_OP_CHECK, WM_OP_JOURNAL, WM_OP_OPEN, WM_OP_CREATE,
    WM_OP_MOVE, WM_OP_HARDEN, WM_OP_ADDRESS, WM_OP_UP, WM_OP_SOCKET,
    WM_OP_KEEP, WM_OP_RELAY, WM_OP_CAPTURE, WM_OP_FILTER, WM_OP_FORK,
    WM_OPS };
extern const char *const wm_op_names[WM_OPS];	/* in warden_call.c */
/* In the journal alone: a named link that is being made again. */
#define WM_OP_REMAKE	0x100

#define WMF_KEEP	0x01	/* CREATE: hold a duplicate of the port (named) */
#define WMF_RAW		0x02	/* CREATE of a host link: veth and AF_PACKET */
#define WMF_NETNS	0x04	/* CREATE of a wire link: I/O side into the fd's netns */
#define WMF_RELAY	0x08	/* CREATE of a host link, with KEEP: the TAP is the
				 * relay's, so it is kept as the host end's; KEEP: the
				 * descriptors are the relay's, one a port */
#define WMF_END0	0x10	/* KEEP, RESTORE: there is a descriptor of end 0 */
#define WMF_END1	0x20
#define WMF_HELD	0x40	/* RESTORE: the interface lives, a client may hold it */
#define WMF_INVERT	0x80	/* CAPTURE: as side 1 sees it */

/* What the broker must know of a link to carry on after a crash. */
struct link_record {
	uint32_t		version;	/* LINK_RECORD_VERSION */
	uint32_t		uid;
	uint64_t		id;
	int64_t			created;	/* seconds since the epoch */
	uint8_t			token[16];
	struct link_spec	spec;
};
#define LINK_RECORD_VERSION	2

struct wm_msg {
	uint32_t		type;		/* enum wm_type */
	uint32_t		seq;		/* chosen by the broker, echoed in REPLY */
	uint32_t		slot;		/* 0 .. BOUND_SLOTS - 1 */
	uint32_t		flags;		/* WMF_* */
	/* REPLY */
	int32_t			error;		/* 0 or a positive errno */
	uint32_t		op;		/* enum wm_op */
	uint32_t		ready;		/* a slot that takes the least time to
						 * make, or BOUND_SLOTS */
	/* CREATE: side 0 is the host side (unit 2k), side 1 the I/O side */
	uint32_t		kind;		/* LINK_HOST or LINK_WIRE */
	uint32_t		uid;		/* raw: whose private namespace */
	uint32_t		mtu;
	uint8_t			mac[2][6];
	uint8_t			naddr[2];
	/* CREATE: of the port, 1 << enum offload; REPLY, RESTORE: those of them
	 * that the kernel has. */
	uint8_t			offloads;
	uint8_t			pad;
	struct prefix		addr[2][BOUND_ADDRESSES];
	/* CAPTURE */
	uint32_t		snaplen;
	uint32_t		insns;		/* of the filter; 0: no 2nd fd */
	/* CAPTURED, CAPTURE_END: the warden's number for it, not 0 */
	uint32_t		capture;
	/* CREATE, KEEP, RESTORE */
	struct link_record	record;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link table: names, owners, slots, states with their allowed moves, and the
 * way from a checked spec to an open link. Ending a link is reap.c.
 *
 * A connection has ties to links: one lease tie to each session link that it
 * opened, and a port tie for each port that it holds. When the connection goes,
 * reap.c walks the ties.
 */
#ifndef FETHD_VLINK_H
#define FETHD_VLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "impair.h"
#include "spec.h"
#include "warden_msg.h"

struct conn;
struct fethd;
struct peer;
struct request;
struct vlink;

enum link_state { LINK_OPENING, LINK_UP, LINK_DETACHED, LINK_ORPHAN,
    LINK_CLOSING, LINK_GONE, LINK_STATES };
extern const char *const link_state_names[LINK_STATES + 1];

/* What binds a connection to a link; lives in the link. */
struct tie {
	struct tie	*next, **prev;	/* in conn->ties */
	struct conn	*conn;		/* NULL: not tied */
	struct vlink	*link;
	int		end;		/* 0, 1, or TIE_LEASE */
};
#define TIE_LEASE	(-1)

/* One end as a port. */
struct vport {
	int		fd;		/* ours: not handed out yet, or named */
	bool		spent;		/* session: was handed out, is not ours any more */
	struct tie	holder;
	/* Relayed: fd is not used. */
	bool		live;		/* the relay has a descriptor for it */
	uint8_t		closed;		/* enum relay_closed of the last one */
	uint32_t	generation;	/* counts its descriptors */
};

/* How many links of each kind a uid has. */
struct owner {
	struct owner	*next;
	uint32_t	uid;
	unsigned int	links[LINK_KINDS];
	unsigned int	total;
};

struct vlink {
	struct fethd	*d;
	struct vlink	*next_name;	/* hash chain by (uid, name) */
	struct vlink	*next_id;	/* hash chain by id */
	struct owner	*owner;
	enum link_state	state;
	uint32_t	slot;
	uint32_t	tries;		/* slots found taken in the kernel */
	struct link_record rec;		/* id, uid, token, spec: what survives */
	struct tie	lease;
	struct vport	port[2];
	struct relay_link *relay;	/* its frames pass us, or NULL */
	struct impair_conf impair[2];	/* of what each end sends */
	struct request	*req;		/* the Open that waits for it */
	int		netns;		/* a descriptor for CREATE, or -1 */
	bool		told_warden;	/* it knows the slot: CREATE or KEEP went */
	uint32_t	made_seq;	/* of its CREATE, or last KEEP */
	uint32_t	destroy_seq;	/* of the DESTROY under way, or 0 */
	int64_t		deadline;	/* ORPHAN: monotonic seconds */
	/* Of reap.c alone. */
	const char	*doom;		/* why it ends; NULL: it does not, or did */
	struct vlink	*reap_next, **reap_prev; /* those that wait for it */
};

struct vlinks;

/* The table. NULL when there is no memory. */
struct vlinks *vlink_table_new(void);
void	vlink_table_free(struct vlinks *t);

/*
 * Open the link of a planned SPEC for REQ (whose connection leases it); NETNS is
 * a descriptor that moves, or -1. -ENOMEM, or 0: then the end comes, maybe
 * before this returns, as request_opened(req, link) or
 * request_open_failed(req, op, errno).
 */
int	vlink_open(struct fethd *d, struct request *req, uint32_t uid,
	    const struct link_spec *spec, uint32_t slot, int netns);

/* warden_call.c: those of the offloads that were asked for which the kernel
 * has. */
void	vlink_offloads(struct vlink *l, uint8_t offloads);
/* warden_call.c: the answer to CREATE or KEEP came. FD moves. */
void	vlink_made(struct vlink *l, int error, enum wm_op op, int fd);
/* warden_call.c: a link that lived through a crash of ours. FDS move; -1: none. */
void	vlink_restore(struct fethd *d, const struct wm_msg *m, int fds[2]);

/* True when a link of this kind has interfaces. */
bool	vlink_is_kernel(const struct link_spec *spec);

/* For plan.c: what the next link gets. */
uint64_t vlink_next_id(const struct fethd *d);
uint32_t vlink_next_pair(const struct fethd *d);
struct vlink *vlink_by_name(const struct fethd *d, uint32_t uid,
	    const char *name);
struct vlink *vlink_by_id(const struct fethd *d, uint64_t id);

/* By slot; by id, name or "UID/NAME" as PEER may see it. NULL: none. */
struct vlink *vlink_by_slot(const struct fethd *d, uint32_t slot);
struct vlink *vlink_find(const struct fethd *d, const struct peer *peer,
	    const char *text);
/* Walk all links: the first one from slot *I up; sets *I past it. */
struct vlink *vlink_next(const struct fethd *d, uint32_t *i);

/* Does a link have an address in P? */
bool	vlink_overlap(const struct fethd *d, const struct prefix *p);

/* True when PEER owns L, or is root. */
bool	vlink_visible(const struct vlink *l, const struct peer *peer);

/* The side of END in the kernel: 0 is unit 2k, 1 is unit 2k + 1. */
int	vlink_side(const struct link_spec *spec, int end);

/* How many links of UID count against the rule of a verdict. */
struct policy_rule;
unsigned int vlink_used(const struct fethd *d, uint32_t uid,
	    const struct policy_rule *rule);

/* The move must be in the table; watchers are told. */
void	vlink_move(struct vlink *l, enum link_state to);

/* True when END is a port that can be handed out now. */
bool	vlink_port_free(const struct vlink *l, int end);
/*
 * Hand port END of L to connection C: a descriptor for the reply (the caller's),
 * or -errno. Session ports are moved, named ones duplicated.
 */
int	vlink_port_take(struct vlink *l, int end, struct conn *c);
/* The holder of END gives it back, or went. */
void	vlink_port_release(struct vlink *l, int end);
/* UP or DETACHED, as the ports are held. */
void	vlink_settle(struct vlink *l);

/* Tie and untie. Tying what is tied is a mistake of ours. */
void	tie_bind(struct tie *t, struct conn *c);
void	tie_unbind(struct tie *t);

/* Forget L: nothing of it is in the kernel or held by the warden any more. */
void	vlink_free(struct vlink *l);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the warden share: warden.c (start, loop, stop),
 * warden_link.c (the table and the broker's requests), warden_child.c (the
 * broker and the policy loader as processes, and the channel). For nobody
 * else.
 */
#ifndef FETHD_WARDEN_INT_H
#define FETHD_WARDEN_INT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend.h"
#include "journal.h"
#include "warden.h"
#include "warden_msg.h"

#define WARDEN_INDEXES	4096	/* hash buckets of interfaces */

struct wlink;

/* One interface of a link, in the hash by ifindex. */
struct windex {
	struct windex	*next;
	struct wlink	*link;
	int		ifindex;	/* 0: not in the hash */
};

struct wlink {
	struct cable	cable;
	struct windex	index[2];
	bool		named;
	bool		remake;		/* in no kernel; to be made again */
	int		kept[2];	/* by end; -1: none */
	int		relay_end;	/* host link: the relayed port, or -1 */
	uint32_t	seq;		/* of the DESTROY that is under way */
	struct wlink	*next, **prev;	/* in warden.closing */
};

/* A capture process. */
struct wcapture {
	pid_t		pid;		/* 0: none */
	uint32_t	slot;
	uint32_t	number;		/* WM_CAPTURED tells it */
};
/* Root's beside everybody else's. */
#define WARDEN_CAPTURES	(BOUND_CAPTURES + BOUND_CAPTURES_UID)

/* A message that waits for the broker to read. */
struct wout {
	struct wout	*next;
	struct wm_msg	msg;
	int		fds[2];
	unsigned int	nfds;
};

struct warden {
	const struct warden_conf *conf;
	struct journal	journal;
	struct wlink	*links[BOUND_SLOTS];
	struct windex	*by_index[WARDEN_INDEXES];
	struct wlink	*closing, **closing_tail;
	unsigned int	nclosing;
	unsigned int	batch;		/* how many to remove at once */
	int64_t		closing_since;	/* ms */
	bool		stopping;	/* named links stay in the journal */

	/* What can wait, see wlink_chore_due. */
	int64_t		quiet;		/* ms: until when more is expected */
	bool		prepare;	/* the backend has something to make */
	int64_t		remake_due;	/* ms: the next one of those; or 0 */
	uint32_t	remake_slot;	/* where to look for it */

	/* The broker. */
	pid_t		broker;		/* 0: none */
	int		channel;	/* -1: none */
	struct wout	*out, **out_tail;
	unsigned int	nout;
	int64_t		retry;		/* ms: send then, no event tells; or 0 */
	uint32_t	restore;	/* the next slot to tell it of */
	bool		told;		/* all of them, and WM_READY */
	bool		served;		/* conf->ready was called */
	int64_t		started;	/* ms */
	int64_t		due;		/* when to start the next one */
	int64_t		backoff;

	struct wcapture	captures[WARDEN_CAPTURES];
	uint32_t	capture_number;	/* of the last one */

	/* The policy in force, and the loader of the next one. */
	int		policy;		/* read-only; -1 before the first */
	unsigned int	spares;		/* what it says of them */
	pid_t		loader;		/* 0: none */
	int		loading;	/* what it writes to, read-only */
	bool		reload;		/* asked for while one ran */
};

/* warden_link.c */

/* A message came from the broker: SIZE bytes of M, with descriptors, which it
 * takes out of FDS (-1) if it wants them. Answers itself. */
void	wlink_request(struct warden *w, const struct wm_msg *m, size_t size,
	    int *fds, unsigned int nfds);
/* An entry of the journal at start: adopt, make anew, or forget. */
void	wlink_recover(const struct wm_msg *m, void *warden);
/* For backend.sweep and backend.monitor. */
bool	wlink_known(uint32_t slot, void *warden);
struct cable *wlink_find(int ifindex, void *warden);
void	wlink_vanished(uint32_t slot, void *warden);
/* Remove some of the links that are closing. */
void	wlink_batch(struct warden *w);
/* When to do something that can wait, by clock_ms: INT64_MAX, never; and do it:
 * make one link again, or a batch of removals, else one preparation. */
int64_t	wlink_chore_due(const struct warden *w);
void	wlink_chore(struct warden *w);
/* The daemon stops: close all that are not closing yet. */
void	wlink_close_all(struct warden *w);
/* Tell the broker of the link in SLOT, if there is one. */
void	wlink_restore(struct warden *w, uint32_t slot);

/* warden_capture.c */

/* WM_CAPTURE, as the table of warden_link.c wants it. */
bool	wcapture_request(struct warden *w, const struct wm_msg *m, int *fds,
	    unsigned int nfds);
/* The link in SLOT is gone: its captures end. */
void	wcapture_link_gone(struct warden *w, uint32_t slot);
/* A child ended: see whether it was a capture. */
void	wcapture_reap(struct warden *w);
/* All links are gone, the daemon stops: give the rest of them a moment. */
void	wcapture_stop(struct warden *w);

/* warden_child.c */

/* Fork, with all signals as a fresh process has them. */
pid_t	child_fork(const char *tag);
/* In the child: have FDS as CHILD_FD and CHILD_FD + 1, and beside the standard
 * ones (and syslog's) no other descriptors. 0 or -errno. */
int	child_fds(const int fds[2]);
#define CHILD_FD	3

/* Start a broker when it is time; schedules the next try itself. */
void	broker_start(struct warden *w);
/* Is there room for more messages, so that more work can be taken? */
bool	broker_room(const struct warden *w);
/* Send M with NFDS descriptors (moved). Without a broker it is dropped. */
void	broker_send(struct warden *w, const struct wm_msg *m, const int *fds,
	    unsigned int nfds);
/* The channel is writable; readable. */
void	broker_flush(struct warden *w);
void	broker_read(struct warden *w);
/* Go on telling a new broker what lives. */
void	broker_tell(struct warden *w);
/* A child ended: see whether it was the broker, or the loader. */
void	broker_reap(struct warden *w);
void	loader_reap(struct warden *w);
/* End both, the broker politely, within two seconds. */
void	broker_stop(struct warden *w);
/* Load the policy and wait for it: 0, or -errno and the reason is logged. */
int	loader_first(struct warden *w);
/* Load it again, not waiting. */
void	loader_start(struct warden *w);

#endif

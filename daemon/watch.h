/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions: Watch, and Stats with "more". One a connection. A subscriber
 * that does not keep up is dropped.
 */
#ifndef FETHD_WATCH_H
#define FETHD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "spec.h"

struct conn;
struct fethd;
struct peer;
struct request;
struct vlink;

/* Only links that match every given field. */
struct filter {
	char		name[BOUND_NAME + 1];	/* prefix; "" any */
	bool		owner_given, kind_given;
	int64_t		owner;
	int		kind;
	struct label_list {
		unsigned int	n;
		struct label	label[BOUND_LABELS];
	} labels;
};

bool	watch_match(const struct filter *f, const struct vlink *l,
	    const struct peer *peer);

/* The first link that matches from slot *I up; sets *I past it. NULL: none. */
struct vlink *watch_next(const struct fethd *d, const struct filter *f,
	    const struct peer *peer, uint32_t *i);

/* Subscribe REQ's connection; the first reply (all links that match) is queued
 * now. REQ lives until the connection goes. 0 or -errno. */
int	watch_start(struct request *req, const struct filter *f);
/* Statistics every MS of the link with ID, or of all when ID is 0. */
int	watch_stats(struct request *req, uint64_t id, unsigned int ms);

/* The reply of Stats for C: of the link with ID, or of all that C may see. */
cJSON	*watch_stats_reply(const struct conn *c, uint64_t id);

/* Something happened to L: EVENT is "opened", "changed" or "closed". */
void	watch_event(struct fethd *d, const struct vlink *l, const char *event);

/* conn.c: C goes. */
void	watch_conn_gone(struct conn *c);

#endif

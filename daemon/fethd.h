/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's root struct. Each module keeps its own state behind a pointer
 * here; this is not a place to put things.
 */
#ifndef FETHD_H
#define FETHD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <event2/event.h>

#include "bounds.h"

struct backend;
struct captured;
struct conn;
struct policy;
struct reap;
struct rtaps;
struct relay;
struct server;
struct vlinks;
struct watch;
struct wcall;

struct fethd {
	struct event_base *base;
	const struct backend *backend;
	uint8_t		key[16];	/* plat_machine_key */
	struct policy	*policy;	/* in force; replaced as a whole */
	struct server	*server;	/* server.c */
	struct conn	*conns;		/* all connections */
	unsigned int	nconns;
	struct vlinks	*links;		/* vlink.c: the link table */
	struct stream	*streams;	/* watch.c: all subscriptions */
	struct captured	*captures;	/* capture_open.c: all of them */
	struct rtaps	*taps;		/* capture_relay.c */
	struct wcall	*warden;	/* warden_call.c; NULL without a warden */
	uint32_t	ready_slot;	/* the warden's; BOUND_SLOTS: none */
	struct relay	*relay;		/* relayed.c; NULL before the first link */
	struct event	*reap_timer;	/* while there are orphans */
	struct reap	*reap;		/* reap.c: links that are let go later */
	bool		stopping;
};

#endif

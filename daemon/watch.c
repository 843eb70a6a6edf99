/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscriptions. request.c starts them, vlink.c tells of changes, conn.c ends
 * them. A stream keeps its request: nothing else is read from that connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "conn.h"
#include "fethd.h"
#include "log.h"
#include "peer.h"
#include "reply.h"
#include "request.h"
#include "vlink.h"
#include "watch.h"

struct stream {
	struct stream	*next, **prev;	/* in fethd.streams */
	struct conn	*conn;
	struct filter	 filter;	/* Watch */
	struct event	*timer;		/* Stats; NULL for Watch */
	uint64_t	 id;		/* Stats: of one link, 0 of all */
	size_t		 first;		/* bytes of the first reply: allowed too */
	bool		 dropped;	/* its connection ends soon */
};

static bool
has_label(const struct link_spec *s, const struct label *want)
{
	unsigned int	i;

	for (i = 0; i < s->nlabels; i++)
		if (strcmp(s->labels[i].key, want->key) == 0)
			return strcmp(s->labels[i].value, want->value) == 0;
	return false;
}

bool
watch_match(const struct filter *f, const struct vlink *l,
    const struct peer *peer)
{
	const struct link_spec	*s = &l->rec.spec;
	unsigned int		 i;

	if (!vlink_visible(l, peer) ||
	    strncmp(s->name, f->name, strlen(f->name)) != 0 ||
	    (f->owner_given && f->owner != l->rec.uid) ||
	    (f->kind_given && f->kind != s->kind))
		return false;
	for (i = 0; i < f->labels.n; i++)
		if (!has_label(s, &f->labels.label[i]))
			return false;
	return true;
}

struct vlink *
watch_next(const struct fethd *d, const struct filter *f,
    const struct peer *peer, uint32_t *i)
{
	struct vlink	*l;

	while ((l = vlink_next(d, i)) != NULL)
		if (watch_match(f, l, peer))
			return l;
	return NULL;
}

static struct stream *
stream_new(struct request *req)
{
	struct fethd	*d = req->conn->d;
	struct stream	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->conn = req->conn;
	s->prev = &d->streams;
	if ((s->next = d->streams) != NULL)
		s->next->prev = &s->next;
	d->streams = s;
	req->conn->stream = s;
	return s;
}

void
watch_conn_gone(struct conn *c)
{
	struct stream	*s;

	if ((s = c->stream) == NULL)
		return;
	c->stream = NULL;
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	if (s->timer != NULL)
		event_free(s->timer);
	free(s);
}

/* True when the subscriber is too far behind, and is dropped. */
static bool
lags(struct stream *s)
{
	struct conn	*c = s->conn;

	if (s->dropped)
		return true;
	if (c->out_bytes <= BOUND_OUTPUT + s->first)
		return false;
	log_info("connection %llu of uid %u does not keep up with its events "
	    "and is dropped", (unsigned long long)c->number,
	    (unsigned int)c->peer.uid);
	s->dropped = true;
	conn_drop(c, "it does not keep up");
	return true;
}

int
watch_start(struct request *req, const struct filter *f)
{
	struct conn	*c = req->conn;
	struct stream	*s;
	struct vlink	*l;
	uint32_t	 i = 0;
	cJSON		*out, *links;

	if ((s = stream_new(req)) == NULL)
		return -ENOMEM;
	s->filter = *f;
	out = cJSON_CreateObject();
	links = cJSON_AddArrayToObject(out, "links");
	while ((l = watch_next(c->d, f, &c->peer, &i)) != NULL)
		cJSON_AddItemToArray(links, reply_link(l, NULL, false));
	reply_more(c, out, true);
	s->first = c->out_bytes;
	return 0;
}

void
watch_event(struct fethd *d, const struct vlink *l, const char *event)
{
	struct stream	*s;
	cJSON		*out;

	for (s = d->streams; s != NULL; s = s->next) {
		if (s->timer != NULL || s->conn->closing ||
		    !watch_match(&s->filter, l, &s->conn->peer) || lags(s))
			continue;
		out = cJSON_CreateObject();
		cJSON_AddStringToObject(out, "event", event);
		cJSON_AddItemToObject(out, "link", reply_link(l, NULL, false));
		reply_more(s->conn, out, true);
	}
}

/* Statistics. */

cJSON *
watch_stats_reply(const struct conn *c, uint64_t id)
{
	struct vlink	*l;
	uint32_t	 i = 0;
	cJSON		*out = cJSON_CreateObject(), *list;

	list = cJSON_AddArrayToObject(out, "stats");
	if (id != 0 && (l = vlink_by_id(c->d, id)) != NULL)
		cJSON_AddItemToArray(list, reply_stats(l));
	while (id == 0 && (l = vlink_next(c->d, &i)) != NULL)
		if (vlink_visible(l, &c->peer))
			cJSON_AddItemToArray(list, reply_stats(l));
	return out;
}

static void
stats_tick(evutil_socket_t fd, short what, void *arg)
{
	struct stream	*s = arg;
	struct conn	*c = s->conn;
	cJSON		*out;

	(void)fd;
	(void)what;
	if (lags(s))
		return;
	out = watch_stats_reply(c, s->id);
	if (s->id == 0 || vlink_by_id(c->d, s->id) != NULL) {
		reply_more(c, out, true);
		return;
	}
	/* The stream of one link's statistics ends with the link. */
	watch_conn_gone(c);
	reply_done(c->req, out, NULL, 0);
}

int
watch_stats(struct request *req, uint64_t id, unsigned int ms)
{
	struct timeval	 tv = { .tv_sec = ms / 1000,
	    .tv_usec = ms % 1000 * 1000 };
	struct stream	*s;

	if ((s = stream_new(req)) == NULL)
		return -ENOMEM;
	s->id = id;
	s->timer = event_new(req->conn->d->base, -1, EV_PERSIST, stats_tick, s);
	if (s->timer == NULL || event_add(s->timer, &tv) != 0) {
		watch_conn_gone(req->conn);
		return -ENOMEM;
	}
	reply_more(req->conn, watch_stats_reply(req->conn, id), true);
	s->first = req->conn->out_bytes;
	return 0;
}

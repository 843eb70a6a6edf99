/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The method Impair. Called by request.c; hands what was asked for to the
 * relay, which does it from the next frame on.
 */
#include <sys/random.h>

#include <errno.h>
#include <string.h>

#include "backend.h"
#include "conn.h"
#include "fethd.h"
#include "log.h"
#include "relay.h"
#include "reply.h"
#include "request.h"
#include "vlink.h"

#define SEED_MAX	((INT64_C(1) << 53) - 1)

#define F(f)	.offset = offsetof(struct impair_set, f)

static const struct param set_fields[] = {
	{ .name = "delay_us", .type = PARAM_INT, F(delay_us),
	  .max = BOUND_DELAY_US },
	{ .name = "jitter_us", .type = PARAM_INT, F(jitter_us),
	  .max = BOUND_DELAY_US },
	{ .name = "loss", .type = PARAM_INT, F(loss), .max = IMPAIR_ALL },
	{ .name = "duplicate", .type = PARAM_INT, F(duplicate),
	  .max = IMPAIR_ALL },
	{ .name = "reorder", .type = PARAM_INT, F(reorder),
	  .max = IMPAIR_ALL },
	{ .name = "rate", .type = PARAM_INT, F(rate), .max = BOUND_RATE_MAX },
	{ .name = "down", .type = PARAM_BOOL, F(down) },
	{ .name = "seed", .type = PARAM_INT, F(seed), .max = SEED_MAX,
	  .given_offset = offsetof(struct impair_set, seed_given) },
	{ .name = NULL }
};

const struct param impair_params[] = {
	P_LINK,
	{ .name = "end", .type = PARAM_INT,
	  .offset = offsetof(struct impair_params, end), .max = 1,
	  .given_offset = offsetof(struct impair_params, end_given) },
	{ .name = "set", .type = PARAM_STRUCT,
	  .offset = offsetof(struct impair_params, set),
	  .fields = set_fields, .varlink = "Impairment",
	  .given_offset = offsetof(struct impair_params, set_given) },
	{ .name = NULL }
};

/* What makes no sense together: the field, with *REASON; or NULL. */
static const char *
nonsense(const struct impair_set *s, const char **reason)
{
	if (s->jitter_us > s->delay_us) {
		*reason = "is more than delay_us: no frame comes before it was "
		    "sent";
		return "set.jitter_us";
	}
	if (s->reorder != 0 && s->delay_us == 0) {
		*reason = "needs a delay_us: a frame goes past those that are "
		    "delayed";
		return "set.reorder";
	}
	return NULL;
}

static uint64_t
any_seed(void)
{
	uint64_t	seed = 0;

	if (getentropy(&seed, sizeof(seed)) != 0)
		seed = 1;
	return seed & SEED_MAX;
}

static void
to_conf(const struct impair_set *s, struct impair_conf *c)
{
	memset(c, 0, sizeof(*c));
	c->delay_us = (uint64_t)s->delay_us;
	c->jitter_us = (uint64_t)s->jitter_us;
	c->loss = (uint32_t)s->loss;
	c->duplicate = (uint32_t)s->duplicate;
	c->reorder = (uint32_t)s->reorder;
	c->rate = (uint64_t)s->rate;
	c->down = s->down;
	c->seed = s->seed_given ? (uint64_t)s->seed : any_seed();
}

static int
apply(struct vlink *l, const struct impair_params *p)
{
	struct impair_conf	c;
	int			i, error;

	to_conf(&p->set, &c);
	for (i = 0; i < 2; i++) {
		if (p->end_given && p->end != i)
			continue;
		if ((error = relay_impair(l->relay, i, &c)) != 0)
			return error;
		l->impair[i] = c;
		/* The two directions throw their own dice. */
		c.seed = (c.seed + 1) & SEED_MAX;
	}
	return 0;
}

void
impair_run(struct request *req, void *params)
{
	const struct impair_params *p = params;
	struct vlink	*l = req->link;
	const char	*field, *reason;
	int		 error;

	if (l->relay == NULL) {
		reply_error(req, ERR_UNSUPPORTED, "impairments of a link that "
		    "is not relayed", l->d->backend->name,
		    l->rec.spec.kind == LINK_HOST ?
		    "open it with --class socket or --class stream" :
		    "open it with --class stream or with --relay");
		return;
	}
	if (p->set_given && (field = nonsense(&p->set, &reason)) != NULL) {
		reply_error(req, ERR_INVALID_SPEC, field, reason);
		return;
	}
	if (p->set_given && (error = apply(l, p)) != 0) {
		reply_error(req, ERR_BACKEND_FAILED, "impair the link",
		    (int64_t)-error, strerror(-error));
		return;
	}
	if (p->set_given)
		log_info("link @%llu %s of uid %u: impaired by uid %u",
		    (unsigned long long)l->rec.id, l->rec.spec.name,
		    l->rec.uid, (unsigned int)req->conn->peer.uid);
	reply_done(req, reply_impair(l), NULL, 0);
}

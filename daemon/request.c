/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods: the map of the whole daemon. conn.c hands over a whole message;
 * it is parsed, looked up, decoded, checked for the row's right, and run. Open
 * has a file of its own. A handler answers exactly once (reply.h), now or later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "capture_open.h"
#include "conn.h"
#include "fethd.h"
#include "log.h"
#include "open.h"
#include "peer.h"
#include "policy.h"
#include "reap.h"
#include "reply.h"
#include "request.h"
#include "vlink.h"
#include "watch.h"
#include "wire.h"

#define BROKER	"org.fethd.Broker"
#define SERVICE	"org.varlink.service"

struct attach_params {
	struct link_params l;
	bool		given;
	int64_t		end;
	int		class;
};

struct detach_params {
	struct link_params l;
	int64_t		end;
};

struct resume_params {
	struct link_params l;
	char		token[33];
	bool		given;
	int64_t		end;
};

struct stats_params {
	struct link_params l;
	int64_t		interval_ms;
};

struct filter_params {
	struct filter	filter;
};

struct explain_params {
	char		method[80];
	const cJSON	*parameters;
};

struct description_params {
	char		interface[80];
};

/* Parameter tables. */

#define F(s, f)	.offset = offsetof(struct s, f)

static const struct param no_params[] = { { .name = NULL } };

static const struct param description_params[] = {
	{ .name = "interface", .type = PARAM_STRING, .required = true,
	  F(description_params, interface), .size = 80 },
	{ .name = NULL }
};

static const struct param link_params[] = { P_LINK, { .name = NULL } };

static const struct param attach_params[] = {
	P_LINK,
	{ .name = "end", .type = PARAM_INT, F(attach_params, end), .max = 1,
	  .given_offset = offsetof(struct attach_params, given) },
	{ .name = "class", .type = PARAM_ENUM, F(attach_params, class),
	  .names = port_class_names },
	{ .name = NULL }
};

static const struct param detach_params[] = {
	P_LINK,
	{ .name = "end", .type = PARAM_INT, .required = true,
	  F(detach_params, end), .max = 1 },
	{ .name = NULL }
};

static const struct param resume_params[] = {
	P_LINK,
	{ .name = "token", .type = PARAM_STRING, .required = true,
	  F(resume_params, token), .size = 33 },
	{ .name = "end", .type = PARAM_INT, F(resume_params, end), .max = 1,
	  .given_offset = offsetof(struct resume_params, given) },
	{ .name = NULL }
};

static const struct param filter_fields[] = {
	{ .name = "name", .type = PARAM_STRING, F(filter, name),
	  .size = BOUND_NAME + 1 },
	{ .name = "owner", .type = PARAM_INT, F(filter, owner),
	  .max = UINT32_MAX,
	  .given_offset = offsetof(struct filter, owner_given) },
	{ .name = "kind", .type = PARAM_ENUM, F(filter, kind),
	  .names = link_kind_names,
	  .given_offset = offsetof(struct filter, kind_given) },
	{ .name = "labels", .type = PARAM_CUSTOM, F(filter, labels),
	  .decode = open_decode_labels, .varlink = "[string]string" },
	{ .name = NULL }
};

static const struct param filter_params[] = {
	{ .name = "filter", .type = PARAM_STRUCT, F(filter_params, filter),
	  .fields = filter_fields, .varlink = "Filter" },
	{ .name = NULL }
};

static const struct param stats_params[] = {
	{ .name = "link", .type = PARAM_STRING, F(stats_params, l.link),
	  .size = LINK_REF },
	{ .name = "interval_ms", .type = PARAM_INT,
	  F(stats_params, interval_ms), .min = BOUND_INTERVAL_MIN,
	  .max = BOUND_INTERVAL_MAX },
	{ .name = NULL }
};

static const struct param explain_params[] = {
	{ .name = "method", .type = PARAM_STRING, .required = true,
	  F(explain_params, method), .size = 80 },
	{ .name = "parameters", .type = PARAM_OBJECT, .required = true,
	  F(explain_params, parameters) },
	{ .name = NULL }
};

static void
attach_init(void *params)
{
	((struct attach_params *)params)->class = CLASS_AUTO;
}

static void
stats_init(void *params)
{
	((struct stats_params *)params)->interval_ms = 1000;
}

/* org.varlink.service */

static void
do_get_info(struct request *req, void *params)
{
	static const char *const interfaces[] = { SERVICE, BROKER };
	cJSON	*out = cJSON_CreateObject();

	(void)params;
	cJSON_AddStringToObject(out, "vendor", "fethd");
	cJSON_AddStringToObject(out, "product", "fethd");
	cJSON_AddStringToObject(out, "version", FETHD_VERSION);
	cJSON_AddStringToObject(out, "url", "https://fethd.org/");
	cJSON_AddItemToObject(out, "interfaces",
	    cJSON_CreateStringArray(interfaces, 2));
	reply_done(req, out, NULL, 0);
}

static void
do_get_description(struct request *req, void *params)
{
	const struct description_params *p = params;
	const char	*text;
	cJSON		*out;

	if (strcmp(p->interface, BROKER) == 0) {
		text = varlink_broker_text;
	} else if (strcmp(p->interface, SERVICE) == 0) {
		text = varlink_service_text;
	} else {
		reply_error(req, ERR_INTERFACE_NOT_FOUND, p->interface);
		return;
	}
	out = cJSON_CreateObject();
	cJSON_AddStringToObject(out, "description", text);
	reply_done(req, out, NULL, 0);
}

/* Ports. */

enum { PICK_NONE = -1, PICK_BOTH = -2 };

/* The one free port of L, or END when it is given and free. */
static int
pick_end(const struct vlink *l, bool given, int64_t end)
{
	int	i, found = PICK_NONE;

	for (i = 0; i < 2; i++) {
		if ((given && i != end) || !vlink_port_free(l, i))
			continue;
		if (found != PICK_NONE)
			return PICK_BOTH;
		found = i;
	}
	return found;
}

static void
refuse_busy(struct request *req, const char *link, bool given, int64_t end)
{
	/* Not given: the port that would have been meant, the second of two. */
	if (!given)
		end = req->link->rec.spec.end[1].kind == END_PORT ? 1 : 0;
	reply_error(req, ERR_END_BUSY, link, end);
}

static void
reply_with_port(struct request *req, struct vlink *l, int end)
{
	int	fd, index[2] = { -1, -1 };
	cJSON	*out;

	if ((fd = vlink_port_take(l, end, req->conn)) < 0) {
		reply_error(req, ERR_BACKEND_FAILED, "duplicate the port",
		    (int64_t)-fd, strerror(-fd));
		return;
	}
	log_info("link @%llu %s: end %d given to uid %u pid %ld",
	    (unsigned long long)l->rec.id, l->rec.spec.name, end,
	    (unsigned int)req->conn->peer.uid, (long)req->conn->peer.pid);
	index[end] = 0;
	out = cJSON_CreateObject();
	cJSON_AddItemToObject(out, "link", reply_link(l, index, false));
	reply_done(req, out, &fd, 1);
}

static void
do_attach(struct request *req, void *params)
{
	const struct attach_params *p = params;
	struct vlink	*l = req->link;
	int		 end;

	if (l->state == LINK_ORPHAN || l->state == LINK_OPENING) {
		reply_error(req, ERR_BUSY,
		    (int64_t)(l->state == LINK_OPENING ? 100 : 1000));
		return;
	}
	if ((end = pick_end(l, p->given, p->end)) == PICK_BOTH) {
		reply_error(req, ERR_INVALID_SPEC, "end",
		    "is needed: both ports of the link are free");
		return;
	}
	if (end == PICK_NONE) {
		refuse_busy(req, p->l.link, p->given, p->end);
		return;
	}
	if (p->class != CLASS_AUTO && p->class != l->rec.spec.end[end].class) {
		reply_error(req, ERR_INVALID_SPEC, "class",
		    "the port was opened with another class; leave it out");
		return;
	}
	reply_with_port(req, l, end);
}

static void
do_detach(struct request *req, void *params)
{
	const struct detach_params *p = params;
	struct vlink	*l = req->link;

	/* As in Attach: it waits for Resume. */
	if (l->state == LINK_ORPHAN) {
		reply_error(req, ERR_BUSY, (int64_t)1000);
		return;
	}
	if (l->rec.spec.end[p->end].kind != END_PORT) {
		reply_error(req, ERR_INVALID_SPEC, "end",
		    "is a host interface, which nobody holds");
		return;
	}
	/* Only its holder gives a port back; that nobody holds it is no error,
	 * so that a client can repeat the call. */
	if (l->port[p->end].holder.conn != NULL &&
	    l->port[p->end].holder.conn != req->conn) {
		reply_error(req, ERR_END_BUSY, p->l.link, p->end);
		return;
	}
	vlink_port_release(l, (int)p->end);
	reply_done(req, NULL, NULL, 0);
}

static void
do_close(struct request *req, void *params)
{
	(void)params;
	reap_link(req->link, "closed by its owner");
	req->link = NULL;
	reply_done(req, NULL, NULL, 0);
}

/* In constant time: a token is a secret. */
static bool
token_equal(const uint8_t token[16], const char *text)
{
	unsigned int	diff = strlen(text) == 32 ? 0 : 1, i, v;

	for (i = 0; i < 16 && diff == 0; i++)
		if (sscanf(text + 2 * i, "%2x", &v) != 1 || v > 255)
			diff = 1;
	for (i = 0; i < 16 && diff == 0; i++) {
		sscanf(text + 2 * i, "%2x", &v);
		diff |= token[i] ^ v;
	}
	return diff == 0;
}

static void
do_resume(struct request *req, void *params)
{
	const struct resume_params *p = params;
	struct vlink	*l = req->link;
	int		 fd = -1, index[2] = { -1, -1 };
	cJSON		*out;

	if (!token_equal(l->rec.token, p->token)) {
		reply_error(req, ERR_INVALID_SPEC, "token",
		    "is not the one that Open told");
		return;
	}
	if ((l->lease.conn != NULL && l->lease.conn != req->conn) ||
	    l->state == LINK_OPENING ||
	    l->state == LINK_CLOSING || (p->given &&
	    (l->rec.spec.end[p->end].kind != END_PORT ||
	    l->port[p->end].holder.conn != NULL))) {
		refuse_busy(req, p->l.link, p->given, p->end);
		return;
	}
	log_info("link @%llu %s resumed by uid %u pid %ld",
	    (unsigned long long)l->rec.id, l->rec.spec.name,
	    (unsigned int)req->conn->peer.uid, (long)req->conn->peer.pid);
	/* A client that holds both ports of a pair resumes twice. */
	if (l->rec.spec.lease == LEASE_SESSION && l->lease.conn == NULL)
		tie_bind(&l->lease, req->conn);
	/* A relayed port that was closed meanwhile is a new one. */
	if (p->given && l->relay != NULL && !l->port[p->end].live &&
	    (fd = vlink_port_take(l, (int)p->end, req->conn)) >= 0)
		index[p->end] = 0;
	else if (p->given)
		tie_bind(&l->port[p->end].holder, req->conn);
	vlink_settle(l);
	out = cJSON_CreateObject();
	cJSON_AddItemToObject(out, "link", reply_link(l, index, true));
	reply_done(req, out, &fd, fd >= 0);
}

/* State and counters. */

static void
do_get(struct request *req, void *params)
{
	cJSON	*out = cJSON_CreateObject();

	(void)params;
	cJSON_AddItemToObject(out, "link", reply_link(req->link, NULL, false));
	reply_done(req, out, NULL, 0);
}

/* One link a reply; the last one says so. */
static void
list_more(struct request *req, const struct filter *f)
{
	struct vlink	*l, *next;
	uint32_t	 i = 0;
	cJSON		*out, *links;

	l = watch_next(req->conn->d, f, &req->conn->peer, &i);
	do {
		next = l == NULL ? NULL :
		    watch_next(req->conn->d, f, &req->conn->peer, &i);
		out = cJSON_CreateObject();
		links = cJSON_AddArrayToObject(out, "links");
		if (l != NULL)
			cJSON_AddItemToArray(links, reply_link(l, NULL, false));
		if (next == NULL)
			reply_done(req, out, NULL, 0);
		else
			reply_more(req->conn, out, true);
		l = next;
	} while (l != NULL);
}

static void
do_list(struct request *req, void *params)
{
	const struct filter	*f = &((struct filter_params *)params)->filter;
	struct vlink		*l;
	uint32_t		 i = 0;
	cJSON			*out, *links;

	if (req->more) {
		list_more(req, f);
		return;
	}
	out = cJSON_CreateObject();
	links = cJSON_AddArrayToObject(out, "links");
	while ((l = watch_next(req->conn->d, f, &req->conn->peer, &i)) != NULL)
		cJSON_AddItemToArray(links, reply_link(l, NULL, false));
	reply_done(req, out, NULL, 0);
}

static void
do_stats(struct request *req, void *params)
{
	const struct stats_params *p = params;
	struct vlink	*l = NULL;
	uint64_t	 id = 0;

	if (p->l.link[0] != '\0') {
		l = vlink_find(req->conn->d, &req->conn->peer, p->l.link);
		if (l == NULL) {
			reply_error(req, ERR_NO_SUCH_LINK, p->l.link);
			return;
		}
		id = l->rec.id;
	}
	if (!req->more)
		reply_done(req, watch_stats_reply(req->conn, id), NULL, 0);
	else if (watch_stats(req, id, (unsigned int)p->interval_ms) != 0)
		reply_error(req, ERR_BUSY, (int64_t)1000);
}

static void
do_watch(struct request *req, void *params)
{
	if (watch_start(req, &((struct filter_params *)params)->filter) != 0)
		reply_error(req, ERR_BUSY, (int64_t)1000);
}

/* Why, and why not. */

struct explanation {
	bool		 allowed;
	const char	*rule, *file, *reason, *hint;
	unsigned int	 line;
};

static void
reply_explanation(struct request *req, const struct explanation *e)
{
	cJSON	*out = cJSON_CreateObject();

	cJSON_AddBoolToObject(out, "allowed", e->allowed);
	cJSON_AddStringToObject(out, "rule", e->rule);
	cJSON_AddStringToObject(out, "file", e->file);
	if (e->line != 0)
		cJSON_AddNumberToObject(out, "line", e->line);
	cJSON_AddStringToObject(out, "reason", e->reason);
	cJSON_AddStringToObject(out, "hint", e->hint);
	reply_done(req, out, NULL, 0);
}

/* The policy allows it: is there anything else in the way? */
static void
explain_obstacle(const struct fethd *d, const struct peer *peer,
    const struct link_spec *spec, const struct policy_rule *rule,
    struct explanation *e, char *text, size_t size)
{
	const char	*feature, *hint;
	unsigned int	 used = vlink_used(d, peer->uid, rule);

	if ((feature = open_unsupported(d, spec, &hint)) != NULL) {
		snprintf(text, size, "the policy allows it, but the %s backend "
		    "has no %s", d->backend->name, feature);
		e->hint = hint;
	} else if (rule->quota != 0 && used >= rule->quota) {
		snprintf(text, size, "the rule allows it, but its quota of %u "
		    "links is used up (%u)", rule->quota, used);
		e->hint = "close a link first";
	} else {
		return;
	}
	e->allowed = false;
	e->reason = text;
}

static void
explain_open(struct request *req, const struct open_params *params)
{
	const struct fethd	*d = req->conn->d;
	struct explanation	 e;
	struct link_spec	 spec;
	struct spec_error	 err;
	struct verdict		 v;
	char			 text[256];

	if (open_spec(d, params, &spec, &err) != 0) {
		reply_error(req, ERR_INVALID_SPEC, err.field, err.reason);
		return;
	}
	policy_check(d->policy, &req->conn->peer, &spec, &v);
	e.allowed = v.allowed;
	e.rule = open_rule_name(&v);
	e.line = open_rule_line(&v);
	e.file = d->policy->file;
	e.reason = v.reason;
	e.hint = v.hint;
	if (v.allowed)
		explain_obstacle(d, &req->conn->peer, &spec, v.rule, &e, text,
		    sizeof(text));
	reply_explanation(req, &e);
}

static void
explain_owner(struct request *req, const struct link_params *p)
{
	struct explanation	e = { .rule = "owner", .file = "built-in" };

	e.allowed = vlink_find(req->conn->d, &req->conn->peer, p->link) !=
	    NULL;
	e.reason = e.allowed ? "you own the link, or are root" :
	    "there is no link of that name that you may see";
	e.hint = e.allowed ? "" : "fethc list shows your links";
	reply_explanation(req, &e);
}

static const struct method *method_find(const char *interface,
    const char *name);

static void
do_explain(struct request *req, void *params)
{
	const struct explain_params *p = params;
	static const struct explanation anybody = { true, "anybody",
	    "built-in", "every caller may, about links it can see", "", 0 };
	const struct method	*m;
	const char		*name = p->method;
	struct spec_error	 err;
	void			*inner;

	if (strncmp(name, BROKER ".", sizeof(BROKER)) == 0)
		name += sizeof(BROKER);
	if ((m = method_find(BROKER, name)) == NULL) {
		reply_error(req, ERR_METHOD_NOT_FOUND, p->method);
		return;
	}
	if ((inner = calloc(1, m->size)) == NULL) {
		reply_error(req, ERR_BUSY, (int64_t)1000);
		return;
	}
	if (m->init != NULL)
		m->init(inner);
	if (params_decode(p->parameters, m->params, inner, &err) != 0)
		reply_error(req, ERR_INVALID_SPEC, err.field, err.reason);
	else if (m->need == NEED_POLICY)
		explain_open(req, inner);
	else if (m->need == NEED_OWNER)
		explain_owner(req, inner);
	else
		reply_explanation(req, &anybody);
	free(inner);
}

static void
do_policy(struct request *req, void *params)
{
	(void)params;
	reply_done(req, reply_policy(req->conn->d->policy), NULL, 0);
}

/* The table. */

const struct method methods[] = {
	{ SERVICE, "GetInfo", no_params, 1, NEED_NOTHING, 0, do_get_info,
	  NULL },
	{ SERVICE, "GetInterfaceDescription", description_params,
	  sizeof(struct description_params), NEED_NOTHING, 0,
	  do_get_description, NULL },
	{ BROKER, "Open", open_params, sizeof(struct open_params),
	  NEED_POLICY, M_FDS, open_run, open_init },
	{ BROKER, "Attach", attach_params, sizeof(struct attach_params),
	  NEED_OWNER, 0, do_attach, attach_init },
	{ BROKER, "Detach", detach_params, sizeof(struct detach_params),
	  NEED_OWNER, 0, do_detach, NULL },
	{ BROKER, "Close", link_params, sizeof(struct link_params),
	  NEED_OWNER, 0, do_close, NULL },
	{ BROKER, "Resume", resume_params, sizeof(struct resume_params),
	  NEED_OWNER, 0, do_resume, NULL },
	{ BROKER, "List", filter_params, sizeof(struct filter_params),
	  NEED_NOTHING, 0, do_list, NULL },
	{ BROKER, "Get", link_params, sizeof(struct link_params),
	  NEED_OWNER, 0, do_get, NULL },
	{ BROKER, "Stats", stats_params, sizeof(struct stats_params),
	  NEED_NOTHING, 0, do_stats, stats_init },
	{ BROKER, "Impair", impair_params, sizeof(struct impair_params),
	  NEED_OWNER, 0, impair_run, NULL },
	{ BROKER, "Watch", filter_params, sizeof(struct filter_params),
	  NEED_NOTHING, M_MORE, do_watch, NULL },
	{ BROKER, "Capture", capture_params, sizeof(struct capture_params),
	  NEED_OWNER, 0, capture_run, capture_init },
	{ BROKER, "Explain", explain_params, sizeof(struct explain_params),
	  NEED_NOTHING, 0, do_explain, NULL },
	{ BROKER, "Policy", no_params, 1, NEED_NOTHING, 0, do_policy, NULL },
	{ NULL, NULL, NULL, 0, NEED_NOTHING, 0, NULL, NULL }
};

static const struct method *
method_find(const char *interface, const char *name)
{
	const struct method	*m;

	for (m = methods; m->name != NULL; m++)
		if (strcmp(m->interface, interface) == 0 &&
		    strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* From a message to a handler. */

static void
refuse_unknown(struct request *req, const struct call *call)
{
	char	full[160];

	if (strcmp(call->interface, BROKER) != 0 &&
	    strcmp(call->interface, SERVICE) != 0) {
		reply_error(req, ERR_INTERFACE_NOT_FOUND, call->interface);
		return;
	}
	snprintf(full, sizeof(full), "%s.%s", call->interface, call->method);
	reply_error(req, ERR_METHOD_NOT_FOUND, full);
}

static void
refuse_params(struct request *req, const struct spec_error *err)
{
	if (strcmp(req->method->interface, SERVICE) == 0)
		reply_error(req, ERR_INVALID_PARAMETER, err->field);
	else
		reply_error(req, ERR_INVALID_SPEC, err->field, err->reason);
}

static void
request_run(struct request *req, const struct call *call)
{
	const struct method	*m;
	struct spec_error	 err;
	void			*params;

	m = method_find(call->interface, call->method);
	if ((req->method = m) == NULL) {
		refuse_unknown(req, call);
		return;
	}
	if ((m->flags & M_MORE) && !req->more) {
		reply_error(req, ERR_EXPECTED_MORE);
		return;
	}
	if ((params = calloc(1, m->size)) == NULL) {
		reply_error(req, ERR_BUSY, (int64_t)1000);
		return;
	}
	if (m->init != NULL)
		m->init(params);
	if (params_decode(call->parameters, m->params, params, &err) != 0) {
		refuse_params(req, &err);
	} else if (m->need == NEED_OWNER && (req->link = vlink_find(
	    req->conn->d, &req->conn->peer,
	    ((struct link_params *)params)->link)) == NULL) {
		reply_error(req, ERR_NO_SUCH_LINK,
		    ((struct link_params *)params)->link);
	} else {
		m->run(req, params);
	}
	free(params);
}

void
request_start(struct conn *c, const char *text, size_t size)
{
	struct request	*req;
	struct call	 call;
	char		 reason[160];
	size_t		 offset;

	if (varlink_parse(text, size, &call, reason, sizeof(reason), &offset)
	    != 0) {
		conn_refuse(c, reason, offset);
		return;
	}
	if ((req = calloc(1, sizeof(*req))) == NULL) {
		varlink_clear(&call);
		conn_shut(c);
		return;
	}
	req->conn = c;
	req->more = call.more && !call.oneway;
	req->oneway = call.oneway;
	c->req = req;
	request_run(req, &call);
	varlink_clear(&call);
}

void
request_end(struct request *req)
{
	struct conn	*c = req->conn;

	free(req);
	conn_done(c);
}

void
request_conn_gone(struct conn *c)
{
	struct request	*req;

	if ((req = c->req) == NULL)
		return;
	/* The link finds nobody when it is made, and ends. */
	if (req->link != NULL && req->link->req == req)
		req->link->req = NULL;
	capture_request_gone(req);
	c->req = NULL;
	free(req);
}

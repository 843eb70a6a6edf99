/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open: parameters -> spec -> what the backend can -> policy -> quota -> plan ->
 * link -> reply. Called by request.c; the link is made by vlink.c, which comes
 * back with request_opened or request_open_failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "conn.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "open.h"
#include "peer.h"
#include "plan.h"
#include "plat.h"
#include "reap.h"
#include "reply.h"
#include "request.h"
#include "vlink.h"
#include "wire.h"

/* Decoders of single values. */

static int
decode_mac(const cJSON *v, void *field, char *reason, size_t size)
{
	struct mac_list	*m = field;

	if (!cJSON_IsString(v) || mac_parse(v->valuestring, m->mac) != 0) {
		snprintf(reason, size, "must be six hex pairs such as "
		    "02:00:5e:00:00:01, no group address");
		return -EINVAL;
	}
	m->n = 1;
	return 0;
}

static int
decode_addresses(const cJSON *v, void *field, char *reason, size_t size)
{
	struct address_list	*l = field;
	const cJSON		*e;

	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) > BOUND_ADDRESSES) {
		snprintf(reason, size, "must be an array of at most %d "
		    "strings", BOUND_ADDRESSES);
		return -EINVAL;
	}
	cJSON_ArrayForEach(e, v) {
		if (cJSON_IsString(e) && strcmp(e->valuestring, "auto") == 0) {
			l->automatic = true;
			continue;
		}
		if (!cJSON_IsString(e) ||
		    prefix_parse(e->valuestring, &l->prefix[l->n]) != 0) {
			snprintf(reason, size, "each must be an address with "
			    "its prefix length, such as 10.253.7.1/30, or "
			    "\"auto\"");
			return -EINVAL;
		}
		l->n++;
	}
	return 0;
}

static int
decode_offloads(const cJSON *v, void *field, char *reason, size_t size)
{
	uint8_t		*mask = field;
	const cJSON	*e;
	int		 i;

	cJSON_ArrayForEach(e, v) {
		for (i = 0; i < OFFLOADS && cJSON_IsString(e); i++)
			if (strcmp(e->valuestring, offload_names[i]) == 0)
				break;
		if (!cJSON_IsString(e) || i == OFFLOADS) {
			snprintf(reason, size, "each is \"csum\", \"tso4\", "
			    "\"tso6\" or \"uso\"");
			return -EINVAL;
		}
		*mask |= (uint8_t)(1 << i);
	}
	if (cJSON_IsArray(v))
		return 0;
	snprintf(reason, size, "must be an array of strings");
	return -EINVAL;
}

int
open_decode_labels(const cJSON *v, void *field, char *reason, size_t size)
{
	struct label_list	*l = field;
	const cJSON		*e;

	if (!cJSON_IsObject(v) || cJSON_GetArraySize(v) > BOUND_LABELS) {
		snprintf(reason, size, "must be an object of at most %d "
		    "strings", BOUND_LABELS);
		return -EINVAL;
	}
	cJSON_ArrayForEach(e, v) {
		if (!cJSON_IsString(e) ||
		    strlen(e->string) > BOUND_LABEL_KEY ||
		    strlen(e->valuestring) > BOUND_LABEL_VALUE) {
			snprintf(reason, size, "a key has at most %d bytes, "
			    "a value is a string of at most %d bytes",
			    BOUND_LABEL_KEY, BOUND_LABEL_VALUE);
			return -EINVAL;
		}
		strcpy(l->label[l->n].key, e->string);
		strcpy(l->label[l->n].value, e->valuestring);
		l->n++;
	}
	return 0;
}

#define F(s, f)	.offset = offsetof(struct s, f)

static const struct param end_params[] = {
	{ .name = "kind", .type = PARAM_ENUM, .required = true,
	  F(open_end, kind), .names = end_kind_names },
	{ .name = "class", .type = PARAM_ENUM, F(open_end, class),
	  .names = port_class_names },
	{ .name = "mac", .type = PARAM_CUSTOM, F(open_end, mac),
	  .decode = decode_mac, .varlink = "string" },
	{ .name = "addresses", .type = PARAM_CUSTOM, F(open_end, addresses),
	  .decode = decode_addresses, .varlink = "[]string" },
	{ .name = "netns", .type = PARAM_INT, F(open_end, netns),
	  .min = 0, .max = BOUND_FDS_IN - 1,
	  .given_offset = offsetof(struct open_end, netns_given) },
	{ .name = "take", .type = PARAM_BOOL, F(open_end, take),
	  .given_offset = offsetof(struct open_end, take_given) },
	{ .name = "offloads", .type = PARAM_CUSTOM, F(open_end, offloads),
	  .decode = decode_offloads,
	  .varlink = "[](csum, tso4, tso6, uso)" },
	{ .name = "dgram", .type = PARAM_BOOL, F(open_end, dgram) },
	{ .name = "mac_lock", .type = PARAM_BOOL, F(open_end, mac_lock) },
	{ .name = "mtu_check", .type = PARAM_BOOL, F(open_end, mtu_check) },
	{ .name = "rate", .type = PARAM_INT, F(open_end, rate), .min = 1,
	  .max = BOUND_RATE_MAX },
	{ .name = "burst", .type = PARAM_INT, F(open_end, burst), .min = 1,
	  .max = BOUND_RATE_MAX },
	{ .name = NULL }
};

const struct param open_params[] = {
	{ .name = "name", .type = PARAM_STRING, F(open_params, name),
	  .size = BOUND_NAME + 1 },
	{ .name = "ends", .type = PARAM_STRUCTS, .required = true,
	  F(open_params, ends), .size = sizeof(struct open_end), .min = 2,
	  .max = 2, .count_offset = offsetof(struct open_params, nends),
	  .fields = end_params, .varlink = "EndSpec" },
	{ .name = "lease", .type = PARAM_ENUM, F(open_params, lease),
	  .names = lease_names },
	{ .name = "labels", .type = PARAM_CUSTOM, F(open_params, labels),
	  .decode = open_decode_labels,
	  .varlink = "[string]string" },
	{ .name = "mtu", .type = PARAM_INT, F(open_params, mtu),
	  .min = BOUND_MTU_MIN, .max = BOUND_MTU_MAX },
	{ .name = "dry_run", .type = PARAM_BOOL, F(open_params, dry_run) },
	{ .name = "relay", .type = PARAM_BOOL, F(open_params, relay) },
	{ .name = NULL }
};

void
open_init(void *params)
{
	struct open_params	*p = params;
	int			 i;

	p->lease = LEASE_SESSION;
	for (i = 0; i < 2; i++)
		p->ends[i].class = CLASS_AUTO;
}

static void
end_to_spec(const struct open_end *e, struct end_spec *s)
{
	s->kind = (uint8_t)e->kind;
	s->class = (uint8_t)e->class;
	s->mac_set = e->mac.n == 1;
	memcpy(s->mac, e->mac.mac, sizeof(s->mac));
	s->naddr = (uint8_t)e->addresses.n;
	memcpy(s->addr, e->addresses.prefix, sizeof(s->addr));
	s->addr_auto = e->addresses.automatic;
	s->netns = e->netns_given ? (int8_t)e->netns : -1;
	s->offloads = e->offloads;
	s->dgram = e->dgram;
	s->mac_lock = e->mac_lock;
	s->mtu_check = e->mtu_check;
	s->rate = (uint64_t)e->rate;
	s->burst = (uint64_t)e->burst;
	s->take = !e->take_given ? TAKE_UNSET : e->take ? TAKE_YES : TAKE_NO;
}

int
open_spec(const struct fethd *d, const struct open_params *p,
    struct link_spec *spec, struct spec_error *err)
{
	int	i;

	memset(spec, 0, sizeof(*spec));
	strcpy(spec->name, p->name);
	spec->lease = (uint8_t)p->lease;
	spec->dry_run = p->dry_run;
	spec->relay = p->relay;
	spec->mtu = (uint32_t)p->mtu;
	spec->nlabels = (uint8_t)p->labels.n;
	memcpy(spec->labels, p->labels.label, sizeof(spec->labels));
	for (i = 0; i < 2; i++)
		end_to_spec(&p->ends[i], &spec->end[i]);
	return spec_check(spec, d->backend->features & BF_TAP ? CLASS_TAP :
	    CLASS_SOCKET, err);
}

/* What a spec needs of the backend. */

static bool
has_class(const struct link_spec *s, enum link_kind kind, enum port_class class)
{
	return s->kind == kind && ((s->end[0].kind == END_PORT &&
	    s->end[0].class == class) || (s->end[1].kind == END_PORT &&
	    s->end[1].class == class));
}

static bool
is_host(const struct link_spec *s)
{
	return s->kind == LINK_HOST;
}

static bool
is_wire(const struct link_spec *s)
{
	return s->kind == LINK_WIRE;
}

static bool
has_netns(const struct link_spec *s)
{
	return s->end[0].netns >= 0 || s->end[1].netns >= 0;
}

static bool
is_tap(const struct link_spec *s)
{
	return has_class(s, LINK_HOST, CLASS_TAP);
}

static bool
has_offloads(const struct link_spec *s)
{
	return s->end[0].offloads != 0 || s->end[1].offloads != 0;
}

static bool
is_raw(const struct link_spec *s)
{
	return has_class(s, LINK_HOST, CLASS_RAW);
}

static bool
is_relayed(const struct link_spec *s)
{
	return is_host(s) && spec_relayed(s);
}

#define NEED_ROOT_HINT	"this fethd has no privilege; a pair link works, or " \
	"ask the administrator to install the service"

static const struct {
	bool		(*wants)(const struct link_spec *);
	unsigned int	 feature;	/* BF_* */
	const char	*name, *hint;
} capabilities[] = {
	{ is_host, BF_HOST, "host links", NEED_ROOT_HINT },
	{ is_wire, BF_WIRE, "wire links", NEED_ROOT_HINT },
	{ has_netns, BF_NETNS, "a wire end in a network namespace",
	  "this system has no network namespaces" },
	{ is_tap, BF_TAP, "class tap", "ask for --class auto" },
	{ has_offloads, BF_OFFLOADS, "offloads", "leave --offloads out" },
	{ is_raw, BF_RAW, "class raw", "ask for --class auto" },
	{ is_relayed, BF_RELAY, "host links with a port of class socket or "
	  "stream", "ask for --class auto" },
};

const char *
open_unsupported(const struct fethd *d, const struct link_spec *spec,
    const char **hint)
{
	size_t	i;

	for (i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		if (!capabilities[i].wants(spec))
			continue;
		if (d->backend->features & capabilities[i].feature)
			continue;
		*hint = capabilities[i].hint;
		return capabilities[i].name;
	}
	return NULL;
}

/* The steps of Open. Each returns true when it has answered. */

static bool
refuse_unsupported(struct request *req, const struct link_spec *spec)
{
	const struct fethd	*d = req->conn->d;
	const char		*feature, *hint;

	if ((feature = open_unsupported(d, spec, &hint)) == NULL)
		return false;
	reply_error(req, ERR_UNSUPPORTED, feature, d->backend->name, hint);
	return true;
}

/* The rule that decided, or that came nearest to allowing it. */
static const struct policy_rule *
rule_of(const struct verdict *v)
{
	return v->rule != NULL ? v->rule : v->nearest;
}

const char *
open_rule_name(const struct verdict *v)
{
	return rule_of(v) != NULL ? rule_of(v)->name : "none";
}

uint32_t
open_rule_line(const struct verdict *v)
{
	return rule_of(v) != NULL ? rule_of(v)->line : 0;
}

static bool
refuse_policy(struct request *req, const struct link_spec *spec,
    struct verdict *v)
{
	const struct fethd	*d = req->conn->d;
	char			 name[4 * BOUND_NAME + 1];

	policy_check(d->policy, &req->conn->peer, spec, v);
	if (v->allowed)
		return false;
	log_info("refused: uid %u open %s link '%s': %s",
	    (unsigned int)req->conn->peer.uid, link_kind_names[spec->kind],
	    log_escape(spec->name, name, sizeof(name)), v->reason);
	reply_error(req, ERR_NOT_PERMITTED, open_rule_name(v), d->policy->file,
	    v->reason, v->hint);
	return true;
}

static bool
refuse_quota(struct request *req, const struct verdict *v)
{
	const struct fethd	*d = req->conn->d;
	uint32_t		 uid = req->conn->peer.uid, i = 0;
	unsigned int		 used;
	struct vlink		*l;

	if (v->rule->quota == 0)
		return false;
	used = vlink_used(d, uid, v->rule);
	if (used < v->rule->quota)
		return false;
	/* Some are being removed: that is not the caller's fault. */
	while ((l = vlink_next(d, &i)) != NULL) {
		if (l->rec.uid == uid && l->state == LINK_CLOSING) {
			reply_error(req, ERR_BUSY, (int64_t)100);
			return true;
		}
	}
	log_info("refused: uid %u has %u of %u links of rule %s",
	    (unsigned int)uid, used, v->rule->quota, v->rule->name);
	reply_error(req, ERR_QUOTA_EXCEEDED, "links", (int64_t)v->rule->quota,
	    (int64_t)used, v->rule->name);
	return true;
}

/* The descriptor of the network namespace that an end goes to; it must belong
 * to the caller. */
static bool
refuse_netns(struct request *req, const struct link_spec *spec, int *netns)
{
	struct conn	*c = req->conn;
	char		 field[] = "ends[0].netns";
	uid_t		 uid;
	int		 e, i, rv;

	e = spec->end[0].netns >= 0 ? 0 : 1;
	if ((i = spec->end[e].netns) < 0)
		return false;
	field[5] = (char)('0' + e);
	if ((unsigned int)i >= c->nfds || c->fds[i] == -1) {
		reply_error(req, ERR_INVALID_SPEC, field,
		    "no descriptor of that index came with the call");
		return true;
	}
	if ((rv = plat_netns_owner(c->fds[i], &uid)) != 0) {
		reply_error(req, ERR_INVALID_SPEC, field, rv == -EINVAL ?
		    "the descriptor is no network namespace" : strerror(-rv));
		return true;
	}
	if (c->peer.uid != 0 && uid != c->peer.uid) {
		reply_error(req, ERR_NOT_PERMITTED, "netns-owner", "built-in",
		    "the network namespace belongs to another user",
		    "use one of a user namespace of your own (unshare -rn)");
		return true;
	}
	*netns = wire_take(&c->fds[i]);
	return false;
}

/* All slots that a link of this kind may have are in use. */
static void
refuse_slot(struct request *req, const struct link_spec *spec)
{
	int64_t	n = vlink_is_kernel(spec) ? BOUND_UNITS :
		    BOUND_SLOTS - BOUND_UNITS;

	reply_error(req, ERR_QUOTA_EXCEEDED, "links of this machine", n, n,
	    "built-in");
}

static void
refuse_plan(struct request *req, const struct link_spec *spec,
    enum plan_refusal r, const char *detail)
{
	char	text[256];

	switch (r) {
	case PLAN_NAME_IN_USE:
		reply_error(req, ERR_NAME_IN_USE, spec->name,
		    (int64_t)req->conn->peer.uid);
		break;
	case PLAN_OVERLAP:
		snprintf(text, sizeof(text), "overlaps %s; choose another "
		    "prefix, or \"auto\"", detail);
		reply_error(req, ERR_INVALID_SPEC, "addresses", text);
		break;
	case PLAN_NO_PREFIX:
		snprintf(text, sizeof(text), "%s; give addresses, or other "
		    "pools in fethd.conf", detail);
		reply_error(req, ERR_INVALID_SPEC, "addresses", text);
		break;
	case PLAN_NO_SLOT:
		refuse_slot(req, spec);
		break;
	default:
		reply_error(req, ERR_BACKEND_FAILED, "look for a free address",
		    (int64_t)EIO, detail);
		break;
	}
}

/* What would be made, without a link: borrow one for the reply's builder. */
static void
reply_dry_run(struct request *req, const struct link_spec *spec, uint32_t slot)
{
	struct vlink	*l;
	cJSON		*link = NULL, *out;

	if ((l = calloc(1, sizeof(*l))) != NULL) {
		l->d = req->conn->d;
		l->slot = slot;
		l->rec.uid = req->conn->peer.uid;
		l->rec.spec = *spec;
		link = reply_link(l, NULL, false);
		free(l);
	}
	out = cJSON_CreateObject();
	cJSON_AddItemToObject(out, "link", link);
	reply_done(req, out, NULL, 0);
}

void
open_run(struct request *req, void *params)
{
	struct fethd		*d = req->conn->d;
	struct link_spec	 spec;
	struct spec_error	 err;
	struct verdict		 v;
	enum plan_refusal	 r;
	uint32_t		 slot;
	char			 detail[192] = "";
	int			 netns = -1;

	if (open_spec(d, params, &spec, &err) != 0) {
		reply_error(req, ERR_INVALID_SPEC, err.field, err.reason);
		return;
	}
	if (refuse_unsupported(req, &spec) || refuse_policy(req, &spec, &v) ||
	    refuse_quota(req, &v) || refuse_netns(req, &spec, &netns))
		return;
	r = plan_link(d, req->conn->peer.uid, &spec, &slot, detail,
	    sizeof(detail));
	if (r != PLAN_OK) {
		wire_close(&netns);
		refuse_plan(req, &spec, r, detail);
	} else if (spec.dry_run) {
		wire_close(&netns);
		reply_dry_run(req, &spec, slot);
	} else if (vlink_open(d, req, req->conn->peer.uid, &spec, slot, netns)
	    != 0) {
		reply_error(req, ERR_BUSY, (int64_t)1000);
	}
}

/* vlink.c comes back. */

void
request_opened(struct request *req, struct vlink *l)
{
	int		 fds[BOUND_FDS_OUT], index[2] = { -1, -1 }, i, fd;
	pid_t		 pid = req->conn->peer.pid;
	unsigned int	 n = 0;
	cJSON		*out;

	req->link = NULL;
	/* A client that died before the reply leaves nothing behind, not even a
	 * named link. */
	if (conn_hung_up(req->conn)) {
		reap_link(l, "its client went while it was opened");
		reply_error(req, ERR_NO_SUCH_LINK, "");
		return;
	}
	for (i = 0; i < 2; i++) {
		if (l->rec.spec.end[i].kind != END_PORT ||
		    !l->rec.spec.end[i].take)
			continue;
		if ((fd = vlink_port_take(l, i, req->conn)) < 0) {
			while (n > 0)
				haste_close(&fds[--n]);
			reap_link(l, "no descriptor is left for its port");
			reply_error(req, ERR_BACKEND_FAILED,
			    "duplicate the port", (int64_t)-fd, strerror(-fd));
			return;
		}
		index[i] = (int)n;
		fds[n++] = fd;
	}
	out = cJSON_CreateObject();
	cJSON_AddItemToObject(out, "link", reply_link(l, index, true));
	reply_done(req, out, fds, n);
	/* After it: the client need not wait for the log. */
	log_info("link @%llu %s: %s, %s, opened for uid %u pid %ld",
	    (unsigned long long)l->rec.id, l->rec.spec.name,
	    link_kind_names[l->rec.spec.kind], lease_names[l->rec.spec.lease],
	    l->rec.uid, (long)pid);
}

void
request_open_failed(struct request *req, enum wm_op op, int error)
{
	const struct backend	*b = req->conn->d->backend;
	const char		*reason = NULL;

	req->link = NULL;
	if (b->reason != NULL)
		reason = b->reason(op, error);
	if (error == ECANCELED)
		reply_error(req, ERR_NO_SUCH_LINK, "closed while it was opened");
	else
		reply_error(req, ERR_BACKEND_FAILED, wm_op_names[op],
		    (int64_t)error, reason != NULL ? reason :
		    strerror(error));
}

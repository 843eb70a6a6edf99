/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and errors as JSON. Called by the handlers; hands text and descriptors
 * to conn.c. A reply that cannot be built for want of memory closes the
 * connection: a client never waits for nothing.
 */
#include <net/if.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "conn.h"
#include "fethd.h"
#include "policy.h"
#include "reply.h"
#include "request.h"
#include "vlink.h"
#include "wire.h"

#define BROKER	"org.fethd.Broker"
#define SERVICE	"org.varlink.service"

const struct error_row errors[ERRORS] = {
	[ERR_INTERFACE_NOT_FOUND] = { SERVICE, "InterfaceNotFound",
	    { { "interface", 's' } } },
	[ERR_METHOD_NOT_FOUND] = { SERVICE, "MethodNotFound",
	    { { "method", 's' } } },
	[ERR_INVALID_PARAMETER] = { SERVICE, "InvalidParameter",
	    { { "parameter", 's' } } },
	[ERR_EXPECTED_MORE] = { SERVICE, "ExpectedMore", { { NULL, 0 } } },
	[ERR_NOT_PERMITTED] = { BROKER, "NotPermitted",
	    { { "rule", 's' }, { "file", 's' }, { "reason", 's' },
	      { "hint", 's' } } },
	[ERR_QUOTA_EXCEEDED] = { BROKER, "QuotaExceeded",
	    { { "what", 's' }, { "limit", 'i' }, { "used", 'i' },
	      { "rule", 's' } } },
	[ERR_NO_SUCH_LINK] = { BROKER, "NoSuchLink", { { "link", 's' } } },
	[ERR_NAME_IN_USE] = { BROKER, "NameInUse",
	    { { "name", 's' }, { "owner", 'i' } } },
	[ERR_END_BUSY] = { BROKER, "EndBusy",
	    { { "link", 's' }, { "end", 'i' } } },
	[ERR_UNSUPPORTED] = { BROKER, "Unsupported",
	    { { "feature", 's' }, { "backend", 's' }, { "hint", 's' } } },
	[ERR_INVALID_SPEC] = { BROKER, "InvalidSpec",
	    { { "field", 's' }, { "reason", 's' } } },
	[ERR_BACKEND_FAILED] = { BROKER, "BackendFailed",
	    { { "operation", 's' }, { "errno", 'i' }, { "reason", 's' } } },
	[ERR_BUSY] = { BROKER, "Busy", { { "retry_ms", 'i' } } },
	[ERR_INVALID_MESSAGE] = { BROKER, "InvalidMessage",
	    { { "reason", 's' }, { "offset", 'i' } } },
};

/* Print and queue OUT (moved, may be NULL). */
static void
send_json(struct conn *c, cJSON *out, int *fds, unsigned int nfds)
{
	char		*text = NULL;
	unsigned int	 i;

	if (out != NULL)
		text = cJSON_PrintUnformatted(out);
	cJSON_Delete(out);
	if (text != NULL) {
		conn_reply(c, text, strlen(text), fds, nfds);
		return;
	}
	for (i = 0; i < nfds; i++)
		wire_close(&fds[i]);
	conn_shut(c);
}

static cJSON *
envelope(cJSON *parameters, bool continues)
{
	cJSON	*out = cJSON_CreateObject();

	if (parameters == NULL)
		parameters = cJSON_CreateObject();
	if (!cJSON_AddItemToObject(out, "parameters", parameters)) {
		cJSON_Delete(parameters);
		cJSON_Delete(out);
		return NULL;
	}
	if (continues)
		cJSON_AddTrueToObject(out, "continues");
	return out;
}

void
reply_done(struct request *req, cJSON *parameters, int *fds,
    unsigned int nfds)
{
	if (req->oneway) {
		while (nfds > 0)
			wire_close(&fds[--nfds]);
		cJSON_Delete(parameters);
	} else {
		send_json(req->conn, envelope(parameters, false), fds, nfds);
	}
	request_end(req);
}

void
reply_more(struct conn *c, cJSON *parameters, bool continues)
{
	send_json(c, envelope(parameters, continues), NULL, 0);
}

void
reply_error(struct request *req, enum error_id id, ...)
{
	const struct error_row	*row = &errors[id];
	const struct error_field *f;
	char			 name[96];
	cJSON			*out, *parameters;
	va_list			 ap;

	out = cJSON_CreateObject();
	snprintf(name, sizeof(name), "%s.%s", row->interface, row->name);
	cJSON_AddStringToObject(out, "error", name);
	parameters = cJSON_AddObjectToObject(out, "parameters");
	va_start(ap, id);
	for (f = row->fields; f->name != NULL; f++) {
		if (f->type == 's')
			cJSON_AddStringToObject(parameters, f->name,
			    va_arg(ap, const char *));
		else
			cJSON_AddNumberToObject(parameters, f->name,
			    (double)va_arg(ap, int64_t));
	}
	va_end(ap);
	if (req->oneway)
		cJSON_Delete(out);
	else
		send_json(req->conn, out, NULL, 0);
	request_end(req);
}

/* Link */

static void
add_addresses(cJSON *end, const struct end_spec *e)
{
	char		 text[PREFIX_STRLEN];
	cJSON		*list = cJSON_AddArrayToObject(end, "addresses");
	unsigned int	 i;

	for (i = 0; i < e->naddr; i++)
		cJSON_AddItemToArray(list,
		    cJSON_CreateString(prefix_format(&e->addr[i], text)));
}

static void
add_offloads(cJSON *end, const struct end_spec *e)
{
	cJSON	*list;
	int	 i;

	if (e->offloads == 0)
		return;
	list = cJSON_AddArrayToObject(end, "offloads");
	for (i = 0; i < OFFLOADS; i++)
		if ((e->offloads & 1 << i) != 0)
			cJSON_AddItemToArray(list,
			    cJSON_CreateString(offload_names[i]));
}

static cJSON *
end_json(const struct vlink *l, int i, int fd)
{
	const struct end_spec	*e = &l->rec.spec.end[i];
	cJSON			*out = cJSON_CreateObject();
	char			 text[32], ifname[IFNAMSIZ];
	bool			 port = e->kind == END_PORT;

	cJSON_AddStringToObject(out, "kind", end_kind_names[e->kind]);
	if (port)
		cJSON_AddStringToObject(out, "class",
		    port_class_names[e->class]);
	add_offloads(out, e);
	cJSON_AddStringToObject(out, "mac", mac_format(e->mac, text));
	add_addresses(out, e);
	cJSON_AddBoolToObject(out, "attached", port ?
	    l->port[i].holder.conn != NULL : l->state == LINK_UP ||
	    l->state == LINK_DETACHED || l->state == LINK_ORPHAN);
	if (!port) {
		backend_ifname(l->slot, vlink_side(&l->rec.spec, i), ifname);
		cJSON_AddStringToObject(out, "interface", ifname);
	}
	if (fd != -1)
		cJSON_AddNumberToObject(out, "fd", fd);
	return out;
}

static void
add_token(cJSON *out, const uint8_t token[16])
{
	char	text[33];
	int	i;

	for (i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", token[i]);
	cJSON_AddStringToObject(out, "token", text);
}

static void
add_id(cJSON *out, const struct vlink *l)
{
	char	text[24];

	snprintf(text, sizeof(text), "@%llu", (unsigned long long)l->rec.id);
	cJSON_AddStringToObject(out, "id", text);
	cJSON_AddStringToObject(out, "name", l->rec.spec.name);
	cJSON_AddNumberToObject(out, "owner", l->rec.uid);
}

cJSON *
reply_link(const struct vlink *l, const int *fd, bool with_token)
{
	const struct link_spec	*s = &l->rec.spec;
	cJSON			*out = cJSON_CreateObject(), *labels, *ends;
	unsigned int		 i;

	add_id(out, l);
	cJSON_AddStringToObject(out, "kind", link_kind_names[s->kind]);
	cJSON_AddStringToObject(out, "lease", lease_names[s->lease]);
	cJSON_AddStringToObject(out, "state", link_state_names[l->state]);
	cJSON_AddNumberToObject(out, "mtu", s->mtu);
	cJSON_AddStringToObject(out, "backend", l->d->backend->name);
	cJSON_AddNumberToObject(out, "created", (double)l->rec.created);
	labels = cJSON_AddObjectToObject(out, "labels");
	for (i = 0; i < s->nlabels; i++)
		cJSON_AddStringToObject(labels, s->labels[i].key,
		    s->labels[i].value);
	ends = cJSON_AddArrayToObject(out, "ends");
	for (i = 0; i < 2; i++)
		cJSON_AddItemToArray(ends, end_json(l, (int)i,
		    fd != NULL ? fd[i] : -1));
	if (with_token)
		add_token(out, l->rec.token);
	return out;
}

/* LinkStats. The kernel counts from the host's side: what the host receives is
 * what the port sent. */

static void
add_counters(cJSON *end, const struct if_counters *c, bool host)
{
	const struct { const char *name; uint64_t value; } rows[] = {
		{ "rx_frames", host ? c->rx_frames : c->tx_frames },
		{ "rx_bytes", host ? c->rx_bytes : c->tx_bytes },
		{ "rx_dropped", host ? c->rx_dropped : c->tx_dropped },
		{ "tx_frames", host ? c->tx_frames : c->rx_frames },
		{ "tx_bytes", host ? c->tx_bytes : c->rx_bytes },
		{ "tx_dropped", host ? c->tx_dropped : c->rx_dropped },
	};
	size_t	i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cJSON_AddNumberToObject(end, rows[i].name,
		    (double)rows[i].value);
}

cJSON *
reply_stats(const struct vlink *l)
{
	struct if_counters	 c;
	cJSON			*out = cJSON_CreateObject(), *ends, *end;
	bool			 counted;
	int			 i;

	counted = l->rec.spec.kind != LINK_PAIR &&
	    l->d->backend->counters != NULL &&
	    l->d->backend->counters(l->slot, &c) == 0;
	add_id(out, l);
	ends = cJSON_AddArrayToObject(out, "ends");
	for (i = 0; i < 2; i++) {
		end = cJSON_CreateObject();
		cJSON_AddBoolToObject(end, "counted", counted);
		if (counted)
			add_counters(end, &c,
			    vlink_side(&l->rec.spec, i) == 0);
		cJSON_AddItemToArray(ends, end);
	}
	return out;
}

/* Policy */

static cJSON *
rule_json(const struct policy_rule *r)
{
	static const char *const keys[POLICY_LISTS] = {
		[POLICY_WHO] = "who", [POLICY_KINDS] = "kinds",
		[POLICY_CLASSES] = "classes", [POLICY_LEASES] = "leases",
		[POLICY_NAMES] = "names", [POLICY_ADDRESSES] = "addresses",
	};
	cJSON		*out = cJSON_CreateObject(), *list;
	char		 text[POLICY_TEXT];
	unsigned int	 k, i;

	cJSON_AddStringToObject(out, "name", r->name);
	if (r->line != 0)
		cJSON_AddNumberToObject(out, "line", r->line);
	cJSON_AddBoolToObject(out, "allow", r->allow);
	for (k = 0; k < POLICY_LISTS; k++) {
		list = cJSON_AddArrayToObject(out, keys[k]);
		for (i = 0; policy_text(r, (enum policy_list)k, i, text,
		    sizeof(text)); i++)
			cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
	if (r->offloads != POLICY_OFFLOADS_ANY)
		cJSON_AddStringToObject(out, "offloads",
		    r->offloads == POLICY_OFFLOADS_WITH ? "with" : "without");
	cJSON_AddNumberToObject(out, "max_mtu", r->max_mtu);
	cJSON_AddNumberToObject(out, "quota", r->quota);
	return out;
}

cJSON *
reply_policy(const struct policy *p)
{
	cJSON		*out = cJSON_CreateObject(), *rules;
	unsigned int	 i;

	cJSON_AddStringToObject(out, "file", p->file);
	rules = cJSON_AddArrayToObject(out, "rules");
	for (i = 0; i < p->nrules; i++)
		cJSON_AddItemToArray(rules, rule_json(&p->rules[i]));
	return out;
}

/* SPDX-License-Identifier: MIT */
/*
 * libfeth, the links: from a spec to the Open call, from a Link of a reply to
 * struct feth_link, and the calls on it. What the daemon sends is checked here
 * before a getter shows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feth_int.h"

static const char *const class_names[] = {
	[FETH_AUTO] = "auto", [FETH_TAP] = "tap", [FETH_SOCKET] = "socket",
	[FETH_RAW] = "raw", [FETH_STREAM] = "stream",
};
#define NCLASSES	(sizeof(class_names) / sizeof(class_names[0]))

/* Of FETH_OFFLOAD_*, the lowest bit first. */
static const char *const offload_names[] = { "csum", "tso4", "tso6", "uso" };
#define NOFFLOADS	(sizeof(offload_names) / sizeof(offload_names[0]))

static const char *const end_names[] = {
	[FETH_PORT] = "port", [FETH_HOST] = "host",
};

/* ---- From the spec to the call ----------------------------------------- */

/* A call under construction: the first failure stays. */
struct build {
	cJSON		*top;
	int		fds[2];
	unsigned int	nfds;
	bool		failed;		/* no memory */
};

static void
build_string(struct build *b, cJSON *obj, const char *key, const char *value)
{
	if (value != NULL && cJSON_AddStringToObject(obj, key, value) == NULL)
		b->failed = true;
}

static void
build_number(struct build *b, cJSON *obj, const char *key, double value)
{
	if (cJSON_AddNumberToObject(obj, key, value) == NULL)
		b->failed = true;
}

static void
build_bool(struct build *b, cJSON *obj, const char *key, bool value)
{
	if (cJSON_AddBoolToObject(obj, key, value) == NULL)
		b->failed = true;
}

static void
build_addresses(struct build *b, cJSON *end, const char *const *addresses)
{
	cJSON *list, *item;

	if (addresses == NULL || *addresses == NULL)
		return;
	list = cJSON_AddArrayToObject(end, "addresses");
	for (; *addresses != NULL; addresses++) {
		item = cJSON_CreateString(*addresses);
		if (item == NULL || !cJSON_AddItemToArray(list, item)) {
			cJSON_Delete(item);
			b->failed = true;
		}
	}
}

static void
build_offloads(struct build *b, cJSON *end, unsigned int offloads)
{
	cJSON *list, *item;
	size_t i;

	if (offloads == 0)
		return;
	list = cJSON_AddArrayToObject(end, "offloads");
	for (i = 0; i < NOFFLOADS; i++) {
		if ((offloads & 1u << i) == 0)
			continue;
		item = cJSON_CreateString(offload_names[i]);
		if (item == NULL || !cJSON_AddItemToArray(list, item)) {
			cJSON_Delete(item);
			b->failed = true;
		}
	}
}

static int
build_netns(struct build *b, cJSON *end, const char *path,
    struct feth_error *err)
{
	int fd, e;

	if (path == NULL)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		e = errno;
		return feth_fail(err, FETH_INVALID_ARGUMENT, e, NULL,
		    "network namespace %s: %s", path, strerror(e));
	}
	build_number(b, end, "netns", b->nfds);
	b->fds[b->nfds++] = fd;
	return 0;
}

static int
build_end(struct build *b, cJSON *ends, const struct feth_end_spec *s,
    struct feth_error *err)
{
	cJSON *end;

	if ((unsigned int)s->kind > FETH_HOST ||
	    (unsigned int)s->port_class >= NCLASSES ||
	    (s->offloads & ~FETH_OFFLOAD_ALL) != 0) {
		return feth_fail(err, FETH_INVALID_ARGUMENT, 0, NULL,
		    "an end's kind, class or offloads are out of range");
	}
	end = cJSON_CreateObject();
	if (end == NULL || !cJSON_AddItemToArray(ends, end)) {
		cJSON_Delete(end);
		return feth_fail_memory(err);
	}
	build_string(b, end, "kind", end_names[s->kind]);
	build_string(b, end, "mac", s->mac);
	if (s->port_class != FETH_AUTO)
		build_string(b, end, "class", class_names[s->port_class]);
	if (s->take != FETH_TAKE_DEFAULT)
		build_bool(b, end, "take", s->take == FETH_TAKE_YES);
	build_offloads(b, end, s->offloads);
	build_addresses(b, end, s->addresses);
	return build_netns(b, end, s->netns, err);
}

static void
build_labels(struct build *b, const struct feth_label *label)
{
	cJSON *labels;

	if (label == NULL || label->key == NULL)
		return;
	labels = cJSON_AddObjectToObject(b->top, "labels");
	for (; label->key != NULL; label++)
		build_string(b, labels, label->key,
		    label->value != NULL ? label->value : "");
}

static int
build_open(struct build *b, const struct feth_spec *s, struct feth_error *err)
{
	cJSON *ends;
	int r;

	b->top = cJSON_CreateObject();
	ends = cJSON_AddArrayToObject(b->top, "ends");
	if (ends == NULL)
		return feth_fail_memory(err);
	r = build_end(b, ends, &s->end[0], err);
	if (r == 0)
		r = build_end(b, ends, &s->end[1], err);
	if (r < 0)
		return r;
	build_string(b, b->top, "name", s->name);
	if (s->lease != FETH_SESSION)
		build_string(b, b->top, "lease", "named");
	if (s->mtu != 0)
		build_number(b, b->top, "mtu", s->mtu);
	if (s->dry_run)
		build_bool(b, b->top, "dry_run", true);
	build_labels(b, s->labels);
	return b->failed ? feth_fail_memory(err) : 0;
}

/* Copy the caller's SPEC, which may be of an older or newer library, to
 * OURS. */
static int
spec_copy(struct feth_spec *ours, const struct feth_spec *spec,
    struct feth_error *err)
{
	const unsigned char *extra = (const unsigned char *)spec;
	size_t i, size = sizeof(*ours);

	memset(ours, 0, size);
	if (spec->size < offsetof(struct feth_spec, lease)) {
		return feth_fail(err, FETH_INVALID_ARGUMENT, 0,
		    "set .size = sizeof(struct feth_spec)",
		    "the size of the spec is not set");
	}
	for (i = size; i < spec->size; i++) {
		if (extra[i] != 0) {
			return feth_fail(err, FETH_INVALID_ARGUMENT, 0,
			    "link with a newer libfeth",
			    "the spec asks for what this library cannot do");
		}
	}
	memcpy(ours, spec, spec->size < size ? spec->size : size);
	return 0;
}

static int
build_spec(struct build *b, const struct feth_spec *spec,
    struct feth_error *err)
{
	struct feth_spec ours;
	int code;

	memset(b, 0, sizeof(*b));
	b->fds[0] = b->fds[1] = -1;
	code = spec_copy(&ours, spec, err);
	return code < 0 ? code : build_open(b, &ours, err);
}

static cJSON *
build_take(struct build *b)
{
	cJSON *top = b->top;

	b->top = NULL;
	return top;
}

static void
build_clear(struct build *b)
{
	cJSON_Delete(b->top);
	wire_close(&b->fds[0]);
	wire_close(&b->fds[1]);
}

/* ---- From the reply to the link ---------------------------------------- */

static const cJSON *
link_end_tree(const struct feth_link *l, int end)
{
	return cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(l->tree,
	    "ends"), end);
}

static const char *
tree_string(const cJSON *obj, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(obj, key);

	return cJSON_IsString(v) ? v->valuestring : "";
}

/* What is wrong with the end E, or NULL. */
static const char *
tree_check_end(const cJSON *e)
{
	const cJSON *list, *item;
	const char *kind = tree_string(e, "kind");

	if (strcmp(kind, "port") != 0 && strcmp(kind, "host") != 0)
		return "an end without kind";
	list = cJSON_GetObjectItemCaseSensitive(e, "addresses");
	if (list != NULL && !cJSON_IsNull(list) && !cJSON_IsArray(list))
		return "addresses that are no list";
	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item))
			return "an address that is no string";
	}
	return NULL;
}

/* What is wrong with the Link T, or NULL. */
static const char *
tree_check(const cJSON *t)
{
	const cJSON *mtu, *ends, *e;
	const char *bad;

	if (*tree_string(t, "id") == '\0')
		return "a link without id";
	mtu = cJSON_GetObjectItemCaseSensitive(t, "mtu");
	if (!cJSON_IsNumber(mtu) || !(mtu->valuedouble >= FETH_MTU_MIN &&
	    mtu->valuedouble <= FETH_MTU_MAX))
		return "a link without a possible MTU";
	ends = cJSON_GetObjectItemCaseSensitive(t, "ends");
	if (!cJSON_IsArray(ends) || cJSON_GetArraySize(ends) != 2)
		return "a link without two ends";
	cJSON_ArrayForEach(e, ends) {
		bad = tree_check_end(e);
		if (bad != NULL)
			return bad;
	}
	return NULL;
}

/* The addresses of end E as a NULL-ended vector into the tree. */
static char **
tree_addresses(const cJSON *e)
{
	const cJSON *list, *item;
	char **v;
	int n = 0;

	list = cJSON_GetObjectItemCaseSensitive(e, "addresses");
	v = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*v));
	if (v == NULL)
		return NULL;
	cJSON_ArrayForEach(item, list)
		v[n++] = item->valuestring;
	return v;
}

static int
link_bad(const char *what, struct feth_error *err)
{
	return feth_fail(err, FETH_PROTOCOL, 0, NULL,
	    "the daemon's reply makes no sense: %s", what);
}

/* Remember the token apart, so that feth_json does not tell it. */
static int
link_keep_token(struct feth_link *l, cJSON *tree)
{
	const char *token = tree_string(tree, "token");
	char *copy;

	if (*token != '\0') {
		copy = strdup(token);
		if (copy == NULL)
			return -ENOMEM;
		free(l->token);
		l->token = copy;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(tree, "token");
	return 0;
}

/* The description in R replaces L's; R keeps the rest. */
static int
link_describe(struct feth_link *l, struct feth_reply *r,
    struct feth_error *err)
{
	const char *bad;
	char **a0, **a1;
	cJSON *tree;

	tree = cJSON_GetObjectItemCaseSensitive(r->parameters, "link");
	bad = tree_check(tree);
	if (bad != NULL)
		return link_bad(bad, err);
	a0 = tree_addresses(cJSON_GetArrayItem(
	    cJSON_GetObjectItemCaseSensitive(tree, "ends"), 0));
	a1 = tree_addresses(cJSON_GetArrayItem(
	    cJSON_GetObjectItemCaseSensitive(tree, "ends"), 1));
	if (a0 == NULL || a1 == NULL || link_keep_token(l, tree) < 0) {
		free(a0);
		free(a1);
		return feth_fail_memory(err);
	}
	free(l->addresses[0]);
	free(l->addresses[1]);
	l->addresses[0] = a0;
	l->addresses[1] = a1;
	cJSON_Delete(l->tree);
	l->tree = cJSON_DetachItemViaPointer(cJSON_GetObjectItemCaseSensitive(
	    r->tree, "parameters"), tree);
	return 0;
}

/* Where in R the descriptor of END is: NULL when there is none. */
static int
link_reply_fd(struct feth_link *l, struct feth_reply *r, int end, int **fd,
    struct feth_error *err)
{
	const cJSON *v;

	*fd = NULL;
	v = cJSON_GetObjectItemCaseSensitive(link_end_tree(l, end), "fd");
	if (v == NULL || cJSON_IsNull(v))
		return 0;
	if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 &&
	    v->valuedouble < r->nfds) ||
	    v->valuedouble != (int)v->valuedouble ||
	    r->fds[(int)v->valuedouble] == -1)
		return link_bad("a descriptor that did not come", err);
	*fd = &r->fds[(int)v->valuedouble];
	return 0;
}

/* FD becomes L's port END. */
static int
link_port(struct feth_link *l, int end, int *fd, struct feth_error *err)
{
	return feth_port_init(&l->port[end], fd, feth_class_name(l, end),
	    feth_offloads(l, end), feth_mtu(l) + FETH_OVERHEAD, err);
}

/* Take the descriptors that R brought for L's ports. */
static int
link_take_ports(struct feth_link *l, struct feth_reply *r,
    struct feth_error *err)
{
	struct feth_port *p;
	int end, code, *fd;

	for (end = 0; end < 2; end++) {
		p = &l->port[end];
		code = link_reply_fd(l, r, end, &fd, err);
		if (code == 0 && fd != NULL && p->fd == -1)
			code = link_port(l, end, fd, err);
		else if (code == 0 && fd != NULL)
			code = feth_port_replace(p, fd, err);
		if (code < 0)
			return code;
	}
	l->mine = !l->port[0].held && l->port[1].held ? 1 : 0;
	return 0;
}

static struct feth_link *
link_new(struct feth_conn *c)
{
	struct feth_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	feth_port_none(&l->port[0]);
	feth_port_none(&l->port[1]);
	l->conn = c;
	l->next = c->links;
	l->prev = &c->links;
	if (l->next != NULL)
		l->next->prev = &l->next;
	c->links = l;
	return l;
}

/* Call METHOD, whose reply is a new link. Consumes PARAMETERS. */
static int
link_call(struct feth_conn *c, const char *method, cJSON *parameters,
    const int *fds, unsigned int nfds, struct feth_link **link,
    struct feth_error *err)
{
	struct feth_reply r;
	struct feth_link *l;
	int code;

	*link = NULL;
	code = feth_call_tree(c, method, parameters, fds, nfds, &r, err);
	if (code < 0)
		return code;
	l = link_new(c);
	if (l == NULL)
		code = feth_fail_memory(err);
	else
		code = link_describe(l, &r, err);
	if (code == 0)
		code = link_take_ports(l, &r, err);
	feth_reply_clear(&r);
	if (code < 0)
		feth_free(l);
	else
		*link = l;
	return code;
}

int
feth_open(struct feth_conn *c, const struct feth_spec *spec,
    struct feth_link **link, struct feth_error *err)
{
	struct build b;
	int code;

	*link = NULL;
	code = build_spec(&b, spec, err);
	if (code == 0)
		code = link_call(c, "Open", build_take(&b), b.fds, b.nfds, link,
		    err);
	build_clear(&b);
	return code;
}

char *
feth_spec_json(const struct feth_spec *spec, struct feth_error *err)
{
	struct build b;
	char *text = NULL;

	if (build_spec(&b, spec, err) == 0) {
		text = cJSON_PrintUnformatted(b.top);
		if (text == NULL)
			feth_fail_memory(err);
	}
	build_clear(&b);
	return text;
}

/* {"link": NAME}, to which the caller may add; NULL: no memory. */
static cJSON *
name_tree(const char *name)
{
	cJSON *t = cJSON_CreateObject();

	if (cJSON_AddStringToObject(t, "link", name) != NULL)
		return t;
	cJSON_Delete(t);
	return NULL;
}

/* As name_tree, and "end" unless it is FETH_MINE. */
static cJSON *
name_end_tree(const char *name, int end)
{
	cJSON *t = name_tree(name);

	if (end == FETH_MINE || cJSON_AddNumberToObject(t, "end", end) != NULL)
		return t;
	cJSON_Delete(t);
	return NULL;
}

int
feth_attach(struct feth_conn *c, const char *name, int end,
    enum feth_class port_class, struct feth_link **link,
    struct feth_error *err)
{
	cJSON *t;

	*link = NULL;
	if (end < FETH_MINE || end > 1 ||
	    (unsigned int)port_class >= NCLASSES) {
		return feth_fail(err, FETH_INVALID_ARGUMENT, 0, NULL,
		    "the end or the class is out of range");
	}
	t = name_end_tree(name, end);
	if (t != NULL && port_class != FETH_AUTO &&
	    cJSON_AddStringToObject(t, "class", class_names[port_class]) ==
	    NULL) {
		cJSON_Delete(t);
		t = NULL;
	}
	return link_call(c, "Attach", t, NULL, 0, link, err);
}

/* ---- Coming back ------------------------------------------------------- */

static cJSON *
resume_tree(const char *name, const char *token, int end)
{
	cJSON *t = name_end_tree(name, end);

	if (cJSON_AddStringToObject(t, "token", token) != NULL)
		return t;
	cJSON_Delete(t);
	return NULL;
}

/* Resume L by its port END (FETH_MINE: it holds none). */
static int
link_resume_end(struct feth_link *l, int end, struct feth_error *err)
{
	struct feth_reply r;
	int code;

	code = feth_call_tree(l->conn, "Resume", resume_tree(feth_id(l),
	    feth_token(l), end), NULL, 0, &r, err);
	if (code < 0)
		return code;
	code = link_describe(l, &r, err);
	if (code == 0)
		code = link_take_ports(l, &r, err);
	feth_reply_clear(&r);
	return code;
}

/* A link that was attached to has no token. It is ours still when the daemon
 * has the very same one; a new daemon may have given its id away. */
static int
link_recheck(struct feth_link *l, struct feth_error *err)
{
	struct feth_reply r;
	const cJSON *now, *then = l->tree;
	int code;

	code = feth_call_tree(l->conn, "Get", name_tree(feth_id(l)), NULL, 0,
	    &r, err);
	if (code < 0)
		return code;
	now = cJSON_GetObjectItemCaseSensitive(r.parameters, "link");
	if (strcmp(tree_string(now, "name"), feth_name(l)) != 0 ||
	    !cJSON_Compare(cJSON_GetObjectItemCaseSensitive(now, "owner"),
	    cJSON_GetObjectItemCaseSensitive(then, "owner"), 1) ||
	    !cJSON_Compare(cJSON_GetObjectItemCaseSensitive(now, "created"),
	    cJSON_GetObjectItemCaseSensitive(then, "created"), 1))
		code = feth_fail(err, FETH_NO_SUCH_LINK, 0, NULL,
		    "link \"%.63s\" is another one now", feth_name(l));
	else
		code = link_describe(l, &r, err);
	feth_reply_clear(&r);
	return code;
}

int
feth_link_resume(struct feth_link *l, struct feth_error *err)
{
	int end, code, resumed = 0;

	if (l->token == NULL)
		return link_recheck(l, err);
	for (end = 0; end < 2; end++) {
		if (!l->port[end].held)
			continue;
		code = link_resume_end(l, end, err);
		/* The link is back with the first of two ports. */
		if (code < 0 && (resumed == 0 || l->conn->fd == -1))
			return code;
		resumed++;
	}
	return resumed > 0 ? 0 : link_resume_end(l, FETH_MINE, err);
}

int
feth_resume(struct feth_conn *c, const char *name, const char *token, int end,
    int fd, struct feth_link **link, struct feth_error *err)
{
	struct feth_link *l;
	struct feth_port *p;
	int code;

	*link = NULL;
	if (end < FETH_MINE || end > 1 || (fd != -1 && end == FETH_MINE)) {
		return feth_fail(err, FETH_INVALID_ARGUMENT, 0, NULL,
		    "the end is out of range");
	}
	code = link_call(c, "Resume", resume_tree(name, token, end), NULL, 0,
	    &l, err);
	if (code < 0)
		return code;
	p = &l->port[end == FETH_MINE ? 0 : end];
	if (fd != -1 && p->fd != -1)
		close(fd);	/* the daemon gave a new one */
	else if (fd != -1)
		code = link_port(l, end, &fd, err);
	if (code < 0) {
		feth_free(l);
		return code;
	}
	l->mine = !l->port[0].held && l->port[1].held ? 1 : 0;
	*link = l;
	return 0;
}

/* ---- The end of links -------------------------------------------------- */

/* Call METHOD with PARAMETERS, which it consumes; the reply is empty. */
static int
link_tell(struct feth_link *l, const char *method, cJSON *parameters,
    struct feth_error *err)
{
	struct feth_reply r;
	int code;

	if (l->conn == NULL) {
		cJSON_Delete(parameters);
		return feth_fail(err, FETH_CONNECTION_LOST, 0, NULL,
		    "the link's connection is closed");
	}
	code = feth_call_tree(l->conn, method, parameters, NULL, 0, &r, err);
	feth_reply_clear(&r);
	return code;
}

static int
link_end(const struct feth_link *l, int end)
{
	return end < 0 ? l->mine : end & 1;
}

int
feth_detach(struct feth_link *l, int end, struct feth_error *err)
{
	int e = link_end(l, end);
	bool held = l->port[e].held;

	feth_port_close(&l->port[e]);
	l->mine = !l->port[0].held && l->port[1].held ? 1 : 0;
	if (!held) {
		return feth_fail(err, FETH_INVALID_ARGUMENT, 0, NULL,
		    "end %d of the link is not held by this program", e);
	}
	return link_tell(l, "Detach", name_end_tree(feth_id(l), e), err);
}

int
feth_close(struct feth_link *l, struct feth_error *err)
{
	int code;

	code = link_tell(l, "Close", name_tree(feth_id(l)), err);
	feth_port_close(&l->port[0]);
	feth_port_close(&l->port[1]);
	l->gone = true;
	return code;
}

void
feth_free(struct feth_link *l)
{
	if (l == NULL)
		return;
	if (l->prev != NULL) {
		*l->prev = l->next;
		if (l->next != NULL)
			l->next->prev = l->prev;
	}
	feth_port_close(&l->port[0]);
	feth_port_close(&l->port[1]);
	cJSON_Delete(l->tree);
	free(l->addresses[0]);
	free(l->addresses[1]);
	free(l->token);
	free(l);
}

int
feth_refresh(struct feth_link *l, struct feth_error *err)
{
	struct feth_reply r;
	int code;

	if (l->conn == NULL)
		return link_tell(l, "Get", NULL, err);
	code = feth_call_tree(l->conn, "Get", name_tree(feth_id(l)), NULL, 0,
	    &r, err);
	if (code == -FETH_NO_SUCH_LINK)
		l->gone = true;
	if (code < 0)
		return code;
	code = link_describe(l, &r, err);
	feth_reply_clear(&r);
	return code;
}

/* ---- Getters ----------------------------------------------------------- */

const char *
feth_id(const struct feth_link *l)
{
	return tree_string(l->tree, "id");
}

const char *
feth_name(const struct feth_link *l)
{
	return tree_string(l->tree, "name");
}

const char *
feth_kind(const struct feth_link *l)
{
	return tree_string(l->tree, "kind");
}

const char *
feth_state(const struct feth_link *l)
{
	return l->gone ? "gone" : tree_string(l->tree, "state");
}

const char *
feth_token(const struct feth_link *l)
{
	return l->token != NULL ? l->token : "";
}

const char *
feth_mac(const struct feth_link *l, int end)
{
	return tree_string(link_end_tree(l, link_end(l, end)), "mac");
}

const char *
feth_interface(const struct feth_link *l, int end)
{
	return tree_string(link_end_tree(l, link_end(l, end)), "interface");
}

const char *const *
feth_addresses(const struct feth_link *l, int end)
{
	return (const char *const *)l->addresses[link_end(l, end)];
}

enum feth_end_kind
feth_end_kind(const struct feth_link *l, int end)
{
	return strcmp(tree_string(link_end_tree(l, link_end(l, end)), "kind"),
	    "host") == 0 ? FETH_HOST : FETH_PORT;
}

const char *
feth_class_name(const struct feth_link *l, int end)
{
	return tree_string(link_end_tree(l, link_end(l, end)), "class");
}

enum feth_class
feth_class(const struct feth_link *l, int end)
{
	const char *name = feth_class_name(l, end);
	size_t i;

	for (i = 0; i < NCLASSES; i++) {
		if (strcmp(class_names[i], name) == 0)
			return (enum feth_class)i;
	}
	return FETH_AUTO;
}

unsigned int
feth_offloads(const struct feth_link *l, int end)
{
	const cJSON *v;
	unsigned int mask = 0;
	size_t i;

	cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(
	    link_end_tree(l, link_end(l, end)), "offloads")) {
		for (i = 0; i < NOFFLOADS && cJSON_IsString(v); i++) {
			if (strcmp(offload_names[i], v->valuestring) == 0)
				mask |= 1u << i;
		}
	}
	return mask;
}

unsigned int
feth_mtu(const struct feth_link *l)
{
	return (unsigned int)cJSON_GetObjectItemCaseSensitive(l->tree,
	    "mtu")->valuedouble;
}

size_t
feth_frame_max(const struct feth_link *l)
{
	if ((feth_offloads(l, 0) | feth_offloads(l, 1)) != 0)
		return FETH_GSO_MAX;
	return feth_mtu(l) + FETH_OVERHEAD;
}

int
feth_end(const struct feth_link *l)
{
	return l->mine;
}

int
feth_peer_end(const struct feth_link *l)
{
	return 1 - l->mine;
}

char *
feth_json(const struct feth_link *l)
{
	return cJSON_PrintUnformatted(l->tree);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads fethd.conf into struct policy. Called at start and at reload, by a
 * process without privileges. Every mistake is answered with its line and what
 * would be right; it must never guess, and never go on with half a policy.
 *
 * cJSON keeps no positions. The strict parser has seen to it that the tree and
 * the text hold the same values in the same order, so the line of a value is
 * found by its number: the n-th of the tree in pre-order is the n-th that
 * begins in the text.
 */
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "json.h"
#include "log.h"

static_assert(BOUND_RULES < BOUND_MEMBERS, "too many rules are told as such");

struct conf {
	const char	*path;
	const char	*text;		/* comments stripped */
	size_t		size;
	const cJSON	*tree;
	struct policy	*policy;
	char		*err;
	size_t		errsize;
};

/* A key of an object: how its value is read into what AT points to. */
struct conf_key {
	const char	*name;
	bool		required;
	int		(*read)(struct conf *c, const cJSON *v, void *at);
};

/* Count the values of TREE up to and with ITEM; true when ITEM was met. */
static bool
conf_ordinal(const cJSON *tree, const cJSON *item, unsigned int *n)
{
	const cJSON *child;

	++*n;
	if (tree == item)
		return (true);
	cJSON_ArrayForEach(child, tree)
		if (conf_ordinal(child, item, n))
			return (true);
	return (false);
}

/* The end of the token (string, number, literal or one character) at P. */
static const char *
conf_token_end(const char *p)
{
	if (strchr("{}[]:,", *p) != NULL)
		return (p + 1);
	if (*p != '"')
		return (p + strcspn(p, " \t\r\n{}[]:,"));
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return (p + 1);
}

/*
 * The line of TEXT (valid JSON, ended by NUL) on which the N-th value (1 ..)
 * has its key, or begins when it has none.
 */
static unsigned int
conf_line(const char *text, unsigned int n)
{
	const char *p, *end;
	unsigned int line = 1, key = 0;

	for (p = text; *p != '\0'; p = end) {
		end = p + 1;
		if (*p == '\n')
			line++;
		if (strchr(" \t\r\n", *p) != NULL)
			continue;
		end = conf_token_end(p);
		if (strchr("}]:,", *p) != NULL)
			continue;
		if (*p == '"' && end[strspn(end, " \t\r\n")] == ':') {
			key = line;
			continue;
		}
		if (--n == 0)
			return (key != 0 ? key : line);
		key = 0;
	}
	return (line);
}

/* Fill the error for ITEM of the tree. */
static int __attribute__((format(printf, 3, 4)))
conf_fail(struct conf *c, const cJSON *item, const char *fmt, ...)
{
	char what[400];
	unsigned int n = 0;
	va_list ap;

	conf_ordinal(c->tree, item, &n);
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(c->err, c->errsize, "%s:%u: %s", c->path,
	    conf_line(c->text, n), what);
	return (-EINVAL);
}

/* What the administrator wrote, fit to be shown; one at a time. */
#define CONF_QUOTE	80
static const char *
conf_quote(const char *s, char *buf)
{
	return (log_escape(s, buf, CONF_QUOTE));
}

/* "a, b and c" of the NULL-ended NAMES. */
static const char *
conf_names(const char *const *names, char *buf, size_t size)
{
	size_t len = 0;
	unsigned int i;

	buf[0] = '\0';
	for (i = 0; names[i] != NULL && len < size; i++) {
		snprintf(buf + len, size - len, "%s%s", i == 0 ? "" :
		    names[i + 1] == NULL ? " and " : ", ", names[i]);
		len += strlen(buf + len);
	}
	return (buf);
}

static int
conf_unknown_key(struct conf *c, const cJSON *v, const struct conf_key *keys,
    const char *what)
{
	const char *names[16];
	char buf[CONF_QUOTE], list[160];
	unsigned int i;

	for (i = 0; keys[i].name != NULL; i++)
		names[i] = keys[i].name;
	names[i] = NULL;
	return (conf_fail(c, v, "unknown key \"%s\": the keys of %s are %s",
	    conf_quote(v->string, buf), what,
	    conf_names(names, list, sizeof(list))));
}

/* Read the object OBJ, which is WHAT ("a rule"), in the order of KEYS. */
static int
conf_object(struct conf *c, const cJSON *obj, const struct conf_key *keys,
    const char *what, void *at)
{
	const struct conf_key *k;
	const cJSON *v;
	int r;

	if (!cJSON_IsObject(obj))
		return (conf_fail(c, obj, "%s is an object: { ... }", what));
	cJSON_ArrayForEach(v, obj) {
		for (k = keys; k->name != NULL; k++)
			if (strcmp(k->name, v->string) == 0)
				break;
		if (k->name == NULL)
			return (conf_unknown_key(c, v, keys, what));
	}
	for (k = keys; k->name != NULL; k++) {
		v = cJSON_GetObjectItemCaseSensitive(obj, k->name);
		if (v == NULL && k->required)
			return (conf_fail(c, obj, "%s without \"%s\"", what,
			    k->name));
		if (v != NULL && (r = k->read(c, v, at)) != 0)
			return (r);
	}
	return (0);
}

/* Read the array V of strings by ONE; it is the list NAME of a rule. */
static int
conf_list(struct conf *c, const cJSON *v, const char *name,
    struct policy_rule *rule,
    int (*one)(struct conf *c, const cJSON *item, struct policy_rule *rule))
{
	const cJSON *item;
	int n, r;

	if (!cJSON_IsArray(v))
		return (conf_fail(c, v, "\"%s\" is an array of strings: "
		    "[\"...\", ...]", name));
	n = cJSON_GetArraySize(v);
	if (n == 0)
		return (conf_fail(c, v, "an empty list fits nothing: leave "
		    "\"%s\" out when any will do", name));
	if (n > BOUND_RULE_LIST)
		return (conf_fail(c, v, "\"%s\" has %d entries: at most %d, "
		    "so make a second rule", name, n, BOUND_RULE_LIST));
	cJSON_ArrayForEach(item, v) {
		if (!cJSON_IsString(item))
			return (conf_fail(c, item, "an entry of \"%s\" is a "
			    "string", name));
		if ((r = one(c, item, rule)) != 0)
			return (r);
	}
	return (0);
}

static int
conf_number(struct conf *c, const cJSON *v, uint32_t min, uint32_t max,
    uint32_t *out)
{
	double d;

	d = cJSON_IsNumber(v) ? v->valuedouble : -1;
	if (!(d >= min && d <= max) || d != (double)(uint32_t)d)
		return (conf_fail(c, v, "\"%s\" is a whole number from %" PRIu32
		    " to %" PRIu32, v->string, min, max));
	*out = d;
	return (0);
}

/* ITEM is one of NAMES (from FIRST on): set its bit in MASK. */
static int
conf_bit(struct conf *c, const cJSON *item, const char *const *names,
    unsigned int first, const char *what, uint32_t *mask)
{
	char buf[CONF_QUOTE], list[80];
	unsigned int i;

	for (i = first; names[i] != NULL; i++)
		if (strcmp(names[i], item->valuestring) == 0)
			break;
	if (names[i] == NULL)
		return (conf_fail(c, item, "\"%s\" is no %s: there are %s",
		    conf_quote(item->valuestring, buf), what,
		    conf_names(names + first, list, sizeof(list))));
	if (*mask & UINT32_C(1) << i)
		return (conf_fail(c, item, "\"%s\" is there twice", names[i]));
	*mask |= UINT32_C(1) << i;
	return (0);
}

/* Parse the text of ITEM, which must be a network and not a host in one. */
static int
conf_prefix(struct conf *c, const cJSON *item, const char *text,
    const char *expected, struct prefix *p)
{
	char buf[CONF_QUOTE], right[PREFIX_STRLEN];
	struct prefix net;
	unsigned int b;

	if (prefix_parse(text, p) != 0)
		return (conf_fail(c, item, "\"%s\" is not %s",
		    conf_quote(text, buf), expected));
	if (prefix_is_network(p))
		return (0);
	net = *p;
	for (b = p->len; b < prefix_bits(p); b++)
		net.addr[b / 8] &= ~(0x80u >> b % 8);
	return (conf_fail(c, item, "\"%s\" has bits set past its length: did "
	    "you mean %s?", conf_quote(text, buf), prefix_format(&net, right)));
}

static int
who_number(struct conf *c, const cJSON *item, const char *text, uint32_t *out)
{
	char buf[CONF_QUOTE];
	unsigned long long n = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9' && n < UINT32_MAX; p++)
		n = n * 10 + (*p - '0');
	if (p == text || *p != '\0' || n >= UINT32_MAX)
		return (conf_fail(c, item, "\"%s\" is no id: a number from 0 "
		    "to %" PRIu32, conf_quote(text, buf), UINT32_MAX - 1));
	*out = n;
	return (0);
}

/* The look-up of NAME gave nothing; ERROR says whether that is an answer. */
static int
who_missing(struct conf *c, const cJSON *item, const char *what,
    const char *name, const char *make, int error)
{
	char buf[CONF_QUOTE];

	conf_quote(name, buf);
	if (error == EIO || error == EMFILE || error == ENFILE ||
	    error == ENOMEM || error == EINTR)
		return (conf_fail(c, item, "%s \"%s\" cannot be looked up: %s",
		    what, buf, strerror(error)));
	return (conf_fail(c, item, "there is no %s \"%s\": make it first (%s "
	    "%s), or leave the entry out", what, buf, make, buf));
}

static int
who_uid(struct conf *c, const cJSON *item, const char *text,
    struct policy_rule *rule)
{
	return (who_number(c, item, text, &rule->uids[rule->nuids++]));
}

static int
who_gid(struct conf *c, const cJSON *item, const char *text,
    struct policy_rule *rule)
{
	return (who_number(c, item, text, &rule->gids[rule->ngids++]));
}

static int
who_user(struct conf *c, const cJSON *item, const char *text,
    struct policy_rule *rule)
{
	const struct passwd *pw;

	errno = 0;
	if ((pw = getpwnam(text)) == NULL)
		return (who_missing(c, item, "user", text, "useradd -r",
		    errno));
	rule->uids[rule->nuids++] = pw->pw_uid;
	return (0);
}

static int
who_group(struct conf *c, const cJSON *item, const char *text,
    struct policy_rule *rule)
{
	const struct group *gr;

	if (strlen(text) > BOUND_NAME)
		return (conf_fail(c, item, "the name of a group is at most %d "
		    "bytes", BOUND_NAME));
	errno = 0;
	if ((gr = getgrnam(text)) == NULL)
		return (who_missing(c, item, "group", text, "groupadd -r",
		    errno));
	strcpy(rule->groups[rule->ngids], text);
	rule->gids[rule->ngids++] = gr->gr_gid;
	return (0);
}

static const struct who {
	const char	*prefix;
	int		(*read)(struct conf *c, const cJSON *item,
			    const char *text, struct policy_rule *rule);
} whos[] = {
	{ "uid:", who_uid },
	{ "user:", who_user },
	{ "gid:", who_gid },
	{ "group:", who_group },
};

static int
rule_who_one(struct conf *c, const cJSON *item, struct policy_rule *rule)
{
	const char *text = item->valuestring;
	char buf[CONF_QUOTE];
	unsigned int i;
	size_t len;

	if (strcmp(text, "anybody") == 0) {
		if (rule->nuids + rule->ngids > 0 || item->next != NULL)
			return (conf_fail(c, item, "\"anybody\" stands alone: "
			    "other entries beside it have no effect"));
		rule->anybody = true;
		return (0);
	}
	for (i = 0; i < sizeof(whos) / sizeof(whos[0]); i++) {
		len = strlen(whos[i].prefix);
		if (strncmp(text, whos[i].prefix, len) == 0)
			return (whos[i].read(c, item, text + len, rule));
	}
	return (conf_fail(c, item, "\"%s\" is nobody: \"anybody\", \"uid:N\", "
	    "\"user:NAME\", \"gid:N\" or \"group:NAME\"",
	    conf_quote(text, buf)));
}

static int
rule_who(struct conf *c, const cJSON *v, void *at)
{
	return (conf_list(c, v, "who", at, rule_who_one));
}

static int
rule_kinds_one(struct conf *c, const cJSON *item, struct policy_rule *rule)
{
	return (conf_bit(c, item, link_kind_names, 0, "kind of link",
	    &rule->kinds));
}

static int
rule_kinds(struct conf *c, const cJSON *v, void *at)
{
	return (conf_list(c, v, "kinds", at, rule_kinds_one));
}

static int
rule_classes_one(struct conf *c, const cJSON *item, struct policy_rule *rule)
{
	/* "auto" is what callers say; policy sees what became of it. */
	return (conf_bit(c, item, port_class_names, CLASS_AUTO + 1,
	    "class of port", &rule->classes));
}

static int
rule_classes(struct conf *c, const cJSON *v, void *at)
{
	return (conf_list(c, v, "classes", at, rule_classes_one));
}

static int
rule_leases_one(struct conf *c, const cJSON *item, struct policy_rule *rule)
{
	return (conf_bit(c, item, lease_names, 0, "lease", &rule->leases));
}

static int
rule_leases(struct conf *c, const cJSON *v, void *at)
{
	return (conf_list(c, v, "leases", at, rule_leases_one));
}

static int
rule_names_one(struct conf *c, const cJSON *item, struct policy_rule *rule)
{
	char buf[CONF_QUOTE];

	if (!spec_name_ok(item->valuestring))
		return (conf_fail(c, item, "no link's name begins with \"%s\": "
		    "1 to %d of A-Z a-z 0-9 . _ -, not . or - first",
		    conf_quote(item->valuestring, buf), BOUND_NAME));
	strcpy(rule->names[rule->nnames++], item->valuestring);
	return (0);
}

static int
rule_names(struct conf *c, const cJSON *v, void *at)
{
	return (conf_list(c, v, "names", at, rule_names_one));
}

static int
rule_addresses_one(struct conf *c, const cJSON *item, struct policy_rule *rule)
{
	bool pool = strcmp(item->valuestring, "pool") == 0;
	struct prefix p;
	int r;

	if (rule->naddr + (pool ? 2 : 1) > BOUND_RULE_LIST)
		return (conf_fail(c, item, "\"addresses\" has more than %d "
		    "ranges (\"pool\" is two): make a second rule",
		    BOUND_RULE_LIST));
	if (pool) {
		rule->addr[rule->naddr++] = c->policy->pool4;
		rule->addr[rule->naddr++] = c->policy->pool6;
		return (0);
	}
	if ((r = conf_prefix(c, item, item->valuestring, "\"pool\" or a range "
	    "such as \"10.0.0.0/8\" or \"fd00::/8\"", &p)) != 0)
		return (r);
	rule->addr[rule->naddr++] = p;
	return (0);
}

static int
rule_addresses(struct conf *c, const cJSON *v, void *at)
{
	return (conf_list(c, v, "addresses", at, rule_addresses_one));
}

static int
rule_name(struct conf *c, const cJSON *v, void *at)
{
	struct policy_rule *rule = at, *other;

	if (!cJSON_IsString(v) || !spec_name_ok(v->valuestring))
		return (conf_fail(c, v, "the name of a rule is a string, 1 to "
		    "%d of A-Z a-z 0-9 . _ -, not . or - first", BOUND_NAME));
	for (other = c->policy->rules; other < rule; other++)
		if (strcmp(other->name, v->valuestring) == 0)
			return (conf_fail(c, v, "the rule on line %u is named "
			    "\"%s\" too: each needs a name of its own",
			    other->line, other->name));
	strcpy(rule->name, v->valuestring);
	return (0);
}

static int
rule_allow(struct conf *c, const cJSON *v, void *at)
{
	struct policy_rule *rule = at;

	if (!cJSON_IsBool(v))
		return (conf_fail(c, v, "\"allow\" is true, or false for a "
		    "rule that refuses"));
	rule->allow = cJSON_IsTrue(v);
	return (0);
}

/* V makes sense in a rule that allows only. */
static int
rule_allows(struct conf *c, const cJSON *v, const struct policy_rule *rule)
{
	if (rule->allow)
		return (0);
	return (conf_fail(c, v, "\"%s\" has no sense in a rule that refuses: "
	    "put it in the rule that allows", v->string));
}

static int
rule_max_mtu(struct conf *c, const cJSON *v, void *at)
{
	struct policy_rule *rule = at;
	int r;

	if ((r = rule_allows(c, v, rule)) != 0)
		return (r);
	return (conf_number(c, v, BOUND_MTU_MIN, BOUND_MTU_MAX,
	    &rule->max_mtu));
}

static int
rule_offloads(struct conf *c, const cJSON *v, void *at)
{
	struct policy_rule *rule = at;

	if (!cJSON_IsBool(v) || cJSON_IsTrue(v) == (int)rule->allow)
		return (conf_fail(c, v, rule->allow ? "\"offloads\" is false "
		    "for a rule that allows links without them only, or left "
		    "out" : "\"offloads\" is true for a rule that refuses "
		    "links with them only, or left out"));
	rule->offloads = rule->allow ? POLICY_OFFLOADS_WITHOUT :
	    POLICY_OFFLOADS_WITH;
	return (0);
}

static int
rule_quota(struct conf *c, const cJSON *v, void *at)
{
	struct policy_rule *rule = at;
	int r;

	if ((r = rule_allows(c, v, rule)) != 0)
		return (r);
	if (cJSON_IsNumber(v) && v->valuedouble == 0)
		return (conf_fail(c, v, "a quota is 1 or more: for none write "
		    "\"allow\": false, for no limit leave \"quota\" out"));
	return (conf_number(c, v, 1, BOUND_SLOTS, &rule->quota));
}

/* "allow" comes first: others look at it. */
static const struct conf_key rule_keys[] = {
	{ "allow", true, rule_allow },
	{ "name", true, rule_name },
	{ "who", true, rule_who },
	{ "kinds", false, rule_kinds },
	{ "classes", false, rule_classes },
	{ "leases", false, rule_leases },
	{ "names", false, rule_names },
	{ "addresses", false, rule_addresses },
	{ "max_mtu", false, rule_max_mtu },
	{ "offloads", false, rule_offloads },
	{ "quota", false, rule_quota },
	{ NULL, false, NULL }
};

static int
top_rules(struct conf *c, const cJSON *v, void *at)
{
	struct policy *p = at;
	struct policy_rule *rule;
	const cJSON *item;
	unsigned int n;
	int r;

	if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) == 0)
		return (conf_fail(c, v, "\"rules\" is an array of one rule or "
		    "more: without a rule nobody may do anything"));
	cJSON_ArrayForEach(item, v) {
		if (p->nrules == BOUND_RULES)
			return (conf_fail(c, item, "more than %d rules",
			    BOUND_RULES));
		rule = &p->rules[p->nrules];
		n = 0;
		conf_ordinal(c->tree, item, &n);
		rule->line = conf_line(c->text, n);
		rule->max_mtu = BOUND_MTU_MAX;
		if ((r = conf_object(c, item, rule_keys, "a rule", rule)) != 0)
			return (r);
		p->nrules++;
	}
	return (0);
}

static int
top_grace(struct conf *c, const cJSON *v, void *at)
{
	struct policy *p = at;

	return (conf_number(c, v, 1, BOUND_GRACE_MAX, &p->grace_secs));
}

static int
top_spares(struct conf *c, const cJSON *v, void *at)
{
	struct policy *p = at;

	return (conf_number(c, v, 0, BOUND_SPARES, &p->spares));
}

/* Read a pool of FAMILY, of which prefixes of LEAST are handed out. */
static int
pool_read(struct conf *c, const cJSON *v, unsigned int family,
    unsigned int least, const char *expected, struct prefix *pool)
{
	static const struct prefix local[] = {
		{ 4, 16, { 169, 254 } }, { 6, 10, { 0xfe, 0x80 } },
	};
	const char *use;
	int r;

	if (!cJSON_IsString(v))
		return (conf_fail(c, v, "a pool is a string, %s", expected));
	if ((r = conf_prefix(c, v, v->valuestring, expected, pool)) != 0)
		return (r);
	if (pool->family != family)
		return (conf_fail(c, v, "\"%s\" is not %s", v->valuestring,
		    expected));
	if (pool->len > least)
		return (conf_fail(c, v, "%s is too small: each link takes a "
		    "/%u", v->valuestring, least));
	use = prefix_reserved(pool);
	if (use == NULL && (prefix_overlap(pool, &local[0]) ||
	    prefix_overlap(pool, &local[1])))
		use = "link-local";
	if (use != NULL)
		return (conf_fail(c, v, "%s overlaps a range that is %s",
		    v->valuestring, use));
	return (0);
}

static int
pool_ipv4(struct conf *c, const cJSON *v, void *at)
{
	struct policy *p = at;

	return (pool_read(c, v, 4, 30, "an IPv4 range such as "
	    "\"10.253.0.0/16\"", &p->pool4));
}

static int
pool_ipv6(struct conf *c, const cJSON *v, void *at)
{
	struct policy *p = at;

	return (pool_read(c, v, 6, 64, "an IPv6 range such as "
	    "\"fd66:6574:6800::/40\"", &p->pool6));
}

static const struct conf_key pool_keys[] = {
	{ "ipv4", false, pool_ipv4 },
	{ "ipv6", false, pool_ipv6 },
	{ NULL, false, NULL }
};

static int
top_pools(struct conf *c, const cJSON *v, void *at)
{
	return (conf_object(c, v, pool_keys, "\"pools\"", at));
}

/* "pools" comes before "rules", which look at them. */
static const struct conf_key top_keys[] = {
	{ "grace", false, top_grace },
	{ "pools", false, top_pools },
	{ "rules", true, top_rules },
	{ "spares", false, top_spares },
	{ NULL, false, NULL }
};

/* Parse the writable copy TEXT, of SIZE bytes and a final NUL. */
static int
conf_parse_copy(struct conf *c, char *text, size_t size)
{
	struct json_error je;
	cJSON *tree;
	int r;

	memset(&je, 0, sizeof(je));
	if (json_strip_comments(text, size, &je) != 0 ||
	    (tree = json_parse(text, size, &je)) == NULL) {
		snprintf(c->err, c->errsize, "%s:%u: %s", c->path, je.line,
		    je.reason);
		return (-EINVAL);
	}
	c->text = text;
	c->tree = tree;
	r = conf_object(c, tree, top_keys, "the file", c->policy);
	cJSON_Delete(tree);
	return (r);
}

static int
conf_too_large(struct conf *c, const char *text)
{
	unsigned int line = 1;
	size_t i;

	for (i = 0; i < BOUND_CONF; i++)
		line += text[i] == '\n';
	snprintf(c->err, c->errsize, "%s:%u: the file is longer than %d bytes",
	    c->path, line, BOUND_CONF);
	return (-EINVAL);
}

int
conf_parse(const char *path, const char *text, size_t size, struct policy *p,
    char *err, size_t errsize)
{
	struct conf c = { .path = path, .policy = p, .err = err,
	    .errsize = errsize };
	char *copy = NULL;
	int r;

	/* Defaults are those of the built-in policy. */
	policy_builtin(p, POLICY_NO_GID);
	memset(p->rules, 0, sizeof(p->rules));
	p->nrules = 0;
	memset(p->file, 0, sizeof(p->file));
	snprintf(p->file, sizeof(p->file), "%s", path);
	if (size > BOUND_CONF) {
		r = conf_too_large(&c, text);
		goto out;
	}
	if ((copy = malloc(size + 1)) == NULL) {
		snprintf(err, errsize, "%s: no memory to read it", path);
		r = -ENOMEM;
		goto out;
	}
	memcpy(copy, text, size);
	copy[size] = '\0';
	r = conf_parse_copy(&c, copy, size);
out:
	free(copy);
	if (r != 0)
		memset(p, 0, sizeof(*p));
	return (r);
}

static int
conf_builtin(struct policy *p)
{
	const struct group *gr;

	gr = getgrnam("fethd");
	policy_builtin(p, gr == NULL ? (gid_t)-1 : gr->gr_gid);
	return (0);
}

/* Read all of FD, or SIZE bytes of it. The bytes, or -errno. */
static ssize_t
conf_read(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int error;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		error = errno;
		if (n == 0)
			break;
		if (n < 0 && error != EINTR)
			return (-error);
		if (n > 0)
			len += n;
	}
	return (len);
}

int
conf_load(const char *path, int fd, struct policy *p, char *err,
    size_t errsize)
{
	struct stat st;
	ssize_t n;
	char *text;
	int r;

	if (fd == -1)
		return (conf_builtin(p));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & S_IWOTH)) {
		snprintf(err, errsize, "%s: anybody can write to it: chmod o-w "
		    "%s", path, path);
		return (-EPERM);
	}
	if ((text = malloc(BOUND_CONF + 1)) == NULL) {
		snprintf(err, errsize, "%s: no memory to read it", path);
		return (-ENOMEM);
	}
	n = conf_read(fd, text, BOUND_CONF + 1);
	if (n < 0) {
		r = n;
		snprintf(err, errsize, "%s: cannot be read: %s", path,
		    strerror(-r));
	} else
		r = conf_parse(path, text, n, p, err, errsize);
	free(text);
	return (r);
}

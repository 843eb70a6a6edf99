/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides who may have which link, and says why. Called for Open, Explain and
 * Policy. A pure function of peer, link and policy: it must never do I/O, look
 * anything up, or know of the links that there are (quotas are vlink.c's).
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "policy.h"

static_assert(sizeof(struct policy) < 512 * 1024, "a policy is kept small");
static_assert(LINK_KINDS < 32 && CLASSES < 32 && LEASES < 32,
    "masks are 32 bits");

#define BIT(n)		(UINT32_C(1) << (n))
/* What a mask of 0 stands for. */
#define ALL_KINDS	(BIT(LINK_KINDS) - 1)
#define ALL_LEASES	(BIT(LEASES) - 1)
#define ALL_CLASSES	(BIT(CLASS_TAP) | BIT(CLASS_SOCKET) | BIT(CLASS_RAW) | \
			    BIT(CLASS_STREAM))

/* The quotas of the built-in policy. */
#define QUOTA_ANYBODY	32
#define QUOTA_GROUP	1024

#define RAW_HINT \
	"raw equals packet capture on the whole machine (macOS) and pins " \
	"kernel memory (Linux): only a rule that names class raw grants it; " \
	"try --class auto"
static_assert(sizeof(RAW_HINT) <= sizeof(((struct verdict *)0)->hint),
    "a verdict holds the whole hint");

static uint32_t
policy_kinds(const struct policy_rule *r)
{
	return (r->kinds != 0 ? r->kinds : ALL_KINDS);
}

/* Raw is granted by its name only; a refusal without classes has it too. */
static uint32_t
policy_classes(const struct policy_rule *r)
{
	if (r->classes != 0)
		return (r->classes);
	return (r->allow ? ALL_CLASSES & ~BIT(CLASS_RAW) : ALL_CLASSES);
}

static uint32_t
policy_leases(const struct policy_rule *r)
{
	return (r->leases != 0 ? r->leases : ALL_LEASES);
}

static bool
policy_who(const struct policy_rule *r, const struct peer *peer)
{
	unsigned int i;

	if (r->anybody)
		return (true);
	for (i = 0; i < r->nuids; i++)
		if (r->uids[i] == peer->uid)
			return (true);
	for (i = 0; i < r->ngids; i++)
		if (r->gids[i] != POLICY_NO_GID &&
		    peer_in_group(peer, r->gids[i]))
			return (true);
	return (false);
}

/*
 * The parts of "what"; those that the caller can easily change come last. Each
 * has a function that says whether a link fits a rule, and one that tells what
 * the rule allows (the reason) and what would help (the hint).
 */
struct ask {
	const struct policy	*policy;
	const struct link_spec	*spec;
	const struct policy_rule *rule;
};

static bool
part_kind(const struct ask *a)
{
	return (policy_kinds(a->rule) & BIT(a->spec->kind));
}

static bool
part_class(const struct ask *a)
{
	uint32_t classes = policy_classes(a->rule);
	unsigned int i, ports = 0, fit = 0;

	for (i = 0; i < 2; i++)
		if (a->spec->end[i].kind == END_PORT) {
			ports++;
			fit += (classes & BIT(a->spec->end[i].class)) != 0;
		}
	if (a->rule->allow)
		return (fit == ports);
	return (fit > 0 || a->rule->classes == 0);
}

static bool
part_lease(const struct ask *a)
{
	return (policy_leases(a->rule) & BIT(a->spec->lease));
}

static bool
part_offloads(const struct ask *a)
{
	bool asked = a->spec->end[0].offloads != 0 ||
	    a->spec->end[1].offloads != 0;

	if (a->rule->offloads == POLICY_OFFLOADS_ANY)
		return (true);
	return (asked == (a->rule->offloads == POLICY_OFFLOADS_WITH));
}

static bool
part_mtu(const struct ask *a)
{
	return (!a->rule->allow || a->rule->max_mtu == 0 ||
	    a->spec->mtu <= a->rule->max_mtu);
}

/* Does every port of the link ask for what the relay checks? */
static bool
part_lock(const struct ask *a)
{
	unsigned int i;

	for (i = 0; i < 2 && a->rule->allow && a->rule->mac_lock; i++)
		if (a->spec->end[i].kind == END_PORT &&
		    !a->spec->end[i].mac_lock)
			return (false);
	return (true);
}

/* The largest burst with a max_rate: what may pass in a second, or what a port
 * of a low rate has by itself. Any burst would be any rate for a time. */
static uint64_t
policy_burst(const struct ask *a)
{
	uint64_t usual = 2 * ((uint64_t)a->spec->mtu + SPEC_OVERHEAD);

	return (a->rule->max_rate > usual ? a->rule->max_rate : usual);
}

/* Has a port no rate, or a higher one? */
static bool
policy_fast(const struct ask *a)
{
	const struct end_spec *e;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		e = &a->spec->end[i];
		if (e->kind == END_PORT &&
		    (e->rate == 0 || e->rate > a->rule->max_rate))
			return (true);
	}
	return (false);
}

static bool
part_rate(const struct ask *a)
{
	uint64_t most;

	if (!a->rule->allow || a->rule->max_rate == 0)
		return (true);
	most = policy_burst(a);
	return (!policy_fast(a) && a->spec->end[0].burst <= most &&
	    a->spec->end[1].burst <= most);
}

static bool
part_name(const struct ask *a)
{
	const char *prefix;
	unsigned int i;

	for (i = 0; i < a->rule->nnames; i++) {
		prefix = a->rule->names[i];
		if (strncmp(a->spec->name, prefix, strlen(prefix)) == 0)
			return (true);
	}
	return (a->rule->nnames == 0);
}

/* Does P fit the ranges of R: all of it (allow), or any of it (refuse)? */
static bool
part_range(const struct policy_rule *r, const struct prefix *p)
{
	unsigned int i;

	for (i = 0; i < r->naddr; i++)
		if (r->allow ? prefix_within(p, &r->addr[i]) :
		    prefix_overlap(p, &r->addr[i]))
			return (true);
	return (false);
}

static bool
part_auto(const struct ask *a)
{
	bool four = part_range(a->rule, &a->policy->pool4);
	bool six = part_range(a->rule, &a->policy->pool6);

	return (a->rule->allow ? four && six : four || six);
}

/*
 * Returns the first address that decides: for a rule that allows one outside of
 * its ranges, for a rule that refuses one inside. "auto" on either end gives
 * the host's end an address. NULL and *AUTOMATIC for "auto".
 */
static const struct prefix *
part_decisive(const struct ask *a, bool *automatic)
{
	const struct end_spec *e;
	unsigned int i, n;

	*automatic = false;
	for (i = 0; i < 2; i++) {
		e = &a->spec->end[i];
		if (e->addr_auto && part_auto(a) != a->rule->allow)
			*automatic = true;
		for (n = 0; e->kind == END_HOST && n < e->naddr; n++)
			if (part_range(a->rule, &e->addr[n]) != a->rule->allow)
				return (&e->addr[n]);
	}
	return (NULL);
}

static bool
part_addresses(const struct ask *a)
{
	bool automatic, found;

	if (a->rule->naddr == 0)
		return (true);
	if (a->spec->kind == LINK_PAIR)
		return (a->rule->allow);
	found = part_decisive(a, &automatic) != NULL || automatic;
	return (found != a->rule->allow);
}

static void __attribute__((format(printf, 3, 4)))
policy_say(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, size, fmt, ap);
	va_end(ap);
}

/* The entries of LIST with commas; what does not fit becomes "...". */
static const char *
policy_join(const struct policy_rule *r, enum policy_list list, char *buf,
    size_t size)
{
	char one[POLICY_TEXT];
	size_t len = 0;
	unsigned int i;

	buf[0] = '\0';
	for (i = 0; policy_text(r, list, i, one, sizeof(one)); i++) {
		if (len + strlen(one) + sizeof(", , ...") > size) {
			policy_say(buf + len, size - len, "%s...",
			    i > 0 ? ", " : "");
			break;
		}
		policy_say(buf + len, size - len, "%s%s", i > 0 ? ", " : "",
		    one);
		len += strlen(buf + len);
	}
	return (buf);
}

static void
tell_kind(const struct ask *a, char *reason, char *hint, size_t size)
{
	char list[64];

	policy_join(a->rule, POLICY_KINDS, list, sizeof(list));
	policy_say(reason, size, "allows links of kind %s, not %s", list,
	    link_kind_names[a->spec->kind]);
	policy_say(hint, size, "ask for a link of kind %s", list);
}

static void
tell_class(const struct ask *a, char *reason, char *hint, size_t size)
{
	uint32_t classes = policy_classes(a->rule);
	unsigned int i = a->spec->end[0].kind == END_PORT &&
	    !(classes & BIT(a->spec->end[0].class)) ? 0 : 1;
	char list[64];

	policy_join(a->rule, POLICY_CLASSES, list, sizeof(list));
	policy_say(reason, size, "allows ports of class %s, not %s", list,
	    port_class_names[a->spec->end[i].class]);
	policy_say(hint, size, "ask for --class %s", list);
}

static void
tell_lease(const struct ask *a, char *reason, char *hint, size_t size)
{
	bool named = a->spec->lease == LEASE_NAMED;

	policy_say(reason, size, "does not allow the lease %s",
	    lease_names[a->spec->lease]);
	policy_say(hint, size, named ?
	    "ask for a session link: leave --named out" :
	    "ask for a named link: --named");
}

static void
tell_offloads(const struct ask *a, char *reason, char *hint, size_t size)
{
	(void)a;
	policy_say(reason, size, "allows no offloads");
	policy_say(hint, size, "leave --offloads out");
}

static void
tell_mtu(const struct ask *a, char *reason, char *hint, size_t size)
{
	policy_say(reason, size, "allows an MTU up to %u, not %u",
	    a->rule->max_mtu, a->spec->mtu);
	policy_say(hint, size, "ask for --mtu %u or less", a->rule->max_mtu);
}

/* How a link of this kind gets the relay. */
static const char *
policy_relay(const struct ask *a)
{
	return (spec_relayed(a->spec) ? "" : a->spec->kind == LINK_HOST ?
	    "--class socket " : "--relay ");
}

static void
tell_lock(const struct ask *a, char *reason, char *hint, size_t size)
{
	policy_say(reason, size, "allows only ports that are locked to their "
	    "MAC");
	policy_say(hint, size, "ask for %s--mac-lock", policy_relay(a));
}

static void
tell_rate(const struct ask *a, char *reason, char *hint, size_t size)
{
	unsigned long long burst = policy_burst(a);

	if (!policy_fast(a)) {
		policy_say(reason, size, "allows only ports with a burst of at "
		    "most %llu bytes", burst);
		policy_say(hint, size, "ask for --burst %llu or less, or leave "
		    "it out", burst);
		return;
	}
	policy_say(reason, size, "allows only ports with a rate of at most "
	    "%llu bytes/s", (unsigned long long)a->rule->max_rate);
	policy_say(hint, size, "ask for %s--rate %llu or less",
	    policy_relay(a), (unsigned long long)a->rule->max_rate);
}

static void
tell_name(const struct ask *a, char *reason, char *hint, size_t size)
{
	char list[80];

	policy_join(a->rule, POLICY_NAMES, list, sizeof(list));
	policy_say(reason, size, "allows names that begin with %s%s", list,
	    a->spec->name[0] == '\0' ? ", and this link has none" : "");
	policy_say(hint, size, "give the link a name that begins with %s",
	    list);
}

static void
tell_addresses(const struct ask *a, char *reason, char *hint, size_t size)
{
	const struct prefix *p;
	char list[80], text[PREFIX_STRLEN];
	bool automatic;

	policy_join(a->rule, POLICY_ADDRESSES, list, sizeof(list));
	p = part_decisive(a, &automatic);
	policy_say(reason, size, "allows addresses in %s, not %s", list,
	    p == NULL ? "auto" : prefix_format(p, text));
	policy_say(hint, size, "ask for %saddresses in %s",
	    p != NULL && part_auto(a) ? "--address auto, or " : "", list);
}

static const struct part {
	bool	(*fits)(const struct ask *a);
	void	(*tell)(const struct ask *a, char *reason, char *hint,
		    size_t size);
	bool	self;		/* something the caller can easily change */
} parts[] = {
	{ part_kind, tell_kind, false },
	{ part_class, tell_class, false },
	{ part_lease, tell_lease, true },
	{ part_offloads, tell_offloads, true },
	{ part_mtu, tell_mtu, true },
	{ part_lock, tell_lock, true },
	{ part_rate, tell_rate, true },
	{ part_name, tell_name, true },
	{ part_addresses, tell_addresses, true },
};
#define NPARTS	(sizeof(parts) / sizeof(parts[0]))

/* How many parts of A->rule do not fit; *FIRST is the first of them. */
static unsigned int
policy_misses(const struct ask *a, const struct part **first)
{
	unsigned int i, n = 0;

	*first = NULL;
	for (i = 0; i < NPARTS; i++)
		if (!parts[i].fits(a)) {
			if (n++ == 0)
				*first = &parts[i];
		}
	return (n);
}

/* The rule that allows something to PEER and comes closest to A->spec. */
static const struct part *
policy_nearest(struct ask *a, const struct peer *peer,
    const struct policy_rule **rule)
{
	const struct part *best = NULL, *first;
	unsigned int i, n, least = NPARTS + 1;

	*rule = NULL;
	for (i = 0; i < a->policy->nrules; i++) {
		a->rule = &a->policy->rules[i];
		if (!a->rule->allow || !policy_who(a->rule, peer))
			continue;
		n = policy_misses(a, &first);
		if (n < least) {
			least = n;
			best = first;
			*rule = a->rule;
		}
	}
	a->rule = *rule;
	return (best);
}

static bool
policy_asks_raw(const struct link_spec *spec)
{
	return ((spec->end[0].kind == END_PORT &&
	    spec->end[0].class == CLASS_RAW) ||
	    (spec->end[1].kind == END_PORT && spec->end[1].class == CLASS_RAW));
}

/* How to join the group of R. */
static void
policy_hint_join(const struct policy_rule *r, struct verdict *v)
{
	const char *name = r->groups[0];

	if (*name == '\0')
		policy_say(v->hint, sizeof(v->hint), "rule %s allows it to "
		    "group %u: join it, then log in again", r->name,
		    r->gids[0]);
	else if (r->gids[0] == POLICY_NO_GID)
		policy_say(v->hint, sizeof(v->hint), "make group %s (groupadd "
		    "-r %s), reload fethd, join it (usermod -aG %s USER), then "
		    "log in again", name, name, name);
	else
		policy_say(v->hint, sizeof(v->hint), "join group %s: usermod "
		    "-aG %s USER (macOS: dseditgroup -o edit -a USER -t user "
		    "%s), then log in again", name, name, name);
}

/*
 * Some rule allows this link to others: say to whom. A group can be joined, so
 * one is told even when the link still had to change a little for it. False
 * when there is no such rule.
 */
static bool
policy_hint_others(struct ask *a, struct verdict *v)
{
	const struct policy_rule *group = NULL, *other = NULL;
	const struct part *first;
	char list[100];
	unsigned int i, misses;

	for (i = 0; i < a->policy->nrules; i++) {
		a->rule = &a->policy->rules[i];
		misses = policy_misses(a, &first);
		if (!a->rule->allow || (misses > 0 && !first->self))
			continue;
		if (other == NULL && misses == 0)
			other = a->rule;
		if (a->rule->ngids == 0 || (group != NULL && misses > 0))
			continue;
		group = a->rule;
		if (misses == 0)
			break;
	}
	if (group != NULL)
		policy_hint_join(group, v);
	else if (other != NULL)
		policy_say(v->hint, sizeof(v->hint), "rule %s allows it to %s",
		    other->name, policy_join(other, POLICY_WHO, list,
		    sizeof(list)));
	return (group != NULL || other != NULL);
}

static void
policy_unmatched(struct ask *a, const struct peer *peer, struct verdict *v)
{
	const struct part *part;
	char reason[150], hint[sizeof(v->hint)] = "";

	part = policy_nearest(a, peer, &v->nearest);
	if (part == NULL)
		policy_say(v->reason, sizeof(v->reason),
		    "no rule allows anything to uid %u", peer->uid);
	else {
		part->tell(a, reason, hint, sizeof(reason));
		policy_say(v->reason, sizeof(v->reason), "rule %s %s",
		    v->nearest->name, reason);
	}
	if (policy_asks_raw(a->spec) && (part == NULL || !part->self))
		policy_say(v->hint, sizeof(v->hint), RAW_HINT);
	else if (part != NULL && part->self)
		memcpy(v->hint, hint, sizeof(v->hint));
	else if (!policy_hint_others(a, v))
		policy_say(v->hint, sizeof(v->hint), "%s%sask the administra"
		    "tor for a rule with \"who\": [\"uid:%u\"]", hint,
		    *hint == '\0' ? "" : ", or ", peer->uid);
}

static void
policy_decide(const struct policy *p, const struct policy_rule *r,
    struct verdict *v)
{
	char line[32] = "";

	v->rule = r;
	v->allowed = r->allow;
	if (r->line != 0)
		policy_say(line, sizeof(line), " (line %u)", r->line);
	policy_say(v->reason, sizeof(v->reason), "rule %s%s %s it", r->name,
	    line, r->allow ? "allows" : "refuses");
	if (!r->allow)
		policy_say(v->hint, sizeof(v->hint), "ask the administrator: "
		    "only another rule before it in %.100s would allow it",
		    p->file);
}

void
policy_check(const struct policy *p, const struct peer *peer,
    const struct link_spec *spec, struct verdict *v)
{
	struct ask a = { .policy = p, .spec = spec };
	const struct part *first;
	unsigned int i;

	memset(v, 0, sizeof(*v));
	for (i = 0; i < p->nrules; i++) {
		a.rule = &p->rules[i];
		if (policy_who(a.rule, peer) &&
		    policy_misses(&a, &first) == 0) {
			policy_decide(p, a.rule, v);
			return;
		}
	}
	policy_unmatched(&a, peer, v);
}

bool
policy_counts(const struct policy_rule *rule, enum link_kind kind)
{
	return (policy_kinds(rule) & BIT(kind));
}

static struct policy_rule *
policy_add(struct policy *p, const char *name, uint32_t kinds, uint32_t quota)
{
	struct policy_rule *r = &p->rules[p->nrules++];

	policy_say(r->name, sizeof(r->name), "%s", name);
	r->allow = true;
	r->kinds = kinds;
	r->max_mtu = BOUND_MTU_MAX;
	r->quota = quota;
	return (r);
}

void
policy_builtin(struct policy *p, gid_t fethd_gid)
{
	struct policy_rule *r;

	memset(p, 0, sizeof(*p));
	p->version = POLICY_VERSION;
	policy_say(p->file, sizeof(p->file), "built-in");
	p->grace_secs = BOUND_GRACE_SECS;
	p->spares = BOUND_SPARES_USUAL;
	p->pool4 = (struct prefix){ 4, 16, { 10, 253 } };
	p->pool6 = (struct prefix){ 6, 40, { 0xfd, 0x66, 0x65, 0x74, 0x68 } };

	r = policy_add(p, "root-all", ALL_KINDS, 0);
	r->nuids = 1;
	r->uids[0] = 0;
	r->classes = ALL_CLASSES;

	r = policy_add(p, "fethd-group", ALL_KINDS, QUOTA_GROUP);
	r->ngids = 1;
	r->gids[0] = fethd_gid;
	policy_say(r->groups[0], sizeof(r->groups[0]), "fethd");
	r->naddr = 2;
	r->addr[0] = p->pool4;
	r->addr[1] = p->pool6;

	r = policy_add(p, "anybody-pair", BIT(LINK_PAIR), QUOTA_ANYBODY);
	r->anybody = true;
}

static bool
policy_ends(const char *s, size_t size)
{
	return (memchr(s, '\0', size) != NULL);
}

static bool
policy_rule_sane(const struct policy_rule *r)
{
	unsigned int i;

	if (r->nuids > BOUND_RULE_LIST || r->ngids > BOUND_RULE_LIST ||
	    r->nnames > BOUND_RULE_LIST || r->naddr > BOUND_RULE_LIST ||
	    !policy_ends(r->name, sizeof(r->name)))
		return (false);
	for (i = 0; i < BOUND_RULE_LIST; i++)
		if (!policy_ends(r->groups[i], sizeof(r->groups[i])) ||
		    !policy_ends(r->names[i], sizeof(r->names[i])))
			return (false);
	for (i = 0; i < r->naddr; i++)
		if (r->addr[i].len > prefix_bits(&r->addr[i]))
			return (false);
	return (true);
}

bool
policy_sane(const struct policy *p)
{
	unsigned int i;

	if (p->version != POLICY_VERSION || p->nrules > BOUND_RULES ||
	    p->pool4.family != 4 || p->pool4.len > 30 ||
	    p->pool6.family != 6 || p->pool6.len > 64 ||
	    !policy_ends(p->file, sizeof(p->file)))
		return (false);
	for (i = 0; i < p->nrules; i++)
		if (!policy_rule_sane(&p->rules[i]))
			return (false);
	return (true);
}

/* The name of the I-th bit that is set in MASK. */
static bool
text_bits(uint32_t mask, const char *const *names, unsigned int i, char *buf,
    size_t size)
{
	unsigned int n;

	for (n = 0; names[n] != NULL; n++)
		if ((mask & BIT(n)) && i-- == 0) {
			policy_say(buf, size, "%s", names[n]);
			return (true);
		}
	return (false);
}

static bool
text_group(const struct policy_rule *r, unsigned int i, char *buf, size_t size)
{
	if (i >= r->ngids)
		return (false);
	if (r->groups[i][0] == '\0')
		policy_say(buf, size, "gid %u", r->gids[i]);
	else if (r->gids[i] == POLICY_NO_GID)
		policy_say(buf, size, "group %s (does not exist)",
		    r->groups[i]);
	else
		policy_say(buf, size, "group %s (gid %u)", r->groups[i],
		    r->gids[i]);
	return (true);
}

static bool
text_who(const struct policy_rule *r, unsigned int i, char *buf, size_t size)
{
	if (r->anybody) {
		policy_say(buf, size, "anybody");
		return (i == 0);
	}
	if (i >= r->nuids)
		return (text_group(r, i - r->nuids, buf, size));
	policy_say(buf, size, "uid %u", r->uids[i]);
	return (true);
}

static bool
text_kinds(const struct policy_rule *r, unsigned int i, char *buf, size_t size)
{
	return (text_bits(policy_kinds(r), link_kind_names, i, buf, size));
}

static bool
text_classes(const struct policy_rule *r, unsigned int i, char *buf,
    size_t size)
{
	return (text_bits(policy_classes(r), port_class_names, i, buf, size));
}

static bool
text_leases(const struct policy_rule *r, unsigned int i, char *buf, size_t size)
{
	return (text_bits(policy_leases(r), lease_names, i, buf, size));
}

static bool
text_names(const struct policy_rule *r, unsigned int i, char *buf, size_t size)
{
	if (i >= r->nnames)
		return (false);
	policy_say(buf, size, "%s", r->names[i]);
	return (true);
}

static bool
text_addresses(const struct policy_rule *r, unsigned int i, char *buf,
    size_t size)
{
	char text[PREFIX_STRLEN];

	if (i >= r->naddr)
		return (false);
	policy_say(buf, size, "%s", prefix_format(&r->addr[i], text));
	return (true);
}

bool
policy_text(const struct policy_rule *rule, enum policy_list list,
    unsigned int i, char *buf, size_t size)
{
	static bool (*const texts[POLICY_LISTS])(const struct policy_rule *,
	    unsigned int, char *, size_t) = {
		[POLICY_WHO] = text_who,
		[POLICY_KINDS] = text_kinds,
		[POLICY_CLASSES] = text_classes,
		[POLICY_LEASES] = text_leases,
		[POLICY_NAMES] = text_names,
		[POLICY_ADDRESSES] = text_addresses,
	};

	return (texts[list](rule, i, buf, size));
}

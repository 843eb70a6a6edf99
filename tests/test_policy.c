/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.c: who may have which link under the built-in policy and under small
 * policies of the test's own, what a refusal says, and rules as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "policy.h"

#define N(a)		(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1u << (n))
#define FETHD_GID	970

static struct policy pol;

static struct prefix
pfx(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) != 0)
		fail_msg("not a prefix: %s", text);
	return (p);
}

/* Who asks. */
static gid_t groups_with[] = { 4, FETHD_GID, 27 }, groups_without[] = { 4, 27 };
static const struct peer root = { .uid = 0, .gid = 0 };
static const struct peer user = { .uid = 1000, .gid = 1000, .ngroups = 2,
    .groups = groups_without };
static const struct peer member = { .uid = 1001, .gid = 1001, .ngroups = 3,
    .groups = groups_with };
static const struct peer primary = { .uid = 1002, .gid = FETHD_GID };
static const struct peer nobody = { .uid = (uid_t)-1, .gid = (gid_t)-1 };

/* A link in short. Class 0 is the default; addr is the host end's, or end 0's
 * of a pair; "auto" too. */
struct asked {
	enum link_kind	kind;
	enum port_class	class;
	const char	*name;
	enum lease	lease;
	uint32_t	mtu;
	const char	*addr, *addr2;
	enum port_class	class2;		/* of a pair's second port */
	const char	*port_addr;
};

static void
asked_spec(const struct asked *a, struct link_spec *s)
{
	struct end_spec *host = &s->end[a->kind == LINK_HOST];
	struct spec_error err;

	spec_init(s);
	s->end[0].kind = a->kind == LINK_WIRE ? END_HOST : END_PORT;
	s->end[1].kind = a->kind == LINK_PAIR ? END_PORT : END_HOST;
	if (a->kind != LINK_WIRE)
		s->end[0].class = a->class;
	if (a->kind == LINK_PAIR)
		s->end[1].class = a->class2;
	if (a->name != NULL)
		strcpy(s->name, a->name);
	s->lease = a->lease;
	s->mtu = a->mtu;
	if (a->addr != NULL && strcmp(a->addr, "auto") == 0)
		host->addr_auto = 1;
	else if (a->addr != NULL)
		host->addr[host->naddr++] = pfx(a->addr);
	if (a->addr2 != NULL)
		host->addr[host->naddr++] = pfx(a->addr2);
	if (a->port_addr != NULL)
		s->end[0].addr[s->end[0].naddr++] = pfx(a->port_addr);
	if (spec_check(s, CLASS_TAP, &err) != 0)
		fail_msg("%s: %s", err.field, err.reason);
}

static void
ask(const struct peer *peer, const struct asked *a, struct verdict *v)
{
	struct link_spec s;

	asked_spec(a, &s);
	memset(v, 0xa5, sizeof(*v));
	policy_check(&pol, peer, &s, v);
	assert_non_null(memchr(v->reason, '\0', sizeof(v->reason)));
	assert_non_null(memchr(v->hint, '\0', sizeof(v->hint)));
	assert_true(v->reason[0] != '\0');
	assert_int_equal(v->hint[0] == '\0', v->allowed);
	if (v->allowed)
		assert_non_null(v->rule);
	if (v->rule != NULL)
		assert_int_equal(v->allowed, v->rule->allow);
}

#define HOST(...)	{ .kind = LINK_HOST, __VA_ARGS__ }
#define PAIR(...)	{ .kind = LINK_PAIR, __VA_ARGS__ }
#define WIRE(...)	{ .kind = LINK_WIRE, __VA_ARGS__ }

static const struct {
	const struct peer *peer;
	struct asked	asked;
	const char	*rule;		/* NULL: no rule, refused */
	const char	*nearest, *reason, *hint;
} builtin[] = {
	/* root */
	{ &root, HOST(.class = CLASS_RAW), "root-all", "", "", "" },
	{ &root, HOST(.addr = "192.168.1.1/24"), "root-all", "", "", "" },
	{ &root, HOST(.addr = "auto", .mtu = 65521), "root-all", "", "", "" },
	{ &root, PAIR(.class = CLASS_STREAM), "root-all", "", "", "" },
	{ &root, WIRE(.name = "w", .lease = LEASE_NAMED), "root-all", "", "",
	    "" },
	/* members */
	{ &member, HOST(.class = CLASS_TAP), "fethd-group", "", "", "" },
	{ &member, HOST(.class = CLASS_SOCKET), "fethd-group", "", "", "" },
	{ &member, HOST(.class = CLASS_STREAM), "fethd-group", "", "", "" },
	{ &primary, HOST(.mtu = 9000), "fethd-group", "", "", "" },
	{ &primary, WIRE(.addr = "10.253.7.1/30"), "fethd-group", "", "", "" },
	{ &member, PAIR(.lease = LEASE_NAMED, .name = "p"), "fethd-group", "",
	    "", "" },
	{ &member, HOST(.addr = "auto"), "fethd-group", "", "", "" },
	{ &member, HOST(.addr = "10.253.255.1/30",
	    .addr2 = "fd66:6574:68ff::1/64"), "fethd-group", "", "", "" },
	/* a port's address never reaches the kernel */
	{ &member, HOST(.port_addr = "192.168.1.1/24"), "fethd-group", "", "",
	    "" },
	{ &member, HOST(.addr = "10.254.0.1/30"), NULL, "fethd-group",
	    "rule fethd-group allows addresses in 10.253.0.0/16, "
	    "fd66:6574:6800::/40, not 10.254.0.1/30",
	    "ask for --address auto, or addresses in 10.253.0.0/16" },
	{ &member, HOST(.addr = "10.253.0.1/15"), NULL, "fethd-group",
	    "not 10.253.0.1/15", "--address auto" },
	{ &member, HOST(.addr = "10.253.0.1/30",
	    .addr2 = "fd66:6574:6900::1/64"), NULL, "fethd-group",
	    "not fd66:6574:6900::1/64", "--address auto" },
	{ &member, WIRE(.addr = "192.168.1.1/24"), NULL, "fethd-group",
	    "not 192.168.1.1/24", "--address auto" },
	{ &member, HOST(.class = CLASS_RAW), NULL, "fethd-group",
	    "rule fethd-group allows ports of class tap, socket, stream, not "
	    "raw", "raw equals packet capture on the whole machine (macOS) and "
	    "pins kernel memory (Linux): only a rule that names class raw "
	    "grants it" },
	/* anybody */
	{ &user, PAIR(), "anybody-pair", "", "", "" },
	{ &user, PAIR(.class2 = CLASS_STREAM), "anybody-pair", "", "", "" },
	{ &user, PAIR(.addr = "192.168.1.1/24"), "anybody-pair", "", "", "" },
	{ &user, PAIR(.addr = "auto", .mtu = 9000), "anybody-pair", "", "",
	    "" },
	{ &user, HOST(), NULL, "anybody-pair",
	    "rule anybody-pair allows links of kind pair, not host",
	    "join group fethd: usermod -aG fethd USER (macOS: dseditgroup -o "
	    "edit -a USER -t user fethd), then log in again" },
	{ &user, WIRE(), NULL, "anybody-pair", "not wire",
	    "join group fethd" },
	{ &user, HOST(.class = CLASS_RAW), NULL, "anybody-pair",
	    "not host", "raw equals packet capture" },
	{ &user, HOST(.addr = "192.168.1.1/24"), NULL, "anybody-pair",
	    "not host", "join group fethd" },
	{ &nobody, HOST(), NULL, "anybody-pair", "not host",
	    "join group fethd" },
};

static void
test_builtin(void **state)
{
	struct verdict v;
	size_t i;

	(void)state;
	policy_builtin(&pol, FETHD_GID);
	assert_true(policy_sane(&pol));
	for (i = 0; i < N(builtin); i++) {
		ask(builtin[i].peer, &builtin[i].asked, &v);
		if (v.allowed != (builtin[i].rule != NULL))
			fail_msg("%zu: %d %s", i, v.allowed, v.reason);
		if (v.allowed) {
			assert_string_equal(v.rule->name, builtin[i].rule);
			continue;
		}
		assert_null(v.rule);
		assert_non_null(v.nearest);
		assert_string_equal(v.nearest->name, builtin[i].nearest);
		if (strstr(v.reason, builtin[i].reason) == NULL ||
		    strstr(v.hint, builtin[i].hint) == NULL)
			fail_msg("%zu: %s / %s", i, v.reason, v.hint);
	}
}

/* Without the group nobody is in it, whatever a gid of -1 looks like. */
static void
test_builtin_no_group(void **state)
{
	static const struct asked host = HOST();
	struct verdict v;

	(void)state;
	policy_builtin(&pol, (gid_t)-1);
	assert_true(policy_sane(&pol));
	ask(&member, &host, &v);
	assert_false(v.allowed);
	assert_string_equal(v.hint, "make group fethd (groupadd -r fethd), "
	    "reload fethd, join it (usermod -aG fethd USER), then log in "
	    "again");
	ask(&nobody, &host, &v);
	assert_false(v.allowed);
	ask(&root, &host, &v);
	assert_true(v.allowed);
}

static void
test_builtin_bytes(void **state)
{
	static struct policy a, b;

	(void)state;
	memset(&a, 0x5a, sizeof(a));
	memset(&b, 0xa5, sizeof(b));
	policy_builtin(&a, FETHD_GID);
	policy_builtin(&b, FETHD_GID);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(sizeof(a) < 512 * 1024);
	assert_int_equal(a.grace_secs, BOUND_GRACE_SECS);
	assert_string_equal(a.file, "built-in");
	assert_int_equal(a.rules[2].quota, 32);
	assert_int_equal(a.rules[0].quota, 0);
}

/* A rule in short; who is "*", a uid, or a gid with 'g' before it. */
struct rule {
	const char	*name, *who;
	bool		allow;
	uint32_t	kinds, classes, leases, max_mtu;
	const char	*names[2], *addr[2];
};

static void
rule_add(const struct rule *in)
{
	struct policy_rule *r = &pol.rules[pol.nrules++];
	unsigned int i;

	strcpy(r->name, in->name);
	r->line = 10 * pol.nrules;
	r->allow = in->allow;
	r->anybody = in->who[0] == '*';
	if (in->who[0] == 'g')
		sscanf(in->who + 1, "%u", &r->gids[r->ngids++]);
	else if (in->who[0] != '*')
		sscanf(in->who, "%u", &r->uids[r->nuids++]);
	r->kinds = in->kinds;
	r->classes = in->classes;
	r->leases = in->leases;
	r->max_mtu = in->max_mtu;
	for (i = 0; i < 2 && in->names[i] != NULL; i++)
		strcpy(r->names[r->nnames++], in->names[i]);
	for (i = 0; i < 2 && in->addr[i] != NULL; i++)
		r->addr[r->naddr++] = pfx(in->addr[i]);
}

static void
rules_set(const struct rule *rules, size_t n)
{
	policy_builtin(&pol, FETHD_GID);
	memset(pol.rules, 0, sizeof(pol.rules));
	pol.nrules = 0;
	strcpy(pol.file, "/etc/fethd.conf");
	while (n-- > 0)
		rule_add(rules++);
	assert_true(policy_sane(&pol));
}

/* Each part of "what" of a rule that allows and of one that refuses. */
static const struct {
	struct rule	rule;
	struct asked	asked;
	bool		fits;
} fits[] = {
#define ALLOW	.name = "r", .who = "*", .allow = true
#define DENY	.name = "r", .who = "*", .allow = false
	{ { ALLOW }, HOST(), true },
	{ { ALLOW }, WIRE(), true },
	{ { ALLOW }, HOST(.class = CLASS_RAW), false },
	{ { ALLOW }, HOST(.addr = "auto"), true },
	{ { ALLOW, .kinds = BIT(LINK_HOST) }, HOST(), true },
	{ { ALLOW, .kinds = BIT(LINK_HOST) }, PAIR(), false },
	{ { ALLOW, .classes = BIT(CLASS_RAW) }, HOST(.class = CLASS_RAW),
	    true },
	{ { ALLOW, .classes = BIT(CLASS_RAW) }, HOST(), false },
	{ { ALLOW, .classes = BIT(CLASS_RAW) }, WIRE(), true },
	{ { ALLOW, .classes = BIT(CLASS_SOCKET) }, PAIR(), true },
	{ { ALLOW, .classes = BIT(CLASS_SOCKET) },
	    PAIR(.class2 = CLASS_STREAM), false },
	{ { ALLOW, .classes = BIT(CLASS_SOCKET) },
	    PAIR(.class = CLASS_STREAM), false },
	{ { ALLOW, .leases = BIT(LEASE_SESSION) }, HOST(), true },
	{ { ALLOW, .leases = BIT(LEASE_SESSION) },
	    HOST(.lease = LEASE_NAMED, .name = "x"), false },
	{ { ALLOW, .leases = BIT(LEASE_NAMED) }, HOST(), false },
	{ { ALLOW, .max_mtu = 1500 }, HOST(), true },
	{ { ALLOW, .max_mtu = 1500 }, HOST(.mtu = 1501), false },
	{ { ALLOW, .names = { "ci-", "vm" } }, HOST(.name = "ci-1"), true },
	{ { ALLOW, .names = { "ci-", "vm" } }, HOST(.name = "vm"), true },
	{ { ALLOW, .names = { "ci-", "vm" } }, HOST(.name = "ci"), false },
	{ { ALLOW, .names = { "ci-", "vm" } }, HOST(.name = "xci-"), false },
	{ { ALLOW, .names = { "ci-", "vm" } }, HOST(), false },
	{ { ALLOW, .addr = { "10.0.0.0/8" } }, HOST(), true },
	{ { ALLOW, .addr = { "10.0.0.0/8" } }, PAIR(.addr = "9.0.0.1/8"),
	    true },
	{ { ALLOW, .addr = { "10.0.0.0/8" } }, HOST(.addr = "10.1.1.1/24"),
	    true },
	{ { ALLOW, .addr = { "10.0.0.0/8" } }, HOST(.addr = "10.1.1.1/7"),
	    false },
	{ { ALLOW, .addr = { "10.0.0.0/8" } },
	    HOST(.addr = "10.1.1.1/24", .addr2 = "11.1.1.1/24"), false },
	/* both pools must be in the list */
	{ { ALLOW, .addr = { "10.0.0.0/8" } }, HOST(.addr = "auto"), false },
	{ { ALLOW, .addr = { "10.0.0.0/8", "fd00::/8" } },
	    HOST(.addr = "auto"), true },
	{ { ALLOW, .addr = { "10.253.0.0/17", "fd00::/8" } },
	    HOST(.addr = "auto"), false },
	{ { ALLOW, .addr = { "10.0.0.0/8" } }, PAIR(.addr = "auto"), true },

	{ { DENY }, HOST(), true },
	{ { DENY }, WIRE(), true },
	{ { DENY }, HOST(.class = CLASS_RAW), true },
	{ { DENY, .kinds = BIT(LINK_HOST) }, PAIR(), false },
	{ { DENY, .classes = BIT(CLASS_STREAM) }, PAIR(), false },
	{ { DENY, .classes = BIT(CLASS_STREAM) },
	    PAIR(.class2 = CLASS_STREAM), true },
	{ { DENY, .classes = BIT(CLASS_STREAM) },
	    PAIR(.class = CLASS_STREAM), true },
	{ { DENY, .classes = BIT(CLASS_TAP) }, WIRE(), false },
	{ { DENY, .leases = BIT(LEASE_NAMED) }, HOST(), false },
	{ { DENY, .leases = BIT(LEASE_NAMED) },
	    HOST(.lease = LEASE_NAMED, .name = "x"), true },
	{ { DENY, .max_mtu = 1500 }, HOST(.mtu = 9000), true },
	{ { DENY, .names = { "prod-" } }, HOST(.name = "prod-1"), true },
	{ { DENY, .names = { "prod-" } }, HOST(.name = "prod"), false },
	{ { DENY, .names = { "prod-" } }, HOST(), false },
	{ { DENY, .addr = { "10.0.0.0/8" } }, HOST(), false },
	{ { DENY, .addr = { "10.0.0.0/8" } }, HOST(.addr = "9.0.0.1/8"),
	    false },
	{ { DENY, .addr = { "10.0.0.0/8" } }, HOST(.addr = "10.1.1.1/24"),
	    true },
	{ { DENY, .addr = { "10.0.0.0/8" } }, HOST(.addr = "11.1.1.1/7"),
	    true },
	{ { DENY, .addr = { "10.0.0.0/8" } },
	    HOST(.addr = "9.1.1.1/24", .addr2 = "10.1.1.1/24"), true },
	{ { DENY, .addr = { "10.0.0.0/8" } }, HOST(.addr = "auto"), true },
	{ { DENY, .addr = { "fd66::/16" } }, HOST(.addr = "auto"), true },
	{ { DENY, .addr = { "11.0.0.0/8" } }, HOST(.addr = "auto"), false },
	{ { DENY, .addr = { "10.0.0.0/8" } }, PAIR(.addr = "10.1.1.1/24"),
	    false },
};

static void
test_fits(void **state)
{
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < N(fits); i++) {
		rules_set(&fits[i].rule, 1);
		ask(&user, &fits[i].asked, &v);
		if ((v.rule != NULL) != fits[i].fits)
			fail_msg("%zu: %s / %s", i, v.reason, v.hint);
	}
}

/* A rate is none with any burst: the first bytes of a port pass at once. */
static void
test_max_rate(void **state)
{
	static const struct rule rule = { .name = "r", .who = "*",
	    .allow = true };
	static const struct {
		uint64_t	max, rate, burst;
		uint32_t	mtu;
		const char	*reason;	/* NULL: fits */
	} t[] = {
		{ 0, 0, 0, 0, NULL },
		{ 0, 1000, BOUND_RATE_MAX, 0, NULL },
		{ 1000000, 0, 0, 0, "a rate of at most 1000000 bytes/s" },
		{ 1000000, 1000001, 0, 0, "a rate of at most 1000000 bytes/s" },
		{ 1000000, 1000000, 0, 0, NULL },
		{ 1000000, 1, 1000000, 0, NULL },
		{ 1000000, 1, 1000001, 0, "a burst of at most 1000000 bytes" },
		{ 1000000, 1000000, BOUND_RATE_MAX, 0,
		    "a burst of at most 1000000 bytes" },
		/* The burst of a low rate. */
		{ 1000, 1000, 0, 0, NULL },
		{ 1000, 1000, 3036, 0, NULL },
		{ 1000, 1000, 3037, 0, "a burst of at most 3036 bytes" },
		{ 1000, 1000, 18036, 9000, NULL },
		{ 1000, 1000, 18037, 9000, "a burst of at most 18036 bytes" },
	};
	struct link_spec s;
	struct spec_error err;
	struct verdict v;
	size_t i;
	int e;

	(void)state;
	for (i = 0; i < 2 * N(t); i++) {
		rules_set(&rule, 1);
		pol.rules[0].max_rate = t[i / 2].max;
		spec_init(&s);
		s.relay = true;
		s.mtu = t[i / 2].mtu;
		for (e = 0; e < 2; e++) {
			s.end[e].kind = END_PORT;
			/* The other port is as it should be. */
			s.end[e].rate = t[i / 2].max;
		}
		s.end[i % 2].rate = t[i / 2].rate;
		s.end[i % 2].burst = t[i / 2].burst;
		assert_int_equal(spec_check(&s, CLASS_TAP, &err), 0);
		policy_check(&pol, &user, &s, &v);
		if (v.allowed != (t[i / 2].reason == NULL) || (!v.allowed &&
		    strstr(v.reason, t[i / 2].reason) == NULL))
			fail_msg("%zu: %s / %s", i, v.reason, v.hint);
	}
}

static void
test_order(void **state)
{
	static const struct rule rules[] = {
		{ .name = "no-raw", .who = "1001", .classes = BIT(CLASS_RAW) },
		{ .name = "not-there", .who = "*", .addr = { "10.0.0.0/8" } },
		{ .name = "lab", .who = "g27", .allow = true,
		    .classes = BIT(CLASS_RAW) | BIT(CLASS_TAP) },
		{ .name = "all", .who = "*", .allow = true },
	};
	static const struct {
		const struct peer *peer;
		struct asked asked;
		const char *rule;
	} t[] = {
		{ &user, HOST(.class = CLASS_RAW), "lab" },
		{ &user, HOST(.class = CLASS_SOCKET), "all" },
		{ &member, HOST(.class = CLASS_RAW), "no-raw" },
		{ &member, HOST(), "lab" },
		{ &root, HOST(), "all" },
		{ &root, HOST(.addr = "10.0.0.1/24"), "not-there" },
		{ &user, HOST(.addr = "11.0.0.1/24"), "lab" },
		{ &root, HOST(.class = CLASS_RAW), NULL },
	};
	struct verdict v;
	size_t i;

	(void)state;
	rules_set(rules, N(rules));
	for (i = 0; i < N(t); i++) {
		ask(t[i].peer, &t[i].asked, &v);
		if (t[i].rule == NULL)
			assert_null(v.rule);
		else
			assert_string_equal(v.rule->name, t[i].rule);
	}
	ask(&root, &t[5].asked, &v);
	assert_string_equal(v.reason, "rule not-there (line 20) refuses it");
	assert_non_null(strstr(v.hint, "/etc/fethd.conf"));
	ask(&user, &t[0].asked, &v);
	assert_string_equal(v.reason, "rule lab (line 30) allows it");
}

/* What a refusal says where no rule matches. */
static const struct {
	const struct peer *peer;
	struct rule	rules[2];
	struct asked	asked;
	const char	*nearest, *reason, *hint;
} says[] = {
	{ &user, { { .name = "r", .who = "*", .allow = true,
	    .max_mtu = 9000 } }, HOST(.mtu = 9001), "r",
	    "rule r allows an MTU up to 9000, not 9001",
	    "ask for --mtu 9000 or less" },
	{ &user, { { .name = "r", .who = "*", .allow = true,
	    .leases = BIT(LEASE_SESSION) } },
	    HOST(.lease = LEASE_NAMED, .name = "x"), "r",
	    "rule r does not allow the lease named",
	    "ask for a session link: leave --named out" },
	{ &user, { { .name = "r", .who = "*", .allow = true,
	    .leases = BIT(LEASE_NAMED) } }, HOST(), "r",
	    "rule r does not allow the lease session",
	    "ask for a named link: --named" },
	{ &user, { { .name = "r", .who = "*", .allow = true,
	    .names = { "ci-", "vm-" } } }, HOST(), "r",
	    "rule r allows names that begin with ci-, vm-, and this link has "
	    "none", "give the link a name that begins with ci-, vm-" },
	{ &user, { { .name = "r", .who = "*", .allow = true,
	    .addr = { "10.0.0.0/8" } } }, HOST(.addr = "auto"), "r",
	    "rule r allows addresses in 10.0.0.0/8, not auto",
	    "ask for addresses in 10.0.0.0/8" },
	{ &user, { { .name = "r", .who = "*", .allow = true,
	    .addr = { "11.0.0.0/8" } } }, HOST(.addr = "12.0.0.1/9"), "r",
	    "not 12.0.0.1/9", "ask for addresses in 11.0.0.0/8" },
	{ &user, { { .name = "r", .who = "*", .allow = true,
	    .classes = BIT(CLASS_STREAM) } }, PAIR(.class = CLASS_STREAM), "r",
	    "rule r allows ports of class stream, not socket",
	    "ask for --class stream, or ask the administrator for a rule with "
	    "\"who\": [\"uid:1000\"]" },
	/* the rule with the fewest misses is the nearest, first of equals */
	{ &user, { { .name = "far", .who = "*", .allow = true,
	    .kinds = BIT(LINK_PAIR), .max_mtu = 1000 },
	    { .name = "near", .who = "1000", .allow = true,
	    .max_mtu = 1400 } }, HOST(), "near", "up to 1400",
	    "ask for --mtu 1400" },
	{ &user, { { .name = "one", .who = "*", .allow = true,
	    .max_mtu = 1000 }, { .name = "two", .who = "1000", .allow = true,
	    .max_mtu = 1400 } }, HOST(), "one", "up to 1000",
	    "ask for --mtu 1000" },
	/* others may */
	{ &user, { { .name = "pairs", .who = "*", .allow = true,
	    .kinds = BIT(LINK_PAIR) }, { .name = "ops", .who = "g77",
	    .allow = true } }, HOST(), "pairs", "not host",
	    "rule ops allows it to group 77: join it, then log in again" },
	{ &user, { { .name = "pairs", .who = "*", .allow = true,
	    .kinds = BIT(LINK_PAIR) }, { .name = "boss", .who = "77",
	    .allow = true } }, HOST(), "pairs", "not host",
	    "rule boss allows it to uid 77" },
	{ &user, { { .name = "boss", .who = "77", .allow = true } }, HOST(),
	    NULL, "no rule allows anything to uid 1000",
	    "rule boss allows it to uid 77" },
	{ &user, { { .name = "no", .who = "*", .classes = BIT(CLASS_RAW) } },
	    HOST(), NULL, "no rule allows anything to uid 1000",
	    "ask the administrator for a rule with \"who\": [\"uid:1000\"]" },
	{ &user, { { .name = "boss", .who = "77", .allow = true } },
	    HOST(.class = CLASS_RAW), NULL, "no rule allows anything",
	    "raw equals packet capture" },
};

static void
test_says(void **state)
{
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < N(says); i++) {
		rules_set(says[i].rules, says[i].rules[1].name != NULL ? 2 : 1);
		ask(says[i].peer, &says[i].asked, &v);
		assert_false(v.allowed);
		assert_null(v.rule);
		if (says[i].nearest == NULL)
			assert_null(v.nearest);
		else
			assert_string_equal(v.nearest->name, says[i].nearest);
		if (strstr(v.reason, says[i].reason) == NULL ||
		    strncmp(v.hint, says[i].hint, strlen(says[i].hint)) != 0)
			fail_msg("%zu: %s / %s", i, v.reason, v.hint);
	}
}

/* The longest names and lists there can be are cut, not overrun. */
static void
test_says_long(void **state)
{
	static const struct rule rule = { .name = "r", .who = "*",
	    .allow = true };
	static const struct asked host = HOST(.addr = "10.0.0.1/24",
	    .name = "x");
	struct policy_rule *r = &pol.rules[0];
	struct verdict v;
	unsigned int i;

	(void)state;
	rules_set(&rule, 1);
	memset(r->name, 'R', BOUND_NAME);
	r->naddr = r->nnames = BOUND_RULE_LIST;
	for (i = 0; i < BOUND_RULE_LIST; i++) {
		r->addr[i] = pfx("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120");
		memset(r->names[i], 'N', BOUND_NAME);
	}
	assert_true(policy_sane(&pol));
	ask(&user, &host, &v);
	assert_non_null(strstr(v.reason, "..."));
	r->nnames = 0;
	ask(&user, &host, &v);
	assert_non_null(strstr(v.reason, "fdff:"));
	assert_non_null(strstr(v.reason, ", ..."));
	memset(pol.file, 'F', sizeof(pol.file) - 1);
	r->naddr = 0;
	r->allow = false;
	ask(&user, &host, &v);
	assert_non_null(strstr(v.hint, " would allow it"));
}

static void
test_counts(void **state)
{
	(void)state;
	policy_builtin(&pol, FETHD_GID);
	assert_true(policy_counts(&pol.rules[0], LINK_WIRE));
	assert_true(policy_counts(&pol.rules[1], LINK_HOST));
	assert_true(policy_counts(&pol.rules[2], LINK_PAIR));
	assert_false(policy_counts(&pol.rules[2], LINK_HOST));
	pol.rules[2].kinds = 0;
	assert_true(policy_counts(&pol.rules[2], LINK_WIRE));
}

/* All entries of LIST of R with '|' between. */
static const char *
joined(const struct policy_rule *r, enum policy_list list)
{
	static char all[512];
	char one[POLICY_TEXT];
	unsigned int i;

	all[0] = '\0';
	for (i = 0; policy_text(r, list, i, one, sizeof(one)); i++) {
		if (i > 0)
			strcat(all, "|");
		strcat(all, one);
	}
	return (all);
}

static void
test_text(void **state)
{
	static const struct {
		unsigned int rule;
		enum policy_list list;
		const char *text;
	} t[] = {
		{ 0, POLICY_WHO, "uid 0" },
		{ 0, POLICY_KINDS, "host|pair|wire" },
		{ 0, POLICY_CLASSES, "tap|socket|raw|stream" },
		{ 0, POLICY_LEASES, "session|named" },
		{ 0, POLICY_NAMES, "" },
		{ 0, POLICY_ADDRESSES, "" },
		{ 1, POLICY_WHO, "group fethd (gid 970)" },
		{ 1, POLICY_CLASSES, "tap|socket|stream" },
		{ 1, POLICY_ADDRESSES, "10.253.0.0/16|fd66:6574:6800::/40" },
		{ 2, POLICY_WHO, "anybody" },
		{ 2, POLICY_KINDS, "pair" },
		{ 3, POLICY_WHO, "uid 7|uid 8|gid 9|group x (does not exist)" },
		{ 3, POLICY_KINDS, "host|pair|wire" },
		{ 3, POLICY_CLASSES, "tap|socket|raw|stream" },
		{ 3, POLICY_LEASES, "named" },
		{ 3, POLICY_NAMES, "a|b-" },
	};
	struct policy_rule *r = &pol.rules[3];
	char text[POLICY_TEXT];
	size_t i;

	(void)state;
	policy_builtin(&pol, FETHD_GID);
	r->nuids = r->ngids = r->nnames = 2;
	r->uids[0] = 7;
	r->uids[1] = 8;
	r->gids[0] = 9;
	r->gids[1] = POLICY_NO_GID;
	strcpy(r->groups[1], "x");
	r->leases = BIT(LEASE_NAMED);
	strcpy(r->names[0], "a");
	strcpy(r->names[1], "b-");
	for (i = 0; i < N(t); i++)
		assert_string_equal(joined(&pol.rules[t[i].rule], t[i].list),
		    t[i].text);
	/* The longest entry fits POLICY_TEXT. */
	assert_true(policy_text(r, POLICY_WHO, 3, text, sizeof(text)));
	assert_string_equal(text, "group x (does not exist)");
	assert_false(policy_text(r, POLICY_WHO, 4, text, sizeof(text)));
	memset(r->groups[0], 'g', BOUND_NAME);
	r->gids[0] = UINT32_MAX - 1;
	assert_non_null(strstr(joined(r, POLICY_WHO), "g (gid 4294967294)|"));
}

static void
test_sane(void **state)
{
	static struct policy good;
	unsigned int i;

	(void)state;
	policy_builtin(&good, FETHD_GID);
	for (i = 0; i < 12; i++) {
		pol = good;
		assert_true(policy_sane(&pol));
		switch (i) {
		case 0: pol.version++; break;
		case 1: pol.nrules = BOUND_RULES + 1; break;
		case 2: pol.pool4.family = 6; break;
		case 3: pol.pool6.len = 65; break;
		case 4: memset(pol.file, 'x', sizeof(pol.file)); break;
		case 5: pol.rules[1].nuids = BOUND_RULE_LIST + 1; break;
		case 6: pol.rules[1].ngids = 255; break;
		case 7: pol.rules[2].nnames = BOUND_RULE_LIST + 1; break;
		case 8: pol.rules[2].naddr = BOUND_RULE_LIST + 1; break;
		case 9: memset(pol.rules[0].name, 'x', BOUND_NAME + 1); break;
		case 10: memset(pol.rules[0].groups[15], 'x', BOUND_NAME + 1);
			break;
		case 11: pol.rules[1].addr[0].len = 33; break;
		}
		if (policy_sane(&pol))
			fail_msg("sane: %u", i);
	}
}

/* A rule may be for links with, or without, offloads. */
static void
test_offloads(void **state)
{
	static const struct asked plain = HOST(.class = CLASS_TAP);
	struct link_spec s;
	struct verdict v;

	(void)state;
	policy_builtin(&pol, FETHD_GID);
	asked_spec(&plain, &s);
	s.end[0].offloads = OFFLOAD_ALL;
	policy_check(&pol, &root, &s, &v);
	assert_true(v.allowed);

	pol.rules[0].offloads = POLICY_OFFLOADS_WITHOUT;
	policy_check(&pol, &root, &s, &v);
	assert_false(v.allowed);
	assert_string_equal(v.reason, "rule root-all allows no offloads");
	assert_string_equal(v.hint, "leave --offloads out");
	s.end[0].offloads = 0;
	policy_check(&pol, &root, &s, &v);
	assert_true(v.allowed);

	/* One that refuses them, before one that allows all. */
	pol.rules[1] = pol.rules[0];
	pol.rules[1].offloads = POLICY_OFFLOADS_ANY;
	pol.rules[0].allow = false;
	pol.rules[0].offloads = POLICY_OFFLOADS_WITH;
	policy_check(&pol, &root, &s, &v);
	assert_true(v.allowed);
	s.end[0].offloads = 1 << OFFLOAD_CSUM;
	policy_check(&pol, &root, &s, &v);
	assert_false(v.allowed);
	assert_ptr_equal(v.rule, &pol.rules[0]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_builtin_no_group),
		cmocka_unit_test(test_builtin_bytes),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_max_rate),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_says),
		cmocka_unit_test(test_says_long),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_sane),
		cmocka_unit_test(test_offloads),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.c: good files, the exact line and wording of every mistake, and the
 * commented sample, which must equal the built-in policy. Users and groups are
 * the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static struct policy pol, other;
static char err[600];
static bool no_fethd;

/* In place of the C library's. */
struct group *
getgrnam(const char *name)
{
	static struct group gr;

	errno = 0;
	if (strcmp(name, "broken") == 0)
		errno = EIO;
	gr.gr_gid = strcmp(name, "fethd") == 0 ? 970 : 100;
	if ((strcmp(name, "fethd") == 0 && !no_fethd) ||
	    strcmp(name, "users") == 0)
		return (&gr);
	return (NULL);
}

struct passwd *
getpwnam(const char *name)
{
	static struct passwd pw;

	errno = ENOENT;
	pw.pw_uid = 1234;
	return (strcmp(name, "ci") == 0 ? &pw : NULL);
}

static int
parse(const char *text)
{
	err[0] = '\0';
	return (conf_parse("f.conf", text, strlen(text), &pol, err,
	    sizeof(err)));
}

static const char everything[] =
    "// first line\n"
    "{\n"
    "  \"rules\": [\n"
    "    { \"name\": \"all-keys\", /* two\n"
    "       lines */ \"allow\": true,\n"
    "      \"who\": [\"uid:0\", \"user:ci\", \"gid:4294967294\",\n"
    "               \"group:users\"],\n"
    "      \"kinds\": [\"wire\", \"host\"],\n"
    "      \"classes\": [\"raw\", \"tap\"],\n"
    "      \"leases\": [\"named\"],\n"
    "      \"names\": [\"ci-\", \"x.y_Z\"],\n"
    "      \"addresses\": [\"pool\", \"10.0.0.0/8\", \"fd00::/8\"],\n"
    "      \"max_mtu\": 9000, \"quota\": 7 },\n"
    "    { \"who\": [\"anybody\"], \"name\": \"no\\u006e-e\", \"allow\": false"
    " }\n"
    "  ],\n"
    "  \"grace\": 3600,\n"
    "  \"spares\": 0,\n"
    "  \"pools\": { \"ipv6\": \"fd12::/48\", \"ipv4\": \"172.16.0.0/12\" }\n"
    "}\n";

static void
test_everything(void **state)
{
	const struct policy_rule *r = &pol.rules[0];
	char buf[PREFIX_STRLEN];

	(void)state;
	if (parse(everything) != 0)
		fail_msg("%s", err);
	assert_true(policy_sane(&pol));
	assert_string_equal(pol.file, "f.conf");
	assert_int_equal(pol.grace_secs, 3600);
	assert_int_equal(pol.spares, 0);
	assert_int_equal(pol.nrules, 2);
	assert_string_equal(r->name, "all-keys");
	assert_int_equal(r->line, 4);
	assert_true(r->allow);
	assert_false(r->anybody);
	assert_int_equal(r->nuids, 2);
	assert_int_equal(r->uids[0], 0);
	assert_int_equal(r->uids[1], 1234);
	assert_int_equal(r->ngids, 2);
	assert_int_equal(r->gids[0], 4294967294);
	assert_string_equal(r->groups[0], "");
	assert_int_equal(r->gids[1], 100);
	assert_string_equal(r->groups[1], "users");
	assert_int_equal(r->kinds, 1 << LINK_WIRE | 1 << LINK_HOST);
	assert_int_equal(r->classes, 1 << CLASS_RAW | 1 << CLASS_TAP);
	assert_int_equal(r->leases, 1 << LEASE_NAMED);
	assert_int_equal(r->nnames, 2);
	assert_string_equal(r->names[1], "x.y_Z");
	assert_int_equal(r->naddr, 4);
	/* "pool" is what the file says further down. */
	assert_string_equal(prefix_format(&r->addr[0], buf), "172.16.0.0/12");
	assert_string_equal(prefix_format(&r->addr[1], buf), "fd12::/48");
	assert_string_equal(prefix_format(&r->addr[3], buf), "fd00::/8");
	assert_int_equal(r->max_mtu, 9000);
	assert_int_equal(r->quota, 7);
	r++;
	assert_string_equal(r->name, "non-e");
	assert_int_equal(r->line, 14);
	assert_false(r->allow);
	assert_true(r->anybody);
	assert_int_equal(r->kinds | r->classes | r->leases | r->nnames |
	    r->naddr | r->quota, 0);
	assert_int_equal(r->max_mtu, BOUND_MTU_MAX);
}

/* Not one byte of P depends on what was there before. */
static void
test_all_bytes(void **state)
{
	(void)state;
	memset(&pol, 0xa5, sizeof(pol));
	assert_int_equal(parse(everything), 0);
	memcpy(&other, &pol, sizeof(pol));
	memset(&pol, 0x5a, sizeof(pol));
	assert_int_equal(parse(everything), 0);
	assert_memory_equal(&pol, &other, sizeof(pol));
}

#define RULE(x)	"{\"rules\":[\n{\"name\":\"a\",\n\"allow\":true,\n" \
		"\"who\":[\"anybody\"],\n" x "\n}]}"
#define WHO(x)	"{\"rules\":[{\"name\":\"a\",\"allow\":true,\n" \
		"\"who\":\n[\n" x "\n]}]}"
#define DENY(x)	"{\"rules\":[{\"name\":\"a\",\"allow\":false,\n" \
		"\"who\":[\"anybody\"],\n" x "\n}]}"
#define TOP(x)	"{\n" x ",\n\"rules\":[{\"name\":\"a\",\"allow\":true," \
		"\"who\":[\"anybody\"]}]}"

static const struct {
	const char	*text;
	int		line;
	const char	*say;
} bad[] = {
	/* no JSON */
	{ "", 1, "" },
	{ "\n\n", 3, "" },
	{ "{\n\n\"rules\": [,]}", 3, "" },
	{ "{\n/* no end\n\n", 2, "" },
	{ "{ \"rules\": [\n{}\n", 3, "" },
	{ "{\n\"a\": 1,\n\"a\": 2\n}", 3, "" },
	{ "{\n\"rules\": 'x'}", 2, "" },
	{ "{ // x\n\"grace\": 030 }", 2, "" },
	/* the top */
	{ "\n[]", 2, "the file is an object" },
	{ "7", 1, "the file is an object" },
	{ "\n{}", 2, "the file without \"rules\"" },
	{ "{\n\"rules\":\n[]}", 2, "one rule or more" },
	{ "{\n\"rules\": {}}", 2, "one rule or more" },
	{ "{\n\"rules\": [\n\n3]}", 4, "a rule is an object" },
	{ TOP("\"rulez\": []"), 2,
	    "unknown key \"rulez\": the keys of the file are grace, pools, "
	    "rules and spares" },
	{ TOP("\"Rules\": []"), 2, "unknown key \"Rules\"" },
	{ TOP("\"a\\u001b\\n\": 1"), 2, "unknown key \"a\\x1b\\x0a\"" },
	{ TOP("\"grace\": 0"), 2, "whole number from 1 to 3600" },
	{ TOP("\"grace\": 3601"), 2, "\"grace\" is a whole number" },
	{ TOP("\"grace\": 1.5"), 2, "whole number" },
	{ TOP("\"grace\": -1"), 2, "whole number" },
	{ TOP("\"grace\":\n\n\"30\""), 2, "whole number" },
	{ TOP("\"grace\": 1e300"), 2, "whole number" },
	{ TOP("\"spares\": 65"), 2, "whole number from 0 to 64" },
	/* pools */
	{ TOP("\"pools\": []"), 2, "\"pools\" is an object" },
	{ TOP("\"pools\": {\n\"ipv5\": \"\"}"), 3, "ipv4 and ipv6" },
	{ TOP("\"pools\": {\n\"ipv4\": 1}"), 3, "a pool is a string" },
	{ TOP("\"pools\": {\n\"ipv4\":\n\"10.0.0.0\"}"), 3,
	    "is not an IPv4 range such as" },
	{ TOP("\"pools\": {\"ipv4\": \"fd00::/40\"}"), 2, "an IPv4 range" },
	{ TOP("\"pools\": {\"ipv6\": \"10.0.0.0/8\"}"), 2, "an IPv6 range" },
	{ TOP("\"pools\": {\"ipv4\": \"10.0.7.0/16\"}"), 2,
	    "did you mean 10.0.0.0/16?" },
	{ TOP("\"pools\": {\"ipv6\": \"fd00:1::8/33\"}"), 2,
	    "did you mean fd00:1::/33?" },
	{ TOP("\"pools\": {\"ipv4\": \"10.0.0.0/31\"}"), 2, "takes a /30" },
	{ TOP("\"pools\": {\"ipv6\": \"fd00::/65\"}"), 2, "takes a /64" },
	{ TOP("\"pools\": {\"ipv4\": \"0.0.0.0/0\"}"), 2, "overlaps" },
	{ TOP("\"pools\": {\"ipv4\": \"224.0.0.0/16\"}"), 2, "multicast" },
	{ TOP("\"pools\": {\"ipv4\": \"192.0.0.0/2\"}"), 2, "multicast" },
	{ TOP("\"pools\": {\"ipv4\": \"127.1.0.0/16\"}"), 2, "loopback" },
	{ TOP("\"pools\": {\"ipv4\": \"169.254.0.0/20\"}"), 2, "link-local" },
	{ TOP("\"pools\": {\"ipv6\": \"fe80::/48\"}"), 2, "link-local" },
	{ TOP("\"pools\": {\"ipv6\": \"ff00::/8\"}"), 2, "multicast" },
	{ TOP("\"pools\": {\"ipv6\": \"::/0\"}"), 2, "overlaps" },
	/* keys of a rule */
	{ "{\"rules\":[\n{\"who\":[\"anybody\"],\"allow\":true}]}", 2,
	    "a rule without \"name\"" },
	{ "{\"rules\":[\n{\"name\":\"a\",\n\"allow\":true}]}", 2,
	    "a rule without \"who\"" },
	{ "{\"rules\":[\n{\"name\":\"a\",\n\"who\":[\"anybody\"]}]}", 2,
	    "a rule without \"allow\"" },
	{ RULE("\"mtu\": 1"), 5, "unknown key \"mtu\": the keys of a rule are "
	    "allow, name, who, kinds, classes, leases, names, addresses, "
	    "max_mtu, offloads and quota" },
	{ "{\"rules\":[{\"name\":\"a\",\"who\":[\"anybody\"],\n"
	    "\"allow\":\"yes\"}]}", 2, "true, or false" },
	{ "{\"rules\":[{\"name\":\"a\",\"who\":[\"anybody\"],\n"
	    "\"allow\":null}]}", 2, "true, or false" },
	{ "{\"rules\":[{\n\"name\":\"\",\"allow\":true,\"who\":[\"uid:1\"]}]}",
	    2, "the name of a rule" },
	{ "{\"rules\":[{\n\"name\":\"a b\",\"allow\":true,"
	    "\"who\":[\"anybody\"]}]}", 2, "the name of a rule" },
	{ "{\"rules\":[{\n\"name\":7,\"allow\":true,\"who\":[\"anybody\"]}]}",
	    2, "the name of a rule" },
	{ "{\"rules\":[\n{\"name\":\"a\",\"allow\":true,\"who\":[\"uid:1\"]},\n"
	    "{\"allow\":true,\"who\":[\"uid:1\"],\n\"name\":\"a\"}]}", 4,
	    "the rule on line 2 is named \"a\" too" },
	/* who */
	{ WHO(""), 2, "an empty list fits nothing" },
	{ WHO("\n7"), 5, "an entry of \"who\" is a string" },
	{ "{\"rules\":[{\"name\":\"a\",\"allow\":true,\n"
	    "\"who\":\"anybody\"}]}", 2, "array of strings" },
	{ WHO("\"uid:1\",\n\"root\""), 5, "\"root\" is nobody" },
	{ WHO("\"Anybody\""), 4, "\"Anybody\" is nobody" },
	{ WHO("\"uid:1\",\n\"anybody\""), 5, "stands alone" },
	{ WHO("\"anybody\",\n\"uid:1\""), 4, "stands alone" },
	{ WHO("\"uid:\""), 4, "is no id" },
	{ WHO("\"uid:-1\""), 4, "is no id" },
	{ WHO("\"uid: 1\""), 4, "is no id" },
	{ WHO("\"uid:4294967295\""), 4, "from 0 to 4294967294" },
	{ WHO("\"uid:18446744073709551617\""), 4, "is no id" },
	{ WHO("\"gid:0x10\""), 4, "is no id" },
	{ WHO("\"user:nope\""), 4, "there is no user \"nope\"" },
	{ WHO("\"user:\""), 4, "there is no user" },
	{ WHO("\"group:nope\""), 4,
	    "there is no group \"nope\": make it first (groupadd -r nope)" },
	{ WHO("\"group:broken\""), 4, "cannot be looked up" },
	{ WHO("\"group:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaa\""), 4, "at most 63" },
	{ WHO("\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\","
	    "\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\","
	    "\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\",\"uid:1\""), 2,
	    "17 entries: at most 16" },
	/* what */
	{ RULE("\"kinds\": [\"host\",\n\"tap\"]"), 6,
	    "\"tap\" is no kind of link: there are host, pair and wire" },
	{ RULE("\"kinds\": []"), 5, "leave \"kinds\" out" },
	{ RULE("\"kinds\": [\"host\",\n\"host\"]"), 6, "there twice" },
	{ RULE("\"kinds\": \"host\""), 5, "array of strings" },
	{ RULE("\"classes\": [\"auto\"]"), 5,
	    "\"auto\" is no class of port: there are tap, socket, raw and "
	    "stream" },
	{ RULE("\"classes\": {}"), 5, "array of strings" },
	{ RULE("\"leases\": [\"ever\"]"), 5,
	    "\"ever\" is no lease: there are session and named" },
	{ RULE("\"names\": [\"\"]"), 5, "no link's name begins with \"\"" },
	{ RULE("\"names\": [\"a*\"]"), 5, "begins with \"a*\"" },
	{ RULE("\"names\": [null]"), 5, "is a string" },
	{ RULE("\"addresses\": [\"auto\"]"), 5,
	    "\"auto\" is not \"pool\" or a range" },
	{ RULE("\"addresses\": [\"10.0.0.0\"]"), 5, "\"10.0.0.0\" is not" },
	{ RULE("\"addresses\": [\"pool\",\n\n\"10.0.0.1/8\"]"), 7,
	    "did you mean 10.0.0.0/8?" },
	{ RULE("\"addresses\": [\"::/0\",\"::/0\",\"::/0\",\"::/0\",\"::/0\","
	    "\"::/0\",\"::/0\",\"::/0\",\"::/0\",\"::/0\",\"::/0\",\"::/0\","
	    "\"::/0\",\"::/0\",\"::/0\",\n\"pool\"]"), 6,
	    "\"pool\" is two" },
	{ RULE("\"max_mtu\": 67"), 5, "\"max_mtu\" is a whole number from 68 "
	    "to 65521" },
	{ RULE("\"max_mtu\": 65522"), 5, "whole number" },
	{ RULE("\"max_mtu\": true"), 5, "whole number" },
	{ RULE("\"quota\": 0"), 5, "for no limit leave \"quota\" out" },
	{ RULE("\"quota\": 32769"), 5, "from 1 to 32768" },
	{ RULE("\"quota\": [1]"), 5, "whole number" },
	{ DENY("\"quota\": 1"), 3, "\"quota\" has no sense" },
	{ RULE("\"offloads\": true"), 5, "false for a rule that allows" },
	{ RULE("\"offloads\": 0"), 5, "false for a rule that allows" },
	{ DENY("\"offloads\": false"), 3, "true for a rule that refuses" },
	{ DENY("\"max_mtu\": 1500"), 3, "\"max_mtu\" has no sense" },
	/* strings that look like structure do not move the line */
	{ "{\"rules\":[{\"name\":\"a\",\"allow\":true,\n\"who\":[\"uid:1\"],\n"
	    "\"names\":[\"a\",\n\"b\",\n\"\\\"}],\\\\\"],\n"
	    "\"kinds\":[\"x\"]}]}", 6, "is no kind of link" },
	{ "{\"rules\":[{\"name\":\"a\",\"allow\":true,\n\"who\":[\"uid:1\"],\n"
	    "\"names\":[\"a\",\n\"b\",\n\"\\\"}],\\\\:\"]}]}", 5,
	    "no link's name" },
};

static void
test_bad(void **state)
{
	static const struct policy zero;
	char want[32];
	size_t i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		memset(&pol, 0x5a, sizeof(pol));
		if (parse(bad[i].text) != -EINVAL)
			fail_msg("taken: %s", bad[i].text);
		snprintf(want, sizeof(want), "f.conf:%d: ", bad[i].line);
		if (strncmp(err, want, strlen(want)) != 0 ||
		    strlen(err) == strlen(want) ||
		    strstr(err, bad[i].say) == NULL)
			fail_msg("%s\nsays: %s\nnot: %s%s", bad[i].text, err,
			    want, bad[i].say);
		assert_memory_equal(&pol, &zero, sizeof(pol));
	}
	assert_false(policy_sane(&zero));
}

/* A mistake at each line of a long file is told with that line. */
static void
test_lines(void **state)
{
	static char text[64 * 1024];
	char want[32];
	unsigned int n, k;
	size_t len;

	(void)state;
	for (k = 1; k < BOUND_RULES; k += 7) {
		len = sprintf(text, "{\"rules\":[");
		for (n = 0; n < BOUND_RULES; n++)
			len += sprintf(text + len, "%s\n{\"name\":\"r%u\", "
			    "\"allow\":true,\n  // \"comment\":\n  \"who\":"
			    "[\"uid:1\", /* [ */\n\t\"uid:%s\"]}",
			    n > 0 ? "," : "", n, n == k ? "x" : "2");
		sprintf(text + len, "\n]}");
		assert_int_equal(parse(text), -EINVAL);
		sprintf(want, "f.conf:%u: \"x\" is no id", 5 + 4 * k);
		if (strncmp(err, want, strlen(want)) != 0)
			fail_msg("%s, not %s", err, want);
	}
}

static void
test_many_rules(void **state)
{
	static char text[64 * 1024];
	unsigned int n, max;
	size_t len;

	(void)state;
	for (max = BOUND_RULES; max <= BOUND_RULES + 1; max++) {
		len = sprintf(text, "{\"rules\":[");
		for (n = 0; n < max; n++)
			len += sprintf(text + len, "%s\n{\"name\":\"r%u\", "
			    "\"allow\":true, \"who\":[\"uid:1\"]}",
			    n > 0 ? "," : "", n);
		sprintf(text + len, "]}");
		if (max == BOUND_RULES) {
			assert_int_equal(parse(text), 0);
			assert_int_equal(pol.nrules, BOUND_RULES);
			assert_int_equal(pol.rules[99].line, 101);
			continue;
		}
		assert_int_equal(parse(text), -EINVAL);
		assert_string_equal(err, "f.conf:102: more than 100 rules");
	}
}

/* Exactly SIZE bytes are looked at, with no NUL after them. */
static void
test_size(void **state)
{
	static const char text[] = TOP("\"grace\": 7");
	char *exact;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(text) - 1; n++) {
		exact = malloc(n + 1);
		assert_non_null(exact);
		memcpy(exact, text, n);
		exact[n] = '}';
		assert_int_equal(conf_parse("f", exact, n, &pol, err,
		    sizeof(err)), -EINVAL);
		free(exact);
	}
	assert_int_equal(conf_parse("f", text, n, &pol, err, sizeof(err)), 0);
	assert_int_equal(pol.grace_secs, 7);
	/* A NUL is no end. */
	assert_int_equal(conf_parse("f", text, n + 1, &pol, err, sizeof(err)),
	    -EINVAL);
}

static void
test_short_error(void **state)
{
	char few[12];

	(void)state;
	memset(few, 'x', sizeof(few));
	assert_int_equal(conf_parse("f.conf", "{}", 2, &pol, few, 11),
	    -EINVAL);
	assert_string_equal(few, "f.conf:1: ");
	assert_int_equal(few[11], 'x');
}

/* A file with SIZE bytes of TEXT; the descriptor is at its start. */
static int
file_of(const char *text, size_t size, int mode)
{
	FILE *f;
	int fd;

	f = tmpfile();
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fflush(f), 0);
	rewind(f);
	fd = dup(fileno(f));
	assert_true(fd >= 0);
	fclose(f);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	return (fd);
}

static void
test_load(void **state)
{
	static char big[BOUND_CONF + 100];
	static const char rest[] = TOP("\"grace\": 9");
	int fd, pipes[2];

	(void)state;
	fd = file_of(everything, strlen(everything), 0644);
	assert_int_equal(conf_load("p", fd, &pol, err, sizeof(err)), 0);
	assert_string_equal(pol.file, "p");
	assert_int_equal(pol.nrules, 2);
	close(fd);
	fd = file_of(everything, strlen(everything), 0646);
	assert_int_equal(conf_load("p", fd, &pol, err, sizeof(err)), -EPERM);
	assert_string_equal(err, "p: anybody can write to it: chmod o-w p");
	close(fd);
	/* The largest, and one byte more. */
	memset(big, ' ', sizeof(big));
	memset(big, '\n', 3);
	memcpy(big + 10, rest, sizeof(rest) - 1);
	fd = file_of(big, BOUND_CONF, 0600);
	assert_int_equal(conf_load("p", fd, &pol, err, sizeof(err)), 0);
	assert_int_equal(pol.grace_secs, 9);
	close(fd);
	fd = file_of(big, BOUND_CONF + 1, 0600);
	assert_int_equal(conf_load("p", fd, &pol, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "p:6: the file is longer than 262144 bytes");
	close(fd);
	/* What cannot be read. */
	fd = open("/", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(conf_load("p", fd, &pol, err, sizeof(err)), -EISDIR);
	assert_non_null(strstr(err, "p: cannot be read: "));
	close(fd);
	assert_int_equal(conf_load("p", 9999, &pol, err, sizeof(err)), -EBADF);
	/* A pipe gives it in pieces. */
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write(pipes[1], rest, sizeof(rest) - 1),
	    sizeof(rest) - 1);
	close(pipes[1]);
	assert_int_equal(conf_load("p", pipes[0], &pol, err, sizeof(err)), 0);
	close(pipes[0]);
}

static void
test_load_builtin(void **state)
{
	(void)state;
	policy_builtin(&other, 970);
	assert_int_equal(conf_load("p", -1, &pol, err, sizeof(err)), 0);
	assert_memory_equal(&pol, &other, sizeof(pol));
	no_fethd = true;
	policy_builtin(&other, (gid_t)-1);
	assert_int_equal(conf_load("p", -1, &pol, err, sizeof(err)), 0);
	assert_memory_equal(&pol, &other, sizeof(pol));
	no_fethd = false;
}

/* The commented sample says what the built-in policy does, to the byte but for
 * its path and lines, and for a mask that names everything. */
static void
test_sample(void **state)
{
	const char *srcdir;
	char path[512];
	unsigned int i;
	int fd;

	(void)state;
	srcdir = getenv("srcdir");
	snprintf(path, sizeof(path), "%s/docs/fethd.conf",
	    srcdir != NULL ? srcdir : ".");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fail_msg("%s cannot be opened", path);
	if (conf_load(path, fd, &pol, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	close(fd);
	policy_builtin(&other, 970);
	memset(pol.file, 0, sizeof(pol.file));
	memset(other.file, 0, sizeof(other.file));
	assert_int_equal(pol.nrules, other.nrules);
	for (i = 0; i < pol.nrules; i++) {
		assert_true(pol.rules[i].line > 0);
		pol.rules[i].line = 0;
		if (pol.rules[i].kinds == 0)
			pol.rules[i].kinds = (1u << LINK_KINDS) - 1;
	}
	assert_memory_equal(&pol, &other, sizeof(pol));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_many_rules),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_short_error),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_load_builtin),
		cmocka_unit_test(test_sample),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params.c: a table of every type, good and bad values of each.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "params.h"

struct end {
	int		kind;
	char		mac[18];
	bool		take, take_given;
};

struct inner {
	int64_t		owner;
	bool		owner_given;
};

struct outer {
	char		name[8];
	int64_t		mtu;
	bool		dry_run, dry_run_given;
	struct end	ends[3];
	unsigned int	nends;
	struct inner	filter;
	const cJSON	*any;
	int		colour;
	int64_t		big;
	bool		name_given;
};

static const char *const kinds[] = { "port", "host", NULL };

static int
colour_decode(const cJSON *value, void *field, char *reason, size_t size)
{
	if (cJSON_IsString(value) && strcmp(value->valuestring, "red") == 0) {
		*(int *)field = 7;
		return 0;
	}
	snprintf(reason, size, "must be \"red\"");
	return -EINVAL;
}

static const struct param end_params[] = {
	{ .name = "kind", .type = PARAM_ENUM, .required = true,
	    .offset = offsetof(struct end, kind), .names = kinds },
	{ .name = "mac", .type = PARAM_STRING,
	    .offset = offsetof(struct end, mac), .size = 18 },
	{ .name = "take", .type = PARAM_BOOL,
	    .offset = offsetof(struct end, take),
	    .given_offset = offsetof(struct end, take_given) },
	{ .name = NULL },
};

static const struct param inner_params[] = {
	{ .name = "owner", .type = PARAM_INT, .max = 65535,
	    .offset = offsetof(struct inner, owner),
	    .given_offset = offsetof(struct inner, owner_given) },
	{ .name = NULL },
};

static const struct param outer_params[] = {
	{ .name = "name", .type = PARAM_STRING,
	    .offset = offsetof(struct outer, name), .size = 8,
	    .given_offset = offsetof(struct outer, name_given) },
	{ .name = "mtu", .type = PARAM_INT, .min = 68, .max = 65521,
	    .offset = offsetof(struct outer, mtu) },
	{ .name = "dry_run", .type = PARAM_BOOL,
	    .offset = offsetof(struct outer, dry_run),
	    .given_offset = offsetof(struct outer, dry_run_given) },
	{ .name = "ends", .type = PARAM_STRUCTS, .required = true,
	    .offset = offsetof(struct outer, ends), .size = sizeof(struct end),
	    .min = 1, .max = 3, .fields = end_params,
	    .count_offset = offsetof(struct outer, nends) },
	{ .name = "filter", .type = PARAM_STRUCT,
	    .offset = offsetof(struct outer, filter), .fields = inner_params },
	{ .name = "any", .type = PARAM_OBJECT,
	    .offset = offsetof(struct outer, any) },
	{ .name = "colour", .type = PARAM_CUSTOM,
	    .offset = offsetof(struct outer, colour),
	    .decode = colour_decode },
	{ .name = "big", .type = PARAM_INT, .min = INT64_MIN, .max = INT64_MAX,
	    .offset = offsetof(struct outer, big) },
	{ .name = NULL },
};

static const struct param two_params[] = {
	{ .name = "ends", .type = PARAM_STRUCTS,
	    .offset = offsetof(struct outer, ends), .size = sizeof(struct end),
	    .min = 2, .max = 2, .fields = end_params,
	    .count_offset = offsetof(struct outer, nends) },
	{ .name = NULL },
};

static const struct param no_params[] = { { .name = NULL } };

static cJSON *
tree_of(const char *text)
{
	struct json_error	err;
	cJSON			*tree = json_parse(text, strlen(text), &err);

	if (tree == NULL)
		fail_msg("%s: %s", text, err.reason);
	return tree;
}

static void
outer_init(struct outer *o)
{
	memset(o, 0, sizeof(*o));
	strcpy(o->name, "dflt");
	o->mtu = 1500;
	o->ends[0].take = true;
	o->big = 5;
}

static void
test_all(void **state)
{
	struct spec_error	err;
	struct outer		o;
	cJSON			*tree;

	(void)state;
	tree = tree_of("{\"name\":\"1234567\",\"mtu\":68,\"dry_run\":true,"
	    "\"ends\":[{\"kind\":\"host\",\"mac\":\"02:00:00:00:00:01\"},"
	    "{\"take\":false,\"kind\":\"port\"}],\"filter\":{\"owner\":0},"
	    "\"any\":{\"x\":1},\"colour\":\"red\",\"big\":-9007199254740992}");
	outer_init(&o);
	assert_int_equal(params_decode(tree, outer_params, &o, &err), 0);
	assert_string_equal(o.name, "1234567");
	assert_true(o.name_given);
	assert_int_equal(o.mtu, 68);
	assert_true(o.dry_run && o.dry_run_given);
	assert_int_equal(o.nends, 2);
	assert_int_equal(o.ends[0].kind, 1);
	assert_string_equal(o.ends[0].mac, "02:00:00:00:00:01");
	assert_true(o.ends[0].take && !o.ends[0].take_given);
	assert_int_equal(o.ends[1].kind, 0);
	assert_true(!o.ends[1].take && o.ends[1].take_given);
	assert_true(o.filter.owner_given);
	assert_int_equal(o.filter.owner, 0);
	assert_ptr_equal(o.any, cJSON_GetObjectItemCaseSensitive(tree, "any"));
	assert_int_equal(o.colour, 7);
	assert_true(o.big == -9007199254740992);
	cJSON_Delete(tree);
}

/* Absent and null leave the defaults. */
static void
test_defaults(void **state)
{
	static const char *const texts[] = {
		"{\"ends\":[{\"kind\":\"port\"}]}",
		"{\"ends\":[{\"kind\":\"port\",\"mac\":null,\"take\":null}],"
		    "\"name\":null,\"mtu\":null,\"dry_run\":null,"
		    "\"filter\":null,\"any\":null,\"colour\":null}",
	};
	struct spec_error	err;
	struct outer		o;
	cJSON			*tree;
	size_t			i;

	(void)state;
	for (i = 0; i < 2; i++) {
		tree = tree_of(texts[i]);
		outer_init(&o);
		assert_int_equal(params_decode(tree, outer_params, &o, &err),
		    0);
		cJSON_Delete(tree);
		assert_string_equal(o.name, "dflt");
		assert_int_equal(o.mtu, 1500);
		assert_true(!o.dry_run && !o.dry_run_given && !o.name_given);
		assert_int_equal(o.nends, 1);
		assert_true(o.ends[0].take && !o.ends[0].take_given);
		assert_true(!o.filter.owner_given && o.any == NULL);
		assert_int_equal(o.big, 5);
	}
}

/* With a good "ends" after it. */
#define E(s)	"{" s ",\"ends\":[{\"kind\":\"port\"}]}"
#define RANGE	"must be a whole number from 68 to 65521"
#define KNOWN	"unknown key; known are: name, mtu, dry_run, ends, filter, " \
		"any, colour, big"
#define EXACT	"must be a whole number from"

static const struct {
	const char	*text, *field, *reason;
} bad[] = {
	{ "[]", "parameters", "must be an object" },
	{ "null", "parameters", "must be an object" },
	{ "{}", "ends", "is missing" },
	{ "{\"ends\":null}", "ends", "is missing" },
	{ "{\"ends\":{}}", "ends", "must be an array" },
	{ "{\"ends\":[]}", "ends", "from 1 to 3 elements" },
	{ "{\"ends\":[{},{},{},{}]}", "ends", "from 1 to 3 elements" },
	{ "{\"ends\":[1]}", "ends[0]", "must be an object" },
	{ "{\"ends\":[null]}", "ends[0]", "must be an object" },
	{ "{\"ends\":[{}]}", "ends[0].kind", "is missing" },
	{ "{\"ends\":[{\"kind\":null}]}", "ends[0].kind", "is missing" },
	{ "{\"ends\":[{\"kind\":\"port\"},{\"kind\":\"tap\"}]}",
	    "ends[1].kind", "must be one of: port, host" },
	{ "{\"ends\":[{\"kind\":\"Port\"}]}", "ends[0].kind",
	    "must be one of: port, host" },
	{ "{\"ends\":[{\"kind\":0}]}", "ends[0].kind",
	    "must be one of: port, host" },
	{ "{\"ends\":[{\"kind\":\"port\",\"mac\":\"02:00:00:00:00:01x\"}]}",
	    "ends[0].mac", "may not be longer than 17 bytes" },
	{ "{\"ends\":[{\"kind\":\"port\",\"mac\":2}]}", "ends[0].mac",
	    "must be a string" },
	{ "{\"ends\":[{\"kind\":\"port\",\"colour\":\"red\"}]}",
	    "ends[0].colour", "unknown key; known are: kind, mac, take" },
	{ E("\"name\":\"12345678\""), "name", "may not be longer than 7" },
	{ E("\"name\":1"), "name", "must be a string" },
	{ E("\"name\":{}"), "name", "must be a string" },
	{ E("\"mtu\":67"), "mtu", RANGE },
	{ E("\"mtu\":65522"), "mtu", RANGE },
	{ E("\"mtu\":-1500"), "mtu", RANGE },
	{ E("\"mtu\":1500.5"), "mtu", RANGE },
	{ E("\"mtu\":1e300"), "mtu", RANGE },
	{ E("\"mtu\":\"1500\""), "mtu", RANGE },
	{ E("\"mtu\":true"), "mtu", RANGE },
	{ E("\"mtu\":[1500]"), "mtu", RANGE },
	{ E("\"big\":9007199254740994"), "big", EXACT },
	{ E("\"big\":-9223372036854775808"), "big", EXACT },
	{ E("\"big\":1e19"), "big", EXACT },
	{ E("\"dry_run\":1"), "dry_run", "must be true or false" },
	{ E("\"dry_run\":\"true\""), "dry_run", "must be true or false" },
	{ E("\"filter\":1"), "filter", "must be an object" },
	{ E("\"filter\":{\"owner\":-1}"), "filter.owner", "from 0 to 65535" },
	{ E("\"filter\":{\"uid\":1}"), "filter.uid", "known are: owner" },
	{ E("\"any\":[]"), "any", "must be an object" },
	{ E("\"colour\":\"blue\""), "colour", "must be \"red\"" },
	{ E("\"Name\":\"x\""), "Name", KNOWN },
	{ E("\"\":1"), "parameters", KNOWN },
	{ E("\"unknown\":null"), "unknown", KNOWN },
	{ E("\"a long key that does not fit into the field \xc3\xa4\xc3\xa4"
	    "\":1"), "a long key that does not fit into the field \xc3\xa4",
	    KNOWN },
	{ E("\"an other long key that has no room for it  a "
	    "b\xc3\xa4\":1"),
	    "an other long key that has no room for it  a b", KNOWN },
};

static void
test_bad(void **state)
{
	struct spec_error	err;
	struct outer		o;
	cJSON			*tree;
	size_t			i;
	int			r;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tree = tree_of(bad[i].text);
		outer_init(&o);
		r = params_decode(tree, outer_params, &o, &err);
		cJSON_Delete(tree);
		if (r != -EINVAL || strcmp(err.field, bad[i].field) != 0 ||
		    strstr(err.reason, bad[i].reason) == NULL)
			fail_msg("%s: %d %s %s", bad[i].text, r, err.field,
			    err.reason);
	}
}

static void
test_other_tables(void **state)
{
	struct spec_error	err;
	struct outer		o;
	cJSON			*tree;

	(void)state;
	outer_init(&o);
	tree = tree_of("{\"ends\":[{\"kind\":\"port\"}]}");
	assert_int_equal(params_decode(tree, two_params, &o, &err), -EINVAL);
	assert_string_equal(err.reason, "must have exactly 2 elements");
	assert_int_equal(params_decode(tree, no_params, &o, &err), -EINVAL);
	assert_string_equal(err.reason, "unknown key; none is taken here");
	cJSON_Delete(tree);
	tree = tree_of("{}");
	assert_int_equal(params_decode(tree, no_params, &o, &err), 0);
	assert_int_equal(params_decode(tree, two_params, &o, &err), 0);
	cJSON_Delete(tree);
}

/* A long list of names is cut with dots, not in the middle of a name. */
static void
test_long_list(void **state)
{
	static const char *const names[] = { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccccccccc",
	    "dddddddddddddddddddddddddddddd", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
	    "ffffffffffffffffffffffffffffff", NULL };
	static const struct param table[] = {
		{ .name = "e", .type = PARAM_ENUM, .names = names },
		{ .name = NULL },
	};
	struct spec_error	err;
	cJSON			*tree = tree_of("{\"e\":\"\"}");
	int			e = -1;

	(void)state;
	assert_int_equal(params_decode(tree, table, &e, &err), -EINVAL);
	assert_int_equal(e, -1);
	assert_string_equal(err.reason + strlen(err.reason) - 9,
	    "dddd, ...");
	cJSON_Delete(tree);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_other_tables),
		cmocka_unit_test(test_long_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

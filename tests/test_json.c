/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c: what RFC 8259 allows is read, all else is refused at the right byte.
 * Every text is parsed from a buffer of exactly its size, so that a read past
 * its end is a fault under the sanitizers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bounds.h"
#include "json.h"

static cJSON *
parse(const char *text, size_t size, struct json_error *err)
{
	char	*copy = malloc(size > 0 ? size : 1);
	cJSON	*tree;

	assert_non_null(copy);
	memcpy(copy, text, size);
	tree = json_parse(copy, size, err);
	free(copy);
	return tree;
}

static void
test_good(void **state)
{
	static const char *const texts[] = {
		"{}", "[]", "null", "true", "false", "0", "-0", "-1.5e-3",
		"1E+2", "123456789012345678901234567890", "1.7e308", "\"\"",
		" \t\r\n{ \"a\" : [ 1 , { } , [ ] , \"x\" ] } \n",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\uDE00\\uffff\"",
		"\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"",
		"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x7f\"",
		"{\"a\":1,\"A\":2}", "{\"\":1}", "{\"a\":{\"a\":{\"a\":1}}}",
		"[{\"a\":1},{\"a\":1}]",
	};
	struct json_error	err;
	size_t			i;
	cJSON			*tree;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		tree = parse(texts[i], strlen(texts[i]), &err);
		if (tree == NULL)
			fail_msg("%s: %s", texts[i], err.reason);
		cJSON_Delete(tree);
	}
}

/* A text with its size, which may hold a NUL. */
#define T(s)	s, sizeof(s) - 1

static const struct bad {
	const char	*text;
	size_t		 size;
	size_t		 offset;
	unsigned int	 line;
	const char	*reason;	/* is in the reason */
} bad[] = {
	{ T(""), 0, 1, "ends here" },
	{ T("  \n"), 3, 2, "ends here" },
	{ T("\xef\xbb\xbf{}"), 0, 1, "0xef" },
	/* truncated */
	{ T("{"), 1, 1, "ends here" },
	{ T("{\"a"), 1, 1, "no end" },
	{ T("{\"a\""), 4, 1, "':'" },
	{ T("{\"a\":"), 5, 1, "ends here" },
	{ T("{\"a\":1"), 6, 1, "',' or '}'" },
	{ T("{\"a\":1,"), 7, 1, "key" },
	{ T("[1"), 2, 1, "',' or ']'" },
	{ T("[1,"), 3, 1, "JSON value" },
	{ T("\"\\"), 1, 1, "backslash" },
	{ T("\"\\u12"), 1, 1, "hex" },
	{ T("\"\xc3"), 1, 1, "UTF-8" },
	{ T("tru"), 0, 1, "JSON value" },
	{ T("-"), 1, 1, "digit" },
	{ T("1."), 2, 1, "digit" },
	{ T("1e"), 2, 1, "digit" },
	/* what others allow */
	{ T("{\"a\":1,}"), 7, 1, "'}' is out of place" },
	{ T("[1,]"), 3, 1, "']' is out of place" },
	{ T("[,1]"), 1, 1, "','" },
	{ T("{a:1}"), 1, 1, "quotation" },
	{ T("{'a':1}"), 1, 1, "quotation" },
	{ T("{1:1}"), 1, 1, "quotation" },
	{ T("{\"a\" 1}"), 5, 1, "':'" },
	{ T("{\"a\":1 \"b\":2}"), 7, 1, "'\"' is out of place" },
	{ T("[1 2]"), 3, 1, "'2'" },
	{ T("[1}"), 2, 1, "'}'" },
	{ T("{]"), 1, 1, "']'" },
	{ T("TRUE"), 0, 1, "JSON value" },
	{ T("nullx"), 4, 1, "nothing more" },
	{ T("NaN"), 0, 1, "JSON value" },
	{ T("Infinity"), 0, 1, "JSON value" },
	{ T("/**/{}"), 0, 1, "'/'" },
	{ T("{} {}"), 3, 1, "nothing more" },
	{ T("{}\0"), 2, 1, "0x00" },
	{ T("\0"), 0, 1, "0x00" },
	{ T("{\n\"a\":\n\n}"), 8, 4, "'}'" },
	/* numbers */
	{ T("01"), 0, 1, "begin" },
	{ T("-01"), 0, 1, "begin" },
	{ T("+1"), 0, 1, "'+'" },
	{ T(".5"), 0, 1, "'.'" },
	{ T("0x10"), 1, 1, "'x'" },
	{ T("1e400"), 0, 1, "double" },
	{ T("[-1e400]"), 1, 1, "double" },
	{ T("1e-400"), 0, 1, "double" },
	{ T("11111111111111111111111111111111111111111111111111111111111111"
	    "11"), 0, 1, "63" },
	/* strings */
	{ T("\"lab\\u0000x\""), 4, 1, "may not contain \\u0000" },
	{ T("\"lab\0x\""), 4, 1, "0x00" },
	{ T("\"a\nb\""), 2, 1, "0x0a" },
	{ T("\"\\x41\""), 1, 1, "backslash" },
	{ T("\"\\\0\""), 1, 1, "backslash" },
	{ T("\"\\ud800\""), 1, 1, "no second half" },
	{ T("\"\\ud800x\""), 1, 1, "no second half" },
	{ T("\"\\ud800\\u0041\""), 1, 1, "no second half" },
	{ T("\"\\ud800\\ud800\""), 1, 1, "no second half" },
	{ T("\"\\udc00\""), 1, 1, "no first half" },
	{ T("\"\\u00g0\""), 1, 1, "hex" },
	/* UTF-8 */
	{ T("\"\x80\""), 1, 1, "UTF-8" },
	{ T("\"\xc0\xaf\""), 1, 1, "UTF-8" },
	{ T("\"\xc1\xbf\""), 1, 1, "UTF-8" },
	{ T("\"\xe0\x9f\xbf\""), 1, 1, "UTF-8" },
	{ T("\"\xed\xa0\x80\""), 1, 1, "UTF-8" },
	{ T("\"\xf0\x8f\xbf\xbf\""), 1, 1, "UTF-8" },
	{ T("\"\xf4\x90\x80\x80\""), 1, 1, "UTF-8" },
	{ T("\"\xf5\x80\x80\x80\""), 1, 1, "UTF-8" },
	{ T("\"\xff\""), 1, 1, "UTF-8" },
	{ T("\"ab\xc3(\""), 3, 1, "UTF-8" },
	{ T("\"\xe2\x82\""), 1, 1, "UTF-8" },
	{ T("{\"\xff\":1}"), 2, 1, "UTF-8" },
	/* duplicates, as decoded */
	{ T("{\"a\":1,\"a\":2}"), 7, 1, "\"a\" is there twice" },
	{ T("{\"a\":1,\n\"\\u0061\":2}"), 8, 2, "\"a\" is there twice" },
	{ T("{\"x\":{\"b\":[{\"c\":1}]},\"y\":[{\"d\":1,\"e\":2,\"d\":3}]}"),
	    39, 1, "\"d\"" },
	{ T("{\"\":1,\"\":2}"), 6, 1, "twice" },
	{ T("{\"a b\":1,\"a b\":2}"), 9, 1, "this key" },
};

static void
test_bad(void **state)
{
	struct json_error	 err;
	const struct bad	*b;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b = &bad[i];
		if (parse(b->text, b->size, &err) != NULL)
			fail_msg("taken: %s", b->text);
		if (err.offset != b->offset || err.line != b->line ||
		    strstr(err.reason, b->reason) == NULL)
			fail_msg("%s: at %zu line %u: %s", b->text, err.offset,
			    err.line, err.reason);
	}
}

/* Every beginning of a good text is refused, without a read past it. */
static void
test_prefixes(void **state)
{
	static const char text[] = "{\"m\":\"a\\u00e9\\ud83d\\ude00\xc3\xa9\","
	    "\"n\":[-1.25e+10,true,false,null,{}]}";
	struct json_error	err;
	size_t			i;
	cJSON			*tree;

	(void)state;
	for (i = 0; i < sizeof(text) - 1; i++) {
		assert_null(parse(text, i, &err));
		assert_true(err.offset <= i);
		assert_true(err.reason[0] != '\0');
	}
	tree = parse(text, sizeof(text) - 1, &err);
	assert_non_null(tree);
	assert_string_equal(cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(tree, "m")),
	    "a\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9");
	cJSON_Delete(tree);
}

static void
test_depth(void **state)
{
	struct json_error	err;
	char			text[4002];
	cJSON			*tree;
	size_t			n;

	(void)state;
	memset(text, '[', BOUND_DEPTH);
	memset(text + BOUND_DEPTH, ']', BOUND_DEPTH);
	tree = parse(text, 2 * BOUND_DEPTH, &err);
	assert_non_null(tree);
	cJSON_Delete(tree);
	for (n = BOUND_DEPTH + 1; n <= 2000; n += 983) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		assert_null(parse(text, 2 * n, &err));
		assert_int_equal(err.offset, BOUND_DEPTH);
		assert_non_null(strstr(err.reason, "nested"));
	}
	for (n = 0; n < 1000; n++)
		memcpy(text + 4 * n, "{\"\":", 4);
	assert_null(parse(text, 4000, &err));
	assert_int_equal(err.offset, BOUND_DEPTH * 4);
}

static void
test_members(void **state)
{
	struct json_error	err;
	char			list[4096], object[4096], one[16];
	unsigned int		i, k;
	cJSON			*tree;

	(void)state;
	for (k = 0; k < 2; k++) {
		strcpy(list, "[");
		strcpy(object, "{");
		for (i = 0; i < BOUND_ELEMENTS + k; i++)
			strcat(list, i > 0 ? ",1" : "1");
		for (i = 0; i < BOUND_MEMBERS + k; i++) {
			snprintf(one, sizeof(one), "%s\"%u\":1",
			    i > 0 ? "," : "", i);
			strcat(object, one);
		}
		strcat(list, "]");
		strcat(object, "}");
		tree = parse(list, strlen(list), &err);
		assert_int_equal(tree != NULL, k == 0);
		cJSON_Delete(tree);
		tree = parse(object, strlen(object), &err);
		assert_int_equal(tree != NULL, k == 0);
		cJSON_Delete(tree);
	}
	assert_non_null(strstr(err.reason, "members"));
}

static void
test_member_offset(void **state)
{
	static const char text[] = " {\"a\":{\"b\":1,\"c\":2},\n \"d\":3}";

	(void)state;
	assert_int_equal(json_member_offset(text, sizeof(text) - 1, 0), 2);
	assert_int_equal(json_member_offset(text, sizeof(text) - 1, 1), 22);
	assert_int_equal(json_member_offset(text, sizeof(text) - 1, 2), 0);
	assert_int_equal(json_member_offset("[1]", 3, 0), 0);
}

static void
test_strip(void **state)
{
	static const struct {
		const char	*in, *out;
	} cases[] = {
		{ "", "" },
		{ "/", "/" },
		{ "1 // x", "1     " },
		{ "1 // x\n2", "1     \n2" },
		{ "1 // x\r\n2", "1     \r\n2" },
		{ "/**/1", "    1" },
		{ "/*a\nb*/1", "   \n   1" },
		{ "/* // */1", "        1" },
		{ "// /*\n1", "     \n1" },
		{ "/***/1", "     1" },
		{ "/* * / */1", "         1" },
		{ "\"//\"", "\"//\"" },
		{ "\"/*\"", "\"/*\"" },
		{ "\"\\\"//\" // x", "\"\\\"//\"     " },
		{ "\"a\\\\\"//", "\"a\\\\\"  " },
		{ "\"//", "\"//" },
		{ "\"\\", "\"\\" },
	};
	struct json_error	err;
	char			buf[64];
	size_t			i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(buf, cases[i].in);
		assert_int_equal(json_strip_comments(buf, strlen(buf), &err),
		    0);
		assert_string_equal(buf, cases[i].out);
	}
}

static void
test_strip_bad(void **state)
{
	static const char *const texts[] = { "\n /*", "\n /*/", "\n /* *" };
	struct json_error	err;
	char			buf[16];
	size_t			i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		strcpy(buf, texts[i]);
		assert_true(json_strip_comments(buf, strlen(buf), &err) < 0);
		assert_int_equal(err.offset, 2);
		assert_int_equal(err.line, 2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_member_offset),
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_strip_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * varlink.c: the envelope of a call, and the compiled-in interface texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "varlink.h"

static int
parse(const char *text, struct call *call, char *reason, size_t *offset)
{
	size_t	size = strlen(text);
	char	*copy = malloc(size > 0 ? size : 1);
	int	r;

	assert_non_null(copy);
	memcpy(copy, text, size);
	r = varlink_parse(copy, size, call, reason, 160, offset);
	free(copy);
	return r;
}

static void
test_good(void **state)
{
	static const struct {
		const char	*text, *interface, *method;
		bool		more, oneway;
		int		members;
	} cases[] = {
		{ "{\"method\":\"org.fethd.Broker.Open\"}",
		    "org.fethd.Broker", "Open", false, false, 0 },
		{ "{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},"
		    "\"more\":true}", "a.b", "C", true, false, 1 },
		{ "{\"oneway\":true,\"more\":false,\"upgrade\":false,"
		    "\"method\":\"a-b--c.1-2.D3\"}", "a-b--c.1-2", "D3",
		    false, true, 0 },
		{ "{\"method\":\"a.b.C\",\"parameters\":null,\"more\":null,"
		    "\"oneway\":null,\"upgrade\":null}", "a.b", "C", false,
		    false, 0 },
		{ "{\"method\":\"a.b.C\",\"parameters\":{}}", "a.b", "C",
		    false, false, 0 },
	};
	struct call	call;
	char		reason[160];
	size_t		offset, i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(cases[i].text, &call, reason, &offset) != 0)
			fail_msg("%s: %s", cases[i].text, reason);
		assert_string_equal(call.interface, cases[i].interface);
		assert_string_equal(call.method, cases[i].method);
		assert_int_equal(call.more, cases[i].more);
		assert_int_equal(call.oneway, cases[i].oneway);
		assert_true(cJSON_IsObject(call.parameters));
		assert_int_equal(cJSON_GetArraySize(call.parameters),
		    cases[i].members);
		varlink_clear(&call);
		assert_null(call.tree);
	}
}

#define M	"{\"method\":\"a.b.C\","

static const struct {
	const char	*text;
	size_t		offset;
	const char	*reason;
} bad[] = {
	{ "", 0, "ends here" },
	{ "[]", 0, "JSON object" },
	{ "\"a.b.C\"", 0, "JSON object" },
	{ "null", 0, "JSON object" },
	{ "{}", 0, "\"method\" is missing" },
	{ "{\"parameters\":{}}", 0, "\"method\" is missing" },
	{ "{\"method\":1}", 1, "must be a string" },
	{ "{\"method\":null}", 1, "must be a string" },
	{ "{ \"method\":\"\"}", 2, "must look like" },
	{ "{\"method\":\"Open\"}", 1, "must look like" },
	{ "{\"method\":\"org.Open\"}", 1, "must look like" },
	{ "{\"method\":\"org.fethd.Broker.open\"}", 1, "must look like" },
	{ "{\"method\":\"org.fethd.Broker.\"}", 1, "must look like" },
	{ "{\"method\":\"org.fethd.Broker.Op en\"}", 1, "must look like" },
	{ "{\"method\":\"org.fethd.Broker.Open\xc3\xa9\"}", 1,
	    "must look like" },
	{ "{\"method\":\".a.b.C\"}", 1, "must look like" },
	{ "{\"method\":\"a..b.C\"}", 1, "must look like" },
	{ "{\"method\":\"a.-b.C\"}", 1, "must look like" },
	{ "{\"method\":\"a-.b.C\"}", 1, "must look like" },
	{ "{\"method\":\"a.b-.C\"}", 1, "must look like" },
	{ "{\"method\":\"-a.b.C\"}", 1, "must look like" },
	{ "{\"method\":\"1a.b.C\"}", 1, "must look like" },
	{ "{\"method\":\"a_b.c.D\"}", 1, "must look like" },
	{ "{\"method\":\"a.b/../c.D\"}", 1, "must look like" },
	{ M "\"parameters\":[]}", 18, "must be an object" },
	{ M "\"parameters\":\"{}\"}", 18, "must be an object" },
	{ M "\"more\":1}", 18, "true or false" },
	{ M "\"oneway\":\"true\"}", 18, "true or false" },
	{ M "\"upgrade\":0}", 18, "true or false" },
	{ M "\"upgrade\":true}", 18, "not possible" },
	{ M "\"more\":true,\"oneway\":true}", 0, "exclude" },
	{ M "\"Parameters\":{}}", 18, "unknown key" },
	{ M "\"id\":1}", 18, "unknown key" },
	{ M "\"\":{}}", 18, "unknown key" },
	{ M "\"method\":\"a.b.D\"}", 18, "twice" },
	{ M "\"parameters\":{\"a\":{\"b\":1}},\"x\":1}", 45, "unknown key" },
	{ M "}", 18, "key" },
};

static void
test_bad(void **state)
{
	struct call	call;
	char		reason[160];
	size_t		offset, i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i].text, &call, reason, &offset) == 0)
			fail_msg("taken: %s", bad[i].text);
		assert_null(call.tree);
		if (offset != bad[i].offset ||
		    strstr(reason, bad[i].reason) == NULL)
			fail_msg("%s: at %zu: %s", bad[i].text, offset, reason);
	}
}

/* A method of N bytes: the longest that fits, and one more. */
static void
test_length(void **state)
{
	struct call	call;
	char		reason[160], text[256];
	size_t		offset, n, max = sizeof(call.buf) - 1;

	(void)state;
	for (n = max; n <= max + 1; n++) {
		strcpy(text, "{\"method\":\"a.");
		memset(text + 13, 'b', n - 4);
		strcpy(text + 13 + n - 4, ".C\"}");
		assert_int_equal(parse(text, &call, reason, &offset) == 0,
		    n == max);
		varlink_clear(&call);
	}
	assert_non_null(strstr(reason, "too long"));
}

static void
test_texts(void **state)
{
	(void)state;
	assert_non_null(strstr(varlink_broker_text,
	    "\ninterface org.fethd.Broker\n"));
	assert_non_null(strstr(varlink_broker_text, "\nmethod Open(\n"));
	assert_non_null(strstr(varlink_service_text,
	    "\ninterface org.varlink.service\n"));
	assert_non_null(strstr(varlink_service_text,
	    "\nmethod GetInterfaceDescription(interface: string) -> "
	    "(description: string)\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

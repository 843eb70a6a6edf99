/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fethc.h"
#include "print.h"

static int	policy_run(struct args *a);

const struct command cmd_policy = {
	.name = "policy",
	.usage = "[explain METHOD [NAME|PARAMETERS] [options of open]]",
	.help = "who may do what, and which rule decides about a call",
	.options = O_LINK,
	.max = 3,
	.run = policy_run,
};

static const char *const titles[] = { "RULE", "WHAT", "WHO", "KINDS",
    "CLASSES", "LEASES", "NAMES", "ADDRESSES", "MTU", "QUOTA" };
_Static_assert(sizeof(titles) / sizeof(titles[0]) == TABLE_COLS,
    "as many columns as a table has");

static const char *const lists[] = { "who", "kinds", "classes", "leases",
    "names", "addresses", NULL };

static void
policy_rule(struct table *table, const cJSON *rule)
{
	char buf[512];
	int i;

	table_cell(table, "%s", json_text(rule, "name"));
	table_cell(table, "%s", json_true(rule, "allow") ? "allow" : "refuse");
	for (i = 0; lists[i] != NULL; i++) {
		json_join(rule, lists[i], buf, sizeof(buf));
		table_cell(table, "%s", strcmp(buf, "-") == 0 ? "any" : buf);
	}
	table_cell(table, "%.0f", json_number(rule, "max_mtu"));
	if (json_number(rule, "quota") > 0)
		table_cell(table, "%.0f", json_number(rule, "quota"));
	else
		table_cell(table, "none");
}

static void
policy_table(const cJSON *reply)
{
	const char *heads[TABLE_COLS + 1] = { NULL };
	const cJSON *rule;
	struct table table;

	memcpy(heads, titles, sizeof(titles));
	print_pair("policy", json_text(reply, "file"));
	printf("the first rule of which WHO and all else match decides\n");
	table_start(&table, heads);
	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(reply,
	    "rules"))
		policy_rule(&table, rule);
	table_end(&table);
}

static void
policy_verdict(const cJSON *reply)
{
	char line[512];

	print_pair("verdict", json_true(reply, "allowed") ? "allowed" :
	    "refused");
	if (json_number(reply, "line") > 0)
		snprintf(line, sizeof(line), "%s (%s, line %.0f)",
		    json_text(reply, "rule"), json_text(reply, "file"),
		    json_number(reply, "line"));
	else
		snprintf(line, sizeof(line), "%s (%s)",
		    json_text(reply, "rule"), json_text(reply, "file"));
	print_pair("rule", line);
	print_pair("reason", json_text(reply, "reason"));
	print_pair("hint", json_text(reply, "hint"));
}

/* ---- explain ----------------------------------------------------------- */

/* The parameters that the options of open and the NAME stand for. */
static cJSON *
explain_open(struct args *a, const char *name, int *r)
{
	struct port_spec s;
	struct feth_error err;
	cJSON *t = NULL;
	char *text;

	*r = port_spec(a, name, &s);
	if (*r != EXIT_DONE)
		return NULL;
	text = feth_spec_json(&s.spec, &err);
	if (text == NULL)
		*r = failed(a, &err);
	else
		t = cJSON_Parse(text);
	free(text);
	return t;
}

/* WORD is JSON, or the name of a link, or NULL. */
static cJSON *
explain_parameters(struct args *a, const char *method, const char *word, int *r)
{
	cJSON *t;

	*r = EXIT_DONE;
	if (word != NULL && *word == '{') {
		t = cJSON_Parse(word);
		if (t == NULL)
			*r = usage_error("the parameters are no JSON object");
		return t;
	}
	if (strcmp(method, "Open") == 0)
		return explain_open(a, word, r);
	t = cJSON_CreateObject();
	if (word != NULL)
		cJSON_AddStringToObject(t, "link", word);
	return t;
}

/* "open" -> "Open", and full names as they are. */
static void
explain_method(const char *word, char *buf, size_t size)
{
	snprintf(buf, size, "%s", word);
	if (strchr(word, '.') == NULL && *buf >= 'a' && *buf <= 'z')
		*buf = (char)(*buf - 'a' + 'A');
}

static char *
explain_call(struct args *a, int *r)
{
	char method[128], *text = NULL;
	cJSON *t, *parameters;

	explain_method(a->argv[1], method, sizeof(method));
	parameters = explain_parameters(a, method,
	    a->argc == 3 ? a->argv[2] : NULL, r);
	if (parameters == NULL)
		return NULL;
	t = cJSON_CreateObject();
	cJSON_AddStringToObject(t, "method", method);
	if (!cJSON_AddItemToObject(t, "parameters", parameters))
		cJSON_Delete(parameters);
	text = cJSON_PrintUnformatted(t);
	cJSON_Delete(t);
	return text;
}

static int
policy_explain(struct args *a)
{
	char *text, *answer = NULL;
	cJSON *reply;
	int r;

	text = explain_call(a, &r);
	if (text == NULL)
		return r != EXIT_DONE ? r : EXIT_REFUSED;
	r = call_daemon(a, "Explain", text, &answer);
	cJSON_free(text);
	if (r != EXIT_DONE)
		return r;
	reply = cJSON_Parse(answer);
	if (a->json)
		print_json(answer);
	else
		policy_verdict(reply);
	r = json_true(reply, "allowed") ? EXIT_DONE : EXIT_REFUSED;
	cJSON_Delete(reply);
	free(answer);
	return r;
}

static int
policy_show(struct args *a)
{
	char *answer = NULL;
	cJSON *reply;
	int r;

	r = call_daemon(a, "Policy", NULL, &answer);
	if (r == EXIT_DONE && a->json)
		print_json(answer);
	else if (r == EXIT_DONE) {
		reply = cJSON_Parse(answer);
		policy_table(reply);
		cJSON_Delete(reply);
	}
	free(answer);
	return r;
}

static int
policy_run(struct args *a)
{
	if (a->argc == 0)
		return policy_show(a);
	if (strcmp(a->argv[0], "explain") != 0 || a->argc < 2)
		return usage_error("usage: fethc policy %s",
		    cmd_policy.usage);
	return policy_explain(a);
}

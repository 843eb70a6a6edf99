/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Varlink file is the normative text. Each method, parameter and error of
 * the code's tables must be in it, in the same order and with the same types,
 * and the other way round; and what reply.c builds must have the types that the
 * text promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <event2/event.h>

#include "backend.h"
#include "fethd.h"
#include "params.h"
#include "policy.h"
#include "reply.h"
#include "request.h"
#include "varlink.h"
#include "vlink.h"

#define BROKER	"org.fethd.Broker"
#define SERVICE	"org.varlink.service"

/* The text without comments, every run of white space one blank. */
static char *
normalise(const char *text)
{
	char	*out = malloc(strlen(text) + 2), *o = out;

	assert_non_null(out);
	for (; *text != '\0'; text++) {
		if (*text == '#')
			text += strcspn(text, "\n");
		if (strchr(" \t\n", *text) == NULL)
			*o++ = *text;
		else if (o > out && o[-1] != ' ')
			*o++ = ' ';
		if (*text == '\0')
			break;
	}
	*o = '\0';
	return out;
}

/* The text between the parentheses that follow KEYWORD and NAME, malloc'd with
 * blanks next to parentheses dropped; NULL when there is none. REST (may be NULL)
 * is set behind the closing one. */
static char *
block(const char *text, const char *keyword, const char *name,
    const char **rest)
{
	char		 head[128], *out;
	const char	*p, *q;
	int		 depth = 0;

	snprintf(head, sizeof(head), "%s %s", keyword, name);
	for (p = text; (p = strstr(p, head)) != NULL; p++)
		if ((p == text || p[-1] == ' ') &&
		    strchr(" (", p[strlen(head)]) != NULL)
			break;
	if (p == NULL)
		return NULL;
	p = strchr(p, '(');
	assert_non_null(p);
	for (q = p; *q != '\0'; q++) {
		depth += *q == '(' ? 1 : *q == ')' ? -1 : 0;
		if (depth == 0)
			break;
	}
	for (p++; *p == ' '; p++)
		;
	out = strndup(p, (size_t)(q - p));
	assert_non_null(out);
	while (*out != '\0' && out[strlen(out) - 1] == ' ')
		out[strlen(out) - 1] = '\0';
	if (rest != NULL)
		*rest = q + 1;
	return out;
}

static unsigned int
count(const char *text, const char *keyword)
{
	unsigned int	n = 0;
	const char	*p;

	for (p = text; (p = strstr(p, keyword)) != NULL; p++)
		if (p == text || p[-1] == ' ')
			n++;
	return n;
}

/* A table of parameters as Varlink spells it. */
static void
type_text(const struct param *p, char *buf, size_t size)
{
	size_t		n = strlen(buf);
	unsigned int	i;

	switch (p->type) {
	case PARAM_STRING:
		snprintf(buf + n, size - n, "string");
		break;
	case PARAM_INT:
		snprintf(buf + n, size - n, "int");
		break;
	case PARAM_BOOL:
		snprintf(buf + n, size - n, "bool");
		break;
	case PARAM_OBJECT:
		snprintf(buf + n, size - n, "object");
		break;
	case PARAM_STRUCTS:
		snprintf(buf + n, size - n, "[]%s", p->varlink);
		break;
	case PARAM_STRUCT:
	case PARAM_CUSTOM:
		snprintf(buf + n, size - n, "%s", p->varlink);
		break;
	case PARAM_ENUM:
		snprintf(buf + n, size - n, "(");
		for (i = 0; p->names[i] != NULL; i++)
			snprintf(buf + strlen(buf), size - strlen(buf), "%s%s",
			    i == 0 ? "" : ", ", p->names[i]);
		snprintf(buf + strlen(buf), size - strlen(buf), ")");
		break;
	}
}

static void
table_text(const struct param *table, char *buf, size_t size)
{
	const struct param	*p;

	buf[0] = '\0';
	for (p = table; p->name != NULL; p++) {
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s: %s",
		    p == table ? "" : ", ", p->name, p->required ? "" : "?");
		type_text(p, buf, size);
		assert_true(strlen(buf) + 1 < size);
	}
}

static void
check_nested(const char *text, const struct param *table)
{
	const struct param	*p;
	char			 want[1024], *have;

	for (p = table; p->name != NULL; p++) {
		if (p->fields == NULL)
			continue;
		table_text(p->fields, want, sizeof(want));
		have = block(text, "type", p->varlink, NULL);
		assert_non_null(have);
		assert_string_equal(have, want);
		free(have);
		check_nested(text, p->fields);
	}
}

static const struct {
	const char	*name;
	const char	*text;
} interfaces[] = {
	{ BROKER, varlink_broker_text }, { SERVICE, varlink_service_text },
};

static void
test_methods(void **state)
{
	const struct method	*m;
	char			 want[1024], *have, *text;
	unsigned int		 i, n;

	(void)state;
	for (i = 0; i < 2; i++) {
		text = normalise(interfaces[i].text);
		n = 0;
		for (m = methods; m->name != NULL; m++) {
			if (strcmp(m->interface, interfaces[i].name) != 0)
				continue;
			n++;
			have = block(text, "method", m->name, NULL);
			if (have == NULL)
				fail_msg("%s is not in the text", m->name);
			table_text(m->params, want, sizeof(want));
			assert_string_equal(have, want);
			free(have);
			check_nested(text, m->params);
		}
		assert_int_equal(n, count(text, "method "));
		free(text);
	}
}

static void
test_errors(void **state)
{
	const struct error_field *f;
	char			 want[256], *have, *text;
	unsigned int		 i, id, n;

	(void)state;
	text = normalise(varlink_broker_text);
	for (id = 0, n = 0; id < ERRORS; id++) {
		if (strcmp(errors[id].interface, BROKER) != 0)
			continue;
		n++;
		want[0] = '\0';
		for (f = errors[id].fields, i = 0; f->name != NULL; f++, i++)
			snprintf(want + strlen(want),
			    sizeof(want) - strlen(want), "%s%s: %s",
			    i == 0 ? "" : ", ", f->name,
			    f->type == 's' ? "string" : "int");
		have = block(text, "error", errors[id].name, NULL);
		if (have == NULL)
			fail_msg("%s is not in the text", errors[id].name);
		assert_string_equal(have, want);
		free(have);
	}
	assert_int_equal(n, count(text, "error "));
	free(text);
	/* The service's errors that we use are those of varlink.org. */
	text = normalise(varlink_service_text);
	for (id = 0; id < ERRORS; id++) {
		if (strcmp(errors[id].interface, SERVICE) != 0)
			continue;
		have = block(text, "error", errors[id].name, NULL);
		assert_non_null(have);
		free(have);
	}
	free(text);
}

/* Does VALUE have the Varlink type that begins at *TYPE? Moves *TYPE past it. */
static void check_type(const char *text, const char **type,
    const cJSON *value, const char *path);

/* Does OBJECT have exactly the FIELDS ("name: type, ...")? */
static void
check_fields(const char *text, const char *fields, const cJSON *object,
    const char *path)
{
	const char	*p = fields;
	const cJSON	*v;
	char		 name[64], sub[256];
	int		 known = 0;
	size_t		 n;

	assert_true(cJSON_IsObject(object));
	while (*p != '\0') {
		n = strcspn(p, ":");
		assert_true(n < sizeof(name));
		memcpy(name, p, n);
		name[n] = '\0';
		for (p += n + 1; *p == ' '; p++)
			;
		v = cJSON_GetObjectItemCaseSensitive(object, name);
		snprintf(sub, sizeof(sub), "%s.%s", path, name);
		if (v == NULL && *p != '?')
			fail_msg("%s is missing", sub);
		if (v != NULL)
			known++;
		check_type(text, &p, v, sub);
		while (*p == ',' || *p == ' ')
			p++;
	}
	if (known != cJSON_GetArraySize(object))
		fail_msg("%s has a key that the text does not know: %s", path,
		    cJSON_Print(object));
}

static void
check_enum(const char **type, const cJSON *value, const char *path)
{
	const char	*p = *type + 1, *end = strchr(*type, ')');
	bool		 found = value == NULL;
	size_t		 n;

	assert_non_null(end);
	while (p < end) {
		n = strcspn(p, ",)");
		if (value != NULL && cJSON_IsString(value) &&
		    strlen(value->valuestring) == n &&
		    strncmp(value->valuestring, p, n) == 0)
			found = true;
		for (p += n; *p == ',' || *p == ' '; p++)
			;
	}
	if (!found)
		fail_msg("%s is not in %s", path, *type);
	*type = end + 1;
}

static void
check_type(const char *text, const char **type, const cJSON *value,
    const char *path)
{
	static const struct {
		const char	*name;
		cJSON_bool	(*is)(const cJSON *);
	} simple[] = {
		{ "string", cJSON_IsString }, { "int", cJSON_IsNumber },
		{ "bool", cJSON_IsBool }, { "object", cJSON_IsObject },
	};
	const char	*p = *type, *inner;
	const cJSON	*e;
	char		 name[64], *fields;
	size_t		 i, n;

	if (*p == '?')
		p++;
	if (*p == '(') {
		check_enum(&p, value, path);
		*type = p;
		return;
	}
	if (*p == '[') {
		bool	list = p[1] == ']';

		p = strchr(p, ']') + 1;
		if (value != NULL && !(list ? cJSON_IsArray(value) :
		    cJSON_IsObject(value)))
			fail_msg("%s is no list", path);
		cJSON_ArrayForEach(e, value) {
			inner = p;
			check_type(text, &inner, e, path);
		}
		check_type(text, &p, NULL, path);
		*type = p;
		return;
	}
	n = strcspn(p, ", ");
	assert_true(n < sizeof(name));
	memcpy(name, p, n);
	name[n] = '\0';
	*type = p + n;
	for (i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
		if (strcmp(simple[i].name, name) != 0)
			continue;
		if (value != NULL && !simple[i].is(value))
			fail_msg("%s is no %s", path, name);
		return;
	}
	fields = block(text, "type", name, NULL);
	if (fields == NULL)
		fail_msg("%s: no type %s in the text", path, name);
	if (value != NULL)
		check_fields(text, fields, value, path);
	free(fields);
}

static void
check_object(const char *type, cJSON *value)
{
	char		*text = normalise(varlink_broker_text), *fields;

	fields = block(text, "type", type, NULL);
	assert_non_null(fields);
	check_fields(text, fields, value, type);
	cJSON_Delete(value);
	free(fields);
	free(text);
}

static int
some_counters(uint32_t slot, struct if_counters *c)
{
	memset(c, 0, sizeof(*c));
	c->rx_frames = slot + 1;
	c->tx_bytes = 7;
	return 0;
}

static void
test_replies(void **state)
{
	static const struct backend backend = { .name = "linux",
	    .counters = some_counters };
	struct fethd	 d = { .backend = &backend };
	struct vlink	 l;
	struct policy	*p;
	int		 fd[2] = { 0, 1 };
	unsigned int	 i;
	cJSON		*rules, *stats, *s;

	(void)state;
	memset(&l, 0, sizeof(l));
	l.d = &d;
	l.slot = 3;
	l.rec.spec.nlabels = 1;
	strcpy(l.rec.spec.labels[0].key, "k");
	for (i = 0; i < LINK_KINDS; i++) {
		l.rec.spec.kind = (uint8_t)i;
		l.rec.spec.end[0].kind = i == LINK_WIRE ? END_HOST : END_PORT;
		l.rec.spec.end[1].kind = i == LINK_PAIR ? END_PORT : END_HOST;
		l.rec.spec.end[0].class = l.rec.spec.end[1].class = CLASS_TAP;
		l.rec.spec.end[0].netns = l.rec.spec.end[1].netns = -1;
		l.rec.spec.end[0].naddr = 1;
		l.rec.spec.end[0].addr[0].family = 4;
		check_object("Link", reply_link(&l, fd, true));
		check_object("Link", reply_link(&l, NULL, false));
		check_object("LinkStats", reply_stats(&l));
	}
	/* The host counts what it receives; the port sent it. */
	l.rec.spec.kind = LINK_HOST;
	l.rec.spec.end[0].kind = END_PORT;
	stats = reply_stats(&l);
	s = cJSON_GetObjectItem(stats, "ends");
	assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(s, 0),
	    "tx_frames")->valueint, 4);
	assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(s, 1),
	    "rx_frames")->valueint, 4);
	cJSON_Delete(stats);

	p = calloc(1, sizeof(*p));
	assert_non_null(p);
	policy_builtin(p, 77);
	rules = reply_policy(p);
	while ((s = cJSON_DetachItemFromArray(cJSON_GetObjectItem(rules,
	    "rules"), 0)) != NULL)
		check_object("Rule", s);
	cJSON_Delete(rules);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

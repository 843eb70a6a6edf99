/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See show.h.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "show.h"

/* A user by name or number; -1: there is none. */
static long
show_uid(const char *text)
{
	const struct passwd *pw;
	char *end;
	long uid;

	uid = strtol(text, &end, 10);
	if (*text != '\0' && *end == '\0' && uid >= 0)
		return uid;
	pw = getpwnam(text);
	return pw != NULL ? (long)pw->pw_uid : -1;
}

static int
show_filter_labels(const struct args *a, cJSON *filter)
{
	cJSON *labels;
	unsigned int i;
	char text[128], *eq;

	if (a->labels.n == 0)
		return EXIT_DONE;
	labels = cJSON_AddObjectToObject(filter, "labels");
	for (i = 0; i < a->labels.n; i++) {
		snprintf(text, sizeof(text), "%s", a->labels.v[i]);
		eq = strchr(text, '=');
		if (eq == NULL)
			return usage_error("--label takes KEY=VALUE");
		*eq = '\0';
		cJSON_AddStringToObject(labels, text, eq + 1);
	}
	return EXIT_DONE;
}

static int
show_filter_fill(const struct args *a, cJSON *filter)
{
	long uid;

	if (a->filter_name != NULL)
		cJSON_AddStringToObject(filter, "name", a->filter_name);
	if (a->filter_kind != NULL)
		cJSON_AddStringToObject(filter, "kind", a->filter_kind);
	if (a->filter_owner != NULL) {
		uid = show_uid(a->filter_owner);
		if (uid < 0)
			return usage_error("there is no user %s",
			    a->filter_owner);
		cJSON_AddNumberToObject(filter, "owner", (double)uid);
	}
	return show_filter_labels(a, filter);
}

char *
show_filter(const struct args *a, int *r)
{
	cJSON *t = cJSON_CreateObject(), *filter;
	char *text = NULL;

	filter = cJSON_AddObjectToObject(t, "filter");
	*r = show_filter_fill(a, filter);
	if (*r == EXIT_DONE && filter != NULL && filter->child == NULL)
		cJSON_DeleteItemFromObject(t, "filter");
	if (*r == EXIT_DONE) {
		text = cJSON_PrintUnformatted(t);
		if (text == NULL)
			*r = EXIT_REFUSED;
	}
	cJSON_Delete(t);
	return text;
}

const char *
show_ends(const cJSON *link, char *buf, size_t size)
{
	const cJSON *e;
	const char *word;
	size_t at = 0;

	buf[0] = '\0';
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(link, "ends")) {
		if (strcmp(json_text(e, "kind"), "host") == 0)
			word = json_text(e, "interface");
		else
			word = json_text(e, "class");
		if (at < size)
			at += (size_t)snprintf(buf + at, size - at, "%s%s",
			    at > 0 ? " + " : "", *word != '\0' ? word : "?");
	}
	return buf;
}

const char *
show_addresses(const cJSON *link, char *buf, size_t size)
{
	const cJSON *e;
	char one[256];
	size_t at = 0;
	int any = 0;

	buf[0] = '\0';
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(link, "ends")) {
		json_join(e, "addresses", one, sizeof(one));
		if (strcmp(one, "-") != 0)
			any = 1;
		if (at < size)
			at += (size_t)snprintf(buf + at, size - at, "%s%s",
			    at > 0 ? " + " : "", one);
	}
	if (!any)
		snprintf(buf, size, "-");
	return buf;
}

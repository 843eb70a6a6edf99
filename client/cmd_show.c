/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fethc.h"
#include "print.h"

static int	show_run(struct args *a);

const struct command cmd_show = {
	.name = "show",
	.usage = "NAME",
	.help = "all about one link",
	.min = 1,
	.max = 1,
	.run = show_run,
};

static void
show_end(const cJSON *e, int number)
{
	char key[16], line[640], addresses[256];
	int host = strcmp(json_text(e, "kind"), "host") == 0;

	snprintf(key, sizeof(key), "end %d", number);
	snprintf(line, sizeof(line), "%s %s  mac %s  addresses %s  %s",
	    json_text(e, "kind"), json_text(e, host ? "interface" : "class"),
	    json_text(e, "mac"), json_join(e, "addresses", addresses,
	    sizeof(addresses)),
	    json_true(e, "attached") ? "attached" : "free");
	print_pair(key, line);
}

static void
show_created(const cJSON *l)
{
	time_t t = (time_t)json_number(l, "created");
	struct tm tm;
	char buf[64];

	if (localtime_r(&t, &tm) != NULL &&
	    strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		print_pair("created", buf);
}

static void
show_link(const cJSON *l)
{
	static const char *const keys[] = { "id", "kind", "lease", "state",
	    "backend", NULL };
	const cJSON *item;
	char buf[160];
	int i, n = 0;

	print_pair("link", json_text(l, "name"));
	for (i = 0; keys[i] != NULL; i++)
		print_pair(keys[i], json_text(l, keys[i]));
	snprintf(buf, sizeof(buf), "uid %.0f", json_number(l, "owner"));
	print_pair("owner", buf);
	snprintf(buf, sizeof(buf), "%.0f", json_number(l, "mtu"));
	print_pair("mtu", buf);
	show_created(l);
	cJSON_ArrayForEach(item,
	    cJSON_GetObjectItemCaseSensitive(l, "labels")) {
		snprintf(buf, sizeof(buf), "%s=%s", item->string,
		    cJSON_IsString(item) ? item->valuestring : "?");
		print_pair("label", buf);
	}
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(l, "ends"))
		show_end(item, n++);
}

static int
show_run(struct args *a)
{
	cJSON *t = cJSON_CreateObject(), *reply;
	char *text, *answer = NULL;
	int r;

	cJSON_AddStringToObject(t, "link", a->argv[0]);
	text = cJSON_PrintUnformatted(t);
	cJSON_Delete(t);
	r = call_daemon(a, "Get", text, &answer);
	cJSON_free(text);
	if (r == EXIT_DONE && a->json)
		print_json(answer);
	else if (r == EXIT_DONE) {
		reply = cJSON_Parse(answer);
		show_link(cJSON_GetObjectItemCaseSensitive(reply, "link"));
		cJSON_Delete(reply);
	}
	free(answer);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "fethc.h"
#include "print.h"

static int	detach_run(struct args *a);

const struct command cmd_detach = {
	.name = "detach",
	.usage = "NAME END",
	.help = "give a port of a link back, so that another can take it",
	.min = 2,
	.max = 2,
	.run = detach_run,
};

static int
detach_run(struct args *a)
{
	const char *end = a->argv[1];
	char *text, *reply = NULL;
	cJSON *t;
	int r;

	if (strcmp(end, "0") != 0 && strcmp(end, "1") != 0)
		return usage_error("the end is 0 or 1");
	t = cJSON_CreateObject();
	cJSON_AddStringToObject(t, "link", a->argv[0]);
	cJSON_AddNumberToObject(t, "end", *end - '0');
	text = cJSON_PrintUnformatted(t);
	r = call_daemon(a, "Detach", text, &reply);
	if (r == EXIT_DONE && a->json)
		print_json(reply);
	free(reply);
	cJSON_free(text);
	cJSON_Delete(t);
	return r;
}

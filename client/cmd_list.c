/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fethc.h"
#include "print.h"
#include "show.h"

static int	list_run(struct args *a);

const struct command cmd_list = {
	.name = "list",
	.usage = "[--name PREFIX] [--owner USER] [--kind KIND] "
	    "[--label KEY=VALUE]",
	.help = "the links that you may see",
	.options = O_FILTER,
	.run = list_run,
};

static const char *const titles[] = { "NAME", "OWNER", "KIND", "LEASE",
    "STATE", "ENDS", "ADDRESSES", NULL };

static void
list_table(const char *reply)
{
	cJSON *t = cJSON_Parse(reply);
	const cJSON *l;
	struct table table;
	char buf[512];

	table_start(&table, titles);
	cJSON_ArrayForEach(l, cJSON_GetObjectItemCaseSensitive(t, "links")) {
		table_cell(&table, "%s", json_text(l, "name"));
		table_cell(&table, "%.0f", json_number(l, "owner"));
		table_cell(&table, "%s", json_text(l, "kind"));
		table_cell(&table, "%s", json_text(l, "lease"));
		table_cell(&table, "%s", json_text(l, "state"));
		table_cell(&table, "%s", show_ends(l, buf, sizeof(buf)));
		table_cell(&table, "%s", show_addresses(l, buf, sizeof(buf)));
	}
	table_end(&table);
	cJSON_Delete(t);
}

static int
list_run(struct args *a)
{
	char *parameters, *reply = NULL;
	int r;

	parameters = show_filter(a, &r);
	if (parameters == NULL)
		return r;
	r = call_daemon(a, "List", parameters, &reply);
	if (r == EXIT_DONE) {
		if (a->json)
			print_json(reply);
		else
			list_table(reply);
	}
	free(reply);
	cJSON_free(parameters);
	return r;
}

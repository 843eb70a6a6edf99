/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "fethc.h"
#include "print.h"

static int	impair_run(struct args *a);

const struct command cmd_impair = {
	.name = "impair",
	.usage = "NAME [--end N] [--delay MS] [--loss PERCENT] ... | --clear",
	.help = "make a relayed link a bad cable, or tell how bad it is",
	.options = O_END | O_IMPAIR,
	.min = 1,
	.max = 1,
	.run = impair_run,
};

static const struct field {
	const char	*key, *title;
	double		scale;
} fields[] = {
	{ "delay_us", "DELAY-MS", 1000 }, { "jitter_us", "JITTER-MS", 1000 },
	{ "loss", "LOSS-%", 10000 }, { "duplicate", "DUPLICATE-%", 10000 },
	{ "reorder", "REORDER-%", 10000 }, { "rate", "RATE-BYTES/S", 1 },
	{ "seed", "SEED", 1 },
};
#define NFIELDS	(sizeof(fields) / sizeof(fields[0]))

/* True when the options say anything at all. */
static bool
impair_set(const struct args *a, cJSON *set)
{
	const struct { const char *key; long value; } given[] = {
		{ "delay_us", a->delay_us }, { "jitter_us", a->jitter_us },
		{ "loss", a->loss }, { "duplicate", a->duplicate },
		{ "reorder", a->reorder }, { "rate", a->slow },
		{ "seed", a->seed },
	};
	bool any = a->clear || a->down;
	size_t i;

	for (i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		if (given[i].value < 0)
			continue;
		cJSON_AddNumberToObject(set, given[i].key,
		    (double)given[i].value);
		any = true;
	}
	if (a->down)
		cJSON_AddTrueToObject(set, "down");
	return any;
}

static void
impair_end(struct table *table, const cJSON *e, int number)
{
	size_t i;

	table_cell(table, "%d", number);
	for (i = 0; i < NFIELDS; i++) {
		if (cJSON_GetObjectItemCaseSensitive(e, fields[i].key) == NULL)
			table_cell(table, "-");
		else
			table_cell(table, "%.15g", json_number(e,
			    fields[i].key) / fields[i].scale);
	}
	table_cell(table, "%s", json_true(e, "down") ? "down" : "up");
}

static void
impair_print(const char *reply)
{
	const char *titles[NFIELDS + 3] = { "END" };
	cJSON *t = cJSON_Parse(reply);
	const cJSON *e;
	struct table table;
	int number = 0;
	size_t i;

	for (i = 0; i < NFIELDS; i++)
		titles[i + 1] = fields[i].title;
	titles[i + 1] = "STATE";
	table_start(&table, titles);
	cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(t, "ends"))
		impair_end(&table, e, number++);
	table_end(&table);
	cJSON_Delete(t);
}

static int
impair_run(struct args *a)
{
	cJSON *t = cJSON_CreateObject(), *set = cJSON_CreateObject();
	char *text, *reply = NULL;
	int r;

	cJSON_AddStringToObject(t, "link", a->argv[0]);
	if (a->end != FETH_MINE)
		cJSON_AddNumberToObject(t, "end", (double)a->end);
	if (!impair_set(a, set) || !cJSON_AddItemToObject(t, "set", set))
		cJSON_Delete(set);
	text = cJSON_PrintUnformatted(t);
	r = call_daemon(a, "Impair", text, &reply);
	if (r == EXIT_DONE && a->json)
		print_json(reply);
	else if (r == EXIT_DONE)
		impair_print(reply);
	free(reply);
	cJSON_free(text);
	cJSON_Delete(t);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "fethc.h"
#include "print.h"
#include "stream.h"

static int	stats_run(struct args *a);

const struct command cmd_stats = {
	.name = "stats",
	.usage = "[NAME] [-i SECONDS] [-c N] [--timeout SECONDS]",
	.help = "counters of the links, once or again and again",
	.options = O_INTERVAL | O_COUNT | O_TIMEOUT,
	.max = 1,
	.run = stats_run,
};

static const char *const titles[] = { "NAME", "OWNER", "END", "RX-FRAMES",
    "RX-BYTES", "RX-DROPS", "TX-FRAMES", "TX-BYTES", "TX-DROPS", "REASONS",
    NULL };
static const char *const counters[] = { "rx_frames", "rx_bytes", "rx_dropped",
    "tx_frames", "tx_bytes", "tx_dropped", NULL };

/* "mac=3,rate=7", and why the port is closed. */
static void
stats_reasons(struct table *table, const cJSON *e)
{
	const char *closed = json_text(e, "closed");
	char text[256] = "";
	const cJSON *d;
	size_t at = 0;

	cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(e, "drops")) {
		if (at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at,
			    "%s%s=%.0f", at > 0 ? "," : "", d->string,
			    d->valuedouble);
	}
	if (*closed != '\0' && at < sizeof(text))
		snprintf(text + at, sizeof(text) - at, "%sclosed=%s",
		    at > 0 ? "," : "", closed);
	table_cell(table, "%s", text);
}

static void
stats_end(struct table *table, const cJSON *link, const cJSON *e, int number)
{
	int i;

	table_cell(table, "%s", json_text(link, "name"));
	table_cell(table, "%.0f", json_number(link, "owner"));
	table_cell(table, "%d", number);
	for (i = 0; counters[i] != NULL; i++) {
		if (json_true(e, "counted"))
			table_cell(table, "%.0f", json_number(e, counters[i]));
		else
			table_cell(table, "-");
	}
	stats_reasons(table, e);
}

static void
stats_print(const cJSON *reply)
{
	const cJSON *l, *e;
	struct table table;
	int number;

	table_start(&table, titles);
	cJSON_ArrayForEach(l, cJSON_GetObjectItemCaseSensitive(reply,
	    "stats")) {
		number = 0;
		cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(l,
		    "ends"))
			stats_end(&table, l, e, number++);
	}
	table_end(&table);
}

/* Called with the parameters of the one reply. */
static int
stats_once(const struct args *a, const char *parameters)
{
	char *reply = NULL;
	cJSON *t;
	int r;

	r = call_daemon(a, "Stats", parameters, &reply);
	if (r == EXIT_DONE && a->json)
		print_json(reply);
	else if (r == EXIT_DONE) {
		t = cJSON_Parse(reply);
		stats_print(t);
		cJSON_Delete(t);
	}
	free(reply);
	return r;
}

static int
stats_run(struct args *a)
{
	cJSON *t = cJSON_CreateObject();
	char *parameters;
	int r;

	if (a->argc > 0)
		cJSON_AddStringToObject(t, "link", a->argv[0]);
	if (a->interval_ms > 0)
		cJSON_AddNumberToObject(t, "interval_ms",
		    (double)a->interval_ms);
	parameters = cJSON_PrintUnformatted(t);
	cJSON_Delete(t);
	if (a->interval_ms > 0)
		r = stream_run(a, "Stats", parameters, stats_print);
	else
		r = stats_once(a, parameters);
	cJSON_free(parameters);
	return r;
}

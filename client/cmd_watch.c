/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "fethc.h"
#include "print.h"
#include "show.h"
#include "stream.h"

static int	watch_run(struct args *a);

const struct command cmd_watch = {
	.name = "watch",
	.usage = "[-c N] [--timeout SECONDS] [--name PREFIX] [--owner USER] "
	    "[--kind KIND] [--label KEY=VALUE]",
	.help = "the links, and then every change",
	.options = O_FILTER | O_COUNT | O_TIMEOUT,
	.run = watch_run,
};

static void
watch_line(const char *event, const cJSON *l)
{
	char line[1024], ends[256], addresses[512], now[16] = "";
	time_t t = time(NULL);
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL)
		strftime(now, sizeof(now), "%H:%M:%S", &tm);
	snprintf(line, sizeof(line), "%s %-7s %s  uid %.0f  %s %s  %s  %s", now,
	    event, json_text(l, "name"), json_number(l, "owner"),
	    json_text(l, "kind"), json_text(l, "state"),
	    show_ends(l, ends, sizeof(ends)),
	    show_addresses(l, addresses, sizeof(addresses)));
	print_text(stdout, line);
	putchar('\n');
}

static void
watch_print(const cJSON *reply)
{
	const cJSON *l, *link;

	cJSON_ArrayForEach(l, cJSON_GetObjectItemCaseSensitive(reply, "links"))
		watch_line("is", l);
	link = cJSON_GetObjectItemCaseSensitive(reply, "link");
	if (cJSON_IsObject(link))
		watch_line(json_text(reply, "event"), link);
}

static int
watch_run(struct args *a)
{
	char *parameters;
	int r;

	parameters = show_filter(a, &r);
	if (parameters == NULL)
		return r;
	r = stream_run(a, "Watch", parameters, watch_print);
	cJSON_free(parameters);
	return r;
}

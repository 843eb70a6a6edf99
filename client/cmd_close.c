/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fethc.h"
#include "print.h"

static int	close_run(struct args *a);

const struct command cmd_close = {
	.name = "close",
	.usage = "NAME...",
	.help = "end links",
	.min = 1,
	.max = 1000,
	.run = close_run,
};

static int
close_one(const struct args *a, struct feth_conn *conn, const char *name)
{
	struct feth_error err;
	char *text;
	cJSON *t;
	int r;

	t = cJSON_CreateObject();
	cJSON_AddStringToObject(t, "link", name);
	text = cJSON_PrintUnformatted(t);
	r = feth_call(conn, "Close", text, NULL, &err);
	cJSON_free(text);
	cJSON_Delete(t);
	return r < 0 ? failed(a, &err) : EXIT_DONE;
}

/* All are tried; the first failure is the result. */
static int
close_run(struct args *a)
{
	struct feth_conn *conn;
	int i, one, r;

	r = connect_daemon(a, &conn);
	if (r != EXIT_DONE)
		return r;
	for (i = 0; i < a->argc; i++) {
		one = close_one(a, conn, a->argv[i]);
		if (r == EXIT_DONE)
			r = one;
	}
	if (r == EXIT_DONE && a->json)
		print_json("{}");
	feth_disconnect(conn);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "fethc.h"
#include "print.h"

static int	version_run(struct args *a);

const struct command cmd_version = {
	.name = "version",
	.usage = "",
	.help = "of this command, the daemon and the protocol",
	.run = version_run,
};

static void
version_print(const cJSON *info)
{
	char line[512];

	print_pair("fethc", FETHD_VERSION);
	if (info == NULL)
		return;
	snprintf(line, sizeof(line), "%s %s", json_text(info, "product"),
	    json_text(info, "version"));
	print_pair("daemon", line);
	print_pair("protocol", json_join(info, "interfaces", line,
	    sizeof(line)));
}

static void
version_json(cJSON *info)
{
	cJSON *t = cJSON_CreateObject();

	cJSON_AddStringToObject(t, "client", FETHD_VERSION);
	if (info == NULL)
		cJSON_AddNullToObject(t, "daemon");
	else
		cJSON_AddItemReferenceToObject(t, "daemon", info);
	print_json_tree(t);
	cJSON_Delete(t);
}

/* With --json, the null of the document is the whole answer. */
static int
version_failed(const struct args *a, const struct feth_error *err)
{
	struct args plain = *a;

	plain.json = false;
	return failed(&plain, err);
}

/* Without a daemon, the client's own version is printed all the same. */
static int
version_run(struct args *a)
{
	struct feth_conn *conn = NULL;
	struct feth_error err;
	char *reply = NULL;
	cJSON *info = NULL;

	if (feth_connect(a->socket, &conn, &err) == 0 &&
	    feth_call(conn, "org.varlink.service.GetInfo", NULL, &reply,
	    &err) == 0)
		info = cJSON_Parse(reply);
	if (a->json)
		version_json(info);
	else
		version_print(info);
	feth_disconnect(conn);
	free(reply);
	if (info == NULL)
		return version_failed(a, &err);
	cJSON_Delete(info);
	return EXIT_DONE;
}

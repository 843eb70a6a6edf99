/* SPDX-License-Identifier: Apache-2.0 */
#include "fethc.h"

static int	exec_run(struct args *a);

const struct command cmd_exec = {
	.name = "exec",
	.usage = "[NAME] [--host|--pair|--wire] [options] -- PROGRAM ARGS",
	.help = "make a link for a program that inherits its descriptor",
	.options = O_LINK,
	.max = 1,
	.program = true,
	.run = exec_run,
};

static int
exec_run(struct args *a)
{
	struct feth_conn *conn;
	struct feth_link *link;
	int r;

	if (a->program == NULL)
		return usage_error("the program is missing: -- PROGRAM ARGS");
	r = port_open(a, a->argv[0], &conn, &link);
	if (r != EXIT_DONE)
		return r;
	r = hold_program(conn, link, a->program);
	port_free(conn, link);
	return r;
}

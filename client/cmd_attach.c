/* SPDX-License-Identifier: Apache-2.0 */
#include "fethc.h"

static int	attach_run(struct args *a);

const struct command cmd_attach = {
	.name = "attach",
	.usage = "NAME [--end N] [--class CLASS] [-- PROGRAM ARGS]",
	.help = "take the free port of a link, and hold it or run a program",
	.options = O_END | O_CLASS,
	.min = 1,
	.max = 1,
	.program = true,
	.run = attach_run,
};

static int
attach_run(struct args *a)
{
	struct feth_conn *conn;
	struct feth_link *link;
	int r;

	r = port_get(a, &conn, &link);
	if (r != EXIT_DONE)
		return r;
	if (a->program != NULL)
		r = hold_program(conn, link, a->program);
	else {
		/* Who reads of the link may send a signal at once. */
		r = wait_init() < 0 ? EXIT_REFUSED : port_print(a, link);
		if (r == EXIT_DONE)
			r = hold(conn, link, 0);
	}
	port_free(conn, link);
	return r;
}

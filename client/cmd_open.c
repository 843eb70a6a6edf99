/* SPDX-License-Identifier: Apache-2.0 */
#include "fethc.h"

static int	open_run(struct args *a);

const struct command cmd_open = {
	.name = "open",
	.usage = "[NAME] [--host|--pair|--wire] [options]",
	.help = "make a link and hold it until interrupted",
	.options = O_LINK | O_DRY,
	.max = 1,
	.run = open_run,
};

static int
open_run(struct args *a)
{
	struct feth_conn *conn;
	struct feth_link *link;
	int r;

	/* A named link is left to whom attaches to it. */
	a->leave = a->named;
	r = port_open(a, a->argv[0], &conn, &link);
	if (r != EXIT_DONE)
		return r;
	/* Who reads of the link may send a signal at once. */
	r = wait_init() < 0 ? EXIT_REFUSED : port_print(a, link);
	if (r == EXIT_DONE && !a->named && !a->dry_run)
		r = hold(conn, link, 0);
	port_free(conn, link);
	return r;
}

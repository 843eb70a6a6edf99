/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle: links of all classes that the daemon has, no traffic. A wake-up is a
 * switch of context of any thread of the two processes, as /proc counts them;
 * looking there does not wake them.
 */
#include <string.h>

#include "bench.h"

#define LINKS	1000
#define SETTLE	2	/* seconds */

static struct feth_link *links[LINKS];

/* The links are shared out among these; what is not built gets none. */
static struct {
	struct feth_spec (*spec)(enum feth_class class);
	enum feth_class	class;
	bool		gone;
} kinds[] = {
	{ host_spec, FETH_TAP, false },
	{ pair_spec, FETH_SOCKET, false },
	{ host_spec, FETH_SOCKET, false },
	{ relayed_spec, FETH_SOCKET, false },
};
#define NKINDS	(sizeof(kinds) / sizeof(kinds[0]))

static unsigned int
idle_open(struct feth_conn *conn)
{
	struct feth_error err;
	struct feth_spec s;
	unsigned int i = 0, k, n = 0;

	for (k = 0; n < LINKS && i < 2 * NKINDS * LINKS; i++, k++) {
		k %= NKINDS;
		if (kinds[k].gone)
			continue;
		s = kinds[k].spec(kinds[k].class);
		if (feth_open(conn, &s, &links[n], &err) == 0)
			n++;
		else if (err.code == FETH_UNSUPPORTED)
			kinds[k].gone = true;
		else {
			series_refused("idle.wakeups", &err);
			break;
		}
	}
	return n;
}

static void
idle_run(void)
{
	struct feth_conn *conn;
	struct daemon d;
	uint64_t wakeups, ticks;
	unsigned int n;

	if (!wanted("idle.wakeups") && !wanted("idle.ticks"))
		return;
	memset(&d, 0, sizeof(d));
	if (daemon_start(&d, "idle") < 0 ||
	    feth_connect(d.socket, &conn, NULL) < 0) {
		series_broken("idle.wakeups", "the daemon does not start");
		return;
	}
	n = idle_open(conn);
	if (n == LINKS) {
		nap(SETTLE);
		wakeups = proc_wakeups(d.pid);
		ticks = proc_ticks(d.pid);
		nap(opt.idle_seconds);
		sample("idle.wakeups", (double)(proc_wakeups(d.pid) - wakeups),
		    -1);
		sample("idle.ticks", (double)(proc_ticks(d.pid) - ticks), -1);
	}
	while (n > 0)
		feth_free(links[--n]);
	feth_disconnect(conn);
	daemon_stop(&d);
}

const struct group group_idle = { "idle", idle_run };

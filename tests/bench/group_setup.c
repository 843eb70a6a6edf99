/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the request for a link to a descriptor that can be used, as the program
 * sees it. The bare way is a server of ten lines: open, TUNSETIFF, one netlink
 * message, SCM_RIGHTS. Requests come some time apart, as they do in life; the
 * links of a round are ended after it, outside of the measurement.
 */
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "wire.h"

#define REQUESTS	24	/* a round */
#define HELPERS		12	/* of them by qemu-bridge-helper */
#define APART		0.06	/* seconds: time to make a spare TAP */
#define WARM_UP		1	/* seconds */
#define GROUP		7
#define HELPER		"/usr/lib/qemu/qemu-bridge-helper"
#define BRIDGE		"bbr0"

/* us, of all rounds, for the p99. */
struct all {
	double		*us;
	unsigned int	n;
};
static struct all all_bare, all_feth;

/* One sample of SERIES: the median of N times. They go to ALL, too. */
static void
setup_sample(const char *series, double *us, unsigned int n, struct all *all)
{
	unsigned int i;

	for (i = 0; all != NULL && i < n; i++)
		all->us[all->n++] = us[i];
	if (n > 0)
		sample(series, percentile(us, n, 0.5), -1);
}

static void
setup_tail(const char *series, struct all *all)
{
	char name[40];

	if (all->n == 0)
		return;
	snprintf(name, sizeof(name), "%s-p50", series);
	sample(name, percentile(all->us, all->n, 0.5), -1);
	snprintf(name, sizeof(name), "%s-p99", series);
	sample(name, percentile(all->us, all->n, 0.99), -1);
}

/* ---- Bare -------------------------------------------------------------- */

static int
bare_make(struct net *n, unsigned int i)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 3, 2 };
	char name[IFNAMSIZ];
	int fd, r;

	snprintf(name, sizeof(name), "bset%u", i);
	fd = net_tap(name, 0);
	if (fd < 0)
		return fd;
	r = net_finish(n, (int)if_nametoindex(name), mac, 1500, "bench", GROUP);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* 'o' opens one and sends it; 'c' deletes all. */
static void
bare_serve(int sock)
{
	struct net *n = net_open();
	unsigned int i = 0;
	char c;
	int fd;

	while (n != NULL && recv(sock, &c, 1, 0) == 1) {
		if (c == 'c') {
			net_delete_group(n, GROUP);
			i = 0;
			(void)!write(sock, "c", 1);
			continue;
		}
		fd = bare_make(n, i++);
		wire_send(sock, "o", 1, &fd, fd >= 0);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

static int
bare_start(pid_t *pid)
{
	int s[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) == -1)
		return -1;
	*pid = child();
	if (*pid == 0) {
		close(s[0]);
		bare_serve(s[1]);
	}
	close(s[1]);
	return s[0];
}

static void
bare_round(int sock)
{
	int fds[REQUESTS][WIRE_FDS], truncated;
	double us[REQUESTS], start;
	unsigned int i, nfds, n = 0;
	char c;

	for (i = 0; i < REQUESTS; i++) {
		nap(APART);
		start = now();
		if (write(sock, "o", 1) != 1 || wire_recv(sock, &c, 1, fds[n],
		    &nfds, &truncated) != 1 || nfds != 1)
			break;
		us[n++] = (now() - start) * 1e6;
	}
	if (n < REQUESTS)
		series_broken("setup.bare", "no TAP came");
	setup_sample("setup.bare", us, n, &all_bare);
	(void)!write(sock, "c", 1);
	(void)!read(sock, &c, 1);
	while (n > 0)
		close(fds[--n][0]);
}

/* ---- fethd ------------------------------------------------------------- */

static void
feth_gone(void)
{
	double deadline = now() + 20;

	while (net_links() > 0 && now() < deadline)
		nap(0.02);
}

static void
feth_round(const char *series, const struct feth_spec *spec, struct all *all)
{
	struct feth_link *link[REQUESTS];
	struct daemon *d = daemon_main();
	struct feth_conn *conn = NULL;
	struct feth_error err = { .name = "" };
	double us[REQUESTS], start;
	unsigned int i, n = 0;

	if (d == NULL || feth_connect(d->socket, &conn, &err) < 0) {
		series_broken(series, "no daemon");
		return;
	}
	for (i = 0; i < REQUESTS; i++) {
		nap(APART);
		start = now();
		if (feth_open(conn, spec, &link[n], &err) < 0)
			break;
		us[n++] = (now() - start) * 1e6;
	}
	if (n < REQUESTS)
		series_refused(series, &err);
	setup_sample(series, us, n, all);
	while (n > 0)
		feth_free(link[--n]);
	feth_disconnect(conn);
	feth_gone();
}

/* ---- qemu-bridge-helper ------------------------------------------------- */

/* In a mount namespace of its own; the descriptor of that, or -1. */
static int
helper_mount(void)
{
	FILE *f;

	if (mount("none", "/etc", "tmpfs", 0, NULL) == -1 ||
	    mkdir("/etc/qemu", 0755) == -1 ||
	    (f = fopen("/etc/qemu/bridge.conf", "we")) == NULL)
		return -1;
	fprintf(f, "allow %s\n", BRIDGE);
	fclose(f);
	return open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
}

/* A mount namespace in which /etc has nothing but the helper's permission to
 * use the bridge. The machine's /etc is not touched. The way back ends at the
 * root, and the daemon that is measured may have a relative name. */
static int
helper_etc(void)
{
	int here = open(".", O_PATH | O_CLOEXEC), fd = -1;
	int old = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (here != -1 && old != -1 && unshare(CLONE_NEWNS) == 0) {
		fd = helper_mount();
		if (setns(old, CLONE_NEWNS) == -1 || fchdir(here) == -1)
			perror("bench: the way back");
	}
	close(old);
	close(here);
	return fd;
}

static int
helper_start(void)
{
	struct net *n;
	int fd, r;

	if (access(HELPER, X_OK) == -1) {
		series_absent("setup.bridge", "no %s", HELPER);
		return -1;
	}
	n = net_open();
	r = n != NULL ? net_bridge(n, BRIDGE) : -ENOMEM;
	net_close(n);
	fd = r == 0 ? helper_etc() : -1;
	if (fd == -1)
		series_broken("setup.bridge", "no bridge to try it with: %s",
		    strerror(r < 0 ? -r : errno));
	return fd;
}

/* Run it once: the descriptor of a TAP in the bridge, or -1. */
static int
helper_run(int etc)
{
	int s[2], fds[WIRE_FDS] = { -1 }, status = 0;
	unsigned int nfds = 0;
	char arg[32], c;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1)
		return -1;
	snprintf(arg, sizeof(arg), "--fd=%d", s[1]);
	pid = fork();
	if (pid == 0) {
		close(s[0]);
		if (setns(etc, CLONE_NEWNS) == 0)
			execl(HELPER, HELPER, "--br=" BRIDGE, arg, NULL);
		_exit(127);
	}
	close(s[1]);
	wire_recv(s[0], &c, 1, fds, &nfds, NULL);
	close(s[0]);
	/* QEMU waits for its exit code, too. */
	waitpid(pid, &status, 0);
	return nfds == 1 && status == 0 ? fds[0] : -1;
}

static void
helper_round(int etc)
{
	double us[HELPERS], start;
	int fd[HELPERS];
	unsigned int i;

	for (i = 0; i < HELPERS; i++) {
		nap(APART);
		start = now();
		fd[i] = helper_run(etc);
		if (fd[i] == -1)
			break;
		us[i] = (now() - start) * 1e6;
	}
	if (i < HELPERS)
		series_broken("setup.bridge", "%s failed", HELPER);
	setup_sample("setup.bridge", us, i, NULL);
	while (i > 0)
		close(fd[--i]);
}

static void
setup_rounds(int bare, int helper)
{
	const struct feth_spec host = host_spec(FETH_TAP);
	const struct feth_spec pair = pair_spec(FETH_SOCKET);
	struct feth_conn *conn;
	struct feth_link *link;
	unsigned int i;

	/* The first one ever starts the making of spares. */
	if (feth_up("setup.feth", daemon_main(), &host, &conn, &link) < 0)
		return;
	feth_free(link);
	feth_disconnect(conn);
	nap(WARM_UP);
	for (i = 0; i < opt.rounds; i++) {
		bare_round(bare);
		feth_round("setup.feth", &host, &all_feth);
		feth_round("setup.pair", &pair, NULL);
		if (helper != -1)
			helper_round(helper);
	}
	setup_tail("setup.bare", &all_bare);
	setup_tail("setup.feth", &all_feth);
}

static void
setup_run(void)
{
	int bare, helper = -1;
	pid_t pid = -1;

	if (!wanted("setup.feth") && !wanted("setup.pair"))
		return;
	all_bare.us = calloc(opt.rounds * REQUESTS, sizeof(double));
	all_feth.us = calloc(opt.rounds * REQUESTS, sizeof(double));
	bare = bare_start(&pid);
	if (wanted("setup.bridge"))
		helper = helper_start();
	if (all_bare.us != NULL && all_feth.us != NULL && bare != -1)
		setup_rounds(bare, helper);
	close(bare);
	waitpid(pid, NULL, 0);
	if (helper != -1)
		close(helper);
	free(all_bare.us);
	free(all_feth.us);
}

const struct group group_setup = { "setup", setup_run };

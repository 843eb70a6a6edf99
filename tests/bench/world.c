/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the measurements happen: network and mount namespaces that have no name
 * and die with this process, a directory of its own, a daemon that is started
 * here and ended here. Nothing of the machine's is touched.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define DAEMON_SECS	20
#define FDS		100000	/* a pair link of a relay's has two */

char world_dir[64];
int world_home = -1, world_far = -1;

static struct daemon main_daemon;
static pid_t owner;

/* ---- Time -------------------------------------------------------------- */

double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
nap(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

/* ---- Namespaces -------------------------------------------------------- */

static int
world_fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	return -1;
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return;
	fputs(text, f);
	fclose(f);
}

/* A fresh network namespace becomes ours. Interfaces in it say nothing by
 * themselves: no IPv6. */
static int
net_fresh(void)
{
	struct net *n;
	int fd;

	if (unshare(CLONE_NEWNET) == -1)
		return -1;
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	n = net_open();
	if (n != NULL)
		net_up(n, 1);
	net_close(n);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd;
}

int
world_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) == 0 ? 0 : -errno;
}

/* More than the hard limit is not for every root. */
static void
world_limits(void)
{
	struct rlimit rl = { FDS, FDS };

	if (setrlimit(RLIMIT_NOFILE, &rl) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

unsigned int
world_descriptors(void)
{
	struct rlimit rl;

	return getrlimit(RLIMIT_NOFILE, &rl) == 0 ? (unsigned int)rl.rlim_cur :
	    1024;
}

int
world_start(void)
{
	owner = getpid();
	world_limits();
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return world_fail("no mount namespace (root is needed)");
	/* Below /run: the daemon refuses a run directory whose parent anybody
	 * may write to. */
	snprintf(world_dir, sizeof(world_dir), "/run/feth-bench.XXXXXX");
	if (mkdtemp(world_dir) == NULL || chmod(world_dir, 0755) == -1)
		return world_fail(world_dir);
	/* As /run is where a service manager made it: no disk is measured. */
	if (mount("feth-bench", world_dir, "tmpfs", 0, "mode=755") == -1)
		return world_fail("no tmpfs");
	world_far = net_fresh();
	world_home = net_fresh();
	if (world_far == -1 || world_home == -1)
		return world_fail("no network namespace");
	return 0;
}

void
world_stop(void)
{
	if (getpid() != owner)
		return;
	daemon_stop(&main_daemon);
	if (*world_dir == '\0')
		return;
	/* All that is in it goes with it. */
	umount2(world_dir, MNT_DETACH);
	rmdir(world_dir);
}

/* ---- Processes --------------------------------------------------------- */

void
pin(int cpu)
{
	proc_pin(0, cpu);
}

pid_t
child(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	return 0;
}

pid_t
spawn(const char *const *argv, int in, int out, int err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() == 1)
			_exit(127);
		dup2(in != -1 ? in : null, 0);
		dup2(out != -1 ? out : null, 1);
		dup2(err != -1 ? err : null, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(null);
	return pid;
}

void
spawn_end(pid_t *pid)
{
	double deadline = now() + DAEMON_SECS;

	if (*pid <= 0)
		return;
	kill(*pid, SIGTERM);
	while (waitpid(*pid, NULL, WNOHANG) == 0) {
		if (now() > deadline)
			kill(*pid, SIGKILL);
		nap(0.01);
	}
	*pid = 0;
}

/* The first line of /proc/PID/NAME (of thread TID, if not 0) that starts with
 * KEY, without it. */
static bool
proc_line(pid_t pid, const char *tid, const char *name, const char *key,
    char *buf, size_t size)
{
	char path[96];
	size_t len = strlen(key);
	FILE *f;

	if (tid != NULL)
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/%.20s",
		    (int)pid, tid, name);
	else
		snprintf(path, sizeof(path), "/proc/%d/%.20s", (int)pid, name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(buf, (int)size, f) != NULL) {
		if (strncmp(buf, key, len) == 0) {
			memmove(buf, buf + len, strlen(buf + len) + 1);
			fclose(f);
			return true;
		}
	}
	fclose(f);
	return false;
}

unsigned int
procs_of(pid_t pid, pid_t *out, unsigned int n)
{
	char line[256], *p, *end;
	unsigned int i = 0;
	char tid[16];
	long v;

	out[i++] = pid;
	snprintf(tid, sizeof(tid), "%d", (int)pid);
	if (!proc_line(pid, tid, "children", "", line, sizeof(line)))
		return i;
	for (p = line; i < n; p = end) {
		v = strtol(p, &end, 10);
		if (end == p)
			break;
		out[i++] = (pid_t)v;
	}
	return i;
}

/* Add up what FN says of each thread of PID and its children. */
static uint64_t
each_task(pid_t pid, uint64_t (*fn)(pid_t pid, const char *tid, int arg),
    int arg)
{
	pid_t pids[16];
	unsigned int i, n = procs_of(pid, pids, 16);
	struct dirent *e;
	uint64_t sum = 0;
	char path[64];
	DIR *d;

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task", (int)pids[i]);
		d = opendir(path);
		while (d != NULL && (e = readdir(d)) != NULL) {
			if (*e->d_name != '.')
				sum += fn(pids[i], e->d_name, arg);
		}
		if (d != NULL)
			closedir(d);
	}
	return sum;
}

static uint64_t
task_cpu(pid_t pid, const char *tid, int arg)
{
	char line[256];

	(void)arg;
	return proc_line(pid, tid, "schedstat", "", line, sizeof(line)) ?
	    strtoull(line, NULL, 10) : 0;
}

static uint64_t
task_ticks(pid_t pid, const char *tid, int arg)
{
	unsigned long user = 0, sys = 0;
	char line[1024], *p;

	(void)arg;
	if (!proc_line(pid, tid, "stat", "", line, sizeof(line)) ||
	    (p = strrchr(line, ')')) == NULL)
		return 0;
	sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	    &user, &sys);
	return user + sys;
}

static uint64_t
task_wakeups(pid_t pid, const char *tid, int arg)
{
	static const char *const keys[] = { "voluntary_ctxt_switches:",
	    "nonvoluntary_ctxt_switches:" };
	char line[256];
	uint64_t n = 0;
	int i;

	(void)arg;
	for (i = 0; i < 2; i++) {
		if (proc_line(pid, tid, "status", keys[i], line, sizeof(line)))
			n += strtoull(line, NULL, 10);
	}
	return n;
}

static uint64_t
task_pin(pid_t pid, const char *tid, int cpu)
{
	cpu_set_t set;
	int i;

	(void)pid;
	CPU_ZERO(&set);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (cpu == -1 || i == cpu)
			CPU_SET(i, &set);
	}
	return sched_setaffinity((pid_t)atoi(tid), sizeof(set), &set) == 0;
}

uint64_t
proc_cpu_ns(pid_t pid)
{
	return each_task(pid, task_cpu, 0);
}

uint64_t
proc_ticks(pid_t pid)
{
	return each_task(pid, task_ticks, 0);
}

uint64_t
proc_wakeups(pid_t pid)
{
	return each_task(pid, task_wakeups, 0);
}

void
proc_pin(pid_t pid, int cpu)
{
	if (pid == 0)
		task_pin(0, "0", cpu);
	else
		each_task(pid, task_pin, cpu);
}

uint64_t
proc_rss(pid_t pid)
{
	pid_t pids[16];
	unsigned int i, n = procs_of(pid, pids, 16);
	uint64_t sum = 0;
	char line[256];

	for (i = 0; i < n; i++) {
		if (proc_line(pids[i], NULL, "status", "RssAnon:", line,
		    sizeof(line)))
			sum += strtoull(line, NULL, 10) * 1024;
	}
	return sum;
}

/* ---- The daemon -------------------------------------------------------- */

static bool
daemon_serves(const struct daemon *d)
{
	struct feth_conn *conn;
	bool ok;

	if (feth_connect(d->socket, &conn, NULL) < 0)
		return false;
	ok = feth_call(conn, "List", NULL, NULL, NULL) == 0;
	feth_disconnect(conn);
	return ok;
}

static int
daemon_files(struct daemon *d, const char *name, char *conf, size_t size,
    int *log)
{
	char path[128];

	snprintf(d->dir, sizeof(d->dir), "%.30s/%.20s", world_dir, name);
	snprintf(d->socket, sizeof(d->socket), "%s/fethd.sock", d->dir);
	snprintf(conf, size, "%s/fethd.conf", d->dir);
	snprintf(path, sizeof(path), "%s/log", d->dir);
	if (mkdir(d->dir, 0755) == -1)
		return world_fail(d->dir);
	write_file(conf, "{ \"rules\": [ { \"name\": \"bench\", "
	    "\"allow\": true, \"who\": [\"uid:0\"], \"classes\": [\"tap\", "
	    "\"socket\", \"raw\", \"stream\"] } ] }\n");
	*log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return *log != -1 ? 0 : world_fail(path);
}

static int
daemon_wait(struct daemon *d)
{
	double deadline = now() + DAEMON_SECS;
	int status = 0;

	while (!daemon_serves(d)) {
		if (waitpid(d->pid, &status, WNOHANG) != 0) {
			fprintf(stderr, "bench: %s ended at its start, %s %d\n",
			    opt.fethd, WIFSIGNALED(status) ? "by signal" :
			    "with exit code", WIFSIGNALED(status) ?
			    WTERMSIG(status) : WEXITSTATUS(status));
			d->pid = 0;
			return -1;
		}
		if (now() > deadline)
			return -1;
		nap(0.02);
	}
	return 0;
}

int
daemon_start(struct daemon *d, const char *name)
{
	char conf[96], state[96], command[160];
	int log;
	const char *argv[] = { opt.fethd, "--foreground", "--backend", "linux",
	    "--socket", d->socket, "--run-dir", state, "--config", conf,
	    "--user", "64087:64087", NULL };

	if (daemon_files(d, name, conf, sizeof(conf), &log) < 0)
		return -1;
	snprintf(state, sizeof(state), "%s/state", d->dir);
	d->pid = spawn(argv, -1, log, log);
	if (d->pid == -1)
		world_fail("fork");
	close(log);
	if (d->pid > 0 && daemon_wait(d) == 0)
		return 0;
	fprintf(stderr, "bench: %s does not serve on %s; its log:\n", opt.fethd,
	    d->socket);
	fflush(stderr);
	snprintf(command, sizeof(command), "tail -n 20 %s/log >&2", d->dir);
	if (system(command) != 0)
		fprintf(stderr, "(no log)\n");
	spawn_end(&d->pid);
	return -1;
}

void
daemon_stop(struct daemon *d)
{
	spawn_end(&d->pid);
}

struct daemon *
daemon_main(void)
{
	static bool failed;

	if (main_daemon.pid == 0 && !failed)
		failed = daemon_start(&main_daemon, "main") != 0;
	return failed ? NULL : &main_daemon;
}

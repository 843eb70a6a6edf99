/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --private: a daemon for one command, without privilege, with its socket in a
 * directory of its own. The daemon inherits the reading end of a pipe whose
 * other end is only here: however this process dies, the daemon sees the end of
 * the file and stops. Between the two is a keeper, which waits for that and
 * removes the directory.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fethc.h"

#define START_MS	10000	/* for the daemon to listen */
#define RETRY_MS	10
#define STOP_MS		5000	/* for it to end by itself */

struct private {
	char	dir[PATH_MAX];
	char	socket[PATH_MAX + 16];
	char	program[PATH_MAX];
	int	life;		/* our end of the pipe */
	int	log;		/* a file without name, or -1 */
	pid_t	keeper;		/* and its group; 0: none, or ended */
};

/* ---- Where the daemon is ----------------------------------------------- */

/* "fethd" in the directory part of PATH (LEN bytes), if it can be run. */
static bool
private_in(struct private *p, const char *path, size_t len)
{
	int n = snprintf(p->program, sizeof(p->program), "%.*s/fethd",
	    (int)len, path);

	return n > 0 && (size_t)n < sizeof(p->program) &&
	    access(p->program, X_OK) == 0;
}

/* The directory of $PATH that holds the command NAME, and fethd too. */
static bool
private_in_path(struct private *p, const char *name)
{
	const char *path = getenv("PATH"), *end;
	char self[PATH_MAX];

	for (; path != NULL && *path != '\0'; path = *end != '\0' ? end + 1 :
	    NULL) {
		end = path + strcspn(path, ":");
		snprintf(self, sizeof(self), "%.*s/%s", (int)(end - path), path,
		    name);
		if (access(self, X_OK) == 0)
			return private_in(p, path, (size_t)(end - path));
	}
	return false;
}

static int
private_find(struct private *p, const char *argv0)
{
	const char *env = getenv("FETHD_PROGRAM"), *slash;

	if (env != NULL && *env != '\0') {
		snprintf(p->program, sizeof(p->program), "%s", env);
		return 0;
	}
	slash = strrchr(argv0, '/');
	if (slash != NULL ? private_in(p, argv0, (size_t)(slash - argv0)) :
	    private_in_path(p, argv0))
		return 0;
	if (private_in(p, FETHD_SBINDIR, strlen(FETHD_SBINDIR)))
		return 0;
	fprintf(stderr, "fethc: there is no fethd beside fethc or in %s\n"
	    "  hint: tell where it is in FETHD_PROGRAM\n", FETHD_SBINDIR);
	return -ENOENT;
}

/* ---- Its life ---------------------------------------------------------- */

static int
private_remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static void
private_remove(const struct private *p)
{
	nftw(p->dir, private_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The daemon's messages go to a file, which is shown when it fails; the command
 * is to be seen alone. */
static void
private_log(struct private *p)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/log", p->dir);
	p->log = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
	    0600);
	unlink(path);
}

static int
private_directory(struct private *p)
{
	const char *tmp = getenv("TMPDIR");
	int e;

	/* A socket's path has room for about a hundred bytes. */
	if (tmp == NULL || *tmp != '/' || strlen(tmp) > 64)
		tmp = "/tmp";
	snprintf(p->dir, sizeof(p->dir), "%s/fethc-XXXXXX", tmp);
	if (mkdtemp(p->dir) == NULL) {
		e = errno;
		fprintf(stderr, "fethc: %s: %s\n", p->dir, strerror(e));
		p->dir[0] = '\0';
		return -e;
	}
	snprintf(p->socket, sizeof(p->socket), "%s/fethd.sock", p->dir);
	private_log(p);
	return 0;
}

static void
private_show_log(const struct private *p)
{
	char buf[4096];
	ssize_t n;

	n = pread(p->log, buf, sizeof(buf), 0);
	if (n > 0)
		fwrite(buf, 1, (size_t)n, stderr);
}

/* In the child: become the daemon. */
static void
private_exec(struct private *p, int life)
{
	char number[16];

	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	snprintf(number, sizeof(number), "%d", life);
	if (fcntl(life, F_SETFD, 0) == 0)
		execl(p->program, p->program, "--foreground", "--backend",
		    "user", "--socket", p->socket, "--run-dir", p->dir,
		    "--exit-with-fd", number, (char *)NULL);
	fprintf(stderr, "fethc: %s: %s\n", p->program, strerror(errno));
	_exit(127);
}

/* In the child: start the daemon, and clean up behind it. */
static void
private_keep(struct private *p, int life)
{
	pid_t pid;

	wait_reset();
	/* Signals of the terminal are for the command. */
	setpgid(0, 0);
	if (p->log != -1) {
		dup2(p->log, STDOUT_FILENO);
		dup2(p->log, STDERR_FILENO);
	}
	pid = fork();
	if (pid == 0)
		private_exec(p, life);
	close(life);
	while (pid != -1 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	private_remove(p);
	_exit(1);
}

static int
private_fork(struct private *p)
{
	int life[2], e;

	if (pipe(life) == -1)
		return -errno;
	fcntl(life[0], F_SETFD, FD_CLOEXEC);
	fcntl(life[1], F_SETFD, FD_CLOEXEC);
	p->life = life[1];
	fflush(NULL);
	p->keeper = fork();
	if (p->keeper == 0) {
		close(life[1]);
		private_keep(p, life[0]);
	}
	e = errno;
	close(life[0]);
	if (p->keeper == -1) {
		p->keeper = 0;
		return -e;
	}
	return 0;
}

/* Wait until the daemon answers. */
static int
private_ready(struct private *p)
{
	int64_t deadline = wait_now() + START_MS;
	struct feth_conn *conn;

	while (wait_now() < deadline && wait_ended() == 0) {
		if (feth_connect(p->socket, &conn, NULL) == 0) {
			feth_disconnect(conn);
			return 0;
		}
		if (waitpid(p->keeper, NULL, WNOHANG) == p->keeper) {
			p->keeper = 0;
			fprintf(stderr, "fethc: the private daemon ended at "
			    "its start\n");
			private_show_log(p);
			return -ECHILD;
		}
		wait_for(NULL, 0, RETRY_MS);
	}
	fprintf(stderr, "fethc: the private daemon does not listen\n");
	return -ETIMEDOUT;
}

static void
private_stop(struct private *p)
{
	int64_t deadline = wait_now() + STOP_MS;

	if (p->life != -1)
		close(p->life);
	while (p->keeper != 0 && waitpid(p->keeper, NULL, WNOHANG) == 0) {
		if (wait_now() > deadline)
			kill(-p->keeper, SIGKILL);
		wait_for(NULL, 0, 50);
	}
	if (p->dir[0] != '\0')
		private_remove(p);
	if (p->log != -1)
		close(p->log);
}

/* ---- The command ------------------------------------------------------- */

/* What runs inside is to find this fethc by its name, wherever it was started
 * from. */
static void
private_add_path(const char *argv0)
{
	char self[PATH_MAX], path[4 * PATH_MAX];
	const char *old = getenv("PATH");
	char *slash;

	if (strchr(argv0, '/') == NULL || realpath(argv0, self) == NULL)
		return;
	slash = strrchr(self, '/');
	*slash = '\0';
	if (snprintf(path, sizeof(path), "%s:%s", self, old != NULL ? old :
	    "/usr/bin:/bin") < (int)sizeof(path))
		setenv("PATH", path, 1);
}

static int
private_child(struct private *p, struct args *a, char **argv)
{
	int argc = 0, code;

	wait_reset();
	close(p->life);
	setenv("FETHD_SOCKET", p->socket, 1);
	a->socket = NULL;
	if (command_find(argv[0]) == NULL) {
		private_add_path(a->argv0);
		execvp(argv[0], argv);
		code = errno == ENOENT ? 127 : 126;
		fprintf(stderr, "fethc: %s: %s\n", argv[0], strerror(errno));
		return code;
	}
	while (argv[argc] != NULL)
		argc++;
	code = command_run(a, argc, argv);
	return fflush(stdout) != 0 && code == EXIT_DONE ? EXIT_REFUSED : code;
}

/* Wait for the command PID, passing signals on. */
static int
private_wait(pid_t pid)
{
	int sig, status;

	for (;;) {
		sig = wait_forward();
		if (sig != 0)
			kill(pid, sig);
		if (waitpid(pid, &status, WNOHANG) == pid)
			return hold_status(status);
		wait_for(NULL, 0, -1);
	}
}

int
private_run(struct args *a, char **argv)
{
	struct private p = { .life = -1, .log = -1 };
	int code = EXIT_NO_DAEMON;
	pid_t pid;

	if (wait_init() < 0 || private_find(&p, a->argv0) < 0)
		return EXIT_NO_DAEMON;
	if (private_directory(&p) < 0 || private_fork(&p) < 0 ||
	    private_ready(&p) < 0)
		goto out;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(private_child(&p, a, argv));
	if (pid > 0)
		code = private_wait(pid);
out:
	private_stop(&p);
	return code;
}

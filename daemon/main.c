/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fethd: options, the order of the start, and which of the two shapes it takes:
 * warden and broker, or without privilege the broker alone.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "broker.h"
#include "conf.h"
#include "log.h"
#include "plat.h"
#include "policy.h"
#include "server.h"
#include "warden.h"
#include "wire.h"

#define DEFAULT_CONF	FETHD_SYSCONFDIR "/fethd.conf"

struct options {
	const char	*backend;
	const char	*socket;
	const char	*conf;
	const char	*rundir;
	const char	*user;
	uid_t		 uid;		/* of it */
	gid_t		 gid;
	unsigned int	 mode;
	int		 exit_fd;
	bool		 conf_given, mode_given;
	bool		 foreground, syslog, check, debug;
};

enum { OPT_EXIT_FD = 256, OPT_SYSLOG };

static const struct option_row {
	const char	*name;
	int		 letter;
	const char	*arg;
	const char	*help;
} rows[] = {
	{ "foreground", 'f', NULL, "stay in the foreground, log to stderr" },
	{ "syslog", OPT_SYSLOG, NULL, "log to the system log in the "
	    "foreground, too" },
	{ "backend", 'b', "NAME", "auto (default), linux, feth or user" },
	{ "socket", 's', "PATH", "listen here" },
	{ "socket-mode", 'm', "MODE", "octal mode of the socket: 666 as root, "
	    "else 600" },
	{ "config", 'c', "FILE", "policy file, " DEFAULT_CONF " by default" },
	{ "check-config", 'n', NULL, "read the policy file, say what is wrong, "
	    "and end" },
	{ "run-dir", 'r', "DIR", "journal and lock" },
	{ "user", 'u', "NAME", "whom the broker runs as: a name, or UID:GID" },
	{ "exit-with-fd", OPT_EXIT_FD, "N", "stop when the inherited "
	    "descriptor N ends" },
	{ "debug", 'd', NULL, "log more" },
	{ "version", 'V', NULL, "print the version" },
	{ "help", 'h', NULL, "print this" },
};
#define NROWS	(sizeof(rows) / sizeof(rows[0]))

static void
usage(FILE *out)
{
	char	left[40];
	size_t	i;

	fprintf(out, "usage: fethd [options]\n"
	    "virtual Ethernet cables for unprivileged programs\n\n");
	for (i = 0; i < NROWS; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
		    rows[i].arg != NULL ? " " : "",
		    rows[i].arg != NULL ? rows[i].arg : "");
		fprintf(out, "  %-20s  %s\n", left, rows[i].help);
	}
	fprintf(out, "\nSee fethd(8).\n");
}

static void
usage_error(const char *what, const char *value)
{
	fprintf(stderr, "fethd: %s: %s\n", what, value);
	usage(stderr);
	exit(2);
}

static long
parse_number(const char *text, int base, long max, const char *what)
{
	char	*end;
	long	 n;

	errno = 0;
	n = strtol(text, &end, base);
	if (errno != 0 || end == text || *end != '\0' || n < 0 || n > max)
		usage_error(what, text);
	return n;
}

static void
set_option(struct options *o, int letter, const char *arg)
{
	switch (letter) {
	case 'f':
		o->foreground = true;
		break;
	case OPT_SYSLOG:
		o->syslog = true;
		break;
	case 'b':
		o->backend = arg;
		break;
	case 's':
		o->socket = arg;
		break;
	case 'm':
		o->mode = (unsigned int)parse_number(arg, 8, 0777,
		    "no octal mode");
		o->mode_given = true;
		break;
	case 'c':
		o->conf = arg;
		o->conf_given = true;
		break;
	case 'n':
		o->check = true;
		break;
	case 'r':
		o->rundir = arg;
		break;
	case 'u':
		o->user = arg;
		break;
	case OPT_EXIT_FD:
		o->exit_fd = (int)parse_number(arg, 10, 1 << 20,
		    "no descriptor number");
		if (fcntl(o->exit_fd, F_GETFD) == -1)
			usage_error("no open descriptor", arg);
		break;
	case 'd':
		o->debug = true;
		break;
	case 'V':
		printf("fethd %s\n", FETHD_VERSION);
		exit(0);
	case 'h':
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	struct option	table[NROWS + 1];
	char		letters[3 * NROWS + 1];
	size_t		i, n = 0;
	int		c;

	memset(table, 0, sizeof(table));
	for (i = 0; i < NROWS; i++) {
		table[i].name = rows[i].name;
		table[i].has_arg = rows[i].arg != NULL;
		table[i].val = rows[i].letter;
		if (rows[i].letter >= OPT_EXIT_FD)
			continue;
		letters[n++] = (char)rows[i].letter;
		if (rows[i].arg != NULL)
			letters[n++] = ':';
	}
	letters[n] = '\0';
	while ((c = getopt_long(argc, argv, letters, table, NULL)) != -1)
		set_option(o, c, optarg);
	if (optind < argc)
		usage_error("takes no argument", argv[optind]);
}

/* The background has another working directory. */
static void
need_absolute(const struct options *o, const char *option, const char *path)
{
	if (!o->foreground && path != NULL && *path != '/')
		fatalx("%s %s: in the background the path must begin with /",
		    option, path);
}

/* Where to listen when no service manager does. A normal user's own daemon
 * keeps to the user's own directory. */
static void
set_socket(struct options *o)
{
	static char	 path[256];
	const char	*dir;

	if (o->socket != NULL)
		return;
	o->socket = PLAT_SOCKET;
	if (geteuid() == 0)
		return;
	if ((dir = getenv("XDG_RUNTIME_DIR")) == NULL || *dir != '/' ||
	    snprintf(path, sizeof(path), "%s/fethd.sock", dir) >=
	    (int)sizeof(path))
		fatalx("where to listen? Give --socket PATH, or set "
		    "XDG_RUNTIME_DIR");
	o->socket = path;
}

/* Would the warden take FD? Who is not root asks for a daemon of his own, or
 * before root has the file. */
static bool
root_alone(const struct options *o, int fd)
{
	struct stat	st;

	if (geteuid() != 0 || strcmp(o->backend, "user") == 0 || fd == -1 ||
	    (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	    (st.st_mode & 022) == 0))
		return true;
	fprintf(stderr, "fethd: %s must be a plain file that root alone can "
	    "write to (chown root, chmod go-w)\n", o->conf);
	return false;
}

static int
check_config(const struct options *o)
{
	struct policy	*p;
	char		 err[512];
	int		 fd, rv;

	fd = open(o->conf, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && (o->conf_given || errno != ENOENT))
		fatal("%s", o->conf);
	if ((p = malloc(sizeof(*p))) == NULL)
		fatal("malloc");
	if ((rv = conf_load(o->conf, fd, p, err, sizeof(err))) != 0)
		fprintf(stderr, "fethd: %s\n", err);
	else if (!root_alone(o, fd))
		rv = -EPERM;
	else
		printf("%s: %u rules, no mistake\n", p->file, p->nrules);
	wire_close(&fd);
	free(p);
	return rv == 0 ? 0 : 1;
}

/* Whom the broker becomes: NAME, or UID:GID for a uid without a name. */
static void
find_user(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd	*pw;
	char		*end;
	const char	*colon = strchr(name, ':');
	unsigned long	 u, g;

	if (colon != NULL) {
		errno = 0;
		u = strtoul(name, &end, 10);
		g = strtoul(colon + 1, colon == end ? &end : NULL, 10);
		if (errno != 0 || *end != '\0' || u == 0 || g == 0 ||
		    u >= UINT32_MAX || g >= UINT32_MAX)
			fatalx("--user %s: must be a user's name, or UID:GID, "
			    "neither of them 0", name);
		*uid = (uid_t)u;
		*gid = (gid_t)g;
		return;
	}
	if ((pw = getpwnam(name)) == NULL)
		fatalx("there is no user %s for the broker; make it (useradd "
		    "--system --no-create-home --shell /usr/sbin/nologin %s), "
		    "or give --user UID:GID", name, name);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		fatalx("--user %s: the broker must not be root", name);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
}

/* Ten thousand links need as many descriptors. */
static void
raise_limits(void)
{
	struct rlimit	r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* Background: the parent waits for the word that we serve. Nothing of us keeps
 * the terminal. */
static int
daemonize(bool debug)
{
	char	byte;
	int	p[2], null;
	ssize_t	n;

	if (pipe(p) != 0)
		fatal("pipe");
	switch (fork()) {
	case -1:
		fatal("fork");
	case 0:
		break;
	default:
		close(p[1]);
		do
			n = read(p[0], &byte, 1);
		while (n == -1 && errno == EINTR);
		if (n == 1)
			_exit(0);
		fprintf(stderr, "fethd: it did not start; the system log says "
		    "why, and so does --foreground\n");
		_exit(1);
	}
	log_init("fethd", debug ? LOG_L_DEBUG : LOG_L_INFO, 0);
	close(p[0]);
	fcntl(p[1], F_SETFD, FD_CLOEXEC);
	setsid();
	if (chdir("/") != 0 || (null = open("/dev/null", O_RDWR)) == -1)
		fatal("/dev/null");
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	return p[1];
}

/* The service manager, or the parent that waits, learns that we serve. */
static void
ready(void *arg)
{
	int	*fd = arg;

	plat_notify("READY=1");
	if (*fd == -1)
		return;
	if (write(*fd, "", 1) != 1)
		log_warn("tell the parent");
	wire_close(fd);
}

static int
run(const struct options *o, const struct backend *backend, int listen_fd)
{
	struct broker_conf	bc = { .backend = backend, .conf = o->conf,
	    .conf_optional = !o->conf_given, .exit_fd = o->exit_fd };
	struct warden_conf	wc = { .backend = backend, .conf = o->conf,
	    .conf_optional = !o->conf_given, .exit_fd = o->exit_fd,
	    .rundir = o->rundir, .uid = o->uid, .gid = o->gid,
	    .listen_fd = listen_fd };
	int			ready_fd = -1, rv;

	if ((rv = plat_machine_key(bc.key)) != 0) {
		log_warnx("no machine id: %s", strerror(-rv));
		return 1;
	}
	if (!o->foreground)
		ready_fd = daemonize(o->debug);
	else if (o->syslog)
		log_init("fethd", o->debug ? LOG_L_DEBUG : LOG_L_INFO, 0);
	log_info("fethd %s, backend %s, socket %s", FETHD_VERSION,
	    backend->name, o->socket != NULL ? o->socket : "inherited");
	if (!(backend->features & BF_WARDEN)) {
		bc.ready = ready;
		bc.ready_arg = &ready_fd;
		return broker_run(-1, listen_fd, &bc);
	}
	if (warden_prepare(o->rundir) != 0)
		return 1;
	bc.exit_fd = -1;	/* the warden's */
	wc.broker = broker_run;
	wc.broker_arg = &bc;
	wc.ready = ready;
	wc.ready_arg = &ready_fd;
	return warden_run(&wc);
}

int
main(int argc, char **argv)
{
	struct options		 o = { .backend = "auto",
	    .conf = DEFAULT_CONF, .rundir = PLAT_RUNDIR,
	    .user = FETHD_BROKER_USER, .exit_fd = -1 };
	const struct backend	*backend;
	char			 why[256];
	int			 listen_fd, code;

	parse_options(argc, argv, &o);
	log_init("fethd", o.debug ? LOG_L_DEBUG : LOG_L_INFO, 1);
	if (!o.mode_given)
		o.mode = geteuid() == 0 ? 0666 : 0600;
	if (o.check)
		return check_config(&o);
	need_absolute(&o, "--socket", o.socket);
	need_absolute(&o, "--config", o.conf);
	need_absolute(&o, "--run-dir", o.rundir);
	if ((backend = backend_find(o.backend, why, sizeof(why))) == NULL)
		fatalx("--backend %s: %s", o.backend, why);
	if (*why != '\0' && geteuid() == 0)
		log_warnx("backend %s, as %s", backend->name, why);
	/* What ends the start is looked at before there is a socket. */
	if (backend->features & BF_WARDEN)
		find_user(o.user, &o.uid, &o.gid);
	raise_limits();
	signal(SIGPIPE, SIG_IGN);
	listen_fd = plat_inherited_socket();
	if (listen_fd == -EINVAL)
		fatalx("the inherited descriptor is no listening Unix stream "
		    "socket");
	if (listen_fd >= 0) {
		o.socket = NULL;	/* it is the service manager's */
	} else {
		set_socket(&o);
		listen_fd = server_listen(o.socket, o.mode, why, sizeof(why));
		if (listen_fd < 0)
			fatalx("%s", why);
	}
	code = run(&o, backend, listen_fd);
	if (o.socket != NULL)
		unlink(o.socket);
	close(listen_fd);
	return code;
}

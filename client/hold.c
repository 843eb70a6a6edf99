/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping a link while a program, or the person at the terminal, needs it. The
 * port's descriptor is not read here. When the daemon goes, it is given some
 * seconds to come back: the link itself may have outlived it.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fethc.h"
#include "print.h"

#define RECONNECT_MS	10000
#define RETRY_MS	200

int
hold_status(int status)
{
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* Pass signals on, and see whether PID has ended: its exit code, or -1. */
static int
hold_child(int pid)
{
	int sig, status;

	sig = wait_forward();
	if (sig != 0)
		kill(pid, sig);
	if (waitpid(pid, &status, WNOHANG) == pid)
		return hold_status(status);
	return -1;
}

/* Why to stop: an exit code, or -1. */
static int
hold_over(int pid)
{
	if (pid != 0)
		return hold_child(pid);
	return wait_ended() != 0 ? EXIT_DONE : -1;
}

/* A new descriptor of the port would be the program's, which it cannot reach
 * any more; here it must not stay open. */
static void
hold_forget(struct feth_link *link, int pid)
{
	int fd = pid != 0 ? feth_take_fd(link, FETH_MINE) : -1;

	if (fd != -1)
		close(fd);
}

int
hold_reconnect(struct feth_conn *conn, struct feth_link *link, int pid)
{
	int64_t deadline = wait_now() + RECONNECT_MS;
	struct feth_error err;
	int code, r;

	fprintf(stderr, "fethc: the daemon is gone; waiting for it\n");
	do {
		code = hold_over(pid);
		if (code != -1)
			return code;
		r = feth_reconnect(conn, &err);
		if (r == 0) {
			hold_forget(link, pid);
			fprintf(stderr, "fethc: the daemon is back, and the "
			    "link with it\n");
			return -1;
		}
		if (r > 0) {
			fprintf(stderr, "fethc: the daemon is back, but link ");
			print_text(stderr, feth_name(link));
			fprintf(stderr, " is gone\n");
			return EXIT_REFUSED;
		}
		wait_for(NULL, 0, RETRY_MS);
	} while (wait_now() < deadline);
	fprintf(stderr, "fethc: the daemon did not come back\n");
	return EXIT_NO_DAEMON;
}

/* The link is lost, and CODE says how; a program that runs on is waited for. */
static int
hold_last(int pid, int code)
{
	int status;

	if (pid == 0)
		return code;
	for (;;) {
		status = hold_child(pid);
		if (status != -1)
			return status;
		wait_for(NULL, 0, -1);
	}
}

int
hold(struct feth_conn *conn, struct feth_link *link, int pid)
{
	int fd, mask, code;

	for (;;) {
		code = hold_over(pid);
		if (code != -1)
			return code;
		fd = feth_conn_fd(conn);
		mask = wait_for(&fd, 1, -1);
		if ((mask & 1) == 0 || feth_dispatch(conn, NULL) >= 0)
			continue;
		code = hold_reconnect(conn, link, pid);
		/* Not the end of the program by itself: that is its status. */
		if (code == EXIT_REFUSED || code == EXIT_NO_DAEMON)
			return hold_last(pid, code);
		if (code != -1)
			return code;
	}
}

/* ---- Programs ---------------------------------------------------------- */

/* What a program is told of its link: {key} in its arguments and FETH_KEY in
 * its environment. */
struct fact {
	const char	*brace, *env;
	char		value[64];
};

enum { FACT_FD, FACT_NAME, FACT_MAC, FACT_MTU, FACT_INTERFACE, FACT_ADDRESS,
    FACT_ADDRESS6, FACTS };

static void
facts_fill(const struct feth_link *l, int fd, struct fact *f)
{
	static const char *const names[FACTS][2] = {
		{ "{fd}", "FETH_FD" }, { "{name}", "FETH_NAME" },
		{ "{mac}", "FETH_MAC" }, { "{mtu}", "FETH_MTU" },
		{ "{interface}", "FETH_INTERFACE" },
		{ "{address}", "FETH_ADDRESS" },
		{ "{address6}", "FETH_ADDRESS6" },
	};
	const char *text[FACTS] = {
		[FACT_NAME] = feth_name(l),
		[FACT_MAC] = feth_mac(l, FETH_MINE),
		[FACT_INTERFACE] = feth_interface(l, feth_peer_end(l)),
		[FACT_ADDRESS] = port_address(l, FETH_MINE, 4),
		[FACT_ADDRESS6] = port_address(l, FETH_MINE, 6),
	};
	int i;

	for (i = 0; i < FACTS; i++) {
		f[i].brace = names[i][0];
		f[i].env = names[i][1];
		snprintf(f[i].value, sizeof(f[i].value), "%s",
		    text[i] != NULL ? text[i] : "");
	}
	snprintf(f[FACT_FD].value, sizeof(f[0].value), "%d", fd);
	snprintf(f[FACT_MTU].value, sizeof(f[0].value), "%u", feth_mtu(l));
}

static const struct fact *
fact_at(const char *text, const struct fact *f)
{
	int i;

	for (i = 0; i < FACTS; i++) {
		if (strncmp(text, f[i].brace, strlen(f[i].brace)) == 0)
			return &f[i];
	}
	return NULL;
}

/* ARG with its facts filled in; NULL: no memory. */
static char *
facts_replace(const char *arg, const struct fact *f)
{
	const struct fact *fact;
	char *out;
	size_t at = 0;

	/* The shortest key has four bytes. */
	out = malloc((strlen(arg) / 4 + 1) * sizeof(f->value) + strlen(arg) +
	    1);
	if (out == NULL)
		return NULL;
	while (*arg != '\0') {
		fact = fact_at(arg, f);
		if (fact == NULL) {
			out[at++] = *arg++;
			continue;
		}
		strcpy(out + at, fact->value);
		at += strlen(fact->value);
		arg += strlen(fact->brace);
	}
	out[at] = '\0';
	return out;
}

/* In the child: become PROGRAM, with FD for its own. The errno of a failure
 * goes to REPORT. */
static void
program_exec(char **program, const struct fact *f, int fd, int report)
{
	int i, e = 0;

	wait_reset();
	for (i = 0; i < FACTS; i++) {
		if (setenv(f[i].env, f[i].value, 1) == -1)
			e = errno;
	}
	for (i = 0; program[i] != NULL && e == 0; i++) {
		program[i] = facts_replace(program[i], f);
		if (program[i] == NULL)
			e = ENOMEM;
	}
	if (e == 0 && fd != -1 && fcntl(fd, F_SETFD, 0) == -1)
		e = errno;
	if (e == 0) {
		execvp(program[0], program);
		e = errno;
	}
	if (write(report, &e, sizeof(e)) != sizeof(e))
		_exit(126);
	_exit(e == ENOENT ? 127 : 126);
}

/* Start PROGRAM; *PID is its. 0, or its errno, when it has ended already. */
static int
program_start(char **program, const struct fact *f, int fd, int *pid)
{
	int report[2], e = 0;

	if (pipe(report) == -1)
		return errno;
	fcntl(report[0], F_SETFD, FD_CLOEXEC);
	fcntl(report[1], F_SETFD, FD_CLOEXEC);
	fflush(NULL);
	*pid = fork();
	if (*pid == 0) {
		close(report[0]);
		program_exec(program, f, fd, report[1]);
	}
	if (*pid == -1)
		e = errno;
	close(report[1]);
	if (*pid != -1 && read(report[0], &e, sizeof(e)) == sizeof(e)) {
		waitpid(*pid, NULL, 0);
		*pid = -1;
	}
	close(report[0]);
	return *pid == -1 ? e : 0;
}

int
hold_program(struct feth_conn *conn, struct feth_link *link, char **program)
{
	struct fact facts[FACTS];
	char name[128];
	int fd, e, pid;

	e = wait_init();
	if (e < 0)
		return EXIT_REFUSED;
	/* From here on the port is the program's alone: when it goes, the other
	 * side must see it. */
	fd = feth_take_fd(link, FETH_MINE);
	facts_fill(link, fd, facts);
	e = program_start(program, facts, fd, &pid);
	if (fd != -1)
		close(fd);
	if (e == 0)
		return hold(conn, link, pid);
	fprintf(stderr, "fethc: %s: %s\n", print_escape(program[0], name,
	    sizeof(name)), strerror(e));
	return e == ENOENT ? 127 : 126;
}

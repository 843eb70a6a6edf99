/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of fethc share: the options of a run, the row of a command,
 * and the small services around them. The exit codes are documented in
 * fethc(1).
 */
#ifndef FETHC_H
#define FETHC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feth.h"

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, EXIT_NO_DAEMON };

enum link_kind { KIND_NONE, KIND_HOST, KIND_PAIR, KIND_WIRE };

#define LIST_MAX	8

/* The values of an option that may be given again and again. */
struct list {
	unsigned int	n;
	const char	*v[LIST_MAX + 1];	/* NULL-ended */
};

/* Everything that options and arguments of any command say. */
struct args {
	const char	*argv0;
	const char	*socket;
	bool		json, private, version, help;

	/* the link */
	int		kind;			/* enum link_kind */
	int		port_class;		/* enum feth_class */
	int		offloads;		/* FETH_OFFLOAD_* */
	long		mtu;
	const char	*mac, *peer_mac, *netns;
	struct list	addresses, peer_addresses, labels;
	bool		named, dry_run;
	bool		leave;			/* take no port */
	bool		relay, dgram, mac_lock, mtu_check;
	long		rate, burst;		/* bytes/s, bytes; 0: any */
	long		end;			/* FETH_MINE: any */

	/* what to do with it */
	long		count, test;		/* -1: not given */
	long		snaplen;		/* 0: not given */
	long		interval_ms, wait_ms, timeout_ms; /* -1: not given */
	const char	*hex, *file;
	bool		verbose, dump, raw;
	long		size, seconds_ms;	/* 0: not given */

	/* impair; -1: not given */
	long		delay_us, jitter_us, loss, duplicate, reorder, slow, seed;
	bool		down, clear;

	/* which ones */
	const char	*filter_name, *filter_owner, *filter_kind;

	int		argc;			/* what is no option */
	char		**argv;			/* NULL-ended */
	char		**program;		/* after "--", or NULL */
};

/* Groups of options, for struct command. */
#define O_LINK		0x001	/* describe a new link */
#define O_CLASS		0x002	/* --class */
#define O_DRY		0x004
#define O_END		0x008
#define O_COUNT		0x010
#define O_INTERVAL	0x020
#define O_WAIT		0x040
#define O_TIMEOUT	0x080
#define O_VERBOSE	0x100
#define O_FRAME		0x200	/* what send sends */
#define O_DUMP		0x400	/* how recv prints */
#define O_FILTER	0x800
#define O_IMPAIR	0x1000
#define O_CAPTURE	0x2000
#define O_GLOBAL	0x4000	/* every command */
#define O_FRONT		0x8000	/* only before the command */
#define O_BENCH		0x10000	/* how bench measures */

struct command {
	const char	*name;
	const char	*usage;		/* the arguments */
	const char	*help;		/* one line */
	unsigned int	options;	/* O_* */
	int		min, max;	/* number of arguments */
	bool		program;	/* takes "-- PROGRAM ARGS" */
	int		(*run)(struct args *a);
};

extern const struct command cmd_open, cmd_exec, cmd_attach, cmd_close,
    cmd_impair, cmd_list, cmd_show, cmd_watch, cmd_stats, cmd_answer, cmd_bench,
    cmd_ping, cmd_send, cmd_recv, cmd_capture, cmd_policy, cmd_version,
    cmd_help;

/* ---- fethc.c ----------------------------------------------------------- */

extern const struct command *const commands[];	/* NULL-ended */
/* NULL: none of that name. */
const struct command *command_find(const char *name);

/* Print "fethc: ..." and how to get help; returns EXIT_USAGE. */
int	usage_error(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));
/* Print the error with its hint (with --json as a document, too); returns the
 * exit code. */
int	failed(const struct args *a, const struct feth_error *err);
/* Run the command ARGV[0] with its arguments; the options before it are in
 * A. The exit code. */
int	command_run(struct args *a, int argc, char **argv);
/* Connect as the options say. EXIT_DONE, or the code after the message. */
int	connect_daemon(const struct args *a, struct feth_conn **conn);
/* One call on a connection of its own; *REPLY is for free(3). As above. */
int	call_daemon(const struct args *a, const char *method,
	    const char *parameters, char **reply);

/* ---- options.c --------------------------------------------------------- */

void	options_defaults(struct args *a);
/* The options before the command; *NEXT is the index of what follows them. */
int	options_global(struct args *a, int argc, char **argv, int *next);
/* Those of command C; ARGV[0] is its name. EXIT_DONE or EXIT_USAGE. */
int	options_parse(struct args *a, const struct command *c, int argc,
	    char **argv);
/* The lines about the options in MASK. */
void	options_help(unsigned int mask);

/* ---- port.c: a link for the command ------------------------------------ */

/* What a link's spec points to. */
struct port_spec {
	struct feth_spec spec;
	struct feth_label labels[LIST_MAX + 1];
	char		text[LIST_MAX][128];	/* of the labels */
};

/* From the options to a spec; NAME may be NULL. EXIT_DONE or EXIT_USAGE. */
int	port_spec(const struct args *a, const char *name, struct port_spec *s);
/* Connect and open a new link. EXIT_DONE, or the code after the message. */
int	port_open(const struct args *a, const char *name,
	    struct feth_conn **conn, struct feth_link **link);
/* Open a new link when the options describe one, else attach to the one that
 * the first argument names. */
int	port_get(const struct args *a, struct feth_conn **conn,
	    struct feth_link **link);
/* What the library keeps of both. */
void	port_free(struct feth_conn *conn, struct feth_link *link);
/* The lines about a fresh link, or its JSON. */
int	port_print(const struct args *a, const struct feth_link *link);
/* The first address of END of FAMILY (4, 6; 0: any), or "". */
const char *port_address(const struct feth_link *link, int end, int family);

/* ---- hold.c: stay while the link lives --------------------------------- */

/*
 * Until a signal, the end of PID (0: no program), or of the daemon for good.
 * Returns an exit code: that of the program, or 128 + its signal.
 */
int	hold(struct feth_conn *conn, struct feth_link *link, int pid);
/* The daemon went: wait some seconds for it. -1 when it is back with our link;
 * else an exit code, EXIT_DONE after a signal. */
int	hold_reconnect(struct feth_conn *conn, struct feth_link *link, int pid);
/* Run PROGRAM with LINK's port, and hold. */
int	hold_program(struct feth_conn *conn, struct feth_link *link,
	    char **program);
/* 128 + signal, or the exit status, of what waitpid told. */
int	hold_status(int status);

/* ---- private.c --------------------------------------------------------- */

/* Start a daemon of our own, run ARGV (a command of fethc, with the global
 * options of A, or any program) with it, and end it. The exit code. */
int	private_run(struct args *a, char **argv);

/* ---- wait.c: signals and descriptors ----------------------------------- */

#define WAIT_SIGNAL	0x100

/* From now on SIGINT, SIGTERM, SIGHUP and SIGCHLD wake wait_for. 0 or
 * -errno. */
int	wait_init(void);
/* Wait for FDS (N <= 8; -1 is skipped) to be readable. Returns a mask of 1 <<
 * index and WAIT_SIGNAL, or 0 after TIMEOUT_MS (-1: never). */
int	wait_for(const int *fds, unsigned int n, long timeout_ms);
/* The signal to end with that came, or 0. */
int	wait_ended(void);
/* The next signal that another process sent to us, or 0: what came from the
 * terminal, our children have got, too. */
int	wait_forward(void);
/* ms on a clock that only goes forward. */
int64_t	wait_now(void);
/* In a child, before exec. */
void	wait_reset(void);

#endif

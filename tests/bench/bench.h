/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness of `make bench`: what its files share. A series is a named row of
 * samples, one a round; a line is what is made of one or two series and held
 * against what is needed. Groups fill series, bench.c has the table of lines.
 */
#ifndef BENCH_H
#define BENCH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "feth.h"

struct options {
	const char	*rows;		/* pattern of line names, or NULL: all */
	const char	*json;		/* file */
	const char	*fethd;		/* program */
	unsigned int	rounds;
	double		seconds;	/* of one measurement */
	double		idle_seconds;
	unsigned int	links;		/* of the lines about many links */
	unsigned int	frame;		/* bytes */
};
extern struct options opt;

struct group {
	const char	*name;
	void		(*run)(void);
};
extern const struct group group_host, group_pair, group_trip, group_inward,
    group_tcp, group_many, group_setup, group_scale, group_idle;

/* ---- sample.c ---------------------------------------------------------- */

struct series {
	char		name[32];
	double		*value;
	unsigned int	n, cap;
	double		cpu;		/* ns a frame, all samples added */
	unsigned int	ncpu;
	char		why[160];	/* there are no samples, because */
	bool		broken;		/* ... and there should be */
};

/* One more sample; CPU < 0: not measured. */
void	sample(const char *series, double value, double cpu);
/* SERIES cannot be had on this machine, or with this daemon. */
void	series_absent(const char *series, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* SERIES should have worked: `make bench` fails in the end. */
void	series_broken(const char *series, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* As the one or the other, for what the daemon says: Unsupported is
 * "not built". */
void	series_refused(const char *series, const struct feth_error *err);
/* Never NULL; one without samples when nobody made it. */
const struct series *series_find(const char *name);
/* The i-th in order of their making, or NULL. */
const struct series *series_at(unsigned int i);
double	series_median(const struct series *s);
double	series_cpu(const struct series *s);	/* or -1 */
unsigned int series_nbroken(void);
/* The value below which the part P (0..1) of the N values is; sorts them. */
double	percentile(double *v, unsigned int n, double p);

/* Does a line that is asked for need SERIES? */
bool	wanted(const char *series);

/* ---- report.c ---------------------------------------------------------- */

enum line_kind { LINE_RATIO, LINE_MEDIAN, LINE_WORST };
enum line_need { AT_LEAST, AT_MOST, NOTHING };

/* What is printed and held against what is needed. */
struct line {
	const char	*name;
	const char	*text;
	enum line_kind	kind;
	const char	*series;
	const char	*to;		/* LINE_RATIO: the other one */
	const char	*unit;
	enum line_need	need;
	double		limit;
};
extern const struct line lines[];	/* ended by a NULL name; bench.c */
bool	line_selected(const struct line *l);

void	report_table(FILE *out);
int	report_json(const char *path);

/* ---- world.c: where all of it happens ---------------------------------- */

struct daemon {
	pid_t		pid;
	char		dir[64];
	char		socket[96];
};

/* Private namespaces, a directory, limits. Messages go to stderr. */
int	world_start(void);
void	world_stop(void);
extern char	world_dir[64];
/* How many descriptors a process may have here. */
unsigned int world_descriptors(void);
/* A second network namespace, by descriptor; the first one is ours. */
extern int	world_home, world_far;
/* Run the rest in the namespace FD. */
int	world_enter(int fd);

/* A daemon in the network namespace that we are in. */
int	daemon_start(struct daemon *d, const char *name);
void	daemon_stop(struct daemon *d);
/* The one that most groups use, started when first asked for; NULL: it does not
 * start, which was told. */
struct daemon *daemon_main(void);

/* Processes, by pid and with their children's: up to N. */
unsigned int procs_of(pid_t pid, pid_t *out, unsigned int n);
/* CPU time in ns, clock ticks and wake-ups of all threads of both. */
uint64_t proc_cpu_ns(pid_t pid);
uint64_t proc_ticks(pid_t pid);
uint64_t proc_wakeups(pid_t pid);
uint64_t proc_rss(pid_t pid);		/* bytes */
/* All threads of PID and its children to CPU (-1: anywhere). */
void	proc_pin(pid_t pid, int cpu);
pid_t	spawn(const char *const *argv, int in, int out, int err);
void	spawn_end(pid_t *pid);
void	pin(int cpu);
/* A child of ours that ends when we do. */
pid_t	child(void);
void	nap(double seconds);
double	now(void);

/* ---- net.c: interfaces without a daemon -------------------------------- */

struct net;			/* a netlink socket */
struct net *net_open(void);
void	net_close(struct net *n);
/* MAC, MTU, alias, group (0: none) and up, in one message. */
int	net_finish(struct net *n, int ifindex, const uint8_t mac[6],
	    unsigned int mtu, const char *alias, uint32_t group);
int	net_up(struct net *n, int ifindex);
int	net_veth(struct net *n, const char *name, const char *peer);
int	net_bridge(struct net *n, const char *name);
int	net_address(struct net *n, int ifindex, uint32_t ip, unsigned int len);
int	net_delete(struct net *n, int ifindex);
int	net_delete_group(struct net *n, uint32_t group);
/* How many frames came in through the interface. */
uint64_t net_rx(const char *ifname);
/* How many interfaces of the daemon's links there are; its spares, which are
 * down, are none. */
unsigned int net_links(void);
int	net_tap(const char *name, int flags);	/* fd or -errno */
int	net_packet(const char *ifname);		/* fd or -errno */

/* ---- load.c: frames at full speed -------------------------------------- */

struct board;
struct flow;

/* Memory that children share with us, zero at first; NULL after a message. */
void	*shared(size_t size);
/* FN in a process of its own on CPU, with SIGUSR1 ending its waits. */
pid_t	load_child(struct flow *f, struct board *b,
	    void (*fn)(struct flow *f, struct board *b), int cpu);
/* Its end, however deep it waits. */
void	load_join(pid_t pid);

/* What the processes of a measurement share. */
struct board {
	volatile int	stop;		/* the sender */
	volatile int	end;		/* everybody */
	volatile int	error;		/* errno of who gave up */
	volatile uint64_t sent __attribute__((aligned(64)));
	volatile uint64_t got __attribute__((aligned(64)));
	volatile uint64_t cpu[2] __attribute__((aligned(64)));	/* ns */
};

typedef void flow_fn(struct flow *f, struct board *b);

/* One way from here to there. */
struct flow {
	const char	*series;
	int		(*open)(struct flow *f);
	flow_fn		*send;
	flow_fn		*recv;		/* NULL: count at ifname */
	enum feth_class	class;		/* for those that use libfeth */
	struct daemon	*daemon;	/* NULL: daemon_main() */
	/* what open made */
	bool		up;
	int		fd[2];
	struct feth_conn *conn;
	struct feth_link *link;
	void		*vde[2];
	pid_t		pid;		/* whose CPU time counts, too; or 0 */
	pid_t		own;		/* to be ended */
	int		keep;		/* to be closed, unless 0 */
	char		ifname[IFNAMSIZ];
	double		pace;		/* frames a second; 0: all it can */
};

struct rate {
	double		frames;		/* a second, delivered */
	double		loss;		/* 0..1 */
	double		cpu;		/* ns a frame */
	uint64_t	sent, got;
};

/* The MTU that opt.frame needs. */
unsigned int frame_mtu(void);
extern uint8_t	frame[65536];
/* One frame, to MAC (NULL: nobody's). */
void	frame_make(const uint8_t *to);

/* 0, or -errno of what stopped it. */
int	flow_measure(struct flow *f, double seconds, struct rate *r);
/* Call OPEN of each that is wanted, and later close what it made. */
void	flows_open(struct flow *f, unsigned int n);
void	flows_close(struct flow *f, unsigned int n);
/* Measure all that are up, in turn, rounds times; FN with each result. */
void	flows_run(struct flow *f, unsigned int n,
	    void (*fn)(const struct flow *f, const struct rate *r));

/* ---- ways.c: the ways that groups put into their tables ----------------- */

int	open_tap(struct flow *f);	/* bare TAP */
int	open_pair(struct flow *f);	/* bare SEQPACKET pair */
int	open_packet(struct flow *f);	/* AF_PACKET on a veth */
int	open_feth_host(struct flow *f);	/* class f->class */
int	open_feth_pair(struct flow *f);
int	open_feth_relayed(struct flow *f);	/* a pair */
int	open_vde_tap(struct flow *f);
int	open_vde_pair(struct flow *f);
flow_fn	send_write, send_message, send_mmsg, send_feth, send_feth_batch,
    send_vde;
flow_fn	recv_message, recv_mmsg, recv_feth, recv_feth_batch, recv_vde,
    recv_read;
/* One connection and link; a failure is told to SERIES. */
int	feth_up(const char *series, const struct daemon *d,
	    const struct feth_spec *spec, struct feth_conn **conn,
	    struct feth_link **link);
struct feth_spec host_spec(enum feth_class class);
struct feth_spec pair_spec(enum feth_class class);
struct feth_spec relayed_spec(enum feth_class class);	/* a pair */

#endif

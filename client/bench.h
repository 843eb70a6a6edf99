/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of "fethc bench" share.
 */
#ifndef FETHC_BENCH_H
#define FETHC_BENCH_H

#include <sys/types.h>

#include <netinet/in.h>

#include "fethc.h"
#include "stack.h"

/* Ethernet, IP and UDP headers, and a byte. */
#define BENCH_UDP_MIN	(14 + 20 + 8 + 1)

/* Memory of the two processes of a measurement, and who watches them. */
struct bench_board {
	volatile int	stop;		/* the sender */
	volatile int	end;		/* everybody */
	volatile int	error;		/* errno of who gave up */
	volatile uint64_t sent __attribute__((aligned(64)));
	volatile uint64_t got __attribute__((aligned(64)));
	volatile uint64_t cpu[2] __attribute__((aligned(64)));	/* ns */
};

struct bench {
	struct args	*a;
	struct feth_conn *conn;
	struct feth_link *link[2];	/* of each end; may be the same */
	int		end[2];		/* their numbers */
	bool		host;		/* the second one is the host's */
	size_t		size;		/* of frames */
	uint8_t		frame[65600];
	struct bench_board *board;
	pid_t		parent;		/* whose memory and signals end us */
	unsigned int	turns;		/* of a loop, see bench_orphan */
	/* the host's side */
	int		udp;
	struct sockaddr_in port;	/* where frames for the port go */
	struct stack	stack;
	struct stack_addr target;
	uint8_t		mac[6];		/* of the host's interface */
	uint16_t	seq;
};

struct bench_way {
	uint64_t	sent, got, in_time, cpu;
	double		ms;
	int		error;
};

struct bench_trips {
	unsigned int	n, lost;
	double		p50, p99;	/* us */
};

/* bench_load.c: the loops, each in a process of its own, of end END. */
void	bench_port_send(struct bench *b, int end);
void	bench_port_recv(struct bench *b, int end);
/* The frame that they send. */
void	bench_frame(struct bench *b);
/* In a child, once a turn: nobody is there any more who would end it. */
bool	bench_orphan(struct bench *b);
/* Until FD is ready for EVENTS, for 50 ms at most. */
void	bench_wait(int fd, short events);
void	*bench_shared(size_t size);
uint64_t bench_cpu(void);		/* ns that this process had */
double	bench_clock(void);		/* seconds */

/* bench_udp.c: the host's own side of a host link. EXIT_DONE, or the code
 * after the message. */
int	bench_udp_start(struct bench *b);
/* B's frame as a datagram to the socket. */
void	bench_udp_frame(struct bench *b);
void	bench_udp_send(struct bench *b, int end);
void	bench_udp_recv(struct bench *b, int end);
/* A frame that came to the port: answer it when it asks. True: it is one of
 * ours. */
bool	bench_udp_input(struct bench *b, const uint8_t *frame, size_t len);
/* Send the ping number b->seq, and see whether a frame answers it. */
bool	bench_udp_ping(struct bench *b);
bool	bench_udp_pong(struct bench *b, const uint8_t *frame, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames at full speed from one process, on CPU 0, to another, on CPU 1, or to
 * an interface. What counts is what was delivered. The rate is taken in the
 * middle of a run; loss and CPU time are of the whole of it.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/if_ether.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define WARM_UP		0.05	/* seconds */
#define DRAINED		0.05	/* seconds without a frame */

uint8_t frame[65536];

void
frame_make(const uint8_t *to)
{
	static const uint8_t nobody[6] = { 2, 0, 0, 0, 0, 2 };
	static const uint8_t from[6] = { 2, 0, 0, 0, 0, 1 };
	size_t i;

	memcpy(frame, to != NULL ? to : nobody, 6);
	memcpy(frame + 6, from, 6);
	/* For experiments: no protocol of the host's takes it. */
	frame[12] = 0x88;
	frame[13] = 0xb5;
	for (i = 14; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
}

unsigned int
frame_mtu(void)
{
	return opt.frame <= 1518 ? 1500 : 9000;
}

void *
shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		return p;
	fprintf(stderr, "bench: no memory: %s\n", strerror(errno));
	return NULL;
}

static void
load_signal(int sig)
{
	(void)sig;
}

static uint64_t
cpu_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

pid_t
load_child(struct flow *f, struct board *b, flow_fn *fn, int cpu)
{
	struct sigaction sa = { .sa_handler = load_signal };
	uint64_t start;
	pid_t pid = child();

	if (pid != 0)
		return pid;
	sigaction(SIGUSR1, &sa, NULL);
	pin(cpu);
	start = cpu_time();
	fn(f, b);
	b->cpu[cpu] = cpu_time() - start;
	_exit(0);
}

/* Again and again: it may just have begun to wait. */
void
load_join(pid_t pid)
{
	if (pid <= 0)
		return;
	do {
		kill(pid, SIGUSR1);
		nap(0.002);
	} while (waitpid(pid, NULL, WNOHANG) == 0);
}

static uint64_t
load_got(const struct flow *f, const struct board *b, uint64_t before)
{
	return f->recv != NULL ? b->got : net_rx(f->ifname) - before;
}

/* Until all that was sent is there, or nothing more comes. */
static uint64_t
load_drain(const struct flow *f, const struct board *b, uint64_t before)
{
	uint64_t got = load_got(f, b, before), last = got;
	double deadline = now() + DRAINED;

	while (got < b->sent && now() < deadline) {
		nap(0.005);
		got = load_got(f, b, before);
		if (got != last)
			deadline = now() + DRAINED;
		last = got;
	}
	return got;
}

static void
load_middle(const struct flow *f, const struct board *b, uint64_t before,
    double seconds, struct rate *r)
{
	uint64_t got;
	double start;

	nap(WARM_UP);
	got = load_got(f, b, before);
	start = now();
	nap(seconds);
	got = load_got(f, b, before) - got;
	r->frames = (double)got / (now() - start);
}

static void
load_sum(const struct flow *f, const struct board *b, uint64_t other,
    struct rate *r)
{
	uint64_t cpu = b->cpu[0] + b->cpu[1];

	if (f->pid != 0)
		cpu += proc_cpu_ns(f->pid) - other;
	r->sent = b->sent;
	r->loss = r->got >= r->sent || r->sent == 0 ? 0 :
	    1 - (double)r->got / (double)r->sent;
	r->cpu = r->got > 0 ? (double)cpu / (double)r->got : 0;
}

int
flow_measure(struct flow *f, double seconds, struct rate *r)
{
	struct board *b;
	uint64_t before = 0, other = 0;
	pid_t sender, receiver = 0;
	int error;

	b = shared(sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	if (f->pid != 0)
		other = proc_cpu_ns(f->pid);
	if (f->recv == NULL)
		before = net_rx(f->ifname);
	else
		receiver = load_child(f, b, f->recv, 1);
	sender = load_child(f, b, f->send, 0);
	load_middle(f, b, before, seconds, r);
	b->stop = 1;
	load_join(sender);
	r->got = load_drain(f, b, before);
	b->end = 1;
	load_join(receiver);
	load_sum(f, b, other, r);
	error = b->error;
	munmap(b, sizeof(*b));
	if (error == 0 && (sender == -1 || receiver == -1))
		error = EAGAIN;
	return -error;
}

void
flows_open(struct flow *f, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		f[i].fd[0] = f[i].fd[1] = -1;
		if (wanted(f[i].series))
			f[i].up = f[i].open(&f[i]) == 0;
	}
}

void
flows_run(struct flow *f, unsigned int n,
    void (*fn)(const struct flow *f, const struct rate *r))
{
	unsigned int i, round;
	struct rate r;
	int error;

	for (round = 0; round < opt.rounds; round++) {
		for (i = 0; i < n; i++) {
			if (!f[i].up)
				continue;
			error = flow_measure(&f[i], opt.seconds, &r);
			if (error == 0 && r.got > 0) {
				fn(&f[i], &r);
				continue;
			}
			series_broken(f[i].series, "%s", error != 0 ?
			    strerror(-error) : "no frame came through");
			f[i].up = false;
		}
	}
}

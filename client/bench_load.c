/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fethc bench: the loops over a port, in batches. They end when the board says
 * so, which they see at the latest 50 ms after there was nothing to do; and when
 * the process that would say so is gone.
 */
#include <sys/mman.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROOM_MAX	65600
#define ORPHAN_TURNS	16	/* a system call in so many turns is no load */

static uint8_t room[FETH_BATCH * 2048 + ROOM_MAX];

void
bench_wait(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	poll(&p, 1, 50);
}

bool
bench_orphan(struct bench *b)
{
	return ++b->turns % ORPHAN_TURNS == 0 && getppid() != b->parent;
}

void *
bench_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		return p;
	fprintf(stderr, "fethc: no memory: %s\n", strerror(errno));
	return NULL;
}

static double
clock_of(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

uint64_t
bench_cpu(void)
{
	return (uint64_t)(clock_of(CLOCK_PROCESS_CPUTIME_ID) * 1e9);
}

double
bench_clock(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

void
bench_frame(struct bench *b)
{
	size_t i;

	for (i = 0; i < sizeof(b->frame); i++)
		b->frame[i] = (uint8_t)i;
	stack_mac(feth_mac(b->link[0], b->end[1]), b->frame);
	stack_mac(feth_mac(b->link[0], b->end[0]), b->frame + 6);
	b->frame[12] = 0x88;	/* IEEE 802: for experiments */
	b->frame[13] = 0xb5;
	if (b->host)
		bench_udp_frame(b);
}

/* What a call returned, when that was no frame. False: this is the end. */
static bool
load_again(struct bench *b, int end, int r, short events,
    const struct feth_error *err)
{
	if (r == -FETH_AGAIN ||
	    (r == -FETH_IO && err->errnum == ENOBUFS))
		bench_wait(feth_fd(b->link[end], b->end[end]), events);
	else if (r != -FETH_INTERRUPTED && r != -FETH_FRAME_SIZE) {
		b->board->error = err->errnum != 0 ? err->errnum : EIO;
		return false;
	}
	return true;
}

void
bench_port_send(struct bench *b, int end)
{
	struct feth_frame f[FETH_BATCH];
	struct feth_error err;
	int i, r;

	for (i = 0; i < FETH_BATCH; i++)
		f[i] = (struct feth_frame){ b->frame, 0, b->size };
	while (!b->board->stop && !bench_orphan(b)) {
		r = feth_send_batch(b->link[end], b->end[end], f, FETH_BATCH,
		    &err);
		if (r > 0)
			b->board->sent += (uint64_t)r;
		else if (!load_again(b, end, r, POLLOUT, &err))
			break;
	}
}

/* As many buffers as there is room for, FETH_BATCH at most. */
static unsigned int
recv_rooms(const struct bench *b, struct feth_frame *f)
{
	size_t each = (feth_frame_max(b->link[0]) + 63) / 64 * 64;
	unsigned int i, n = (unsigned int)(sizeof(room) / each);

	n = n < FETH_BATCH ? n : FETH_BATCH;
	for (i = 0; i < n; i++)
		f[i] = (struct feth_frame){ room + i * each, each, 0 };
	return n;
}

void
bench_port_recv(struct bench *b, int end)
{
	struct feth_frame f[FETH_BATCH];
	unsigned int n = recv_rooms(b, f);
	struct feth_error err;
	int i, r;

	while (!b->board->end && !bench_orphan(b)) {
		r = feth_recv_batch(b->link[end], b->end[end], f, n, &err);
		if (r < 0 && !load_again(b, end, r, POLLIN, &err))
			break;
		for (i = 0; i < r; i++)
			b->board->got += !b->host ||
			    bench_udp_input(b, f[i].data, f[i].len);
	}
}

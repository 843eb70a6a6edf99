/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's own check of a link: how many frames go through, each way, how many
 * are lost, how long one takes there and back, and what it costs. Two processes,
 * one an end. The other end of a host link is the host's own stack: UDP in
 * and out of a socket, and its answers to ping (bench_udp.c).
 */
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "print.h"

static int	bench_run(struct args *a);

const struct command cmd_bench = {
	.name = "bench",
	.usage = "NAME | [NAME] --host|--pair  [--size BYTES] "
	    "[--seconds S] [options]",
	.help = "measure a link: frames, loss, round trip, CPU time",
	.options = O_LINK | O_BENCH,
	.max = 1,
	.run = bench_run,
};

#define SECONDS_MS	2000
#define DRAIN_MS	2000	/* a receiver that gets no CPU is no loss */
#define LOOK_MS		20
#define TRIPS		100000	/* kept for the percentiles */
#define TRIP_LEN	64
/* How long an answer may take: so many times the longest trip so far, within
 * these limits; the upper one until there was any. */
#define TRIP_TIMES	4
#define TRIP_MS_MIN	50
#define TRIP_MS_MAX	1000
#define TRIP_TRIES	5	/* for a first answer */

/* ---- The link ---------------------------------------------------------- */

/* With no address asked for, a host link gets one: UDP needs it. */
static int
bench_open(struct bench *b, struct args *a)
{
	struct feth_error err;
	struct port_spec s;
	int r, i;

	if (a->kind == KIND_WIRE)
		return usage_error("a wire link has no port to measure from");
	if (a->kind == KIND_HOST && a->addresses.n == 0)
		a->addresses.v[a->addresses.n++] = "auto";
	r = port_spec(a, a->argc > 0 ? a->argv[0] : NULL, &s);
	if (r != EXIT_DONE)
		return r;
	for (i = 0; i < 2; i++) {
		if (s.spec.end[i].kind == FETH_PORT)
			s.spec.end[i].take = FETH_TAKE_YES;
	}
	if (feth_open(b->conn, &s.spec, &b->link[0], &err) < 0)
		return failed(a, &err);
	return EXIT_DONE;
}

/* Both ports of a pair, as two links of the library's. */
static int
bench_attach(struct bench *b, struct args *a)
{
	enum feth_class class = (enum feth_class)a->port_class;
	struct feth_error err;
	int r;

	r = feth_attach(b->conn, a->argv[0], FETH_MINE, class, &b->link[0],
	    &err);
	/* Both are free, and the daemon wants to know which. */
	if (r == -FETH_INVALID_SPEC)
		r = feth_attach(b->conn, a->argv[0], 0, class, &b->link[0],
		    &err);
	if (r == 0 && strcmp(feth_kind(b->link[0]), "pair") == 0)
		r = feth_attach(b->conn, a->argv[0],
		    feth_peer_end(b->link[0]), class, &b->link[1], &err);
	return r == 0 ? EXIT_DONE : failed(a, &err);
}

/* Where the two ends are: ports, or a port and the host. */
static int
bench_ends(struct bench *b)
{
	struct feth_link *l = b->link[0];
	struct feth_error err;
	int i;

	b->host = strcmp(feth_kind(l), "host") == 0;
	b->end[0] = feth_end(l);
	b->end[1] = feth_peer_end(l);
	if (b->link[1] == NULL)
		b->link[1] = l;
	for (i = 0; i < (b->host ? 1 : 2); i++) {
		if (feth_set_nonblock(b->link[i], b->end[i], true, &err) < 0)
			return failed(b->a, &err);
	}
	return b->host ? bench_udp_start(b) : EXIT_DONE;
}

static int
bench_size(struct bench *b)
{
	size_t max = feth_mtu(b->link[0]) + 14, min = b->host ?
	    BENCH_UDP_MIN : FETH_FRAME_MIN;

	b->size = b->a->size > 0 ? (size_t)b->a->size : max;
	if (b->size < min || b->size > max)
		return usage_error("--size: frames of this link have %zu to "
		    "%zu bytes", min, max);
	return EXIT_DONE;
}

static int
bench_start(struct bench *b, struct args *a)
{
	int r;

	b->a = a;
	b->udp = -1;
	b->board = bench_shared(sizeof(*b->board));
	if (b->board == NULL || wait_init() < 0)
		return EXIT_REFUSED;
	if (a->kind == KIND_NONE && a->argc == 0)
		return usage_error("name a link, or make one with --host or "
		    "--pair");
	r = connect_daemon(a, &b->conn);
	if (r == EXIT_DONE)
		r = a->kind != KIND_NONE ? bench_open(b, a) :
		    bench_attach(b, a);
	if (r == EXIT_DONE)
		r = bench_ends(b);
	return r == EXIT_DONE ? bench_size(b) : r;
}

static void
bench_stop(struct bench *b)
{
	if (b->udp != -1)
		close(b->udp);
	if (b->link[1] != b->link[0])
		feth_free(b->link[1]);
	feth_free(b->link[0]);
	feth_disconnect(b->conn);
}

/* ---- One way ----------------------------------------------------------- */

static pid_t
bench_child(struct bench *b, int side, void (*fn)(struct bench *b, int end),
    int end)
{
	uint64_t start;
	pid_t pid;

	fflush(NULL);
	b->parent = getpid();
	pid = fork();
	if (pid != 0)
		return pid;
	/* However the parent dies, the daemon is to see the link's holder go,
	 * which it does when the last copy of this descriptor is closed. */
	feth_disconnect(b->conn);
	wait_reset();
	/* ^C is for the parent, which ends us. */
	signal(SIGINT, SIG_IGN);
	start = bench_cpu();
	fn(b, end);
	b->board->cpu[side] = bench_cpu() - start;
	_exit(0);
}

static void
bench_join(pid_t pid)
{
	if (pid > 0)
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
}

/* Sleep for MS; false: a signal says to end. */
static bool
bench_sleep(long ms)
{
	int64_t left, deadline = wait_now() + ms;

	while (wait_ended() == 0 && (left = deadline - wait_now()) > 0)
		wait_for(NULL, 0, (long)left);
	return wait_ended() == 0;
}

/* What was sent may still be under way: until all of it came, or nothing more
 * comes. */
static void
bench_drain(const struct bench_board *s)
{
	int64_t since = wait_now();
	uint64_t got = s->got;

	while (s->got < s->sent && s->error == 0 &&
	    wait_now() - since < DRAIN_MS && bench_sleep(LOOK_MS)) {
		if (s->got == got)
			continue;
		got = s->got;
		since = wait_now();
	}
}

static void
bench_way(struct bench *b, int from, struct bench_way *w)
{
	bool to_host = b->host && from == 0, from_host = b->host && from == 1;
	struct bench_board *s = b->board;
	long ms = b->a->seconds_ms > 0 ? b->a->seconds_ms : SECONDS_MS;
	pid_t sender, receiver;
	int64_t start;

	memset(s, 0, sizeof(*s));
	receiver = bench_child(b, 1, to_host ? bench_udp_recv :
	    bench_port_recv, !from);
	sender = bench_child(b, 0, from_host ? bench_udp_send :
	    bench_port_send, from);
	start = wait_now();
	bench_sleep(ms);
	w->ms = (double)(wait_now() - start);
	w->in_time = s->got;
	s->stop = 1;
	bench_join(sender);
	bench_drain(s);
	s->end = 1;
	bench_join(receiver);
	w->sent = s->sent;
	w->got = s->got;
	w->cpu = s->cpu[0] + s->cpu[1];
	w->error = s->error;
}

/* ---- There and back ---------------------------------------------------- */

static void
bench_echo(struct bench *b, int end)
{
	static uint8_t buf[65600];
	ssize_t n;

	while (!b->board->end && !bench_orphan(b)) {
		n = feth_recv(b->link[end], b->end[end], buf, sizeof(buf),
		    NULL);
		if (n > 0)
			feth_send(b->link[end], b->end[end], buf, (size_t)n,
			    NULL);
		else if (n == -FETH_AGAIN)
			bench_wait(feth_fd(b->link[end], b->end[end]),
			    POLLIN);
		else if (n != -FETH_INTERRUPTED && n != -FETH_FRAME_SIZE)
			break;
	}
}

enum trip { TRIP_DONE, TRIP_LOST, TRIP_GONE };

/* A frame that came: the answer to trip number b->seq, and not a late one? */
static bool
bench_answer(struct bench *b, const uint8_t *frame, size_t len)
{
	if (b->host)
		return bench_udp_pong(b, frame, len);
	return len == TRIP_LEN && memcmp(frame + 14, &b->seq,
	    sizeof(b->seq)) == 0;
}

static bool
bench_trip_send(struct bench *b)
{
	b->seq++;
	if (b->host)
		return bench_udp_ping(b);
	memcpy(b->frame + 14, &b->seq, sizeof(b->seq));
	return feth_send(b->link[0], b->end[0], b->frame, TRIP_LEN, NULL) > 0;
}

/* One frame there, and until it comes back, for MS at most. */
static enum trip
bench_trip(struct bench *b, double ms)
{
	static uint8_t buf[65600];
	int fd = feth_fd(b->link[0], b->end[0]);
	double end = bench_clock() + ms / 1000;
	ssize_t n;

	if (!bench_trip_send(b))
		return TRIP_GONE;
	do {
		n = feth_recv(b->link[0], b->end[0], buf, sizeof(buf), NULL);
		if (n > 0 && bench_answer(b, buf, (size_t)n))
			return TRIP_DONE;
		if (n == -FETH_AGAIN)
			bench_wait(fd, POLLIN);
		else if (n < 0 && n != -FETH_INTERRUPTED &&
		    n != -FETH_FRAME_SIZE)
			return TRIP_GONE;
	} while (wait_ended() == 0 && bench_clock() < end);
	return wait_ended() == 0 ? TRIP_LOST : TRIP_GONE;
}

/* How long to wait for the next answer, when the longest took US (0: there was
 * none). */
static double
bench_patience(double us)
{
	double ms = us * TRIP_TIMES / 1000;

	if (us == 0 || ms > TRIP_MS_MAX)
		return TRIP_MS_MAX;
	return ms < TRIP_MS_MIN ? TRIP_MS_MIN : ms;
}

static int
bench_compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Trips to US, and what is lost is counted. The time begins with the first
 * answer. */
static void
bench_trips_take(struct bench *b, struct bench_trips *t, double *us)
{
	long ms = (b->a->seconds_ms > 0 ? b->a->seconds_ms : SECONDS_MS) / 2;
	int64_t deadline = 0;
	double start, longest = 0;
	enum trip r;

	while (t->n < TRIPS && (t->n > 0 ? wait_now() < deadline :
	    t->lost < TRIP_TRIES)) {
		start = bench_clock();
		r = bench_trip(b, bench_patience(longest));
		if (r == TRIP_GONE)
			break;
		if (r == TRIP_LOST) {
			t->lost++;
			continue;
		}
		us[t->n] = (bench_clock() - start) * 1e6;
		if (us[t->n] > longest)
			longest = us[t->n];
		if (t->n++ == 0)
			deadline = wait_now() + ms;
	}
}

static void
bench_trips(struct bench *b, struct bench_trips *t)
{
	double *us = calloc(TRIPS, sizeof(*us));
	pid_t echo = 0;

	memset(b->board, 0, sizeof(*b->board));
	memset(t, 0, sizeof(*t));
	if (us == NULL)
		return;
	if (!b->host)
		echo = bench_child(b, 1, bench_echo, 1);
	bench_trips_take(b, t, us);
	b->board->end = 1;
	bench_join(echo);
	qsort(us, t->n, sizeof(*us), bench_compare);
	if (t->n > 0) {
		t->p50 = us[t->n / 2];
		t->p99 = us[t->n - 1 - t->n / 100];
	}
	free(us);
}

/* ---- What came of it --------------------------------------------------- */

static const char *
bench_end_name(const struct bench *b, int i, char *buf, size_t size)
{
	if (b->host && i == 1)
		snprintf(buf, size, "host");
	else
		snprintf(buf, size, "end %d", b->end[i]);
	return buf;
}

static double
bench_rate(const struct bench_way *w)
{
	return w->ms > 0 ? (double)w->in_time * 1000 / w->ms : 0;
}

static double
bench_loss(const struct bench_way *w)
{
	return w->sent > w->got ?
	    1 - (double)w->got / (double)w->sent : 0;
}

static double
bench_cost(const struct bench_way *w)
{
	return w->got > 0 ? (double)w->cpu / (double)w->got : 0;
}

static void
bench_print(const struct bench *b, const struct bench_way way[2],
    const struct bench_trips *t)
{
	struct feth_link *l = b->link[0];
	char from[16], to[16], lost[24] = "";
	int i;

	printf("link ");
	print_text(stdout, feth_name(l));
	printf(": %s, ", feth_kind(l));
	print_text(stdout, feth_class_name(l, b->end[0]));
	printf(", %zu-byte frames\n", b->size);
	printf("%-16s %12s %8s %8s %16s\n", "", "frames/s", "Gbit/s", "lost",
	    "CPU ns a frame");
	for (i = 0; i < 2; i++)
		printf("%-6s -> %-6s %12.0f %8.2f %7.2f%% %16.0f\n",
		    bench_end_name(b, i, from, sizeof(from)),
		    bench_end_name(b, !i, to, sizeof(to)), bench_rate(&way[i]),
		    bench_rate(&way[i]) * (double)b->size * 8 / 1e9,
		    bench_loss(&way[i]) * 100, bench_cost(&way[i]));
	if (t->lost > 0)
		snprintf(lost, sizeof(lost), ", %u lost", t->lost);
	if (t->n > 0)
		printf("round trip       p50 %.1f us, p99 %.1f us (%u trips"
		    "%s)\n", t->p50, t->p99, t->n, lost);
	else
		printf("round trip       no answer came\n");
}

static void
bench_json(const struct bench *b, const struct bench_way way[2],
    const struct bench_trips *t)
{
	cJSON *top = cJSON_CreateObject(), *list, *o;
	struct feth_link *l = b->link[0];
	char name[16];
	int i;

	cJSON_AddStringToObject(top, "link", feth_name(l));
	cJSON_AddStringToObject(top, "kind", feth_kind(l));
	cJSON_AddStringToObject(top, "class", feth_class_name(l, b->end[0]));
	cJSON_AddNumberToObject(top, "size", (double)b->size);
	list = cJSON_AddArrayToObject(top, "ways");
	for (i = 0; i < 2; i++) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "from", bench_end_name(b, i, name,
		    sizeof(name)));
		cJSON_AddStringToObject(o, "to", bench_end_name(b, !i, name,
		    sizeof(name)));
		cJSON_AddNumberToObject(o, "frames_per_second",
		    bench_rate(&way[i]));
		cJSON_AddNumberToObject(o, "bits_per_second",
		    bench_rate(&way[i]) * (double)b->size * 8);
		cJSON_AddNumberToObject(o, "sent", (double)way[i].sent);
		cJSON_AddNumberToObject(o, "received", (double)way[i].got);
		cJSON_AddNumberToObject(o, "loss", bench_loss(&way[i]));
		cJSON_AddNumberToObject(o, "cpu_ns_per_frame",
		    bench_cost(&way[i]));
		cJSON_AddItemToArray(list, o);
	}
	o = cJSON_AddObjectToObject(top, "round_trip_us");
	cJSON_AddNumberToObject(o, "trips", t->n);
	cJSON_AddNumberToObject(o, "lost", t->lost);
	if (t->n > 0) {
		cJSON_AddNumberToObject(o, "p50", t->p50);
		cJSON_AddNumberToObject(o, "p99", t->p99);
	}
	print_json_tree(top);
	cJSON_Delete(top);
}

/* Did anything come through at all? */
static int
bench_verdict(const struct bench_way way[2], const struct bench_trips *t)
{
	int i;

	if (wait_ended() != 0)
		return EXIT_DONE;
	for (i = 0; i < 2; i++) {
		if (way[i].got > 0)
			continue;
		fprintf(stderr, "fethc: no frame came through one way%s%s\n",
		    way[i].error != 0 ? ": " : "",
		    way[i].error != 0 ? strerror(way[i].error) : "");
		return EXIT_REFUSED;
	}
	return t->n > 0 ? EXIT_DONE : EXIT_REFUSED;
}

static int
bench_run(struct args *a)
{
	struct bench b = { .a = a };
	struct bench_way way[2] = { { 0 }, { 0 } };
	struct bench_trips trips;
	int r = bench_start(&b, a);

	if (r == EXIT_DONE) {
		bench_frame(&b);
		bench_way(&b, 0, &way[0]);
		bench_way(&b, 1, &way[1]);
		bench_trips(&b, &trips);
		if (a->json)
			bench_json(&b, way, &trips);
		else
			bench_print(&b, way, &trips);
		r = bench_verdict(way, &trips);
	}
	bench_stop(&b);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that holds many links and sends frames through all of them, run by
 * the kernel tests: kernel_hold SOCKET HOSTS PAIRS NAME [resume]. The links are
 * NAME1, NAME2, ...; the second ends of pairs are attached to by a second
 * connection. With "resume" it reconnects when the daemon went. On SIGTERM it
 * says what came through. Lines of output:
 *
 *	open HOSTS PAIRS in MS ms
 *	lost
 *	back after MS ms, N links gone
 *	hosts: N sent, N failed; pairs: N sent, N received, N failed
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <feth.h>

#define ROUND_MS	50
#define FRAME		60

struct holder {
	struct feth_conn	*conn[2];	/* opens; attaches */
	struct feth_link	**hosts, **pairs, **seconds;
	int			nhosts, npairs;
	int			resume;
	long			sent, unsent, pair_sent, pair_got, pair_failed;
};

static volatile sig_atomic_t	stop;

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static long
now_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000;
}

static void
die(const char *what, const struct feth_error *err)
{
	printf("%s: %s: %s; %s\n", what, err->name, err->text, err->hint);
	exit(1);
}

static struct feth_link **
room(int n)
{
	struct feth_link	**v = calloc((size_t)n + 1, sizeof(*v));

	if (v == NULL)
		exit(1);
	return v;
}

static void
open_one(struct holder *h, const char *name, int host, struct feth_link **l)
{
	struct feth_spec	spec;
	struct feth_error	err;

	memset(&spec, 0, sizeof(spec));
	spec.size = sizeof(spec);
	spec.name = name;
	spec.end[1].kind = host ? FETH_HOST : FETH_PORT;
	while (feth_open(h->conn[0], &spec, l, &err) < 0) {
		if (err.code != FETH_BUSY)
			die(name, &err);
		poll(NULL, 0, (int)err.retry_ms);
	}
	if (feth_set_nonblock(*l, FETH_MINE, true, &err) < 0)
		die(name, &err);
}

static void
open_all(struct holder *h, const char *prefix)
{
	struct feth_error	err;
	char			name[64];
	long			start = now_ms();
	int			i;

	for (i = 0; i < h->nhosts + h->npairs; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i + 1);
		if (i < h->nhosts) {
			open_one(h, name, 1, &h->hosts[i]);
			continue;
		}
		open_one(h, name, 0, &h->pairs[i - h->nhosts]);
		if (feth_attach(h->conn[1], name, FETH_MINE, FETH_AUTO,
		    &h->seconds[i - h->nhosts], &err) < 0 ||
		    feth_set_nonblock(h->seconds[i - h->nhosts], FETH_MINE,
		    true, &err) < 0)
			die(name, &err);
	}
	printf("open %d %d in %ld ms\n", h->nhosts, h->npairs,
	    now_ms() - start);
	fflush(stdout);
}

static void
frames(struct holder *h)
{
	static unsigned char	out[FRAME], in[65536];
	int			i;

	memset(out, 0xff, 6);
	out[6] = 2;
	out[12] = 0x88;	/* the ethertype for experiments */
	out[13] = 0xb5;
	for (i = 0; i < h->nhosts; i++) {
		if (feth_send(h->hosts[i], FETH_MINE, out, FRAME, NULL) > 0)
			h->sent++;
		else
			h->unsent++;
		while (feth_recv(h->hosts[i], FETH_MINE, in, sizeof(in),
		    NULL) > 0)
			;
	}
	for (i = 0; i < h->npairs; i++) {
		if (feth_send(h->pairs[i], FETH_MINE, out, FRAME, NULL) > 0)
			h->pair_sent++;
		else
			h->pair_failed++;
		if (feth_recv(h->seconds[i], FETH_MINE, in, sizeof(in),
		    NULL) == FRAME)
			h->pair_got++;
		else
			h->pair_failed++;
	}
}

static void
come_back(struct holder *h)
{
	long	start = now_ms();
	struct feth_error err;
	int	i, r, gone = 0;

	printf("lost\n");
	fflush(stdout);
	for (i = 0; i < 2; i++) {
		while ((r = feth_reconnect(h->conn[i], &err)) < 0 && !stop) {
			frames(h);
			poll(NULL, 0, 20);
		}
		if (r > 0)
			printf("gone: %s: %s\n", err.name, err.text);
		gone += r > 0 ? r : 0;
	}
	if (!stop)
		printf("back after %ld ms, %d links gone\n", now_ms() - start,
		    gone);
	fflush(stdout);
}

static void
hold(struct holder *h)
{
	struct pollfd	p[2];
	long		next = now_ms();
	int		i, lost = 0;

	while (!stop) {
		for (i = 0; i < 2; i++) {
			p[i].fd = lost ? -1 : feth_conn_fd(h->conn[i]);
			p[i].events = POLLIN;
		}
		poll(p, 2, next > now_ms() ? (int)(next - now_ms()) : 0);
		if (now_ms() >= next) {
			frames(h);
			next = now_ms() + ROUND_MS;
		}
		for (i = 0; i < 2 && !lost; i++)
			lost = p[i].revents != 0 &&
			    feth_dispatch(h->conn[i], NULL) < 0;
		if (lost && h->resume) {
			/* Both went, though one may not have been told yet. */
			while (feth_dispatch(h->conn[!i], NULL) >= 0 && !stop)
				poll(NULL, 0, 1);
			come_back(h);
			lost = 0;
		}
	}
}

int
main(int argc, char **argv)
{
	struct holder		h;
	struct feth_error	err;
	int			i;

	if (argc < 5)
		return 2;
	signal(SIGTERM, on_term);
	memset(&h, 0, sizeof(h));
	h.nhosts = atoi(argv[2]);
	h.npairs = atoi(argv[3]);
	h.resume = argc > 5;
	h.hosts = room(h.nhosts);
	h.pairs = room(h.npairs);
	h.seconds = room(h.npairs);
	for (i = 0; i < 2; i++)
		if (feth_connect(argv[1], &h.conn[i], &err) < 0)
			die(argv[1], &err);
	open_all(&h, argv[4]);
	hold(&h);
	printf("hosts: %ld sent, %ld failed; pairs: %ld sent, %ld received, "
	    "%ld failed\n", h.sent, h.unsent, h.pair_sent, h.pair_got,
	    h.pair_failed);
	for (i = 0; i < 2; i++)
		feth_disconnect(h.conn[i]);
	for (i = 0; i < h.nhosts; i++)
		feth_free(h.hosts[i]);
	for (i = 0; i < h.npairs; i++) {
		feth_free(h.pairs[i]);
		feth_free(h.seconds[i]);
	}
	free(h.hosts);
	free(h.pairs);
	free(h.seconds);
	return 0;
}

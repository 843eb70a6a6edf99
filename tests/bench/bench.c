/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make bench: how fast links are, beside what the kernel gives to a bare loop
 * and beside other programs that do the same job, all in one run and in turn.
 * docs/performance.md tells how to read it. Speed never makes it fail; what does
 * not work at all does.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

struct options opt = {
	.fethd = "./fethd",
	.rounds = 5,
	.seconds = 0.4,
	.idle_seconds = 60,
	.links = 10000,
	.frame = 1500,
};

/* What it must reach: see docs/performance.md. */
const struct line lines[] = {
	{ "tap.one", "app -> host, class tap, one frame a call / bare TAP loop",
	    LINE_RATIO, "tap.feth", "tap.bare", "frames/s", AT_LEAST, 0.97 },
	{ "tap.vde", "  the same / vde_switch with a tap",
	    LINE_RATIO, "tap.feth", "tap.vde", "frames/s", AT_LEAST, 3.3 },
	{ "tap.packet", "  the same / AF_PACKET on a veth",
	    LINE_RATIO, "tap.feth", "tap.packet", "frames/s", NOTHING, 0 },
	{ "pair.one", "app -> app, one frame a call / bare SEQPACKET loop",
	    LINE_RATIO, "pair.feth", "pair.bare", "frames/s", AT_LEAST, 0.97 },
	{ "pair.batch", "app -> app, batch calls / bare SEQPACKET loop",
	    LINE_RATIO, "pair.feth-batch", "pair.bare", "frames/s", AT_LEAST,
	    1.25 },
	{ "pair.mmsg", "  the same / bare sendmmsg and recvmmsg loop",
	    LINE_RATIO, "pair.feth-batch", "pair.mmsg", "frames/s", NOTHING,
	    0 },
	{ "pair.vde", "app -> app, one frame a call / vde_switch",
	    LINE_RATIO, "pair.feth", "pair.vde", "frames/s", AT_LEAST, 5 },
	{ "relay.out", "app -> host, relayed (socket) / vde_switch with a tap",
	    LINE_RATIO, "tap.relay", "tap.vde", "frames/s", AT_LEAST, 1.8 },
	{ "relay.out-loss", "  frames lost",
	    LINE_WORST, "tap.relay-loss", NULL, "of 1", AT_MOST, 0 },
	{ "relay.stream", "app -> host, relayed (stream) / vde_switch with a tap",
	    LINE_RATIO, "tap.stream", "tap.vde", "frames/s", NOTHING, 0 },
	{ "tap.in", "host -> app, class tap, one frame a call / bare TAP loop",
	    LINE_RATIO, "in.feth", "in.bare", "frames/s", NOTHING, 0 },
	{ "relay.in", "host -> app, relayed, at its peak",
	    LINE_MEDIAN, "in.relay", NULL, "frames/s", NOTHING, 0 },
	{ "relay.in-loss", "  frames lost at 80 % of that",
	    LINE_WORST, "in.relay-loss", NULL, "of 1", AT_MOST, 0 },
	{ "relay.pair", "app -> app, relayed / vde_switch",
	    LINE_RATIO, "pair.relay", "pair.vde", "frames/s", AT_LEAST, 2 },
	{ "relay.pair-loss", "  frames lost",
	    LINE_WORST, "pair.relay-loss", NULL, "of 1", AT_MOST, 0 },
	{ "trip.pair", "round trip, 64 B, one CPU, pair / bare pair",
	    LINE_RATIO, "trip.feth", "trip.bare", "us", AT_MOST, 1.05 },
	{ "trip.tap", "round trip, 64 B, one CPU, tap / bare TAP",
	    LINE_RATIO, "trip.tap", "trip.bare-tap", "us", AT_MOST, 1.05 },
	{ "trip.relay", "round trip, 64 B, one CPU, relayed / vde_switch",
	    LINE_RATIO, "trip.relay", "trip.vde", "us", AT_MOST, 1 },
	{ "tcp.offload", "TCP, tap with offloads / bare TAP with them",
	    LINE_RATIO, "tcp.feth", "tcp.bare", "Mbit/s", AT_LEAST, 0.95 },
	{ "many.idle", "one busy link beside 1,000 idle ones / alone",
	    LINE_RATIO, "many.busy", "many.alone", "frames/s", AT_LEAST,
	    0.98 },
	{ "many.fair", "10 busy links and a stuck reader: farthest from mean",
	    LINE_MEDIAN, "many.unfair", NULL, "of 1", AT_MOST, 0.10 },
	{ "many.fair-direct", "  the same, direct: what the harness does",
	    LINE_MEDIAN, "many.direct", NULL, "of 1", NOTHING, 0 },
	{ "setup.p50", "request -> fd, host link (tap), p50 / bare",
	    LINE_RATIO, "setup.feth", "setup.bare", "us", AT_MOST, 1.25 },
	{ "setup.p99", "  its p99 / its p50",
	    LINE_RATIO, "setup.feth-p99", "setup.feth-p50", "us", AT_MOST, 3 },
	{ "setup.bare-p99", "  the bare one's p99 / its p50",
	    LINE_RATIO, "setup.bare-p99", "setup.bare-p50", "us", NOTHING,
	    0 },
	{ "setup.bridge", "  qemu-bridge-helper / the same",
	    LINE_RATIO, "setup.bridge", "setup.feth", "us", AT_LEAST, 5 },
	{ "setup.pair", "  request -> fds, pair link",
	    LINE_MEDIAN, "setup.pair", NULL, "us", NOTHING, 0 },
	{ "scale.open", "10,000 links: growth from first to last 1,000 / bare",
	    LINE_RATIO, "scale.feth", "scale.bare", "x", AT_MOST, 1.15 },
	{ "scale.memory", "  memory of both processes a link",
	    LINE_MEDIAN, "scale.memory", NULL, "bytes", AT_MOST, 4096 },
	{ "scale.memory-relay", "  the same, relayed, idle",
	    LINE_MEDIAN, "scale.memory-relay", NULL, "bytes", AT_MOST, 12288 },
	{ "scale.close", "  close all / one group delete",
	    LINE_RATIO, "scale.close", "scale.floor", "s", AT_MOST, 1.3 },
	{ "scale.meanwhile", "  a new link's p99 meanwhile",
	    LINE_MEDIAN, "scale.meanwhile", NULL, "ms", AT_MOST, 150 },
	{ "idle.wakeups", "1,000 idle links: wake-ups of both processes",
	    LINE_WORST, "idle.wakeups", NULL, "", AT_MOST, 0 },
	{ "idle.ticks", "  CPU ticks of both processes",
	    LINE_WORST, "idle.ticks", NULL, "", AT_MOST, 0 },
	{ .name = NULL }
};

static const struct group *const groups[] = {
	&group_host, &group_pair, &group_inward, &group_trip, &group_tcp,
	&group_many, &group_setup, &group_scale, &group_idle, NULL
};

static const struct option longs[] = {
	{ "rows", required_argument, NULL, 'r' },
	{ "rounds", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 's' },
	{ "idle", required_argument, NULL, 'i' },
	{ "links", required_argument, NULL, 'l' },
	{ "frame", required_argument, NULL, 'f' },
	{ "json", required_argument, NULL, 'j' },
	{ "fethd", required_argument, NULL, 'd' },
	{ "quick", no_argument, NULL, 'q' },
	{ "list", no_argument, NULL, 'L' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static void
usage(FILE *out)
{
	fprintf(out, "usage: bench [options]\n"
	    "  --rows PATTERN  only lines whose names match: 'pair.*'\n"
	    "  --rounds N      samples of each measurement (%u)\n"
	    "  --seconds S     length of each (%g)\n"
	    "  --idle S        length of the idle line (%g)\n"
	    "  --links N       for the lines about many links (%u)\n"
	    "  --frame BYTES   length of frames, 14 to 9018 (%u)\n"
	    "  --json FILE     all samples, too\n"
	    "  --fethd FILE    the daemon (%s)\n"
	    "  --quick         short: shows that it works, not how fast\n"
	    "  --list          the names of the lines\n",
	    opt.rounds, opt.seconds, opt.idle_seconds, opt.links, opt.frame,
	    opt.fethd);
}

static double
number(const char *text, double min, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (end != text && *end == '\0' && v >= min && v <= max)
		return v;
	fprintf(stderr, "bench: %s is no number from %g to %g\n", text, min,
	    max);
	exit(2);
}

static void
quick(void)
{
	opt.rounds = 2;
	opt.seconds = 0.1;
	opt.idle_seconds = 5;
	opt.links = 1000;
}

static void
list(void)
{
	const struct line *l;

	for (l = lines; l->name != NULL; l++)
		printf("%-20s %s\n", l->name, l->text);
	exit(0);
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			opt.rows = optarg;
			break;
		case 'n':
			opt.rounds = (unsigned int)number(optarg, 1, 1000);
			break;
		case 's':
			opt.seconds = number(optarg, 0.01, 3600);
			break;
		case 'i':
			opt.idle_seconds = number(optarg, 1, 86400);
			break;
		case 'l':
			opt.links = (unsigned int)number(optarg, 100, 11000);
			break;
		case 'f':
			opt.frame = (unsigned int)number(optarg, 14, 9018);
			break;
		case 'j':
			opt.json = optarg;
			break;
		case 'd':
			opt.fethd = optarg;
			break;
		case 'q':
			quick();
			break;
		case 'L':
			list();
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}

static void
stopped(int sig)
{
	/* Namespaces and children go with us; the directory does not. */
	world_stop();
	_exit(128 + sig);
}

int
main(int argc, char **argv)
{
	double start = now();
	int here = open(".", O_PATH | O_CLOEXEC);
	unsigned int i, bad;

	options(argc, argv);
	if (world_start() < 0) {
		world_stop();
		return 1;
	}
	signal(SIGINT, stopped);
	signal(SIGTERM, stopped);
	signal(SIGPIPE, SIG_IGN);
	frame_make(NULL);
	for (i = 0; groups[i] != NULL; i++) {
		fprintf(stderr, "%5.0f s: %s\n", now() - start,
		    groups[i]->name);
		groups[i]->run();
		/* A visit to another mount namespace ends at its root. */
		if (fchdir(here) < 0)
			return 1;
	}
	world_stop();
	report_table(stdout);
	bad = series_nbroken();
	if (opt.json != NULL && report_json(opt.json) < 0)
		bad++;
	return bad > 0 ? 1 : 0;
}

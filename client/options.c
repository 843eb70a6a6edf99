/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of fethc: one table for all commands, which say by O_* which rows
 * they take. Parsing and help are made from it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fethc.h"

enum opt_type {
	OPT_FLAG,	/* bool */
	OPT_TEXT,	/* const char * */
	OPT_LIST,	/* struct list */
	OPT_NUMBER,	/* long in min..max */
	OPT_SECONDS,	/* long of ms; min..max are ms */
	OPT_SCALED,	/* long: value times what is given; min..max of that */
	OPT_SET,	/* int: value, and not another one before */
	OPT_NAME,	/* int: index in names */
	OPT_NAMES,	/* int: 1 << index in names, of each; "all" */
};

struct opt {
	const char	*name;
	char		key;		/* letter, or 0 */
	const char	*arg;		/* what it takes, or NULL */
	const char	*help;
	unsigned int	mask;		/* O_* */
	enum opt_type	type;
	size_t		offset;
	long		min, max;
	int		value;
	const char *const *names;	/* NULL-ended */
};

static const char *const class_names[] = { "auto", "tap", "socket", "raw",
    "stream", NULL };

static const char *const offload_names[] = { "csum", "tso4", "tso6", "uso",
    NULL };

#define AT(field)	offsetof(struct args, field)
#define MS_MAX		(3600L * 1000)

static const struct opt opts[] = {
	{ .name = "socket", .key = 's', .arg = "PATH", .mask = O_GLOBAL,
	    .type = OPT_TEXT, .offset = AT(socket),
	    .help = "the daemon's socket; else $FETHD_SOCKET" },
	{ .name = "json", .mask = O_GLOBAL, .type = OPT_FLAG,
	    .offset = AT(json), .help = "print JSON" },
	{ .name = "private", .mask = O_FRONT, .type = OPT_FLAG,
	    .offset = AT(private),
	    .help = "with a daemon of its own, for this command only" },
	{ .name = "version", .key = 'V', .mask = O_FRONT, .type = OPT_FLAG,
	    .offset = AT(version), .help = "as the command version" },
	{ .name = "help", .key = 'h', .mask = O_GLOBAL, .type = OPT_FLAG,
	    .offset = AT(help), .help = "print this" },

	{ .name = "host", .mask = O_LINK, .type = OPT_SET, .offset = AT(kind),
	    .value = KIND_HOST,
	    .help = "a port here, a network interface there" },
	{ .name = "pair", .mask = O_LINK, .type = OPT_SET, .offset = AT(kind),
	    .value = KIND_PAIR,
	    .help = "two ports; \"attach\" takes the second" },
	{ .name = "wire", .mask = O_LINK, .type = OPT_SET, .offset = AT(kind),
	    .value = KIND_WIRE, .help = "two network interfaces" },
	{ .name = "class", .arg = "CLASS", .mask = O_LINK | O_CLASS,
	    .type = OPT_NAME, .offset = AT(port_class), .names = class_names,
	    .help = "of the port: auto, tap, socket, raw or stream" },
	{ .name = "offloads", .arg = "LIST", .mask = O_LINK,
	    .type = OPT_NAMES, .offset = AT(offloads), .names = offload_names,
	    .help = "csum,tso4,tso6,uso or all: a header before each frame" },
	{ .name = "mtu", .arg = "BYTES", .mask = O_LINK, .type = OPT_NUMBER,
	    .offset = AT(mtu), .min = 68, .max = 65521,
	    .help = "the longest IP packet" },
	{ .name = "mac", .arg = "MAC", .mask = O_LINK, .type = OPT_TEXT,
	    .offset = AT(mac),
	    .help = "of the port (of a wire: of the first interface)" },
	{ .name = "peer-mac", .arg = "MAC", .mask = O_LINK, .type = OPT_TEXT,
	    .offset = AT(peer_mac), .help = "of the other end" },
	{ .name = "address", .arg = "CIDR", .mask = O_LINK, .type = OPT_LIST,
	    .offset = AT(addresses),
	    .help = "of the interface (pair: this port); or \"auto\"" },
	{ .name = "peer-address", .arg = "CIDR", .mask = O_LINK,
	    .type = OPT_LIST, .offset = AT(peer_addresses),
	    .help = "of the opposite end" },
	{ .name = "netns", .arg = "PATH", .mask = O_LINK, .type = OPT_TEXT,
	    .offset = AT(netns),
	    .help = "where the second interface of a wire goes" },
	{ .name = "relay", .mask = O_LINK, .type = OPT_FLAG,
	    .offset = AT(relay), .help = "have the daemon move the frames" },
	{ .name = "dgram", .mask = O_LINK, .type = OPT_FLAG,
	    .offset = AT(dgram),
	    .help = "class socket: a datagram socket, which tells no end" },
	{ .name = "mac-lock", .mask = O_LINK, .type = OPT_FLAG,
	    .offset = AT(mac_lock),
	    .help = "relayed: send with the port's own MAC only" },
	{ .name = "mtu-check", .mask = O_LINK, .type = OPT_FLAG,
	    .offset = AT(mtu_check),
	    .help = "relayed: send nothing above the MTU" },
	{ .name = "rate", .arg = "BYTES", .mask = O_LINK, .type = OPT_NUMBER,
	    .offset = AT(rate), .min = 1, .max = 100000000000,
	    .help = "relayed: send no more a second" },
	{ .name = "burst", .arg = "BYTES", .mask = O_LINK,
	    .type = OPT_NUMBER, .offset = AT(burst), .min = 1,
	    .max = 100000000000, .help = "and so much at once" },
	{ .name = "named", .mask = O_LINK, .type = OPT_FLAG,
	    .offset = AT(named), .help = "the link lives on until \"close\"" },
	{ .name = "label", .arg = "KEY=VALUE", .mask = O_LINK | O_FILTER,
	    .type = OPT_LIST, .offset = AT(labels), .help = "a note on it" },
	{ .name = "dry-run", .mask = O_DRY, .type = OPT_FLAG,
	    .offset = AT(dry_run), .help = "tell what would be, make nothing" },

	{ .name = "end", .arg = "N", .mask = O_END, .type = OPT_NUMBER,
	    .offset = AT(end), .min = 0, .max = 1,
	    .help = "which end to attach to; else the free one" },
	{ .name = "end", .arg = "N", .mask = O_CAPTURE, .type = OPT_NUMBER,
	    .offset = AT(end), .min = 0, .max = 1,
	    .help = "whose in and out; else the host's, or end 0's" },
	{ .name = "write", .key = 'w', .arg = "FILE", .mask = O_CAPTURE,
	    .type = OPT_TEXT, .offset = AT(file),
	    .help = "pcapng goes there (-: output)" },
	{ .name = "snaplen", .arg = "BYTES", .mask = O_CAPTURE,
	    .type = OPT_NUMBER, .offset = AT(snaplen), .min = 14,
	    .max = 262144, .help = "keep so much of each frame" },
	{ .name = "count", .key = 'c', .arg = "N", .mask = O_COUNT,
	    .type = OPT_NUMBER, .offset = AT(count), .min = 1,
	    .max = 1000000000, .help = "stop after N" },
	{ .name = "interval", .key = 'i', .arg = "SECONDS",
	    .mask = O_INTERVAL, .type = OPT_SECONDS,
	    .offset = AT(interval_ms), .min = 1, .max = MS_MAX,
	    .help = "from one to the next" },
	{ .name = "wait", .key = 'W', .arg = "SECONDS", .mask = O_WAIT,
	    .type = OPT_SECONDS, .offset = AT(wait_ms), .min = 1,
	    .max = MS_MAX, .help = "for an answer" },
	{ .name = "timeout", .arg = "SECONDS", .mask = O_TIMEOUT,
	    .type = OPT_SECONDS, .offset = AT(timeout_ms), .min = 1,
	    .max = MS_MAX * 24, .help = "stop after so long" },
	{ .name = "verbose", .key = 'v', .mask = O_VERBOSE, .type = OPT_FLAG,
	    .offset = AT(verbose), .help = "print each frame" },
	{ .name = "hex", .arg = "HEX", .mask = O_FRAME, .type = OPT_TEXT,
	    .offset = AT(hex), .help = "the frame, as hexadecimal digits" },
	{ .name = "file", .arg = "FILE", .mask = O_FRAME, .type = OPT_TEXT,
	    .offset = AT(file), .help = "the frame, as bytes (-: input)" },
	{ .name = "test", .arg = "N", .mask = O_FRAME, .type = OPT_NUMBER,
	    .offset = AT(test), .min = 1, .max = 1000000000,
	    .help = "N numbered frames" },
	{ .name = "hex", .mask = O_DUMP, .type = OPT_FLAG,
	    .offset = AT(dump), .help = "print the bytes, too" },
	{ .name = "raw", .mask = O_DUMP, .type = OPT_FLAG, .offset = AT(raw),
	    .help = "write the bytes of the frames alone" },

	{ .name = "delay", .arg = "MS", .mask = O_IMPAIR,
	    .type = OPT_SCALED, .offset = AT(delay_us), .value = 1000,
	    .max = 60000, .help = "how late each frame comes" },
	{ .name = "jitter", .arg = "MS", .mask = O_IMPAIR,
	    .type = OPT_SCALED, .offset = AT(jitter_us), .value = 1000,
	    .max = 60000, .help = "plus or minus up to so much" },
	{ .name = "loss", .arg = "PERCENT", .mask = O_IMPAIR,
	    .type = OPT_SCALED, .offset = AT(loss), .value = 10000,
	    .max = 100, .help = "of frames that do not come" },
	{ .name = "duplicate", .arg = "PERCENT", .mask = O_IMPAIR,
	    .type = OPT_SCALED, .offset = AT(duplicate), .value = 10000,
	    .max = 100, .help = "of frames that come twice" },
	{ .name = "reorder", .arg = "PERCENT", .mask = O_IMPAIR,
	    .type = OPT_SCALED, .offset = AT(reorder), .value = 10000,
	    .max = 100, .help = "of frames that are not delayed" },
	{ .name = "rate", .arg = "BYTES", .mask = O_IMPAIR,
	    .type = OPT_NUMBER, .offset = AT(slow), .min = 1,
	    .max = 100000000000, .help = "a second; the rest waits" },
	{ .name = "down", .mask = O_IMPAIR, .type = OPT_FLAG,
	    .offset = AT(down), .help = "nothing passes" },
	{ .name = "seed", .arg = "N", .mask = O_IMPAIR, .type = OPT_NUMBER,
	    .offset = AT(seed), .max = 9007199254740991,
	    .help = "of all chances, to repeat a run" },
	{ .name = "clear", .mask = O_IMPAIR, .type = OPT_FLAG,
	    .offset = AT(clear), .help = "a perfect cable again" },
	{ .name = "size", .arg = "BYTES", .mask = O_BENCH, .type = OPT_NUMBER,
	    .offset = AT(size), .min = 14, .max = 65535,
	    .help = "length of the frames; else the longest" },
	{ .name = "seconds", .arg = "S", .mask = O_BENCH, .type = OPT_SECONDS,
	    .offset = AT(seconds_ms), .min = 50, .max = MS_MAX,
	    .help = "for each direction, 2 by default" },

	{ .name = "name", .arg = "PREFIX", .mask = O_FILTER,
	    .type = OPT_TEXT, .offset = AT(filter_name),
	    .help = "only links whose names start so" },
	{ .name = "owner", .arg = "USER", .mask = O_FILTER, .type = OPT_TEXT,
	    .offset = AT(filter_owner), .help = "only links of this user" },
	{ .name = "kind", .arg = "KIND", .mask = O_FILTER, .type = OPT_TEXT,
	    .offset = AT(filter_kind), .help = "only host, pair or wire" },
};
#define NOPTS	(sizeof(opts) / sizeof(opts[0]))

void
options_defaults(struct args *a)
{
	memset(a, 0, sizeof(*a));
	a->end = FETH_MINE;
	a->count = a->test = -1;
	a->interval_ms = a->wait_ms = a->timeout_ms = -1;
	a->delay_us = a->jitter_us = a->loss = a->duplicate = -1;
	a->reorder = a->slow = a->seed = -1;
}

/* ---- Values ------------------------------------------------------------ */

static int
set_number(const struct opt *o, long *field, const char *value)
{
	char *end;

	errno = 0;
	*field = strtol(value, &end, 10);
	if (errno != 0 || *value == '\0' || *end != '\0' || *field < o->min ||
	    *field > o->max)
		return usage_error("--%s takes a number from %ld to %ld",
		    o->name, o->min, o->max);
	return EXIT_DONE;
}

static int
set_seconds(const struct opt *o, long *field, const char *value)
{
	double s;
	char *end;

	s = strtod(value, &end);
	if (*value == '\0' || *end != '\0' || !(s * 1000 >= (double)o->min &&
	    s * 1000 <= (double)o->max))
		return usage_error("--%s takes seconds, from %g to %g",
		    o->name, (double)o->min / 1000, (double)o->max / 1000);
	*field = (long)(s * 1000 + 0.5);
	return EXIT_DONE;
}

static int
set_scaled(const struct opt *o, long *field, const char *value)
{
	double v;
	char *end;

	v = strtod(value, &end);
	if (*value == '\0' || *end != '\0' || !(v >= (double)o->min &&
	    v <= (double)o->max))
		return usage_error("--%s takes a number from %ld to %ld",
		    o->name, o->min, o->max);
	*field = (long)(v * o->value + 0.5);
	return EXIT_DONE;
}

static int
set_list(const struct opt *o, struct list *field, const char *value)
{
	if (field->n == LIST_MAX)
		return usage_error("--%s may be given %d times", o->name,
		    LIST_MAX);
	field->v[field->n++] = value;
	return EXIT_DONE;
}

static int
set_name(const struct opt *o, int *field, const char *value)
{
	int i;

	for (i = 0; o->names[i] != NULL; i++) {
		if (strcmp(o->names[i], value) == 0) {
			*field = i;
			return EXIT_DONE;
		}
	}
	return usage_error("--%s %s: %s", o->name, value, o->help);
}

static int
set_names(const struct opt *o, int *field, const char *value)
{
	const char *p = value;
	size_t len;
	int i;

	for (;; p += len + 1) {
		len = strcspn(p, ",");
		for (i = 0; o->names[i] != NULL; i++) {
			if (strncmp(o->names[i], p, len) == 0 &&
			    o->names[i][len] == '\0')
				break;
		}
		if (o->names[i] != NULL)
			*field |= 1 << i;
		else if (len == 3 && strncmp(p, "all", len) == 0)
			*field |= (1 << i) - 1;
		else
			return usage_error("--%s %s: %s", o->name, value,
			    o->help);
		if (p[len] == '\0')
			return EXIT_DONE;
	}
}

static int
set_value(const struct opt *o, int *field)
{
	if (*field != 0 && *field != o->value)
		return usage_error("--%s contradicts an option before it",
		    o->name);
	*field = o->value;
	return EXIT_DONE;
}

static int
option_set(struct args *a, const struct opt *o, const char *value)
{
	void *field = (char *)a + o->offset;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)field = true;
		return EXIT_DONE;
	case OPT_TEXT:
		*(const char **)field = value;
		return EXIT_DONE;
	case OPT_SCALED:
		return set_scaled(o, field, value);
	case OPT_LIST:
		return set_list(o, field, value);
	case OPT_NUMBER:
		return set_number(o, field, value);
	case OPT_SECONDS:
		return set_seconds(o, field, value);
	case OPT_SET:
		return set_value(o, field);
	case OPT_NAME:
		return set_name(o, field, value);
	case OPT_NAMES:
		return set_names(o, field, value);
	}
	return EXIT_USAGE;
}

/* ---- Parsing ----------------------------------------------------------- */

/* What getopt_long wants, for the rows in a mask. Long options are known by
 * their row + 256. */
struct getopt_tables {
	struct option	longs[NOPTS + 1];
	char		shorts[3 * NOPTS + 2];
};

static void
tables_make(struct getopt_tables *t, unsigned int mask, const char *prefix)
{
	struct option *l = t->longs;
	char *s = t->shorts;
	size_t i;

	memset(t, 0, sizeof(*t));
	s = stpcpy(s, prefix);
	for (i = 0; i < NOPTS; i++) {
		if ((opts[i].mask & mask) == 0)
			continue;
		l->name = opts[i].name;
		l->has_arg = opts[i].arg != NULL ? required_argument :
		    no_argument;
		l->val = (int)i + 256;
		l++;
		if (opts[i].key == 0)
			continue;
		*s++ = opts[i].key;
		if (opts[i].arg != NULL)
			*s++ = ':';
	}
}

/* The row that getopt_long's result C stands for, or NULL. */
static const struct opt *
tables_row(int c, unsigned int mask)
{
	size_t i;

	if (c >= 256)
		return &opts[c - 256];
	for (i = 0; i < NOPTS; i++) {
		if (opts[i].key == c && (opts[i].mask & mask) != 0)
			return &opts[i];
	}
	return NULL;
}

static int
options_read(struct args *a, unsigned int mask, const char *prefix, int argc,
    char **argv)
{
	struct getopt_tables t;
	const struct opt *o;
	int c, r;

	tables_make(&t, mask, prefix);
	optind = 0;	/* start anew, with the prefix of this call */
	while ((c = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		o = tables_row(c, mask);
		if (o == NULL)
			return usage_error(c == ':' ?
			    "%s needs a value" : "unknown option %s",
			    argv[optind - 1]);
		r = option_set(a, o, optarg);
		if (r != EXIT_DONE)
			return r;
	}
	return EXIT_DONE;
}

int
options_global(struct args *a, int argc, char **argv, int *next)
{
	int r = options_read(a, O_GLOBAL | O_FRONT, "+:", argc, argv);

	*next = optind;
	return r;
}

/* Cut ARGV at "--" and return what is after it, or NULL. */
static char **
options_cut(int *argc, char **argv)
{
	int i;

	for (i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			*argc = i;
			return argv + i + 1;
		}
	}
	return NULL;
}

int
options_parse(struct args *a, const struct command *c, int argc, char **argv)
{
	int r;

	if (c->program)
		a->program = options_cut(&argc, argv);
	r = options_read(a, c->options | O_GLOBAL, ":", argc, argv);
	if (r != EXIT_DONE || a->help)
		return r;
	if (a->program != NULL && *a->program == NULL)
		return usage_error("there is no program after --");
	a->argc = argc - optind;
	a->argv = argv + optind;
	if (a->argc < c->min || a->argc > c->max)
		return usage_error("usage: fethc %s %s", c->name, c->usage);
	return EXIT_DONE;
}

/* ---- Help -------------------------------------------------------------- */

void
options_help(unsigned int mask)
{
	char left[40], key[8];
	size_t i;

	for (i = 0; i < NOPTS; i++) {
		if ((opts[i].mask & mask) == 0)
			continue;
		snprintf(key, sizeof(key), opts[i].key != 0 ? "-%c," : "   ",
		    opts[i].key);
		snprintf(left, sizeof(left), "  %s --%s%s%s", key,
		    opts[i].name, opts[i].arg != NULL ? " " : "",
		    opts[i].arg != NULL ? opts[i].arg : "");
		printf("%-30s %s\n", left, opts[i].help);
	}
}

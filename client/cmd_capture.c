/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture: the daemon's stream to a file, to a pipe, or as lines to a terminal.
 * Only whole blocks go out. To end it, we shut our side of the stream down and
 * take what still comes: that has the counters.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "blocks.h"
#include "fethc.h"
#include "filter.h"
#include "print.h"
#include "stack.h"

static int	capture_run(struct args *a);

const struct command cmd_capture = {
	.name = "capture",
	.usage = "NAME [-w FILE|-] [--snaplen N] [--count N] [--end N] "
	    "[FILTER...]",
	.help = "the frames of a link, as pcapng or one a line",
	.options = O_CAPTURE | O_COUNT | O_TIMEOUT,
	.min = 1,
	.max = INT_MAX,
	.run = capture_run,
};

#define BUFFER		(2 * BLOCK_MAX)
#define PIPE_PIECE	4096	/* a pipe that poll calls writable takes it */
#define STUCK_MS	2000	/* after a signal, for who reads from us */
#define END_MS		10000	/* for the rest of the stream */

struct capture {
	const struct args *a;
	int		in;		/* the stream */
	int		out;		/* pcapng; -1: lines */
	size_t		piece;		/* of one write to it */
	uint8_t		*buf;
	size_t		len;
	long		frames;
	uint64_t	dropped;
	bool		counted;	/* the counters came, */
	bool		ending;		/* and: we asked for the end */
	bool		deaf;		/* nobody reads from us any more */
	int		error;		/* why the output failed, or 0 */
};

/* ---- Output ------------------------------------------------------------ */

static void
line(const struct capture *c, const struct block *b)
{
	static const char *const dirs[] = { "?  ", "in ", "out" };
	time_t secs = (time_t)(b->ns / 1000000000);
	char text[320], stamp[16], cut[48] = "";
	struct tm tm;
	cJSON *t;

	if (b->caplen < b->len)
		snprintf(cut, sizeof(cut), " [%u of %u bytes]", b->caplen,
		    b->len);
	stack_describe_cut(b->frame, b->caplen, b->len, text, sizeof(text));
	if (c->a->json) {
		t = cJSON_CreateObject();
		cJSON_AddNumberToObject(t, "time", (double)b->ns / 1e9);
		cJSON_AddStringToObject(t, "direction", b->dir == DIR_IN ?
		    "in" : b->dir == DIR_OUT ? "out" : "unknown");
		cJSON_AddNumberToObject(t, "length", b->len);
		cJSON_AddNumberToObject(t, "kept", b->caplen);
		cJSON_AddStringToObject(t, "frame", text);
		print_json_tree(t);
		cJSON_Delete(t);
		return;
	}
	localtime_r(&secs, &tm);
	strftime(stamp, sizeof(stamp), "%H:%M:%S", &tm);
	printf("%s.%06u %s %s%s\n", stamp,
	    (unsigned int)(b->ns % 1000000000 / 1000), dirs[b->dir], text, cut);
}

/* Wait until OUT takes something: false when it does not, and we are to end. */
static bool
writable(const struct capture *c)
{
	struct pollfd p = { .fd = c->out, .events = POLLOUT };
	int64_t since = 0;

	for (;;) {
		if (poll(&p, 1, 100) == 1)
			return true;
		if (wait_ended() == 0)
			continue;
		if (since == 0)
			since = wait_now();
		if (wait_now() - since > STUCK_MS)
			return false;
	}
}

/* The SIZE bytes of whole blocks. */
static void
out(struct capture *c, const uint8_t *data, size_t size)
{
	ssize_t n;

	while (size > 0 && !c->deaf) {
		if (!writable(c)) {
			c->deaf = true;
			break;
		}
		n = write(c->out, data, size < c->piece ? size : c->piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->error = errno;
			c->deaf = true;
			break;
		}
		data += n;
		size -= (size_t)n;
	}
}

/* ---- The stream -------------------------------------------------------- */

static void
ask_end(struct capture *c)
{
	if (!c->ending)
		shutdown(c->in, SHUT_WR);
	c->ending = true;
}

/* One block; false: it is not to go out. */
static bool
take(struct capture *c, const struct block *b)
{
	if (b->kind == BLOCK_STATS) {
		c->dropped = b->dropped;
		/* Others come in between; the last one comes by itself. */
		c->counted = true;
	}
	if (b->kind != BLOCK_FRAME)
		return true;
	c->counted = false;
	if (c->a->count > 0 && c->frames == c->a->count)
		return false;
	c->frames++;
	if (c->out == -1)
		line(c, b);
	if (c->frames == c->a->count)
		ask_end(c);
	return true;
}

/* All whole blocks in the buffer. 0, or -EBADMSG. */
static int
take_all(struct capture *c)
{
	size_t at = 0, from = 0;
	struct block b;
	int r;

	while ((r = block_parse(c->buf + at, c->len - at, &b)) == 1) {
		if (!take(c, &b)) {
			if (c->out != -1)
				out(c, c->buf + from, at - from);
			from = at + b.size;
		}
		at += b.size;
	}
	if (c->out != -1)
		out(c, c->buf + from, at - from);
	else if (fflush(stdout) != 0)
		c->deaf = true;
	memmove(c->buf, c->buf + at, c->len - at);
	c->len -= at;
	return r;
}

/* Until the end of the stream: 0 when it is there, or a negative errno. */
static int
loop(struct capture *c)
{
	int64_t deadline = wait_now() + c->a->timeout_ms;
	long left = -1;
	ssize_t n;
	int r;

	while (!c->deaf) {
		if (c->a->timeout_ms > 0 && !c->ending) {
			left = (long)(deadline - wait_now());
			if (left <= 0)
				ask_end(c);
		}
		if (wait_ended() != 0)
			ask_end(c);
		r = wait_for(&c->in, 1, c->ending ? END_MS : left);
		if (r == 0 && c->ending)
			return -ETIMEDOUT;
		if ((r & 1) == 0)
			continue;
		n = read(c->in, c->buf + c->len, BUFFER - c->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		c->len += (size_t)n;
		if (take_all(c) < 0)
			return -EBADMSG;
	}
	return 0;
}

/* ---- The command ------------------------------------------------------- */

/* Where it goes: c->out, or -1 for lines. */
static int
choose_output(struct capture *c)
{
	const char *file = c->a->file;
	struct stat st;
	bool tty = isatty(STDOUT_FILENO) == 1;

	if (file != NULL && c->a->json)
		return usage_error("--json prints lines, -w writes pcapng");
	if (c->a->json || (file == NULL && tty))
		return EXIT_DONE;
	if (file != NULL && strcmp(file, "-") != 0) {
		c->out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0666);
		if (c->out == -1) {
			fprintf(stderr, "fethc: %s: %s\n", file,
			    strerror(errno));
			return EXIT_REFUSED;
		}
	} else if (tty) {
		return usage_error("pcapng is not for a terminal: leave \"-w "
		    "-\" out for lines, or write to a file or a pipe");
	} else {
		c->out = STDOUT_FILENO;
	}
	c->piece = fstat(c->out, &st) == 0 && S_ISREG(st.st_mode) ? BUFFER :
	    PIPE_PIECE;
	return EXIT_DONE;
}

static int
report(const struct capture *c, int r)
{
	const char *why = NULL;

	if (r == -EBADMSG)
		why = "the daemon's stream is no pcapng";
	else if (r < 0)
		why = strerror(-r);
	else if (c->error != 0 && c->error != EPIPE)
		why = strerror(c->error);
	else if (!c->deaf && !c->counted)
		why = "the capture was ended before its counters came";
	if (why != NULL)
		fprintf(stderr, "fethc: %s\n", why);
	fprintf(stderr, "%ld frames captured, %llu dropped%s\n", c->frames,
	    (unsigned long long)c->dropped, why != NULL || c->ending ||
	    c->deaf ? "" : "; the link is gone");
	if (why != NULL)
		return EXIT_REFUSED;
	return c->a->count > 0 && c->frames < c->a->count &&
	    wait_ended() == 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int
capture_open(struct capture *c, const struct feth_insn *prog, unsigned int n)
{
	struct feth_capture_spec spec = { .size = sizeof(spec),
	    .end = (int)c->a->end, .filter = prog, .ninsns = n,
	    .snaplen = c->a->snaplen > 0 ? (unsigned int)c->a->snaplen : 0 };
	struct feth_conn *conn;
	struct feth_error err;
	int r;

	r = connect_daemon(c->a, &conn);
	if (r != EXIT_DONE)
		return r;
	if (feth_capture(conn, c->a->argv[0], &spec, &c->in, &err) < 0)
		r = failed(c->a, &err);
	feth_disconnect(conn);
	return r;
}

static int
capture_run(struct args *a)
{
	struct capture c = { .a = a, .in = -1, .out = -1 };
	struct feth_insn *prog;
	unsigned int n;
	int r;

	if (a->file != NULL && strcmp(a->file, "-") == 0 &&
	    isatty(STDOUT_FILENO) == 1)
		return choose_output(&c);
	if (wait_init() < 0 || (c.buf = malloc(BUFFER)) == NULL)
		return EXIT_REFUSED;
	signal(SIGPIPE, SIG_IGN);
	r = filter_compile(a->argv + 1, &prog, &n);
	if (r == EXIT_DONE)
		r = capture_open(&c, prog, n);
	free(prog);
	/* A file is not touched before there is something to put into it. */
	if (r == EXIT_DONE)
		r = choose_output(&c);
	if (r == EXIT_DONE)
		r = report(&c, loop(&c));
	if (c.in != -1)
		close(c.in);
	if (c.out > STDERR_FILENO && close(c.out) != 0 && r == EXIT_DONE) {
		fprintf(stderr, "fethc: %s: %s\n", a->file, strerror(errno));
		r = EXIT_REFUSED;
	}
	free(c.buf);
	return r;
}

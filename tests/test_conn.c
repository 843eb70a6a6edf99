/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.c on real socket pairs and a real event loop, with its neighbours
 * replaced by the functions here: good clients, slow ones, hostile ones, and
 * those that go at the wrong moment. Every test ends with as many descriptors
 * as it began with.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bounds.h"
#include "fds.h"

/* Nobody waits half a minute for a test. */
#undef BOUND_REQUEST_SECS
#undef BOUND_OUTPUT_SECS
#define BOUND_REQUEST_SECS	1
#define BOUND_OUTPUT_SECS	1

#include "../daemon/conn.c"

static struct fethd	d;
static struct conn	*conn;		/* NULL once it is freed */
static int		client;		/* the other end of it */
static unsigned int	fds_before;

/* What the neighbours saw. */
static char		seen[4096];	/* the messages, each ended by ';' */
static unsigned int	nseen, gone;
static struct request	pending;
static int		taken = -1;

/* The other modules. */

static void
answer(struct conn *c, size_t size, int *fds, unsigned int nfds)
{
	char	*text = malloc(size + 1);

	assert_non_null(text);
	memset(text, 'r', size);
	text[size] = '\0';
	conn_reply(c, text, size, fds, nfds);
}

static void
do_nothing(struct conn *c)
{
	(void)c;
}

static void
do_ping(struct conn *c)
{
	c->req = &pending;
	answer(c, 4, NULL, 0);
	conn_done(c);
}

static void
do_wait(struct conn *c)
{
	c->req = &pending;
}

static void
do_big(struct conn *c)
{
	c->req = &pending;
	answer(c, 128 * 1024, NULL, 0);
	conn_done(c);
}

static void
do_take(struct conn *c)
{
	assert_int_equal(c->nfds, 1);
	taken = wire_take(&c->fds[0]);
}

static void
do_give(struct conn *c)
{
	int	fds[2];

	assert_int_equal(pipe(fds), 0);
	answer(c, 4, fds, 2);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fds[1], -1);
}

static void
do_free(struct conn *c)
{
	conn_free(c, "test");
	/* Deferred: it must still be there for us and for its caller. */
	answer(c, 4, NULL, 0);
	conn_free(c, "test again");
}

static void
do_shut(struct conn *c)
{
	int	fds[2];

	answer(c, 4, NULL, 0);
	conn_shut(c);
	assert_int_equal(pipe(fds), 0);
	answer(c, 5, fds, 2);
}

static void
do_drop(struct conn *c)
{
	conn_drop(c, "test");
}

static void
do_refuse(struct conn *c)
{
	conn_refuse(c, "no \"such\" thing", 17);
}

static void
do_fail(struct conn *c)
{
	conn_reply(c, NULL, 0, NULL, 0);
}

static const struct {
	const char	*text;
	void		(*run)(struct conn *c);
} calls[] = {
	{ "nothing", do_nothing }, { "ping", do_ping }, { "wait", do_wait },
	{ "big", do_big }, { "take", do_take }, { "give", do_give },
	{ "free", do_free }, { "shut", do_shut }, { "drop", do_drop },
	{ "refuse", do_refuse }, { "fail", do_fail },
};

void
request_start(struct conn *c, const char *text, size_t size)
{
	size_t	i;

	assert_ptr_equal(c, conn);
	assert_null(c->req);
	assert_int_equal(text[size], '\0');
	assert_int_equal(strlen(text), size);
	nseen++;
	if (size < 20 && strlen(seen) + size + 2 < sizeof(seen)) {
		strcat(seen, text);
		strcat(seen, ";");
	}
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(text, calls[i].text) == 0)
			calls[i].run(c);
}

void
request_conn_gone(struct conn *c)
{
	assert_ptr_equal(c, conn);
	assert_int_equal(gone, 0);
	gone = 1;
	/* As a request that is cancelled may. */
	if (c->req != NULL) {
		answer(c, 4, NULL, 0);
		conn_done(c);
	}
}

void
watch_conn_gone(struct conn *c)
{
	assert_ptr_equal(c, conn);
	assert_int_equal(gone, 1);
	gone = 2;
	conn_shut(c);
}

void
vlink_conn_gone(struct conn *c)
{
	assert_ptr_equal(c, conn);
	assert_int_equal(gone, 2);
	gone = 3;
	conn_free(c, "from within");
}

void
server_conn_gone(struct fethd *dd, uid_t uid)
{
	assert_ptr_equal(dd, &d);
	assert_int_equal(uid, 1234);
	assert_int_equal(gone, 3);
	conn = NULL;
}

/* The loop. */

#define TURN()		event_base_loop(d.base, EVLOOP_ONCE | EVLOOP_NONBLOCK)

/* Run the loop until COND, 5 seconds at most. */
#define UNTIL(cond) do {						\
	int64_t	limit_ = clock_ms() + 5000;				\
	while (!(cond) && clock_ms() < limit_) {			\
		TURN();							\
		if (!(cond))						\
			usleep(1000);					\
	}								\
	assert_true(cond);						\
} while (0)

static void
run_ms(int ms)
{
	int64_t	end = clock_ms() + ms;

	while (clock_ms() < end) {
		TURN();
		usleep(1000);
	}
}

static int
setup(void **state)
{
	struct peer	peer = { .uid = 1234, .gid = 1, .pid = 1 };
	int		fd[2];

	(void)state;
	fds_before = fds_open();
	d.base = event_base_new();
	assert_non_null(d.base);
	seen[0] = '\0';
	nseen = gone = 0;
	taken = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_true(fcntl(fd[0], F_SETFL, O_NONBLOCK) >= 0);
	assert_true(fcntl(fd[1], F_SETFL, O_NONBLOCK) >= 0);
	client = fd[1];
	conn = conn_new(&d, fd[0], &peer);
	assert_non_null(conn);
	assert_int_equal(d.nconns, 1);
	assert_ptr_equal(d.conns, conn);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	conn_free(conn, "end of the test");
	assert_null(conn);
	assert_int_equal(d.nconns, 0);
	assert_null(d.conns);
	wire_close(&client);
	wire_close(&taken);
	sift_end();
	event_base_free(d.base);
	assert_int_equal(fds_open(), fds_before);
	return 0;
}

static void
say_fds(const char *text, const int *fds, unsigned int nfds)
{
	size_t	size = strlen(text) + 1;

	assert_int_equal(wire_send(client, text, size, fds, nfds), size);
}

static void
say(const char *text)
{
	say_fds(text, NULL, 0);
}

/* Read all that the daemon sent; its size, of which BUF gets what fits. The
 * descriptors go to FDS, or are closed. */
static ssize_t
hear(char *buf, size_t size, int *fds, unsigned int *nfds)
{
	static char	 dump[65536];
	int		 got[WIRE_FDS];
	unsigned int	 ngot;
	ssize_t		 n, total = 0;

	if (nfds != NULL)
		*nfds = 0;
	while ((n = wire_recv(client, dump, sizeof(dump), got, &ngot,
	    NULL)) > 0) {
		if ((size_t)(total + n) <= size)
			memcpy(buf + total, dump, (size_t)n);
		total += n;
		while (ngot > 0) {
			ngot--;
			if (nfds != NULL)
				fds[(*nfds)++] = got[ngot];
			else
				wire_close(&got[ngot]);
		}
	}
	return total;
}

static void
expect_refusal(const char *reason, int offset)
{
	char	buf[1000], want[200];
	ssize_t	n;

	UNTIL(conn == NULL);
	n = hear(buf, sizeof(buf), NULL, NULL);
	assert_true(n > 0 && n < 1000);
	assert_int_equal(buf[n - 1], '\0');
	snprintf(want, sizeof(want), "{\"error\":\"org.fethd.Broker."
	    "InvalidMessage\",\"parameters\":{\"reason\":\"%s\",\"offset\":%d}"
	    "}", reason, offset);
	assert_string_equal(buf, want);
}

/* Good clients. */

static void
test_one(void **state)
{
	char	buf[16];

	(void)state;
	say("ping");
	UNTIL(nseen == 1);
	assert_int_equal(hear(buf, sizeof(buf), NULL, NULL), 5);
	assert_string_equal(buf, "rrrr");
	assert_null(conn->req);
	assert_true(conn->served);
	/* It stays, idle, past every limit. */
	run_ms(1500);
	assert_non_null(conn);
	say("ping");
	UNTIL(nseen == 2);
	assert_int_equal(hear(buf, sizeof(buf), NULL, NULL), 5);
}

static void
test_bytewise(void **state)
{
	const char	*p = "ping";
	size_t		 i;

	(void)state;
	for (i = 0; i < 5; i++) {
		assert_int_equal(nseen, 0);
		assert_int_equal(write(client, p + i, 1), 1);
		run_ms(5);
	}
	assert_string_equal(seen, "ping;");
}

static void
test_empty(void **state)
{
	(void)state;
	say("");
	say("ping");
	UNTIL(nseen == 2);
	assert_string_equal(seen, ";ping;");
}

static void
test_pipelined(void **state)
{
	char	buf[600], text[8];
	int	i;

	(void)state;
	for (i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), i % 10 == 0 ? "ping" : "m%d", i);
		say(text);
	}
	TURN();
	/* Others must have their turn, too. */
	assert_in_range(nseen, 1, CONN_TURN);
	UNTIL(nseen == 100);
	assert_non_null(strstr(seen, "ping;m1;m2;m3;m4;m5;m6;m7;m8;m9;ping;"
	    "m11;"));
	assert_string_equal(seen + strlen(seen) - 12, "m97;m98;m99;");
	assert_int_equal(hear(buf, sizeof(buf), NULL, NULL), 50);
}

static void
test_one_at_a_time(void **state)
{
	(void)state;
	say("wait");
	say("m1");
	say("m2");
	UNTIL(nseen == 1);
	run_ms(50);
	assert_string_equal(seen, "wait;");
	conn_done(conn);
	/* Not from within. */
	assert_int_equal(nseen, 1);
	UNTIL(nseen == 3);
	assert_string_equal(seen, "wait;m1;m2;");
}

static void
test_largest(void **state)
{
	char	*text = malloc(BOUND_MESSAGE + 2);
	ssize_t	 n, off = 0;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', BOUND_MESSAGE);
	text[BOUND_MESSAGE] = '\0';
	while (off <= BOUND_MESSAGE) {
		n = wire_send(client, text + off,
		    (size_t)(BOUND_MESSAGE + 1 - off), NULL, 0);
		off += n > 0 ? n : 0;
		TURN();
	}
	free(text);
	UNTIL(nseen == 1);
	say("ping");
	UNTIL(nseen == 2);
	/* The large buffer went back. */
	assert_true(conn->in_cap <= CONN_INPUT);
}

static void
test_half_close(void **state)
{
	char	buf[16];

	(void)state;
	say("wait");
	UNTIL(nseen == 1);
	shutdown(client, SHUT_WR);
	run_ms(1300);
	assert_non_null(conn);
	answer(conn, 4, NULL, 0);
	conn_done(conn);
	UNTIL(conn == NULL);
	assert_int_equal(hear(buf, sizeof(buf), NULL, NULL), 5);
}

static void
test_half_close_idle(void **state)
{
	char	buf[16];

	(void)state;
	say("ping");
	shutdown(client, SHUT_WR);
	UNTIL(conn == NULL);
	assert_int_equal(hear(buf, sizeof(buf), NULL, NULL), 5);
}

/* Descriptors in. */

/* Send TEXT with N descriptors that only the daemon has then. Reading what is
 * returned gives end of file once it has closed all of them. */
static int
only_theirs(const char *text, unsigned int n)
{
	int	p[2], fds[WIRE_FDS];
	size_t	i;

	assert_int_equal(pipe(p), 0);
	for (i = 0; i < n; i++)
		fds[i] = p[1];
	say_fds(text, fds, n);
	wire_close(&p[1]);
	assert_true(fcntl(p[0], F_SETFL, O_NONBLOCK) >= 0);
	return p[0];
}

static void
test_fd_taken(void **state)
{
	struct stat	ours, theirs;
	int		fd;

	(void)state;
	fd = open(plat_sifts() ? "/proc/self/ns/net" : "/dev/null",
	    O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &ours), 0);
	/* Sent behind another message, before the daemon looks: it is still
	 * the second one's. */
	say("nothing");
	say_fds("take", &fd, 1);
	say("nothing");
	wire_close(&fd);
	UNTIL(nseen == 3);
	assert_int_equal(fstat(taken, &theirs), 0);
	assert_int_equal(theirs.st_dev, ours.st_dev);
	assert_int_equal(theirs.st_ino, ours.st_ino);
}

/* What nobody can have asked for is not even received, where that matters. */
static void
test_fd_sifted(void **state)
{
	struct stat	st;
	char		byte;
	int		fd;

	(void)state;
	if (!plat_sifts())
		skip();
	fd = only_theirs("take", 1);
	UNTIL(nseen == 1);
	assert_int_equal(fstat(taken, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	UNTIL(read(fd, &byte, 1) == 0);
	wire_close(&fd);
}

static void
test_fd_unasked(void **state)
{
	char	byte;
	int	fd;

	(void)state;
	fd = only_theirs("ping", BOUND_FDS_IN);
	UNTIL(read(fd, &byte, 1) == 0);
	wire_close(&fd);
	/* Nor do those of a request that fails before it begins stay. */
	fd = only_theirs("nothing", 1);
	UNTIL(read(fd, &byte, 1) == 0);
	wire_close(&fd);
	assert_non_null(conn);
}

static void
test_fd_too_many(void **state)
{
	char	byte;
	int	fd;

	(void)state;
	fd = only_theirs("ping", BOUND_FDS_IN + 1);
	expect_refusal("too many descriptors came with this message", 0);
	assert_int_equal(nseen, 0);
	UNTIL(read(fd, &byte, 1) == 0);
	wire_close(&fd);
}

/* Also one by one. */
static void
test_fd_dribble(void **state)
{
	int	i, zero = 0;

	(void)state;
	for (i = 0; i < BOUND_FDS_IN + 1; i++)
		assert_int_equal(wire_send(client, "x", 1, &zero, 1), 1);
	expect_refusal("too many descriptors came with this message",
	    BOUND_FDS_IN);
}

static void
test_fd_then_gone(void **state)
{
	char	byte;
	int	p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(wire_send(client, "x", 1, &p[1], 1), 1);
	wire_close(&p[1]);
	assert_true(fcntl(p[0], F_SETFL, O_NONBLOCK) >= 0);
	UNTIL(conn->nfds == 1);
	wire_close(&client);
	UNTIL(conn == NULL);
	UNTIL(read(p[0], &byte, 1) == 0);
	wire_close(&p[0]);
}

/* Descriptors out. */

static void
test_fd_out(void **state)
{
	int		fds[WIRE_FDS];
	unsigned int	nfds;
	char		buf[16];

	(void)state;
	say("give");
	UNTIL(nseen == 1);
	assert_int_equal(hear(buf, sizeof(buf), fds, &nfds), 5);
	assert_int_equal(nfds, 2);
	wire_close(&fds[0]);
	wire_close(&fds[1]);
}

/* Behind more than the socket takes: they wait, and go with their own reply. */
static void
test_fd_out_later(void **state)
{
	static char	 dump[65536];
	int		 fds[WIRE_FDS];
	unsigned int	 nfds;
	ssize_t		 n;
	size_t		 total = 0, at = 0;

	(void)state;
	say("big");
	say("big");
	say("big");
	say("give");
	UNTIL(nseen == 4);
	assert_true(conn->out_bytes > 0);
	while (total < 3 * (128 * 1024 + 1) + 5) {
		n = wire_recv(client, dump, sizeof(dump), fds, &nfds, NULL);
		TURN();
		if (n < 0)
			continue;
		if (nfds > 0) {
			assert_int_equal(at, 0);
			assert_int_equal(nfds, 2);
			at = total + 1;
			wire_close(&fds[0]);
			wire_close(&fds[1]);
		}
		total += (size_t)n;
	}
	assert_true(at > 0);
	assert_int_equal(conn->out_bytes, 0);
	assert_null(conn->out);
}

static void
test_fd_out_unsent(void **state)
{
	(void)state;
	say("big");
	say("big");
	say("give");
	UNTIL(nseen == 3);
	/* teardown counts the descriptors. */
	conn_free(conn, "test");
	assert_null(conn);
}

/* Hostile and broken ones. */

static void
test_too_long(void **state)
{
	static char	text[BOUND_MESSAGE + 100];
	size_t		off = 0;
	ssize_t		n;

	(void)state;
	memset(text, 'x', sizeof(text));
	while (conn != NULL && off < sizeof(text)) {
		n = wire_send(client, text + off, sizeof(text) - off, NULL, 0);
		off += n > 0 ? (size_t)n : 0;
		TURN();
	}
	expect_refusal("a message may not be longer than 65536 bytes", 65536);
	assert_int_equal(nseen, 0);
}

static void
test_refuse(void **state)
{
	(void)state;
	say("refuse");
	say("nothing");
	expect_refusal("no \\\"such\\\" thing", 17);
	assert_string_equal(seen, "refuse;");
}

static void
test_gone(void **state)
{
	(void)state;
	wire_close(&client);
	UNTIL(conn == NULL);
	assert_int_equal(nseen, 0);
}

static void
test_gone_partial(void **state)
{
	(void)state;
	assert_int_equal(write(client, "pin", 3), 3);
	wire_close(&client);
	UNTIL(conn == NULL);
	assert_int_equal(nseen, 0);
}

/* What was sent before it went is still done. */
static void
test_gone_after(void **state)
{
	(void)state;
	say("nothing");
	say("ping");
	wire_close(&client);
	UNTIL(conn == NULL);
	assert_string_equal(seen, "nothing;ping;");
}

static void
test_gone_pending(void **state)
{
	int64_t	start;

	(void)state;
	say("wait");
	UNTIL(nseen == 1);
	run_ms(20);
	start = clock_ms();
	wire_close(&client);
	UNTIL(conn == NULL);
	assert_true(clock_ms() - start < CONN_POLL / 2);
}

static void
test_gone_pending_piped(void **state)
{
	(void)state;
	say("wait");
	say("nothing");
	UNTIL(nseen == 1);
	run_ms(20);
	assert_true(conn->piped);
	wire_close(&client);
	UNTIL(conn == NULL);
	assert_string_equal(seen, "wait;");
}

static void
test_gone_unread(void **state)
{
	(void)state;
	say("big");
	say("big");
	say("wait");
	UNTIL(nseen == 3);
	assert_true(conn->out_bytes > 0);
	wire_close(&client);
	UNTIL(conn == NULL);
}

/* Asks and asks, and takes nothing: it is read no further, and then closed. */
static void
test_never_reads(void **state)
{
	size_t	most = 0;
	int	i;

	(void)state;
	for (i = 0; i < 100; i++)
		say("big");
	for (i = 0; i < 200; i++) {
		TURN();
		if (conn->out_bytes > most)
			most = conn->out_bytes;
	}
	assert_true(conn->held);
	assert_in_range(nseen, 1, 20);
	assert_in_range(most, BOUND_OUTPUT, BOUND_OUTPUT + 128 * 1024 + 1);
	UNTIL(conn == NULL);
}

/* The same, but then it reads: nothing is lost. */
static void
test_reads_late(void **state)
{
	size_t	total = 0;
	char	buf[1];
	int	i;

	(void)state;
	for (i = 0; i < 30; i++)
		say("big");
	UNTIL(conn->held);
	for (i = 0; i < 20000 && total < 30 * (128 * 1024 + 1); i++) {
		total += (size_t)hear(buf, 0, NULL, NULL);
		TURN();
	}
	assert_int_equal(total, 30 * (128 * 1024 + 1));
	assert_int_equal(nseen, 30);
	assert_false(conn->held);
	assert_int_equal(conn->out_due, 0);
}

/* Descriptors in replies that are not taken are bounded, too: theirs are few
 * bytes each. */
static void
test_never_takes_fds(void **state)
{
	int		fds[200];
	unsigned int	nfds, sum = 0, before = fds_open();
	int		i;

	(void)state;
	say("big");
	say("big");
	say("big");
	for (i = 0; i < 100; i++)
		say("give");
	for (i = 0; i < 200; i++) {
		TURN();
		assert_in_range(fds_open() - before, 0, BOUND_OUTPUT_FDS + 2);
	}
	assert_true(conn->held);
	assert_true(conn->out_bytes < BOUND_OUTPUT / 2);
	assert_in_range(conn->out_fds, BOUND_OUTPUT_FDS, BOUND_OUTPUT_FDS + 2);
	/* But then it reads. */
	for (i = 0; i < 20000 && sum < 200; i++) {
		(void)hear(NULL, 0, fds, &nfds);
		sum += nfds;
		while (nfds > 0)
			wire_close(&fds[--nfds]);
		TURN();
	}
	assert_int_equal(sum, 200);
	assert_false(conn->held);
	assert_int_equal(conn->out_fds, 0);
}

static void
test_silent(void **state)
{
	int64_t	start = clock_ms();

	(void)state;
	UNTIL(conn == NULL);
	assert_in_range(clock_ms() - start, 900, 2500);
}

/* A byte now and then does not buy time. */
static void
test_drip(void **state)
{
	int64_t	start;

	(void)state;
	say("ping");
	UNTIL(nseen == 1);
	run_ms(300);
	start = clock_ms();
	while (conn != NULL && clock_ms() - start < 4000) {
		(void)wire_send(client, "x", 1, NULL, 0);
		run_ms(100);
	}
	assert_null(conn);
	assert_in_range(clock_ms() - start, 900, 2500);
}

/* A request may take as long as it likes. */
static void
test_slow_request(void **state)
{
	(void)state;
	say("wait");
	UNTIL(nseen == 1);
	run_ms(1500);
	assert_non_null(conn);
	conn_done(conn);
	say("nothing");
	UNTIL(nseen == 2);
}

/* Ends by the daemon's own hand. */

static void
test_free_within(void **state)
{
	(void)state;
	say("free");
	say("nothing");
	UNTIL(conn == NULL);
	assert_string_equal(seen, "free;");
}

static void
test_shut(void **state)
{
	char	buf[16];

	(void)state;
	say("shut");
	say("nothing");
	UNTIL(conn == NULL);
	assert_string_equal(seen, "shut;");
	assert_int_equal(hear(buf, sizeof(buf), NULL, NULL), 5);
}

/* All that is queued still goes out. */
static void
test_shut_unsent(void **state)
{
	size_t	total = 0;
	char	buf[1];

	(void)state;
	say("big");
	say("big");
	say("big");
	UNTIL(nseen == 3);
	conn_shut(conn);
	while (conn != NULL) {
		total += (size_t)hear(buf, 0, NULL, NULL);
		TURN();
	}
	total += (size_t)hear(buf, 0, NULL, NULL);
	assert_int_equal(total, 3 * (128 * 1024 + 1));
}

static void
test_drop(void **state)
{
	(void)state;
	say("big");
	say("big");
	say("drop");
	UNTIL(conn == NULL);
}

static void
test_reply_failed(void **state)
{
	(void)state;
	say("fail");
	UNTIL(conn == NULL);
}

static void
test_free_pending(void **state)
{
	(void)state;
	say("wait");
	UNTIL(nseen == 1);
	conn_free(conn, "test");
	assert_null(conn);
	conn_free(NULL, "test");
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one),
		TEST(test_bytewise),
		TEST(test_empty),
		TEST(test_pipelined),
		TEST(test_one_at_a_time),
		TEST(test_largest),
		TEST(test_half_close),
		TEST(test_half_close_idle),
		TEST(test_fd_taken),
		TEST(test_fd_sifted),
		TEST(test_fd_unasked),
		TEST(test_fd_too_many),
		TEST(test_fd_dribble),
		TEST(test_fd_then_gone),
		TEST(test_fd_out),
		TEST(test_fd_out_later),
		TEST(test_fd_out_unsent),
		TEST(test_too_long),
		TEST(test_refuse),
		TEST(test_gone),
		TEST(test_gone_partial),
		TEST(test_gone_after),
		TEST(test_gone_pending),
		TEST(test_gone_pending_piped),
		TEST(test_gone_unread),
		TEST(test_never_reads),
		TEST(test_reads_late),
		TEST(test_never_takes_fds),
		TEST(test_silent),
		TEST(test_drip),
		TEST(test_slow_request),
		TEST(test_free_within),
		TEST(test_shut),
		TEST(test_shut_unsent),
		TEST(test_drop),
		TEST(test_reply_failed),
		TEST(test_free_pending),
	};

	log_init("test_conn", LOG_L_ERROR, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

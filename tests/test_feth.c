/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfeth's connection and links against a small server in the test, which
 * plays a script: what it expects to read, and what it writes back, whole, in
 * pieces, with descriptors, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "feth.h"
#include "wire.h"

enum mode {
	WHOLE,		/* the reply in one piece */
	BYTES,		/* byte by byte */
	TWICE,		/* the same reply again right after it */
	HALF,		/* half of it, and close */
	CLOSE,		/* nothing, and close */
	SILENT,		/* nothing */
	FOREVER,	/* bytes without end */
	UNTERMINATED	/* no NUL, and close */
};

/* One exchange. */
struct step {
	const char	*expect[6];	/* in the request; NULL-ended */
	unsigned int	expect_fds;
	const char	*reply;
	enum mode	mode;
	unsigned int	fds;		/* ends of socket pairs to send along */
	int		reaccept;	/* take a new connection before it */
};

static char	dir[64];
static char	path[96];
static pid_t	server;

/* ---- The server (in a child) ------------------------------------------- */

static void
serve_send(int s, const struct step *st)
{
	int fds[WIRE_FDS], pair[2];
	size_t len = strlen(st->reply) + 1, i;
	unsigned int n;

	for (n = 0; n < st->fds; n++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1)
			_exit(10);
		fds[n] = pair[0];
		/* Prove which one it is; the other end stays open here. */
		if (send(pair[1], n == 0 ? "zero..........." :
		    "one............", 16, 0) != 16)
			_exit(11);
	}
	if (st->mode == BYTES) {
		for (i = 0; i < len; i++) {
			if (wire_send(s, st->reply + i, 1, fds,
			    i == 0 ? st->fds : 0) != 1)
				_exit(12);
		}
		return;
	}
	if (st->mode == HALF)
		len /= 2;
	if (st->mode == UNTERMINATED)
		len--;
	if (wire_send(s, st->reply, len, fds, st->fds) != (ssize_t)len)
		_exit(13);
	if (st->mode == TWICE && wire_send(s, st->reply, len, NULL, 0) !=
	    (ssize_t)len)
		_exit(14);
	for (n = 0; n < st->fds; n++)
		close(fds[n]);
}

/* Read one request and compare it. */
static void
serve_read(int s, const struct step *st)
{
	char buf[65536];
	int fds[WIRE_FDS];
	unsigned int nfds = 0, total = 0;
	size_t len = 0;
	ssize_t n;
	int i;

	do {
		n = wire_recv(s, buf + len, sizeof(buf) - len, fds, &nfds,
		    NULL);
		if (n <= 0)
			_exit(20);
		len += (size_t)n;
		total += nfds;
	} while (buf[len - 1] != '\0');
	for (i = 0; st->expect[i] != NULL; i++) {
		if (strstr(buf, st->expect[i]) == NULL) {
			fprintf(stderr, "request %s\n  lacks %s\n", buf,
			    st->expect[i]);
			_exit(21);
		}
	}
	if (total != st->expect_fds)
		_exit(22);
}

static void
serve(int listener, const struct step *steps)
{
	static char junk[65536];
	int s = -1, i;

	signal(SIGPIPE, SIG_IGN);
	alarm(20);
	memset(junk, 'x', sizeof(junk));
	s = accept(listener, NULL, NULL);
	for (i = 0; steps[i].expect[0] != NULL; i++) {
		if (steps[i].reaccept) {
			close(s);
			s = accept(listener, NULL, NULL);
		}
		serve_read(s, &steps[i]);
		if (steps[i].mode == FOREVER) {
			while (write(s, junk, sizeof(junk)) > 0)
				;
			break;
		}
		if (steps[i].reply != NULL)
			serve_send(s, &steps[i]);
		if (steps[i].mode == HALF || steps[i].mode == CLOSE ||
		    steps[i].mode == UNTERMINATED) {
			close(s);
			s = -1;
		}
	}
	/* Until the client is through. */
	while (s != -1 && read(s, junk, sizeof(junk)) > 0)
		;
	_exit(0);
}

static struct feth_conn *
start(const struct step *steps)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct feth_conn *c;
	int l;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	unlink(path);
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_not_equal(l, -1);
	assert_int_equal(bind(l, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(l, 4), 0);
	server = fork();
	assert_int_not_equal(server, -1);
	if (server == 0)
		serve(l, steps);
	close(l);
	assert_int_equal(feth_connect(path, &c, NULL), 0);
	return c;
}

/* The server must have read what it expected. */
static void
finish(struct feth_conn *c)
{
	int status;

	feth_disconnect(c);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- Replies ----------------------------------------------------------- */

#define END0	"{\"kind\":\"port\",\"class\":\"socket\","\
		"\"mac\":\"02:00:00:00:00:01\",\"addresses\":"\
		"[\"10.253.0.1/30\",\"fd66::1/64\"],\"attached\":true"
#define END1	"{\"kind\":\"port\",\"class\":\"socket\","\
		"\"mac\":\"02:00:00:00:00:02\",\"addresses\":[],"\
		"\"attached\":false"
#define HEAD	"{\"parameters\":{\"link\":{\"id\":\"77\",\"name\":\"lab\","\
		"\"owner\":1000,\"kind\":\"pair\",\"lease\":\"session\","\
		"\"state\":\"up\",\"mtu\":1500,\"backend\":\"user\","\
		"\"created\":1,\"labels\":{},\"token\":\"s3cret\",\"ends\":["
#define TAIL	"]}}}"
#define PAIR0	HEAD END0 ",\"fd\":0}," END1 "}" TAIL
#define PAIR2	HEAD END0 ",\"fd\":1}," END1 ",\"fd\":0}" TAIL
#define NOFD	HEAD END0 "}," END1 "}" TAIL

/* As Attach tells it; and one that was made at another time. */
#define ATTACHED AT("5")
#define OTHER	AT("4")
#define AT(t)	"{\"parameters\":{\"link\":{\"id\":\"78\",\"name\":\"b\","\
		"\"owner\":1000,\"kind\":\"pair\",\"state\":\"up\","\
		"\"mtu\":1500,\"created\":" t ",\"ends\":[" END0 "}," END1\
		",\"fd\":0}" TAIL

static const struct feth_spec pair_spec = { .size = sizeof(pair_spec) };

static void
test_call(void **state)
{
	static const struct step steps[] = {
		{ { "\"method\":\"org.fethd.Broker.List\"",
		    "\"parameters\":{}" }, 0, "{\"parameters\":{\"links\":[]}}",
		    BYTES, 0, 0 },
		{ { "\"method\":\"org.varlink.service.GetInfo\"",
		    "{\"a\":[1,\"x\"]}" }, 0, "{}", WHOLE, 0, 0 },
		{ { "\"method\":\"org.fethd.Broker.Get\"" }, 0,
		    "{\"parameters\":null}", WHOLE, 0, 0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	struct feth_conn *c = start(steps);
	struct feth_error err;
	char *reply;

	(void)state;
	assert_int_equal(feth_call(c, "List", NULL, &reply, &err), 0);
	assert_string_equal(reply, "{\"links\":[]}");
	free(reply);
	assert_int_equal(feth_call(c, "org.varlink.service.GetInfo",
	    "{\"a\":[1,\"x\"]}", &reply, NULL), 0);
	assert_string_equal(reply, "{}");
	free(reply);
	assert_int_equal(feth_call(c, "Get", "{}", NULL, NULL), 0);
	assert_int_equal(feth_call(c, "Get", "[]", NULL, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_int_equal(feth_call(c, "Get", "{} x", NULL, &err),
	    -FETH_INVALID_ARGUMENT);
	assert_true(fcntl(feth_conn_fd(c), F_GETFD) & FD_CLOEXEC);
	finish(c);
}

static const struct {
	const char	*reply;
	enum feth_code	code;
	const char	*name, *text, *hint;
	int		errnum;
	unsigned int	retry_ms;
} error_cases[] = {
	{ "{\"error\":\"org.fethd.Broker.NotPermitted\",\"parameters\":{"
	    "\"rule\":\"r1\",\"file\":\"/etc/f\",\"reason\":\"no wire\","
	    "\"hint\":\"join fethd\"}}",
	    FETH_NOT_PERMITTED, "NotPermitted",
	    "refused by rule \"r1\" of /etc/f: no wire", "join fethd", 0, 0 },
	{ "{\"error\":\"org.fethd.Broker.QuotaExceeded\",\"parameters\":{"
	    "\"what\":\"links\",\"limit\":32,\"used\":32,\"rule\":\"any\"}}",
	    FETH_QUOTA_EXCEEDED, "QuotaExceeded",
	    "32 links in use; rule \"any\" allows 32", NULL, 0, 0 },
	{ "{\"error\":\"org.fethd.Broker.BackendFailed\",\"parameters\":{"
	    "\"operation\":\"create\",\"errno\":16,\"reason\":\"busy\"}}",
	    FETH_BACKEND_FAILED, "BackendFailed",
	    "the system refused \"create\": busy", NULL, 16, 0 },
	{ "{\"error\":\"org.fethd.Broker.Busy\",\"parameters\":"
	    "{\"retry_ms\":250}}", FETH_BUSY, "Busy", "the daemon is busy",
	    "try again in 250 ms", 0, 250 },
	{ "{\"error\":\"org.fethd.Broker.EndBusy\"}", FETH_END_BUSY, "EndBusy",
	    "end ? of link \"?\" is not free", NULL, 0, 0 },
	{ "{\"error\":\"org.fethd.Broker.InvalidSpec\",\"parameters\":"
	    "{\"field\":\"mtu\",\"reason\":\"{reason}\",\"x\":1}}",
	    FETH_INVALID_SPEC, "InvalidSpec", "mtu: {reason}", "", 0, 0 },
	{ "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":"
	    "{\"method\":\"Foo\"}}", FETH_METHOD_NOT_FOUND, "MethodNotFound",
	    "the daemon has no method Foo", NULL, 0, 0 },
	{ "{\"error\":\"org.fethd.Broker.Brandnew\",\"parameters\":{}}",
	    FETH_OTHER, "Brandnew",
	    "the daemon reports the error org.fethd.Broker.Brandnew", NULL, 0,
	    0 },
	/* No name of the library's own. */
	{ "{\"error\":\"org.fethd.Broker.Timeout\"}", FETH_OTHER, "Timeout",
	    NULL, NULL, 0, 0 },
	{ "{\"error\":\"NotPermitted\"}", FETH_OTHER, "NotPermitted", NULL,
	    NULL, 0, 0 },
};
#define NERRORS	(sizeof(error_cases) / sizeof(error_cases[0]))

static void
test_errors(void **state)
{
	struct step steps[NERRORS + 2];
	struct feth_conn *c;
	struct feth_error err;
	size_t i;

	(void)state;
	memset(steps, 0, sizeof(steps));
	for (i = 0; i <= NERRORS; i++) {
		steps[i].expect[0] = "Get";
		steps[i].reply = i < NERRORS ? error_cases[i].reply : "{}";
	}
	c = start(steps);
	for (i = 0; i < NERRORS; i++) {
		assert_int_equal(feth_call(c, "Get", NULL, NULL, &err),
		    -(int)error_cases[i].code);
		assert_int_equal(err.code, error_cases[i].code);
		assert_int_equal(err.errnum, error_cases[i].errnum);
		assert_int_equal(err.retry_ms, error_cases[i].retry_ms);
		assert_string_equal(err.name, error_cases[i].name);
		if (error_cases[i].text != NULL)
			assert_string_equal(err.text, error_cases[i].text);
		if (error_cases[i].hint != NULL)
			assert_string_equal(err.hint, error_cases[i].hint);
	}
	/* An error is no end: the connection goes on. */
	assert_int_equal(feth_call(c, "Get", NULL, NULL, NULL), 0);
	finish(c);
}

static void
test_long_error(void **state)
{
	char reply[20000];
	struct step steps[2] = { { .expect = { "Get" }, .reply = reply } };
	struct feth_conn *c;
	struct feth_error err;
	int n;

	(void)state;
	n = sprintf(reply, "{\"error\":\"org.fethd.Broker.NotPermitted\","
	    "\"parameters\":{\"hint\":\"");
	memset(reply + n, 'h', 9000);
	strcpy(reply + n + 9000, "\",\"rule\":\"");
	n = (int)strlen(reply);
	memset(reply + n, 'r', 9000);
	strcpy(reply + n + 9000, "\"}}");
	c = start(steps);
	assert_int_equal(feth_call(c, "Get", NULL, NULL, &err),
	    -FETH_NOT_PERMITTED);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
	finish(c);
}

/* What the daemon may do wrong, and what the call then returns. */
static void
test_bad_replies(void **state)
{
	static const struct {
		struct step	step;
		int		code;
	} cases[] = {
		{ { { "Get" }, 0, "{\"parameters\":{}}", HALF, 0, 0 },
		    -FETH_CONNECTION_LOST },
		{ { { "Get" }, 0, NULL, CLOSE, 0, 0 }, -FETH_CONNECTION_LOST },
		{ { { "Get" }, 0, "{}", UNTERMINATED, 0, 0 },
		    -FETH_CONNECTION_LOST },
		{ { { "Get" }, 0, NULL, SILENT, 0, 0 }, -FETH_TIMEOUT },
		{ { { "Get" }, 0, NULL, FOREVER, 0, 0 }, -FETH_PROTOCOL },
		{ { { "Get" }, 0, "", WHOLE, 0, 0 }, -FETH_PROTOCOL },
		{ { { "Get" }, 0, "[]", WHOLE, 0, 0 }, -FETH_PROTOCOL },
		{ { { "Get" }, 0, "{\"parameters\":", WHOLE, 0, 0 },
		    -FETH_PROTOCOL },
		{ { { "Get" }, 0, "{} {}", WHOLE, 0, 0 }, -FETH_PROTOCOL },
	};
	struct step steps[2];
	struct feth_conn *c;
	struct feth_error err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(steps, 0, sizeof(steps));
		steps[0] = cases[i].step;
		c = start(steps);
		feth_set_timeout(c, cases[i].step.mode == SILENT ? 100 : 15000);
		assert_int_equal(feth_call(c, "Get", NULL, NULL, &err),
		    cases[i].code);
		assert_true(*err.text != '\0');
		/* Lost, and stays so. */
		assert_int_equal(feth_conn_fd(c), -1);
		assert_int_equal(feth_call(c, "Get", NULL, NULL, &err),
		    -FETH_CONNECTION_LOST);
		finish(c);
	}
}

static void
test_open(void **state)
{
	static const struct step steps[] = {
		{ { "org.fethd.Broker.Open", "\"ends\":[{\"kind\":\"port\"},"
		    "{\"kind\":\"port\"}]" }, 0, PAIR0, WHOLE, 1, 0 },
		{ { "Detach", "\"link\":\"77\"", "\"end\":0" }, 0,
		    "{\"parameters\":{}}", WHOLE, 0, 0 },
		{ { "Attach", "\"link\":\"77\"" }, 0, PAIR2, BYTES, 2, 0 },
		{ { "Close", "{\"link\":\"77\"}" }, 0, "{}", WHOLE, 0, 0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	struct feth_conn *c = start(steps);
	struct feth_link *l;
	struct feth_error err;
	char buf[2048], *json;

	(void)state;
	assert_int_equal(feth_open(c, &pair_spec, &l, &err), 0);
	assert_string_equal(feth_id(l), "77");
	assert_string_equal(feth_name(l), "lab");
	assert_string_equal(feth_kind(l), "pair");
	assert_string_equal(feth_state(l), "up");
	assert_string_equal(feth_token(l), "s3cret");
	assert_int_equal(feth_mtu(l), 1500);
	assert_int_equal(feth_frame_max(l), 1518);
	assert_int_equal(feth_end(l), 0);
	assert_int_equal(feth_peer_end(l), 1);
	assert_string_equal(feth_mac(l, FETH_MINE), "02:00:00:00:00:01");
	assert_string_equal(feth_mac(l, 1), "02:00:00:00:00:02");
	assert_string_equal(feth_interface(l, 1), "");
	assert_int_equal(feth_class(l, 0), FETH_SOCKET);
	assert_int_equal(feth_end_kind(l, 0), FETH_PORT);
	assert_string_equal(feth_addresses(l, 0)[0], "10.253.0.1/30");
	assert_string_equal(feth_addresses(l, 0)[1], "fd66::1/64");
	assert_null(feth_addresses(l, 0)[2]);
	assert_null(feth_addresses(l, 1)[0]);
	json = feth_json(l);
	assert_non_null(strstr(json, "\"lab\""));
	assert_null(strstr(json, "s3cret"));
	free(json);
	assert_int_equal(feth_fd(l, 1), -1);
	assert_true(feth_fd(l, 0) >= 0);
	assert_true(fcntl(feth_fd(l, 0), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(feth_recv(l, FETH_MINE, buf, sizeof(buf), &err), 16);
	assert_string_equal(buf, "zero...........");
	assert_int_equal(feth_detach(l, 0, &err), 0);
	assert_int_equal(feth_fd(l, 0), -1);
	assert_int_equal(feth_detach(l, 0, &err), -FETH_INVALID_ARGUMENT);
	feth_free(l);

	/* Both ends, in the other order: the index decides. */
	assert_int_equal(feth_attach(c, "77", FETH_MINE, FETH_AUTO, &l, &err),
	    0);
	assert_int_equal(feth_recv(l, 0, buf, sizeof(buf), &err), 16);
	assert_string_equal(buf, "one............");
	assert_int_equal(feth_recv(l, 1, buf, sizeof(buf), &err), 16);
	assert_string_equal(buf, "zero...........");
	assert_int_equal(feth_close(l, &err), 0);
	assert_string_equal(feth_state(l), "gone");
	assert_int_equal(feth_recv(l, 0, buf, sizeof(buf), &err),
	    -FETH_INVALID_ARGUMENT);
	finish(c);
	/* The connection is freed; the link is still ours. */
	assert_int_equal(feth_close(l, &err), -FETH_CONNECTION_LOST);
	feth_free(l);
	feth_free(NULL);
	feth_disconnect(NULL);
}

/* Every field of a spec comes out. */
static void
test_spec(void **state)
{
	static const char *const addresses[] = { "10.0.0.1/24", "auto", NULL };
	static const struct feth_label labels[] = { { "app", "vm" },
	    { "n", NULL }, { NULL, NULL } };
	static const struct step steps[] = {
		{ { "\"ends\":[{\"kind\":\"host\",\"mac\":\"02:00:00:00:00:09\""
		    ",\"addresses\":[\"10.0.0.1/24\",\"auto\"]},"
		    "{\"kind\":\"host\",\"netns\":0}]",
		    "\"name\":\"lab\",\"lease\":\"named\",\"mtu\":9000,"
		    "\"dry_run\":true,\"labels\":{\"app\":\"vm\",\"n\":\"\"}" },
		    1, NOFD, WHOLE, 0, 0 },
		{ { "\"ends\":[{\"kind\":\"port\",\"class\":\"stream\","
		    "\"take\":false},{\"kind\":\"port\",\"class\":\"raw\","
		    "\"take\":true}]" }, 0, NOFD, WHOLE, 0, 0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	struct feth_spec spec = {
		.size = sizeof(spec), .name = "lab", .lease = FETH_NAMED,
		.mtu = 9000, .dry_run = true, .labels = labels,
		.end = { { .kind = FETH_HOST, .mac = "02:00:00:00:00:09",
		    .addresses = addresses },
		    { .kind = FETH_HOST, .netns = "/dev/null" } },
	};
	struct feth_spec ports = { .size = sizeof(ports), .end = {
	    { .port_class = FETH_STREAM, .take = FETH_TAKE_NO },
	    { .port_class = FETH_RAW, .take = FETH_TAKE_YES } } };
	struct feth_conn *c = start(steps);
	struct feth_link *l;
	struct feth_error err;
	char *json;

	(void)state;
	assert_int_equal(feth_open(c, &spec, &l, &err), 0);
	assert_int_equal(feth_fd(l, FETH_MINE), -1);
	feth_free(l);
	assert_int_equal(feth_open(c, &ports, &l, &err), 0);
	feth_free(l);
	finish(c);

	json = feth_spec_json(&pair_spec, &err);
	assert_string_equal(json,
	    "{\"ends\":[{\"kind\":\"port\"},{\"kind\":\"port\"}]}");
	free(json);
}

static void
test_bad_specs(void **state)
{
	struct {
		struct feth_spec spec;
		char	more[16];
	} newer = { .spec = { .size = sizeof(newer) } };
	struct feth_spec s;
	struct feth_error err;
	char *json;

	(void)state;
	s = (struct feth_spec){ .size = 0 };
	assert_null(feth_spec_json(&s, &err));
	assert_int_equal(err.code, FETH_INVALID_ARGUMENT);
	s = (struct feth_spec){ .size = sizeof(s), .end[1].kind = 7 };
	assert_null(feth_spec_json(&s, &err));
	assert_int_equal(err.code, FETH_INVALID_ARGUMENT);
	s = (struct feth_spec){ .size = sizeof(s),
	    .end[0].netns = "/nonexistent/ns" };
	assert_null(feth_spec_json(&s, &err));
	assert_int_equal(err.errnum, ENOENT);
	/* An older program's shorter spec, and a newer one's longer. */
	s = (struct feth_spec){ .size = offsetof(struct feth_spec, mtu),
	    .mtu = 9000 };
	json = feth_spec_json(&s, &err);
	assert_non_null(json);
	assert_null(strstr(json, "mtu"));
	free(json);
	json = feth_spec_json(&newer.spec, &err);
	assert_non_null(json);
	free(json);
	newer.more[3] = 1;
	assert_null(feth_spec_json(&newer.spec, &err));
	assert_int_equal(err.code, FETH_INVALID_ARGUMENT);
}

/* Links that make no sense are refused, and no descriptor leaks. */
static void
test_bad_links(void **state)
{
	static const char *const replies[] = {
		"{\"parameters\":{}}",
		"{\"parameters\":{\"link\":null}}",
		"{\"parameters\":{\"link\":{\"id\":\"\"}}}",
		"{\"parameters\":{\"link\":{\"id\":\"1\",\"mtu\":67,"
		    "\"ends\":[{\"kind\":\"host\"},{\"kind\":\"host\"}]}}}",
		"{\"parameters\":{\"link\":{\"id\":\"1\",\"mtu\":1e99,"
		    "\"ends\":[{\"kind\":\"host\"},{\"kind\":\"host\"}]}}}",
		"{\"parameters\":{\"link\":{\"id\":\"1\",\"mtu\":1500,"
		    "\"ends\":[{\"kind\":\"host\"}]}}}",
		"{\"parameters\":{\"link\":{\"id\":\"1\",\"mtu\":1500,"
		    "\"ends\":[{\"kind\":\"host\"},{\"kind\":\"hose\"}]}}}",
		"{\"parameters\":{\"link\":{\"id\":\"1\",\"mtu\":1500,"
		    "\"ends\":[{\"kind\":\"host\",\"addresses\":[1]},"
		    "{\"kind\":\"host\"}]}}}",
		HEAD END0 ",\"fd\":1}," END1 "}" TAIL,
		HEAD END0 ",\"fd\":-1}," END1 "}" TAIL,
		HEAD END0 ",\"fd\":0.5}," END1 "}" TAIL,
		HEAD END0 ",\"fd\":\"0\"}," END1 "}" TAIL,
		HEAD END0 ",\"fd\":0}," END1 ",\"fd\":0}" TAIL,
	};
	enum { N = sizeof(replies) / sizeof(replies[0]) };
	struct step steps[N + 1];
	struct feth_conn *c;
	struct feth_link *l;
	struct feth_error err;
	int i, before, after;

	(void)state;
	memset(steps, 0, sizeof(steps));
	for (i = 0; i < N; i++) {
		steps[i].expect[0] = "Open";
		steps[i].reply = replies[i];
		steps[i].fds = 1;
	}
	c = start(steps);
	before = dup(0);
	close(before);
	for (i = 0; i < N; i++) {
		assert_int_equal(feth_open(c, &pair_spec, &l, &err),
		    -FETH_PROTOCOL);
		assert_null(l);
	}
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
	finish(c);
}

struct seen {
	int	n, last;
	char	text[256];
};

static void
seen_reply(const char *parameters, bool continues, void *arg)
{
	struct seen *s = arg;

	s->n++;
	s->last = !continues;
	snprintf(s->text, sizeof(s->text), "%s", parameters);
}

static int
pump(struct feth_conn *c, struct feth_error *err)
{
	struct pollfd pfd = { .fd = feth_conn_fd(c), .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, 5000), 1);
	return feth_dispatch(c, err);
}

static void
test_stream(void **state)
{
	static const struct step steps[] = {
		{ { "Watch", "\"more\":true" }, 0,
		    "{\"parameters\":{\"n\":1},\"continues\":true}", TWICE, 0,
		    0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	static const struct step ending[] = {
		{ { "List", "\"more\":true" }, 0, "{\"parameters\":{\"n\":2}}",
		    BYTES, 0, 0 },
		{ { "Watch", "\"more\":true" }, 0, "{\"error\":"
		    "\"org.fethd.Broker.Busy\",\"parameters\":"
		    "{\"retry_ms\":9}}", WHOLE, 0, 0 },
		{ { "Get" }, 0, "{}", WHOLE, 0, 0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	struct feth_conn *c = start(steps);
	struct seen seen = { 0, 0, "" };
	struct feth_error err;
	int n;

	(void)state;
	assert_int_equal(feth_more(c, "Watch", NULL, seen_reply, &seen, &err),
	    0);
	assert_int_equal(feth_call(c, "Get", NULL, NULL, &err),
	    -FETH_STREAMING);
	while (seen.n < 2)
		assert_true(pump(c, &err) >= 0);
	assert_false(seen.last);
	assert_string_equal(seen.text, "{\"n\":1}");
	assert_int_equal(feth_dispatch(c, &err), 0);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	assert_int_equal(pump(c, &err), -FETH_CONNECTION_LOST);
	feth_disconnect(c);

	memset(&seen, 0, sizeof(seen));
	c = start(ending);
	assert_int_equal(feth_more(c, "List", NULL, seen_reply, &seen, &err),
	    0);
	while (seen.n < 1)
		assert_true(pump(c, &err) >= 0);
	assert_true(seen.last);
	assert_int_equal(feth_more(c, "Watch", NULL, seen_reply, &seen, &err),
	    0);
	while ((n = pump(c, &err)) == 0)
		;
	assert_int_equal(n, -FETH_BUSY);
	assert_int_equal(seen.n, 1);
	assert_int_equal(feth_call(c, "Get", NULL, NULL, &err), 0);
	finish(c);
}

/* Words that nobody asked for end the connection. */
static void
test_unasked(void **state)
{
	static const struct step steps[] = {
		{ { "Get" }, 0, "{}", TWICE, 0, 0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	struct feth_conn *c = start(steps);
	struct feth_error err;
	int n;

	(void)state;
	assert_int_equal(feth_call(c, "Get", NULL, NULL, &err), 0);
	/* They may have come together with the reply. */
	while ((n = feth_dispatch(c, &err)) == 0)
		poll(NULL, 0, 10);
	assert_int_equal(n, -FETH_PROTOCOL);
	finish(c);
}

static void
test_reconnect(void **state)
{
	static const struct step steps[] = {
		{ { "Open" }, 0, PAIR0, WHOLE, 1, 0 },
		{ { "Open" }, 0, NOFD, WHOLE, 0, 0 },
		{ { "Attach" }, 0, ATTACHED, WHOLE, 1, 0 },
		{ { "Attach" }, 0, OTHER, WHOLE, 1, 0 },
		{ { "Get" }, 0, NULL, CLOSE, 0, 0 },
		/* Attached, so without a token. */
		{ { "Get", "\"link\":\"78\"" }, 0, ATTACHED, WHOLE, 0, 1 },
		{ { "Get", "\"link\":\"78\"" }, 0, ATTACHED, WHOLE, 0, 0 },
		/* The last opened is the first resumed. */
		{ { "Resume", "\"token\":\"s3cret\"", "\"link\":\"77\"" }, 0,
		    "{\"error\":\"org.fethd.Broker.NoSuchLink\"}", WHOLE, 0,
		    0 },
		{ { "Resume", "\"token\":\"s3cret\"", "\"end\":0" }, 0,
		    PAIR0, WHOLE, 1, 0 },
		{ { "Resume", "\"token\":\"t2\"", "\"end\":1",
		    "\"link\":\"88\"" }, 0, NOFD, WHOLE, 0, 0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	struct feth_conn *c = start(steps);
	struct feth_link *l, *lost, *third, *same, *other;
	struct feth_error err;
	char buf[2048];
	int fd, mine;

	(void)state;
	assert_int_equal(feth_open(c, &pair_spec, &l, &err), 0);
	assert_int_equal(feth_open(c, &pair_spec, &lost, &err), 0);
	assert_int_equal(feth_attach(c, "78", 1, FETH_AUTO, &same, &err), 0);
	assert_int_equal(feth_attach(c, "78", 1, FETH_AUTO, &other, &err), 0);
	fd = feth_fd(l, 0);
	assert_int_equal(feth_recv(l, 0, buf, sizeof(buf), &err), 16);
	assert_int_equal(feth_call(c, "Get", NULL, NULL, &err),
	    -FETH_CONNECTION_LOST);
	/* Two are no more; another one got a new port, with the same number. */
	assert_int_equal(feth_reconnect(c, &err), 2);
	assert_string_equal(feth_state(other), "gone");
	assert_string_equal(feth_state(same), "up");
	assert_true(feth_fd(same, 1) >= 0);
	assert_string_equal(feth_state(lost), "gone");
	assert_string_equal(feth_state(l), "up");
	assert_int_equal(feth_fd(l, 0), fd);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(feth_recv(l, 0, buf, sizeof(buf), &err), 16);

	mine = open("/dev/null", O_RDWR);
	assert_int_equal(feth_resume(c, "88", "t2", 1, mine, &third, &err), 0);
	assert_int_equal(feth_fd(third, FETH_MINE), mine);
	assert_int_equal(feth_end(third), 1);
	feth_free(third);
	feth_free(lost);
	feth_free(same);
	feth_free(other);
	feth_free(l);
	finish(c);
}

static void
test_no_daemon(void **state)
{
	struct feth_conn *c;
	struct feth_error err;
	char big[200];

	(void)state;
	unlink(path);
	assert_int_equal(feth_connect(path, &c, &err), -FETH_NO_DAEMON);
	assert_null(c);
	assert_int_equal(err.errnum, ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_true(*err.hint != '\0');
	memset(big, 'x', sizeof(big));
	big[0] = '/';
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(feth_connect(big, &c, &err), -FETH_INVALID_ARGUMENT);
	/* The environment tells when the caller does not. */
	setenv("FETHD_SOCKET", "/nonexistent/feth.sock", 1);
	assert_int_equal(feth_connect(NULL, &c, &err), -FETH_NO_DAEMON);
	assert_non_null(strstr(err.text, "/nonexistent/feth.sock"));
	unsetenv("FETHD_SOCKET");
	assert_int_equal(feth_connect(path, &c, NULL), -FETH_NO_DAEMON);
}

static void
test_code_names(void **state)
{
	int i, j;

	(void)state;
	for (i = 0; i < FETH_CODES; i++) {
		assert_string_not_equal(feth_code_name(i), "Unknown");
		for (j = 0; j < i; j++)
			assert_string_not_equal(feth_code_name(i),
			    feth_code_name(j));
	}
	assert_string_equal(feth_code_name(-1), "Unknown");
}

static int
group_setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_feth-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sock", dir);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

/* The call as asked, and whose descriptor it is. */
static void
test_capture(void **state)
{
	static const struct feth_insn prog[] = { { 40, 0, 0, 12 },
	    { 21, 1, 2, 4294967295u } };
	static const struct step steps[] = {
		{ { "org.fethd.Broker.Capture",
		    "\"parameters\":{\"link\":\"lab\"}" }, 0,
		    "{\"parameters\":{\"fd\":1}}", BYTES, 2, 0 },
		{ { "Capture", "\"link\":\"7/lab\",\"end\":0,"
		    "\"snaplen\":96,\"filter\":[{\"code\":40,\"jt\":0,"
		    "\"jf\":0,\"k\":12},{\"code\":21,\"jt\":1,\"jf\":2,"
		    "\"k\":4294967295}]" }, 0,
		    "{\"parameters\":{\"fd\":0}}", WHOLE, 1, 0 },
		{ { "Capture" }, 0, "{\"parameters\":{\"fd\":0}}", WHOLE, 0,
		    0 },
		{ { "Capture" }, 0, "{\"parameters\":{}}", WHOLE, 1, 0 },
		{ { "Capture" }, 0, "{\"error\":\"org.fethd.Broker."
		    "QuotaExceeded\",\"parameters\":{\"what\":\"captures\","
		    "\"limit\":16,\"used\":16,\"rule\":\"built-in\"}}",
		    WHOLE, 0, 0 },
		{ { NULL }, 0, NULL, WHOLE, 0, 0 },
	};
	struct feth_capture_spec spec = { .size = sizeof(spec), .end = 0,
	    .snaplen = 96, .filter = prog, .ninsns = 2 };
	struct feth_conn *c = start(steps);
	struct feth_error err;
	char buf[16];
	int fd;

	(void)state;
	assert_int_equal(feth_capture(c, "lab", NULL, &fd, &err), 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 16);
	assert_string_equal(buf, "one............");
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(feth_capture(c, "7/lab", &spec, &fd, &err), 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 16);
	close(fd);
	spec.ninsns = 0;
	assert_int_equal(feth_capture(c, "lab", &spec, &fd, &err),
	    -FETH_PROTOCOL);
	assert_int_equal(fd, -1);
	assert_int_equal(feth_capture(c, "lab", &spec, &fd, &err),
	    -FETH_PROTOCOL);
	assert_int_equal(fd, -1);
	assert_int_equal(feth_capture(c, "lab", &spec, &fd, &err),
	    -FETH_QUOTA_EXCEEDED);
	assert_string_equal(err.text, "16 captures in use; rule \"built-in\" "
	    "allows 16");
	spec.size = 0;
	assert_int_equal(feth_capture(c, "lab", &spec, &fd, &err),
	    -FETH_INVALID_ARGUMENT);
	finish(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_long_error),
		cmocka_unit_test(test_bad_replies),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_capture),
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_bad_specs),
		cmocka_unit_test(test_bad_links),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_reconnect),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_code_names),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

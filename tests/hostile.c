/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that no library would make, and what the shell tests need beside
 * them: "hostile COMMAND ARGS", see the table at the end. It speaks the protocol
 * by plain sockets, so that it can break it.
 *
 * Each case connects by itself, and returns NULL or what was wrong. None may
 * leave a link or a connection behind; t_hostile.sh looks after that.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "bounds.h"
#include "linger.h"
#include "wire.h"

#define PATIENCE	10		/* seconds for any one reply */
#define BROKER		"org.fethd.Broker."

#define CALL(m, p)	"{\"method\":\"" BROKER m "\",\"parameters\":" p "}"
#define PORTS		"\"ends\":[{\"kind\":\"port\"},{\"kind\":\"port\"}]"
#define OPEN(p)		CALL("Open", "{" PORTS p "}")
#define OPEN2(p)	CALL("Open", "{\"ends\":[" \
	"{\"kind\":\"port\",\"take\":true}," \
	"{\"kind\":\"port\",\"take\":true}]" p "}")
#define LIST		CALL("List", "{}")

static const char	*socket_path;
static volatile sig_atomic_t stopped;

/* ---- A connection ------------------------------------------------------ */

struct client {
	int		fd;
	char		*buf;
	size_t		len, cap;
	int		fds[2 * BOUND_FDS_OUT];	/* that came with replies */
	unsigned int	nfds;
};

static void
die(const char *what)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
dial_fd(void)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	struct timeval		tv = { .tv_sec = PATIENCE };
	int			fd;

	if (strlen(socket_path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		die(socket_path);
	}
	strcpy(sun.sun_path, socket_path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		die(socket_path);
	return fd;
}

static void
dial(struct client *c)
{
	memset(c, 0, sizeof(*c));
	c->fd = dial_fd();
}

static void
drop_fds(struct client *c)
{
	while (c->nfds > 0)
		wire_close(&c->fds[--c->nfds]);
}

static void
hang_up(struct client *c)
{
	drop_fds(c);
	wire_close(&c->fd);
	free(c->buf);
	c->buf = NULL;
	c->len = c->cap = 0;
}

static bool
put(struct client *c, const void *data, size_t size)
{
	const char	*p = data;
	ssize_t		 n;

	for (; size > 0; p += n, size -= (size_t)n)
		if ((n = wire_send(c->fd, p, size, NULL, 0)) <= 0)
			return false;
	return true;
}

/* TEXT with its NUL. */
static bool
say(struct client *c, const char *text)
{
	return put(c, text, strlen(text) + 1);
}

/* More bytes into the buffer. False: none come. */
static bool
take_in(struct client *c)
{
	int		 fds[WIRE_FDS];
	unsigned int	 nfds, i;
	char		*p;
	ssize_t		 n;

	if (c->len == c->cap) {
		c->cap = c->cap == 0 ? 4096 : 2 * c->cap;
		if ((p = realloc(c->buf, c->cap)) == NULL)
			die("realloc");
		c->buf = p;
	}
	n = wire_recv(c->fd, c->buf + c->len, c->cap - c->len, fds, &nfds,
	    NULL);
	for (i = 0; i < nfds; i++) {
		if (c->nfds < sizeof(c->fds) / sizeof(c->fds[0]))
			c->fds[c->nfds++] = fds[i];
		else
			close(fds[i]);
	}
	if (n > 0)
		c->len += (size_t)n;
	return n > 0;
}

/* The next reply; NULL when the connection ended, or nothing came in time. */
static cJSON *
hear(struct client *c)
{
	cJSON	*t;
	char	*nul;
	size_t	 n;

	while (c->len == 0 ||
	    (nul = memchr(c->buf, '\0', c->len)) == NULL)
		if (!take_in(c))
			return NULL;
	t = cJSON_Parse(c->buf);
	n = (size_t)(nul - c->buf) + 1;
	memmove(c->buf, c->buf + n, c->len - n);
	c->len -= n;
	return t;
}

/* Is the next reply the error WANT of whatever interface, or with "" none? */
static bool
hears(struct client *c, const char *want)
{
	cJSON		*t = hear(c);
	const char	*error, *dot;
	bool		 ok;

	error = cJSON_GetStringValue(cJSON_GetObjectItem(t, "error"));
	dot = error != NULL ? strrchr(error, '.') : NULL;
	ok = t != NULL && strcmp(dot != NULL ? dot + 1 : "", want) == 0;
	if (!ok)
		fprintf(stderr, "hostile: want '%s', got %s\n", want,
		    t == NULL ? "nothing" : error != NULL ? error :
		    "a result");
	cJSON_Delete(t);
	return ok;
}

static bool
asks(struct client *c, const char *text, const char *want)
{
	return say(c, text) && hears(c, want);
}

/* Nothing more comes, and the daemon has closed it. */
static bool
ended(struct client *c)
{
	char	byte;
	ssize_t	n;

	if (c->len > 0)
		return false;
	n = recv(c->fd, &byte, 1, 0);
	return n == 0 || (n == -1 && errno == ECONNRESET);
}

/* ---- Messages ---------------------------------------------------------- */

/* One message, and what must come of it. After InvalidMessage the connection is
 * closed, after anything else it must go on. */
struct message {
	const char	*name, *text, *error;
};

#define NAME64	"a234567890123456789012345678901234567890123456789012345678901234"

static const struct message messages[] = {
	{ "nothing", "", "InvalidMessage" },
	{ "white space", " \t\r\n", "InvalidMessage" },
	{ "cut short", "{\"method\":\"org.fethd.Broker.List\"",
	  "InvalidMessage" },
	{ "cut in a string", "{\"method\":\"org.fe", "InvalidMessage" },
	{ "two objects", LIST LIST, "InvalidMessage" },
	{ "an array", "[" LIST "]", "InvalidMessage" },
	{ "a number", "1", "InvalidMessage" },
	{ "single quotes", "{'method':'org.fethd.Broker.List'}",
	  "InvalidMessage" },
	{ "a comment", LIST "/* */", "InvalidMessage" },
	{ "a final comma", "{\"method\":\"org.fethd.Broker.List\",}",
	  "InvalidMessage" },
	{ "a duplicate key", "{\"method\":\"org.fethd.Broker.List\","
	  "\"method\":\"org.fethd.Broker.Policy\"}", "InvalidMessage" },
	{ "a duplicate parameter", OPEN(",\"mtu\":1500,\"mtu\":9000"),
	  "InvalidMessage" },
	{ "a duplicate key, escaped", OPEN(",\"mtu\":1500,\"m\\u0074u\":68"),
	  "InvalidMessage" },
	{ "not UTF-8", OPEN(",\"name\":\"l\xff\xfe\""), "InvalidMessage" },
	{ "an overlong slash", OPEN(",\"name\":\"\xc0\xaf\""),
	  "InvalidMessage" },
	{ "half a surrogate", OPEN(",\"name\":\"\\ud800\""),
	  "InvalidMessage" },
	{ "an escaped NUL", OPEN(",\"name\":\"lab\\u0000x\""),
	  "InvalidMessage" },
	{ "an escaped NUL in a key", OPEN(",\"mtu\\u0000x\":1500"),
	  "InvalidMessage" },
	{ "1e400", OPEN(",\"mtu\":1e400"), "InvalidMessage" },
	{ "NaN", OPEN(",\"mtu\":NaN"), "InvalidMessage" },
	{ "a leading zero", OPEN(",\"mtu\":01500"), "InvalidMessage" },
	{ "hexadecimal", OPEN(",\"mtu\":0x5dc"), "InvalidMessage" },
	{ "no method", "{\"parameters\":{}}", "InvalidMessage" },
	{ "a method without interface", "{\"method\":\"List\"}",
	  "InvalidMessage" },
	{ "a method that is no string", "{\"method\":7}", "InvalidMessage" },
	{ "an unknown key of the call", "{\"method\":\"org.fethd.Broker.List\","
	  "\"uid\":0}", "InvalidMessage" },
	{ "parameters in an array", CALL("List", "[]"), "InvalidMessage" },
	{ "more that is no flag", "{\"method\":\"org.fethd.Broker.List\","
	  "\"more\":1}", "InvalidMessage" },
	{ "more and oneway", "{\"method\":\"org.fethd.Broker.List\","
	  "\"more\":true,\"oneway\":true}", "InvalidMessage" },
	{ "upgrade", "{\"method\":\"org.fethd.Broker.List\","
	  "\"upgrade\":true}", "InvalidMessage" },

	{ "an unknown interface", "{\"method\":\"org.example.Broker.Open\"}",
	  "InterfaceNotFound" },
	{ "an unknown method", CALL("Explode", "{}"), "MethodNotFound" },
	{ "a method in small letters", CALL("List2", "{}"), "MethodNotFound" },
	{ "Watch without more", CALL("Watch", "{}"), "ExpectedMore" },
	{ "an unknown parameter", OPEN(",\"uid\":0"), "InvalidSpec" },
	{ "an unknown key of an end", CALL("Open", "{\"ends\":[{\"kind\":"
	  "\"port\",\"fd\":0},{\"kind\":\"port\"}]}"), "InvalidSpec" },
	{ "a fraction", OPEN(",\"mtu\":1500.5"), "InvalidSpec" },
	{ "a negative number", OPEN(",\"mtu\":-1500"), "InvalidSpec" },
	{ "a huge number", OPEN(",\"mtu\":1e300"), "InvalidSpec" },
	{ "just past 64 bits", OPEN(",\"mtu\":18446744073709553116"),
	  "InvalidSpec" },
	{ "a number as text", OPEN(",\"mtu\":\"1500\""), "InvalidSpec" },
	{ "a too small MTU", OPEN(",\"mtu\":67"), "InvalidSpec" },
	{ "a too large MTU", OPEN(",\"mtu\":65522"), "InvalidSpec" },
	{ "too long a name", OPEN(",\"name\":\"" NAME64 "\""), "InvalidSpec" },
	{ "a path as name", OPEN(",\"name\":\"../../etc/passwd\""),
	  "InvalidSpec" },
	{ "an id as name", OPEN(",\"name\":\"@1\""), "InvalidSpec" },
	{ "an option as name", OPEN(",\"name\":\"-rf\""), "InvalidSpec" },
	{ "a control character", OPEN(",\"name\":\"a\\u001b[2Jb\""),
	  "InvalidSpec" },
	{ "no ends", CALL("Open", "{}"), "InvalidSpec" },
	{ "one end", CALL("Open", "{\"ends\":[{\"kind\":\"port\"}]}"),
	  "InvalidSpec" },
	{ "three ends", CALL("Open", "{\"ends\":[{\"kind\":\"port\"},{\"kind\":"
	  "\"port\"},{\"kind\":\"port\"}]}"), "InvalidSpec" },
	{ "ends that are none", CALL("Open", "{\"ends\":[1,null]}"),
	  "InvalidSpec" },
	{ "an unknown kind", CALL("Open", "{\"ends\":[{\"kind\":\"port\"},"
	  "{\"kind\":\"hole\"}]}"), "InvalidSpec" },
	{ "a group address", CALL("Open", "{\"ends\":[{\"kind\":\"port\","
	  "\"mac\":\"01:00:5e:00:00:01\"},{\"kind\":\"port\"}]}"),
	  "InvalidSpec" },
	{ "an address without length", CALL("Open", "{\"ends\":[{\"kind\":"
	  "\"port\",\"addresses\":[\"10.0.0.1\"]},{\"kind\":\"port\"}]}"),
	  "InvalidSpec" },
	{ "five addresses", CALL("Open", "{\"ends\":[{\"kind\":\"port\","
	  "\"addresses\":[\"10.0.0.1/8\",\"10.0.0.2/8\",\"10.0.0.3/8\","
	  "\"10.0.0.4/8\",\"10.0.0.5/8\"]},{\"kind\":\"port\"}]}"),
	  "InvalidSpec" },
	{ "a namespace for a port", CALL("Open", "{\"ends\":[{\"kind\":"
	  "\"port\",\"netns\":0},{\"kind\":\"port\"}]}"), "InvalidSpec" },
	{ "nine labels", OPEN(",\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\","
	  "\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\",\"i\":\"\"}"),
	  "InvalidSpec" },
	{ "a label that is no text", OPEN(",\"labels\":{\"a\":1}"),
	  "InvalidSpec" },
	{ "a TAP", CALL("Open", "{\"ends\":[{\"kind\":\"port\",\"class\":"
	  "\"tap\"},{\"kind\":\"host\"}]}"), "Unsupported" },
	{ "a link that there is not", CALL("Close", "{\"link\":\"nobody\"}"),
	  "NoSuchLink" },
	{ "an id that there is not", CALL("Get", "{\"link\":"
	  "\"@18446744073709551615\"}"), "NoSuchLink" },
	{ "an id out of range", CALL("Get", "{\"link\":"
	  "\"@99999999999999999999999999\"}"), "NoSuchLink" },
	{ "another user's link", CALL("Get", "{\"link\":\"4294967296/x\"}"),
	  "NoSuchLink" },
	{ "too long a reference", CALL("Get", "{\"link\":\"" NAME64 NAME64
	  "\"}"), "InvalidSpec" },
	{ "end 2", CALL("Detach", "{\"link\":\"x\",\"end\":2}"),
	  "InvalidSpec" },
	{ "Explain of nothing", CALL("Explain", "{\"method\":\"\","
	  "\"parameters\":{}}"), "MethodNotFound" },
	{ "Stats too often", CALL("Stats", "{\"interval_ms\":1}"),
	  "InvalidSpec" },
};
#define MESSAGES	(sizeof(messages) / sizeof(messages[0]))

static bool
message_holds(const struct message *m)
{
	struct client	c;
	bool		ok;

	dial(&c);
	ok = asks(&c, m->text, m->error);
	if (strcmp(m->error, "InvalidMessage") == 0)
		ok = ok && ended(&c);
	else
		ok = ok && asks(&c, LIST, "");
	hang_up(&c);
	return ok;
}

static const char *
case_messages(void)
{
	const char	*bad = NULL;
	size_t		 i;

	for (i = 0; i < MESSAGES; i++)
		if (!message_holds(&messages[i])) {
			fprintf(stderr, "hostile: message: %s\n",
			    messages[i].name);
			bad = "a message was not taken as it must be";
		}
	return bad;
}

/* A call of SIZE bytes: LIST and blanks. */
static char *
long_call(size_t size)
{
	char	*text;

	if ((text = malloc(size + 1)) == NULL)
		die("malloc");
	memset(text, ' ', size);
	memcpy(text, LIST, sizeof(LIST) - 1);
	text[size] = '\0';
	return text;
}

static const char *
case_size(void)
{
	struct client	 c;
	char		*text;
	bool		 ok;

	text = long_call(BOUND_MESSAGE);
	dial(&c);
	ok = asks(&c, text, "");
	hang_up(&c);
	free(text);
	if (!ok)
		return "a message of the largest size is refused";

	/* The daemon may close while we still send. */
	text = long_call(4 * BOUND_MESSAGE);
	dial(&c);
	(void)put(&c, text, BOUND_MESSAGE + 1);
	(void)put(&c, text, 3 * BOUND_MESSAGE);
	ok = hears(&c, "InvalidMessage") && ended(&c);
	hang_up(&c);
	free(text);
	return ok ? NULL : "too long a message is not refused";
}

/* DEPTH times OPENING in the parameters of Explain. */
static const char *
nested(const char *opening, const char *closing, unsigned int depth)
{
	static const char	head[] = "{\"method\":\"" BROKER
	    "Explain\",\"parameters\":{\"method\":\"Open\",\"parameters\":";
	struct client		c;
	char			*text, *p;
	unsigned int		i;
	bool			ok;

	text = malloc(sizeof(head) + 4 + depth * (strlen(opening) +
	    strlen(closing)));
	if (text == NULL)
		die("malloc");
	p = stpcpy(text, head);
	for (i = 0; i < depth; i++)
		p = stpcpy(p, opening);
	p = stpcpy(p, "1");
	for (i = 0; i < depth; i++)
		p = stpcpy(p, closing);
	strcpy(p, "}}");
	dial(&c);
	ok = asks(&c, text, "InvalidMessage") && ended(&c);
	hang_up(&c);
	free(text);
	return ok ? NULL : "deep nesting is not refused";
}

static const char *
case_depth(void)
{
	const char	*bad;

	if ((bad = nested("[", "]", 1000)) == NULL)
		bad = nested("{\"a\":", "}", 1000);
	if (bad == NULL)
		bad = nested("[", "", 30000);
	return bad;
}

/* Bytes that are no text at all. */
static const char *
case_garbage(void)
{
	struct client	c;
	unsigned char	data[4096];
	unsigned int	i, round, seed = 1;
	bool		ok = true;

	for (round = 0; round < 50 && ok; round++) {
		for (i = 0; i < sizeof(data); i++) {
			seed = seed * 1103515245 + 12345;
			data[i] = (unsigned char)(seed >> 16);
		}
		data[sizeof(data) - 1] = '\0';
		dial(&c);
		(void)put(&c, data, sizeof(data));
		ok = hears(&c, "InvalidMessage") && ended(&c);
		hang_up(&c);
	}
	return ok ? NULL : "noise is not refused";
}

/* ---- Descriptors ------------------------------------------------------- */

/* TEXT of SIZE bytes with N duplicates of FD on its first byte. */
static void
put_with_fds(struct client *c, const char *text, size_t size, int fd,
    unsigned int n)
{
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(250 * sizeof(int))];
	} control;
	struct iovec	 iov = { (void *)(uintptr_t)text, size };
	struct msghdr	 mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf,
	    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr	*cm;
	unsigned int	 i;

	memset(&control, 0, sizeof(control));
	cm = CMSG_FIRSTHDR(&mh);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (i = 0; i < n; i++)
		memcpy(CMSG_DATA(cm) + i * sizeof(fd), &fd, sizeof(fd));
	if (sendmsg(c->fd, &mh, MSG_NOSIGNAL) == -1)
		die("sendmsg");
}

/* Our end of the pipe sees its end: nobody has the other one. */
static bool
pipe_over(int fd)
{
	struct pollfd	pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, PATIENCE * 1000) == 1 &&
	    (pfd.revents & POLLHUP) != 0;
}

/* N descriptors with TEXT; the daemon says WANT and keeps none. */
static const char *
fds_with(const char *text, unsigned int n, const char *want)
{
	struct client	c;
	int		p[2];
	bool		ok, over;

	if (pipe(p) == -1)
		die("pipe");
	dial(&c);
	put_with_fds(&c, text, strlen(text) + 1, p[1], n);
	close(p[1]);
	ok = hears(&c, want);
	over = ok && pipe_over(p[0]);
	if (ok && strcmp(want, "InvalidMessage") == 0)
		ok = ended(&c);
	hang_up(&c);
	close(p[0]);
	return !ok ? "descriptors are not answered as they must be" :
	    !over ? "the daemon keeps a descriptor" : NULL;
}

static const char *
case_fds(void)
{
	const char	*bad = NULL;

	if ((bad = fds_with(LIST, 1, "")) != NULL ||
	    (bad = fds_with(LIST, BOUND_FDS_IN, "")) != NULL ||
	    (bad = fds_with(OPEN(""), BOUND_FDS_IN, "")) != NULL ||
	    (bad = fds_with(LIST, BOUND_FDS_IN + 1, "InvalidMessage")) != NULL)
		return bad;
	return fds_with(LIST, 250, "InvalidMessage");
}

/* As many with every byte of a message that never ends. */
static const char *
case_fds_dribble(void)
{
	static const char	text[] = LIST;
	struct client		c;
	int			p[2];
	unsigned int		i;
	bool			ok;

	if (pipe(p) == -1)
		die("pipe");
	dial(&c);
	for (i = 0; i <= BOUND_FDS_IN; i++) {
		put_with_fds(&c, &text[i], 1, p[1], 1);
		usleep(1000);
	}
	close(p[1]);
	ok = hears(&c, "InvalidMessage") && ended(&c) && pipe_over(p[0]);
	hang_up(&c);
	close(p[0]);
	return ok ? NULL : "descriptors pile up";
}

/* A message of 250 descriptors and then silence, forty times at once. */
static const char *
case_fds_flood(void)
{
	struct client	c[40];
	int		p[2];
	size_t		i;
	bool		ok;

	if (pipe(p) == -1)
		die("pipe");
	for (i = 0; i < 40; i++) {
		dial(&c[i]);
		put_with_fds(&c[i], "{", 1, p[1], 250);
	}
	close(p[1]);
	ok = pipe_over(p[0]);
	for (i = 0; i < 40; i++)
		hang_up(&c[i]);
	close(p[0]);
	return ok ? NULL : "descriptors of unfinished messages are kept";
}

/* Does the daemon answer somebody else at once? */
static bool
others_served(void)
{
	struct client	c;
	time_t		begun = time(NULL);
	bool		ok;

	dial(&c);
	ok = say(&c, LIST) && hears(&c, "");
	hang_up(&c);
	return ok && time(NULL) - begun < PATIENCE;
}

/* A descriptor whose last close takes a minute, which is left to the daemon:
 * with a whole message, with one that never ends, and in the queue of a
 * connection that is over. */
static const char *
case_fds_linger(void)
{
	static const struct {
		const char	*text;
		size_t		 size;
		bool		 stay;
	} how[] = {
		{ LIST, sizeof(LIST), true },
		{ "{", 1, true },
		{ "}", 2, false },
	};
	struct client	c;
	int		slow, peer;
	size_t		i;
	bool		ok = true;

	for (i = 0; i < sizeof(how) / sizeof(how[0]) && ok; i++) {
		dial(&c);
		if ((slow = linger_make(&peer)) == -1)
			die("a socket that lingers");
		/* Behind what ends the connection it is not even looked at. */
		if (!how[i].stay)
			put_with_fds(&c, "}", 2, slow, 1);
		put_with_fds(&c, how[i].text, how[i].size, slow, 1);
		close(slow);
		ok = others_served();
		hang_up(&c);
		ok = ok && others_served();
		close(peer);
	}
	return ok ? NULL : "a descriptor that lingers keeps the daemon";
}

/* In a process of its own, for which SLOW has no meaning when it ends; only a
 * close(2) lingers. True: it went as it must. */
static bool
port_with(const char *open, int slow, bool relayed)
{
	char		frame[64] = "", got[128];
	struct client	c, port = { .fd = -1 };
	struct pollfd	pfd = { .events = POLLIN };
	int		i;

	dial(&c);
	(void)say(&c, open);
	if (!hears(&c, "") || c.nfds != 2)
		return false;
	for (i = 0; i < 6; i++)
		frame[i] = frame[6 + i] = 2;
	frame[11]++;
	port.fd = c.fds[0];
	pfd.fd = c.fds[1];
	put_with_fds(&port, frame, sizeof(frame), slow, 1);
	if (send(port.fd, frame, sizeof(frame), 0) != sizeof(frame))
		return false;
	return !relayed || (poll(&pfd, 1, PATIENCE * 1000) == 1 &&
	    recv(pfd.fd, got, sizeof(got), 0) == sizeof(frame));
}

/* The same in frames: on a link whose frames the daemon moves, with one behind
 * it that must pass, and on one that ends with the frame unread. */
static const char *
port_linger(const char *open, bool relayed)
{
	int	slow, peer, p[2], status;
	char	go;
	pid_t	pid;
	bool	ok;

	if ((slow = linger_make(&peer)) == -1 || pipe(p) == -1)
		die("a socket that lingers");
	if ((pid = fork()) == 0) {
		close(p[1]);
		_exit(read(p[0], &go, 1) != 0 ||
		    !port_with(open, slow, relayed));
	}
	/* The other one has it until it ends. */
	close(slow);
	close(p[0]);
	close(p[1]);
	ok = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 &&
	    others_served();
	close(peer);
	return ok ? NULL : "a frame with a descriptor keeps the daemon";
}

static const char *
case_port_linger(void)
{
	const char	*bad = port_linger(OPEN2(",\"relay\":true"), true);

	return bad != NULL ? bad : port_linger(OPEN2(""), false);
}

/* ---- Manners ----------------------------------------------------------- */

static const char *
case_bytewise(void)
{
	static const char	text[] = OPEN(",\"name\":\"bytewise\"");
	struct client		c;
	size_t			i;
	bool			ok = true;

	dial(&c);
	for (i = 0; i < sizeof(text) && ok; i++)
		ok = put(&c, text + i, 1);
	ok = ok && hears(&c, "") && c.nfds == 1;
	hang_up(&c);
	return ok ? NULL : "a message in single bytes is not understood";
}

/* A byte out of band is one like the others (and no reason to spin). */
static const char *
case_urgent(void)
{
	static const char	text[] = LIST;
	struct client		c;
	size_t			n = sizeof(text) - 2;
	bool			ok;

	dial(&c);
	ok = put(&c, text, n);
	/* Not every system has it. */
	if (send(c.fd, text + n, 1, MSG_OOB) != 1)
		ok = ok && put(&c, text + n, 1);
	ok = ok && put(&c, "", 1) && hears(&c, "");
	hang_up(&c);
	return ok ? NULL : "a byte out of band is lost";
}

/* Several calls in one write are answered in their order. */
static const char *
case_pipelined(void)
{
	static const char	text[] =
	    LIST "\0" CALL("Get", "{\"link\":\"nobody\"}") "\0"
	    OPEN(",\"name\":\"piped\"") "\0"
	    CALL("Close", "{\"link\":\"piped\"}") "\0"
	    CALL("Close", "{\"link\":\"piped\"}");
	struct client		c;
	bool			ok;

	dial(&c);
	ok = put(&c, text, sizeof(text)) && hears(&c, "") &&
	    hears(&c, "NoSuchLink") && hears(&c, "") && hears(&c, "") &&
	    hears(&c, "NoSuchLink");
	hang_up(&c);
	return ok ? NULL : "calls in one write are not answered in order";
}

/* Oneway gets no reply, whatever comes of it. */
static const char *
case_oneway(void)
{
	static const char	*const calls[] = {
		"{\"method\":\"org.fethd.Broker.List\",\"oneway\":true}",
		"{\"method\":\"org.fethd.Broker.Explode\",\"oneway\":true}",
		"{\"method\":\"org.fethd.Broker.Open\",\"oneway\":true,"
		    "\"parameters\":{" PORTS "}}",
		"{\"method\":\"org.fethd.Broker.Watch\",\"oneway\":true}",
	};
	struct client		c;
	size_t			i;
	bool			ok = true;

	dial(&c);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ok = ok && say(&c, calls[i]);
	ok = ok && asks(&c, CALL("Get", "{\"link\":\"nobody\"}"),
	    "NoSuchLink") && c.nfds == 0;
	hang_up(&c);
	return ok ? NULL : "a oneway call is answered";
}

static const char *
case_half_close(void)
{
	struct client	c;
	bool		ok;

	dial(&c);
	ok = say(&c, LIST) && say(&c, OPEN(""));
	shutdown(c.fd, SHUT_WR);
	ok = ok && hears(&c, "") && hears(&c, "") && ended(&c);
	hang_up(&c);
	if (!ok)
		return "who closes the sending half gets no answer";
	dial(&c);
	ok = put(&c, LIST, sizeof(LIST) - 1);	/* without the NUL */
	shutdown(c.fd, SHUT_WR);
	ok = ok && ended(&c);
	hang_up(&c);
	if (!ok)
		return "a message without end is answered";
	dial(&c);
	ok = say(&c, LIST);
	shutdown(c.fd, SHUT_RD);
	hang_up(&c);
	return ok ? NULL : "it cannot even be sent";
}

/* Is there a link of NAME? */
static bool
exists(const char *name)
{
	struct client	c;
	char		text[200];
	cJSON		*t = NULL;
	bool		there;

	snprintf(text, sizeof(text), CALL("Get", "{\"link\":\"%s\"}"), name);
	dial(&c);
	if (!say(&c, text) || (t = hear(&c)) == NULL)
		die("Get");
	there = cJSON_GetObjectItem(t, "error") == NULL;
	cJSON_Delete(t);
	hang_up(&c);
	return there;
}

static const char *
gone_soon(const char *name, const char *bad)
{
	int	i;

	for (i = 0; i < 200; i++) {
		if (!exists(name))
			return NULL;
		usleep(10000);
	}
	return bad;
}

/* The client dies between call and reply. */
static const char *
case_dies(void)
{
	struct client	c;
	const char	*bad = NULL;
	unsigned int	i;

	for (i = 0; i < 300 && bad == NULL; i++) {
		dial(&c);
		if (!say(&c, OPEN(",\"name\":\"dies\"")))
			die("send");
		hang_up(&c);
		bad = gone_soon("dies", "a link of a dead client lives on");
	}
	return bad;
}

/* In the middle of a message, of a reply, of a stream. */
static const char *
case_dies_between(void)
{
	struct client	c;
	unsigned int	i;

	for (i = 0; i < 100; i++) {
		dial(&c);
		(void)put(&c, LIST, i % (sizeof(LIST) - 1));
		hang_up(&c);
		dial(&c);
		(void)say(&c, "{\"method\":\"org.fethd.Broker.Watch\","
		    "\"more\":true}");
		(void)say(&c, LIST);
		hang_up(&c);
	}
	return NULL;
}

/* Two connections ask for one name at once: one gets it. */
static const char *
case_same_name(void)
{
	struct client	 c[2];
	unsigned int	 i, n, won;
	cJSON		*t;

	for (i = 0; i < 100; i++) {
		won = 0;
		dial(&c[0]);
		dial(&c[1]);
		for (n = 0; n < 2; n++)
			if (!say(&c[n], OPEN(",\"name\":\"same\"")))
				die("send");
		for (n = 0; n < 2; n++) {
			t = hear(&c[n]);
			won += t != NULL &&
			    cJSON_GetObjectItem(t, "error") == NULL;
			cJSON_Delete(t);
		}
		hang_up(&c[0]);
		hang_up(&c[1]);
		if (won != 1)
			return "one name for two";
		if (gone_soon("same", "") != NULL)
			return "the link of the name does not end";
	}
	return NULL;
}

/* ---- Floods ------------------------------------------------------------ */

static bool
writable(int fd, int ms)
{
	struct pollfd	pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, ms) == 1 && (pfd.revents & POLLOUT) != 0;
}

/* Ask for long answers, and take none. The daemon must stop to read; and when
 * the client takes them at last, each is there. */
static const char *
case_never_reads(void)
{
	static const char	text[] = "{\"method\":\"org.varlink.service."
	    "GetInterfaceDescription\",\"parameters\":{\"interface\":"
	    "\"org.fethd.Broker\"}}";
	struct client		c;
	size_t			off = 0, sent = 0, i, calls;
	ssize_t			n;
	bool			ok = true;

	dial(&c);
	while (sent < 32 << 20 && writable(c.fd, 500)) {
		n = send(c.fd, text + off, sizeof(text) - off,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		off = sent % sizeof(text);
	}
	calls = sent / sizeof(text);
	for (i = 0; i < calls && ok && sent < 32 << 20; i++)
		ok = hears(&c, "");
	hang_up(&c);
	if (sent >= 32 << 20)
		return "the daemon takes any number of unread calls";
	return ok ? NULL : "a reply is lost";
}

/* Several at once, who are never to read. */
static const char *
case_never_reads_more(void)
{
	static const char	text[] = "{\"method\":\"org.varlink.service."
	    "GetInterfaceDescription\",\"parameters\":{\"interface\":"
	    "\"org.fethd.Broker\"}}";
	struct client		c[8];
	size_t			i, n;

	for (i = 0; i < 8; i++) {
		dial(&c[i]);
		for (n = 0; n < 2000 && writable(c[i].fd, 100); n++)
			if (send(c[i].fd, text, sizeof(text), MSG_DONTWAIT |
			    MSG_NOSIGNAL) != (ssize_t)sizeof(text))
				break;
	}
	for (i = 0; i < 8; i++)
		hang_up(&c[i]);
	return NULL;
}

/* Ten thousand connections, opened and dropped; some with a word. */
static const char *
case_churn(void)
{
	static const char	*const words[] = { NULL, LIST, "{", "",
	    OPEN(",\"name\":\"churn\"") };
	struct client		c;
	unsigned int		i;

	for (i = 0; i < 10000; i++) {
		dial(&c);
		if (words[i % 5] != NULL)
			(void)say(&c, words[i % 5]);
		hang_up(&c);
	}
	return gone_soon("churn", "a link of the many lives on");
}

/* As many connections as it takes to be refused, which is told by name; when one
 * goes there is room again. */
static const char *
case_cap(void)
{
	struct client	c[BOUND_CONNS_UID + 1];
	unsigned int	n = 0, i;
	cJSON		*t, *p;
	int		limit = -1, used = -1;
	bool		ok;

	for (;;) {
		dial(&c[n]);
		(void)say(&c[n], LIST);
		if ((t = hear(&c[n++])) == NULL)
			break;
		p = cJSON_GetObjectItem(t, "parameters");
		if (cJSON_GetObjectItem(t, "error") != NULL) {
			limit = cJSON_GetObjectItem(p, "limit")->valueint;
			used = cJSON_GetObjectItem(p, "used")->valueint;
		}
		cJSON_Delete(t);
		if (limit != -1 || n > BOUND_CONNS_UID)
			break;
	}
	ok = limit == BOUND_CONNS_UID && used == limit && n > 32 &&
	    ended(&c[n - 1]);
	for (i = 0; i < n; i++)
		hang_up(&c[i]);
	if (!ok)
		return "no QuotaExceeded at the cap of connections";
	for (i = 0; i < 200; i++) {
		dial(&c[0]);
		(void)say(&c[0], LIST);
		t = hear(&c[0]);
		ok = t != NULL && cJSON_GetObjectItem(t, "error") == NULL;
		cJSON_Delete(t);
		hang_up(&c[0]);
		if (ok)
			return NULL;
		usleep(10000);
	}
	return "no room after the connections have gone";
}

static const struct {
	const char	*name;
	const char	*(*run)(void);
} cases[] = {
	{ "messages", case_messages },
	{ "size", case_size },
	{ "depth", case_depth },
	{ "garbage", case_garbage },
	{ "fds", case_fds },
	{ "fds-dribble", case_fds_dribble },
	{ "fds-flood", case_fds_flood },
	{ "fds-linger", case_fds_linger },
	{ "port-linger", case_port_linger },
	{ "bytewise", case_bytewise },
	{ "urgent", case_urgent },
	{ "pipelined", case_pipelined },
	{ "oneway", case_oneway },
	{ "half-close", case_half_close },
	{ "dies", case_dies },
	{ "dies-between", case_dies_between },
	{ "same-name", case_same_name },
	{ "never-reads", case_never_reads },
	{ "never-reads-more", case_never_reads_more },
	{ "churn", case_churn },
	{ "cap", case_cap },
};
#define CASES	(sizeof(cases) / sizeof(cases[0]))

/* ---- Commands ---------------------------------------------------------- */

static void
on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static double
now(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* names: the cases, one a line. */
static int
cmd_cases(int argc, char **argv)
{
	size_t	i;

	(void)argc;
	(void)argv;
	for (i = 0; i < CASES; i++)
		printf("%s\n", cases[i].name);
	return 0;
}

static int
cmd_case(int argc, char **argv)
{
	const char	*bad;
	size_t		 i;

	(void)argc;
	for (i = 0; i < CASES; i++) {
		if (strcmp(cases[i].name, argv[1]) != 0)
			continue;
		if ((bad = cases[i].run()) == NULL)
			return 0;
		fprintf(stderr, "hostile: %s: %s\n", argv[1], bad);
		return 1;
	}
	fprintf(stderr, "hostile: there is no case %s\n", argv[1]);
	return 2;
}

/* One round of a client that behaves: a link, a frame each way, its end. */
static const char *
good_round(struct client *c)
{
	static const char	frame[60] = "a frame";
	char			buf[64];
	int			i;

	if (!asks(c, CALL("Open", "{\"ends\":[{\"kind\":\"port\",\"take\":"
	    "true},{\"kind\":\"port\",\"take\":true}],\"name\":\"good\"}"), "")
	    || c->nfds != 2)
		return "Open";
	for (i = 0; i < 2; i++)
		if (send(c->fds[i], frame, sizeof(frame), 0) != sizeof(frame) ||
		    recv(c->fds[!i], buf, sizeof(buf), 0) != sizeof(frame))
			return "a frame";
	if (!asks(c, CALL("Get", "{\"link\":\"good\"}"), ""))
		return "Get";
	if (!asks(c, CALL("Close", "{\"link\":\"good\"}"), ""))
		return "Close";
	drop_fds(c);
	return NULL;
}

/* Behave until SIGTERM; tell how often, and how long the longest round took. */
static int
cmd_good(int argc, char **argv)
{
	struct client	 c;
	const char	*bad = NULL;
	unsigned int	 rounds = 0;
	double		 start, took, worst = 0;

	(void)argc;
	(void)argv;
	signal(SIGTERM, on_signal);
	dial(&c);
	while (!stopped && bad == NULL) {
		start = now();
		if ((bad = good_round(&c)) == NULL)
			rounds++;
		if ((took = now() - start) > worst)
			worst = took;
		usleep(5000);
	}
	hang_up(&c);
	printf("%u rounds, the longest %.0f ms%s%s\n", rounds, worst * 1000,
	    bad != NULL ? ", failed at " : "", bad != NULL ? bad : "");
	return bad != NULL;
}

/* Each line of the input is a call; each reply a line of the output, after the
 * number of descriptors that came with it. A call with "more" is answered until
 * the stream ends. The descriptors are held until the end of the input. */
static int
cmd_talk(int argc, char **argv)
{
	struct client	 c;
	char		*line = NULL, *text;
	size_t		 size = 0;
	ssize_t		 n;
	unsigned int	 had;
	bool		 more;
	cJSON		*t;

	(void)argc;
	(void)argv;
	dial(&c);
	while ((n = getline(&line, &size, stdin)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!say(&c, line))
			break;
		do {
			had = c.nfds;
			if ((t = hear(&c)) == NULL)
				break;
			more = cJSON_IsTrue(cJSON_GetObjectItem(t,
			    "continues"));
			text = cJSON_PrintUnformatted(t);
			printf("%u %s\n", c.nfds - had, text);
			fflush(stdout);
			cJSON_free(text);
			cJSON_Delete(t);
		} while (more);
	}
	free(line);
	hang_up(&c);
	return 0;
}

/* Send the call ARGV[1] and die. */
static int
cmd_dies(int argc, char **argv)
{
	struct client	c;

	(void)argc;
	dial(&c);
	if (!say(&c, argv[1]))
		die("send");
	hang_up(&c);
	return 0;
}

/* Subscribe and never read, for ARGV[1] seconds or until the daemon ends it. */
static int
cmd_mute(int argc, char **argv)
{
	struct client	c;
	struct pollfd	pfd = { .events = 0 };
	int		n;

	(void)argc;
	dial(&c);
	if (!say(&c, "{\"method\":\"org.fethd.Broker.Watch\",\"more\":true}"))
		die("send");
	printf("watching\n");
	fflush(stdout);
	pfd.fd = c.fd;
	n = poll(&pfd, 1, atoi(argv[1]) * 1000);
	hang_up(&c);
	return n == 1 && (pfd.revents & POLLHUP) ? 0 : 1;
}

/* Open and close ARGV[1] links on one connection. */
static int
cmd_opens(int argc, char **argv)
{
	struct client	c;
	int		i;
	bool		ok = true;

	(void)argc;
	dial(&c);
	for (i = 0; i < atoi(argv[1]) && ok; i++) {
		ok = asks(&c, OPEN(",\"name\":\"opens\",\"labels\":{"
		    "\"one\":\"" "0123456789012345678901234567890123456789\","
		    "\"two\":\"" "0123456789012345678901234567890123456789\"}"),
		    "") && asks(&c, CALL("Close", "{\"link\":\"opens\"}"), "");
		drop_fds(&c);
	}
	hang_up(&c);
	return ok ? 0 : 1;
}

/* A socket of TYPE at PATH. */
static int
bind_at(const char *path, int type)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	int			fd;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if ((fd = socket(AF_UNIX, type, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		die(path);
	return fd;
}

/* What a service manager does: ARGV[1] says what is wrong with it ("right": a
 * listening socket at ARGV[2] as descriptor 3), then run the rest. */
static int
cmd_activate(int argc, char **argv)
{
	const char	*how = argv[1];
	char		 pid[16];
	int		 fd, type = SOCK_STREAM;

	(void)argc;
	if (strcmp(how, "datagram") == 0)
		type = SOCK_DGRAM;
	fd = strcmp(how, "file") == 0 ? open("/dev/null", O_RDWR) :
	    bind_at(argv[2], type);
	if (type == SOCK_STREAM && strcmp(how, "deaf") != 0)
		(void)listen(fd, 16);
	if (fd != 3 && (dup2(fd, 3) == -1 || close(fd) == -1))
		die("descriptor 3");
	snprintf(pid, sizeof(pid), "%ld", (long)getpid() +
	    (strcmp(how, "other") == 0));
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", strcmp(how, "two") == 0 ? "2" : "1", 1);
	execvp(argv[3], argv + 3);
	die(argv[3]);
	return 1;
}

/* Pass our descriptor ARGV[1] to the daemon unasked, and wait until it hangs
 * up. Nobody may end at once who has a descriptor of a file that is stuck. */
static int
cmd_give(int argc, char **argv)
{
	struct client	c;
	bool		ok;

	(void)argc;
	dial(&c);
	put_with_fds(&c, LIST, sizeof(LIST), atoi(argv[1]), 1);
	printf("sent\n");
	fflush(stdout);
	ok = ended(&c);
	printf("%s\n", ok ? "hung up" : "nothing came");
	fflush(stdout);
	return ok ? 0 : 1;
}

/* The service manager's ear: print what is said at ARGV[1], until SIGTERM. */
static int
cmd_notify(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	char		 buf[256];
	ssize_t		 n;
	size_t		 i;
	int		 fd;

	(void)argc;
	sigaction(SIGTERM, &sa, NULL);
	fd = bind_at(argv[1], SOCK_DGRAM);
	while (!stopped && (n = recv(fd, buf, sizeof(buf) - 1, 0)) >= 0) {
		buf[n] = '\0';
		for (i = 0; buf[i] != '\0'; i++)
			if (buf[i] == '\n')
				buf[i] = ' ';
		printf("%s\n", buf);
		fflush(stdout);
	}
	return 0;
}

static const struct {
	const char	*name;
	int		 args;	/* at least, after the socket */
	bool		 socket; /* the first argument is the daemon's */
	int		 (*run)(int argc, char **argv);
} commands[] = {
	{ "cases", 0, false, cmd_cases },
	{ "case", 1, true, cmd_case },
	{ "good", 0, true, cmd_good },
	{ "talk", 0, true, cmd_talk },
	{ "dies", 1, true, cmd_dies },
	{ "mute", 1, true, cmd_mute },
	{ "opens", 1, true, cmd_opens },
	{ "activate", 3, false, cmd_activate },
	{ "notify", 1, false, cmd_notify },
	{ "give", 1, true, cmd_give },
};

int
main(int argc, char **argv)
{
	size_t	i;
	int	skip;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (argc < 2 || strcmp(argv[1], commands[i].name) != 0)
			continue;
		skip = commands[i].socket ? 2 : 1;
		if (argc - skip - 1 < commands[i].args)
			break;
		if (commands[i].socket)
			socket_path = argv[2];
		return commands[i].run(argc - skip, argv + skip);
	}
	fprintf(stderr, "usage: hostile COMMAND [SOCKET] ARGS\n");
	return 2;
}

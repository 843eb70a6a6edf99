/* SPDX-License-Identifier: MIT */
/*
 * libfeth, the connection: connect, one call and its reply, streams of replies,
 * and coming back to a restarted daemon. Links are in links.c, frames in
 * frames.c. The control descriptor is non-blocking; waiting is done in one
 * place, conn_wait. What the daemon sends is not trusted.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "feth_int.h"

#define DEFAULT_TIMEOUT_MS	30000
#define READ_SIZE		16384
#define HINT_START	"is the fethd service running? \"fethc --private\" "\
			"needs none"

static int64_t
conn_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
conn_deadline(const struct feth_conn *c)
{
	return c->timeout_ms < 0 ? -1 : conn_now() + c->timeout_ms;
}

/* Forget what was received, and close the descriptors among it. */
static void
conn_drop_input(struct feth_conn *c)
{
	while (c->nfds > 0)
		wire_close(&c->fds[--c->nfds]);
	c->in_len = c->in_scanned = 0;
}

/* The connection cannot be used any more; links and path stay. */
static void
conn_lose(struct feth_conn *c)
{
	wire_close(&c->fd);
	conn_drop_input(c);
	c->more = NULL;
}

static int
conn_lost(struct feth_conn *c, int errnum, struct feth_error *err)
{
	conn_lose(c);
	return feth_fail(err, FETH_CONNECTION_LOST, errnum, HINT_START,
	    "the connection to the daemon is lost%s%s",
	    errnum != 0 ? ": " : "", errnum != 0 ? strerror(errnum) : "");
}

static int
conn_bad(struct feth_conn *c, const char *what, struct feth_error *err)
{
	conn_lose(c);
	return feth_fail(err, FETH_PROTOCOL, 0,
	    "is something else than fethd listening there?",
	    "the daemon's reply makes no sense: %s", what);
}

/* Wait for EVENTS until DEADLINE (-1: forever). */
static int
conn_wait(struct feth_conn *c, short events, int64_t deadline,
    struct feth_error *err)
{
	struct pollfd pfd = { .fd = c->fd, .events = events };
	int64_t left = -1;
	int n, e;

	do {
		if (deadline >= 0) {
			left = deadline - conn_now();
			if (left < 0)
				left = 0;
		}
		n = poll(&pfd, 1, (int)left);
		e = errno;
	} while (n == -1 && e == EINTR);
	if (n == -1)
		return conn_lost(c, e, err);
	if (n == 0) {
		conn_lose(c);
		return feth_fail(err, FETH_TIMEOUT, 0, NULL,
		    "the daemon did not answer within %d ms", c->timeout_ms);
	}
	return 0;
}

/* connect(2) FD; a full backlog is EAGAIN on a non-blocking Unix socket. */
static int
conn_reach(int fd, const struct sockaddr_un *sun, int64_t deadline)
{
	int e;

	for (;;) {
		if (connect(fd, (const struct sockaddr *)sun,
		    sizeof(*sun)) == 0)
			return 0;
		e = errno;
		if (e == EISCONN)
			return 0;
		if (e != EAGAIN && e != EINTR)
			return -e;
		if (deadline >= 0 && conn_now() > deadline)
			return -e;
		poll(NULL, 0, 10);
	}
}

static int
conn_unreachable(const char *path, int errnum, struct feth_error *err)
{
	return feth_fail(err, FETH_NO_DAEMON, errnum,
	    errnum == EACCES || errnum == EPERM ?
	    "the mode of the socket or of its directory keeps you out" :
	    HINT_START, "cannot reach the daemon at %s: %s", path,
	    strerror(errnum));
}

/* Connect C anew. */
static int
conn_establish(struct feth_conn *c, struct feth_error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, e, r;

	if (strlen(c->path) >= sizeof(sun.sun_path)) {
		return feth_fail(err, FETH_INVALID_ARGUMENT, ENAMETOOLONG, NULL,
		    "the path of the socket has more than %zu bytes",
		    sizeof(sun.sun_path) - 1);
	}
	memcpy(sun.sun_path, c->path, strlen(c->path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1) {
		e = errno;
		return feth_fail(err, FETH_IO, e, NULL, "socket: %s",
		    strerror(e));
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		r = -errno;
	else
		r = conn_reach(fd, &sun, conn_deadline(c));
	if (r < 0) {
		close(fd);
		return conn_unreachable(c->path, -r, err);
	}
	c->fd = fd;
	return 0;
}

static const char *
conn_path(const char *path)
{
	const char *env;

	if (path != NULL)
		return path;
	env = getenv("FETHD_SOCKET");
	if (env != NULL && *env != '\0')
		return env;
	return FETHD_RUNSTATEDIR "/fethd.sock";
}

int
feth_connect(const char *path, struct feth_conn **conn, struct feth_error *err)
{
	struct feth_conn *c;
	int r;

	*conn = NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return feth_fail_memory(err);
	c->fd = -1;
	c->timeout_ms = DEFAULT_TIMEOUT_MS;
	c->path = strdup(conn_path(path));
	if (c->path == NULL)
		r = feth_fail_memory(err);
	else
		r = conn_establish(c, err);
	if (r < 0) {
		feth_disconnect(c);
		return r;
	}
	*conn = c;
	return 0;
}

void
feth_disconnect(struct feth_conn *c)
{
	struct feth_link *l, *next;

	if (c == NULL)
		return;
	for (l = c->links; l != NULL; l = next) {
		next = l->next;
		l->conn = NULL;
		l->next = NULL;
		l->prev = NULL;
	}
	conn_lose(c);
	free(c->in);
	free(c->path);
	free(c);
}

void
feth_set_timeout(struct feth_conn *c, int ms)
{
	c->timeout_ms = ms < 0 ? -1 : ms;
}

int
feth_conn_fd(const struct feth_conn *c)
{
	return c->fd;
}

/* ---- Input ------------------------------------------------------------- */

static int
conn_grow(struct feth_conn *c, struct feth_error *err)
{
	size_t cap;
	char *in;

	if (c->in_cap - c->in_len >= READ_SIZE)
		return 0;
	if (c->in_len > FETH_REPLY_MAX)
		return conn_bad(c, "it is too long", err);
	cap = c->in_cap * 2 + READ_SIZE;
	in = realloc(c->in, cap);
	if (in == NULL) {
		conn_lose(c);
		return feth_fail_memory(err);
	}
	c->in = in;
	c->in_cap = cap;
	return 0;
}

/* Keep the N descriptors of FDS with the input; no reply has more than fit. */
static void
conn_keep_fds(struct feth_conn *c, int *fds, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (c->nfds < WIRE_FDS)
			c->fds[c->nfds++] = wire_take(&fds[i]);
		else
			wire_close(&fds[i]);
	}
}

/* Read once. 1: something came; 0: nothing is there; negative: lost. */
static int
conn_read(struct feth_conn *c, struct feth_error *err)
{
	int fds[WIRE_FDS];
	unsigned int nfds = 0;
	ssize_t n;
	int r;

	r = conn_grow(c, err);
	if (r < 0)
		return r;
	n = wire_recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, fds,
	    &nfds, NULL);
	if (n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR)
		return 0;
	if (n <= 0)
		return conn_lost(c, (int)-n, err);
	conn_keep_fds(c, fds, nfds);
	c->in_len += (size_t)n;
	return 1;
}

/* The length of the first whole message of the input without its NUL, or -1. */
static ssize_t
conn_whole(struct feth_conn *c)
{
	const char *nul;

	if (c->in_len == c->in_scanned)
		return -1;
	nul = memchr(c->in + c->in_scanned, '\0', c->in_len - c->in_scanned);
	if (nul == NULL) {
		c->in_scanned = c->in_len;
		return -1;
	}
	return nul - c->in;
}

/* Take the message of LEN bytes off the input. */
static void
conn_consume(struct feth_conn *c, size_t len)
{
	c->in_len -= len + 1;
	memmove(c->in, c->in + len + 1, c->in_len);
	c->in_scanned = 0;
}

void
feth_reply_clear(struct feth_reply *r)
{
	while (r->nfds > 0)
		wire_close(&r->fds[--r->nfds]);
	cJSON_Delete(r->tree);
	r->tree = NULL;
	r->parameters = NULL;
}

/* The message of LEN bytes at the start of the input, and the descriptors that
 * came so far, become *R: only one reply is awaited at a time. */
static int
conn_take_reply(struct feth_conn *c, size_t len, struct feth_reply *r,
    struct feth_error *err)
{
	const cJSON *error;
	cJSON *empty;
	int code;

	memset(r, 0, sizeof(*r));
	memcpy(r->fds, c->fds, sizeof(r->fds));
	r->nfds = c->nfds;
	c->nfds = 0;
	r->tree = cJSON_ParseWithLengthOpts(c->in, len + 1, NULL, 1);
	conn_consume(c, len);
	if (!cJSON_IsObject(r->tree)) {
		feth_reply_clear(r);
		return conn_bad(c, "it is no JSON object", err);
	}
	r->continues = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r->tree,
	    "continues"));
	r->parameters = cJSON_GetObjectItemCaseSensitive(r->tree, "parameters");
	if (!cJSON_IsObject(r->parameters)) {
		empty = cJSON_CreateObject();
		if (empty == NULL) {
			feth_reply_clear(r);
			return feth_fail_memory(err);
		}
		cJSON_DeleteItemFromObjectCaseSensitive(r->tree, "parameters");
		cJSON_AddItemToObject(r->tree, "parameters", empty);
		r->parameters = empty;
	}
	error = cJSON_GetObjectItemCaseSensitive(r->tree, "error");
	if (!cJSON_IsString(error))
		return 0;
	code = feth_fail_reply(err, error->valuestring, r->parameters);
	feth_reply_clear(r);
	return code;
}

/* Block until the next reply. */
static int
conn_next_reply(struct feth_conn *c, struct feth_reply *r,
    struct feth_error *err)
{
	int64_t deadline = conn_deadline(c);
	ssize_t len;
	int n;

	for (;;) {
		len = conn_whole(c);
		if (len >= 0)
			return conn_take_reply(c, (size_t)len, r, err);
		n = conn_read(c, err);
		if (n == 0)
			n = conn_wait(c, POLLIN, deadline, err);
		if (n < 0)
			return n;
	}
}

/* ---- Calls ------------------------------------------------------------- */

/* The text of a call. Consumes PARAMETERS. NULL: no memory. */
static char *
call_text(const char *method, cJSON *parameters, bool more)
{
	char full[160];
	cJSON *call;
	char *text = NULL;

	snprintf(full, sizeof(full), "%s%s",
	    strchr(method, '.') == NULL ? "org.fethd.Broker." : "", method);
	call = cJSON_CreateObject();
	if (call != NULL && parameters != NULL &&
	    cJSON_AddItemToObject(call, "parameters", parameters)) {
		parameters = NULL;
		if (cJSON_AddStringToObject(call, "method", full) != NULL &&
		    (!more || cJSON_AddTrueToObject(call, "more") != NULL))
			text = cJSON_PrintUnformatted(call);
	}
	cJSON_Delete(parameters);
	cJSON_Delete(call);
	return text;
}

/* Send TEXT and its NUL, and the descriptors with the first byte. */
static int
conn_send(struct feth_conn *c, const char *text, const int *fds,
    unsigned int nfds, struct feth_error *err)
{
	int64_t deadline = conn_deadline(c);
	size_t done = 0, size = strlen(text) + 1;
	ssize_t n;
	int r;

	while (done < size) {
		n = wire_send(c->fd, text + done, size - done, fds,
		    done == 0 ? nfds : 0);
		if (n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR) {
			r = conn_wait(c, POLLOUT, deadline, err);
			if (r < 0)
				return r;
		} else if (n < 0)
			return conn_lost(c, (int)-n, err);
		else
			done += (size_t)n;
	}
	return 0;
}

/* Send a call; consumes PARAMETERS. */
static int
conn_call(struct feth_conn *c, const char *method, cJSON *parameters,
    bool more, const int *fds, unsigned int nfds, struct feth_error *err)
{
	char *text;
	int r;

	if (c->fd == -1 || c->more != NULL) {
		cJSON_Delete(parameters);
		if (c->fd == -1)
			return conn_lost(c, 0, err);
		return feth_fail(err, FETH_STREAMING, 0,
		    "open a second connection for it",
		    "the connection is taken by a stream of replies");
	}
	text = call_text(method, parameters, more);
	if (text == NULL)
		return feth_fail_memory(err);
	/* Nobody asked for what may be left; it must not be the reply. */
	conn_drop_input(c);
	r = conn_send(c, text, fds, nfds, err);
	cJSON_free(text);
	return r;
}

int
feth_call_tree(struct feth_conn *c, const char *method, cJSON *parameters,
    const int *fds, unsigned int nfds, struct feth_reply *r,
    struct feth_error *err)
{
	int code;

	memset(r, 0, sizeof(*r));
	code = conn_call(c, method, parameters, false, fds, nfds, err);
	if (code < 0)
		return code;
	return conn_next_reply(c, r, err);
}

/* TEXT (NULL: {}) as an object. */
static int
call_parameters(const char *text, cJSON **parameters, struct feth_error *err)
{
	*parameters = text == NULL ? cJSON_CreateObject() :
	    cJSON_ParseWithOpts(text, NULL, 1);
	if (cJSON_IsObject(*parameters))
		return 0;
	cJSON_Delete(*parameters);
	if (text == NULL)
		return feth_fail_memory(err);
	return feth_fail(err, FETH_INVALID_ARGUMENT, 0, NULL,
	    "the parameters are no JSON object");
}

int
feth_call(struct feth_conn *c, const char *method, const char *parameters,
    char **reply, struct feth_error *err)
{
	struct feth_reply r;
	cJSON *tree;
	int code;

	if (reply != NULL)
		*reply = NULL;
	code = call_parameters(parameters, &tree, err);
	if (code < 0)
		return code;
	code = feth_call_tree(c, method, tree, NULL, 0, &r, err);
	if (code < 0)
		return code;
	if (reply != NULL) {
		*reply = cJSON_PrintUnformatted(r.parameters);
		if (*reply == NULL)
			code = feth_fail_memory(err);
	}
	feth_reply_clear(&r);
	return code;
}

int
feth_more(struct feth_conn *c, const char *method, const char *parameters,
    feth_reply_fn *fn, void *arg, struct feth_error *err)
{
	cJSON *tree;
	int code;

	code = call_parameters(parameters, &tree, err);
	if (code < 0)
		return code;
	code = conn_call(c, method, tree, true, NULL, 0, err);
	if (code < 0)
		return code;
	c->more = fn;
	c->more_arg = arg;
	return 0;
}

/* Hand the message of LEN bytes to the stream's function. */
static int
conn_deliver(struct feth_conn *c, size_t len, struct feth_error *err)
{
	feth_reply_fn *fn = c->more;
	struct feth_reply r;
	char *text;
	int code;

	if (fn == NULL)
		return conn_bad(c, "nobody asked for it", err);
	code = conn_take_reply(c, len, &r, err);
	if (code < 0) {
		c->more = NULL;
		return code;
	}
	if (!r.continues)
		c->more = NULL;
	text = cJSON_PrintUnformatted(r.parameters);
	if (text == NULL)
		code = feth_fail_memory(err);
	else
		fn(text, r.continues, c->more_arg);
	cJSON_free(text);
	feth_reply_clear(&r);
	return code;
}

int
feth_dispatch(struct feth_conn *c, struct feth_error *err)
{
	ssize_t len;
	int n, count = 0;

	if (c->fd == -1)
		return conn_lost(c, 0, err);
	/* Replies that came before the end of the connection are delivered; the
	 * next call tells of the end. */
	n = conn_read(c, err);
	if (n < 0)
		return n;
	while ((len = conn_whole(c)) >= 0) {
		n = conn_deliver(c, (size_t)len, err);
		if (n < 0)
			return n;
		count++;
	}
	return count;
}

int
feth_reconnect(struct feth_conn *c, struct feth_error *err)
{
	struct feth_link *l;
	int r, lost = 0;

	conn_lose(c);
	r = conn_establish(c, err);
	if (r < 0)
		return r;
	for (l = c->links; l != NULL; l = l->next) {
		if (l->gone)
			continue;
		r = feth_link_resume(l, err);
		if (c->fd == -1)
			return r;
		if (r < 0) {
			l->gone = true;
			lost++;
		}
	}
	return lost;
}

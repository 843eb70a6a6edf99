/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stream.h.
 */
#include <stdio.h>

#include "print.h"
#include "stream.h"

struct stream {
	const struct args *a;
	stream_print_fn	*print;
	long		left;		/* replies; -1: no limit */
	bool		over;
};

static void
stream_reply(const char *parameters, bool continues, void *arg)
{
	struct stream *s = arg;
	cJSON *t;

	if (!continues)
		s->over = true;
	if (s->left == 0)
		return;
	if (s->left > 0)
		s->left--;
	if (s->a->json)
		print_json(parameters);
	else {
		t = cJSON_Parse(parameters);
		s->print(t);
		cJSON_Delete(t);
		fflush(stdout);
	}
}

/* Replies until the stream's end. */
static int
stream_loop(struct stream *s, struct feth_conn *conn)
{
	int64_t deadline = wait_now() + s->a->timeout_ms;
	struct feth_error err;
	long left = -1;
	int fd;

	while (!s->over && s->left != 0 && wait_ended() == 0) {
		if (s->a->timeout_ms > 0) {
			left = (long)(deadline - wait_now());
			if (left <= 0)
				return EXIT_DONE;
		}
		fd = feth_conn_fd(conn);
		if ((wait_for(&fd, 1, left) & 1) == 0)
			continue;
		if (feth_dispatch(conn, &err) < 0)
			return failed(s->a, &err);
	}
	return EXIT_DONE;
}

int
stream_run(const struct args *a, const char *method, const char *parameters,
    stream_print_fn *print)
{
	struct stream s = { .a = a, .print = print, .left = a->count };
	struct feth_conn *conn;
	struct feth_error err;
	int r;

	r = connect_daemon(a, &conn);
	if (r != EXIT_DONE)
		return r;
	if (wait_init() < 0)
		r = EXIT_REFUSED;
	else if (feth_more(conn, method, parameters, stream_reply, &s,
	    &err) < 0)
		r = failed(a, &err);
	else
		r = stream_loop(&s, conn);
	feth_disconnect(conn);
	return r;
}

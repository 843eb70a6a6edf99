/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command of fethc comes to a link: by the options that describe a new
 * one, or by the name of one that exists; and how a fresh link is shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fethc.h"
#include "print.h"
#include "stack.h"

/* The kinds of both ends, and the end that --address is about. */
static const struct {
	enum feth_end_kind kind[2];
	int		near;
} layouts[] = {
	[KIND_HOST] = { { FETH_PORT, FETH_HOST }, 1 },
	[KIND_PAIR] = { { FETH_PORT, FETH_PORT }, 0 },
	[KIND_WIRE] = { { FETH_HOST, FETH_HOST }, 0 },
};

static int
port_labels(const struct args *a, struct port_spec *s)
{
	unsigned int i;
	char *eq;

	for (i = 0; i < a->labels.n; i++) {
		snprintf(s->text[i], sizeof(s->text[i]), "%s", a->labels.v[i]);
		eq = strchr(s->text[i], '=');
		if (eq == NULL || strlen(a->labels.v[i]) >= sizeof(s->text[i]))
			return usage_error("--label takes KEY=VALUE");
		*eq = '\0';
		s->labels[i].key = s->text[i];
		s->labels[i].value = eq + 1;
	}
	s->spec.labels = s->labels;
	return EXIT_DONE;
}

int
port_spec(const struct args *a, const char *name, struct port_spec *s)
{
	int kind = a->kind != KIND_NONE ? a->kind : KIND_HOST, near, i;
	struct feth_end_spec *end = s->spec.end;

	memset(s, 0, sizeof(*s));
	near = layouts[kind].near;
	s->spec.size = sizeof(s->spec);
	s->spec.name = name;
	s->spec.mtu = (unsigned int)a->mtu;
	s->spec.lease = a->named ? FETH_NAMED : FETH_SESSION;
	s->spec.dry_run = a->dry_run;
	for (i = 0; i < 2; i++) {
		end[i].kind = layouts[kind].kind[i];
		if (end[i].kind != FETH_PORT)
			continue;
		end[i].port_class = (enum feth_class)a->port_class;
		end[i].offloads = (unsigned int)a->offloads;
		if (a->leave)
			end[i].take = FETH_TAKE_NO;
	}
	end[0].mac = a->mac;
	end[1].mac = a->peer_mac;
	end[1].netns = a->netns;
	end[near].addresses = a->addresses.v;
	end[1 - near].addresses = a->peer_addresses.v;
	return port_labels(a, s);
}

int
port_open(const struct args *a, const char *name, struct feth_conn **conn,
    struct feth_link **link)
{
	struct port_spec s;
	struct feth_error err;
	int r;

	*conn = NULL;
	*link = NULL;
	r = port_spec(a, name, &s);
	if (r == EXIT_DONE)
		r = connect_daemon(a, conn);
	if (r != EXIT_DONE)
		return r;
	if (feth_open(*conn, &s.spec, link, &err) == 0)
		return EXIT_DONE;
	r = failed(a, &err);
	feth_disconnect(*conn);
	*conn = NULL;
	return r;
}

static int
port_attach(const struct args *a, struct feth_conn **conn,
    struct feth_link **link)
{
	struct feth_error err;
	int r;

	*conn = NULL;
	*link = NULL;
	r = connect_daemon(a, conn);
	if (r != EXIT_DONE)
		return r;
	if (feth_attach(*conn, a->argv[0], (int)a->end,
	    (enum feth_class)a->port_class, link, &err) == 0)
		return EXIT_DONE;
	r = failed(a, &err);
	feth_disconnect(*conn);
	*conn = NULL;
	return r;
}

/* A link without a port of ours is of no use to a command about frames. */
static int
port_check(struct feth_conn **conn, struct feth_link **link)
{
	if (feth_fd(*link, FETH_MINE) != -1)
		return EXIT_DONE;
	port_free(*conn, *link);
	*conn = NULL;
	*link = NULL;
	return usage_error("this kind of link has no port for a program");
}

int
port_get(const struct args *a, struct feth_conn **conn,
    struct feth_link **link)
{
	int r;

	if (a->kind != KIND_NONE)
		r = port_open(a, a->argc > 0 ? a->argv[0] : NULL, conn, link);
	else if (a->argc > 0)
		r = port_attach(a, conn, link);
	else
		return usage_error("name a link, or make one with --host or "
		    "--pair");
	return r == EXIT_DONE ? port_check(conn, link) : r;
}

void
port_free(struct feth_conn *conn, struct feth_link *link)
{
	feth_free(link);
	feth_disconnect(conn);
}

const char *
port_address(const struct feth_link *link, int end, int family)
{
	const char *const *v = feth_addresses(link, end);
	struct stack_addr a;

	for (; *v != NULL; v++) {
		if (stack_addr(*v, &a) && (family == 0 || family == a.family))
			return *v;
	}
	return "";
}

/* ---- Show -------------------------------------------------------------- */

static void
port_print_end(const struct feth_link *link, int end)
{
	const char *const *v = feth_addresses(link, end);
	bool host = feth_end_kind(link, end) == FETH_HOST;

	printf("end %d     %s ", end, host ? "host" : "port");
	print_text(stdout, host ? feth_interface(link, end) :
	    feth_class_name(link, end));
	printf("  mac ");
	print_text(stdout, feth_mac(link, end));
	for (; *v != NULL; v++) {
		printf("  ");
		print_text(stdout, *v);
	}
	printf("%s\n", feth_fd(link, end) != -1 ? "  (held here)" : "");
}

int
port_print(const struct args *a, const struct feth_link *link)
{
	char buf[32], *json;

	if (a->json) {
		json = feth_json(link);
		if (json != NULL)
			print_json(json);
		free(json);
		return json != NULL ? EXIT_DONE : EXIT_REFUSED;
	}
	print_pair("link", feth_name(link));
	print_pair("id", feth_id(link));
	print_pair("kind", feth_kind(link));
	snprintf(buf, sizeof(buf), "%u", feth_mtu(link));
	print_pair("mtu", buf);
	port_print_end(link, 0);
	port_print_end(link, 1);
	fflush(stdout);
	return EXIT_DONE;
}

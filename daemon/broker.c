/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's start order, event loop and stop order. main.c calls it when
 * there is no warden, the warden in a child without privilege otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "backend.h"
#include "broker.h"
#include "capture_open.h"
#include "capture_relay.h"
#include "conf.h"
#include "conn.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "plat.h"
#include "policy.h"
#include "relay.h"
#include "relayed.h"
#include "reap.h"
#include "server.h"
#include "sift.h"
#include "vlink.h"
#include "warden_call.h"
#include "wire.h"

struct broker {
	struct fethd		 d;
	const struct broker_conf *conf;
	int			 listen_fd;
	struct event		*signals[3];
	struct event		*exit_event;
	int			 code;
};

/* Without a warden the policy file is read here, with the caller's rights. */
static int
load_policy(struct broker *b)
{
	struct policy	*p;
	const char	*path = b->conf->conf;
	char		 err[512];
	int		 fd, rv;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && (errno != ENOENT || !b->conf->conf_optional)) {
		rv = -errno;
		log_warn("%s", path);
		return rv;
	}
	if ((p = malloc(sizeof(*p))) == NULL) {
		wire_close(&fd);
		return -ENOMEM;
	}
	rv = conf_load(path, fd, p, err, sizeof(err));
	wire_close(&fd);
	if (rv != 0) {
		log_warnx("%s", err);
		free(p);
		return rv;
	}
	free(b->d.policy);
	b->d.policy = p;
	log_info("policy in force: %s, %u rules", p->file, p->nrules);
	return 0;
}

/* A warden speaks for itself. */
static void
tell_manager(const struct broker *b, const char *state)
{
	if (b->d.warden == NULL)
		plat_notify(state);
}

static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct broker	*b = arg;

	(void)sig;
	(void)what;
	tell_manager(b, "STOPPING=1");
	b->code = 0;
	event_base_loopbreak(b->d.base);
}

static void
on_hup(evutil_socket_t sig, short what, void *arg)
{
	struct broker	*b = arg;

	(void)sig;
	(void)what;
	/* With a warden, SIGHUP is for the warden. */
	if (b->d.warden != NULL)
		return;
	tell_manager(b, "RELOADING=1");
	if (load_policy(b) != 0)
		log_warnx("the old policy stays in force");
	tell_manager(b, "READY=1");
}

/* Links are restored and the policy is there: clients may come. */
static void
serve(struct fethd *d)
{
	struct broker	*b = (struct broker *)d;
	int		 rv;

	if ((rv = server_start(d, b->listen_fd)) != 0) {
		log_warnx("cannot accept connections: %s", strerror(-rv));
		b->code = 1;
		event_base_loopbreak(d->base);
		return;
	}
	reap_start(d);
	if (b->conf->ready != NULL)
		b->conf->ready(b->conf->ready_arg);
}

static int
add_signals(struct broker *b)
{
	static const struct {
		int	signal;
		void	(*run)(evutil_socket_t, short, void *);
	} rows[] = {
		{ SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_hup },
	};
	int	i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < 3; i++) {
		b->signals[i] = evsignal_new(b->d.base, rows[i].signal,
		    rows[i].run, b);
		if (b->signals[i] == NULL || event_add(b->signals[i], NULL))
			return -ENOMEM;
	}
	if (b->conf->exit_fd == -1)
		return 0;
	b->exit_event = event_new(b->d.base, b->conf->exit_fd, EV_READ,
	    on_stop, b);
	if (b->exit_event == NULL || event_add(b->exit_event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

static void
broker_clear(struct broker *b)
{
	struct fethd	*d = &b->d;
	struct vlink	*l;
	uint32_t	 i = 0;
	int		 n;

	d->stopping = true;
	if (d->server != NULL)
		server_stop(d);
	/* What the warden keeps is not to be ended by us: neither the ports of
	 * the relay, nor what the channel is for. */
	if (d->warden != NULL)
		relay_keep(d->relay);
	wcall_stop(d);
	while (d->conns != NULL)
		conn_free(d->conns, "the daemon stops");
	sift_end();
	reap_go_on(d);
	if (d->links != NULL)
		while ((l = vlink_next(d, &i)) != NULL)
			vlink_free(l);
	reap_stop(d);
	relayed_end(d);
	rcapture_end_all(d);
	capture_forget_all(d);
	vlink_table_free(d->links);
	free(d->policy);
	for (n = 0; n < 3; n++)
		if (b->signals[n] != NULL)
			event_free(b->signals[n]);
	if (b->exit_event != NULL)
		event_free(b->exit_event);
	if (d->base != NULL)
		event_base_free(d->base);
}

static int
broker_start(struct broker *b, int *channel)
{
	struct fethd	*d = &b->d;
	int		 rv;

	if ((d->base = event_base_new()) == NULL ||
	    (d->links = vlink_table_new()) == NULL)
		return -ENOMEM;
	if ((rv = haste_start()) != 0 || (rv = add_signals(b)) != 0)
		return rv;
	if (*channel != -1) {
		/* The warden's policy comes before its READY. */
		if ((d->policy = malloc(sizeof(*d->policy))) == NULL)
			return -ENOMEM;
		policy_builtin(d->policy, (gid_t)-1);
		return wcall_start(d, wire_take(channel), serve);
	}
	if ((rv = load_policy(b)) != 0)
		return rv;
	serve(d);
	return 0;
}

int
broker_run(int channel, int listen_fd, void *arg)
{
	struct broker	b;
	int		rv;

	memset(&b, 0, sizeof(b));
	b.conf = arg;
	b.listen_fd = listen_fd;
	b.d.backend = b.conf->backend;
	memcpy(b.d.key, b.conf->key, sizeof(b.d.key));
	if ((rv = broker_start(&b, &channel)) != 0) {
		log_warnx("cannot start: %s", strerror(-rv));
		b.code = 1;
	} else {
		event_base_dispatch(b.d.base);
	}
	wire_close(&channel);
	broker_clear(&b);
	return b.code;
}

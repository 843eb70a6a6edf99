/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture processes: one for each capture of a link with interfaces, forked
 * from the warden's own image as the others of warden_child.c are. The warden
 * opens the socket that sees the frames, and never hands it to the broker, which
 * could listen to the whole machine with it. The process has that socket and the
 * reader's, drops every privilege, and then may only receive from the one and
 * write to the other (backend.capture_run).
 *
 * A capture outlives a broker; it ends with its reader or its link. Called by
 * warden.c and warden_link.c. Nothing here waits for a reader, but for the half
 * second that the stop of the daemon gives them.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "clock.h"
#include "log.h"
#include "plat.h"
#include "warden_int.h"
#include "wire.h"

#define STOP_MS		500

static void __attribute__((noreturn))
capture_child(struct warden *w, const struct capture_conf *conf,
    const int fds[2])
{
	static struct capture	c;
	char			root[256];
	int			error;

	snprintf(root, sizeof(root), "%s/empty", w->conf->rundir);
	if ((error = child_fds(fds)) == 0 &&
	    (error = plat_drop_privileges(w->conf->uid, w->conf->gid, root))
	    == 0 && (error = capture_start(&c, CHILD_FD + 1,
	    clock_ns(CLOCK_REALTIME), conf)) == 0)
		error = w->conf->backend->capture_run(CHILD_FD, &c);
	if (error != 0)
		log_warnx("cannot capture: %s", strerror(-error));
	_exit(error != 0);
}

static struct wcapture *
wcapture_free_row(struct warden *w)
{
	unsigned int	i;

	for (i = 0; i < WARDEN_CAPTURES; i++)
		if (w->captures[i].pid == 0)
			return &w->captures[i];
	return NULL;
}

/* The first descriptor: a stream socket, connected, which will not block us. */
static bool
is_stream(int fd)
{
	struct sockaddr_storage	ss;
	socklen_t		size = sizeof(int), len = sizeof(ss);
	int			type;

	memset(&ss, 0, sizeof(ss));
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	    type == SOCK_STREAM &&
	    getpeername(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    ss.ss_family == AF_UNIX &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

/* The program of M to PROG, which has room for BOUND_FILTER. */
static int
filter_get(const struct wm_msg *m, int fd, struct cbpf_insn *prog)
{
	const char	*why;
	unsigned int	 at;
	int		 error;

	if (m->insns == 0)
		return 0;
	if ((error = plat_sealed_read(fd, prog, m->insns * sizeof(*prog))) != 0)
		return error;
	return cbpf_check(prog, m->insns, &at, &why);
}

/* Open and fork. 0 and *NUMBER, or -errno and *OP. */
static int
wcapture_make(struct warden *w, const struct wm_msg *m, const int *fds,
    uint32_t *number, enum wm_op *op)
{
	static struct cbpf_insn	 prog[BOUND_FILTER];
	struct capture_conf	 conf = { .snaplen = m->snaplen,
	    .invert = (m->flags & WMF_INVERT) != 0, .prog = prog,
	    .ninsns = m->insns };
	struct wlink		*l = w->links[m->slot];
	struct wcapture		*row;
	int			 error, child[2] = { -1, fds[0] };

	*op = WM_OP_CAPTURE;
	if (l == NULL || l->cable.closing || l->cable.kind == LINK_PAIR)
		return -ENODEV;
	if ((row = wcapture_free_row(w)) == NULL)
		return -ENFILE;
	*op = WM_OP_FILTER;
	if ((error = filter_get(m, fds[1], prog)) != 0 ||
	    (error = w->conf->backend->capture(&l->cable, prog, m->insns,
	    m->snaplen, &child[0], op)) != 0)
		return error;
	*op = WM_OP_FORK;
	if ((row->pid = child_fork("capture")) == 0)
		capture_child(w, &conf, child);
	if (row->pid == -1) {
		error = -errno;
		row->pid = 0;
	} else {
		row->slot = m->slot;
		if (++w->capture_number == 0)
			w->capture_number = 1;
		row->number = *number = w->capture_number;
	}
	wire_close(&child[0]);
	return error;
}

bool
wcapture_request(struct warden *w, const struct wm_msg *m, int *fds,
    unsigned int nfds)
{
	struct wm_msg	r;
	enum wm_op	op = WM_OP_NONE;
	int		error;

	if (w->conf->backend->capture == NULL || m->slot >= BOUND_SLOTS ||
	    (m->flags & ~(uint32_t)WMF_INVERT) != 0 ||
	    m->snaplen < BOUND_SNAPLEN_MIN || m->snaplen > BOUND_SNAPLEN_MAX ||
	    m->insns > BOUND_FILTER || nfds != 1U + (m->insns > 0) ||
	    !is_stream(fds[0]))
		return false;
	memset(&r, 0, sizeof(r));
	r.type = WM_CAPTURED;
	r.seq = m->seq;
	r.slot = m->slot;
	error = wcapture_make(w, m, fds, &r.capture, &op);
	r.error = -error;
	r.op = error != 0 ? op : WM_OP_NONE;
	broker_send(w, &r, NULL, 0);
	return true;
}

void
wcapture_link_gone(struct warden *w, uint32_t slot)
{
	unsigned int	i;

	for (i = 0; i < WARDEN_CAPTURES; i++)
		if (w->captures[i].pid != 0 && w->captures[i].slot == slot)
			(void)kill(w->captures[i].pid, SIGTERM);
}

static void
wcapture_over(struct warden *w, struct wcapture *row, int status)
{
	struct wm_msg	m;

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		log_warnx("the capture process %ld of slot %u ended with "
		    "status 0x%x", (long)row->pid, row->slot, status);
	row->pid = 0;
	memset(&m, 0, sizeof(m));
	m.type = WM_CAPTURE_END;
	m.slot = row->slot;
	m.capture = row->number;
	broker_send(w, &m, NULL, 0);
}

void
wcapture_reap(struct warden *w)
{
	unsigned int	i;
	int		status;

	for (i = 0; i < WARDEN_CAPTURES; i++)
		if (w->captures[i].pid != 0 && waitpid(w->captures[i].pid,
		    &status, WNOHANG) == w->captures[i].pid)
			wcapture_over(w, &w->captures[i], status);
}

static unsigned int
wcapture_left(struct warden *w)
{
	unsigned int	i, n = 0;

	wcapture_reap(w);
	for (i = 0; i < WARDEN_CAPTURES; i++)
		n += w->captures[i].pid != 0;
	return n;
}

void
wcapture_stop(struct warden *w)
{
	int64_t		end = clock_ms() + STOP_MS;
	unsigned int	i;

	while (wcapture_left(w) > 0) {
		for (i = 0; i < WARDEN_CAPTURES && clock_ms() >= end; i++)
			if (w->captures[i].pid != 0)
				(void)kill(w->captures[i].pid, SIGKILL);
		(void)poll(NULL, 0, 10);
	}
}

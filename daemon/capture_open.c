/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture: parameters -> can it be seen -> quota -> a stream whose start is
 * written here -> who writes the rest -> reply. The frames of a relayed link are
 * written by a thread (capture_relay.c), those of another link with interfaces
 * by a process of the warden's (warden_capture.c), which comes back through
 * warden_call.c. Called by request.c.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "capture.h"
#include "capture_open.h"
#include "capture_relay.h"
#include "cbpf.h"
#include "conn.h"
#include "fethd.h"
#include "haste.h"
#include "log.h"
#include "pcapng.h"
#include "plat.h"
#include "reply.h"
#include "vlink.h"
#include "warden_call.h"
#include "wire.h"

/* A capture, from the request until its end. */
struct captured {
	struct captured	*next;
	uint32_t	uid;		/* who captures */
	uint64_t	link;		/* id */
	uint32_t	seq;		/* of the CAPTURE that waits; 0: none */
	uint32_t	number;		/* the warden's; 0: none (yet) */
	const struct rcapture *relay;	/* of a relayed link, or NULL */
	struct request	*req;		/* that waits, or NULL */
	int		reader;		/* for its reply, or -1 */
};

/* Parameters. */

#define F(s, f)	.offset = offsetof(struct s, f)

static const struct param insn_fields[] = {
	{ .name = "code", .type = PARAM_INT, .required = true,
	  F(insn_param, code), .max = UINT16_MAX },
	{ .name = "jt", .type = PARAM_INT, .required = true,
	  F(insn_param, jt), .max = UINT8_MAX },
	{ .name = "jf", .type = PARAM_INT, .required = true,
	  F(insn_param, jf), .max = UINT8_MAX },
	{ .name = "k", .type = PARAM_INT, .required = true,
	  F(insn_param, k), .max = UINT32_MAX },
	{ .name = NULL }
};

const struct param capture_params[] = {
	P_LINK,
	{ .name = "end", .type = PARAM_INT, F(capture_params, end), .max = 1,
	  .given_offset = offsetof(struct capture_params, given) },
	{ .name = "snaplen", .type = PARAM_INT, F(capture_params, snaplen),
	  .min = BOUND_SNAPLEN_MIN, .max = BOUND_SNAPLEN_MAX },
	{ .name = "filter", .type = PARAM_STRUCTS, F(capture_params, filter),
	  .size = sizeof(struct insn_param), .min = 1, .max = BOUND_FILTER,
	  .count_offset = offsetof(struct capture_params, nfilter),
	  .fields = insn_fields, .varlink = "Instruction" },
	{ .name = NULL }
};

void
capture_init(void *params)
{
	((struct capture_params *)params)->snaplen = BOUND_SNAPLEN_MAX;
}

/* The table. */

static struct captured *
captured_new(struct fethd *d, uint32_t uid, uint64_t link)
{
	struct captured	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->uid = uid;
	c->link = link;
	c->reader = -1;
	c->next = d->captures;
	d->captures = c;
	return c;
}

static void
captured_free(struct fethd *d, struct captured *c)
{
	struct captured	**p;

	for (p = &d->captures; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	haste_close(&c->reader);
	free(c);
}

void
capture_forget_all(struct fethd *d)
{
	while (d->captures != NULL)
		captured_free(d, d->captures);
}

/* The refusals. Each returns true when it has answered. */

static bool
refuse_state(struct request *req, const char *name)
{
	switch (req->link->state) {
	case LINK_OPENING:
		reply_error(req, ERR_BUSY, (int64_t)100);
		return true;
	case LINK_CLOSING:
	case LINK_GONE:
		reply_error(req, ERR_NO_SUCH_LINK, name);
		return true;
	default:
		return false;
	}
}

/* By the kind of a link whose frames the daemon does not see. */
static const char *const	unseen_hints[] = {
	[LINK_HOST] = "open it with --class socket or --class stream, or look "
	    "at its interface as root (tcpdump -i)",
	[LINK_WIRE] = "look at one of its two interfaces as root (tcpdump -i)",
	[LINK_PAIR] = "the two programs of a pair link share one socket pair; "
	    "open it relayed (--relay)",
};

static bool
refuse_unseen(struct request *req)
{
	const struct fethd	*d = req->conn->d;

	if (req->link->relay != NULL ||
	    (vlink_is_kernel(&req->link->rec.spec) &&
	    d->backend->capture != NULL))
		return false;
	reply_error(req, ERR_UNSUPPORTED, "to capture a link whose frames do "
	    "not pass the daemon", d->backend->name,
	    unseen_hints[req->link->rec.spec.kind]);
	return true;
}

static bool
refuse_quota(struct request *req)
{
	const struct captured	*c;
	uint32_t		 uid = req->conn->peer.uid;
	int64_t			 own = 0, others = 0;

	for (c = req->conn->d->captures; c != NULL; c = c->next) {
		own += c->uid == uid;
		others += c->uid != 0;
	}
	if (own >= BOUND_CAPTURES_UID)
		reply_error(req, ERR_QUOTA_EXCEEDED, "captures",
		    (int64_t)BOUND_CAPTURES_UID, own, "built-in");
	else if (uid != 0 && others >= BOUND_CAPTURES)
		reply_error(req, ERR_QUOTA_EXCEEDED, "captures of all users",
		    (int64_t)BOUND_CAPTURES, others, "built-in");
	else
		return false;
	log_info("refused: uid %u has %lld captures, all users but root "
	    "%lld", (unsigned int)uid, (long long)own, (long long)others);
	return true;
}

/* The filter of P to PROG. */
static bool
refuse_filter(struct request *req, const struct capture_params *p,
    struct cbpf_insn *prog)
{
	char		 field[32] = "filter";
	const char	*why;
	unsigned int	 i, at;

	for (i = 0; i < p->nfilter; i++)
		prog[i] = (struct cbpf_insn){ (uint16_t)p->filter[i].code,
		    (uint8_t)p->filter[i].jt, (uint8_t)p->filter[i].jf,
		    (uint32_t)p->filter[i].k };
	if (p->nfilter == 0 || cbpf_check(prog, p->nfilter, &at, &why) == 0)
		return false;
	if (at < p->nfilter)
		snprintf(field, sizeof(field), "filter[%u]", at);
	reply_error(req, ERR_INVALID_SPEC, field, why);
	return true;
}

/* The stream. */

/* Whose view: the host's, else that of end 0. */
static int
view_of(const struct capture_params *p, const struct link_spec *s)
{
	if (p->given)
		return (int)p->end;
	return s->kind == LINK_HOST && s->end[1].kind == END_HOST ? 1 : 0;
}

/* Write what the link is called and its end EYE to OUT. */
static int
write_start(const struct vlink *l, int eye, uint32_t snaplen, int out)
{
	const struct link_spec	*s = &l->rec.spec;
	struct pcapng_if	 i = { .name = s->name, .snaplen = snaplen };
	uint8_t			 buf[PCAPNG_START_MAX];
	char			 text[160], ifname[32] = "";
	ssize_t			 n;
	size_t			 size;

	if (s->end[eye].kind == END_HOST)
		backend_ifname(l->slot, vlink_side(s, eye), ifname);
	snprintf(text, sizeof(text), "end %d of the %s link @%llu of uid %u, "
	    "MTU %u%s%s", eye, link_kind_names[s->kind],
	    (unsigned long long)l->rec.id, l->rec.uid, s->mtu,
	    *ifname != '\0' ? ", interface " : "", ifname);
	i.description = text;
	memcpy(i.mac, s->end[eye].mac, sizeof(i.mac));
	size = pcapng_start(buf, "fethd " FETHD_VERSION, &i);
	n = wire_send(out, buf, size, NULL, 0);
	return n == (ssize_t)size ? 0 : n < 0 ? (int)n : -ENOBUFS;
}

/* A pair of stream sockets: *READER is for the client, *OUT for who writes. */
static int
stream_make(int *reader, int *out)
{
	int	fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
		return -errno;
	*reader = fd[0];
	*out = fd[1];
	if (fcntl(*reader, F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(*out, F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(*out, F_SETFL, O_NONBLOCK) == 0)
		return 0;
	wire_close(reader);
	wire_close(out);
	return -EMFILE;
}

/* Hand OUT, and the program, to the warden. */
static int
ask_warden(struct vlink *l, struct captured *c, int eye,
    const struct capture_params *p, const struct cbpf_insn *prog, int out)
{
	int	fds[2] = { out, -1 }, error;

	if (p->nfilter > 0 && (fds[1] = plat_sealed(prog,
	    p->nfilter * sizeof(*prog))) < 0)
		return fds[1];
	error = wcall_capture(l, vlink_side(&l->rec.spec, eye) != 0,
	    (uint32_t)p->snaplen, p->nfilter, fds, &c->seq);
	wire_close(&fds[1]);
	return error;
}

static void
reply_captured(struct captured *c, struct request *req)
{
	cJSON	*out = cJSON_CreateObject();
	int	 fd = wire_take(&c->reader);

	log_info("link @%llu: a capture is given to uid %u pid %ld",
	    (unsigned long long)c->link, c->uid, (long)req->conn->peer.pid);
	c->req = NULL;
	cJSON_AddNumberToObject(out, "fd", 0);
	reply_done(req, out, &fd, 1);
}

static void
captured_over(struct fethd *d, struct captured *c)
{
	log_info("link @%llu: a capture of uid %u is over",
	    (unsigned long long)c->link, c->uid);
	captured_free(d, c);
}

/* A relayed link: 0, and the reply goes; or -errno. OUT moves. */
static int
start_relayed(struct request *req, struct captured *c, int eye,
    const struct capture_params *p, const struct cbpf_insn *prog, int *out)
{
	struct capture_conf	 conf = { .snaplen = (uint32_t)p->snaplen,
	    .prog = prog, .ninsns = p->nfilter };
	struct rcapture		*r;
	int			 error;

	error = rcapture_start(req->link, eye, wire_take(out), &conf, &r);
	if (error != 0)
		return error;
	c->relay = r;
	reply_captured(c, req);
	return 0;
}

static int
start_warden(struct request *req, struct captured *c, int eye,
    const struct capture_params *p, const struct cbpf_insn *prog, int *out)
{
	int	error = ask_warden(req->link, c, eye, p, prog, *out);

	if (error != 0)
		return error;
	c->req = req;
	req->link = NULL;	/* it may go before the answer comes */
	return 0;
}

static void
refuse_system(struct request *req, enum wm_op op, int error)
{
	reply_error(req, ERR_BACKEND_FAILED, wm_op_names[op], (int64_t)error,
	    strerror(error));
}

void
capture_run(struct request *req, void *params)
{
	static struct cbpf_insn	 prog[BOUND_FILTER];
	const struct capture_params *p = params;
	struct fethd		*d = req->conn->d;
	struct vlink		*l = req->link;
	struct captured		*c;
	int			 eye = view_of(p, &l->rec.spec), out, error;

	if (refuse_state(req, p->l.link) || refuse_unseen(req) ||
	    refuse_filter(req, p, prog) || refuse_quota(req))
		return;
	if ((c = captured_new(d, req->conn->peer.uid, l->rec.id)) == NULL) {
		reply_error(req, ERR_BUSY, (int64_t)1000);
		return;
	}
	if ((error = stream_make(&c->reader, &out)) == 0) {
		error = write_start(l, eye, (uint32_t)p->snaplen, out);
		if (error == 0)
			error = (l->relay != NULL ? start_relayed :
			    start_warden)(req, c, eye, p, prog, &out);
		haste_close(&out);
	}
	if (error == 0)
		return;
	captured_free(d, c);
	refuse_system(req, WM_OP_CAPTURE, -error);
}

/* The warden comes back. */

void
capture_answered(struct fethd *d, const struct wm_msg *m)
{
	struct captured	*c;
	struct request	*req;
	char		 id[24];

	for (c = d->captures; c != NULL; c = c->next)
		if (c->seq != 0 && c->seq == m->seq)
			break;
	if (c == NULL)
		return;
	c->seq = 0;
	c->number = m->capture;
	req = c->req;
	if (m->error == 0 && req != NULL) {
		reply_captured(c, req);
		return;
	}
	snprintf(id, sizeof(id), "@%llu", (unsigned long long)c->link);
	if (m->error == 0)
		/* Nobody is left to read it: it ends, and capture_over comes. */
		haste_close(&c->reader);
	else
		captured_free(d, c);
	if (req == NULL)
		return;
	if (m->error == ENODEV)
		reply_error(req, ERR_NO_SUCH_LINK, id);
	else
		refuse_system(req, m->op < WM_OPS ? (enum wm_op)m->op :
		    WM_OP_CAPTURE, m->error);
}

void
capture_over(struct fethd *d, const struct wm_msg *m)
{
	struct captured	*c;

	for (c = d->captures; c != NULL; c = c->next)
		if (c->number != 0 && c->number == m->capture)
			break;
	/* Else it was the last broker's. */
	if (c == NULL)
		return;
	captured_over(d, c);
}

void
capture_relay_over(struct fethd *d, const struct rcapture *r)
{
	struct captured	*c;

	for (c = d->captures; c != NULL && c->relay != r; c = c->next)
		;
	if (c != NULL)
		captured_over(d, c);
}

void
capture_request_gone(struct request *req)
{
	struct captured	*c;

	for (c = req->conn->d->captures; c != NULL; c = c->next)
		if (c->req == req)
			c->req = NULL;
}

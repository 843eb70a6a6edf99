/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture on an interface of Linux. Called through backend_linux.c: linux_sniff
 * by the warden, linux_capture_run in the capture process that it forks.
 *
 * A packet socket of the home namespace can be bound to any interface there, so
 * whoever has one can see all of the machine's traffic, and send too. Nobody
 * gets this one: the warden opens it on an interface of ours and closes it when
 * it has forked; the capture process never looks into a frame, and its sandbox
 * (sandbox_capture) leaves it no call by which the socket could be turned
 * elsewhere or sent on.
 *
 * When the reader is slow, frames wait in the socket's queue; when that is full,
 * the kernel drops and counts. The traffic itself never waits for a capture.
 */
#include <sys/socket.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "capture_linux.h"
#include "clock.h"
#include "sandbox.h"

#define LAST_SECS	10	/* for the reader to take the rest */

/* The socket. */

/*
 * The kernel takes a VLAN tag out of a frame before it comes here, so that a
 * filter would look for it in vain. A frame with a tag passes as it is, and the
 * capture process filters it with its tag back in its place.
 */
static const struct sock_filter	prologue[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, CAPTURE_ROOM),
};
#define PROLOGUE	(sizeof(prologue) / sizeof(prologue[0]))

/* Attach PROG, which keeps at most SNAPLEN bytes, for good. */
static int
filter_attach(int fd, const struct cbpf_insn *prog, unsigned int n,
    uint32_t snaplen)
{
	struct sock_filter	code[PROLOGUE + BOUND_FILTER];
	struct sock_fprog	fprog = { .filter = code };
	unsigned int		i, len = 0;
	int			on = 1;

	if (n > 0) {
		memcpy(code, prologue, sizeof(prologue));
		len = PROLOGUE;
	} else {
		code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
		    snaplen);
	}
	for (i = 0; i < n; i++, len++) {
		code[len] = (struct sock_filter){ prog[i].code, prog[i].jt,
		    prog[i].jf, prog[i].k };
		if (prog[i].code == (BPF_RET | BPF_K) && prog[i].k > snaplen)
			code[len].k = snaplen;
	}
	fprog.len = (unsigned short)len;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog,
	    sizeof(fprog)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) != 0)
		return -errno;
	return 0;
}

static int
socket_options(int fd)
{
	int	on = 1, size = BOUND_CAPTURE_QUEUE / 2; /* the kernel doubles */

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0
	    || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0
	    || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) != 0)
		return -errno;
	return 0;
}

/* Until it is bound, with a protocol, nothing comes in. */
static int
socket_bind(int fd, int ifindex)
{
	struct sockaddr_ll	sll;

	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ETH_P_ALL);
	sll.sll_ifindex = ifindex;
	return bind(fd, (struct sockaddr *)&sll, sizeof(sll)) != 0 ? -errno : 0;
}

int
linux_sniff(int ifindex, const struct cbpf_insn *prog, unsigned int n,
    uint32_t snaplen, int *out, enum wm_op *op)
{
	int	fd, error;

	*op = WM_OP_CAPTURE;
	if ((fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) == -1)
		return -errno;
	if ((error = socket_options(fd)) == 0) {
		*op = WM_OP_FILTER;
		error = filter_attach(fd, prog, n, snaplen);
	}
	if (error == 0) {
		*op = WM_OP_CAPTURE;
		error = socket_bind(fd, ifindex);
	}
	if (error != 0)
		close(fd);
	else
		*out = fd;
	return error;
}

/* The capture process. */

static volatile sig_atomic_t	link_gone;

struct sniffer {
	struct capture	*c;
	int		fd;
	bool		over;		/* nothing more is taken */
	uint64_t	stop;		/* only what is older; 0: go on */
	uint64_t	deadline;	/* monotonic: for the reader, then */
	uint64_t	looked;		/* at the kernel's counters */
	sigset_t	unblocked;	/* the signals while we wait */
};

static void
on_term(int sig)
{
	(void)sig;
	link_gone = 1;
}

/* Reading the kernel's counters sets them to 0. */
static void
look_at_drops(struct sniffer *s, uint64_t now)
{
	struct tpacket_stats	st;
	socklen_t		size = sizeof(st);

	s->looked = now;
	if (getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &st, &size) != 0)
		return;
	s->c->counts.dropped += st.tp_drops;
	s->c->counts.accepted += st.tp_drops;
	capture_tick(s->c, now);
}

/* What comes with a frame. */
struct about {
	uint64_t	ns;
	uint32_t	len;		/* before the filter cut it */
	bool		tagged;
	uint16_t	tag[2];
};

static void
about_frame(struct msghdr *msg, struct about *a)
{
	struct tpacket_auxdata	aux;
	struct timespec		ts;
	struct cmsghdr		*c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			a->ns = (uint64_t)ts.tv_sec * CLOCK_SECOND +
			    (uint64_t)ts.tv_nsec;
		} else if (c->cmsg_level == SOL_PACKET &&
		    c->cmsg_type == PACKET_AUXDATA) {
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			a->len = aux.tp_len;
			a->tagged = (aux.tp_status & TP_STATUS_VLAN_VALID) != 0;
			a->tag[0] = htons((aux.tp_status &
			    TP_STATUS_VLAN_TPID_VALID) ? aux.tp_vlan_tpid :
			    ETH_P_8021Q);
			a->tag[1] = htons(aux.tp_vlan_tci);
		}
	}
}

/* Put the tag of A back into the N bytes of FRAME, and filter. How many of its
 * bytes are to be kept now. */
static uint32_t
retag(const struct sniffer *s, uint8_t *frame, uint32_t n, struct about *a)
{
	uint32_t	keep;

	memmove(frame + 2 * ETH_ALEN + 4, frame + 2 * ETH_ALEN,
	    n - 2 * ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, a->tag, 4);
	n += 4;
	a->len += 4;
	keep = capture_filter(s->c, frame, n);
	return keep < n ? keep : n;
}

/* Take one frame: 1; 0: none is there, or there is no room; or -errno. */
static int
take(struct sniffer *s)
{
	union {
		struct cmsghdr	align;
		char		buf[256];
	} control;
	struct sockaddr_ll	from;
	struct iovec		iov = { .iov_len = BOUND_SNAPLEN_MAX };
	struct msghdr		msg;
	struct about		a;
	uint32_t		keep;
	ssize_t			n;

	if (s->over || (iov.iov_base = capture_room(s->c)) == NULL)
		return 0;
	memset(&msg, 0, sizeof(msg));
	msg.msg_name = &from;
	msg.msg_namelen = sizeof(from);
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = control.buf;
	msg.msg_controllen = sizeof(control.buf);
	if ((n = recvmsg(s->fd, &msg, MSG_DONTWAIT)) < 0)
		return errno == EAGAIN ? 0 : -errno;
	memset(&a, 0, sizeof(a));
	about_frame(&msg, &a);
	if (s->stop != 0 && a.ns > s->stop) {
		s->over = true;
		return 0;
	}
	keep = (uint32_t)n;
	if (a.tagged && keep >= 2 * ETH_ALEN)
		keep = retag(s, iov.iov_base, keep, &a);
	if (keep > 0)
		capture_commit(s->c, a.ns, from.sll_pkttype == PACKET_OUTGOING ?
		    PCAPNG_OUT : PCAPNG_IN, keep, a.len);
	if (a.ns >= s->looked + CLOCK_SECOND)
		look_at_drops(s, a.ns);
	return 1;
}

/* All that there is, as long as there is room. That the interface is down is
 * said once, as an error; it may come up again. */
static void
take_all(struct sniffer *s)
{
	int	got;

	while ((got = take(s)) == 1 || got == -ENETDOWN || got == -EINTR)
		;
	if (got < 0)
		s->over = true;
	if (got == 0 && s->stop != 0 && capture_room(s->c) != NULL)
		s->over = true;
}

/* It ends: what is younger than now is not taken any more. */
static void
sniffer_stop(struct sniffer *s)
{
	if (s->stop != 0)
		return;
	s->stop = clock_ns(CLOCK_REALTIME);
	s->deadline = clock_ns(CLOCK_MONOTONIC) + LAST_SECS * CLOCK_SECOND;
}

/* Wait until there is something to do; UNSENT: until the reader takes more, too.
 * 0; or -1: the reader is gone, or has had its time. */
static int
sniffer_wait(struct sniffer *s, bool unsent)
{
	struct pollfd	p[2] = { { .fd = -1, .events = POLLIN },
	    { .fd = s->c->out, .events = unsent ? POLLOUT : 0 } };
	struct timespec	left = { 0, 0 };
	uint64_t	now;
	int		n;

	if (s->stop != 0) {
		if ((now = clock_ns(CLOCK_MONOTONIC)) >= s->deadline)
			return -1;
		/* There was more than the room, and all of that is sent. */
		if (unsent)
			left.tv_sec = (time_t)((s->deadline - now) /
			    CLOCK_SECOND + 1);
	} else {
		p[1].events |= POLLRDHUP;
		if (capture_room(s->c) != NULL)
			p[0].fd = s->fd;
	}
	n = ppoll(p, 2, s->stop != 0 ? &left : NULL, &s->unblocked);
	if (n > 0 && (p[1].revents & (POLLHUP | POLLERR)) != 0)
		return -1;
	if (link_gone || (n > 0 && (p[1].revents & POLLRDHUP) != 0))
		sniffer_stop(s);
	return 0;
}

/* SIGTERM is to come while we wait, and not just before. */
static int
signals_prepare(struct sniffer *s)
{
	struct sigaction	sa;
	sigset_t		term;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &term, &s->unblocked) != 0 ||
	    sigaction(SIGTERM, &sa, NULL) != 0)
		return -errno;
	sigdelset(&s->unblocked, SIGTERM);
	return 0;
}

int
linux_capture_run(int fd, struct capture *c)
{
	struct sniffer	s = { .c = c, .fd = fd };
	int		error;

	if ((error = signals_prepare(&s)) != 0 ||
	    (error = sandbox_capture(fd, c->out)) != 0)
		return error;
	do {
		take_all(&s);
		if (s.over) {
			look_at_drops(&s, clock_ns(CLOCK_REALTIME));
			capture_end(c, clock_ns(CLOCK_REALTIME));
		}
		error = capture_flush(c);
		if ((error != 0 && error != -EAGAIN) || capture_done(c))
			return 0;
	} while (sniffer_wait(&s, error == -EAGAIN) == 0);
	return 0;
}

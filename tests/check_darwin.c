/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fethd believes of macOS, asked of a Mac: tests/check-darwin.sh runs it as
 * root and keeps what it writes. A line is "PASS", "FAIL" (fethd relies on it and
 * it is otherwise) or "NOTE" (it differs by release, and this is how it is here),
 * with the part of docs/macos.md that it is about. Cross-built on Linux; only a
 * Mac can run it.
 *
 * It makes the two interfaces below, which are above all that a daemon uses, and
 * works on no others: when one of them is there already, it ends at once.
 */
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/ucred.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <launch.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "bpf.h"
#include "darwin_ops.h"
#include "feth_if.h"
#include "msg_x.h"
#include "peer.h"
#include "plat.h"
#include "sandbox.h"
#include "wire.h"

#define HOST	"feth32766"
#define PORT	"feth32767"
#define MARK	"fethd check"
#define ROUNDS	2000
/* More than an event socket has room for: 256 KiB, and 48 bytes each. */
#define NEWS	20000

static int	failures;
static bool	made[2];

static void __attribute__((format(printf, 3, 4)))
tell(const char *verdict, const char *section, const char *fmt, ...)
{
	va_list	ap;

	printf("%s %-9s", verdict, section);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	failures += strcmp(verdict, "FAIL") == 0;
}

/* WHAT is so, or it is told what came instead. */
static void
expect(bool so, const char *section, const char *what, int rv)
{
	if (so)
		tell("PASS", section, "%s", what);
	else
		tell("FAIL", section, "%s: got %d (%s)", what, rv,
		    strerror(rv < 0 ? -rv : rv));
}

static double
now_us(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

#include "batch_rules.h"

/* ---- The machine ---------------------------------------------------------- */

static void
note_sysctl(const char *section, const char *name)
{
	char	text[128] = "";
	int	value;
	size_t	size = sizeof(value);

	if (sysctlbyname(name, &value, &size, NULL, 0) == 0 &&
	    size == sizeof(value)) {
		tell("NOTE", section, "%s = %d", name, value);
		return;
	}
	size = sizeof(text) - 1;
	if (sysctlbyname(name, text, &size, NULL, 0) == 0)
		tell("NOTE", section, "%s = %s", name, text);
	else
		tell("NOTE", section, "%s is not there", name);
}

static void
check_machine(void)
{
	static const char *const	names[] = {
		"kern.osproductversion", "kern.osversion", "hw.model",
		"hw.ncpu", "net.link.fake.bsd_mode", "net.link.fake.txstart",
		"net.link.fake.hwcsum", "net.link.fake.max_mtu",
		"net.link.fake.tso_support", "net.link.fake.lro",
		"net.link.fake.fcs", "net.link.fake.trailer_length",
		"net.link.fake.vlan_tagging", "debug.bpf_maxdevices",
		"debug.bpf_maxbufsize", "debug.bpf_bufsize_cap",
		"kern.ipc.maxsockbuf", "net.local.dgram.maxdgram",
	};
	uint8_t				key[16];
	size_t				i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		note_sysctl("settings", names[i]);
	expect(plat_machine_key(key) == 0, "identity", "the machine has a key", errno);
}

/* ---- feth ----------------------------------------------------------------- */

static bool
make_one(int i, const char *name)
{
	double	start = now_us();
	int	rv = feth_if_create(name);

	expect(rv == 0, "feth", "an interface is made", rv);
	if (rv != 0)
		return false;
	made[i] = true;
	tell("NOTE", "feth", "making %s took %.0f us", name, now_us() - start);
	rv = feth_if_mark(name, MARK);
	expect(rv == 0, "feth", "it takes a mark", rv);
	return rv == 0;
}

static void
check_mac(void)
{
	static const uint8_t	ours[6] = { 0x02, 0xfe, 0x74, 0x68, 0x01, 0x02 };
	uint8_t			got[6] = { 0 };
	int			rv = feth_if_mac(HOST, ours);

	expect(rv == 0, "feth", "a MAC can be set", rv);
	rv = feth_if_mac_get(HOST, got);
	expect(rv == 0 && memcmp(got, ours, 6) == 0, "feth",
	    "and read again by root, not masked", rv);
}

static void
check_pair(void)
{
	char		text[64], peer[DW_IFNAMSIZ];
	uint32_t	mtu = 0;
	int		rv;

	rv = feth_if_mark_get(HOST, text, sizeof(text));
	expect(rv == 0 && strcmp(text, MARK) == 0, "feth", "the mark is kept", rv);
	rv = feth_if_create(HOST);
	expect(rv == -EEXIST, "feth", "a name that is taken is EEXIST", rv);
	check_mac();
	rv = feth_if_mtu_max(PORT, &mtu);
	expect(rv == 0 && mtu >= 2048, "feth", "an MTU of 2048 is possible", rv);
	rv = feth_if_mtu(PORT, mtu);
	expect(rv == 0, "feth", "the largest MTU is taken", rv);
	rv = feth_if_peer(HOST, PORT);
	expect(rv == 0, "feth", "two are paired", rv);
	rv = feth_if_peer(HOST, PORT);
	expect(rv == -EBUSY, "feth", "paired ones are EBUSY", rv);
	rv = feth_if_peer_get(PORT, peer);
	expect(rv == 0 && strcmp(peer, HOST) == 0, "feth",
	    "one call pairs both ways", rv);
}

/* ---- BPF ------------------------------------------------------------------ */

static int
knote(int kq, int fd, int flags)
{
	struct kevent	ev;

	EV_SET(&ev, (uintptr_t)fd, EVFILT_READ, flags, 0, 0, NULL);
	return kevent(kq, &ev, 1, NULL, 0, NULL) == -1 ? -errno : 0;
}

/* What writes bare frames has no BATCH mode. */
static bool
bpf_make(struct bpf *b, const char *name, int kq, bool batch)
{
	unsigned int	used = 0;
	int		rv = bpf_open(b, &used);

	expect(rv == 0, "bpf", "there is a free BPF node", rv);
	if (rv != 0)
		return false;
	tell("NOTE", "bpf", "%u nodes were in use", used);
	rv = bpf_setup(b, batch);
	expect(rv == 0, "bpf", "it takes its settings before it is bound", rv);
	rv = knote(kq, b->fd, EV_ADD);
	expect(rv != 0, "bpf", "a kqueue refuses it before that", rv);
	rv = bpf_bind(b, name);
	expect(rv == 0, "bpf", "it is bound", rv);
	tell("NOTE", "bpf", "%s: buffer %u, batch writes %d, rules of 14: %d",
	    name, b->blen, b->batch, b->modern);
	return rv == 0;
}

/* Frame NUMBER came to B within a second. Records may come many at a time. */
static bool
frame_wait(const struct bpf *b, int kq, void *buf, uint32_t number)
{
	struct timespec	 second = { 1, 0 };
	struct kevent	 ev;
	const uint8_t	*at;
	ssize_t		 n;

	for (;;) {
		n = bpf_read(b, buf);
		for (at = buf; n > 20 && at + 18 <= (uint8_t *)buf + n; at++)
			if (at[0] == FRAME_TYPE >> 8 &&
			    at[1] == (FRAME_TYPE & 0xff) &&
			    memcmp(at + 2, &number, sizeof(number)) == 0)
				return true;
		if (n != -EAGAIN && n < 0)
			return false;
		if (kevent(kq, NULL, 0, &ev, 1, &second) != 1)
			return false;
	}
}

static int
compare(const void *a, const void *b)
{
	double	x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
measure(const struct bpf *from, const struct bpf *to, int kq, void *buf)
{
	static double	us[ROUNDS];
	uint8_t		f[1514];
	uint32_t	i;
	double		start, all = now_us();

	for (i = 0; i < ROUNDS; i++) {
		frame_make(f, sizeof(f), i + 100);
		start = now_us();
		if (bpf_write(from, f, sizeof(f), 1500) != 0 ||
		    !frame_wait(to, kq, buf, i + 100)) {
			tell("FAIL", "bpf", "frame %u of %d is lost", i, ROUNDS);
			return;
		}
		us[i] = now_us() - start;
	}
	all = now_us() - all;
	qsort(us, ROUNDS, sizeof(us[0]), compare);
	tell("NOTE", "bpf", "1514 bytes, one at a time: %.0f frames/s, p50 %.0f "
	    "us, p99 %.0f us", ROUNDS / all * 1e6, us[ROUNDS / 2],
	    us[ROUNDS * 99 / 100]);
}

static void
check_frames(const struct bpf *h, const struct bpf *p, int hq, int pq)
{
	void		*buf = malloc(h->blen > p->blen ? h->blen : p->blen);
	uint8_t		 f[1514];
	int		 rv;

	if (buf == NULL)
		return;
	frame_make(f, sizeof(f), 1);
	rv = bpf_write(p, f, sizeof(f), 1500);
	expect(rv == -ENETDOWN, "bpf", "an end that is down is ENETDOWN", rv);
	rv = feth_if_up(HOST);
	expect(rv == 0, "feth", "the host side comes up", rv);
	rv = feth_if_up(PORT);
	expect(rv == 0, "feth", "and the other", rv);
	rv = bpf_write(p, f, sizeof(f), 1500);
	expect(rv == 0 && frame_wait(h, hq, buf, 1), "bpf",
	    "a frame from the port reaches the host", rv);
	frame_make(f, sizeof(f), 2);
	rv = bpf_write(h, f, sizeof(f), 1500);
	expect(rv == 0 && frame_wait(p, pq, buf, 2), "bpf",
	    "one from the host reaches the port", rv);
	expect(bpf_read(h, buf) == -EAGAIN, "bpf",
	    "and no frame comes back to who wrote it", 0);
	frame_make(f, 18, 3);
	rv = bpf_write(p, f, 13, 1500);
	expect(rv == -EMSGSIZE, "bpf", "13 bytes do not go to the kernel", rv);
	measure(p, h, hq, buf);
	measure(h, p, pq, buf);
	rv = bpf_listeners(p->fd, PORT);
	expect(rv == 1, "bpf", "one listener is counted", rv);
	free(buf);
}

struct listener {
	const struct bpf *bpf;
	int		 kq;
	void		*buf;
};

static bool
frame_came(uint32_t number, void *arg)
{
	const struct listener	*l = arg;

	return frame_wait(l->bpf, l->kq, l->buf, number);
}

/* Writing as the relay does, from the same end. */
static void
check_batches(const struct bpf *h, int hq)
{
	struct listener	l = { h, hq, malloc(h->blen) };
	struct bpf	b = { .fd = -1 };
	int		kq = kqueue();

	if (l.buf != NULL && bpf_make(&b, PORT, kq, true)) {
		if (b.batch)
			batch_rules(&b, frame_came, &l);
		else
			tell("NOTE", "bpf", "there are no batch writes");
	}
	close(kq);
	wire_close(&b.fd);
	free(l.buf);
}

/* What is told of the end of an interface, and by whom. */
static void
check_destroy(const struct bpf *p, int pq, int events)
{
	struct timespec	tenth = { 0, 100000000 };
	struct kevent	ev;
	struct dw_kev	k;
	void		*buf = malloc(p->blen);
	char		name[DW_IFNAMSIZ];
	double		start;
	int		rv, tries = 0, told = 0;

	(void)feth_if_down(HOST);
	(void)feth_if_down(PORT);
	rv = feth_if_unpeer(HOST);
	expect(rv == 0, "feth", "the two are parted", rv);
	rv = feth_if_destroy(PORT);
	expect(rv == 0, "feth", "one is removed", rv);
	made[1] = false;
	rv = feth_if_destroy(PORT);
	expect(rv == -ENXIO, "feth", "what is gone is ENXIO", rv);
	start = now_us();
	while ((rv = feth_if_create(PORT)) == -EBUSY || rv == -EEXIST) {
		if (++tries > 500)
			break;
		usleep(10000);
	}
	made[1] = rv == 0;
	expect(rv == 0, "feth", "its name is free again", rv);
	tell("NOTE", "feth", "after %.1f ms, %d tries said EBUSY",
	    (now_us() - start) / 1e3, tries);
	if (buf != NULL) {
		while ((rv = (int)bpf_read(p, buf)) > 0)
			;
		expect(rv == -ENXIO, "bpf", "a reader is told ENXIO", rv);
	}
	rv = bpf_bound(p->fd, name);
	expect(rv != 0, "bpf", "and is bound to nothing", rv);
	rv = kevent(pq, NULL, 0, &ev, 1, &tenth);
	tell("NOTE", "bpf", "a kqueue %s of it", rv == 1 ? "tells" :
	    "does not tell");
	while (darwin_ops.events_read(events, &k) > 0)
		told += k.code == DW_KEV_DL_DETACHED ||
		    k.code == DW_KEV_DL_DETACHING;
	expect(told > 0, "bpf", "an event socket tells of it", told);
	free(buf);
}

/* An event socket that nobody reads: does it say that it lost news? OTHER is full
 * of them, too, and is to hear of what follows. */
static void
check_full_events(int other)
{
	struct dw_kev	k;
	int		events = darwin_ops.events_open(), i, n = 0;
	ssize_t		rv;

	if (events < 0)
		return;
	for (i = 0; i < NEWS; i++)
		if ((i % 2 == 0 ? feth_if_up : feth_if_down)(HOST) != 0)
			break;
	while ((rv = darwin_ops.events_read(events, &k)) > 0)
		n++;
	tell("NOTE", "bpf", "of %d news an event socket kept %d, and ends with "
	    "%s", i, n, strerror((int)-rv));
	wire_close(&events);
	while (darwin_ops.events_read(other, &k) > 0)
		;
}

static void
check_links(void)
{
	struct bpf	h = { .fd = -1 }, p = { .fd = -1 };
	int		hq = kqueue(), pq = kqueue();
	int		events = darwin_ops.events_open();

	expect(events >= 0, "bpf", "there is an event socket", events);
	if (!make_one(0, HOST) || !make_one(1, PORT))
		return;
	check_pair();
	if (bpf_make(&h, HOST, hq, false) &&
	    bpf_make(&p, PORT, pq, false)) {
		expect(knote(hq, h.fd, EV_ADD) == 0 &&
		    knote(pq, p.fd, EV_ADD) == 0, "bpf",
		    "a kqueue takes a bound one", errno);
		check_frames(&h, &p, hq, pq);
		check_batches(&h, hq);
		check_full_events(events);
		check_destroy(&p, pq, events);
	}
	close(hq);
	close(pq);
	wire_close(&h.fd);
	wire_close(&p.fd);
	wire_close(&events);
}

/* ---- Sockets -------------------------------------------------------------- */

static bool
writable(int fd)
{
	struct pollfd	p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static int
buffer_size(int fd, int option)
{
	int		size = 0;
	socklen_t	len = sizeof(size);

	(void)getsockopt(fd, SOL_SOCKET, option, &size, &len);
	return size;
}

static void
check_datagrams(void)
{
	uint8_t			f[1514] = { 0 };
	struct sockaddr_un	sun;
	socklen_t		len = sizeof(sun);
	int			s[2], n = 0, rv = plat_frame_pair(s);

	expect(rv == 0, "sockets", "a frame pair takes its buffer sizes", rv);
	if (rv != 0)
		return;
	plat_send_room(s[0], BOUND_RELAY_QUEUE);
	expect(buffer_size(s[1], SO_RCVBUF) >=
	    4 * buffer_size(s[0], SO_SNDBUF), "sockets",
	    "what it receives is four times what it sends",
	    buffer_size(s[0], SO_SNDBUF));
	while (n < 100000 && send(s[0], f, sizeof(f), 0) > 0)
		n++;
	rv = errno;
	expect(n < 100000 && rv == ENOBUFS, "sockets",
	    "a full receiver is ENOBUFS at once, in waiting mode, too", rv);
	tell("NOTE", "sockets", "%d frames of 1514 bytes fit; a full one is %s", n,
	    writable(s[0]) ? "writable" : "not writable");
	(void)recv(s[1], f, sizeof(f), 0);
	tell("NOTE", "sockets", "after one was taken it is %s",
	    writable(s[0]) ? "writable" : "not writable");
	close(s[1]);
	rv = send(s[0], f, sizeof(f), 0) == -1 ? errno : 0;
	expect(rv == ECONNRESET || rv == EDESTADDRREQ, "sockets",
	    "an end that is gone is ECONNRESET or EDESTADDRREQ", rv);
	rv = getpeername(s[0], (struct sockaddr *)&sun, &len) == -1 ? errno : 0;
	expect(rv == ENOTCONN, "sockets",
	    "and then nobody is connected (ENOTCONN)", rv);
	close(s[0]);
	expect(plat_frame_pair(s) == 0 && close(s[1]) == 0 &&
	    recv(s[0], f, sizeof(f), MSG_DONTWAIT) == -1 &&
	    errno == ECONNRESET, "sockets", "so it is for who reads", errno);
	close(s[0]);
}

/* What recvmsg_x says of a frame with nothing beside it, and of one that was
 * cut: both are told in other ways by other releases. */
static void
check_batch(void)
{
	struct msghdr_x		m[2];
	struct iovec		iov[2];
	union wire_control	control[2];
	uint8_t			f[200] = { 0 }, got[2][100];
	int			s[2], i;
	ssize_t			n;

	if (recvmsg_x == NULL || sendmsg_x == NULL) {
		tell("NOTE", "sockets", "there is no recvmsg_x or sendmsg_x");
		return;
	}
	if (plat_frame_pair(s) != 0)
		return;
	memset(m, 0, sizeof(m));
	memset(control, 0, sizeof(control));
	for (i = 0; i < 2; i++) {
		iov[i] = (struct iovec){ got[i], sizeof(got[i]) };
		m[i].msg_iov = &iov[i];
		m[i].msg_iovlen = 1;
		m[i].msg_control = &control[i];
		m[i].msg_controllen = sizeof(control[i]);
	}
	expect(send(s[0], f, 60, 0) == 60 && send(s[0], f, 200, 0) == 200,
	    "sockets", "two frames are sent", errno);
	n = recvmsg_x(s[1], m, 2, MSG_DONTWAIT);
	expect(n > 0 && m[0].msg_datalen == 60, "sockets",
	    "recvmsg_x takes them", n < 0 ? errno : (int)n);
	tell("NOTE", "sockets", "recvmsg_x gave %zd; control buffers of %zu "
	    "became %u and %u; of 200 bytes in 100 it says %zu, flags %#x", n,
	    sizeof(control[0]), m[0].msg_controllen, m[1].msg_controllen,
	    m[1].msg_datalen, (unsigned int)m[1].msg_flags);
	close(s[0]);
	close(s[1]);
}

/* How conn.c tells a client that went from one that has no more to say. */
static void
check_half_close(void)
{
	struct pollfd	p = { .events = POLLOUT };
	int		s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		return;
	p.fd = s[0];
	shutdown(s[1], SHUT_WR);
	(void)poll(&p, 1, 0);
	expect((p.revents & POLLHUP) == 0, "sockets",
	    "half an end is no POLLHUP for who asks for POLLOUT", p.revents);
	close(s[1]);
	(void)poll(&p, 1, 0);
	expect((p.revents & POLLHUP) != 0, "sockets", "a whole one is", p.revents);
	close(s[0]);
}

static void
check_rights(void)
{
	char		byte;
	int		s[2], fds[WIRE_FDS], more;
	unsigned int	n;
	ssize_t		rv;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		return;
	rv = wire_send(s[0], "", 1, s, 2);
	expect(rv == 1, "rights", "descriptors can be sent", (int)rv);
	rv = wire_recv(s[1], &byte, 1, fds, &n, &more);
	expect(rv == 1 && n == 2 && more == 0 &&
	    fcntl(fds[0], F_GETFD) == FD_CLOEXEC, "rights",
	    "and come as close-on-exec", (int)rv);
	while (n > 0)
		wire_close(&fds[--n]);
	fcntl(s[0], F_SETFL, O_NONBLOCK);
	while (wire_send(s[0], "", 1, NULL, 0) == 1)
		;
	rv = wire_send(s[0], "", 1, s, 1);
	tell("NOTE", "rights", "rights on a full stream: %s", strerror((int)-rv));
	close(s[0]);
	close(s[1]);
}

static void
check_peer(void)
{
	struct xucred	c;
	socklen_t	size = sizeof(c);
	struct peer	p;
	int		s[2], rv;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		return;
	rv = getsockopt(s[0], SOL_LOCAL, LOCAL_PEERCRED, &c, &size);
	expect(rv == 0 && size == 76, "identity", "LOCAL_PEERCRED is told", errno);
	rv = peer_get(s[0], &p);
	expect(rv == 0 && p.uid == 0, "identity", "who called is told", rv);
	if (rv == 0)
		tell("NOTE", "identity", "the kernel has %d groups of root, kernel and "
		    "directory have %u", c.cr_ngroups, p.ngroups);
	peer_clear(&p);
	close(s[0]);
	close(s[1]);
}

/* ---- The broker's cage ---------------------------------------------------- */

#define NO_PROFILE	8

/* What only the sandbox profile forbids: a fork, the limits do, too. */
static bool
profile_holds(void)
{
	struct sockaddr_in	sin = { .sin_len = sizeof(sin),
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int			fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool			held;

	held = fd == -1 || bind(fd, (struct sockaddr *)&sin,
	    sizeof(sin)) == -1;
	held = held && errno == EPERM;
	wire_close(&fd);
	return held;
}

static int
in_cage(uid_t uid, gid_t gid, const char *root)
{
	struct peer	p;
	int		s[2], rv;

	if (plat_drop_privileges(uid, gid, root) != 0)
		return 1;
	if (sandbox_broker() != 0)
		return 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		return 3;
	if (peer_get(s[0], &p) != 0)
		return 4;
	if (getpwuid(uid) == NULL)
		return 5;	/* the directory is out of reach */
	rv = wire_send(s[0], "", 1, s, 1) == 1 ? 0 : 7;
	if (rv == 0 && fork() != -1)
		_exit(6);
	return rv == 0 && !profile_holds() ? NO_PROFILE : rv;
}

static void
check_cage(const char *dir)
{
	struct passwd	*pw = getpwnam("nobody");
	int		 status = 0;
	pid_t		 pid;

	if (pw == NULL)
		return;
	if ((pid = fork()) == 0) {
		plat_close_from(3);
		_exit(in_cage(pw->pw_uid, pw->pw_gid, dir));
	}
	waitpid(pid, &status, 0);
	expect(WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
	    WEXITSTATUS(status) == NO_PROFILE), "identity",
	    "a broker can do its work in its cage, and no more", status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROFILE)
		tell("FAIL", "identity", "the sandbox profile is not in force: "
		    "a broker can bind a socket");
}

/* A child that is a nobody learns at once that its parent is gone. */
static void
check_parent(const char *dir)
{
	struct passwd	*pw = getpwnam("nobody");
	char		 byte;
	int		 p[2];
	pid_t		 pid;

	if (pw == NULL || pipe(p) != 0)
		return;
	if ((pid = fork()) == 0) {
		if (fork() == 0) {
			if (plat_drop_privileges(pw->pw_uid, pw->pw_gid,
			    dir) != 0 || write(p[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		close(p[1]);
		(void)!read(p[0], &byte, 1);
		_exit(0);
	}
	close(p[1]);
	waitpid(pid, NULL, 0);
	/* The end of the file is the grandchild's end. */
	alarm(10);
	expect(read(p[0], &byte, 1) == 0, "identity",
	    "a broker ends with its warden", 0);
	alarm(0);
	close(p[0]);
}

/* ---- As a job of launchd -------------------------------------------------- */

/* Say whether the socket came, and every tenth of a second that we live, though
 * SIGTERM was heard: how long it takes launchd to send SIGKILL. */
static int
job(const char *log)
{
	int	*fds = NULL, fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	size_t	 n = 0;
	int	 rv = launch_activate_socket("fethd", &fds, &n), i;

	signal(SIGTERM, SIG_IGN);
	dprintf(fd, "socket %d %zu\n", rv, n);
	for (i = 0; i < 1200; i++) {
		dprintf(fd, "alive %ld\n", (long)time(NULL));
		usleep(100000);
	}
	return 0;
}

static void
clean(void)
{
	if (made[1])
		(void)feth_if_destroy(PORT);
	if (made[0])
		(void)feth_if_destroy(HOST);
	made[0] = made[1] = false;
}

static void
interrupted(int sig)
{
	clean();
	_exit(128 + sig);
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "job") == 0)
		return job(argv[2]);
	if (argc != 2 || geteuid() != 0) {
		fprintf(stderr, "usage: check_darwin EMPTY-DIRECTORY (as root)\n"
		    "run by make check-darwin\n");
		return 2;
	}
	if (if_nametoindex(HOST) != 0 || if_nametoindex(PORT) != 0) {
		tell("FAIL", "feth", "%s or %s is there already, and not ours: "
		    "nothing was done", HOST, PORT);
		return 1;
	}
	if (darwin_ops.start() != 0) {
		tell("FAIL", "feth", "no control socket");
		return 1;
	}
	atexit(clean);
	signal(SIGINT, interrupted);
	signal(SIGTERM, interrupted);
	signal(SIGPIPE, SIG_IGN);
	check_machine();
	check_links();
	clean();
	check_datagrams();
	check_batch();
	check_half_close();
	check_rights();
	check_peer();
	check_cage(argv[1]);
	check_parent(argv[1]);
	return failures != 0;
}

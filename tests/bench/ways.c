/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways that frames go: bare descriptors, libfeth, and vde_switch. All loops
 * look alike, so that what differs is the call in the middle.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_VDEPLUG
#include <libvdeplug.h>
#endif

#include "bench.h"

#define VDE_BUFFER	(1024 * 1024)	/* helps it */
#define VDE_SECS	5

/* Room for a frame. Not more than it needs: what a batch of 64 touches should
 * fit into the cache, whoever reads it. */
#define ROOM_SMALL	2048
#define ROOM_LARGE	9216

static uint8_t in[FETH_BATCH * ROOM_LARGE];

static size_t
room(void)
{
	return frame_mtu() == 1500 ? ROOM_SMALL : ROOM_LARGE;
}

/* ---- Bare descriptors -------------------------------------------------- */

static void
name_make(char name[IFNAMSIZ], const char *prefix)
{
	static unsigned int n;

	snprintf(name, IFNAMSIZ, "%s%u", prefix, n++);
}

int
open_tap(struct flow *f)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 1, 2 };
	struct net *n = net_open();
	int r;

	name_make(f->ifname, "btap");
	f->fd[0] = net_tap(f->ifname, 0);
	r = n == NULL ? -ENOMEM : f->fd[0] < 0 ? f->fd[0] :
	    net_finish(n, (int)if_nametoindex(f->ifname), mac, frame_mtu(),
	    "bench", 0);
	net_close(n);
	if (r < 0)
		series_broken(f->series, "a TAP: %s", strerror(-r));
	return r;
}

int
open_pair(struct flow *f)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f->fd) ==
	    -1) {
		series_broken(f->series, "a socket pair: %s", strerror(errno));
		return -1;
	}
	return 0;
}

int
open_packet(struct flow *f)
{
	struct net *n = net_open();
	char peer[IFNAMSIZ];
	int r;

	name_make(f->ifname, "bveth");
	name_make(peer, "bpeer");
	r = n == NULL ? -ENOMEM : net_veth(n, f->ifname, peer);
	if (r == 0)
		r = net_up(n, (int)if_nametoindex(f->ifname));
	if (r == 0)
		r = net_up(n, (int)if_nametoindex(peer));
	if (r == 0)
		r = f->fd[0] = net_packet(peer);
	net_close(n);
	if (r < 0)
		series_broken(f->series, "AF_PACKET on a veth: %s",
		    strerror(-r));
	return r < 0 ? r : 0;
}

/* A call of the sender's returned N of LEN; true: go on. */
static inline bool
sent(struct board *b, ssize_t n, size_t len)
{
	if (n == (ssize_t)len) {
		b->sent++;
		return true;
	}
	if (n == -1 && (errno == EINTR || errno == ENOBUFS || errno == EAGAIN))
		return true;
	b->error = n == -1 ? errno : EIO;
	return false;
}

static inline bool
received(struct board *b, ssize_t n)
{
	if (n > 0) {
		b->got++;
		return true;
	}
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return true;
	b->error = n == -1 ? errno : EPIPE;
	return false;
}

void
send_write(struct flow *f, struct board *b)
{
	size_t len = opt.frame;
	int fd = f->fd[0];

	while (!b->stop && sent(b, write(fd, frame, len), len))
		;
}

void
send_message(struct flow *f, struct board *b)
{
	size_t len = opt.frame;
	int fd = f->fd[0];

	while (!b->stop && sent(b, send(fd, frame, len, MSG_NOSIGNAL), len))
		;
}

void
recv_message(struct flow *f, struct board *b)
{
	int fd = f->fd[1];

	while (!b->end && received(b, recv(fd, in, sizeof(in),
	    MSG_TRUNC)))
		;
}

void
recv_read(struct flow *f, struct board *b)
{
	int fd = f->fd[1];

	while (!b->end && received(b, read(fd, in, sizeof(in))))
		;
}

/* FETH_BATCH messages of the same frame, or into the buffers. */
static void
mmsg_make(struct mmsghdr *m, struct iovec *iov, bool out)
{
	unsigned int i;

	memset(m, 0, FETH_BATCH * sizeof(*m));
	for (i = 0; i < FETH_BATCH; i++) {
		iov[i].iov_base = out ? frame : in + i * room();
		iov[i].iov_len = out ? opt.frame : room();
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Frames that a paced sender may send now, FETH_BATCH at most. It sleeps
 * between, so that its CPU is not busy with waiting. */
static unsigned int
paced(const struct flow *f, uint64_t done, double start)
{
	double due;

	if (f->pace == 0)
		return FETH_BATCH;
	due = (now() - start) * f->pace - (double)done;
	if (due >= FETH_BATCH)
		return FETH_BATCH;
	if (due < 1)
		nap(0.0002);
	return due < 1 ? 0 : (unsigned int)due;
}

void
send_mmsg(struct flow *f, struct board *b)
{
	struct mmsghdr m[FETH_BATCH];
	struct iovec iov[FETH_BATCH];
	double start = now();
	unsigned int n;
	int r;

	mmsg_make(m, iov, true);
	while (!b->stop) {
		n = paced(f, b->sent, start);
		if (n == 0)
			continue;
		r = sendmmsg(f->fd[0], m, n, MSG_NOSIGNAL);
		if (r > 0)
			b->sent += (uint64_t)r;
		else if (errno == ENOBUFS)
			b->sent++;	/* dropped on its way out */
		else if (errno != EINTR && errno != EAGAIN) {
			b->error = errno;
			break;
		}
	}
}

void
recv_mmsg(struct flow *f, struct board *b)
{
	struct mmsghdr m[FETH_BATCH];
	struct iovec iov[FETH_BATCH];
	int r;

	mmsg_make(m, iov, false);
	while (!b->end) {
		r = recvmmsg(f->fd[1], m, FETH_BATCH, MSG_WAITFORONE, NULL);
		if (r > 0)
			b->got += (uint64_t)r;
		else if (errno != EINTR && errno != EAGAIN) {
			b->error = errno;
			break;
		}
	}
}

/* ---- libfeth ----------------------------------------------------------- */

struct feth_spec
host_spec(enum feth_class class)
{
	struct feth_spec s = { .size = sizeof(s) };

	s.end[0].kind = FETH_PORT;
	s.end[0].port_class = class;
	s.end[1].kind = FETH_HOST;
	s.mtu = frame_mtu();
	return s;
}

struct feth_spec
pair_spec(enum feth_class class)
{
	struct feth_spec s = { .size = sizeof(s) };

	s.end[0].port_class = s.end[1].port_class = class;
	s.end[0].take = s.end[1].take = FETH_TAKE_YES;
	s.mtu = frame_mtu();
	return s;
}

struct feth_spec
relayed_spec(enum feth_class class)
{
	struct feth_spec s = pair_spec(class);

	s.relay = true;
	return s;
}

int
feth_up(const char *series, const struct daemon *d,
    const struct feth_spec *spec, struct feth_conn **conn,
    struct feth_link **link)
{
	struct feth_error err;

	*conn = NULL;
	*link = NULL;
	if (d == NULL) {
		series_broken(series, "the daemon does not start");
		return -1;
	}
	if (feth_connect(d->socket, conn, &err) == 0 &&
	    feth_open(*conn, spec, link, &err) == 0)
		return 0;
	series_refused(series, &err);
	feth_disconnect(*conn);
	*conn = NULL;
	return -1;
}

static int
feth_flow(struct flow *f, const struct feth_spec *spec)
{
	struct daemon *d = f->daemon != NULL ? f->daemon : daemon_main();

	if (feth_up(f->series, d, spec, &f->conn, &f->link) < 0)
		return -1;
	snprintf(f->ifname, sizeof(f->ifname), "%s",
	    feth_interface(f->link, 1));
	f->fd[0] = feth_fd(f->link, 0);
	f->fd[1] = feth_fd(f->link, 1);
	f->pid = d->pid;
	return 0;
}

int
open_feth_host(struct flow *f)
{
	struct feth_spec s = host_spec(f->class);

	return feth_flow(f, &s);
}

int
open_feth_pair(struct flow *f)
{
	struct feth_spec s = pair_spec(f->class);

	return feth_flow(f, &s);
}

int
open_feth_relayed(struct flow *f)
{
	struct feth_spec s = relayed_spec(f->class);

	return feth_flow(f, &s);
}

/* What a call of libfeth's returned; true: go on. */
static bool __attribute__((noinline))
feth_ok(struct board *b, int n, const struct feth_error *err)
{
	if (n == -FETH_INTERRUPTED || n == -FETH_AGAIN ||
	    (n == -FETH_IO && err->errnum == ENOBUFS))
		return true;
	b->error = err->errnum != 0 ? err->errnum : EIO;
	return false;
}

void
send_feth(struct flow *f, struct board *b)
{
	size_t len = opt.frame;
	struct feth_error err;
	ssize_t n;

	while (!b->stop) {
		n = feth_send(f->link, 0, frame, len, &err);
		if (n > 0)
			b->sent++;
		else if (!feth_ok(b, (int)n, &err))
			break;
	}
}

void
recv_feth(struct flow *f, struct board *b)
{
	int end = feth_end_kind(f->link, 1) == FETH_PORT;
	struct feth_error err;
	ssize_t n;

	while (!b->end) {
		n = feth_recv(f->link, end, in, sizeof(in), &err);
		if (n > 0)
			b->got++;
		else if (!feth_ok(b, (int)n, &err))
			break;
	}
}

void
send_feth_batch(struct flow *f, struct board *b)
{
	struct feth_frame v[FETH_BATCH];
	struct feth_error err;
	unsigned int i;
	int n;

	for (i = 0; i < FETH_BATCH; i++)
		v[i] = (struct feth_frame){ frame, 0, opt.frame };
	while (!b->stop) {
		n = feth_send_batch(f->link, 0, v, FETH_BATCH, &err);
		if (n > 0)
			b->sent += (uint64_t)n;
		else if (!feth_ok(b, n, &err))
			break;
	}
}

void
recv_feth_batch(struct flow *f, struct board *b)
{
	int end = feth_end_kind(f->link, 1) == FETH_PORT;
	struct feth_frame v[FETH_BATCH];
	struct feth_error err;
	unsigned int i;
	int n;

	for (i = 0; i < FETH_BATCH; i++)
		v[i] = (struct feth_frame){ in + i * room(), room(), 0 };
	while (!b->end) {
		n = feth_recv_batch(f->link, end, v, FETH_BATCH, &err);
		if (n > 0)
			b->got += (uint64_t)n;
		else if (!feth_ok(b, n, &err))
			break;
	}
}

/* ---- vde_switch -------------------------------------------------------- */

#ifdef HAVE_VDEPLUG
static int
vde_start(struct flow *f, const char *tap, char *dir, size_t size)
{
	static unsigned int count;
	char sock[96], ctl[96];
	double deadline = now() + VDE_SECS;
	struct stat st;
	int p[2];
	const char *argv[] = { "vde_switch", "-s", dir, "-M", sock,
	    tap != NULL ? "-t" : NULL, tap, NULL };

	snprintf(dir, size, "%.40s/vde%u", world_dir, ++count);
	snprintf(sock, sizeof(sock), "%.40s/vde%u.mgmt", world_dir, count);
	snprintf(ctl, sizeof(ctl), "%.60s/ctl", dir);
	if (pipe2(p, O_CLOEXEC) == -1)
		return -errno;
	f->own = f->pid = spawn(argv, p[0], -1, -1);
	close(p[0]);
	/* The switch ends when its standard input does. */
	f->keep = p[1];
	while (stat(ctl, &st) == -1) {
		if (now() > deadline)
			return -ETIMEDOUT;
		nap(0.01);
	}
	return 0;
}

static int
vde_up(struct flow *f, const char *tap, int ports)
{
	char dir[64];
	int i, size = VDE_BUFFER, r = vde_start(f, tap, dir, sizeof(dir));

	if (r < 0) {
		series_absent(f->series, "vde_switch does not start: %s",
		    strerror(-r));
		return r;
	}
	for (i = 0; i < ports; i++) {
		f->vde[i] = vde_open(dir, "bench", NULL);
		if (f->vde[i] == NULL) {
			series_broken(f->series, "vde_open: %s",
			    strerror(errno));
			return -1;
		}
		f->fd[i] = vde_datafd(f->vde[i]);
		setsockopt(f->fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &size,
		    sizeof(size));
		setsockopt(f->fd[i], SOL_SOCKET, SO_RCVBUFFORCE, &size,
		    sizeof(size));
	}
	return 0;
}

int
open_vde_tap(struct flow *f)
{
	struct net *n = net_open();
	int r;

	name_make(f->ifname, "vtap");
	r = vde_up(f, f->ifname, 1);
	if (r == 0 && n != NULL)
		r = net_up(n, (int)if_nametoindex(f->ifname));
	net_close(n);
	return r;
}

int
open_vde_pair(struct flow *f)
{
	return vde_up(f, NULL, 2);
}

void
send_vde(struct flow *f, struct board *b)
{
	size_t len = opt.frame;

	while (!b->stop && sent(b, vde_send(f->vde[0], frame, len, 0), len))
		;
}

void
recv_vde(struct flow *f, struct board *b)
{
	while (!b->end && received(b, vde_recv(f->vde[1], in, sizeof(in), 0)))
		;
}
#else
int
open_vde_tap(struct flow *f)
{
	series_absent(f->series, "built without libvdeplug");
	return -1;
}

int
open_vde_pair(struct flow *f)
{
	return open_vde_tap(f);
}

void
send_vde(struct flow *f, struct board *b)
{
	(void)f;
	b->error = ENOSYS;
}

void
recv_vde(struct flow *f, struct board *b)
{
	send_vde(f, b);
}
#endif

/* ---- The end ----------------------------------------------------------- */

void
flows_close(struct flow *f, unsigned int n)
{
	unsigned int i;
	int k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < 2; k++) {
#ifdef HAVE_VDEPLUG
			if (f[i].vde[k] != NULL)
				vde_close(f[i].vde[k]);
			else
#endif
			if (f[i].fd[k] >= 0 && f[i].link == NULL)
				close(f[i].fd[k]);
			f[i].vde[k] = NULL;
			f[i].fd[k] = -1;
		}
		feth_free(f[i].link);
		feth_disconnect(f[i].conn);
		f[i].link = NULL;
		f[i].conn = NULL;
		spawn_end(&f[i].own);
		if (f[i].keep > 0)
			close(f[i].keep);
		f[i].keep = 0;
		f[i].up = false;
	}
}

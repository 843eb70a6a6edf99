/* SPDX-License-Identifier: MIT */
/*
 * libfeth, the frames: send and receive through a port of any class. There are
 * four ways of moving frames, a table each: messages of a socket, reads and
 * writes of a device, length-prefixed frames in a stream, and the records of
 * macOS' BPF. The fast path is
 * a check of the length, a table call and the system call; everything else is
 * done only after that failed. Keeps nothing per frame, never allocates here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "feth_int.h"

/* Only Linux tells so that a device is gone under its descriptor. */
#ifndef EBADFD
#define EBADFD		EBADF
#endif

#define STREAM_HEADER	4
#define STREAM_READ	65536

/* All return -errno: -EMSGSIZE for a frame of impossible length, -EPIPE when
 * the other side is gone. */
struct frame_ops {
	ssize_t	(*send)(struct feth_port *p, const void *frame, size_t len);
	ssize_t	(*recv)(struct feth_port *p, void *buf, size_t size);
	int	(*send_batch)(struct feth_port *p, const struct feth_frame *f,
		    unsigned int n);
	int	(*recv_batch)(struct feth_port *p, struct feth_frame *f,
		    unsigned int n);
	int	(*flush)(struct feth_port *p);
};

static inline struct feth_port *
frames_port(struct feth_link *l, int end)
{
	return &l->port[end < 0 ? l->mine : end & 1];
}

/* ---- Batches, one frame a call ----------------------------------------- */

static int
each_send(struct feth_port *p, const struct feth_frame *f, unsigned int n)
{
	unsigned int i;
	ssize_t r;

	for (i = 0; i < n; i++) {
		r = p->ops->send(p, f[i].data, f[i].len);
		if (r < 0)
			return i > 0 ? (int)i : (int)r;
	}
	return (int)i;
}

/* The first frame by FIRST, which may wait, and then what NEXT has without
 * waiting. Compiled in where it is called, with both: see frames_send. */
static inline int __attribute__((always_inline))
each_recv(struct feth_port *p, struct feth_frame *f, unsigned int n,
    ssize_t (*first)(struct feth_port *p, void *buf, size_t size),
    ssize_t (*next)(struct feth_port *p, void *buf, size_t size))
{
	unsigned int i = 0;
	ssize_t r = first(p, f[0].data, f[0].size);

	while (r > 0) {
		f[i++].len = (size_t)r;
		if (i == n)
			break;
		r = next(p, f[i].data, f[i].size);
	}
	return i > 0 ? (int)i : (int)r;
}

static int
flush_nothing(struct feth_port *p)
{
	(void)p;
	return 0;
}

/* ---- Sockets that keep messages apart ---------------------------------- */

static inline ssize_t
message_send(struct feth_port *p, const void *frame, size_t len)
{
	ssize_t n = send(p->fd, frame, len, MSG_NOSIGNAL);

	return n == -1 ? -errno : n;
}

/* A message of no bytes and the end of the file look alike. */
static bool __attribute__((cold, noinline))
message_end(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static inline ssize_t
message_recv(struct feth_port *p, void *buf, size_t size)
{
	ssize_t n = recv(p->fd, buf, size, MSG_TRUNC);

	if (n == -1)
		return -errno;
	if ((size_t)n > size)
		return -EMSGSIZE;
	if (n == 0)
		return message_end(p->fd) ? -EPIPE : -EMSGSIZE;
	return n;
}

static int
message_send_batch(struct feth_port *p, const struct feth_frame *f,
    unsigned int n)
{
	unsigned int done = 0, part;
	int r;

	while (done < n) {
		part = n - done < FETH_BATCH ? n - done : FETH_BATCH;
		r = feth_batch_send(p->fd, f + done, part);
		if (r < 0)
			return done > 0 ? (int)done : r;
		done += (unsigned int)r;
	}
	return (int)done;
}

static int
message_recv_batch(struct feth_port *p, struct feth_frame *f, unsigned int n)
{
	int i, got = feth_batch_recv(p->fd, f, n);

	for (i = 0; i < got; i++) {
		if (f[i].len == 0 && message_end(p->fd))
			return i > 0 ? i : -EPIPE;
	}
	return got;
}

static const struct frame_ops message_ops = {
	.send = message_send,
	.recv = message_recv,
	.send_batch = message_send_batch,
	.recv_batch = message_recv_batch,
	.flush = flush_nothing,
};

/* The same where one message is a batch of one. */
static ssize_t
careful_send(struct feth_port *p, const void *frame, size_t len)
{
	struct feth_frame f = { .data = (void *)(uintptr_t)frame, .len = len };
	int r = feth_batch_send(p->fd, &f, 1);

	return r < 0 ? r : (ssize_t)len;
}

static ssize_t
careful_recv(struct feth_port *p, void *buf, size_t size)
{
	struct feth_frame f = { .data = buf, .size = size };
	int r = feth_batch_recv(p->fd, &f, 1);

	if (r < 0)
		return r;
	return f.len == 0 || f.len > size ? -EMSGSIZE : (ssize_t)f.len;
}

static const struct frame_ops careful_ops = {
	.send = careful_send,
	.recv = careful_recv,
	.send_batch = message_send_batch,
	.recv_batch = message_recv_batch,
	.flush = flush_nothing,
};

/* ---- Devices: one frame a read or write -------------------------------- */

static inline ssize_t
device_send(struct feth_port *p, const void *frame, size_t len)
{
	ssize_t n = write(p->fd, frame, len);

	return n == -1 ? -errno : n;
}

static inline ssize_t
device_recv(struct feth_port *p, void *buf, size_t size)
{
	ssize_t n = read(p->fd, buf, size);

	if (n == -1)
		return -errno;
	return n == 0 ? -EPIPE : n;
}

static inline ssize_t
device_next(struct feth_port *p, void *buf, size_t size)
{
	return feth_batch_read_nowait(p->fd, buf, size);
}

static int
device_recv_batch(struct feth_port *p, struct feth_frame *f, unsigned int n)
{
	return each_recv(p, f, n, device_recv, device_next);
}

static const struct frame_ops device_ops = {
	.send = device_send,
	.recv = device_recv,
	.send_batch = each_send,
	.recv_batch = device_recv_batch,
	.flush = flush_nothing,
};

/* ---- TAPs with offloads: a header before each frame -------------------- */

static const struct feth_vnet_hdr offload_whole;

/* The header of F, or one that says nothing; and F. */
static inline void
offload_point(struct iovec iov[2], const struct feth_vnet_hdr *hdr,
    const void *data, size_t len)
{
	iov[0].iov_base = (void *)(uintptr_t)hdr;
	iov[0].iov_len = sizeof(*hdr);
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[1].iov_len = len;
}

static ssize_t
offload_write(struct feth_port *p, const struct feth_vnet_hdr *hdr,
    const void *frame, size_t len)
{
	struct iovec iov[2];

	offload_point(iov, hdr, frame, len);
	if (writev(p->fd, iov, 2) == -1)
		return errno == EINVAL ? -EBADMSG : -errno;
	return (ssize_t)len;
}

static ssize_t
offload_read(struct feth_port *p, struct feth_vnet_hdr *hdr, void *buf,
    size_t size, bool wait)
{
	struct iovec iov[2];
	ssize_t n;

	offload_point(iov, hdr, buf, size);
	n = wait ? readv(p->fd, iov, 2) :
	    feth_batch_readv_nowait(p->fd, iov, 2);
	if (n < 0)
		return wait ? -errno : n;
	if (n == 0)
		return -EPIPE;
	return (size_t)n > sizeof(*hdr) ? n - (ssize_t)sizeof(*hdr) : 0;
}

static ssize_t
offload_send(struct feth_port *p, const void *frame, size_t len)
{
	return offload_write(p, &offload_whole, frame, len);
}

static ssize_t
offload_recv(struct feth_port *p, void *buf, size_t size)
{
	struct feth_vnet_hdr unwanted;

	return offload_read(p, &unwanted, buf, size, true);
}

static int
offload_send_hdr(struct feth_port *p, const struct feth_frame *f,
    const struct feth_vnet_hdr *h, unsigned int n)
{
	unsigned int i;
	ssize_t r;

	for (i = 0; i < n; i++) {
		r = offload_write(p, h != NULL ? &h[i] : &offload_whole,
		    f[i].data, f[i].len);
		if (r < 0)
			return i > 0 ? (int)i : (int)r;
	}
	return (int)i;
}

static int
offload_recv_hdr(struct feth_port *p, struct feth_frame *f,
    struct feth_vnet_hdr *h, unsigned int n)
{
	struct feth_vnet_hdr unwanted;
	unsigned int i;
	ssize_t r = 0;

	for (i = 0; i < n; i++) {
		r = offload_read(p, h != NULL ? &h[i] : &unwanted, f[i].data,
		    f[i].size, i == 0);
		if (r < 0)
			break;
		f[i].len = (size_t)r;
	}
	return i > 0 ? (int)i : (int)r;
}

static int
offload_recv_batch(struct feth_port *p, struct feth_frame *f, unsigned int n)
{
	return offload_recv_hdr(p, f, NULL, n);
}

static const struct frame_ops offload_ops = {
	.send = offload_send,
	.recv = offload_recv,
	.send_batch = each_send,
	.recv_batch = offload_recv_batch,
	.flush = flush_nothing,
};

/* ---- Streams: four bytes of length, high byte first, and the frame ------ */

/* Send what is left of the last frame. */
static int
stream_flush(struct feth_port *p)
{
	struct feth_stream *s = p->stream;
	ssize_t n;

	while (s->tx_start < s->tx_end) {
		n = send(p->fd, s->tx + s->tx_start, s->tx_end - s->tx_start,
		    MSG_NOSIGNAL);
		if (n == -1)
			return -errno;
		s->tx_start += (size_t)n;
	}
	s->tx_start = s->tx_end = 0;
	return 0;
}

/* Keep what sendmsg did not take: DONE bytes of header and frame are out. The
 * frame counts as sent; in blocking mode the rest goes at once. */
static ssize_t
stream_keep(struct feth_port *p, const uint8_t *header, const void *frame,
    size_t len, size_t done)
{
	struct feth_stream *s = p->stream;
	int r;

	memcpy(s->tx, header, STREAM_HEADER);
	memcpy(s->tx + STREAM_HEADER, frame, len);
	s->tx_start = done;
	s->tx_end = STREAM_HEADER + len;
	r = stream_flush(p);
	return r == 0 || r == -EAGAIN || r == -EWOULDBLOCK || r == -EINTR ?
	    (ssize_t)len : r;
}

static ssize_t
stream_send(struct feth_port *p, const void *frame, size_t len)
{
	uint8_t header[STREAM_HEADER] = { (uint8_t)(len >> 24),
	    (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };
	struct iovec iov[2] = { { header, sizeof(header) },
	    { (void *)(uintptr_t)frame, len } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;
	int r;

	if (p->stream->tx_end > 0) {
		r = stream_flush(p);
		if (r < 0)
			return r;
	}
	n = sendmsg(p->fd, &mh, MSG_NOSIGNAL);
	if (n == -1)
		return -errno;
	if ((size_t)n == STREAM_HEADER + len)
		return (ssize_t)len;
	return stream_keep(p, header, frame, len, (size_t)n);
}

/* The length of the next frame when it is here as a whole, 0 when not. */
static ssize_t
stream_ready(const struct feth_port *p)
{
	const struct feth_stream *s = p->stream;
	const uint8_t *h = s->rx + s->rx_start;
	size_t have = s->rx_end - s->rx_start, len;

	if (have < STREAM_HEADER)
		return 0;
	len = (size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 |
	    h[3];
	/* There is no way to find the next frame after this. */
	if (len < FETH_FRAME_MIN || len > p->frame_max)
		return -EPROTO;
	return have - STREAM_HEADER >= len ? (ssize_t)len : 0;
}

static int
stream_fill(struct feth_port *p)
{
	struct feth_stream *s = p->stream;
	ssize_t n;

	if (s->rx_start > 0) {
		memmove(s->rx, s->rx + s->rx_start, s->rx_end - s->rx_start);
		s->rx_end -= s->rx_start;
		s->rx_start = 0;
	}
	n = recv(p->fd, s->rx + s->rx_end, s->rx_size - s->rx_end, 0);
	if (n == -1)
		return -errno;
	if (n == 0)
		return -EPIPE;
	s->rx_end += (size_t)n;
	return 0;
}

static ssize_t
stream_take(struct feth_port *p, void *buf, size_t len)
{
	struct feth_stream *s = p->stream;

	memcpy(buf, s->rx + s->rx_start + STREAM_HEADER, len);
	s->rx_start += STREAM_HEADER + len;
	if (s->rx_start == s->rx_end)
		s->rx_start = s->rx_end = 0;
	return (ssize_t)len;
}

static ssize_t
stream_recv(struct feth_port *p, void *buf, size_t size)
{
	ssize_t len;
	int r;

	(void)size;	/* >= frame_max, and the frame is not longer */
	for (;;) {
		len = stream_ready(p);
		if (len < 0)
			return len;
		if (len > 0)
			return stream_take(p, buf, (size_t)len);
		r = stream_fill(p);
		if (r < 0)
			return r;
	}
}

static ssize_t
stream_next(struct feth_port *p, void *buf, size_t size)
{
	ssize_t len = stream_ready(p);

	(void)size;
	return len > 0 ? stream_take(p, buf, (size_t)len) : len;
}

static int
stream_recv_batch(struct feth_port *p, struct feth_frame *f, unsigned int n)
{
	return each_recv(p, f, n, stream_recv, stream_next);
}

static const struct frame_ops stream_ops = {
	.send = stream_send,
	.recv = stream_recv,
	.send_batch = each_send,
	.recv_batch = stream_recv_batch,
	.flush = stream_flush,
};

/* ---- Class raw of macOS: reads give records, writes take frames --------- */

static ssize_t
bpf_send(struct feth_port *p, const void *frame, size_t len)
{
	return feth_bpf_send(p->fd, frame, len);
}

static ssize_t
bpf_recv(struct feth_port *p, void *buf, size_t size)
{
	return feth_bpf_recv(p->bpf, p->fd, buf, size, true);
}

static ssize_t
bpf_next(struct feth_port *p, void *buf, size_t size)
{
	return feth_bpf_recv(p->bpf, p->fd, buf, size, false);
}

static int
bpf_recv_batch(struct feth_port *p, struct feth_frame *f, unsigned int n)
{
	return each_recv(p, f, n, bpf_recv, bpf_next);
}

static const struct frame_ops bpf_ops = {
	.send = bpf_send,
	.recv = bpf_recv,
	.send_batch = each_send,
	.recv_batch = bpf_recv_batch,
	.flush = flush_nothing,
};

/* ---- A port that this program does not hold ---------------------------- */

static ssize_t
none_send(struct feth_port *p, const void *frame, size_t len)
{
	(void)p;
	(void)frame;
	(void)len;
	return -EBADF;
}

static ssize_t
none_recv(struct feth_port *p, void *buf, size_t size)
{
	(void)p;
	(void)buf;
	(void)size;
	return -EBADF;
}

static int
none_recv_batch(struct feth_port *p, struct feth_frame *f, unsigned int n)
{
	(void)p;
	(void)f;
	(void)n;
	return -EBADF;
}

static int
none_flush(struct feth_port *p)
{
	(void)p;
	return -EBADF;
}

static const struct frame_ops none_ops = {
	.send = none_send,
	.recv = none_recv,
	.send_batch = each_send,
	.recv_batch = none_recv_batch,
	.flush = none_flush,
};

/* ---- Ports ------------------------------------------------------------- */

static struct feth_stream *
stream_new(size_t frame_max)
{
	struct feth_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->tx_size = STREAM_HEADER + frame_max;
	s->rx_size = STREAM_READ + s->tx_size;
	s->tx = malloc(s->tx_size);
	s->rx = malloc(s->rx_size);
	if (s->tx != NULL && s->rx != NULL)
		return s;
	free(s->tx);
	free(s->rx);
	free(s);
	return NULL;
}

static void
stream_free(struct feth_stream *s)
{
	if (s == NULL)
		return;
	free(s->rx);
	free(s->tx);
	free(s);
}

void
feth_port_none(struct feth_port *p)
{
	memset(p, 0, sizeof(*p));
	p->fd = -1;
	/* Any length may be asked for; the table says no. */
	p->frame_max = p->whole_max = FETH_MTU_MAX + FETH_OVERHEAD;
	p->ops = &none_ops;
}

void
feth_port_close(struct feth_port *p)
{
	wire_close(&p->fd);
	stream_free(p->stream);
	feth_bpf_free(p->bpf);
	feth_port_none(p);
}

static int
port_blocking(int fd, bool nonblock)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return -errno;
	flags = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) == -1 ? -errno : 0;
}

int
feth_port_init(struct feth_port *p, int *fd, const char *class_name,
    unsigned int offloads, size_t whole_max, struct feth_error *err)
{
	struct feth_stream *s = NULL;
	struct feth_bpf *bpf = NULL;
	bool stream = strcmp(class_name, "stream") == 0;
	struct stat st;
	int r;

	r = fstat(*fd, &st) == -1 ? -errno : port_blocking(*fd, false);
	if (r == 0 && fcntl(*fd, F_SETFD, FD_CLOEXEC) == -1)
		r = -errno;
	if (r == 0 && offloads != 0)
		r = feth_offload_set(*fd, offloads);
	if (r == 0 && strcmp(class_name, "raw") == 0)
		r = feth_bpf_open(*fd, &bpf);
	if (r < 0) {
		return feth_fail(err, FETH_IO, -r, NULL,
		    "the port's descriptor: %s", strerror(-r));
	}
	if (stream) {
		s = stream_new(whole_max);
		if (s == NULL)
			return feth_fail_memory(err);
	}
	p->fd = wire_take(fd);
	p->whole_max = whole_max;
	p->frame_max = offloads != 0 ? FETH_GSO_MAX : whole_max;
	p->stream = s;
	p->bpf = bpf;
	p->held = true;
	p->ops = offloads != 0 ? &offload_ops : stream ? &stream_ops :
	    bpf != NULL ? &bpf_ops :
	    !S_ISSOCK(st.st_mode) ? &device_ops :
	    feth_batch_only ? &careful_ops : &message_ops;
	return 0;
}

int
feth_port_replace(struct feth_port *p, int *fd, struct feth_error *err)
{
	int flags = fcntl(p->fd, F_GETFL), e;

	if (flags == -1 || port_blocking(*fd, (flags & O_NONBLOCK) != 0) < 0 ||
	    dup2(*fd, p->fd) == -1 || fcntl(p->fd, F_SETFD, FD_CLOEXEC) == -1) {
		e = errno;
		return feth_fail(err, FETH_IO, e, NULL,
		    "the port's new descriptor: %s", strerror(e));
	}
	wire_close(fd);
	/* Halves of frames are of the old stream. */
	if (p->stream != NULL) {
		p->stream->rx_start = p->stream->rx_end = 0;
		p->stream->tx_start = p->stream->tx_end = 0;
	}
	if (p->bpf != NULL)
		feth_bpf_forget(p->bpf);
	return 0;
}

int
feth_fd(const struct feth_link *l, int end)
{
	return l->port[end < 0 ? l->mine : end & 1].fd;
}

int
feth_take_fd(struct feth_link *l, int end)
{
	struct feth_port *p = frames_port(l, end);
	int fd = wire_take(&p->fd);
	bool held = p->held;

	feth_port_close(p);
	/* The port is still this program's, for feth_reconnect. */
	p->held = held;
	return fd;
}

int
feth_set_nonblock(struct feth_link *l, int end, bool on,
    struct feth_error *err)
{
	int r = port_blocking(frames_port(l, end)->fd, on);

	if (r == 0)
		return 0;
	return feth_fail(err, r == -EBADF ? FETH_INVALID_ARGUMENT : FETH_IO,
	    -r, NULL, "the port's descriptor: %s", strerror(-r));
}

/* ---- The public calls -------------------------------------------------- */

static const struct {
	int		errnum;
	enum feth_code	code;
	const char	*text;
} failures[] = {
	{ EAGAIN, FETH_AGAIN, "the port is not ready" },
	{ EINTR, FETH_INTERRUPTED, "interrupted by a signal" },
	{ EPIPE, FETH_PEER_GONE, "the other end of the link is gone" },
	{ ECONNRESET, FETH_PEER_GONE, "the other end of the link is gone" },
	{ ENOTCONN, FETH_PEER_GONE, "the other end of the link is gone" },
	{ ECONNREFUSED, FETH_PEER_GONE, "the other end of the link is gone" },
	{ EBADMSG, FETH_BAD_HEADER, "the kernel refuses the frame's header" },
	{ EMSGSIZE, FETH_FRAME_SIZE, "a frame of an impossible length came" },
	{ EPROTO, FETH_PROTOCOL, "the stream of frames is out of step" },
	{ EBADF, FETH_INVALID_ARGUMENT, "this program does not hold the port" },
	{ EBADFD, FETH_PEER_GONE, "the link was ended" },
};
#define NFAILURES	(sizeof(failures) / sizeof(failures[0]))

static int __attribute__((cold, noinline))
frames_fail(struct feth_error *err, int errnum)
{
	size_t i;

	for (i = 0; i < NFAILURES; i++) {
		if (failures[i].errnum == errnum)
			return feth_fail(err, failures[i].code, errnum, NULL,
			    "%s", failures[i].text);
	}
	return feth_fail(err, FETH_IO, errnum, NULL, "the port: %s",
	    strerror(errnum));
}

static int __attribute__((cold, noinline))
frames_bad_len(struct feth_error *err, const struct feth_port *p, size_t len)
{
	return feth_fail(err, FETH_FRAME_SIZE, 0, NULL,
	    "a frame of %zu bytes; this link takes %d to %zu", len,
	    FETH_FRAME_MIN, p->whole_max);
}

static int __attribute__((cold, noinline))
frames_bad_room(struct feth_error *err, const struct feth_port *p, size_t size)
{
	return feth_fail(err, FETH_INVALID_ARGUMENT, 0,
	    "feth_frame_max tells how much room is needed",
	    "a buffer of %zu bytes; a frame may have %zu", size, p->frame_max);
}

static inline bool
frames_len_ok(const struct feth_port *p, size_t len)
{
	return len >= FETH_FRAME_MIN && len <= p->whole_max;
}

/* One that is to be cut may be longer. */
static inline bool
frames_hdr_ok(const struct feth_port *p, const struct feth_vnet_hdr *h,
    size_t len)
{
	return frames_len_ok(p, len) || (h->gso_type != FETH_GSO_NONE &&
	    len >= FETH_FRAME_MIN && len <= p->frame_max);
}

/*
 * The two common ways are written out, so that they are compiled in here: after
 * a system call each return and indirect call costs some tens of nanoseconds,
 * because the kernel has taken the processor's predictions with it.
 */
static inline ssize_t
frames_send(struct feth_port *p, const void *frame, size_t len)
{
	if (p->ops == &message_ops)
		return message_send(p, frame, len);
	if (p->ops == &device_ops)
		return device_send(p, frame, len);
	return p->ops->send(p, frame, len);
}

static inline ssize_t
frames_recv(struct feth_port *p, void *buf, size_t size)
{
	if (p->ops == &message_ops)
		return message_recv(p, buf, size);
	if (p->ops == &device_ops)
		return device_recv(p, buf, size);
	return p->ops->recv(p, buf, size);
}

ssize_t
feth_send(struct feth_link *l, int end, const void *frame, size_t len,
    struct feth_error *err)
{
	struct feth_port *p = frames_port(l, end);
	ssize_t n;

	if (!frames_len_ok(p, len))
		return frames_bad_len(err, p, len);
	n = frames_send(p, frame, len);
	return n >= 0 ? n : frames_fail(err, (int)-n);
}

ssize_t
feth_recv(struct feth_link *l, int end, void *buf, size_t size,
    struct feth_error *err)
{
	struct feth_port *p = frames_port(l, end);
	ssize_t n;

	if (p->fd != -1 && size < p->frame_max)
		return frames_bad_room(err, p, size);
	n = frames_recv(p, buf, size);
	if (n >= FETH_FRAME_MIN)
		return n;
	return frames_fail(err, n < 0 ? (int)-n : EMSGSIZE);
}

int
feth_send_batch(struct feth_link *l, int end, const struct feth_frame *f,
    unsigned int n, struct feth_error *err)
{
	struct feth_port *p = frames_port(l, end);
	unsigned int i;
	int r;

	for (i = 0; i < n; i++) {
		if (!frames_len_ok(p, f[i].len))
			return frames_bad_len(err, p, f[i].len);
	}
	r = p->ops->send_batch(p, f, n);
	return r >= 0 ? r : frames_fail(err, -r);
}

/* What feth_recv_batch does before and after a system call. */
static int
frames_room_ok(const struct feth_port *p, const struct feth_frame *f,
    unsigned int n, struct feth_error *err)
{
	unsigned int i;

	for (i = 0; i < n && p->fd != -1; i++) {
		if (f[i].size < p->frame_max)
			return frames_bad_room(err, p, f[i].size);
	}
	return 0;
}

static int
frames_received(struct feth_frame *f, int r, struct feth_error *err)
{
	int i;

	if (r < 0)
		return frames_fail(err, -r);
	for (i = 0; i < r; i++) {
		if (f[i].len < FETH_FRAME_MIN || f[i].len > f[i].size)
			f[i].len = 0;
	}
	return r;
}

int
feth_recv_batch(struct feth_link *l, int end, struct feth_frame *f,
    unsigned int n, struct feth_error *err)
{
	struct feth_port *p = frames_port(l, end);
	int r;

	if (n == 0)
		return 0;
	if (n > FETH_BATCH)
		n = FETH_BATCH;
	r = frames_room_ok(p, f, n, err);
	if (r < 0)
		return r;
	return frames_received(f, p->ops->recv_batch(p, f, n), err);
}

int
feth_send_batch_hdr(struct feth_link *l, int end, const struct feth_frame *f,
    const struct feth_vnet_hdr *h, unsigned int n, struct feth_error *err)
{
	struct feth_port *p = frames_port(l, end);
	unsigned int i;
	int r;

	for (i = 0; i < n; i++) {
		if (p->ops != &offload_ops && memcmp(&h[i], &offload_whole,
		    sizeof(*h)) != 0)
			return feth_fail(err, FETH_BAD_HEADER, 0,
			    "open the link with offloads",
			    "this port takes no header");
		if (!frames_hdr_ok(p, &h[i], f[i].len))
			return frames_bad_len(err, p, f[i].len);
	}
	r = p->ops == &offload_ops ? offload_send_hdr(p, f, h, n) :
	    p->ops->send_batch(p, f, n);
	return r >= 0 ? r : frames_fail(err, -r);
}

int
feth_recv_batch_hdr(struct feth_link *l, int end, struct feth_frame *f,
    struct feth_vnet_hdr *h, unsigned int n, struct feth_error *err)
{
	struct feth_port *p = frames_port(l, end);
	int r;

	if (p->ops != &offload_ops) {
		r = feth_recv_batch(l, end, f, n, err);
		if (r > 0)
			memset(h, 0, (size_t)r * sizeof(*h));
		return r;
	}
	if (n == 0)
		return 0;
	if (n > FETH_BATCH)
		n = FETH_BATCH;
	r = frames_room_ok(p, f, n, err);
	if (r < 0)
		return r;
	return frames_received(f, offload_recv_hdr(p, f, h, n), err);
}

int
feth_flush(struct feth_link *l, int end, struct feth_error *err)
{
	struct feth_port *p = frames_port(l, end);
	int r = p->ops->flush(p);

	return r == 0 ? 0 : frames_fail(err, -r);
}

/* SPDX-License-Identifier: MIT */
/*
 * What the files of libfeth share. Not installed. Names that other objects see
 * start with feth_, so that a program's own names stay free.
 */
#ifndef FETH_INT_H
#define FETH_INT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

#include "feth.h"
#include "wire.h"

/* A reply larger than this is not the daemon's: 4096 links with all their
 * labels are below it. */
#define FETH_REPLY_MAX	(16u * 1024 * 1024)
/* MTUs that a link can have; see daemon/bounds.h. */
#define FETH_MTU_MIN	68
#define FETH_MTU_MAX	65521
/* Ethernet header and one VLAN tag. */
#define FETH_OVERHEAD	18
/* The longest one of a port with offloads. */
#define FETH_GSO_MAX	(65535 + FETH_OVERHEAD)

struct frame_ops;

/* Class stream: what is read ahead, and the rest of a frame to send. */
struct feth_stream {
	size_t		rx_start, rx_end, rx_size;
	size_t		tx_start, tx_end, tx_size;
	uint8_t		*rx, *tx;
};

/* Class raw of macOS: the records of the last read. */
struct feth_bpf;

/* One end of a link, as a port of this program. ops is never NULL. */
struct feth_port {
	const struct frame_ops *ops;
	int		fd;
	size_t		frame_max;	/* to receive */
	size_t		whole_max;	/* to send without gso_type */
	struct feth_stream *stream;
	struct feth_bpf	*bpf;		/* class raw of macOS */
	bool		held;		/* ours, even when fd was taken */
};

struct feth_link {
	struct feth_link *next, **prev;	/* in feth_conn.links */
	struct feth_conn *conn;		/* NULL: disconnected */
	cJSON		*tree;		/* Link of the protocol */
	char		**addresses[2];	/* into tree, NULL-ended */
	char		*token;
	struct feth_port port[2];
	int		mine;
	bool		gone;
};

struct feth_conn {
	int		fd;		/* -1: lost */
	int		timeout_ms;
	char		*path;
	struct feth_link *links;
	char		*in;		/* bytes received, not yet taken */
	size_t		in_len, in_cap, in_scanned;
	int		fds[WIRE_FDS];	/* that came with them */
	unsigned int	nfds;
	feth_reply_fn	*more;		/* of the stream under way, or NULL */
	void		*more_arg;
};

/* The parameters of a reply, and the descriptors that came with it. */
struct feth_reply {
	cJSON		*tree;
	const cJSON	*parameters;	/* an object */
	bool		continues;
	int		fds[WIRE_FDS];
	unsigned int	nfds;
};

/* error.c: fill *ERR (may be NULL) and return -CODE. */
int	feth_fail(struct feth_error *err, enum feth_code code, int errnum,
	    const char *hint, const char *fmt, ...)
	    __attribute__((format(printf, 5, 6)));
int	feth_fail_memory(struct feth_error *err);
/* The error NAME (full) with its PARAMETERS, from the daemon. */
int	feth_fail_reply(struct feth_error *err, const char *name,
	    const cJSON *parameters);

/*
 * feth.c: one call. PARAMETERS (may be NULL: no memory, or none when none is
 * true) is consumed. On success *R is the caller's, for feth_reply_clear.
 */
int	feth_call_tree(struct feth_conn *conn, const char *method,
	    cJSON *parameters, const int *fds, unsigned int nfds,
	    struct feth_reply *r, struct feth_error *err);
void	feth_reply_clear(struct feth_reply *r);

/* links.c: resume LINK over its connection anew. */
int	feth_link_resume(struct feth_link *link, struct feth_error *err);

/* frames.c: P takes FD, a port of class CLASS_NAME; *FD is -1 after it
 * worked. */
int	feth_port_init(struct feth_port *p, int *fd, const char *class_name,
	    unsigned int offloads, size_t whole_max, struct feth_error *err);
/* Exchange the descriptor under its number. */
int	feth_port_replace(struct feth_port *p, int *fd, struct feth_error *err);
void	feth_port_none(struct feth_port *p);
void	feth_port_close(struct feth_port *p);

/*
 * batch_linux.c, or the like of another system: many messages of a socket at
 * once, 1 <= N <= FETH_BATCH. The number of frames, or -errno. A received
 * message that was cut gets a len greater than its size.
 */
int	feth_batch_send(int fd, const struct feth_frame *frames,
	    unsigned int n);
int	feth_batch_recv(int fd, struct feth_frame *frames, unsigned int n);
/* Sockets of this system need the care of the two above for one message, too;
 * send and recv will not do. */
extern const bool feth_batch_only;
/*
 * bpf_port.c, and bpf_none.c where there is no BPF of macOS. open: *B for FD if
 * it is such a descriptor, else NULL; 0 or -errno. recv: the next frame that
 * fits, which is maybe here already: with WAIT false nothing is read then.
 */
int	feth_bpf_open(int fd, struct feth_bpf **b);
void	feth_bpf_free(struct feth_bpf *b);
void	feth_bpf_forget(struct feth_bpf *b);
/* -EAGAIN: no room, and the descriptor does not wait; -EPIPE: the interface is
 * gone. */
ssize_t	feth_bpf_send(int fd, const void *frame, size_t len);
ssize_t	feth_bpf_recv(struct feth_bpf *b, int fd, void *buf, size_t size,
	    bool wait);
/* read(2) that does not wait, whatever the file's mode. */
ssize_t	feth_batch_read_nowait(int fd, void *buf, size_t size);
struct iovec;
ssize_t	feth_batch_readv_nowait(int fd, const struct iovec *iov, int n);

/* offload_linux.c, or offload_none.c: make the TAP FD have OFFLOADS, and headers
 * of the size of struct feth_vnet_hdr, whatever its last holder made of it. 0 or
 * -errno. */
int	feth_offload_set(int fd, unsigned int offloads);

#endif

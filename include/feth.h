/* SPDX-License-Identifier: MIT */
/*
 * libfeth: Ethernet links from fethd, the virtual-cable service.
 *
 * A link is a cable with two ends, 0 and 1. An end is a port, which a program
 * holds as a descriptor, or a network interface of the host. feth_send and
 * feth_recv move whole Ethernet frames (without checksum) through a port, of
 * whatever class its descriptor is.
 *
 * The library starts no threads, installs no signal handlers, keeps no globals
 * and raises no SIGPIPE. All its descriptors are close-on-exec. A connection
 * and its links must be used by one thread at a time; the ports of different
 * links may be used by different threads.
 *
 * Every function that can fail takes a struct feth_error, which may be NULL,
 * and fills it when it fails; it returns 0 (or a count) on success and the
 * negative of an enum feth_code on failure. See feth(3).
 */
#ifndef FETH_H
#define FETH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct feth_conn;	/* a connection to the daemon */
struct feth_link;	/* one link, as this connection opened or attached it */

enum feth_code {
	FETH_OK,
	/* The daemon says so; see include/org.fethd.Broker.varlink. */
	FETH_NOT_PERMITTED,
	FETH_QUOTA_EXCEEDED,
	FETH_NO_SUCH_LINK,
	FETH_NAME_IN_USE,
	FETH_END_BUSY,
	FETH_UNSUPPORTED,
	FETH_INVALID_SPEC,
	FETH_BACKEND_FAILED,
	FETH_BUSY,
	FETH_INVALID_MESSAGE,
	FETH_METHOD_NOT_FOUND,
	FETH_METHOD_NOT_IMPLEMENTED,
	FETH_INTERFACE_NOT_FOUND,
	FETH_INVALID_PARAMETER,
	FETH_PERMISSION_DENIED,
	FETH_EXPECTED_MORE,
	FETH_OTHER,		/* an error this library has no code for */
	/* The library says so. */
	FETH_NO_DAEMON,		/* nobody listens on the socket */
	FETH_CONNECTION_LOST,	/* the daemon went; see feth_reconnect */
	FETH_TIMEOUT,		/* no reply in time; the connection is lost */
	FETH_PROTOCOL,		/* its reply makes no sense; lost, too */
	FETH_STREAMING,		/* the connection is taken by feth_more */
	FETH_INVALID_ARGUMENT,
	FETH_FRAME_SIZE,	/* not 14 <= length <= MTU + 18 */
	FETH_BAD_HEADER,	/* the kernel refuses the frame's feth_vnet_hdr */
	FETH_AGAIN,		/* non-blocking: nothing to read, or no room */
	FETH_INTERRUPTED,	/* a signal handler ran; nothing was moved */
	FETH_PEER_GONE,		/* the other end, or the whole link, is gone */
	FETH_IO,		/* a system call failed, see errnum */
	FETH_NO_MEMORY,
	FETH_CODES
};

/* What went wrong. Text from the daemon is passed on as it came: a program that
 * shows it on a terminal must escape control characters. */
struct feth_error {
	enum feth_code	code;
	int		errnum;		/* errno of the cause, or 0 */
	unsigned int	retry_ms;	/* FETH_BUSY: when to try again */
	char		name[64];	/* "NotPermitted" */
	char		text[320];	/* one sentence */
	char		hint[256];	/* what would help, or "" */
};

enum feth_end_kind { FETH_PORT, FETH_HOST };
enum feth_class { FETH_AUTO, FETH_TAP, FETH_SOCKET, FETH_RAW, FETH_STREAM };
enum feth_lease { FETH_SESSION, FETH_NAMED };
/* Whether feth_open takes a port at once. Default: the first port of the link
 * is taken, the second is left for feth_attach. */
enum feth_take { FETH_TAKE_DEFAULT, FETH_TAKE_YES, FETH_TAKE_NO };

struct feth_label {
	const char	*key, *value;
};

/* What a program on a port of class tap can take over from the host, and give
 * to it; see struct feth_vnet_hdr. */
#define FETH_OFFLOAD_CSUM	0x01	/* unfinished checksums; the others bring it */
#define FETH_OFFLOAD_TSO4	0x02	/* TCP segments of up to 64 KiB */
#define FETH_OFFLOAD_TSO6	0x04
#define FETH_OFFLOAD_USO	0x08	/* UDP segments; Linux 6.2 */
#define FETH_OFFLOAD_ALL	0x0f

/* One end as asked for; all zero is a port with the stable MAC. */
struct feth_end_spec {
	enum feth_end_kind kind;
	enum feth_class	port_class;		/* only for a port */
	enum feth_take	take;		/* only for a port */
	const char	*mac;		/* "02:00:5e:00:00:01", or NULL */
	/* NULL-ended list of "10.253.7.1/30", "fd66::1/64" or "auto"; or
	 * NULL */
	const char *const *addresses;
	/* Path of the network namespace that the interface goes to, or NULL;
	 * only for a host end of a wire link. "/proc/self/fd/N" works, too. */
	const char	*netns;
	unsigned int	offloads;	/* FETH_OFFLOAD_*, only for a port */
	const void	*reserved[4];	/* NULL */
};

/*
 * A link as asked for: { .size = sizeof(struct feth_spec), .end = {...}, ... }.
 * All strings stay the caller's and are needed only during the call.
 */
struct feth_spec {
	size_t		size;		/* sizeof(struct feth_spec) */
	const char	*name;		/* [A-Za-z0-9._-], or NULL: made up */
	struct feth_end_spec end[2];
	enum feth_lease	lease;
	unsigned int	mtu;		/* bytes, 0: the default */
	bool		dry_run;	/* tell what would be, make nothing */
	const struct feth_label *labels; /* ended by a NULL key, or NULL */
};

/*
 * What a frame on a port with offloads has before it (struct virtio_net_hdr).
 * All zero: a whole frame. Numbers are in the machine's byte order; places are
 * bytes from the start of the frame.
 */
struct feth_vnet_hdr {
	uint8_t		flags;		/* FETH_VNET_* */
	uint8_t		gso_type;	/* FETH_GSO_* */
	uint16_t	hdr_len;	/* of Ethernet, IP and TCP or UDP */
	uint16_t	gso_size;	/* payload of each segment */
	uint16_t	csum_start;	/* sum from here to the end, */
	uint16_t	csum_offset;	/* store it so much after that */
};
#define FETH_VNET_NEEDS_CSUM	0x01	/* the checksum is to be made */
#define FETH_VNET_DATA_VALID	0x02	/* received: it is known to be right */
#define FETH_GSO_NONE		0
#define FETH_GSO_TCPV4		1
#define FETH_GSO_TCPV6		4
#define FETH_GSO_UDP_L4		5
#define FETH_GSO_ECN		0x80	/* or'ed: the first segment has CWR */

/* One frame of a batch. */
struct feth_frame {
	void		*data;		/* the caller's */
	size_t		size;		/* receive: room, >= feth_frame_max */
	size_t		len;		/* of the frame */
};

/* The port that this program holds (the lower one when it holds both). */
#define FETH_MINE	(-1)
#define FETH_FRAME_MIN	14
/* The most frames that a batch moves in one call. */
#define FETH_BATCH	64

/* ---- Connections ------------------------------------------------------- */

/*
 * Connect to the daemon at the Unix socket PATH; NULL: the environment variable
 * FETHD_SOCKET, else the system's service. *CONN is the caller's, to be ended
 * with feth_disconnect. FETH_NO_DAEMON, FETH_INVALID_ARGUMENT, FETH_NO_MEMORY,
 * FETH_IO.
 */
int	feth_connect(const char *path, struct feth_conn **conn,
	    struct feth_error *err);

/*
 * Close the connection and free CONN (NULL is fine). Its session links end now.
 * Its struct feth_link stay the caller's: their descriptors can still be used,
 * where the other end lives on, and feth_free must be called.
 */
void	feth_disconnect(struct feth_conn *conn);

/* How long a call may wait for its reply, in ms; -1: forever; 30000 at
 * first. */
void	feth_set_timeout(struct feth_conn *conn, int ms);

/*
 * After FETH_CONNECTION_LOST, or when feth_dispatch told so: connect again,
 * once and without waiting for the daemon to come up, and Resume every link of
 * CONN by its token. Ports keep their descriptor numbers, but where the daemon
 * gave a new descriptor, an epoll or kqueue set must be told again. Returns 0,
 * or the number of links that are no more (their feth_state is "gone"), or a
 * negative code: FETH_NO_DAEMON when there is no daemon yet. A link that came
 * from feth_attach has no token; of such a one it is only seen whether it still
 * exists, and its port goes on working.
 */
int	feth_reconnect(struct feth_conn *conn, struct feth_error *err);

/* The control descriptor, for poll or an event loop: readable when
 * feth_dispatch has something to do. It stays the connection's. -1 when it
 * is lost. */
int	feth_conn_fd(const struct feth_conn *conn);

/*
 * Take in what the daemon sent, without blocking, and call the function given
 * to feth_more for each whole reply. Returns the number of replies, or a
 * negative code: FETH_CONNECTION_LOST, FETH_PROTOCOL, or the stream's own
 * error, which ends the stream (the connection may be used for calls again).
 */
int	feth_dispatch(struct feth_conn *conn, struct feth_error *err);

/*
 * Any method: METHOD is "List" (of org.fethd.Broker) or a full name; PARAMETERS
 * a JSON object as text, or NULL for none. Blocks until the reply; *REPLY (may
 * be NULL) is its parameters as JSON text, to be given to free(3). Descriptors
 * in the reply are closed. Any code but those of frames.
 */
int	feth_call(struct feth_conn *conn, const char *method,
	    const char *parameters, char **reply, struct feth_error *err);

/*
 * A reply of a stream: its parameters as JSON text, which is the library's and
 * gone after the return. CONTINUES is false in the last one. The function must
 * not call into the library with the same connection.
 */
typedef void feth_reply_fn(const char *parameters, bool continues, void *arg);

/*
 * As feth_call, for methods that reply again and again (Watch, Stats, List).
 * Sends the call and returns; the replies come by feth_dispatch. Until the last
 * one, the connection takes no other call (FETH_STREAMING), so a program that
 * holds links opens a second one for this.
 */
int	feth_more(struct feth_conn *conn, const char *method,
	    const char *parameters, feth_reply_fn *fn, void *arg,
	    struct feth_error *err);

/* ---- Links ------------------------------------------------------------- */

/*
 * Make a link. Blocks until it is up. *LINK is the caller's, for feth_free. A
 * session link ends with the connection, a named one lives until feth_close.
 * Any code but those of frames.
 */
int	feth_open(struct feth_conn *conn, const struct feth_spec *spec,
	    struct feth_link **link, struct feth_error *err);

/*
 * The parameters of the Open call that SPEC stands for, as JSON text, for
 * feth_call (Explain). NULL on failure: FETH_INVALID_ARGUMENT, FETH_NO_MEMORY.
 * For free(3).
 */
char	*feth_spec_json(const struct feth_spec *spec, struct feth_error *err);

/*
 * Take a free port of the existing link NAME (its id, its name, or "UID/NAME").
 * END 0, 1, or FETH_MINE: the one that is free. *LINK as with feth_open.
 * FETH_NO_SUCH_LINK, FETH_END_BUSY, FETH_UNSUPPORTED, FETH_NOT_PERMITTED, and
 * those of feth_call.
 */
int	feth_attach(struct feth_conn *conn, const char *name, int end,
	    enum feth_class port_class, struct feth_link **link,
	    struct feth_error *err);

/*
 * Take over a link by its token, as after exec or a restart of the program:
 * NAME and TOKEN as feth_id and feth_token told, END the port that FD belongs
 * to. FD (or -1) becomes the link's when this succeeds.
 */
int	feth_resume(struct feth_conn *conn, const char *name, const char *token,
	    int end, int fd, struct feth_link **link, struct feth_error *err);

/* Give the port END back and close its descriptor; the link lives on while its
 * lease says so. The descriptor is closed even when the call fails. */
int	feth_detach(struct feth_link *link, int end, struct feth_error *err);

/* End the link, for everybody. The descriptors are closed even when the call
 * fails; LINK itself stays for feth_free. */
int	feth_close(struct feth_link *link, struct feth_error *err);

/* Close the descriptors and free LINK (NULL is fine). The daemon is not told: a
 * session link lives until its connection ends. */
void	feth_free(struct feth_link *link);

/*
 * What the daemon told of the link. The strings are the link's, and valid until
 * feth_free, feth_reconnect or feth_refresh. END is 0, 1 or FETH_MINE. Strings
 * that there are not are "", never NULL.
 */
const char *feth_id(const struct feth_link *link);
const char *feth_name(const struct feth_link *link);
const char *feth_kind(const struct feth_link *link);	/* host, pair, wire */
const char *feth_state(const struct feth_link *link);	/* up, detached, ... */
const char *feth_token(const struct feth_link *link);	/* a secret */
const char *feth_mac(const struct feth_link *link, int end);
const char *feth_interface(const struct feth_link *link, int end);
/* CIDR texts, ended by NULL. */
const char *const *feth_addresses(const struct feth_link *link, int end);
enum feth_end_kind feth_end_kind(const struct feth_link *link, int end);
enum feth_class feth_class(const struct feth_link *link, int end);
/* "tap", or "" for a host end. */
const char *feth_class_name(const struct feth_link *link, int end);
/* FETH_OFFLOAD_*: what was asked for and what the kernel has; 0: no header. */
unsigned int feth_offloads(const struct feth_link *link, int end);
/* In bytes: the IP packet, and the longest frame (MTU + 18; of a link with
 * offloads 65553). */
unsigned int feth_mtu(const struct feth_link *link);
size_t	feth_frame_max(const struct feth_link *link);
/* The end that FETH_MINE stands for, and the one opposite of it. */
int	feth_end(const struct feth_link *link);
int	feth_peer_end(const struct feth_link *link);
/* The whole description as JSON text, without token; for free(3). NULL: no
 * memory. */
char	*feth_json(const struct feth_link *link);
/* Ask the daemon again. */
int	feth_refresh(struct feth_link *link, struct feth_error *err);

/* ---- Frames ------------------------------------------------------------ */

/*
 * The descriptor of the port END, for poll or an event loop, or -1 when this
 * program does not hold it. It stays the link's. One frame is one read or write
 * on every class but FETH_STREAM, so it may also be used directly. On a stream,
 * feth_recv reads ahead: call it until FETH_AGAIN before waiting again.
 */
int	feth_fd(const struct feth_link *link, int end);

/* As feth_fd, but the descriptor becomes the caller's: the library forgets it
 * and sends and receives nothing on it any more. */
int	feth_take_fd(struct feth_link *link, int end);

/* Whether feth_send and feth_recv return FETH_AGAIN instead of waiting. At
 * first they wait. It is a property of the open file, so of all its
 * duplicates, too. */
int	feth_set_nonblock(struct feth_link *link, int end, bool on,
	    struct feth_error *err);

/*
 * Send one frame of LEN bytes, 14 to MTU + 18. Waits while the other side
 * has no room (never on a TAP, which drops). Returns LEN, or FETH_FRAME_SIZE,
 * FETH_AGAIN, FETH_INTERRUPTED, FETH_PEER_GONE, FETH_IO, FETH_INVALID_ARGUMENT
 * (no such port held).
 */
ssize_t	feth_send(struct feth_link *link, int end, const void *frame,
	    size_t len, struct feth_error *err);

/*
 * Receive one frame to BUF of SIZE >= feth_frame_max bytes. Waits for one.
 * Returns its length; FETH_FRAME_SIZE also when a frame of an impossible length
 * came, and was dropped; the others as with feth_send.
 */
ssize_t	feth_recv(struct feth_link *link, int end, void *buf, size_t size,
	    struct feth_error *err);

/*
 * Send N frames (len bytes at data), with as few system calls as the class
 * allows. All are checked before any is sent. Returns how many were sent, which
 * is less than N only in non-blocking mode or when an error came after the
 * first (the next call tells it); or a negative code as above when none was.
 */
int	feth_send_batch(struct feth_link *link, int end,
	    const struct feth_frame *frames, unsigned int n,
	    struct feth_error *err);

/*
 * Receive 1 to N frames, at most FETH_BATCH: waits for the first only. Sets len
 * of each; 0 marks one of an impossible length, which was dropped. Returns the
 * number, or a negative code as above.
 */
int	feth_recv_batch(struct feth_link *link, int end,
	    struct feth_frame *frames, unsigned int n, struct feth_error *err);

/*
 * As the two above, with the header HDRS[i] of FRAMES[i], which is the caller's
 * too. Send: a frame whose gso_type is not FETH_GSO_NONE may have feth_frame_max
 * bytes; FETH_BAD_HEADER when the kernel cannot make sense of a header, or the
 * port has no offloads and a header is not all zero. Receive: without offloads
 * they are all zero. The calls without headers send whole frames, and on a port
 * with offloads receive what may have no checksum yet, or be too long for any
 * wire, without a word of it.
 */
int	feth_send_batch_hdr(struct feth_link *link, int end,
	    const struct feth_frame *frames, const struct feth_vnet_hdr *hdrs,
	    unsigned int n, struct feth_error *err);
int	feth_recv_batch_hdr(struct feth_link *link, int end,
	    struct feth_frame *frames, struct feth_vnet_hdr *hdrs,
	    unsigned int n, struct feth_error *err);

/* Class stream in non-blocking mode: send the rest of a frame that feth_send
 * has taken, once the descriptor is writable. 0 when nothing is left,
 * FETH_AGAIN while something is. On other classes nothing is ever left. */
int	feth_flush(struct feth_link *link, int end, struct feth_error *err);

/* "NotPermitted" for FETH_NOT_PERMITTED; never NULL. */
const char *feth_code_name(enum feth_code code);

#ifdef __cplusplus
}
#endif

#endif

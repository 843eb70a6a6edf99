/* SPDX-License-Identifier: MIT */
/*
 * Bytes and descriptors over a Unix socket, and the framing of Varlink (a JSON
 * object ended by NUL). Linked into the daemon and the library, so that the two
 * cannot drift.
 */
#ifndef FETH_WIRE_H
#define FETH_WIRE_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The most descriptors that one receive hands out; what a peer sends beyond is
 * closed at once. */
#define WIRE_FDS	8

/*
 * Room for as many descriptors as any kernel passes in one message (Linux 253,
 * macOS 254). A smaller buffer would do on Linux, which discards the rest;
 * macOS installs all of them first and then cuts the list, so that they would
 * stay open for ever, unknown to anybody.
 */
#define WIRE_KERNEL_FDS	254

union wire_control {
	struct cmsghdr	align;
	char		buf[CMSG_SPACE(WIRE_KERNEL_FDS * sizeof(int))];
};

/*
 * One sendmsg of SIZE bytes with NFDS (<= WIRE_FDS) descriptors on the first
 * byte. The descriptors stay the caller's. Never raises SIGPIPE. Returns the
 * bytes taken (the descriptors went with the first), or -errno.
 */
ssize_t	wire_send(int fd, const void *data, size_t size, const int *fds,
	    unsigned int nfds);

/*
 * One recvmsg of at most SIZE bytes. Received descriptors are close-on-exec and
 * the caller's, in FDS (room for WIRE_FDS); *NFDS is their number, *TRUNCATED
 * (may be NULL) whether there were more. Returns the bytes, 0 at end of
 * file, or -errno (-EAGAIN, ...).
 */
ssize_t	wire_recv(int fd, void *data, size_t size, int *fds,
	    unsigned int *nfds, int *truncated);

/*
 * As recv, for bytes with which no descriptors are expected: those that came are
 * closed, and *RIGHTS (may be NULL) becomes 1. Without this macOS would install
 * them and tell nobody. Looking only (MSG_PEEK) installs none, and is recv's.
 */
ssize_t	wire_recv_bytes(int fd, void *data, size_t size, int *rights);

/* Close all descriptors that came with the received message MH. */
void	wire_drop_rights(struct msghdr *mh);

/* Close *FD if it is one, and set it to -1; errno is kept. */
void	wire_close(int *fd);
/* Return *FD and set it to -1: the descriptor moves. */
int	wire_take(int *fd);

#endif

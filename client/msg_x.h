/* SPDX-License-Identifier: MIT */
/*
 * Many messages with one system call, on macOS. The two calls are in libSystem
 * but in no header ("subject to change"): linked weakly, so that they are NULL
 * where they are missing. Of the library and the daemon.
 */
#ifndef FETH_MSG_X_H
#define FETH_MSG_X_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct msghdr_x {
	void		*msg_name;
	socklen_t	msg_namelen;
	struct iovec	*msg_iov;
	int		msg_iovlen;
	void		*msg_control;
	socklen_t	msg_controllen;
	int		msg_flags;
	size_t		msg_datalen;	/* received; 0 on input */
};
_Static_assert(sizeof(struct msghdr_x) == 56 &&
    offsetof(struct msghdr_x, msg_iov) == 16 &&
    offsetof(struct msghdr_x, msg_control) == 32 &&
    offsetof(struct msghdr_x, msg_datalen) == 48, "struct msghdr_x");

ssize_t	sendmsg_x(int fd, const struct msghdr_x *msg, unsigned int n,
	    int flags) __attribute__((weak_import));
ssize_t	recvmsg_x(int fd, const struct msghdr_x *msg, unsigned int n,
	    int flags) __attribute__((weak_import));

#endif

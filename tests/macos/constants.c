/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of macOS that fethd is compiled with, as a table in an object file
 * that constants.py reads. Never linked, never run. Sizes are called as Go calls
 * them.
 */
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/ucred.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <net/if.h>
#include <netinet/in.h>

#include "darwin_abi.h"

struct constant {
	char		name[32];
	uint64_t	value;
};

#define IS(name)		{ #name, (uint64_t)(name) }
#define SIZE(name, type)	{ "Sizeof" name, sizeof(type) }

const struct constant constants[]
    __attribute__((used, section("__DATA,fethd_numbers"))) = {
	/* Ours, of darwin_abi.h. */
#define X(name, dir, group, number, type, value) { #name, DW_##name },
	DW_IOCTLS(X)
#undef X
	{ "AF_INET", DW_AF_INET }, { "AF_INET6", DW_AF_INET6 },
	{ "AF_LINK", DW_AF_LINK }, { "IFF_UP", DW_IFF_UP },
	{ "IFF_RUNNING", DW_IFF_RUNNING }, { "DLT_EN10MB", DW_DLT_EN10MB },
	SIZE("SockaddrInet4", struct dw_sockaddr_in),
	SIZE("SockaddrInet6", struct dw_sockaddr_in6),
	SIZE("BpfStat", struct dw_bpf_stat),
	SIZE("BpfProgram", struct dw_bpf_program),
	SIZE("BpfInsn", struct dw_bpf_insn),
	SIZE("BpfHdr", struct dw_bpf_hdr),

	/* The headers' that the cross build was given. */
	SIZE("Xucred", struct xucred), SIZE("Msghdr", struct msghdr),
	SIZE("Cmsghdr", struct cmsghdr), SIZE("Iovec", struct iovec),
	SIZE("SockaddrUnix", struct sockaddr_un),
	IS(AF_UNIX), IS(SOCK_STREAM), IS(SOCK_DGRAM), IS(SOL_SOCKET),
	IS(SO_SNDBUF), IS(SO_RCVBUF), IS(SO_NOSIGPIPE), IS(SO_TYPE),
	IS(SO_ACCEPTCONN), IS(SO_RCVTIMEO), IS(SO_SNDTIMEO), IS(SCM_RIGHTS),
	IS(MSG_DONTWAIT), IS(MSG_PEEK), IS(MSG_CTRUNC), IS(MSG_TRUNC),
	IS(LOCAL_PEERCRED), IS(LOCAL_PEERPID), IS(F_DUPFD_CLOEXEC),
	IS(F_GETFL), IS(F_SETFL), IS(F_GETFD), IS(F_SETFD), IS(FD_CLOEXEC),
	IS(O_RDONLY), IS(O_RDWR), IS(O_CREAT), IS(O_EXCL), IS(O_NONBLOCK),
	IS(O_CLOEXEC), IS(O_NOFOLLOW), IS(POLLIN), IS(POLLOUT), IS(POLLHUP),
	IS(POLLERR), IS(POLLNVAL), IS(EVFILT_PROC), IS(EV_ADD),
	IS(EV_ONESHOT), IS(NOTE_EXIT),
	IS(EPERM), IS(ENOENT), IS(EINTR), IS(EIO), IS(ENXIO), IS(EBADF),
	IS(EAGAIN), IS(ENOMEM), IS(EACCES), IS(EBUSY), IS(EEXIST), IS(EINVAL),
	IS(EMFILE), IS(ENOSPC), IS(EPIPE), IS(EDESTADDRREQ), IS(EMSGSIZE),
	IS(EOPNOTSUPP), IS(ENETDOWN), IS(ECONNRESET), IS(ENOBUFS),
	IS(ENOTCONN), IS(EADDRINUSE), IS(ESRCH), IS(ETOOMANYREFS),
	IS(SIGKILL), IS(SIGTERM), IS(SIGHUP), IS(SIGCHLD), IS(SIGPIPE),
};

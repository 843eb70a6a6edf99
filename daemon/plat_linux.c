/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plat.h for Linux: service manager, peer credentials, privileges. Called by
 * main.c, peer.c, warden.c and vlink.c. It keeps no state and never falls back
 * to a guess: what the kernel does not say is an error.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/nsfs.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "identity.h"
#include "log.h"
#include "peer.h"
#include "plat.h"
#include "wire.h"

#define LISTEN_FDS_START	3	/* sd_listen_fds(3) */
/* The kernel doubles it; of struct wm_msg, which takes 2.3 KB in it, 1,800. */
#define CHANNEL_BUFFER		(2 << 20)

/* The service manager. */

static long
env_number(const char *name)
{
	const char	*text = getenv(name);
	char		*end;
	long		 n;

	if (text == NULL || *text == '\0')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno != 0 || *end != '\0' ? -1 : n;
}

static int
socket_option(int fd, int option)
{
	int		value = -1;
	socklen_t	size = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0)
		return -1;
	return value;
}

int
plat_inherited_socket(void)
{
	long	pid = env_number("LISTEN_PID"), n = env_number("LISTEN_FDS");
	int	fd = LISTEN_FDS_START;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (pid != (long)getpid() || n < 1)
		return -ENOENT;
	if (n != 1 || socket_option(fd, SO_DOMAIN) != AF_UNIX ||
	    socket_option(fd, SO_TYPE) != SOCK_STREAM ||
	    socket_option(fd, SO_ACCEPTCONN) != 1)
		return -EINVAL;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -errno;
	return fd;
}

void
plat_notify(const char *state)
{
	const char		*path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct timespec		 ts;
	char			 text[128];
	socklen_t		 size;
	size_t			 len;
	int			 fd;

	if (path == NULL || (*path != '/' && *path != '@'))
		return;
	if ((len = strlen(path)) >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, len);
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (*path == '@')
		sun.sun_path[0] = '\0';
	snprintf(text, sizeof(text), "%s", state);
	if (strcmp(state, "RELOADING=1") == 0) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		snprintf(text, sizeof(text), "%s\nMONOTONIC_USEC=%llu", state,
		    (unsigned long long)ts.tv_sec * 1000000 +
		    (unsigned long long)ts.tv_nsec / 1000);
	}
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&sun, size) < 0)
		log_warn("cannot tell the service manager %s", state);
	close(fd);
}

/* The machine. */

static int
hex_digit(char c)
{
	static const char	digits[] = "0123456789abcdef";
	const char		*p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

static int
machine_id(uint8_t key[16])
{
	char	text[33];
	ssize_t	n;
	int	fd, i, high, low;

	if ((fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC)) == -1)
		return -errno;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n < 32 || (n == 33 && text[32] != '\n'))
		return -EINVAL;
	for (i = 0; i < 16; i++) {
		high = hex_digit(text[2 * i]);
		low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int
plat_machine_key(uint8_t key[16])
{
	static const uint8_t	k0[16] = "fethd machine 0", k1[16] =
	    "fethd machine 1";
	char			name[256];
	uint64_t		half[2];

	if (machine_id(key) == 0)
		return 0;
	if (gethostname(name, sizeof(name)) != 0)
		return -errno;
	name[sizeof(name) - 1] = '\0';
	half[0] = siphash24(k0, name, strlen(name));
	half[1] = siphash24(k1, name, strlen(name));
	memcpy(key, half, sizeof(half));
	return 0;
}

int
plat_rundir_ready(const char *rundir)
{
	(void)rundir;	/* a tmpfs */
	return 0;
}

/* Sockets. */

static int
peer_groups(int fd, struct peer *p)
{
	socklen_t	size = 0;
	gid_t		*groups;
	int		error;

	/* The number first; a set of groups never changes for a connection. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0)
		return 0;
	error = errno;
	if (error != ERANGE)
		return -error;
	if (size > BOUND_GROUPS * sizeof(gid_t))
		return -E2BIG;
	if ((groups = malloc(size)) == NULL)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
		error = errno;
		free(groups);
		return -error;
	}
	p->groups = groups;
	p->ngroups = size / sizeof(gid_t);
	return 0;
}

int
plat_peer(int fd, struct peer *p)
{
	struct ucred	cred;
	socklen_t	size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
		return -errno;
	/* A socket that nobody connected has these. */
	if (size != sizeof(cred) || cred.uid == (uid_t)-1 ||
	    cred.gid == (gid_t)-1)
		return -ENOTCONN;
	p->uid = cred.uid;
	p->gid = cred.gid;
	p->pid = cred.pid;
	p->ngroups = 0;
	p->groups = NULL;
	return peer_groups(fd, p);
}

static int
unix_pair(int type, int fd[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) != 0 ?
	    -errno : 0;
}

int
plat_frame_pair(int fd[2])
{
	return unix_pair(SOCK_SEQPACKET, fd);
}

int
plat_stream_pair(int fd[2])
{
	return unix_pair(SOCK_STREAM, fd);
}

int
plat_datagram_pair(int fd[2])
{
	return unix_pair(SOCK_DGRAM, fd);
}

void
plat_send_room(int fd, int size)
{
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int
plat_channel(int fd[2])
{
	int	i, error, size = CHANNEL_BUFFER;

	if ((error = plat_frame_pair(fd)) != 0)
		return error;
	/* With less, some of the messages only wait where they come from. */
	for (i = 0; i < 2; i++)
		(void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &size,
		    sizeof(size));
	return 0;
}

#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int
plat_sealed(const void *data, size_t size)
{
	int	fd, error = 0;
	ssize_t	n;

	fd = memfd_create("fethd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -errno;
	n = write(fd, data, size);
	if (n != (ssize_t)size)
		error = n < 0 ? -errno : -ENOSPC;
	else if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		error = -errno;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

/* Only a file in memory has seals, so no disk and no other program is asked. */
int
plat_sealed_read(int fd, void *data, size_t size)
{
	struct stat	st;

	if ((fcntl(fd, F_GET_SEALS) & SEALS) != SEALS || fstat(fd, &st) != 0 ||
	    st.st_size != (off_t)size ||
	    pread(fd, data, size, 0) != (ssize_t)size)
		return -EINVAL;
	return 0;
}

int
plat_timer_open(void)
{
	int	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC |
		    TFD_NONBLOCK);

	return fd == -1 ? -errno : fd;
}

void
plat_timer_set(int fd, int64_t ns)
{
	struct itimerspec	its;

	memset(&its, 0, sizeof(its));
	/* 0 would disarm it. */
	its.it_value.tv_sec = ns / 1000000000;
	its.it_value.tv_nsec = ns > 0 ? ns % 1000000000 : 1;
	(void)timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL);
}

void
plat_timer_read(int fd)
{
	uint64_t	n;

	if (read(fd, &n, sizeof(n)) < 0)
		return;
}

int
plat_sifts(void)
{
	return 1;
}

int
plat_is_netns(int fd)
{
	struct statfs	sfs;

	/* Ioctl numbers mean something else to other files. */
	if (fstatfs(fd, &sfs) != 0)
		return -errno;
	return sfs.f_type == NSFS_MAGIC &&
	    ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

int
plat_netns_owner(int fd, uid_t *uid)
{
	int	user, error = 0;

	if ((user = plat_is_netns(fd)) != 1)
		return user == 0 ? -EINVAL : user;
	if ((user = ioctl(fd, NS_GET_USERNS)) == -1)
		return -errno;
	if (ioctl(user, NS_GET_OWNER_UID, uid) != 0)
		error = -errno;
	close(user);
	return error;
}

/* Privileges. */

#define CAP(c)	((uint64_t)1 << (c))
#define CAP_TOP	63	/* as many as a struct of two words can name */

static int
caps_set(uint64_t keep)
{
	struct __user_cap_header_struct	head;
	struct __user_cap_data_struct	data[2];
	int				i;

	memset(&head, 0, sizeof(head));
	head.version = _LINUX_CAPABILITY_VERSION_3;
	memset(data, 0, sizeof(data));
	for (i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(keep >> (32 * i));
		data[i].permitted = data[i].effective;
	}
	return syscall(SYS_capset, &head, data) != 0 ? -errno : 0;
}

static int
caps_have(uint64_t *have)
{
	struct __user_cap_header_struct	head;
	struct __user_cap_data_struct	data[2];

	memset(&head, 0, sizeof(head));
	head.version = _LINUX_CAPABILITY_VERSION_3;
	if (syscall(SYS_capget, &head, data) != 0)
		return -errno;
	*have = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/* Take out of the bounding set what KEEP lacks; what is out is no error. */
static int
bounding_set(uint64_t keep)
{
	int	cap;

	for (cap = 0; cap <= CAP_TOP; cap++) {
		if ((keep & CAP(cap)) != 0 || prctl(PR_CAPBSET_READ, cap) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap) != 0)
			return -errno;
	}
	return 0;
}

static int
no_core(void)
{
	struct rlimit	none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0) != 0)
		return -errno;
	return 0;
}

/*
 * NET_ADMIN: interfaces, addresses, /proc/sys/net. NET_RAW: the AF_PACKET
 * ports. SYS_ADMIN: setns, unshare. SYS_CHROOT, SETUID, SETGID, SETPCAP: to
 * make the broker what it is. KILL: to end it.
 */
#define WARDEN_CAPS	(CAP(CAP_NET_ADMIN) | CAP(CAP_NET_RAW) | \
    CAP(CAP_SYS_ADMIN) | CAP(CAP_SYS_CHROOT) | CAP(CAP_SETUID) | \
    CAP(CAP_SETGID) | CAP(CAP_SETPCAP) | CAP(CAP_KILL))

int
plat_warden_privileges(void)
{
	uint64_t	have;
	int		error;

	if ((error = caps_have(&have)) != 0)
		return error;
	if ((have & CAP(CAP_SETPCAP)) != 0 &&
	    (error = bounding_set(WARDEN_CAPS)) != 0)
		return error;
	if ((error = caps_set(have & WARDEN_CAPS)) != 0)
		return error;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	return no_core();
}

static int
become(uid_t uid, gid_t gid)
{
	uid_t	r, e, s;

	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0 || getresuid(&r, &e, &s) != 0)
		return -errno;
	return r == uid && e == uid && s == uid ? 0 : -EPERM;
}

int
plat_drop_privileges(uid_t uid, gid_t gid, const char *root)
{
	uint64_t	have;
	int		error;

	if (root != NULL && (chroot(root) != 0 || chdir("/") != 0))
		return -errno;
	if ((error = caps_have(&have)) != 0)
		return error;
	if ((have & CAP(CAP_SETPCAP)) != 0 && (error = bounding_set(0)) != 0)
		return error;
	if ((error = become(uid, gid)) != 0 || (error = caps_set(0)) != 0)
		return error;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	if ((error = no_core()) != 0)
		return error;
	/* Last, as a change of uid clears it. Nothing of it may outlive the
	 * half that could still act for it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return -errno;
	return 0;
}

void
plat_close_from(int low)
{
	long	fd, top;

	if (syscall(SYS_close_range, low, ~0U, 0) == 0)
		return;
	/* Before Linux 5.9. */
	if ((top = sysconf(_SC_OPEN_MAX)) < 0)
		top = 65536;
	for (fd = low; fd < top; fd++)
		close((int)fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs by system outside of links. One file a system implements it.
 */
#ifndef FETHD_PLAT_H
#define FETHD_PLAT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer;

/* Where the service keeps its socket and its run directory. */
#define PLAT_SOCKET	FETHD_RUNSTATEDIR "/fethd.sock"
#define PLAT_RUNDIR	FETHD_RUNDIR

/* The listening socket that the service manager opened (systemd LISTEN_FDS,
 * launchd): its descriptor, close-on-exec; -ENOENT when there is none,
 * -EINVAL when there is one but it is no listening Unix stream socket. Clears
 * the environment variables. */
int	plat_inherited_socket(void);

/* Warden, before the journal is opened: RUNDIR holds nothing of an earlier boot
 * any more (it is a tmpfs, or is cleared here). 0 or -errno. */
int	plat_rundir_ready(const char *rundir);

/* Tell the service manager (NOTIFY_SOCKET): "READY=1", "STOPPING=1", or
 * "RELOADING=1" (the monotonic stamp is added). No effect without one. */
void	plat_notify(const char *state);

/* 16 bytes that are this machine's and stay the same; not secret. 0 or -errno. */
int	plat_machine_key(uint8_t key[16]);

/* Credentials of the connected socket FD; see peer_get. */
int	plat_peer(int fd, struct peer *p);

/* Two ends of a cable as descriptors: each keeps frame boundaries, gives
 * end-of-file when the other is closed (not on macOS), close-on-exec. 0 or
 * -errno. */
int	plat_frame_pair(int fd[2]);
/* The same without the frame boundaries (SOCK_STREAM); and with them, but
 * without the end-of-file (SOCK_DGRAM). */
int	plat_stream_pair(int fd[2]);
int	plat_datagram_pair(int fd[2]);
/* Give FD room for SIZE bytes that it sent and nobody read, where that is the
 * sender's to have. */
void	plat_send_room(int fd, int size);
/* The same kind of pair as channel between warden and broker. Where it gives no
 * end-of-file, SIGCHLD and plat_drop_privileges tell the two. */
int	plat_channel(int fd[2]);

/* A file without a name that holds DATA and that nobody can change any more; its
 * descriptor, or -errno. */
int	plat_sealed(const void *data, size_t size);
/* The SIZE bytes of such a file, which may come from anybody, to DATA: 0; or
 * -EINVAL when FD is none, or has another size. Never waits. */
int	plat_sealed_read(int fd, void *data, size_t size);

/* A descriptor that becomes readable at a time of CLOCK_MONOTONIC, to well below
 * a millisecond; plat_timer_read makes it not readable again. -errno. */
int	plat_timer_open(void);
void	plat_timer_set(int fd, int64_t ns);
void	plat_timer_read(int fd);

/* 0 and the uid that owns the network namespace FD, -EINVAL when FD is no
 * network namespace, -ENOTSUP where there are none. Asked of the kernel
 * (ioctl_ns(2): NS_GET_NSTYPE, NS_GET_USERNS, NS_GET_OWNER_UID). */
int	plat_netns_owner(int fd, uid_t *uid);

/* Is FD a network namespace? 1, 0, or -errno. */
int	plat_is_netns(int fd);

/* Must a child take the descriptors that clients send? 1 or 0; see sift.h. */
int	plat_sifts(void);

/* Warden: give up every capability that it does not need. 0 or -errno. */
int	plat_warden_privileges(void);
/* Broker (and policy loader): chroot to ROOT when not NULL, become UID and GID
 * without supplementary groups, no capabilities, no new privileges, no core
 * dump, die with the parent. 0 or -errno; after a failure the caller must exit. */
int	plat_drop_privileges(uid_t uid, gid_t gid, const char *root);
/* Close every descriptor from LOW up. */
void	plat_close_from(int low);

#endif

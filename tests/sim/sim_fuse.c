/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated macOS for whole daemons: a FUSE file system of the files that
 * sim_fuse.h lists, on the model of sim.h. The host side of each feth is a real
 * TAP interface of the same name in the network namespace in which this runs, so
 * that the Linux kernel plays the Mac's protocols. One thread; ends on SIGTERM.
 *
 *	sim_fuse DIRECTORY RELEASE
 *
 * Commands for admin, by which a test plays the rest of the Mac:
 *
 *	fault CALL SKIP COUNT ERRNO|kill|kill-after
 *	clear				no more faults
 *	sysctl NAME VALUE
 *	create NAME [DESCRIPTION]	another program's feth
 *	destroy NAME
 *	peer NAME [NAME]
 *	hold N, drop N			another program's BPF descriptor
 */
#define FUSE_USE_VERSION	35
#include <fuse3/fuse_lowlevel.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <linux/fuse.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "netlink.h"
#include "sim.h"
#include "sim_fuse.h"

#define INO_CTL		2
#define INO_CTL6	3
#define INO_KEV		4
#define INO_STATE	5
#define INO_ADMIN	6
#define INO_BPF		100
#define LISTENERS	16
#define KEVS		256
#define TICK_MS		5
#define TAP_TURN	64

/* Somebody who has kev open. */
struct listener {
	bool		open;
	struct dw_kev	k[KEVS];
	unsigned int	n;
	struct fuse_pollhandle *poll;
};

/* Who waits for a node. */
struct waiter {
	fuse_req_t	read;		/* NULL: nobody */
	size_t		size;
	int64_t		until;		/* ms; 0: for ever */
	struct fuse_pollhandle *poll;
};

static struct {
	struct sim	sim;
	struct fuse_session *session;
	struct listener	listener[LISTENERS];
	struct waiter	waiter[SIM_NODES];
	int		tap[SIM_IFS];	/* -1: none */
	bool		held[SIM_NODES]; /* by admin */
	int		sock;		/* for the host's ioctls */
	struct nl	nl;
	pid_t		caller;
	bool		verbose;
} sf;

static int64_t
now_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void __attribute__((format(printf, 1, 2)))
note(const char *fmt, ...)
{
	va_list	ap;

	if (!sf.verbose)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* The host's side: a TAP for each interface. */

static void
ifr_for(struct ifreq *ifr, int i)
{
	memset(ifr, 0, sizeof(*ifr));
	memcpy(ifr->ifr_name, sf.sim.ifs[i].name, IFNAMSIZ);
}

static void
conf(int i, const char *family, const char *key, const char *value)
{
	char	path[128];
	int	fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
	    sf.sim.ifs[i].name, key);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return;
	if (write(fd, value, strlen(value)) == -1)
		note("%s: %s", path, strerror(errno));
	close(fd);
}

static int
host_created(int i, void *arg)
{
	struct ifreq	ifr;
	int		fd, error;

	(void)arg;
	if ((fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)) == -1)
		return errno;
	ifr_for(&ifr, i);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &ifr) == -1) {
		error = errno;
		close(fd);
		return error;
	}
	sf.tap[i] = fd;
	/* No protocol is attached to a new interface of a Mac, and each has
	 * its own addresses only. */
	conf(i, "ipv6", "disable_ipv6", "1");
	conf(i, "ipv6", "accept_ra", "0");
	conf(i, "ipv4", "arp_ignore", "1");
	conf(i, "ipv4", "arp_announce", "2");
	return 0;
}

static void
host_changed(int i, void *arg)
{
	const struct sim_if	*f = &sf.sim.ifs[i];
	struct ifreq		ifr;

	(void)arg;
	if (sf.tap[i] == -1)
		return;
	ifr_for(&ifr, i);
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, f->mac, 6);
	if (ioctl(sf.sock, SIOCSIFHWADDR, &ifr) == -1)
		note("%s: MAC: %s", f->name, strerror(errno));
	ifr_for(&ifr, i);
	ifr.ifr_mtu = f->mtu;
	if (ioctl(sf.sock, SIOCSIFMTU, &ifr) == -1)
		note("%s: MTU: %s", f->name, strerror(errno));
	ifr_for(&ifr, i);
	if (ioctl(sf.sock, SIOCGIFFLAGS, &ifr) == -1)
		return;
	ifr.ifr_flags = (short)((ifr.ifr_flags & ~IFF_UP) |
	    (f->flags & DW_IFF_UP ? IFF_UP : 0));
	if (ioctl(sf.sock, SIOCSIFFLAGS, &ifr) == -1)
		note("%s: flags: %s", f->name, strerror(errno));
}

static void
host_address(int i, int family, const uint8_t *addr, int len, void *arg)
{
	struct prefix	p = { .family = (uint8_t)family, .len = (uint8_t)len };
	int		error;

	(void)arg;
	if (sf.tap[i] == -1)
		return;
	memcpy(p.addr, addr, family == 4 ? 4 : 16);
	if (family == 6)
		conf(i, "ipv6", "disable_ipv6", "0");
	error = nl_addr_add(&sf.nl, (int)if_nametoindex(sf.sim.ifs[i].name),
	    &p);
	if (error != 0)
		note("%s: address: %s", sf.sim.ifs[i].name, strerror(-error));
}

static void
host_destroyed(int i, void *arg)
{
	(void)arg;
	if (sf.tap[i] != -1)
		close(sf.tap[i]);
	sf.tap[i] = -1;
}

/* A frame that does not get in is lost, as on any wire. */
static void
host_stack(int i, const uint8_t *frame, size_t len, void *arg)
{
	(void)arg;
	if (sf.tap[i] != -1 && write(sf.tap[i], frame, len) == -1)
		note("%s: a frame of %zu: %s", sf.sim.ifs[i].name, len,
		    strerror(errno));
}

/* What the host's protocols send. */
static void
tap_read(int i)
{
	uint8_t	frame[65536];
	ssize_t	n;
	int	turn;

	for (turn = 0; turn < TAP_TURN && sf.tap[i] != -1; turn++) {
		if ((n = read(sf.tap[i], frame, sizeof(frame))) <= 0)
			return;
		(void)sim_stack_output(&sf.sim, i, frame, (size_t)n);
	}
}

/* Waking. */

static void
poll_notify(struct fuse_pollhandle **p)
{
	if (*p == NULL)
		return;
	fuse_lowlevel_notify_poll(*p);
	fuse_pollhandle_destroy(*p);
	*p = NULL;
}

static void
poll_keep(struct fuse_pollhandle **p, struct fuse_pollhandle *ph)
{
	if (ph == NULL)
		return;
	if (*p != NULL)
		fuse_pollhandle_destroy(*p);
	*p = ph;
}

/* Answer the reader of node N if there is something to say. */
static void
reader_try(unsigned int n, bool expired)
{
	struct waiter	*w = &sf.waiter[n];
	const uint8_t	*data;
	size_t		 len;
	fuse_req_t	 req = w->read;
	int		 error;

	if (req == NULL)
		return;
	error = sim_read(&sf.sim, n, w->size, false, expired, &data, &len);
	if (error == EAGAIN)
		return;
	w->read = NULL;
	if (error != 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_buf(req, (const char *)data, len);
}

static void
sim_wake(int node, void *arg)
{
	(void)arg;
	reader_try((unsigned int)node, false);
	if (sim_readable(&sf.sim, (unsigned int)node))
		poll_notify(&sf.waiter[node].poll);
}

static void
sim_event(const struct dw_kev *k, void *arg)
{
	struct listener	*l;

	(void)arg;
	for (l = sf.listener; l < sf.listener + LISTENERS; l++) {
		if (!l->open)
			continue;
		/* A full socket loses what comes, without a word. */
		if (l->n < KEVS)
			l->k[l->n++] = *k;
		poll_notify(&l->poll);
	}
}

static void
sim_kill(void *arg)
{
	(void)arg;
	note("kill %d", (int)sf.caller);
	kill(sf.caller, SIGKILL);
}

static const struct sim_hooks	hooks = {
	.created = host_created, .changed = host_changed,
	.address = host_address, .destroyed = host_destroyed,
	.stack = host_stack, .wake = sim_wake, .event = sim_event,
	.kill = sim_kill,
};

/* The caller's memory. */

static int
mem_in(void *to, const void *user, size_t size, void *arg)
{
	struct iovec	mine = { to, size };
	struct iovec	theirs = { (void *)(uintptr_t)user, size };

	(void)arg;
	return process_vm_readv(sf.caller, &mine, 1, &theirs, 1, 0) ==
	    (ssize_t)size ? 0 : EFAULT;
}

static int
mem_out(void *user, const void *from, size_t size, void *arg)
{
	struct iovec	mine = { (void *)(uintptr_t)from, size };
	struct iovec	theirs = { user, size };

	(void)arg;
	return process_vm_writev(sf.caller, &mine, 1, &theirs, 1, 0) ==
	    (ssize_t)size ? 0 : EFAULT;
}

static const struct sim_mem	mem = { mem_in, mem_out, NULL };

/* The state as text. */

struct text {
	char	buf[65536];
	size_t	len;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	va_list	ap;
	int	n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(t->buf) - t->len)
		t->len += (size_t)n;
}

static void
add_if(struct text *t, const struct sim_if *f)
{
	add(t, "if %s %s%smtu=%d max=%d "
	    "mac=%02x:%02x:%02x:%02x:%02x:%02x peer=%s dvrtin=%d naddr=%d "
	    "desc=%.*s\n", f->name, f->flags & DW_IFF_UP ? "up " : "",
	    f->flags & DW_IFF_RUNNING ? "running " : "", f->mtu, f->max_mtu,
	    f->mac[0], f->mac[1], f->mac[2], f->mac[3], f->mac[4], f->mac[5],
	    f->peer == -1 ? "-" : sf.sim.ifs[f->peer].name, f->dvrtin,
	    f->naddr, (int)f->desc_len, (const char *)f->desc);
}

static void
state_text(struct text *t)
{
	const struct sim_node	*n;
	int			 i;

	t->len = 0;
	add(t, "release %s\n", sim_release_names[sf.sim.release]);
	for (i = 0; i < SIM_IFS; i++)
		if (sf.sim.ifs[i].used && !sf.sim.ifs[i].detaching)
			add_if(t, &sf.sim.ifs[i]);
	for (i = 0; i < SIM_NODES; i++) {
		n = &sf.sim.nodes[i];
		if (n->open)
			add(t, "bpf %d if=%s blen=%u direction=%d batch=%d "
			    "recv=%u drop=%u%s\n", i,
			    n->ifi == -1 ? "-" : sf.sim.ifs[n->ifi].name,
			    n->blen, n->direction, n->batch, n->recv, n->drop,
			    sf.held[i] ? " held" : "");
	}
	for (i = 0; i < (int)sf.sim.nsysctls; i++)
		add(t, "sysctl %s %d\n", sf.sim.sysctls[i].name,
		    sf.sim.sysctls[i].value);
	for (i = 0; i < SIM_FAULTS; i++)
		if (sf.sim.faults[i].call != 0)
			add(t, "fault %#x\n", sf.sim.faults[i].call);
	add(t, "hazards %u %s\n", sf.sim.hazards, sf.sim.hazard);
}

/* Commands. */

static int
by_ioctl(uint32_t request, const char *name, void *arg)
{
	memset(arg, 0, DW_IFNAMSIZ);
	snprintf(arg, DW_IFNAMSIZ, "%s", name);
	return sim_control(&sf.sim, true, false, request, arg, &mem);
}

static int
parse_error(const char *text)
{
	const char	*name;
	int		 e;

	if (strcmp(text, "kill") == 0)
		return SIM_KILL;
	if (strcmp(text, "kill-after") == 0)
		return SIM_KILL_AFTER;
	for (e = 1; e < 140; e++)
		if ((name = strerrorname_np(e)) != NULL &&
		    strcmp(name, text) == 0)
			return e;
	return 0;
}

static int
cmd_fault(int argc, char **argv)
{
	uint32_t	call;
	int		error;

	if (argc != 5 || (call = sim_call_by_name(argv[1])) == 0 ||
	    (error = parse_error(argv[4])) == 0)
		return EINVAL;
	sim_fault(&sf.sim, call, (unsigned int)atoi(argv[2]),
	    (unsigned int)atoi(argv[3]), error);
	return 0;
}

static int
cmd_clear(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	memset(sf.sim.faults, 0, sizeof(sf.sim.faults));
	return 0;
}

static int
cmd_sysctl(int argc, char **argv)
{
	return argc != 3 ? EINVAL :
	    sim_sysctl_set(&sf.sim, true, argv[1], atoi(argv[2]));
}

static int
cmd_create(int argc, char **argv)
{
	struct dw_ifreq	r;
	struct sim_if	*f;
	int		error;

	if (argc < 2)
		return EINVAL;
	memset(&r, 0, sizeof(r));
	if ((error = by_ioctl(DW_SIOCIFCREATE2, argv[1], &r)) != 0)
		return error;
	f = &sf.sim.ifs[sim_find(&sf.sim, r.name)];
	if (argc > 2) {
		f->desc_len = (uint32_t)strnlen(argv[2], sizeof(f->desc));
		memcpy(f->desc, argv[2], f->desc_len);
	}
	return 0;
}

/* As a rude program does: whatever state it is in. */
static int
cmd_destroy(int argc, char **argv)
{
	struct dw_ifreq	r;
	struct sim_if	*f;
	int		 i;

	if (argc != 2)
		return EINVAL;
	/* A hazard of its own doing is not the daemon's. */
	if ((i = sim_find(&sf.sim, argv[1])) != -1) {
		f = &sf.sim.ifs[i];
		f->flags &= (int16_t)~DW_IFF_UP;
	}
	memset(&r, 0, sizeof(r));
	return by_ioctl(DW_SIOCIFDESTROY, argv[1], &r);
}

static void
unpeer(int i)
{
	int	p = sf.sim.ifs[i].peer;

	if (p != -1)
		sf.sim.ifs[p].peer = sf.sim.ifs[i].peer = -1;
}

static int
cmd_peer(int argc, char **argv)
{
	struct dw_kev	k;
	int		a, b;

	if (argc < 2 || (a = sim_find(&sf.sim, argv[1])) == -1)
		return EINVAL;
	unpeer(a);
	if (argc > 2) {
		if ((b = sim_find(&sf.sim, argv[2])) == -1)
			return EINVAL;
		unpeer(b);
		sf.sim.ifs[a].peer = b;
		sf.sim.ifs[b].peer = a;
	}
	memset(&k, 0, sizeof(k));
	k.size = sizeof(k);
	k.vendor = k.class = DW_KEV_VENDOR_APPLE;
	k.subclass = DW_KEV_DL;
	k.code = DW_KEV_DL_LINK_OFF;
	k.if_unit = sf.sim.ifs[a].unit;
	memcpy(k.if_name, sf.sim.ifs[a].base, sizeof(k.if_name));
	sim_event(&k, NULL);
	return 0;
}

static int
cmd_hold(int argc, char **argv)
{
	unsigned int	n;
	int		error;

	if (argc != 2)
		return EINVAL;
	n = (unsigned int)atoi(argv[1]);
	if ((error = sim_open(&sf.sim, true, n)) == 0)
		sf.held[n] = true;
	return error;
}

static int
cmd_drop(int argc, char **argv)
{
	unsigned int	n;

	if (argc != 2 || (n = (unsigned int)atoi(argv[1])) >= SIM_NODES ||
	    !sf.held[n])
		return EINVAL;
	sf.held[n] = false;
	sim_close(&sf.sim, n);
	return 0;
}

static const struct {
	const char	*name;
	int		(*run)(int argc, char **argv);
} commands[] = {
	{ "fault", cmd_fault }, { "clear", cmd_clear },
	{ "sysctl", cmd_sysctl }, { "create", cmd_create },
	{ "destroy", cmd_destroy }, { "peer", cmd_peer },
	{ "hold", cmd_hold }, { "drop", cmd_drop },
};

static int
command(const char *data, size_t size)
{
	char	line[256], *argv[8], *save, *word;
	int	argc = 0;
	size_t	i;

	if (size >= sizeof(line))
		return EINVAL;
	memcpy(line, data, size);
	line[size] = '\0';
	for (word = strtok_r(line, " \n", &save); word != NULL && argc < 8;
	    word = strtok_r(NULL, " \n", &save))
		argv[argc++] = word;
	for (i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, argv[0]) == 0)
			return commands[i].run(argc, argv);
	return EINVAL;
}

/* The file system. */

static const struct {
	const char	*name;
	fuse_ino_t	ino;
} files[] = {
	{ "ctl", INO_CTL }, { "ctl6", INO_CTL6 }, { "kev", INO_KEV },
	{ "state", INO_STATE }, { "admin", INO_ADMIN },
};

static bool
is_bpf(fuse_ino_t ino)
{
	return ino >= INO_BPF && ino < INO_BPF + SIM_NODES;
}

static fuse_ino_t
ino_of(const char *name)
{
	unsigned int	n;
	size_t		i;
	int		end = 0;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(files[i].name, name) == 0)
			return files[i].ino;
	/* Whether a node exists is asked at open. */
	if (sscanf(name, "bpf%u%n", &n, &end) == 1 && name[end] == '\0' &&
	    n < SIM_NODES)
		return INO_BPF + n;
	return 0;
}

static void
attr_fill(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_nlink = 1;
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 :
	    is_bpf(ino) ? S_IFREG | 0600 : S_IFREG | 0666;
}

static void
ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param	e;

	(void)parent;
	memset(&e, 0, sizeof(e));
	if ((e.ino = ino_of(name)) == 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	attr_fill(e.ino, &e.attr);
	e.attr_timeout = e.entry_timeout = 3600;
	fuse_reply_entry(req, &e);
}

static void
ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat	st;

	(void)fi;
	attr_fill(ino, &st);
	fuse_reply_attr(req, &st, 3600);
}

static void
ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set,
    struct fuse_file_info *fi)
{
	(void)attr;
	(void)set;
	ll_getattr(req, ino, fi);
}

/* A file of ours is no regular one: no cache, and no lock on its position, which
 * would have a write wait for a blocked read. libfuse 3.14 has no field for the
 * latter. */
static void
reply_open(fuse_req_t req, fuse_ino_t ino, uint64_t fh)
{
	struct fuse_open_out	out;

	memset(&out, 0, sizeof(out));
	out.fh = fh;
	out.open_flags = FOPEN_DIRECT_IO | (ino != INO_STATE ? FOPEN_STREAM : 0);
	fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static int
listener_open(uint64_t *fh)
{
	unsigned int	i;

	for (i = 0; i < LISTENERS; i++)
		if (!sf.listener[i].open) {
			memset(&sf.listener[i], 0, sizeof(sf.listener[i]));
			sf.listener[i].open = true;
			*fh = i;
			return 0;
		}
	return ENOBUFS;
}

static void
ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	bool		root = fuse_req_ctx(req)->uid == 0;
	uint64_t	fh = 0;
	int		error = 0;

	(void)fi;
	sf.caller = fuse_req_ctx(req)->pid;
	if (ino == FUSE_ROOT_ID)
		error = EISDIR;
	else if (is_bpf(ino))
		error = sim_open(&sf.sim, root, (unsigned int)(ino - INO_BPF));
	else if (ino == INO_KEV)
		error = listener_open(&fh);
	else if (ino == INO_ADMIN && !root)
		error = EACCES;
	if (error != 0)
		fuse_reply_err(req, error);
	else
		reply_open(req, ino, fh);
}

static void
ll_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listener	*l;
	struct waiter	*w;

	if (is_bpf(ino)) {
		w = &sf.waiter[ino - INO_BPF];
		if (w->poll != NULL)
			fuse_pollhandle_destroy(w->poll);
		memset(w, 0, sizeof(*w));
		sim_close(&sf.sim, (unsigned int)(ino - INO_BPF));
	} else if (ino == INO_KEV && fi->fh < LISTENERS) {
		l = &sf.listener[fi->fh];
		if (l->poll != NULL)
			fuse_pollhandle_destroy(l->poll);
		memset(l, 0, sizeof(*l));
	}
	fuse_reply_err(req, 0);
}

static void
interrupted(fuse_req_t req, void *arg)
{
	struct waiter	*w = arg;

	if (w->read != req)
		return;
	w->read = NULL;
	fuse_reply_err(req, EINTR);
}

static void
bpf_read(fuse_req_t req, unsigned int n, size_t size, bool nonblock)
{
	struct waiter	*w = &sf.waiter[n];
	const uint8_t	*data;
	size_t		 len;
	int64_t		 wait;
	int		 error;

	error = sim_read(&sf.sim, n, size, nonblock, false, &data, &len);
	if (error == EAGAIN && !nonblock && w->read == NULL) {
		wait = sf.sim.nodes[n].timeout_ms;
		w->read = req;
		w->size = size;
		w->until = wait > 0 ? now_ms() + wait : 0;
		fuse_req_interrupt_func(req, interrupted, w);
	} else if (error != 0) {
		fuse_reply_err(req, error);
	} else {
		fuse_reply_buf(req, (const char *)data, len);
	}
}

static void
kev_read(fuse_req_t req, struct listener *l, size_t size)
{
	struct dw_kev	k;

	if (l->n == 0) {
		fuse_reply_err(req, EAGAIN);
		return;
	}
	k = l->k[0];
	memmove(l->k, l->k + 1, --l->n * sizeof(k));
	fuse_reply_buf(req, (const char *)&k, size < sizeof(k) ? size :
	    sizeof(k));
}

static void
state_read(fuse_req_t req, size_t size, off_t off)
{
	static struct text	t;

	if (off == 0)
		state_text(&t);
	if ((size_t)off >= t.len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, t.buf + off, t.len - (size_t)off < size ?
		    t.len - (size_t)off : size);
}

static void
ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	if (is_bpf(ino))
		bpf_read(req, (unsigned int)(ino - INO_BPF), size,
		    (fi->flags & O_NONBLOCK) != 0);
	else if (ino == INO_KEV && fi->fh < LISTENERS)
		kev_read(req, &sf.listener[fi->fh], size);
	else if (ino == INO_STATE)
		state_read(req, size, off);
	else
		fuse_reply_err(req, EINVAL);
}

static void
ll_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
    off_t off, struct fuse_file_info *fi)
{
	size_t	done = size;
	int	error = EINVAL;

	(void)off;
	(void)fi;
	sf.caller = fuse_req_ctx(req)->pid;
	if (is_bpf(ino))
		error = sim_write(&sf.sim, (unsigned int)(ino - INO_BPF),
		    (const uint8_t *)buf, size, &done);
	else if (ino == INO_ADMIN)
		error = command(buf, size);
	if (error != 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_write(req, done);
}

/* Whether it is writable may not be asked, facts 2.7. */
static void
ll_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
    struct fuse_pollhandle *ph)
{
	unsigned int	events = 0;
	struct listener	*l;

	if (is_bpf(ino)) {
		if ((fi->poll_events & (POLLOUT | POLLWRNORM)) != 0)
			sim_hazard(&sf.sim, "bpf%u is polled for writing",
			    (unsigned int)(ino - INO_BPF));
		poll_keep(&sf.waiter[ino - INO_BPF].poll, ph);
		if (sim_readable(&sf.sim, (unsigned int)(ino - INO_BPF)))
			events |= POLLIN | POLLRDNORM;
	} else if (ino == INO_KEV && fi->fh < LISTENERS) {
		l = &sf.listener[fi->fh];
		poll_keep(&l->poll, ph);
		if (l->n > 0)
			events |= POLLIN | POLLRDNORM;
	} else if (ph != NULL) {
		fuse_pollhandle_destroy(ph);
	}
	fuse_reply_poll(req, events);
}

static int
sysctl_call(bool root, struct sim_sysctl_call *c)
{
	c->name[sizeof(c->name) - 1] = '\0';
	return c->set != 0 ?
	    sim_sysctl_set(&sf.sim, root, c->name, c->value) :
	    sim_sysctl_get(&sf.sim, c->name, &c->value);
}

static int
run_ioctl(fuse_ino_t ino, bool root, uint32_t cmd, void *arg)
{
	if (is_bpf(ino))
		return sim_ioctl(&sf.sim, (unsigned int)(ino - INO_BPF), cmd,
		    arg, &mem);
	if (ino != INO_CTL && ino != INO_CTL6)
		return ENOTTY;
	if (cmd == SIM_SYSCTL)
		return sysctl_call(root, arg);
	return sim_control(&sf.sim, root, ino == INO_CTL6, cmd, arg, &mem);
}

static void
ll_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *user,
    struct fuse_file_info *fi, unsigned int flags, const void *in,
    size_t in_size, size_t out_size)
{
	union {
		uint64_t	align;
		uint8_t		bytes[512];
	} arg;
	int	error;

	(void)user;
	(void)fi;
	(void)flags;
	sf.caller = fuse_req_ctx(req)->pid;
	sf.sim.now = now_ms();
	memset(&arg, 0, sizeof(arg));
	if (in_size > sizeof(arg) || out_size > sizeof(arg)) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (in_size > 0)
		memcpy(&arg, in, in_size);
	error = run_ioctl(ino, fuse_req_ctx(req)->uid == 0, cmd, &arg);
	note("ioctl %lu %#x: %s", (unsigned long)ino, cmd, strerror(error));
	if (error != 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_ioctl(req, 0, &arg, out_size);
}

static void
ll_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->max_readahead = 0;
	conn->want &= ~(unsigned int)FUSE_CAP_AUTO_INVAL_DATA;
}

static const struct fuse_lowlevel_ops	ops = {
	.init = ll_init, .lookup = ll_lookup, .getattr = ll_getattr,
	.setattr = ll_setattr, .open = ll_open, .release = ll_release,
	.read = ll_read, .write = ll_write, .poll = ll_poll,
	.ioctl = ll_ioctl,
};

/* The loop: requests, the host's frames, time. */

static void
tick(void)
{
	struct waiter	*w;
	unsigned int	 n;
	int64_t		 t = now_ms();

	sim_tick(&sf.sim, t);
	for (n = 0; n < SIM_NODES; n++) {
		w = &sf.waiter[n];
		if (w->read != NULL && w->until != 0 && t >= w->until)
			reader_try(n, true);
	}
}

static int
loop(void)
{
	struct pollfd	p[1 + SIM_IFS];
	struct fuse_buf	buf = { .mem = NULL };
	int		i, n;

	p[0].fd = fuse_session_fd(sf.session);
	p[0].events = POLLIN;
	while (!fuse_session_exited(sf.session)) {
		for (i = 0; i < SIM_IFS; i++) {
			p[1 + i].fd = sf.tap[i];
			p[1 + i].events = POLLIN;
		}
		if (poll(p, 1 + SIM_IFS, TICK_MS) == -1 && errno != EINTR)
			return 1;
		tick();
		for (i = 0; i < SIM_IFS; i++)
			if (p[1 + i].revents != 0)
				tap_read(i);
		if ((p[0].revents & (POLLIN | POLLERR | POLLHUP)) == 0)
			continue;
		n = fuse_session_receive_buf(sf.session, &buf);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		fuse_session_process_buf(sf.session, &buf);
	}
	free(buf.mem);
	return 0;
}

static enum sim_release
release_by_name(const char *name)
{
	int	i;

	for (i = 0; sim_release_names[i] != NULL; i++)
		if (strcmp(sim_release_names[i], name) == 0)
			return (enum sim_release)i;
	fprintf(stderr, "sim_fuse: no release %s\n", name);
	exit(2);
}

int
main(int argc, char **argv)
{
	char			*fuse_argv[] = { argv[0],
	    (char *)(uintptr_t)"-ofsname=fethd-sim,allow_other", NULL };
	struct fuse_args	 args = FUSE_ARGS_INIT(2, fuse_argv);
	int			 i, rv;

	if (argc != 3) {
		fprintf(stderr, "usage: %s DIRECTORY RELEASE\n", argv[0]);
		return 2;
	}
	sf.verbose = getenv("SIM_VERBOSE") != NULL;
	for (i = 0; i < SIM_IFS; i++)
		sf.tap[i] = -1;
	sim_init(&sf.sim, release_by_name(argv[2]), &hooks, NULL);
	sf.sim.now = now_ms();
	sf.sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sf.sock == -1 || nl_open(&sf.nl) != 0) {
		perror("sim_fuse: sockets");
		return 1;
	}
	sf.session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (sf.session == NULL || fuse_set_signal_handlers(sf.session) != 0 ||
	    fuse_session_mount(sf.session, argv[1]) != 0) {
		fprintf(stderr, "sim_fuse: cannot mount on %s\n", argv[1]);
		return 1;
	}
	rv = loop();
	fuse_session_unmount(sf.session);
	fuse_remove_signal_handlers(sf.session);
	fuse_session_destroy(sf.session);
	nl_close(&sf.nl);
	sim_free(&sf.sim);
	return rv;
}

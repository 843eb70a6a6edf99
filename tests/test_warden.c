/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warden whole: warden.c, warden_link.c, warden_child.c with the real Linux
 * backend, in a network namespace of the test's own. In the broker's place is a
 * puppet: what the test sends it through the "listening socket" goes on to the
 * warden, and back. Needs root; else skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <net/if.h>

#include <linux/if_tun.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "cbpf.h"
#include "create_msg.h"
#include "last_index.h"
#include "log.h"
#include "netlink.h"
#include "plat.h"
#include "policy.h"
#include "warden.h"
#include "warden_msg.h"
#include "wire.h"

#define N(a)		(sizeof(a) / sizeof((a)[0]))
#define SKIPPED		77
#define BROKER_UID	65534
#define BROKER_GID	65533

/* What the puppet is told to do: a letter, and what belongs to it. */
struct order {
	char		what;
	char		data[2 * sizeof(struct wm_msg)];
};
#define ORDER_PASS	'p'	/* send DATA and descriptors to the warden */
#define ORDER_EXIT	'x'	/* exit(3) */
#define ORDER_CLOSE	'c'	/* close the channel and stay */
#define ORDER_FLOOD	'f'	/* send DATA a thousand times, read meanwhile */
#define ORDER_ABOUT	'a'	/* say who you are */

struct about {
	uint32_t	type;		/* ABOUT */
	uid_t		uid;
	gid_t		gid;
	int		nfds, has_proc, can_setuid;
};
#define ABOUT	1000

static char		dir[64], rundir[80], conf_path[80];
static struct nl	nl;
static int		strings;	/* the test's end of the puppet */
static int		puppet_end = -1;
static pid_t		warden;
static int		links_before;

/*
 * A channel without room, as macOS tells it: that many sends of that process
 * fail, and no event says when one would not.
 */
static struct {
	pid_t	pid;
	int	left;
} *full;

ssize_t
sendmsg(int fd, const struct msghdr *mh, int flags)
{
	if (full != NULL && full->pid == getpid() && full->left > 0) {
		full->left--;
		errno = ENOBUFS;
		return -1;
	}
	return (ssize_t)syscall(SYS_sendmsg, fd, mh, flags);
}

/* The puppet. */

static void
puppet_about(int control)
{
	struct about	a = { .type = ABOUT };
	int		i;

	a.uid = getuid();
	a.gid = getgid();
	for (i = 0; i < 1024; i++)
		a.nfds += fcntl(i, F_GETFD) != -1;
	a.has_proc = access("/proc", F_OK) == 0;
	a.can_setuid = setuid(0) == 0;
	(void)wire_send(control, &a, sizeof(a), NULL, 0);
}

static void
puppet_flood(int channel, int control, const void *data)
{
	struct pollfd	p = { .fd = channel };
	struct wm_msg	m;
	int		fds[WIRE_FDS], sent = 0, got = 0;
	unsigned int	nfds;
	ssize_t		n;

	fcntl(channel, F_SETFL, O_NONBLOCK);
	while (got < 1000) {
		p.events = (short)(POLLIN | (sent < 1000 ? POLLOUT : 0));
		poll(&p, 1, 1000);
		/* As much as goes in before any is taken out. */
		while (sent < 1000 && (n = wire_send(channel, data, sizeof(m),
		    NULL, 0)) > 0)
			sent++;
		n = wire_recv(channel, &m, sizeof(m), fds, &nfds, NULL);
		if (n > 0 && m.type == WM_REPLY && m.error == EINVAL)
			got++;
		else if (n != -EAGAIN)
			_exit(9);
	}
	fcntl(channel, F_SETFL, 0);
	memset(&m, 0, sizeof(m));
	m.type = ABOUT;
	(void)wire_send(control, &m, sizeof(m), NULL, 0);
}

static void
puppet_order(int *channel, int control)
{
	struct order	o;
	int		fds[WIRE_FDS];
	unsigned int	nfds, i;
	ssize_t		n;

	n = wire_recv(control, &o, sizeof(o), fds, &nfds, NULL);
	if (n <= 0 || o.what == ORDER_EXIT)
		_exit(3);
	if (o.what == ORDER_PASS)
		(void)wire_send(*channel, o.data, (size_t)n -
		    offsetof(struct order, data), fds, nfds);
	if (o.what == ORDER_CLOSE)
		wire_close(channel);
	if (o.what == ORDER_FLOOD)
		puppet_flood(*channel, control, o.data);
	if (o.what == ORDER_ABOUT)
		puppet_about(control);
	for (i = 0; i < nfds; i++)
		wire_close(&fds[i]);
}

static int
puppet(int channel, int control, void *arg)
{
	struct pollfd	p[2];
	struct wm_msg	m;
	int		fds[WIRE_FDS];
	unsigned int	nfds, i;
	ssize_t		n;

	(void)arg;
	for (;;) {
		p[0].fd = channel;
		p[1].fd = control;
		p[0].events = p[1].events = POLLIN;
		poll(p, 2, -1);
		if (p[1].revents != 0) {
			puppet_order(&channel, control);
			continue;
		}
		n = wire_recv(channel, &m, sizeof(m), fds, &nfds, NULL);
		if (n <= 0)
			return 4;
		if (wire_send(control, &m, (size_t)n, fds, nfds) != n)
			return 5;
		for (i = 0; i < nfds; i++)
			wire_close(&fds[i]);
	}
}

/* The test's side. */

static void
order(char what, const void *data, size_t size, const int *fds,
    unsigned int nfds)
{
	struct order	o;

	memset(&o, 0, sizeof(o));
	o.what = what;
	if (data != NULL)
		memcpy(o.data, data, size);
	assert_true(wire_send(strings, &o, offsetof(struct order, data) + size,
	    fds, nfds) > 0);
}

static void
tell(const struct wm_msg *m, const int *fds, unsigned int nfds)
{
	order(ORDER_PASS, m, sizeof(*m), fds, nfds);
}

/* The next message, within five seconds; its descriptors, or -1. */
static void
hear(struct wm_msg *m, int fds[2])
{
	struct pollfd	p = { .fd = strings, .events = POLLIN };
	int		got[WIRE_FDS];
	unsigned int	nfds, i;

	memset(m, 0, sizeof(*m));
	if (poll(&p, 1, 5000) != 1)
		fail_msg("no answer");
	assert_true(wire_recv(strings, m, sizeof(*m), got, &nfds, NULL) > 0);
	assert_true(nfds <= 2);
	for (i = 0; i < 2; i++)
		fds[i] = i < nfds ? got[i] : -1;
}

static void
expect(uint32_t type, struct wm_msg *m, int fds[2])
{
	hear(m, fds);
	if (m->type != type)
		fail_msg("message %u instead of %u (slot %u, errno %d)",
		    m->type, type, m->slot, m->error);
}

static void
expect_nothing(int ms)
{
	struct pollfd	p = { .fd = strings, .events = POLLIN };

	assert_int_equal(poll(&p, 1, ms), 0);
}

/* A broker starts: the policy, so many links, and the word that it is all. */
static void
expect_start(unsigned int nlinks, struct wm_msg *m, int fds[][2])
{
	struct wm_msg	other;
	int		none[2];
	unsigned int	i;

	expect(WM_POLICY, &other, none);
	assert_int_not_equal(none[0], -1);
	close(none[0]);
	for (i = 0; i < nlinks; i++)
		expect(WM_RESTORE, &m[i], fds[i]);
	expect(WM_READY, &other, none);
}

/* A message about a link, with its record. */
static struct wm_msg
link_message(uint32_t type, uint32_t slot, uint32_t kind, unsigned int flags,
    enum lease lease)
{
	struct wm_msg	m = message(slot, kind, flags);

	m.type = type;
	m.seq = 100 + slot;
	m.record.version = LINK_RECORD_VERSION;
	m.record.id = 7000 + slot;
	m.record.spec.lease = lease;
	m.record.spec.kind = (uint8_t)kind;
	/* Of a host link the port is end 1. */
	m.record.spec.end[0].kind = kind == LINK_PAIR ? END_PORT : END_HOST;
	m.record.spec.end[1].kind = kind == LINK_WIRE ? END_HOST : END_PORT;
	return m;
}

/* CREATE and its answer: the port, or -1 for a wire. */
static int
make_link(uint32_t slot, enum link_kind kind, unsigned int flags,
    enum lease lease)
{
	struct wm_msg	m = link_message(WM_CREATE, slot, kind, flags, lease), r;
	int		fds[2];

	tell(&m, NULL, 0);
	expect(WM_REPLY, &r, fds);
	if (r.error != 0)
		fail_msg("create: op %u: %s", r.op, strerror(r.error));
	assert_int_equal(r.slot, slot);
	assert_int_equal(r.seq, m.seq);
	assert_int_equal(fds[1], -1);
	return fds[0];
}

static void
end_link(uint32_t slot, uint32_t seq)
{
	struct wm_msg	m, r;
	int		fds[2];

	memset(&m, 0, sizeof(m));
	m.type = WM_DESTROY;
	m.slot = slot;
	m.seq = seq;
	tell(&m, NULL, 0);
	expect(WM_GONE, &r, fds);
	assert_int_equal(r.slot, slot);
	assert_int_equal(r.seq, seq);
}

static void
count_one(const struct nl_link *l, void *arg)
{
	(void)l;
	++*(int *)arg;
}

static int
links(void)
{
	int	n = 0;

	assert_int_equal(nl_link_each(&nl, count_one, &n), 0);
	return n - links_before;
}

static bool
link_exists(uint32_t slot, struct nl_link *l)
{
	char	name[IFNAMSIZ];

	backend_ifname(slot, 0, name);
	return nl_link_get(&nl, 0, name, l) == 0;
}

static int
warden_descriptors(void)
{
	char	path[64];
	DIR	*d;
	int	n = 0;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)warden);
	assert_non_null(d = opendir(path));
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Soon there are WANT interfaces. */
static void
assert_links(int want)
{
	int	i, n;

	for (i = 0; (n = links()) != want && i < 500; i++)
		poll(NULL, 0, 10);
	assert_int_equal(n, want);
}

/* The answer is out a moment before the warden's own copy is closed. */
static void
assert_descriptors(int want)
{
	int	i, n;

	for (i = 0; (n = warden_descriptors()) != want && i < 100; i++)
		poll(NULL, 0, 10);
	assert_int_equal(n, want);
}

/* Ports of the same TAP show the same interface. */
static void
assert_tap(int fd, const char *name)
{
	struct ifreq	ifr;

	memset(&ifr, 0, sizeof(ifr));
	assert_int_equal(ioctl(fd, TUNGETIFF, &ifr), 0);
	assert_string_equal(ifr.ifr_name, name);
}

/* Start and end. */

static void
conf_write(const char *text)
{
	int	fd = open(conf_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
on_ready(void *arg)
{
	(void)arg;
	if (write(STDOUT_FILENO, "", 0) < 0)
		_exit(8);
}

/* Without spares, so that interfaces and descriptors can be counted. */
static struct backend	backend;

static void
warden_start(const char *conf, bool optional)
{
	struct warden_conf	wc;
	int			pair[2];

	assert_int_equal(plat_channel(pair), 0);
	strings = pair[0];
	puppet_end = pair[1];
	assert_int_not_equal(warden = fork(), -1);
	if (warden > 0) {
		close(puppet_end);
		return;
	}
	close(strings);
	memset(&wc, 0, sizeof(wc));
	wc.backend = &backend;
	wc.rundir = rundir;
	wc.conf = conf;
	wc.conf_optional = optional;
	wc.uid = BROKER_UID;
	wc.gid = BROKER_GID;
	wc.listen_fd = puppet_end;
	wc.broker = puppet;
	wc.ready = on_ready;
	wc.exit_fd = -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (warden_prepare(rundir) != 0)
		_exit(90);
	_exit(warden_run(&wc));
}

/* Its exit code. */
static int
warden_wait(void)
{
	int	status;

	assert_int_equal(waitpid(warden, &status, 0), warden);
	close(strings);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 +
	    WTERMSIG(status);
}

static void
warden_end(void)
{
	kill(warden, SIGTERM);
	assert_int_equal(warden_wait(), 0);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_warden.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(rundir, sizeof(rundir), "%s/run", dir);
	snprintf(conf_path, sizeof(conf_path), "%s/conf", dir);
	links_before = 0;
	links_before = links();
	backend = backend_linux;
	backend.spares = NULL;
	backend.prepare = NULL;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const	files[] = { "run/journal", "conf" };
	char				path[128];
	size_t				i;

	(void)state;
	assert_int_equal(links(), 0);
	for (i = 0; i < N(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/empty", rundir);
	rmdir(path);
	rmdir(rundir);
	return rmdir(dir);
}

/* Tests. */

static void
test_start(void **state)
{
	struct policy	*p = malloc(sizeof(*p));
	struct about	a;
	struct wm_msg	m;
	struct stat	st;
	int		fds[2];

	(void)state;
	assert_non_null(p);
	warden_start(NULL, false);
	expect(WM_POLICY, &m, fds);
	assert_int_equal(pread(fds[0], p, sizeof(*p), 0), sizeof(*p));
	assert_int_equal(p->version, POLICY_VERSION);
	assert_true(p->nrules > 0);
	/* What one broker got it cannot change for the next. */
	assert_int_equal(write(fds[0], p, 1), -1);
	assert_int_equal(fstat(fds[0], &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_uid, 0);
	close(fds[0]);
	expect(WM_READY, &m, fds);
	order(ORDER_ABOUT, NULL, 0, NULL, 0);
	assert_int_equal(wire_recv(strings, &a, sizeof(a), fds,
	    &(unsigned int){ 0 }, NULL), sizeof(a));
	assert_int_equal(a.uid, BROKER_UID);
	assert_int_equal(a.gid, BROKER_GID);
	assert_int_equal(a.nfds, 5);
	assert_false(a.has_proc);
	assert_false(a.can_setuid);
	assert_int_equal(stat(rundir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	warden_end();
	free(p);
}

static void
test_second(void **state)
{
	struct wm_msg	m;
	int		first, status, fds[1][2];
	pid_t		pid;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	first = strings;
	pid = warden;
	warden_start(NULL, false);
	assert_int_equal(waitpid(warden, &status, 0), warden);
	assert_int_equal(WEXITSTATUS(status), 90);
	close(strings);
	strings = first;
	warden = pid;
	warden_end();
}

/* A run directory that others could put something into. */
static void
test_prepare(void **state)
{
	char	path[100];

	(void)state;
	assert_int_equal(mkdir(rundir, 0755), 0);
	assert_int_equal(chmod(rundir, 0777), 0);
	assert_int_equal(warden_prepare(rundir), -EPERM);
	assert_int_equal(chmod(rundir, 01777), 0);
	assert_int_equal(warden_prepare(rundir), -EPERM);
	assert_int_equal(chmod(rundir, 0755), 0);
	assert_int_equal(chown(rundir, 1000, 0), 0);
	assert_int_equal(warden_prepare(rundir), -EPERM);
	assert_int_equal(chown(rundir, 0, 0), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(warden_prepare(rundir), -EPERM);
	assert_int_equal(chmod(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/none/such", dir);
	assert_int_equal(warden_prepare(path), -ENOENT);
	snprintf(path, sizeof(path), "%s/conf", dir);
	conf_write("");
	assert_int_equal(warden_prepare(path), -EPERM);
	/* The broker's root is not empty. */
	snprintf(path, sizeof(path), "%s/empty", rundir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/empty/file", rundir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(warden_prepare(rundir), -ENOTEMPTY);
	assert_int_equal(rmdir(path), 0);
}

static void
test_create_destroy(void **state)
{
	struct wm_msg	m;
	struct nl_link	l;
	int		fds[1][2], before, tap, raw;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	before = warden_descriptors();
	tap = make_link(3, LINK_HOST, 0, LEASE_SESSION);
	assert_tap(tap, "feth10006");
	assert_true(link_exists(3, &l));
	assert_descriptors(before);
	raw = make_link(4, LINK_HOST, WMF_RAW, LEASE_SESSION);
	assert_int_not_equal(raw, -1);
	assert_int_equal(make_link(5, LINK_WIRE, 0, LEASE_SESSION), -1);
	assert_int_equal(links(), 4);
	end_link(3, 55);
	end_link(4, 56);
	end_link(5, 57);
	assert_int_equal(links(), 0);
	/* What is not there is gone too. */
	end_link(3, 58);
	end_link(BOUND_SLOTS - 1, 59);
	assert_descriptors(before);
	close(tap);
	close(raw);
	warden_end();
}

/* A link's interface goes and the next one gets its number before the warden has
 * read of it: the one is gone, the other is not. */
static void
test_index_again(void **state)
{
	struct wm_msg	m, r;
	struct nl_link	l;
	int		fds[1][2], got[2], block, tap, index, before;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	tap = make_link(3, LINK_HOST, 0, LEASE_SESSION);
	assert_true(link_exists(3, &l));
	block = index_block(l.ifindex + 1);
	end_link(3, 55);
	close(tap);
	before = warden_descriptors();
	tap = make_link(4, LINK_HOST, 0, LEASE_SESSION);
	assert_true(link_exists(4, &l));
	index = l.ifindex;
	assert_descriptors(before);
	assert_int_equal(kill(warden, SIGSTOP), 0);
	close(tap);
	assert_links(1);
	m = link_message(WM_CREATE, 5, LINK_HOST, 0, LEASE_SESSION);
	tell(&m, NULL, 0);
	poll(NULL, 0, 100);	/* the puppet passes it on */
	assert_int_equal(kill(warden, SIGCONT), 0);
	expect(WM_GONE, &r, got);
	assert_int_equal(r.slot, 4);
	assert_int_equal(r.seq, 0);
	expect(WM_REPLY, &r, got);
	assert_int_equal(r.error, 0);
	assert_true(link_exists(5, &l));
	assert_int_equal(l.ifindex, index);
	expect_nothing(100);
	assert_true(link_exists(5, &l));
	end_link(5, 56);
	close(got[0]);
	close(block);
	warden_end();
}

static void
test_full(void **state)
{
	struct wm_msg	m;
	int		fds[1][2], before, tap;
	struct timespec	start, now;

	(void)state;
	full = mmap(NULL, sizeof(*full), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(full, MAP_FAILED);
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	before = warden_descriptors();
	full->left = 20;
	full->pid = warden;
	clock_gettime(CLOCK_MONOTONIC, &start);
	/* Descriptor and all. */
	tap = make_link(3, LINK_HOST, 0, LEASE_SESSION);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_tap(tap, "feth10006");
	assert_int_equal(full->left, 0);
	/* By time, as the socket looked writable all the while. */
	assert_true((now.tv_sec - start.tv_sec) * 1000 +
	    (now.tv_nsec - start.tv_nsec) / 1000000 >= 80);
	assert_descriptors(before);
	full->left = 3;
	end_link(3, 55);
	assert_int_equal(full->left, 0);
	close(tap);
	warden_end();
	munmap(full, sizeof(*full));
	full = NULL;
}

static void
test_netns(void **state)
{
	struct wm_msg	m, r;
	int		fds[1][2], got[2], ns, here;

	(void)state;
	here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	m = link_message(WM_CREATE, 8, LINK_WIRE, WMF_NETNS, LEASE_SESSION);
	tell(&m, &ns, 1);
	expect(WM_REPLY, &r, got);
	assert_int_equal(r.error, 0);
	assert_int_equal(links(), 1);
	end_link(8, 1);
	warden_end();
	close(ns);
	close(here);
}

static void
test_vanish(void **state)
{
	struct wm_msg	m;
	struct nl_link	l;
	int		fds[1][2], got[2], tap;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	tap = make_link(9, LINK_HOST, 0, LEASE_SESSION);
	close(tap);
	expect(WM_GONE, &m, got);
	assert_int_equal(m.slot, 9);
	assert_int_equal(m.seq, 0);
	/* An administrator does it. */
	tap = make_link(9, LINK_HOST, WMF_KEEP, LEASE_NAMED);
	assert_true(link_exists(9, &l));
	assert_int_equal(nl_link_del(&nl, l.ifindex), 0);
	expect(WM_GONE, &m, got);
	assert_int_equal(m.slot, 9);
	close(tap);
	/* And so it is no link any more. */
	order(ORDER_EXIT, NULL, 0, NULL, 0);
	expect_start(0, &m, fds);
	warden_end();
}

/* A crash of the broker costs no link. */
static void
test_crash(void **state)
{
	struct wm_msg	m[4];
	struct nl_link	l;
	int		fds[4][2], tap, named, index;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	tap = make_link(20, LINK_HOST, 0, LEASE_SESSION);
	named = make_link(21, LINK_HOST, WMF_KEEP, LEASE_NAMED);
	make_link(22, LINK_WIRE, 0, LEASE_NAMED);
	assert_true(link_exists(20, &l));
	index = l.ifindex;
	close(named);
	order(ORDER_EXIT, NULL, 0, NULL, 0);
	expect_start(3, m, fds);
	assert_int_equal(m[0].slot, 20);
	assert_int_equal(m[0].flags, WMF_HELD);
	assert_int_equal(m[0].record.id, 7020);
	assert_int_equal(fds[0][0], -1);
	assert_int_equal(m[1].slot, 21);
	assert_int_equal(m[1].flags, WMF_KEEP | WMF_HELD | WMF_END1);
	assert_tap(fds[1][0], "feth10042");
	assert_int_equal(m[2].slot, 22);
	assert_int_equal(m[2].flags, WMF_HELD);
	assert_true(link_exists(20, &l));
	assert_int_equal(l.ifindex, index);
	assert_tap(tap, "feth10040");
	/* Once more, and now it takes a second. */
	close(fds[1][0]);
	order(ORDER_CLOSE, NULL, 0, NULL, 0);
	expect_nothing(500);
	expect_start(3, m, fds);
	close(fds[1][0]);
	end_link(20, 1);
	end_link(21, 2);
	end_link(22, 3);
	close(tap);
	warden_end();
}

static struct wm_msg
keep(uint32_t slot, unsigned int ends, enum lease lease)
{
	return link_message(WM_KEEP, slot, LINK_PAIR, ends, lease);
}

static void
tell_keep(const struct wm_msg *m, const int *fds, unsigned int nfds, int error)
{
	struct wm_msg	r;
	int		got[2];

	tell(m, fds, nfds);
	expect(WM_REPLY, &r, got);
	assert_int_equal(r.error, error);
	assert_int_equal(r.seq, m->seq);
	assert_int_equal(got[0], -1);
}

static void
test_keep(void **state)
{
	struct wm_msg	m[2], k;
	char		buf[8];
	int		fds[2][2], pair[2], before;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	before = warden_descriptors();
	assert_int_equal(plat_frame_pair(pair), 0);
	k = keep(BOUND_SLOTS - 1, WMF_END0 | WMF_END1, LEASE_NAMED);
	tell_keep(&k, pair, 2, 0);
	k = keep(30, WMF_END1, LEASE_SESSION);
	tell_keep(&k, &pair[1], 1, 0);
	assert_descriptors(before + 3);
	close(pair[0]);
	close(pair[1]);
	order(ORDER_EXIT, NULL, 0, NULL, 0);
	expect_start(2, m, fds);
	assert_int_equal(m[0].slot, 30);
	assert_int_equal(m[0].flags, WMF_END1);
	assert_int_equal(m[1].slot, BOUND_SLOTS - 1);
	assert_int_equal(m[1].flags, WMF_END0 | WMF_END1);
	assert_int_equal(send(fds[1][0], "frame", 5, 0), 5);
	assert_int_equal(recv(fds[1][1], buf, sizeof(buf), 0), 5);
	assert_int_equal(send(fds[1][0], "again", 5, 0), 5);
	assert_int_equal(recv(fds[0][0], buf, sizeof(buf), 0), 5);
	/* Let go: the other side sees the end. */
	k = keep(30, 0, LEASE_SESSION);
	tell_keep(&k, NULL, 0, 0);
	k = keep(BOUND_SLOTS - 1, WMF_END0, LEASE_NAMED);
	tell_keep(&k, fds[1], 1, 0);
	close(fds[0][0]);
	close(fds[1][1]);
	assert_int_equal(recv(fds[1][0], buf, sizeof(buf), 0), 0);
	close(fds[1][0]);
	assert_descriptors(before + 1);
	end_link(30, 1);
	end_link(BOUND_SLOTS - 1, 2);
	assert_descriptors(before);
	warden_end();
}

/* Malformed messages: an answer, no effect, no descriptor kept, no death. */

static const struct bad {
	const char	*name;
	uint32_t	type, slot, kind, flags, mtu;
	unsigned int	nfds;
	void		(*spoil)(struct wm_msg *m);
} bad[];

static void
spoil_group_mac(struct wm_msg *m)
{
	m->mac[0][0] = 1;
}

static void
spoil_zero_mac(struct wm_msg *m)
{
	memset(m->mac[1], 0, 6);
}

static void
spoil_count(struct wm_msg *m)
{
	m->naddr[0] = BOUND_ADDRESSES + 1;
}

static void
spoil_family(struct wm_msg *m)
{
	m->naddr[0] = 1;
	m->addr[0][0].family = 5;
	m->addr[0][0].len = 8;
}

static void
spoil_len(struct wm_msg *m)
{
	m->naddr[1] = 1;
	(void)prefix_parse("10.0.0.1/24", &m->addr[1][0]);
	m->addr[1][0].len = 33;
}

static void
spoil_loopback(struct wm_msg *m)
{
	m->naddr[0] = 1;
	(void)prefix_parse("127.0.0.2/8", &m->addr[0][0]);
}

static void
spoil_half(struct wm_msg *m)
{
	m->naddr[0] = 1;
	(void)prefix_parse("1.0.0.1/1", &m->addr[0][0]);
}

static void
spoil_multicast(struct wm_msg *m)
{
	m->naddr[0] = 1;
	(void)prefix_parse("ff02::1/64", &m->addr[0][0]);
}

static void
spoil_record(struct wm_msg *m)
{
	m->record.version++;
}

static void
spoil_lease(struct wm_msg *m)
{
	m->record.spec.lease = LEASES;
}

static void
spoil_snaplen(struct wm_msg *m)
{
	m->snaplen = 96;
}

static const struct bad bad[] = {
	{ "type 0", 0, 1, LINK_HOST, 0, 1500, 0, NULL },
	{ "type of ours", WM_REPLY, 1, LINK_HOST, 0, 1500, 0, NULL },
	{ "type too large", 9999, 1, LINK_HOST, 0, 1500, 0, NULL },
	{ "slot without unit", WM_CREATE, BOUND_UNITS, LINK_HOST, 0, 1500, 0,
	    NULL },
	{ "slot too large", WM_CREATE, 0xffffffff, LINK_HOST, 0, 1500, 0,
	    NULL },
	{ "kind pair", WM_CREATE, 1, LINK_PAIR, 0, 1500, 0, NULL },
	{ "kind too large", WM_CREATE, 1, 77, 0, 1500, 0, NULL },
	{ "unknown flag", WM_CREATE, 1, LINK_HOST, 0x100, 1500, 0, NULL },
	{ "netns flag of a host link", WM_CREATE, 1, LINK_HOST, WMF_NETNS, 1500,
	    1, NULL },
	{ "raw wire", WM_CREATE, 1, LINK_WIRE, WMF_RAW, 1500, 0, NULL },
	{ "kept wire", WM_CREATE, 1, LINK_WIRE, WMF_KEEP, 1500, 0, NULL },
	{ "mtu too small", WM_CREATE, 1, LINK_HOST, 0, 67, 0, NULL },
	{ "mtu too large", WM_CREATE, 1, LINK_HOST, 0, 65522, 0, NULL },
	{ "group MAC", WM_CREATE, 1, LINK_HOST, 0, 1500, 0, spoil_group_mac },
	{ "zero MAC", WM_CREATE, 1, LINK_HOST, 0, 1500, 0, spoil_zero_mac },
	{ "too many addresses", WM_CREATE, 1, LINK_HOST, 0, 1500, 0,
	    spoil_count },
	{ "address family", WM_CREATE, 1, LINK_HOST, 0, 1500, 0, spoil_family },
	{ "prefix length", WM_CREATE, 1, LINK_WIRE, 0, 1500, 0, spoil_len },
	{ "loopback address", WM_CREATE, 1, LINK_HOST, 0, 1500, 0,
	    spoil_loopback },
	{ "half of all addresses", WM_CREATE, 1, LINK_HOST, 0, 1500, 0,
	    spoil_half },
	{ "multicast address", WM_CREATE, 1, LINK_HOST, 0, 1500, 0,
	    spoil_multicast },
	{ "record version", WM_CREATE, 1, LINK_HOST, 0, 1500, 0, spoil_record },
	{ "lease", WM_CREATE, 1, LINK_HOST, 0, 1500, 0, spoil_lease },
	{ "unasked descriptor", WM_CREATE, 1, LINK_HOST, 0, 1500, 1, NULL },
	{ "no namespace", WM_CREATE, 1, LINK_WIRE, WMF_NETNS, 1500, 0, NULL },
	{ "not a namespace", WM_CREATE, 1, LINK_WIRE, WMF_NETNS, 1500, 1,
	    NULL },
	{ "two for one", WM_CREATE, 1, LINK_WIRE, WMF_NETNS, 1500, 2, NULL },
	{ "keep: slot", WM_KEEP, BOUND_SLOTS, LINK_PAIR, 0, 0, 0, NULL },
	{ "keep: kind", WM_KEEP, 1, LINK_HOST, 0, 0, 0, NULL },
	{ "keep: flags", WM_KEEP, 1, LINK_PAIR, WMF_HELD, 0, 0, NULL },
	{ "keep: none", WM_KEEP, 1, LINK_PAIR, WMF_END0, 0, 0, NULL },
	{ "keep: too many", WM_KEEP, 1, LINK_PAIR, WMF_END0, 0, 2, NULL },
	{ "keep: unasked", WM_KEEP, 1, LINK_PAIR, 0, 0, 1, NULL },
	{ "keep: no socket", WM_KEEP, 1, LINK_PAIR, WMF_END0, 0, 1, NULL },
	{ "keep: record", WM_KEEP, 1, LINK_PAIR, 0, 0, 0, spoil_record },
	{ "capture: nothing", WM_CAPTURE, 1, 0, 0, 0, 0, spoil_snaplen },
	{ "capture: no socket", WM_CAPTURE, 1, 0, 0, 0, 1, spoil_snaplen },
	{ "capture: unasked filter", WM_CAPTURE, 1, 0, 0, 0, 2, spoil_snaplen },
	{ "capture: no snaplen", WM_CAPTURE, 1, 0, 0, 0, 1, NULL },
	{ "destroy: slot", WM_DESTROY, BOUND_SLOTS, 0, 0, 0, 0, NULL },
	{ "destroy: descriptor", WM_DESTROY, 1, 0, 0, 0, 1, NULL },
};

static void
assert_refused(const char *name, uint32_t seq)
{
	struct wm_msg	r;
	int		got[2];

	expect(WM_REPLY, &r, got);
	if (r.error != EINVAL || r.op != WM_OP_CHECK || r.seq != seq ||
	    got[0] != -1)
		fail_msg("%s: %s", name, strerror(r.error));
}

static void
test_malformed(void **state)
{
	struct wm_msg	m;
	char		large[sizeof(m) + 8];
	int		fds[1][2], null[WIRE_FDS], before;
	size_t		i;

	(void)state;
	for (i = 0; i < N(null); i++)
		null[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	before = warden_descriptors();
	for (i = 0; i < N(bad); i++) {
		m = link_message(bad[i].type, bad[i].slot, bad[i].kind,
		    bad[i].flags, LEASE_SESSION);
		m.mtu = bad[i].mtu;
		m.seq = 500 + (uint32_t)i;
		if (bad[i].spoil != NULL)
			bad[i].spoil(&m);
		tell(&m, null, bad[i].nfds);
		assert_refused(bad[i].name, m.seq);
	}
	/* Too short, too long, too many descriptors. */
	m = link_message(WM_CREATE, 1, LINK_HOST, 0, LEASE_SESSION);
	memset(large, 0, sizeof(large));
	memcpy(large, &m, sizeof(m));
	order(ORDER_PASS, &m, sizeof(m) - 1, NULL, 0);
	assert_refused("short", m.seq);
	order(ORDER_PASS, &m, 8, NULL, 0);
	assert_refused("very short", m.seq);
	order(ORDER_PASS, large, sizeof(m) + 1, NULL, 0);
	assert_refused("long", m.seq);
	order(ORDER_PASS, large, sizeof(large), null, WIRE_FDS);
	assert_refused("longer", m.seq);
	m.type = 0;
	order(ORDER_FLOOD, &m, sizeof(m), NULL, 0);
	expect(ABOUT, &m, fds[0]);
	assert_int_equal(links(), 0);
	assert_descriptors(before);
	close(make_link(1, LINK_HOST, 0, LEASE_SESSION));
	expect(WM_GONE, &m, fds[0]);
	warden_end();
	for (i = 0; i < N(null); i++)
		close(null[i]);
}

/* Well-formed, but not to be had. */
static void
test_refused(void **state)
{
	struct nl_shape	s[2] = {
		{ .name = "feth10024", .mtu = 1500,
		    .mac = (const uint8_t *)"\x02\xff\x00\x00\x00\x01" },
		{ .name = "other", .mtu = 1500,
		    .mac = (const uint8_t *)"\x02\xff\x00\x00\x00\x02" },
	};
	struct wm_msg	m, r;
	struct nl_link	l;
	int		fds[1][2], got[2], tap, pair[2];

	(void)state;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	tap = make_link(11, LINK_HOST, 0, LEASE_SESSION);
	m = link_message(WM_CREATE, 11, LINK_HOST, 0, LEASE_SESSION);
	tell(&m, NULL, 0);
	expect(WM_REPLY, &r, got);
	assert_int_equal(r.error, EEXIST);
	assert_int_equal(plat_frame_pair(pair), 0);
	m = keep(11, WMF_END0, LEASE_SESSION);
	tell_keep(&m, pair, 1, EEXIST);
	close(pair[0]);
	assert_int_equal(read(pair[1], &l, 1), 0);
	close(pair[1]);
	assert_int_equal(nl_veth_add(&nl, s, -1, 0), 0);
	m = link_message(WM_CREATE, 12, LINK_HOST, WMF_KEEP, LEASE_NAMED);
	tell(&m, NULL, 0);
	expect(WM_REPLY, &r, got);
	assert_int_equal(r.error, EEXIST);
	assert_int_equal(r.op, WM_OP_MOVE);
	/* Nothing of it is in the journal. */
	order(ORDER_EXIT, NULL, 0, NULL, 0);
	expect_start(1, &m, fds);
	assert_int_equal(m.slot, 11);
	assert_int_equal(nl_link_get(&nl, 0, "feth10024", &l), 0);
	assert_int_equal(nl_link_del(&nl, l.ifindex), 0);
	close(tap);
	expect(WM_GONE, &m, got);
	warden_end();
}

static void
test_policy_reload(void **state)
{
	static const char	first[] = "{\"rules\":[{\"name\":\"first\","
	    "\"allow\":true,\"who\":[\"uid:0\"]}]}";
	static const char	second[] = "{\"rules\":[{\"name\":\"second\","
	    "\"allow\":true,\"who\":[\"uid:0\"]}]}";
	struct policy		*p = malloc(sizeof(*p));
	struct wm_msg		m;
	int			fds[2];

	(void)state;
	assert_non_null(p);
	conf_write(first);
	warden_start(conf_path, false);
	expect(WM_POLICY, &m, fds);
	assert_int_equal(pread(fds[0], p, sizeof(*p), 0), sizeof(*p));
	assert_string_equal(p->rules[0].name, "first");
	close(fds[0]);
	expect(WM_READY, &m, fds);
	/* Bad in every way: the old one stays. */
	conf_write("{ nonsense");
	kill(warden, SIGHUP);
	expect_nothing(300);
	conf_write(second);
	assert_int_equal(chmod(conf_path, 0666), 0);
	kill(warden, SIGHUP);
	expect_nothing(300);
	assert_int_equal(unlink(conf_path), 0);
	kill(warden, SIGHUP);
	expect_nothing(300);
	assert_int_equal(mkfifo(conf_path, 0600), 0);
	kill(warden, SIGHUP);
	expect_nothing(300);
	unlink(conf_path);
	order(ORDER_EXIT, NULL, 0, NULL, 0);
	expect(WM_POLICY, &m, fds);
	assert_int_equal(pread(fds[0], p, sizeof(*p), 0), sizeof(*p));
	assert_string_equal(p->rules[0].name, "first");
	close(fds[0]);
	expect(WM_READY, &m, fds);
	/* And a good one. Only root may read it. */
	conf_write(second);
	assert_int_equal(chmod(conf_path, 0600), 0);
	kill(warden, SIGHUP);
	expect(WM_POLICY, &m, fds);
	assert_int_equal(pread(fds[0], p, sizeof(*p), 0), sizeof(*p));
	assert_string_equal(p->rules[0].name, "second");
	close(fds[0]);
	warden_end();
	free(p);
}

static void
test_policy_at_start(void **state)
{
	struct wm_msg	m;
	int		fds[1][2];

	(void)state;
	conf_write("{ nonsense");
	warden_start(conf_path, true);
	assert_int_equal(warden_wait(), 1);
	unlink(conf_path);
	warden_start(conf_path, false);
	assert_int_equal(warden_wait(), 1);
	/* The default path: no file is no mistake. */
	warden_start(conf_path, true);
	expect_start(0, &m, fds);
	warden_end();
}

/* Stop and start: what is named comes back, the rest does not. */
static void
test_restart(void **state)
{
	struct wm_msg	m[4], k;
	struct nl_link	l;
	int		fds[4][2], pair[2], tap, named;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	tap = make_link(40, LINK_HOST, 0, LEASE_SESSION);
	named = make_link(41, LINK_HOST, WMF_KEEP, LEASE_NAMED);
	make_link(42, LINK_WIRE, 0, LEASE_NAMED);
	make_link(44, LINK_WIRE, 0, LEASE_SESSION);
	assert_int_equal(plat_frame_pair(pair), 0);
	k = keep(20000, WMF_END0 | WMF_END1, LEASE_NAMED);
	tell_keep(&k, pair, 2, 0);
	k = keep(20001, WMF_END0, LEASE_SESSION);
	tell_keep(&k, pair, 1, 0);
	close(pair[0]);
	close(pair[1]);
	warden_end();
	assert_int_equal(links(), 0);
	close(tap);
	close(named);
	warden_start(NULL, false);
	expect_start(3, m, fds);
	assert_int_equal(m[0].slot, 41);
	assert_int_equal(m[0].flags, WMF_KEEP | WMF_HELD | WMF_END1);
	assert_tap(fds[0][0], "feth10082");
	assert_int_equal(m[1].slot, 42);
	assert_int_equal(m[1].flags, WMF_HELD);
	assert_int_equal(m[2].slot, 20000);
	assert_int_equal(m[2].flags, 0);
	assert_int_equal(links(), 3);
	assert_true(link_exists(41, &l));
	assert_memory_equal(l.mac, m[0].mac[0], 6);
	close(fds[0][0]);
	end_link(41, 1);
	end_link(42, 2);
	end_link(20000, 3);
	warden_end();
	warden_start(NULL, false);
	expect_start(0, m, fds);
	warden_end();
}

/* kill -9: clients go on, and the next one finds everything. */
static void
test_killed(void **state)
{
	struct wm_msg	m[5];
	struct nl_link	l;
	int		fds[5][2], tap, raw, named, index;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	tap = make_link(50, LINK_HOST, 0, LEASE_SESSION);
	raw = make_link(51, LINK_HOST, WMF_RAW, LEASE_SESSION);
	named = make_link(52, LINK_HOST, WMF_KEEP, LEASE_NAMED);
	close(make_link(53, LINK_HOST, WMF_KEEP, LEASE_NAMED));
	make_link(54, LINK_WIRE, 0, LEASE_SESSION);
	assert_true(link_exists(50, &l));
	index = l.ifindex;
	kill(warden, SIGKILL);
	assert_int_equal(warden_wait(), 1000 + SIGKILL);
	/* The kernel ends what nobody holds, in its own time. */
	poll(NULL, 0, 300);
	assert_true(link_exists(50, &l));
	assert_true(link_exists(51, &l));
	warden_start(NULL, false);
	expect_start(5, m, fds);
	assert_int_equal(m[0].slot, 50);
	assert_int_equal(m[0].flags, WMF_HELD);
	assert_int_equal(m[1].slot, 51);
	assert_int_equal(m[2].slot, 52);
	assert_int_equal(m[2].flags, WMF_KEEP | WMF_HELD);
	assert_int_equal(m[3].slot, 53);
	assert_int_equal(m[3].flags, WMF_KEEP | WMF_HELD | WMF_END1);
	assert_tap(fds[3][0], "feth10106");
	assert_int_equal(m[4].slot, 54);
	assert_int_equal(m[4].flags, WMF_HELD);
	assert_true(link_exists(50, &l));
	assert_int_equal(l.ifindex, index);
	close(fds[3][0]);
	warden_end();
	close(tap);
	close(raw);
	close(named);
}

/* Links that are made again, and what comes between. */

static int	obstacles;

/* The name is taken, so many times. */
static int
create_taken(const struct wm_msg *m, int netns, struct cable *c, int *fd,
    enum wm_op *op)
{
	if (obstacles-- <= 0)
		return backend_linux.create(m, netns, c, fd, op);
	*fd = -1;
	*op = WM_OP_CREATE;
	return -EEXIST;
}

static void
test_remake_later(void **state)
{
	struct wm_msg	m[2], gone;
	int		fds[2][2], got[2];

	(void)state;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	close(make_link(60, LINK_HOST, WMF_KEEP, LEASE_NAMED));
	make_link(61, LINK_WIRE, 0, LEASE_NAMED);
	warden_end();
	/* A stop meanwhile changes nothing. */
	backend.create = create_taken;
	obstacles = 1000;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	warden_end();
	obstacles = 3;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	assert_int_equal(links(), 0);
	expect(WM_GONE, &gone, got);
	expect(WM_RESTORE, &m[0], fds[0]);
	assert_int_equal(gone.slot, m[0].slot);
	expect(WM_GONE, &gone, got);
	expect(WM_RESTORE, &m[1], fds[1]);
	assert_int_equal(gone.slot, m[1].slot);
	assert_int_equal(m[0].slot + m[1].slot, 60 + 61);
	assert_int_equal(links(), 3);
	wire_close(&fds[0][0]);
	wire_close(&fds[1][0]);
	end_link(60, 1);
	end_link(61, 2);
	warden_end();
	backend.create = backend_linux.create;
	warden_start(NULL, false);
	expect_start(0, m, fds);
	warden_end();
}

/* A kill with the interfaces made: with the mark, or before it. */
static int
create_killed(const struct wm_msg *m, int netns, struct cable *c, int *fd,
    enum wm_op *op)
{
	int	error = backend_linux.create(m, netns, c, fd, op), i;

	for (i = 0; obstacles != 0 && error == 0 && i < 2; i++) {
		assert_int_equal(nl_link_mark(&nl, c->ifindex[i], ""), 0);
		/* backend_linux.c: BORN_GROUP */
		assert_int_equal(nl_link_group(&nl, c->ifindex[i],
		    0x66657462), 0);
	}
	raise(SIGKILL);
	return error;
}

static void
test_remake_killed(void **state)
{
	struct wm_msg	m;
	struct nl_link	l;
	int		fds[1][2], index;

	(void)state;
	for (obstacles = 0; obstacles < 2; obstacles++) {
		warden_start(NULL, false);
		expect_start(0, &m, fds);
		make_link(63, LINK_WIRE, 0, LEASE_NAMED);
		warden_end();
		assert_int_equal(links(), 0);
		backend.create = create_killed;
		warden_start(NULL, false);
		assert_int_equal(warden_wait(), 1000 + SIGKILL);
		backend.create = backend_linux.create;
		assert_true(link_exists(63, &l));
		index = l.ifindex;
		/* Whatever of it was made, it is made anew. */
		warden_start(NULL, false);
		expect_start(1, &m, fds);
		assert_int_equal(m.slot, 63);
		assert_true(link_exists(63, &l));
		assert_int_not_equal(l.ifindex, index);
		end_link(63, 1);
		warden_end();
	}
}

static void
destroy_and_die(struct cable *const *c, unsigned int n)
{
	(void)c;
	(void)n;
	kill(getpid(), SIGKILL);
}

/* kill -9 after a named link was closed, and before it is removed: it does not
 * come back. */
static void
test_killed_closing(void **state)
{
	static const uint32_t	slots[] = { 20000, 55, 56, 57 };
	struct wm_msg		m, r;
	int			fds[1][2], got[2], ends[2], tap, raw;
	size_t			i;

	(void)state;
	backend.destroy = destroy_and_die;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	tap = make_link(55, LINK_HOST, WMF_KEEP, LEASE_NAMED);
	raw = make_link(56, LINK_HOST, WMF_RAW | WMF_KEEP, LEASE_NAMED);
	make_link(57, LINK_WIRE, 0, LEASE_NAMED);
	assert_int_equal(plat_frame_pair(ends), 0);
	m = keep(20000, WMF_END0 | WMF_END1, LEASE_NAMED);
	tell(&m, ends, 2);
	expect(WM_REPLY, &r, got);
	/* All at once, so that one removal is of all. */
	assert_int_equal(kill(warden, SIGSTOP), 0);
	for (i = 0; i < N(slots); i++) {
		memset(&m, 0, sizeof(m));
		m.type = WM_DESTROY;
		m.slot = slots[i];
		m.seq = 1;
		tell(&m, NULL, 0);
	}
	poll(NULL, 0, 100);	/* the puppet passes them on */
	assert_int_equal(kill(warden, SIGCONT), 0);
	assert_int_equal(warden_wait(), 1000 + SIGKILL);
	backend = backend_linux;
	backend.spares = NULL;
	backend.prepare = NULL;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	assert_links(0);
	warden_end();
	close(tap);
	close(raw);
	close(ends[0]);
	close(ends[1]);
}

static void
test_many(void **state)
{
	struct timespec	a, b;
	struct wm_msg	m, r;
	int		fds[1][2], got[2], tap[300], i, gone = 0;

	(void)state;
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < 300; i++)
		tap[i] = make_link((uint32_t)(100 + i), LINK_HOST, 0,
		    LEASE_SESSION);
	clock_gettime(CLOCK_MONOTONIC, &b);
	print_message("%ld us a link\n", ((b.tv_sec - a.tv_sec) * 1000000 +
	    (b.tv_nsec - a.tv_nsec) / 1000) / 300);
	for (i = 0; i < 300; i++) {
		memset(&m, 0, sizeof(m));
		m.type = WM_DESTROY;
		m.slot = (uint32_t)(100 + i);
		m.seq = 1;
		tell(&m, NULL, 0);
	}
	/* A creation is served before all of them are gone. */
	m = link_message(WM_CREATE, 1, LINK_HOST, 0, LEASE_SESSION);
	tell(&m, NULL, 0);
	for (r.type = 0; r.type != WM_REPLY; gone += r.type == WM_GONE)
		hear(&r, got);
	assert_int_equal(r.error, 0);
	for (; gone < 300; gone++)
		expect(WM_GONE, &m, fds[0]);
	assert_int_equal(links(), 1);
	for (i = 0; i < 300; i++)
		close(tap[i]);
	close(got[0]);
	expect(WM_GONE, &m, fds[0]);
	warden_end();
}

/* Interfaces that are made ahead of time: after the first link, as many as the
 * policy says, anew for each that is used; and none outlives its warden. */
static void
test_spares(void **state)
{
	struct wm_msg	m;
	int		fds[1][2], fd[2];

	(void)state;
	backend = backend_linux;
	conf_write("{ \"rules\": [ { \"name\": \"a\", \"allow\": true, "
	    "\"who\": [\"anybody\"] } ], \"spares\": 3 }");
	warden_start(conf_path, false);
	expect_start(0, &m, fds);
	expect_nothing(100);
	assert_int_equal(links(), 0);
	fd[0] = make_link(1, LINK_HOST, 0, LEASE_SESSION);
	assert_links(4);
	fd[1] = make_link(2, LINK_HOST, 0, LEASE_SESSION);
	assert_links(5);
	end_link(2, 7);
	assert_links(4);
	conf_write("{ \"rules\": [ { \"name\": \"a\", \"allow\": true, "
	    "\"who\": [\"anybody\"] } ], \"spares\": 1 }");
	kill(warden, SIGHUP);
	expect(WM_POLICY, &m, fds[0]);
	close(fds[0][0]);
	assert_links(2);
	warden_end();
	assert_int_equal(links(), 0);

	/* A killed one: what nobody else holds is gone with it. */
	warden_start(conf_path, false);
	expect_start(0, &m, fds);
	close(fd[0]);
	fd[0] = make_link(3, LINK_HOST, 0, LEASE_SESSION);
	assert_links(2);
	kill(warden, SIGKILL);
	(void)warden_wait();
	assert_links(1);
	close(fd[0]);
	close(fd[1]);
	assert_links(0);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Captures. */

static struct wm_msg
capture(uint32_t slot, uint32_t seq, uint32_t insns)
{
	struct wm_msg	m;

	memset(&m, 0, sizeof(m));
	m.type = WM_CAPTURE;
	m.slot = slot;
	m.seq = seq;
	m.snaplen = 1000;
	m.insns = insns;
	return m;
}

/* CAPTURE M with the N instructions of PROG: the reader's end, and the answer
 * in R. */
static int
capture_with(const struct wm_msg *m, const struct cbpf_insn *prog,
    unsigned int n, struct wm_msg *r)
{
	int	fds[2], pair[2], none[2], large = 4 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &large,
	    sizeof(large)), 0);
	fds[0] = pair[1];
	if (n > 0)
		assert_true((fds[1] = plat_sealed(prog,
		    n * sizeof(*prog))) >= 0);
	tell(m, fds, n > 0 ? 2 : 1);
	expect(WM_CAPTURED, r, none);
	assert_int_equal(r->seq, m->seq);
	assert_int_equal(none[0], -1);
	close(pair[1]);
	if (n > 0)
		close(fds[1]);
	return pair[0];
}

/* The next block, within five seconds: its type, or 0 at the end. */
static uint32_t
next_block(int fd, uint32_t *buf, size_t size)
{
	struct pollfd	p = { .fd = fd, .events = POLLIN };
	ssize_t		n;

	assert_int_equal(poll(&p, 1, 5000), 1);
	if ((n = recv(fd, buf, 8, MSG_WAITALL)) == 0)
		return 0;
	assert_int_equal(n, 8);
	assert_true(buf[1] <= size);
	assert_int_equal(recv(fd, buf + 2, buf[1] - 8, MSG_WAITALL),
	    buf[1] - 8);
	return buf[0];
}

static const uint8_t	frame[60] = { 2, 0, 0, 0, 21, 1, 2, 0, 0, 0, 21, 2,
    0x88, 0xb5, 7 };

/* What the kernel itself sends on a new interface is not of 0x88b5. */
static const struct cbpf_insn	only_ours[] = { { 0x28, 0, 0, 12 },
    { 0x15, 0, 1, 0x88b5 }, { 0x06, 0, 0, 20 }, { 0x06, 0, 0, 0 } };

static void
test_capture(void **state)
{
	struct wm_msg	m, r, gone;
	uint32_t	buf[256];
	int		fds[1][2], none[2], tap, reader, second, before;

	(void)state;
	/* Its sandbox has no calls for valgrind. */
	if (getenv("UNDER_VALGRIND") != NULL)
		skip();
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	before = warden_descriptors();
	tap = make_link(21, LINK_HOST, 0, LEASE_SESSION);
	m = capture(21, 5, N(only_ours));
	reader = capture_with(&m, only_ours, N(only_ours), &r);
	assert_int_equal(r.error, 0);
	assert_int_not_equal(r.capture, 0);
	/* The warden has neither end, nor the socket. */
	assert_descriptors(before);
	assert_int_equal(write(tap, frame, sizeof(frame)), sizeof(frame));
	assert_int_equal(next_block(reader, buf, sizeof(buf)), 6);
	assert_int_equal(buf[5], 20);
	assert_int_equal(buf[6], sizeof(frame));
	assert_memory_equal(buf + 7, frame, 20);
	assert_int_equal(buf[buf[1] / 4 - 3], 1);	/* in */

	/* The same from the other side, beside it; its reader wants no more. */
	m = capture(21, 6, N(only_ours));
	m.flags = WMF_INVERT;
	second = capture_with(&m, only_ours, N(only_ours), &m);
	assert_int_not_equal(m.capture, r.capture);
	assert_int_equal(write(tap, frame, sizeof(frame)), sizeof(frame));
	assert_int_equal(next_block(second, buf, sizeof(buf)), 6);
	assert_int_equal(buf[buf[1] / 4 - 3], 2);	/* out */
	assert_int_equal(shutdown(second, SHUT_WR), 0);
	assert_int_equal(next_block(second, buf, sizeof(buf)), 5);
	assert_int_equal(next_block(second, buf, sizeof(buf)), 0);
	close(second);
	expect(WM_CAPTURE_END, &gone, none);
	assert_int_equal(gone.capture, m.capture);

	/* A new broker, and the first one still goes on, until its link ends. */
	order(ORDER_EXIT, NULL, 0, NULL, 0);
	expect_start(1, &m, fds);
	assert_int_equal(write(tap, frame, sizeof(frame)), sizeof(frame));
	assert_int_equal(next_block(reader, buf, sizeof(buf)), 6);
	assert_int_equal(next_block(reader, buf, sizeof(buf)), 6);
	end_link(21, 9);
	assert_int_equal(next_block(reader, buf, sizeof(buf)), 5);
	assert_int_equal(next_block(reader, buf, sizeof(buf)), 0);
	expect(WM_CAPTURE_END, &gone, none);
	assert_int_equal(gone.capture, r.capture);
	assert_int_equal(gone.slot, 21);
	close(reader);
	close(tap);
	warden_end();
}

/* The warden's youngest child. */
static pid_t
capture_pid(void)
{
	char	path[64], text[256], *last;
	ssize_t	n;
	int	fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)warden,
	    (int)warden);
	assert_true((fd = open(path, O_RDONLY)) >= 0);
	assert_true((n = read(fd, text, sizeof(text) - 1)) > 1);
	close(fd);
	text[n - 1] = '\0';		/* instead of the last blank */
	last = strrchr(text, ' ');
	return (pid_t)atoi(last != NULL ? last + 1 : text);
}

/* Stop it, and see that it has stopped. */
static void
stop_process(pid_t pid)
{
	char	path[32], text[256];
	ssize_t	n;
	int	fd;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	do {
		assert_true((fd = open(path, O_RDONLY)) >= 0);
		assert_true((n = read(fd, text, sizeof(text) - 1)) > 0);
		close(fd);
		text[n] = '\0';
	} while (strstr(text, ") T ") == NULL);
}

/* A link ends while more waits for its capture than fits into its buffer, and
 * the reader could take all of it: nothing is lost, nothing waits. */
static void
test_capture_rest(void **state)
{
	static uint8_t	big[1000];
	struct wm_msg	m, r, gone;
	uint32_t	buf[512], type, frames = 0;
	int		fds[1][2], none[2], tap, reader, i;
	pid_t		pid;

	(void)state;
	if (getenv("UNDER_VALGRIND") != NULL)
		skip();
	memcpy(big, frame, sizeof(frame));
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	tap = make_link(21, LINK_HOST, 0, LEASE_SESSION);
	m = capture(21, 5, 0);
	reader = capture_with(&m, NULL, 0, &r);
	assert_int_equal(r.error, 0);
	pid = capture_pid();
	assert_int_equal(write(tap, big, sizeof(big)), sizeof(big));
	assert_int_equal(next_block(reader, buf, sizeof(buf)), 6);
	stop_process(pid);
	for (i = 0; i < 700; i++)
		assert_int_equal(write(tap, big, sizeof(big)), sizeof(big));
	end_link(21, 9);
	assert_int_equal(kill(pid, SIGCONT), 0);
	while ((type = next_block(reader, buf, sizeof(buf))) == 6)
		frames += buf[6] == sizeof(big);
	assert_int_equal(type, 5);
	assert_int_equal(frames, 700);
	assert_int_equal(next_block(reader, buf, sizeof(buf)), 0);
	expect(WM_CAPTURE_END, &gone, none);
	close(reader);
	close(tap);
	warden_end();
}

static void
capture_refused(const struct wm_msg *m, const struct cbpf_insn *prog,
    unsigned int n, int error, enum wm_op op)
{
	struct wm_msg	r;
	int		fd = capture_with(m, prog, n, &r);

	assert_int_equal(r.error, error);
	assert_int_equal(r.op, op);
	assert_int_equal(r.capture, 0);
	/* Nobody has the other end. */
	assert_int_equal(read(fd, &r, 1), 0);
	close(fd);
}

static void
test_capture_refused(void **state)
{
	static const struct cbpf_insn	loop[] = { { 0x05, 0, 0, 0xfffffffe },
	    { 0x06, 0, 0, 0 } };
	struct wm_msg	m, r;
	int		fds[1][2], pair[2], tap, file[2], readers[BOUND_CAPTURES
	    + BOUND_CAPTURES_UID];
	size_t		i;

	(void)state;
	/* Its sandbox has no calls for valgrind. */
	if (getenv("UNDER_VALGRIND") != NULL)
		skip();
	warden_start(NULL, false);
	expect_start(0, &m, fds);
	tap = make_link(22, LINK_HOST, 0, LEASE_SESSION);
	m = keep(BOUND_UNITS, 0, LEASE_NAMED);
	tell(&m, NULL, 0);
	expect(WM_REPLY, &r, fds[0]);

	m = capture(23, 1, 0);
	capture_refused(&m, NULL, 0, ENODEV, WM_OP_CAPTURE);
	m.slot = BOUND_UNITS;
	capture_refused(&m, NULL, 0, ENODEV, WM_OP_CAPTURE);
	m = capture(22, 2, 2);
	capture_refused(&m, loop, 2, EINVAL, WM_OP_FILTER);
	/* Another size than it has. */
	m.insns = 3;
	capture_refused(&m, only_ours, 4, EINVAL, WM_OP_FILTER);
	m.insns = 5;
	capture_refused(&m, only_ours, 4, EINVAL, WM_OP_FILTER);
	/* A file that could still change, or never answer. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	m.insns = 4;
	file[0] = pair[1];
	file[1] = open("/proc/self/exe", O_RDONLY);
	tell(&m, file, 2);
	expect(WM_CAPTURED, &r, fds[0]);
	assert_int_equal(r.error, EINVAL);
	close(file[1]);
	/* What is malformed. */
	m.insns = BOUND_FILTER + 1;
	file[1] = pair[0];
	tell(&m, file, 2);
	assert_refused("instructions", 2);
	m = capture(22, 3, 0);
	m.flags = WMF_KEEP;
	tell(&m, pair, 1);
	assert_refused("flags", 3);
	m = capture(22, 3, 0);
	m.snaplen = BOUND_SNAPLEN_MAX + 1;
	tell(&m, pair, 1);
	assert_refused("snaplen", 3);
	close(pair[0]);
	close(pair[1]);

	/* As many as there may be, and no more; then again. */
	for (i = 0; i < N(readers); i++) {
		m = capture(22, 100 + (uint32_t)i, 0);
		readers[i] = capture_with(&m, NULL, 0, &r);
		assert_int_equal(r.error, 0);
	}
	capture_refused(&m, NULL, 0, ENFILE, WM_OP_CAPTURE);
	close(readers[7]);
	expect(WM_CAPTURE_END, &r, fds[0]);
	readers[7] = capture_with(&m, NULL, 0, &r);
	assert_int_equal(r.error, 0);
	/* Not even a stop waits for readers that do not read. */
	warden_end();
	for (i = 0; i < N(readers); i++)
		close(readers[i]);
	close(tap);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		T(test_start), T(test_prepare), T(test_second),
		T(test_index_again), T(test_create_destroy), T(test_full), T(test_netns), T(test_vanish),
		T(test_crash), T(test_keep), T(test_malformed),
		T(test_refused), T(test_policy_reload),
		T(test_policy_at_start), T(test_restart), T(test_killed),
		T(test_killed_closing),
		T(test_remake_later), T(test_remake_killed),
		T(test_many), T(test_spares), T(test_capture),
		T(test_capture_rest), T(test_capture_refused),
	};
	char			why[256];

	log_init("test", getenv("DEBUG") ? LOG_L_DEBUG : LOG_L_ERROR, 1);
	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		printf("skipped: needs root\n");
		return SKIPPED;
	}
	if (backend_linux.probe(why, sizeof(why)) != 0) {
		printf("skipped: %s\n", why);
		return SKIPPED;
	}
	signal(SIGPIPE, SIG_IGN);
	if (nl_open(&nl) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

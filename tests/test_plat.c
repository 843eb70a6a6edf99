/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plat_linux.c: sockets, credentials, the service manager, and (as root) that
 * dropped privileges stay dropped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "peer.h"
#include "plat.h"

#define NOBODY	65534

static int
listening(const char *path, int type, int do_listen)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	int			fd;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	unlink(path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	if (do_listen)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

/* Run FN in a child, where it may do what it likes; its exit code. */
static int
in_child(int (*fn)(void))
{
	int	status;
	pid_t	pid;

	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 +
	    WTERMSIG(status);
}

/* The listening socket. */

static const struct handover {
	const char	*name;
	int		type, listens;
	const char	*pid, *fds;	/* pid NULL: our own */
	int		want;
} handovers[] = {
	{ "good", SOCK_STREAM, 1, NULL, "1", 3 },
	{ "for another process", SOCK_STREAM, 1, "1", "1", -ENOENT },
	{ "no number", SOCK_STREAM, 1, "x", "1", -ENOENT },
	{ "none", SOCK_STREAM, 1, NULL, "0", -ENOENT },
	{ "negative", SOCK_STREAM, 1, NULL, "-3", -ENOENT },
	{ "no count", SOCK_STREAM, 1, NULL, "1x", -ENOENT },
	{ "two", SOCK_STREAM, 1, NULL, "2", -EINVAL },
	{ "not listening", SOCK_STREAM, 0, NULL, "1", -EINVAL },
	{ "packets", SOCK_SEQPACKET, 1, NULL, "1", -EINVAL },
	{ "datagrams", SOCK_DGRAM, 0, NULL, "1", -EINVAL },
};
static const struct handover	*handover;
static char			 dir[64], sock_path[80];

static int
take_over(void)
{
	char	pid[16];
	int	fd, got;

	fd = listening(sock_path, handover->type, handover->listens);
	if (fd != 3) {
		dup2(fd, 3);
		close(fd);
	}
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", handover->pid != NULL ? handover->pid : pid, 1);
	setenv("LISTEN_FDS", handover->fds, 1);
	got = plat_inherited_socket();
	if (getenv("LISTEN_PID") != NULL || getenv("LISTEN_FDS") != NULL)
		return 2;
	if (got == 3 && fcntl(3, F_GETFD) != FD_CLOEXEC)
		return 3;
	return got == handover->want ? 0 : 1;
}

static int
none_given(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	return plat_inherited_socket() == -ENOENT ? 0 : 1;
}

static void
test_inherited(void **state)
{
	size_t	i;
	int	rv;

	(void)state;
	assert_int_equal(in_child(none_given), 0);
	for (i = 0; i < sizeof(handovers) / sizeof(handovers[0]); i++) {
		handover = &handovers[i];
		if ((rv = in_child(take_over)) != 0)
			fail_msg("%s: %d", handover->name, rv);
	}
}

static void
test_notify(void **state)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	char			buf[200];
	ssize_t			n;
	int			fd;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	plat_notify("READY=1");
	fd = listening(sock_path, SOCK_DGRAM, 0);
	setenv("NOTIFY_SOCKET", sock_path, 1);
	plat_notify("READY=1");
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	assert_int_equal(n, 7);
	assert_memory_equal(buf, "READY=1", 7);
	plat_notify("RELOADING=1");
	n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_memory_equal(buf, "RELOADING=1\nMONOTONIC_USEC=", 27);
	assert_true(strtoull(buf + 27, NULL, 10) > 0);
	close(fd);
	/* Abstract. */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1,
	    "fethd-test-%ld", (long)getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, (socklen_t)
	    (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)), 0);
	snprintf(buf, sizeof(buf), "@fethd-test-%ld", (long)getpid());
	setenv("NOTIFY_SOCKET", buf, 1);
	plat_notify("STOPPING=1");
	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 10);
	close(fd);
	/* Nobody there, or nonsense: no effect. */
	log_init("test", LOG_L_ERROR, 1);
	plat_notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	plat_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
}

static void
test_machine_key(void **state)
{
	uint8_t	a[16], b[16], zero[16] = { 0 };

	(void)state;
	assert_int_equal(plat_machine_key(a), 0);
	assert_int_equal(plat_machine_key(b), 0);
	assert_memory_equal(a, b, 16);
	assert_memory_not_equal(a, zero, 16);
}

/* Peers. */

static void
test_peer(void **state)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	struct peer		p;
	gid_t			groups[65536];
	int			l, c, s, n;

	(void)state;
	l = listening(sock_path, SOCK_STREAM, 1);
	c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", sock_path);
	assert_int_equal(connect(c, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_not_equal(s = accept(l, NULL, NULL), -1);
	memset(&p, 0, sizeof(p));
	assert_int_equal(plat_peer(s, &p), 0);
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.gid, getegid());
	assert_int_equal(p.pid, getpid());
	n = getgroups(65536, groups);
	assert_int_equal(p.ngroups, n);
	if (n > 0)
		assert_memory_equal(p.groups, groups,
		    (size_t)n * sizeof(*groups));
	free(p.groups);
	close(c);
	close(s);
	close(l);
}

static void
test_peer_refused(void **state)
{
	struct peer	p;
	int		fd, null;

	(void)state;
	memset(&p, 0, sizeof(p));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(plat_peer(fd, &p), -ENOTCONN);
	assert_null(p.groups);
	close(fd);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(plat_peer(null, &p), -ENOTSOCK);
	close(null);
	assert_true(plat_peer(-1, &p) < 0);
}

/* A peer of another uid with many groups. */
static int
many_groups(void)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	gid_t			groups[300];
	int			fd, i;

	for (i = 0; i < 300; i++)
		groups[i] = (gid_t)(70000 + i);
	if (setgroups(300, groups) != 0 || setgid(NOBODY) != 0 ||
	    setuid(NOBODY) != 0)
		return 1;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", sock_path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ? 0 : 2;
}

static void
test_peer_groups(void **state)
{
	struct peer	p;
	int		l, s;

	(void)state;
	if (geteuid() != 0)
		skip();
	l = listening(sock_path, SOCK_STREAM, 1);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(sock_path, 0777), 0);
	assert_int_equal(in_child(many_groups), 0);
	assert_int_not_equal(s = accept(l, NULL, NULL), -1);
	assert_int_equal(plat_peer(s, &p), 0);
	assert_int_equal(p.uid, NOBODY);
	assert_int_equal(p.gid, NOBODY);
	assert_int_equal(p.ngroups, 300);
	assert_true(peer_in_group(&p, 70299));
	assert_false(peer_in_group(&p, 0));
	peer_clear(&p);
	close(s);
	close(l);
}

static void
test_frame_pair(void **state)
{
	char	buf[70000];
	int	fd[2];

	(void)state;
	assert_int_equal(plat_frame_pair(fd), 0);
	assert_int_equal(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd[1], F_GETFD), FD_CLOEXEC);
	memset(buf, 7, sizeof(buf));
	assert_int_equal(send(fd[0], buf, 60, 0), 60);
	assert_int_equal(send(fd[0], buf, 65535, 0), 65535);
	assert_int_equal(recv(fd[1], buf, sizeof(buf), 0), 60);
	assert_int_equal(recv(fd[1], buf, sizeof(buf), 0), 65535);
	close(fd[0]);
	assert_int_equal(recv(fd[1], buf, sizeof(buf), 0), 0);
	close(fd[1]);
	assert_int_equal(plat_channel(fd), 0);
	close(fd[0]);
	close(fd[1]);
}

static void
test_netns_owner(void **state)
{
	static const char *const	others[] = { "/dev/null",
	    "/proc/self/stat", "/proc/self/ns/mnt", "/proc/self/ns/pid",
	    "/tmp" };
	uid_t				uid = 12345;
	size_t				i;
	int				fd, s[2];

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_not_equal(fd = open(others[i], O_RDONLY), -1);
		assert_int_equal(plat_netns_owner(fd, &uid), -EINVAL);
		close(fd);
	}
	assert_int_equal(plat_frame_pair(s), 0);
	assert_int_equal(plat_netns_owner(s[0], &uid), -EINVAL);
	close(s[0]);
	close(s[1]);
	assert_int_equal(plat_netns_owner(-1, &uid), -EBADF);
	assert_int_equal(uid, 12345);
	if (geteuid() != 0)
		skip();
	assert_int_not_equal(fd = open("/proc/self/ns/net", O_RDONLY), -1);
	assert_int_equal(plat_netns_owner(fd, &uid), 0);
	assert_int_equal(uid, 0);
	close(fd);
}

/* A namespace in a user namespace of uid 65534 belongs to that uid. */
static void
test_netns_owner_user(void **state)
{
	int	ready[2], fd, n;
	char	path[64], byte = 0;
	uid_t	uid = 0;
	pid_t	pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(ready), 0);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0 ||
		    unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
			byte = 1;
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%ld/ns/net", (long)pid);
	fd = open(path, O_RDONLY);
	n = byte == 0 ? plat_netns_owner(fd, &uid) : 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	close(ready[0]);
	close(ready[1]);
	if (byte != 0)
		skip();
	assert_int_equal(n, 0);
	assert_int_equal(uid, NOBODY);
}

/* Privileges. */

/* A line of /proc/self/status as a number. */
static unsigned long long
status(const char *key, int base)
{
	char	line[256], *text = NULL;
	FILE	*f = fopen("/proc/self/status", "r");
	unsigned long long n = ~0ULL;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0) {
			text = line + strlen(key) + 1;
			n = strtoull(text, NULL, base);
		}
	if (f != NULL)
		fclose(f);
	return n;
}

static int
drop(const char *root)
{
	struct rlimit	r;
	int		sig = 0;

	if (plat_drop_privileges(NOBODY, NOBODY - 1, root) != 0)
		return 1;
	if (getuid() != NOBODY || geteuid() != NOBODY ||
	    getgid() != NOBODY - 1 || getgroups(0, NULL) != 0)
		return 2;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 ||
	    setgroups(0, NULL) == 0)
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_PDEATHSIG, &sig) != 0 ||
	    sig != SIGKILL)
		return 4;
	if (getrlimit(RLIMIT_CORE, &r) != 0 || r.rlim_cur != 0 ||
	    r.rlim_max != 0)
		return 5;
	return 0;
}

static int
drop_here(void)
{
	int	rv;

	if ((rv = drop(NULL)) != 0)
		return rv;
	if (status("CapEff:", 16) != 0 || status("CapPrm:", 16) != 0 ||
	    status("CapBnd:", 16) != 0 || status("CapInh:", 16) != 0)
		return 10;
	return access("/proc", F_OK) == 0 ? 0 : 11;
}

static int
drop_chroot(void)
{
	int	rv;

	if (chmod(dir, 0755) != 0)
		return 20;
	if ((rv = drop(dir)) != 0)
		return rv;
	if (access("/proc", F_OK) == 0 || access("/etc", F_OK) == 0 ||
	    access("..", F_OK) != 0 || access("../etc", F_OK) == 0)
		return 21;
	return 0;
}

static int
drop_nowhere(void)
{
	return plat_drop_privileges(NOBODY, NOBODY, "/nonexistent") == -ENOENT ?
	    0 : 1;
}

/* The whole way that the warden and then its child go. */
static int
warden_then_broker(void)
{
	const unsigned long long warden = 1ULL << 5 | 1ULL << 6 | 1ULL << 7 |
	    1ULL << 8 | 1ULL << 12 | 1ULL << 13 | 1ULL << 18 | 1ULL << 21;

	if (plat_warden_privileges() != 0)
		return 1;
	if ((status("CapEff:", 16) & ~warden) != 0 ||
	    (status("CapPrm:", 16) & ~warden) != 0 ||
	    (status("CapBnd:", 16) & ~warden) != 0)
		return 2;
	if (status("NoNewPrivs:", 10) != 1)
		return 3;
	/* Again, as it may happen: no error. */
	if (plat_warden_privileges() != 0)
		return 4;
	return drop_here();
}

static void
test_privileges(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(drop_here), 0);
	assert_int_equal(in_child(drop_chroot), 0);
	assert_int_equal(in_child(drop_nowhere), 0);
	assert_int_equal(in_child(warden_then_broker), 0);
}

static int
close_most(void)
{
	int	i;

	for (i = 0; i < 20; i++)
		if (dup(0) == -1 && dup(1) == -1 && dup(2) == -1)
			return 3;
	if (dup2(2, 500) == -1)
		return 4;
	plat_close_from(5);
	for (i = 5; i < 600; i++)
		if (fcntl(i, F_GETFD) != -1)
			return 1;
	return fcntl(2, F_GETFD) == -1 ? 2 : 0;
}

static void
test_close_from(void **state)
{
	(void)state;
	assert_int_equal(in_child(close_most), 0);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_plat.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(sock_path, sizeof(sock_path), "%s/sock", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(sock_path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test_setup_teardown(test_inherited, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_notify, setup, teardown),
		cmocka_unit_test(test_machine_key),
		cmocka_unit_test_setup_teardown(test_peer, setup, teardown),
		cmocka_unit_test(test_peer_refused),
		cmocka_unit_test_setup_teardown(test_peer_groups, setup,
		    teardown),
		cmocka_unit_test(test_frame_pair),
		cmocka_unit_test(test_netns_owner),
		cmocka_unit_test(test_netns_owner_user),
		cmocka_unit_test_setup_teardown(test_privileges, setup,
		    teardown),
		cmocka_unit_test(test_close_from),
	};

	log_init("test", LOG_L_ERROR, 1);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

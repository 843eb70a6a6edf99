/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c on a real socket in a directory of its own: the life of the socket
 * file, the limits, and what happens when descriptors run out. peer.c and
 * conn.c are replaced by the functions here.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bounds.h"
#include "fds.h"

/* A few are enough to meet a limit. */
#undef BOUND_CONNS_UID
#undef BOUND_CONNS_ROOT
#undef BOUND_CONNS
#define BOUND_CONNS_UID		4
#define BOUND_CONNS_ROOT	6
#define BOUND_CONNS		10

#include "../daemon/server.c"

#define CLIENTS	64

static struct fethd	d;
static char		dir[] = "/tmp/fethd-test-XXXXXX";
static char		path[64];
static char		why[400];
static int		listener;
static unsigned int	fds_before;

/* What the neighbours do. */
static uid_t		next_uid;
static int		peer_error;
static bool		conn_fails;
static struct admitted {
	int	fd;
	uid_t	uid;
} admitted[CLIENTS];
static unsigned int	nadmitted;

int
peer_get(int fd, struct peer *p)
{
	assert_true(fd >= 0);
	memset(p, 0, sizeof(*p));
	p->uid = next_uid;
	p->groups = malloc(4);
	if (peer_error != 0)
		peer_clear(p);
	return peer_error;
}

void
peer_clear(struct peer *p)
{
	free(p->groups);
	p->groups = NULL;
}

struct conn *
conn_new(struct fethd *dd, int fd, struct peer *peer)
{
	uid_t		uid = peer->uid;
	int		on = 0;
	socklen_t	size = sizeof(on);

	assert_ptr_equal(dd, &d);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, &size),
	    0);
	assert_true(on);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	peer_clear(peer);
	if (conn_fails) {
		close(fd);
		return NULL;
	}
	admitted[nadmitted].fd = fd;
	admitted[nadmitted++].uid = uid;
	d.nconns++;
	return (struct conn *)(void *)admitted;
}

/* The N-th connection goes. */
static void
conn_goes(unsigned int n)
{
	wire_close(&admitted[n].fd);
	d.nconns--;
	server_conn_gone(&d, admitted[n].uid);
	admitted[n] = admitted[--nadmitted];
}

static int
dir_setup(void **state)
{
	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	fds_before = fds_open();
	why[0] = '\0';
	return 0;
}

static int
dir_teardown(void **state)
{
	(void)state;
	assert_int_equal(fds_open(), fds_before);
	(void)unlink(path);
	return rmdir(dir);
}

static int
setup(void **state)
{
	(void)dir_setup(state);
	memset(&d, 0, sizeof(d));
	d.base = event_base_new();
	assert_non_null(d.base);
	next_uid = 1000;
	peer_error = 0;
	conn_fails = false;
	nadmitted = 0;
	listener = server_listen(path, 0666, why, sizeof(why));
	assert_true(listener >= 0);
	assert_int_equal(server_start(&d, listener), 0);
	return 0;
}

static int
teardown(void **state)
{
	while (nadmitted > 0)
		conn_goes(0);
	server_stop(&d);
	assert_null(d.server);
	server_stop(&d);
	/* Connections may outlive it. */
	server_conn_gone(&d, 1000);
	wire_close(&listener);
	event_base_free(d.base);
	return dir_teardown(state);
}

static int
knock(void)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	int			fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void
turn(void)
{
	(void)event_base_loop(d.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* The socket file. */

static void
test_listen(void **state)
{
	struct stat	st;
	mode_t		mask;
	int		fd;

	(void)state;
	mask = umask(022);
	fd = server_listen(path, 0660, why, sizeof(why));
	assert_true(fd >= 0);
	assert_int_equal(umask(mask), 022);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	wire_close(&fd);
}

static void
test_listen_stale(void **state)
{
	int	fd;

	(void)state;
	fd = server_listen(path, 0600, why, sizeof(why));
	assert_true(fd >= 0);
	wire_close(&fd);
	/* The file stays behind. */
	assert_int_equal(access(path, F_OK), 0);
	fd = server_listen(path, 0600, why, sizeof(why));
	assert_true(fd >= 0);
	wire_close(&fd);
}

static void
test_listen_live(void **state)
{
	int	fd;

	(void)state;
	fd = server_listen(path, 0600, why, sizeof(why));
	assert_true(fd >= 0);
	assert_int_equal(server_listen(path, 0600, why, sizeof(why)),
	    -EADDRINUSE);
	assert_non_null(strstr(why, "another daemon serves /tmp/"));
	assert_int_equal(access(path, F_OK), 0);
	wire_close(&fd);
}

/* The broker of a warden that was killed goes a moment after it. */
static void
test_listen_orphan(void **state)
{
	struct timespec	moment = { .tv_nsec = 300000000 };
	pid_t		orphan;
	int		fd, status;

	(void)state;
	fd = server_listen(path, 0600, why, sizeof(why));
	assert_true(fd >= 0);
	orphan = fork();
	assert_true(orphan >= 0);
	if (orphan == 0) {
		nanosleep(&moment, NULL);
		_exit(0);
	}
	wire_close(&fd);
	fd = server_listen(path, 0600, why, sizeof(why));
	assert_true(fd >= 0);
	assert_int_equal(waitpid(orphan, &status, 0), orphan);
	wire_close(&fd);
}

/* Alive is also one that has no time to accept. */
static void
test_listen_busy(void **state)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	int			fd, a[8], i;

	(void)state;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	for (i = 0; i < 8; i++) {
		a[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_true(fcntl(a[i], F_SETFL, O_NONBLOCK) >= 0);
		(void)connect(a[i], (struct sockaddr *)&sun, sizeof(sun));
	}
	assert_int_equal(server_listen(path, 0600, why, sizeof(why)),
	    -EADDRINUSE);
	for (i = 0; i < 8; i++)
		wire_close(&a[i]);
	wire_close(&fd);
}

static void
test_listen_no_socket(void **state)
{
	int	fd;

	(void)state;
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	wire_close(&fd);
	assert_int_equal(server_listen(path, 0600, why, sizeof(why)), -EEXIST);
	assert_non_null(strstr(why, "is no socket"));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	/* Nor what a symbolic link points to. */
	assert_int_equal(symlink("/nonexistent", path), 0);
	assert_int_equal(server_listen(path, 0600, why, sizeof(why)), -EEXIST);
}

static void
test_listen_bad_path(void **state)
{
	struct sockaddr_un	sun;
	char			text[300], number[16];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[sizeof(sun.sun_path)] = '\0';
	assert_int_equal(server_listen(text, 0600, why, sizeof(why)),
	    -ENAMETOOLONG);
	snprintf(number, sizeof(number), "to %zu ", sizeof(sun.sun_path) - 1);
	assert_non_null(strstr(why, number));
	assert_int_equal(server_listen("", 0600, why, sizeof(why)), -EINVAL);
	assert_int_equal(server_listen("/nonexistent/s", 0600, why,
	    sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/s: No such file"));
}

/* Accepting. */

static void
test_accept(void **state)
{
	int	fd[3], i;

	(void)state;
	for (i = 0; i < 3; i++)
		fd[i] = knock();
	turn();
	assert_int_equal(nadmitted, 3);
	for (i = 0; i < 3; i++)
		wire_close(&fd[i]);
}

static void
test_turn(void **state)
{
	int	fd[SERVER_TURN + 4];
	size_t	i;

	(void)state;
	for (i = 0; i < SERVER_TURN + 4; i++)
		fd[i] = knock();
	/* Those of the first turn are refused, so that what is admitted later
	 * was left for a second turn. */
	peer_error = -EPERM;
	turn();
	peer_error = 0;
	turn();
	assert_int_equal(nadmitted, 4);
	for (i = 0; i < SERVER_TURN + 4; i++)
		wire_close(&fd[i]);
}

static void
test_unknown_peer(void **state)
{
	char	byte;
	int	fd = knock();

	(void)state;
	peer_error = -ENOTSUP;
	turn();
	assert_int_equal(nadmitted, 0);
	assert_int_equal(read(fd, &byte, 1), 0);
	wire_close(&fd);
	assert_int_equal(d.server->nuids, 0);
}

/* It is told why, and closed. */
static void
expect_quota(int fd, unsigned int limit, unsigned int used)
{
	char	buf[300], want[300];
	ssize_t	n = read(fd, buf, sizeof(buf));

	snprintf(want, sizeof(want), "{\"error\":\"org.fethd.Broker."
	    "QuotaExceeded\",\"parameters\":{\"what\":\"connections\","
	    "\"limit\":%u,\"used\":%u,\"rule\":\"\"}}", limit, used);
	assert_int_equal(n, strlen(want) + 1);
	assert_string_equal(buf, want);
	assert_int_equal(read(fd, buf, 1), 0);
}

static void
test_limit_uid(void **state)
{
	int	fd[BOUND_CONNS_UID], one, i;

	(void)state;
	for (i = 0; i < BOUND_CONNS_UID; i++)
		fd[i] = knock();
	turn();
	one = knock();
	turn();
	assert_int_equal(nadmitted, BOUND_CONNS_UID);
	expect_quota(one, BOUND_CONNS_UID, BOUND_CONNS_UID);
	wire_close(&one);
	/* Another uid is not concerned. */
	next_uid = 1001;
	one = knock();
	turn();
	assert_int_equal(nadmitted, BOUND_CONNS_UID + 1);
	wire_close(&one);
	/* And a place that is free can be taken. */
	conn_goes(0);
	next_uid = 1000;
	one = knock();
	turn();
	assert_int_equal(nadmitted, BOUND_CONNS_UID + 1);
	wire_close(&one);
	for (i = 0; i < BOUND_CONNS_UID; i++)
		wire_close(&fd[i]);
}

static void
test_limit_total(void **state)
{
	int	fd[BOUND_CONNS], one, i;

	(void)state;
	for (i = 0; i < BOUND_CONNS; i++) {
		next_uid = 1000 + (uid_t)i;
		fd[i] = knock();
		turn();
	}
	assert_int_equal(nadmitted, BOUND_CONNS);
	assert_int_equal(d.server->nuids, BOUND_CONNS);
	next_uid = 2000;
	one = knock();
	turn();
	expect_quota(one, BOUND_CONNS, BOUND_CONNS);
	wire_close(&one);
	/* Root must get in, up to a limit of its own. */
	next_uid = 0;
	for (i = 0; i < BOUND_CONNS_ROOT; i++) {
		one = knock();
		turn();
		wire_close(&one);
	}
	assert_int_equal(nadmitted, BOUND_CONNS + BOUND_CONNS_ROOT);
	one = knock();
	turn();
	expect_quota(one, BOUND_CONNS_ROOT, BOUND_CONNS_ROOT);
	wire_close(&one);
	for (i = 0; i < BOUND_CONNS; i++)
		wire_close(&fd[i]);
	while (nadmitted > 0)
		conn_goes(nadmitted / 2);
	assert_int_equal(d.server->nuids, 0);
}

static void
test_conn_fails(void **state)
{
	int	fd = knock();

	(void)state;
	conn_fails = true;
	turn();
	assert_int_equal(d.server->nuids, 0);
	wire_close(&fd);
}

/* No descriptor is left: it rests, and wakes when a connection goes, or by
 * itself. */
static void
test_exhausted(void **state)
{
	struct rlimit	old, low;
	int		a, b, c, i;

	(void)state;
	a = knock();
	turn();
	assert_int_equal(nadmitted, 1);
	b = knock();
	c = knock();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = fds_before;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (i = 0; i < 10; i++)
		turn();
	assert_true(d.server->resting);
	assert_int_equal(nadmitted, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	turn();
	assert_int_equal(nadmitted, 1);
	conn_goes(0);
	assert_false(d.server->resting);
	turn();
	assert_int_equal(nadmitted, 2);

	wire_close(&a);
	a = knock();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	turn();
	assert_true(d.server->resting);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	(void)event_base_loop(d.base, EVLOOP_ONCE);
	assert_false(d.server->resting);
	turn();
	assert_int_equal(nadmitted, 3);
	wire_close(&a);
	wire_close(&b);
	wire_close(&c);
}

#define DIR_TEST(f)	cmocka_unit_test_setup_teardown(f, dir_setup, \
			    dir_teardown)
#define TEST(f)		cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(test_listen),
		DIR_TEST(test_listen_stale),
		DIR_TEST(test_listen_live),
		DIR_TEST(test_listen_orphan),
		DIR_TEST(test_listen_busy),
		DIR_TEST(test_listen_no_socket),
		DIR_TEST(test_listen_bad_path),
		TEST(test_accept),
		TEST(test_turn),
		TEST(test_unknown_peer),
		TEST(test_limit_uid),
		TEST(test_limit_total),
		TEST(test_conn_fails),
		TEST(test_exhausted),
	};

	log_init("test_server", LOG_L_ERROR, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

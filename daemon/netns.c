/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See netns.h. Called by backend_linux.c in the warden, which has one thread:
 * to be in another namespace is a state of that thread, so every way out of a
 * function that enters one goes through netns_leave. Never makes an interface.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "netns.h"
#include "wire.h"

struct netns		 netns_home = { .fd = -1 };
static struct netns_uid	*uid_list;

int
netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) != 0 ? -errno : 0;
}

int
netns_leave(void)
{
	int	error;

	if ((error = netns_enter(netns_home.fd)) != 0)
		log_warnx("cannot return to the home network namespace: %s",
		    strerror(-error));
	return error;
}

void
netns_close(struct netns *n)
{
	nl_close(&n->nl);
	wire_close(&n->fd);
}

int
netns_here(struct netns *n)
{
	int	error;

	memset(n, 0, sizeof(*n));
	n->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (n->fd == -1)
		return -errno;
	if ((error = nl_open(&n->nl)) != 0)
		netns_close(n);
	return error;
}

int
netns_of(struct netns *n, int fd)
{
	int	error, back;

	if ((error = netns_enter(fd)) != 0)
		return error;
	error = netns_here(n);
	back = netns_leave();
	if (error == 0 && back != 0)
		netns_close(n);
	return error != 0 ? error : back;
}

int
netns_new(struct netns *n)
{
	int	error, back;

	if (unshare(CLONE_NEWNET) != 0)
		return -errno;
	error = netns_here(n);
	back = netns_leave();
	if (error == 0 && back != 0)
		netns_close(n);
	return error != 0 ? error : back;
}

/* /proc/sys/net shows the namespace of who looks. Absent is fine as long as the
 * interface's IPv4 directory is there: then IPv6 is off, here or altogether. */
int
netns_sysctl(const char *family, const char *ifname, const char *key,
    const char *value)
{
	char	path[128];
	int	fd, error = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family,
	    ifname, key);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1) {
		error = -errno;
		snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s",
		    ifname);
		return error == -ENOENT && access(path, F_OK) == 0 ? 0 : error;
	}
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* The namespaces of raw links. */

static int
uid_make(struct netns_uid *u)
{
	static const char *const	conf[] = { "all", "default" };
	int				error, back, i;

	if ((error = netns_new(&u->ns)) != 0)
		return error;
	/* Nobody but the port's holder may answer there. */
	if ((error = netns_enter(u->ns.fd)) == 0) {
		for (i = 0; i < 2 && error == 0; i++)
			error = netns_sysctl("ipv6", conf[i], "disable_ipv6",
			    "1");
		back = netns_leave();
		error = error != 0 ? error : back;
	}
	if (error != 0)
		netns_close(&u->ns);
	return error;
}

int
netns_uid_get(uint32_t uid, struct netns_uid **out)
{
	struct netns_uid	*u;
	int			 error;

	for (u = uid_list; u != NULL && u->uid != uid; u = u->next)
		;
	if (u == NULL) {
		if ((u = calloc(1, sizeof(*u))) == NULL)
			return -ENOMEM;
		if ((error = uid_make(u)) != 0) {
			free(u);
			return error;
		}
		u->uid = uid;
		u->next = uid_list;
		uid_list = u;
	}
	u->refs++;
	*out = u;
	return 0;
}

void
netns_uid_put(uint32_t uid)
{
	struct netns_uid	**p, *u;

	for (p = &uid_list; (u = *p) != NULL && u->uid != uid; p = &u->next)
		;
	if (u == NULL || --u->refs > 0)
		return;
	*p = u->next;
	netns_close(&u->ns);
	free(u);
}

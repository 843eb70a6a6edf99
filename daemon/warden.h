/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged half: starts and restarts the broker, makes and removes
 * interfaces for it, keeps the journal and the descriptors that must survive
 * the broker. See warden_msg.h for all that it can be asked.
 */
#ifndef FETHD_WARDEN_H
#define FETHD_WARDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct backend;

struct warden_conf {
	const struct backend *backend;	/* with BF_WARDEN */
	const char	*rundir;	/* exists after warden_prepare */
	const char	*conf;		/* policy file, or NULL: the built-in */
	bool		conf_optional;	/* no file there is the built-in too */
	uid_t		uid;		/* of the broker and the policy loader */
	gid_t		gid;
	int		listen_fd;	/* handed to each broker */
	/* Runs in the child, privileges already dropped; returns its exit code. */
	int		(*broker)(int channel, int listen_fd, void *arg);
	void		*broker_arg;
	/* Called once when the first broker serves (readiness). */
	void		(*ready)(void *arg);
	void		*ready_arg;
	/* Stop, as at SIGTERM, when it is readable or ends; <= 0: none. */
	int		exit_fd;
};

/*
 * Make RUNDIR (0755, root, refused when anybody else could write to it or to a
 * parent) and lock the journal in it. 0, -EBUSY when another daemon runs on it,
 * or -errno; the reason is logged.
 */
int	warden_prepare(const char *rundir);

/*
 * Load the policy, start the backend, recover the journal, start the broker and
 * serve it until SIGTERM or SIGINT. Returns the exit code of the process: 0
 * after a clean stop, when nothing of ours is left in the kernel.
 */
int	warden_run(const struct warden_conf *conf);

#endif

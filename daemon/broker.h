/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unprivileged half: protocol, policy, link table. Without a warden it is
 * the whole daemon.
 */
#ifndef FETHD_BROKER_H
#define FETHD_BROKER_H

#include <stdbool.h>
#include <stdint.h>

struct backend;

struct broker_conf {
	const struct backend *backend;
	uint8_t		key[16];	/* plat_machine_key */
	/* Without a warden only: */
	const char	*conf;		/* policy file */
	bool		conf_optional;	/* no such file: the built-in policy */
	int		exit_fd;	/* stop when it ends; -1: none */
	void		(*ready)(void *arg);
	void		*ready_arg;
};

/*
 * Serve LISTEN_FD until SIGTERM, SIGINT, the end of the channel or of exit_fd.
 * CHANNEL leads to the warden (moved), or is -1. ARG is a struct broker_conf.
 * Returns the exit code: 0, or 1 when it could not start (logged).
 */
int	broker_run(int channel, int listen_fd, void *arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FETHD_SANDBOX_H
#define FETHD_SANDBOX_H

/* Broker, after plat_drop_privileges: take away what is left that it does not
 * need. 0 or -errno. */
int	sandbox_broker(void);

/* The capture process, on systems that have it, the same: from now on it may
 * receive on IN, write to OUT, wait and exit; any other system call kills it. 0
 * or -errno. */
int	sandbox_capture(int in, int out);

#endif

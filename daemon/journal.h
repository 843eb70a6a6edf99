/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warden's journal: which links there are, by slot, so that a new warden
 * can find, remake or remove what an earlier one left.
 */
#ifndef FETHD_JOURNAL_H
#define FETHD_JOURNAL_H

#include <stdint.h>

#include "warden_msg.h"

struct journal {
	int	fd;		/* -1: not open */
};

/*
 * Open, or make, the file PATH and lock it for the life of J. 0; -EBUSY when
 * another process has it; or -errno.
 */
int	journal_open(struct journal *j, const char *path);
void	journal_close(struct journal *j);

/* Write M under its slot; forget SLOT; 0 or -errno. */
int	journal_put(struct journal *j, const struct wm_msg *m);
int	journal_del(struct journal *j, uint32_t slot);

/* The entry of SLOT to M: 0; -ENOENT when there is none; -EBADMSG when it is
 * torn, foreign or of another version; or -errno. */
int	journal_get(struct journal *j, uint32_t slot, struct wm_msg *m);

/*
 * Call FN for each good entry, by slot. FN may put and del. What is not good is
 * logged and forgotten. 0 or -errno when the file cannot be read.
 */
int	journal_each(struct journal *j, void (*fn)(const struct wm_msg *m,
	    void *arg), void *arg);

#endif
